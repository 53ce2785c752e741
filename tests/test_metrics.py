"""Metrics against hand computation and the statistics module."""

import math
import statistics
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_bt.canonical import encode_json
from git_bt.comparison import Metrics
from git_bt.metrics import legacy_metrics, metrics_of
from git_bt.model import Output
from git_bt.tables import COLUMNS, encode_table

T0 = 1_700_000_000_000_000_000
HOUR = 3_600 * 10**9
HOURS_A_YEAR = 365.25 * 24


def symbols(last: dict[str, float]) -> dict[str, Any]:
    """Say last prices as an engine's summary does."""
    return {name: {"id": 1, "last_price": price} for name, price in last.items()}


def output(
    fills: list[tuple[str, float, float, float]],
    last: dict[str, float] | None = None,
    equity: list[tuple[int, float]] | None = None,
    step: int = HOUR,
) -> Output:
    """Build an output from fills (side, price, quantity, fee), one a step, of one symbol."""
    rows = [(i, T0 + i * step, "X", s, p, q, f) for i, (s, p, q, f) in enumerate(fills)]
    found = {
        "fills.csv": encode_table(COLUMNS["fills.csv"], rows),
        "summary.json": encode_json({"trade_count": 7, "symbols": symbols(last or {})}),
    }
    if equity is not None:
        found["equity.csv"] = encode_table(COLUMNS["equity.csv"], equity)
    return found


def test_profit_is_marked_at_each_fill_and_at_the_last_price() -> None:
    """By hand: buy 2 at 100, sell 1 at 110, buy 1 at 90; 95 at the end; fee 1 each."""
    found = metrics_of(
        output(
            [("buy", 100.0, 2.0, 1.0), ("sell", 110.0, 1.0, 1.0), ("buy", 90.0, 1.0, 1.0)],
            {"X": 95.0},
        )
    )
    # cash -201, -92, -183; position 2, 1, 2; marked -1, 18, -3; at the end -183 + 2 * 95 = 7
    changes = [19.0, -21.0]

    assert found.trade_count == 7
    assert found.fill_count == 3
    assert found.total_filled_quantity == 4.0
    assert found.turnover == 400.0
    assert found.fees == 3.0
    assert found.pnl == 7.0
    assert found.return_ is None
    assert found.max_drawdown == 21.0
    assert found.volatility == pytest.approx(statistics.stdev(changes) * math.sqrt(HOURS_A_YEAR))
    assert found.sharpe == pytest.approx(
        statistics.mean(changes) / statistics.stdev(changes) * math.sqrt(HOURS_A_YEAR)
    )


def test_equity_gives_returns_between_samples() -> None:
    """By hand from hourly equity; the median spacing counts, not one gap."""
    equity = [1000.0, 1100.0, 990.0, 1188.0]
    times = [T0, T0 + HOUR, T0 + 2 * HOUR, T0 + 50 * HOUR]
    returns = [0.1, -0.1, 0.2]
    found = metrics_of(output([], equity=list(zip(times, equity, strict=True))))

    assert found.pnl == 188.0
    assert found.return_ == pytest.approx(0.188)
    assert found.max_drawdown == pytest.approx(0.1)
    assert found.volatility == pytest.approx(statistics.stdev(returns) * math.sqrt(HOURS_A_YEAR))
    assert found.sharpe == pytest.approx(
        statistics.mean(returns) / statistics.stdev(returns) * math.sqrt(HOURS_A_YEAR)
    )


def test_no_fills_is_no_profit_and_no_ratio() -> None:
    """Nothing traded: nothing won, nothing lost, and no volatility to speak of."""
    found = metrics_of(output([], {"X": 1.0}))

    assert found == Metrics(
        trade_count=7, fill_count=0, total_filled_quantity=0.0, turnover=0.0, fees=0.0, pnl=0.0,
        return_=None, max_drawdown=0.0, volatility=None, sharpe=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    "equity",
    [
        [],
        [(T0, 1000.0)],
        [(T0, 1000.0), (T0 + HOUR, 1001.0)],
        [(T0 + i * HOUR, 1000.0) for i in range(5)],
        [(T0 + i * HOUR, 1000.0 * 1.1**i) for i in range(5)],  # constant but for rounding
        [(T0, 1000.0), (T0, 1001.0), (T0, 999.0)],
        [(T0, -1.0), (T0 + HOUR, 2.0), (T0 + 2 * HOUR, 1.0)],
    ],
)
def test_what_cannot_be_said_is_none(equity: list[tuple[int, float]]) -> None:
    """No samples, too few, a constant series, no time, or a capital of nothing."""
    found = metrics_of(output([], equity=equity))

    assert (found.volatility, found.sharpe) == (None, None)


def test_an_open_position_without_a_last_price_has_no_profit() -> None:
    """A mark would be a guess; a closed position needs none, even with rounding left over."""
    open_ = metrics_of(output([("buy", 100.0, 1.0, 0.0)]))
    closed = metrics_of(
        output([("buy", 10.0, 0.1, 0.0), ("buy", 10.0, 0.2, 0.0), ("sell", 11.0, 0.3, 0.0)])
    )

    assert open_.pnl is None
    assert closed.pnl == pytest.approx(0.3)


def test_total_filled_quantity_is_a_plain_left_fold() -> None:
    """As FLOX adds up, on every Python: sum() is compensated from 3.12 on."""
    quantities = [0.1] * 10
    found = metrics_of(output([("buy", 1.0, q, 0.0) for q in quantities]))

    assert found.total_filled_quantity == 0.9999999999999999


def test_each_symbol_is_marked_at_its_own_price() -> None:
    """A fill of one symbol does not move the other's mark."""
    rows = [
        (0, T0, "A", "buy", 10.0, 1.0, 0.0),
        (1, T0 + 1, "B", "sell", 1000.0, 1.0, 0.0),
        (2, T0 + 2, "A", "sell", 12.0, 1.0, 0.0),
    ]
    summary = encode_json({"symbols": symbols({"A": 99.0, "B": 990.0})})
    found = metrics_of(
        {"fills.csv": encode_table(COLUMNS["fills.csv"], rows), "summary.json": summary}
    )

    assert found.pnl == 12.0
    assert found.max_drawdown == 0.0


def test_legacy_metrics_know_profit_only_when_flat() -> None:
    """expected_output.json has no times and no last price."""
    buy = {"price": 100.0, "quantity": 1.0, "side": "buy", "symbol": 1}
    sell = {"price": 101.5, "quantity": 1.0, "side": "sell", "symbol": 1}

    flat = legacy_metrics({"trade_count": 3, "fill_count": 2, "fills": [buy, sell]})
    long = legacy_metrics({"trade_count": 3, "fills": [buy]})

    assert (flat.trade_count, flat.fill_count, flat.pnl, flat.turnover) == (3, 2, 1.5, 201.5)
    assert (long.pnl, long.sharpe, long.volatility) == (None, None, None)


@pytest.mark.parametrize(
    ("value", "count"),
    [
        ({}, 0),
        ({"fills": "x", "trade_count": True}, 0),
        ({"fills": [1, None]}, 2),
        ({"fills": [{"price": "1", "quantity": 1}]}, 1),
        ({"fills": [{"price": 1, "quantity": 1, "side": "long"}]}, 1),
    ],
)
def test_legacy_metrics_take_anything(value: dict[str, Any], count: int) -> None:
    """A malformed file is counted as far as it goes; judging it is not our task."""
    found = legacy_metrics(value)

    assert (found.trade_count, found.fill_count) == (None, count)


@pytest.mark.parametrize(
    "summary", [[], {"symbols": []}, {"symbols": {"X": 1}}, {"symbols": {"X": {"last_price": "1"}}}]
)
def test_a_summary_without_prices_marks_nothing(summary: Any) -> None:
    """A summary is the engine's own; what it lacks is not guessed."""
    made = {**output([("buy", 100.0, 1.0, 0.0)]), "summary.json": encode_json(summary)}

    assert metrics_of(made).pnl is None


def test_an_output_without_fills_or_summary_has_metrics() -> None:
    """An engine may give nothing but equity."""
    made = {"equity.csv": encode_table(COLUMNS["equity.csv"], [(T0, 10.0), (T0 + HOUR, 11.0)])}

    found = metrics_of(made)

    assert (found.trade_count, found.fill_count, found.pnl) == (None, 0, 1.0)


numbers = st.floats(allow_nan=False, allow_infinity=False)
sides = st.sampled_from(["buy", "sell", "?"])


@settings(max_examples=200)
@given(
    st.lists(st.tuples(sides, numbers, numbers, numbers), max_size=6),
    st.none() | st.lists(st.tuples(st.integers(0, 2**60), numbers), max_size=6),
    numbers,
)
def test_no_metric_is_ever_nan_or_infinite(
    fills: list[tuple[str, float, float, float]],
    equity: list[tuple[int, float]] | None,
    last: float,
) -> None:
    """Whatever the rows hold, JSON can hold the metrics."""
    found = metrics_of(output(fills, {"X": last}, equity))
    values = [getattr(found, name) for name in Metrics.__slots__]

    assert all(v is None or math.isfinite(v) for v in values)
