"""vectorbt: a function of the user's file that makes a Portfolio of the bars of all symbols.

    def build(data, fast=10, slow=20):
        close = data["Close"]
        ...
        return vbt.Portfolio.from_signals(close, entries, exits)

`data` is one frame: by time, with the columns (field, symbol), so that `data["Close"]` has a column
a symbol. The keys of `config:` are build's arguments. Equity is the value of all columns together.
What numba compiles of vectorbt is kept for later runs, see `compiled`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from . import bars, entry, rows
from .compiled import Kept
from .given import any_config, check_arguments
from .refusal import Refused

NAME = "vectorbt"
DISTRIBUTIONS = ("vectorbt",)
INSTALL = "pip install 'git-bt[vectorbt]'"

KEPT = Kept("vectorbt")
SIDES = ("buy", "sell")  # of the engine's OrderSide


def complete(config: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the config as it is: its keys are the arguments of the user's function.

    Raises:
        ValueError: a key that is no text.
    """
    return any_config(config)


def warm() -> None:
    """Import the engine, with a cache of this run's own."""
    KEPT.load()


def run(job: dict[str, Any]) -> None:
    """Make the portfolio and write its orders and its value.

    Raises:
        Refused: the tape or the file cannot be run, or what came is no portfolio.
        BaseException: whatever the strategy raised.
    """
    from vectorbt import Portfolio

    market = bars.read(job, needs=("close",))
    path = job["entry_point"]
    build = entry.function(entry.load(path), "build", path, "data, …")
    check_arguments(build, "data", job["config"])
    KEPT.lend(job["cache"])
    portfolio = build(table(market), **job["config"])
    if not isinstance(portfolio, Portfolio):
        kind = type(portfolio).__name__
        raise Refused("bad-output", f"build returned a {kind}, not a vectorbt.Portfolio")
    index = portfolio.wrapper.index
    if getattr(index.dtype, "kind", "M") != "M":
        raise Refused("bad-output", "the portfolio has no times: make it of data, by its index")
    times = bars.ns_of(index)
    fills = orders(portfolio, times, [bar.symbol for bar in market])
    equity = list(zip(times, values(portfolio)))
    KEPT.keep(job["cache"])
    rows.write(
        job["out"],
        fills=fills,
        equity=equity,
        summary={**bars.summary(market), "stats": {"orders": len(fills)}},
    )


def table(market: list[bars.Bars]) -> Any:
    """Return the bars of all symbols as one frame with the columns (field, symbol).

    Where a symbol has no bar at the time of another's, it has NaN.
    """
    import pandas

    frames = {bar.symbol: bars.frame(bar) for bar in market}
    fields = dict.fromkeys(name for frame in frames.values() for name in frame.columns)
    found = {
        field: pandas.DataFrame({s: f[field] for s, f in frames.items() if field in f.columns})
        for field in fields
    }
    return pandas.concat(found, axis=1, names=["field", "symbol"]).sort_index()


def orders(portfolio: Any, times: list[int], symbols: list[str]) -> list[tuple[Any, ...]]:
    """Return the fills, which the engine calls orders, in the order of time and of its own ids."""
    columns = list(portfolio.wrapper.columns)
    names = symbols if len(columns) == len(symbols) == 1 else [label(c) for c in columns]
    records = portfolio.orders.values
    found = sorted(zip(*(records[key].tolist() for key in ("idx", "id", "col", *MEASURES))))
    return [
        (times[at], names[column], SIDES[side], price, size, fees)
        for at, _, column, side, price, size, fees in found
    ]


MEASURES = ("side", "price", "size", "fees")


def label(column: Any) -> str:
    """Return a column's label as a symbol: of several parameters and a symbol, all of them."""
    return "/".join(map(str, column)) if isinstance(column, tuple) else str(column)


def values(portfolio: Any) -> list[float]:
    """Return the value at each time, summed exactly: numpy's sum depends on the processor."""
    found = portfolio.value().to_numpy()
    return found.tolist() if found.ndim == 1 else [math.fsum(row) for row in found.tolist()]
