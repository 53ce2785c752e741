"""Results on commits: refs/notes/bt, git notes with one line a result, in any fan-out.

Plain git shows them (`git log --notes=bt`), so a note may hold what somebody typed and lie where
another writer put it: lines that are not ours are kept byte for byte, and what we write lies in
one fixed fan-out, two digits and the rest. Lines are sorted and unique, so that merging is a
union and has one outcome. Nothing is written here: what is returned are changes of a tree.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from git_bt.errors import Corrupt
from git_bt.model import REGULAR, CodeLine, NoteLine, Oid
from git_bt.objects import (
    FOLDER,
    Objects,
    TreeEntry,
    blob_oid,
    find_entry,
    parse_commit,
    parse_tree,
)
from git_bt.records import decode_note, encode_note_line

REF = "refs/notes/bt"
Change = bytes | TreeEntry | None
"""What is to stand at a path of the tree: these bytes, this object, or nothing."""

_PAIR = re.compile(r"[0-9a-f]{2}")
_HEX = re.compile(r"[0-9a-f]*")
_MOST_FOLDERS = 200_000  # more than git makes for ten million notes; a tree may be made to explode


def merge_lines(*notes: bytes) -> bytes:
    """Return the lines of some notes, sorted by bytes and unique, blank ones left out."""
    lines = {line for data in notes for line in data.split(b"\n")} - {b""}
    return b"".join(line + b"\n" for line in sorted(lines))


@dataclass(slots=True)
class _Found:
    """What stands in a notes tree: the blobs of each annotated object by path, and all else."""

    notes: dict[str, dict[str, TreeEntry]] = field(default_factory=dict)
    others: dict[str, TreeEntry] = field(default_factory=dict)


class Notes:
    """The notes as one commit of refs/notes/bt holds them; each tree is read once.

    Args:
        objects: of the repository.
        tip: the commit (or tree, as git allows); None where there are no notes.
    """

    def __init__(self, objects: Objects, tip: Oid | None) -> None:
        self.objects = objects
        self.tip = tip
        self._root: Oid | None = None
        self._read: dict[Oid, bytes] = {}
        self._trees: dict[Oid, dict[str, TreeEntry]] = {}

    def of(self, commit: str) -> tuple[NoteLine, ...]:
        """Return the results of one commit, by its full id; unreadable lines are skipped.

        Raises:
            Corrupt: an object is missing or broken.
        """
        return decode_note(self.data(commit))

    def data(self, commit: str) -> bytes:
        """Return the note of one object; where several places hold one, the union of them."""
        blobs = [self.objects.blob(entry.oid) for _, entry in self._places(commit)]
        return blobs[0] if len(blobs) == 1 else merge_lines(*blobs)

    def having(
        self, words: Iterable[str], names: Iterable[str] | None = None
    ) -> dict[Oid, tuple[NoteLine, ...]]:
        """Return the results of every commit whose note has one of some ids in it.

        Only notes with one of the words are decoded, and notes that are alike are read once.

        Args:
            words: ids in full.
            names: what to look below at the top of the tree; None is all of it.
        """
        wanted = [word.encode() for word in words]
        found = self.found(names).notes
        oids = {entry.oid for places in found.values() for entry in places.values()}
        asked = sorted(oids) if wanted else []
        read = zip(asked, self.objects.read_many(asked), strict=True)
        hits = {oid: data for oid, (_, data) in read if any(word in data for word in wanted)}
        return {
            Oid(commit): decode_note(merge_lines(*data))
            for commit, places in found.items()
            if (data := [hits[entry.oid] for entry in places.values() if entry.oid in hits])
        }

    def each(self, commits: Iterable[Oid]) -> Iterator[tuple[Oid, bytes]]:
        """Yield the notes of commits that have one, in the order asked for, read in one go."""
        asked = [(c, entry.oid) for c in commits for _, entry in self._places(c)]
        blobs = self.objects.read_many(oid for _, oid in asked)
        read = ((commit, data) for (commit, _), (_, data) in zip(asked, blobs, strict=True))
        for commit, group in groupby(read, key=lambda pair: pair[0]):
            yield commit, merge_lines(*(data for _, data in group))

    def commits(self) -> frozenset[Oid]:
        """Return the ids of all objects that have a note; no note is read."""
        return frozenset(Oid(commit) for commit in self.found().notes)

    def found(self, names: Iterable[str] | None = None) -> _Found:
        """Return what lies in the tree, or below some of the names at its top."""
        found, opened = _Found(), [0]
        root = self.root()
        for name in root if names is None else names:
            if name in root:
                self._walk(found, opened, "", name, root[name])
        return found

    def at(self, path: str) -> TreeEntry | None:
        """Return what stands at a path of the tree."""
        tree, names = self.root(), path.split("/")
        for name in names[:-1]:
            entry = tree.get(name)
            if entry is None or entry.mode != FOLDER:
                return None
            tree = self._tree(entry.oid)
        return tree.get(names[-1])

    def is_mixed(self, names: Iterable[str]) -> bool:
        """Tell whether a note lies in another fan-out than ours: at the top, or below a name."""
        root = self.root()
        if any(len(name) == self._digits and _is_note(entry) for name, entry in root.items()):
            return True
        folders = [root[name] for name in names if name in root and _is_fan(name, root[name])]
        return any(
            _is_fan(name, entry)
            for folder in folders
            for name, entry in self._tree(folder.oid).items()
        )

    def root(self) -> dict[str, TreeEntry]:
        """Return the top of the tree."""
        if self.tip is None:
            return {}
        if self._root is None:
            kind, data = self.objects.read(self.tip)
            if kind not in ("commit", "tree"):
                raise Corrupt(f"{REF} points to a {kind}", hint="git bt doctor")
            self._root = parse_commit(self.tip, data).tree if kind == "commit" else self.tip
        return self._tree(self._root)

    @property
    def _digits(self) -> int:
        return {"sha1": 40, "sha256": 64}[self.objects.repo.hash_name]

    def _tree(self, oid: Oid) -> dict[str, TreeEntry]:
        found = self._trees.get(oid)
        if found is None:
            data = self._bytes(oid)
            found = self._trees[oid] = parse_tree(oid, data, self.objects.repo.hash_name)
        return found

    def _bytes(self, oid: Oid) -> bytes:
        data = self._read.get(oid)
        if data is None:
            kind, data = self.objects.read(oid)
            if kind != "tree":
                raise Corrupt(f"object {oid} is a {kind}, not a tree")
            self._read[oid] = data
        return data

    def _entry(self, oid: Oid, name: str) -> TreeEntry | None:
        """Return an entry of a tree: one note need not wait for the 400 beside it."""
        if oid in self._trees:
            return self._trees[oid].get(name)
        return find_entry(oid, self._bytes(oid), name, self.objects.repo.hash_name)

    def _places(self, commit: str) -> Iterator[tuple[str, TreeEntry]]:
        root = self.root()
        note, below, path, rest = root.get(commit), root.get(commit[:2]), "", commit
        while True:
            if note is not None and _is_note(note):
                yield path + rest, note
            if len(rest) <= 2 or below is None or below.mode != FOLDER:
                return
            path, rest, folder = f"{path}{rest[:2]}/", rest[2:], below.oid
            note, below = self._entry(folder, rest), self._entry(folder, rest[:2])

    def _walk(
        self, found: _Found, opened: list[int], path: str, name: str, entry: TreeEntry
    ) -> None:
        spelled = path.replace("/", "") + name
        if _is_fan(name, entry) and len(spelled) < self._digits:
            opened[0] += 1
            if opened[0] > _MOST_FOLDERS:
                raise Corrupt(f"{REF} has more than {_MOST_FOLDERS} folders", hint="git bt doctor")
            for below, it in self._tree(entry.oid).items():
                self._walk(found, opened, f"{path}{name}/", below, it)
        elif len(spelled) == self._digits and _HEX.fullmatch(name) and _is_note(entry):
            found.notes.setdefault(spelled, {})[path + name] = entry
        else:
            found.others[path + name] = entry


def _is_note(entry: TreeEntry) -> bool:
    return entry.mode.startswith("100")


def _is_fan(name: str, entry: TreeEntry) -> bool:
    return entry.mode == FOLDER and _PAIR.fullmatch(name) is not None


def place(commit: str) -> str:
    """Return where the note of an object lies when we write it."""
    return f"{commit[:2]}/{commit[2:]}"


# -- changes --------------------------------------------------------------------------------------


def additions(
    objects: Objects, tip: Oid | None, lines: Mapping[str, Iterable[NoteLine | CodeLine]]
) -> dict[str, Change]:
    """Return the changes that add results to the notes; none when they are all there.

    Where notes lie in another fan-out, they are put into ours: all of them when it is seen.

    Args:
        objects: of the repository.
        tip: what refs/notes/bt points to; None where there is no such ref.
        lines: the new results by the full id of their commit.

    Raises:
        Corrupt: the notes are broken, or a line is too long.
    """
    notes = Notes(objects, tip)
    changes: dict[str, Change] = {}
    if notes.is_mixed({commit[:2] for commit in lines}):
        changes = _normal(objects, notes.found().notes, {})
    for commit, results in lines.items():
        new = {encode_note_line(line) for line in results}
        old = notes.data(commit)
        if not new <= {line + b"\n" for line in old.split(b"\n")}:
            changes[place(commit)] = merge_lines(old, *new)
    return changes


def union(objects: Objects, ours: Oid | None, theirs: Oid | None) -> dict[str, Change]:
    """Return the changes of our notes that make them hold both; the same tree from either side.

    A note that both have differently holds the lines of both. Of what is no note, both sides'
    files stay; where they differ, the one with the smaller object id.

    Args:
        objects: of the repository.
        ours: a commit of notes, whose tree is to be changed.
        theirs: another one.

    Raises:
        Corrupt: the notes of one side are broken.
    """
    one, two = Notes(objects, ours), Notes(objects, theirs)
    left, right = one.root(), two.root()
    names = {name for name in {*left, *right} if left.get(name) != right.get(name)}
    if one.is_mixed(names) or two.is_mixed(names):
        names = {*left, *right}
    mine, other = one.found(sorted(names)), two.found(sorted(names))
    changes = _normal(objects, mine.notes, other.notes)
    for path, entry in other.others.items():
        known = mine.others.get(path)
        if known is None or (entry.oid, entry.mode) < (known.oid, known.mode):
            changes[path] = entry
    return changes


def _normal(
    objects: Objects,
    ours: Mapping[str, Mapping[str, TreeEntry]],
    theirs: Mapping[str, Mapping[str, TreeEntry]],
) -> dict[str, Change]:
    """Return the changes that leave each note once, at its place, with the lines of all."""
    changes: dict[str, Change] = {}
    for commit in sorted({*ours, *theirs}):
        mine = ours.get(commit, {})
        blobs = {entry.oid for entry in (*mine.values(), *theirs.get(commit, {}).values())}
        changes |= {path: None for path in mine if path != place(commit)}
        if len(blobs) > 1:
            data = merge_lines(*(objects.blob(oid) for oid in sorted(blobs)))
            oid = blob_oid(data, objects.repo.hash_name)
            if mine.get(place(commit)) != TreeEntry(REGULAR, oid):
                changes[place(commit)] = data
        elif place(commit) not in mine:
            changes[place(commit)] = TreeEntry(REGULAR, blobs.pop())
    return changes


def commit_message(count: int) -> str:
    """Return what a commit of the notes says."""
    return f"add {count} result{'s' * (count != 1)}\n"
