"""The list of files in a strategy.yaml: names and patterns made into files of a view."""

import fnmatch
import os
import posixpath
import re

from git_bt.capture.spec import NAME
from git_bt.files import LEAVES, Files
from git_bt.model import Notice

_GLOB = re.compile(r"[*?\[]")


def leaves(path: str) -> bool:
    """Tell whether a path in its short form leads out of what it is relative to."""
    return path.startswith(("/", "../")) or path == ".."


def listed_files(
    files: Files, items: tuple[str, ...] | None, folder: str, root: str
) -> tuple[list[str] | None, list[Notice]]:
    """Return the files of a list from the top, and what is wrong with some of its items.

    Args:
        files: the view that they are looked up in.
        items: the list as it is written; None gives None.
        folder: where the list lies, from the top.
        root: the project root, from the top.
    """
    if items is None:
        return None, []
    found: list[str] = []
    notices: list[Notice] = []
    seen: set[str] = set()
    for item in items:
        full = posixpath.normpath(posixpath.join(folder, item))
        if full in seen:
            continue
        seen.add(full)
        outside = leaves(full) or (root and not full.startswith(root + "/"))
        if outside:
            what = "must be relative" if item.startswith("/") else "lies outside the project root"
            notices.append(_notice("path_escapes_root", item, what))
            continue
        matched = _matches(files, full)
        for path in matched:
            fault = link_fault(files, path, root)
            if fault is not None and fault not in notices:
                notices.append(fault)
            if not _is_broken(files, path):
                found.append(path)
        if not matched:
            notices.append(_unmatched(files, full, item))
    return found, notices


def _unmatched(files: Files, full: str, item: str) -> Notice:
    if files.is_folder(full):
        what = "is a folder: list files, or folder/**"
        return _notice("listed_path_is_directory", item, what)
    what = "is listed, but not there"
    if is_foreign(files, full):
        what = "is listed, but lies in a repository of its own"
    elif _GLOB.search(full):
        what = "is listed, but matches no file"
    return _notice("listed_file_missing", item, what)


def is_foreign(files: Files, path: str) -> bool:
    """Tell whether a file that a view does not have is on disk: another repository has it."""
    top = files.top if files.on_disk and files.in_git else None
    return top is not None and os.path.isfile(top / path)  # noqa: PTH113  pathlib raises at a long name


def _notice(kind: str, path: str, what: str) -> Notice:
    return Notice(kind=kind, message=f"{path} {what}", path=path)


def _is_broken(files: Files, path: str) -> bool:
    entry = files.find(path)
    return entry is None or entry.fault is not None


def link_fault(files: Files, path: str, root: str) -> Notice | None:
    """Return what is to be said of a link: it leads nowhere, or out of the project root."""
    entry = files.find(path)
    if entry is None or not entry.link:
        return None
    if entry.fault == LEAVES:
        return _notice("file_outside_root", path, "is a link that leads outside")
    if entry.fault is not None:
        return _notice("listed_file_missing", path, f"is a link that {entry.fault}")
    if root and not entry.real.startswith(root + "/"):
        return _notice(
            "file_outside_root", path, f"is a link to {entry.real}; its content is taken"
        )
    return None


def _matches(files: Files, pattern: str) -> list[str]:
    """Return the file of that name, else what the pattern matches."""
    if files.find(pattern) is not None:
        return [pattern]
    special = _GLOB.search(pattern)
    if special is None:
        return []
    folder = pattern[: special.start()].rpartition("/")[0]
    return [path for path in files.paths(folder) if _is_wanted(path) and is_match(pattern, path)]


def _is_wanted(path: str) -> bool:
    """Tell whether a pattern may match a file: never byte code, never strategy.yaml itself."""
    name = posixpath.basename(path)
    return name != NAME and not name.endswith((".pyc", ".pyo")) and "__pycache__/" not in path


def is_match(pattern: str, path: str) -> bool:
    """Tell whether a pattern matches a path.

    `*`, `?` and `[a-z]` stay within a name, `**` is any number of folders, and no wildcard matches
    a name that starts with a dot unless the pattern writes the dot.
    """
    parts = pattern.split("/")
    states = _skip(parts, {0})  # how many parts may have been matched so far
    for name in path.split("/"):
        states = _skip(parts, {after for at in states for after in _step(parts, at, name)})
    return len(parts) in states


def _step(parts: list[str], at: int, name: str) -> tuple[int, ...]:
    """Return the states that one more name leads to."""
    if at == len(parts):
        return ()
    hidden = name.startswith(".") and not parts[at].startswith(".")
    if hidden:
        return ()
    if parts[at] == "**":
        return (at, at + 1) if at == len(parts) - 1 else (at,)
    return (at + 1,) if fnmatch.fnmatchcase(name, parts[at]) else ()


def _skip(parts: list[str], states: set[int]) -> set[int]:
    """Add the states behind a `**` that matches no folder; at the end it must match a name."""
    for at in range(len(parts) - 1):
        if at in states and parts[at] == "**":
            states.add(at + 1)
    return states
