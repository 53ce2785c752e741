"""Reading the store: bundles, snapshots and run records behind refs/bt/store.

Reading proves the ids of what it returns, `verify` every byte of a bundle. Where things lie is
`store_layout.py`, writing is `store.py`, the search of the whole for damage `fsck.py`.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from git_bt.errors import Corrupt, Usage
from git_bt.fields import DIGEST
from git_bt.model import REGULAR, Bundle, Captured, Manifest, Members, Oid, RunRecord, Source
from git_bt.objects import FOLDER, Blob, Objects, TreeEntry, parse_tree
from git_bt.publish import read_refs
from git_bt.repo import Repo
from git_bt.store_layout import (
    CHUNK,
    ENVIRONMENTS,
    MANIFEST,
    REF,
    SNAPSHOT,
    SWEEP,
    TOP,
    digest_at,
    place,
    proved,
    proved_chunk,
    proved_manifest,
    proved_run,
    proved_snapshot,
    proved_surroundings,
    proved_sweep,
    read_member,
    stored_members,
    unknown,
)
from git_bt.sweep_records import Sweep, SweepRun, Swept, run_order

MIN_PREFIX = 4
_SHOWN = 6
_CACHED_TREES = 2048
_LEVELS = 3  # of names that spell an id


class StoreReader:
    """A store as it is read.

    What is read is the store as it was when first looked at, and again when an id is not found;
    lists always look anew.

    Args:
        repo: the repository.
        objects: its objects; open as long as bundles of this store are read.
        ref: where the store is.
    """

    def __init__(self, repo: Repo, objects: Objects, ref: str = REF) -> None:
        self.repo = repo
        self.objects = objects
        self.ref = ref
        self._looked = False
        self._tip: Oid | None = None
        self._root: Oid | None = None
        self._trees: dict[Oid, dict[str, TreeEntry]] = {}

    def refresh(self) -> Oid | None:
        """Look at the store as it is now, and return its commit, None when there is no store."""
        self._show(read_refs(self.repo, self.ref).get(self.ref))
        return self._tip

    def bundle(self, digest: str) -> Bundle:
        """Return a bundle by its full id; its content is what the store holds of the members.

        The manifest is proved against the id, and the tree against the manifest; the bytes of
        members are proved by `verify`.

        Raises:
            Usage: there is no such bundle.
            Corrupt: the manifest, or what lies beside it, is not what the id says.
        """
        folder = self._folder("bundles", digest)
        data = self._document(folder, MANIFEST, f"bundle {digest}")
        manifest = proved_manifest(data, digest)
        content = self._content(folder, MANIFEST, manifest.members, f"bundle {digest}")
        return Bundle(id=digest, manifest=manifest, content=content)

    def manifest(self, digest: str) -> Manifest:
        """Return the manifest of a bundle alone, whatever lies beside it; raises as `bundle`."""
        folder = self._folder("bundles", digest)
        return proved_manifest(self._document(folder, MANIFEST, f"bundle {digest}"), digest)

    def snapshot(self, digest: str) -> Captured:
        """Return a snapshot by its full id, with its bytes; raises as `bundle`."""
        folder = self._folder("snapshots", digest)
        data = self._document(folder, SNAPSHOT, f"snapshot {digest}")
        snapshot = proved_snapshot(data, digest)
        members = stored_members(snapshot)
        content = self._content(folder, SNAPSHOT, members, f"snapshot {digest}")
        return Captured(
            snapshot=snapshot,
            content={path.removeprefix("strategy/"): s for path, s in content.items()},
        )

    def run(self, digest: str) -> RunRecord:
        """Return a run record by its full id; raises as `bundle`."""
        return proved_run(self.objects.blob(self._entry("runs", digest).oid), digest)

    def sweep_alone(self, digest: str) -> Sweep:
        """Return a sweep by its full id without its runs; raises as `bundle`."""
        folder = self._folder("sweeps", digest)
        return proved_sweep(self._document(folder, SWEEP, f"sweep {digest}"), digest)

    def sweep(self, digest: str) -> Swept:
        """Return a sweep by its full id, with every run of it once; raises as `bundle`."""
        sweep = self.sweep_alone(digest)
        folder = self._folder("sweeps", digest)
        around = folder.get(ENVIRONMENTS)
        documents = {} if around is None else self._tree(around)
        return Swept(
            sweep=sweep,
            runs=self._sweep_runs(digest, folder),
            environments={
                name.removesuffix(".json"): proved_surroundings(
                    self.objects.blob(entry.oid), name.removesuffix(".json")
                )
                for name, entry in documents.items()
            },
        )

    def sweep_chunks(self, digest: str) -> Iterator[tuple[str, bytes]]:
        """Yield the name and the bytes of each chunk of a sweep; raises as `bundle`."""
        folder = self._folder("sweeps", digest)
        names = sorted(name for name in folder if name.endswith(CHUNK))
        blobs = self.objects.read_many(folder[name].oid for name in names)
        for name, (_, data) in zip(names, blobs, strict=True):
            what = f"sweep {digest}: {name}"
            yield what, proved(data, name.removesuffix(CHUNK), what)

    def known_runs(self, digest: str, writers: Collection[str]) -> set[tuple[str, int]]:
        """Return writer and count of the runs of some writers that a sweep has, if it is there."""
        entry = self._at(place("sweeps", digest))
        words = {writer.encode() for writer in writers}
        folder = {} if entry is None else self._tree(entry)
        found = self._sweep_runs(digest, folder, lambda data: any(w in data for w in words))
        return {(run.writer, run.seq) for run in found}

    def sweep_ids(self) -> list[str]:
        """Return the ids of all sweeps, sorted."""
        self.refresh()
        return [digest for digest, _ in self._each("sweeps")]

    def bundle_ids(self) -> list[str]:
        """Return the ids of all bundles, sorted."""
        self.refresh()
        return [digest for digest, _ in self._each("bundles")]

    def runs(self) -> list[tuple[str, RunRecord]]:
        """Return all run records with their ids, newest first; raises Corrupt at a broken one."""
        self.refresh()
        return self._read_runs(self._each("runs"))

    def runs_of(
        self, *, bundle: str | None = None, inputs: str | None = None
    ) -> list[tuple[str, RunRecord]]:
        """Return the run records of a bundle, or of an inputs id, newest first.

        Args:
            bundle: full id of a bundle of the store; of one that is not in it there are none.
            inputs: full inputs id.
        """
        if inputs is None:
            if bundle is None or self._at(place("bundles", bundle)) is None:
                return []
            inputs = self.manifest(bundle).inputs
        top = self._at(place("inputs", inputs))
        environments = {} if top is None else self._tree(top)
        digests = [name for entry in environments.values() for name in self._tree(entry)]
        found = self._read_runs((digest, self._entry("runs", digest)) for digest in digests)
        return [(digest, run) for digest, run in found if bundle in (None, run.bundle)]

    def tree_of(self, kind: str) -> Oid | None:
        """Return the tree of all that the store holds of a kind, None where it holds nothing."""
        entry = self._at(f"{TOP}/{kind}")
        return None if entry is None else entry.oid

    def beyond(self, kind: str, seen: Oid | None) -> dict[str, TreeEntry] | None:
        """Return what the store holds of a kind and an earlier tree of it did not, by full id.

        Only folders that differ are read, those of one level at once.

        Args:
            kind: bundles, snapshots, runs or inputs.
            seen: the earlier tree; None is an empty one.

        Returns:
            Where the entries of the new ids lead; None when the store lacks something of `seen`.

        Raises:
            Corrupt: a tree is broken, or a name spells no id.
        """
        top = self._at(f"{TOP}/{kind}")
        level = [] if top is None else [("", seen, top)]
        for _ in range(_LEVELS):
            level_below: list[tuple[str, Oid | None, TreeEntry]] = []
            trees = self._read_trees(level)
            for path, old, entry in level:
                before, now = trees[old] if old else {}, trees[entry.oid]
                if not before.keys() <= now.keys():
                    return None
                level_below += [
                    (f"{path}/{name}", before[name].oid if name in before else None, found)
                    for name, found in now.items()
                    if before.get(name) != found
                ]
            level = level_below
        return {self._spelled(kind, path): entry for path, _, entry in level}

    def resolve(self, prefix: str, kinds: Sequence[str] = ("bundles",)) -> str:
        """Return the one full id that begins with a prefix.

        Args:
            prefix: 4 or more digits of an id.
            kinds: where to look: bundles, snapshots, runs.

        Raises:
            Usage: no such id, several, or no prefix of an id at all.
        """
        if not re.fullmatch(rf"[0-9a-f]{{{MIN_PREFIX},64}}", prefix):
            raise Usage(f"{prefix!r:.80} is no id: {MIN_PREFIX} to 64 hex digits", hint="git bt ls")
        self.refresh()
        found = sorted({digest for kind in kinds for digest in self._beginning(kind, prefix)})
        noun = " or ".join(kind.removesuffix("s") for kind in kinds)
        if not found:
            raise unknown(noun, prefix)
        if len(found) > 1:
            shown = ", ".join(_distinct(found)[:_SHOWN])
            more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            raise Usage(f"{noun} {prefix} is ambiguous: {shown}{more}", hint="give more digits")
        return found[0]

    def verify(self, bundle: Bundle) -> None:
        """Prove every byte that is at hand of a bundle; each member is read and dropped.

        Raises:
            Corrupt: naming the first member that is not what the manifest says.
        """
        members = bundle.manifest.members
        for path, source in sorted(bundle.content.items()):
            read_member(source, members[path], f"bundle {bundle.id[:12]}: {path}")

    # -- parts of reading -------------------------------------------------------------------------

    def _show(self, tip: Oid | None) -> None:
        if tip != self._tip or self._root is None:
            self._root = None if tip is None else self.objects.commit_tree(tip)
        self._tip, self._looked = tip, True

    def _tree(self, entry: TreeEntry) -> dict[str, TreeEntry]:
        if entry.mode != FOLDER:
            raise _no_folder(entry)
        found = self._trees.get(entry.oid)
        if found is None:
            if len(self._trees) >= _CACHED_TREES:
                self._trees.clear()
            found = self._trees[entry.oid] = self.objects.tree(entry.oid)
        return found

    def _at(self, path: str) -> TreeEntry | None:
        if not self._looked:
            self.refresh()
        entry = None if self._root is None else TreeEntry(FOLDER, self._root)
        for name in path.split("/"):
            if entry is None:
                return None
            entry = self._tree(entry).get(name)
        return entry

    def _entry(self, kind: str, digest: str) -> TreeEntry:
        """Return what stands for an id; look at the store anew before saying that nothing does."""
        if not DIGEST.fullmatch(digest):
            raise Usage(f"{digest!r:.80} is no full id", hint="git bt ls")
        entry = self._at(place(kind, digest))
        if entry is None and self._tip != self.refresh():
            entry = self._at(place(kind, digest))
        if entry is None:
            raise unknown(kind.removesuffix("s"), digest)
        return entry

    def _folder(self, kind: str, digest: str) -> dict[str, TreeEntry]:
        return self._tree(self._entry(kind, digest))

    def _document(self, folder: Mapping[str, TreeEntry], name: str, what: str) -> bytes:
        entry = folder.get(name)
        if entry is None or entry.mode != REGULAR:
            raise Corrupt(f"{what}: no {name} in the store", hint="git bt fsck")
        return self.objects.blob(entry.oid)

    def _content(
        self, folder: Mapping[str, TreeEntry], document: str, members: Members, what: str
    ) -> dict[str, Source]:
        """Walk no further than the members go: a tree may be made to have no end."""
        folders = {path[:at] for path in members for at in _slashes(path)}
        content: dict[str, Source] = {}
        left = [(name, entry) for name, entry in folder.items() if name != document]
        while left:
            path, entry = left.pop()
            if entry.mode == FOLDER and path in folders:
                left += [(f"{path}/{name}", e) for name, e in self.objects.tree(entry.oid).items()]
                continue
            member = members.get(path)
            if member is None:
                raise Corrupt(f"{what}: {path!r:.200} is in the store and not in the manifest")
            if entry.mode != member.mode:
                raise Corrupt(f"{what}: {path!r:.200} has mode {entry.mode}, not {member.mode}")
            content[path] = Blob(entry.oid, self.objects)
        return dict(sorted(content.items()))

    def _read_runs(self, found: Iterable[tuple[str, TreeEntry]]) -> list[tuple[str, RunRecord]]:
        entries = list(found)
        blobs = self.objects.read_many(entry.oid for _, entry in entries)
        runs = [
            (digest, proved_run(data, digest))
            for (digest, _), (_, data) in zip(entries, blobs, strict=True)
        ]
        return sorted(runs, key=lambda run: (-run[1].when_ns, run[0]))

    def _sweep_runs(
        self,
        digest: str,
        folder: Mapping[str, TreeEntry],
        wanted: Callable[[bytes], bool] = bool,
    ) -> tuple[SweepRun, ...]:
        """Return the runs of the chunks that are wanted; the same run may be in two of them."""
        names = sorted(name for name in folder if name.endswith(CHUNK))
        blobs = self.objects.read_many(folder[name].oid for name in names)
        runs = {
            (run.writer, run.seq): run
            for name, (_, data) in zip(names, blobs, strict=True)
            if wanted(data)
            for run in proved_chunk(data, name, digest)
        }
        return tuple(sorted(runs.values(), key=run_order))

    def _each(self, kind: str) -> list[tuple[str, TreeEntry]]:
        """Return every id of a kind in order, and what stands there."""
        return sorted((self.beyond(kind, None) or {}).items())

    def _read_trees(
        self, level: Sequence[tuple[str, Oid | None, TreeEntry]]
    ) -> dict[Oid, dict[str, TreeEntry]]:
        """Return the trees of both sides of some pairs, read in one go."""
        for _, _, entry in level:
            if entry.mode != FOLDER:
                raise _no_folder(entry)
        asked = sorted({oid for _, old, entry in level for oid in (old, entry.oid) if oid})
        read = zip(asked, self.objects.read_many(asked), strict=True)
        return {oid: parse_tree(oid, data, self.repo.hash_name) for oid, (_, data) in read}

    def _spelled(self, kind: str, path: str) -> str:
        """Return the id that a path below a kind spells."""
        digest = digest_at(kind, *path.split("/")[1:])
        if digest is None:
            raise Corrupt(f"{f'{TOP}/{kind}{path}'!r} is no name of the store", hint="git bt fsck")
        return digest

    def _beginning(self, kind: str, prefix: str) -> Iterator[str]:
        one, two = prefix[:2], prefix[2:4]
        entry = self._at(f"{TOP}/{kind}/{one}/{two}")
        for name in () if entry is None else self._tree(entry):
            digest = digest_at(kind, one, two, name)
            if digest is not None and digest.startswith(prefix):
                yield digest


def _no_folder(entry: TreeEntry) -> Corrupt:
    return Corrupt(f"object {entry.oid} stands in the place of a folder", hint="git bt fsck")


def _slashes(path: str) -> list[int]:
    return [at for at, letter in enumerate(path) if letter == "/"]


def _distinct(digests: Sequence[str]) -> list[str]:
    """Shorten sorted ids to 12 digits, or as many more as tell them apart."""
    length = 12
    while length < 64 and len({digest[:length] for digest in digests}) < len(digests):
        length += 1
    return [digest[:length] for digest in digests]
