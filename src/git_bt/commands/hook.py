"""One hook of git: what to do at it. What is behind each is in `hooks/`.

The commit that touches nothing of ours is answered here, with as few imports as can be.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from git_bt.commands.hooks.seen import Seen
from git_bt.hooking import Hooked, HookReport
from git_bt.repo import Repo

if TYPE_CHECKING:
    from git_bt.commands.workspace import Step

HOOKS = (
    "pre-commit",
    "pre-merge-commit",
    "post-commit",
    "post-rewrite",
    "post-merge",
    "pre-push",
    "check",
)


def hook(
    name: str,
    arguments: Sequence[str] = (),
    *,
    lines: Callable[[], Sequence[str]] = tuple,
    step: "Step",
    cwd: Path | None = None,
) -> HookReport:
    """Do what belongs to a hook of git.

    Args:
        name: one of HOOKS.
        arguments: as git gives them to the hook.
        lines: gives what git writes to the hook's standard input.
        step: told what is being done.
        cwd: where the command works.

    Raises:
        Usage: the policy is not right.
        CannotWork: no repository, or its store cannot be written.
    """
    if name == "check":
        from git_bt.commands.hooks.check import check

        return check(step=step, cwd=cwd)
    name = _stage(name)
    report = _at_once(name, Repo.find(cwd))
    if report is not None:
        return report
    from git_bt.commands.hooks.index import before_commit
    from git_bt.commands.workspace import open_workspace

    if name in ("pre-commit", "pre-merge-commit"):
        return before_commit(name, step=step, cwd=cwd)
    with open_workspace(cwd) as workspace:
        if name == "pre-push":
            from git_bt.commands.hooks.pushing import pre_push, pushed

            return pre_push(workspace, pushed(arguments, lines()), step=step, cwd=cwd)
        from git_bt.commands.hooks.tying import rewritten, tie

        head = [workspace.head] if workspace.head else []
        commits = rewritten(workspace, lines()) if name == "post-rewrite" else head
        return tie(workspace, commits, hook=name, step=step)


def _stage(name: str) -> str:
    """Return which hook it is: of those after a commit, pre-commit calls one for all."""
    if name != "post-commit" or os.environ.get("PRE_COMMIT") != "1":
        return name
    if "PRE_COMMIT_REWRITE_COMMAND" in os.environ:
        return "post-rewrite"
    return "post-merge" if "PRE_COMMIT_IS_SQUASH_MERGE" in os.environ else name


def _at_once(name: str, repo: Repo) -> HookReport | None:
    """Answer where nothing that matters was touched, None where it must be looked at."""
    if name == "post-commit":
        head = repo.resolve("HEAD")
        before = repo.resolve("HEAD^")
        untouched = head is not None and Seen(repo).is_untouched(before, head)
        return HookReport(hook=name) if untouched else None
    if name not in ("pre-commit", "pre-merge-commit"):
        return None
    found = Seen(repo).still()
    if found is None:
        return None
    elsewhere = Hooked(strategy="", state="environment")
    return HookReport(hook=name, known=found.known, strategies=(elsewhere,) * found.environment)
