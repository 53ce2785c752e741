"""Fetch results from a remote, and push them there."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from git_bt import sync
from git_bt.commands.divergence import Arrivals
from git_bt.commands.flush import flush_to_read
from git_bt.commands.workspace import Step, Workspace, open_workspace
from git_bt.errors import Incomplete, Usage
from git_bt.model import Bundle, NoteLine, Oid
from git_bt.notes import Notes
from git_bt.objects import Objects
from git_bt.repo import Repo
from git_bt.sharing import Amount, Divergence, FetchReport, Moved, PushReport, RefMove, Taken
from git_bt.store import Store

_ORIGIN = 60  # characters of a name that a note line holds


def fetch(
    remote: str | None = None,
    commits: Sequence[str] = (),
    *,
    dry_run: bool = False,
    step: Step,
    cwd: Path | None = None,
) -> FetchReport:
    """Fetch results and merge them into ours.

    Args:
        remote: name of a remote, URL or path; None chooses one.
        commits: take only the results of these commits, marked with where they came from, and no
            run record: nothing becomes known here by somebody else's word.
        dry_run: merge nothing.
        step: says what is being done.
        cwd: where the command works.

    Raises:
        Usage: no such remote or commit, or one that is not configured is to be taken wholly.
    """
    with open_workspace(cwd) as workspace:
        repo, objects = _opened(workspace)
        chosen = sync.choose(repo, remote, cwd=workspace.cwd)
        if not chosen.configured and not commits:
            raise Usage(
                f"{chosen.name} is not a remote of this repository: say of which commits",
                hint=f"git bt fetch {chosen.name} COMMIT, or git remote add NAME {chosen.name} "
                "to share everything",
            )
        wanted = [_commit(repo, name) for name in commits]
        done = sync.fetch(objects, chosen, step=step, dry_run=dry_run, into_ours=not commits)
        if not commits:
            return _merged(workspace, done, dry_run=dry_run)
        return _taken(workspace, done, wanted, dry_run=dry_run)


def push(
    remote: str | None = None,
    *,
    dry_run: bool = False,
    step: Step,
    cwd: Path | None = None,
) -> PushReport:
    """Push results, after merging what the remote has.

    Args:
        remote: name of a remote, URL or path; None chooses one.
        dry_run: push and merge nothing.
        step: says what is being done.
        cwd: where the command works.
    """
    with open_workspace(cwd) as workspace:
        repo, objects = _opened(workspace)
        chosen = sync.choose(repo, remote, cwd=workspace.cwd)
        notices = () if dry_run else flush_to_read(workspace.need_store())
        done = sync.push(objects, chosen, step=step, dry_run=dry_run)
        reports = [_merged(workspace, each, dry_run=dry_run) for each in done.fetched]
        before = {sent.ref: sent.before for sent in done.sent}
        after = {sent.ref: sent.after for sent in done.sent}
        return PushReport(
            remote=done.remote.name,
            dry_run=dry_run,
            refs=tuple(
                RefMove(
                    ref=sent.ref,
                    how=Moved.FORWARD if sent.before else Moved.NEW,
                    before=sent.before,
                    after=sent.after,
                )
                for sent in done.sent
            ),
            went=_amount(objects, before, after),
            came=_sum(report.came for report in reports),
            attempts=done.attempts,
            divergences=tuple(d for report in reports for d in report.divergences),
            notices=notices,
        )


def _opened(workspace: Workspace) -> tuple[Repo, Objects]:
    assert workspace.repo is not None
    assert workspace.objects is not None
    return workspace.repo, workspace.objects


def _commit(repo: Repo, name: str) -> Oid:
    """Return a commit by its full id, which need not be here, or as git names it."""
    digits = {"sha1": 40, "sha256": 64}[repo.hash_name]
    if len(name) == digits and not name.strip("0123456789abcdef"):
        return Oid(name)
    found = repo.resolve(name)
    if found is None:
        raise Usage(f"no commit {name!r:.80} here", hint="give its full id, or fetch it with git")
    return found


# -- everything -----------------------------------------------------------------------------------


def _merged(workspace: Workspace, done: sync.Exchange, *, dry_run: bool) -> FetchReport:
    _, objects = _opened(workspace)
    before = {move.ref: move.before for move in done.moves}
    moved = {move.ref: move for move in done.moves if move.how != "same"}
    there = {ref: oid for ref, oid in done.there.items() if ref in moved}
    return FetchReport(
        remote=done.remote.name,
        dry_run=dry_run,
        refs=tuple(
            RefMove(ref=m.ref, how=Moved(m.how), before=m.before, after=m.after) for m in done.moves
        ),
        came=_amount(objects, before, there),
        completed=done.completed,
        commits=None,
        divergences=_divergences(workspace, done.remote, before.get(sync.STORE), there),
    )


def _amount(objects: Objects, ours: dict[str, Oid | None], theirs: dict[str, Oid]) -> Amount:
    one, two = ours.get(sync.STORE), theirs.get(sync.STORE)
    counts = {
        kind: len(sync.new_ids(objects, kind, one, two)) if two else 0
        for kind in ("bundles", "snapshots", "runs")
    }
    lines: dict[Oid, tuple[NoteLine, ...]] = {}
    if sync.NOTES in theirs:
        lines = sync.new_results(objects, ours.get(sync.NOTES), theirs[sync.NOTES])
    sweeps = len(sync.new_sweeps(objects, one, two)) if two else 0
    return Amount(**counts, sweeps=sweeps, results=sum(len(found) for found in lines.values()))


def _sum(amounts: Iterable[Amount]) -> Amount:
    all_of = list(amounts)
    return Amount(
        bundles=sum(a.bundles for a in all_of),
        snapshots=sum(a.snapshots for a in all_of),
        runs=sum(a.runs for a in all_of),
        sweeps=sum(a.sweeps for a in all_of),
        results=sum(a.results for a in all_of),
    )


def _divergences(
    workspace: Workspace, remote: sync.Remote, before: Oid | None, there: dict[str, Oid]
) -> tuple[Divergence, ...]:
    if before is None or sync.STORE not in there:
        return ()  # nothing was known here
    repo, objects = _opened(workspace)
    return Arrivals(
        ours=Store(repo, objects),
        theirs=Store(repo, objects, ref=remote.tracking(sync.STORE)),
        ids=frozenset(sync.new_ids(objects, "bundles", before, there[sync.STORE])),
    ).divergences()


# -- some commits of somebody else ----------------------------------------------------------------


def _taken(
    workspace: Workspace, done: sync.Exchange, commits: Sequence[Oid], *, dry_run: bool
) -> FetchReport:
    """Take the lines of some commits and the bundles that they name."""
    repo, objects = _opened(workspace)
    store, remote = workspace.need_store(), done.remote
    theirs = Store(repo, objects, ref=remote.tracking(sync.STORE))
    before = {move.ref: move.before for move in done.moves}
    lines = _new_lines(objects, done, before.get(sync.NOTES), commits)
    bundles = _bundles_of(theirs, remote, lines)
    known = set(store.bundle_ids())
    if not dry_run:
        store.save(bundles=list(bundles.values()), notes=lines)
    found = Notes(objects, done.there.get(sync.NOTES))
    return FetchReport(
        remote=remote.name,
        dry_run=dry_run,
        refs=(),
        came=Amount(
            bundles=len(bundles.keys() - known), results=sum(len(x) for x in lines.values())
        ),
        completed=done.completed,
        commits=tuple(Taken(commit=c, results=len(found.of(c))) for c in commits),
        divergences=Arrivals(store, theirs, frozenset(bundles.keys() - known)).divergences(),
    )


def _new_lines(
    objects: Objects, done: sync.Exchange, ours: Oid | None, commits: Sequence[Oid]
) -> dict[str, list[NoteLine]]:
    """Return their lines on some commits that we do not have ourselves, marked."""
    origin = done.remote.name[-_ORIGIN:]
    theirs, mine = Notes(objects, done.there.get(sync.NOTES)), Notes(objects, ours)
    found: dict[str, list[NoteLine]] = {}
    for commit in commits:
        known = set(mine.of(commit))
        marked = [
            replace(line, origin=origin)
            for line in theirs.of(commit)
            if replace(line, origin=None) not in known
        ]
        new = [line for line in marked if line not in known]
        if new:
            found[commit] = new
    return found


def _bundles_of(
    theirs: Store, remote: sync.Remote, lines: dict[str, list[NoteLine]]
) -> dict[str, Bundle]:
    found = {}
    for commit, results in lines.items():
        for line in results:
            try:
                found[line.bundle] = theirs.bundle(line.bundle)
            except Usage as e:
                raise Incomplete(
                    f"{remote.name} names bundle {line.bundle[:12]} on commit {commit[:12]}, "
                    "and does not have it"
                ) from e
    return found
