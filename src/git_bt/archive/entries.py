"""What an archive holds: regular files by path, each with its digest and where its bytes are."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from git_bt.canonical import sha256
from git_bt.model import REGULAR, Data, Member, OnDisk, Source

BLOCK = 512
CHUNK = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One regular file of an archive: digest, size and mode, and where its bytes are."""

    member: Member
    source: Source


Entries = Mapping[str, Entry]
"""Path to entry."""


def entry(data: bytes, mode: str = REGULAR) -> Entry:
    """Return the entry of bytes in memory."""
    member = Member(sha256=sha256(data), size=len(data), mode=mode)
    return Entry(member=member, source=Data(data))


def chunks(source: Source) -> Iterator[bytes]:
    """Give the bytes of a source in order, without holding a large file in memory."""
    if not isinstance(source, OnDisk):
        yield source.read()
        return
    with source.path.open("rb") as file:
        yield from iter(lambda: file.read(CHUNK), b"")
