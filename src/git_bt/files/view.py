"""What a view of files is, and what all of them share: links, LFS pointers, memory.

Which files there are, and how bytes that are on disk are read, each view says for itself:
`views.py` for a repository's, `folder.py` for a plain folder.
"""

import os
import posixpath
import re
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from git_bt.canonical import sha256
from git_bt.errors import CannotWork, Usage
from git_bt.files.digests import Digests
from git_bt.model import EXECUTABLE, REGULAR, Data, Member, Notice, Oid, OnDisk, Source

LINK, SUBMODULE = "120000", "160000"
LEAVES = "leads outside"
NOWHERE = "leads nowhere"
_MAX_LINKS = 40
_IN_MEMORY = 1 << 20
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n"
    rb"(?:ext-[0-9]-[a-z0-9.-]+ sha256:[0-9a-f]{64}\n)*"
    rb"oid sha256:([0-9a-f]{64})\nsize (0|[1-9][0-9]{0,18})\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file of a view, its bytes not yet read.

    `real` is where it lies once links are followed; `oid` is the blob's id where the bytes are in
    git as they stand. `fault` says why a link cannot be followed (LEAVES, NOWHERE).
    """

    path: str
    real: str
    mode: str
    oid: Oid | None = None
    link: bool = False
    fault: str | None = None


class Files(Protocol):
    """A view of files by path from its root; POSIX, UTF-8.

    `top` is the directory on disk that the paths stand for, None where there is none;
    `in_git` says whether it is a repository's, `on_disk` whether it is what lies on disk now (the
    work tree, a folder) and not a commit or the index. `notices` grows as files are listed and
    read.
    """

    top: Path | None
    in_git: bool
    on_disk: bool
    digests: Digests
    notices: list[Notice]
    stamps: "dict[str, Stamp]"  # of what was read from disk, before it was read

    def paths(self, folder: str = "") -> tuple[str, ...]:
        """Return every file and link below a folder, sorted. Links to folders are left out."""
        ...

    def find(self, path: str) -> Entry | None:
        """Return the file of this name, ignored ones included; None when there is none."""
        ...

    def is_folder(self, path: str) -> bool:
        """Tell whether a path is a folder, the root ("" or ".") included."""
        ...

    def follow(self, path: str) -> str | None:
        """Return where a path leads once links are followed, None when they cannot be."""
        ...

    def is_tracked(self, path: str) -> bool:
        """Tell whether git has a file of this name, or any file below it."""
        ...

    def load(self, paths: Iterable[str]) -> None:
        """Read several files at once; what follows about them then starts no process."""
        ...

    def member(self, path: str) -> Member:
        """Return digest, size and mode of a file.

        Raises:
            Usage: no such file, a link that cannot be followed, or a merge conflict.
            CannotWork: it cannot be read.
        """
        ...

    def source(self, path: str) -> Source | None:
        """Return the bytes of a file, None for an LFS object that is not here; raises as member."""
        ...


class Stamp(NamedTuple):
    """What changes when a file on disk is written to."""

    mtime_ns: int
    ctime_ns: int
    size: int


def stamp_of(place: Path) -> Stamp:
    """Return the stamp of a file; raises OSError."""
    found = place.stat()
    return Stamp(found.st_mtime_ns, found.st_ctime_ns, found.st_size)


@dataclass(frozen=True, slots=True)
class Raw:
    """One line of a listing; `oid` None: the bytes are on disk, or in conflict."""

    mode: str
    oid: Oid | None = None
    conflict: bool = False


def raw_on_disk(place: Path) -> Raw | None:
    """Return the line of a file on disk, None where there is no file and no link."""
    try:
        mode = os.lstat(place).st_mode
    except (OSError, ValueError):
        return None
    if stat.S_ISLNK(mode):
        return Raw(LINK)
    if not stat.S_ISREG(mode):
        return None
    return Raw(EXECUTABLE if mode & stat.S_IXUSR else REGULAR)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file that was read; the bytes may be elsewhere, or not here."""

    member: Member
    source: Source | None


class View:
    """Links, LFS pointers and memory, over what a view lists and how it reads bytes on disk."""

    def __init__(
        self, top: Path | None, *, in_git: bool, digests: Digests, on_disk: bool = False
    ) -> None:
        self.top = top
        self.in_git = in_git
        self.on_disk = on_disk
        self.digests = digests
        self.notices: list[Notice] = []
        self.stamps: dict[str, Stamp] = {}
        self._loaded: dict[str, Loaded] = {}

    # what each view says for itself

    def _raw(self, path: str) -> Raw | None:
        raise NotImplementedError

    def _has_folder(self, path: str) -> bool:
        raise NotImplementedError

    def _below(self, folder: str) -> Iterable[str]:
        raise NotImplementedError

    def _link_text(self, path: str, raw: Raw) -> str:
        raise NotImplementedError

    def _load(self, wanted: dict[str, Raw]) -> None:
        raise NotImplementedError

    def is_tracked(self, path: str) -> bool:
        """Tell whether git has a file of this name, or any below it."""
        return False

    # what follows from it

    def paths(self, folder: str = "") -> tuple[str, ...]:
        """Return every file and link below a folder, sorted."""
        real, fault = self._follow(folder)
        if fault:
            return ()
        asked = "/".join(part for part in folder.split("/") if part not in ("", "."))
        prefix, cut = f"{asked}/" if asked else "", len(real) + 1 if real else 0
        listed = (prefix + path[cut:] for path in self._below(real))
        return tuple(path for path in listed if not self._leads_to_folder(path))

    def find(self, path: str) -> Entry | None:
        """Return the file of this name, None when there is none."""
        if not is_utf8(path):
            raise Usage(f"the path {path!r} is not UTF-8", hint="rename it")
        real, fault = self._follow(path)
        if fault:
            return Entry(path=path, real=real, mode=REGULAR, link=True, fault=fault)
        raw = self._raw(real)
        link = real != posixpath.normpath(path)
        if raw is not None and raw.mode in (REGULAR, EXECUTABLE):
            return Entry(path=path, real=real, mode=raw.mode, oid=raw.oid, link=link)
        if link and self._link_at(path) and not self._has_folder(real):
            return Entry(path=path, real=real, mode=REGULAR, link=True, fault=NOWHERE)
        return None

    def is_folder(self, path: str) -> bool:
        """Tell whether a path is a folder."""
        real, fault = self._follow(path)
        return not fault and (not real or self._has_folder(real))

    def follow(self, path: str) -> str | None:
        """Return where a path leads, None when it cannot be followed."""
        real, fault = self._follow(path)
        return None if fault else real

    def load(self, paths: Iterable[str]) -> None:
        """Read several files at once."""
        wanted: dict[str, Raw] = {}
        for path in paths:
            entry = self._get(path)
            raw = self._raw(entry.real)
            if entry.real not in self._loaded and raw is not None:
                if raw.conflict:
                    raise Usage(f"{path} is in conflict", hint=f"resolve it, then git add {path}")
                wanted[entry.real] = raw
        if wanted:
            self._load(wanted)

    def member(self, path: str) -> Member:
        """Return digest, size and mode of a file."""
        return self._one(path).member

    def source(self, path: str) -> Source | None:
        """Return the bytes of a file."""
        return self._one(path).source

    def _one(self, path: str) -> Loaded:
        entry = self._get(path)
        if entry.real not in self._loaded:
            self.load((path,))
        return self._loaded[entry.real]

    def _get(self, path: str) -> Entry:
        entry = self.find(path)
        if entry is None:
            raise Usage(f"no such file: {path}")
        if entry.fault:
            raise Usage(f"the link {path} {entry.fault}", hint="put the file itself there")
        return entry

    def _follow(self, path: str) -> tuple[str, str | None]:
        """Return where a path leads once links are followed, and why it cannot be followed."""
        todo, done, links = path.split("/")[::-1], list[str](), 0
        while todo:
            part = todo.pop()
            if part in ("", "."):
                continue
            if part == "..":
                if not done:
                    return path, LEAVES
                done.pop()
                continue
            here = "/".join([*done, part])
            raw = self._raw(here)
            if raw is None or raw.mode != LINK:
                done.append(part)
                continue
            text = self._link_text(here, raw)
            links += 1
            if text.startswith("/"):
                return path, LEAVES
            if links > _MAX_LINKS:
                return path, NOWHERE
            todo += text.split("/")[::-1]
        return "/".join(done), None

    def _link_at(self, path: str) -> bool:
        raw = self._raw(path)
        return raw is not None and raw.mode == LINK

    def _leads_to_folder(self, path: str) -> bool:
        return self._link_at(path) and self.is_folder(path)

    def _keep(self, path: str, mode: str, data: bytes, source: Source) -> None:
        """Remember a file whose bytes were read; a pointer counts as the object it names."""
        pointer = _POINTER.fullmatch(data) if len(data) < 1024 else None
        if pointer is None:
            member = Member(sha256=sha256(data), size=len(data), mode=mode)
            self._loaded[path] = Loaded(member, source)
            return
        member = Member(sha256=pointer[1].decode(), size=int(pointer[2]), mode=mode)
        self._loaded[path] = Loaded(member, self._lfs_object(path, member))

    def _load_as_it_is(self, path: str, place: Path, mode: str) -> None:
        """Read a file on disk whose bytes count as they are; a large one only for its digest."""
        try:
            self.stamps[path] = stamp = stamp_of(place)
            if stamp.size <= _IN_MEMORY:
                data = place.read_bytes()
                self._keep(path, mode, data, Data(data))
                return
        except OSError as e:
            raise CannotWork(f"cannot read {place}: {e.strerror}") from e
        digest, size = self.digests.file(place)
        member = Member(sha256=digest, size=size, mode=mode)
        self._loaded[path] = Loaded(member, OnDisk(place))

    def _lfs_object(self, path: str, member: Member) -> Source | None:
        for place in self._lfs_places(path, member.sha256):
            with suppress(OSError, CannotWork):
                same_size = place.stat().st_size == member.size
                if same_size and self.digests.file(place)[0] == member.sha256:
                    return OnDisk(place)
        return None

    def _lfs_places(self, path: str, digest: str) -> list[Path]:
        return []


def is_utf8(path: str) -> bool:
    """Tell whether a path from the file system or git is valid UTF-8."""
    return not any(0xD800 <= ord(c) <= 0xDFFF for c in path)
