"""Verdicts: what is equal, what a tolerance covers, and that each difference is named exactly."""

import copy
import math
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_bt.canonical import encode_json
from git_bt.compare import TOLERABLE, compare, compare_values, environment_changes, ulps
from git_bt.comparison import Difference, PackageChange
from git_bt.errors import Corrupt
from git_bt.model import EngineVersion, Environment, Output, Tolerance, Verdict
from git_bt.tables import COLUMNS, FLOAT_COLUMNS, INTEGER_COLUMNS, encode_table

T0 = 1_700_000_000_000_000_000
WIDE = dict.fromkeys(TOLERABLE, Tolerance(atol=1e300))


def fills(*prices: float, **changed: Any) -> Output:
    """Fills one second apart at these prices; `changed` replaces a column of the last row."""
    rows = [[i, T0 + i * 10**9, "BTCUSDT", "buy", p, 1.0, 0.0] for i, p in enumerate(prices)]
    for column, value in changed.items():
        rows[-1][COLUMNS["fills.csv"].index(column)] = value
    return {"fills.csv": encode_table(COLUMNS["fills.csv"], rows)}


def summary(**values: Any) -> Output:
    return {"summary.json": encode_json(values)}


# -- exactness ------------------------------------------------------------------------------------


def test_the_first_difference_is_named_with_time_ticks_and_ulps() -> None:
    """A price off by a tick reads as in the issue."""
    expected = fills(*[100.0] * 17, 49981.11)
    actual = fills(*[100.0] * 17, 49981.12)

    found = compare(expected, actual, tick_size=0.01)

    assert found.verdict is Verdict.DIVERGED
    assert found.differences == (
        Difference(
            path="fills[17].price", row=17, ts_ns=T0 + 17 * 10**9, expected=49981.11,
            actual=49981.12, detail="1 tick, 1.4e9 ulps",
        ),
    )  # fmt: skip
    assert found.more == {}


def test_further_differences_are_counted_by_field() -> None:
    """What is not shown is counted, whole rows apart."""
    expected = fills(1.0, 2.0, 3.0, 4.0)
    actual = fills(1.5, 2.5, 3.5, side="sell")

    found = compare(expected, actual)

    assert [d.path for d in found.differences] == ["fills[0].price", "fills.count"]
    assert found.more == {"fills.price": 2, "fills.side": 1, "fills.rows": 1}


def test_a_missing_last_row_is_said_with_its_time_and_the_counts() -> None:
    """Rows that one side does not have are differences too."""
    found = compare(fills(1.0, 2.0), fills(1.0))

    assert found.differences == (
        Difference(
            path="fills[1]", row=1, ts_ns=T0 + 10**9,
            expected=f"1,{T0 + 10**9},BTCUSDT,buy,2.0,1.0,0.0", actual=None,
            detail="row is missing",
        ),
        Difference(path="fills.count", row=None, ts_ns=None, expected=2, actual=1),
    )  # fmt: skip


def test_a_new_row_is_said() -> None:
    """The time is the actual row's when there is no expected one."""
    found = compare(fills(1.0), fills(1.0, 2.0))

    first = found.differences[0]

    assert (first.path, first.ts_ns, first.expected, first.detail) == (
        "fills[1]", T0 + 10**9, None, "row is new",
    )  # fmt: skip


@pytest.mark.parametrize("side", ["expected", "actual"])
@pytest.mark.parametrize("name", ["orders.csv", "equity.csv", "summary.json", "other.bin"])
def test_an_output_on_one_side_only_is_a_difference(name: str, side: str) -> None:
    """Also an empty one."""
    with_it = {**fills(1.0), name: b"{}\n"}
    pair = (with_it, fills(1.0)) if side == "expected" else (fills(1.0), with_it)

    found = compare(*pair, tolerances=WIDE)

    assert found.verdict is Verdict.DIVERGED
    assert found.differences[0].detail == f"{name} is {'missing' if side == 'expected' else 'new'}"


def test_the_engines_own_trace_is_not_judged() -> None:
    """It holds bookkeeping that the rows say better."""
    found = compare({**fills(1.0), "run.floxrun/fills.bin": b"a"}, fills(1.0))

    assert found.verdict is Verdict.REPRODUCED


def test_outputs_come_in_a_fixed_order() -> None:
    """Fills first, the summary last, whatever the order of the mapping."""
    equity = encode_table(("ts_ns", "equity"), [(T0, 1.0)])
    expected = {**summary(trade_count=1), "equity.csv": equity, **fills(1.0)}
    actual = {**summary(trade_count=2), "equity.csv": equity.replace(b"1.0", b"2.0"), **fills(2.0)}

    found = compare(expected, actual, limit=None)

    assert [d.path for d in found.differences] == [
        "fills[0].price", "equity[0].equity", "summary.trade_count",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "actual", "detail"),
    [
        (0.0, -0.0, "other sign of zero"),
        (1.0, math.nextafter(1.0, 2.0), "1 ulp"),
        (5e-324, -5e-324, "2 ulps"),
        (1.0, 1.0 + 9998 * 2.0**-52, "9998 ulps"),
        (1.0, 1.0 + 10000 * 2.0**-52, "1e4 ulps"),
    ],
)
def test_floats_are_exact_to_the_last_bit(expected: float, actual: float, detail: str) -> None:
    """Exact is the same bytes: even the sign of zero, as another byte is another bundle."""
    found = compare(fills(1.0, fee=expected), fills(1.0, fee=actual))

    assert [d.detail for d in found.differences] == [detail]


@pytest.mark.parametrize(
    ("expected", "actual", "tick", "ticks"),
    [
        (100.0, 100.5, 0.25, "2 ticks, "),
        (100.0, 100.3, 0.25, ""),
        (49981.11, 49981.119999999995, 0.01, "1 tick, "),
        (100.0, math.nextafter(100.0, 101), 0.01, ""),
        (100.0, 100.5, None, ""),
        (100.0, 100.5, 0.0, ""),
        (100.0, 100.5, -0.5, ""),
        (100.0, 100.5, math.nan, ""),
        (100.0, 100.5, "0.5", ""),
        (1e300, 1.5e300, 0.01, ""),
    ],
)
def test_ticks_are_said_only_when_whole(
    expected: float, actual: float, tick: float | None, ticks: str
) -> None:
    """A difference that is no whole number of ticks, within rounding, is said in ulps alone."""
    found = compare(fills(expected), fills(actual), tick_size=tick)

    detail = found.differences[0].detail

    assert detail.startswith(ticks) if ticks else "tick" not in detail


@pytest.mark.parametrize(
    ("off", "said"),
    [
        (1, "1 ns later"),
        (-9_999, "9999 ns earlier"),
        (10_000, "0.00001 s later"),
        (-15 * 10**9, "15 s earlier"),
        (3600 * 10**9 + 1, "3600.000000001 s later"),
    ],
)
def test_times_are_apart_by_a_duration(off: int, said: str) -> None:
    """Exactly, whatever the size."""
    found = compare(fills(1.0, ts_ns=T0), fills(1.0, ts_ns=T0 + off))

    assert [d.detail for d in found.differences] == [said]


def test_a_quoted_newline_does_not_shift_rows() -> None:
    """A symbol may hold any character."""
    expected = fills(1.0, 2.0, symbol='a\n"b"')
    actual = fills(1.5, 2.0, symbol='a\n"c"')

    found = compare(expected, actual, limit=None)

    assert [d.path for d in found.differences] == ["fills[0].price", "fills[1].symbol"]


def test_malformed_bytes_are_corrupt_and_the_line_is_the_files() -> None:
    """A table that cannot be read is no divergence."""
    good = fills(1.0, 2.0, 3.0)
    bad = {"fills.csv": good["fills.csv"].replace(b",3.0,", b",x,")}

    with pytest.raises(Corrupt, match=r"fills\.csv: line 4"):
        compare(good, bad)


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data.partition(b"\n")[0],
        lambda data: data.replace(b"seq", b"row"),
        lambda data: data.replace(b"buy", b'"buy"'),
        lambda data: data.replace(b"buy", b'"buy'),
        lambda data: data.replace(b"2.0", b"2"),
        lambda data: data + b"\n",
    ],
)
def test_a_table_that_is_not_canonical_is_corrupt(spoil: Any, *, swap: bool) -> None:
    """Whichever side it is on."""
    good = fills(1.0, 2.0)
    pair = (good, {"fills.csv": spoil(good["fills.csv"])})

    with pytest.raises(Corrupt, match=r"fills\.csv"):
        compare(*(pair[::-1] if swap else pair))


def test_json_spelled_otherwise_is_a_difference() -> None:
    """Other bytes are another bundle id, so they are never called reproduced."""
    found = compare({"summary.json": b'{"a":1}\n'}, {"summary.json": b'{"a": 1}\n'})

    assert (found.verdict, found.differences[0].detail) == (Verdict.DIVERGED, "other bytes")


# -- tolerance ------------------------------------------------------------------------------------


def test_within_tolerance_shows_what_was_tolerated() -> None:
    """The first is shown, the rest counted."""
    tolerances = {"price": Tolerance(atol=0.01)}

    found = compare(fills(1.0, 2.0), fills(1.01, 2.01), tolerances=tolerances)

    assert found.verdict is Verdict.WITHIN_TOLERANCE
    assert [d.path for d in found.differences] == ["fills[0].price"]
    assert found.more == {"fills.price": 1}


def test_tolerated_differences_do_not_hide_the_first_that_is_not() -> None:
    """Diverged shows and counts only what no tolerance covers."""
    tolerances = {"price": Tolerance(atol=0.01)}

    found = compare(fills(1.0, 2.0, 3.0), fills(1.01, 2.5, 3.5), tolerances=tolerances)

    assert [d.path for d in found.differences] == ["fills[1].price"]
    assert found.more == {"fills.price": 1}


@pytest.mark.parametrize(
    ("tolerance", "actual", "verdict"),
    [
        (Tolerance(atol=0.01), 49981.12, Verdict.WITHIN_TOLERANCE),  # in binary it is more
        (Tolerance(atol=0.0099), 49981.12, Verdict.DIVERGED),
        (Tolerance(rtol=1e-6), 49981.11 * (1 + 0.9e-6), Verdict.WITHIN_TOLERANCE),
        (Tolerance(rtol=1e-6), 49981.11 * (1 + 1.1e-6), Verdict.DIVERGED),
        (Tolerance(), 49981.12, Verdict.DIVERGED),
        (Tolerance(atol=math.inf), 49981.12, Verdict.DIVERGED),
        (Tolerance(rtol=math.nan), 49981.12, Verdict.DIVERGED),
    ],
)
def test_tolerance_is_measured_on_the_decimals(
    tolerance: Tolerance, actual: float, verdict: Verdict
) -> None:
    """|a - e| <= atol + rtol * |e|, as a person would compute it."""
    found = compare(fills(49981.11), fills(actual), tolerances={"price": tolerance})

    assert found.verdict is verdict


def test_summary_numbers_are_tolerated_by_name_and_counts_never() -> None:
    """A field of the summary is exact unless it is one of the four."""
    expected = summary(equity=100.0, sharpe=1.0, trade_count=3)

    within = compare(expected, summary(equity=101.0, sharpe=1.0, trade_count=3), tolerances=WIDE)
    beyond = compare(expected, summary(equity=100.0, sharpe=1.1, trade_count=4), tolerances=WIDE)

    assert within.verdict is Verdict.WITHIN_TOLERANCE
    assert [d.path for d in beyond.differences] == ["summary.sharpe"]
    assert beyond.more == {"summary.trade_count": 1}


# -- properties -----------------------------------------------------------------------------------

numbers = st.floats(allow_nan=False, allow_infinity=False)


def cell(column: str) -> st.SearchStrategy[Any]:
    if column in INTEGER_COLUMNS:
        return st.integers(0, 2**63 - 1)
    if column in FLOAT_COLUMNS:
        return numbers
    return st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r"), max_size=5)


@st.composite
def outputs(draw: st.DrawFn) -> dict[str, list[list[Any]]]:
    """Rows of some of the tables, at least one row in all."""
    names = draw(st.sets(st.sampled_from(sorted(COLUMNS)), min_size=1))
    return {
        name: draw(st.lists(st.tuples(*map(cell, COLUMNS[name])).map(list), min_size=1, max_size=6))
        for name in sorted(names)
    }


def encoded(tables: dict[str, list[list[Any]]]) -> Output:
    return {name: encode_table(COLUMNS[name], rows) for name, rows in tables.items()}


@settings(max_examples=40)
@given(outputs())
def test_an_output_reproduces_itself(tables: dict[str, list[list[Any]]]) -> None:
    """Equal bytes are reproduced, with nothing to show."""
    found = compare(encoded(tables), encoded(copy.deepcopy(tables)))

    assert (found.verdict, found.differences, found.more) == (Verdict.REPRODUCED, (), {})


@settings(max_examples=60)
@given(st.data())
def test_any_changed_cell_is_named_exactly(data: st.DataObject) -> None:
    """One cell is one difference: its path, row and both values; no tolerance hides the rest."""
    tables = data.draw(outputs())
    name = data.draw(st.sampled_from(sorted(tables)))
    row = data.draw(st.integers(0, len(tables[name]) - 1))
    column = data.draw(st.sampled_from(COLUMNS[name]))
    at = COLUMNS[name].index(column)
    before = tables[name][row][at]
    after = data.draw(cell(column).filter(lambda v: repr(v) != repr(before)))
    changed = copy.deepcopy(tables)
    changed[name][row][at] = after

    exact = compare(encoded(tables), encoded(changed), limit=None)
    wide = compare(encoded(tables), encoded(changed), tolerances=WIDE, limit=None)

    assert exact.verdict is Verdict.DIVERGED
    assert [(d.path, d.row, d.expected, d.actual) for d in exact.differences] == [
        (f"{name.removesuffix('.csv')}[{row}].{column}", row, before, after)
    ]
    if column not in TOLERABLE:
        assert wide == exact


@settings(max_examples=40)
@given(outputs(), st.data())
def test_no_tolerance_hides_a_missing_row(
    tables: dict[str, list[list[Any]]], data: st.DataObject
) -> None:
    """A count is exact."""
    name = data.draw(st.sampled_from(sorted(tables)))
    shorter = copy.deepcopy(tables)
    del shorter[name][data.draw(st.integers(0, len(tables[name]) - 1))]

    found = compare(encoded(tables), encoded(shorter), tolerances=WIDE, limit=None)

    assert found.verdict is Verdict.DIVERGED
    assert f"{name.removesuffix('.csv')}.count" in [d.path for d in found.differences]


@given(numbers, numbers)
def test_ulps_count_the_doubles_between(a: float, b: float) -> None:
    """Symmetric, zero only for equal, and one to the next double."""
    assert ulps(a, b) == ulps(b, a)
    assert (ulps(a, b) == 0) == (a == b)
    assert ulps(a, math.nextafter(a, 0.0)) == (a != 0)
    if a > 0 and b > 0:
        bits = [struct.unpack("<q", struct.pack("<d", x))[0] for x in (a, b)]

        assert ulps(a, b) == abs(bits[0] - bits[1])


# -- nested values --------------------------------------------------------------------------------

LEGACY = {
    "fill_count": 2,
    "fills": [
        {"price": 100.0, "quantity": 1.0, "side": "buy", "symbol": 1},
        {"price": 101.0, "quantity": 1.0, "side": "sell", "symbol": 1},
    ],
    "total_filled_quantity": 2.0,
    "trade_count": 3,
}


def changed(path: tuple[Any, ...], value: Any) -> Any:
    result = copy.deepcopy(LEGACY)
    *way, last = path
    place: Any = result
    for step in way:
        place = place[step]
    place[last] = value
    return result


@pytest.mark.parametrize(
    ("path", "value", "said", "row", "ts_ns"),
    [
        (("fills", 1, "price"), 999.0, "fills[1].price", 1, T0 + 1),
        (("trade_count",), 4, "trade_count", None, None),
        (("fills", 0, "side"), "sell", "fills[0].side", 0, T0),
        (("fills", 0, "symbol"), True, "fills[0].symbol", 0, T0),
        (("unknown.key",), 1, '["unknown.key"]', None, None),
        (("fills", 0, "maker"), None, "fills[0].maker", 0, T0),
        (("total_filled_quantity",), [2.0], "total_filled_quantity", None, None),
    ],
)
def test_nested_paths(
    path: tuple[Any, ...], value: Any, said: str, row: int | None, ts_ns: int | None
) -> None:
    """Each difference is named by its path; times of fills are looked up by row."""
    found = compare_values(LEGACY, changed(path, value), times=[T0, T0 + 1], limit=None)

    assert found.verdict is Verdict.DIVERGED
    assert [(d.path, d.row, d.ts_ns) for d in found.differences] == [(said, row, ts_ns)]


def test_nested_numbers_are_equal_by_value() -> None:
    """A foreign writer may say 2 or 2.0, 0.0 or -0.0."""
    found = compare_values(LEGACY, changed(("total_filled_quantity",), 2))

    assert found.verdict is Verdict.REPRODUCED
    assert compare_values([0.0], [-0.0]).verdict is Verdict.REPRODUCED


def test_nested_counts_stand_behind_the_first_row() -> None:
    """A shorter list is said by its first missing row and both counts."""
    shorter = {**LEGACY, "fills": LEGACY["fills"][:1]}  # type: ignore[index]

    found = compare_values(LEGACY, shorter, path="expected", times=[T0, T0 + 1])

    assert [(d.path, d.ts_ns, d.actual) for d in found.differences] == [
        ("expected.fills[1]", T0 + 1, None),
        ("expected.fills.count", None, 1),
    ]
    assert (
        found.differences[0].expected == '{"price":101.0,"quantity":1.0,"side":"sell","symbol":1}'
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@given(json_values, json_values)
def test_json_is_reproduced_only_by_its_equal(a: Any, b: Any) -> None:
    """Equal by value, true no 1; whatever differs is named by at least one path."""
    same, other = compare_values(a, copy.deepcopy(a)), compare_values(a, b, limit=None)

    assert same.verdict is Verdict.REPRODUCED
    assert (other.verdict is Verdict.REPRODUCED) == (without_bool(a) == without_bool(b))
    assert bool(other.differences) == (other.verdict is Verdict.DIVERGED)


def without_bool(value: Any) -> Any:
    """Make true and false something that equals no number."""
    if isinstance(value, bool):
        return f"bool {value}"
    if isinstance(value, list):
        return [without_bool(v) for v in value]
    if isinstance(value, dict):
        return {k: without_bool(v) for k, v in value.items()}
    return value


# -- environment ----------------------------------------------------------------------------------


def environment(python: str, engine: str, **packages: str) -> Environment:
    version = EngineVersion(name="flox", version=engine)
    return Environment(python=python, engine=version, packages=packages, platform="linux")


def test_environment_changes_name_each_once() -> None:
    """The engine is its distribution: it is not said twice."""
    recorded = environment("3.11.7", "0.10.0", lrvx="0.10.0", numpy="2.4.6", gone="1")
    here = environment("3.12.1", "0.11.0", lrvx="0.11.0", numpy="2.4.6", new="2")

    assert environment_changes(recorded, here) == (
        PackageChange(name="python", recorded="3.11.7", here="3.12.1"),
        PackageChange(name="gone", recorded="1", here=None),
        PackageChange(name="lrvx", recorded="0.10.0", here="0.11.0"),
        PackageChange(name="new", recorded=None, here="2"),
    )


def test_an_engine_that_is_no_loaded_distribution_is_named_itself() -> None:
    """And another patch of Python is no change, as in the environment id."""
    found = environment_changes(environment("3.11.7", "1"), environment("3.11.9", "2"))

    assert found == (PackageChange(name="flox", recorded="1", here="2"),)
