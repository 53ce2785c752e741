"""Rows as users spell them: every spelling gives the same row, and what is wrong is named."""

# ruff: noqa: DTZ001 - a time without a zone is what is tested

import datetime as dt
import enum
from collections import namedtuple
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_bt.engines import python, spelling
from git_bt.engines.frames import Shapeless, plain
from git_bt.engines.refusal import Refused
from git_bt.tables import COLUMNS

NEW_YEAR = 1_704_067_200 * 10**9  # 2024-01-01T00:00Z
TOKYO = ZoneInfo("Asia/Tokyo")


def shown(value: Any) -> str:
    """Name a value in a test's id; an address would differ in each process."""
    return type(value).__name__ if type(value) is object else repr(value)


# -- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        NEW_YEAR,
        float(NEW_YEAR),
        np.int64(NEW_YEAR),
        np.uint64(NEW_YEAR),
        str(NEW_YEAR),
        dt.date(2024, 1, 1),
        dt.datetime(2024, 1, 1),
        dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
        dt.datetime(2024, 1, 1, 9, tzinfo=TOKYO),
        "2024-01-01",
        "2024-01-01 00:00",
        "2024-01-01T00:00:00Z",
        "2024-01-01T09:00:00.000000000+09:00",
        "2023-12-31 19:00:00 -0500",
        pd.Timestamp("2024-01-01"),
        pd.Timestamp("2024-01-01 09:00", tz="Asia/Tokyo"),
        *(np.datetime64("2024-01-01", unit) for unit in ("D", "h", "m", "s", "ms", "us", "ns")),
        *(pd.Timestamp("2024-01-01").as_unit(unit) for unit in ("s", "ms", "us", "ns")),  # type: ignore[arg-type]
    ],
    ids=shown,
)
def test_a_time_is_one_number_however_it_is_spelled(value: Any) -> None:
    """Without a zone it is UTC."""
    assert spelling.ns(value) == NEW_YEAR


def test_no_digit_of_a_time_is_lost() -> None:
    """A nanosecond counts, in text and in the libraries' own times."""
    one = NEW_YEAR + 1

    assert spelling.ns("2024-01-01T00:00:00.000000001Z") == one
    assert spelling.ns(pd.Timestamp(one)) == spelling.ns(np.datetime64(one, "ns")) == one
    assert spelling.ns(dt.datetime(1969, 12, 31, 23, 59, 59, 999_999)) == -1000


@given(st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1)))
def test_text_and_datetime_agree(value: dt.datetime) -> None:
    """ISO text of a datetime is the datetime."""
    assert spelling.ns(value.isoformat()) == spelling.ns(value) == spelling.ns(pd.Timestamp(value))


@pytest.mark.parametrize(
    "value",
    [
        None, True, "", "tomorrow", "2024-13-01", "2024-01-01T25:00", 1.5, float("nan"), 2**63,
        float("inf"), pd.NaT, np.datetime64("NaT"), np.datetime64("3000-01-01", "D"),
        dt.datetime(3000, 1, 1), dt.timedelta(1), object(), "2024-02-30",
    ],
    ids=shown,
)  # fmt: skip
def test_what_is_no_time_is_refused(value: Any) -> None:
    """Also what numpy would let wrap around."""
    with pytest.raises(ValueError, match="time"):
        spelling.ns(value)


class OrderSide(enum.Enum):
    """As engines have them."""

    BUY = 1
    SELL = 2


@pytest.mark.parametrize(
    "value", ["buy", "BUY", " Buy ", "b", "long", "BOT", "OrderSide.BUY", 1, 1.0, np.int8(1), "+1",
              OrderSide.BUY, np.str_("Buy"), b"buy"], ids=shown,
)  # fmt: skip
def test_every_usual_word_for_buy(value: Any) -> None:
    """Words in any case, signs, and members of an enum."""
    assert spelling.side(value) == "buy"


@pytest.mark.parametrize("value", ["sell", "S", "Short", "SLD", -1, OrderSide.SELL], ids=shown)
def test_every_usual_word_for_sell(value: Any) -> None:
    """And the same for the other side."""
    assert spelling.side(value) == "sell"


@pytest.mark.parametrize("value", [None, "", 0, 2, "hold", True, object()], ids=shown)
def test_what_is_no_side_is_refused(value: Any) -> None:
    """0 is a side here and the other one there."""
    with pytest.raises(ValueError, match="is no side"):
        spelling.side(value)


@pytest.mark.parametrize(
    "value", [5, 5.0, "5", " 5.0", "5e0", Decimal(5), np.float32(5)], ids=shown
)
def test_a_number_is_a_float(value: Any) -> None:
    """Of whatever type it was, a plain float comes out."""
    found = spelling.number(value)

    assert (found, type(found)) == (5.0, float)


@pytest.mark.parametrize(
    "value", [None, True, "", "five", "1_000", "nan", "-inf", float("nan"), 10**400, [], "0x10"]
)
def test_what_is_no_number_is_refused(value: Any) -> None:
    """NaN and infinities too, whatever Python would make of them."""
    with pytest.raises(ValueError, match="is no"):
        spelling.number(value)


def test_columns_are_those_of_the_format() -> None:
    """The child's columns and the parent's are the same."""
    found = {
        f"{name}.csv": tuple(field.name for field in fields)
        for name, fields in spelling.TABLES.items()
    }

    assert found == {name: tuple(c for c in cs if c != "seq") for name, cs in COLUMNS.items()}


# -- tables ---------------------------------------------------------------------------------------

NAMES = ("time", "symbol", "side", "price", "quantity", "fee")
ROWS = [
    (dt.datetime(2024, 1, 1), "GOOG", "BUY", 10.5, 3, 0.25),
    (dt.datetime(2024, 1, 2), "GOOG", "SELL", 11, 3, 0),
]
WANTED = [
    (NEW_YEAR, "GOOG", "buy", 10.5, 3.0, 0.25),
    (NEW_YEAR + 86_400 * 10**9, "GOOG", "sell", 11.0, 3.0, 0.0),
]
DICTS = [dict(zip(NAMES, row, strict=True)) for row in ROWS]
FRAME = pd.DataFrame(DICTS)
Fill = namedtuple("Fill", NAMES)


@dataclass
class Filled:
    """A fill as a class of the user's."""

    time: dt.datetime
    symbol: str
    side: str
    price: float
    quantity: float
    fee: float


STRUCTURED = np.array(
    [(np.datetime64(t, "ms"), *rest) for t, *rest in ROWS],
    dtype=[("time", "M8[ms]"), ("symbol", "U4"), ("side", "S4"), ("price", "f8"),
           ("quantity", "i4"), ("fee", "f4")],
)  # fmt: skip


@pytest.mark.parametrize(
    "given",
    [
        ROWS,
        [list(row) for row in ROWS],
        tuple(ROWS),
        iter(ROWS),
        DICTS,
        [Fill(*row) for row in ROWS],
        [Filled(*row) for row in ROWS],
        {name: [row[name] for row in DICTS] for name in NAMES},
        {name: np.array([row[name] for row in DICTS]) for name in NAMES},
        STRUCTURED,
        STRUCTURED.view(np.recarray),
        list(STRUCTURED),
        np.array(ROWS, dtype=object),
        FRAME,
        FRAME.set_index("time"),
        FRAME.set_index("time").tz_localize("UTC").tz_convert("Asia/Tokyo"),
        FRAME.set_index(["symbol", "time"]),
        FRAME.astype({"symbol": "category", "price": "Float64", "quantity": "int64"}),
        FRAME.rename(columns={"time": "Timestamp", "quantity": "Size", "fee": "Fees"}),
        FRAME.assign(order_id="b0f1", note=None),
        FRAME.iloc[::-1],
        FRAME.assign(quantity=[3, -3]).drop(columns="side"),
        pl.DataFrame(DICTS),
        pl.DataFrame(DICTS).with_columns(pl.col("time").dt.cast_time_unit("ns")),
        pl.DataFrame(DICTS).with_columns(pl.col("time").dt.replace_time_zone("UTC")),
        pl.DataFrame(DICTS).with_columns(pl.col("time").dt.date()),
        pl.DataFrame(DICTS).with_columns(pl.col("side").cast(pl.Categorical)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_shape_of_a_table_gives_the_same_rows(given: Any) -> None:
    """Lists, arrays and frames, with names or without, in any order."""
    rows = python.table("fills", given)

    assert rows == WANTED
    assert {type(value) for row in rows for value in row} == {int, float, str}


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_series_is_equity_by_time(unit: str) -> None:
    """Of any unit, with its index as the time."""
    index = pd.DatetimeIndex(["2024-01-01", "2024-01-02"]).as_unit(unit)  # type: ignore[arg-type]

    assert python.table("equity", pd.Series([1, 2.5], index=index)) == [
        (NEW_YEAR, 1.0),
        (NEW_YEAR + 86_400 * 10**9, 2.5),
    ]


def test_polars_keeps_the_nanosecond() -> None:
    """A datetime has no room for it, so the column is asked for ns."""
    frame = pl.DataFrame({"ts": [NEW_YEAR + 1], "equity": [1.0]})
    typed = frame.with_columns(pl.col("ts").cast(pl.Datetime("ns", "Asia/Tokyo")))

    assert python.table("equity", typed) == [(NEW_YEAR + 1, 1.0)]


def test_a_matrix_of_numbers_is_rows() -> None:
    """As numpy.column_stack makes it."""
    matrix = np.column_stack([[NEW_YEAR, NEW_YEAR + 2**20], [1.0, 2.0]])

    assert [row[1] for row in python.table("equity", matrix)] == [1.0, 2.0]


def test_a_fee_that_is_missing_is_nothing() -> None:
    """Left out, or None in a row."""
    without = [row[:5] for row in ROWS]
    some = [(*ROWS[0][:5], None), ROWS[1]]

    assert [row[5] for row in python.table("fills", without)] == [0.0, 0.0]
    assert [row[5] for row in python.table("fills", some)] == [0.0, 0.0]


def test_no_fills_are_a_result() -> None:
    """A strategy that never trades gives an empty table, whatever it is made of."""
    given = ([], (), FRAME.iloc[:0], pl.DataFrame(DICTS).clear())

    assert [python.table("fills", value) for value in given] == [[], [], [], []]


def test_rows_of_one_time_stay_in_their_order() -> None:
    """Sorting is by time alone, and stable."""
    rows = [(5, "B", "buy", 1, 1), (3, "A", "buy", 1, 1), (5, "A", "buy", 1, 1)]

    assert [(row[0], row[1]) for row in python.table("fills", rows)] == [
        (3, "A"), (5, "B"), (5, "A"),
    ]  # fmt: skip


def bad(**change: Any) -> list[dict[str, Any]]:
    """Return two rows of which the second is wrong."""
    return [DICTS[0], {**DICTS[1], **change}]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (bad(price=float("nan")), r"fills\[1\]: price nan is no finite number"),
        (bad(price=np.float64("nan")), r"fills\[1\]: price nan is no finite number"),
        (bad(price=None), r"fills\[1\]: price None is no number"),
        (bad(fee=float("nan")), r"fills\[1\]: fee nan is no finite"),
        (bad(quantity=0), r"fills\[1\]: quantity 0 must be above 0"),
        (bad(quantity=-3), r"fills\[1\]: quantity -3 must be above 0; the side says which way"),
        (bad(side="hold"), r"fills\[1\]: side 'hold' is no side: buy or sell"),
        (bad(side=None), r"fills\[1\]: side None is no side"),
        (bad(symbol=""), r"fills\[1\]: symbol '' must be printable"),
        (bad(symbol="A\nB"), r"fills\[1\]: symbol 'A\\nB' must be printable"),
        (bad(symbol=object()), r"fills\[1\]: symbol of type object is no text: give its name$"),
        (bad(time="soon"), r"fills\[1\]: ts_ns 'soon' is no time"),
        (FRAME.assign(time=[pd.NaT, pd.NaT]), r"fills\[0\]: ts_ns None is no time"),
        (FRAME.drop(columns="price"), "fills has no column price; it has time, symbol, side"),
        ([ROWS[0], ROWS[1][:4]], "fills has 4 values in row 1, 6 in the first"),
        ([(*ROWS[0], 7)], "fills has 7 values in a row; without names they are ts_ns, symbol"),
        ([ROWS[0], 5], "fills has a row 1 of type int"),
        ([DICTS[0], ROWS[1]], "fills has names in its first row, and none in row 1"),
        ("text", "fills is of type str"),
        (5, "fills is of type int"),
        (np.array([1.0, 2.0]), "fills is an array of 1 dimension"),
        ({"time": [1, 2], "price": [1]}, "fills has columns of different length"),
        ({"time": 5}, "fills has a column of type int"),
        ([ROWS[0][:4]], "fills has no column quantity"),
    ],
)
def test_a_bad_row_is_one_line(given: Any, words: str) -> None:
    """It names output, row and field."""
    with pytest.raises(Refused, match=words) as caught:
        python.table("fills", given)

    assert caught.value.bt_kind == "bad-output"
    assert "\n" not in str(caught.value)


# -- metrics --------------------------------------------------------------------------------------


def test_metrics_become_json() -> None:
    """Numbers of numpy are Python's, what is no number is null, times are text."""
    given = {
        "a": np.float64(0.5), "b": np.int64(3), "c": float("nan"), "d": float("inf"), "e": True,
        "f": pd.NaT, "g": pd.Timestamp("2024-01-01"), "h": dt.timedelta(days=1), "i": [np.bool_(1)],
        "j": {"x": Decimal("0.1")}, "k": np.datetime64("2024-01-01"), "l": None, "m": "text",
    }  # fmt: skip

    assert plain(given, "metrics") == {
        "a": 0.5, "b": 3, "c": None, "d": "inf", "e": True, "f": None, "g": "2024-01-01T00:00:00",
        "h": "1 day, 0:00:00", "i": [True], "j": {"x": 0.1}, "k": "2024-01-01", "l": None,
        "m": "text",
    }  # fmt: skip


def test_a_series_of_metrics_is_a_mapping() -> None:
    """As engines give their statistics."""
    series = pd.Series({"sharpe": 1.5})

    assert python.summary({"metrics": series}) == {"metrics": {"sharpe": 1.5}}
    assert python.summary({}) == {}


@pytest.mark.parametrize(("value", "words"), [(object(), r"metrics\['x'\] is of type object")])
def test_a_metric_that_json_cannot_hold_is_named(value: Any, words: str) -> None:
    """An object's text may show its address."""
    with pytest.raises(Shapeless, match=words):
        plain({"x": value}, "metrics")


# -- what run returned ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (None, "run returned nothing"),
        ({}, "run returned a dict without any of fills, equity, metrics"),
        ({"fill": []}, "run returned 'fill', did you mean fills"),
        (FRAME, "run returned a DataFrame without any of"),
        ([1], "run returned a list without any of"),
    ],
)
def test_a_result_that_is_none_says_what_is_wanted(result: Any, words: str) -> None:
    """With an example in the hint."""
    with pytest.raises(Refused, match=words):
        python.outputs(result)


def test_a_result_may_be_an_object() -> None:
    """Its attributes count, and one that is None is not there."""

    @dataclass
    class Result:
        fills: list[Any]
        equity: None = None
        other: int = 5

    assert python.outputs(Result(fills=[])) == {"fills": []}


def test_the_end_of_a_tape_is_a_time_however_it_is_spelled() -> None:
    """So that an extended tape can be told, and equity marked."""
    given = {"symbols": {"X": {"last_ts_ns": "2024-01-01", "last_price": np.float32(5)}}}

    assert python.symbols(given) == {"symbols": {"X": {"last_ts_ns": NEW_YEAR, "last_price": 5.0}}}
    assert python.symbols({}) == {}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (5, "symbols is not such a mapping"),
        ({"X": {}}, "symbols is not such a mapping"),
        ({"X": {"last": 5}}, "symbols is not such a mapping"),
        ({"X": {"last_price": None}}, r"symbols\['X'\]: None is no number"),
    ],
)
def test_a_bad_end_of_a_tape_is_one_line(value: Any, words: str) -> None:
    """With the shape that is wanted as the hint."""
    with pytest.raises(Refused, match=words):
        python.symbols({"symbols": value})
