"""FLOX's layout: genuine bundles are read, tampered ones refused by verdict, ours come back."""

import csv
import json
import random
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import lrvx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import CASES
from git_bt.archive import Entry, entry, open_archive, write_archive
from git_bt.bundle import build_bundle, check_content, strategy_content, tape_of
from git_bt.canonical import encode_json, sha256, tape_sha256
from git_bt.comparison import Table
from git_bt.engines import flox
from git_bt.errors import BtError, Corrupt, Incomplete
from git_bt.flox_layout import (
    actual_trace,
    expected_of,
    expected_trace,
    flox_entries,
    foreign_expected,
    foreign_trace,
    is_foreign,
    read_expected,
    read_flox,
    read_trace,
)
from git_bt.flox_layout.expected import compensated, fold
from git_bt.model import EXECUTABLE, Bundle, Data, EngineVersion, Member, Snapshot, Tape
from git_bt.paths import check_paths
from git_bt.tables import COLUMNS, encode_table

DATA = Path(__file__).parent / "data" / "flox"
NEW = "a_tiny3_lrvx0.11.0.tar"
OLD = "c_tiny3_floxpy0.6.8.tar"
JSON_ONLY = "jsononly_tiny.tar"
Files = dict[str, bytes]


def genuine(name: str = NEW) -> Files:
    """Return the files of a bundle that FLOX wrote."""
    found = open_archive(DATA / name, DATA)  # all small: nothing goes to disk
    return {path: item.source.read() for path, item in found.items()}


def entries(files: Files) -> dict[str, Entry]:
    return {path: entry(data) for path, data in files.items()}


def edited(files: Files, path: str, **changes: Any) -> Files:
    """Change keys of a JSON member; a change to ... takes the key away."""
    value = json.loads(files[path]) | changes
    left = {key: item for key, item in value.items() if item is not ...}
    return {**files, path: json.dumps(left).encode()}


def manifest(files: Files, **changes: Any) -> Files:
    return edited(files, "manifest.json", **changes)


# -- what FLOX wrote ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [NEW, OLD, JSON_ONLY])
def test_genuine_bundles_are_read(name: str) -> None:
    """A bundle of each kind of release is read: one fill of 1.0 at 100.0."""
    bundle = read_flox(entries(genuine(name)))

    check_content(bundle)
    assert is_foreign(bundle)
    assert bundle.manifest.engine == EngineVersion(name="flox", version="unknown")
    assert foreign_expected(bundle) == {
        "trade_count": 3,
        "fill_count": 1,
        "fills": [{"symbol": 1, "side": "buy", "price": 100.0, "quantity": 1.0}],
        "total_filled_quantity": 1.0,
    }


def test_traces_by_release() -> None:
    """0.6.8 wrote signals and orders, 0.11 fills only, the first nothing at all."""
    kinds = {name: foreign_trace(read_flox(entries(genuine(name)))) for name in (NEW, OLD)}

    assert sorted(kinds[NEW] or ()) == ["fills"]
    assert sorted(kinds[OLD] or ()) == ["fills", "orders", "signals"]
    assert foreign_trace(read_flox(entries(genuine(JSON_ONLY)))) is None


def test_own_pack_of_the_same_inputs_has_the_same_inputs_id() -> None:
    """A foreign config is completed as the adapter completes ours."""
    foreign = read_flox(entries(genuine()))
    strategy = strategy_content(foreign)
    ours = build_bundle(
        snapshot=Snapshot(
            entry_point=foreign.manifest.entry_point,
            method="imports",
            files={path: entry(source.read()).member for path, source in strategy.items()},
        ),
        content=strategy,
        tape=tape_of(foreign),
        engine=EngineVersion(name="flox", version="0.11.0"),
        config=flox.complete({}),
        output={},
    )

    assert ours.manifest.inputs == foreign.manifest.inputs
    assert flox.complete(foreign.manifest.config) == foreign.manifest.config


@pytest.mark.parametrize(
    ("model", "params", "config"),
    [
        ("fixed_bps", {"bps": 5.0}, {"slippage_bps": 5}),
        ("fixed_ticks", {"ticks": 2, "tick_size": 0.01}, {"slippage_ticks": 2}),
        ("fixed_ticks", {"ticks": 2}, {"slippage_ticks": 2, "slippage_tick_size": 0}),
        ("volume_impact", {"impact_coeff": 0.1}, {"impact_coeff": 0.1}),
    ],
)
def test_slippage_of_a_foreign_bundle(
    model: str, params: dict[str, float], config: dict[str, float]
) -> None:
    """FLOX's nested parameters become ours, flat and complete."""
    said = {"slippage_model": model, "slippage_params": params}
    files = edited(manifest(genuine(), **said), "config/params.json", **said)

    found = read_flox(entries(files)).manifest.config

    assert found == flox.complete({"slippage_model": model, **config})


HARMLESS: dict[str, Callable[[Files], Files]] = {
    "a clock": lambda f: manifest(f, created_at_ns=0),
    "an engine version": lambda f: manifest(f, lrvx_version="0.10.0"),
    "both names of the version": lambda f: manifest(f, flox_version="unknown"),
    "a key of a later release": lambda f: manifest(f, seed=7),
    "a large tick size": lambda f: manifest(f, tick_size=10**39),
    "a tick size that is whole": lambda f: manifest(f, tick_size=1),
    "an unread member": lambda f: {**f, "notes/readme.txt": b"hello"},
    "a helper beside the strategy": lambda f: {**f, "strategy/helper.py": b"X = 1\n"},
    "empty params": lambda f: {**f, "config/params.json": b"{}"},
    "more params": lambda f: edited(f, "config/params.json", initial_capital=1e5),
    "no params": lambda f: {p: d for p, d in f.items() if p != "config/params.json"},
    "no trace": lambda f: {p: d for p, d in f.items() if not p.startswith("expected.")},
    "whole numbers": lambda f: edited(
        f,
        "expected_output.json",
        fills=[{"symbol": 1, "side": "buy", "price": 100, "quantity": 1}],
        total_filled_quantity=1,
    ),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_harmless_changes_are_read(name: str) -> None:
    """What says nothing about the result refuses no bundle."""
    files = HARMLESS[name](genuine())

    found = read_flox(entries(files))

    assert found.manifest.inputs
    assert {p: e.source.read() for p, e in flox_entries(found).items()} == files


@pytest.mark.parametrize("name", [NEW, OLD, JSON_ONLY])
def test_foreign_bundles_come_back_byte_for_byte(name: str, tmp_path: Path) -> None:
    """Exported again, every member has the bytes it came with, and the same id once more."""
    files = genuine(name)
    bundle = read_flox(entries(files))

    write_archive(tmp_path / "x.tar", flox_entries(bundle))
    found = open_archive(tmp_path / "x.tar", tmp_path)

    assert {path: item.source.read() for path, item in found.items()} == files
    assert read_flox(found) == bundle


def test_foreign_modes_are_kept() -> None:
    """An executable strategy of a foreign bundle stays one."""
    found = entries(genuine())
    path = "strategy/first_trade_buy.py"
    found[path] = entry(found[path].source.read(), EXECUTABLE)

    assert flox_entries(read_flox(found)) == found


# -- what was done to it --------------------------------------------------------------------------

STRATEGY = "strategy/first_trade_buy.py"
FILL = {"symbol": 1, "side": "buy", "price": 100.0, "quantity": 1.0}
EXPECTED = "expected_output.json"
TRACE = "expected.lrvxrun/manifest.json"
SEGMENT = "expected.lrvxrun/fills-000000.bin"


def without(path: str) -> Callable[[Files], Files]:
    return lambda files: {p: d for p, d in files.items() if p != path}


def raw(path: str, data: bytes) -> Callable[[Files], Files]:
    return lambda files: {**files, path: data}


def changed(path: str, **changes: Any) -> Callable[[Files], Files]:
    return lambda files: edited(files, path, **changes)


def segment(**changes: Any) -> Callable[[Files], Files]:
    def change(files: Files) -> Files:
        segments = json.loads(files[TRACE])["segments"]
        found = {k: v for k, v in (segments[0] | changes).items() if v is not ...}
        return edited(files, TRACE, segments=[found])

    return change


def fill(**changes: Any) -> Callable[[Files], Files]:
    found = {key: item for key, item in {**FILL, **changes}.items() if item is not ...}
    return changed(EXPECTED, fills=[found])


CORRUPT: dict[str, tuple[Callable[[Files], Files], str]] = {
    "no manifest": (without("manifest.json"), "not a bundle"),
    "manifest text": (raw("manifest.json", b"hello"), "line 1, column 1"),
    "manifest empty": (raw("manifest.json", b""), "manifest.json: line 1"),
    "manifest list": (raw("manifest.json", b"[]"), "must be an object, is list"),
    "manifest null": (raw("manifest.json", b"null"), "must be an object"),
    "manifest twice a key": (raw("manifest.json", b'{"a":1,"a":2}'), "'a' stands twice"),
    "manifest NaN": (raw("manifest.json", b'{"tick_size": NaN}'), "NaN"),
    "manifest deep": (raw("manifest.json", b"[" * 100_000), "nested deeper"),
    "manifest not UTF-8": (raw("manifest.json", b'{"a": "\xff"}'), "not UTF-8"),
    "manifest with a mark": (raw("manifest.json", b"\xef\xbb\xbf{}"), "line 1, column 1"),
    "manifest huge number": (raw("manifest.json", b'{"a": ' + b"9" * 9999 + b"}"), "9999 digits"),
    "manifest is a folder": (
        lambda f: {"manifest.json/x": b"", **without("manifest.json")(f)},
        "not a bundle",
    ),
    "version true": (changed("manifest.json", bundle_format_version=True), "integer 1, is True"),
    "version 1.0": (changed("manifest.json", bundle_format_version=1.0), "integer 1, is 1.0"),
    "version text": (changed("manifest.json", bundle_format_version="1"), "integer 1, is '1'"),
    "version null": (changed("manifest.json", bundle_format_version=None), "integer 1"),
    "version missing": (changed("manifest.json", bundle_format_version=...), "integer 1"),
    "version 2": (changed("manifest.json", bundle_format_version=2), "format 2 is not known"),
    "version 0": (changed("manifest.json", bundle_format_version=0), "no bundle format 0"),
    "no engine version": (changed("manifest.json", lrvx_version=...), "'flox_version' must be"),
    "engine version 1": (changed("manifest.json", lrvx_version=1), "'lrvx_version' must be text"),
    "a clock that is text": (changed("manifest.json", created_at_ns="now"), "'created_at_ns'"),
    "no clock": (changed("manifest.json", created_at_ns=...), "'created_at_ns'"),
    "no strategy name": (changed("manifest.json", strategy_filename=...), "'strategy_filename'"),
    "strategy name list": (changed("manifest.json", strategy_filename=[]), "must be text"),
    "strategy absolute": (changed("manifest.json", strategy_filename="/etc/x.py"), "absolute"),
    "strategy outside": (changed("manifest.json", strategy_filename="../../x.py"), "leaves its"),
    "strategy itself": (changed("manifest.json", strategy_filename="."), "leaves its root"),
    "strategy backslash": (changed("manifest.json", strategy_filename="..\\x.py"), "backslash"),
    "strategy edited": (raw(STRATEGY, b"# other\n"), "not the recorded bytes (strategy_sha256)"),
    "strategy CRLF": (
        lambda f: {**f, STRATEGY: f[STRATEGY].replace(b"\n", b"\r\n")},
        "not the recorded bytes (strategy_sha256)",
    ),
    "strategy hash short": (changed("manifest.json", strategy_sha256="abc"), "must be a sha256"),
    "strategy hash upper": (
        lambda f: manifest(f, strategy_sha256=sha256(f[STRATEGY]).upper()),
        "must be a sha256 in lower-case",
    ),
    "strategy hash missing": (changed("manifest.json", strategy_sha256=...), "'strategy_sha256'"),
    "tape hash missing": (changed("manifest.json", tape_sha256=...), "'tape_sha256'"),
    "tape hash of another": (changed("manifest.json", tape_sha256="0" * 64), "tape/: not the"),
    "tape file added": (raw("tape/more.lrvx", b""), "tape/: not the recorded bytes"),
    "tape file removed": (without("tape/metadata.json"), "tape/: not the recorded bytes"),
    "tape file renamed": (
        lambda f: {**without("tape/metadata.json")(f), "tape/meta.json": f["tape/metadata.json"]},
        "tape/: not the recorded bytes",
    ),
    "no symbol": (changed("manifest.json", symbol_name=...), "'symbol_name' must be text"),
    "symbol empty": (changed("manifest.json", symbol_name=""), "'symbol_name' must be text"),
    "no exchange": (changed("manifest.json", exchange=...), "'exchange' must be text"),
    "no tick size": (changed("manifest.json", tick_size=...), "'tick_size' must be a number"),
    "tick size text": (changed("manifest.json", tick_size="0.01"), "must be a number"),
    "tick size true": (changed("manifest.json", tick_size=True), "must be a number"),
    "tick size 0": (changed("manifest.json", tick_size=0), "must be above 0"),
    "tick size -1": (changed("manifest.json", tick_size=-1), "must be above 0"),
    "model unknown": (changed("manifest.json", slippage_model="bogus"), "must be one of none"),
    "model list": (changed("manifest.json", slippage_model=["none"]), "must be one of none"),
    "model missing": (changed("manifest.json", slippage_model=...), "must be one of none"),
    "params missing": (changed("manifest.json", slippage_params=...), "must be an object"),
    "params list": (changed("manifest.json", slippage_params=[]), "must be an object"),
    "param unknown": (changed("manifest.json", slippage_params={"x": 1}), "'x' is not known"),
    "param text": (changed("manifest.json", slippage_params={"bps": "5"}), "must be a number"),
    "param below 0": (changed("manifest.json", slippage_params={"bps": -5}), "is below 0"),
    "param edited": (changed("manifest.json", slippage_params={"bps": 5}), "contradicts manifest"),
    "model edited": (changed("manifest.json", slippage_model="fixed_bps"), "contradicts manifest"),
    "config edited": (changed("config/params.json", slippage_model="fixed_bps"), "contradicts"),
    "config param edited": (changed("config/params.json", slippage_params={"bps": 5}), "contra"),
    "config garbage": (raw("config/params.json", b"{"), "config/params.json: line 1"),
    "config list": (raw("config/params.json", b"[]"), "config/params.json: must be an object"),
    "config model unknown": (changed("config/params.json", slippage_model=1), "must be one of"),
    "expected garbage": (raw(EXPECTED, b"{garbage"), "expected_output.json: line 1"),
    "expected empty": (raw(EXPECTED, b""), "expected_output.json: line 1"),
    "expected list": (raw(EXPECTED, b"[]"), "expected_output.json: must be an object"),
    "expected NaN": (changed(EXPECTED, total_filled_quantity=float("nan")), "NaN is not JSON"),
    "expected infinity": (changed(EXPECTED, total_filled_quantity=float("inf")), "Infinity"),
    "expected 1e999": (raw(EXPECTED, b'{"total_filled_quantity": 1e999}'), "too large"),
    "expected key unknown": (changed(EXPECTED, pnl=1), "'pnl' is not known"),
    "expected no fills": (changed(EXPECTED, fills=...), "'fills' is missing"),
    "expected fills object": (changed(EXPECTED, fills={}), "'fills' must be a list"),
    "expected no count": (changed(EXPECTED, fill_count=...), "'fill_count' is missing"),
    "expected count": (changed(EXPECTED, fill_count=2), "fill_count is 2, fills are 1"),
    "expected count true": (changed(EXPECTED, fill_count=True), "'fill_count' must be a whole"),
    "expected count 1.0": (changed(EXPECTED, fill_count=1.0), "'fill_count' must be a whole"),
    "expected total": (changed(EXPECTED, total_filled_quantity=2.0), "is not the sum"),
    "expected total text": (changed(EXPECTED, total_filled_quantity="1"), "must be a number"),
    "expected trades below 0": (changed(EXPECTED, trade_count=-1), "'trade_count' must be"),
    "expected trades text": (changed(EXPECTED, trade_count="3"), "'trade_count' must be"),
    "fill list": (changed(EXPECTED, fills=[[]]), "fills[0]: must be an object"),
    "fill key unknown": (fill(fee=0), "fills[0]: 'fee' is not known"),
    "fill key missing": (fill(price=...), "fills[0]: 'price' is missing"),
    "fill side": (fill(side="BUY"), "fills[0]: 'side' must be buy or sell"),
    "fill side list": (fill(side=["buy"]), "fills[0]: 'side' must be buy or sell"),
    "fill symbol": (fill(symbol="1"), "fills[0]: 'symbol' must be a whole number"),
    "fill price": (fill(price="100"), "fills[0]: 'price' must be a number"),
    "fill price null": (fill(price=None), "fills[0]: 'price' must be a number"),
    "fill quantity": (fill(quantity=2.0), "is not the sum"),
    "trace garbage": (raw(TRACE, b"{garbage"), "expected.lrvxrun/manifest.json: line 1"),
    "trace list": (raw(TRACE, b"[]"), "must be an object"),
    "trace newer": (changed(TRACE, format_version=2), "format_version 2 is not known"),
    "trace schema": (changed(TRACE, schema_version=True), "schema_version True is not known"),
    "trace no segments": (changed(TRACE, segments=...), "'segments' must be a list"),
    "trace segments text": (changed(TRACE, segments=["x"]), "'segments' must be a list"),
    "trace unlisted": (changed(TRACE, segments=[]), "fills-000000.bin is not in the trace's"),
    "trace file added": (raw("expected.lrvxrun/x.bin", b""), "x.bin is not in the trace's"),
    "trace file below": (raw("expected.lrvxrun/a/b.bin", b""), "a/b.bin is not in the trace's"),
    "trace size": (segment(size_bytes=1), "140 bytes, the trace's manifest says otherwise"),
    "trace no size": (segment(size_bytes=...), "'size_bytes' must be a whole"),
    "trace count": (segment(event_count=2), "holds 1 records"),
    "trace kind": (segment(record_kind="orders"), "holds no orders"),
    "trace no name": (segment(name=...), "'name' must be text"),
    "trace manifest as segment": (segment(name="manifest.json"), "stands twice"),
    "trace not a segment": (raw(SEGMENT, bytes(140)), "not a segment"),
    "trace cut": (lambda f: {**f, SEGMENT: f[SEGMENT][:-1]}, "139 bytes"),
    "two traces": (raw("expected.floxrun/manifest.json", b"{}"), "two traces"),
    "git": (raw("tape/.git/config", b""), "tape/: not the recorded"),
}
INCOMPLETE: dict[str, tuple[Callable[[Files], Files], str]] = {
    "strategy missing": (without(STRATEGY), "strategy/first_trade_buy.py is missing"),
    "another strategy": (changed("manifest.json", strategy_filename="x.py"), "strategy/x.py is"),
    "tape missing": (lambda f: {p: d for p, d in f.items() if p[:5] != "tape/"}, "tape/ is"),
    "expected missing": (without(EXPECTED), "expected_output.json is missing"),
    "trace manifest missing": (without(TRACE), "expected.lrvxrun/manifest.json is missing"),
    "trace segment missing": (without(SEGMENT), "fills-000000.bin is missing"),
    "trace segment outside": (segment(name="../expected_output.json"), "is missing"),
}


@pytest.mark.parametrize("name", CORRUPT)
def test_corrupt(name: str) -> None:
    """Bytes that are not what FLOX recorded, or are malformed, are corrupt, in one clear line."""
    change, words = CORRUPT[name]
    files = change(genuine())

    with pytest.raises(Corrupt) as caught:
        read_flox(entries(files))

    assert words in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("name", INCOMPLETE)
def test_incomplete(name: str) -> None:
    """What must be there and is not is incomplete."""
    change, words = INCOMPLETE[name]

    with pytest.raises(Incomplete) as caught:
        read_flox(entries(change(genuine())))

    assert words in caught.value.message


@pytest.mark.parametrize("path", ["manifest.json", "config/params.json", EXPECTED])
def test_json_out_of_all_proportion_is_not_read(path: str) -> None:
    """A member that would fill the memory as JSON is refused by its size alone."""
    found = entries(genuine())
    huge = replace(found[path].member, size=1 << 30)

    with pytest.raises(Corrupt, match=f"{path}: 1073741824 bytes, more than"):
        read_flox({**found, path: replace(found[path], member=huge)})


def test_every_flipped_byte_of_a_record_is_seen() -> None:
    """A trace's records have checksums, so no byte of one changes unseen."""
    files = genuine(OLD)
    for path in [p for p in files if p.endswith(".bin")]:
        data = files[path]
        for at in range(76, len(data)):
            flipped = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]

            with pytest.raises(Corrupt, match="damaged"):
                read_flox(entries({**files, path: flipped}))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damage_never_raises_anything_else(data: st.DataObject) -> None:
    """Whatever is done to a member, the bundle is read or refused."""
    files = genuine(OLD)
    path = data.draw(st.sampled_from(sorted(files)))
    found = bytearray(files[path])
    for _ in range(data.draw(st.integers(1, 4))):
        found[data.draw(st.integers(0, len(found) - 1))] = data.draw(st.integers(0, 255))
    with suppress(BtError):
        read_flox(entries({**files, path: bytes(found)}))


DECIDED = {"corrupt", "incomplete"}
"""Verdicts that need no run."""


@pytest.mark.skipif(not CASES.is_dir(), reason="the shared cases are not here")
def test_shared_cases(tmp_path: Path) -> None:
    """Of the shared cases, those that must be refused before a run are, and no others."""
    with (CASES / "flox" / "expected.csv").open() as f:
        rows = list(csv.DictReader(f))
    wrong = []
    for number, row in enumerate(rows):
        work = tmp_path / str(number)
        work.mkdir()
        wanted = set(row["verdicts"].split("|"))
        try:
            bundle = read_flox(open_archive(CASES / "flox" / row["file"], work))
            check_content(bundle)
            verdict = "read"
        except (Corrupt, Incomplete) as e:
            verdict = type(e).__name__.lower()
        if verdict not in wanted and (verdict != "read" or wanted <= DECIDED):
            wrong.append((row["file"], verdict, wanted))

    assert len(rows) >= 40
    assert wrong == []


def test_every_flipped_byte_of_a_segment_is_found() -> None:
    """Also in what the engine never reads; the version and the clock are another matter."""
    files = genuine()
    for at in {*range(len(files[SEGMENT]))} - {*range(4, 6), *range(8, 16)}:
        data = bytearray(files[SEGMENT])
        data[at] ^= 1
        with pytest.raises(Corrupt):
            read_flox(entries({**files, SEGMENT: bytes(data)}))


def test_a_name_from_elsewhere_stays_on_one_line() -> None:
    """A name with a newline or an escape sequence in it cannot write a message of its own."""
    files = manifest(genuine(), strategy_filename="a\nb\x1b[2J.py")

    with pytest.raises(Incomplete, match=r"strategy/a\\nb\\x1b\[2J\.py is missing"):
        read_flox(entries(files))


# -- ours -----------------------------------------------------------------------------------------

SUMMARY = {
    "trade_count": 3,
    "symbols": {"BTCUSDT": {"id": 1, "last_price": 102.0, "last_ts_ns": 3}},
}
ROW = (0, 1, "BTCUSDT", "buy", 100.0, 1.0, 0.0)
ORDER = (0, 1, 7, "BTCUSDT", "buy", "market", 0.0, 1.0, 0.0, 0.0, 0.0)


def output(rows: list[tuple[Any, ...]] | None = None) -> dict[str, bytes]:
    """Return the output of a run on the tiny tape, with the trace of a real one."""
    rows = [ROW] if rows is None else rows
    trace = {p: d for p, d in genuine(OLD).items() if p.startswith("expected.floxrun/")}
    return {
        "fills.csv": encode_table(COLUMNS["fills.csv"], rows),
        "orders.csv": encode_table(COLUMNS["orders.csv"], [ORDER]),
        "summary.json": encode_json(SUMMARY),
    } | {p.replace("expected.floxrun", "run.floxrun"): d for p, d in trace.items()}


def ours(**more: Any) -> Bundle:
    """Build a bundle of our own from the tiny genuine one's strategy and tape."""
    foreign = read_flox(entries(genuine()))
    strategy = {"pkg/s.py": genuine()[STRATEGY], "pkg/é.json": b"{}"}
    usual: dict[str, Any] = {
        "snapshot": Snapshot(
            entry_point="pkg/s.py",
            method="imports",
            files={path: entry(data).member for path, data in strategy.items()},
        ),
        "content": {path: Data(data) for path, data in strategy.items()},
        "tape": tape_of(foreign),
        "engine": EngineVersion(name="flox", version="0.11.0"),
        "config": flox.complete({}),
        "output": output(),
    }
    return build_bundle(**{**usual, **more})


def test_layout_of_an_export() -> None:
    """FLOX's members are derived, ours stand beside them."""
    found = flox_entries(ours())

    assert sorted(found) == [
        "config/params.json", "expected.floxrun/fills-000000.bin", "expected.floxrun/manifest.json",
        "expected.floxrun/orders-000000.bin", "expected.floxrun/signals-000000.bin",
        "expected_output.json", "manifest.json", "output/fills.csv", "output/orders.csv",
        "output/summary.json", "strategy/pkg/s.py", "strategy/pkg/é.json",
        "tape/1795235864091666931.lrvx", "tape/metadata.json",
    ]  # fmt: skip
    value = json.loads(found["manifest.json"].source.read())
    assert value.pop("git_bt")["bundle"] == ours().id
    assert value == {
        "bundle_format_version": 1,
        "lrvx_version": "unknown",
        "created_at_ns": 0,
        "strategy_filename": "pkg/s.py",
        "strategy_sha256": sha256(genuine()[STRATEGY]),
        "tape_sha256": json.loads(genuine()["manifest.json"])["tape_sha256"],
        "symbol_name": "BTCUSDT",
        "exchange": "bundle",
        "tick_size": 0.01,
        "slippage_model": "none",
        "slippage_params": {},
    }
    assert json.loads(found["expected_output.json"].source.read()) == json.loads(
        genuine()["expected_output.json"]
    )


def test_bytes_never_change(tmp_path: Path) -> None:
    """The export of this bundle is these bytes, on any machine."""
    write_archive(tmp_path / "x.tar", flox_entries(ours()))

    assert ours().id == GOLDEN_ID
    assert sha256((tmp_path / "x.tar").read_bytes()) == GOLDEN_TAR


GOLDEN_ID = "d3478de0863ecae403c4a531547275e1b121d370460db0feca043c7fb68758b6"
GOLDEN_TAR = "fc3a76989eebfd0de6b0939e23ada66ccd499f1ce5e641dfb35cd1bdf13456c3"


@pytest.mark.parametrize("for_lrvx", [False, True])
def test_import_of_an_export_is_the_bundle(tmp_path: Path, for_lrvx: bool) -> None:
    """Exported, written, read and imported, a bundle is the same to the last field."""
    bundle = ours(foreign={"x": entry(b"1").member}, foreign_content={"x": Data(b"1")})

    write_archive(tmp_path / "x.tar", flox_entries(bundle, for_lrvx=for_lrvx))
    found = read_flox(open_archive(tmp_path / "x.tar", tmp_path))

    assert found == bundle
    assert not is_foreign(found)


paths = st.lists(
    st.text(
        st.characters(exclude_categories=("Cs",), exclude_characters="/\\\0:"),
        min_size=1,
        max_size=20,
    ),
    min_size=1,
    max_size=3,
).map("/".join)


def are_safe(values: dict[str, bytes]) -> bool:
    try:
        check_paths(values)
    except Corrupt:
        return False
    return True


files_strategy = st.dictionaries(paths, st.binary(max_size=40), max_size=4).filter(are_safe)


@settings(max_examples=100, deadline=None)
@given(files_strategy.filter(bool), files_strategy, files_strategy, st.booleans())
def test_any_bundle_comes_back(strategy: Files, tape: Files, out: Files, has_command: bool) -> None:
    """Whatever the paths and bytes, an export imports as the bundle it was."""
    bundle = build_bundle(
        snapshot=Snapshot(
            entry_point=min(strategy),
            method="yaml",
            files={p: entry(d, EXECUTABLE).member for p, d in strategy.items()},
        ),
        content={p: Data(d) for p, d in strategy.items()},
        tape=Tape(
            members={p: entry(d).member for p, d in tape.items()},
            content={p: Data(d) for p, d in tape.items()},
        ),
        engine=EngineVersion(name="command", version="1"),
        config={"x": [1.5, None, {"é": 2.0}]},
        output=out,
        command=("./run", "é") if has_command else None,
    )

    assert read_flox(flox_entries(bundle)) == bundle


def test_another_engine_has_no_keys_of_flox() -> None:
    """A bundle that FLOX cannot run says nothing that only FLOX means."""
    found = flox_entries(ours(engine=EngineVersion(name="python", version="3.11"), config={"a": 1}))

    value = json.loads(found["manifest.json"].source.read())
    assert "slippage_model" not in value
    assert "tick_size" not in value
    assert "expected_output.json" not in found
    assert json.loads(found["config/params.json"].source.read()) == {"a": 1}


def test_every_changed_member_of_ours_is_seen() -> None:
    """Each member of an export, ours or derived, is named when its bytes or mode change."""
    good = flox_entries(ours())
    for path, item in good.items():
        data = item.source.read()
        for other in (entry(data + b" "), entry(data, EXECUTABLE), entry(b"")):
            with pytest.raises(Corrupt) as caught:
                read_flox({**good, path: other})

            assert path in caught.value.message


def test_every_missing_member_of_ours_is_seen() -> None:
    """Each member of an export but the manifest is incomplete when taken away."""
    good = flox_entries(ours())
    for path in good.keys() - {"manifest.json"}:
        with pytest.raises(Incomplete) as caught:
            read_flox({p: e for p, e in good.items() if p != path})

        assert path in caught.value.message


@pytest.mark.parametrize(
    ("path", "words"),
    [("more.txt", "more.txt is not in the manifest"), ("tape/x", "tape/x is not in the manifest")],
)
def test_a_member_more_is_seen(path: str, words: str) -> None:
    """An export holds what its manifest lists, and nothing else."""
    with pytest.raises(Corrupt, match=words):
        read_flox({**flox_entries(ours()), path: entry(b"")})


OURS: dict[str, tuple[dict[str, Any], str]] = {
    "no id": ({"bundle": ...}, "bundle id does not follow"),
    "another id": ({"bundle": "0" * 64}, "bundle id does not follow"),
    "another inputs id": ({"inputs": "0" * 64}, "inputs id does not follow"),
    "newer": ({"version": 2}, "version 2 is not known"),
    "a key more": ({"more": 1}, "not in canonical form"),
    "engine text": ({"engine": "flox"}, "'engine' must be an object"),
    "entry elsewhere": ({"entry_point": "../x"}, "inputs id does not follow"),
    "members list": ({"members": []}, "'members' must be an object"),
}


@pytest.mark.parametrize("name", OURS)
def test_our_manifest_is_checked(name: str) -> None:
    """Our part of the manifest is read as strictly as in the store."""
    changes, words = OURS[name]
    good = flox_entries(ours())
    value = json.loads(good["manifest.json"].source.read())
    part = value["git_bt"] | changes
    value["git_bt"] = {key: item for key, item in part.items() if item is not ...}

    with pytest.raises(Corrupt, match=words):
        read_flox({**good, "manifest.json": entry(encode_json(value))})
    with pytest.raises(Corrupt, match="git_bt: must be an object"):
        read_flox({**good, "manifest.json": entry(encode_json(value | {"git_bt": []}))})


def test_an_edited_flox_key_of_ours_is_seen() -> None:
    """What FLOX would read of our manifest must follow from what we would."""
    good = flox_entries(ours())
    value = json.loads(good["manifest.json"].source.read()) | {"tick_size": 0.5}

    with pytest.raises(Corrupt, match=r"manifest\.json: its bytes do not follow"):
        read_flox({**good, "manifest.json": entry(encode_json(value))})


def test_without_the_tape_nothing_is_exported() -> None:
    """A bundle whose tape is elsewhere cannot be exported, and says which file is missing."""
    bundle = ours()
    content = {p: s for p, s in bundle.content.items() if p != "tape/metadata.json"}

    with pytest.raises(Incomplete, match=r"tape/metadata\.json of bundle"):
        flox_entries(replace(bundle, content=content))


def lrvx_validate(path: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lrvx")
    return subprocess.run(
        [program, "bundle", "validate", path], capture_output=True, text=True, cwd=path.parent
    )


def test_lrvx_validates_what_is_exported_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real `lrvx bundle validate` says OK; with orders in the trace it would not."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    write_archive(tmp_path / "for.tar", flox_entries(ours(), for_lrvx=True))
    write_archive(tmp_path / "usual.tar", flox_entries(ours()))

    done = lrvx_validate(tmp_path / "for.tar")
    assert (done.returncode, "OK" in done.stdout) == (0, True), done.stderr
    assert "lrvxrun_order_count" in lrvx_validate(tmp_path / "usual.tar").stderr


def test_a_foreign_trace_is_left_out_for_lrvx(tmp_path: Path) -> None:
    """An old bundle that lrvx itself would refuse is exported for it without its trace."""
    bundle = read_flox(entries(genuine(OLD)))

    found = flox_entries(bundle, for_lrvx=True)

    assert [p for p in found if p.startswith("expected.")] == []
    assert read_flox(found).manifest.inputs == bundle.manifest.inputs


# -- expected output and trace --------------------------------------------------------------------


def test_expected_output_follows_from_the_fills() -> None:
    """Symbols by the engine's id, no time and no fee, and the sum from left to right."""
    rows = [ROW, (1, 2, "BTCUSDT", "sell", 101.5, 0.25, 0.0)]

    assert expected_of(output(rows)) == {
        "trade_count": 3,
        "fill_count": 2,
        "fills": [
            {"symbol": 1, "side": "buy", "price": 100.0, "quantity": 1.0},
            {"symbol": 1, "side": "sell", "price": 101.5, "quantity": 0.25},
        ],
        "total_filled_quantity": 1.25,
    }


def test_no_fills_are_the_integer_0() -> None:
    """Of no fills FLOX writes 0, not 0.0."""
    assert encode_json(expected_of(output([]))).count(b'"total_filled_quantity":0,') == 1


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("summary.json", b'{"symbols":{"BTCUSDT":{"id":1}}}\n', "'trade_count' must be"),
        ("summary.json", b"[]\n", "must be an object"),
        ("summary.json", b'{"symbols":{},"trade_count":1}\n', "symbol 'BTCUSDT' has no id"),
        ("summary.json", b'{"symbols":[],"trade_count":1}\n', "'symbols' must be"),
        ("fills.csv", b"x\n", "the columns must be"),
    ],
)
def test_malformed_output_is_corrupt(name: str, data: bytes, words: str) -> None:
    """An output that expected_output.json cannot be derived from is refused."""
    with pytest.raises(Corrupt, match=words):
        expected_of({**output(), name: data})
    with pytest.raises(Corrupt, match=f"output/{name} is missing"):
        expected_of({p: d for p, d in output().items() if p != name})


def test_either_sum_is_right() -> None:
    """Totals written by Python before 3.12 and after it are one and the same, others are not."""
    rng = random.Random(1)
    quantities = [round(rng.uniform(0, 3), 2) for _ in range(406)]
    value: dict[str, Any] = {
        "trade_count": 1,
        "fill_count": len(quantities),
        "fills": [FILL | {"quantity": q} for q in quantities],
    }
    plain, exact = fold(quantities), compensated(quantities)

    assert plain != exact
    for total in (plain, exact):
        found = read_expected(json.dumps(value | {"total_filled_quantity": total}).encode())
        assert found == value | {"total_filled_quantity": plain}
    with pytest.raises(Corrupt, match="is not the sum"):
        read_expected(json.dumps(value | {"total_filled_quantity": exact + 0.01}).encode())


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sum() is the plain one before 3.12")
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, max_value=1e300), max_size=20))
def test_compensated_is_pythons_sum(quantities: list[float]) -> None:
    """Our compensated sum is sum() as Python has it since 3.12."""
    assert compensated(quantities) == sum(quantities, 0.0)


def written_trace(folder: Path) -> Files:
    """Let the real recorder write a trace with all that varies in length."""
    recorder = lrvx.TraceRecorder(
        path=str(folder), strategy_id="s", strategy_hash="h", run_started_ns=1
    )
    for i in range(5):
        recorder.write_signal(
            run_ts_ns=i, signal_id=i, name="n" * 5 * i + "é", symbol_ids=[1] * i, payload=b"p" * i
        )
        recorder.write_order_event(
            run_ts_ns=i, order_id=2**40 + i, parent_signal_id=i, symbol_id=i, side=i % 2,
            event_kind=lrvx.OrderEventKind.REJECT, order_type=i, price_raw=-i, qty_raw=2**62 + i,
            reason="because" * i,
        )  # fmt: skip
        recorder.write_fill(
            run_ts_ns=i, order_id=i, fill_id=i, price_raw=10**i, qty_raw=i, symbol_id=9, side=1,
            liquidity=lrvx.FillLiquidity.MAKER,
        )  # fmt: skip
    recorder.set_run_ended_ns(9)
    recorder.close()
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def test_traces_are_read_as_the_engine_reads_them(tmp_path: Path) -> None:
    """Of every record we read what the engine's own reader reads."""
    files = written_trace(tmp_path / "trace")
    reader = lrvx.TraceReader(str(tmp_path / "trace"))
    theirs = {
        "signals": reader.read_all_signals(),
        "orders": reader.read_all_order_events(),
        "fills": reader.read_all_fills(),
    }

    found = read_trace(files, "trace/")

    assert expected_trace(found) == expected_trace(theirs)
    assert [len(rows) for rows in found.values()] == [5, 5, 5]


def test_damaged_records_are_refused(tmp_path: Path) -> None:
    """A record that is cut, too short or counted wrongly is named by its place."""
    files = written_trace(tmp_path / "trace")
    name = "fills-000000.bin"
    data = files[name]

    def read(changed: bytes, **keys: str) -> None:
        value = json.loads(files["manifest.json"])
        for item in value["segments"]:
            if item["name"] == name:
                item.update(keys, size_bytes=len(changed))
        manifest = json.dumps(value).encode()
        read_trace({**files, name: changed, "manifest.json": manifest}, "t/")

    read(data)
    for size in (len(data) - 1, len(data) - 70):
        with pytest.raises(Corrupt, match=r"t/fills-000000\.bin: cut at byte"):
            read(data[:size])
    with pytest.raises(Corrupt, match="holds 4 records, its header says 5"):
        read(data[:-76])
    with pytest.raises(Corrupt, match="too short"):
        read(data[:64] + struct.pack("<IIBB2x", 0, 0, 12, 1) + data[64:])
    with pytest.raises(Corrupt, match="not a segment"):
        read(data[:60])
    with pytest.raises(Corrupt, match="version 2 is not known"):
        read(data[:4] + b"\x02" + data[5:])
    with pytest.raises(Corrupt, match="holds no quotes"):
        read(data, record_kind="quotes")


def test_our_output_beside_an_old_trace() -> None:
    """The trace of 0.6.8 says of the same run what our output says."""
    expected = foreign_trace(read_flox(entries(genuine(OLD))))
    assert expected is not None

    assert actual_trace(output(), expected) == expected
    assert expected["orders"].rows == ((1, 0, 0, 0, 100_000_000, 1),)


@pytest.mark.parametrize("recorded", [28_999_999, 29_000_000])
def test_either_rounding_is_right(recorded: int) -> None:
    """0.29 in fixed point is 28999999 as FLOX cuts it, 29000000 as we round it."""
    rows = {"fills": [{"symbol_id": 1, "side": 0, "price_raw": recorded, "qty_raw": 100_000_000}]}
    expected = expected_trace(rows)
    out = output([(0, 1, "BTCUSDT", "buy", 0.29, 1.0, 0.0)])

    assert actual_trace(out, expected) == expected
    assert actual_trace(output(), expected) != expected


def test_more_and_fewer_rows_are_kept() -> None:
    """The tables have the rows of their run, whatever the other has."""
    expected = expected_trace({"fills": []})

    assert actual_trace(output(), expected)["fills"].rows == ((1, 0, 10**10, 10**8),)
    assert expected == {
        "fills": Table(columns=("symbol_id", "side", "price_raw", "qty_raw"), rows=())
    }


def test_orders_that_old_releases_drop_are_no_difference() -> None:
    """Up to 0.6.6 only market and limit orders were written down; the fills decide the rest."""
    stop = (1, 2, 8, "BTCUSDT", "buy", "stop_market", 0.0, 1.0, 105.0, 0.0, 0.0)
    out = output() | {"orders.csv": encode_table(COLUMNS["orders.csv"], [ORDER, stop])}
    old = foreign_trace(read_flox(entries(genuine(OLD))))
    assert old is not None
    new = {**old, "signals": Table(columns=("name",), rows=(("market",), ("stop_market",)))}

    assert actual_trace(out, old) == old
    assert actual_trace(out, new)["signals"] == new["signals"]
    assert len(actual_trace(out, new)["orders"].rows) == 2


def test_tape_digest_is_flox_own() -> None:
    """Our digest of a tape is the one in a genuine manifest."""
    files = genuine()
    tape = {
        p.removeprefix("tape/"): Member(sha256=sha256(d), size=len(d))
        for p, d in files.items()
        if p.startswith("tape/")
    }

    assert tape_sha256(tape) == json.loads(files["manifest.json"])["tape_sha256"]
