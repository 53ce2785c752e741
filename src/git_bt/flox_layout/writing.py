"""A bundle as the entries of an archive in FLOX's layout, derived and the same every time.

What FLOX reads is written as FLOX writes it; what it does not know stands beside: our manifest
under `git_bt`, and the tables of the output under `output/`. A bundle that FLOX wrote gives back
the bytes it came with.
"""

from collections.abc import Mapping
from typing import Any

from git_bt.archive import Entry, entry
from git_bt.bundle import CONFIG, FOREIGN, OUTPUT, STRATEGY, TAPE, output_of
from git_bt.canonical import decode_json, encode_json, tape_sha256
from git_bt.errors import Incomplete
from git_bt.flox_layout import fields
from git_bt.flox_layout.expected import expected_of
from git_bt.model import Bundle
from git_bt.records import below, encode_manifest


def flox_entries(bundle: Bundle, *, for_lrvx: bool = False) -> dict[str, Entry]:
    """Return the files of a bundle's export, by path.

    Args:
        bundle: with all its bytes at hand.
        for_lrvx: put the trace where `lrvx bundle validate` does not look: lrvx counts the signals
            and orders in it, of which it writes none itself since 0.10.

    Raises:
        Incomplete: a member is not at hand.
        Corrupt: the output is malformed, or the config is no complete one.
    """
    for path in bundle.manifest.members:
        if path not in bundle.content:
            raise Incomplete(f"{path} of bundle {bundle.id[:12]} is not at hand")
    found = {
        path: Entry(member=member, source=bundle.content[path])
        for path, member in bundle.manifest.members.items()
    }
    if FOREIGN + fields.MANIFEST in found and not below(found, OUTPUT):
        return _foreign(found, for_lrvx=for_lrvx)
    entries = {tar_path(p, for_lrvx=for_lrvx): item for p, item in found.items() if p != CONFIG}
    entries |= {path: entry(encode_json(value)) for path, value in _derived(bundle).items()}
    return entries


def tar_path(path: str, *, for_lrvx: bool) -> str:
    """Return where a member of ours lies in an export."""
    trace = OUTPUT + fields.RUN_TRACE
    if path.startswith(trace) and not for_lrvx:
        return fields.OUR_TRACE + path.removeprefix(trace)
    return path


def _foreign(found: Mapping[str, Entry], *, for_lrvx: bool) -> dict[str, Entry]:
    entries = {path: item for path, item in found.items() if path.startswith((STRATEGY, TAPE))}
    entries |= below(found, FOREIGN)
    return {p: e for p, e in entries.items() if not (for_lrvx and p.startswith(fields.TRACES))}


def _derived(bundle: Bundle) -> dict[str, Any]:
    manifest = bundle.manifest
    ours = decode_json(encode_manifest(manifest), fields.MANIFEST) | {"bundle": bundle.id}
    value = {
        "bundle_format_version": fields.VERSION,
        "lrvx_version": "unknown",  # as FLOX itself always writes; the true one is in ours
        "created_at_ns": 0,
        "strategy_filename": manifest.entry_point,
        "strategy_sha256": manifest.members[STRATEGY + manifest.entry_point].sha256,
        "tape_sha256": tape_sha256(below(manifest.members, TAPE)),
        fields.OURS: ours,
    }
    if manifest.engine.name != "flox":
        return {fields.MANIFEST: value, fields.PARAMS: manifest.config}
    keys = fields.flox_keys(manifest.config)
    params = {key: keys[key] for key in ("slippage_model", "slippage_params")}
    derived = {fields.MANIFEST: value | keys, fields.PARAMS: params}
    output = output_of(bundle)
    return derived if output is None else derived | {fields.EXPECTED: expected_of(output)}
