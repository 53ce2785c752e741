"""What can be told of the index without running anything: strategy.yaml, files, pins, bundles.

For a server that may run no code of the repository, such as pre-commit.ci.
"""

from collections.abc import Iterator
from pathlib import Path

from git_bt.bundle import check_content
from git_bt.capture.snapshot import capture
from git_bt.capture.strategy import find_strategies, read_strategy
from git_bt.capture.tape import read_tape
from git_bt.commands.inputs import inputs_of
from git_bt.commands.workspace import Step, Workspace, open_workspace
from git_bt.errors import BtError, Corrupt, Incomplete
from git_bt.files import index_files
from git_bt.hooking import Hooked, HookReport
from git_bt.model import Verdict
from git_bt.policy import read_policy


def check(*, step: Step, cwd: Path | None = None) -> HookReport:
    """Check every strategy of the index, and the bundle that is known of it.

    Raises:
        Usage: the policy is not right.
        CannotWork: no repository.
    """
    with open_workspace(cwd, view=index_files) as workspace:
        read_policy(workspace.files, workspace.need_store().repo)
        said: list[Hooked] = []
        names = find_strategies(workspace.files)
        for name in names:
            step(f"checking {name}")
            said += _strategy(workspace, name)
        sound = len(set(names) - {each.strategy for each in said})
        return HookReport(hook="check", known=sound, strategies=tuple(said))


def _strategy(workspace: Workspace, name: str) -> Iterator[Hooked]:
    files = workspace.files
    try:
        strategy = read_strategy(files, name)
        captured = capture(files, strategy)
        for notice in (*strategy.notices, *captured.notices):
            yield Hooked(strategy=name, state="notice", message=notice.message)
        if strategy.engine is None and strategy.tape is None:
            return
        tape = read_tape(files, strategy, top=workspace.top, cwd=workspace.cwd)
        inputs = inputs_of(files, strategy, top=workspace.top, cwd=workspace.cwd, tape=tape).id
        for claim in workspace.ledger.claims(inputs):
            check_content(workspace.need_store().bundle(claim.bundle))
    except Corrupt as e:
        yield _wrong(name, "corrupt", Verdict.CORRUPT, e)
    except Incomplete as e:
        yield Hooked(strategy=name, state="incomplete", message=e.message, hint=e.hint)
    except BtError as e:
        yield _wrong(name, "unreadable", None, e)


def _wrong(name: str, state: str, verdict: Verdict | None, error: BtError) -> Hooked:
    return Hooked(
        strategy=name,
        state=state,
        verdict=verdict,
        stops=True,
        message=error.message,
        hint=error.hint,
    )
