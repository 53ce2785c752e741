"""The result that belongs to a commit: COMMIT:STRATEGY, and every result of a commit.

A result belongs to a commit when it is tied to it, or when the commit's own tree gives the inputs
that it is a result of. Nothing else is ever shown as a commit's.
"""

import posixpath
from contextlib import suppress
from dataclasses import dataclass

from git_bt.commands.record import MEMORY, CommitTree
from git_bt.commands.workspace import Workspace
from git_bt.errors import BtError, Incomplete, Usage
from git_bt.ledger import Baseline, Claim
from git_bt.model import NoteLine, Oid, TapeState
from git_bt.repo import Repo


@dataclass(frozen=True, slots=True, kw_only=True)
class AtCommit:
    """A result of a strategy on a commit.

    `line` is the note that says so, on `origin`: the commit itself, or an ancestor whose inputs
    are the same; both are None of a run that was never tied.
    """

    commit: Oid
    strategy: str
    bundle: str
    origin: Oid | None = None
    line: NoteLine | None = None


def commit_of(repo: Repo, revision: str) -> Oid:
    """Return the commit that a revision names; raises Usage when it names none."""
    oid = repo.resolve(revision) if revision else None
    if oid is None:
        raise Usage(f"no commit {revision!r:.200}", hint="git log --oneline")
    return oid


def split_name(workspace: Workspace, name: str) -> tuple[str, str]:
    """Return revision and strategy of COMMIT:STRATEGY; `./` is from where the user stands.

    Raises:
        Usage: the strategy lies outside the repository.
    """
    revision, _, path = name.partition(":")
    if path.startswith(("./", "../")):
        return revision, workspace.path_from_top(path)
    short = posixpath.normpath(path or ".")
    if short.startswith(("/", "../")) or short == "..":
        raise Usage(f"{path} is outside the repository")
    return revision, short


def result_at(workspace: Workspace, commit: Oid, strategy: str) -> AtCommit:
    """Return the result of a strategy that belongs to a commit.

    Raises:
        Incomplete: there is none, several stand against each other, or it cannot be told.
        Usage: the commit has no such strategy.
    """
    tree = _tree(workspace, commit)
    found = _own(tree, strategy)
    if found is None:
        base = workspace.ledger.baseline(strategy, commit)
        found = _same_inputs(tree, strategy, base)
        tree.memory.save()
    return found


def results_at(workspace: Workspace, commit: Oid) -> list[AtCommit]:
    """Return the results of all strategies of a commit that have one."""
    tree, ledger = _tree(workspace, commit), workspace.ledger
    names = {*tree.names(), *(line.strategy for line in ledger.results(commit))}
    found = {name: _own(tree, name) for name in names}
    left = [name for name in names if found[name] is None]
    bases = ledger.baselines(left, commit)  # the history is walked once for all
    for name in left:
        # One without a result, or that cannot be read, is not asked for by name.
        with suppress(BtError):
            found[name] = _same_inputs(tree, name, bases.get(name))
    tree.memory.save()
    return [at for _, at in sorted(found.items()) if at is not None]


def _tree(workspace: Workspace, commit: Oid) -> CommitTree:
    from git_bt.commands.inputs import Memory

    store = workspace.need_store()
    memory = Memory(store.repo.cache_dir / MEMORY)
    return CommitTree(workspace, store.repo, store.objects, commit, memory)


def _own(tree: CommitTree, strategy: str) -> AtCommit | None:
    """Return the result that is tied to the commit itself."""
    line = tree.workspace.ledger.result(tree.commit, strategy)
    if line is None:
        return None
    return AtCommit(
        commit=tree.commit, strategy=strategy, bundle=line.bundle, origin=tree.commit, line=line
    )


def _same_inputs(tree: CommitTree, strategy: str, base: Baseline | None) -> AtCommit:
    """Return the result of an ancestor, or a mere run, of the inputs that the commit has."""
    inputs = _inputs(tree, strategy)
    if base is not None and base.line is not None and base.inputs == inputs:
        return AtCommit(
            commit=tree.commit,
            strategy=strategy,
            bundle=base.bundle,
            origin=base.commit,
            line=base.line,
        )
    claims = tree.workspace.ledger.claims(inputs)
    if len(claims) != 1:
        raise _none(tree.commit, strategy, claims)
    return AtCommit(commit=tree.commit, strategy=strategy, bundle=claims[0].bundle)


def _inputs(tree: CommitTree, strategy: str) -> str:
    short = tree.commit[:12]
    if tree.files.find(strategy) is None and not tree.files.is_folder(strategy):
        raise Usage(f"commit {short} has no {strategy}", hint="git ls-tree --name-only")
    inputs = tree.inputs(strategy)
    if inputs is None:
        raise Incomplete(f"commit {short}: {strategy} names nothing to run")
    if inputs.tape not in (TapeState.TRACKED, TapeState.PINNED) and not tree.is_head:
        raise Incomplete(
            f"commit {short} does not say what the tape of {strategy} holds",
            hint="git bt tape pin TAPE, and commit the pin",
        )
    return inputs.id


def _none(commit: Oid, strategy: str, claims: tuple[Claim, ...]) -> Incomplete:
    where = f"commit {commit[:12]}: {strategy}"
    if claims:
        shown = " and ".join(claim.bundle[:12] for claim in claims)
        return Incomplete(
            f"{where} has outputs that stand against each other: {shown}",
            hint="git bt ls --conflicts",
        )
    return Incomplete(f"{where} has no result", hint="git bt record, or git bt fetch")
