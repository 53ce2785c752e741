"""Golden bytes: each stored format, byte for byte, as files that outlive any change of the code.

A failure here means that ids would change for everybody. The pages in docs/reference/formats/ show
these files; tests/test_docs.py holds them together. To write files for a new format:
`python tests/test_formats.py`.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from git_bt.canonical import encode_json, environment_id, sha256, tape_sha256
from git_bt.capture.pin import Pin, decode_pin, encode_pin
from git_bt.comparison import Table
from git_bt.model import (
    Captured,
    Data,
    EngineVersion,
    Manifest,
    Member,
    Members,
    NoteLine,
    RunRecord,
    Snapshot,
    Tolerance,
    Verdict,
)
from git_bt.records import (
    below,
    bundle_id,
    decode_manifest,
    decode_note,
    decode_run,
    decode_snapshot,
    encode_manifest,
    encode_note_line,
    encode_run,
    encode_snapshot,
    inputs_of,
    run_id,
    snapshot_id,
)
from git_bt.spool import Spool, encode_code
from git_bt.spool_reading import Spooled, read_spool
from git_bt.sweep_chunks import decode_chunk, encode_chunk
from git_bt.sweep_records import (
    Surroundings,
    Sweep,
    SweepRun,
    decode_surroundings,
    decode_sweep,
    encode_surroundings,
    encode_sweep,
    encode_sweep_run,
    sweep_id,
    sweep_run_id,
)
from git_bt.tables import COLUMNS, decode_table, encode_table

GOLDEN = Path(__file__).parent / "data" / "golden"
T0 = 1700000000000000000
T1 = 1700000000000000123
TABLES: Mapping[str, list[tuple[Any, ...]]] = {
    "fills.csv": [
        (0, T0, "BTCUSDT", "buy", 49981.11, 0.5, 0.0),
        (1, T1, "BTCUSDT", "sell", 50000.0, 0.1, 1e-09),
    ],
    "orders.csv": [
        (0, T0, 1, "BTCUSDT", "buy", "market", None, 0.5, None, None, None),
        (1, T1, 2, "BTCUSDT", "sell", "limit", 50000.0, 0.1, None, None, None),
    ],
    "signals.csv": [
        (0, T0, 1, "BTCUSDT", "buy", "market", None, 0.5, None, None, None, None, None),
        (1, T1, 2, "BTCUSDT", "sell", "trailing_stop", None, 0.1, None, None, 25.0, None, None),
    ],
    "equity.csv": [(T0, 100000.0), (T1, 100009.445)],
}
ENGINE = EngineVersion(name="flox", version="0.11.0")
CONFIG = {"slippage_bps": 5, "slippage_model": "fixed_bps"}
PACKAGES = {"lrvx": "0.11.0", "numpy": "2.4.6"}


def member(data: bytes) -> Member:
    """The member that holds these bytes."""
    return Member(sha256=sha256(data), size=len(data))


FILES: Members = {"ema.py": member(b"import lrvx\n"), "lib/signals.py": member(b"FAST = 12\n")}
TAPE: Members = {"manifest.json": member(b"{}\n"), "trades-1.lrvx": member(b"FLOX")}
PIN = Pin(name="btc-2026-05-07", members=TAPE)
SNAPSHOT = Snapshot(entry_point="ema.py", method="yaml", files=FILES)
CAPTURED = Captured(
    snapshot=SNAPSHOT,
    content={"ema.py": Data(b"import lrvx\n"), "lib/signals.py": Data(b"FAST = 12\n")},
)


def manifest() -> Manifest:
    """The manifest of the golden bundle."""
    members = (
        {f"strategy/{path}": found for path, found in FILES.items()}
        | {f"tape/{path}": found for path, found in TAPE.items()}
        | {"config.json": member(encode_json(CONFIG))}
        | {"output/fills.csv": member(encode_table(COLUMNS["fills.csv"], TABLES["fills.csv"]))}
    )
    loose = {"engine": ENGINE, "entry_point": "ema.py", "config": CONFIG, "members": members}
    return Manifest(**loose, inputs=inputs_of(Manifest(**loose, inputs="")))


def run_record() -> RunRecord:
    """The run record of the golden bundle."""
    return RunRecord(
        bundle=bundle_id(manifest()),
        inputs=manifest().inputs,
        environment=environment_id("3.11.7", ENGINE.version, PACKAGES),
        strategy="strategies/ema",
        verdict=Verdict.REPRODUCED,
        kind="pack",
        when_ns=1700000060000000000,
        elapsed_ms=412,
        runs=2,
        isolation="process",
        engine=ENGINE,
        python="3.11.7",
        platform="linux-x86_64",
        packages=PACKAGES,
        author="A U Thor <author@example.com>",
        compare={"equity": Tolerance(rtol=1e-9)},
    )


def note_line() -> NoteLine:
    """The result of the golden bundle."""
    return NoteLine(
        strategy="strategies/ema",
        inputs=manifest().inputs,
        bundle=bundle_id(manifest()),
        run=run_id(run_record()),
        verdict=Verdict.REPRODUCED,
        kind="measured",
    )


AROUND = Surroundings(python="3.11.7", platform="linux-x86_64", packages=PACKAGES)
AROUND_IN_GIT = replace(
    AROUND,
    argv=("strategies/ema.py", "--fast", "12"),
    commit="4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    is_dirty=True,
    diff="--- a/ema.py\n+++ b/ema.py\n@@ -1 +1 @@\n-FAST = 11\n+FAST = 12\n",
)
SWEEP = Sweep(name="ema", snapshot=snapshot_id(SNAPSHOT), engine="flox", tape="tapes/btc")


def sweep_runs() -> tuple[SweepRun, ...]:
    """Two runs of the golden sweep, with values of every kind."""
    common = {
        "sweep": sweep_id(SWEEP),
        "writer": "0123456789abcdef",
        "environment": sha256(encode_surroundings(AROUND)),
    }
    good = SweepRun(
        **common,
        seq=0,
        started_ns=T0,
        elapsed_ns=412000000,
        status="ok",
        params={"fast": 12, "kind": "ema", "stop": math.inf, "label": "5"},
        metrics={"sharpe": 1.25, "sortino": math.nan, "trades": 3, "long": True},
    )
    bad = SweepRun(
        **common,
        seq=1,
        started_ns=T1,
        elapsed_ns=1000,
        status="failed",
        params={"fast": 0, "kind": None},
        error="ZeroDivisionError: division by zero",
    )
    return good, bad


def spool() -> bytes:
    """What a process leaves that records both runs."""
    lines = [
        ("sweep", encode_sweep(SWEEP)),
        ("environment", encode_surroundings(AROUND)),
        ("code", encode_code(CAPTURED)),
        *(("run", encode_sweep_run(run)) for run in sweep_runs()),
    ]
    return b"".join(f"{kind} {sha256(data)} ".encode() + data for kind, data in lines)


def ids() -> dict[str, str]:
    """Every id of the golden values."""
    return {
        "bundle": bundle_id(manifest()),
        "environment": run_record().environment,
        "inputs": manifest().inputs,
        "run": run_id(run_record()),
        "snapshot": snapshot_id(SNAPSHOT),
        "tape": tape_sha256(TAPE),
    }


def golden_bytes() -> dict[str, bytes]:
    """What each golden file must hold."""
    return {
        "manifest.json": encode_manifest(manifest()),
        "snapshot.json": encode_snapshot(SNAPSHOT),
        "run-record.json": encode_run(run_record()),
        "note-line.json": encode_note_line(note_line()),
        "ids.json": encode_json(ids()),
        "tape-pin.json": encode_pin(PIN),
        "sweep.json": encode_sweep(SWEEP),
        "sweep-chunk.csv": encode_chunk(sweep_runs()),
        "sweep-environment.json": encode_surroundings(AROUND),
        "sweep-environment-git.json": encode_surroundings(AROUND_IN_GIT),
        "spool.txt": spool(),
    } | {name: encode_table(COLUMNS[name], rows) for name, rows in TABLES.items()}


@pytest.mark.parametrize("name", sorted(golden_bytes()))
def test_bytes_are_the_golden_ones(name: str) -> None:
    """What we write today is what we wrote when the file was committed."""
    assert golden_bytes()[name] == (GOLDEN / name).read_bytes()


def test_every_golden_file_is_tested() -> None:
    """No file lies there that nothing compares."""
    assert sorted(path.name for path in GOLDEN.iterdir()) == sorted(golden_bytes())


def test_the_golden_sweep_is_read() -> None:
    """From the store and from the spool: the same runs under the same ids."""
    sweep = decode_sweep((GOLDEN / "sweep.json").read_bytes())
    chunk = decode_chunk((GOLDEN / "sweep-chunk.csv").read_bytes(), sweep_id(sweep))
    found = Spooled()
    read_spool((GOLDEN / "spool.txt").read_bytes(), "spool.txt", found)

    assert sweep == SWEEP
    for name, around in (("", AROUND), ("-git", AROUND_IN_GIT)):
        data = (GOLDEN / f"sweep-environment{name}.json").read_bytes()
        assert decode_surroundings(data) == around
    assert {sweep_run_id(run) for run in chunk} == found.runs.keys()
    assert found.codes == {snapshot_id(SNAPSHOT): CAPTURED}
    assert found.notices == []


def test_a_process_writes_the_golden_spool(tmp_path: Path) -> None:
    """Line by line, but for its own random digits."""
    writer = Spool(tmp_path)
    for run in sweep_runs():
        writer.record(
            SWEEP,
            started_ns=run.started_ns,
            elapsed_ns=run.elapsed_ns,
            status=run.status,
            params=run.params,
            metrics=run.metrics,
            error=run.error,
            code=CAPTURED,
            surroundings=AROUND,
        )
    writer.close()
    (file,) = tmp_path.iterdir()
    shared = [line for line in spool().splitlines() if not line.startswith(b"run ")]
    lines = file.read_bytes().splitlines()

    assert lines[:3] == shared
    assert [line.split()[0] for line in lines[3:]] == [b"run", b"run"]


@pytest.mark.parametrize("name", sorted(TABLES))
def test_golden_tables_are_read(name: str) -> None:
    """The rows come back from the file."""
    read = decode_table((GOLDEN / name).read_bytes(), name)

    assert read == Table(columns=COLUMNS[name], rows=tuple(TABLES[name]))


def test_golden_records_are_read() -> None:
    """Manifest, snapshot, run record, note line and pin come back from their files."""
    assert decode_manifest((GOLDEN / "manifest.json").read_bytes()) == manifest()
    assert decode_snapshot((GOLDEN / "snapshot.json").read_bytes()) == SNAPSHOT
    assert decode_run((GOLDEN / "run-record.json").read_bytes()) == run_record()
    assert decode_note((GOLDEN / "note-line.json").read_bytes()) == (note_line(),)
    assert decode_pin((GOLDEN / "tape-pin.json").read_bytes(), "btc.tape") == PIN


def test_ids_follow_from_the_golden_files_alone() -> None:
    """Bundle, snapshot and run id are the sha256 of the files as they lie there."""
    found = json.loads((GOLDEN / "ids.json").read_bytes())
    files = {"bundle": "manifest.json", "run": "run-record.json", "snapshot": "snapshot.json"}

    assert {k: sha256((GOLDEN / f).read_bytes()) for k, f in files.items()} == {
        k: found[k] for k in files
    }


def test_the_members_of_the_golden_manifest_are_at_hand() -> None:
    """The manifest names the golden fills by their digest, and the files of the snapshot."""
    members = manifest().members

    assert members["output/fills.csv"] == member((GOLDEN / "fills.csv").read_bytes())
    assert below(members, "strategy/") == SNAPSHOT.files


if __name__ == "__main__":
    for name, data in golden_bytes().items():
        if not (GOLDEN / name).exists():
            (GOLDEN / name).write_bytes(data)
