"""After a commit: tie its results, and queue what has none.

Of post-commit, post-rewrite and post-merge git ignores the exit code, so these say and never stop.
"""

import os
from collections.abc import Sequence
from dataclasses import replace

from git_bt.commands.hooks.queue import Queue, Queued
from git_bt.commands.workspace import Step, Workspace
from git_bt.hooking import Hooked, HookReport
from git_bt.model import Oid
from git_bt.reports import RecordReport, TiedCommit

_MOST = 1_000  # commits of one rewrite


def tie(workspace: Workspace, commits: Sequence[Oid], *, hook: str, step: Step) -> HookReport:
    """Tie the results that belong to commits, the oldest first.

    Raises:
        CannotWork: the repository cannot be written.
    """
    from git_bt.commands.record import record_commits

    if not commits:
        return HookReport(hook=hook)
    report = record_commits(workspace, commits, step=step)
    queue = Queue(workspace.cache)
    told = []
    for commit in report.commits:
        for each in commit.strategies:
            if each.state == "must-run" and each.inputs is not None:
                entry = Queued(strategy=each.strategy, inputs=each.inputs, commit=commit.commit)
                if queue.add(entry):  # pre-commit has said it of those that were there
                    said = Hooked(strategy=each.strategy, state="queued", inputs=each.inputs)
                    told.append(replace(said, commit=commit.commit))
            elif each.inputs is not None and each.bundle is not None:
                queue.drop(each.inputs)
    return HookReport(hook=hook, strategies=tuple(told), tied=only_tied(report))


def only_tied(report: RecordReport) -> tuple[TiedCommit, ...]:
    """Return the commits that results were tied to just now, with these."""
    found = []
    for commit in report.commits:
        tied = tuple(each for each in commit.strategies if each.state in ("tied", "captured"))
        if tied:
            found.append(replace(commit, strategies=tied))
    return tuple(found)


def rewritten(workspace: Workspace, lines: Sequence[str]) -> list[Oid]:
    """Return the new commits of an amend or a rebase, the oldest first.

    Args:
        workspace: where.
        lines: `old new` as git gives them to post-rewrite; none where pre-commit keeps them for
            itself, then the commits that the branch did not have before.
    """
    repo = workspace.need_store().repo
    news = [line.split()[1] for line in lines if len(line.split()) > 1]
    if news:
        found = (repo.resolve(oid) for oid in dict.fromkeys(news))
        return [oid for oid in found if oid is not None]
    head = workspace.head
    if head is None or os.environ.get("PRE_COMMIT_REWRITE_COMMAND") != "rebase":
        return [head] if head else []
    return new_commits(workspace, head, ("ORIG_HEAD", "--remotes"))


def new_commits(workspace: Workspace, tip: str, known: Sequence[str]) -> list[Oid]:
    """Return the commits of a tip that are in none of what is known, the oldest first."""
    repo = workspace.need_store().repo
    exclude = [word for word in known if word.startswith("-") or repo.resolve(word) is not None]
    words = ("--topo-order", f"--max-count={_MOST}", tip, "--not", *exclude)
    listed = repo.git("rev-list", *words, check=False)
    return [Oid(oid) for oid in reversed(listed.text.split())]
