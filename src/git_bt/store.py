"""The store: bundles, snapshots and run records as git objects behind refs/bt/store.

Reading proves the ids of what it returns, `verify` every byte of a bundle. Where things lie is
`store_layout.py`, how a write becomes visible `publish.py`, the search of the whole for damage
`fsck.py`. Nothing is ever taken out. Results on commits (`notes.py`) are written with what they
name, in the same transaction; no other ref moves.
"""

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from git_bt import notes as results
from git_bt.errors import CannotWork, Corrupt, Usage
from git_bt.model import REGULAR, Bundle, Captured, Members, NoteLine, Oid, RunRecord, Source
from git_bt.object_writer import Draft, Writer
from git_bt.objects import FOLDER, Blob, Objects, TreeEntry
from git_bt.publish import (
    GIT_PATIENCE_S,
    PATIENCE_S,
    TEMPORARY,
    announce,
    drop,
    lock,
    read_refs,
    swap,
    sweep,
    temporary_ref,
)
from git_bt.records import DIGEST
from git_bt.repo import Repo
from git_bt.store_layout import (
    MANIFEST,
    REF,
    SNAPSHOT,
    TOP,
    File,
    commit_message,
    digest_at,
    files_of_bundle,
    files_of_run,
    files_of_snapshot,
    place,
    proved_manifest,
    proved_run,
    proved_snapshot,
    read_member,
    stored_members,
    unknown,
)

Notes = Mapping[str, Sequence[NoteLine]]
"""Full id of a commit to its results."""

MIN_PREFIX = 4
_SHOWN = 6
_CACHED_TREES = 2048
_ATTEMPTS = 5  # beside a gc without end, one write of seven was lost


class _Lost(Corrupt):
    """What git said it wrote is not there.

    A `git gc` at the same time removes an empty folder of objects just before git's batched fsync
    moves one into it, and git's writer ends with 0 all the same (git 2.39). Writing again helps.
    """


class Store:
    """The store of one repository.

    What is read is the store as it was when first looked at, and again when an id is not found;
    lists and writes always look anew.

    Args:
        repo: the repository.
        objects: its objects; open as long as bundles of this store are read.
        patience_s: how long a write waits for other writers, in seconds.
        ref: where to read, when it is another store than our own; it is never written to.
    """

    def __init__(
        self, repo: Repo, objects: Objects, *, patience_s: float = PATIENCE_S, ref: str = REF
    ) -> None:
        self.repo = repo
        self.objects = objects
        self.patience_s = patience_s
        self.ref = ref
        self._looked = False
        self._tip: Oid | None = None
        self._root: Oid | None = None
        self._trees: dict[Oid, dict[str, TreeEntry]] = {}

    # -- reading ----------------------------------------------------------------------------------

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
            inputs = self.bundle(bundle).manifest.inputs
        top = self._at(place("inputs", inputs))
        environments = {} if top is None else self._tree(top)
        digests = [name for entry in environments.values() for name in self._tree(entry)]
        found = self._read_runs((digest, self._entry("runs", digest)) for digest in digests)
        return [(digest, run) for digest, run in found if bundle in (None, run.bundle)]

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
            raise Corrupt(f"object {entry.oid} stands in the place of a folder", hint="git bt fsck")
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

    def _each(self, kind: str) -> Iterator[tuple[str, TreeEntry]]:
        """Yield every id of a kind in order, and what stands there."""
        top = self._at(f"{TOP}/{kind}")
        for one, first in sorted(({} if top is None else self._tree(top)).items()):
            for two, second in sorted(self._tree(first).items()):
                for name, entry in sorted(self._tree(second).items()):
                    digest = digest_at(kind, one, two, name)
                    if digest is None:
                        stray = f"{TOP}/{kind}/{one}/{two}/{name}"
                        raise Corrupt(f"{stray!r} is no name of the store", hint="git bt fsck")
                    yield digest, entry

    def _beginning(self, kind: str, prefix: str) -> Iterator[str]:
        one, two = prefix[:2], prefix[2:4]
        entry = self._at(f"{TOP}/{kind}/{one}/{two}")
        for name in () if entry is None else self._tree(entry):
            digest = digest_at(kind, one, two, name)
            if digest is not None and digest.startswith(prefix):
                yield digest

    # -- writing ----------------------------------------------------------------------------------

    def save(
        self,
        *,
        bundles: Sequence[Bundle] = (),
        captured: Sequence[Captured] = (),
        runs: Sequence[RunRecord] = (),
        notes: Notes = MappingProxyType({}),
    ) -> None:
        """Add to the store and to the notes, all or nothing; what is there is not written again.

        Members without content are not stored. When this returns, everything is on the disk and
        was read back.

        Args:
            bundles: with the bytes that are to be kept.
            captured: snapshots.
            runs: run records.
            notes: results by the full id of the commit they are tied to.

        Raises:
            Corrupt: bytes are not what their digest says, or an object that git has already under
                the name of one of ours is broken.
            Locked: another writer, or a lock of git that stays.
            CannotWork: read-only, disk full, or git refused.
        """
        wanted = [file for bundle in bundles for file in files_of_bundle(bundle)]
        wanted += [file for each in captured for file in files_of_snapshot(each)]
        wanted += [file for run in runs for file in files_of_run(run)]
        self.refresh()
        if not self._missing(wanted) and not self._unnoted(notes):
            return
        message = commit_message(bundles, captured, runs)
        held: dict[str, Oid] = {}
        for attempt in range(_ATTEMPTS):
            try:
                self._write(wanted, notes, message, held)
                return
            except _Lost:
                if attempt == _ATTEMPTS - 1:
                    raise
            finally:
                if held:  # not announced: forget that it was looked at
                    self._looked = False
                    drop(self.repo, held)
                    held.clear()

    def _missing(self, wanted: Iterable[File]) -> list[File]:
        return [file for file in wanted if self._at(file.path) is None]

    def _unnoted(self, notes: Notes) -> bool:
        if not notes:
            return False
        tip = read_refs(self.repo, results.REF).get(results.REF)
        return bool(results.additions(self.objects, tip, notes))

    def _write(self, wanted: list[File], notes: Notes, message: str, held: dict[str, Oid]) -> None:
        """Feed the bytes before the lock is taken, then commit and announce with it held.

        Whoever moves a ref without our lock (a fetch, another host) makes us commit again.
        """
        written: dict[str, TreeEntry] = {}
        while True:
            with Writer(self.repo, temporary_ref()) as writer:
                self._feed(writer, self._missing(wanted), written)
                with lock(self.repo, self.patience_s):
                    refs = read_refs(self.repo, REF, results.REF, TEMPORARY)
                    self._show(refs.pop(REF, None))
                    noted = refs.pop(results.REF, None)
                    missing = self._missing(wanted)
                    self._feed(writer, missing, written)
                    files = {file.path: written[file.path] for file in missing}
                    changed = results.additions(self.objects, noted, notes) if notes else {}
                    drafts = {
                        REF: self._draft(files, self._tip, message),
                        results.REF: self._draft(
                            _fed(writer, changed), noted, results.commit_message(_count(notes))
                        ),
                    }
                    drafts = {ref: draft for ref, draft in drafts.items() if draft.files}
                    if not drafts:
                        return
                    if self._announce(writer, drafts, held):
                        sweep(self.repo, refs)
                        return

    def _draft(
        self, files: Mapping[str, TreeEntry | None], parent: Oid | None, message: str
    ) -> Draft:
        return Draft(
            ref=temporary_ref(),
            files=files,
            parents=() if parent is None else (parent,),
            message=message,
            when_s=int(time.time()),
        )

    def _feed(self, writer: Writer, files: Iterable[File], written: dict[str, TreeEntry]) -> None:
        for file in files:
            if file.path in written:
                continue
            data = read_member(file.source, file.member, file.what)
            if isinstance(file.source, Blob) and self._is_ours(file.source):
                oid = file.source.oid
            else:
                oid = writer.blob(data)
            written[file.path] = TreeEntry(file.member.mode, oid)

    def _is_ours(self, blob: Blob) -> bool:
        return blob.objects.repo.common_dir == self.repo.common_dir

    def _announce(self, writer: Writer, drafts: Mapping[str, Draft], held: dict[str, Oid]) -> bool:
        """Commit and move the refs; return False when one was moved by somebody else."""
        commits = writer.commits(*drafts.values())
        held |= {draft.ref: new for draft, new in zip(drafts.values(), commits, strict=True)}
        new = dict(zip(drafts, commits, strict=True))
        try:
            self._read_back(drafts, new)
        except Corrupt as e:
            raise _Lost(e.message, hint=e.hint) from e
        patience_s = min(self.patience_s, GIT_PATIENCE_S)
        # The store comes first: a result is seen only together with what it names.
        updates = {
            ref: (new[ref], draft.parents[0] if draft.parents else None)
            for ref, draft in drafts.items()
        }
        if not swap(self.repo, updates, dropped=held, patience_s=patience_s):
            return False
        if REF in new:
            announce(self.repo, new[REF])
        held.clear()
        return True

    def _read_back(self, drafts: Mapping[str, Draft], new: Mapping[str, Oid]) -> None:
        """Read what was written: git keeps a broken object that has the name of a new one."""
        if REF in new:
            self._show(new[REF])
            for path, entry in drafts[REF].files.items():
                if entry is None or self._at(path) != entry:
                    raise CannotWork(f"git did not write {path}")
                self.objects.blob(entry.oid)
        if results.REF in new:
            there = results.Notes(self.objects, new[results.REF])
            for path, entry in drafts[results.REF].files.items():
                if there.at(path) != entry:
                    raise CannotWork(f"git did not write {path} of {results.REF}")
                if entry is not None and entry.mode != FOLDER:
                    self.objects.blob(entry.oid)


def _fed(writer: Writer, changes: Mapping[str, results.Change]) -> dict[str, TreeEntry | None]:
    """Write the bytes of changes, and return what is to stand at each path."""
    return {
        path: TreeEntry(REGULAR, writer.blob(new)) if isinstance(new, bytes) else new
        for path, new in changes.items()
    }


def _count(notes: Notes) -> int:
    return sum(len(lines) for lines in notes.values())


def _slashes(path: str) -> list[int]:
    return [at for at, letter in enumerate(path) if letter == "/"]


def _distinct(digests: Sequence[str]) -> list[str]:
    """Shorten sorted ids to 12 digits, or as many more as tell them apart."""
    length = 12
    while length < 64 and len({digest[:length] for digest in digests}) < len(digests):
        length += 1
    return [digest[:length] for digest in digests]
