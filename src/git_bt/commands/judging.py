"""Run a strategy or a bundle afresh and hold what came against what was recorded.

Several at once, each child ended when somebody stops us. What becomes of a verdict (a candidate, a
run record, a bundle of its own) is the caller's: `Judged` carries all that it needs. Where a
strategy comes from (work tree, index, a commit) is the workspace's view.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from git_bt.bundle import TAPE, check_content
from git_bt.commands.locate import Found
from git_bt.commands.plan import Engine, Grant, job_of_bundle, job_of_strategy, known_output
from git_bt.commands.tapes import with_tape
from git_bt.commands.workspace import Step, Workspace
from git_bt.comparison import Validation
from git_bt.model import Captured, Outcome, Strategy, Tape, Tolerances, Verdict
from git_bt.runner import Child, Job, Twin, start

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A run that was judged; strategy and captured are None of a bundle that ran its own code."""

    found: Found
    strategy: Strategy | None
    job: Job
    outcome: Outcome
    tolerances: Tolerances
    runs: int
    captured: Captured | None = None

    @property
    def name(self) -> str:
        """The name of what ran."""
        if self.strategy is not None:
            return self.strategy.name
        return self.found.strategy or self.found.bundle.manifest.entry_point


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A verdict, and the run that it is about."""

    validation: Validation
    ran: Ran


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """What every judgement of one command shares.

    `limit` is how many differences to show, None for all. `live` are the children that run now;
    once `is_over` is set, no other may begin.
    """

    workspace: Workspace
    grant: Grant
    step: Step
    limit: int | None = 1
    live: list[Child | Twin] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    def at_once(self, judge: Callable[[A], B], targets: Sequence[A], jobs: int) -> tuple[B, ...]:
        """Judge all, several at once; the order is that of the targets."""
        if jobs == 1 or len(targets) == 1:
            return tuple(judge(target) for target in targets)
        from concurrent.futures import ThreadPoolExecutor, wait

        with ThreadPoolExecutor(max_workers=jobs) as pool:
            try:
                futures = [pool.submit(judge, target) for target in targets]
                left = set(futures)
                while left:  # a signal that comes just before a wait does not end it
                    left = wait(left, timeout=1).not_done
                return tuple(future.result() for future in futures)
            except BaseException:  # raised again below
                # Ctrl-C reaches this thread only: end the others' children, start no more.
                self.is_over.set()
                pool.shutdown(wait=False, cancel_futures=True)
                for child in list(self.live):
                    child.stop()
                raise

    def bundle(self, name: str, found: Found, engine: Engine, tolerances: Tolerances) -> Judged:
        """Run a bundle's own code, its bytes proved before.

        Raises:
            Corrupt: its bytes are not what the manifest says.
            Incomplete: its tape is not here.
        """
        bundle = with_tape(self.workspace, found.bundle)
        with self.child(engine) as child:
            check_content(bundle, but=TAPE)
            job = job_of_bundle(
                self.workspace, bundle, engine, self.grant, is_recorded=found.record is not None
            )
            outcome = child.run(job, self._meanwhile(name))
        ran = Ran(
            found=found, strategy=None, job=job, outcome=outcome, tolerances=tolerances, runs=1
        )
        return self._judged(name, ran, engine)

    def strategy(
        self,
        name: str,
        strategy: Strategy,
        found: Found,
        engine: Engine,
        *,
        market: Tape | None = None,
        tolerances: Tolerances | None = None,
    ) -> Judged:
        """Run a strategy as the view holds it, against a bundle.

        Args:
            name: how the verdict names it.
            strategy: what runs.
            found: what is expected of it.
            engine: what runs it.
            market: the tape of a strategy that names none.
            tolerances: that count instead of the strategy's own.

        Raises:
            Corrupt: the bytes of the bundle are not what its manifest says.
            Usage, Incomplete: the strategy cannot be captured, or its tape is not here.
        """
        with self.child(engine) as child:
            check_content(found.bundle)
            job, captured, _ = job_of_strategy(
                self.workspace, strategy, engine, self.grant, market=market
            )
            job = replace(job, known=known_output(found.bundle))
            outcome = child.run(job, self._meanwhile(name))
        ran = Ran(
            found=found,
            strategy=strategy,
            job=job,
            outcome=outcome,
            tolerances=strategy.compare if tolerances is None else tolerances,
            runs=1,
            captured=captured,
        )
        judged = self._judged(name, ran, engine)
        notices = (*strategy.notices, *captured.notices)
        return replace(judged, validation=replace(judged.validation, notices=notices))

    @contextmanager
    def child(self, engine: Engine, *, variation: int = 0) -> Iterator[Child]:
        """Give a child that has the engine; it ends when the command does."""
        with start(engine.interpreter, engine.adapter, variation=variation) as child:
            self.live.append(child)
            try:
                if self.is_over.is_set():
                    raise KeyboardInterrupt  # it was started while the others were ended
                yield child
            finally:
                self.live.remove(child)

    @contextmanager
    def twin(self, engine: Engine) -> Iterator[Twin]:
        """Give two children at once, the second varied; they end when the command does."""
        with Twin(engine.interpreter, engine.adapter) as twin:
            self.live.append(twin)
            try:
                if self.is_over.is_set():
                    raise KeyboardInterrupt
                yield twin
            finally:
                self.live.remove(twin)

    def _meanwhile(self, name: str) -> Callable[[], None]:
        def meanwhile() -> None:
            self.step(f"validating {name}")
            import git_bt.commands.expected  # noqa: F401  what comes after the run

        return meanwhile

    def _judged(self, name: str, ran: Ran, engine: Engine) -> Judged:
        from git_bt.commands.expected import compare_with_bundle
        from git_bt.compare import environment_changes

        found, outcome = ran.found, ran.outcome
        here = outcome.environment
        judged = Validation(
            name=name,
            bundle=found.bundle.id,
            strategy=found.strategy,
            verdict=Verdict.REPRODUCED,
            engine=here.engine if here else engine.interpreter.engine,
            environment=environment_changes(found.record, here) if found.record and here else (),
        )
        if outcome.output is None:
            return Judged(validation=failed(judged, outcome), ran=ran)
        comparison = compare_with_bundle(
            found.bundle, outcome.output, tolerances=ran.tolerances, limit=self.limit
        )
        judged = replace(
            judged,
            verdict=comparison.verdict,
            differences=comparison.differences,
            more=comparison.more,
        )
        if ran.strategy is not None and comparison.verdict is not Verdict.REPRODUCED:
            judged = self._on_another_tape(judged, ran)
        if judged.verdict is Verdict.DIVERGED:
            judged, runs = self._against_itself(judged, engine, ran.job, outcome)
            ran = replace(ran, runs=runs)
        return Judged(validation=judged, ran=ran)

    def _on_another_tape(self, judged: Validation, ran: Ran) -> Validation:
        """Judge anew where the tape is another one: it may only have grown."""
        from git_bt.commands.extension import judge_extension

        if ran.job.tape is None or ran.outcome.output is None:
            return judged
        said = judge_extension(
            ran.found.bundle,
            ran.job.tape,
            ran.outcome.output,
            tolerances=ran.tolerances,
            limit=self.limit,
        )
        if said is None:
            return judged
        if said.comparison is None:
            return replace(judged, message=said.message)
        comparison = said.comparison
        extended = comparison.verdict is Verdict.EXTENDED
        return replace(
            judged,
            verdict=comparison.verdict,
            differences=comparison.differences,
            more=comparison.more,
            message=said.message,
            hint=f"to go on from here: git bt pack {ran.found.strategy}" if extended else None,
        )

    def _against_itself(
        self, judged: Validation, engine: Engine, job: Job, outcome: Outcome
    ) -> tuple[Validation, int]:
        """Run once more, varied: what differs from itself has not diverged, it never held still.

        Return the verdict, and how many runs there were that gave the output.
        """
        from git_bt.compare import compare

        left = job.timeout_s - outcome.elapsed_s  # one bundle has one timeout, not two
        if left <= 0:
            return judged, 1
        self.step(f"{judged.name} differs; running it once more")
        with self.child(engine, variation=1) as child:
            again = child.run(replace(job, timeout_s=left))
        if again.output is None:
            return judged, 1
        comparison = compare(outcome.output or {}, again.output, limit=self.limit)
        if comparison.verdict is Verdict.REPRODUCED:
            return judged, 2
        judged = replace(
            judged,
            verdict=Verdict.NONDETERMINISTIC,
            differences=comparison.differences,
            more=comparison.more,
            message="two runs here differ from each other",
            hint="seed random numbers, take time from the tape, and do not iterate over sets",
        )
        return judged, 1


def failed(judged: Validation, outcome: Outcome) -> Validation:
    """Return the verdict of a run that gave nothing to compare."""
    failure = outcome.failure
    assert failure is not None
    return replace(
        judged,
        verdict=failure.verdict,
        message=failure.message,
        hint=failure.hint,
        tail=failure.tail,
    )


def timed(started: float, judged: Validation) -> Validation:
    """Return a verdict with the seconds that it took since a monotonic time."""
    return replace(judged, elapsed_s=time.monotonic() - started)
