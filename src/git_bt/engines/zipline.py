"""zipline (zipline-reloaded, else rustybt): `initialize` and `handle_data` on daily bars.

The tape is ingested, as a csvdir would be, into a ZIPLINE_ROOT of this run (`zipline_tape`). Order
ids are random and do not leave this file. There is no benchmark, so nothing is asked of the
network. zipline keeps prices in thousandths.
"""

from __future__ import annotations

import os
import tempfile
from datetime import date
from typing import Any

from . import bars, entry, rows
from .config import PARAMS, mapping, number, word
from .config import complete as complete_config
from .refusal import Refused
from .zipline_tape import BUNDLE, FIELDS, calendar_of, check_sessions, ingest, part

NAME = "zipline"
DISTRIBUTIONS = ("zipline-reloaded", "rustybt")
INSTALL = "pip install 'git-bt[zipline]'"


def day(value: Any) -> str | None:
    """Check for a day, or nothing."""
    try:
        date.fromisoformat(value or "1970-01-01")
    except (TypeError, ValueError):
        return "a day such as 2024-01-31"
    return None


KEYS = {
    "calendar": ("XNYS", word),
    "capital_base": (100_000, number(0, above=True)),
    "start": (None, day),
    PARAMS: ({}, mapping),
}


def complete(config: Any) -> dict[str, Any]:
    """Return a config with every key there is.

    Raises:
        ValueError: an unknown key, a value of another type, or out of range.
    """
    return complete_config(NAME, config, KEYS)


def warm() -> None:
    """Import the engine, which reads its folder from the environment as it is imported."""
    os.environ["ZIPLINE_ROOT"] = os.path.join(tempfile.gettempdir(), "zipline")
    part("data.bundles.csvdir")


def run(job: dict[str, Any]) -> None:
    """Ingest the tape, run the strategy on it, and write what came of it.

    Raises:
        Refused: the tape or the file cannot be run.
        BaseException: whatever the strategy raised.
    """
    import pandas

    config = job["config"]
    market = bars.read(job, needs=FIELDS)
    module = entry.load(job["entry_point"])
    started = entry.function(module, "initialize", job["entry_point"], "context")
    calendar = calendar_of(config["calendar"])
    check_sessions(market, calendar)
    ingest(market, config["calendar"])

    def initialize(context: Any) -> None:
        context.params = dict(config[PARAMS])
        started(context)

    first, last = min(b.times[0] for b in market), max(b.times[-1] for b in market)
    start = max(pandas.Timestamp(config["start"] or first), pandas.Timestamp(first))
    sessions = calendar.sessions_in_range(start, pandas.Timestamp(last))
    if not len(sessions):
        raise Refused("raised", f"config start {config['start']} is after the tape's end")
    performance = part("utils.run_algo").run_algorithm(
        start=sessions[0],
        end=sessions[-1],
        initialize=initialize,
        handle_data=getattr(module, "handle_data", None),
        before_trading_start=getattr(module, "before_trading_start", None),
        capital_base=config["capital_base"],
        data_frequency="daily",
        bundle=BUNDLE,
        trading_calendar=calendar,
        benchmark_returns=pandas.Series(0.0, index=sessions.tz_localize("UTC")),
    )
    orders, fills = trades(performance)
    summary = bars.summary(market)
    for end in (*summary["symbols"].values(), *summary["files"].values()):
        # Rows have the time of a session's close, and so must the end of the tape.
        close = calendar.session_close(pandas.Timestamp(end["last_ts_ns"]))
        (end["last_ts_ns"],) = bars.ns_of([close])
    rows.write(
        job["out"],
        fills=fills,
        orders=orders,
        equity=zip(bars.ns_of(performance.index), map(float, performance["portfolio_value"])),
        summary={**summary, "stats": {"orders": len(orders), "transactions": len(fills)}},
    )


# -- what it gave ---------------------------------------------------------------------------------


def trades(performance: Any) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Return orders and fills; an order is counted by its first appearance.

    zipline books commissions on the order: a fill's fee is what its order's grew by that day.
    """
    known: dict[str, int] = {}
    paid: dict[str, float] = {}
    orders, fills = [], []
    for today, done in zip(performance["orders"], performance["transactions"]):
        fees = {o["id"]: o["commission"] - paid.get(o["id"], 0.0) for o in today}
        paid.update((o["id"], o["commission"]) for o in today)
        for order in today:
            if order["id"] not in known:
                known[order["id"]] = len(known) + 1
                orders.append(row_of_order(order, known[order["id"]]))
        for fill in done:
            side = "buy" if fill["amount"] > 0 else "sell"
            numbers = (fill["price"], abs(fill["amount"]), fees.pop(fill["order_id"], 0.0))
            (time,) = bars.ns_of([fill["dt"]])
            fills.append((time, fill["sid"].symbol, side, *map(float, numbers)))
    return orders, fills


def row_of_order(order: dict[str, Any], number_: int) -> tuple[Any, ...]:
    """Return the row of an order as it was when it was made."""
    limit, stop = order["limit"], order["stop"]
    kind = {(0, 0): "market", (1, 0): "limit", (0, 1): "stop_market", (1, 1): "stop_limit"}
    (time,) = bars.ns_of([order["created"]])
    side = "buy" if order["amount"] > 0 else "sell"
    what = kind[limit is not None, stop is not None]
    amount = abs(order["amount"])
    return time, number_, order["sid"].symbol, side, what, limit, amount, stop, None, None
