"""The result that belongs to a commit: COMMIT:STRATEGY, and every result of a commit.

A result belongs to a commit when it is tied to it, or when the commit's own tree gives the inputs
that it is a result of. Nothing else is ever shown as a commit's.
"""

import posixpath
from dataclasses import dataclass

from git_bt.commands.record import MEMORY, CommitTree
from git_bt.commands.workspace import Workspace
from git_bt.errors import BtError, Incomplete, Usage
from git_bt.ledger import Claim
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
    ledger = workspace.ledger
    line = ledger.result(commit, strategy)
    if line is not None:
        return AtCommit(
            commit=commit, strategy=strategy, bundle=line.bundle, origin=commit, line=line
        )
    inputs = _inputs(workspace, commit, strategy)
    base = ledger.baseline(strategy, commit)
    if base is not None and base.line is not None and base.inputs == inputs:
        return AtCommit(
            commit=commit,
            strategy=strategy,
            bundle=base.bundle,
            origin=base.commit,
            line=base.line,
        )
    claims = ledger.claims(inputs)
    if len(claims) != 1:
        raise _none(commit, strategy, claims)
    return AtCommit(commit=commit, strategy=strategy, bundle=claims[0].bundle)


def results_at(workspace: Workspace, commit: Oid) -> list[AtCommit]:
    """Return the results of all strategies of a commit that have one."""
    names = {line.strategy for line in workspace.ledger.results(commit)}
    found = []
    for name in sorted(names.union(_tree(workspace, commit).names())):
        try:
            found.append(result_at(workspace, commit, name))
        except BtError:
            continue  # one without a result, or that cannot be read, is not asked for by name
    return found


def _tree(workspace: Workspace, commit: Oid) -> CommitTree:
    from git_bt.commands.inputs import Memory

    store = workspace.need_store()
    memory = Memory(store.repo.cache_dir / MEMORY)
    return CommitTree(workspace, store.repo, store.objects, commit, memory)


def _inputs(workspace: Workspace, commit: Oid, strategy: str) -> str:
    tree = _tree(workspace, commit)
    if tree.files.find(strategy) is None and not tree.files.is_folder(strategy):
        raise Usage(f"commit {commit[:12]} has no {strategy}", hint="git ls-tree --name-only")
    inputs = tree.inputs(strategy)
    tree.memory.save()
    if inputs is None:
        raise Incomplete(f"commit {commit[:12]}: {strategy} names nothing to run")
    if inputs.tape not in (TapeState.TRACKED, TapeState.PINNED) and not tree.is_head:
        raise Incomplete(
            f"commit {commit[:12]} does not say what the tape of {strategy} holds",
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
