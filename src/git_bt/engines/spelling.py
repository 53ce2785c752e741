"""Rows as users spell them, read into the columns of `rows`.

Times, sides and numbers are taken in every usual spelling and come out in one; what is wrong with
a row is one line that names output, row and field. Whether a table was a frame, an array or a CSV
file is `frames` and the command engine. Standard library only, Python ≥ 3.9.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any, NamedTuple

from .refusal import Refused

INT64 = 2**63
NS = 10**9
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - without a zone as what is counted from it
SIDES = {
    **dict.fromkeys(("buy", "b", "long", "bot", "bought", "1", "+1"), "buy"),
    **dict.fromkeys(("sell", "s", "short", "sld", "sold", "-1"), "sell"),
}
ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?)? ?(Z|[+-]\d\d:?\d\d)?"
)


class Field(NamedTuple):
    """One column: its canonical name, how a value is read, its other names, and what if absent."""

    name: str
    read: Callable[[Any], Any]
    names: tuple[str, ...] = ()
    needed: bool = True
    absent: Any = None


# -- values ---------------------------------------------------------------------------------------


def ns(value: Any) -> int:
    """Return a time in ns since the epoch; without a zone it is UTC.

    Takes whole numbers (ns), datetime and date, pandas.Timestamp, numpy.datetime64 of any unit,
    and ISO 8601 text with up to nine digits of a second.

    Raises:
        ValueError: no time, or outside of 64 bits.
    """
    if isinstance(value, bool):
        raise ValueError("is no time")
    if isinstance(value, str):
        return _fits(_of_text(value.strip()))
    if hasattr(value, "as_unit") and isinstance(getattr(value, "value", None), int):
        return _fits(value.value)  # pandas: ns, whatever its unit
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            value = value.astimezone(timezone.utc).replace(tzinfo=None)  # noqa: UP017
        return _fits((value - EPOCH) // timedelta(microseconds=1) * 1000)
    if isinstance(value, date):
        return _fits((value - EPOCH.date()).days * 86400 * NS)
    if getattr(getattr(value, "dtype", None), "kind", "") == "M":
        return _of_datetime64(value)
    if hasattr(value, "__index__"):
        return _fits(int(value))
    if hasattr(value, "__float__") and float(value).is_integer():
        return _fits(int(value))
    raise ValueError("is no time: whole ns, a datetime, or ISO 8601 text")


def _fits(value: int) -> int:
    if not -INT64 < value < INT64:  # the least one is how numpy and pandas write "not a time"
        raise ValueError("is no time between the years 1678 and 2262")
    return value


def _of_text(text: str) -> int:
    if re.fullmatch(r"[+-]?[0-9]+", text):
        return int(text)
    found = ISO.fullmatch(text)
    if found is None:
        raise ValueError("is no time: whole ns, or ISO 8601 such as 2024-01-31T09:30:00Z")
    day, clock, fraction, zone = found.groups()
    try:
        stamp = datetime.fromisoformat(f"{day} {clock or '00:00'}")
    except ValueError as e:
        raise ValueError(f"is no time: {e}") from None
    whole = (stamp - EPOCH) // timedelta(seconds=1) * NS + int((fraction or "").ljust(9, "0"))
    if zone in (None, "Z"):
        return whole
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return whole - (-minutes if zone[0] == "-" else minutes) * 60 * NS


def _of_datetime64(value: Any) -> int:
    if str(value) == "NaT":
        raise ValueError("is not a time (NaT)")
    _fits(int(value.astype("datetime64[s]").astype("int64")) * NS)  # numpy would wrap around
    return _fits(int(value.astype("datetime64[ns]").astype("int64")))


def number(value: Any) -> float:
    """Return a finite float.

    Raises:
        ValueError: no number, NaN, or infinite.
    """
    if isinstance(value, bool) or (isinstance(value, str) and "_" in value):
        raise ValueError("is no number")
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise ValueError("is no number") from None
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise ValueError("is no finite number")
    return found


def amount(value: Any) -> float:
    """Return a quantity: the side says which way.

    Raises:
        ValueError: not a number above 0.
    """
    found = number(value)
    if found <= 0:
        raise ValueError("must be above 0; the side says which way")
    return found


def text(value: Any) -> str:
    """Return a word of printable characters.

    Raises:
        ValueError: none, or empty, or something else whose text may differ from run to run.
    """
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        raise ValueError("is no text: give its name")
    found = str(value).strip()
    if not found or not found.isprintable():
        raise ValueError("must be printable text")
    return found


def side(value: Any) -> str:
    """Return buy or sell.

    Raises:
        ValueError: no usual word for either.
    """
    word = getattr(value, "name", value)  # a member of an enum
    if isinstance(word, bytes):
        word = word.decode("utf-8", "replace")
    if not isinstance(word, (str, bool)) and hasattr(word, "__float__") and abs(word) == 1:
        word = int(word)
    found = SIDES.get(str(word).rpartition(".")[2].strip().lower())
    if found is None or isinstance(word, bool):
        raise ValueError("is no side: buy or sell")
    return found


# -- tables ---------------------------------------------------------------------------------------

TIME = Field("ts_ns", ns, ("ts", "time", "timestamp", "datetime", "date", "index"))
ORDER = Field("order", str, ("order_id", "id"), needed=False)
SYMBOL = Field("symbol", text, ("ticker", "instrument", "asset"))
SIDE = Field("side", side, ("order_side", "direction"))
TYPE = Field("type", text, ("order_type", "kind"))
PRICE = Field("price", number, ("fill_price",))
QUANTITY = Field("quantity", amount, ("qty", "size", "shares", "amount"))
FEE = Field("fee", number, ("fees", "commission"), needed=False, absent=0.0)
LIMIT = PRICE._replace(needed=False)
STOPS = tuple(
    Field(name, number, needed=False)
    for name in ("trigger_price", "trailing_offset", "trailing_bps")
)
CHANGES = tuple(Field(name, number, needed=False) for name in ("new_price", "new_quantity"))
TABLES: dict[str, tuple[Field, ...]] = {
    "fills": (TIME, SYMBOL, SIDE, PRICE, QUANTITY, FEE),
    "orders": (TIME, ORDER, SYMBOL, SIDE, TYPE, LIMIT, QUANTITY, *STOPS),
    "signals": (
        TIME, ORDER, SYMBOL, SIDE._replace(needed=False), TYPE, LIMIT,
        QUANTITY._replace(needed=False, read=number), *STOPS, *CHANGES,
    ),
    "equity": (TIME, Field("equity", number, ("value", "portfolio_value", "balance"))),
}  # fmt: skip
"""How each column of `rows.TABLES` is read, in their order."""

Where = Callable[[int], str]
Columns = dict[str, list[Any]]


def read(name: str, columns: Columns, where: Where) -> list[tuple[Any, ...]]:
    """Return rows of `rows.TABLES[name]` in the order of time.

    Rows of one time stay as they were given. A column may have any name of its field, in any
    case; others are left out. Without a side the sign of the quantity is the side.

    Args:
        name: of the table.
        columns: values by column name, all of one length.
        where: from a row's number, from 0, to how it is called in messages.

    Raises:
        Refused: a column is missing, or a value cannot be read.
    """
    fields = TABLES[name]
    found = {field.name: _column(field, columns) for field in fields}
    if SIDE in fields and found["side"] is None and found["quantity"] is not None:
        found["side"], found["quantity"] = _signed(found["quantity"], where)
    for field in fields:
        if field.needed and found[field.name] is None:
            held = ", ".join(columns) or "nothing"
            raise Refused("bad-output", f"{name} has no column {field.name}; it has {held:.200}")
    count = len(found["ts_ns"] or ())
    typed = [_typed(field, found[field.name], count, where) for field in fields]
    return sorted(zip(*typed), key=lambda row: row[0])


def renumber(*tables: list[tuple[Any, ...]]) -> list[list[tuple[Any, ...]]]:
    """Return orders and signals with each order's id replaced by the number of its first row."""
    known: dict[Any, int] = {}
    return [
        [
            row if row[1] is None else (row[0], known.setdefault(row[1], len(known) + 1), *row[2:])
            for row in rows
        ]
        for rows in tables
    ]


def _column(field: Field, columns: Columns) -> list[Any] | None:
    lower = {name.strip().lower(): values for name, values in columns.items()}
    return next((lower[name] for name in (field.name, *field.names) if name in lower), None)


def _typed(field: Field, values: list[Any] | None, count: int, where: Where) -> list[Any]:
    if values is None:
        return [field.absent] * count
    typed = []
    for row, value in enumerate(values):
        try:
            is_there = field.needed or not (value is None or value == "")
            typed.append(field.read(value) if is_there else field.absent)
        except ValueError as e:
            message = f"{where(row)}: {field.name} {one_line(value)} {e}"
            raise Refused("bad-output", message) from None
    return typed


def _signed(quantities: list[Any], where: Where) -> tuple[list[str], list[float]]:
    """Return sides and amounts of quantities that are negative for a sale."""
    signed = _typed(QUANTITY._replace(read=number), quantities, 0, where)
    return ["sell" if q < 0 else "buy" for q in signed], [abs(q) for q in signed]


def one_line(value: Any) -> str:
    """Return a value as a message shows it; never an address in memory."""
    if isinstance(value, float):
        shown = repr(float(value))  # a float of numpy shows its type
    elif value is None or isinstance(value, (str, bytes, int)):
        shown = repr(value)
    else:
        shown = f"of type {type(value).__name__}"
    return shown if len(shown) <= 60 else shown[:57] + "..."
