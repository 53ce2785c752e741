"""Check every object of the store and every result on commits."""

from pathlib import Path

from git_bt.commands.workspace import Step, open_workspace
from git_bt.fsck import fsck as check
from git_bt.reports import FsckReport


def fsck(*, step: Step, cwd: Path | None = None) -> FsckReport:
    """Return every broken thing of store and notes, with the bundles that it breaks."""
    with open_workspace(cwd) as workspace:
        assert workspace.repo is not None
        assert workspace.objects is not None
        step("checking every object of store and notes")
        return check(workspace.repo, workspace.objects)
