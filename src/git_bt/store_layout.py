"""Where things lie in the store, and what must be true of them; pure.

    v1/bundles/ab/cd/<60>/      manifest.json and the members that are kept
    v1/snapshots/ab/cd/<60>/    snapshot.json and strategy/
    v1/runs/ab/cd/<60>.json     run records
    v1/inputs/ab/cd/<60>/<environment id>/<run id>      empty: from inputs to run records
    v1/sweeps/ab/cd/<60>/       sweep.json, a row a run in <sha256>.csv, environments/<id>.json

Equal path, equal bytes: a write only adds, so that two stores merge by union.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from git_bt.canonical import sha256
from git_bt.errors import BtError, Corrupt, Usage
from git_bt.fields import DIGEST
from git_bt.model import (
    Bundle,
    Captured,
    Content,
    Data,
    Manifest,
    Member,
    Members,
    RunRecord,
    Snapshot,
    Source,
)
from git_bt.paths import check_paths
from git_bt.records import (
    decode_manifest,
    decode_run,
    decode_snapshot,
    encode_manifest,
    encode_run,
    encode_snapshot,
    run_id,
    snapshot_id,
)
from git_bt.sweep_chunks import decode_chunk, encode_chunk
from git_bt.sweep_records import (
    Surroundings,
    Sweep,
    SweepRun,
    Swept,
    decode_surroundings,
    decode_sweep,
    encode_surroundings,
    encode_sweep,
    run_order,
    sweep_id,
)

REF = "refs/bt/store"
TOP = "v1"
SUFFIX = {"bundles": "", "snapshots": "", "runs": ".json", "inputs": "", "sweeps": ""}
"""What stands in the store, and how its names end."""
MANIFEST = "manifest.json"
SNAPSHOT = "snapshot.json"
SWEEP = "sweep.json"
CHUNK = ".csv"
ENVIRONMENTS = "environments"
_MOST_ROWS = 10_000  # a chunk: so that no object gets too large for a host
_MEMBERS_LIE_IN = ("strategy/", "tape/", "output/", "foreign/")


def fan_out(digest: str) -> str:
    """Return the path of an id: two digits, two digits, sixty."""
    return f"{digest[:2]}/{digest[2:4]}/{digest[4:]}"


def place(kind: str, digest: str) -> str:
    """Return the path in the store of a bundle, snapshot, run record or inputs id."""
    return f"{TOP}/{kind}/{fan_out(digest)}{SUFFIX[kind]}"


def digest_at(kind: str, one: str, two: str, name: str) -> str | None:
    """Return the id that the names of a path spell, None when they spell none."""
    digest = one + two + name.removesuffix(SUFFIX[kind])
    regular = len(one) == len(two) == 2 and name.endswith(SUFFIX[kind])
    return digest if regular and DIGEST.fullmatch(digest) else None


def unknown(kind: str, digest: str) -> BtError:
    """Return the error of an id that is not in the store."""
    return Usage(f"no {kind} {digest}", hint="git bt ls")


# -- what is true of what was read ----------------------------------------------------------------


def proved(data: bytes, digest: str, what: str) -> bytes:
    """Return bytes that give an id; raises Corrupt when they do not."""
    if sha256(data) != digest:
        raise Corrupt(f"{what}: its bytes do not give this id", hint="git bt fsck")
    return data


def proved_manifest(data: bytes, digest: str) -> Manifest:
    """Return the manifest of a bundle.

    Raises:
        Corrupt: it does not give the id, is malformed, or names a path that may not be.
    """
    what = f"bundle {digest}: {MANIFEST}"
    manifest = decode_manifest(proved(data, digest, what), what)
    check_members(manifest.members, what)
    return manifest


def proved_snapshot(data: bytes, digest: str) -> Snapshot:
    """Return a snapshot; raises as `proved_manifest`."""
    what = f"snapshot {digest}: {SNAPSHOT}"
    snapshot = decode_snapshot(proved(data, digest, what), what)
    check_paths(snapshot.files)
    return snapshot


def proved_run(data: bytes, digest: str) -> RunRecord:
    """Return a run record; raises Corrupt when it does not give the id, or is malformed."""
    return decode_run(proved(data, digest, f"run {digest}"), f"run {digest}")


def proved_sweep(data: bytes, digest: str) -> Sweep:
    """Return a sweep; raises Corrupt when it does not give the id, or is malformed."""
    return decode_sweep(proved(data, digest, f"sweep {digest}"), f"sweep {digest}")


def proved_chunk(data: bytes, name: str, sweep: str) -> list[SweepRun]:
    """Return the runs of a chunk; raises Corrupt when it does not give its name."""
    what = f"sweep {sweep}: {name}"
    return decode_chunk(proved(data, name.removesuffix(CHUNK), what), sweep, what)


def proved_surroundings(data: bytes, digest: str) -> Surroundings:
    """Return what runs ran on; raises Corrupt when it does not give the id, or is malformed."""
    what = f"environment {digest}"
    return decode_surroundings(proved(data, digest, what), what)


def proved_part(name: str, data: bytes, digest: str) -> Sweep | None:
    """Prove one file of a sweep, and return the sweep when it is that one.

    Raises:
        Corrupt: its bytes do not give its name, are malformed, or it lies where none may.
    """
    folder, _, file = name.rpartition("/")
    if name == SWEEP:
        return proved_sweep(data, digest)
    if name.endswith(CHUNK) and not folder:
        proved_chunk(data, name, digest)
    elif name.endswith(".json") and folder == ENVIRONMENTS:
        proved_surroundings(data, file.removesuffix(".json"))
    else:
        raise Corrupt("does not belong here")
    return None


def check_members(members: Members, what: str) -> None:
    """Refuse members that lie where none may; raises Corrupt."""
    check_paths(members)
    for path in members:
        if not path.startswith(_MEMBERS_LIE_IN) and path != "config.json":
            raise Corrupt(f"{what}: {path!r:.200} lies where no member does")


def check_bytes(data: bytes, member: Member, what: str) -> None:
    """Refuse bytes that are not a member's; raises Corrupt."""
    if len(data) != member.size:
        raise Corrupt(f"{what}: {len(data)} bytes, not {member.size}")
    if sha256(data) != member.sha256:
        raise Corrupt(f"{what}: its bytes have changed: not the sha256 of the manifest")


def read_member(source: Source, member: Member, what: str) -> bytes:
    """Return the bytes of a member; raises Corrupt when they are others, or cannot be read."""
    try:
        data = source.read()
    except Corrupt as e:
        raise Corrupt(f"{what}: {e.message}", hint=e.hint) from e
    except OSError as e:
        raise Corrupt(f"{what}: cannot be read: {e.strerror}") from e
    check_bytes(data, member, what)
    return data


def stored_members(snapshot: Snapshot) -> dict[str, Member]:
    """Return the files of a snapshot by their path beside snapshot.json."""
    return {f"strategy/{path}": member for path, member in snapshot.files.items()}


# -- what is to be written ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class File:
    """One file that is to stand in the store."""

    path: str
    source: Source
    member: Member
    what: str  # how messages name it


def files_of_bundle(bundle: Bundle) -> Iterator[File]:
    """Yield what a bundle is in the store.

    Raises:
        Corrupt: the id is not the manifest's, or there are bytes of something that is no member.
    """
    what = f"bundle {bundle.id[:12]}"
    data = encode_manifest(bundle.manifest)
    proved_manifest(data, bundle.id)
    folder = place("bundles", bundle.id)
    yield _document(f"{folder}/{MANIFEST}", data)
    yield from _files(folder, bundle.content, bundle.manifest.members, what)


def files_of_snapshot(captured: Captured) -> Iterator[File]:
    """Yield what a snapshot is in the store; raises as `files_of_bundle`."""
    digest = snapshot_id(captured.snapshot)
    data = encode_snapshot(captured.snapshot)
    proved_snapshot(data, digest)
    folder = place("snapshots", digest)
    yield _document(f"{folder}/{SNAPSHOT}", data)
    content = {f"strategy/{path}": source for path, source in captured.content.items()}
    yield from _files(folder, content, stored_members(captured.snapshot), f"snapshot {digest[:12]}")


def files_of_run(run: RunRecord) -> Iterator[File]:
    """Yield what a run record is in the store; raises Corrupt when it could not be read again."""
    digest, data = run_id(run), encode_run(run)
    proved_run(data, digest)
    yield _document(place("runs", digest), data)
    yield _document(f"{place('inputs', run.inputs)}/{run.environment}/{digest}", b"")


def files_of_sweep(swept: Swept) -> Iterator[File]:
    """Yield what a sweep and some runs of it are in the store; raises as `files_of_run`."""
    data = encode_sweep(swept.sweep)
    digest = sha256(data)
    proved_sweep(data, digest)
    folder = place("sweeps", digest)
    yield _document(f"{folder}/{SWEEP}", data)
    for surroundings in swept.environments.values():
        data = encode_surroundings(surroundings)
        yield _document(f"{folder}/{ENVIRONMENTS}/{sha256(data)}.json", data)
    runs = sorted(swept.runs, key=run_order)
    for first in range(0, len(runs), _MOST_ROWS):
        data = encode_chunk(runs[first : first + _MOST_ROWS])
        name = f"{sha256(data)}{CHUNK}"
        proved_chunk(data, name, digest)
        yield _document(f"{folder}/{name}", data)


def commit_message(
    bundles: Sequence[Bundle],
    captured: Sequence[Captured],
    runs: Sequence[RunRecord],
    sweeps: Sequence[Swept] = (),
) -> str:
    """Return what a commit of the store says: counts, then a line `kind id` for each.

    `fsck` reads the lines of bundles, to name what a broken tree hides.
    """
    lines = [f"bundle {bundle.id}" for bundle in bundles]
    lines += [f"snapshot {snapshot_id(each.snapshot)}" for each in captured]
    lines += [f"run {run_id(run)}" for run in runs]
    lines += [f"sweep {sweep_id(each.sweep)}" for each in sweeps]
    counts = {
        "bundle": len(bundles),
        "snapshot": len(captured),
        "run": len(runs),
        "sweep": len(sweeps),
    }
    said = ", ".join(f"{n} {noun}{'s' * (n > 1)}" for noun, n in counts.items() if n)
    return "\n".join([f"add {said}", "", *lines, ""])


def _document(path: str, data: bytes) -> File:
    return File(path, Data(data), Member(sha256=sha256(data), size=len(data)), path)


def _files(folder: str, content: Content, members: Members, what: str) -> Iterator[File]:
    for path, source in content.items():
        member = members.get(path)
        if member is None:
            raise Corrupt(f"{what}: {path!r:.200} has bytes and is not in the manifest")
        yield File(f"{folder}/{path}", source, member, f"{what}: {path}")
