"""What numba compiled of an engine's own functions, kept from run to run.

numba finds what it compiled by the code of a function and not by that of the functions which it
calls, and numbers its files so that two writers at once can mix them up. So a run has a cache of
its own. It is lent what earlier runs compiled when the strategy's file was loaded, and what it
compiles of the engine's functions is kept in one file, which is replaced whole; functions of the
strategy's own are not kept. Whatever happens to that file costs time and nothing else.

A strategy that puts something of its own in the place of the engine's names, or changes numba's
settings, would be compiled otherwise than the rest: it is lent nothing, and nothing of it is kept.
Standard library only at import, Python ≥ 3.9.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import sys
import tempfile
from typing import Any

from .refusal import Refused

MOST = 64 << 20  # bytes of one environment; a file above it is begun anew
FILES = 8  # of the newest environments


class Kept:
    """The cache of one engine in this run.

    Args:
        package: the engine's package; it is imported by `load`, before anything of a strategy.
    """

    def __init__(self, package: str) -> None:
        self.package = package
        self.place = ""
        self.file = ""
        self.folders: frozenset[str] = frozenset()
        self.names: dict[str, dict[str, Any]] = {}
        self.is_changed = False
        self.lent: dict[str, tuple[int, int]] = {}

    def load(self) -> None:
        """Import the engine, its cache a folder of this run's."""
        self.place = os.path.join(tempfile.gettempdir(), "numba")
        os.environ["NUMBA_CACHE_DIR"] = self.place
        importlib.import_module(self.package)
        with contextlib.suppress(OSError):
            self.folders = frozenset(os.listdir(self.place))
        self.names = _names(self.package)
        self.file = _file(self.package)

    def lend(self, folder: str | None) -> None:
        """Fill the cache with what is kept; called when the strategy's file is loaded.

        Args:
            folder: where it is kept; None keeps nothing.
        """
        self.is_changed = self._changed() is not None
        if folder is None or self.is_changed:
            return
        kept, files = os.path.join(folder, self.file), dict[str, bytes]()
        try:
            files = self._read(kept)
            for name, data in files.items():
                with open(os.path.join(self.place, name), "wb") as f:
                    f.write(data)
            self.lent = self._stamps()
        except Exception:  # a damaged archive raises what zipfile does not name: it costs time only
            for name in files:
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(self.place, name))
        else:
            with contextlib.suppress(OSError):  # the folder may be another's
                os.utime(kept)

    def keep(self, folder: str | None) -> None:
        """Keep what was compiled anew; called when the strategy has run.

        Args:
            folder: see `lend`.

        Raises:
            Refused: the strategy changed the engine while it ran, which what is compiled already
                would not see.
        """
        if self.is_changed:
            return
        changed = self._changed()
        if changed is not None:
            told = f"the strategy changed {changed} while it ran: compiled code may not see that"
            raise Refused("raised", told, "change it at the top of the file")
        if folder is None:
            return
        with contextlib.suppress(OSError):  # of the cache too: the strategy may have removed it
            stamps = self._stamps()
            if stamps != self.lent:
                self._write(folder, sorted(stamps))

    def _read(self, kept: str) -> dict[str, bytes]:
        """Return all files of an archive; none when one is lost or is no file of the engine's."""
        from zipfile import ZipFile

        with ZipFile(kept) as archive:
            names = archive.namelist()
            is_whole = archive.comment == str(len(names)).encode()
            if not is_whole or not self.folders.issuperset(map(os.path.dirname, names)):
                return {}
            return {name: archive.read(name) for name in names}

    def _write(self, folder: str, names: list[str]) -> None:
        from zipfile import ZipFile

        os.makedirs(folder, exist_ok=True)
        kept = os.path.join(folder, self.file)
        fresh = f"{kept}.{os.getpid()}"
        try:
            with ZipFile(fresh, "w") as archive:
                for name in names:
                    archive.write(os.path.join(self.place, name), name)
                archive.comment = str(len(names)).encode()  # a damaged directory may lose some
            if os.path.getsize(fresh) <= MOST:
                os.replace(fresh, kept)
            elif os.path.exists(kept):
                os.unlink(kept)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(fresh)
        paths = [os.path.join(folder, name) for name in os.listdir(folder)]
        for old in sorted(paths, key=os.path.getmtime, reverse=True)[FILES:]:
            os.unlink(old)

    def _stamps(self) -> dict[str, tuple[int, int]]:
        """Return the engine's files in the cache, with what changes when one is written."""
        found = {}
        for folder in self.folders:
            for entry in os.scandir(os.path.join(self.place, folder)):
                s = entry.stat()
                found[f"{folder}/{entry.name}"] = s.st_ino, s.st_mtime_ns
        return found

    def _changed(self) -> str | None:
        """Return the first name of the engine's that is another's now, None when all are its."""
        for module, names in self.names.items():
            there = sys.modules.get(module)
            if there is None:
                return module
            now = vars(there)
            for name, value in names.items():
                if now.get(name) is not value:
                    return f"{module}.{name}"
        return None


def _file(package: str) -> str:
    """Return the name of the file for this Python, the engine and what compiles it."""
    modules = [sys.modules[name] for name in (package, "numba", "llvmlite", "numpy")]
    versions = [str(getattr(module, "__version__", "")) for module in modules]
    told = "\n".join([str(modules[0].__file__), sys.version, *versions])
    return f"{package}-{hashlib.sha256(told.encode()).hexdigest()[:16]}.zip"


def _names(package: str) -> dict[str, dict[str, Any]]:
    """Return all that compiled code may look up: names of its modules, and numba's settings."""
    from numba.core import config
    from numba.core.dispatcher import Dispatcher

    found = {config.__name__: {k: v for k, v in vars(config).items() if k.isupper()}}
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == package:
            names = dict(vars(module))
            if any(isinstance(value, Dispatcher) for value in names.values()):
                found[name] = names
    return found
