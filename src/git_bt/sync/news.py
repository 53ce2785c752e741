"""What one state of the store or of the notes holds that another does not."""

from collections.abc import Iterator

from git_bt import notes
from git_bt.model import NoteLine, Oid
from git_bt.objects import FOLDER, Objects, TreeEntry, parse_tree
from git_bt.store_layout import TOP, digest_at

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
    level = [("", _kind(objects, kind, ours), _kind(objects, kind, theirs))]
    for depth in range(_LEVELS):
        level = list(_below(objects, level, keep_known=depth < _LEVELS - 1))
    parts = (path.split("/")[1:] for path, _, _ in level)
    found = (digest_at(kind, one, two, name) for one, two, name in parts)
    return sorted(digest for digest in found if digest is not None)


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
    folders = {entry.oid for _, *pair in differ for entry in pair if entry and entry.mode == FOLDER}
    asked = sorted(folders)
    read = zip(asked, objects.read_many(asked), strict=True)
    hash_name = objects.repo.hash_name
    trees = {oid: parse_tree(oid, data, hash_name) for oid, (_, data) in read}
    for path, one, two in differ:
        mine = trees.get(one.oid, {}) if one else {}
        for name, entry in (trees.get(two.oid, {}) if two else {}).items():
            if keep_known or name not in mine:
                yield f"{path}/{name}", mine.get(name), entry


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
