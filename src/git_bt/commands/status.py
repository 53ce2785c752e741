"""Say of each strategy of the work tree whether its result is known, and what is missing if not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from git_bt.canonical import PROGRAM
from git_bt.capture.strategy import find_strategies, read_strategy
from git_bt.capture.tape import read_tape
from git_bt.commands.glance import Facts, Glanced, Glances
from git_bt.commands.inputs import inputs_of
from git_bt.commands.plan import Grant, interpreter_of
from git_bt.commands.tapes import as_packed
from git_bt.commands.workspace import Workspace, open_workspace
from git_bt.compare import environment_changes
from git_bt.errors import BtError, CannotWork, Incomplete
from git_bt.files import Files, commit_files, index_files
from git_bt.installed import distributions
from git_bt.interpreters import Interpreter, load_adapter
from git_bt.ledger import Baseline, Claim
from git_bt.looking import StagedState, StatusReport, StrategyState
from git_bt.model import Environment, RunRecord, Tape
from git_bt.objects import Objects

MEMORY = "status.json"


def status(strategies: Sequence[str] = (), *, cwd: Path | None = None) -> StatusReport:
    """Return the state of every strategy, by name; nothing is run.

    That is every folder with a strategy.yaml, and every entry file that was packed by its name.

    Args:
        strategies: only these and those below them, by path; none means all.
        cwd: where the command works.

    Raises:
        CannotWork: no repository, or a bare one.
    """
    with open_workspace(cwd) as workspace:
        repo = workspace.need_store().repo
        if repo.top is None:
            raise CannotWork("a bare repository has no work tree", hint="git bt log")
        wanted = [workspace.path_from_top(name) for name in strategies]
        looked = Look(workspace, Glances(repo.cache_dir / MEMORY))
        index = index_files(repo, looked.objects)
        views = (workspace.files, index)
        declared = {name for files in views for name in find_strategies(files)}
        packed = workspace.ledger.packed.keys() - declared
        bare = {name for name in packed if any(files.find(name) for files in views)}
        names = sorted(declared | bare)
        states = [looked.one(index, name) for name in names if _is_wanted(name, wanted)]
        looked.glances.save()
        found = looked.against_baselines([state for state in states if state is not None])
        return StatusReport(head=workspace.head, strategies=tuple(found))


def _is_wanted(name: str, wanted: Sequence[str]) -> bool:
    return not wanted or any(w in (".", name) or name.startswith(w + "/") for w in wanted)


@dataclass
class Look:
    """What all strategies of one look share: tapes and interpreters are looked at once."""

    workspace: Workspace
    glances: Glances
    tapes: dict[tuple[int, str | None], Tape | BtError] = field(default_factory=dict)
    engines: dict[tuple[str, str, str | None], Interpreter | BtError] = field(default_factory=dict)

    @cached_property
    def objects(self) -> Objects:
        """The objects of the repository."""
        assert self.workspace.objects is not None
        return self.workspace.objects

    @cached_property
    def head(self) -> Files | None:
        """The files of the commit that is checked out; listed for somebody who staged something."""
        commit, repo = self.workspace.head, self.workspace.repo
        return None if commit is None or repo is None else commit_files(repo, self.objects, commit)

    def one(self, index: Files, name: str) -> StrategyState | None:
        """Return the state of one strategy as far as no baseline is needed, None of none to run."""
        here = self.glance(self.workspace.files, name)
        staged = self.glance(index, name)
        if here is None and staged is None:
            return None
        state = self.state(name, here)
        if not isinstance(staged, Glanced) or staged.inputs == _inputs(here):
            return state
        if self.head is not None and staged.inputs == _inputs(self.glance(self.head, name)):
            return state  # nothing of it is staged
        other = self.state(name, staged)
        return replace(state, staged=StagedState(state=other.state, inputs=other.inputs))

    def glance(self, files: Files, name: str) -> Glanced | BtError | None:
        """Return what a view holds of a strategy, why it cannot be read, None of nothing to run."""
        folder = "" if name == "." else f"{name}/"
        try:
            if files.find(f"{folder}strategy.yaml") is None:
                return self._bare(files, name)
            return self.glances.look(
                files, name, lambda tape: self._tape(files, tape), top=self.workspace.top
            )
        except BtError as e:
            return e

    def _bare(self, files: Files, name: str) -> Glanced | None:
        """Return an entry file without a strategy.yaml as it was packed last, None of no such."""
        packed = self.workspace.ledger.packed.get(name)
        if packed is None or files.find(name) is None:
            return None
        strategy = read_strategy(files, name)
        if strategy.tape is not None:
            return None  # it belongs to a folder that says so itself
        manifest = self.workspace.need_store().manifest(packed.bundle)
        whole, tape = as_packed(strategy, manifest)
        top = self.workspace.top
        return Glanced(
            facts=Facts(
                tape=None,
                engine=manifest.engine.name,
                root=strategy.root,
                python=strategy.python,
                runs=True,
            ),
            tape=tape,
            inputs=inputs_of(files, whole, top=top, cwd=top, tape=tape).id,
        )

    def _tape(self, files: Files, name: str | None) -> Tape:
        place = (id(files), name)  # all views live as long as this does
        if place not in self.tapes:
            try:
                self.tapes[place] = self._read_tape(files, name)
            except BtError as e:
                self.tapes[place] = e
        found = self.tapes[place]
        if isinstance(found, BtError):
            raise found
        return found

    def _read_tape(self, files: Files, name: str | None) -> Tape:
        if name is None:
            raise Incomplete("no tape is named", hint="add a line `tape: PATH` to strategy.yaml")
        where = self.workspace
        return read_tape(files, str(where.top / name), top=where.top, cwd=where.top)

    # -- states

    def state(self, name: str, seen: Glanced | BtError | None) -> StrategyState:
        """Return the state of what a view holds, as far as no baseline is needed."""
        if seen is None:
            return StrategyState(strategy=name, state="removed")
        if isinstance(seen, BtError):
            state = "incomplete" if isinstance(seen, Incomplete) else "unreadable"
            return StrategyState(strategy=name, state=state, message=seen.message, hint=seen.hint)
        said = StrategyState(
            strategy=name,
            state="changed",
            inputs=seen.inputs,
            tape=seen.facts.tape,
            tape_state=seen.tape.state if seen.facts.tape else None,  # else nobody names it
        )
        claims = self.workspace.ledger.claims(seen.inputs)
        if len(claims) > 1:
            shown = " and ".join(claim.bundle[:12] for claim in claims)
            return replace(
                said,
                state="conflict",
                message=f"the same inputs gave different outputs: {shown}",
                hint="git bt diff A B, then git bt accept the right one",
            )
        return self._known(said, claims[0], seen.facts) if claims else said

    def _known(self, said: StrategyState, claim: Claim, facts: Facts) -> StrategyState:
        """Tell a result of this environment from one of another."""
        newest = claim.runs[0][1]
        said = replace(said, state="environment", bundle=newest.bundle)
        engine = self.engine(facts)
        if isinstance(engine, BtError):
            return replace(said, message=engine.message, hint=engine.hint)
        assert said.inputs is not None
        installed = distributions(engine.site_dirs)
        environment = self.workspace.ledger.environment(
            said.inputs, engine.version, engine.engine.version, installed
        )
        here = [run for _, run in claim.runs if run.environment == environment]
        if here:
            return replace(said, state="known", bundle=here[0].bundle)
        changes = environment_changes(newest, _environment(newest, engine, installed))
        return replace(said, environment=changes, hint=f"git bt validate {said.strategy}")

    def engine(self, facts: Facts) -> Interpreter | BtError:
        """Return the interpreter that would run it, or why there is none."""
        place = (facts.engine, facts.root, facts.python)
        if place not in self.engines:
            root = self.workspace.top / facts.root
            try:
                adapter = load_adapter(facts.engine)
                self.engines[place] = interpreter_of(
                    self.workspace, adapter, Grant(), root, facts.python
                )
            except BtError as e:
                self.engines[place] = e
        return self.engines[place]

    # -- against what was before

    def against_baselines(self, states: Sequence[StrategyState]) -> list[StrategyState]:
        """Tell what changed from what is new; only those that are not known walk the history."""
        asked = [state.strategy for state in states if state.state == "changed"]
        ledger = self.workspace.ledger
        bases = ledger.baselines(asked, self.workspace.head) if asked else {}
        return [
            _since(state, bases.get(state.strategy)) if state.state == "changed" else state
            for state in states
        ]


def _inputs(seen: Glanced | BtError | None) -> str | None:
    return seen.inputs if isinstance(seen, Glanced) else None


def _since(said: StrategyState, base: Baseline | None) -> StrategyState:
    name = said.strategy
    if base is None:
        return replace(said, state="new", hint=f"git bt pack {name}")
    said = replace(said, fork=None if base.line is None else base.line.origin)
    if base.inputs == said.inputs and said.fork:
        return replace(said, state="fork", bundle=base.bundle, hint=f"git bt validate {name}")
    if base.inputs == said.inputs and base.run is None:
        message = f"its result {base.bundle[:12]} is not here"
        return replace(
            said, state="unfetched", bundle=base.bundle, message=message, hint="git bt fetch"
        )
    hint = f"git bt validate {name}" + (f", then git bt pack {name}" if said.tape else "")
    return replace(said, bundle=base.bundle, hint=hint)


def _environment(
    recorded: RunRecord, engine: Interpreter, installed: Mapping[str, str]
) -> Environment:
    """Return what a run would have here, as far as the names of its distributions tell."""
    return Environment(
        python=engine.version,
        engine=engine.engine,
        packages={
            name: installed.get(name, version)
            for name, version in recorded.packages.items()
            if name in installed or name.startswith(PROGRAM)
        },
        platform=recorded.platform,
    )
