"""Before a push: run what was queued for the pushed commits, then push the results.

What was put off has no budget here. A queued strategy that fails stops the push, as it would have
stopped the commit; that results cannot be pushed does not.
"""

import os
import subprocess
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from git_bt.commands.hooks.queue import Queue, Queued
from git_bt.commands.hooks.runs import Runs, Wanted, store_all
from git_bt.commands.hooks.tying import new_commits, only_tied
from git_bt.commands.judging import Judge
from git_bt.commands.plan import Grant
from git_bt.commands.workspace import Step, Workspace, open_workspace
from git_bt.errors import BtError
from git_bt.hooking import Hooked, HookReport
from git_bt.model import Oid
from git_bt.policy import read_policy
from git_bt.reports import TiedCommit
from git_bt.sharing import PushReport

_STOP = ("failed", "nondeterministic", "corrupt", "unreadable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What git is about to push: tips, and where to."""

    remote: str | None
    tips: tuple[str, ...]
    known: tuple[str, ...] = ()


def pushed(arguments: Sequence[str], lines: Sequence[str]) -> Pushed:
    """Return what is pushed, from git's arguments and lines, or from pre-commit's variables."""
    if os.environ.get("PRE_COMMIT") == "1":
        tip = os.environ.get("PRE_COMMIT_TO_REF") or "HEAD"
        before = os.environ.get("PRE_COMMIT_FROM_REF")
        return Pushed(
            remote=os.environ.get("PRE_COMMIT_REMOTE_NAME"),
            tips=(tip,),
            known=(before,) if before else (),
        )
    refs = [line.split() for line in lines]
    whole = [ref for ref in refs if len(ref) == 4 and ref[1].strip("0")]  # zeros: a deletion
    return Pushed(
        remote=arguments[0] if arguments else None,
        tips=tuple(dict.fromkeys(ref[1] for ref in whole)),
        known=tuple(ref[3] for ref in whole if ref[3].strip("0")),
    )


def pre_push(workspace: Workspace, what: Pushed, *, step: Step, cwd: Path | None) -> HookReport:
    """Run the queue for pushed commits, and push results.

    Raises:
        Usage: the policy of a commit is not right.
        CannotWork: the store cannot be written.
    """
    said, tied = _run_queue(workspace, what, step=step, cwd=cwd)
    report = HookReport(hook="pre-push", strategies=tuple(said), tied=tuple(tied))
    if any(each.stops for each in said) or not what.tips:
        return report
    return _with_push(workspace, report, what, step=step, cwd=cwd)


# -- the queue ------------------------------------------------------------------------------------


def _run_queue(
    workspace: Workspace, what: Pushed, *, step: Step, cwd: Path | None
) -> tuple[list[Hooked], list[TiedCommit]]:
    entries = Queue(workspace.cache).all()
    said: list[Hooked] = []
    tied: list[TiedCommit] = []
    if not entries or not what.tips:
        return said, tied
    remote = f"--remotes={what.remote}" if what.remote else "--remotes"
    listed: dict[Oid, None] = {}
    for tip in what.tips:
        listed |= dict.fromkeys(new_commits(workspace, tip, (*what.known, remote)))
    named = {entry.commit for entry in entries}
    tips = {workspace.need_store().repo.resolve(tip) for tip in what.tips}
    inputs = {entry.inputs for entry in entries}
    for commit in [c for c in listed if c in named or c in tips]:
        found, now = run_queued(workspace, commit, inputs, step=step, cwd=cwd)
        said += found
        tied += now
    return said, tied


def run_queued(
    workspace: Workspace, commit: Oid, inputs: Collection[str], *, step: Step, cwd: Path | None
) -> tuple[list[Hooked], tuple[TiedCommit, ...]]:
    """Run what has no result of a commit and was queued, and tie what came of it."""
    from git_bt.commands.record import record_commits

    report = record_commits(workspace, [commit], step=step)
    missing = [
        each
        for each in report.commits[0].strategies
        if each.state == "must-run" and (each.inputs or "") in inputs
    ]
    if not missing:
        return [], only_tied(report)
    entries = [Queued(strategy=e.strategy, inputs=e.inputs or "") for e in missing]
    said = _run_of_commit(commit, entries, step=step, cwd=cwd)
    with open_workspace(cwd) as fresh:  # the store has grown
        return said, only_tied(record_commits(fresh, [commit], step=step))


def _run_of_commit(
    commit: Oid, entries: Sequence[Queued], *, step: Step, cwd: Path | None
) -> list[Hooked]:
    from git_bt.files import commit_files

    with open_workspace(cwd, view=lambda repo, objects: commit_files(repo, objects, commit)) as at:
        repo = at.need_store().repo
        policy = read_policy(at.files, repo)
        judge = Judge(workspace=at, grant=Grant(), step=step)
        runs = Runs(
            judge=judge,
            budget_s=0,
            author=at.author,
            stop_on_change=policy.on_change == "stop",
            started=time.monotonic(),
        )
        bases = at.ledger.baselines([e.strategy for e in entries], repo.resolve(f"{commit}^"))
        wanted = [
            Wanted(strategy=e.strategy, inputs=e.inputs, baseline=bases.get(e.strategy))
            for e in entries
        ]
        done = judge.at_once(runs.one, wanted, os.cpu_count() or 1)
        store_all(judge, done)
        queue = Queue(at.cache)
        for each in done:
            if each.bundle is not None and each.said.inputs:
                queue.drop(each.said.inputs)
        return [_said(each.said, commit, policy.on_change == "stop") for each in done]


def _said(said: Hooked, commit: Oid, stop_on_change: bool) -> Hooked:  # noqa: FBT001  a policy's word
    stops = said.state in _STOP or (said.state == "changed" and stop_on_change)
    return replace(said, commit=commit, stops=stops)


# -- the results ----------------------------------------------------------------------------------


def _with_push(
    workspace: Workspace, report: HookReport, what: Pushed, *, step: Step, cwd: Path | None
) -> HookReport:
    repo = workspace.need_store().repo
    if not repo.git("for-each-ref", "--count=1", "refs/bt/store", "refs/notes/bt").out:
        return report
    if what.remote not in repo.git("remote").text.splitlines():
        message = "results were not pushed: they go to a remote by its name only"
        return replace(report, message=message, hint="git bt push REMOTE")
    dry = is_dry_run()
    if dry is None:
        message = "results were not pushed: whether this is a dry run cannot be seen"
        return replace(report, message=message, hint=f"git bt push {what.remote}")
    if dry:
        return report
    try:
        done = _push(what.remote, step=step, cwd=cwd)
    except BtError as e:
        message = f"results were not pushed: {e.message}"
        return replace(report, message=message, hint=e.hint or f"git bt push {what.remote}")
    report = replace(report, remote=done.remote, pushed=done.went if done.refs else None)
    if not done.divergences:
        return report
    message = "the remote has other outputs of the same inputs"
    return replace(report, message=message, hint="git bt ls --conflicts")


def _push(remote: str | None, *, step: Step, cwd: Path | None) -> PushReport:
    from git_bt.commands.share import push

    return push(remote, step=step, cwd=cwd)


def is_dry_run() -> bool | None:
    """Tell whether the `git push` that runs this hook is a dry run; None when none can be seen.

    Git tells its hook nothing of it, so the words of the processes above us are read.
    """
    pid = os.getppid()
    for _ in range(16):
        found = _process(pid)
        if found is None:
            return None
        parent, words = found
        if words and Path(words[0]).name in ("git", "git.exe") and "push" in words[1:]:
            options = words[words.index("push") + 1 :]
            return any(w == "--dry-run" or _has_n(w) for w in options)
        if parent <= 1:
            return None
        pid = parent
    return None


def _has_n(word: str) -> bool:
    """Tell whether a word is a cluster of short options with -n in it, before any -o TEXT."""
    return word.startswith("-") and not word.startswith("--") and "n" in word[1:].partition("o")[0]


def _process(pid: int) -> tuple[int, list[str]] | None:
    """Return parent and words of a process: from /proc, else from ps."""
    place = Path("/proc") / str(pid)
    try:
        words = (place / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
        parent = int((place / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return _asked(pid)
    return parent, words


def _asked(pid: int) -> tuple[int, list[str]] | None:
    try:
        done = subprocess.run(
            ["ps", "-o", "ppid=,args=", "-p", str(pid)],
            capture_output=True,
            text=True,
            check=True,
            timeout=5,
        )
        parent, *words = done.stdout.split()
        return int(parent), words
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
