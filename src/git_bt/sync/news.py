"""What one state of the store or of the notes holds that another does not, and proof of it."""

from collections.abc import Collection, Iterable, Iterator

from git_bt import notes
from git_bt.canonical import sha256
from git_bt.errors import Corrupt
from git_bt.model import NoteLine, Oid
from git_bt.objects import FOLDER, Objects, TreeEntry, parse_tree
from git_bt.store_layout import CHUNK, MANIFEST, SNAPSHOT, SWEEP, TOP, digest_at

_LEVELS = 3  # of names that spell an id


def new_ids(objects: Objects, kind: str, ours: Oid | None, theirs: Oid | None) -> list[str]:
    """Return the ids of a kind that a store holds and another does not, sorted.

    Args:
        objects: of the repository.
        kind: bundles, snapshots or runs.
        ours: a commit of a store; None is an empty one.
        theirs: another one.

    Raises:
        Corrupt: an object is missing or broken.
    """
    return sorted(_new(objects, kind, ours, theirs))


def prove(objects: Objects, ours: Oid | None, theirs: Oid | None) -> None:
    """Refuse a store whose new manifests, snapshots, run records or sweeps do not give their ids.

    What is merged cannot be taken out again. Members are proved whenever they are read: to read
    every tape here would cost more than fetching it.

    Args:
        objects: of the repository.
        ours: a commit of a store; what it has is not looked at.
        theirs: another one.

    Raises:
        Corrupt: naming the first one.
    """
    for kind, document in _DOCUMENTS.items():
        entries = _new(objects, kind, ours, theirs)
        if document:
            trees = _trees(objects, entries.values())
            inside = {d: trees.get(e.oid, {}).get(document) for d, e in entries.items()}
        else:
            inside = dict(entries)
        asked = {d: e.oid for d, e in inside.items() if e is not None and e.mode != FOLDER}
        bad = entries.keys() - asked.keys()
        for digest, (_, data) in zip(asked, objects.read_many(asked.values()), strict=True):
            if sha256(data) != digest:
                bad = bad | {digest}
        _refuse(kind, bad)
    _refuse("sweeps", _bad_sweeps(objects, ours, theirs))


def _refuse(kind: str, bad: Collection[str]) -> None:
    if bad:
        raise Corrupt(
            f"{kind.removesuffix('s')} {min(bad)} of the other store is not what its id says: "
            "nothing was merged",
            hint="git bt fsck, where it was pushed from",
        )


def new_sweeps(objects: Objects, ours: Oid | None, theirs: Oid | None) -> set[str]:
    """Return the ids of the sweeps that are new in a store, or have grown; as `new_ids`."""
    return {digest for digest, _ in _sweep_files(objects, ours, theirs)}


def _bad_sweeps(objects: Objects, ours: Oid | None, theirs: Oid | None) -> set[str]:
    """Return the sweeps with a new file that does not give its name."""
    files = _sweep_files(objects, ours, theirs)
    bad = set()
    for (digest, name), (_, data) in zip(files, objects.read_many(files.values()), strict=True):
        if sha256(data) != (digest if name == SWEEP else name.removesuffix(CHUNK)):
            bad.add(digest)
    return bad


def _sweep_files(
    objects: Objects, ours: Oid | None, theirs: Oid | None
) -> dict[tuple[str, str], Oid]:
    """Return the new files of sweeps by sweep and name; a sweep that is known may have grown."""
    level = [("", _kind(objects, "sweeps", ours), _kind(objects, "sweeps", theirs))]
    for depth in range(_LEVELS + 1):
        level = list(_below(objects, level, keep_known=depth < _LEVELS))
    found = {}
    for path, _, entry in level:
        one, two, rest, name = path.split("/")[1:]
        if entry is not None and entry.mode != FOLDER:
            found[one + two + rest, name] = entry.oid
    return found


_DOCUMENTS = {"bundles": MANIFEST, "snapshots": SNAPSHOT, "runs": ""}


def _new(objects: Objects, kind: str, ours: Oid | None, theirs: Oid | None) -> dict[str, TreeEntry]:
    """Return what stands in a store for each id that another does not have."""
    level = [("", _kind(objects, kind, ours), _kind(objects, kind, theirs))]
    for depth in range(_LEVELS):
        level = list(_below(objects, level, keep_known=depth < _LEVELS - 1))
    found = {}
    for path, _, entry in level:
        one, two, name = path.split("/")[1:]
        digest = digest_at(kind, one, two, name)
        if digest is not None and entry is not None:
            found[digest] = entry
    return found


_Pair = tuple[str, TreeEntry | None, TreeEntry | None]


def _kind(objects: Objects, kind: str, tip: Oid | None) -> TreeEntry | None:
    if tip is None:
        return None
    entry: TreeEntry | None = TreeEntry(FOLDER, objects.commit_tree(tip))
    for name in (TOP, kind):
        entry = objects.tree(entry.oid).get(name) if entry and entry.mode == FOLDER else None
    return entry


def _below(objects: Objects, level: list[_Pair], *, keep_known: bool) -> Iterator[_Pair]:
    """Yield what lies below the pairs that differ, read in one go."""
    differ = [pair for pair in level if pair[1] != pair[2]]
    trees = _trees(objects, (entry for _, *pair in differ for entry in pair if entry))
    for path, one, two in differ:
        mine = trees.get(one.oid, {}) if one else {}
        for name, entry in (trees.get(two.oid, {}) if two else {}).items():
            if keep_known or name not in mine:
                yield f"{path}/{name}", mine.get(name), entry


def _trees(objects: Objects, entries: Iterable[TreeEntry]) -> dict[Oid, dict[str, TreeEntry]]:
    """Return the folders among some entries, read in one go."""
    asked = sorted({entry.oid for entry in entries if entry.mode == FOLDER})
    read = zip(asked, objects.read_many(asked), strict=True)
    return {oid: parse_tree(oid, data, objects.repo.hash_name) for oid, (_, data) in read}


def new_results(
    objects: Objects, ours: Oid | None, theirs: Oid | None
) -> dict[Oid, tuple[NoteLine, ...]]:
    """Return the results that some notes hold and others do not, by commit.

    Args:
        objects: of the repository.
        ours: a commit of notes; None has none.
        theirs: another one.

    Raises:
        Corrupt: an object is missing or broken.
    """
    one, two = notes.Notes(objects, ours), notes.Notes(objects, theirs)
    mine, other = one.root(), two.root()
    differ = sorted(name for name in other if mine.get(name) != other[name])
    found = {}
    for commit in sorted(two.found(differ).notes):
        known = set(one.of(commit))
        lines = tuple(line for line in two.of(commit) if line not in known)
        if lines:
            found[Oid(commit)] = lines
    return found
