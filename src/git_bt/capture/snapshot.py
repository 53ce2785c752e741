"""A strategy's files, with their bytes: the list of its strategy.yaml, or what its entry loads."""

import posixpath

from git_bt.capture.imports import find_imports
from git_bt.errors import Corrupt, Usage
from git_bt.files import Files
from git_bt.model import Captured, Notice, Snapshot, Strategy
from git_bt.paths import check_paths

MODES = ("imports", "entry_point")


def capture(files: Files, strategy: Strategy, *, mode: str = "imports") -> Captured:
    """Return the snapshot of a strategy as a view holds it, with its bytes.

    Args:
        files: the view.
        strategy: what is captured; its list of files, where it has one, stands above the mode.
        mode: imports (the entry point and the local modules it loads) or entry_point.

    Raises:
        Usage: a file is not there, or paths that cannot be together in a bundle.
        CannotWork: a file cannot be read.
    """
    root = "" if strategy.root == "." else strategy.root
    entry = posixpath.join(root, strategy.entry_point)
    method, paths, notices = _method(files, strategy, root, entry, mode)
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
        notices=(*strategy.notices, *notices, *said),
    )


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
