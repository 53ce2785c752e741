"""Run what a commit changes, as a view holds it, and say what came of it against the baseline.

One strategy a call, several at once by `Judge.at_once`; nothing is stored here. What is to be
stored comes back beside what is to be said, and is written in one transaction when all is over: a
commit that is interrupted leaves nothing.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from git_bt.commands.candidates import Candidate
from git_bt.commands.judging import Judge, Judged, Ran
from git_bt.commands.locate import Found
from git_bt.commands.plan import Engine, engine_of_strategy, job_of_strategy
from git_bt.errors import BtError, CannotWork, Corrupt, ExitCode, Incomplete, Usage
from git_bt.hooking import Hooked
from git_bt.ledger import Baseline
from git_bt.model import Bundle, Captured, Outcome, RunRecord, Strategy, Verdict
from git_bt.reports import PackReport

_STATES = {
    Verdict.REPRODUCED: "identical",
    Verdict.WITHIN_TOLERANCE: "within-tolerance",
    Verdict.EXTENDED: "extended",
    Verdict.DIVERGED: "changed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A strategy that is to be run: as the view holds it, and what it is judged against."""

    strategy: str
    inputs: str
    baseline: Baseline | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What is to be said of a run, and what is to be kept of it."""

    said: Hooked
    bundle: Bundle | None = None
    captured: Captured | None = None
    run: RunRecord | None = None
    candidate: Candidate | None = None


class _NoTime(Exception):
    """The budget is over: the run is queued."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Runs of one commit.

    Args:
        judge: what every run shares.
        budget_s: seconds that all may take together; 0 sets no limit.
        author: who commits.
        stop_on_change: keep a changed output as a candidate and stop, instead of recording it.
        started: monotonic time at which the budget began.
    """

    judge: Judge
    budget_s: float
    author: str
    stop_on_change: bool
    started: float

    def one(self, wanted: Wanted) -> Done:
        """Run one strategy; what is wrong with it is said, and does not hide the others."""
        started = time.monotonic()
        try:
            done = self._one(wanted)
        except _NoTime:
            done = Done(said=Hooked(strategy=wanted.strategy, state="queued"))
        except Corrupt as e:
            done = Done(said=_refused(wanted, "corrupt", Verdict.CORRUPT, e))
        except Usage as e:
            done = Done(said=_refused(wanted, "unreadable", None, e))
        except (Incomplete, CannotWork) as e:
            done = Done(said=_refused(wanted, "incomplete", Verdict.INCOMPLETE, e))
        took = time.monotonic() - started
        return replace(done, said=replace(done.said, inputs=wanted.inputs, elapsed_s=took))

    def _one(self, wanted: Wanted) -> Done:
        from git_bt.capture.strategy import read_strategy

        workspace = self.judge.workspace
        strategy = read_strategy(workspace.files, wanted.strategy)
        expected = None if wanted.baseline is None else self._expected(wanted.baseline)
        known = expected.record if expected else None
        self._need_time(known.elapsed_ms / 1000 if known else 0.0)
        engine = engine_of_strategy(workspace, strategy, self.judge.grant)
        if expected is None:
            return self._new(strategy, engine)
        judged = self._timed().strategy(strategy.name, strategy, expected, engine)
        self._check_time(judged.ran.outcome)
        if judged.validation.verdict is Verdict.DIVERGED and judged.ran.runs < 2:
            self._need_time(judged.ran.outcome.elapsed_s)  # it could not be run once more
            return Done(said=_not_twice(judged))
        return self._kept(judged)

    def _expected(self, baseline: Baseline) -> Found:
        try:
            bundle = self.judge.workspace.need_store().bundle(baseline.bundle)
        except Usage as e:
            raise Incomplete(
                f"{baseline.strategy}: bundle {baseline.bundle[:12]}, its result, is not here",
                hint="git bt fetch",
            ) from e
        record = baseline.run[1] if baseline.run else None
        return Found(bundle=bundle, strategy=baseline.strategy, record=record)

    # -- time

    def _left(self) -> float | None:
        if not self.budget_s:
            return None
        return self.budget_s - (time.monotonic() - self.started)

    def _need_time(self, expected_s: float) -> None:
        """Do not begin what took longer the last time than is left."""
        left = self._left()
        if left is not None and left <= expected_s:
            raise _NoTime

    def _timed(self) -> Judge:
        left, grant = self._left(), self.judge.grant
        if left is None or left >= grant.timeout_s:
            return self.judge
        return replace(self.judge, grant=replace(grant, timeout_s=max(left, 0.05)))

    def _check_time(self, *outcomes: Outcome) -> None:
        left = self._left()
        stopped = any(o.failure is not None and o.failure.kind == "timeout" for o in outcomes)
        if stopped and left is not None and left <= 0:
            raise _NoTime

    # -- what is kept

    def _new(self, strategy: Strategy, engine: Engine) -> Done:
        """Run what has no result yet as pack does: twice at once, the second time varied."""
        judge = self._timed()
        with judge.twin(engine) as twin:
            from git_bt.commands.packing import judge_pack

            judge.step(f"running {strategy.name}")
            job, captured, market = job_of_strategy(judge.workspace, strategy, engine, judge.grant)
            outcomes = twin.run(job)
        self._check_time(*outcomes)
        report, bundle, run = judge_pack(
            judge.workspace, strategy, engine, captured, market, outcomes, author=self.author
        )
        if bundle is None or run is None:
            return Done(said=_not_packed(report))
        said = Hooked(
            strategy=strategy.name,
            state="new",
            bundle=bundle.id,
            after=report.metrics,
            verdict=report.verdict,
        )
        return Done(said=said, bundle=bundle, captured=captured, run=run)

    def _kept(self, judged: Judged) -> Done:
        from git_bt.commands.recording import run_record
        from git_bt.commands.settling import bundle_of

        found, ran = judged.validation, judged.ran
        outcome = ran.outcome
        state = _STATES.get(found.verdict, str(found.verdict))
        said = Hooked(
            strategy=ran.name,
            state=state,
            previous=ran.found.bundle.id,
            verdict=found.verdict,
            differences=found.differences,
            more=found.more,
            message=found.message,
            hint=found.hint if found.verdict.exit_code is not ExitCode.OK else None,
            tail=found.tail,
        )
        if outcome.output is None or state not in _STATES.values():
            return Done(said=said)
        assert outcome.environment is not None
        changed = state == "changed"
        if changed:
            said = self._measured(said, ran)
            if self.stop_on_change:
                return Done(said=said, candidate=_candidate(ran, said))
        bundle = bundle_of(ran, outcome.environment, outcome.output)
        run = run_record(
            bundle,
            outcome.environment,
            author=self.author,
            strategy=ran.name,
            kind="pack" if changed else "validate",
            verdict=Verdict.REPRODUCED if changed else found.verdict,
            elapsed_s=outcome.elapsed_s,
            runs=ran.runs,
            compare=ran.tolerances,
        )
        said = replace(said, bundle=bundle.id)
        return Done(said=said, bundle=bundle, captured=ran.captured, run=run)

    def _measured(self, said: Hooked, ran: Ran) -> Hooked:
        from git_bt.commands.measure import metrics_of_bundle
        from git_bt.metrics import metrics_of

        return replace(
            said,
            before=metrics_of_bundle(ran.found.bundle),
            after=metrics_of(ran.outcome.output or {}),
            hint=f"when it is meant: git bt accept {said.strategy} -m REASON",
        )


def _candidate(ran: Ran, said: Hooked) -> Candidate:
    from git_bt.commands.settling import inputs_of_job

    outcome = ran.outcome
    assert outcome.environment is not None
    assert outcome.output is not None
    assert ran.strategy is not None
    return Candidate(
        strategy=said.strategy,
        inputs=inputs_of_job(ran.job, outcome.environment.engine.name, ran.strategy),
        expected=ran.found.bundle.id,
        environment=outcome.environment,
        elapsed_ms=round(1000 * outcome.elapsed_s),
        runs=ran.runs,
        output=outcome.output,
    )


def _refused(wanted: Wanted, state: str, verdict: Verdict | None, error: BtError) -> Hooked:
    return Hooked(
        strategy=wanted.strategy,
        state=state,
        verdict=verdict,
        message=error.message,
        hint=error.hint,
    )


def _not_packed(report: PackReport) -> Hooked:
    comparison = report.comparison
    return Hooked(
        strategy=report.strategy,
        state=str(report.verdict),
        verdict=report.verdict,
        differences=comparison.differences if comparison else (),
        more=comparison.more if comparison else {},
        message=report.message,
        hint=report.hint,
        tail=report.tail,
    )


def _not_twice(judged: Judged) -> Hooked:
    """Say that a changed output could not be tested against a second run."""
    return Hooked(
        strategy=judged.ran.name,
        state="failed",
        verdict=Verdict.FAILED,
        message="its output differs, and a second, varied run gave none",
        hint=f"git bt pack {judged.ran.name}",
    )


def store_all(judge: Judge, done: Sequence[Done]) -> None:
    """Write what runs are to leave, in one transaction; candidates and queue are the caller's."""
    from git_bt.commands.recording import for_store

    kept = [each for each in done if each.bundle is not None]
    if not kept:
        return
    store = judge.workspace.need_store()
    store.save(
        bundles=tuple(for_store(store.repo, d.bundle) for d in kept if d.bundle is not None),
        captured=tuple(d.captured for d in kept if d.captured is not None),
        runs=tuple(d.run for d in kept if d.run is not None),
    )
