"""What the index holds against what is known: the work of pre-commit where something matters.

Each strategy is looked at through the index that the hook was given, so that a partial commit is
judged by what it commits. Known ones cost a look; what is changed or new runs, within the budget;
what is not touched by this commit never stops it.
"""

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from git_bt.capture.snapshot import capture
from git_bt.capture.strategy import find_strategies, read_code
from git_bt.commands.candidates import Candidates
from git_bt.commands.glance import Glanced, Glances
from git_bt.commands.hooks.queue import Queue, Queued
from git_bt.commands.hooks.runs import Done, Runs, Wanted, store_all
from git_bt.commands.hooks.seen import Found, Seen
from git_bt.commands.inputs import Asked
from git_bt.commands.judging import Judge
from git_bt.commands.plan import Grant
from git_bt.commands.status import MEMORY, Look
from git_bt.commands.workspace import Step, Workspace, open_workspace
from git_bt.errors import BtError
from git_bt.files import Files, index_files
from git_bt.hooking import Hooked, HookReport
from git_bt.looking import StrategyState
from git_bt.model import TapeState, Verdict
from git_bt.policy import Policy, read_policy

_STOP = ("failed", "nondeterministic", "corrupt", "unreadable")


def before_commit(hook: str, *, step: Step, cwd: Path | None = None) -> HookReport:
    """Judge every strategy of the index, and record what ran.

    Args:
        hook: how git calls it.
        step: told what is being done.
        cwd: where the command works.

    Raises:
        Usage: the policy is not right.
        CannotWork: the store cannot be written.
    """
    started = time.monotonic()
    with open_workspace(cwd, view=index_files) as workspace:
        return _judged(workspace, hook, step, started)


def _judged(workspace: Workspace, hook: str, step: Step, started: float) -> HookReport:
    repo = workspace.need_store().repo
    policy = read_policy(workspace.files, repo)
    look = Look(workspace, Glances(repo.cache_dir / MEMORY))
    index = _Index(workspace, look, policy, Queue(repo.cache_dir), step, started)
    names = find_strategies(workspace.files)
    glanced = {name: look.glance(workspace.files, name) for name in names}
    for name, each in glanced.items():
        if isinstance(each, BtError) and _is_code(workspace.files, name):
            glanced[name] = None
    states = [look.state(n, g) for n, g in glanced.items() if g is not None]
    look.glances.save()
    ran = index.judge(look.against_baselines(states))
    told = sorted((*ran, *index.captured(glanced)), key=lambda each: each.strategy)
    report = HookReport(
        hook=hook,
        known=sum(each.state == "known" for each in told),
        strategies=tuple(each for each in told if each.state != "known"),
    )
    _remember(Seen(repo), look, glanced, report)
    return report


@dataclass(frozen=True, slots=True)
class _Index:
    """The strategies of one index."""

    workspace: Workspace
    look: Look
    policy: Policy
    queue: Queue
    step: Step
    started: float

    def judge(self, states: Sequence[StrategyState]) -> list[Hooked]:
        """Return what there is to say of each; what must run is run, and recorded."""
        wanted = [s for s in states if s.state in ("changed", "new")]
        waiting = [s for s in wanted if self._waits(s)]
        said = [_looked(s) for s in states if s not in wanted]
        said += [replace(_looked(s), state="queued") for s in waiting]
        done = self._run([s for s in wanted if s not in waiting])
        for each in states:
            if each.state == "known" and each.inputs:
                self.queue.drop(each.inputs)
        return [self._stopping(each) for each in (*said, *(d.said for d in done))]

    def captured(self, glanced: dict[str, Glanced | BtError | None]) -> Iterable[Hooked]:
        """Say of what has nothing to run that it is captured."""
        return [Hooked(strategy=n, state="captured") for n, g in glanced.items() if g is None]

    def _run(self, states: Sequence[StrategyState]) -> tuple[Done, ...]:
        if not states:
            return ()
        judge = Judge(workspace=self.workspace, grant=Grant(), step=self.step)
        runs = Runs(
            judge=judge,
            budget_s=self.policy.time_budget,
            author=self.workspace.author,
            stop_on_change=self.policy.on_change == "stop",
            started=self.started,
        )
        bases = self.workspace.ledger.baselines([s.strategy for s in states], self.workspace.head)
        wanted = [
            Wanted(strategy=s.strategy, inputs=s.inputs or "", baseline=bases.get(s.strategy))
            for s in states
        ]
        done = judge.at_once(runs.one, wanted, os.cpu_count() or 1)
        store_all(judge, done)
        for each in done:
            self._settle(each)
        return done

    def _settle(self, done: Done) -> None:
        inputs = done.said.inputs
        assert inputs is not None
        if done.said.state == "queued":
            self.queue.add(Queued(strategy=done.said.strategy, inputs=inputs))
        if done.bundle is not None:
            self.queue.drop(inputs)
            Candidates(self.workspace.cache).drop(inputs)
        if done.candidate is not None:
            Candidates(self.workspace.cache).keep(done.candidate)

    def _waits(self, state: StrategyState) -> bool:
        """Tell whether a run was put off before, and this commit does not ask for it anew."""
        queued = state.inputs is not None and self.queue.find(state.inputs) is not None
        return queued and bool(self.policy.time_budget) and not self._touched(state)

    def _stopping(self, said: Hooked) -> Hooked:
        changed = said.state == "changed" and self.policy.on_change == "stop"
        if not changed and said.state not in _STOP:
            return said
        return replace(said, stops=self._touched(said))

    def _touched(self, each: Hooked | StrategyState) -> bool:
        """Tell whether this commit changes a strategy: what it does not, it need not answer for."""
        if self.look.head is None:
            return True
        before = self.look.glance(self.look.head, each.strategy)
        if isinstance(before, Glanced):
            return before.inputs != each.inputs
        if isinstance(before, BtError):
            return before.message != each.message
        return True


def _is_code(files: Files, name: str) -> bool:
    """Tell whether a strategy has nothing to run; what cannot be read is said by who looks."""
    try:
        return read_code(files, name) is not None
    except BtError:
        return False


def _looked(state: StrategyState) -> Hooked:
    """Return what a look alone says of a strategy."""
    name = "incomplete" if state.state == "unfetched" else state.state
    return Hooked(
        strategy=state.strategy,
        state=name,
        inputs=state.inputs,
        bundle=state.bundle,
        verdict=Verdict.INCOMPLETE if name == "incomplete" else None,
        message=state.message,
        hint=state.hint,
    )


def _remember(
    seen: Seen, look: Look, glanced: dict[str, Glanced | BtError | None], report: HookReport
) -> None:
    """Remember a look that found nothing to do, or did it; anything else is looked at anew."""
    settled = {"environment", "captured", "identical", "within-tolerance", "extended", "new"}
    changed = [each for each in report.strategies if each.state == "changed" and each.bundle]
    rest = [each for each in report.strategies if each not in changed]
    if any(each.state not in settled for each in rest):
        seen.forget()
        return
    files = look.workspace.files
    names: set[str] = set()
    folders: set[str] = set()
    tapes: list[Path] = []
    for name, each in glanced.items():
        if isinstance(each, BtError):
            return
        asked = look.glances.questions(files, name) if each else _asked_of_code(files, name)
        names.update(path for _, path in asked)
        folders.update(path for what, path in asked if what in ("paths", "is_folder"))
        if each is not None:
            _add_tape(each, names, folders, tapes)
    names.update(real for path in list(names) if (real := files.follow(path)) is not None)
    environment = sum(each.state == "environment" for each in report.strategies)
    known = sum(g is not None for g in glanced.values()) - environment
    found = Found(known=known, environment=environment)
    seen.keep(found, names, folders, tapes, look.engines)


def _asked_of_code(files: Files, name: str) -> list[tuple[str, str]]:
    """Return what a view is asked about a strategy that has nothing to run."""
    asked = Asked(files)
    strategy = read_code(asked, name)
    if strategy is not None:
        capture(asked, strategy, lenient=True)
    return list(asked.questions)


def _add_tape(seen: Glanced, names: set[str], folders: set[str], tapes: list[Path]) -> None:
    tape = seen.facts.tape
    if tape is not None and not Path(tape).is_absolute():
        names.update((tape, f"{tape}.tape"))
        folders.add(tape)
    if seen.tape.state is TapeState.UNPINNED and seen.tape.place is not None:
        tapes.append(seen.tape.place)
