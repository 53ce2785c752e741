"""Judge what a range of commits does to its strategies: run them afresh, hold them against base.

What runs comes from the commits' own trees, never from the work tree, and nothing is written. All
that decides is read from base before anything of head runs; `gate.py` reaches the findings.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from git_bt.bundle import build_bundle
from git_bt.commands.extension import judge_extension
from git_bt.commands.inputs import Memory
from git_bt.commands.judging import Judge
from git_bt.commands.paired import (
    Planned,
    declared_by,
    input_changes,
    refuse_interpreters,
    state_of,
    tape_findings,
    tolerances_of,
)
from git_bt.commands.plan import (
    Engine,
    Grant,
    engine_of_strategy,
    job_of_strategy,
    wanted_by,
)
from git_bt.commands.proposal import Held, Pair, Proposal, Range, find_range
from git_bt.commands.record import MEMORY
from git_bt.commands.recorded import Records
from git_bt.commands.settling import inputs_of_job
from git_bt.commands.workspace import Step, Workspace, open_workspace
from git_bt.declared import policy_changes, shown_policy
from git_bt.errors import BtError, CannotWork, Corrupt, Incomplete, Usage
from git_bt.evidence import Evidence, Recorded
from git_bt.gate import gone, is_in_doubt, judge, known
from git_bt.gating import Acceptance, Finding, Gated, GateReport, Level
from git_bt.model import Outcome, Output, Verdict
from git_bt.policy import Policy, read_policy


def gate(
    base: str,
    head: str = "HEAD",
    *,
    everything: bool = False,
    jobs: int | None = None,
    python: str | None = None,
    timeout_s: float = 600.0,
    step: Step,
    cwd: Path | None = None,
) -> GateReport:
    """Judge every strategy that a range changes, or that is not known in this environment.

    Args:
        base: the commit that head is to be merged into; its policy, tolerances and interpreters
            hold. What changed is counted from the merge base.
        head: the commit that is judged.
        everything: run those that are known, too.
        jobs: how many runs at once; None is one a core.
        python: interpreter to run the engines with.
        timeout_s: seconds one run may take.
        step: told what is being done.
        cwd: where the command works.

    Raises:
        Usage: no such commits, or a policy of base that cannot be understood.
        Incomplete: the history between them is not here.
        CannotWork: no repository.
    """
    with open_workspace(cwd) as workspace:
        store = workspace.need_store()
        span = find_range(store.repo, base, head)
        memory = Memory(store.repo.cache_dir / MEMORY)
        proposal = Proposal(workspace, span, memory)
        policy = read_policy(proposal.tree(span.base).files, store.repo)
        step("reading base and head")
        pairs = proposal.pairs()
        if policy.every_commit:
            pairs += proposal.on_the_way()
        grant = Grant(python=python, timeout_s=timeout_s)
        cases = _Cases(
            workspace=workspace,
            span=span,
            policy=policy,
            grant=grant,
            everything=everything,
            jobs=jobs or os.cpu_count() or 1,
            runner=Judge(workspace=workspace, grant=grant, step=step),
            records=_records(workspace, span, pairs),
        )
        findings = (*_policy_findings(proposal, policy), *_bare_findings(proposal))
        found = cases.all(pairs)
        memory.save()
        return GateReport(
            base=span.base,
            head=span.head,
            merge_base=span.start,
            commits=len(span.commits),
            policy=shown_policy(policy),
            strategies=tuple(found),
            findings=findings,
        )


def _records(workspace: Workspace, span: Range, pairs: Iterable[Pair]) -> Records:
    sides = [side for pair in pairs for side in (pair.before, pair.after) if side is not None]
    names = {pair.name_on_base for pair in pairs if pair.before is not None}
    ids = {side.inputs.id for side in sides if side.inputs is not None}
    return Records(workspace, span.start, sorted(names), ids)


def _policy_findings(proposal: Proposal, policy: Policy) -> tuple[Finding, ...]:
    repo = proposal.workspace.need_store().repo
    try:
        return policy_changes(policy, read_policy(proposal.tree(proposal.span.head).files, repo))
    except Usage as e:
        return (
            Finding(
                kind="policy-unreadable", level=Level.NO, path="pyproject.toml",
                message=f"head's policy cannot be understood: {e.message}", hint=e.hint,
            ),
        )  # fmt: skip


def _bare_findings(proposal: Proposal) -> tuple[Finding, ...]:
    try:
        bare = proposal.bare()
    except Corrupt as e:
        return (Finding(kind="corrupt", level=Level.UNJUDGED, message=e.message, hint=e.hint),)
    return tuple(
        Finding(
            kind="no-yaml", level=Level.NOTE, path=name, strategy=name, hint=f"git bt adopt {name}",
            message="not judged: no strategy.yaml of head says how it is run",
        )
        for name in bare
    )  # fmt: skip


@dataclass(slots=True, kw_only=True)
class _Case:
    """A pair on its way to a judgement; `gated` is set once it is reached."""

    pair: Pair
    evidence: Evidence
    gated: Gated | None = None
    after: Planned | None = None
    before: Planned | None = None


@dataclass(slots=True, kw_only=True)
class _Cases:
    """All pairs of a range: planned, run at once, judged."""

    workspace: Workspace
    span: Range
    policy: Policy
    grant: Grant
    everything: bool
    jobs: int
    runner: Judge
    records: Records
    _ran: dict[tuple[tuple[str, Path], int], Outcome | BtError] = field(default_factory=dict)

    def all(self, pairs: Iterable[Pair]) -> list[Gated]:
        """Judge all; nothing runs before everything is read that is to be judged by."""
        cases = [case for pair in pairs if (case := self._open(pair)) is not None]
        left = [case for case in cases if case.gated is None and case.after is not None]
        self.records.freeze(case.pair.name for case in left)
        self._run([plan for c in left for plan in (c.after, c.before) if plan is not None])
        for case in left:
            self._take_runs(case)
        doubt = [case for case in left if case.after and self._is_in_doubt(case)]
        self._run([case.after for case in doubt if case.after], variation=1)
        for case in doubt:
            assert case.after is not None
            again = self._ran[case.after.key, 1]
            if isinstance(again, Outcome):
                case.evidence = replace(case.evidence, again=again)
            else:  # nothing shows that the output holds still
                case.evidence = replace(case.evidence, outcome=None, fault=again)
        return [case.gated or self._judge(case) for case in cases]

    def _is_in_doubt(self, case: _Case) -> bool:
        try:
            return is_in_doubt(case.evidence)
        except Corrupt as e:  # a recorded table that cannot be read
            case.evidence = replace(case.evidence, outcome=None, fault=e)
            return False

    # -- before anything runs

    def _open(self, pair: Pair) -> _Case | None:
        """Read what is to be known of a pair; None of one that has nothing to run."""
        after, before = pair.after, pair.before
        had_result = self.records.has_result(pair.name_on_base)
        evidence = Evidence(
            strategy=pair.name, state=state_of(pair), tolerances=tolerances_of(pair),
            renamed_from=pair.renamed_from, commit=pair.commit,
            inputs=after.inputs.id if after and after.inputs else None,
            inputs_before=before.inputs.id if before and before.inputs else None,
            path=after.path if after else None,
            is_old_fault=pair.is_old_fault and not had_result,
            declared=declared_by(pair),
        )  # fmt: skip
        case = _Case(pair=pair, evidence=evidence)
        if after is None or (after.inputs is None and after.fault is None):
            if evidence.inputs_before is None and (before is None or before.fault is None):
                return None
            case.gated = gone(
                pair.name,
                path=after.path if after else None,
                commit=pair.commit,
                why="head has it no more" if after is None else "head names nothing to run of it",
            )
            return case
        try:
            self._prepare(case, after)
        except BtError as e:
            case.evidence = replace(case.evidence, fault=e)
            case.after = None
        return case

    def _prepare(self, case: _Case, after: Held) -> None:
        if after.fault is not None:
            raise after.fault
        pair, evidence = case.pair, case.evidence
        engine = self._engine(pair, after)
        if evidence.is_unchanged and not self.everything:
            digest = self.records.known(pair, engine)
            if digest is not None:
                case.gated = known(evidence, Verdict.REPRODUCED, digest)
                return
        self._read_records(case)
        case.after = self._plan(after, engine)
        case.evidence = replace(
            case.evidence,
            inputs=case.after.inputs,
            tick_size=engine.config.get("tick_size"),
            declared=(*case.evidence.declared, *tape_findings(case.after, case.evidence)),
        )
        if pair.before is None or evidence.is_unchanged:
            return
        try:
            if pair.before.fault is not None:
                raise pair.before.fault
            if pair.before.inputs is not None:
                case.before = self._plan(pair.before, self._engine(pair, pair.before))
        except (Incomplete, Usage, CannotWork) as e:
            case.evidence = replace(case.evidence, before_fault=e)

    def _read_records(self, case: _Case) -> None:
        pair, evidence = case.pair, case.evidence
        assert evidence.inputs is not None
        base, recorded, fault = None, tuple[Recorded, ...](), None
        if evidence.inputs_before is not None:
            base = self.records.base(pair.name_on_base, evidence.inputs_before)
        try:
            recorded = self.records.head(pair.name, evidence.inputs)
        except Incomplete as e:
            fault = e
        case.evidence = replace(evidence, base=base, recorded=recorded, recorded_fault=fault)

    def _engine(self, pair: Pair, side: Held) -> Engine:
        """Return what runs a side: on base's interpreter, unless there is no base."""
        word = pair.word.readable if pair.word else None
        python = word.python if word is not None else side.strategy.python
        strategy = replace(side.strategy, python=python)
        root = self.workspace.top / strategy.root
        wanted = wanted_by(self.workspace, self.grant, root, python)
        refuse_interpreters(self.workspace, side.files, wanted)
        return engine_of_strategy(self.workspace, strategy, self.grant)

    def _plan(self, side: Held, engine: Engine) -> Planned:
        there = replace(self.workspace, view=lambda repo, objects: side.files)
        job, captured, _ = job_of_strategy(there, side.strategy, engine, self.grant)
        return Planned(
            strategy=side.strategy,
            engine=engine,
            job=replace(job, cache=None),  # what one side compiles, the other must not run
            captured=captured,
            inputs=inputs_of_job(job, engine.adapter.NAME, side.strategy),
        )

    # -- the runs

    def _run(self, plans: Iterable[Planned], variation: int = 0) -> None:
        """Run each job once, several at once; what keeps one from running hides no other."""
        wanted = {(plan.key, variation): plan for plan in plans}
        left = {key: plan for key, plan in wanted.items() if key not in self._ran}
        outcomes = self.runner.at_once(
            lambda plan: self._one(plan, variation), list(left.values()), self.jobs
        )
        self._ran |= dict(zip(left, outcomes, strict=True))

    def _one(self, plan: Planned, variation: int) -> Outcome | BtError:
        self.runner.step(f"running {plan.strategy.name}")
        try:
            with self.runner.child(plan.engine, variation=variation) as child:
                return child.run(plan.job)
        except (Incomplete, Corrupt) as e:
            return e
        except OSError as e:
            return CannotWork(f"cannot be run here: {e.strerror or e}")

    def _take_runs(self, case: _Case) -> None:
        assert case.after is not None
        ran = self._ran[case.after.key, 0]
        if isinstance(ran, BtError):
            case.evidence = replace(case.evidence, fault=ran)
            return
        case.evidence = replace(case.evidence, outcome=ran)
        if case.before is None:
            return
        before = self._ran[case.before.key, 0]
        if isinstance(before, BtError):
            case.evidence = replace(case.evidence, before_fault=before)
        else:
            case.evidence = replace(case.evidence, before=before)

    # -- after them

    def _judge(self, case: _Case) -> Gated:
        try:
            return judge(self._completed(case), self.policy)
        except Corrupt as e:  # a recorded table that cannot be read, or an acceptance
            return judge(replace(case.evidence, outcome=None, fault=e), self.policy)

    def _completed(self, case: _Case) -> Evidence:
        """Return the evidence with what follows from the outputs."""
        evidence = case.evidence
        output = evidence.outcome.output if evidence.outcome else None
        if case.after is None or output is None:
            return evidence
        acceptance, is_spent = self._acceptance(case, output)
        evidence = replace(evidence, acceptance=acceptance, is_spent=is_spent)
        if case.before is None:
            return evidence
        evidence = replace(evidence, changes=tuple(input_changes(case.before, case.after)))
        return self._extended(case.before, case.after, evidence, output)

    def _acceptance(self, case: _Case, output: Output) -> tuple[Acceptance | None, bool]:
        evidence = case.evidence
        assert evidence.inputs is not None
        sides = (evidence.before.output if evidence.before else None,
                 evidence.base.output if evidence.base else None)  # fmt: skip
        found, is_spent = self.records.acceptance(
            evidence.strategy,
            evidence.inputs,
            output,
            was=[side for side in sides if side is not None],
            tolerances=evidence.tolerances,
        )
        return found, is_spent and not evidence.is_unchanged

    def _extended(
        self, before: Planned, after: Planned, evidence: Evidence, output: Output
    ) -> Evidence:
        """Add what is to be said where base's tape was another one."""
        ran = evidence.before.output if evidence.before else None
        expected = ran or (evidence.base.output if evidence.base else None)
        assert after.job.tape is not None
        assert before.job.tape is not None
        if expected is None or before.job.tape.members == after.job.tape.members:
            return evidence
        bundle = build_bundle(
            snapshot=before.captured.snapshot,
            content=before.captured.content,
            tape=before.job.tape,
            engine=before.engine.interpreter.engine,
            config=before.engine.config,
            output=expected,
            command=before.strategy.command,
            build=before.strategy.build,
        )
        said = judge_extension(
            bundle, after.job.tape, output, tolerances=evidence.tolerances, limit=1
        )
        if said is None:
            return evidence
        return replace(evidence, extension=said.comparison, extension_message=said.message)
