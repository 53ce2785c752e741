"""Which paths may be in a snapshot, a tape or a bundle, on any file system.

Pure checks on text, but for `expanded`. A path is git's bytes as UTF-8; it is never normalised, and
two that would meet on a file system that folds case or composes characters are refused.
"""

import os
import re
import unicodedata
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from git_bt.errors import Corrupt

MAX_PATH = 4096
MAX_NAME = 255
# NTFS short names and alternate streams, HFS's ignorable characters: git's own fsck knows these.
_DOT_GIT = re.compile(r"(\.git|git~\d+)[ .]*(:.*)?", re.IGNORECASE | re.DOTALL)
_DOT_GITMODULES = re.compile(
    r"(\.gitmodules|gitmod~\d+|gi[a-f0-9]{0,4}~\d+)[ .]*(:.*)?", re.IGNORECASE | re.DOTALL
)
_HFS_IGNORED = dict.fromkeys(
    [*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF]
)


def check_path(path: str) -> None:
    """Refuse a path that is unsafe or cannot exist everywhere.

    Raises:
        Corrupt: absolute, empty, with `.`, `..`, a backslash or NUL, not UTF-8, `.git` or
            `.gitmodules` in any disguise, a drive letter, or too long.
    """
    reason = _fault(path)
    if reason is not None:
        raise Corrupt(f"path {path!r:.200} {reason}")


def _fault(path: str) -> str | None:
    if any(0xD800 <= ord(c) <= 0xDFFF for c in path):
        return "is not UTF-8"
    if not path or path.startswith("/"):
        return "is empty or absolute"
    if len(path.encode()) > MAX_PATH:
        return f"is longer than {MAX_PATH} bytes"
    if "\\" in path or "\0" in path:
        return "has a backslash or NUL"
    faults = (_name_fault(name) for name in path.split("/"))
    return next((fault for fault in faults if fault), None)


def _name_fault(name: str) -> str | None:
    if name.isascii() and name.isalnum() and len(name) <= MAX_NAME:
        return None  # most names; what follows takes ten times as long
    if name in ("", ".", ".."):
        return "leaves its root, or has an empty part"
    if len(name.encode()) > MAX_NAME:
        return f"has a name longer than {MAX_NAME} bytes"
    plain = name.translate(_HFS_IGNORED)
    if _DOT_GIT.fullmatch(plain) or _DOT_GITMODULES.fullmatch(plain):
        return "names git's own files"
    if re.match(r"[A-Za-z]:", name):
        return "names a drive"
    return None


def check_paths(paths: Iterable[str]) -> None:
    """Refuse unsafe paths, and two that meet: case folded, composed, or as file and folder.

    Raises:
        Corrupt: naming the path, or both that collide.
    """
    seen: dict[str, str] = {}
    for path in paths:
        check_path(path)
        key = fold(path)
        if key in seen:
            one, other = _spelled_apart(seen[key], path)
            raise Corrupt(f"paths {one:.200} and {other:.200} are one on some file systems")
        seen[key] = path
    # With NUL for its slashes, what lies below a path stands right behind it. No set of folders:
    # a path may name two thousand.
    for above, key in pairwise(sorted(seen, key=lambda key: key.replace("/", "\0"))):
        if key.startswith(f"{above}/"):
            raise Corrupt(
                f"path {seen[above]!r:.200} is a file and the folder of {seen[key]!r:.200}"
            )


def _spelled_apart(one: str, other: str) -> tuple[str, str]:
    """Return two paths in quotes, in ASCII where they would look the same."""
    looks = [unicodedata.normalize("NFC", path) for path in (one, other)]
    spell = ascii if one != other and looks[0] == looks[1] else repr
    return spell(one), spell(other)


def fold(path: str) -> str:
    """Return what a file system that folds case and composes characters makes of a path."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def expanded(text: str) -> Path:
    """Return the path that a user wrote, `~` the home; where that is nobody's, it is a name."""
    return Path(os.path.expanduser(text))  # noqa: PTH111  pathlib's raises for a file ~.py
