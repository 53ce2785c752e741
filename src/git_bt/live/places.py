"""Which files are the user's, and which are installed: the real folders of this interpreter count.

What a path looks like says nothing: a project may lie below `lib/python`, or be called like an
engine.
"""

from __future__ import annotations

import os
import sys

_files: dict[str, str | None] = {}
_installed: dict[str, bool] = {}
_places: list[str] = []


def file_of(name: str) -> str | None:
    """Return the absolute path of the file that a code names; None for text, and what is gone."""
    if name not in _files:
        path = os.path.abspath(name)
        _files[name] = path if not name.startswith("<") and os.path.isfile(path) else None
    return _files[name]


def is_installed(path: str) -> bool:
    """Tell whether a file is the interpreter's, or lies where packages and programs go."""
    if path not in _installed:
        _installed[path] = path.startswith(tuple(_installed_places()))
    return _installed[path]


def _installed_places() -> list[str]:
    if not _places:
        import site  # it has run already, but for `python -S`

        found = [os.path.dirname(os.__file__), *site.getsitepackages()]
        if site.ENABLE_USER_SITE and site.USER_SITE:
            found.append(site.USER_SITE)
        for prefix in (sys.prefix, sys.base_prefix):
            found += [os.path.join(prefix, name) for name in ("bin", "Scripts")]
        found.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # git_bt
        both = [*found, *map(os.path.realpath, found)]
        _places.extend(os.path.join(place, "") for place in dict.fromkeys(both))
    return _places


MARKERS = ("pyproject.toml", "setup.py", ".git")
_roots: dict[str, str] = {}


def project_root(path: str) -> str:
    """Return the nearest folder above a file that a project file or git marks, else its own."""
    own = os.path.dirname(os.path.abspath(path))
    if own not in _roots:
        place = own
        while not any(os.path.lexists(os.path.join(place, marker)) for marker in MARKERS):
            above = os.path.dirname(place)
            if above == place:
                place = own
                break
            place = above
        _roots[own] = place
    return _roots[own]
