"""Take an output as the expected one from now on, without another run.

What can be taken is found by `acceptable.py`. It takes a person to say so: who, when and why is in
the run record.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from git_bt.commands.acceptable import Taken, all_acceptable, get_acceptable, stood_before
from git_bt.commands.candidates import Candidates
from git_bt.commands.expected import compare_bundles
from git_bt.commands.inputs import Memory
from git_bt.commands.measure import metrics_of_bundle
from git_bt.commands.record import MEMORY, CommitTree
from git_bt.commands.recording import for_store, run_record
from git_bt.commands.workspace import Step, Workspace, open_workspace
from git_bt.errors import BtError, Usage
from git_bt.ledger import Baseline, Claim
from git_bt.model import (
    Bundle,
    NoteLine,
    RunRecord,
    Verdict,
)
from git_bt.records import run_id
from git_bt.reports import Accepted, AcceptReport


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
            found = list(all_acceptable(workspace))
        else:
            found = [get_acceptable(workspace, name) for name in dict.fromkeys(names)]
        accepting = _Accepting(workspace, reason or None)
        done = []
        for taken in found:
            step(f"accepting {taken.strategy}")
            done.append(accepting.one(taken))
        return AcceptReport(strategies=tuple(done))


@dataclass(frozen=True, slots=True)
class _Accepting:
    """Writes what was accepted, one strategy at a time."""

    workspace: Workspace
    reason: str | None

    def one(self, taken: Taken) -> Accepted:
        """Store bundle, run records and, where HEAD has these inputs, the result on it."""
        ledger, store = self.workspace.ledger, self.workspace.need_store()
        bundle, inputs = taken.bundle, taken.bundle.manifest.inputs
        base = ledger.baseline(taken.strategy, self.workspace.head)
        if base is not None and base.bundle == bundle.id:
            base = stood_before(self.workspace, taken.strategy, base) or base
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

    def _records(self, taken: Taken, replaced: Sequence[str]) -> list[RunRecord]:
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

    def _commit(self, taken: Taken) -> str | None:
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


def _line(taken: Taken, record: RunRecord) -> NoteLine:
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
