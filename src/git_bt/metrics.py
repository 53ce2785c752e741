"""What the rows of a run say in ten numbers, by the same formulas for every engine.

Computed when shown and never stored, so that a better formula changes no id. An engine's own
metrics stay in its summary.json and are compared there, not shown here. Formulas, units and their
sources: docs/reference/metrics.md. No number is NaN or infinite: what cannot be said is None.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple, TypeGuard

from git_bt.canonical import decode_json
from git_bt.comparison import Metrics
from git_bt.model import Output
from git_bt.tables import decode_table

YEAR_NS = 31_557_600 * 10**9  # 365.25 days: a market that never closes
_SIGNS = {"buy": 1.0, "sell": -1.0}


class _Fill(NamedTuple):
    """What metrics need of one fill; `ts_ns` is None where a foreign bundle has no times."""

    ts_ns: int | None
    symbol: str
    side: str
    price: float
    quantity: float
    fee: float


class _Series(NamedTuple):
    """What can be said of an equity or profit over time."""

    pnl: float | None = None
    return_: float | None = None
    max_drawdown: float | None = None
    volatility: float | None = None
    sharpe: float | None = None


def metrics_of(output: Output) -> Metrics:
    """Return the metrics of a run's output.

    With equity.csv the series is the equity: drawdown is a fraction of its peak, volatility one
    of returns. Without it, it is the profit marked at the fills and at the last price of each
    symbol in summary.json: drawdown and volatility are in quote currency, the return is None.

    Raises:
        Corrupt: a file cannot be decoded.
    """
    table = decode_table(output["fills.csv"], "fills.csv") if "fills.csv" in output else None
    fills = [_Fill(*_cells(row)) for row in table.rows] if table else []
    summary = decode_json(output.get("summary.json", b"{}"), "summary.json")
    if "equity.csv" in output:
        rows = decode_table(output["equity.csv"], "equity.csv").rows
        series = _of_equity([(t, e) for t, e in rows if isinstance(t, int) and _is_number(e)])
    else:
        series = _of_fills(fills, _last_prices(summary))
    return _metrics(fills, _count(summary, "trade_count"), series)


def legacy_metrics(expected_output: Mapping[str, Any]) -> Metrics:
    """Return the metrics of a foreign bundle's expected_output.json, as far as it goes.

    It has neither times nor last prices: the profit is known only when every position is closed,
    volatility and Sharpe never. Fills that are not objects of numbers are counted, not summed.
    """
    found = expected_output.get("fills")
    found = found if isinstance(found, list) else []
    fills = [fill for value in found if (fill := _legacy_fill(value)) is not None]
    whole = len(fills) == len(found)
    series = _of_fills(fills, {}) if whole else _Series()
    metrics = _metrics(fills, _count(expected_output, "trade_count"), series)
    if whole:
        return metrics
    return Metrics(
        trade_count=metrics.trade_count, fill_count=len(found), total_filled_quantity=None,
        turnover=None, fees=None, pnl=None, return_=None, max_drawdown=None, volatility=None,
        sharpe=None,
    )  # fmt: skip


def _metrics(fills: Sequence[_Fill], trade_count: int | None, series: _Series) -> Metrics:
    total = 0.0
    for fill in fills:  # a plain left fold: sum() is compensated from Python 3.12 on
        total += fill.quantity
    return Metrics(
        trade_count=trade_count,
        fill_count=len(fills),
        total_filled_quantity=_finite(total),
        turnover=_sum(abs(f.price * f.quantity) for f in fills),
        fees=_sum(f.fee for f in fills),
        pnl=series.pnl,
        return_=series.return_,
        max_drawdown=series.max_drawdown,
        volatility=series.volatility,
        sharpe=series.sharpe,
    )


# -- from the equity ------------------------------------------------------------------------------


def _of_equity(samples: Sequence[tuple[int, float]]) -> _Series:
    """Return what samples of (ns, equity) say; the first sample is the capital."""
    if not samples:
        return _Series()
    values = [float(value) for _, value in samples]
    pnl = _finite(values[-1] - values[0])
    if min(values) <= 0:  # a fraction of nothing says nothing
        return _Series(pnl=pnl)
    returns = [b / a - 1 for a, b in pairwise(values)]
    spacing = [b[0] - a[0] for a, b in pairwise(samples)]
    a_year = YEAR_NS / median(spacing) if spacing and median(spacing) > 0 else None
    volatility, sharpe = _annual(returns, a_year)
    return _Series(
        pnl=pnl,
        return_=_finite(values[-1] / values[0] - 1),
        max_drawdown=_drawdown(values, relative=True),
        volatility=volatility,
        sharpe=sharpe,
    )


# -- from the fills -------------------------------------------------------------------------------


def _of_fills(fills: Sequence[_Fill], last_prices: Mapping[str, float]) -> _Series:
    """Return what the profit marked at each fill and at the last prices says."""
    if any(fill.side not in _SIGNS for fill in fills):
        return _Series()
    profits, positions = _profits(fills)
    end = _at_the_end(fills, positions, last_prices)
    path = [0.0, *profits] if end is None else [0.0, *profits, end]
    if not all(map(math.isfinite, path)):
        return _Series()
    volatility, sharpe = _annual([b - a for a, b in pairwise(profits)], _rate(fills))
    return _Series(
        pnl=end,
        max_drawdown=_drawdown(path, relative=False),
        volatility=volatility,
        sharpe=sharpe,
    )


def _profits(fills: Sequence[_Fill]) -> tuple[list[float], dict[str, float]]:
    """Return the profit after each fill, each symbol marked at its latest fill; and positions."""
    cash = value = 0.0
    positions: dict[str, float] = defaultdict(float)
    marks: dict[str, float] = {}
    profits = []
    for fill in fills:
        signed = _SIGNS[fill.side] * fill.quantity
        cash -= signed * fill.price + fill.fee
        value -= positions[fill.symbol] * marks.get(fill.symbol, 0.0)
        positions[fill.symbol] += signed
        marks[fill.symbol] = fill.price
        value += positions[fill.symbol] * fill.price
        profits.append(cash + value)
    return profits, positions


def _at_the_end(
    fills: Sequence[_Fill], positions: Mapping[str, float], last_prices: Mapping[str, float]
) -> float | None:
    """Return cash plus positions at the last prices; None when one that is open has no price."""
    flows = [-_SIGNS[f.side] * f.quantity * f.price - f.fee for f in fills]
    traded: dict[str, float] = defaultdict(float)
    for fill in fills:
        traded[fill.symbol] += abs(fill.quantity)
    for symbol, position in positions.items():
        if symbol in last_prices:
            flows.append(position * last_prices[symbol])
        elif abs(position) > 1e-9 * traded[symbol]:  # more than the rounding of a closed one
            return None
    return _sum(flows)


def _rate(fills: Sequence[_Fill]) -> float | None:
    """Return fills per year, counted over the time from the first to the last."""
    if len(fills) < 2 or fills[0].ts_ns is None or fills[-1].ts_ns is None:
        return None
    span = fills[-1].ts_ns - fills[0].ts_ns
    return (len(fills) - 1) * YEAR_NS / span if span > 0 else None


# -- series ---------------------------------------------------------------------------------------


def _annual(changes: Sequence[float], a_year: float | None) -> tuple[float | None, float | None]:
    """Return volatility and Sharpe ratio per year; None without two changes that differ."""
    if len(changes) < 2 or a_year is None:
        return None, None
    mean = _sum(changes, len(changes))
    if mean is None:
        return None, None
    variance = _sum(((c - mean) ** 2 for c in changes), len(changes) - 1)
    # A constant series: what is left is rounding, and a ratio to it would be noise.
    if variance is None or math.sqrt(variance) <= 1e-12 * max(abs(mean), *map(abs, changes)):
        return None, None
    deviation = math.sqrt(variance)
    return _finite(deviation * math.sqrt(a_year)), _finite(mean / deviation * math.sqrt(a_year))


def _drawdown(values: Sequence[float], *, relative: bool) -> float | None:
    """Return the deepest fall below an earlier peak, as a positive number."""
    peak, deepest = values[0], 0.0
    for value in values:
        peak = max(peak, value)
        deepest = max(deepest, (peak - value) / peak if relative else peak - value)
    return _finite(deepest)


def _sum(values: Iterable[float], divisor: int = 1) -> float | None:
    try:
        return _finite(math.fsum(values) / divisor)
    except (OverflowError, ValueError):  # beyond a double, or infinities of both signs
        return None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


# -- reading --------------------------------------------------------------------------------------


def _cells(row: Sequence[Any]) -> tuple[int | None, str, str, float, float, float]:
    _, ts_ns, symbol, side, price, quantity, fee = row
    return ts_ns, symbol, side, price or 0.0, quantity or 0.0, fee or 0.0


def _legacy_fill(value: Any) -> _Fill | None:
    if not isinstance(value, Mapping):
        return None
    price, quantity = value.get("price"), value.get("quantity")
    if not (_is_number(price) and _is_number(quantity)):
        return None
    return _Fill(
        None, str(value.get("symbol")), str(value.get("side")), float(price), float(quantity), 0.0
    )


def _last_prices(summary: Any) -> dict[str, float]:
    """Return `symbols.<name>.last_price` of a summary, where it is a number."""
    symbols = summary.get("symbols") if isinstance(summary, Mapping) else None
    found = symbols if isinstance(symbols, Mapping) else {}
    return {
        name: float(price)
        for name, values in found.items()
        if isinstance(values, Mapping) and _is_number(price := values.get("last_price"))
    }


def _count(values: Any, key: str) -> int | None:
    found = values.get(key) if isinstance(values, Mapping) else None
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
