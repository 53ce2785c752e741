"""What the commands answer that capture code: capture, run."""

from dataclasses import dataclass

from git_bt.errors import ExitCode
from git_bt.model import Members, Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureReport:
    """The answer of capture.

    `project_root` is as it is reached from where the command was called; `entry_point` and
    `files` are relative to it. `is_stored` is False after a dry run.
    """

    snapshot: str
    project_root: str
    entry_point: str
    method: str  # yaml | entry_point | imports
    files: Members
    is_stored: bool
    notices: tuple[Notice, ...] = ()
    exit_code: ExitCode = ExitCode.OK
