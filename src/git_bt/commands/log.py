"""List commits with their results, newest first, each beside the result before it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from git_bt.commands.commits import heading, is_range, walk
from git_bt.commands.measure import Measured
from git_bt.commands.workspace import Workspace, open_workspace
from git_bt.errors import Usage
from git_bt.ledger import Ledger
from git_bt.looking import LoggedCommit, LoggedResult, LogReport
from git_bt.model import NoteLine, Oid

DEFAULT = 100  # commits
_LOOK_UP = 1000  # commits whose notes are looked up one by one
_LOOK_BEHIND = 1000  # commits with notes walked behind the last one shown, for what was before

Lines = dict[Oid, list[NoteLine]]


def log(
    words: Sequence[str] = (),
    strategies: Sequence[str] = (),
    *,
    count: int = DEFAULT,
    cwd: Path | None = None,
) -> LogReport:
    """Return commits that have results, in the order of git log.

    Args:
        words: a revision or range (HEAD unless said), and strategies, as far as no `--` told them
            apart.
        strategies: keep only results of these, by path; none keeps all.
        count: how many commits.
        cwd: where the command works.

    Raises:
        Usage: a word is neither a revision nor a strategy, or there are two ranges.
        CannotWork: no repository.
    """
    with open_workspace(cwd) as workspace:
        store = workspace.need_store()
        revisions, named = _told_apart(workspace, words)
        wanted = {workspace.path_from_top(name) for name in (*named, *strategies)}
        ledger = workspace.ledger
        if (revisions is None and workspace.head is None) or not ledger.notes.root():
            return LogReport(commits=(), more=False)
        shown, behind, more = _collect(workspace, ledger, revisions or "HEAD", wanted, count)
        measured = Measured(store)
        before = dict(_before(shown, behind))
        commits = []
        for commit, lines in shown.items():
            head = heading(store.objects, commit)
            results = tuple(_result(line, before.get((commit, line)), measured) for line in lines)
            commits.append(
                LoggedCommit(
                    commit=commit,
                    when_s=head.when_s,
                    author=head.author,
                    subject=head.subject,
                    results=results,
                )
            )
        measured.save()
        return LogReport(commits=tuple(commits), more=more)


def _told_apart(workspace: Workspace, words: Sequence[str]) -> tuple[str | None, list[str]]:
    """Return the range and the strategies among words; git's rule: a revision comes first."""
    repo = workspace.need_store().repo
    if not words:
        return None, []
    first, *rest = words
    if is_range(repo, first):
        unknown = _unknown(workspace, rest)
        if unknown is not None:
            raise Usage(f"{unknown!r:.200} is no strategy", hint="one range, then -- STRATEGY…")
        return first, rest
    unknown = _unknown(workspace, words)
    if unknown is not None:
        raise Usage(
            f"{unknown!r:.200} is neither a revision nor a strategy",
            hint="git bt log RANGE -- STRATEGY…",
        )
    return None, list(words)


def _unknown(workspace: Workspace, words: Sequence[str]) -> str | None:
    """Return the first word that is no path here."""
    for word in words:
        if not word or "\0" in word or not (workspace.cwd / word).exists():
            return word
    return None


def _collect(
    workspace: Workspace, ledger: Ledger, revisions: str, wanted: set[str], count: int
) -> tuple[Lines, Lines, bool]:
    """Return the results of the commits to show, of some behind them, and whether there are more.

    Behind the last one it is walked until each strategy shown has a result before it.
    """
    shown: Lines = {}
    behind: Lines = {}
    unanswered: set[str] = set()
    walked = 0
    for commit in _noted(ledger, walk(workspace.need_store().repo, revisions)):
        walked += len(shown) >= count
        lines = [x for x in ledger.shown(commit) if not wanted or x.strategy in wanted]
        if not lines:
            pass
        elif len(shown) < count:
            shown[commit] = sorted(lines, key=lambda x: (x.strategy, x.kind == "accepted", x.run))
            unanswered |= {line.strategy for line in lines}
        else:
            behind[commit] = lines
            unanswered -= {line.strategy for line in lines}
        if walked and (walked > _LOOK_BEHIND or (behind and not unanswered)):
            break
    return shown, behind, bool(behind)


def _noted(ledger: Ledger, commits: Iterator[Oid]) -> Iterator[Oid]:
    """Leave out commits without a note, and end behind the last that has one.

    The first are looked up one by one: all notes are listed only for somebody who goes far back.
    """
    first = []
    for commit in islice(commits, _LOOK_UP):
        first.append(commit)
        yield commit
    left = set(ledger.notes.commits()) if len(first) == _LOOK_UP else set()
    left -= set(first)
    for commit in commits:
        if not left:
            return
        if commit in left:
            left.discard(commit)
            yield commit


def _before(shown: Lines, behind: Lines) -> Iterable[tuple[tuple[Oid, NoteLine], NoteLine]]:
    """Yield each result that is shown with the one before it."""
    latest: dict[str, NoteLine] = {}
    for commit, lines in reversed([*shown.items(), *behind.items()]):
        for line in lines:
            if commit in shown and line.strategy in latest:
                yield (commit, line), latest[line.strategy]
            latest[line.strategy] = line


def _result(line: NoteLine, before: NoteLine | None, measured: Measured) -> LoggedResult:
    found = LoggedResult(
        strategy=line.strategy,
        inputs=line.inputs,
        bundle=line.bundle,
        run=line.run,
        verdict=line.verdict,
        kind=line.kind,
        replaces=line.replaces,
        fork=line.origin,
        metrics=measured.of(line.bundle),
        previous=None,
        before=None,
    )
    if before is None:
        return found
    return replace(found, previous=before.bundle, before=measured.of(before.bundle))
