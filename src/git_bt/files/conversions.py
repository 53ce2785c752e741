"""What `git add` would store of files in the work tree, without storing it.

Git's conversions (line ends, `ident`, encodings, clean filters) depend on attributes,
configuration and, for line ends, on what the index holds; so git itself converts, into an index
and an object directory that are thrown away. Files that no conversion can touch, nearly all, cost
one look at their attributes together. Git LFS is not run: its pointer names the bytes on disk.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from git_bt.errors import CannotWork
from git_bt.repo import Repo

_CHUNK = 1 << 20
_ATTRIBUTES = ("text", "crlf", "eol", "ident", "filter", "working-tree-encoding")
_OFF = (None, "false", "no", "off", "0", "")
_NOT_SET = ("unspecified", "unset")


@dataclass(frozen=True, slots=True)
class Converted:
    """Bytes that git would store instead of those on disk, and the filter that made them so."""

    data: bytes
    driver: str | None


def conversions(repo: Repo, top: Path, paths: Iterable[str]) -> dict[str, Converted]:
    """Return what git would store of regular files of which it stores other bytes than lie there.

    Raises:
        CannotWork: a file cannot be read, or a filter that is required fails.
    """
    attributes = _attributes(repo, list(paths))
    touched = [p for p, given in attributes.items() if _is_converted(repo, given, top / p)]
    found = {}
    for path, data in _convert(repo, touched).items():
        if data != _read(top / path):
            found[path] = Converted(data, _driver(repo, attributes[path]))
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise CannotWork(f"cannot read {path}: {e.strerror}") from e


def _contains(path: Path, wanted: bytes) -> bool:
    """Tell whether a file holds some bytes; a tape may be larger than memory."""
    try:
        with path.open("rb") as file:
            tail = b""
            while piece := file.read(_CHUNK):
                if wanted in tail + piece:
                    return True
                tail = piece[1 - len(wanted) :]
    except OSError as e:
        raise CannotWork(f"cannot read {path}: {e.strerror}") from e
    return False


def _attributes(repo: Repo, paths: list[str]) -> dict[str, dict[str, str]]:
    if not paths:
        return {}
    asked = "\0".join(paths).encode() + b"\0"
    out = repo.git("check-attr", "-z", "--stdin", *_ATTRIBUTES, stdin=asked).out
    fields = out.decode(errors="surrogateescape").split("\0")
    values: dict[str, dict[str, str]] = {path: {} for path in paths}
    for path, name, value in zip(fields[0::3], fields[1::3], fields[2::3], strict=False):
        values[path][name] = value
    return values


def _is_converted(repo: Repo, attributes: Mapping[str, str], path: Path) -> bool:
    """Tell whether a conversion might change a file; a yes too many only costs time."""
    if attributes["filter"] == "lfs":
        return False
    if _driver(repo, attributes) or attributes["working-tree-encoding"] not in _NOT_SET:
        return True
    if attributes["ident"] not in _NOT_SET and _contains(path, b"$Id"):
        return True
    return _is_text(repo, attributes) and _contains(path, b"\r\n")


def _is_text(repo: Repo, attributes: Mapping[str, str]) -> bool:
    if attributes["text"] == "unset":
        return False
    if any(attributes[name] not in _NOT_SET for name in ("text", "crlf", "eol")):
        return True
    value = repo.config("core.autocrlf")
    return (value if value is None else value.lower()) not in _OFF


def _driver(repo: Repo, attributes: Mapping[str, str]) -> str | None:
    """Return the filter that cleans a file, when somebody has configured it."""
    name = attributes["filter"]
    if name in (*_NOT_SET, "set"):
        return None
    commands = (repo.config(f"filter.{name}.clean"), repo.config(f"filter.{name}.process"))
    return name if any(commands) else None


def _convert(repo: Repo, paths: list[str]) -> dict[str, bytes]:
    if not paths:
        return {}
    with tempfile.TemporaryDirectory(prefix="git-bt-") as name:
        place = Path(name)
        (place / "objects").mkdir()
        index = repo.git_dir / "index"
        if index.exists():
            shutil.copyfile(index, place / "index")
        env = {
            "GIT_INDEX_FILE": str(place / "index"),
            "GIT_OBJECT_DIRECTORY": str(place / "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": _quote(repo.common_dir / "objects"),
        }
        repo.git(
            "-c", "core.safecrlf=false", "-c", "core.splitIndex=false",
            "update-index", "--add", "--replace", "-z", "--stdin",
            stdin="\0".join(paths).encode() + b"\0", env=env,
        )  # fmt: skip
        oids = _oids(repo.git("ls-files", "-s", "-z", env=env).out, frozenset(paths))
        asked = "".join(f"{oids[path]}\n" for path in paths).encode()
        return _contents(repo.git("cat-file", "--batch", stdin=asked, env=env).out, paths)


def _quote(path: Path) -> str:
    """Write a path so that a colon in it does not end it; git reads C quotes here."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"' if os.pathsep in text or '"' in text else text


def _oids(listing: bytes, wanted: frozenset[str]) -> dict[str, str]:
    found = {}
    for line in listing.split(b"\0"):
        head, _, path = line.partition(b"\t")
        name = path.decode(errors="surrogateescape")
        if name in wanted:
            found[name] = head.split()[1].decode()
    return found


def _contents(out: bytes, paths: list[str]) -> dict[str, bytes]:
    contents, at = {}, 0
    for path in paths:
        end = out.index(b"\n", at)
        size = int(out[at:end].split()[2])
        contents[path] = out[end + 1 : end + 1 + size]
        at = end + size + 2
    return contents
