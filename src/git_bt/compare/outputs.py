"""All outputs of two runs, two foreign JSON values, two environments: the three questions."""

from collections.abc import Iterator, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Any

from git_bt.canonical import PROGRAM, decode_json, sha256
from git_bt.compare.found import Found, judge
from git_bt.compare.tables import in_table
from git_bt.compare.values import Place, Walk
from git_bt.comparison import Comparison, PackageChange
from git_bt.model import Environment, Output, RunRecord, Tolerances
from git_bt.tables import COLUMNS

TABLES = ("fills.csv", "orders.csv", "signals.csv", "equity.csv")
SUMMARY = "summary.json"
TRACE = "run.floxrun/"
_NO_TOLERANCES: Tolerances = MappingProxyType({})


def compare(
    expected: Output,
    actual: Output,
    *,
    tolerances: Tolerances = _NO_TOLERANCES,
    tick_size: float | None = None,
    limit: int | None = 1,
) -> Comparison:
    """Compare all rows of all outputs, in the order fills, orders, signals, equity, summary.

    Args:
        expected: the recorded output, canonical bytes by file name.
        actual: the output of the run here.
        tolerances: by field; only those of TOLERABLE count, every other field is exact.
        tick_size: of the market, in price units; differences of whole ticks are said so.
        limit: how many differences to show, None for all. Differing row counts are shown with
            the first difference of their table and do not count.

    Returns:
        reproduced, within-tolerance (the tolerated differences shown) or diverged (only what no
        tolerance covers shown and counted).

    Raises:
        Corrupt: a file that differs cannot be decoded.
    """
    judged = {n for n in (*expected, *actual) if not n.startswith(TRACE)}
    named = [n for n in (*TABLES, SUMMARY) if n in judged]
    names = named + sorted(judged.difference(named))
    found = chain.from_iterable(
        _in_output(n, expected.get(n), actual.get(n), tolerances) for n in names
    )
    return judge(found, limit, tick_size)


def compare_values(
    expected: Any,
    actual: Any,
    *,
    path: str = "",
    times: Sequence[int] = (),
    tick_size: float | None = None,
    limit: int | None = 1,
) -> Comparison:
    """Compare two JSON values exactly; numbers are equal by value (1 and 1.0), true is no 1.

    Args:
        expected: decoded JSON.
        actual: decoded JSON; a key on one side only is a difference.
        path: what the values are called, in front of each path.
        times: ns by row of the list `fills`.
        tick_size: as for `compare`.
        limit: how many differences to show, None for all.
    """
    walk = Walk(tolerances=_NO_TOLERANCES, times=times, by_value=True)
    return judge(walk.values(Place(path=path, field=path), expected, actual), limit, tick_size)


def environment_changes(
    recorded: RunRecord | Environment, here: Environment
) -> tuple[PackageChange, ...]:
    """Name what a run was recorded with and is otherwise here: Python, engine, distributions.

    Python counts by X.Y, as in the environment id. The engine is left out when the distribution
    that it is (lrvx for flox) is named already, and a program that was not always noted where it
    is known of one side only.
    """
    changes = []
    if _minor(recorded.python) != _minor(here.python):
        changes.append(PackageChange(name="python", recorded=recorded.python, here=here.python))
    for name in sorted({*recorded.packages, *here.packages}):
        before, now = recorded.packages.get(name), here.packages.get(name)
        is_told = not name.startswith(PROGRAM) or None not in (before, now)
        if before != now and is_told:
            changes.append(PackageChange(name=name, recorded=before, here=now))
    before, now = recorded.engine.version, here.engine.version
    if before != now and all((c.recorded, c.here) != (before, now) for c in changes):
        changes.append(PackageChange(name=here.engine.name, recorded=before, here=now))
    return tuple(changes)


def _minor(python: str) -> list[str]:
    return python.split(".")[:2]


def _in_output(
    name: str, expected: bytes | None, actual: bytes | None, tolerances: Tolerances
) -> Iterator[Found]:
    """Yield what differs in one output; equal bytes are equal at once."""
    if expected == actual:
        return
    stem = name.rpartition(".")[0] if name in (*TABLES, SUMMARY) else name
    if expected is None or actual is None:
        words = ("present", None) if actual is None else (None, "present")
        note = f"{name} is {'missing' if actual is None else 'new'}"
        yield Found(stem, stem, stem, None, None, words[0], words[1], note=note)
        return
    named = False
    for found in _in_bytes(name, stem, expected, actual, tolerances):
        named = True
        yield found
    if not named:  # JSON that is spelled otherwise: other bytes are another bundle, so say it
        digests = sha256(expected), sha256(actual)
        yield Found(stem, stem, stem, None, None, digests[0], digests[1], note="other bytes")


def _in_bytes(
    name: str, stem: str, expected: bytes, actual: bytes, tolerances: Tolerances
) -> Iterator[Found]:
    if name in COLUMNS:
        yield from in_table(name, stem, expected, actual, tolerances)
    elif name == SUMMARY:
        walk = Walk(tolerances=tolerances, times=(), by_value=False)
        values = decode_json(expected, name), decode_json(actual, name)
        yield from walk.values(Place(path=stem, field=stem), *values)
