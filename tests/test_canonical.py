"""Canonical JSON and the digests over it: one value, one encoding; strict reading."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_bt.canonical import (
    MAX_DEPTH,
    MAX_DIGITS,
    decode_json,
    encode_json,
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
