"""Store archives as bundles."""

from collections.abc import Sequence
from pathlib import Path

from git_bt.bundle import check_content
from git_bt.commands.locate import Named, fetch
from git_bt.commands.workspace import Workspace, open_workspace
from git_bt.errors import Corrupt, ExitCode, Incomplete, Usage
from git_bt.flox_layout import is_foreign
from git_bt.reports import Imported, ImportReport


def import_archives(names: Sequence[str], *, cwd: Path | None = None) -> ImportReport:
    """Check each archive and store what is sound; one that is not does not hide the others."""
    with open_workspace(cwd) as workspace:
        return ImportReport(bundles=tuple(_import(workspace, name) for name in names))


def _import(workspace: Workspace, name: str) -> Imported:
    try:
        bundle = fetch(workspace, Named(name=name, archive=workspace.cwd / name)).bundle
        check_content(bundle)
    except (Corrupt, Incomplete, Usage) as e:
        return Imported(
            name=name,
            bundle=None,
            foreign=None,
            exit=e.exit_code,
            message=e.message.removeprefix(f"{workspace.cwd / name}: "),
            hint=e.hint,
        )
    workspace.need_store().save(bundles=(bundle,))
    return Imported(name=name, bundle=bundle.id, foreign=is_foreign(bundle), exit=ExitCode.OK)
