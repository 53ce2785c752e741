"""List the bundles of the store."""

from collections.abc import Sequence
from pathlib import Path

from git_bt.commands.locate import newest
from git_bt.commands.measure import metrics_of_bundle
from git_bt.commands.workspace import open_workspace
from git_bt.flox_layout import is_foreign
from git_bt.model import Bundle, RunRecord
from git_bt.reports import BundleRow, ListReport


def ls(strategies: Sequence[str] = (), *, cwd: Path | None = None) -> ListReport:
    """Return every bundle, newest first; those that were never run here come last.

    Args:
        strategies: keep only the bundles of these, by path; none keeps all.
        cwd: where the command works.
    """
    with open_workspace(cwd) as workspace:
        store = workspace.need_store()
        wanted = {workspace.path_from_top(s) for s in strategies}
        records: dict[str, list[RunRecord]] = {}
        for _, run in store.runs():
            records.setdefault(run.bundle, []).append(run)
        rows = [_row(store.bundle(i), records.get(i, [])) for i in store.bundle_ids()]
    kept = [row for row in rows if not wanted or row.strategy in wanted]
    return ListReport(bundles=tuple(sorted(kept, key=lambda r: (-(r.when_ns or 0), r.bundle))))


def _row(bundle: Bundle, records: Sequence[RunRecord]) -> BundleRow:
    record = newest(records)
    return BundleRow(
        bundle=bundle.id,
        strategy=record.strategy if record else None,
        engine=bundle.manifest.engine,
        verdict=record.verdict if record else None,
        is_tested=len(records) > 1 or any(r.is_test for r in records),  # one id is one output
        when_ns=record.when_ns if record else None,
        metrics=metrics_of_bundle(bundle),
        foreign=is_foreign(bundle),
    )
