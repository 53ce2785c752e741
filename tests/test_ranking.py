"""Ranks are of settings, and only of numbers."""

import math
from typing import Any

from git_bt.ranking import by_setting, median, number, rank, unsteady
from git_bt.sweep_records import SweepRun


def run(seq: int, sharpe: Any, status: str = "ok", **params: Any) -> SweepRun:
    """Make a run that began at its count."""
    return SweepRun(
        sweep="ab" * 32, writer="0" * 16, seq=seq, started_ns=seq, elapsed_ns=1, status=status,
        params=params, metrics={"sharpe": sharpe},
    )  # fmt: skip


def ranks(runs: list[SweepRun], **options: Any) -> list[tuple[int, Any, int]]:
    """Return rank, value and number of runs of each setting."""
    return [(r.rank, r.value, r.repeats) for r in rank(runs, "sharpe", **options).ranked]


def test_the_highest_is_first() -> None:
    """Or the lowest, where that is asked for; infinities are numbers."""
    runs = [run(0, 1.5, a=1), run(1, math.inf, a=2), run(2, -3, a=3)]

    assert ranks(runs) == [(1, math.inf, 1), (2, 1.5, 1), (3, -3.0, 1)]
    assert ranks(runs, lowest=True) == [(1, -3.0, 1), (2, 1.5, 1), (3, math.inf, 1)]


def test_equal_values_share_a_rank() -> None:
    """And leave out as many behind them."""
    runs = [run(0, 2, a=1), run(1, 2.0, a=2), run(2, 1, a=3)]

    assert [r for r, _, _ in ranks(runs)] == [1, 1, 3]


def test_a_setting_counts_once_by_its_newest_run() -> None:
    """5 and 5.0 are one setting, "5" and True are others."""
    runs = [run(0, 9, a=5), run(1, 1, a=5.0), run(2, 2, a="5"), run(3, 3, a=True), run(4, 4, a=1)]

    assert ranks(runs) == [(1, 4.0, 1), (2, 3.0, 1), (3, 2.0, 1), (4, 1.0, 2)]
    assert len(by_setting(runs)) == 4


def test_runs_without_parameters_stand_for_themselves() -> None:
    """Nothing says that they are the same."""
    assert len(ranks([run(0, 1), run(1, 1)])) == 2


def test_what_is_no_number_has_no_rank() -> None:
    """NaN, text, null and true; failed runs are not looked at."""
    runs = [run(n, value, a=n) for n, value in enumerate([math.nan, "1", None, True, 1])]
    found = rank([*runs, run(9, 99, "failed", a=9)], "sharpe")

    assert len(found.ranked) == 1
    assert found.unranked == 4


def test_a_setting_with_other_metrics_is_unsteady() -> None:
    """NaN twice is the same."""
    runs = [run(0, 1, a=1), run(1, 2, a=1), run(2, math.nan, a=2), run(3, math.nan, a=2)]

    assert unsteady(runs) == 1


def test_numbers() -> None:
    """The middle value of some, and what counts as one."""
    assert median([]) is None
    assert (median([3, 1, 2]), median([4, 1, 2, 3])) == (2, 2.5)
    assert (number(True), number("1"), number(math.nan), number(2)) == (None, None, None, 2.0)
