"""A tape as zipline's own bundle, made of the bars as its csvdir does.

Its days must be the sessions of the calendar, which the config names: zipline fills and shifts
nothing, and neither do we. rustybt has zipline's modules under its own name.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
from typing import Any

from . import bars
from .refusal import Refused, nearest

FIELDS = (*bars.OHLC, "volume")
BUNDLE = "git-bt"
FAR = "2200-01-01"


@functools.cache
def package() -> str:
    """Return zipline, or rustybt where there is none; asked before a strategy's folders count."""
    return "zipline" if importlib.util.find_spec("zipline") is not None else "rustybt"


def part(name: str) -> Any:
    """Return a module of the engine, which both have under their own name."""
    return importlib.import_module(f"{package()}.{name}")


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
