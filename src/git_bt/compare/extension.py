"""A tape that grew at its end, and an output that is the old one up to there.

Decided by bytes: every old file of the tape is there unchanged, or is the beginning of the new
one. What cannot be told is no extension. Pure: bytes are asked for through a callback.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from git_bt.canonical import decode_json
from git_bt.compare.outputs import SUMMARY, TABLES, TRACE, compare
from git_bt.comparison import Comparison
from git_bt.errors import Corrupt
from git_bt.model import Member, Members, Output, Tolerances, Value
from git_bt.tables import COLUMNS, decode_table, encode_table

INDEX = "metadata.json"
"""What describes a tape beside its data, and is written anew when it grows."""

_LOOKED_AT = 8000  # bytes in which git, too, looks for a NUL to tell binary from text


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """What became of a tape, by path; the index aside."""

    restated: tuple[str, ...] = ()  # old files that are gone or hold other bytes
    grown: tuple[str, ...] = ()  # old files that are the beginning of the new one
    added: tuple[str, ...] = ()  # new files

    @property
    def is_none(self) -> bool:
        """Whether the data is the same."""
        return not (self.restated or self.grown or self.added)


def growth(old: Members, new: Members, begins_with: Callable[[str, Member], bool]) -> Growth:
    """Say what became of a tape.

    Args:
        old: its members when the result was recorded.
        new: its members now.
        begins_with: tells whether the new file at a path begins with these old bytes, and they
            end where a row ends; asked only where the new file is the larger one.
    """
    restated, grown = [], []
    for path, member in sorted(old.items()):
        found = new.get(path)
        if path == INDEX or (found and (found.sha256, found.size) == (member.sha256, member.size)):
            continue
        if found is not None and found.size > member.size and begins_with(path, member):
            grown.append(path)
        else:
            restated.append(path)
    added = sorted(path for path in new if path not in old and path != INDEX)
    return Growth(restated=tuple(restated), grown=tuple(grown), added=tuple(added))


def ends_a_row(head: bytes, last: bytes, following: bytes) -> bool:
    """Tell whether old bytes that a file begins with end where a row ends.

    A text that was cut inside a number begins the new text too, with another value.

    Args:
        head: the beginning of the file, some thousand bytes.
        last: the last old byte, nothing where there were none.
        following: the byte behind it.
    """
    return not last or last == b"\n" or following in (b"\n", b"\r") or b"\0" in head[:_LOOKED_AT]


def tape_end(output: Output) -> int | None:
    """Return the time of the last event of a tape, in ns, as the output's summary says it.

    None where the engine does not say it of every symbol: the last fill is no end of a tape.
    """
    times = [_time(values, "last_ts_ns") for values in _told(output, "symbols").values()]
    known = [time for time in times if time is not None]
    return max(known) if known and len(known) == len(times) else None


def file_times(output: Output) -> dict[str, tuple[int, int]]:
    """Return the times of the first and the last event of each file of a tape, as a summary has it.

    Engines of bars say it; a file of which it is not said is left out.
    """
    found = {}
    for path, values in _told(output, "files").items():
        first, last = _time(values, "first_ts_ns"), _time(values, "last_ts_ns")
        if first is not None and last is not None:
            found[path] = (first, last)
    return found


def _told(output: Output, key: str) -> Mapping[str, Any]:
    """Return an object of an output's summary; an empty one where there is none."""
    try:
        summary = decode_json(output.get(SUMMARY, b"{}"), SUMMARY)
    except Corrupt:
        return {}
    found = summary.get(key) if isinstance(summary, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _time(values: Any, key: str) -> int | None:
    found = values.get(key) if isinstance(values, Mapping) else None
    return found if type(found) is int else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """An output against an older one, up to the end of the older tape.

    `comparison` is of all rows up to there; `new_fills` counts the fills after it.
    """

    comparison: Comparison
    new_fills: int


def compare_extended(
    expected: Output,
    actual: Output,
    end_ns: int,
    *,
    tolerances: Tolerances,
    tick_size: float | None = None,
    limit: int | None = 1,
) -> Extension:
    """Compare an output with an older one, up to the end of the older tape.

    The old rows must be the first of the new ones, and every later row must be of a later time.
    The engine's totals are those of the whole tape, so they are not compared.

    Args:
        expected: the recorded output, canonical bytes by file name.
        actual: the output on the longer tape.
        end_ns: time of the last event of the old tape.
        tolerances: as for `compare`.
        tick_size: as for `compare`.
        limit: as for `compare`.

    Raises:
        Corrupt: a file cannot be decoded.
    """
    judged = {name for name in (*expected, *actual) if not name.startswith(TRACE)} - {SUMMARY}
    old = {name: expected[name] for name in expected if name in judged}
    new = {name: actual[name] for name in actual if name in judged}
    cut = {name: _up_to(name, data, old.get(name), end_ns) for name, data in new.items()}
    comparison = compare(old, cut, tolerances=tolerances, tick_size=tick_size, limit=limit)
    fills = TABLES[0]
    counts = [len(decode_table(some[fills], fills).rows) for some in (new, cut) if fills in some]
    return Extension(comparison=comparison, new_fills=counts[0] - counts[1] if counts else 0)


def _up_to(name: str, data: bytes, old: bytes | None, end_ns: int) -> bytes:
    """Return a table up to its last row that is not after a time; what is no table, whole."""
    if name not in COLUMNS:
        return data
    columns = COLUMNS[name]
    at = columns.index("ts_ns")
    if old is not None and data.startswith(old):  # then only the rest has to be looked at
        head = data.partition(b"\n")[0] + b"\n"
        rest = decode_table(head + data[len(old) :], name).rows
        if all(_is_after(row[at], end_ns) for row in rest):
            return old
    rows = decode_table(data, name).rows
    kept = next((n for n in range(len(rows), 0, -1) if not _is_after(rows[n - 1][at], end_ns)), 0)
    return encode_table(columns, rows[:kept])


def _is_after(ts_ns: Value, end_ns: int) -> bool:
    return isinstance(ts_ns, int) and ts_ns > end_ns
