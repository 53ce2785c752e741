"""Building a bundle, checking its bytes, and taking it apart."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_bt.bundle import (
    build_bundle,
    check_content,
    check_manifest,
    missing,
    output_of,
    snapshot_of,
    strategy_content,
    tape_of,
)
from git_bt.canonical import sha256
from git_bt.errors import Corrupt, Incomplete
from git_bt.model import (
    EXECUTABLE,
    Bundle,
    Content,
    Data,
    EngineVersion,
    Manifest,
    Member,
    Members,
    OnDisk,
    Snapshot,
    Tape,
)
from git_bt.records import bundle_id, decode_manifest, encode_manifest

FLOX = EngineVersion(name="flox", version="0.11.0")
FILES = {"main.py": b"print()\n", "pkg/helper.py": b""}
OUTPUT = {"fills.csv": b"rows\n", "run.floxrun/manifest.json": b"{}\n"}


def members(files: dict[str, bytes]) -> Members:
    return {p: Member(sha256=sha256(data), size=len(data)) for p, data in files.items()}


def sources(files: dict[str, bytes]) -> Content:
    return {p: Data(data) for p, data in files.items()}


def bundle(**more: Any) -> Bundle:
    """Build a small bundle, with what differs from the usual."""
    files: dict[str, bytes] = more.pop("files", FILES)
    tape = more.pop("tape", {"a.lrvx": b"trades"})
    if not isinstance(tape, Tape):
        tape = Tape(members=members(tape), content=sources(tape))
    usual: dict[str, Any] = {
        "snapshot": Snapshot(entry_point="main.py", method="imports", files=members(files)),
        "content": sources(files),
        "tape": tape,
        "engine": FLOX,
        "config": {"slippage_bps": 5.0},
        "output": OUTPUT,
    }
    return build_bundle(**{**usual, **more})


def test_members() -> None:
    """Each part has its place, and every member its bytes."""
    found = bundle(foreign=members({"x": b"1"}), foreign_content=sources({"x": b"1"}))

    assert sorted(found.manifest.members) == [
        "config.json", "foreign/x", "output/fills.csv", "output/run.floxrun/manifest.json",
        "strategy/main.py", "strategy/pkg/helper.py", "tape/a.lrvx",
    ]  # fmt: skip
    assert found.content["config.json"].read() == b'{"slippage_bps":5}\n'
    assert missing(found) == ()
    check_content(found)


def test_the_manifest_is_canonical() -> None:
    """A built manifest is one that the reader takes, inputs id included."""
    manifest = bundle(command=("a", "b"), build=["c"]).manifest

    assert decode_manifest(encode_manifest(manifest)) == manifest


def test_equal_numbers_are_one_bundle() -> None:
    """5 and 5.0 in a config give the same ids."""
    assert bundle(config={"slippage_bps": 5}).id == bundle(config={"slippage_bps": 5.0}).id


def test_what_changes_which_id() -> None:
    """Inputs change both ids, output and engine version the bundle's only."""
    usual = bundle()
    inputs = [
        bundle(config={}),
        bundle(tape={"b.lrvx": b"trades"}),
        bundle(files=FILES | {"more.py": b""}),
        bundle(command=("x",)),
        bundle(build=("x",)),
    ]
    results = [bundle(output=None), bundle(engine=EngineVersion(name="flox", version="1"))]

    assert len({b.id for b in (usual, *inputs, *results)}) == 8
    assert len({b.manifest.inputs for b in (usual, *inputs)}) == 6
    assert {b.manifest.inputs for b in results} == {usual.manifest.inputs}


def test_taking_apart() -> None:
    """Snapshot, tape and output come out as they went in."""
    found = bundle()

    assert snapshot_of(found).files == members(FILES)
    assert snapshot_of(found).entry_point == "main.py"
    assert strategy_content(found) == sources(FILES)
    assert tape_of(found).members == members({"a.lrvx": b"trades"})
    assert tape_of(found).content == sources({"a.lrvx": b"trades"})
    assert output_of(found) == OUTPUT
    assert output_of(bundle(output=None)) is None


def test_a_tape_by_digest_only() -> None:
    """A tape that is not at hand changes no id; it is named as missing."""
    digests = Tape(members=members({"a.lrvx": b"trades"}), content={})

    found = bundle(tape=digests)

    assert found.id == bundle().id
    assert missing(found) == ("tape/a.lrvx",)
    check_content(found)


def test_output_not_at_hand() -> None:
    """An output whose bytes are elsewhere is incomplete, by name."""
    found = bundle()
    content = {p: s for p, s in found.content.items() if p != "output/fills.csv"}

    with pytest.raises(Incomplete, match=r"output/fills\.csv"):
        output_of(replace(found, content=content))


@given(st.sampled_from(sorted(bundle().content)), st.binary(max_size=9))
def test_other_bytes_are_corrupt(path: str, data: bytes) -> None:
    """A member with other bytes is named, whichever it is."""
    found = bundle()
    changed = replace(found, content={**found.content, path: Data(data)})
    if data == found.content[path].read():
        return

    with pytest.raises(Corrupt, match=path):
        check_content(changed)


def test_other_bytes_on_disk_are_corrupt(tmp_path: Path) -> None:
    """Members on disk are hashed as they lie there."""
    (tmp_path / "tape").write_bytes(b"trades")
    found = bundle()
    on_disk = replace(found, content={**found.content, "tape/a.lrvx": OnDisk(tmp_path / "tape")})
    check_content(on_disk)
    (tmp_path / "tape").write_bytes(b"tradez")

    with pytest.raises(Corrupt, match=r"tape/a.lrvx: its bytes are not those of the manifest"):
        check_content(on_disk)


def test_bytes_nobody_lists_are_corrupt() -> None:
    """Content beside the manifest is refused."""
    found = bundle()

    with pytest.raises(Corrupt, match="'strategy/x' is not in the manifest"):
        check_content(replace(found, content={**found.content, "strategy/x": Data(b"")}))


@pytest.mark.parametrize(
    "path", ["../x", "/x", "a/.git/config", "MAIN.py", "main.py/x", "a\\b", "x\udcff"]
)
def test_unsafe_paths_are_refused(path: str) -> None:
    """A path that leaves its root, or meets another, makes no bundle."""
    with pytest.raises(Corrupt, match="path"):
        bundle(files=FILES | {path: b""})
    with pytest.raises(Corrupt, match="path"):
        bundle(tape={"a": b"", "main.py": b"", path: b""})


def test_entry_point_must_be_there() -> None:
    """An entry point that is no member is refused."""
    with pytest.raises(Corrupt, match=r"entry point 'main.py' is no member"):
        bundle(files={"other.py": b""})


def test_manifests_of_nobody() -> None:
    """What build_bundle would not have written is refused."""
    usual = bundle().manifest

    def check(**changes: Any) -> None:
        manifest: Manifest = replace(usual, **changes)
        assert bundle_id(manifest)
        check_manifest(manifest)

    with pytest.raises(Corrupt, match="of no known kind"):
        check(members={**usual.members, "else/x": Member(sha256="0" * 64, size=0)})
    with pytest.raises(Corrupt, match="negative size"):
        check(members={**usual.members, "tape/x": Member(sha256="0" * 64, size=-1)})
    with pytest.raises(Corrupt, match=r"not that of config.json"):
        check(config={"slippage_bps": 6})
    with pytest.raises(Corrupt, match="leaves its root"):
        check(entry_point="../main.py")
    with pytest.raises(Corrupt, match="empty or absolute"):
        check(entry_point="")


def test_modes_are_kept() -> None:
    """An executable file is another snapshot."""
    files = members(FILES)
    mode = {**files, "main.py": replace(files["main.py"], mode=EXECUTABLE)}
    snapshot = Snapshot(entry_point="main.py", method="yaml", files=mode)

    found = bundle(snapshot=snapshot)

    assert snapshot_of(found).files == mode
    assert found.manifest.inputs != bundle().manifest.inputs
