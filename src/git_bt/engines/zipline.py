"""zipline (zipline-reloaded, else rustybt): `initialize` and `handle_data` on daily bars.

The tape is ingested, as a csvdir would be, into a ZIPLINE_ROOT of this run. Its days must be the
sessions of the calendar, which the config names: zipline fills and shifts nothing, and neither do
we. Order ids are random and do not leave this file. There is no benchmark, so nothing is asked of
the network. zipline keeps prices in thousandths. rustybt has zipline's modules under its own name.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import tempfile
from datetime import date
from typing import Any

from . import bars, entry, rows
from .config import PARAMS, mapping, number, word
from .config import complete as complete_config
from .refusal import Refused, nearest

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
FIELDS = (*bars.OHLC, "volume")
BUNDLE = "git-bt"
FAR = "2200-01-01"


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


@functools.cache
def package() -> str:
    """Return zipline, or rustybt where there is none; asked before a strategy's folders count."""
    return "zipline" if importlib.util.find_spec("zipline") is not None else "rustybt"


def part(name: str) -> Any:
    """Return a module of the engine, which both have under their own name."""
    return importlib.import_module(f"{package()}.{name}")


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


# -- the tape -------------------------------------------------------------------------------------


def calendar_of(name: str) -> Any:
    """Return a trading calendar by its name.

    Raises:
        Refused: there is none.
    """
    calendars = part("utils.calendar_utils")
    known = calendars.global_calendar_dispatcher.get_calendar_names()
    if name not in known:
        raise Refused("raised", f"config calendar {name!r} is unknown{nearest(name, known)}")
    return calendars.get_calendar(name)


def check_sessions(market: list[bars.Bars], calendar: Any) -> None:
    """Check that each symbol has a bar for every session from its first to its last, and no other.

    Raises:
        Refused: naming the symbol and the day.
    """
    import pandas

    hint = f"calendar: {calendar.name} in the config is another market's, or the tape has gaps"
    for bar in market:
        days = pandas.DatetimeIndex(pandas.to_datetime(list(bar.times)))
        if (days != days.normalize()).any():
            raise Refused("tape-corrupt", f"{bar.symbol}: zipline takes daily bars at midnight")
        if days[0] < calendar.first_session or days[-1] > calendar.last_session:
            span = f"{calendar.first_session:%Y-%m-%d} to {calendar.last_session:%Y-%m-%d}"
            told = f"{bar.symbol}: the calendar {calendar.name} goes from {span}"
            raise Refused("tape-corrupt", told)
        sessions = calendar.sessions_in_range(days[0], days[-1])
        for what, odd in (
            ("is no session of", days.difference(sessions)),
            ("is a session without a bar in", sessions.difference(days)),
        ):
            if len(odd):
                told = f"{bar.symbol}: {odd[0]:%Y-%m-%d} {what} the calendar {calendar.name}"
                raise Refused("tape-corrupt", told, hint)


def ingest(market: list[bars.Bars], calendar: str) -> None:
    """Make zipline's bundle of the bars, as its csvdir does.

    What csvdir does at an asset's last day, it does not at the tape's: zipline would close every
    position there, and a longer tape would have other rows.
    """
    import pandas

    bundles = part("data.bundles")
    last = max(bar.times[-1] for bar in market)
    day = pandas.Timedelta(days=1)
    frames = [frame_of(bar) for bar in market]
    assets = pandas.DataFrame(
        {
            "symbol": [bar.symbol for bar in market],
            "start_date": [frame.index[0] for frame in frames],
            "end_date": [frame.index[-1] for frame in frames],
            "auto_close_date": [
                FAR if bar.times[-1] == last else frame.index[-1] + day
                for bar, frame in zip(market, frames)
            ],
            "exchange": "CSVDIR",
        }
    ).astype(dict.fromkeys(("start_date", "end_date", "auto_close_date"), "datetime64[ns]"))

    def write(
        environ: Any, asset_db_writer: Any, minutes: Any, days: Any, adjustments: Any, *_: Any
    ) -> None:
        days.write(enumerate(frames), show_progress=False)
        asset_db_writer.write(equities=assets)
        adjustments.write()

    bundles.register(BUNDLE, write, calendar_name=calendar)
    bundles.ingest(BUNDLE, show_progress=False)
    if package() == "rustybt":  # or it takes the bundle for one of its own, Parquet
        part("data.bundles.metadata").BundleMetadata.delete(BUNDLE)


def frame_of(bar: bars.Bars) -> Any:
    """Return the bars of a symbol as zipline's writer takes them."""
    frame = bars.frame(bar)[[name.capitalize() for name in FIELDS]]
    frame.columns = list(FIELDS)
    return frame


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
