"""Tapes of bars: CSV and parquet files, as columns of exact numbers.

A tape is one file, which is one symbol; or a folder in which each file is a symbol, named by it;
or a folder of folders, each of which is a symbol whose files, by name, follow one another in time.
CSV is read by the standard library, so that no release of a library reads a number otherwise;
parquet needs pandas with pyarrow, and so does `frame`. What an engine would take in silence is
refused with its file and line: unsorted or repeated times, NaN, a git-LFS pointer. Nothing is
sorted, filled or resampled. Standard library only at import, Python ≥ 3.9.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .refusal import Refused
from .sheet import SUFFIXES, read_sheet

OHLC = ("open", "high", "low", "close")
FIELDS = (*OHLC, "volume")
INDEX = "metadata.json"  # describes a tape beside its data, and holds none


@dataclass(frozen=True)
class Part:
    """One file of a symbol: path below the tape, and the times of its first and last bar."""

    path: str
    first: int
    last: int


@dataclass(frozen=True)
class Bars:
    """The bars of one symbol, oldest first.

    `times` are ns, UTC. `columns` has open, high, low, close, volume where they are, and the
    tape's other columns of numbers by their own names, NaN where a cell of those is empty.
    """

    symbol: str
    times: array[int]
    columns: dict[str, array[float]]
    parts: tuple[Part, ...]


def read(job: dict[str, Any], needs: Sequence[str] = OHLC) -> list[Bars]:
    """Return the bars of each symbol of a job's tape, sorted by symbol.

    Args:
        job: what to run.
        needs: the fields that must be there.

    Raises:
        Refused: tape-missing (no tape, a git-LFS pointer) or tape-corrupt, with file and line.
    """
    tape = job["tape"]
    if tape is None or not os.path.exists(tape):
        raise Refused("tape-missing", "there is no tape", "name one with --tape or `tape:`")
    base = tape if os.path.isdir(tape) else os.path.dirname(tape)
    return [_symbol(base, name, paths, needs) for name, paths in sorted(_layout(tape).items())]


def only(bars: Sequence[Bars], engine: str) -> Bars:
    """Return the bars of a tape for an engine that trades one symbol.

    Raises:
        Refused: the tape has more.
    """
    if len(bars) > 1:
        names = ", ".join(b.symbol for b in bars[:8]) + (", …" if len(bars) > 8 else "")
        raise Refused(
            "tape-corrupt",
            f"the tape holds {len(bars)} symbols ({names}), engine {engine} trades one",
            "name one file of it as the tape",
        )
    return bars[0]


def frame(bars: Bars) -> Any:
    """Return bars as a pandas frame: Open, High, Low, Close, Volume, and others as they are called.

    The index is `Date`, datetime64[ns] without a zone, in every release of pandas.
    """
    import numpy
    import pandas

    times = numpy.array(bars.times, dtype="int64").view("datetime64[ns]")
    columns = {
        name.capitalize() if name in FIELDS else name: numpy.array(values)
        for name, values in bars.columns.items()
    }
    return pandas.DataFrame(columns, index=pandas.DatetimeIndex(times, name="Date"))


def ns_of(index: Any) -> list[int]:
    """Return a pandas index of times, or a series of them, as ns; one without a zone is UTC's."""
    import pandas

    found = pandas.DatetimeIndex(index)
    if found.tz is not None:
        found = found.tz_convert("UTC").tz_localize(None)
    times: list[int] = found.to_numpy().astype("datetime64[ns]").astype("int64").tolist()
    return times


def summary(bars: Sequence[Bars]) -> dict[str, Any]:
    """Return what summary.json says of the tape: count, times and last price of each symbol.

    `files` holds the first and last time of each file, so that it can be told whether a tape
    grew at its end.
    """
    return {
        "symbols": {
            b.symbol: {
                "bars": len(b.times),
                "last_price": b.columns["close"][-1],
                "last_ts_ns": b.times[-1],
            }
            for b in bars
        },
        "files": {
            p.path: {"first_ts_ns": p.first, "last_ts_ns": p.last} for b in bars for p in b.parts
        },
    }


# -- which files ----------------------------------------------------------------------------------


def _layout(tape: str) -> dict[str, list[str]]:
    """Return the paths of each symbol, below the tape's folder, in their order."""
    name = os.path.basename(tape)
    if not os.path.isdir(tape):
        return {_stem(name): [name]}
    found: dict[str, list[str]] = {}
    for entry in _entries(tape):
        is_folder = os.path.isdir(os.path.join(tape, entry))
        symbol = entry if is_folder else _stem(entry)
        if symbol in found:
            raise Refused("tape-corrupt", f"the tape {name} has symbol {symbol} twice: {entry}")
        below = _entries(os.path.join(tape, entry)) if is_folder else []
        found[symbol] = [f"{entry}/{part}" for part in below if _stem(part)] or [entry]
        if is_folder and not below:
            raise Refused("tape-corrupt", f"the folder {entry} of the tape {name} holds no bars")
    if not found:
        raise Refused("tape-missing", f"the tape {name} is an empty folder")
    return found


def _entries(folder: str) -> list[str]:
    return sorted(e for e in os.listdir(folder) if e != INDEX and not e.startswith("."))


def _stem(name: str) -> str:
    """Return the symbol that a file is named by."""
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    raise Refused("tape-corrupt", f"{name} is no tape of bars ({', '.join(SUFFIXES)})")


# -- one symbol -----------------------------------------------------------------------------------


def _symbol(base: str, symbol: str, paths: Sequence[str], needs: Sequence[str]) -> Bars:
    times = array("q")
    columns: dict[str, array[float]] = {}
    parts: list[Part] = []
    for path in paths:
        sheet = read_sheet(os.path.join(base, path), path)
        found, cells = sheet.times(), sheet.numbers(FIELDS, needs)
        if parts:
            _check_next(parts[-1], path, found[0], columns.keys() ^ cells.keys())
        times.extend(found)
        for name, values in cells.items():
            columns.setdefault(name, array("d")).extend(values)
        parts.append(Part(path, found[0], found[-1]))
    return Bars(symbol, times, columns, tuple(parts))


def _check_next(before: Part, path: str, first: int, others: set[str]) -> None:
    if first <= before.last:
        raise Refused(
            "tape-corrupt",
            f"tape file {path} begins before {before.path} ends",
            "name the files of a symbol so that their order is that of time",
        )
    if others:
        names = ", ".join(sorted(others))
        told = f"tape files {before.path} and {path} have not the same columns ({names})"
        raise Refused("tape-corrupt", told)
