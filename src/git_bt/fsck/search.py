"""The search of the store: every object, every id, every promise of the layout.

Everything that a ref reaches is read once and hashed, old commits and trees included, and the
search goes on after each find.

Two things tell of what cannot be found any more: each commit names in its message what it added,
and `bt/tip` in the common git directory is the last commit that was announced here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from git_bt.canonical import sha256
from git_bt.errors import BtError, Corrupt
from git_bt.model import REGULAR, Manifest, Member, Members, Oid, RunRecord
from git_bt.objects import FOLDER, Commit, Objects, TreeEntry, blob_oid
from git_bt.publish import memory
from git_bt.repo import Repo
from git_bt.reports import FsckReport, Problem
from git_bt.store_layout import (
    MANIFEST,
    REF,
    SNAPSHOT,
    SWEEP,
    TOP,
    digest_at,
    place,
    proved_manifest,
    proved_part,
    proved_run,
    proved_snapshot,
    stored_members,
)

KINDS = ("bundles", "snapshots", "runs", "inputs", "sweeps")
_MOST_FOLDERS = 100_000
_SUBMODULE = "160000"  # a commit of another repository: not ours to have


def meant(repo: Repo) -> str:
    """Return how to say that a store was taken back or removed on purpose."""
    return f" (if that was meant: rm {memory(repo)})"


@dataclass(slots=True)
class _Broken:
    """A broken object, and the bundles that need it."""

    message: str
    bundles: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Search:
    """What was seen so far; every object is read once."""

    repo: Repo
    objects: Objects
    trees: dict[Oid, dict[str, TreeEntry] | None] = field(default_factory=dict)
    blobs: dict[Oid, tuple[str, int] | None] = field(default_factory=dict)
    commits: dict[Oid, Commit | None] = field(default_factory=dict)
    reached: set[Oid] = field(default_factory=set)
    broken: dict[Oid, _Broken] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    bundles: set[str] = field(default_factory=set)
    snapshots: set[str] = field(default_factory=set)
    sweeps: dict[str, str | None] = field(default_factory=dict)  # to the snapshot that each names
    runs: dict[str, RunRecord | None] = field(default_factory=dict)
    inputs: set[tuple[str, str, str]] = field(default_factory=set)
    results: int = 0  # lines of notes
    remarks: list[str] = field(default_factory=list)  # what is worth knowing and no damage
    cut: dict[str, Oid] = field(default_factory=dict)  # path of a folder that cannot be read

    def report(self, kind: str, name: str, message: str, *bundles: str) -> None:
        """Take down something broken."""
        self.problems.append(Problem(kind=kind, name=name, bundles=bundles, message=message))

    def result(self) -> FsckReport:
        """Return what was looked at and what is broken; broken objects first."""
        found = [
            Problem(kind="object", name=oid, bundles=tuple(sorted(b.bundles)), message=b.message)
            for oid, b in self.broken.items()
        ]
        return FsckReport(
            bundles=len(self.bundles),
            snapshots=len(self.snapshots),
            runs=len(self.runs),
            sweeps=len(self.sweeps),
            results=self.results,
            objects=len(self.trees) + len(self.blobs) + len(self.commits),
            problems=(*found, *self.problems),
            remarks=tuple(self.remarks),
        )

    # -- objects ----------------------------------------------------------------------------------

    def tree(self, oid: Oid, *bundles: str) -> dict[str, TreeEntry]:
        """Return a tree's entries, none of one that is broken, which is noted."""
        if oid not in self.trees:
            self.trees[oid] = None
            try:
                self.trees[oid] = self.objects.tree(oid)
            except Corrupt as e:
                self.broken[oid] = _Broken(e.message)
        if oid in self.broken:
            self.broken[oid].bundles.update(bundles)
        return self.trees[oid] or {}

    def blob(self, oid: Oid, *bundles: str) -> tuple[str, int] | None:
        """Return sha256 and size of a blob, None of one that is broken, which is noted."""
        if oid not in self.blobs:
            self.blobs[oid] = None
            try:
                data = self.objects.blob(oid)
                self.blobs[oid] = (sha256(data), len(data))
            except Corrupt as e:
                self.broken[oid] = _Broken(e.message)
        if oid in self.broken:
            self.broken[oid].bundles.update(bundles)
        return self.blobs[oid]

    def document(self, entry: TreeEntry, *bundles: str) -> bytes | None:
        """Return the bytes of a small blob that is to be understood."""
        return None if self.blob(entry.oid, *bundles) is None else self.objects.blob(entry.oid)

    # -- commits ----------------------------------------------------------------------------------

    def history(self, tip: Oid, last: Oid | None) -> None:
        """Walk the store's commits from the newest, its newest tree, then what else they reach."""
        self.chain(tip)
        whole = all(commit is not None for commit in self.commits.values())
        if whole and last is not None and last not in self.commits:
            message = f"is at {tip}, and {last}, announced here, is not behind it"
            self.report("ref", REF, message + meant(self.repo))
        newest = self.commits[tip]
        if newest is not None:
            self._top(newest.tree)
        self._lost()
        self.reach(self.commits)

    def chain(self, tip: Oid) -> list[Oid]:
        """Read a commit and all behind it, as far as they are here; return those newly read."""
        found: list[Oid] = []
        shallow = self._shallow()
        left = [tip]
        while left:
            oid = left.pop()
            if oid in self.commits:
                continue
            self.commits[oid] = None
            found.append(oid)
            try:
                commit = self.commits[oid] = self.objects.commit(oid)
            except Corrupt as e:
                self.broken[oid] = _Broken(e.message)
                continue
            if oid not in shallow:
                left += commit.parents
        return found

    def _shallow(self) -> set[str]:
        """Return the commits whose parents were left out by a shallow fetch."""
        try:
            return set((self.repo.common_dir / "shallow").read_text().split())
        except (OSError, UnicodeDecodeError):
            return set()

    def reach(self, commits: Iterable[Oid]) -> None:
        """Read what else commits have: older trees, and what nothing here understands."""
        left = [found.tree for oid in commits if (found := self.commits[oid]) is not None]
        while left:
            oid = left.pop()
            if oid in self.reached:
                continue
            self.reached.add(oid)
            for entry in self.tree(oid).values():
                if entry.mode == FOLDER:
                    left.append(entry.oid)
                elif entry.mode != _SUBMODULE:
                    self.blob(entry.oid)

    def _lost(self) -> None:
        """Name the bundles that were announced and are not to be found."""
        for oid, commit in self.commits.items():
            text = "" if commit is None else commit.message
            for digest in re.findall(r"^bundle ([0-9a-f]{64})$", text, re.MULTILINE):
                if digest in self.bundles:
                    continue
                path = place("bundles", digest)
                cause = next((o for p, o in self.cut.items() if f"{path}/".startswith(p)), None)
                if cause is not None:
                    self.broken[cause].bundles.add(digest)
                else:
                    self.report("layout", path, f"is not in the store; {oid} added it", digest)

    # -- the newest tree --------------------------------------------------------------------------

    def _folder(self, path: str, oid: Oid) -> dict[str, TreeEntry]:
        """Return a tree on the way to an id; when it is broken, remember what lies behind it."""
        entries = self.tree(oid)
        if oid in self.broken:
            self.cut[path] = oid
        return entries

    def _top(self, tree: Oid) -> None:
        for top, first in self._folder("", tree).items():
            if top != TOP or first.mode != FOLDER:
                self.report("layout", top, "is not known to this git-bt")
                continue
            found = self._folder(f"{TOP}/", first.oid)
            for name in sorted(found.keys() - set(KINDS)):
                self.report("layout", f"{TOP}/{name}", "is not known to this git-bt")
            for kind in KINDS:
                if kind in found:
                    for digest, entry in self._each(kind, found[kind]):
                        _CHECKS[kind](self, digest, entry)
        self._cross_check()

    def _each(self, kind: str, top: TreeEntry) -> Iterator[tuple[str, TreeEntry]]:
        base = f"{TOP}/{kind}/"
        for one, first in self._folder(base, top.oid).items():
            for two, second in self._folder(f"{base}{one}/", first.oid).items():
                for name, entry in self._folder(f"{base}{one}/{two}/", second.oid).items():
                    digest = digest_at(kind, one, two, name)
                    if digest is None or (entry.mode == FOLDER) != (kind != "runs"):
                        self.report("layout", f"{base}{one}/{two}/{name}", "does not belong here")
                    else:
                        yield digest, entry

    def bundle(self, digest: str, entry: TreeEntry) -> None:
        """Hold what lies at a bundle's place against its manifest."""
        self.bundles.add(digest)
        files = dict(self._files(entry, digest))
        if entry.oid in self.broken:
            return
        manifest = self._manifest(files.pop(MANIFEST, None), digest)
        if manifest is not None:
            self._members(files, manifest.members, "member", place("bundles", digest), digest)

    def _manifest(self, entry: TreeEntry | None, digest: str) -> Manifest | None:
        path = f"{place('bundles', digest)}/{MANIFEST}"
        if entry is None or entry.mode != REGULAR:
            self.report("manifest", path, "is missing", digest)
            return None
        data = self.document(entry, digest)
        if data is None:
            return None
        try:
            return proved_manifest(data, digest)
        except BtError as e:
            self.report("manifest", path, e.message, digest)
            return None

    def snapshot(self, digest: str, entry: TreeEntry) -> None:
        """Hold what lies at a snapshot's place against it."""
        self.snapshots.add(digest)
        path = place("snapshots", digest)
        files = dict(self._files(entry))
        if entry.oid in self.broken:
            return
        stored = files.pop(SNAPSHOT, None)
        if stored is None or stored.mode != REGULAR:
            self.report("snapshot", path, f"{SNAPSHOT} is missing")
            return
        data = self.document(stored)
        if data is None:
            return
        try:
            members = stored_members(proved_snapshot(data, digest))
        except BtError as e:
            self.report("snapshot", path, e.message)
        else:
            self._members(files, members, "snapshot", path)

    def _files(self, folder: TreeEntry, *bundles: str) -> Iterator[tuple[str, TreeEntry]]:
        """Yield the files below a folder, as many as a store of ours could hold."""
        left = [("", folder)]
        for _ in range(_MOST_FOLDERS):  # a tree can be made to hold another many times over
            if not left:
                return
            prefix, at = left.pop()
            for name, entry in self.tree(at.oid, *bundles).items():
                if entry.mode == FOLDER:
                    left.append((f"{prefix}{name}/", entry))
                else:
                    yield prefix + name, entry
        self.report("layout", folder.oid, f"more than {_MOST_FOLDERS} folders", *bundles)

    def _members(
        self,
        files: Mapping[str, TreeEntry],
        members: Members,
        kind: str,
        place_: str,
        *bundles: str,
    ) -> None:
        for path, entry in files.items():
            message = self._member_fault(entry, members.get(path), *bundles)
            if message is not None:
                self.report(kind, f"{place_}/{path}", message, *bundles)

    def _member_fault(self, entry: TreeEntry, member: Member | None, *bundles: str) -> str | None:
        if member is None:
            return "is not in the manifest"
        if entry.mode != member.mode:
            return f"has mode {entry.mode}, not {member.mode}"
        found = self.blob(entry.oid, *bundles)
        if found not in (None, (member.sha256, member.size)):
            return "is not what the manifest says"
        return None

    def run(self, digest: str, entry: TreeEntry) -> None:
        """Prove a run record, and remember it for what names it."""
        self.runs[digest] = None
        data = self.document(entry)
        if data is None:
            return
        try:
            self.runs[digest] = proved_run(data, digest)
        except BtError as e:
            self.report("run", place("runs", digest), e.message)

    def sweep(self, digest: str, entry: TreeEntry) -> None:
        """Hold what lies at a sweep's place against its id and its runs."""
        self.sweeps[digest] = None
        path = place("sweeps", digest)
        files = dict(self._files(entry))
        if SWEEP not in files and entry.oid not in self.broken:
            self.report("sweep", path, f"{SWEEP} is missing")
        for name, stored in files.items():
            data = self.document(stored)
            try:
                sweep = None if data is None else proved_part(name, data, digest)
            except BtError as e:
                self.report("sweep", f"{path}/{name}", e.message)
            else:
                self.sweeps[digest] = sweep.snapshot if sweep else self.sweeps[digest]

    def inputs_of(self, digest: str, entry: TreeEntry) -> None:
        """Take down which runs an inputs id leads to; the files that say so are empty."""
        nothing = TreeEntry(REGULAR, blob_oid(b"", self.repo.hash_name))
        base = place("inputs", digest)
        for environment, folder in self.tree(entry.oid).items():
            if folder.mode != FOLDER:
                self.report("inputs", f"{base}/{environment}", "is no folder")
                continue
            for run, leaf in self.tree(folder.oid).items():
                self.inputs.add((digest, environment, run))
                self.blob(leaf.oid)
                if leaf != nothing:
                    self.report("inputs", f"{base}/{environment}/{run}", "is not an empty file")

    def _cross_check(self) -> None:
        """Hold run records and inputs entries against each other, sweeps against snapshots."""
        for digest, snapshot in self.sweeps.items():
            if snapshot is None or snapshot in self.snapshots:
                continue
            if self.is_cut(place("snapshots", snapshot)):
                continue
            path = f"{place('sweeps', digest)}/{SWEEP}"
            self.report("sweep", path, f"there is no snapshot {snapshot}")
        named = {run for _, _, run in self.inputs}
        for digest, environment, run in sorted(self.inputs):
            path = f"{place('inputs', digest)}/{environment}/{run}"
            record = self.runs.get(run)
            if run not in self.runs and not self.is_cut(place("runs", run)):
                self.report("inputs", path, f"there is no run record {run}")
            elif record is not None and (record.inputs, record.environment) != (
                digest,
                environment,
            ):
                self.report("inputs", path, f"run record {run} names other inputs", record.bundle)
        for run, record in self.runs.items():
            if record is None or run in named:
                continue
            path = f"{place('inputs', record.inputs)}/{record.environment}/{run}"
            if not self.is_cut(path):
                self.report("inputs", path, "is missing", record.bundle)

    def is_cut(self, path: str) -> bool:
        """Tell whether a path lies behind a folder that cannot be read."""
        return any(path.startswith(behind) for behind in self.cut)


_CHECKS = {
    "bundles": Search.bundle,
    "snapshots": Search.snapshot,
    "runs": Search.run,
    "inputs": Search.inputs_of,
    "sweeps": Search.sweep,
}
