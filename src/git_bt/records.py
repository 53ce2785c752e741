"""Manifest, snapshot, run record and note line, as stored bytes and back.

The grammar of each is a page in docs/reference/formats/. Readers are strict about what they know
and refuse a newer version by name; the encoding is `canonical.py`.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TypeVar

from git_bt.canonical import decode_json, encode_json, inputs_id, sha256, tape_sha256
from git_bt.errors import Corrupt
from git_bt.fields import (
    VERSION,
    as_object,
    check_version,
    find_text,
    get_digest,
    get_field,
)
from git_bt.model import (
    EXECUTABLE,
    REGULAR,
    Bundle,
    CodeLine,
    Content,
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

T = TypeVar("T")


# -- manifest -------------------------------------------------------------------------------------


def encode_manifest(manifest: Manifest) -> bytes:
    """Encode a manifest; the sha256 of these bytes is the bundle id."""
    value: dict[str, Any] = {
        "version": VERSION,
        "engine": asdict(manifest.engine),
        "inputs": manifest.inputs,
        "entry_point": manifest.entry_point,
        "config": manifest.config,
        "members": _members_value(manifest.members),
    }
    if manifest.command is not None:
        value["command"] = list(manifest.command)
    if manifest.build is not None:
        value["build"] = list(manifest.build)
    return encode_json(value)


def decode_manifest(data: bytes, what: str = "manifest.json") -> Manifest:
    """Decode a manifest and check that it agrees with itself.

    Raises:
        Corrupt: not canonical, a field missing or of the wrong type, a newer version, or an
            inputs id that does not follow from the rest.
    """
    value = as_object(decode_json(data, what), what)
    check_version(value, what)
    manifest = Manifest(
        engine=_engine(value, what),
        inputs=get_digest(value, "inputs", what),
        entry_point=get_field(value, "entry_point", str, what),
        config=get_field(value, "config", dict, what),
        members=_members(get_field(value, "members", dict, what), what),
        command=_argv(value, "command", what),
        build=_argv(value, "build", what),
    )
    if encode_manifest(manifest) != data:
        raise Corrupt(f"{what}: not in canonical form")
    if inputs_of(manifest) != manifest.inputs:
        raise Corrupt(f"{what}: the inputs id does not follow from files, tape and config")
    return manifest


def bundle_id(manifest: Manifest) -> str:
    """Return the id of a bundle: the sha256 of its canonical manifest."""
    return sha256(encode_manifest(manifest))


def inputs_of(manifest: Manifest) -> str:
    """Return the inputs id that follows from a manifest's members and config."""
    return inputs_id(
        engine=manifest.engine.name,
        entry_point=manifest.entry_point,
        files=below(manifest.members, "strategy/"),
        tape=tape_sha256(below(manifest.members, "tape/")),
        config=manifest.config,
        command=manifest.command,
        build=manifest.build,
    )


def below(values: Mapping[str, T], prefix: str) -> dict[str, T]:
    """Return what lies below a prefix, by path without it."""
    return {p[len(prefix) :]: v for p, v in values.items() if p.startswith(prefix)}


def make_bundle(manifest: Manifest, content: Content) -> Bundle:
    """Return a bundle with its id."""
    return Bundle(id=bundle_id(manifest), manifest=manifest, content=content)


# -- snapshot -------------------------------------------------------------------------------------


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """Encode a snapshot; the sha256 of these bytes is the snapshot id."""
    return encode_json(
        {
            "version": VERSION,
            "entry_point": snapshot.entry_point,
            "method": snapshot.method,
            "files": _members_value(snapshot.files),
        }
    )


def decode_snapshot(data: bytes, what: str = "snapshot.json") -> Snapshot:
    """Decode a snapshot.

    Raises:
        Corrupt: not canonical, a field missing or of the wrong type, or a newer version.
    """
    value = as_object(decode_json(data, what), what)
    check_version(value, what)
    snapshot = Snapshot(
        entry_point=get_field(value, "entry_point", str, what),
        method=get_field(value, "method", str, what),
        files=_members(get_field(value, "files", dict, what), what),
    )
    if encode_snapshot(snapshot) != data:
        raise Corrupt(f"{what}: not in canonical form")
    return snapshot


def snapshot_id(snapshot: Snapshot) -> str:
    """Return the id of a snapshot: the sha256 of its canonical bytes."""
    return sha256(encode_snapshot(snapshot))


# -- run record -----------------------------------------------------------------------------------


def encode_run(run: RunRecord) -> bytes:
    """Encode a run record; the sha256 of these bytes is the run id."""
    value = {k: v for k, v in asdict(run).items() if v is not None}
    value["version"] = VERSION
    value["compare"] = {k: asdict(t) for k, t in run.compare.items()}
    value["packages"] = dict(run.packages)
    return encode_json(value)


def decode_run(data: bytes, what: str = "run record") -> RunRecord:
    """Decode a run record; unknown keys of the same version are left out.

    Raises:
        Corrupt: a field missing or of the wrong type, or a newer version.
    """
    value = as_object(decode_json(data, what), what)
    check_version(value, what)
    compare: dict[str, Any] = get_field(value, "compare", dict, what)
    return RunRecord(
        bundle=get_digest(value, "bundle", what),
        inputs=get_digest(value, "inputs", what),
        environment=get_digest(value, "environment", what),
        strategy=get_field(value, "strategy", str, what),
        verdict=_verdict(value, what),
        kind=get_field(value, "kind", str, what),
        when_ns=get_field(value, "when_ns", int, what),
        elapsed_ms=get_field(value, "elapsed_ms", int, what),
        runs=get_field(value, "runs", int, what),
        isolation=get_field(value, "isolation", str, what),
        engine=_engine(value, what),
        python=get_field(value, "python", str, what),
        platform=get_field(value, "platform", str, what),
        packages=_versions(value, "packages", what),
        author=get_field(value, "author", str, what),
        compare={k: _tolerance(t, what) for k, t in compare.items()},
        reason=find_text(value, "reason", what),
        replaces=find_text(value, "replaces", what),
    )


def run_id(run: RunRecord) -> str:
    """Return the id of a run record: the sha256 of its canonical bytes."""
    return sha256(encode_run(run))


# -- note line ------------------------------------------------------------------------------------

MAX_NOTE_LINE = 1 << 15  # room for the longest path there is, each byte of it escaped


def encode_note_line(line: NoteLine | CodeLine) -> bytes:
    """Encode one result as a line of a commit's note, newline included.

    Raises:
        Corrupt: longer than MAX_NOTE_LINE bytes.
    """
    value = {k: v for k, v in asdict(line).items() if v is not None}
    data = encode_json({**value, "v": VERSION})
    if len(data) > MAX_NOTE_LINE:
        raise Corrupt(f"a note line of {len(data)} bytes, more than {MAX_NOTE_LINE}")
    return data


def decode_note(data: bytes) -> tuple[NoteLine, ...]:
    """Decode a commit's note; lines that are unreadable, too long or of another `v` are skipped."""
    return tuple(line for raw in data.split(b"\n") if (line := _note_line(raw)) is not None)


def _note_line(raw: bytes) -> NoteLine | None:
    if not 0 < len(raw) < MAX_NOTE_LINE:
        return None
    try:
        value = as_object(decode_json(raw, "note"), "note")
        if get_field(value, "v", int, "note") != VERSION:
            return None
        return NoteLine(
            strategy=get_field(value, "strategy", str, "note"),
            inputs=get_digest(value, "inputs", "note"),
            bundle=get_digest(value, "bundle", "note"),
            run=get_digest(value, "run", "note"),
            verdict=_verdict(value, "note"),
            kind=get_field(value, "kind", str, "note"),
            replaces=find_text(value, "replaces", "note"),
            origin=find_text(value, "origin", "note"),
        )
    except Corrupt:
        return None


# -- fields ---------------------------------------------------------------------------------------


def _verdict(value: Mapping[str, Any], what: str) -> Verdict:
    word = get_field(value, "verdict", str, what)
    try:
        return Verdict(word)
    except ValueError as e:
        raise Corrupt(f"{what}: unknown verdict {word!r}") from e


def _engine(value: Mapping[str, Any], what: str) -> EngineVersion:
    engine: dict[str, Any] = get_field(value, "engine", dict, what)
    return EngineVersion(
        name=get_field(engine, "name", str, what), version=get_field(engine, "version", str, what)
    )


def _argv(value: Mapping[str, Any], key: str, what: str) -> tuple[str, ...] | None:
    if key not in value:
        return None
    argv: list[Any] = get_field(value, key, list, what)
    if not argv or not all(isinstance(word, str) for word in argv):
        raise Corrupt(f"{what}: {key!r} must be a list of strings")
    return tuple(argv)


def _tolerance(value: Any, what: str) -> Tolerance:
    found = {k: v for k, v in as_object(value, what).items() if k in ("rtol", "atol")}
    if any(type(v) not in (int, float) or v < 0 for v in found.values()):
        raise Corrupt(f"{what}: a tolerance must be numbers of 0 or more, is {found}")
    return Tolerance(**found)


def _versions(value: Mapping[str, Any], key: str, what: str) -> dict[str, str]:
    found: dict[str, Any] = get_field(value, key, dict, what)
    if not all(isinstance(version, str) for version in found.values()):
        raise Corrupt(f"{what}: {key!r} must map names to versions")
    return found


def _members_value(members: Members) -> dict[str, Any]:
    return {
        path: {"sha256": m.sha256, "size": m.size} | ({} if m.mode == REGULAR else {"mode": m.mode})
        for path, m in members.items()
    }


def _members(value: Mapping[str, Any], what: str) -> dict[str, Member]:
    members = {}
    for path, found in value.items():
        entry = as_object(found, what)
        mode = entry.get("mode", REGULAR)
        if mode not in (REGULAR, EXECUTABLE):
            raise Corrupt(f"{what}: mode {mode!r} of {path!r}")
        size = get_field(entry, "size", int, what)
        if size < 0:
            raise Corrupt(f"{what}: size {size} of {path!r}")
        members[path] = Member(sha256=get_digest(entry, "sha256", what), size=size, mode=mode)
    return members
