"""What a range of commits does to a strategy, held against what is asked: evidence to findings.

Pure: the runs are made, and what is recorded is read, before anything here is called. Only runs of
this machine decide. What was recorded is held against them; of the words of those who recorded it
nothing counts but that a person accepted an output, and only where the run here gives that output.
"""

from dataclasses import dataclass, field

from git_bt.compare import compare, environment_changes
from git_bt.comparison import Comparison, Metrics
from git_bt.errors import BtError, Corrupt, ExitCode
from git_bt.evidence import Evidence, Recorded
from git_bt.gating import Effect, Finding, Gated, Level
from git_bt.metrics import metrics_of
from git_bt.model import Outcome, Output, Tolerances, Verdict
from git_bt.policy import Policy, is_too_far

_EFFECTS = {
    Verdict.REPRODUCED: Effect.SAME,
    Verdict.WITHIN_TOLERANCE: Effect.TOLERATED,
    Verdict.EXTENDED: Effect.EXTENDED,
    Verdict.DIVERGED: Effect.CHANGED,
}


# -- what came here -------------------------------------------------------------------------------


def is_in_doubt(evidence: Evidence) -> bool:
    """Tell whether a second, varied run must show that the output holds still.

    Where somebody's recorded run gave the same output, two runs agree already.
    """
    if evidence.outcome is None or evidence.outcome.output is None:
        return False
    found = _against_recorded(evidence, evidence.outcome.output)
    return found is None or found[1].verdict.exit_code is not ExitCode.OK


def same_output(one: Output, two: Output, tolerances: Tolerances) -> bool:
    """Tell whether two outputs count as one."""
    return compare(one, two, tolerances=tolerances).verdict.exit_code is ExitCode.OK


def _against_recorded(evidence: Evidence, output: Output) -> tuple[Recorded, Comparison] | None:
    """Return the recorded result that the run gave, else the first one, with the comparison."""
    first = None
    for recorded in evidence.recorded:
        found = compare(
            recorded.output,
            output,
            tolerances=evidence.tolerances,
            tick_size=evidence.tick_size,
        )
        if found.verdict.exit_code is ExitCode.OK:
            return recorded, found
        first = first or (recorded, found)
    return first


@dataclass(slots=True)
class _Judged:
    """A judgement in the making."""

    evidence: Evidence
    policy: Policy
    verdict: Verdict | None = None
    effect: Effect = Effect.UNKNOWN
    comparison: Comparison | None = None
    recorded: Recorded | None = None
    before: Metrics | None = None
    after: Metrics | None = None
    findings: list[Finding] = field(default_factory=list)

    def say(self, kind: str, level: Level, message: str, hint: str | None = None) -> None:
        """Add a finding."""
        e = self.evidence
        self.findings.append(
            Finding(
                kind=kind, level=level, message=message, hint=hint, strategy=e.strategy,
                path=e.path, commit=e.commit,
            )
        )  # fmt: skip


def judge(evidence: Evidence, policy: Policy) -> Gated:
    """Return what is to be said of a strategy.

    Args:
        evidence: what was run here and what is recorded.
        policy: base's.

    Raises:
        Corrupt: a recorded output cannot be read.
    """
    judged = _Judged(evidence, policy)
    judged.findings += evidence.declared
    if evidence.renamed_from:
        judged.say("renamed", Level.NOTE, f"was {evidence.renamed_from}")
    if evidence.fault is not None:
        _faulty(judged, evidence.fault)
    elif evidence.outcome is not None:
        _ran(judged, evidence.outcome)
    if evidence.state not in ("removed", "unreadable"):
        _require_result(judged)
    outcome = evidence.outcome
    here = outcome.environment if outcome else None
    run = judged.recorded.run if judged.recorded else None
    changes = environment_changes(run, here) if run and here else ()
    if changes and policy.environment == "fail":
        words = ", ".join(f"{c.name} {c.recorded or 'none'} → {c.here or 'none'}" for c in changes)
        judged.say("environment", Level.NO, f"ran on another environment than recorded: {words}")
    return Gated(
        strategy=evidence.strategy,
        state=evidence.state,
        how="none" if outcome is None else "ran",
        verdict=judged.verdict,
        effect=judged.effect,
        renamed_from=evidence.renamed_from,
        commit=evidence.commit,
        inputs=evidence.inputs,
        inputs_before=evidence.inputs_before,
        recorded=judged.recorded.bundle if judged.recorded else None,
        changes=evidence.changes,
        before=judged.before,
        after=judged.after,
        comparison=judged.comparison,
        acceptance=evidence.acceptance if judged.effect is Effect.CHANGED else None,
        environment=changes,
        engine=here.engine if here else None,
        elapsed_s=outcome.elapsed_s if outcome else 0.0,
        tail=outcome.failure.tail if outcome and outcome.failure else "",
        findings=tuple(judged.findings),
    )


def _faulty(judged: _Judged, fault: BtError) -> None:
    """Say why nothing was run."""
    verdict = Verdict.CORRUPT if isinstance(fault, Corrupt) else Verdict.INCOMPLETE
    judged.verdict = verdict
    if judged.evidence.is_old_fault:
        message = f"cannot be judged, and could not on base: {fault.message}"
        judged.say("broken-before", Level.WARNING, message, fault.hint)
    else:
        judged.say(verdict.value, Level.UNJUDGED, fault.message, fault.hint)


def _ran(judged: _Judged, outcome: Outcome) -> None:
    evidence, failure = judged.evidence, outcome.failure
    if failure is not None:
        judged.verdict = failure.verdict
        never = evidence.is_unchanged and not evidence.recorded and evidence.base is None
        if never and evidence.recorded_fault is None and judged.verdict is Verdict.FAILED:
            message = f"fails, as it does on base: {failure.message}"
            judged.say("broken-before", Level.WARNING, message, failure.hint)
            return
        level = Level.NO if judged.verdict is Verdict.FAILED else Level.UNJUDGED
        judged.say(judged.verdict.value, level, failure.message, failure.hint)
        return
    assert outcome.output is not None
    judged.after = metrics_of(outcome.output)
    _hold_against_recorded(judged, outcome.output)
    if judged.verdict is Verdict.NONDETERMINISTIC:
        return
    _hold_against_base(judged, outcome.output)
    _limit_drops(judged)


def _hold_against_recorded(judged: _Judged, output: Output) -> None:
    evidence = judged.evidence
    again = evidence.again.output if evidence.again else None
    if evidence.again is not None:
        itself = None if again is None else compare(output, again)
        if itself is None or itself.verdict is not Verdict.REPRODUCED:
            judged.verdict, judged.comparison = Verdict.NONDETERMINISTIC, itself
            failure = evidence.again.failure
            message = "two runs here differ from each other"
            judged.say(
                "nondeterministic", Level.NO,
                f"a second, varied run ended otherwise: {failure.message}" if failure else message,
                "seed random numbers, take time from the tape, and do not iterate over sets",
            )  # fmt: skip
            return
    found = _against_recorded(evidence, output)
    if found is None:
        judged.verdict = Verdict.REPRODUCED  # by the second run here
        return
    judged.recorded, comparison = found
    judged.verdict = comparison.verdict
    if comparison.verdict is not Verdict.DIVERGED:
        return
    judged.comparison = comparison
    who = judged.recorded.run.author if judged.recorded.run else judged.recorded.fork
    name = evidence.strategy
    if evidence.is_unchanged:
        message = "the inputs are those of base, and the recorded output does not come out here"
        hint = f'git bt validate {name}, then git bt accept {name} -m "WHY" and git bt push'
    else:
        message = f"what {who or 'somebody'} recorded for head does not come out here"
        hint = f"git bt pack {name} on this environment, then git bt push"
    judged.say("diverged", Level.NO, f"{message} (bundle {judged.recorded.bundle[:12]})", hint)


def _hold_against_base(judged: _Judged, output: Output) -> None:
    """Say what became of base's output: that of its run here, and that which is recorded for it.

    Both must hold: a run of base here shows what the code does, the record shows what an engine
    that came with the range does to both.
    """
    evidence = judged.evidence
    expected = _expected(judged)
    if expected is None:
        return
    comparison = evidence.extension or _compared(evidence, expected, output)
    judged.effect = _EFFECTS[comparison.verdict]
    if evidence.extension_message:
        judged.say("tape", Level.NOTE, evidence.extension_message)
    drifted = _drifted(judged, expected)
    if drifted is not None:
        judged.effect = Effect.CHANGED
        found = _compared(evidence, drifted, output)
        if found.verdict is Verdict.DIVERGED:
            expected, comparison = drifted, found
    judged.before = metrics_of(expected)
    if judged.effect is not Effect.CHANGED:
        return
    judged.comparison = comparison
    if judged.verdict is Verdict.DIVERGED and evidence.is_unchanged:
        return  # said already, in other words
    _require_accepted(judged)


def _compared(evidence: Evidence, expected: Output, output: Output) -> Comparison:
    return compare(expected, output, tolerances=evidence.tolerances, tick_size=evidence.tick_size)


def _drifted(judged: _Judged, before: Output) -> Output | None:
    """Return what is recorded for base where its run here gave something else."""
    evidence = judged.evidence
    if evidence.is_unchanged or evidence.base is None or before is evidence.base.output:
        return None
    if same_output(evidence.base.output, before, evidence.tolerances):
        return None
    message = "base itself does not give here what is recorded for it"
    digest = evidence.base.bundle[:12]
    judged.say("base-drifted", Level.WARNING, f"{message} (bundle {digest})")
    return evidence.base.output


def _expected(judged: _Judged) -> Output | None:
    """Return base's output: of its run here, else as it is recorded; None of none."""
    evidence = judged.evidence
    before, base = evidence.before, evidence.base
    if before is not None and before.output is not None:
        return before.output
    if evidence.is_unchanged:
        return base.output if base is not None else None
    why = evidence.before_fault.message if evidence.before_fault else ""
    if before is not None and before.failure is not None:
        why = before.failure.message
        if before.failure.verdict is Verdict.FAILED and base is None:
            judged.effect = Effect.NEW
            judged.say("base-broken", Level.WARNING, f"it fails on base: {why}")
            return None
    if not why:
        judged.effect = Effect.NEW
        return None
    if base is not None:
        message = f"base could not be run here ({why}): held against what is recorded for it"
        judged.say("base-not-run", Level.WARNING, f"{message} (bundle {base.bundle[:12]})")
        return base.output
    _without_base(judged, why)
    return None


def _without_base(judged: _Judged, why: str) -> None:
    is_accepted = judged.evidence.acceptance is not None and not judged.evidence.is_spent
    if not is_accepted and judged.policy.require_accepted:
        message = f"whether the output changed cannot be said: base could not be run here ({why})"
        judged.say("incomplete", Level.UNJUDGED, f"{message}, and nothing is recorded for it")


def _require_accepted(judged: _Judged) -> None:
    evidence, acceptance = judged.evidence, judged.evidence.acceptance
    if acceptance is not None and not evidence.is_spent:
        if acceptance.fork:
            message = f"the acceptance is known from {acceptance.fork} only"
            judged.say("accepted-elsewhere", Level.WARNING, message)
        return
    level = Level.NO if judged.policy.require_accepted else Level.WARNING
    message = "the output changed, and nobody accepted it"
    if acceptance is not None:
        message = "the output changed; it was accepted for an earlier change, not for this one"
    hint = f'git bt accept {evidence.strategy} -m "WHY", then git bt push'
    if not evidence.recorded:  # there is nothing yet that could be accepted
        hint = f"git bt validate {evidence.strategy}, then {hint}"
    judged.say("not-accepted", level, message, hint)


def _require_result(judged: _Judged) -> None:
    evidence = judged.evidence
    if evidence.recorded or judged.verdict in (Verdict.FAILED, Verdict.INCOMPLETE, Verdict.CORRUPT):
        return
    fault = evidence.recorded_fault
    if fault is not None:
        judged.say("result-not-here", Level.UNJUDGED, fault.message, fault.hint)
        return
    if evidence.is_unchanged:
        return  # base had none either: that is no matter of the range
    level = Level.NO if judged.policy.require_result else Level.NOTE
    hint = f"git bt pack {evidence.strategy} and git bt record on head, then git bt push"
    judged.say("no-result", level, "no result of these inputs is recorded", hint)


def _limit_drops(judged: _Judged) -> None:
    before, after = judged.before, judged.after
    if before is None or after is None:
        return
    for limit in judged.policy.max_drop:
        name = limit.metric if hasattr(before, limit.metric) else f"{limit.metric}_"
        old, new = getattr(before, name), getattr(after, name)
        if is_too_far(limit, old, new):
            allowed = f"{100 * limit.amount:g} %" if limit.relative else f"{limit.amount:g}"
            shown = "nothing" if new is None else f"{new:.10g}"
            message = f"{limit.metric} got worse by more than {allowed}: {old:.10g} → {shown}"
            judged.say("max-drop", Level.NO, message)


# -- what was not run -----------------------------------------------------------------------------


def known(evidence: Evidence, verdict: Verdict, recorded: str) -> Gated:
    """Return what is to be said of a strategy that is known here, and was not run."""
    return Gated(
        strategy=evidence.strategy,
        state=evidence.state,
        how="known",
        verdict=verdict,
        effect=Effect.SAME,
        commit=evidence.commit,
        inputs=evidence.inputs,
        inputs_before=evidence.inputs_before,
        recorded=recorded,
        findings=evidence.declared,
    )


def gone(strategy: str, *, path: str | None, commit: str | None, why: str) -> Gated:
    """Return what is to be said of a strategy that head has no more, or has nothing to run of."""
    said = Finding(
        kind="removed", level=Level.WARNING, message=why, strategy=strategy, path=path,
        commit=commit,
    )  # fmt: skip
    return Gated(strategy=strategy, state="removed", commit=commit, findings=(said,))
