"""The views of a repository: a commit, the index, the work tree.

Each is listed by one git process. What is in git as it stands is read as a blob and hashed again;
what is on disk goes through `conversions.py`.
"""

import os
from bisect import bisect_left
from collections.abc import Iterable
from functools import cached_property
from itertools import takewhile
from pathlib import Path

from git_bt.errors import CannotWork, Usage
from git_bt.files.conversions import conversions
from git_bt.files.digests import Digests
from git_bt.files.view import LINK, SUBMODULE, Loaded, Raw, View, raw_on_disk
from git_bt.model import EXECUTABLE, REGULAR, Data, Member, Notice, Oid
from git_bt.objects import Blob, Objects, blob_oid
from git_bt.repo import Repo


class _Listed(View):
    """A view whose files git lists."""

    def __init__(self, repo: Repo, objects: Objects) -> None:
        super().__init__(repo.top, in_git=True, digests=Digests(repo.cache_dir / "digests.json"))
        self.repo = repo
        self.objects = objects

    @cached_property
    def _listing(self) -> dict[str, Raw]:
        found = {}
        for name, raw in self._list():
            try:
                found[name.decode()] = raw
            except UnicodeDecodeError:
                self.notices.append(
                    Notice(kind="path_not_utf8", message=f"left out: {name!r} is not UTF-8")
                )
        return found

    def _list(self) -> Iterable[tuple[bytes, Raw]]:
        raise NotImplementedError

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(p for p, raw in self._listing.items() if raw.mode != SUBMODULE)

    @cached_property
    def _folders(self) -> frozenset[str]:
        folders: set[str] = set()
        for path in self._sorted:
            while (path := path.rpartition("/")[0]) and path not in folders:
                folders.add(path)
        return frozenset(folders)

    def _raw(self, path: str) -> Raw | None:
        return self._listing.get(path)

    def _has_folder(self, path: str) -> bool:
        return path in self._folders

    def _below(self, folder: str) -> Iterable[str]:
        if not folder:
            return self._sorted
        prefix = folder + "/"
        start = bisect_left(self._sorted, prefix)
        return takewhile(lambda path: path.startswith(prefix), self._sorted[start:])

    def is_tracked(self, path: str) -> bool:
        real, fault = self._follow(path)
        listed = (p for p in (real, *self._below(real)) if p in self._listing)
        return not fault and any(self._is_tracked(p) for p in listed)

    def _is_tracked(self, path: str) -> bool:
        return True

    def _link_text(self, path: str, raw: Raw) -> str:
        if raw.oid is None:
            raise Usage(f"{path} is in conflict", hint=f"resolve it, then git add {path}")
        return os.fsdecode(self.objects.blob(raw.oid))

    def _load(self, wanted: dict[str, Raw]) -> None:
        unknown: list[tuple[str, Raw, Blob]] = []
        for path, raw in wanted.items():
            if raw.oid is None:
                continue
            blob = Blob(raw.oid, self.objects)
            known = self.digests.blob(raw.oid)
            if known is None:
                unknown.append((path, raw, blob))
            else:
                member = Member(sha256=known[0], size=known[1], mode=raw.mode)
                self._loaded[path] = Loaded(member, blob)
        read = self.objects.read_many(blob.oid for _, _, blob in unknown)
        for (path, raw, blob), (_, data) in zip(unknown, read, strict=True):
            self._keep(path, raw.mode, data, blob)
            kept = self._loaded[path]
            if kept.source is blob:  # a pointer's size is not its own
                self.digests.remember_blob(blob.oid, kept.member.sha256, kept.member.size)

    def _lfs_places(self, path: str, digest: str) -> list[Path]:
        storage = self.repo.config("lfs.storage")
        place = self.repo.common_dir / (storage or "lfs") / "objects"
        places = [place / digest[:2] / digest[2:4] / digest]
        return [*places, self.top / path] if self.top is not None else places


class Commit(_Listed):
    """The files of a commit."""

    def __init__(self, repo: Repo, objects: Objects, oid: Oid) -> None:
        super().__init__(repo, objects)
        self.oid = oid

    def _list(self) -> Iterable[tuple[bytes, Raw]]:
        listed = self.repo.git("ls-tree", "-r", "-z", "--full-tree", self.oid).out
        for line in listed.split(b"\0")[:-1]:
            head, _, name = line.partition(b"\t")
            mode, _, oid = head.decode().split(" ")
            yield name, Raw(_plain(mode), Oid(oid))


class Index(_Listed):
    """The files of the index; what `git add -N` only announced is not there."""

    def _list(self) -> Iterable[tuple[bytes, Raw]]:
        listed = self.repo.git("ls-files", "-s", "-z", keep_index=True).out
        empty = blob_oid(b"", self.repo.hash_name)
        lines = [_index_line(line) for line in listed.split(b"\0")[:-1]]
        coming = self._intended() if any(raw.oid == empty for _, raw in lines) else frozenset()
        return [(name, raw) for name, raw in lines if name not in coming]

    def _intended(self) -> frozenset[bytes]:
        """Return what `git add -N` announced: in the index by name, without content."""
        place = os.environ.get("GIT_INDEX_FILE") or str(self.repo.git_dir / "index")
        try:
            with (self.repo.cwd / place).open("rb") as file:
                version = file.read(8)[4:]
        except OSError:
            return frozenset()
        if version == b"\0\0\0\2":  # the oldest version, which is git's default, cannot say so
            return frozenset()
        out = self.repo.git(
            "diff-files", "-z", "--name-only", "--diff-filter=A", "--no-ext-diff", keep_index=True
        ).out
        return frozenset(out.split(b"\0")[:-1])


class WorkTree(_Listed):
    """The files of the work tree: clean ones are the index's blobs."""

    def __init__(self, repo: Repo, objects: Objects, top: Path) -> None:
        super().__init__(repo, objects)
        self.on_disk = True
        self._place = top
        self._tracked: dict[str, str] = {}  # path to the index's mode

    def _list(self) -> Iterable[tuple[bytes, Raw]]:
        """List with one process: H and S are the index, C changed, R gone, M conflict, ? new."""
        out = self.repo.git(
            "ls-files", "-t", "-s", "-c", "-m", "-d", "-o", "--exclude-standard", "-z"
        ).out
        found: dict[bytes, Raw | None] = {}
        for line in out.split(b"\0")[:-1]:
            tag, rest = line[:1], line[2:]
            name, raw = (rest, _NEW) if tag == b"?" else _index_line(rest)
            if tag != b"?":
                self._tracked[os.fsdecode(name)] = raw.mode
            if name.endswith(b"/"):
                found[name[:-1]] = Raw(SUBMODULE)  # somebody else's repository
            elif tag in b"HS" or raw.mode == SUBMODULE:
                found[name] = raw
            else:
                found[name] = self._on_disk(os.fsdecode(name))
        return [(name, raw) for name, raw in found.items() if raw is not None]

    def _on_disk(self, path: str) -> Raw | None:
        found = raw_on_disk(self._place / path)
        if found is None or found.mode == LINK or self._trusts_modes:
            return found
        known = self._tracked.get(path)
        return Raw(EXECUTABLE if known == EXECUTABLE else REGULAR)

    @cached_property
    def _trusts_modes(self) -> bool:
        value = self.repo.config("core.fileMode")
        return value is None or value.lower() not in ("false", "no", "off", "0")

    def _is_tracked(self, path: str) -> bool:
        return path in self._tracked

    def _raw(self, path: str) -> Raw | None:
        """Look in the listing, then on disk: an ignored file counts when it is named."""
        raw = self._listing.get(path)
        if raw is None and path not in self._folders and not self._is_foreign(path):
            raw = self._on_disk(path)
        return raw

    def _is_foreign(self, path: str) -> bool:
        """Tell whether a path lies in a git directory, or in somebody else's repository."""
        parts = path.split("/")
        above = ("/".join(parts[:n]) for n in range(1, len(parts)))
        return ".git" in parts or any(
            raw is not None and raw.mode == SUBMODULE for raw in map(self._listing.get, above)
        )

    def _link_text(self, path: str, raw: Raw) -> str:
        if raw.oid is not None:
            return super()._link_text(path, raw)
        try:
            return str((self._place / path).readlink())
        except OSError as e:
            raise CannotWork(f"cannot read {path}: {e.strerror}") from e

    def _load(self, wanted: dict[str, Raw]) -> None:
        super()._load({path: raw for path, raw in wanted.items() if raw.oid is not None})
        new = {path: raw.mode for path, raw in wanted.items() if raw.oid is None}
        found = conversions(self.repo, self._place, new)
        for path, mode in new.items():
            if path not in found:
                self._load_as_it_is(path, self._place / path, mode)
                continue
            data, driver = found[path].data, found[path].driver
            self._keep(path, mode, data, Data(data))
            if driver is not None:
                message = f"{path}: the filter {driver!r} stores other bytes than ran"
                self.notices.append(Notice(kind="filtered", message=message, path=path))


_NEW = Raw(REGULAR)


def _index_line(line: bytes) -> tuple[bytes, Raw]:
    head, _, name = line.partition(b"\t")
    mode, oid, stage = head.decode().split(" ")
    if stage != "0":
        return name, Raw(_plain(mode), conflict=True)
    return name, Raw(_plain(mode), Oid(oid))


def _plain(mode: str) -> str:
    """Return one of git's modes of today; old trees hold 100664 and others."""
    return REGULAR if mode.startswith("100") and mode != EXECUTABLE else mode
