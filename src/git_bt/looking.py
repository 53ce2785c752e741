"""What the commands answer that look at commits and at the work tree: log, status, tape pin.

Plain data as in `reports.py`, which holds what the other commands answer.
"""

from dataclasses import dataclass

from git_bt.comparison import Metrics, PackageChange
from git_bt.errors import ExitCode
from git_bt.model import Notice, RunRecord, TapeState, Verdict


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


# -- log ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedResult:
    """One result on a commit, and the one before it in the list of commits.

    `metrics` are None where the bundle is not here; `previous` is None where there is none within
    what was looked at.
    """

    strategy: str
    inputs: str
    bundle: str
    run: str
    verdict: Verdict
    kind: str  # measured | inherited | accepted
    replaces: str | None
    fork: str | None  # where it was taken from by a stranger's word; None of one of ours
    metrics: Metrics | None
    previous: str | None  # its bundle
    before: Metrics | None  # its metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedCommit:
    """One commit that has results."""

    commit: str
    when_s: int  # of the author
    author: str
    subject: str
    results: tuple[LoggedResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReport:
    """The answer of log, in the order of git log. `more`: older commits have results too."""

    commits: tuple[LoggedCommit, ...]
    more: bool
    exit_code: ExitCode = ExitCode.OK


# -- status ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedState:
    """A strategy as the index holds it, where that is neither the work tree's nor HEAD's."""

    state: str
    inputs: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyState:
    """What is known of one strategy of the work tree.

    `state`: known (a passing run of these inputs, in this environment), environment (a passing
    run, in another one, or none can be asked), conflict (several outputs, none accepted), changed
    (since what it is judged against), new (nothing to be judged against), fork (only a fork's word:
    nobody ran it here), unfetched (its result is not here), incomplete (its tape is not here),
    unreadable, removed (only the index has it).
    """

    strategy: str
    state: str
    inputs: str | None = None
    bundle: str | None = None  # known: of the run; changed: what it is judged against
    fork: str | None = None  # where that bundle was taken from by a stranger's word
    tape: str | None = None  # as the strategy names it
    tape_state: TapeState | None = None
    staged: StagedState | None = None
    environment: tuple[PackageChange, ...] = ()
    message: str = ""
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """The answer of status; it judges nothing."""

    head: str | None
    strategies: tuple[StrategyState, ...]
    exit_code: ExitCode = ExitCode.OK


# -- show COMMIT, ls --conflicts ------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitResult:
    """One result that belongs to a commit.

    `origin` is the commit that it is tied to, None of a run that was never tied. `record` and
    `metrics` are None where they are not here.
    """

    strategy: str
    inputs: str | None
    bundle: str
    run: str | None
    verdict: Verdict | None
    kind: str | None  # measured | inherited | accepted
    replaces: str | None
    origin: str | None
    fork: str | None  # where it was taken from by a stranger's word; None of one of ours
    record: RunRecord | None
    metrics: Metrics | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitReport:
    """The answer of show about a commit."""

    commit: str
    when_s: int
    author: str
    subject: str
    results: tuple[CommitResult, ...]
    exit_code: ExitCode = ExitCode.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictingOutput:
    """One of several outputs of the same inputs: who found it first, on what."""

    bundle: str
    runs: int
    first: RunRecord
    metrics: Metrics | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictRow:
    """Outputs that stand against each other until one is accepted, the oldest first."""

    inputs: str
    strategies: tuple[str, ...]
    outputs: tuple[ConflictingOutput, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictsReport:
    """The answer of ls --conflicts."""

    conflicts: tuple[ConflictRow, ...]
    exit_code: ExitCode = ExitCode.OK
