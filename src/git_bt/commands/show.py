"""Show everything that is known of one bundle."""

from pathlib import Path

from git_bt.bundle import missing
from git_bt.commands.locate import fetch, locate
from git_bt.commands.measure import metrics_of_bundle
from git_bt.commands.workspace import open_workspace
from git_bt.flox_layout import is_foreign
from git_bt.reports import ShowReport


def show(name: str, *, cwd: Path | None = None) -> ShowReport:
    """Return a bundle's manifest, metrics, missing members and runs, newest run first."""
    with open_workspace(cwd, needs_repository=False) as workspace:
        found = fetch(workspace, locate(workspace, name))
        store = workspace.store
        runs = store.runs_of(bundle=found.bundle.id) if store is not None else []
        strategies = {run.strategy for _, run in runs} or {found.strategy or "."}
        return ShowReport(
            bundle=found.bundle.id,
            strategies=tuple(sorted(strategies)),
            manifest=found.bundle.manifest,
            metrics=metrics_of_bundle(found.bundle),
            missing=missing(found.bundle),
            runs=tuple(sorted(runs, key=lambda pair: -pair[1].when_ns)),
            foreign=is_foreign(found.bundle),
        )
