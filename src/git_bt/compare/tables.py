"""Two canonical tables, row by row; only lines that differ are decoded."""

from collections.abc import Iterator
from itertools import chain, islice

from git_bt.compare.found import Found, first_whole, surplus_row, with_counts
from git_bt.compare.numbers import tolerated
from git_bt.errors import Corrupt
from git_bt.model import Tolerances, Value
from git_bt.tables import COLUMNS, decode_table


def in_table(
    name: str, stem: str, expected: bytes, actual: bytes, tolerances: Tolerances
) -> Iterator[Found]:
    """Yield the differing cells of two tables; only lines that differ are decoded."""
    lines = _records(expected), _records(actual)
    count_e, count_a = (max(0, len(found) - 2) for found in lines)
    common = min(count_e, count_a)
    pairs = zip(islice(lines[0], 1, common + 1), islice(lines[1], 1, common + 1), strict=True)
    rows = [i for i, (e, a) in enumerate(pairs) if e != a]
    decoded = [
        _decode(name, data, found, [*rows, *range(common, count)])
        for data, found, count in zip((expected, actual), lines, (count_e, count_a), strict=True)
    ]
    columns = COLUMNS[name]
    time = columns.index("ts_ns")
    cells = (
        _cell(stem, columns[c], row, first_whole(e[time], a[time]), e[c], a[c], tolerances)
        for row, e, a in zip(rows, *(d[: len(rows)] for d in decoded), strict=True)
        for c in range(len(columns))
        if e[c] != a[c] or repr(e[c]) != repr(a[c])
    )
    surplus = (
        surplus_row(stem, common + i, row[time], ",".join(map(_text, row)), missing=side == 0)
        for side in (0, 1)
        for i, row in enumerate(decoded[side][len(rows) :])
    )
    yield from with_counts(chain(cells, surplus), stem, stem, count_e, count_a)


def _records(data: bytes) -> list[bytes]:
    """Split canonical CSV into header, records and a last empty one; a quoted field may hold LF."""
    lines = data.split(b"\n")
    if b'"' not in data:
        return lines
    records: list[bytes] = []
    pieces: list[bytes] = []
    quotes = 0
    for line in lines:
        pieces.append(line)
        quotes += line.count(b'"')
        if quotes % 2 == 0:  # a quote inside a quoted field is doubled
            records.append(b"\n".join(pieces))
            pieces = []
    return [*records, b"\n".join(pieces)] if pieces else records


def _decode(
    name: str, data: bytes, records: list[bytes], wanted: list[int]
) -> tuple[tuple[Value, ...], ...]:
    part = b"\n".join([records[0], *[records[i + 1] for i in wanted], records[-1]])
    try:
        return decode_table(part, name).rows
    except Corrupt:
        decode_table(data, name)  # the same fault, with its line in the whole file
        raise


def _cell(
    stem: str,
    column: str,
    row: int,
    ts_ns: int | None,
    expected: Value,
    actual: Value,
    tolerances: Tolerances,
) -> Found:
    return Found(
        path=f"{stem}[{row}].{column}",
        field=f"{stem}.{column}",
        name=column,
        row=row,
        ts_ns=ts_ns,
        expected=expected,
        actual=actual,
        tolerated=tolerated(column, expected, actual, tolerances),
    )


def _text(value: Value) -> str:
    return "" if value is None else str(value)
