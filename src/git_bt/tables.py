"""The tables of an output as canonical CSV and back: which columns each has, and how they are read.

One table has one encoding, as in `canonical.py`, and reading is as strict; most of the code here
makes that fast for a million rows. Grammar: docs/reference/formats/tables.md.
"""

import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

from git_bt.comparison import Table
from git_bt.errors import Corrupt
from git_bt.model import Value

INTEGER_COLUMNS = frozenset({"seq", "ts_ns", "order"})
FLOAT_COLUMNS = frozenset(
    {
        "price", "quantity", "fee", "equity", "trigger_price", "trailing_offset", "trailing_bps",
        "new_price", "new_quantity",
    }
)  # fmt: skip
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "fills.csv": ("seq", "ts_ns", "symbol", "side", "price", "quantity", "fee"),
    "orders.csv": (
        "seq", "ts_ns", "order", "symbol", "side", "type", "price", "quantity", "trigger_price",
        "trailing_offset", "trailing_bps",
    ),
    "signals.csv": (
        "seq", "ts_ns", "order", "symbol", "side", "type", "price", "quantity", "trigger_price",
        "trailing_offset", "trailing_bps", "new_price", "new_quantity",
    ),
    "equity.csv": ("ts_ns", "equity"),
}  # fmt: skip
"""The columns of each table that a run may give."""


def encode_table(columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> bytes:
    """Encode rows as canonical CSV: header, newlines, floats by repr, None as nothing.

    Raises:
        Corrupt: a float is NaN or infinite, or a text has a carriage return (which releases of
            Python quote differently) or is not Unicode.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    try:
        return text.getvalue().encode()
    except UnicodeEncodeError as e:
        raise Corrupt("a table cannot hold half of a surrogate pair") from e


def _cell(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Corrupt(f"a table cannot hold {value!r}")
        return repr(value)
    if isinstance(value, str) and "\r" in value:
        raise Corrupt(f"a table cannot hold {value!r:.60}")
    return str(value)


def decode_table(data: bytes, name: str) -> Table:
    """Decode the canonical CSV of one output.

    Args:
        data: the bytes.
        name: the file's name, a key of COLUMNS.

    Raises:
        Corrupt: other columns, a field that does not parse, or bytes that the encoder would not
            have written; the line is named.
    """
    columns = COLUMNS[name]
    cells = _plain_cells(columns, data)
    if cells is not None:
        values = map(_values, _kinds(columns), cells)
        return Table(columns=columns, rows=tuple(zip(*values, strict=True)))
    try:
        reader = csv.reader(io.StringIO(data.decode(), newline=""), strict=True)
        lines = list(reader)
    except (UnicodeDecodeError, csv.Error) as e:
        raise Corrupt(f"{name}: {e}") from e
    if not lines or tuple(lines[0]) != columns:
        raise Corrupt(f"{name}: line 1: the columns must be {','.join(columns)}")
    rows = _typed(columns, lines[1:])
    if rows is None or b"\r" in data or _written(columns, rows) != data:
        raise _fault(columns, lines, name)
    return Table(columns=columns, rows=rows)


def check_table(data: bytes, name: str) -> None:
    """Refuse what `decode_table` refuses, without making its rows.

    Raises:
        Corrupt: see there.
    """
    if _plain_cells(COLUMNS[name], data) is None:
        decode_table(data, name)


def _plain_cells(columns: Sequence[str], data: bytes) -> list[list[str]] | None:
    """Return the cells, by column, of a canonical table that needs no quotes; None: parse it.

    A quarter of the time that parsing it and writing it again takes.
    """
    head, _, body = data.partition(b"\n")
    if head != ",".join(columns).encode() or b'"' in body or b"\r" in body:
        return None
    try:
        *lines, end = body.decode().split("\n")
    except UnicodeDecodeError:
        return None
    if end or not data.endswith(b"\n"):
        return None
    if {line.count(",") for line in lines} - {len(columns) - 1}:
        return None
    flat = ",".join(lines).split(",") if lines else []
    cells = [flat[at :: len(columns)] for at in range(len(columns))]
    return cells if all(map(_is_canonical, _kinds(columns), cells)) else None


def _is_canonical(kind: Callable[[str], Value], cells: list[str]) -> bool:
    if kind is str:
        return True
    sample = cells[:64]
    if "" in cells or len(set(sample)) < len(sample) // 2:  # few distinct cells: each once
        cells = list(set(cells) - {""})
    try:
        values = list(map(kind, cells))
    except ValueError:
        return False
    is_finite = kind is int or all(map(math.isfinite, cast("list[float]", values)))
    return is_finite and list(map(repr, values)) == cells


def _values(kind: Callable[[str], Value], cells: list[str]) -> Sequence[Value]:
    if kind is not str and "" in cells:
        return [kind(cell) if cell else None for cell in cells]
    return cells if kind is str else list(map(kind, cells))


def _kinds(columns: Sequence[str]) -> list[Callable[[str], Value]]:
    return [int if c in INTEGER_COLUMNS else float if c in FLOAT_COLUMNS else str for c in columns]


def _typed(columns: Sequence[str], body: list[list[str]]) -> tuple[tuple[Value, ...], ...] | None:
    """Convert column by column, which is faster than cell by cell; None: this is no table."""
    if not body:
        return ()
    if set(map(len, body)) != {len(columns)}:
        return None
    typed: list[Sequence[Value]] = []
    for kind, cells in zip(_kinds(columns), zip(*body, strict=True), strict=True):
        full = [cell for cell in cells if cell] if "" in cells else cells
        try:
            column = list(map(kind, full))
        except ValueError:
            return None
        if kind is float and not all(map(math.isfinite, cast("list[float]", column))):
            return None
        if kind is not str and len(full) != len(cells):
            present = iter(column)
            column = [next(present) if cell else None for cell in cells]
        typed.append(cells if kind is str else column)
    return tuple(zip(*typed, strict=True))


def _written(columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> bytes:
    """Return what `encode_table` writes of rows that need no checks."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode()


def _fault(columns: Sequence[str], lines: list[list[str]], name: str) -> Corrupt:
    """Say where a table is not one: only now is it worth looking at each cell."""
    for number, cells in enumerate(lines[1:], start=2):
        where = f"{name}: line {number}"
        if len(cells) != len(columns):
            return Corrupt(f"{where}: {len(cells)} fields, not {len(columns)}")
        for kind, cell in zip(_kinds(columns), cells, strict=True):
            try:
                _cell(cell if kind is str else kind(cell) if cell else None)
            except (ValueError, Corrupt) as e:
                return Corrupt(f"{where}: {e}")
    return Corrupt(f"{name}: not in canonical form (floats by repr, \\n at each line's end)")
