"""What can be accepted: which output of a strategy may take the place of the expected one.

It is the candidate that `validate` kept of the work tree's inputs, or an output that the store has
of them: beside the expected one, or recorded in place of an earlier one. `accept.py` writes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from git_bt.bundle import build_bundle
from git_bt.capture.snapshot import capture
from git_bt.capture.strategy import find_strategies, read_strategy
from git_bt.capture.tape import read_tape
from git_bt.commands.candidates import Candidate, Candidates
from git_bt.commands.inputs import Memory
from git_bt.commands.locate import by_id, locate
from git_bt.commands.plan import declared
from git_bt.commands.record import MEMORY, CommitTree
from git_bt.commands.tapes import as_packed_here
from git_bt.commands.workspace import Workspace
from git_bt.errors import BtError, ExitCode, Incomplete, Usage
from git_bt.ledger import Baseline, output_key
from git_bt.model import (
    Bundle,
    Captured,
    EngineVersion,
    Environment,
    RunRecord,
    Strategy,
    Tape,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """An output that is to be accepted: its bundle, and the run that gave it."""

    strategy: str
    bundle: Bundle
    environment: Environment
    elapsed_ms: int
    runs: int
    captured: Captured | None = None


def get_acceptable(workspace: Workspace, name: str) -> Taken:
    """Return what a word names that can be accepted.

    Raises:
        Usage: it means nothing, or a file.
        Incomplete: nothing of it is there to accept.
    """
    named = locate(workspace, name)
    if named.fault is not None:
        raise named.fault
    if named.archive is not None:
        raise Usage(f"{name} is a file", hint=f"git bt import {name}, then accept its id")
    if named.id is not None:
        return _stored(workspace, named.id, None)
    assert named.strategy is not None
    found = _of_strategy(workspace, named.strategy)
    if found is None:
        raise Incomplete(
            f"{named.strategy.name}: no output to accept: none diverged with these inputs",
            hint=f"git bt validate {named.strategy.name}",
        )
    return found


def all_acceptable(workspace: Workspace) -> Iterator[Taken]:
    """Yield what can be accepted of each strategy that has a candidate or a conflict."""
    candidates = {candidate.strategy for candidate in Candidates(workspace.cache).all()}
    seen = set()
    for name in sorted({*find_strategies(workspace.files), *candidates}):
        try:
            strategy = read_strategy(workspace.files, name)
            if strategy.name in seen:  # an entry file that has a strategy.yaml by now
                continue
            seen.add(strategy.name)
            found = _of_strategy(workspace, strategy, is_named=False)
        except (Usage, Incomplete):
            continue  # what cannot be run has no candidate
        if found is not None:
            yield found


def _of_strategy(
    workspace: Workspace, strategy: Strategy, *, is_named: bool = True
) -> Taken | None:
    """Return what can be accepted of a strategy as the work tree holds it, None of nothing.

    Args:
        workspace: where.
        strategy: as the work tree holds it.
        is_named: somebody asks for it by name; else what was tied to older commits rests.

    Raises:
        Usage: several outputs are in the store, and none of them is expected.
    """
    market = None
    if strategy.tape is None:
        packed = workspace.ledger.packed.get(strategy.name)
        if packed is None:
            return None
        stored = workspace.need_store().bundle(packed.bundle)
        strategy, market = as_packed_here(workspace, strategy, stored)
        if market is None:
            return None
    captured = capture(workspace.files, strategy)
    built = _bundle(workspace, strategy, captured, market, None)
    candidate = Candidates(workspace.cache).find(built.manifest.inputs)
    if candidate is not None:
        return Taken(
            strategy=strategy.name,
            bundle=_bundle(workspace, strategy, captured, market, candidate),
            environment=candidate.environment,
            elapsed_ms=candidate.elapsed_ms,
            runs=candidate.runs,
            captured=captured,
        )
    base = workspace.ledger.baseline(strategy.name, workspace.head)
    claims = workspace.ledger.claims(built.manifest.inputs)
    others = [c for c in claims if base is None or base.bundle not in c.bundles]
    if not others and claims and base is not None:
        is_new = is_named or base.commit == workspace.head
        stood = stood_before(workspace, strategy.name, base) if is_new else None
        others = [] if stood is None else list(claims)
    if not others or base is None:
        return None
    if len(others) > 1:
        shown = ", ".join(claim.bundle[:12] for claim in others)
        raise Usage(
            f"{strategy.name}: several outputs of these inputs: {shown}",
            hint=f"git bt accept {others[-1].bundle[:12]}, or another of them",
        )
    return _stored(workspace, others[0].bundle, strategy.name)


def stood_before(workspace: Workspace, strategy: str, base: Baseline) -> Baseline | None:
    """Return what a result took the place of by being recorded: the last one of other inputs.

    None where there is none, where it gave the same output, or where somebody accepted that.
    """
    ledger, repo = workspace.ledger, workspace.need_store().repo
    found: Baseline | None = base
    while found is not None and found.inputs == base.inputs:
        parent = None if found.commit is None else repo.resolve(f"{found.commit}^1")
        found = None if parent is None else ledger.baseline(strategy, parent)
    if found is None or found.line is None:
        found = _in_parent(workspace, strategy, base)
    if found is None:
        return None
    keys = [_output_key(workspace, each.bundle) for each in (base, found)]
    runs = [run for claim in ledger.claims(base.inputs) for _, run in claim.runs]
    is_settled = any(r.kind == "accept" and r.replaces == found.bundle for r in runs)
    return None if keys[0] == keys[1] or is_settled else found


def _in_parent(workspace: Workspace, strategy: str, base: Baseline) -> Baseline | None:
    """Return what is known of the inputs that the first parent of a result's commit has.

    For commits that were made before anything was tied: their trees say which runs are theirs.
    """
    store = workspace.need_store()
    parent = None if base.commit is None else store.repo.resolve(f"{base.commit}^1")
    if parent is None:
        return None
    memory = Memory(store.repo.cache_dir / MEMORY)
    try:
        inputs = CommitTree(workspace, store.repo, store.objects, parent, memory).inputs(strategy)
    except BtError:
        return None
    claims = () if inputs is None else workspace.ledger.claims(inputs.id)
    if inputs is None or len(claims) != 1 or inputs.id == base.inputs:
        return None
    return Baseline(
        strategy=strategy, bundle=claims[0].bundle, inputs=inputs.id, run=claims[0].runs[0]
    )


def _output_key(workspace: Workspace, bundle: str) -> str | None:
    try:
        return output_key(workspace.need_store().manifest(bundle))
    except Usage:  # it has not come here
        return None


def _bundle(
    workspace: Workspace,
    strategy: Strategy,
    captured: Captured,
    market: Tape | None,
    candidate: Candidate | None,
) -> Bundle:
    """Return the bundle of the work tree's inputs with a candidate's output."""
    if market is None:
        market = read_tape(workspace.files, strategy, top=workspace.top, cwd=workspace.cwd)
    adapter, config = declared(strategy)
    unknown = EngineVersion(name=adapter.NAME, version="")
    return build_bundle(
        snapshot=captured.snapshot,
        content=captured.content,
        tape=market,
        engine=unknown if candidate is None else candidate.environment.engine,
        config=config,
        output=None if candidate is None else candidate.output,
        command=strategy.command,
        build=strategy.build,
    )


def _stored(workspace: Workspace, bundle: str, strategy: str | None) -> Taken:
    """Return a bundle of the store with the newest run that gave its output."""
    found = by_id(workspace, bundle)
    claims = workspace.ledger.claims(found.bundle.manifest.inputs)
    runs = [run for claim in claims for _, run in claim.runs if run.bundle == bundle]
    if not runs:
        runs = [r for _, r in workspace.need_store().runs_of(bundle=bundle) if _passed(r)]
    if not runs:
        raise Incomplete(
            f"bundle {bundle[:12]} has no run that passed", hint=f"git bt validate {bundle[:12]}"
        )
    run = runs[0]
    return Taken(
        strategy=strategy or run.strategy,
        bundle=found.bundle,
        environment=Environment(
            python=run.python, engine=run.engine, packages=run.packages, platform=run.platform
        ),
        elapsed_ms=run.elapsed_ms,
        runs=run.runs,
    )


def _passed(run: RunRecord) -> bool:
    return run.verdict.exit_code is ExitCode.OK
