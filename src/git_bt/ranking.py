"""Ranks of a sweep's settings by a metric; pure.

What is ranked is the setting, not the run: a setting that ran three times is one try, its newest
run stands for it. Failed runs, NaN and text have no rank. Equal values share one, and leave out as
many behind them: 1, 1, 3.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from git_bt.sweep_records import Scalar, Scalars, SweepRun

Key = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A setting's newest run, with its rank and its value."""

    rank: int
    value: float
    run: SweepRun
    repeats: int


@dataclass(frozen=True, slots=True)
class Ranking:
    """All settings that have a number, the best first, and how many have none."""

    ranked: tuple[Ranked, ...]
    unranked: int


def rank(runs: Iterable[SweepRun], metric: str, *, lowest: bool = False) -> Ranking:
    """Rank settings by a metric.

    Args:
        runs: of one sweep, in order of time.
        metric: its name.
        lowest: the lowest value is best.
    """
    values = []
    settings = by_setting(run for run in runs if run.status == "ok")
    for group in settings.values():
        value = number(group[-1].metrics.get(metric))
        if value is not None:
            values.append((value, group))
    values.sort(key=lambda pair: (pair[0] if lowest else -pair[0], pair[1][-1].started_ns))
    ranked: list[Ranked] = []
    for at, (value, group) in enumerate(values, 1):
        same = ranked[-1].rank if ranked and ranked[-1].value == value else at
        ranked.append(Ranked(same, value, group[-1], len(group)))
    return Ranking(tuple(ranked), len(settings) - len(ranked))


def by_setting(runs: Iterable[SweepRun]) -> Mapping[Key, list[SweepRun]]:
    """Return runs by what they were given; one that was given nothing stands for itself."""
    found: dict[Key, list[SweepRun]] = {}
    for run in runs:
        found.setdefault(setting(run), []).append(run)
    return found


def setting(run: SweepRun) -> Key:
    """Return what tells a setting from others; 5 and 5.0 are one, 5 and "5" are not."""
    if not run.params:
        return (("", f"{run.writer} {run.seq}"),)
    return tuple(sorted((name, value_key(value)) for name, value in run.params.items()))


def value_key(value: Scalar) -> str:
    """Return what tells a value of a parameter from others."""
    if isinstance(value, float) and value.is_integer():
        return repr(int(value))
    return repr(value)


def unsteady(runs: Iterable[SweepRun]) -> int:
    """Return how many settings ran more than once with other metrics."""
    settings = by_setting(run for run in runs if run.status == "ok")
    return sum(len({_metrics(run.metrics) for run in group}) > 1 for group in settings.values())


def _metrics(metrics: Scalars) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, repr(value)) for name, value in metrics.items()))


def number(value: Scalar) -> float | None:
    """Return a value as a number that can be ranked; None of text, true, null and NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return None
    return float(value)


def median(values: Sequence[float]) -> float | None:
    """Return the middle value, the mean of the two middle ones; None of nothing."""
    ordered = sorted(values)
    if not ordered:
        return None
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
