"""From the entry point of a run that goes on to a snapshot: the bytes as they lie on disk now.

No git process is started: the files are those that the interpreter reads. In the mode `imports`
what is loaded counts too, so that a module whose name was computed is not missed.
"""

import posixpath
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from git_bt.canonical import sha256
from git_bt.capture.snapshot import capture
from git_bt.capture.spec import NAME
from git_bt.capture.strategy import likely_entry, read_strategy
from git_bt.errors import BtError
from git_bt.files import Files, folder_files
from git_bt.live.found import Detection
from git_bt.live.loaded import local_modules
from git_bt.live.places import project_root
from git_bt.model import Captured, Data, Member, Notice, Snapshot

NO_NOTEBOOK = "notebook.ipynb"
_UNSEEN = Notice(
    kind="detection_uncertain",
    message="what strategy.yaml lists was captured; the code that ran is in no file of the project",
)


def capture_running(
    found: Detection, *, mode: str, with_loaded: bool = True, cwd: Path | None = None
) -> Captured:
    """Return the snapshot of the entry point that was found, with what was noticed on the way.

    Args:
        found: the entry point. Of a notebook, the cells that were executed are captured as
            `<notebook>_executed.py` beside it. Where none was found, the nearest strategy.yaml
            counts, from where the program works up to the root of its project.
        mode: entry_point or imports; a strategy.yaml beside the entry point stands above it.
        with_loaded: what this process has loaded counts in the mode imports.
        cwd: where the program works, None for this process.

    Returns:
        A snapshot; its entry point is empty, and it holds no file, when there is none.
    """
    noticed = tuple(Notice(kind=n.kind, message=n.message, path=n.path) for n in found.warnings)
    captured = Captured(snapshot=Snapshot(entry_point="", method=mode, files={}), content={})
    try:
        if found.detected_file is None:
            listed = _listed_above(cwd or Path.cwd(), mode)
            if listed is not None:
                # A notebook's own code is captured beside it: then nothing that ran is missing.
                captured, noticed = listed, (_UNSEEN,) if found.cells is None else ()
        else:
            root = project_root(found.detected_file)
            captured = capture_entry(root, found.detected_file, mode=mode, with_loaded=with_loaded)
    except (BtError, OSError) as e:
        failed = Notice(kind="detection_failed", message=str(e), path=found.detected_file)
        noticed = (*noticed, failed)
    if found.cells is not None:
        book = NO_NOTEBOOK if found.detected_file is None else captured.snapshot.entry_point
        captured = _with_cells(captured, found.cells, book or NO_NOTEBOOK)
    return replace(captured, notices=(*noticed, *captured.notices))


def _listed_above(cwd: Path, mode: str) -> Captured | None:
    """Return what the nearest strategy.yaml lists; None without one, or where it lists nothing.

    Raises:
        Usage: it cannot be understood, or neither names nor lists a module that could be the entry.
    """
    root = Path(project_root(str(cwd / NAME)))
    above = (folder for folder in (cwd, *cwd.parents) if folder.is_relative_to(root))
    folder = next((each for each in above if (each / NAME).is_file()), None)
    if folder is None:
        return None
    files = folder_files(root)
    place = folder.relative_to(root).as_posix()
    entry = likely_entry(files, place)
    strategy = read_strategy(files, place, overrides={"entry_point": entry}, root=".", lenient=True)
    return None if strategy.files is None else capture(files, strategy, mode=mode, lenient=True)


def capture_entry(root: str, entry: str, *, mode: str, with_loaded: bool) -> Captured:
    """Return the snapshot of an entry file below a project root, as both lie on disk.

    Raises:
        Usage: the entry file is not there, or has a name that cannot be stored.
        CannotWork: it cannot be read.
    """
    files = folder_files(Path(root))
    path = Path(entry).relative_to(root).as_posix()
    strategy = read_strategy(files, path, root=".", lenient=True)
    captured = capture(files, strategy, mode=mode, lenient=True)
    if with_loaded and captured.snapshot.method == "imports":
        captured = _with_loaded(files, captured, root)
    return captured


def _with_loaded(files: Files, captured: Captured, root: str) -> Captured:
    """Add the local modules that are loaded and that no source names."""
    members = dict(captured.snapshot.files)
    content = dict(captured.content)
    notices = list(captured.notices)
    for module in local_modules(root):
        path = Path(module.path).relative_to(root).as_posix()
        if module.changed:
            message = f"{path} was changed after it was loaded: what ran is not what is there"
            notices.append(Notice(kind="source_changed_since_load", message=message, path=path))
        if path in members:
            continue
        try:
            source = files.source(path)
            if source is not None:
                members[path], content[path] = files.member(path), source
        except BtError as e:
            message = f"left out {path}: {e.message}"
            notices.append(Notice(kind="source_undecodable", message=message, path=path))
    snapshot = replace(captured.snapshot, files=dict(sorted(members.items())))
    return Captured(snapshot=snapshot, content=content, notices=tuple(notices))


def _with_cells(captured: Captured, cells: str, book: str) -> Captured:
    data = cells.encode("utf-8", "surrogateescape")
    entry = captured.snapshot.entry_point
    path = _free(posixpath.splitext(book)[0], captured.snapshot.files)
    member = Member(sha256=sha256(data), size=len(data))
    snapshot = replace(
        captured.snapshot,
        entry_point=entry or path,
        files={**captured.snapshot.files, path: member},
    )
    return replace(captured, snapshot=snapshot, content={**captured.content, path: Data(data)})


def _free(stem: str, taken: Iterable[str]) -> str:
    """Return a name for the executed cells that no file of the project has."""
    name = f"{stem}_executed.py"
    while name in taken:
        name = f"{name.removesuffix('.py')}_.py"
    return name
