"""The errors a user may see, and the exit codes of every command.

    BtError                  cannot go on: one line, a hint, an exit code
    ├── Usage           2    the words of the command, or a file the user wrote, are wrong
    ├── Corrupt         3    bytes are not what they should be; nothing of them was run
    ├── Incomplete      3    something to judge by is missing: tape, engine, output
    └── CannotWork    128    no repository here, disk full, locked, git refused
        └── Locked    128    another git-bt holds the store

A verdict is no error: commands return it, and its exit code is in `model.Verdict`. Anything that
is not a BtError is a bug of ours (exit 70). `cli.py` is the one place that turns errors into text.
"""

import re
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command."""

    OK = 0
    DIFFERS = 1
    USAGE = 2
    CANNOT_JUDGE = 3
    BUG = 70
    CANNOT_WORK = 128
    INTERRUPTED = 130


_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class BtError(Exception):
    """What stops a command, said in one line.

    Args:
        message: what is wrong and where, in lower case, without a full stop.
        hint: what to do next, in the imperative.
    """

    exit_code = ExitCode.CANNOT_WORK

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        # Names from elsewhere are in it, and JSON readers print it as it is.
        self.message = _UNSAFE.sub(lambda found: repr(found.group())[1:-1], message)
        super().__init__(self.message)
        self.hint = hint


class Usage(BtError):
    """The words of the command, or a file the user wrote, are wrong."""

    exit_code = ExitCode.USAGE


class Corrupt(BtError):
    """Bytes are not what they should be, or malformed; nothing of them was run."""

    exit_code = ExitCode.CANNOT_JUDGE


class Incomplete(BtError):
    """Something to judge by is missing."""

    exit_code = ExitCode.CANNOT_JUDGE


class CannotWork(BtError):
    """The command cannot work here: no repository, disk full, no permission, git refused."""

    exit_code = ExitCode.CANNOT_WORK


class Locked(CannotWork):
    """Another git-bt holds the store for longer than we wait."""
