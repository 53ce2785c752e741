"""Archives: what is read, what is refused and how it is said, and bytes that never change."""

import bz2
import gzip
import hashlib
import io
import lzma
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_bt.archive import Entry, Limits, chunks, entry, open_archive, write_archive
from git_bt.archive import stream as archive_stream
from git_bt.errors import BtError, CannotWork, Corrupt, Incomplete, Usage
from git_bt.model import EXECUTABLE, REGULAR, Data, Member, OnDisk
from git_bt.paths import check_paths

END = bytes(1024)


def head(
    name: bytes | str,
    size: int | bytes = 0,
    kind: bytes = b"0",
    *,
    link: bytes = b"",
    mode: bytes = b"0000644\0",
    magic: bytes = b"ustar\x0000",
    prefix: bytes = b"",
) -> bytes:
    """Make one header block with a true checksum, whatever it says."""
    raw = name.encode() if isinstance(name, str) else name
    number = size if isinstance(size, bytes) else b"%011o\0" % size
    block = raw.ljust(100, b"\0") + mode + bytes(16) + number + b"%011o\0" % 0 + b" " * 8 + kind
    block += link.ljust(100, b"\0") + magic + bytes(80) + prefix.ljust(155, b"\0") + bytes(12)
    assert len(block) == 512
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def member(name: bytes | str, data: bytes = b"x", kind: bytes = b"0", **more: bytes) -> bytes:
    """Make a member: header, data, padding."""
    return head(name, len(data), kind, **more) + data + bytes(-len(data) % 512)


def pax(*records: tuple[str, bytes], kind: bytes = b"x") -> bytes:
    """Make an extended header."""
    body = b""
    for key, value in records:
        rest = b" " + key.encode() + b"=" + value + b"\n"
        length = len(rest) + 1
        while len(str(length)) + len(rest) != length:
            length = len(str(length)) + len(rest)
        body += str(length).encode() + rest
    return member("././@PaxHeader", body, kind)


def unpack(tmp_path: Path, data: bytes, limits: Limits | None = None) -> dict[str, Entry]:
    """Write bytes as a file and open it as an archive."""
    path = tmp_path / "case.tar"
    path.write_bytes(data)
    work = tmp_path / "work"
    work.mkdir()
    return open_archive(path, work, limits)


def contents(entries: dict[str, Entry]) -> dict[str, bytes]:
    return {path: b"".join(chunks(found.source)) for path, found in entries.items()}


# -- what is read ---------------------------------------------------------------------------------

LONG = "d" * 90 + "/" + "e" * 90 + "/" + "f" * 90

READ: dict[str, tuple[bytes, dict[str, bytes]]] = {
    "plain": (member("a", b"1") + member("b/c", b"") + END, {"a": b"1", "b/c": b""}),
    "nothing at all": (END, {}),
    "padded to a record": (member("a") + bytes(10240), {"a": b"x"}),
    "folders listed": (head("t/", kind=b"5") + member("t/a") + END, {"t/a": b"x"}),
    "an empty folder": (head("t", kind=b"5") + member("a") + END, {"a": b"x"}),
    "dot slash": (head("./", kind=b"5") + member("./a/b") + END, {"a/b": b"x"}),
    "v7": (
        head("t/", kind=b"\0", magic=bytes(8)) + member("t/a", kind=b"\0", magic=bytes(8)) + END,
        {"t/a": b"x"},
    ),
    "ustar prefix": (member("c", prefix=b"a/b") + END, {"a/b/c": b"x"}),
    "gnu has no prefix": (member("c", magic=b"ustar  \0", prefix=b"junk") + END, {"c": b"x"}),
    "gnu long name": (
        member("././@LongLink", LONG.encode() + b"\0", b"L") + member("short") + END,
        {LONG: b"x"},
    ),
    "pax path": (pax(("path", "é".encode()), ("mtime", b"1.5")) + member("?") + END, {"é": b"x"}),
    "pax size": (pax(("size", b"3")) + head("a") + b"xyz" + bytes(509) + END, {"a": b"xyz"}),
    "git archive": (pax(("comment", b"0" * 40), kind=b"g") + member("a") + END, {"a": b"x"}),
    "base 256": (head("a", b"\x80" + bytes(10) + b"\x01") + b"x" + bytes(511) + END, {"a": b"x"}),
}


@pytest.mark.parametrize("name", READ)
def test_reads(tmp_path: Path, name: str) -> None:
    """Every dialect that common tools write is read."""
    data, expected = READ[name]

    assert contents(unpack(tmp_path, data)) == expected


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 1 << 16, (1 << 16) + 1, 3 << 18])
def test_sizes_and_digests(tmp_path: Path, size: int) -> None:
    """A member's digest, size and bytes are right, in memory and on disk."""
    data = os.urandom(size)

    found = unpack(tmp_path, member("a", data) + member("b") + END)

    assert found["a"].member == Member(sha256=hashlib.sha256(data).hexdigest(), size=size)
    assert contents(found) == {"a": data, "b": b"x"}
    assert isinstance(found["a"].source, OnDisk) == (size > 1 << 16)


def test_executable_bit(tmp_path: Path) -> None:
    """Of a mode only the owner's executable bit counts."""
    modes = {"a": b"0000644\0", "b": b"0000755\0", "c": b"0000677\0", "d": b"0004700\0"}
    data = b"".join(member(name, mode=mode) for name, mode in modes.items())

    found = unpack(tmp_path, data + END)

    assert [found[n].member.mode for n in "abcd"] == [REGULAR, EXECUTABLE, REGULAR, EXECUTABLE]


def test_names_never_name_files_here(tmp_path: Path) -> None:
    """What goes to disk lies under a number, and nothing lies outside the work folder."""
    unpack(tmp_path, member("deep/er/name", bytes(1 << 17)) + member("other") + END)

    assert sorted(p.name for p in tmp_path.rglob("*")) == ["000000", "case.tar", "work"]


GZIP: dict[str, Callable[[bytes], bytes]] = {
    "one member": gzip.compress,
    "several members": lambda d: gzip.compress(d[:700]) + gzip.compress(d[700:]),
    "a member of nothing": lambda d: gzip.compress(b"") + gzip.compress(d),
    "zeros behind": lambda d: gzip.compress(d) + bytes(100),
}


@pytest.mark.parametrize("name", GZIP)
def test_gzip_is_read(tmp_path: Path, name: str) -> None:
    """An archive out of gzip is the archive."""
    big = os.urandom(1 << 20)

    found = unpack(tmp_path, GZIP[name](member("a", b"1") + member("b", big) + END))

    assert contents(found) == {"a": b"1", "b": big}


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_what_tarfile_writes_is_read(tmp_path: Path, form: int) -> None:
    """Python's own archives of a folder are read, in each format it writes."""
    (tmp_path / "in" / "b").mkdir(parents=True)
    (tmp_path / "in" / "b" / ("n" * 90)).write_bytes(b"2")
    (tmp_path / "in" / "a").write_bytes(b"1")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        tar.add(tmp_path / "in", arcname="top")

    found = contents(unpack(tmp_path, out.getvalue()))

    assert found == {"top/a": b"1", "top/b/" + "n" * 90: b"2"}


# -- what is refused ------------------------------------------------------------------------------

GOOD = member("a", b"1") + member("b", b"2" * 700)
BROKEN = member("bad")
REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty file"),
    "text": (b"hello world\n" * 100, "not a tar archive"),
    "short text": (b"hello", "not a tar archive"),
    "random": (bytes(range(256)) * 8, "not a tar archive"),
    "some zeros": (bytes(511), "not a tar archive"),
    "one zero block": (bytes(512), "one of the two zero blocks"),
    "xz": (lzma.compress(GOOD + END), "xz-compressed"),
    "bzip2": (bz2.compress(GOOD + END), "bzip2-compressed"),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(20), "zstd-compressed"),
    "zip": (b"PK\x03\x04" + bytes(600), "a zip archive"),
    "gzip twice": (gzip.compress(gzip.compress(GOOD + END)), "not a tar archive"),
    "no end": (GOOD, "cut: no end of archive"),
    "half an end": (GOOD + bytes(512), "one of the two zero blocks"),
    "end not full": (GOOD + bytes(1000), "one of the two zero blocks"),
    "no multiple of 512": (GOOD + bytes(10000), "no multiple of 512"),
    "cut in a header": (GOOD + BROKEN[:300], "cut: no end of archive"),
    "cut in data": (head("a", 5000) + b"x" * 700, "lacks 4300 of its 5000 bytes"),
    "cut in padding": (head("a", 5) + b"12345" + bytes(9), "block is not full"),
    "a lone zero block": (GOOD + bytes(512) + GOOD + END, "lone zero block"),
    "data after the end": (GOOD + END + GOOD + END, "other bytes follow"),
    "one byte after the end": (GOOD + END + bytes(511) + b"x", "other bytes follow"),
    "text after the end": (GOOD + END + b"hello", "other bytes follow"),
    "bad checksum": (GOOD + BROKEN[:10] + b"!" + BROKEN[11:] + END, "checksum"),
    "no checksum": (GOOD + BROKEN[:148] + bytes(8) + BROKEN[156:] + END, "checksum"),
    "symlink": (GOOD + head("l", kind=b"2", link=b"../x") + END, "'l' is a symbolic link"),
    "hard link": (GOOD + head("l", kind=b"1", link=b"a") + END, "'l' is a hard link"),
    "character device": (GOOD + head("l", kind=b"3") + END, "'l' is a character device"),
    "block device": (GOOD + head("l", kind=b"4") + END, "'l' is a block device"),
    "fifo": (GOOD + head("l", kind=b"6") + END, "'l' is a FIFO"),
    "contiguous": (GOOD + head("l", kind=b"7") + END, "of unknown type b'7'"),
    "multi-volume": (GOOD + head("l", kind=b"M") + END, "of unknown type b'M'"),
    "gnu sparse": (GOOD + head("l", kind=b"S", magic=b"ustar  \0") + END, "'l' is a sparse file"),
    "pax sparse": (pax(("GNU.sparse.major", b"1")) + BROKEN + END, "a sparse file"),
    "long link name": (member("x", b"t\0", b"K") + BROKEN + END, "is a link"),
    "absolute": (member("/etc/passwd") + END, "absolute"),
    "dot dot": (member("a/../../b") + END, "leaves its root"),
    "dot slash dot dot": (member("./../b") + END, "leaves its root"),
    "dot slash slash": (member(".//etc") + END, "absolute"),
    "folder dot dot": (head("../", kind=b"5") + END, "leaves its root"),
    "absolute folder": (head("/tmp/", kind=b"5") + END, "absolute"),
    "pax dot dot": (pax(("path", b"../b")) + member("fine") + END, "leaves its root"),
    "gnu dot dot": (member("L", b"../b\0", b"L") + member("fine") + END, "leaves its root"),
    "prefix dot dot": (member("b", prefix=b"..") + END, "leaves its root"),
    "backslash": (member("a\\..\\b") + END, "backslash"),
    "drive": (member("C:/x") + END, "drive"),
    "nul in a long name": (member("L", b"a\0b\0", b"L") + BROKEN + END, "NUL"),
    "no name": (member("") + END, "empty"),
    "name of a folder": (member("a/") + END, "empty part"),
    "git": (member(".git/config") + END, "git's own"),
    "git in disguise": (member("x/GIT~1/config") + END, "git's own"),
    "gitmodules": (member("tape/.GitModules") + END, "git's own"),
    "not UTF-8": (member(b"caf\xe9") + END, "not UTF-8"),
    "pax not UTF-8": (pax(("path", b"caf\xe9")) + BROKEN + END, "not UTF-8"),
    "name too long": (pax(("path", b"n" * 300)) + BROKEN + END, "longer than 255"),
    "path too long": (pax(("path", b"n/" * 3000 + b"n")) + BROKEN + END, "longer than 4096"),
    "twice": (member("a") + member("a") + END, "'a' stands twice"),
    "twice by dot slash": (member("a") + member("./a") + END, "'a' stands twice"),
    "case": (member("Tape/a") + member("tape/A") + END, "one on some file systems"),
    "composed": (member("é") + member("e\u0301") + END, "one on some file systems"),
    "file and its folder": (member("a") + member("a/b") + END, "folder of"),
    "file and listed folder": (member("a") + head("A/", kind=b"5") + END, "a file and a folder"),
    "folder with data": (member("a", b"x", b"5") + END, "has a size"),
    "negative size": (head("a", b"\xff" * 12) + END, "negative or huge size"),
    "size is no number": (head("a", b"99999999999\0") + END, "header with size"),
    "8 GiB": (head("a", b"\x80" + (8 << 30).to_bytes(11, "big")) + END, "more than is allowed"),
    "2 ** 80": (head("a", b"\x80\1" + bytes(10)) + END, "more than is allowed"),
    "pax 8 GiB": (pax(("size", b"8589934592")) + head("a") + END, "more than is allowed"),
    "pax negative size": (pax(("size", b"-1")) + BROKEN + END, "with size b'-1'"),
    "pax huge size": (pax(("size", b"9" * 5000)) + BROKEN + END, "with size"),
    "two sizes": (pax(("size", b"2")) + BROKEN + END, "two sizes, 1 and 2"),
    "two pax headers": (pax(("path", b"a")) * 2 + BROKEN + END, "two extended headers"),
    "two long names": (pax(("path", b"a")) + member("L", b"b", b"L") + BROKEN + END, "two long"),
    "two paths": (pax(("path", b"a"), ("path", b"b")) + BROKEN + END, "'path' twice"),
    "pax at the end": (GOOD + pax(("path", b"a")) + END, "belongs to no member"),
    "pax too large": (head("x", 2 << 20, b"x") + END, "extended header of 2097152"),
    "pax length 0": (member("x", b"0 path=a\n", b"x") + BROKEN + END, "does not parse"),
    "pax length too large": (member("x", b"99 path=a\n", b"x") + BROKEN + END, "does not parse"),
    "pax no equals": (member("x", b"7 path\n", b"x") + BROKEN + END, "does not parse"),
    "pax no newline": (member("x", b"9 path=ab", b"x") + BROKEN + END, "does not parse"),
    "pax text": (member("x", b"hello there", b"x") + BROKEN + END, "does not parse"),
    "global path": (pax(("path", b"a"), kind=b"g") + BROKEN + END, "sets 'path' for every"),
    "gzip cut": (gzip.compress(GOOD + END)[:-20], "cut: the gzip data has no end"),
    "gzip without its tail": (gzip.compress(GOOD + END)[:-1], "cut: the gzip data has no end"),
    "gzip head only": (b"\x1f\x8b", "cut: the gzip data has no end"),
    "gzip garbage": (b"\x1f\x8bgarbage" * 10, "gzip data is damaged"),
    "gzip checksum": (gzip.compress(GOOD + END)[:-8] + bytes(8), "gzip data is damaged"),
    "gzip and text": (gzip.compress(GOOD + END) + b"hello", "follow the end of the gzip"),
    "gzip and late text": (gzip.compress(GOOD + END) + bytes(1 << 19) + b"x", "follow the end"),
    "gzip and half a member": (gzip.compress(GOOD + END) + b"\x1f\x8b\x08", "no end"),
    "two bundles": (gzip.compress(GOOD + END) * 2, "other bytes follow the end of the archive"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(tmp_path: Path, name: str) -> None:
    """Each hostile or damaged archive is one clear line, and nothing lies outside the folder."""
    data, words = REFUSED[name]

    with pytest.raises(Corrupt) as caught:
        unpack(tmp_path, data)

    assert words in caught.value.message
    assert caught.value.message.startswith(f"{tmp_path}/case.tar: ")
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 600
    assert {p.name for p in tmp_path.iterdir()} == {"case.tar", "work"}


def test_every_cut_is_seen(tmp_path: Path) -> None:
    """However many bytes the end of an archive lacks, it is refused, or lacks only padding."""
    data = GOOD + END
    path = tmp_path / "cut.tar"
    for size in [*range(0, len(data), 37), *range(len(data) - 600, len(data))]:
        path.write_bytes(data[:size])

        with pytest.raises(Corrupt):
            open_archive(path, tmp_path)


def test_every_flipped_header_byte_is_seen(tmp_path: Path) -> None:
    """A header with any byte changed no longer has its checksum."""
    path = tmp_path / "flipped.tar"
    for at in range(512):
        path.write_bytes(GOOD[:at] + bytes([GOOD[at] ^ 1]) + GOOD[at + 1 :] + END)

        if GOOD[at : at + 1] == b" " or at in range(148, 156):
            continue  # blanks around the checksum are padding
        with pytest.raises(Corrupt):
            open_archive(path, tmp_path)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damage_never_raises_anything_else(tmp_path_factory, data: st.DataObject) -> None:  # type: ignore[no-untyped-def]
    """Whatever is done to an archive, it is read or refused, never a traceback."""
    raw = bytearray(pax(("path", b"p")) + GOOD + head("t/", kind=b"5") + END)
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        for start in range(0, len(raw) - 1024, 512):  # let the checksums be right again
            block = bytes(raw[start : start + 148] + b" " * 8 + raw[start + 156 : start + 512])
            raw[start + 148 : start + 156] = b"%06o\0 " % sum(block)
    folder = tmp_path_factory.mktemp("fuzz")
    path = folder / "a.tar"
    path.write_bytes(raw)
    try:
        found = open_archive(path, folder)
    except BtError:
        return

    check_paths(found)


# -- limits ---------------------------------------------------------------------------------------

LIMITS: dict[str, tuple[bytes, Limits, str]] = {
    "members": (member("a") + member("b") + END, Limits(members=1), "more than 1 members"),
    "names": (member("aa") + member("bb") + END, Limits(names=3), "names of more than 3 bytes"),
    "size": (member("a", b"xyz") + END, Limits(total=2), "more than is allowed"),
    "total": (member("a", b"xy") + member("b", b"xy") + END, Limits(total=3), "more than is"),
    "extended headers": (
        b"".join(pax(("comment", b"c"), kind=b"g") for _ in range(40)) + END,
        Limits(members=2),
        "more than 2 members",
    ),
}


@pytest.mark.parametrize("name", LIMITS)
def test_limits(tmp_path: Path, name: str) -> None:
    """Each limit is a parameter and stops the reading."""
    data, limits, words = LIMITS[name]

    with pytest.raises(Corrupt, match=words):
        unpack(tmp_path, data, limits)


def test_at_the_limit_is_read(tmp_path: Path) -> None:
    """What is exactly as much as allowed is allowed."""
    limits = Limits(members=2, total=4)

    assert len(unpack(tmp_path, member("a", b"xy") + member("b", b"xy") + END, limits)) == 2


def test_too_many_members(tmp_path: Path) -> None:
    """The 100 001st member is refused."""
    data = b"".join(head(f"n{i}") for i in range(100_001))

    with pytest.raises(Corrupt, match="more than 100000 members"):
        unpack(tmp_path, data + END)


@pytest.mark.parametrize("declared", [True, False], ids=["one member", "after the end"])
def test_a_bomb_is_refused_before_it_unfolds(tmp_path: Path, declared: bool) -> None:
    """What expands a thousandfold is refused with hardly a byte on disk."""
    zeros = bytes(64 << 20)
    bomb = gzip.compress((head("a", len(zeros)) if declared else b"") + zeros + END, 1)

    with pytest.raises(Corrupt, match="expands to more than 10 times"):
        unpack(tmp_path, bomb, Limits(ratio=10))

    assert sum(p.stat().st_size for p in (tmp_path / "work").iterdir()) <= 16 << 20


def test_small_archives_may_compress_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ratio counts only past the first 16 MiB, so an honest quiet tape is no bomb."""
    data = gzip.compress(member("quiet", bytes(4 << 20)) + END)
    assert len(data) * 100 < 4 << 20

    assert unpack(tmp_path, data)["quiet"].member.size == 4 << 20
    monkeypatch.setattr(archive_stream, "RATIO_FREE", 0)
    with pytest.raises(Corrupt, match="expands"):
        open_archive(tmp_path / "case.tar", tmp_path / "work")


# -- files that are no archives -------------------------------------------------------------------


def test_missing_file_is_usage(tmp_path: Path) -> None:
    """A path that names nothing is the user's slip."""
    for path in (tmp_path / "no.tar", tmp_path / "no" / "no.tar", Path("nul\0.tar")):
        with pytest.raises(Usage, match="no such file"):
            open_archive(path, tmp_path)


def test_folder_fifo_and_pointer(tmp_path: Path) -> None:
    """A folder and a FIFO are usage; a git-LFS pointer is what is missing."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "lfs.tar").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")

    with pytest.raises(Usage, match="is a folder"):
        open_archive(tmp_path, tmp_path)
    with pytest.raises(Usage, match="no regular file"):
        open_archive(tmp_path / "fifo", tmp_path)
    with pytest.raises(Incomplete, match="git-LFS pointer"):
        open_archive(tmp_path / "lfs.tar", tmp_path)


def test_full_disk_is_cannot_work(tmp_path: Path) -> None:
    """Without a place to unpack to, the error says so."""
    (tmp_path / "a.tar").write_bytes(member("a", bytes(1 << 17)) + END)

    with pytest.raises(CannotWork, match="cannot be unpacked: No such file or directory"):
        open_archive(tmp_path / "a.tar", tmp_path / "gone")


# -- writing --------------------------------------------------------------------------------------

name = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="/\\\0:"), min_size=1, max_size=60
)
path = st.lists(name, min_size=1, max_size=5).map("/".join)
items = st.dictionaries(
    path, st.tuples(st.binary(max_size=1500), st.sampled_from([REGULAR, EXECUTABLE])), max_size=8
)


def is_safe(values: dict[str, tuple[bytes, str]]) -> bool:
    try:
        check_paths(values)
    except Corrupt:
        return False
    return True


@settings(max_examples=150, deadline=None)
@given(items.filter(is_safe))
def test_round_trip(tmp_path_factory, values: dict[str, tuple[bytes, str]]) -> None:  # type: ignore[no-untyped-def]
    """What is written is read back: by us, and by Python's tarfile."""
    folder = tmp_path_factory.mktemp("trip")
    entries = {p: entry(data, mode) for p, (data, mode) in values.items()}

    write_archive(folder / "a.tar", entries)
    found = open_archive(folder / "a.tar", folder)

    assert found == entries
    assert list(found) == sorted(entries, key=str.encode)
    with tarfile.open(folder / "a.tar") as tar:
        theirs = {m.name: (tar.extractfile(m).read(), m.mode) for m in tar}  # type: ignore[union-attr]
    modes = {REGULAR: 0o644, EXECUTABLE: 0o755}
    assert theirs == {p: (data, modes[mode]) for p, (data, mode) in values.items()}


ENTRIES = {
    "b": entry(b"2" * 600, EXECUTABLE),
    "a/x": entry(b""),
    "a-x": entry(b"1"),
    LONG: entry(b"prefix and name"),
    "p" * 120 + "/" + "n" * 120: entry(b"pax"),
    "naïve.py": entry(b"pax too"),
}


def test_bytes_never_change(tmp_path: Path) -> None:
    """The bytes of an archive are these, whatever the Python, the clock or the umask."""
    write_archive(tmp_path / "a.tar", ENTRIES)
    data = (tmp_path / "a.tar").read_bytes()

    assert hashlib.sha256(data).hexdigest() == GOLDEN
    assert data.endswith(END)
    assert not data[:-1024].endswith(bytes(512))


GOLDEN = "ea0dbbe179e76a3c4e2bd958ef1c9381d1c05535472e9d85d33776a7e5ac13e4"


def test_order_does_not_matter(tmp_path: Path) -> None:
    """Entries in another order give the same bytes."""
    write_archive(tmp_path / "a.tar", ENTRIES)
    write_archive(tmp_path / "b.tar", dict(reversed(ENTRIES.items())))

    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_gnu_tar_reads_it(tmp_path: Path) -> None:
    """The tar of the system lists the same paths, without a word on stderr."""
    write_archive(tmp_path / "a.tar", ENTRIES)

    done = subprocess.run(
        ["tar", "--quoting-style=literal", "-tf", tmp_path / "a.tar"], capture_output=True
    )

    assert done.stderr == b""
    assert set(done.stdout.decode().splitlines()) == set(ENTRIES)


def test_large_sources_are_streamed(tmp_path: Path) -> None:
    """A file on disk goes into the archive as it lies there."""
    data = os.urandom(1 << 20)
    (tmp_path / "tape").write_bytes(data)
    found = Entry(member=entry(data).member, source=OnDisk(tmp_path / "tape"))

    write_archive(tmp_path / "a.tar", {"tape/x": found})

    assert contents(open_archive(tmp_path / "a.tar", tmp_path)) == {"tape/x": data}


def test_writing_is_all_or_nothing(tmp_path: Path) -> None:
    """When an entry's bytes are not its digest's, the old file stays and no other appears."""
    (tmp_path / "a.tar").write_bytes(b"old")
    bad = Entry(member=entry(b"one").member, source=Data(b"two"))

    with pytest.raises(Corrupt, match="bad: its bytes are not those of its digest"):
        write_archive(tmp_path / "a.tar", {"bad": bad})

    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a.tar", b"old")]


def test_where_not_to_write(tmp_path: Path) -> None:
    """A folder, a device, a missing folder are usage; unsafe paths are corrupt."""
    with pytest.raises(Usage, match="is a folder"):
        write_archive(tmp_path, ENTRIES)
    with pytest.raises(Usage, match="no regular file"):
        write_archive(Path(os.devnull), ENTRIES)
    with pytest.raises(Usage, match="no such folder"):
        write_archive(tmp_path / "no" / "a.tar", ENTRIES)
    with pytest.raises(Corrupt, match="leaves its root"):
        write_archive(tmp_path / "a.tar", {"../x": entry(b"")})

    assert Path(os.devnull).is_char_device()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """A write that fails half-way says why, and leaves the old file alone."""
    (tmp_path / "a.tar").write_bytes(b"old")
    # Imports come first: Python would leave cut .pyc files under this limit.
    script = (
        "import resource, signal, sys, pathlib\n"
        "from git_bt.archive import entry, write_archive\n"
        "from git_bt.errors import CannotWork\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try:\n"
        "    write_archive(pathlib.Path(sys.argv[1]), {'a': entry(bytes(100_000))})\n"
        "except CannotWork as e:\n"
        "    print(e.message)\n"
    )

    done = subprocess.run(
        [sys.executable, "-B", "-c", script, tmp_path / "a.tar"], capture_output=True, text=True
    )

    assert done.stdout == f"{tmp_path}/a.tar: cannot be written: File too large\n", done.stderr
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a.tar", b"old")]
