"""List the engines and where they are found."""

from pathlib import Path

from git_bt.commands.workspace import Workspace, open_workspace
from git_bt.errors import Incomplete
from git_bt.interpreters import Wanted, engine_names, find_interpreter, load_adapter
from git_bt.reports import EnginesReport, EngineStatus


def engines(*, python: str | None = None, cwd: Path | None = None) -> EnginesReport:
    """Return every engine with the interpreter that would run it here.

    Args:
        python: look in this interpreter only.
        cwd: where the command works; no repository is needed.
    """
    with open_workspace(cwd, needs_repository=False) as workspace:
        return EnginesReport(
            engines=tuple(_status(workspace, name, python) for name in engine_names())
        )


def _status(workspace: Workspace, name: str, python: str | None) -> EngineStatus:
    adapter = load_adapter(name)
    wanted = Wanted(
        option=python,
        configured=workspace.config("bt.python"),
        project_root=workspace.top,
        cache=workspace.cache,
    )
    try:
        found = find_interpreter(adapter, wanted)
    except Incomplete:
        return EngineStatus(
            name=name, version=None, python=None, found_by=None, install=adapter.INSTALL
        )
    return EngineStatus(
        name=name,
        version=found.engine.version,
        python=str(found.executable),
        found_by=found.found_by,
        install=adapter.INSTALL,
    )
