"""What a bundle expects, held against what a run gave; for our bundles and FLOX's alike.

Ours expect every row of every output. An imported FLOX bundle expects what FLOX recorded: fills
without times, totals, and a trace whose fields are compared where releases agree on them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from git_bt.bundle import OUTPUT, output_of
from git_bt.canonical import sha256
from git_bt.compare import compare, compare_values
from git_bt.comparison import Comparison, Table
from git_bt.errors import Incomplete
from git_bt.flox_layout import (
    actual_trace,
    expected_of,
    foreign_expected,
    foreign_trace,
    is_foreign,
)
from git_bt.model import Bundle, Output, Tolerances, Verdict
from git_bt.records import below
from git_bt.tables import decode_table

EXACT: Tolerances = {}


def compare_with_bundle(
    bundle: Bundle, output: Output, *, tolerances: Tolerances = EXACT, limit: int | None = 1
) -> Comparison:
    """Compare what a bundle expects with what a run gave.

    Args:
        bundle: ours, or an imported one of FLOX.
        output: of the run.
        tolerances: by field; FLOX's bundles are compared exactly.
        limit: how many differences to show, None for all.

    Raises:
        Incomplete: the expected output is not at hand.
        Corrupt: the expected output cannot be read.
    """
    if is_foreign(bundle):
        return _compare_foreign(bundle, output, limit)
    if _is_expected(bundle, output):
        return Comparison(verdict=Verdict.REPRODUCED)
    return compare(
        _output(bundle),
        output,
        tolerances=tolerances,
        tick_size=bundle.manifest.config.get("tick_size"),
        limit=limit,
    )


def _is_expected(bundle: Bundle, output: Output) -> bool:
    """Tell whether the output has the digests that are expected: then nothing need be read."""
    expected = below(bundle.manifest.members, OUTPUT)
    at_hand = below(bundle.content, OUTPUT)
    digests = {name: sha256(data) for name, data in output.items()}
    return expected.keys() == at_hand.keys() and digests == {
        name: member.sha256 for name, member in expected.items()
    }


def compare_bundles(a: Bundle, b: Bundle, *, limit: int | None = 1) -> Comparison:
    """Compare the expected output of two bundles, A as expected and B as actual.

    Raises:
        Incomplete: an output is not at hand.
        Corrupt: an output cannot be read.
    """
    if is_foreign(a) or is_foreign(b):
        tick = a.manifest.config.get("tick_size")
        return compare_values(_summed_up(a), _summed_up(b), tick_size=tick, limit=limit)
    return compare_with_bundle(a, _output(b), limit=limit)


def _output(bundle: Bundle) -> Output:
    output = output_of(bundle)
    if output is None:
        raise Incomplete(f"bundle {bundle.id[:12]} has no expected output")
    return output


def _summed_up(bundle: Bundle) -> dict[str, Any]:
    return foreign_expected(bundle) if is_foreign(bundle) else expected_of(_output(bundle))


def _compare_foreign(bundle: Bundle, output: Output, limit: int | None) -> Comparison:
    expected, actual = foreign_expected(bundle), expected_of(output)
    found = Comparison(verdict=Verdict.REPRODUCED)
    if expected != actual:  # they hold numbers and names, no true that would equal 1
        found = compare_values(
            expected,
            actual,
            times=_times(output),
            tick_size=bundle.manifest.config.get("tick_size"),
            limit=limit,
        )
    trace = foreign_trace(bundle)
    if trace is None:
        return found
    traced = actual_trace(output, trace)
    if trace == traced:
        return found
    left = None if limit is None else max(0, limit - len(found.differences))
    more = compare_values(_as_lists(trace), _as_lists(traced), path="trace", limit=left)
    return _both(found, more)


def _times(output: Output) -> list[int]:
    fills = decode_table(output["fills.csv"], "fills.csv")
    at = fills.columns.index("ts_ns")
    return [int(row[at] or 0) for row in fills.rows]


def _as_lists(tables: Mapping[str, Table]) -> dict[str, Sequence[Mapping[str, Any]]]:
    return {
        name: [dict(zip(table.columns, row, strict=True)) for row in table.rows]
        for name, table in tables.items()
    }


def _both(one: Comparison, two: Comparison) -> Comparison:
    agreed = {one.verdict, two.verdict} == {Verdict.REPRODUCED}
    return Comparison(
        verdict=Verdict.REPRODUCED if agreed else Verdict.DIVERGED,
        differences=one.differences + two.differences,
        more={**one.more, **two.more},
    )
