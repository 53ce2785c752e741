"""What is installed in an interpreter's folders, by the names there: no process is started."""

import functools
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType


def distributions(site_dirs: tuple[Path, ...]) -> Mapping[str, str]:
    """Return normalised name and version of every distribution, as the folders name them now.

    A folder is listed again only when something was put into it or taken out.
    """
    return _listed(site_dirs, tuple(tuple(stamp(folder)) for folder in site_dirs))


@functools.cache
def _listed(site_dirs: tuple[Path, ...], _: tuple[tuple[int, ...], ...]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for folder in site_dirs:
        try:
            with os.scandir(folder) as inside:
                entries = [entry.name for entry in inside]
        except OSError:
            continue
        for entry in entries:
            stem, _dot, suffix = entry.rpartition(".")
            name, dash, version = stem.partition("-")
            if suffix == "dist-info" and dash:
                found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), version)
    return MappingProxyType(found)


def stamp(path: Path) -> list[int]:
    """Return what changes when a file or folder does, nothing of one that is not there."""
    try:
        s = path.stat()
    except OSError:
        return []
    return [s.st_ino, s.st_size, s.st_mtime_ns]
