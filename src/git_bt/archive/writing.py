"""Writing a tar archive: the same bytes for the same members, at once or not at all."""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from git_bt.archive.entries import BLOCK, Entries, Entry, chunks
from git_bt.errors import CannotWork, Corrupt, Usage
from git_bt.model import EXECUTABLE, Member
from git_bt.paths import check_paths

_ZERO = bytes(BLOCK)


def write_archive(out: Path, entries: Entries) -> None:
    """Write a tar archive whose bytes follow from the entries alone, at once or not at all.

    Headers are ustar, with a pax header only for a path that is long or not ASCII and for sizes
    of 8 GiB; times and owners are 0; members are sorted by path; two zero blocks end it.

    Raises:
        Corrupt: an unsafe path, or an entry's bytes are not of the size it says.
        Usage: the target is a folder or a device, or its folder does not exist.
        CannotWork: it cannot be written.
    """
    check_paths(entries)

    def write(file: BinaryIO) -> None:
        for path in sorted(entries, key=str.encode):
            file.write(_headers(path, entries[path].member))
            _copy(entries[path], path, file)
        file.write(_ZERO + _ZERO)

    _replace(out, write)


def _replace(out: Path, write: Callable[[BinaryIO], None]) -> None:
    """Write a file beside the target, then put it in its place."""
    if out.exists() and not out.is_file():
        raise Usage(f"{out} is {'a folder' if out.is_dir() else 'no regular file'}")
    if not out.parent.is_dir():
        raise Usage(f"no such folder: {out.parent}", hint=f"mkdir -p {out.parent}")
    beside = out.parent / f".{out.name[:200]}.{os.getpid()}-{os.urandom(4).hex()}"
    try:
        try:
            with beside.open("xb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(out)
        except BaseException:  # also ^C: nothing half-written stays
            with suppress(OSError):
                beside.unlink()
            raise
        _sync_folder(out.parent)
    except OSError as e:
        raise CannotWork(f"{out}: cannot be written: {e.strerror or e}") from e


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems cannot
            os.fsync(fd)
    finally:
        os.close(fd)


def _copy(item: Entry, path: str, file: BinaryIO) -> None:
    digest = hashlib.sha256()
    size = 0
    for chunk in chunks(item.source):
        digest.update(chunk)
        size += len(chunk)
        file.write(chunk)
    if size != item.member.size or digest.hexdigest() != item.member.sha256:
        raise Corrupt(f"{path}: its bytes are not those of its digest")
    file.write(bytes(-size % BLOCK))


def _headers(path: str, member: Member) -> bytes:
    mode = 0o755 if member.mode == EXECUTABLE else 0o644
    split = _split(path)
    records = b""
    if split is None:
        records += _pax_record("path", path)
    if member.size >= 8 << 30:
        records += _pax_record("size", str(member.size))
    name, prefix = split or (path.encode("ascii", "replace")[:100].rstrip(b"/"), b"")
    size = member.size if member.size < 8 << 30 else 0
    header = _header(name, prefix, mode, size, b"0")
    if not records:
        return header
    extended = _header(b"././@PaxHeader", b"", 0o644, len(records), b"x")
    return extended + records + bytes(-len(records) % BLOCK) + header


def _split(path: str) -> tuple[bytes, bytes] | None:
    """Return name and prefix as ustar holds them, None where they do not fit."""
    if not path.isascii():
        return None
    raw = path.encode()
    if len(raw) <= 100:
        return raw, b""
    cut = raw.rfind(b"/", 0, 156)
    if cut < 1 or len(raw) - cut - 1 > 100:
        return None
    return raw[cut + 1 :], raw[:cut]


def _pax_record(key: str, value: str) -> bytes:
    rest = f" {key}={value}\n".encode()
    length = len(rest)
    while len(str(length)) + len(rest) != length:
        length = len(str(length)) + len(rest)
    return str(length).encode() + rest


def _header(name: bytes, prefix: bytes, mode: int, size: int, kind: bytes) -> bytes:
    before = name.ljust(100, b"\0") + b"%07o\0" % mode + b"%07o\0" % 0 * 2
    before += b"%011o\0" % size + b"%011o\0" % 0
    after = kind + bytes(100) + b"ustar\x0000" + bytes(64) + b"%07o\0" % 0 * 2
    after += prefix.ljust(155, b"\0") + bytes(12)
    return before + b"%06o\0 " % (sum(before) + 8 * 32 + sum(after)) + after
