"""The tables of an output: what is written comes back, and nothing else is read."""

import math
import sys
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_bt import tables
from git_bt.errors import Corrupt
from git_bt.tables import (
    COLUMNS,
    FLOAT_COLUMNS,
    INTEGER_COLUMNS,
    check_table,
    decode_table,
    encode_table,
)

CELL_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=8)


def rows_of(name: str) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    """Rows that fit the columns of one table."""
    integers = st.none() | st.integers(-(2**63), 2**63 - 1)
    floats = st.none() | st.floats(allow_nan=False, allow_infinity=False)
    cells = [
        integers if c in INTEGER_COLUMNS else floats if c in FLOAT_COLUMNS else CELL_TEXT
        for c in COLUMNS[name]
    ]
    return st.lists(st.tuples(*cells), max_size=5)


@pytest.mark.parametrize("name", sorted(COLUMNS))
@given(data=st.data())
def test_tables_come_back(name: str, data: st.DataObject) -> None:
    """Rows of every table survive encoding and decoding, whatever stands in their text."""
    rows = data.draw(rows_of(name))
    encoded = encode_table(COLUMNS[name], rows)
    table = decode_table(encoded, name)

    assert table.columns == COLUMNS[name]
    assert list(table.rows) == rows
    assert encode_table(table.columns, table.rows) == encoded


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "a\rb", "\ud800"])
def test_what_a_table_cannot_hold_is_not_written(value: Any) -> None:
    """NaN, infinities, carriage returns and text that is not Unicode are refused."""
    with pytest.raises(Corrupt, match="a table cannot hold"):
        encode_table(("a", "b"), [(value, 1)])


HEAD = b"ts_ns,equity\n"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "equity.csv: line 1: the columns must be ts_ns,equity"),
        (b"equity,ts_ns\n", "equity.csv: line 1: the columns must be ts_ns,equity"),
        (b"\xff", "equity.csv: 'utf-8' codec"),
        (HEAD + b'1,"2.5', "equity.csv: unexpected end of data"),
        (HEAD + b"1,2.5\r3,4.5\n", "equity.csv: not in canonical form"),
        (HEAD + b"1\n", "equity.csv: line 2: 1 fields, not 2"),
        (HEAD + b"1,2.5\n\n", "equity.csv: line 3: 0 fields, not 2"),
        (HEAD + b"1.0,2.5\n", "equity.csv: line 2: invalid literal for int()"),
        (HEAD + b"1,x\n", "equity.csv: line 2: could not convert string to float"),
        (HEAD + b"9" * 5000 + b",1.0\n", "equity.csv: line 2: "),
        (HEAD + b"1,nan\n", "equity.csv: line 2: a table cannot hold nan"),
        (HEAD + b"1,1e400\n", "equity.csv: line 2: a table cannot hold inf"),
        (HEAD + b"1,2.50\n", "equity.csv: not in canonical form"),
        (HEAD + b"1,2\n", "equity.csv: not in canonical form"),
        (HEAD + b"1,2.5", "equity.csv: not in canonical form"),
        (HEAD + b"1,2.5\r\n", "equity.csv: not in canonical form"),
        (HEAD + b"+1,2.5\n", "equity.csv: not in canonical form"),
        (HEAD + b"1_0,2.5\n", "equity.csv: not in canonical form"),
        (HEAD + b'"1",2.5\n', "equity.csv: not in canonical form"),
        (b"\xef\xbb\xbf" + HEAD, "equity.csv: line 1: the columns must be"),
    ],
)
def test_loose_tables_are_refused_with_their_line(data: bytes, message: str) -> None:
    """Only bytes that the encoder would have written are read."""
    with pytest.raises(Corrupt) as caught:
        decode_table(data, "equity.csv")

    assert caught.value.message.startswith(message)


LOOSE = st.text(st.sampled_from('0123456789.-+e_ ",\n\r١naif'), max_size=6)


@given(st.lists(st.tuples(LOOSE, LOOSE) | st.tuples(LOOSE), max_size=3))
def test_the_short_way_judges_as_the_long_one(cells: list[tuple[str, ...]]) -> None:
    """A table that needs no quotes is not parsed; what is refused and read is the same."""
    data = HEAD + "".join(",".join(row) + "\n" for row in cells).encode()

    def judged(judge: Callable[[bytes, str], object]) -> object:
        try:
            return judge(data, "equity.csv")
        except Corrupt as e:
            return e.message

    with patch.object(tables, "_plain_cells", return_value=None):
        expected = judged(decode_table)

    assert judged(decode_table) == expected
    assert judged(check_table) == (expected if isinstance(expected, str) else None)


def test_missing_text_reads_as_empty_text() -> None:
    """A table has no way to tell None from empty text in a text column; numbers have."""
    rows = [(0, 1, None, "buy", None, 1.0, None)]
    table = decode_table(encode_table(COLUMNS["fills.csv"], rows), "fills.csv")

    assert table.rows == ((0, 1, "", "buy", None, 1.0, None),)


def test_floats_are_the_shortest_that_read_back() -> None:
    """Floats are written by repr: 0.1 + 0.2 keeps its last bit, 1e22 its exponent."""
    rows = [(1, 0.1 + 0.2), (2, 1e22), (3, -0.0), (4, sys.float_info.min)]

    assert encode_table(COLUMNS["equity.csv"], rows) == HEAD + (
        b"1,0.30000000000000004\n2,1e+22\n3,-0.0\n4,2.2250738585072014e-308\n"
    )
