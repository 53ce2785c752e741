"""A sweep in one line, from its chunks as they lie in the store: counts, times and names; pure.

No run is decoded: a list would wait long for what it does not show. Settings are told apart as
`ranking.py` tells them. Whether a chunk is canonical is not asked here: `sweep_chunks.py` does, for
all who use its values.
"""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from functools import cache

from git_bt.errors import Corrupt
from git_bt.ranking import value_key
from git_bt.sweep_chunks import FIXED, scalar_of
from git_bt.sweep_records import Sweep, sweep_id
from git_bt.sweeping import SweepHead

_STARTED, _WRITER, _SEQ, _STATUS = map(FIXED.index, ("started_ns", "writer", "seq", "status"))


def head_of(sweep: Sweep, chunks: Iterable[tuple[str, bytes]]) -> SweepHead:
    """Return a sweep in one line.

    Args:
        sweep: what all its runs share.
        chunks: all of it, each with how messages call it; the same run may stand in two.

    Raises:
        Corrupt: one is no table of runs.
    """
    seen: set[tuple[str, str]] = set()
    settings: set[str] = set()
    metrics: set[str] = set()
    failed, first, last = 0, None, 0
    key = cache(_value_key)
    for what, data in chunks:
        try:
            rows = csv.reader(io.StringIO(data.decode(), newline=""), strict=True)
            head = next(rows, [])
            if tuple(head[: len(FIXED)]) != FIXED:
                raise Corrupt(f"{what}: line 1: the columns must begin with {','.join(FIXED)}")
            metrics.update(c.removeprefix("metrics.") for c in head if c.startswith("metrics."))
            given = [(at, name) for at, name in enumerate(head) if name.startswith("params.")]
            for row in rows:
                run = (row[_WRITER], row[_SEQ])
                if run in seen:
                    continue
                seen.add(run)
                started = int(row[_STARTED])
                first = started if first is None else min(first, started)
                last = max(started, last)
                failed += row[_STATUS] != "ok"
                settings.add(_setting(row, given, key) or "\0".join(run))
        except (UnicodeDecodeError, csv.Error, ValueError, IndexError) as e:
            raise Corrupt(f"{what}: {e}", hint="git bt fsck") from e
    return SweepHead(
        id=sweep_id(sweep),
        name=sweep.name,
        snapshot=sweep.snapshot,
        engine=sweep.engine,
        tape=sweep.tape,
        tape_sha256=sweep.tape_sha256,
        runs=len(seen),
        failed=failed,
        settings=len(settings),
        first_ns=first or 0,
        last_ns=last,
        metrics=tuple(sorted(metrics)),
    )


def _setting(
    row: Sequence[str], given: Sequence[tuple[int, str]], key: Callable[[str], str]
) -> str:
    """Return what tells a setting from others; no cell holds a control character."""
    return "\0".join([f"{name}\1{key(row[at])}" for at, name in given if row[at]])


def _value_key(cell: str) -> str:
    return value_key(scalar_of(cell, "a parameter"))


def last_start(data: bytes) -> int:
    """Return when the last run of a chunk began, which its last row says; 0 where none does."""
    cell = data.rstrip(b"\n").rpartition(b"\n")[2].partition(b",")[0]
    return int(cell) if cell.isdigit() else 0
