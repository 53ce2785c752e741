"""A tape that grew, and an output that is the old one up to there: the pure part, by bytes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_bt.canonical import encode_json, sha256
from git_bt.compare.extension import (
    Growth,
    compare_extended,
    ends_a_row,
    growth,
    tape_end,
)
from git_bt.flox_layout.segment import HEAD, segment_times
from git_bt.model import Member, Tolerance, Verdict
from git_bt.tables import COLUMNS, encode_table

END = 100


def members(files: dict[str, bytes]) -> dict[str, Member]:
    return {p: Member(sha256=sha256(data), size=len(data)) for p, data in files.items()}


def grew(old: dict[str, bytes], new: dict[str, bytes]) -> Growth:
    """Say what became of a tape whose bytes are at hand."""

    def begins_with(path: str, member: Member) -> bool:
        data, size = new[path], member.size
        same = sha256(data[:size]) == member.sha256
        return same and ends_a_row(data[:size], data[size - 1 : size], data[size : size + 1])

    return growth(members(old), members(new), begins_with)


def fills(*rows: tuple[Any, ...]) -> bytes:
    """Return fills.csv with rows of (ts_ns, price)."""
    table = [(i, ts, "X", "buy", price, 1.0, 0.0) for i, (ts, price) in enumerate(rows)]
    return encode_table(COLUMNS["fills.csv"], table)


def extended(old: bytes, new: bytes, name: str = "fills.csv", **options: Any) -> tuple[str, int]:
    found = compare_extended({name: old}, {name: new}, END, **({"tolerances": {}} | options))
    return str(found.comparison.verdict), found.new_fills


# -- the tape -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ({"a": b"1\n"}, {"a": b"1\n"}, Growth()),
        ({"a": b"1\n"}, {"a": b"1\n", "b": b""}, Growth(added=("b",))),
        ({"a": b"1\n"}, {"a": b"1\n2\n"}, Growth(grown=("a",))),
        ({"a": b"1\n"}, {"a": b"1\r\n2\n"}, Growth(restated=("a",))),
        ({"a": b"1"}, {"a": b"1\n2"}, Growth(grown=("a",))),
        ({"a": b"1"}, {"a": b"12"}, Growth(restated=("a",))),
        ({"a": b"\0\1"}, {"a": b"\0\1\2"}, Growth(grown=("a",))),
        ({"a": b""}, {"a": b"1\n"}, Growth(grown=("a",))),
        ({"a": b"1\n2\n"}, {"a": b"1\n"}, Growth(restated=("a",))),
        ({"a": b"1\n"}, {"a": b"2\n"}, Growth(restated=("a",))),
        ({"a": b"1\n"}, {"b": b"1\n"}, Growth(restated=("a",), added=("b",))),
        ({"metadata.json": b"{}"}, {"metadata.json": b"{1}", "a": b""}, Growth(added=("a",))),
        ({"metadata.json": b"{}", "a": b""}, {"a": b""}, Growth()),
        ({"s/metadata.json": b""}, {"s/metadata.json": b"0"}, Growth(grown=("s/metadata.json",))),
    ],
)  # fmt: skip
def test_growth_is_decided_by_bytes(
    old: dict[str, bytes], new: dict[str, bytes], found: Growth
) -> None:
    """Added, grown behind a whole row, or restated; only the index at the top may change freely."""
    assert grew(old, new) == found
    assert grew(old, new).is_none == (found == Growth())


TAPES = st.dictionaries(st.sampled_from("abcd"), st.binary(max_size=6), max_size=4)


@given(TAPES, TAPES)
def test_growth_misses_no_change(old: dict[str, bytes], new: dict[str, bytes]) -> None:
    """Without a restated file every old byte is there, and each file is told once."""
    found = grew(old, new)
    told = [*found.restated, *found.grown, *found.added]

    assert sorted(told) == sorted(p for p in {**old, **new} if old.get(p) != new.get(p))
    for path, data in old.items():
        assert path in found.restated or new[path].startswith(data)


@pytest.mark.parametrize(
    ("summary", "end"),
    [
        ({"symbols": {"X": {"last_ts_ns": 5}}}, 5),
        ({"symbols": {"X": {"last_ts_ns": 5}, "Y": {"last_ts_ns": 7}}}, 7),
        ({"symbols": {"X": {"last_ts_ns": 5}, "Y": {}}}, None),
        ({"symbols": {"X": {"last_ts_ns": 5.0}}}, None),
        ({"symbols": {"X": {"last_ts_ns": True}}}, None),
        ({"symbols": {"X": 1}}, None),
        ({"symbols": {}}, None),
        ({"symbols": []}, None),
        ({}, None),
        ([], None),
    ],
)
def test_the_end_of_a_tape_is_what_the_engine_says(summary: Any, end: int | None) -> None:
    """Of every symbol or not at all: the last fill is no end of a tape."""
    assert tape_end({"summary.json": encode_json(summary)}) == end


def test_no_summary_is_no_end() -> None:
    """Not there, or not readable."""
    assert tape_end({}) is tape_end({"summary.json": b"{"}) is None


def test_a_segment_says_when_it_begins() -> None:
    """The header of the real engine's segments; anything else says nothing."""
    head = (
        b"FLOX\x01\x00\x09\x00" + (7).to_bytes(8, "little") + (5).to_bytes(8, "little")
        + (9).to_bytes(8, "little") + (3).to_bytes(8, "little")
    ).ljust(HEAD, b"\0")  # fmt: skip

    assert segment_times("a.lrvx", head) == segment_times("a.floxlog", head) == (5, 9)
    assert segment_times("a.csv", head) is None
    assert segment_times("a.lrvx", head[:30]) is None
    assert segment_times("a.lrvx", b"FRUN" + head[4:]) is None
    assert segment_times("a.lrvx", head[:4] + b"\2" + head[5:]) is None
    assert segment_times("a.lrvx", head[:32] + bytes(32)) is None
    assert segment_times("a.lrvx", head[:16] + head[24:32] + head[16:24] + head[32:]) is None


# -- the output -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "verdict", "count"),
    [
        ([(1, 1.0)], [(1, 1.0)], "reproduced", 0),
        ([(1, 1.0)], [(1, 1.0), (101, 2.0)], "reproduced", 1),
        ([], [(101, 2.0), (102, 2.0)], "reproduced", 2),
        ([(100, 1.0)], [(100, 1.0), (101, 2.0)], "reproduced", 1),
        ([(1, 1.0)], [(1, 1.0), (100, 2.0)], "diverged", 0),  # look-ahead within the old tape
        ([(1, 1.0)], [(1, 1.0), (101, 2.0), (100, 2.0)], "diverged", 0),
        ([(1, 1.0)], [(1, 1.5), (101, 2.0)], "diverged", 1),
        ([(1, 1.0), (2, 1.0)], [(1, 1.0), (101, 2.0)], "diverged", 1),
        ([(1, 1.0), (101, 1.0)], [(1, 1.0), (101, 1.0)], "reproduced", 0),
    ],
)
def test_the_old_rows_come_first_and_the_new_ones_later(
    old: list[Any], new: list[Any], verdict: str, count: int
) -> None:
    """Whatever differs at or before the old end is a difference."""
    assert extended(fills(*old), fills(*new)) == (verdict, count)


ROWS = st.lists(st.tuples(st.integers(1, 2 * END), st.sampled_from([1.0, 2.0])), max_size=5)


@given(ROWS, ROWS)
def test_extended_means_what_it_says(old: Any, new: Any) -> None:
    """Reproduced exactly when the old rows are the first, and every other is after the end."""
    old = [(ts % END + 1, price) for ts, price in old]
    verdict, count = extended(fills(*old), fills(*new))
    is_extension = new[: len(old)] == old and all(ts > END for ts, _ in new[len(old) :])

    assert (verdict == "reproduced") == is_extension
    if is_extension:
        assert count == len(new) - len(old)


@given(ROWS, ROWS)
def test_what_was_appended_is_an_extension(old: Any, more: Any) -> None:
    """The fast way, by the beginning of the bytes, and the slow one agree."""
    old = [(ts % END + 1, price) for ts, price in old]
    new = old + [(ts + END, price) for ts, price in more]

    assert extended(fills(*old), fills(*new)) == ("reproduced", len(more))


def test_a_tolerance_holds_up_to_the_old_end() -> None:
    """What is within it is shown, and is no extension."""
    close = {"tolerances": {"price": Tolerance(atol=0.1)}, "limit": None}

    assert extended(fills((1, 1.0)), fills((1, 1.05), (101, 9.0)), **close) == (
        "within-tolerance", 1,
    )  # fmt: skip
    assert extended(fills((1, 1.0)), fills((1, 1.2), (101, 9.0)), **close)[0] == "diverged"


def test_every_table_counts_and_totals_do_not() -> None:
    """Equity, orders and signals as fills; a table on one side only; the trace never."""
    equity = [
        encode_table(COLUMNS["equity.csv"], rows)
        for rows in ([(1, 5.0)], [(1, 5.0), (101, 6.0)], [(1, 5.0), (2, 6.0)])
    ]
    summary = {"summary.json": b"1\n"}, {"summary.json": b"2\n"}
    trace = {"run.floxrun/manifest.json": b"1"}, {"run.floxrun/manifest.json": b"2"}

    assert extended(equity[0], equity[1], "equity.csv") == ("reproduced", 0)
    assert extended(equity[0], equity[2], "equity.csv")[0] == "diverged"
    assert extended(b"x", b"y", "other.txt")[0] == "diverged"
    for old, new in (summary, trace):
        found = compare_extended(old, new, END, tolerances={})
        assert found.comparison.verdict is Verdict.REPRODUCED
    found = compare_extended({"fills.csv": fills()}, {}, END, tolerances={})
    assert found.comparison.verdict is Verdict.DIVERGED
