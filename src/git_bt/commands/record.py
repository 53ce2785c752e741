"""Tie what is known to commits, by the inputs id that a commit's own tree gives.

Nothing is run. A result that another commit had first (before a rebase, on the branch that was
squashed) is inherited from it, and says so by citing the same run.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from git_bt.capture.snapshot import capture
from git_bt.capture.strategy import find_strategies, read_code, read_strategy
from git_bt.commands.inputs import Inputs, Memory, inputs_in_commit, inputs_of
from git_bt.commands.noted import remembered
from git_bt.commands.tapes import as_packed
from git_bt.commands.workspace import Step, Workspace, open_workspace
from git_bt.errors import BtError, Incomplete, Usage
from git_bt.files import Files, commit_files
from git_bt.ledger import Claim, Run, passes
from git_bt.model import Captured, CodeLine, NoteLine, Oid, Strategy, TapeState
from git_bt.objects import Objects
from git_bt.records import snapshot_id
from git_bt.repo import Repo
from git_bt.reports import RecordReport, Tied, TiedCommit

MEMORY = "inputs.json"


def record(revision: str = "HEAD", *, step: Step, cwd: Path | None = None) -> RecordReport:
    """Tie the results that belong to a commit, or to each commit of a range.

    A strategy whose inputs are those of the first parent gets no result of its own.

    Args:
        revision: a commit, or a range A..B.
        step: told what is being done.
        cwd: where the command works.

    Raises:
        Usage: there is no such commit or range.
        CannotWork: no repository, or it cannot be written.
    """
    with open_workspace(cwd) as workspace:
        commits = commits_of(workspace.need_store().repo, revision)
        return record_commits(workspace, commits, step=step)


def record_commits(workspace: Workspace, commits: Sequence[Oid], *, step: Step) -> RecordReport:
    """Tie the results that belong to commits, the oldest first; see `record`.

    Raises:
        CannotWork: the repository cannot be written.
    """
    store = workspace.need_store()
    memory = Memory(store.repo.cache_dir / MEMORY)
    trees = {c: CommitTree(workspace, store.repo, store.objects, c, memory) for c in commits}
    found = {}
    for number, commit in enumerate(commits, 1):
        step(f"reading commit {number} of {len(commits)}")
        found[commit] = list(_look(trees[commit]))
    ledger = _Tying(workspace, found)
    tied = {c: tuple(ledger.one(trees[c], each) for each in found[c]) for c in commits}
    memory.save()
    step("writing")
    store.save(notes=ledger.lines, captured=ledger.captured)
    return RecordReport(
        commits=tuple(
            TiedCommit(commit=c, subject=trees[c].subject, strategies=tied[c]) for c in commits
        )
    )


def commits_of(repo: Repo, revision: str) -> list[Oid]:
    """Return the commit or the commits of a range, the oldest first.

    Raises:
        Usage: it names nothing, or is no range A..B.
    """
    if ".." not in revision:
        oid = repo.resolve(revision)
        if oid is None:
            raise Usage(f"no commit {revision!r:.200}", hint="git log --oneline")
        return [oid]
    if "..." in revision or "\0" in revision:
        raise Usage(f"{revision!r:.200} is no range", hint="name it as A..B")
    asked = ("--reverse", "--topo-order", "--end-of-options", revision)
    listed = repo.git("rev-list", *asked, check=False)
    if listed.code:
        raise Usage(f"no range {revision!r:.200}", hint="git log --oneline A..B")
    return [Oid(oid) for oid in listed.text.split()]


# -- what a commit holds --------------------------------------------------------------------------


class CommitTree:
    """The strategies of one commit, and their inputs as far as its tree says them."""

    def __init__(
        self, workspace: Workspace, repo: Repo, objects: Objects, commit: Oid, memory: Memory
    ) -> None:
        self.workspace = workspace
        self.repo = repo
        self.objects = objects
        self.commit = commit
        self.memory = memory

    @cached_property
    def files(self) -> Files:
        """The view of its files."""
        return commit_files(self.repo, self.objects, self.commit)

    @cached_property
    def parent(self) -> "CommitTree | None":
        """The first parent; None of a root, and where a shallow clone ends."""
        parents = self.objects.commit(self.commit).parents
        if not parents or self.repo.resolve(parents[0]) is None:
            return None
        return CommitTree(self.workspace, self.repo, self.objects, parents[0], self.memory)

    @property
    def subject(self) -> str:
        """The first line of its message."""
        return self.objects.commit(self.commit).message.partition("\n")[0]

    @property
    def is_head(self) -> bool:
        """Whether it is the commit being made: what lies in the work tree belongs to it."""
        return self.commit == self.workspace.head

    def names(self) -> list[str]:
        """Return what can be run: by a strategy.yaml, or packed by the name of its entry file."""
        named = set(find_strategies(self.files))
        packed = self.workspace.ledger.packed.keys() - named
        return sorted(named | {name for name in packed if self.files.find(name) is not None})

    def inputs(self, name: str) -> Inputs | None:
        """Return the inputs of a strategy, None of one that has nothing to run.

        Raises:
            Usage: it cannot be read.
            Incomplete: its tape is not here, and nothing says what it holds.
        """
        known = self.memory.find(self.files, name)
        if known is not None:
            return known
        strategy = read_strategy(self.files, name)
        if self.files.is_folder(name) or strategy.tape is not None:
            return self._declared(name) if strategy.engine or strategy.tape else None
        return self._bare(strategy)

    def code(self, name: str) -> Captured | None:
        """Return the code of a strategy that has nothing to run, None of any other.

        Raises:
            Usage: it cannot be read.
        """
        if not self.files.is_folder(name) or self.memory.find(self.files, name) is not None:
            return None
        strategy = read_code(self.files, name)
        return None if strategy is None else capture(self.files, strategy, lenient=True)

    def _declared(self, name: str) -> Inputs:
        where = self.workspace
        return inputs_in_commit(self.files, name, top=where.top, cwd=where.cwd, memory=self.memory)

    def _bare(self, strategy: Strategy) -> Inputs | None:
        """Take engine, config and tape of an entry file from what was packed of it last."""
        where = self.workspace
        packed = where.ledger.packed.get(strategy.name)
        if packed is None:
            return None
        manifest = where.need_store().manifest(packed.bundle)
        whole, tape = as_packed(strategy, manifest)
        return inputs_of(self.files, whole, top=where.top, cwd=where.cwd, tape=tape)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A strategy of a commit: its inputs, its code where nothing runs, or why it gets no result."""

    name: str
    inputs: Inputs | None = None
    verdict: Tied | None = None
    code: Captured | None = None


def _look(tree: CommitTree) -> Iterator[_Seen]:
    for name in tree.names():
        try:
            code = tree.code(name)
            if code is not None:
                yield _Seen(name=name, code=code)
                continue
            inputs = tree.inputs(name)
        except Incomplete as e:
            state = "unpinned" if not tree.is_head else "unreadable"
            said = Tied(strategy=name, state=state, message=e.message, hint=e.hint)
            yield _Seen(name=name, verdict=said)
            continue
        except BtError as e:
            said = Tied(strategy=name, state="unreadable", message=e.message, hint=e.hint)
            yield _Seen(name=name, verdict=said)
            continue
        if inputs is not None:
            yield _Seen(name=name, inputs=inputs)


# -- what belongs there ---------------------------------------------------------------------------


@dataclass
class _Tying:
    """Finds the result of each strategy; `lines` are those that are to be written, by commit."""

    workspace: Workspace
    seen: dict[Oid, list[_Seen]]
    lines: dict[str, list[NoteLine | CodeLine]] = field(default_factory=dict)
    captured: list[Captured] = field(default_factory=list)

    @cached_property
    def noted(self) -> dict[Oid, tuple[NoteLine, ...]]:
        """The results that other commits have of the same inputs."""
        ids = {s.inputs.id for found in self.seen.values() for s in found if s.inputs}
        return remembered(self.workspace, ids)

    def one(self, tree: CommitTree, seen: _Seen) -> Tied:
        """Say what becomes of one strategy of a commit."""
        inputs = seen.inputs
        if seen.code is not None:
            return self._code(tree, seen.name, seen.code)
        if inputs is None:
            assert seen.verdict is not None
            return seen.verdict
        said = Tied(strategy=seen.name, state="unpinned", inputs=inputs.id)
        unpinned = inputs.tape not in (TapeState.TRACKED, TapeState.PINNED)
        if unpinned and not tree.is_head:
            return replace(
                said,
                inputs=None,
                message="the commit does not say what its tape holds",
                hint="git bt tape pin TAPE, and commit the pin",
            )
        if self._is_unchanged(tree, inputs):
            return replace(said, state="unchanged")
        found = self._tied(tree, inputs, said)
        if unpinned and found.state in ("tied", "known"):
            message = "the tape is not pinned: no other commit can take this result over"
            found = replace(found, message=message, hint="git bt tape pin TAPE")
        return found

    def _code(self, tree: CommitTree, name: str, code: Captured) -> Tied:
        snapshot = snapshot_id(code.snapshot)
        said = Tied(strategy=name, state="captured", message=f"snapshot {snapshot[:12]}")
        try:
            before = None if tree.parent is None else tree.parent.code(name)
        except BtError:
            before = None
        if before is not None and snapshot_id(before.snapshot) == snapshot:
            return replace(said, state="unchanged")
        self.lines.setdefault(tree.commit, []).append(CodeLine(strategy=name, snapshot=snapshot))
        self.captured.append(code)
        return said

    def _is_unchanged(self, tree: CommitTree, inputs: Inputs) -> bool:
        parent = tree.parent
        if parent is None:
            return False
        before = _inputs_before(parent, inputs.strategy)
        if before is not None:
            return before == inputs.id
        base = self.workspace.ledger.baseline(inputs.strategy, parent.commit)
        return base is not None and base.line is not None and base.inputs == inputs.id

    def _tied(self, tree: CommitTree, inputs: Inputs, said: Tied) -> Tied:
        claims = self.workspace.ledger.claims(inputs.id)
        for old in self.workspace.ledger.results(tree.commit):
            same = (old.strategy, old.inputs) == (inputs.strategy, inputs.id)
            if same and old.origin is None and any(old.bundle in claim.bundles for claim in claims):
                return _said(said, "known", old, None)
        others = self._others(tree.commit, inputs.id)
        if len(claims) > 1:  # what other commits have of it is what stands until one is accepted
            cited = [c for c in claims if any(line.bundle in c.bundles for _, line in others)]
            if len(cited) != 1:
                shown = " and ".join(claim.bundle[:12] for claim in claims)
                return replace(
                    said,
                    state="conflict",
                    message=f"the same inputs gave different outputs: {shown}",
                    hint="git bt diff A B, then git bt accept the right one",
                )
            claims = tuple(cited)
        if not claims:
            where = "" if tree.is_head else f"git worktree add DIR {tree.commit[:12]}, and there: "
            return replace(
                said,
                state="must-run",
                message="no run of these inputs is known",
                hint=f"{where}git bt pack {inputs.strategy}",
            )
        line, origin = _line(inputs, claims[0], others)
        self.lines.setdefault(tree.commit, []).append(line)
        return _said(said, "tied", line, origin)

    def _others(self, commit: Oid, inputs: str) -> list[tuple[str, NoteLine]]:
        """Return the results of these inputs on other commits, the inherited ones last."""
        noted = [*self.noted.items(), *self.lines.items()]
        every = [(at, line) for at, lines in noted if at != commit for line in lines]
        found = [(at, line) for at, line in every if isinstance(line, NoteLine)]
        ours = [(at, line) for at, line in found if line.origin is None]  # not a fork's word
        same = [(at, x) for at, x in ours if x.inputs == inputs and passes(x.verdict)]
        return sorted(same, key=lambda pair: (pair[1].kind == "inherited", pair[1].run, pair[0]))


def _inputs_before(parent: CommitTree, name: str) -> str | None:
    """Return the inputs id in the first parent as far as its tree says it.

    A strategy that cannot be read there has changed: that is no inputs id of anything.
    """
    try:
        if parent.files.find(name) is None and not parent.files.is_folder(name):
            return ""
        inputs = parent.inputs(name)
    except Incomplete:
        return None
    except BtError:
        return ""
    if inputs is None or inputs.tape not in (TapeState.TRACKED, TapeState.PINNED):
        return None
    return inputs.id


def _line(
    inputs: Inputs, claim: Claim, others: Sequence[tuple[str, NoteLine]]
) -> tuple[NoteLine, str | None]:
    """Return the line, and the commit that it is inherited from."""
    cited = [(at, line) for at, line in others if line.bundle in claim.bundles]
    if cited:
        at, first = cited[0]
        line = NoteLine(
            strategy=inputs.strategy,
            inputs=inputs.id,
            bundle=first.bundle,
            run=first.run,
            verdict=first.verdict,
            kind="inherited",
        )
        return line, at
    run_id, run = _first(claim)
    accepted = run.kind == "accept"
    line = NoteLine(
        strategy=inputs.strategy,
        inputs=inputs.id,
        bundle=run.bundle,
        run=run_id,
        verdict=run.verdict,
        kind="accepted" if accepted else "measured",
        replaces=run.replaces if accepted else None,
    )
    return line, None


def _first(claim: Claim) -> Run:
    """Return the run that is cited: of an output that was accepted, its acceptance."""
    accepted = [run for run in claim.runs if run[1].kind == "accept"]
    return accepted[0] if accepted else claim.runs[-1]


def _said(said: Tied, state: str, line: NoteLine, origin: str | None) -> Tied:
    return replace(
        said,
        state=state,
        kind=line.kind,
        bundle=line.bundle,
        run=line.run,
        verdict=line.verdict,
        origin=origin,
    )
