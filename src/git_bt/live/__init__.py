"""What rides along in the process that runs a strategy: which file it is, and what it loaded.

That process belongs to the user: its interpreter need not have git-bt, and may be older. So a file
here imports the standard library and this package only, works with Python ≥ 3.9, and loads nothing
before it is needed: the first call of a run must not be felt. What is found is turned into a
snapshot elsewhere (`capture/`, `commands/run`).
"""
