"""What a program wrote into `{out}`: CSV tables and summary.json, with the line of what is wrong.

Every usual spelling of times and sides is read (`spelling`), so that awk and C need not write
floats as Python does.
"""

from __future__ import annotations

import csv
import json
import os
import stat
from typing import Any, NoReturn

from .refusal import Refused
from .rows import TABLES
from .spelling import read, renumber

SUMMARY = "summary.json"
FILES = (*(f"{name}.csv" for name in TABLES), SUMMARY)


def read_folder(folder: str) -> dict[str, Any]:
    """Return rows by table, and the summary where there is one.

    Raises:
        Refused: nothing there, something that is no output, or a row that cannot be read.
    """
    found: dict[str, Any] = {}
    names = sorted(os.listdir(folder))
    for name in names:
        if name not in FILES:
            raise bad(f"the program wrote {name!r:.100} into {{out}}, known are {', '.join(FILES)}")
        if not stat.S_ISREG(os.lstat(os.path.join(folder, name)).st_mode):
            raise bad(f"{name} is no file (a folder, link, pipe or device)")
    if not names:
        raise Refused(
            "no-result",
            f"the strategy ended the run and wrote none of {', '.join(FILES)}",
            "write them into the folder that {out} stands for",
        )
    for name in names:
        path = os.path.join(folder, name)
        stem = name.partition(".")[0]
        found[stem] = read_summary(path) if name == SUMMARY else read_csv(path, stem)
    found_orders = [name for name in ("signals", "orders") if name in found]
    renumbered = renumber(*(found[name] for name in found_orders))
    return {**found, **dict(zip(found_orders, renumbered))}


def bad(message: str) -> Refused:
    """Return the refusal of an output."""
    return Refused("bad-output", message)


def read_csv(path: str, name: str) -> list[tuple[Any, ...]]:
    """Return the rows of one CSV file: a header with names, in any order.

    Raises:
        Refused: naming file, line and field.
    """
    file = f"{name}.csv"
    lines: list[int] = []
    rows: list[list[str]] = []
    try:
        with open(path, encoding="utf-8-sig", newline="") as f:
            reader = csv.reader(f, strict=True)
            for row in reader:
                if row:
                    rows.append(row)
                    lines.append(reader.line_num)
    except UnicodeDecodeError as e:
        raise bad(f"{file} is no UTF-8 text") from e
    except csv.Error as e:
        raise bad(f"{file} line {reader.line_num}: {e}") from None
    if not rows:
        raise bad(f"{file} is empty; its first line must name the columns")
    header = [cell.strip() for cell in rows[0]]
    twice = next((cell for at, cell in enumerate(header) if cell in header[:at]), None)
    if twice is not None:
        raise bad(f"{file} line 1: column {twice!r:.60} stands twice")
    for row, line in zip(rows, lines):
        if len(row) != len(header):
            raise bad(f"{file} line {line}: {len(row)} fields, the header has {len(header)}")
    body = list(zip(*rows[1:])) or [()] * len(header)
    columns = {cell: list(values) for cell, values in zip(header, body)}
    return read(name, columns, lambda row: f"{file} line {lines[row + 1]}")


def read_summary(path: str) -> dict[str, Any]:
    """Return what summary.json holds.

    Raises:
        Refused: no JSON object, or a number that is none.
    """

    def constant(word: str) -> NoReturn:
        raise ValueError(f"{word} is not JSON")

    try:
        with open(path, encoding="utf-8-sig") as f:
            found = json.load(f, parse_constant=constant)
    except (ValueError, RecursionError) as e:
        raise bad(f"{SUMMARY}: {e}") from None
    if not isinstance(found, dict):
        raise bad(f"{SUMMARY} must be an object, is a {type(found).__name__}")
    return found
