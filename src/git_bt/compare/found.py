"""The differences as they are found, and the verdict, the list and the counts made of them."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from git_bt.compare.numbers import counted, duration, is_number, ticks, ulps
from git_bt.comparison import Comparison, Difference
from git_bt.model import Value, Verdict

PRICES = frozenset({"price", "trigger_price", "new_price"})


class Found(NamedTuple):
    """One place where the outputs differ, before it is worded."""

    path: str
    field: str  # the path without indexes, which `more` counts by
    name: str  # the last name of the path
    row: int | None
    ts_ns: int | None
    expected: Value
    actual: Value
    tolerated: bool = False
    note: str = ""
    follows: bool = False  # shown with the difference before it, at no cost to the limit


class _Tally:
    """The differences to show, and those beyond the limit counted by field."""

    def __init__(self, limit: int | None) -> None:
        self._left = limit
        self.shown: list[Found] = []
        self.more: Counter[str] = Counter()

    def add(self, found: Found) -> None:
        """Take one; what follows another is shown when that one was."""
        free = self._left is None or (found.follows and not self.more)
        if not free and not self._left:
            self.more[found.field] += 1
            return
        self.shown.append(found)
        if not free and self._left:
            self._left -= 1


def judge(found: Iterable[Found], limit: int | None, tick_size: float | None) -> Comparison:
    """Reach the verdict; tolerated differences are shown only when there are no others."""
    beyond, within = _Tally(limit), _Tally(limit)
    for f in found:
        (within if f.tolerated else beyond).add(f)
    for tally, verdict in ((beyond, Verdict.DIVERGED), (within, Verdict.WITHIN_TOLERANCE)):
        if tally.shown or tally.more:
            return Comparison(
                verdict=verdict,
                differences=tuple(_difference(f, tick_size) for f in tally.shown),
                more=dict(tally.more),
            )
    return Comparison(verdict=Verdict.REPRODUCED)


def _difference(found: Found, tick_size: float | None) -> Difference:
    return Difference(
        path=found.path,
        row=found.row,
        ts_ns=found.ts_ns,
        expected=found.expected,
        actual=found.actual,
        detail=found.note or ", ".join(_detail(found, tick_size)),
    )


def _detail(found: Found, tick_size: float | None) -> Iterator[str]:
    """Yield how far two numbers are apart, in the units that help."""
    e, a = found.expected, found.actual
    if not is_number(e) or not is_number(a):
        return
    if e == a:
        yield "other sign of zero" if type(e) is type(a) else "other kind of number"
    elif found.name == "ts_ns":
        yield f"{duration(abs(int(a) - int(e)))} {'later' if a > e else 'earlier'}"
    elif isinstance(e, float) and isinstance(a, float):
        whole = ticks(e, a, tick_size) if found.name in PRICES else None
        if whole is not None:
            yield counted(whole, "tick")
        yield counted(ulps(e, a), "ulp")


def surplus_row(path: str, row: int, ts_ns: Value, text: str, *, missing: bool) -> Found:
    """Make the difference of a row that one side does not have."""
    return Found(
        path=f"{path}[{row}]",
        field=f"{path}.rows",
        name="",
        row=row,
        ts_ns=first_whole(ts_ns),
        expected=text if missing else None,
        actual=None if missing else text,
        note="row is missing" if missing else "row is new",
    )


def with_counts(
    found: Iterable[Found], path: str, field: str, expected: int, actual: int
) -> Iterator[Found]:
    """Put differing row counts behind the first difference that no tolerance covers."""
    said = expected == actual
    for f in found:
        yield f
        if not said and not f.tolerated:
            said = True
            yield Found(
                f"{path}.count", f"{field}.count", "count", None, None, expected, actual,
                follows=True,
            )  # fmt: skip


def first_whole(*values: Value) -> int | None:
    """Return the first whole number: the time of the expected row, else of the actual one."""
    return next((v for v in values if isinstance(v, int)), None)
