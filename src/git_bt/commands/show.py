"""Show everything that is known of one bundle, or of a commit's results."""

from pathlib import Path

from git_bt.bundle import missing
from git_bt.commands.locate import Found, Named, fetch, locate_or_commit
from git_bt.commands.measure import metrics_of_bundle
from git_bt.commands.workspace import Workspace, open_workspace
from git_bt.errors import Usage
from git_bt.flox_layout import is_foreign
from git_bt.looking import CommitReport, CommitResult
from git_bt.model import Bundle, NoteLine, Oid, RunRecord
from git_bt.reports import ShowReport


def show(name: str, *, cwd: Path | None = None) -> ShowReport | CommitReport:
    """Return what is known of a bundle, or of the results that belong to a commit.

    Args:
        name: a bundle as every command takes it, a line of --cite, or a commit.
        cwd: where the command works.

    Raises:
        Usage: it names nothing.
        Incomplete: what it names is not here.
    """
    with open_workspace(cwd, needs_repository=False) as workspace:
        named = locate_or_commit(workspace, name)
        if isinstance(named, Named):
            return _of_bundle(workspace, named)
        return _of_commit(workspace, named)


def _of_bundle(workspace: Workspace, named: Named) -> ShowReport:
    found = fetch(workspace, named)
    store = workspace.store
    runs = store.runs_of(bundle=found.bundle.id) if store is not None else []
    tied = _tied(workspace, found.bundle) if runs or named.archive is None else {}
    lines = [line for found in tied.values() for line in found]
    strategies = {run.strategy for _, run in runs} or {line.strategy for line in lines}
    commits = tuple(sorted(tied))
    forks = {line.origin for line in lines}
    fork = None if runs or None in forks else min(filter(None, forks), default=None)
    return ShowReport(
        bundle=found.bundle.id,
        strategies=tuple(sorted(strategies or {found.strategy or "."})),
        manifest=found.bundle.manifest,
        metrics=metrics_of_bundle(found.bundle),
        missing=missing(found.bundle),
        runs=tuple(sorted(runs, key=lambda pair: -pair[1].when_ns)),
        foreign=is_foreign(found.bundle),
        commits=commits,
        fork=fork,
        cite=_cite(found, named.commit or (commits[0] if len(commits) == 1 else None), fork),
    )


def _tied(workspace: Workspace, bundle: Bundle) -> dict[Oid, list[NoteLine]]:
    """Return the results that a bundle is, by commit."""
    from git_bt.commands.noted import remembered

    found = remembered(workspace, (bundle.manifest.inputs,))
    named = {c: [line for line in lines if line.bundle == bundle.id] for c, lines in found.items()}
    return {commit: lines for commit, lines in named.items() if lines}


def _cite(found: Found, commit: str | None, fork: str | None) -> str:
    """Return one line for a report: strategy, commit, bundle in full, verdict, engine."""
    at = f", commit {commit}" if commit else ""
    engine = found.bundle.manifest.engine
    verdict = f"{found.record.verdict} on " if found.record else ""
    about = f"{verdict}{engine.name} {engine.version}"
    about += f", by the word of a fork: {fork}" if fork else ""
    return f"{found.strategy or '.'}{at}, git-bt bundle {found.bundle.id}, {about}"


def _of_commit(workspace: Workspace, commit: Oid) -> CommitReport:
    from git_bt.commands.commits import heading
    from git_bt.commands.measure import Measured
    from git_bt.commands.tied import AtCommit, results_at

    store = workspace.need_store()
    measured = Measured(store)

    def shown(at: AtCommit) -> CommitResult:
        line = at.line
        record = _record(workspace, line.run) if line else None
        return CommitResult(
            strategy=at.strategy,
            inputs=line.inputs if line else None,
            bundle=at.bundle,
            run=line.run if line else None,
            verdict=line.verdict if line else None,
            kind=line.kind if line else None,
            replaces=line.replaces if line else None,
            origin=at.origin,
            fork=line.origin if line else None,
            record=record,
            metrics=measured.of(at.bundle),
        )

    head = heading(store.objects, commit)
    results = tuple(shown(at) for at in results_at(workspace, commit))
    measured.save()
    return CommitReport(
        commit=commit,
        when_s=head.when_s,
        author=head.author,
        subject=head.subject,
        results=results,
    )


def _record(workspace: Workspace, run: str) -> RunRecord | None:
    try:
        return workspace.need_store().run(run)
    except Usage:  # the note came, the run did not
        return None
