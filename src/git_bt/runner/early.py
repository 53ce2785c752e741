"""Prove tables while the run that wrote them still writes the rest.

Only a head start: what is noted is the digest of bytes that were proved, and what the run left at
its end counts as proved only where it has that digest. Nothing seen here is ever used.
"""

import os
import stat
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from git_bt.canonical import sha256
from git_bt.errors import Corrupt
from git_bt.tables import COLUMNS, check_table

POLL_S = 0.05


class Early:
    """Watches a folder in a thread of its own; a context manager.

    Args:
        folder: where the run writes.
        known: sha256 by name of what needs no proof.
    """

    def __init__(self, folder: Path, known: Mapping[str, str]) -> None:
        self.proved: dict[str, str] = {}
        self._folder = folder
        self._known = known
        self._seen: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(POLL_S):
            with suppress(OSError):  # the run may do with its folder what it likes
                self._look()

    def _look(self) -> None:
        tables = [path for path in self._folder.iterdir() if path.name in COLUMNS]
        # The newest may still be written.
        for path in sorted(tables, key=lambda p: p.lstat().st_mtime_ns)[:-1]:
            if path.name not in self._seen and not self._over.is_set():
                self._seen.add(path.name)
                data = _regular(path)
                digest = sha256(data)
                if self._known.get(path.name) != digest:
                    with suppress(Corrupt):  # said again at the end, if it is still so
                        check_table(data, path.name)
                        self.proved[path.name] = digest


def _regular(path: Path) -> bytes:
    """Return the bytes of a file; raises OSError for a link, a pipe, a device."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(f"{path} is no regular file")
        return file.read()
