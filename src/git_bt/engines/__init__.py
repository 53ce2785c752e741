"""The child side: a harness and one adapter a file, run by the user's interpreter.

That interpreter need not have git-bt, and may be older: Python ≥ 3.9, the standard library and the
adapter's own engine are all that a file here may import, and it is loaded by its path. The parent
imports adapters too, so an engine is imported inside functions only. What several adapters share
lies beside them, and is imported relatively (`from .refusal import Refused`), because the child
knows this folder by another name: `config` checks keys, `bars` reads tapes, `entry` finds the
strategy in the user's file, `rows` writes the output, `refusal` says no; `given`, `frames` and
`spelling` are for what users give in shapes and words of their own, `compiled` keeps what numba
compiled.

What an adapter module has:

    NAME            the word after `engine:`
    DISTRIBUTIONS   names on the package index, the first installed one counts; with none of them
                    every Python will do, and the engine's version is VERSION, else that Python's
    INSTALL         what to type when none is installed
    complete(config) -> dict    defaults filled in; ValueError with one line for what is wrong
    warm()          import the engine; called while the parent still checks bytes
    run(job)        run the strategy and write the rows as files into job["out"]
    PROGRAMS        maybe: what the run started beside Python, `program:NAME` to what tells
                    another one from it; said beside verdicts, and no part of an id

A job is the plain dict that `runner.py` writes as job.json: `entry_point`, `root` and `out` are
absolute paths, `tape` too or None, `config` is complete, `command` and `build` are argument
vectors or None. `cache` is a folder, maybe not there yet, where an adapter may keep what it can
find out again, such as compiled code; None: nothing is kept. To refuse a job, raise
`refusal.Refused`, or in a folder of your own an exception of your own that carries `bt_kind`, one
of the kinds of `model.Failure`, and maybe `bt_hint`; a strategy's exception cannot.
"""
