"""The sha256 of what is large, remembered: of files on disk by their stat, of blobs by their id.

One JSON file below the common git directory; losing it costs time and nothing else, so that it is
never locked and whoever writes last wins. A file that was touched less than a second before it was
hashed is not remembered: a later write in the same tick of the clock would leave the same stat.
"""

import hashlib
import json
import os
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from git_bt.caches import keep
from git_bt.errors import CannotWork

SMALL = 1 << 16  # below this hashing is as fast as looking up
_KEPT = 20_000
_RACY_NS = 1_000_000_000
_CHUNK = 1 << 20
_QUIETLY = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # a named pipe in a tape must not hang us


class Digests:
    """Digests with a memory; without a place they are remembered for this process only."""

    def __init__(self, place: Path | None) -> None:
        self._place = place
        self._memory: dict[str, list[Any]] | None = None
        self._new: dict[str, list[Any]] = {}

    def file(self, path: Path) -> tuple[str, int]:
        """Return sha256 and size of a regular file on disk, links followed.

        Raises:
            CannotWork: it cannot be read, is no regular file, or changes while it is read.
        """
        try:
            with os.fdopen(os.open(path, _QUIETLY), "rb") as file:
                before = os.fstat(file.fileno())
                if not stat.S_ISREG(before.st_mode):
                    raise CannotWork(f"not a regular file: {path}")
                key, seen = f"file {path.absolute()}", _stamp(before)
                found = self._find(key, seen)
                if found is not None:
                    return found, before.st_size
                digest = hashlib.sha256()
                while piece := file.read(_CHUNK):
                    digest.update(piece)
                after = _stamp(os.fstat(file.fileno()))
        except OSError as e:
            raise CannotWork(f"cannot read {path}: {e.strerror}") from e
        if after != seen:
            raise CannotWork(f"{path} changed while it was read", hint="run it again")
        fresh = time.time_ns() - max(before.st_mtime_ns, before.st_ctime_ns) < _RACY_NS
        if before.st_size >= SMALL and not fresh:
            self._remember(key, [*seen, digest.hexdigest()])
        return digest.hexdigest(), before.st_size

    def blob(self, oid: str) -> tuple[str, int] | None:
        """Return sha256 and size of a blob that was remembered."""
        entry = self._read().get(f"blob {oid}")
        return (entry[1], entry[0]) if entry is not None and len(entry) == 2 else None

    def remember_blob(self, oid: str, sha256: str, size: int) -> None:
        """Remember sha256 and size of a blob, which never change."""
        if size >= SMALL:
            self._remember(f"blob {oid}", [size, sha256])

    def save(self) -> None:
        """Write what is new; a place that cannot be written is left as it is."""
        if self._place is None or not self._new:
            return
        self._memory = None
        kept = {**self._read(), **self._new}
        kept = dict(list(kept.items())[-_KEPT:])
        keep(self._place, json.dumps(kept, separators=(",", ":")))
        self._new = {}

    def _find(self, key: str, seen: list[int]) -> str | None:
        entry = self._read().get(key)
        return str(entry[-1]) if entry is not None and entry[:-1] == seen else None

    def _remember(self, key: str, entry: list[Any]) -> None:
        self._read()[key] = entry
        self._new[key] = entry

    def _read(self) -> dict[str, list[Any]]:
        if self._memory is None:
            self._memory = {}
            if self._place is not None:
                with suppress(OSError, ValueError):
                    found = json.loads(self._place.read_bytes())
                    if isinstance(found, dict):
                        self._memory = {k: v for k, v in found.items() if _is_entry(v)}
        return self._memory


def _is_entry(value: object) -> bool:
    """Tell whether a value read back is one of ours: whole numbers, then a sha256."""
    if not isinstance(value, list) or len(value) not in (2, 5):
        return False
    *numbers, digest = value
    return all(type(n) is int for n in numbers) and isinstance(digest, str) and len(digest) == 64


def _stamp(seen: os.stat_result) -> list[int]:
    return [seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino]
