"""Building a bundle, and taking one apart again.

A bundle is a manifest and the bytes of its members: `strategy/…`, `config.json`, `tape/…`,
`output/…`, and `foreign/…` where it was imported. How one lies in a tar is `flox_layout`, how in
git is `store`; nothing here reads a file by a path of its own.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from git_bt.canonical import encode_json, inputs_id, normalise, sha256, tape_sha256
from git_bt.errors import Corrupt, Incomplete
from git_bt.model import (
    Bundle,
    Content,
    Data,
    EngineVersion,
    Manifest,
    Member,
    Members,
    OnDisk,
    Output,
    Snapshot,
    Source,
    Tape,
)
from git_bt.paths import check_path, check_paths
from git_bt.records import below, make_bundle

STRATEGY = "strategy/"
TAPE = "tape/"
OUTPUT = "output/"
FOREIGN = "foreign/"
CONFIG = "config.json"


def build_bundle(
    *,
    snapshot: Snapshot,
    content: Content,
    tape: Tape,
    engine: EngineVersion,
    config: Mapping[str, Any],
    output: Output | None,
    foreign: Members | None = None,
    foreign_content: Content | None = None,
    command: Sequence[str] | None = None,
    build: Sequence[str] | None = None,
) -> Bundle:
    """Build a bundle; the same arguments give the same id, on any machine.

    Args:
        snapshot: the strategy's files.
        content: their bytes, by the snapshot's paths.
        tape: the market data; a tape known by digest only stays so.
        engine: what ran it.
        config: complete with the adapter's defaults; numbers are normalised here.
        output: what the run gave, None where there is none of ours.
        foreign: members of an imported bundle that are neither strategy nor tape.
        foreign_content: their bytes.
        command: argument vector of an engine that runs a program.
        build: argument vector of its build step.

    Raises:
        Corrupt: an unsafe or colliding path, or an entry point that is not in the snapshot.
    """
    plain: dict[str, Any] = normalise(dict(config))
    ours = {CONFIG: encode_json(plain)}
    ours |= {OUTPUT + name: data for name, data in (output or {}).items()}
    members = {path: _member(data) for path, data in ours.items()}
    sources: dict[str, Source] = {path: Data(data) for path, data in ours.items()}
    for prefix, some, found in (
        (STRATEGY, snapshot.files, content),
        (TAPE, tape.members, tape.content),
        (FOREIGN, foreign or {}, foreign_content or {}),
    ):
        members |= {prefix + path: member for path, member in some.items()}
        sources |= {prefix + path: found[path] for path in some if path in found}
    check_paths(members)  # before an id is computed of them
    manifest = Manifest(
        engine=engine,
        inputs=inputs_id(
            engine=engine.name,
            entry_point=snapshot.entry_point,
            files=snapshot.files,
            tape=tape_sha256(tape.members),
            config=plain,
            command=command,
            build=build,
        ),
        entry_point=snapshot.entry_point,
        config=plain,
        members=members,
        command=None if command is None else tuple(command),
        build=None if build is None else tuple(build),
    )
    check_manifest(manifest)
    return make_bundle(manifest, sources)


def check_manifest(manifest: Manifest) -> None:
    """Refuse a manifest whose members are not a bundle's; no bytes are looked at.

    Raises:
        Corrupt: an unsafe, colliding or unknown path, a negative size, an entry point that is no
            member, or a config that is not that of config.json.
    """
    check_paths(manifest.members)
    check_path(manifest.entry_point)
    for path, member in manifest.members.items():
        if path != CONFIG and not path.startswith((STRATEGY, TAPE, OUTPUT, FOREIGN)):
            raise Corrupt(f"manifest: member {path!r:.200} is of no known kind")
        if member.size < 0:
            raise Corrupt(f"manifest: member {path!r:.200} has a negative size")
    if STRATEGY + manifest.entry_point not in manifest.members:
        raise Corrupt(f"manifest: the entry point {manifest.entry_point!r:.200} is no member")
    config = encode_json(manifest.config)
    if manifest.members.get(CONFIG) != _member(config):
        raise Corrupt(f"manifest: its config is not that of {CONFIG}")
    if encode_json(normalise(manifest.config)) != config:
        raise Corrupt("manifest: a number of its config is not in normal form")


def check_content(bundle: Bundle, *, but: str | None = None) -> None:
    """Hash every member that is at hand and hold it against the manifest.

    Args:
        bundle: what is looked at.
        but: prefix of members that are proved elsewhere: a run proves a tape that it writes out.

    Raises:
        Corrupt: naming the member whose bytes are others, or what the manifest does not list.
    """
    check_manifest(bundle.manifest)
    for path, source in bundle.content.items():
        member = bundle.manifest.members.get(path)
        if member is None:
            raise Corrupt(f"{path!r:.200} is not in the manifest")
        if but is not None and path.startswith(but):
            continue
        digest, size = _digest(source)
        if (digest, size) != (member.sha256, member.size):
            raise Corrupt(
                f"{path}: its bytes are not those of the manifest"
                f" (sha256 {digest[:12]}, not {member.sha256[:12]})"
            )


def missing(bundle: Bundle) -> tuple[str, ...]:
    """Return the members whose bytes are not at hand, sorted."""
    return tuple(sorted(bundle.manifest.members.keys() - bundle.content.keys()))


def snapshot_of(bundle: Bundle) -> Snapshot:
    """Return the strategy's files; how they were found is not kept in a bundle."""
    return Snapshot(
        entry_point=bundle.manifest.entry_point,
        method="bundle",
        files=below(bundle.manifest.members, STRATEGY),
    )


def strategy_content(bundle: Bundle) -> Content:
    """Return the bytes of the strategy's files, by the snapshot's paths."""
    return below(bundle.content, STRATEGY)


def tape_of(bundle: Bundle) -> Tape:
    """Return the tape; what of it is not at hand is missing in its content."""
    return Tape(
        members=below(bundle.manifest.members, TAPE),
        content=below(bundle.content, TAPE),
        place=None,
    )


def output_of(bundle: Bundle) -> Output | None:
    """Return the output by file name, None where the bundle holds none of ours.

    Raises:
        Incomplete: a member of the output is not at hand.
    """
    names = below(bundle.manifest.members, OUTPUT)
    content = below(bundle.content, OUTPUT)
    for name in names:
        if name not in content:
            raise Incomplete(f"{OUTPUT}{name} of bundle {bundle.id[:12]} is not at hand")
    return {name: content[name].read() for name in names} or None


def _member(data: bytes) -> Member:
    return Member(sha256=sha256(data), size=len(data))


def _digest(source: Source) -> tuple[str, int]:
    if isinstance(source, OnDisk):  # a tape may be larger than memory
        with source.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), source.path.stat().st_size
    data = source.read()
    return sha256(data), len(data)
