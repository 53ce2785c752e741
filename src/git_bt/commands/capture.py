"""Capture a strategy's code, and store it as a snapshot."""

import os
from pathlib import Path

from git_bt.capture.snapshot import capture as take
from git_bt.capture.strategy import read_strategy
from git_bt.capturing import CaptureReport
from git_bt.commands.workspace import Workspace, open_workspace
from git_bt.errors import Usage
from git_bt.files import Files, folder_files
from git_bt.live.places import project_root as find_root
from git_bt.paths import expanded
from git_bt.records import snapshot_id


def capture(
    entry: str,
    *,
    mode: str = "entry_point",
    project_root: str | None = None,
    dry_run: bool = False,
    cwd: Path | None = None,
) -> CaptureReport:
    """Capture the files of a strategy as they lie here, and store them unless it is a dry run.

    Args:
        entry: an entry file, or a folder with strategy.yaml.
        mode: entry_point, or imports: with the local modules that it loads. A strategy.yaml stands
            above both.
        project_root: the folder that paths are relative to; None looks for it.
        dry_run: only say what would be captured; no repository is needed.
        cwd: where the command works.

    Raises:
        Usage: no such entry point, or it cannot be stored under its name.
        CannotWork: no repository, and it is no dry run; or the entry point cannot be read.
    """
    with open_workspace(cwd, needs_repository=not dry_run) as workspace:
        files, top = _view(workspace, entry, project_root)
        root = None if project_root is None else _below(workspace, project_root, top)
        path = _below(workspace, entry, top)
        strategy = read_strategy(files, path, root=root, lenient=True)
        captured = take(files, strategy, mode=mode, lenient=True)
        if not dry_run:
            workspace.need_store().save(captured=(captured,))
        return CaptureReport(
            snapshot=snapshot_id(captured.snapshot),
            project_root=os.path.relpath(top / strategy.root, workspace.cwd),
            entry_point=captured.snapshot.entry_point,
            method=captured.snapshot.method,
            files=captured.snapshot.files,
            is_stored=not dry_run,
            notices=captured.notices,
        )


def _view(workspace: Workspace, entry: str, root: str | None) -> tuple[Files, Path]:
    """Return the work tree where it holds all that is named, else the project as a plain folder."""
    named = [_place(workspace, each) for each in (entry, root) if each is not None]
    if root is not None and not os.path.isdir(named[1]):  # noqa: PTH112  as below
        raise Usage(f"no such folder: {root}")
    if workspace.repo is not None and workspace.repo.top is not None:
        for top in (workspace.top, workspace.top.resolve()):
            if all(place.is_relative_to(top) for place in named):
                return workspace.files, top
    top = Path(find_root(str(named[0]))) if root is None else named[1]
    if os.path.isdir(named[0]) and root is None:  # noqa: PTH112  pathlib raises at a long name
        top = named[0]
    return folder_files(top), top


def _below(workspace: Workspace, argument: str, top: Path) -> str:
    place = _place(workspace, argument)
    if not place.is_relative_to(top):
        raise Usage(f"{argument} is outside the project root {top}")
    return place.relative_to(top).as_posix()


def _place(workspace: Workspace, argument: str) -> Path:
    return Path(os.path.normpath(workspace.cwd / expanded(argument)))
