"""`P.tape`: the small file beside a tape P that says, in git, what P holds.

A tape that is too large for git is pinned by it: a commit then names every byte of its market
data, wherever the data itself lies. Grammar: docs/reference/formats/tape-pin.md.
"""

from dataclasses import dataclass
from typing import Any

from git_bt.canonical import decode_json, encode_json, tape_sha256
from git_bt.errors import Corrupt
from git_bt.fields import DIGEST
from git_bt.files import Files
from git_bt.model import Member, Members

SUFFIX = ".tape"
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """What a tape of this name holds."""

    name: str
    members: Members


def encode_pin(pin: Pin) -> bytes:
    """Encode a pin; the same tape gives the same bytes."""
    return encode_json(
        {
            "version": VERSION,
            "name": pin.name,
            "files": {p: {"sha256": m.sha256, "size": m.size} for p, m in pin.members.items()},
            "sha256": tape_sha256(pin.members),
            "size": sum(m.size for m in pin.members.values()),
        }
    )


def decode_pin(data: bytes, what: str) -> Pin:
    """Decode a pin and check that it agrees with itself.

    Args:
        data: the bytes of the file.
        what: how messages name it.

    Raises:
        Corrupt: not what `encode_pin` would have written, or a newer version.
    """
    value = decode_json(data, what)
    if not isinstance(value, dict) or type(value.get("version")) is not int:
        raise Corrupt(f"{what}: no pin of a tape")
    version = value["version"]
    if version != VERSION:
        raise Corrupt(
            f"{what}: version {version} is not known to this git-bt, which reads {VERSION}",
            hint="upgrade git-bt: pip install -U git-bt",
        )
    name, files = value.get("name"), value.get("files")
    if not isinstance(name, str) or not isinstance(files, dict) or not files:
        raise Corrupt(f"{what}: a pin has a name and files")
    pin = Pin(name=name, members={path: _member(files[path], path, what) for path in files})
    if encode_pin(pin) != data:
        raise Corrupt(
            f"{what}: its total, or its form, is not that of its files",
            hint="it is written by git bt tape pin; do not edit or merge it by hand",
        )
    return pin


def _member(value: Any, path: str, what: str) -> Member:
    digest, size = (value.get("sha256"), value.get("size")) if isinstance(value, dict) else (0, 0)
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        raise Corrupt(f"{what}: the sha256 of {path!r:.200} must be 64 digits in lower-case hex")
    if type(size) is not int or size < 0:
        raise Corrupt(f"{what}: the size of {path!r:.200} must be a whole number")
    return Member(sha256=digest, size=size)


def read_pin(files: Files, tape: str) -> Pin | None:
    """Return the pin of a tape, None where there is none.

    Args:
        files: the view that it is looked up in.
        tape: path of the tape from the top of the view.

    Raises:
        Corrupt: it cannot be understood, or is the pin of a tape of another name.
    """
    path = tape + SUFFIX
    entry = files.find(path)
    if entry is None or entry.fault:
        return None
    source = files.source(path)
    if source is None:
        raise Corrupt(f"{path}: a pin must be in git itself, not in git-LFS")
    pin = decode_pin(source.read(), path)
    if pin.name != tape.rpartition("/")[2]:
        raise Corrupt(
            f"{path}: it is the pin of a tape named {pin.name!r:.200}",
            hint=f"git bt tape pin {tape}",
        )
    return pin
