"""One strategy as base and head hold it: what is to be said of it before anything runs.

What a run needs is planned in `gate`; here is what the two sides say, and which interpreter is not
to be asked.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from git_bt.commands.plan import Engine
from git_bt.commands.proposal import Pair
from git_bt.commands.workspace import Workspace
from git_bt.declared import declared_changes, declared_new
from git_bt.errors import Incomplete
from git_bt.evidence import UNCHANGED, Evidence
from git_bt.files import Files
from git_bt.gating import Finding, InputChange, Level
from git_bt.interpreters import Wanted, candidates
from git_bt.model import Captured, Strategy, TapeState, Tolerances
from git_bt.runner import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A strategy of a commit, ready to run."""

    strategy: Strategy
    engine: Engine
    job: Job
    captured: Captured
    inputs: str

    @property
    def key(self) -> tuple[str, Path]:
        """What makes a run the same run."""
        return self.inputs, self.engine.interpreter.executable


def state_of(pair: Pair) -> str:
    """Return what became of a strategy, as `Gated.state` has it."""
    if pair.after is None:
        return "removed"
    if pair.after.fault is not None:
        return "unreadable"
    if pair.renamed_from:
        return "renamed"
    if pair.is_unchanged:
        return UNCHANGED
    is_new = pair.before is None or (pair.before.inputs is None and pair.before.fault is None)
    return "new" if is_new else "changed"


def tolerances_of(pair: Pair) -> Tolerances:
    """Return base's tolerances; those that a new strategy brings are said with it."""
    for side in (pair.word, pair.after):
        strategy = side.readable if side else None
        if strategy is not None:
            return strategy.compare
    return {}


def declared_by(pair: Pair) -> tuple[Finding, ...]:
    """Return what head's strategy.yaml would have its judge do otherwise."""
    after = pair.after.readable if pair.after else None
    if pair.after is None or after is None or pair.commit is not None:
        return ()
    before = pair.word.readable if pair.word else None
    if before is None:
        return declared_new(after, pair.after.path)
    return declared_changes(before, after, pair.after.path)


def tape_findings(planned: Planned, evidence: Evidence) -> tuple[Finding, ...]:
    """Return that a tape is what lies here, where no commit says which it is."""
    tape = planned.job.tape
    if tape is None or tape.state in (TapeState.TRACKED, TapeState.PINNED, TapeState.CHANGED):
        return ()
    name = planned.strategy.tape
    message = f"the tape {name} is neither tracked nor pinned: what lies here was run on"
    return (
        Finding(
            kind="tape-unpinned", level=Level.WARNING, message=message, strategy=evidence.strategy,
            path=evidence.path, commit=evidence.commit, hint=f"git bt tape pin {name}",
        ),
    )  # fmt: skip


def input_changes(before: Planned, after: Planned) -> Iterable[InputChange]:
    """Yield what of the inputs is another one, by what a reviewer calls it."""
    one, two = before.job, after.job
    assert one.tape is not None
    assert two.tape is not None
    named = {
        "code": ({p: m.sha256 for p, m in one.members.items()},
                 {p: m.sha256 for p, m in two.members.items()}),
        "config": (dict(one.config), dict(two.config)),
        "tape": ({p: m.sha256 for p, m in one.tape.members.items()},
                 {p: m.sha256 for p, m in two.tape.members.items()}),
        "engine": (_engine_words(before), _engine_words(after)),
    }  # fmt: skip
    for what, (old, new) in named.items():
        for name in sorted({*old, *new}):
            if old.get(name) != new.get(name):
                yield InputChange(what=what, name=name, before=old.get(name), after=new.get(name))


def _engine_words(planned: Planned) -> dict[str, object]:
    strategy = planned.strategy
    return {
        "engine": planned.engine.adapter.NAME,
        "entry_point": planned.job.entry_point,
        "command": None if strategy.command is None else list(strategy.command),
        "build": None if strategy.build is None else list(strategy.build),
    }


def refuse_interpreters(workspace: Workspace, files: Files, wanted: Wanted) -> None:
    """Refuse to ask an interpreter that is a file of the commit that it would judge.

    Raises:
        Incomplete: it, a link that leads to it, or anything of its environment is tracked.
    """
    tops = {workspace.top, workspace.top.resolve()}
    for executable in candidates(wanted):
        for path in (executable.relative_to(t) for t in tops if executable.is_relative_to(t)):
            prefix = path.parents[1].as_posix() if len(path.parts) > 2 else path.as_posix()
            places = (place.as_posix() for place in (path, *path.parents[:-1]))
            if files.is_tracked(prefix) or any(files.find(place) for place in places):
                raise Incomplete(
                    f"the interpreter {path} is a file of the commit that is judged",
                    hint="--python PATH, of an environment that the commit does not hold",
                )
