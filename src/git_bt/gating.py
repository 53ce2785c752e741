"""What gate answers: the findings about a range of commits, strategy by strategy.

Plain data as in `reports.py`. How findings are reached is `gate.py`; how they are shown to a
reviewer, a runner or a machine is `output/`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from git_bt.comparison import Comparison, Metrics, PackageChange
from git_bt.errors import ExitCode
from git_bt.model import EngineVersion, Verdict


class Level(StrEnum):
    """What a finding does to the gate: `no` and `unjudged` close it, the others are to be read."""

    NO = "no"
    UNJUDGED = "unjudged"
    WARNING = "warning"
    NOTE = "note"


class Effect(StrEnum):
    """What became of a strategy's output between base and head."""

    SAME = "same"
    TOLERATED = "tolerated"
    EXTENDED = "extended"
    CHANGED = "changed"
    NEW = "new"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a reviewer should know; `kind` is a stable word (docs/reference/gate.md).

    `path` is a file of the repository that it is about. `commit` is set where it is about another
    commit than head.
    """

    kind: str
    level: Level
    message: str
    strategy: str | None = None
    path: str | None = None
    commit: str | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """Who takes an output as the expected one, and why, in the words of the author.

    `fork` names the repository that is no remote of ours and says so; then author, reason and
    time are not known.
    """

    bundle: str
    run: str
    author: str | None
    reason: str | None
    when_ns: int | None
    replaces: str | None
    fork: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InputChange:
    """One input that base and head hold differently: `what` is code, config, tape or engine."""

    what: str
    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Gated:
    """One strategy of the range.

    `state`: unchanged (the same inputs as base), changed, new, renamed, removed, unreadable. `how`:
    ran, known (a run of these inputs in this environment is recorded), none. `verdict` is that of
    the run here against what was recorded for head; `differences` are those of its output from
    base's (`effect` changed), else from the recorded one. `commit` is set where it is another
    than head (`every-commit`).
    """

    strategy: str
    state: str
    how: str = "none"
    verdict: Verdict | None = None
    effect: Effect = Effect.UNKNOWN
    renamed_from: str | None = None
    commit: str | None = None
    inputs: str | None = None
    inputs_before: str | None = None
    recorded: str | None = None  # bundle of head's result
    changes: tuple[InputChange, ...] = ()
    before: Metrics | None = None
    after: Metrics | None = None
    comparison: Comparison | None = None
    acceptance: Acceptance | None = None
    environment: tuple[PackageChange, ...] = ()
    engine: EngineVersion | None = None
    elapsed_s: float = 0.0
    tail: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of this strategy alone."""
        return worst_of(self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport:
    """The answer of gate.

    `merge_base` is what the range begins at, `commits` how many it has; `findings` are those that
    belong to no strategy.
    """

    base: str
    head: str
    merge_base: str
    commits: int
    policy: Mapping[str, Any]
    strategies: tuple[Gated, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def all_findings(self) -> tuple[Finding, ...]:
        """Every finding, the most severe first."""
        found = [*self.findings, *(f for each in self.strategies for f in each.findings)]
        order = list(Level)
        return tuple(sorted(found, key=lambda finding: order.index(finding.level)))

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the command: corrupt, then any no, then what cannot be judged."""
        return worst_of(self.all_findings)


def worst_of(findings: Sequence[Finding]) -> ExitCode:
    """Return the exit code that findings end with."""
    if any(finding.kind == "corrupt" for finding in findings):
        return ExitCode.CANNOT_JUDGE
    levels = {finding.level for finding in findings}
    if Level.NO in levels:
        return ExitCode.DIFFERS
    return ExitCode.CANNOT_JUDGE if Level.UNJUDGED in levels else ExitCode.OK
