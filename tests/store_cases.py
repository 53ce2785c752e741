"""Builders of small bundles, snapshots and run records for the tests of the store."""

from collections.abc import Mapping

from git_bt.canonical import sha256
from git_bt.model import (
    EXECUTABLE,
    REGULAR,
    Bundle,
    Captured,
    Data,
    EngineVersion,
    Manifest,
    Member,
    NoteLine,
    Oid,
    RunRecord,
    Snapshot,
    Source,
    Verdict,
)
from git_bt.notes import Notes
from git_bt.objects import Objects
from git_bt.records import decode_note, inputs_of, make_bundle, snapshot_id
from git_bt.sweep_records import (
    Surroundings,
    Sweep,
    SweepRun,
    Swept,
    encode_surroundings,
    sweep_id,
)

ENGINE = EngineVersion(name="flox", version="0.11.0")
ENVIRONMENT = sha256(b"environment")


def member(data: bytes, mode: str = REGULAR) -> Member:
    return Member(sha256=sha256(data), size=len(data), mode=mode)


def bundle_of(
    number: int = 0,
    *,
    files: Mapping[str, bytes] | None = None,
    leave_out: tuple[str, ...] = (),
    sources: Mapping[str, Source] | None = None,
) -> Bundle:
    """Make a bundle of seven small members, another one for each number."""
    data = {
        "config.json": b"{}\n",
        "output/fills.csv": f"seq\n{number}\n".encode() * 20,
        "output/summary.json": b"{}\n",
        "strategy/run.sh": b"#!/bin/sh\n",
        "strategy/signal.py": b"SIGNAL = %d\n" % number,
        "strategy/sub/é ü\t'\".py": b"pass\n",
        "tape/segment.floxlog": b"tape" * 100,
    } | dict(files or {})
    members = {
        path: member(d, EXECUTABLE if path.endswith(".sh") else REGULAR) for path, d in data.items()
    }
    content: dict[str, Source] = {p: Data(d) for p, d in data.items() if p not in leave_out}
    blank = Manifest(
        engine=ENGINE, inputs="0" * 64, entry_point="signal.py", config={}, members=members
    )
    manifest = Manifest(
        engine=ENGINE,
        inputs=inputs_of(blank),
        entry_point="signal.py",
        config={},
        members=members,
    )
    return make_bundle(manifest, content | dict(sources or {}))


def snapshot_of(number: int = 0) -> Captured:
    """Make a snapshot of two files."""
    data = {"signal.py": b"SIGNAL = %d\n" % number, "lib/math.py": b"pass\n"}
    files = {path: member(d) for path, d in data.items()}
    return Captured(
        snapshot=Snapshot(entry_point="signal.py", method="yaml", files=files),
        content={path: Data(d) for path, d in data.items()},
    )


def run_of(bundle: Bundle, when_ns: int = 1) -> RunRecord:
    """Make a run record of a bundle that reproduced it."""
    return RunRecord(
        bundle=bundle.id,
        inputs=bundle.manifest.inputs,
        environment=ENVIRONMENT,
        strategy="strategies/ema",
        verdict=Verdict.REPRODUCED,
        kind="pack",
        when_ns=when_ns,
        elapsed_ms=5,
        runs=2,
        isolation="child",
        engine=ENGINE,
        python="3.11.7",
        platform="Linux-x86_64",
        packages={"lrvx": "0.11.0"},
        author="A U Thor <author@example.com>",
    )


def swept_of(number: int = 0, runs: int = 3, *, writer: int = 0) -> Swept:
    """Make a sweep of the code of `snapshot_of(number)`, with runs of one writer."""
    snapshot = snapshot_id(snapshot_of(number).snapshot)
    sweep = Sweep(name=f"sweep {number}", snapshot=snapshot, engine="flox")
    around = Surroundings(python="3.11.7", platform="linux-x86_64", packages={"numpy": "2.4.6"})
    environment = sha256(encode_surroundings(around))
    return Swept(
        sweep=sweep,
        runs=tuple(
            SweepRun(
                sweep=sweep_id(sweep),
                writer=f"{writer:016x}",
                seq=seq,
                started_ns=1_700_000_000_000_000_000 + seq,
                elapsed_ns=5_000_000,
                status="ok",
                params={"fast": seq, "slow": 20},
                metrics={"sharpe": seq / 3, "trades": 3},
                environment=environment,
            )
            for seq in range(runs)
        ),
        environments={environment: around},
    )


def bytes_of(content: Mapping[str, Source]) -> dict[str, bytes]:
    """Read every source."""
    return {path: source.read() for path, source in content.items()}


def results_of(objects: Objects, tip: Oid | None) -> dict[Oid, tuple[NoteLine, ...]]:
    """Read the results of every commit that has some; None where there are no notes."""
    notes = Notes(objects, tip)
    found = {c: decode_note(data) for c, data in notes.each(sorted(notes.commits()))}
    return {commit: lines for commit, lines in found.items() if lines}
