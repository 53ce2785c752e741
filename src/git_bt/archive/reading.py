"""Reading a tar archive in one pass, strictly.

POSIX ustar, pax and GNU headers are understood. Refused are links, devices, sparse files, unsafe or
colliding paths, headers that contradict each other, a missing end, and anything after it. What is
too large for memory goes to numbered files in one folder, so no name in an archive ever names a
file here.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from git_bt.archive.entries import BLOCK, CHUNK, Entry
from git_bt.archive.stream import (
    ALLOW_MEMBERS,
    ALLOW_SIZE,
    Limits,
    Stream,
    open_file,
    open_stream,
    refuse_others,
)
from git_bt.errors import CannotWork, Corrupt
from git_bt.model import EXECUTABLE, REGULAR, Data, Member, OnDisk, Source
from git_bt.paths import check_path, check_paths, fold

IN_MEMORY = 1 << 16
ALL_IN_MEMORY = 1 << 24
MAX_EXTENDED = 1 << 20

_ZERO = bytes(BLOCK)
_KINDS: Mapping[bytes, str] = {
    b"1": "a hard link", b"2": "a symbolic link", b"3": "a character device",
    b"4": "a block device", b"6": "a FIFO", b"K": "a link", b"S": "a sparse file",
}  # fmt: skip


def open_archive(path: Path, work: Path, limits: Limits | None = None) -> dict[str, Entry]:
    """Read a tar archive, plain or gzip-compressed; its files by path, in the archive's order.

    Args:
        path: the archive.
        work: an empty folder for what is too large to hold in memory; the entries stay valid as
            long as it does. Nothing is written elsewhere.
        limits: how much it may hold.

    Raises:
        Usage: no such file, or no regular file.
        Corrupt: not a tar archive, cut, changed, unsafe, or larger than the limits.
        Incomplete: a git-LFS pointer stands in the archive's place.
        CannotWork: it cannot be read, or `work` cannot be written.
    """
    limits = limits or Limits()
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(64)
        file.seek(0)
        try:
            refuse_others(head, size, str(path))
            stream = open_stream(file, head, size, limits)
            return _Reading(stream=stream, work=work, limits=limits).run()
        except Corrupt as e:
            raise Corrupt(f"{path}: {e.message}", hint=e.hint) from e
        except OSError as e:
            raise CannotWork(f"{path}: cannot be unpacked: {e.strerror or e}") from e


@dataclass(slots=True)
class _Extended:
    """What headers of type x and L say about the member that follows them."""

    path: str | None = None
    size: int | None = None
    seen: set[bytes] = field(default_factory=set)


@dataclass(slots=True, kw_only=True)
class _Reading:
    """One pass over an archive."""

    stream: Stream
    work: Path
    limits: Limits
    found: dict[str, Entry] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)
    extended: _Extended = field(default_factory=_Extended)
    headers: int = 0
    names: int = 0
    total: int = 0
    in_memory: int = 0

    def run(self) -> dict[str, Entry]:
        """Read to the end and return the files by path."""
        while (block := self.stream.block()) != _ZERO:
            if len(block) < BLOCK and not self.headers:
                raise Corrupt("not a tar archive")
            if len(block) < BLOCK:
                raise Corrupt(f"cut: no end of archive after {self.stream.offset} bytes")
            self._header(block)
        if self.extended.seen:
            raise Corrupt("an extended header at the end belongs to no member")
        self._end()
        check_paths(self.found)
        for path in self.found:
            if fold(path) in self.folders:
                raise Corrupt(f"path {path!r} is a file and a folder")
        return self.found

    def _end(self) -> None:
        second = self.stream.block()
        if len(second) < BLOCK:
            raise Corrupt("cut: one of the two zero blocks at the end is missing")
        if second != _ZERO:
            raise Corrupt("a lone zero block stands between members")
        while data := self.stream.read(CHUNK):
            if data.count(0) != len(data):
                raise Corrupt("other bytes follow the end of the archive")
        if self.stream.offset % BLOCK:
            raise Corrupt(f"cut: {self.stream.offset} bytes are no multiple of {BLOCK}")

    def _header(self, block: bytes) -> None:
        _check_sum(block, first=self.headers == 0)
        self.headers += 1
        if self.headers > 3 * self.limits.members + 16 or len(self.found) >= self.limits.members:
            raise Corrupt(f"more than {self.limits.members} members", hint=ALLOW_MEMBERS)
        kind = block[156:157]
        size = _number(block[124:136], "size")
        if kind in (b"x", b"g", b"L"):
            self._extend(kind, size)
            return
        path, size = self._named(block, size)
        self.names += len(path)
        if self.names > self.limits.names:
            raise Corrupt(f"names of more than {self.limits.names} bytes in all")
        if kind == b"5" or (kind == b"\0" and path.endswith("/")):
            self._folder(path, size)
        elif kind in (b"0", b"\0"):
            self._file(path, size, block)
        else:
            what = _KINDS.get(kind, f"of unknown type {kind!r:.8}")
            raise Corrupt(f"member {path!r:.200} is {what}")

    def _extend(self, kind: bytes, size: int) -> None:
        if size > MAX_EXTENDED:
            raise Corrupt(f"an extended header of {size} bytes")
        if kind != b"g" and kind in self.extended.seen:
            raise Corrupt("two extended headers for one member")
        data = b"".join(self._content(size))
        if kind == b"L":
            self._long_name(data)
        else:
            self._pax(_pax_records(data), every=kind == b"g")
        if kind != b"g":
            self.extended.seen.add(kind)

    def _long_name(self, data: bytes) -> None:
        if self.extended.path is not None:
            raise Corrupt("two long names for one member")
        self.extended.path = _text(data.rstrip(b"\0"))

    def _pax(self, records: Mapping[str, bytes], *, every: bool) -> None:
        for key, value in records.items():
            if key.startswith("GNU.sparse"):
                raise Corrupt("a sparse file")
            if key not in ("path", "size"):
                continue  # times, owners and comments are nobody's business here
            if every:
                raise Corrupt(f"a global header sets {key!r} for every member")
            if key == "path":
                if self.extended.path is not None:
                    raise Corrupt("two long names for one member")
                self.extended.path = _text(value)
            elif not value.isdigit() or len(value) > 20:
                raise Corrupt(f"an extended header with size {value!r:.40}")
            else:
                self.extended.size = int(value)

    def _named(self, block: bytes, size: int) -> tuple[str, int]:
        said, self.extended = self.extended, _Extended()
        path = _text(_raw_name(block)) if said.path is None else said.path
        if said.size is not None:
            if size not in (0, said.size):
                raise Corrupt(f"member {path!r:.200} has two sizes, {size} and {said.size}")
            size = said.size
        while path.startswith("./"):  # what `tar -c .` writes
            path = path[2:].lstrip("/") if path == "./" else path[2:]
        return path, size

    def _folder(self, path: str, size: int) -> None:
        if size:
            raise Corrupt(f"folder {path!r:.200} has a size")
        path = path.removesuffix("/")
        if path not in ("", "."):
            check_path(path)
            self.folders[fold(path)] = path

    def _file(self, path: str, size: int, block: bytes) -> None:
        check_path(path)
        if path in self.found:
            raise Corrupt(f"member {path!r:.200} stands twice")
        self.total += size
        if self.total > self.limits.total:
            raise Corrupt(
                f"member {path!r:.200} of {size} bytes is more than is allowed",
                hint=ALLOW_SIZE,
            )
        self.stream.check(size)
        mode = EXECUTABLE if _number(block[100:108], "mode") & 0o100 else REGULAR
        digest = hashlib.sha256()
        if size <= IN_MEMORY and self.in_memory + size <= ALL_IN_MEMORY:
            data = b"".join(self._content(size))
            digest.update(data)
            self.in_memory += size
            source: Source = Data(data)
        else:
            target = self.work / f"{len(self.found):06d}"
            with target.open("xb") as out:
                for chunk in self._content(size):
                    digest.update(chunk)
                    out.write(chunk)
            source = OnDisk(target)
        member = Member(sha256=digest.hexdigest(), size=size, mode=mode)
        self.found[path] = Entry(member=member, source=source)

    def _content(self, size: int) -> Iterator[bytes]:
        left = size
        while left:
            data = self.stream.read(min(left, CHUNK))
            if not data:
                raise Corrupt(f"cut: the last member lacks {left} of its {size} bytes")
            left -= len(data)
            yield data
        padding = -size % BLOCK
        while padding:
            data = self.stream.read(padding)
            if not data:
                raise Corrupt("cut: the last member's block is not full")
            padding -= len(data)


def _check_sum(block: bytes, *, first: bool) -> None:
    with suppress(Corrupt):
        said = _number(block[148:156], "checksum")
        plain = block[:148] + b" " * 8 + block[156:]
        # Some old tars add the bytes as signed ones.
        if said == sum(plain) or said == sum(plain) - 256 * sum(byte > 127 for byte in plain):
            return
    raise Corrupt("not a tar archive" if first else "a member's header is damaged (checksum)")


def _number(raw: bytes, what: str) -> int:
    if raw[0] & 0x80:  # GNU's base 256
        if raw[0] != 0x80:
            raise Corrupt(f"a header with a negative or huge {what}")
        return int.from_bytes(raw[1:], "big")
    digits = raw.split(b"\0", 1)[0].strip(b" ")
    if digits.strip(b"01234567"):
        raise Corrupt(f"a header with {what} {digits!r:.40}")
    return int(digits or b"0", 8)


def _raw_name(block: bytes) -> bytes:
    name = block[:100].split(b"\0", 1)[0]
    if block[257:263] == b"ustar\0":
        prefix = block[345:500].split(b"\0", 1)[0]
        return prefix + b"/" + name if prefix else name
    return name


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as e:
        raise Corrupt(f"path {raw!r:.200} is not UTF-8") from e


def _pax_records(data: bytes) -> dict[str, bytes]:
    records: dict[str, bytes] = {}
    while data:
        digits, blank, _ = data[:24].partition(b" ")
        length = int(digits) if digits.isdigit() and len(digits) < 8 else 0
        key, equals, value = data[len(digits) + 1 : length].partition(b"=")
        if not blank or not equals or not value.endswith(b"\n") or length > len(data):
            raise Corrupt("an extended header that does not parse")
        name = _text(key)
        if name in records:
            raise Corrupt(f"an extended header with {name!r:.40} twice")
        records[name] = value[:-1]
        data = data[length:]
    return records
