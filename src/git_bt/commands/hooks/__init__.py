"""What git's hooks do: one function a hook, plain values in, a report out.

`seen` answers the commit that changes nothing, `index` one that does, `runs` what must run,
`queue` what had no time, `tying` and `pushing` what comes after the commit. A hook changes neither
index, work tree nor branches.
"""
