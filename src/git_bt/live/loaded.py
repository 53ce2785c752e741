"""The local modules that this process has loaded; an analysis of sources is checked against it."""

from __future__ import annotations

import os
import sys

from git_bt.live.places import is_installed
from git_bt.live.proof import changed_since_import

TYPE_CHECKING = False  # typing's own costs 10 ms
if TYPE_CHECKING:
    from typing import Any


class Loaded:
    """A module of the project that is loaded: its source, and whether that was changed since."""

    __slots__ = ("changed", "name", "path")

    def __init__(self, name: str, path: str, *, changed: bool) -> None:
        self.name = name
        self.path = path
        self.changed = changed


def local_modules(root: str) -> list[Loaded]:
    """Return the modules whose source lies below a project root and is not installed there."""
    found: dict[str, Loaded] = {}
    below = os.path.join(root, "")
    for name, module in list(sys.modules.items()):
        file, cached = _source(module)
        if file is None or file in found or not file.startswith(below) or is_installed(file):
            continue
        if name != "__main__" and os.path.isfile(file):
            changed = changed_since_import(file, cached)
            found[file] = Loaded(name, file, changed=changed)
    return list(found.values())


def _source(module: Any) -> tuple[str | None, str | None]:
    """Return a module's source and byte code; lazy module objects raise what they like."""
    try:
        file = module.__dict__.get("__file__")
        spec = module.__dict__.get("__spec__")
        cached = getattr(spec, "cached", None)
    except Exception:  # whatever a lazy module raises, the others count
        return None, None
    if not isinstance(file, str) or not file.endswith((".py", ".pyw")):
        return None, None
    return os.path.abspath(file), cached if isinstance(cached, str) else None
