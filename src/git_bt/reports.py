"""What each command answers: the value between `commands/` and `output/`.

A report is plain data; `output/` turns it into text or JSON, `cli.py` takes the exit code from
`exit_code`. Ids are full; shortening them for people is output's business.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from git_bt.comparison import Comparison, Metrics, Validation
from git_bt.errors import ExitCode
from git_bt.model import EngineVersion, Manifest, Notice, RunRecord, Verdict


def worst(verdicts: Sequence[Verdict]) -> ExitCode:
    """Return the exit code of several verdicts: corrupt, then any 1, then incomplete, then 0."""
    if Verdict.CORRUPT in verdicts:
        return ExitCode.CANNOT_JUDGE
    codes = {v.exit_code for v in verdicts}
    order = (ExitCode.DIFFERS, ExitCode.CANNOT_JUDGE)
    return next((code for code in order if code in codes), ExitCode.OK)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnding:
    """How the answer of a command ends that ran a strategy: `tail` is the last that it printed."""

    verdict: Verdict
    message: str = ""
    hint: str | None = None
    tail: str = ""
    notices: tuple[Notice, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the command."""
        return self.verdict.exit_code


@dataclass(frozen=True, slots=True, kw_only=True)
class PackReport(RunEnding):
    """The answer of pack. `bundle` is None when the run gave nothing that can be recorded."""

    bundle: str | None
    inputs: str
    environment: str | None
    snapshot: str
    strategy: str
    engine: EngineVersion
    metrics: Metrics | None
    comparison: Comparison | None  # the two runs against each other, when they differ
    elapsed_s: float
    runs: int
    exported: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidateReport:
    """The answer of validate, one entry a bundle in the order of the arguments.

    `grouped`: it is to be shown by what became of the outputs.
    """

    bundles: tuple[Validation, ...]
    grouped: bool = False

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the command."""
        return worst([b.verdict for b in self.bundles])


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """The answer of replay: what was expected and what came; it judges nothing.

    `verdict` is failed, incomplete or corrupt where there is no actual output, else None.
    """

    name: str
    bundle: str | None
    strategy: str | None
    engine: EngineVersion | None  # the one that ran here
    recorded_engine: EngineVersion | None
    expected: Metrics | None
    actual: Metrics | None
    elapsed_s: float
    verdict: Verdict | None = None
    message: str = ""
    hint: str | None = None
    tail: str = ""

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the command."""
        return ExitCode.OK if self.verdict is None else self.verdict.exit_code


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleRow:
    """One bundle of the store, with its newest run record where there is one.

    `is_tested` says that its output came out of more than the one run that it was packed from.
    """

    bundle: str
    strategy: str | None
    engine: EngineVersion
    verdict: Verdict | None
    is_tested: bool
    when_ns: int | None
    metrics: Metrics | None
    foreign: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListReport:
    """The answer of ls, newest first."""

    bundles: tuple[BundleRow, ...]
    exit_code: ExitCode = ExitCode.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowReport:
    """The answer of show: everything that is known of one bundle."""

    bundle: str
    strategies: tuple[str, ...]
    manifest: Manifest
    metrics: Metrics | None
    missing: tuple[str, ...]  # members whose bytes are not at hand
    runs: tuple[tuple[str, RunRecord], ...]  # newest first
    foreign: bool
    commits: tuple[str, ...] = ()  # that it is tied to, as far as their notes are here
    fork: str | None = None  # where it was taken from, when nobody here ran it
    cite: str = ""  # one line for a report; `show` takes it as a name
    exit_code: ExitCode = ExitCode.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One named thing that two bundles hold differently."""

    name: str
    a: Any
    b: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffReport:
    """The answer of diff: `comparison` takes A as expected and B as actual."""

    a: str
    b: str
    engine: tuple[Change, ...]
    config: tuple[Change, ...]
    environment: tuple[Change, ...]
    metrics_a: Metrics | None
    metrics_b: Metrics | None
    files: tuple[Change, ...]  # strategy and tape members by path, sha256 of each side
    comparison: Comparison
    code: str  # unified diff by git

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        changes = (*self.engine, *self.config, *self.files)
        return not changes and self.comparison.verdict is Verdict.REPRODUCED

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the command."""
        return ExitCode.OK if self.equal else ExitCode.DIFFERS


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """The answer of export."""

    bundle: str
    path: str
    sha256: str
    size: int
    layout: str  # git-bt | lrvx
    notices: tuple[Notice, ...] = ()
    exit_code: ExitCode = ExitCode.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """One archive that was to be imported."""

    name: str
    bundle: str | None
    foreign: bool | None
    exit: ExitCode
    message: str = ""
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """The answer of import, one entry an archive."""

    bundles: tuple[Imported, ...]

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the command: the worst of all."""
        return max((b.exit for b in self.bundles), default=ExitCode.OK)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreReport:
    """The answer of restore: either bundle or snapshot is what was restored."""

    bundle: str | None
    snapshot: str | None
    directory: str
    files: tuple[str, ...]
    notices: tuple[Notice, ...] = ()
    exit_code: ExitCode = ExitCode.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One broken thing in the store or the notes, and the bundles it breaks."""

    kind: str  # object | ref | manifest | member | run | inputs | snapshot | layout | note
    name: str  # git object id, path in the store, ref, or COMMIT:STRATEGY of a result
    bundles: tuple[str, ...]
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FsckReport:
    """The answer of fsck. `remarks` are worth knowing, and no damage."""

    bundles: int
    snapshots: int
    runs: int
    sweeps: int
    results: int
    objects: int
    problems: tuple[Problem, ...]
    remarks: tuple[str, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the command."""
        return ExitCode.CANNOT_JUDGE if self.problems else ExitCode.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStatus:
    """One engine: its version in the interpreter that would be used, or how to get it."""

    name: str
    version: str | None
    python: str | None  # path of the interpreter
    found_by: str | None  # --python, strategy.yaml, .venv, PATH, …
    install: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnginesReport:
    """The answer of engines."""

    engines: tuple[EngineStatus, ...]
    exit_code: ExitCode = ExitCode.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoReport:
    """The answer of demo: where it stands, and what its three main steps gave."""

    directory: str
    packed: PackReport
    reproduced: Validation
    diverged: Validation
    commit: str
    changed_line: tuple[str, str]  # before, after
    next: tuple[str, ...] = field(default=())  # commands to type

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the command: ok when each step gave what it should show."""
        shown = (
            self.packed.verdict is Verdict.REPRODUCED
            and self.reproduced.verdict is Verdict.REPRODUCED
            and self.diverged.verdict is Verdict.DIVERGED
        )
        return ExitCode.OK if shown else ExitCode.DIFFERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Tied:
    """One strategy of a commit, and the result that belongs there.

    `state`: tied (now), known (tied before), unchanged (since the first parent: its result counts),
    must-run (no passing run of these inputs), conflict (several outputs, none accepted), unpinned
    (the commit does not say what the tape holds), captured (nothing to run: its code is tied),
    unreadable.
    """

    strategy: str
    state: str
    inputs: str | None = None
    kind: str | None = None  # measured | inherited | accepted
    bundle: str | None = None
    run: str | None = None
    verdict: Verdict | None = None
    origin: str | None = None  # the commit that an inherited result comes from
    message: str = ""
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TiedCommit:
    """One commit that results were tied to, as far as there are some."""

    commit: str
    subject: str
    strategies: tuple[Tied, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordReport:
    """The answer of record, the oldest commit first."""

    commits: tuple[TiedCommit, ...]

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the command: whether it could look at all; it judges nothing."""
        states = {each.state for commit in self.commits for each in commit.strategies}
        return ExitCode.CANNOT_JUDGE if "unreadable" in states else ExitCode.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """One output that is the expected one from now on.

    `bundle` is None where there is nothing to accept; `message` then says why. `commit` is the one
    that the result was tied to, None when the files differ from it.
    """

    strategy: str
    bundle: str | None
    replaces: str | None = None
    inputs: str | None = None
    run: str | None = None
    commit: str | None = None
    before: Metrics | None = None
    after: Metrics | None = None
    comparison: Comparison | None = None
    reason: str | None = None
    exit: ExitCode = ExitCode.OK
    message: str = ""
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptReport:
    """The answer of accept."""

    strategies: tuple[Accepted, ...]

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the command: the worst of all."""
        return max((a.exit for a in self.strategies), default=ExitCode.OK)
