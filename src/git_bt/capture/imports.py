"""The local modules that an entry point loads, found by reading sources, never by running them.

What CPython would load from the project counts: `__init__` files of every package on the way,
namespace packages, submodules named in `from … import`, names that a module of the standard
library has too. The search path is that of a run: the entry's folder, the project root, its
`src/`. Modules installed elsewhere are the environment. Compiled ones, which belong to one machine,
are left out, and it is said.
"""

import os
import posixpath
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from sys import stdlib_module_names

from git_bt.capture.listing import is_foreign, leaves, link_fault
from git_bt.capture.source import Parsed, Place, Reference, parse_source
from git_bt.capture.spec import NAME
from git_bt.errors import CannotWork
from git_bt.files import Files
from git_bt.model import Notice

# Built into the interpreter, or loaded before the first line of a script runs, in 3.9 to 3.13:
# a local file of such a name is never what `import` gives.
NEVER_LOCAL = {
    "__main__", "_abc", "_ast", "_codecs", "_collections", "_collections_abc",
    "_frozen_importlib", "_frozen_importlib_external", "_functools", "_imp", "_io", "_locale",
    "_operator", "_signal", "_sitebuiltins", "_sre", "_stat", "_string", "_symtable", "_thread",
    "_tracemalloc", "_warnings", "_weakref", "abc", "atexit", "builtins", "codecs", "encodings",
    "errno", "faulthandler", "gc", "genericpath", "io", "itertools", "marshal", "os", "posix",
    "posixpath", "pwd", "site", "stat", "sys", "time", "zipimport",
}  # fmt: skip
_PARSED = (".py", ".pyw", ".ipynb")
_COMPILED = (".pyc", *EXTENSION_SUFFIXES)


def find_imports(files: Files, root: str, entry: str) -> tuple[tuple[str, ...], list[Notice]]:
    """Return the entry point and every local module that it loads, sorted.

    Args:
        files: the view that they are looked up in.
        root: the project root from the top of the view, nothing for the top itself.
        entry: the entry point from the top.

    Returns:
        The paths from the top, and notices about what could not be followed.
    """
    closure = _Closure(files, root, entry)
    closure.run()
    return tuple(sorted(closure.found)), closure.notices


@dataclass(frozen=True, slots=True)
class _Located:
    """Where one name of a dotted module lies: a file, the folders below which more may lie."""

    file: str | None
    folders: tuple[str, ...]


class _Closure:
    """Follows imports breadth first, so that each level of files is read at once."""

    def __init__(self, files: Files, root: str, entry: str) -> None:
        self.files = files
        self.root = root
        self.entry = entry
        self.found: dict[str, None] = {}
        self.notices: list[Notice] = []
        self._parsed: dict[str, Parsed] = {}
        self._located: dict[tuple[str, tuple[str, ...]], _Located | None] = {}
        places = (posixpath.dirname(entry), root, posixpath.join(root, "src"))
        self._search = tuple(dict.fromkeys(places))

    def run(self) -> None:
        done: set[str] = set()
        self._add(self.entry)
        while level := [path for path in self.found if path not in done]:
            self._load(level)
            for path in level:
                done.add(path)
                for reference in self._parse(path).references:
                    self.refer(reference, path)
                for place in self._parse(path).places:
                    self._find(place)
        for path in self.found:
            self.notices += self._parse(path).notices

    def _load(self, level: list[str]) -> None:
        """Read files at once; one that cannot be read is not followed: who takes it says so."""
        try:
            self.files.load(level)
        except CannotWork:
            for path in level:
                try:
                    self.files.load((path,))
                except CannotWork:
                    self._parsed[path] = Parsed()

    def refer(self, reference: Reference, path: str) -> None:
        """Add what one import in a file loads."""
        if reference.level:
            folders = self._package(path, reference.level)
        elif reference.module[0] in NEVER_LOCAL:
            return
        else:
            folders = self._search
        below = self._walk(reference.module, folders)
        for name in self._names(reference, below):
            self._walk((name,), below)

    def _find(self, place: Place) -> None:
        """Add a file that is named by its path, which is meant from where the run starts."""
        for folder in dict.fromkeys((posixpath.dirname(self.entry), self.root)):
            path = posixpath.normpath(posixpath.join(folder, place.path))
            if not leaves(path) and self.files.find(path) is not None:
                self._add(path)
                return
        self.notices.append(place.notice)

    def _names(self, reference: Reference, folders: tuple[str, ...]) -> Iterable[str]:
        if "*" not in reference.names or len(folders) != 1:
            return reference.names
        init = posixpath.join(folders[0], "__init__.py")
        if init not in self.found:
            return ()
        return self._parse(init).exports

    def _package(self, path: str, level: int) -> tuple[str, ...]:
        """Return the folder that leading dots name; the packages on the way are loaded."""
        base = posixpath.dirname(path)
        for init in self._inits(base):
            self._add(init)
        for _ in range(level - 1):
            if not base:
                return ()
            base = posixpath.dirname(base)
        return (base,)

    def _inits(self, folder: str) -> list[str]:
        """Return the `__init__` files of a folder and those above it, inside the root."""
        found = [posixpath.join(folder, "__init__.py")]
        while folder not in (self.root, ""):
            folder = posixpath.dirname(folder)
            if folder not in (self.root, ""):
                found.append(posixpath.join(folder, "__init__.py"))
        return [init for init in found if self.files.find(init) is not None]

    def _walk(self, module: tuple[str, ...], folders: tuple[str, ...]) -> tuple[str, ...]:
        """Add every file of a dotted module, and return the folders where submodules lie."""
        for name in module:
            located = self._locate(name, folders)
            if located is None:
                return ()
            if located.file is not None:
                self._add(located.file)
            folders = located.folders
        return folders

    def _locate(self, name: str, folders: tuple[str, ...]) -> _Located | None:
        key = (name, folders)
        if key not in self._located:
            self._located[key] = self._look(name, folders)
        return self._located[key]

    def _look(self, name: str, folders: tuple[str, ...]) -> _Located | None:
        """Look a name up as CPython's path finder does: package, module, namespace portions."""
        portions = []
        for folder in folders:
            place = posixpath.join(folder, name)
            init = posixpath.join(place, "__init__.py")
            if self.files.find(init) is not None:
                return _Located(init, (place,))
            if self.files.find(place + ".py") is not None:
                return _Located(place + ".py", ())
            for path in (init, place + ".py"):
                if is_foreign(self.files, path):
                    self._outside(path, "is imported, but lies in a repository of its own")
                    return None
            if self._is_folder(place):
                portions.append(place)
        if portions:
            return _Located(None, tuple(portions))
        if name not in stdlib_module_names:
            self._say_compiled([posixpath.join(folder, name) for folder in folders])
        return None

    def _is_folder(self, place: str) -> bool:
        """Tell whether a folder is there; one that git ignores counts, as its files do."""
        if self.files.is_folder(place):
            return True
        top = self.files.top if self.files.on_disk else None
        return top is not None and os.path.isdir(top / place)  # noqa: PTH112  names are long

    def _say_compiled(self, stems: list[str]) -> None:
        for path in [stem + suffix for stem in stems for suffix in _COMPILED]:
            if self.files.find(path) is not None:
                message = f"{path} is compiled, and left out; if it can move, list it in {NAME}"
                self.notices.append(Notice(kind="source_undecodable", message=message, path=path))
                return

    def _add(self, path: str) -> None:
        if path in self.found:
            return
        if leaves(path) or (self.root and not path.startswith(self.root + "/")):
            self._outside(path, "is imported, but lies outside the project root")
            return
        fault = link_fault(self.files, path, self.root)
        if fault is not None and fault not in self.notices:
            self.notices.append(fault)
        entry = self.files.find(path)
        if entry is not None and entry.fault is None:
            self.found[path] = None

    def _outside(self, path: str, what: str) -> None:
        notice = Notice(kind="file_outside_root", message=f"{path} {what}", path=path)
        if notice not in self.notices:
            self.notices.append(notice)

    def _parse(self, path: str) -> Parsed:
        if path not in self._parsed:
            source = self.files.source(path) if path.endswith(_PARSED) else None
            self._parsed[path] = Parsed() if source is None else parse_source(source.read(), path)
        return self._parsed[path]
