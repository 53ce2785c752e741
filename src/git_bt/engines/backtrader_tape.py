"""Bars as backtrader takes them: a feed a symbol, and the time of each bar in its own count.

Times go in as backtrader's days and come out as the tape's own ns, by looking them up: floats of
days are never rounded.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from operator import sub
from typing import Any

from . import bars
from .refusal import Refused
from .times import DAY, SECOND


def feed(backtrader: Any, symbol: bars.Bars, times: dict[float, int]) -> Any:
    """Return a data feed of a symbol, and add backtrader's time of each bar to `times`.

    Raises:
        Refused: two of its bars have one time to backtrader.
    """
    days = []
    for ns in symbol.times:
        day = backtrader.date2num(datetime(1970, 1, 1) + timedelta(microseconds=ns // 1000))  # noqa: DTZ001
        if times.setdefault(day, ns) != ns:
            raise Refused(
                "tape-corrupt",
                f"symbol {symbol.symbol} has bars that backtrader cannot tell apart in time: "
                "its days are exact to some 10 µs",
            )
        days.append(day)
    names = [name for name in bars.FIELDS if name in symbol.columns]
    values = list(zip(days, *(symbol.columns[name] for name in names)))

    class Feed(backtrader.feed.DataBase):  # type: ignore[misc]
        """Hands over the bars as they are."""

        def start(self) -> None:
            super().start()
            self.rest = iter(values)

        def _load(self) -> bool:
            bar = next(self.rest, None)
            if bar is None:
                return False
            self.lines.datetime[0] = bar[0]
            self.lines.volume[0] = self.lines.openinterest[0] = 0.0
            for name, value in zip(names, bar[1:]):
                getattr(self.lines, name)[0] = value
            return True

    timeframe, compression = _timeframe(backtrader, symbol.times)
    return Feed(timeframe=timeframe, compression=compression)


def _timeframe(backtrader: Any, times: Any) -> tuple[Any, int]:
    """Return what a bar spans: days when all are at midnight, else the smallest step there is."""
    if not any(ns % DAY for ns in times):
        return backtrader.TimeFrame.Days, 1
    step = min(map(sub, times[1:], times), default=60 * SECOND)
    if step % (60 * SECOND) == 0:
        return backtrader.TimeFrame.Minutes, step // (60 * SECOND)
    return backtrader.TimeFrame.Seconds, max(1, step // SECOND)
