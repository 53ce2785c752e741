"""What git knows of a work tree at a moment: commit, whether it is dirty, and what differs.

And where in it a program was started.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from git_bt.repo import Repo

MAX_DIFF = 1 << 20
"""Bytes of a diff that are kept; a larger one is left out, and the tree still said to be dirty."""


def git_state(repo: Repo) -> dict[str, Any]:
    """Return `commit`, `is_dirty` and `diff` of a work tree; nothing before its first commit."""
    head = None if repo.top is None else repo.resolve("HEAD")
    if head is None:
        return {}
    options = ("--no-ext-diff", "--no-textconv", "--binary")
    out = repo.git("diff", *options, "HEAD", check=False).out
    new = repo.git("ls-files", "-o", "--exclude-standard", "-z", check=False).out
    diff = out.decode(errors="backslashreplace") if len(out) <= MAX_DIFF else None
    return {"commit": str(head), "is_dirty": bool(out or new), "diff": diff or None}


def place_of_program(top: Path | None, started: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what `started` tells of its place, from the top; nothing when it lies outside.

    Nor when one is not UTF-8: no record can hold it.

    Args:
        top: of the work tree.
        started: as `live.program.started` gives it.
    """
    from git_bt.files.view import is_utf8

    if top is None or started is None:
        return {}
    found = {name: value for name, value in started.items() if name != "has_words"}
    for name in ("root", "cwd"):
        place = lies_in(top, Path(started[name]))
        if not place.is_relative_to(top):
            return {}
        found[name] = place.relative_to(top).as_posix()
    texts = [value for value in found.values() if isinstance(value, str)]
    return found if all(map(is_utf8, texts)) else {}


def lies_in(top: Path, place: Path) -> Path:
    """Return a place as it lies below `top`, where it was named through a link to it."""
    real = place.resolve()
    return real if not place.is_relative_to(top) and real.is_relative_to(top) else place
