"""Judge a strategy whose tape is another one now: grown at its end, or restated."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

from git_bt.bundle import output_of
from git_bt.compare.extension import (
    Growth,
    compare_extended,
    ends_a_row,
    file_times,
    growth,
    tape_end,
)
from git_bt.comparison import Comparison
from git_bt.flox_layout import is_foreign
from git_bt.flox_layout.segment import HEAD, segment_times
from git_bt.model import Bundle, Member, Members, OnDisk, Output, Source, Tape, Tolerances, Verdict
from git_bt.records import below

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What is to be said of an output on another tape; no comparison: that of all rows stands."""

    message: str
    comparison: Comparison | None = None


def judge_extension(
    bundle: Bundle,
    tape: Tape,
    output: Output,
    *,
    tolerances: Tolerances,
    limit: int | None,
) -> Judged | None:
    """Say what the tape has to do with an output that is not the recorded one.

    Args:
        bundle: what is expected.
        tape: what the run here read.
        output: what it gave.
        tolerances: by field.
        limit: how many differences to show.

    Returns:
        None where the tape is the recorded one, or nothing can be told.
    """
    old = below(bundle.manifest.members, "tape/")
    found = growth(old, tape.members, lambda path, member: _begins_with(tape, path, member))
    expected = None if found.is_none or is_foreign(bundle) else output_of(bundle)
    if expected is None:
        return None
    if found.restated:
        path = found.restated[0]
        what = "is gone" if path not in tape.members else "has other bytes"
        return Judged(message=f"the history changed: {path} of the tape {what}")
    end = _end(expected, tape, [path for path in old if path in tape.members])
    if end is None:
        return Judged(message="the tape grew; where the old one ended is not known")
    said = file_times(output)
    for path in found.added:
        times = _times(tape, path) or said.get(path)
        if times is None or times[0] <= end:
            why = "begins before the old end" if times else "does not say when it begins"
            return Judged(message=f"the tape has a new file that {why} {_utc(end)}: {path}")
    extension = compare_extended(
        expected,
        output,
        end,
        tolerances=tolerances,
        tick_size=bundle.manifest.config.get("tick_size"),
        limit=limit,
    )
    excuse = _excuse(found, old, file_times(expected), end)
    return _judged(extension.comparison, extension.new_fills, end, excuse)


def _excuse(
    found: Growth, old: Members, times: Mapping[str, tuple[int, int]], end: int
) -> str | None:
    """Return what of the new data may have changed old rows of a strategy that does not look ahead.

    Segments are read one after another, by name. Files of bars are read each at its own times, so
    that one which ended early may go on before the old end; and an engine may wait for a new
    symbol to begin.
    """
    folders = {path.rpartition("/")[0] for path in old} - {""}
    for path in found.added:
        if not times and path < max(old):
            return f"the tape has a new file that is read before old ones: {path}"
        if times and path.rpartition("/")[0] not in folders:
            return f"the tape has a new symbol: {path}"
    for path in found.grown:
        if path in times and times[path][1] < end:
            return (
                f"{path} of the tape ended at {_utc(times[path][1])} and goes on from there, "
                f"others ended at {_utc(end)}"
            )
    return None


def _judged(comparison: Comparison, new_fills: int, end: int, excuse: str | None) -> Judged:
    fills = f"{new_fills} new fill{'' if new_fills == 1 else 's'}"
    if comparison.verdict is Verdict.REPRODUCED:
        return Judged(
            message=f"identical to {_utc(end)}, {fills}",
            comparison=Comparison(verdict=Verdict.EXTENDED),
        )
    if comparison.verdict is Verdict.WITHIN_TOLERANCE:
        message = f"the tape grew; within tolerance to {_utc(end)}, {fills}"
        return Judged(message=message, comparison=comparison)
    if excuse is not None:
        return Judged(message=excuse, comparison=comparison)
    message = (
        f"the tape only grew after {_utc(end)}, and the output before that differs: "
        "the strategy looks ahead, or its code, config or engine changed"
    )
    return Judged(message=message, comparison=comparison)


# -- bytes of the tape ----------------------------------------------------------------------------


def _begins_with(tape: Tape, path: str, member: Member) -> bool:
    """Tell whether a file begins with old bytes that end where a row ends."""
    source = tape.content.get(path)
    if source is None:
        return False
    digest = hashlib.sha256()
    last = b""
    left = member.size
    with _open(source) as file:
        head = file.read(min(left, _PIECE))
        piece = head
        while piece:
            digest.update(piece)
            last, left = piece[-1:], left - len(piece)
            piece = file.read(min(left, _PIECE))
        following = file.read(1)
    return digest.hexdigest() == member.sha256 and ends_a_row(head, last, following)


def _end(expected: Output, tape: Tape, old: list[str]) -> int | None:
    """Return where the old tape ended: as its output says, or its segments if that is later."""
    said = tape_end(expected)
    if said is None:
        return None
    return max([said, *(times[1] for path in old if (times := _times(tape, path)))])


def _times(tape: Tape, path: str) -> tuple[int, int] | None:
    source = tape.content.get(path)
    if source is None:
        return None
    with _open(source) as file:
        return segment_times(path, file.read(HEAD))


def _open(source: Source) -> IO[bytes]:
    if isinstance(source, OnDisk):
        return source.path.open("rb")
    return io.BytesIO(source.read())


def _utc(ns: int) -> str:
    """Return a time as ISO 8601, with all nine digits."""
    from datetime import UTC, datetime, timedelta

    seconds, rest = divmod(ns, 10**9)
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except OverflowError:
        return f"{ns} ns"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
