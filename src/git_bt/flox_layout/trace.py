"""FLOX's trace (expected.lrvxrun, expected.floxrun): read, checked, and laid beside our output.

A trace is a manifest.json and one file a segment: a header of 64 bytes, then records, each with its
length, the crc32 of its payload, its type and version. Only what is stable across FLOX's releases
is taken: no order ids and no times, for those are a process-wide counter and the clock.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from git_bt.canonical import decode_json
from git_bt.comparison import Table
from git_bt.errors import Corrupt, Incomplete
from git_bt.flox_layout.expected import symbol_ids
from git_bt.flox_layout.fields import whole, word
from git_bt.model import Output, Value
from git_bt.tables import decode_table

RAW = 100_000_000  # price_raw and qty_raw are fixed-point numbers of this scale
INT64 = 2**63 - 1
SUBMIT = 1  # event_kind
TYPES = (
    "market", "limit", "stop_market", "stop_limit", "tp_market", "tp_limit", "trailing_stop",
)  # fmt: skip
"""Order types by their code in a trace."""
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "signals": ("name",),
    "orders": ("event_kind", "side", "order_type", "price_raw", "qty_raw", "symbol_id"),
    "fills": ("symbol_id", "side", "price_raw", "qty_raw"),
}
"""What is compared of each kind of record."""

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
"""Kind (signals, orders, fills) to records, as the engine's TraceReader gives them."""

_HEAD = struct.Struct("<4sHBB8xqqI28s")  # version, 4, kind, the clock, first and last event, count
_RECORD = struct.Struct("<IIBBH")
_KINDS = {"signals": (1, 10), "orders": (2, 11), "fills": (3, 12)}  # in the header, in a record
_FIXED = {"signals": 48, "orders": 64, "fills": 64}


def read_trace(files: Mapping[str, bytes], where: str) -> dict[str, list[dict[str, Any]]]:
    """Check a trace and return its records.

    Args:
        files: the files of the trace's folder.
        where: how messages name the folder, with its slash.

    Raises:
        Incomplete: its manifest, or a segment that it lists, is missing.
        Corrupt: a manifest or segment that does not parse, has another size, count or checksum, or
            a file that is not listed.
    """
    if "manifest.json" not in files:
        raise Incomplete(f"{where}manifest.json is missing")
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in COLUMNS}
    listed = {"manifest.json"}
    for segment in _segments(files["manifest.json"], where + "manifest.json"):
        name = word(segment, "name", where + "manifest.json")
        if name in listed:
            raise Corrupt(f"{where}manifest.json: segment {name!r:.60} stands twice")
        if name not in files:
            raise Incomplete(f"{where}{name} is missing")
        listed.add(name)
        kind = word(segment, "record_kind", where + "manifest.json")
        rows = _segment(files[name], kind, segment, where + name)
        if kind in found:
            found[kind] += rows
    for name in sorted(files.keys() - listed):
        raise Corrupt(f"{where}{name} is not in the trace's manifest")
    return found


def _segments(data: bytes, what: str) -> list[dict[str, Any]]:
    value = decode_json(data, what)
    if not isinstance(value, dict):
        raise Corrupt(f"{what}: must be an object")
    for key in ("schema_version", "format_version"):
        if type(value.get(key)) is not int or value[key] != 1:
            raise Corrupt(f"{what}: {key} {value.get(key)!r:.40} is not known")
    segments = value.get("segments")
    if not isinstance(segments, list) or not all(isinstance(s, dict) for s in segments):
        raise Corrupt(f"{what}: 'segments' must be a list of objects")
    return segments


def _segment(
    data: bytes, kind: str, segment: Mapping[str, Any], where: str
) -> list[dict[str, Any]]:
    if whole(segment, "size_bytes", where) != len(data):
        raise Corrupt(f"{where}: {len(data)} bytes, the trace's manifest says otherwise")
    if len(data) < 64 or not data.startswith(b"FRUN"):
        raise Corrupt(f"{where}: not a segment of a trace")
    _, version, four, code, first, last, count, rest = _HEAD.unpack_from(data)
    if not _is_known(kind, code, where):
        return []
    if version != 1:
        raise Corrupt(f"{where}: version {version} is not known to this git-bt, which reads 1")
    if four != 4 or any(rest):
        raise Corrupt(f"{where}: its header is damaged")
    for key, said in (("first_event_ns", first), ("last_event_ns", last)):
        if whole(segment, key, where) != said:
            raise Corrupt(f"{where}: {key} is {said}, the trace's manifest says otherwise")
    if whole(segment, "event_count", where) != count:
        raise Corrupt(f"{where}: holds {count} records, the trace's manifest says otherwise")
    rows = [_row(kind, payload) for payload in _payloads(data, kind, where)]
    if len(rows) != count:
        raise Corrupt(f"{where}: holds {len(rows)} records, its header says {count}")
    return rows


def _is_known(kind: str, code: int, where: str) -> bool:
    """Tell whether we read such records, of which manifest and header say the same."""
    codes = {name: known for name, (known, _) in _KINDS.items()}
    if kind not in codes and code not in codes.values():
        return False  # bookkeeping of a release that we do not know
    if code != codes.get(kind):
        raise Corrupt(f"{where}: holds no {kind:.40}")
    return True


def _payloads(data: bytes, kind: str, where: str) -> Iterator[bytes]:
    at = 64
    while at < len(data):
        if at + _RECORD.size > len(data):
            raise Corrupt(f"{where}: cut at byte {at}")
        size, crc, code, version, padding = _RECORD.unpack_from(data, at)
        payload = data[at + _RECORD.size : at + _RECORD.size + size]
        if len(payload) != size:
            raise Corrupt(f"{where}: cut at byte {at}")
        if zlib.crc32(payload) != crc or (code, version, padding) != (_KINDS[kind][1], 1, 0):
            raise Corrupt(f"{where}: the record at byte {at} is damaged")
        if size < _FIXED[kind]:
            raise Corrupt(f"{where}: the record at byte {at} is too short")
        yield payload
        at += _RECORD.size + size


def _row(kind: str, payload: bytes) -> dict[str, Any]:
    if kind == "signals":
        (size,) = struct.unpack_from("<H", payload, 20)
        return {"name": payload[48 : 48 + size].decode(errors="replace")}
    price, quantity = struct.unpack_from("<qq", payload, 32)
    if kind == "orders":
        symbol, event, side, code = struct.unpack_from("<IBBB", payload, 48)
        return {
            "event_kind": event, "side": side, "order_type": code,
            "price_raw": price, "qty_raw": quantity, "symbol_id": symbol,
        }  # fmt: skip
    symbol, side = struct.unpack_from("<IB", payload, 56)
    return {"symbol_id": symbol, "side": side, "price_raw": price, "qty_raw": quantity}


# -- beside our output ----------------------------------------------------------------------------


def expected_trace(rows: Rows) -> dict[str, Table]:
    """Return what a recorded trace says, as tables to compare.

    Signals and orders are left out where there are none: releases from 0.10 on write none, which
    is no statement about the run.
    """
    return {
        kind: Table(
            columns=columns,
            rows=tuple(tuple(row[column] for column in columns) for row in rows.get(kind, ())),
        )
        for kind, columns in COLUMNS.items()
        if kind == "fills" or rows.get(kind)
    }


def actual_trace(output: Output, expected: Mapping[str, Table]) -> dict[str, Table]:
    """Return what the same trace would say of our output: the same kinds, the same columns.

    FLOX turns prices into fixed point by cutting off, we by rounding too: where either gives the
    recorded number, that number stands.

    Raises:
        Corrupt: a table of the output is malformed.
    """
    summary = decode_json(output["summary.json"], "output/summary.json")
    ids = symbol_ids(summary)
    found: dict[str, Table] = {}
    for kind, table in expected.items():
        name = "fills.csv" if kind == "fills" else "orders.csv"
        ours = decode_table(output[name], name) if name in output else Table(columns=(), rows=())
        rows = [dict(zip(ours.columns, row, strict=True)) for row in ours.rows]
        if kind != "fills" and _is_old(expected):
            rows = [row for row in rows if row["type"] in TYPES[:2]]
        found[kind] = Table(
            columns=table.columns,
            rows=tuple(
                _actual_row(table.columns, row, ids, table.rows[i] if i < len(table.rows) else None)
                for i, row in enumerate(rows)
            ),
        )
    return found


def _is_old(expected: Mapping[str, Table]) -> bool:
    """Tell whether only market and limit orders stand there: releases up to 0.6.6 drop the rest.

    A later release that was given none but those says the same, and then the fills decide.
    """
    names = {row[0] for row in expected["signals"].rows} if "signals" in expected else set()
    return names <= set(TYPES[:2])


def _actual_row(
    columns: Sequence[str],
    row: Mapping[str, Value],
    ids: Mapping[str, int],
    recorded: Sequence[Value] | None,
) -> tuple[Value, ...]:
    said = dict(zip(columns, recorded, strict=True)) if recorded else {}
    kind = row.get("type")
    values: dict[str, Value] = {
        "name": kind,
        "event_kind": SUBMIT,
        "side": {"buy": 0, "sell": 1}.get(str(row["side"])),
        "order_type": TYPES.index(str(kind)) if kind in TYPES else None,
        "symbol_id": ids.get(str(row["symbol"])),
        "price_raw": _raw(row["price"], said.get("price_raw")),
        "qty_raw": _raw(row["quantity"], said.get("qty_raw")),
    }
    return tuple(values[column] for column in columns)


def _raw(value: Value, recorded: Value) -> int:
    scaled = min(float(value or 0) * RAW, INT64)  # where the engine itself saturates
    return round(scaled) if recorded == round(scaled) else int(scaled)
