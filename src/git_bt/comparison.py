"""Expected against actual as frozen dataclasses: differences, metrics, what validate answers.

Flat data only, as in `model.py`: how outputs are compared is `compare/`, formulas are `metrics.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from git_bt.model import EngineVersion, Notice, Value, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of one output, typed by column."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One place where the outputs differ; `row` counts from 0, what is absent is None."""

    path: str
    row: int | None
    ts_ns: int | None
    expected: Value
    actual: Value
    detail: str = ""  # "1 tick, 1.4e9 ulps"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Expected against actual: a verdict, the differences shown, and how many more by field."""

    verdict: Verdict
    differences: tuple[Difference, ...] = ()
    more: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """What the rows say, the same for every engine; None where it cannot be said.

    Formulas and units: docs/reference/metrics.md.
    """

    trade_count: int | None
    fill_count: int
    total_filled_quantity: float | None
    turnover: float | None
    fees: float | None
    pnl: float | None
    return_: float | None
    max_drawdown: float | None
    volatility: float | None
    sharpe: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageChange:
    """A distribution, the engine or Python, in the recorded environment and here."""

    name: str
    recorded: str | None
    here: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """The answer of validate about one bundle. `name` is the argument as typed.

    `before` and `after` are the metrics of the expected output and of the run, where they were
    asked for.
    """

    name: str
    bundle: str | None
    strategy: str | None
    verdict: Verdict
    differences: tuple[Difference, ...] = ()
    more: Mapping[str, int] = field(default_factory=dict)
    environment: tuple[PackageChange, ...] = ()
    engine: EngineVersion | None = None
    reused: bool = False
    elapsed_s: float = 0.0
    message: str = ""
    hint: str | None = None
    tail: str = ""
    notices: tuple[Notice, ...] = ()
    before: Metrics | None = None
    after: Metrics | None = None
