"""Tables as Python strategies hold them, taken apart into columns.

Lists of tuples, dicts or named tuples, numpy arrays, pandas and polars frames: by what a value is,
without importing what it is of. Times of a column become ns at once, because the libraries' own
conversion keeps the ns that a datetime has no room for. What the values mean is `spelling`.
Standard library only, Python ≥ 3.9.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

NAT = -(2**63)  # how numpy writes "not a time"
MOST = 2**63 // 10**9 - 1  # seconds
Columns = dict[str, list[Any]]


class Shapeless(Exception):
    """A value that is no table; its text says why."""


def columns(value: Any, positions: tuple[str, ...]) -> Columns:
    """Return the columns of a table, all of one length.

    Args:
        value: the table.
        positions: names of the columns of a table that has none, in order; the last ones may be
            missing.

    Raises:
        Shapeless: no table, or rows that differ in length.
    """
    library = type(value).__module__.partition(".")[0]
    if library == "pandas" and hasattr(value, "index"):
        found = _of_pandas(value, positions)
    elif library == "polars" and hasattr(value, "get_columns"):
        found = {series.name: _polars_column(series) for series in value.get_columns()}
    elif library == "numpy" and getattr(value, "ndim", None):
        found = _of_numpy(value, positions)
    elif isinstance(value, Mapping):
        found = {str(name): _column(values) for name, values in value.items()}
    elif isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        found = _of_rows(list(value), positions)
    else:
        raise Shapeless(f"is of type {type(value).__name__}, not a table or a list of rows")
    lengths = {name: len(values) for name, values in found.items()}
    if len(set(lengths.values())) > 1:
        raise Shapeless(f"has columns of different length: {lengths}")
    return found


def _of_rows(rows: list[Any], positions: tuple[str, ...]) -> Columns:
    """Return the columns of rows; the first row says whether they have names."""
    if not rows:
        return {name: [] for name in positions}
    named = [_named(row) for row in rows]
    if named[0] is not None:
        names = {str(name): None for row in named for name in row or ()}
        for number, row in enumerate(named):
            if row is None:
                raise Shapeless(f"has names in its first row, and none in row {number}")
        return {name: [(row or {}).get(name) for row in named] for name in names}
    for number, row in enumerate(rows):
        if isinstance(row, (str, bytes)) or not hasattr(row, "__len__"):
            raise Shapeless(f"has a row {number} of type {type(row).__name__}, not a tuple or dict")
        if len(row) != len(rows[0]):
            raise Shapeless(f"has {len(row)} values in row {number}, {len(rows[0])} in the first")
    return _by_position([list(values) for values in zip(*rows)], positions)


def _named(row: Any) -> Mapping[Any, Any] | None:
    if isinstance(row, Mapping):
        return row
    if hasattr(row, "_asdict"):
        return dict(row._asdict())
    if dataclasses.is_dataclass(row) and not isinstance(row, type):
        return {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}
    names = getattr(getattr(row, "dtype", None), "names", None)  # a row of a structured array
    return {name: row[name] for name in names} if names else None


def _by_position(found: list[list[Any]], positions: tuple[str, ...]) -> Columns:
    if len(found) > len(positions):
        known = ", ".join(positions)
        raise Shapeless(f"has {len(found)} values in a row; without names they are {known}")
    return dict(zip(positions, found))


# -- numpy ----------------------------------------------------------------------------------------


def _of_numpy(value: Any, positions: tuple[str, ...]) -> Columns:
    if value.dtype.names:
        return {name: _column(value[name]) for name in value.dtype.names}
    if value.ndim == 2:
        return _by_position([_column(value[:, i]) for i in range(value.shape[1])], positions)
    if value.dtype.kind == "O":
        return _of_rows(list(value), positions)
    raise Shapeless(f"is an array of {value.ndim} dimension and one type, not of rows")


def _column(values: Any) -> list[Any]:
    """Return one column as a list; times of numpy as ns, a time that is none as None."""
    if getattr(getattr(values, "dtype", None), "kind", "") == "M":
        return _of_datetime64(values)
    if hasattr(values, "to_list") or hasattr(values, "to_numpy"):
        return _series(values)
    if hasattr(values, "tolist"):
        return list(values.tolist())
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise Shapeless(f"has a column of type {type(values).__name__}")
    return list(values)


def _of_datetime64(values: Any) -> list[Any]:
    seconds = values.astype("datetime64[s]").astype("int64").tolist()
    if any(abs(second) > MOST and second != NAT for second in seconds):
        return list(values)  # ns would wrap around: one by one, so that the row is named
    found = values.astype("datetime64[ns]").astype("int64").tolist()
    return [None if ns == NAT else ns for ns in found]


# -- pandas and polars ----------------------------------------------------------------------------


def _of_pandas(frame: Any, positions: tuple[str, ...]) -> Columns:
    """Return the columns of a frame, its index first when no column has a time's name."""
    if frame.ndim == 1:  # a Series: of equity, by time
        return _by_position([_series(frame.index), _series(frame)], positions)
    found = {}
    for level in range(frame.index.nlevels):
        name = frame.index.names[level]
        values = frame.index.get_level_values(level)
        if name is not None or values.dtype.kind == "M":
            found[str("index" if name is None else name)] = _series(values)
    for at, name in enumerate(frame.columns):
        found[str(name)] = _series(frame.iloc[:, at])
    return found


def _series(series: Any) -> list[Any]:
    """Return a column of pandas or polars, or an index, as a list; times as ns."""
    if type(series).__module__.startswith("polars"):
        return _polars_column(series)
    values = series
    if str(series.dtype).startswith("datetime64"):
        if getattr(series.dtype, "tz", None) is not None:
            accessor = getattr(series, "dt", series)
            values = accessor.tz_convert(None)
        return _of_datetime64(values.to_numpy())
    return [None if _is_missing(value) else value for value in values.tolist()]


def _is_missing(value: Any) -> bool:
    return type(value).__name__ in ("NAType", "NaTType")


def _polars_column(series: Any) -> list[Any]:
    if type(series.dtype).__name__ == "Datetime" or str(series.dtype).startswith("Datetime"):
        return list(series.dt.timestamp("ns").to_list())
    return list(series.to_list())


# -- metrics --------------------------------------------------------------------------------------


def plain(value: Any, where: str) -> Any:
    """Return a value of metrics as JSON can hold it; a number that is none becomes null.

    Args:
        value: numbers, texts, times, and lists and mappings of them; numpy's numbers too.
        where: how messages name it.

    Raises:
        Shapeless: naming what JSON cannot hold.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item, f"{where}[{str(key)!r:.60}]") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, f"{where}[{at}]") for at, item in enumerate(value)]
    if type(value).__module__ == "numpy" and hasattr(value, "item") and not value.ndim:
        value = value.item() if value.dtype.kind not in "mM" else str(value)
    if value is None or _is_missing(value) or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, (str, int)):  # a bool is an int
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    if hasattr(value, "__float__") and type(value).__name__ == "Decimal":
        return plain(float(value), where)
    raise Shapeless(f"{where} is of type {type(value).__name__}, which JSON cannot hold")
