"""One CSV or parquet file as columns of times and numbers; every refusal names file and line.

CSV by the standard library, with the separator of its header (comma, semicolon or tab), plain or
in gzip; parquet by pandas with pyarrow, imported only then. Python ≥ 3.9.
"""

from __future__ import annotations

import csv
import gzip
import math
import re
import sys
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .refusal import Refused
from .times import UNITS, NoTime, to_ns

SUFFIXES = (".csv.gz", ".csv", ".parquet", ".pq")
POINTER = b"version https://git-lfs"

SPELLINGS = {
    "open": ("open", "o", "openprice"),
    "high": ("high", "h", "highprice"),
    "low": ("low", "l", "lowprice"),
    "close": ("close", "c", "closeprice"),
    "volume": ("volume", "vol", "v", "tickvolume", "tickvol"),
}
"""How fields are called, but for case, blanks and signs; the first that is there counts."""

TIMES = (
    "datetime", "timestamp", "date", "time", "ts", "opentime", "index", "unix", "unixtime", "epoch",
    "unnamed0", "",
)  # fmt: skip


@dataclass(frozen=True)
class Sheet:
    """A table: its columns' names and cells, and for messages how a row is found in the file."""

    path: str
    names: list[str]
    cells: list[Sequence[Any]]
    lines: Sequence[int] | None = None

    def place(self, row: int) -> str:
        """Return where a row is: a line of a text, else its number from 0."""
        return f"row {row}" if self.lines is None else f"line {self.lines[row]}"

    def refuse(self, what: str, hint: str | None = None) -> Refused:
        """Return the refusal of this file."""
        return Refused("tape-corrupt", f"tape file {self.path}: {what}", hint)

    # -- times ------------------------------------------------------------------------------------

    def times(self) -> Sequence[int]:
        """Return the times, in ns, each later than the one before.

        Raises:
            Refused: no such column, or a time that cannot be read, is repeated or out of order.
        """
        places, unit = self._time_places()
        name = " ".join(self.names[at].strip() for at in places) or "time"
        cells = self.cells[places[0]]
        if len(places) > 1:
            cells = [f"{day} {clock}" for day, clock in zip(*(self.cells[at] for at in places))]
        try:
            found = _of_datetimes(cells)
            if found is None:
                found = to_ns([str(cell) for cell in cells], unit)
        except NoTime as e:
            raise self.refuse(f"{self.place(e.row)}: {name} {e}") from None
        before = None
        for row, (now, cell) in enumerate(zip(found, cells)):
            if before is not None and now <= before:
                what = "stands twice" if now == before else "is earlier than the one before it"
                raise self.refuse(f"{self.place(row)}: {name} {cell} {what}", "sort it by time")
            before = now
        return found

    def _time_places(self) -> tuple[list[int], str | None]:
        """Return where the column of times is, or two that are one, and the unit of its name."""
        spelled: dict[str, tuple[int, str | None]] = {}
        for at, name in enumerate(self.names):
            base, _, unit = name.strip().lower().rpartition("_")
            known = unit if base and unit in UNITS else None
            spelled.setdefault(_plain(base if known else name), (at, known))
        if "date" in spelled and "time" in spelled:
            return [spelled["date"][0], spelled["time"][0]], None
        for word in TIMES:
            if word in spelled:
                at, known = spelled[word]
                return [at], known
        raise self.refuse(f"no column of times among {_some(self.names)}", "call it Date")

    # -- numbers ----------------------------------------------------------------------------------

    def numbers(self, fields: Sequence[str], needs: Sequence[str]) -> dict[str, array[float]]:
        """Return the fields that are there, and other columns of numbers by their own names.

        Raises:
            Refused: a field that is needed is missing or there twice, or a cell of one is no
                finite number.
        """
        words = [_plain(name) for name in self.names]
        found: dict[str, array[float]] = {}
        taken = set(self._time_places()[0])
        for field in fields:
            word = next((w for w in SPELLINGS[field] if w in words), None)
            if word is None and field in needs:
                what = f"no column {field.capitalize()} among {_some(self.names)}"
                raise self.refuse(what)
            if word is not None:
                if words.count(word) > 1:
                    raise self.refuse(f"two columns are called {field.capitalize()}")
                at = words.index(word)
                found[field] = self._exact(at)
                taken.add(at)
        for at, name in enumerate(self.names):
            other = None if at in taken else _or_nan(self.cells[at])
            if other is not None and name.strip():
                found.setdefault(name.strip(), other)
        return found

    def _exact(self, at: int) -> array[float]:
        cells = self.cells[at]
        try:
            values = array("d", map(float, cells))
        except (TypeError, ValueError):
            values = array("d")
        if len(values) == len(cells) and all(map(math.isfinite, values)):
            return values
        for row, cell in enumerate(cells):
            if _number(cell) is None:
                said = "empty" if cell is None or cell == "" else f"{cell!s:.40}"
                raise self.refuse(
                    f"{self.place(row)}: {self.names[at].strip()} is {said}, no number"
                )
        return values


def _number(cell: Any) -> float | None:
    try:
        value = float(cell)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _or_nan(cells: Sequence[Any]) -> array[float] | None:
    """Return a column of numbers of which some may be missing; None: it is none."""
    try:
        return array(
            "d", [math.nan if cell is None or cell == "" else float(cell) for cell in cells]
        )
    except (TypeError, ValueError):
        return None


def _plain(name: str) -> str:
    """Return a column's name without case, blanks and signs; `1. open` and `<OPEN>` are open."""
    return re.sub(r"[^a-z0-9]", "", re.sub(r"^\d+\.", "", name.strip().lower()))


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(name.strip() or "(no name)" for name in names[:8])
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _of_datetimes(cells: Any) -> list[int] | None:
    """Return a pandas column of datetimes as ns; None: it is no such column.

    As in a text, midnights of a zone are days.
    """
    kind = getattr(cells, "dtype", None)
    if getattr(kind, "kind", "") != "M":
        return None
    empty = cells.isna()
    if empty.any():
        raise NoTime(int(empty.to_numpy().argmax()), "is empty")
    if getattr(kind, "tz", None) is not None:
        local = cells.dt.tz_localize(None)
        is_days = bool((local == local.dt.normalize()).all())
        cells = local if is_days else cells.dt.tz_convert("UTC").dt.tz_localize(None)
    exact = cells.to_numpy()
    ns = exact.astype("datetime64[ns]")
    beyond = ns.astype(exact.dtype) != exact
    if beyond.any():
        raise NoTime(int(beyond.argmax()), "is beyond what a time can be")
    found: list[int] = ns.astype("int64").tolist()
    return found


# -- reading --------------------------------------------------------------------------------------


def read_sheet(path: str, name: str) -> Sheet:
    """Return a file as a table of at least one row.

    Args:
        path: where it lies.
        name: how messages call it.

    Raises:
        Refused: tape-missing (a git-LFS pointer), tape-corrupt (empty, not parseable), or
            engine-missing (parquet without a library for it).
    """
    with open(path, "rb") as f:
        start = f.read(len(POINTER))
    if start == POINTER:
        told = f"tape file {name} is a git-LFS pointer, not the tape itself"
        raise Refused("tape-missing", told, "fetch it: git lfs pull")
    sheet = Sheet(name, [], [])
    if not start:
        raise sheet.refuse("it is empty")
    if name.lower().endswith((".csv", ".csv.gz")):
        sheet = _read_csv(path, sheet)
    else:
        sheet = _read_parquet(path, sheet)
    if not sheet.cells or not len(sheet.cells[0]):
        raise sheet.refuse("it has no rows")
    return sheet


def _read_csv(path: str, sheet: Sheet) -> Sheet:
    rows, lines = [], array("q")
    try:
        with _open(path) as text:
            header = text.readline()
            text.seek(0)
            reader = csv.reader(text, delimiter=max(",;\t", key=header.count))
            for cells in reader:
                if cells:
                    rows.append(cells)
                    lines.append(reader.line_num)
    except UnicodeDecodeError as e:
        raise sheet.refuse(f"it is no text in UTF-8 ({e.reason})") from None
    except (csv.Error, OSError, EOFError, zlib.error) as e:
        raise sheet.refuse(f"it cannot be read: {e}") from None
    if not rows:
        raise sheet.refuse("it is empty")
    names = rows.pop(0)
    del lines[:1]
    for row, cells in enumerate(rows):
        if len(cells) != len(names):
            told = f"line {lines[row]}: {len(cells)} fields, the header has {len(names)}"
            raise sheet.refuse(told)
    return Sheet(sheet.path, names, list(zip(*rows)), lines)


def _open(path: str) -> Any:
    opener: Any = gzip.open if path.lower().endswith(".gz") else open
    return opener(path, "rt", encoding="utf-8-sig", newline="")


def _read_parquet(path: str, sheet: Sheet) -> Sheet:
    try:
        import pandas
        import pyarrow
    except ImportError as e:
        told = f"tape file {sheet.path} is parquet, and {sys.executable} has no {e.name}"
        hint = f"{sys.executable} -m pip install pandas pyarrow"
        raise Refused("engine-missing", told, hint) from None
    try:
        table = pandas.read_parquet(path, engine="pyarrow")
    except (pyarrow.ArrowException, OSError, ValueError) as e:
        raise sheet.refuse(
            f"it is no parquet that can be read: {' '.join(str(e).split())}"
        ) from None
    if not isinstance(table.index, pandas.RangeIndex):
        table = table.reset_index()
    columns = [table.iloc[:, at] for at in range(table.shape[1])]
    cells = [c if c.dtype.kind == "M" else c.tolist() for c in columns]
    return Sheet(sheet.path, [str(name) for name in table.columns], cells)
