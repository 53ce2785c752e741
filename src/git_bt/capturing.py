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


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeThatRan:
    """One kind of code that a command ran, with the number of its runs.

    `snapshot` and `entry_point` are None where nothing could be captured.
    """

    snapshot: str | None
    entry_point: str | None
    engine: str
    context: str
    confidence: float
    runs: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """The answer of run; `exit_code` is the command's own.

    `bundle` is the id of the bundle that its one run was packed as. `message` says why there is
    none, or why nothing was captured.
    """

    command: tuple[str, ...]
    exit_code: int
    codes: tuple[CodeThatRan, ...]
    bundle: str | None = None
    message: str = ""
    hint: str | None = None
    notices: tuple[Notice, ...] = ()
