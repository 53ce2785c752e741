"""A bundle out of the entries of an archive in FLOX's layout: one of ours, or one that FLOX wrote.

Nothing is run and nothing is believed: of ours, every member is held against the manifest, and
what follows from other members is derived again; of a foreign one, every digest that FLOX recorded
is computed, and what FLOX never reads back (params.json, the trace, the totals) must agree too.
"""

from collections.abc import Mapping
from typing import Any

from git_bt.archive import Entries, Entry
from git_bt.bundle import CONFIG, FOREIGN, STRATEGY, TAPE, build_bundle, check_manifest
from git_bt.canonical import decode_json, encode_json, tape_sha256
from git_bt.comparison import Table
from git_bt.errors import Corrupt, Incomplete
from git_bt.flox_layout import fields
from git_bt.flox_layout.expected import read_expected
from git_bt.flox_layout.trace import expected_trace, read_trace
from git_bt.flox_layout.writing import flox_entries, tar_path
from git_bt.model import Bundle, Content, Data, EngineVersion, Members, Snapshot, Tape
from git_bt.records import below, decode_manifest, make_bundle

# A JSON value takes up to twenty times its text in memory: these keep a hostile one bearable. Our
# manifest of 100 000 members has 20 MiB, the expected output of a million fills 100.
MAX_JSON = 32 << 20
MAX_EXPECTED = 128 << 20


def read_flox(entries: Entries) -> Bundle:
    """Return the bundle that an archive holds, all its bytes checked.

    Raises:
        Corrupt: bytes are not what a manifest says, or malformed.
        Incomplete: a member that there must be is missing.
    """
    if fields.MANIFEST not in entries:
        raise Corrupt(f"not a bundle: it has no {fields.MANIFEST}")
    value = decode_json(_small(entries, fields.MANIFEST), fields.MANIFEST)
    if not isinstance(value, dict):
        raise Corrupt(f"{fields.MANIFEST}: must be an object, is {type(value).__name__}")
    fields.check_version(value)
    if fields.OURS in value:
        return _read_ours(entries, value[fields.OURS])
    return _read_foreign(entries, value)


def _small(entries: Entries, path: str, limit: int = MAX_JSON) -> bytes:
    found = entries[path]
    if found.member.size > limit:
        raise Corrupt(f"{path}: {found.member.size} bytes, more than {limit}")
    return found.source.read()


# -- ours -----------------------------------------------------------------------------------------


def _read_ours(entries: Entries, value: Any) -> Bundle:
    what = f"{fields.MANIFEST}: {fields.OURS}"
    if not isinstance(value, dict):
        raise Corrupt(f"{what}: must be an object")
    said = value.get("bundle")
    manifest = decode_manifest(
        encode_json({key: item for key, item in value.items() if key != "bundle"}), what
    )
    check_manifest(manifest)
    for_lrvx = any(path.startswith("output/" + fields.RUN_TRACE) for path in entries)
    content = {CONFIG: Data(encode_json(manifest.config))}
    content |= {
        path: _checked(entries, tar_path(path, for_lrvx=for_lrvx), path, manifest.members)
        for path in manifest.members
        if path != CONFIG
    }
    bundle = make_bundle(manifest, content)
    if bundle.id != said:
        raise Corrupt(f"{what}: the bundle id does not follow from the manifest")
    _check_derived(entries, flox_entries(bundle, for_lrvx=for_lrvx))
    return bundle


def _checked(entries: Entries, tar: str, path: str, members: Members) -> Any:
    if tar not in entries:
        raise Incomplete(f"{tar} is missing, which the manifest lists")
    if entries[tar].member != members[path]:
        raise Corrupt(f"{tar}: its bytes or its mode are not those of the manifest")
    return entries[tar].source


def _check_derived(entries: Entries, derived: Mapping[str, Entry]) -> None:
    for path, should in derived.items():
        if path not in entries:
            raise Incomplete(f"{path} is missing")
        if entries[path].member != should.member:
            raise Corrupt(f"{path}: its bytes do not follow from the bundle")
    for path in entries:
        if path not in derived:
            raise Corrupt(f"{path} is not in the manifest")


# -- of others ------------------------------------------------------------------------------------


def _read_foreign(entries: Entries, value: Mapping[str, Any]) -> Bundle:
    config = fields.config_of(value)
    entry_point = fields.entry_point(value)
    version = fields.word(value, "lrvx_version" if "lrvx_version" in value else "flox_version")
    fields.whole(value, "created_at_ns")
    strategy = below(entries, STRATEGY)
    tape = below(entries, TAPE)
    _check_digests(value, entry_point, strategy, tape)
    if fields.PARAMS in entries:
        params = decode_json(_small(entries, fields.PARAMS), fields.PARAMS)
        fields.check_params(params, value)
    if fields.EXPECTED not in entries:
        raise Incomplete(f"{fields.EXPECTED} is missing: nothing to compare with")
    read_expected(_small(entries, fields.EXPECTED, MAX_EXPECTED))
    rest = {p: e for p, e in entries.items() if not p.startswith((STRATEGY, TAPE))}
    _trace({path: item.source.read() for path, item in rest.items() if _is_trace(path)})
    members, content = _parts(strategy)
    tape_members, tape_content = _parts(tape)
    foreign, foreign_content = _parts(rest)
    return build_bundle(
        snapshot=Snapshot(entry_point=entry_point, method="bundle", files=members),
        content=content,
        tape=Tape(members=tape_members, content=tape_content),
        engine=EngineVersion(name="flox", version=version),
        config=config,
        output=None,
        foreign=foreign,
        foreign_content=foreign_content,
    )


def _parts(entries: Entries) -> tuple[Members, Content]:
    members = {path: item.member for path, item in entries.items()}
    return members, {path: item.source for path, item in entries.items()}


def _check_digests(
    value: Mapping[str, Any], entry_point: str, strategy: Entries, tape: Entries
) -> None:
    wanted = fields.digest(value, "strategy_sha256")
    if entry_point not in strategy:
        raise Incomplete(f"{STRATEGY}{entry_point} is missing")
    if strategy[entry_point].member.sha256 != wanted:
        raise Corrupt(f"{STRATEGY}{entry_point}: not the recorded bytes (strategy_sha256)")
    wanted = fields.digest(value, "tape_sha256")
    if not tape:
        raise Incomplete(f"{TAPE} is missing or empty")
    if tape_sha256({path: item.member for path, item in tape.items()}) != wanted:
        raise Corrupt(f"{TAPE}: not the recorded bytes (tape_sha256)")


def is_foreign(bundle: Bundle) -> bool:
    """Tell whether a bundle's expected output is FLOX's own, and none of ours."""
    members = bundle.manifest.members
    ours = any(path.startswith("output/") for path in members)
    return FOREIGN + fields.MANIFEST in members and not ours


def foreign_expected(bundle: Bundle) -> dict[str, Any]:
    """Return the expected_output.json of a foreign bundle."""
    return read_expected(bundle.content[FOREIGN + fields.EXPECTED].read())


def foreign_trace(bundle: Bundle) -> dict[str, Table] | None:
    """Return what is to be compared of a foreign bundle's trace, None where it has none."""
    found = below(bundle.content, FOREIGN)
    return _trace({path: source.read() for path, source in found.items() if _is_trace(path)})


def _is_trace(path: str) -> bool:
    return path.startswith(fields.TRACES)


def _trace(files: Mapping[str, bytes]) -> dict[str, Table] | None:
    present = [where for where in fields.TRACES if any(path.startswith(where) for path in files)]
    if len(present) > 1:
        raise Corrupt(f"two traces, {present[0]} and {present[1]}")
    return expected_trace(read_trace(below(files, present[0]), present[0])) if present else None
