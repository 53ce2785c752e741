"""Rows as the files that the parent takes: canonical CSV tables and summary.json.

Whatever an engine's rows are made of, numpy's scalars too, a cell is a Python int, float, text or
None when it is written; floats are written by repr, so none loses a bit. The grammar is that of
docs/reference/formats/tables.md. Standard library only, Python ≥ 3.9.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from csv import writer as csv_writer  # these by name: a strategy may patch the modules for itself
from io import StringIO
from itertools import count
from json import dump as write_json
from typing import Any

from .refusal import Refused

FILLS = ("ts_ns", "symbol", "side", "price", "quantity", "fee")
ORDERS = (
    "ts_ns", "order", "symbol", "side", "type", "price", "quantity", "trigger_price",
    "trailing_offset", "trailing_bps",
)  # fmt: skip
SIGNALS = (*ORDERS, "new_price", "new_quantity")
EQUITY = ("ts_ns", "equity")
TABLES = {"fills": FILLS, "orders": ORDERS, "signals": SIGNALS, "equity": EQUITY}
"""The columns of each table, without the `seq` in front that is counted here."""

WHOLE = ("ts_ns", "order")
TEXT = ("symbol", "side", "type")


def write(
    out: str, *, summary: Mapping[str, Any] | None, **tables: Iterable[Sequence[Any]]
) -> None:
    """Write the output of a run.

    Args:
        out: the folder that the job names.
        summary: the engine's totals; no NaN, no object, no clock; None where there are none.
        tables: rows of TABLES by name, where the engine gives them, in the order they happened.

    Raises:
        Refused: a cell is not what its column holds (NaN, a text for a number).
    """
    for name, rows in tables.items():
        write_texts(out, name, [texts(column) for column in _columns(name, rows)])
    if summary is not None:
        write_summary(out, summary)


def write_summary(out: str, summary: Mapping[str, Any]) -> None:
    """Write the engine's totals; ValueError where there is a NaN among them."""
    with open(os.path.join(out, "summary.json"), "w", encoding="utf-8", newline="") as f:
        write_json(
            summary, f, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
        f.write("\n")


def write_texts(out: str, name: str, columns: Sequence[Iterable[str]]) -> None:
    """Write a table of which each column is text already; rows are numbered from 0."""
    header = TABLES[name]
    if name != "equity":
        header, columns = ("seq", *header), [map(str, count()), *columns]
    with open(os.path.join(out, name + ".csv"), "w", encoding="utf-8", newline="") as f:
        f.write("\n".join([",".join(header), *map(",".join, zip(*columns)), ""]))


def texts(column: Sequence[Any]) -> list[str]:
    """Return the cells of a column as csv writes them, in half of its time."""
    kinds = set(map(type, column))
    if str in kinds:
        known = {word: _quoted(word) for word in set(column)}
        return [known[word] for word in column]
    if None in column:
        return ["" if number is None else repr(number) for number in column]
    return list(map(repr, column))


def _quoted(word: str | None) -> str:
    line = StringIO()
    csv_writer(line, lineterminator="\n").writerow((word, ""))
    return line.getvalue()[: -len(",\n")]


def _columns(name: str, rows: Iterable[Sequence[Any]]) -> list[Sequence[Any]]:
    columns = TABLES[name]
    body = [tuple(row) for row in rows]
    for number, row in enumerate(body):
        if len(row) != len(columns):
            why = f"{len(row)} values, not {len(columns)} ({', '.join(columns)})"
            raise Refused("bad-output", f"the engine gave {name} row {number} with {why}")
    cells = list(zip(*body)) or [()] * len(columns)
    return [_column(name, column, found) for column, found in zip(columns, cells)]


def _column(name: str, column: str, cells: Sequence[Any]) -> Sequence[Any]:
    kind: Callable[[Any], Any] = _whole if column in WHOLE else _text if column in TEXT else _real
    found = []
    for row, cell in enumerate(cells):
        try:
            found.append(None if cell is None else kind(cell))
        except (TypeError, ValueError, OverflowError):
            raise Refused(
                "bad-output", f"the engine gave {cell!r:.60} as {column} of {name} row {row}"
            ) from None
    return found


def _whole(value: Any) -> int:
    whole = int(value)
    if whole != value:
        raise ValueError
    return whole


def _real(value: Any) -> float:
    real = float(value)
    if not math.isfinite(real) or isinstance(value, str):
        raise ValueError
    return real


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\r" in value:
        raise ValueError
    return str(value)


def plain(totals: Mapping[str, Any]) -> dict[str, Any]:
    """Return totals of an engine as JSON has them: numpy's numbers as Python's, NaN as null."""
    found: dict[str, Any] = {}
    for key, value in totals.items():
        real = float(value)
        whole = not isinstance(value, float) and real.is_integer()
        found[key] = int(value) if whole else real if math.isfinite(real) else None
    return found
