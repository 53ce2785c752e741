"""What the commands answer that look at commits and at the work tree: log, status, tape pin.

Plain data as in `reports.py`, which holds what the other commands answer.
"""

from dataclasses import dataclass

from git_bt.errors import ExitCode
from git_bt.model import Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class TapePinReport:
    """The answer of tape pin."""

    tape: str  # from the top of the repository
    path: str  # of the pin, likewise
    files: int
    size: int
    sha256: str
    written: bool  # False: the pin said all this already
    notices: tuple[Notice, ...] = ()
    exit_code: ExitCode = ExitCode.OK
