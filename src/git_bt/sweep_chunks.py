"""Runs of a sweep as a chunk of the store and back: CSV that pandas opens as it is, one row a run.

The same runs are the same bytes, whoever writes them: rows and columns have one order, and a value
has one spelling. Grammar: docs/reference/formats/sweep.md. What the fields mean, and the other form
of a run, is `sweep_records.py`.
"""

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence

from git_bt.canonical import MAX_DIGITS, decode_json
from git_bt.errors import Corrupt
from git_bt.sweep_records import Scalar, Scalars, SweepRun, check_run, run_order

_CONTROL = re.compile(r"[\0-\x1f]")
FIXED = (
    "started_ns", "elapsed_ns", "writer", "seq", "status", "error", "environment", "bundle",
)  # fmt: skip
"""The columns that every chunk begins with."""

_WHOLE = ("started_ns", "elapsed_ns", "seq")
_GROUPS = ("params", "metrics")
_WORDS: Mapping[str, Scalar] = {
    "null": None, "true": True, "false": False, "nan": math.nan, "inf": math.inf, "-inf": -math.inf,
}  # fmt: skip


def encode_chunk(runs: Iterable[SweepRun]) -> bytes:
    """Encode runs of one sweep as canonical CSV: rows in the order of start, writer and count.

    Raises:
        Corrupt: a name or a text that a table cannot hold.
    """
    ordered = sorted(runs, key=run_order)
    names = [
        (group, key)
        for group in _GROUPS
        for key in sorted({key for run in ordered for key in getattr(run, group)})
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*FIXED, *(_header(group, key) for group, key in names)])
    for run in ordered:
        fixed = [_fixed(run, column) for column in FIXED]
        more = [_at(getattr(run, group), key) for group, key in names]
        writer.writerow([*fixed, *more])
    try:
        return text.getvalue().encode()
    except UnicodeEncodeError as e:
        raise Corrupt("a sweep cannot hold half of a surrogate pair") from e


def decode_chunk(data: bytes, sweep: str, what: str = "chunk") -> list[SweepRun]:
    """Decode the canonical CSV of some runs.

    Args:
        data: the bytes.
        sweep: the id of the sweep whose runs they are.
        what: how messages name the bytes.

    Raises:
        Corrupt: other columns, a field that does not parse, or bytes that the encoder would not
            have written.
    """
    try:
        lines = list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as e:
        raise Corrupt(f"{what}: {e}") from e
    if not lines or tuple(lines[0][: len(FIXED)]) != FIXED:
        raise Corrupt(f"{what}: line 1: the columns must begin with {','.join(FIXED)}")
    names = [_name(cell, what) for cell in lines[0][len(FIXED) :]]
    runs = []
    for number, cells in enumerate(lines[1:], start=2):
        try:
            runs.append(_row(sweep, names, cells))
        except Corrupt as e:
            raise Corrupt(f"{what}: line {number}: {e.message}") from e
    if encode_chunk(runs) != data:
        raise Corrupt(f"{what}: not in canonical form")
    return runs


def _header(group: str, key: str) -> str:
    if any(ord(letter) < ord(" ") for letter in key):
        raise Corrupt(f"{group} {key!r:.60}: a name cannot hold control characters")
    return f"{group}.{key}"


def _name(cell: str, what: str) -> tuple[str, str]:
    group, dot, key = cell.partition(".")
    if not dot or group not in _GROUPS:
        raise Corrupt(f"{what}: line 1: {cell!r:.60} is neither a parameter nor a metric")
    return group, key


def _fixed(run: SweepRun, column: str) -> str:
    value = getattr(run, column)
    return "" if value is None else cell_of(value) if column == "error" else str(value)


def _at(values: Scalars, key: str) -> str:
    return cell_of(values[key]) if key in values else ""


def _row(sweep: str, names: Sequence[tuple[str, str]], cells: Sequence[str]) -> SweepRun:
    if len(cells) != len(FIXED) + len(names):
        raise Corrupt(f"{len(cells)} fields, not {len(FIXED) + len(names)}")
    known = dict(zip(FIXED, cells, strict=False))
    groups: dict[str, dict[str, Scalar]] = {group: {} for group in _GROUPS}
    for (group, key), cell in zip(names, cells[len(FIXED) :], strict=True):
        if cell:
            groups[group][key] = scalar_of(cell, key)
    try:
        whole = {column: int(known[column]) for column in _WHOLE}
    except ValueError as e:
        raise Corrupt(str(e)) from e
    run = SweepRun(
        sweep=sweep,
        **whole,
        writer=known["writer"],
        status=known["status"],
        error=_text(known["error"]),
        environment=known["environment"] or None,
        bundle=known["bundle"] or None,
        params=groups["params"],
        metrics=groups["metrics"],
    )
    check_run(run, "the run")
    return run


def _text(cell: str) -> str | None:
    value = scalar_of(cell, "error") if cell else None
    if cell and not isinstance(value, str):
        raise Corrupt(f"error is {cell!r:.60}, no text")
    return value if isinstance(value, str) else None


# -- one cell -------------------------------------------------------------------------------------


def cell_of(value: Scalar) -> str:
    """Return a value as a cell: JSON, but a text that cannot be taken for anything else is bare."""
    if type(value) in (int, float):
        return repr(value)
    if isinstance(value, str):
        bare = value[:1].isalpha() and value not in _WORDS and not _CONTROL.search(value)
        return value if bare else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)


def scalar_of(cell: str, what: str) -> Scalar:
    """Return the value that a cell holds; raises Corrupt.

    Other spellings of a number are found when the whole chunk is held against what its encoder
    writes.
    """
    if cell in _WORDS:
        return _WORDS[cell]
    if cell[:1].isalpha():
        return cell
    if cell[:1] == '"':
        text = decode_json(cell.encode(errors="surrogatepass"), what)
        if isinstance(text, str):
            return text
    elif len(cell) <= MAX_DIGITS + 1:
        try:
            return int(cell) if cell.lstrip("-").isdecimal() else float(cell)
        except ValueError:
            pass
    raise Corrupt(f"{what}: {cell!r:.60} is neither text nor a number")
