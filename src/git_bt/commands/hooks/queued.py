"""What was queued and is validated by hand: recorded and tied as the hook would have done it."""

import time
from dataclasses import replace

from git_bt.commands.hooks.queue import Queue
from git_bt.commands.hooks.runs import Runs, Wanted, store_all
from git_bt.commands.judging import Judge
from git_bt.commands.workspace import open_workspace
from git_bt.comparison import Validation
from git_bt.errors import BtError
from git_bt.hooking import Hooked
from git_bt.model import Strategy, Verdict


def validate_queued(judge: Judge, name: str, strategy: Strategy) -> Validation | None:
    """Run a strategy that a commit put off, None where none did.

    Args:
        judge: what every run shares; its view holds the strategy.
        name: how the verdict names it.
        strategy: as the view holds it.
    """
    workspace = judge.workspace
    queue = Queue(workspace.cache)
    if queue.is_empty or not (strategy.engine or strategy.tape):
        return None
    from git_bt.commands.inputs import inputs_of

    try:
        inputs = inputs_of(workspace.files, strategy, top=workspace.top, cwd=workspace.cwd).id
    except BtError:
        return None  # the run will say it
    entry = queue.find(inputs)
    if entry is None:
        return None
    runs = Runs(
        judge=judge,
        budget_s=0,
        author=workspace.author,
        stop_on_change=False,
        started=time.monotonic(),
    )
    baseline = workspace.ledger.baseline(strategy.name, workspace.head)
    done = runs.one(Wanted(strategy=strategy.name, inputs=inputs, baseline=baseline))
    store_all(judge, [done])
    if done.bundle is not None:
        queue.drop(inputs)
        commit = workspace.head if entry.commit is None else entry.commit
        repo = workspace.need_store().repo
        found = None if commit is None else repo.resolve(commit)
        if found is not None:
            from git_bt.commands.record import record_commits

            with open_workspace(workspace.cwd) as fresh:  # the store has grown
                record_commits(fresh, [found], step=judge.step)
    return _validation(name, done.said)


def _validation(name: str, said: Hooked) -> Validation:
    found = Validation(
        name=name,
        bundle=said.bundle or said.previous,
        strategy=said.strategy,
        verdict=said.verdict or Verdict.INCOMPLETE,
        differences=said.differences,
        more=said.more,
        message=said.message,
        hint=said.hint,
        tail=said.tail,
    )
    if said.bundle is None:
        return found
    message = "it was queued: recorded now"
    return replace(found, message=f"{said.message}; {message}" if said.message else message)
