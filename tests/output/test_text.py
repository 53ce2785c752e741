"""Texts for people: golden, safe, within the width, with or without colour and Unicode."""

import dataclasses
import io
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_bt.comparison import PackageChange, Validation
from git_bt.output import words
from git_bt.output.progress import progress
from git_bt.output.style import color_wanted
from git_bt.output.tables import columns
from git_bt.output.text import iso_time, plain, render
from git_bt.reports import BundleRow, ListReport, ValidateReport
from git_bt.sweeping import BestReport
from output.report_samples import DIVERGED, GOLDEN, PRICE, REPORTS, REPRODUCED, A

PAINT = re.compile("\x1b\\[[0-9;]*m")
DIVERGENCE = (
    "fills[17].price: expected 49981.11 actual 49981.12 at 2023-11-14T22:13:38.000000123Z, "
    "1 tick, 1.4e9 ulps"
)


def text(report: Any, **options: Any) -> str:
    return render(report, **{"encoding": "utf-8"} | options)


def of(**values: Any) -> ValidateReport:
    return ValidateReport(bundles=(dataclasses.replace(DIVERGED, **values),))


# -- golden ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REPORTS)
def test_text_is_golden(name: str) -> None:
    """Each report reads as in its file; `report_samples.py` writes them anew."""
    assert text(REPORTS[name]) == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_every_golden_file_belongs_to_a_report() -> None:
    """A text that nothing renders any more is deleted."""
    assert {p.stem for p in GOLDEN.glob("*.txt")} == REPORTS.keys()


@pytest.mark.parametrize("name", REPORTS)
def test_everything_but_a_difference_fits_80_columns(name: str) -> None:
    """A difference stays on one line, so that it can be searched for."""
    lines = text(REPORTS[name]).splitlines()

    assert [x for x in lines if len(x) > 80 and ": expected " not in x] == []


@pytest.mark.parametrize("name", REPORTS)
def test_colour_adds_only_paint(name: str) -> None:
    """Meaning never rests on colour."""
    report = REPORTS[name]
    painted = text(report, color=True)

    assert PAINT.sub("", painted) == text(report)
    assert "\x1b" not in text(report)


# -- divergence -----------------------------------------------------------------------------------


def test_a_divergence_reads_as_promised() -> None:
    """The first difference in full, then how many more by field."""
    lines = text(of()).splitlines()

    assert f"    {DIVERGENCE}" in lines
    assert "    388 more: 200 in fills.price, 187 in fills.quantity, 1 in fills.rows" in lines


def test_differences_beyond_ten_are_counted_unless_all_are_asked_for() -> None:
    """What is not shown is in the count, by field."""
    many = tuple(dataclasses.replace(PRICE, path=f"fills[{i}].price") for i in range(25))
    gone = dataclasses.replace(PRICE, path="fills[25]", detail="row is missing")
    report = of(differences=(*many, gone), more={"orders.price": 1})

    some, every = text(report), text(report, all_differences=True)

    assert (some.count(": expected"), every.count(": expected")) == (10, 26)
    assert "17 more: 15 in fills.price, 1 in orders.price, 1 in fills.rows" in some
    assert "git bt validate --all-differences strategies/ema" in some
    assert "--all-differences" not in every


def test_a_time_that_differs_is_shown_as_time() -> None:
    """Both values are readable, and no third time confuses."""
    late = dataclasses.replace(
        PRICE, path="fills[0].ts_ns", expected=PRICE.ts_ns, actual=0, detail="1 s earlier"
    )

    assert (
        "fills[0].ts_ns: expected 2023-11-14T22:13:38.000000123Z "
        "actual 1970-01-01T00:00:00.000000000Z, 1 s earlier\n"
    ) in text(of(differences=(late,)))


def test_counts_by_field_are_not_torn_apart() -> None:
    """A line ends behind a comma."""
    more = {f"orders.field_{i}": i + 1 for i in range(20)}
    lines = text(of(more=more)).splitlines()
    counts = lines[lines.index(next(x for x in lines if " more: " in x)) : -1]

    assert len(counts) > 3
    assert [x for x in counts[:-1] if not x.endswith(",")] == []


def test_a_long_value_is_cut_unless_all_is_asked_for() -> None:
    """The cut is marked."""
    report = of(differences=(dataclasses.replace(PRICE, expected="x" * 500),))

    assert "x" * 59 + "… actual" in text(report)
    assert "x" * 500 + " actual" in text(report, all_differences=True)


def test_many_changed_packages_are_counted() -> None:
    """Six are named, the rest counted, so that the difference stays in sight."""
    changes = tuple(PackageChange(name=f"p{i}", recorded="1", here="2") for i in range(9))
    report = of(environment=changes)

    assert text(report).count("ran on p") == 6
    assert "and 3 other packages that differ" in text(report)
    assert text(report, all_differences=True).count("ran on p") == 9


def test_a_name_that_a_shell_would_split_is_quoted_in_the_hint() -> None:
    """The hint can be pasted."""
    assert "--all-differences 'my strategy; ls'" in text(of(name="my strategy; ls"))


# -- safety ---------------------------------------------------------------------------------------

BARE = {
    "sweep-ls_nothing",
    "validate_nothing",
    "log_empty",
    "status_empty",
    "ls-conflicts_none",
    "ls_empty",
    "diff_equal",
    "fsck",
    "engines_none",
}
BARE |= {"record_empty", "record_nothing", "accept_nothing"}
BARE |= {"init_again", "init_undo_nothing", "gate_nothing"}
EVIL = "\x1b]0;x\x07\x9b31m\u202e\u2028\r\n\0\ud800\x7f"


@pytest.mark.parametrize("name", REPORTS)
def test_no_control_character_of_a_stranger_reaches_the_terminal(name: str) -> None:
    """Every text field of every report is filled with them."""
    shown = text(poisoned(REPORTS[name]), all_differences=True)

    assert [c for c in shown if c != "\n" and words._UNSAFE.match(c)] == []
    assert "\\x1b]0;x" in shown or name in BARE


def poisoned(value: Any) -> Any:
    """Append control characters to every string below a value, verdicts apart."""
    if type(value) is str:
        return value + EVIL
    if isinstance(value, tuple):
        return tuple(poisoned(v) for v in value)
    if isinstance(value, dict):
        return {poisoned(k): poisoned(v) for k, v in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [f.name for f in dataclasses.fields(value)]
        return dataclasses.replace(value, **{n: poisoned(getattr(value, n)) for n in names})
    return value


@given(st.text(st.characters()))
def test_plain_is_one_safe_line(found: str) -> None:
    """And what is safe already stays as it is."""
    safe = plain(found)

    assert not words._UNSAFE.search(safe)
    assert safe == found or words._UNSAFE.search(found)
    safe.encode()


def test_tail_lines_stay_lines() -> None:
    """Line ends are kept, tabs are blanks, a lone carriage return is spelled out."""
    assert words.plain_lines("a\r\n\tb\n10 %\r20 %\n\n") == ["a", "    b", "10 %\\r20 %"]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
@pytest.mark.parametrize("name", REPORTS)
def test_any_encoding_can_hold_the_text(name: str, encoding: str) -> None:
    """What stdout cannot show is said in ASCII."""
    shown = text(REPORTS[name], encoding=encoding)

    shown.encode(encoding)


def test_signs_have_ascii_names() -> None:
    """Arrow and tick by name, another character by its number."""
    report = of(name="stratégie-λ", bundle=A)

    assert "!! diverged  strat\\xe9gie-\\u03bb" in text(report, encoding="ascii")
    assert "3f2a9c81d0e4 -> 77aa01b2c3d4" in text(REPORTS["diff"], encoding="ascii")


# -- tables ---------------------------------------------------------------------------------------


def test_ls_keeps_the_end_of_a_long_name_and_the_width() -> None:
    """Of a path the end tells more; a wide terminal shows profit too."""
    row = REPORTS["ls"].bundles[0]
    report = ListReport(bundles=(dataclasses.replace(row, strategy="a/" * 40 + "ema"),) * 3)

    assert max(map(len, text(report).splitlines())) <= 80
    assert "…" in text(report)
    assert "a/ema" in text(report)
    assert "PROFIT" not in text(report)
    assert "-12.3456789" in text(report, width=120)


def test_columns_line_up_whatever_is_painted() -> None:
    """Paint takes no room."""
    rows = [("\x1b[1ma\x1b[0m", "1", "x"), ("bbb", "22", "")]

    assert columns(rows, right=(1,), indent=1) == " \x1b[1ma\x1b[0m     1  x\n bbb  22"
    assert columns([]) == ""


def test_ls_of_many_bundles_is_one_line_each() -> None:
    """Nothing but the head is added."""
    row: BundleRow = REPORTS["ls"].bundles[0]

    assert len(text(ListReport(bundles=(row,) * 50)).splitlines()) == 51


# -- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ns", "said"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (1_700_000_018_000_000_123, "2023-11-14T22:13:38.000000123Z"),
        (-62_135_596_800 * 10**9, "0001-01-01T00:00:00.000000000Z"),
        (253_402_300_799_999_999_999, "9999-12-31T23:59:59.999999999Z"),
        (253_402_300_800 * 10**9, "253402300800000000000 ns"),
        (10**30, f"{10**30} ns"),
    ],
)
def test_iso_time(ns: int, said: str) -> None:
    """All nine digits, and no error for what no calendar holds."""
    assert iso_time(ns) == said


@given(st.integers(-(2**62), 2**62))
def test_iso_time_agrees_with_datetime(ns: int) -> None:
    """Another way to the same seconds."""
    seconds, rest = divmod(ns, 10**9)
    read = datetime.strptime(iso_time(ns)[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)

    assert int(read.timestamp()) == seconds
    assert iso_time(ns)[19:] == f".{rest:09d}Z"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "-"), (0, "0"), (-0.0, "0"), (406, "406"), (8.109999999999916, "8.11"),
        (1e-300, "1e-300"), (1e15, "1e+15"), (100.0, "100"), (0.1, "0.1"),
        (405_377.123456789, "405377.1235"), (99_999_999_999.96, "100000000000"),
    ],
)  # fmt: skip
def test_numbers_have_ten_digits(value: float | None, said: str) -> None:
    """Short for people; JSON has them in full."""

    assert words.number(value) == said


def test_sizes_and_counts() -> None:
    """In the unit that keeps them short, in the right number."""
    assert [words.size(n) for n in (0, 1023, 1024, 5 * 2**20, 5000 * 2**30)] == [
        "0 B", "1023 B", "1.0 KiB", "5.0 MiB", "5000.0 GiB",
    ]  # fmt: skip
    assert [words.count(n, "run") for n in (0, 1, 2)] == ["0 runs", "1 run", "2 runs"]


# -- colour and progress --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "terminal", "wanted"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"CLICOLOR": "0"}, True, False),
        ({"CLICOLOR_FORCE": "1"}, False, True),
        ({"CLICOLOR_FORCE": "0"}, False, False),
        ({"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, True, False),
    ],
)
def test_colour_is_wanted(environ: dict[str, str], *, terminal: bool, wanted: bool) -> None:
    """NO_COLOR wins over all, CLICOLOR_FORCE over the terminal."""
    assert color_wanted(environ, is_terminal=terminal) is wanted


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_progress_is_silent_without_a_terminal() -> None:
    """A log gets the answer only."""
    stream = io.StringIO()
    with progress(stream) as step:
        step("running")

    assert stream.getvalue() == ""


def test_progress_says_what_is_done_and_clears_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are neither markup nor escape sequences."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    stream = Terminal()
    with progress(stream) as step:
        step("starting")
        step("running [red]ema[/red] \x1b]0;x\x07")

    shown = stream.getvalue()

    assert "[red]ema[/red] \\x1b]0;x\\x07" in shown
    assert shown.endswith(("\x1b[2K", "\x1b[?25h", "\x1b[1A\x1b[2K"))


def test_progress_lets_an_error_pass() -> None:
    """And leaves the terminal as it was."""

    def broken() -> None:
        with progress(Terminal()) as step:
            step("running")
            raise KeyError

    with pytest.raises(KeyError):
        broken()


@settings(max_examples=30)
@given(st.text(max_size=20), st.text(max_size=20))
def test_any_name_renders(name: str, message: str) -> None:
    """No name and no message breaks a line or the renderer."""
    report = ValidateReport(
        bundles=(Validation(name=name, bundle=None, strategy=name, verdict=REPRODUCED.verdict),)
    )

    assert len(text(report).splitlines()) == 1


def test_a_narrow_table_shows_what_tells_settings_apart() -> None:
    """Settings that an engine has besides are the same in all rows, and would fill the width."""
    report = REPORTS["sweep-best"]
    assert isinstance(report, BestReport)
    same = {"cash": 10000, "commission": 0.002, "exclusive_orders": False, "hedging": False}
    runs = [
        dataclasses.replace(report.runs[0], params={**same, "slow": n, **({"tp": 1} if n else {})})
        for n in range(2)
    ]
    lines = text(dataclasses.replace(report, runs=tuple(runs)), width=80).splitlines()

    assert "  slow=0 cash=10000 commission=" in lines[4]
    assert "  slow=1 tp=1 cash=10000 commission=" in lines[5]
