"""The bytes of an archive in order, plain or out of gzip, never more of them than allowed.

What another program compressed is refused by name: one format is enough, and each reader more is a
place to be attacked.
"""

import os
import stat
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from git_bt.archive.entries import BLOCK, CHUNK
from git_bt.errors import CannotWork, Corrupt, Incomplete, Usage

RATIO_FREE = 16 << 20
"""Below so many bytes no ratio is held against a compressed archive."""

ALLOW_MEMBERS = "to allow a million: git -c bt.archiveMembers=1000k bt …"
ALLOW_SIZE = "to allow 64 GiB: git -c bt.archiveSize=64g bt …"

_GZIP = b"\x1f\x8b"
_OTHERS: Mapping[bytes, tuple[str, str]] = {
    b"\xfd7zXZ\0": ("xz-compressed", "unpack it first: xz -d FILE"),
    b"BZh": ("bzip2-compressed", "unpack it first: bzip2 -d FILE"),
    b"\x28\xb5\x2f\xfd": ("zstd-compressed", "unpack it first: zstd -d FILE"),
    b"\x04\x22\x4d\x18": ("lz4-compressed", "unpack it first: lz4 -d FILE"),
    b"PK\x03\x04": ("a zip archive", "unpack it and pack it as tar"),
    b"7z\xbc\xaf": ("a 7z archive", "unpack it and pack it as tar"),
}
_LFS = b"version https://git-lfs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much an archive may hold; sizes in bytes after decompression."""

    members: int = 100_000
    names: int = 16 << 20  # of all members and folders; each part of each name is looked at
    total: int = 4 << 30
    ratio: int = 100  # of a compressed archive's content to its size, past RATIO_FREE


def open_file(path: Path) -> BinaryIO:
    """Open a regular file.

    Raises:
        Usage: no such file, or no regular file.
        CannotWork: it cannot be read.
    """
    try:
        # A FIFO would make a plain open() wait for a writer.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, ValueError) as e:
        raise Usage(f"no such file: {path}") from e
    except OSError as e:
        raise CannotWork(f"{path}: cannot be read: {e.strerror}") from e
    mode = os.fstat(fd).st_mode
    if not stat.S_ISREG(mode):
        os.close(fd)
        kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise Usage(f"{path} is {kind}, not an archive")
    return os.fdopen(fd, "rb")


def refuse_others(head: bytes, size: int, name: str) -> None:
    """Refuse by name what is plainly something else.

    Raises:
        Corrupt: empty, or the magic number of another format.
        Incomplete: a git-LFS pointer.
    """
    if not size:
        raise Corrupt("empty file, not a tar archive")
    if head.startswith(_LFS):
        raise Incomplete(f"{name} is a git-LFS pointer, not the archive", hint="git lfs pull")
    for magic, (what, hint) in _OTHERS.items():
        if head.startswith(magic):
            raise Corrupt(f"{what}; only plain tar and gzip are read", hint=hint)


@dataclass(slots=True)
class Stream:
    """Bytes in order, however they are stored; never gives more than `allowed` in all."""

    chunks: Iterator[bytes]
    allowed: int
    why: str
    hint: str
    offset: int = 0
    buffer: bytes = b""
    used: int = 0  # of the buffer; slicing the rest off each time would copy it each time

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, at most a chunk; nothing at the end."""
        if self.used == len(self.buffer):
            self.buffer, self.used = next(self.chunks, b""), 0
        data = self.buffer[self.used : self.used + size]
        self.used += len(data)
        self.offset += len(data)
        self.check(0)
        return data

    def block(self) -> bytes:
        """Return the next 512 bytes, fewer only at the end."""
        data = self.read(BLOCK)
        while len(data) < BLOCK and (more := self.read(BLOCK - len(data))):
            data += more
        return data

    def check(self, coming: int) -> None:
        """Refuse what is announced before a byte of it is unpacked."""
        if self.offset + coming > self.allowed:
            raise Corrupt(self.why, hint=self.hint)


def open_stream(file: BinaryIO, head: bytes, size: int, limits: Limits) -> Stream:
    """Return the bytes of a file of `size` bytes that starts with `head`, inflated if gzip.

    The stream raises Corrupt where the gzip data is cut or damaged, and past the limits.
    """
    # Headers and padding come on top of what the members hold.
    allowed = limits.total + (limits.members + 64) * 4 * BLOCK
    why, hint = f"holds more than {limits.total} bytes", ALLOW_SIZE
    if not head.startswith(_GZIP):
        return Stream(iter(lambda: file.read(CHUNK), b""), allowed, why, hint)
    by_ratio = max(RATIO_FREE, size * limits.ratio)
    if by_ratio < allowed:
        allowed, why = by_ratio, f"expands to more than {limits.ratio} times its {size} bytes"
        hint = "where you trust it, unpack it first: gzip -d FILE"
    return Stream(_inflate(file), allowed, why, hint)


def _inflate(file: BinaryIO) -> Iterator[bytes]:
    """Give the bytes of one or several gzip members; zeros may follow the last."""
    data = file.read(CHUNK)
    while data:
        if not data.startswith(_GZIP[: len(data)]):
            while data:
                if data.count(0) != len(data):
                    raise Corrupt("other bytes follow the end of the gzip data")
                data = file.read(CHUNK)
            return
        unzip = zlib.decompressobj(wbits=31)
        while not unzip.eof:
            if not data:
                raise Corrupt("cut: the gzip data has no end")
            try:
                out = unzip.decompress(data, CHUNK)
            except zlib.error as e:
                raise Corrupt(f"the gzip data is damaged: {e}") from e
            if out:
                yield out
            data = unzip.unconsumed_tail or (b"" if unzip.eof else file.read(CHUNK))
        data = unzip.unused_data or file.read(CHUNK)
