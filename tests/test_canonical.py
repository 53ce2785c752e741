"""Canonical JSON, tables and the digests over them: one value, one encoding; strict reading."""

import json
import math
import sys
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_bt import canonical
from git_bt.canonical import (
    COLUMNS,
    FLOAT_COLUMNS,
    INTEGER_COLUMNS,
    MAX_DEPTH,
    MAX_DIGITS,
    check_table,
    decode_json,
    decode_table,
    encode_json,
    encode_table,
    environment_id,
    inputs_id,
    normalise,
    sha256,
    tape_sha256,
)
from git_bt.errors import Corrupt
from git_bt.model import EXECUTABLE, Member

A = "a" * 64
B = "b" * 64
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = (
    st.integers(1 - 10**MAX_DIGITS, 10**MAX_DIGITS - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
)
JSON = st.recursive(
    st.none() | TEXT | NUMBERS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def shuffled(value: Any) -> Any:
    """The same value with the keys of each object in the opposite order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in reversed(value)}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


# -- JSON -----------------------------------------------------------------------------------------


@given(JSON)
def test_json_comes_back(value: Any) -> None:
    """Decoding what was encoded gives the value, and encoding it again the same bytes."""
    data = encode_json(value)

    assert decode_json(data, "x") == value
    assert encode_json(decode_json(data, "x")) == data


@given(JSON)
def test_order_of_keys_is_no_information(value: Any) -> None:
    """Two dictionaries with the same items have the same bytes, whatever their order."""
    assert encode_json(shuffled(value)) == encode_json(value)


def test_json_is_sorted_tight_and_ends_with_a_newline() -> None:
    """Keys stand in order of code points, without blanks, in UTF-8, one newline at the end."""
    value = {"b": [1, 2.5, None, True], "ä": "€\n", "B": {}, "a": -0.0}

    assert encode_json(value) == '{"B":{},"a":-0.0,"b":[1,2.5,null,true],"ä":"€\\n"}\n'.encode()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, [math.nan], "\ud800"])
def test_what_json_cannot_hold_is_not_written(value: Any) -> None:
    """NaN, infinities and halves of surrogate pairs are refused when encoding."""
    with pytest.raises(Corrupt, match="cannot be written as JSON"):
        encode_json(value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"a":1,"a":2}', "x: key 'a' stands twice"),
        (b'{"a":1,"\\u0061":2}', "x: key 'a' stands twice"),
        (b"[NaN]", "x: NaN is not JSON"),
        (b"[-Infinity]", "x: -Infinity is not JSON"),
        (b"1e400", "x: number 1e400 is too large"),
        (b"-1e400", "x: number -1e400 is too large"),
        (b"1" * (MAX_DIGITS + 1), f"x: number of {MAX_DIGITS + 1} digits"),
        (b'"\xff"', "x: not UTF-8 at byte 1"),
        (b"\xef\xbb\xbf{}", "x: line 1, column 1: Unexpected UTF-8 BOM"),
        (b'{"a":\n 1,}', "x: line 2, column "),
        (b"", "x: line 1, column 1: Expecting value"),
        (b"{} {}", "x: line 1, column 4: Extra data"),
        (b'"\\ud800"', "x: half of a surrogate pair"),
        (b'{"\\ud800":1}', "x: half of a surrogate pair"),
        (b"[" * 100_000, f"x: nested deeper than {MAX_DEPTH}"),
        (b"[" * 100_000 + b"]" * 100_000, f"x: nested deeper than {MAX_DEPTH}"),
        (b'{"a":' * (MAX_DEPTH + 1) + b"0" + b"}" * (MAX_DEPTH + 1), "x: nested deeper than"),
    ],
)
def test_loose_json_is_refused_with_its_place(data: bytes, message: str) -> None:
    """Duplicate keys, NaN, huge numbers, deep nesting and bad text each get one clear line."""
    with pytest.raises(Corrupt) as caught:
        decode_json(data, "x")

    assert caught.value.message.startswith(message)
    assert "\n" not in caught.value.message


def test_limits_of_json_are_inclusive() -> None:
    """A number of MAX_DIGITS digits, below zero too, and MAX_DEPTH levels are still read."""
    number = 10 ** (MAX_DIGITS - 1)
    deep = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH

    assert decode_json(str(number).encode(), "x") == number
    assert decode_json(str(-number).encode(), "x") == -number
    assert encode_json(decode_json(deep, "x")) == deep + b"\n"


# -- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5.0, "5"),
        (-0.0, "0"),
        (0.5, "0.5"),
        (float(2**53 - 1), "9007199254740991"),
        (float(2**53), "9007199254740992.0"),
        (1e300, "1e+300"),
        (True, "true"),
        ({"a": (1.0, [2.0])}, '{"a":[1,[2]]}'),
    ],
)
def test_whole_floats_become_integers(value: Any, expected: str) -> None:
    """5 and 5.0 are one number in an id; floats that no longer count by one stay."""
    assert encode_json(normalise(value)).decode() == expected + "\n"


@given(JSON)
def test_normalising_twice_changes_nothing(value: Any) -> None:
    """A normalised value is its own normal form."""
    once = normalise(value)

    assert encode_json(normalise(once)) == encode_json(once)


# -- tables ---------------------------------------------------------------------------------------

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

    with patch.object(canonical, "_plain_cells", return_value=None):
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


# -- digests --------------------------------------------------------------------------------------


def test_tape_digest_sorts_by_path_component() -> None:
    """As pathlib does: `a/b` stands before `a-x`, though as text it would not."""
    line = {"a/b": A, "a-x": B}
    by_components = f"a/b\0{A}\na-x\0{B}\n".encode()

    assert tape_sha256({p: Member(sha256=s, size=1) for p, s in line.items()}) == sha256(
        by_components
    )
    assert sorted(line) == ["a-x", "a/b"]


def test_tape_digest_is_flox_own(tmp_path: Any) -> None:
    """The installed engine computes the same digest over a directory on disk."""
    bundle = pytest.importorskip("lrvx.bundle", reason="lrvx is not installed")
    files = {"manifest.json": b"{}", "a/b": b"1", "a-x": b"2", "z/é/ü": b"3"}
    for path, data in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    members = {p: Member(sha256=sha256(d), size=len(d)) for p, d in files.items()}

    assert tape_sha256(members) == bundle._sha256_dir(tmp_path)


INPUTS: dict[str, Any] = {
    "engine": "flox",
    "entry_point": "s.py",
    "files": {"s.py": Member(sha256=A, size=1)},
    "tape": B,
    "config": {"slippage_bps": 5},
}


@pytest.mark.parametrize(
    "change",
    [
        {"engine": "python"},
        {"entry_point": "t.py"},
        {"files": {"t.py": Member(sha256=A, size=1)}},
        {"files": {"s.py": Member(sha256=B, size=1)}},
        {"files": {"s.py": Member(sha256=A, size=1, mode=EXECUTABLE)}},
        {"tape": A},
        {"config": {"slippage_bps": 6}},
        {"config": {"slippage_bps": "5"}},
        {"config": {}},
        {"command": ["run"]},
        {"command": []},
        {"build": ["make"]},
    ],
)
def test_each_input_changes_the_inputs_id(change: dict[str, Any]) -> None:
    """Engine, entry point, files with mode, tape, config, command and build are inputs."""
    assert inputs_id(**INPUTS | change) != inputs_id(**INPUTS)


@pytest.mark.parametrize(
    "same",
    [
        {"config": {"slippage_bps": 5.0}},
        {"files": {"s.py": Member(sha256=A, size=999)}},
        {"command": None, "build": None},
    ],
)
def test_what_is_no_input_keeps_the_inputs_id(same: dict[str, Any]) -> None:
    """5 and 5.0 are one, and a size follows from the digest."""
    assert inputs_id(**INPUTS | same) == inputs_id(**INPUTS)


def test_inputs_id_is_the_digest_of_canonical_json() -> None:
    """Anyone can compute the inputs id with a JSON writer and sha256."""
    value = {
        "config": {"slippage_bps": 5},
        "engine": "flox",
        "entry_point": "s.py",
        "files": {"s.py": {"mode": "100644", "sha256": A}},
        "tape": B,
    }
    text = json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n"

    assert inputs_id(**INPUTS) == sha256(text.encode())


def test_environment_id_knows_python_by_minor_version() -> None:
    """3.11.7 and 3.11.9 are one environment; 3.12, another engine or package are not."""
    here = environment_id("3.11.7", "0.11.0", {"numpy": "2.4.6"})
    others = {
        environment_id("3.12.1", "0.11.0", {"numpy": "2.4.6"}),
        environment_id("3.11.7", "0.10.0", {"numpy": "2.4.6"}),
        environment_id("3.11.7", "0.11.0", {"numpy": "2.4.5"}),
        environment_id("3.11.7", "0.11.0", {}),
    }

    assert environment_id("3.11.9", "0.11.0", {"numpy": "2.4.6"}) == here
    assert len(others | {here}) == 5
