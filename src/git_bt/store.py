"""The store: bundles, snapshots and run records as git objects behind refs/bt/store.

Reading is `store_reading.py`; here is how it grows. Where things lie is `store_layout.py`, how a
write becomes visible `publish.py`. Nothing is ever taken out. Results on commits (`notes.py`) are
written with what they name, in the same transaction; no other ref moves.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from git_bt import notes as results
from git_bt.errors import Corrupt
from git_bt.model import REGULAR, Bundle, Captured, CodeLine, NoteLine, Oid, RunRecord
from git_bt.object_writer import Draft, Vanished, Writer, until_it_stays
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
from git_bt.repo import Repo
from git_bt.store_layout import (
    REF,
    File,
    commit_message,
    files_of_bundle,
    files_of_run,
    files_of_snapshot,
    files_of_sweep,
    read_member,
)
from git_bt.store_reading import StoreReader
from git_bt.sweep_records import Swept

Notes = Mapping[str, Sequence[NoteLine | CodeLine]]
"""Full id of a commit to its results."""


class Store(StoreReader):
    """The store of one repository; a write always looks anew.

    Args:
        repo: the repository.
        objects: its objects; open as long as bundles of this store are read.
        patience_s: how long a write waits for other writers, in seconds.
        ref: where to read, when it is another store than our own; it is never written to.
    """

    def __init__(
        self, repo: Repo, objects: Objects, *, patience_s: float = PATIENCE_S, ref: str = REF
    ) -> None:
        super().__init__(repo, objects, ref)
        self.patience_s = patience_s

    def save(
        self,
        *,
        bundles: Sequence[Bundle] = (),
        captured: Sequence[Captured] = (),
        runs: Sequence[RunRecord] = (),
        sweeps: Sequence[Swept] = (),
        notes: Notes = MappingProxyType({}),
    ) -> None:
        """Add to the store and to the notes, all or nothing; what is there is not written again.

        Members without content are not stored. When this returns, everything is on the disk and
        was read back.

        Args:
            bundles: with the bytes that are to be kept.
            captured: snapshots.
            runs: run records.
            sweeps: with the runs that are not there yet.
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
        wanted += [file for swept in sweeps for file in files_of_sweep(swept)]
        if not self._adds(wanted, notes):  # by what was looked at last; a write looks anew
            self.refresh()
            if not self._adds(wanted, notes):
                return
        message = commit_message(bundles, captured, runs, sweeps)

        def write() -> None:
            held: dict[str, Oid] = {}
            try:
                self._write(wanted, notes, message, held)
            finally:
                if held:  # not announced: forget that it was looked at
                    self._looked = False
                    drop(self.repo, held)

        until_it_stays(write)

    def _missing(self, wanted: Iterable[File]) -> list[File]:
        return [file for file in wanted if self._at(file.path) is None]

    def _adds(self, wanted: Iterable[File], notes: Notes) -> bool:
        return bool(self._missing(wanted)) or self._unnoted(notes)

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
            raise Vanished(e.message, hint=e.hint) from e
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
                    raise Vanished(f"git did not write {path}")
                self.objects.blob(entry.oid)
        if results.REF in new:
            there = results.Notes(self.objects, new[results.REF])
            for path, entry in drafts[results.REF].files.items():
                if there.at(path) != entry:
                    raise Vanished(f"git did not write {path} of {results.REF}")
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
