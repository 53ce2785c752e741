"""Take an output as the expected one from now on, without another run.

What is taken is the candidate that `validate` kept of the work tree's inputs, or an output that
the store has of them: beside the expected one, or recorded in place of an earlier one. It takes a
person to say so: who, when and why is in the run record.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from git_bt.bundle import build_bundle
from git_bt.capture.snapshot import capture
from git_bt.capture.strategy import find_strategies, read_strategy
from git_bt.capture.tape import read_tape
from git_bt.commands.candidates import Candidate, Candidates
from git_bt.commands.expected import compare_bundles
from git_bt.commands.inputs import Memory
from git_bt.commands.locate import by_id, locate
from git_bt.commands.measure import metrics_of_bundle
from git_bt.commands.plan import declared
from git_bt.commands.record import MEMORY, CommitTree
from git_bt.commands.recording import for_store, run_record
from git_bt.commands.tapes import as_packed_here
from git_bt.commands.workspace import Step, Workspace, open_workspace
from git_bt.errors import BtError, ExitCode, Incomplete, Usage
from git_bt.ledger import Baseline, Claim, output_key
from git_bt.model import (
    Bundle,
    Captured,
    EngineVersion,
    Environment,
    NoteLine,
    RunRecord,
    Strategy,
    Tape,
    Verdict,
)
from git_bt.records import run_id
from git_bt.reports import Accepted, AcceptReport


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """An output that is to be accepted: its bundle, and the run that gave it."""

    strategy: str
    bundle: Bundle
    environment: Environment
    elapsed_ms: int
    runs: int
    captured: Captured | None = None


def accept(
    names: Sequence[str] = (),
    *,
    everything: bool = False,
    reason: str | None = None,
    step: Step,
    cwd: Path | None = None,
) -> AcceptReport:
    """Accept the outputs of strategies, or bundles of the store.

    Args:
        names: strategies of the work tree; or ids of bundles whose output is in conflict.
        everything: every strategy that has a candidate or a conflict.
        reason: why, in the words of who accepts.
        step: told what is being done.
        cwd: where the command works.

    Raises:
        Usage: no name, a name that means nothing, or nothing to accept where it was named.
        CannotWork: no repository, or it cannot be written.
    """
    if bool(names) == everything:
        raise Usage("name strategies to accept, or --all", hint="git bt accept STRATEGY")
    with open_workspace(cwd) as workspace:
        if everything:
            found = list(_everything(workspace))
        else:
            found = [_named(workspace, name) for name in dict.fromkeys(names)]
        accepting = _Accepting(workspace, reason or None)
        done = []
        for taken in found:
            step(f"accepting {taken.strategy}")
            done.append(accepting.one(taken))
        return AcceptReport(strategies=tuple(done))


# -- what is taken --------------------------------------------------------------------------------


def _named(workspace: Workspace, name: str) -> _Taken:
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


def _everything(workspace: Workspace) -> Iterator[_Taken]:
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
) -> _Taken | None:
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
        return _Taken(
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
        stood = _stood_before(workspace, strategy.name, base) if is_new else None
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


def _stood_before(workspace: Workspace, strategy: str, base: Baseline) -> Baseline | None:
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


def _stored(workspace: Workspace, bundle: str, strategy: str | None) -> _Taken:
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
    return _Taken(
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


# -- accepting ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Accepting:
    """Writes what was accepted, one strategy at a time."""

    workspace: Workspace
    reason: str | None

    def one(self, taken: _Taken) -> Accepted:
        """Store bundle, run records and, where HEAD has these inputs, the result on it."""
        ledger, store = self.workspace.ledger, self.workspace.need_store()
        bundle, inputs = taken.bundle, taken.bundle.manifest.inputs
        base = ledger.baseline(taken.strategy, self.workspace.head)
        if base is not None and base.bundle == bundle.id:
            base = _stood_before(self.workspace, taken.strategy, base) or base
        replaced = _replaced(bundle.id, base, ledger.claims(inputs))
        if base is not None and base.bundle == bundle.id and not replaced:
            Candidates(self.workspace.cache).drop(inputs)
            return Accepted(
                strategy=taken.strategy, bundle=None, message="this output is the expected one"
            )
        records = self._records(taken, replaced)
        line = _line(taken, records[0])
        commit = self._commit(taken)
        before = None if base is None else _before(self.workspace, base)
        kept = bundle if taken.captured is None else for_store(store.repo, bundle)
        store.save(
            bundles=(kept,),
            captured=() if taken.captured is None else (taken.captured,),
            runs=records,
            notes={} if commit is None else {commit: (line,)},
        )
        Candidates(self.workspace.cache).drop(inputs)
        return Accepted(
            strategy=taken.strategy,
            bundle=bundle.id,
            replaces=line.replaces,
            inputs=inputs,
            run=line.run,
            commit=commit,
            before=None if before is None else metrics_of_bundle(before),
            after=metrics_of_bundle(bundle),
            comparison=None if before is None else compare_bundles(before, bundle),
            reason=self.reason,
            hint=None if commit else "commit the files, then: git bt record",
        )

    def _records(self, taken: _Taken, replaced: Sequence[str]) -> list[RunRecord]:
        """Return a record for each bundle that is replaced, one where there is none.

        Their time is later than that of any run of these inputs: what was accepted last counts,
        and a clock may have been set back.
        """
        store = self.workspace.need_store()
        known = store.runs_of(inputs=taken.bundle.manifest.inputs)
        now = max([time.time_ns(), *(run.when_ns + 1 for _, run in known)])
        first = replace(
            run_record(
                taken.bundle,
                taken.environment,
                author=self.workspace.author,
                strategy=taken.strategy,
                kind="accept",
                verdict=Verdict.REPRODUCED,
                elapsed_s=taken.elapsed_ms / 1000,
                runs=taken.runs,
                compare={},
            ),
            when_ns=now,
            reason=self.reason,
        )
        return [replace(first, replaces=digest) for digest in replaced] or [first]

    def _commit(self, taken: _Taken) -> str | None:
        """Return HEAD where its tree gives the inputs that were accepted."""
        head, store = self.workspace.head, self.workspace.need_store()
        if head is None:
            return None
        memory = Memory(store.repo.cache_dir / MEMORY)
        tree = CommitTree(self.workspace, store.repo, store.objects, head, memory)
        try:
            there = tree.inputs(taken.strategy)
        except BtError:
            return None
        memory.save()
        return head if there is not None and there.id == taken.bundle.manifest.inputs else None


def _replaced(bundle: str, base: Baseline | None, claims: Sequence[Claim]) -> list[str]:
    """Return what a bundle takes the place of: the expected one first, then all that stand."""
    stood = [] if base is None else [base.bundle]
    stood += [claim.bundle for claim in claims if bundle not in claim.bundles]
    return [digest for digest in dict.fromkeys(stood) if digest != bundle]


def _line(taken: _Taken, record: RunRecord) -> NoteLine:
    return NoteLine(
        strategy=taken.strategy,
        inputs=taken.bundle.manifest.inputs,
        bundle=taken.bundle.id,
        run=run_id(record),
        verdict=record.verdict,
        kind="accepted",
        replaces=record.replaces,
    )


def _before(workspace: Workspace, base: Baseline) -> Bundle | None:
    try:
        return workspace.need_store().bundle(base.bundle)
    except Usage:
        return None
