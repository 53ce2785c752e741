"""Times as people write them, exactly as nanoseconds since the epoch in UTC.

Dates and times of ISO 8601 with the year first (`2004-08-19`, `2004.08.19 09:30`,
`20040819 093000`, `2004-08-19T09:30:00.5-04:00`), and counts of seconds, milli-, micro- or
nanoseconds. A time without an offset is UTC's. Where the day may stand first nothing is guessed.
Standard library only, Python ≥ 3.9.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

SECOND = 10**9
DAY = 86_400 * SECOND
UNITS = {"s": SECOND, "ms": 10**6, "us": 10**3, "ns": 1}
LIMITS = ((10**11, "s"), (10**14, "ms"), (10**17, "us"))
"""A count below one of these is of that unit; every unit so spans 1973 to 5138."""

INT64 = 2**63

_DAY = re.compile(r"(\d{4})([-/.]?)(\d\d)\2(\d\d)", re.ASCII)
_CLOCK = re.compile(
    r"(?:(\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9})0*)?)?)? *(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
_COUNT = re.compile(r"-?\d+(?:\.\d+)?", re.ASCII)


class NoTime(ValueError):
    """A cell that is no time, by its place in the column."""

    def __init__(self, row: int, message: str) -> None:
        super().__init__(message)
        self.row = row


class _Clock(NamedTuple):
    """A time of the day in ns, and the ns that its zone is ahead of UTC (None: it says none)."""

    local: int
    ahead: int | None


def to_ns(cells: Sequence[str], unit: str | None = None) -> list[int]:
    """Return a column of times as ns.

    A column in which every time has an offset and is midnight there is one of days, and a day
    stays the day it is called, wherever that midnight falls in UTC.

    Args:
        cells: as written.
        unit: s, ms, us or ns of counts; without it their size tells.

    Raises:
        NoTime: a cell is no time, or one has an offset and another none.
    """
    first = cells[0].strip() if cells else ""
    if _COUNT.fullmatch(first) and (unit is not None or _day(first) is None):
        return _counts(cells, unit)
    halves = [(*re.split("[T ]", cell.strip(), maxsplit=1), "")[:2] for cell in cells]
    days = {day: _day(day) for day in {day for day, _ in halves}}
    clocks = {clock: _clock(clock) for clock in {clock for _, clock in halves}}
    ahead = None
    for row, (day, clock) in enumerate(halves):
        found = clocks[clock]
        if days[day] is None or found is None:
            raise NoTime(row, f"{cells[row]!r:.40} is no time, write it like 2004-08-19 09:30:00")
        if row and (found.ahead is None) != (ahead is None):
            raise NoTime(row, f"{cells[row]!r:.40} and the one before: only one names its zone")
        ahead = found.ahead
    since = {text: _since_midnight(clock) for text, clock in clocks.items()}
    if not any(clock.local for clock in clocks.values() if clock):
        since = dict.fromkeys(since, 0)
    return _checked([(days[day] or 0) + since[clock] for day, clock in halves], cells)


def _since_midnight(clock: _Clock | None) -> int:
    """Return the ns since midnight in UTC."""
    return clock.local - (clock.ahead or 0) if clock else 0


def _day(text: str) -> int | None:
    """Return the midnight of a day, in ns."""
    found = _DAY.fullmatch(text)
    if found is None:
        return None
    try:
        return (date(int(found[1]), int(found[3]), int(found[4])).toordinal() - 719_163) * DAY
    except ValueError:
        return None


def _clock(text: str) -> _Clock | None:
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        return None
    hour, minute, second = (int(n or 0) for n in found.group(1, 2, 3))
    if hour > 23 or minute > 59 or second > 59:
        return None
    local = (hour * 3600 + minute * 60 + second) * SECOND + int((found[4] or "").ljust(9, "0"))
    return _Clock(local, _ahead(found[5]))


def _ahead(offset: str | None) -> int | None:
    if offset is None or offset in ("Z", "UTC", "GMT"):
        return None if offset is None else 0
    digits = offset[1:].replace(":", "")
    seconds = int(digits[:2]) * 3600 + int(digits[2:] or 0) * 60
    return (-seconds if offset[0] == "-" else seconds) * SECOND


def _counts(cells: Sequence[str], unit: str | None) -> list[int]:
    found = []
    factor = UNITS[unit or _unit(cells[0])]
    for row, cell in enumerate(cells):
        text = cell.strip()
        if not _COUNT.fullmatch(text):
            raise NoTime(row, f"{cell!r:.40} is no time, and the first one is a number")
        found.append(int(text) * factor if "." not in text else int(Decimal(text) * factor))
    return _checked(found, cells)


def _checked(times: list[int], cells: Sequence[str]) -> list[int]:
    """Return times that 64 bits hold: from the year 1678 to 2262."""
    if max(times, default=0) >= INT64 or min(times, default=0) < -INT64:
        row = next(row for row, ns in enumerate(times) if not -INT64 <= ns < INT64)
        raise NoTime(row, f"{cells[row]!r:.40} is beyond what a time can be")
    return times


def _unit(text: str) -> str:
    size = abs(Decimal(text))
    return next((unit for limit, unit in LIMITS if size < limit), "ns")
