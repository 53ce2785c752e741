"""A strategy's files, with their bytes: the list of its strategy.yaml, or what its entry loads."""

import posixpath
from collections.abc import Mapping
from contextlib import suppress

from git_bt.capture.imports import find_imports
from git_bt.errors import BtError, Corrupt, Usage
from git_bt.files import Files, Stamp, stamp_of
from git_bt.model import Captured, Notice, Snapshot, Strategy
from git_bt.paths import check_path, check_paths

MODES = ("imports", "entry_point")


def capture(
    files: Files, strategy: Strategy, *, mode: str = "imports", lenient: bool = False
) -> Captured:
    """Return the snapshot of a strategy as a view holds it, with its bytes.

    Args:
        files: the view.
        strategy: what is captured; its list of files, where it has one, stands above the mode.
        mode: imports (the entry point and the local modules it loads) or entry_point.
        lenient: leave out what cannot be read or stored, with a notice, but for the entry point.

    Raises:
        Usage: a file is not there, or paths that cannot be together in a bundle.
        CannotWork: a file cannot be read.
    """
    root = "" if strategy.root == "." else strategy.root
    entry = posixpath.join(root, strategy.entry_point)
    method, paths, notices = _method(files, strategy, root, entry, mode)
    before = _stamps(files, paths) if lenient else {}
    if lenient:
        paths, faults = _readable(files, paths, entry)
        notices += faults
    files.load(paths)
    taken = {posixpath.relpath(path, root or "."): path for path in paths}
    try:
        check_paths(taken)
    except Corrupt as e:
        raise Usage(f"{strategy.name}: {e}", hint="rename it") from e
    sources = {name: files.source(path) for name, path in taken.items()}
    said = [notice for notice in files.notices if notice.path in paths]
    return Captured(
        snapshot=Snapshot(
            entry_point=strategy.entry_point,
            method=method,
            files={name: files.member(path) for name, path in taken.items()},
        ),
        content={name: source for name, source in sources.items() if source is not None},
        notices=(*strategy.notices, *notices, *said, *_changed(files, before)),
    )


# -- lenient: what cannot be had is said, and the rest is taken -----------------------------------


def _readable(
    files: Files, paths: tuple[str, ...], entry: str
) -> tuple[tuple[str, ...], list[Notice]]:
    """Return the paths whose bytes can be had and stored, and a notice of each other one."""
    with suppress(BtError):  # all at once, where nothing is wrong: each look starts a git process
        for path in paths:
            check_path(path)
        files.load(paths)
        return paths, []
    found, notices = [], []
    for path in paths:
        if path == entry:
            found.append(path)
            continue
        try:
            check_path(path)
            files.load((path,))
        except BtError as e:
            kind = "source_undecodable" if path.endswith(".py") else "listed_file_missing"
            notices.append(Notice(kind=kind, message=f"left out {path}: {e.message}", path=path))
        else:
            found.append(path)
    return tuple(found), notices


def _stamps(files: Files, paths: tuple[str, ...]) -> dict[str, Stamp | None]:
    """Return what changes when a file on disk is written to, from before it was read."""
    return {path: _stamp(files, path, read=True) for path in paths} if files.on_disk else {}


def _stamp(files: Files, path: str, *, read: bool = False) -> Stamp | None:
    entry = files.find(path)
    if entry is None or files.top is None:
        return None
    if read and entry.real in files.stamps:
        return files.stamps[entry.real]
    try:
        return stamp_of(files.top / entry.real)
    except OSError:
        return None


def _changed(files: Files, before: Mapping[str, Stamp | None]) -> list[Notice]:
    changed = [path for path, stamp in before.items() if _stamp(files, path) != stamp]
    return [
        Notice(
            kind="source_changed_since_load",
            message=f"{path} was written to while it was captured; capture it again",
            path=path,
        )
        for path in changed
    ]


# -- which files ----------------------------------------------------------------------------------


def _method(
    files: Files, strategy: Strategy, root: str, entry: str, mode: str
) -> tuple[str, tuple[str, ...], list[Notice]]:
    """Return how the files are found, their paths from the top, and what was noticed."""
    if strategy.files is not None:
        listed = {posixpath.join(root, path) for path in strategy.files} | {entry}
        return "yaml", tuple(sorted(listed)), []
    if mode == "entry_point":
        return mode, (entry,), []
    return "imports", *find_imports(files, root, entry)
