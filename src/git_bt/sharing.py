"""What the commands answer that share results and look after them: fetch, push, init, doctor.

Plain data as in `reports.py`, which holds what the other commands answer.
"""

from dataclasses import dataclass
from enum import StrEnum

from git_bt.comparison import Comparison
from git_bt.errors import ExitCode
from git_bt.model import EngineVersion, Notice, Oid
from git_bt.reports import Change


class Moved(StrEnum):
    """How a ref moved."""

    SAME = "same"
    NEW = "new"
    FORWARD = "forward"
    MERGED = "merged"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefMove:
    """What happened, or would happen, to one ref.

    `after` is None of a merge that a dry run did not write.
    """

    ref: str
    how: Moved
    before: Oid | None
    after: Oid | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """How much came or went: what the other side did not have."""

    bundles: int = 0
    snapshots: int = 0
    runs: int = 0
    sweeps: int = 0  # that are new, or have new runs
    results: int = 0  # lines in the notes of commits


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of two bundles that contradict each other; the record is that of its newest run."""

    bundle: str
    engine: EngineVersion
    python: str | None
    platform: str | None
    author: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """A bundle that came, of inputs that gave another output here.

    `comparison` takes ours as expected; None where `message` says why there is none.
    `environment` is what the two ran on differently. `accepted`: one of the two was replaced by a
    person, so that nothing is open.
    """

    inputs: str
    strategy: str | None
    ours: Side
    theirs: Side
    comparison: Comparison | None
    environment: tuple[Change, ...]
    accepted: bool
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A commit whose results were asked for, and how many there were."""

    commit: Oid
    results: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchReport:
    """The answer of fetch. `completed` are objects that this partial clone had left out.

    `commits` is None when everything was taken, else what was asked for.
    """

    remote: str
    dry_run: bool
    refs: tuple[RefMove, ...]
    came: Amount
    completed: int
    commits: tuple[Taken, ...] | None
    divergences: tuple[Divergence, ...]
    exit_code: ExitCode = ExitCode.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class PushReport:
    """The answer of push: what went, and what had to be merged before."""

    remote: str
    dry_run: bool
    refs: tuple[RefMove, ...]  # of the remote
    went: Amount
    came: Amount
    attempts: int
    divergences: tuple[Divergence, ...]
    notices: tuple[Notice, ...] = ()
    exit_code: ExitCode = ExitCode.OK


class Health(StrEnum):
    """How a check ended; in danger: results may be lost, or cannot be read or written."""

    DANGER = "danger"
    NOTE = "note"
    FINE = "fine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that doctor looked at.

    `mend` is a command, or words where none will do.
    """

    name: str
    state: Health
    message: str
    mend: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorReport:
    """The answer of doctor."""

    checks: tuple[Check, ...]

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the command: cannot judge, where results are in danger."""
        dangers = any(check.state is Health.DANGER for check in self.checks)
        return ExitCode.CANNOT_JUDGE if dangers else ExitCode.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A line of git's configuration of this repository."""

    key: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HookFile:
    """One hook of ours, and what was done to it.

    `how`: installed, chained (it calls the hook that was there), upgraded, kept (it was there),
    removed, restored (the hook of before is back).
    """

    name: str
    path: str
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InitReport:
    """The answer of init: what it wrote or took back, and what is in the way."""

    undo: bool
    written: tuple[Setting, ...]
    removed: tuple[Setting, ...]
    hooks: tuple[HookFile, ...] = ()
    checks: tuple[Check, ...]  # dangers only
    exit_code: ExitCode = ExitCode.OK
