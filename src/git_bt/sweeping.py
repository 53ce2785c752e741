"""What the commands on sweeps answer: sweep ls, show, best, promote and merge.

Plain data as in `reports.py`, which holds what the other commands answer. A setting is what a run
was given, whatever number of times it ran; ranks are of settings (`ranking.py`).
"""

from dataclasses import dataclass

from git_bt.comparison import Comparison, Metrics
from git_bt.errors import ExitCode
from git_bt.model import EngineVersion, Notice
from git_bt.reports import RunEnding
from git_bt.sweep_records import Scalar, Scalars, Surroundings


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepHead:
    """A sweep in one line. `settings` are the different ones; `failed` is of the runs."""

    id: str
    name: str
    snapshot: str | None
    engine: str | None
    tape: str | None
    tape_sha256: str | None
    runs: int
    failed: int
    settings: int
    first_ns: int
    last_ns: int
    metrics: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepsReport:
    """The answer of sweep ls, newest first."""

    sweeps: tuple[SweepHead, ...]
    notices: tuple[Notice, ...] = ()
    exit_code: ExitCode = ExitCode.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """What runs were given under one name; `least` and `greatest` where all are numbers."""

    name: str
    distinct: int
    least: Scalar
    greatest: Scalar
    shown: tuple[Scalar, ...]  # the first few, in order


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A metric over the runs that ended well; None where no run has a number."""

    name: str
    numbers: int
    lowest: float | None
    median: float | None
    highest: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkTree:
    """A commit that runs ran on, and what the work tree had besides; `diff` None: not known."""

    commit: str
    is_dirty: bool
    diff: str | None
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepReport:
    """The answer of sweep show. `unsteady` settings ran more than once with other metrics."""

    head: SweepHead
    elapsed_ns: int  # of all runs together
    parameters: tuple[Parameter, ...]
    metrics: tuple[Spread, ...]
    errors: tuple[tuple[str, int], ...]  # of failed runs, the most frequent first
    unsteady: int
    environments: tuple[tuple[Surroundings, int], ...]  # with the runs on each
    work_trees: tuple[WorkTree, ...] = ()  # the most frequent first
    notices: tuple[Notice, ...] = ()
    exit_code: ExitCode = ExitCode.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedRun:
    """A setting by its newest run; `of` settings were ranked, equal values share a rank."""

    rank: int
    id: str
    value: float
    params: Scalars
    metrics: Scalars
    started_ns: int
    elapsed_ns: int
    repeats: int  # runs of this setting


@dataclass(frozen=True, slots=True, kw_only=True)
class BestReport:
    """The answer of sweep best. `unranked` settings have no number under that name.

    `alone` is the command for the best one where promote cannot start it, None where it can.
    """

    head: SweepHead
    metric: str
    lowest: bool
    of: int
    unranked: int
    runs: tuple[RankedRun, ...]
    alone: str | None = None
    notices: tuple[Notice, ...] = ()
    exit_code: ExitCode = ExitCode.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricCheck:
    """A metric of the row beside that of the new run.

    `agrees` is None where nothing can be said: the run gives none of this name, or it is git-bt's
    own, whose formula need not be the row's.
    """

    name: str
    recorded: Scalar
    here: Scalar
    agrees: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromoteReport(RunEnding):
    """The answer of sweep promote. `bundle` is None when nothing was stored."""

    run: str
    sweep: str
    name: str
    params: Scalars
    strategy: str
    rank: str | None  # "rank 1 of 5 000 by sharpe"
    bundle: str | None
    snapshot: str
    engine: EngineVersion | None
    metrics: Metrics | None
    checks: tuple[MetricCheck, ...]
    comparison: Comparison | None
    elapsed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedReport:
    """The answer of sweep merge."""

    files: tuple[str, ...]
    runs: int  # that are new here
    notices: tuple[Notice, ...] = ()
    exit_code: ExitCode = ExitCode.OK
