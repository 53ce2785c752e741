"""Run bundles and strategies again, and say whether they give what was recorded."""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from git_bt.bundle import check_content, tape_of
from git_bt.commands.locate import Found, Named, baseline, fetch, locate
from git_bt.commands.plan import (
    Engine,
    Grant,
    engine_of_bundle,
    engine_of_strategy,
    job_of_bundle,
    job_of_strategy,
    known_output,
)
from git_bt.commands.tapes import with_tape
from git_bt.commands.workspace import Step, Workspace, open_workspace
from git_bt.errors import BtError, CannotWork, Corrupt, Incomplete, Usage
from git_bt.model import Outcome, Strategy, Tape, Tolerances, Validation, Verdict
from git_bt.reports import ValidateReport
from git_bt.runner import Child, Job, start


def validate(
    names: Sequence[str] = (),
    *,
    jobs: int | None = None,
    record: bool = False,
    reuse: bool = False,
    all_differences: bool = False,
    python: str | None = None,
    timeout_s: float = 600.0,
    step: Step,
    cwd: Path | None = None,
) -> ValidateReport:
    """Judge bundles, archives and strategies; without names, every strategy of the work tree.

    Args:
        names: ids, archives, or strategies (run as the work tree holds them).
        jobs: how many at once; None is one a core.
        record: store a run record of each verdict.
        reuse: take a verdict that is known of the same inputs and environment.
        all_differences: list every difference, not the first.
        python: interpreter to run the engine with.
        timeout_s: seconds one run may take.
        step: told what is being done.
        cwd: where the command works.

    Raises:
        Usage: a name means nothing; then nothing is run.
        CannotWork: no repository, and a name that needs one.
    """
    with open_workspace(cwd, needs_repository=not names) as workspace:
        targets = [locate(workspace, name) for name in names] or _all(workspace)
        judge = _Judge(
            workspace=workspace,
            grant=Grant(python=python, timeout_s=timeout_s),
            limit=None if all_differences else 1,
            record=record,
            reuse=reuse,
            step=step,
        )
        return ValidateReport(bundles=judge.all(targets, jobs or os.cpu_count() or 1))


def _all(workspace: Workspace) -> list[Named]:
    """Return every strategy that has something to run."""
    from git_bt.capture.strategy import find_strategies, read_strategy

    files = workspace.files
    found = []
    for name in find_strategies(files):
        try:
            strategy = read_strategy(files, name)
        except BtError as e:
            found.append(Named(name=name, fault=e))
            continue
        if strategy.engine or strategy.tape:
            found.append(Named(name=name, strategy=strategy))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judge:
    """What every judgement of one command shares.

    `live` are the children that run now; once `is_over` is set, no other may begin.
    """

    workspace: Workspace
    grant: Grant
    limit: int | None
    record: bool
    reuse: bool
    step: Step
    live: list[Child] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    def all(self, targets: Sequence[Named], jobs: int) -> tuple[Validation, ...]:
        """Judge all, several at once; the order is that of the targets."""
        if jobs == 1 or len(targets) == 1:
            return tuple(self.one(target, alone=len(targets) == 1) for target in targets)
        from concurrent.futures import ThreadPoolExecutor, wait

        with ThreadPoolExecutor(max_workers=jobs) as pool:
            try:
                futures = [pool.submit(self.one, target, alone=False) for target in targets]
                left = set(futures)
                while left:  # a signal that comes just before a wait does not end it
                    left = wait(left, timeout=1).not_done
                return tuple(future.result() for future in futures)
            except BaseException:
                # Ctrl-C reaches this thread only: end the others' children, start no more.
                self.is_over.set()
                pool.shutdown(wait=False, cancel_futures=True)
                for child in list(self.live):
                    child.stop()
                raise

    def one(self, target: Named, *, alone: bool) -> Validation:
        """Judge one; what is wrong with it becomes its verdict, and does not hide the others."""
        started = time.monotonic()
        try:
            found = self._judge(target)
        except Corrupt as e:
            found = _unjudged(target, Verdict.CORRUPT, e)
        except (Incomplete, Usage, CannotWork) as e:
            if alone and isinstance(e, CannotWork):
                raise
            found = _unjudged(target, Verdict.INCOMPLETE, e)
        except OSError as e:  # a full disk, a path too long for this file system
            if alone:
                raise
            said = CannotWork(f"cannot be judged here: {e.strerror or e}")
            found = _unjudged(target, Verdict.INCOMPLETE, said)
        return replace(found, elapsed_s=time.monotonic() - started)

    def _judge(self, target: Named) -> Validation:
        if target.strategy is not None:
            return self._strategy(target, target.strategy)
        found = fetch(self.workspace, target)
        engine = engine_of_bundle(self.workspace, found.bundle, self.grant)
        tolerances = found.record.compare if found.record else {}
        if self.reuse and target.id is not None:
            known = self._known(target, found, found.bundle.manifest.inputs, engine, tolerances)
            if known is not None:
                return known
        bundle = with_tape(self.workspace, found.bundle)
        with self._child(engine) as child:
            self.step(f"validating {target.name}")
            check_content(bundle)
            job = job_of_bundle(self.workspace, bundle, engine, self.grant)
            outcome = child.run(job)
        return self._verdict(target, found, engine, job, outcome, tolerances)

    def _strategy(self, target: Named, strategy: Strategy) -> Validation:
        found = baseline(self.workspace, strategy.name)
        strategy, market = _as_packed(self.workspace, strategy, found)
        engine = engine_of_strategy(self.workspace, strategy, self.grant)
        if self.reuse:
            from git_bt.commands.settling import inputs_of_job

            job, captured, _ = job_of_strategy(
                self.workspace, strategy, engine, self.grant, market=market
            )
            inputs = inputs_of_job(job, engine.adapter.NAME, strategy)
            known = self._known(target, found, inputs, engine, strategy.compare)
            if known is not None:
                return replace(known, notices=(*strategy.notices, *captured.notices))
        with self._child(engine) as child:
            self.step(f"validating {target.name}")
            check_content(found.bundle)
            job, captured, _ = job_of_strategy(
                self.workspace, strategy, engine, self.grant, market=market
            )
            job = replace(job, known=known_output(found.bundle))
            outcome = child.run(job)
        judged = self._verdict(target, found, engine, job, outcome, strategy.compare)
        return replace(judged, notices=(*strategy.notices, *captured.notices))

    def _known(
        self, target: Named, found: Found, inputs: str, engine: Engine, tolerances: Tolerances
    ) -> Validation | None:
        from git_bt.commands.reuse import reuse

        return reuse(self.workspace, target.name, found, inputs, engine, tolerances)

    @contextmanager
    def _child(self, engine: Engine, *, variation: int = 0) -> Iterator[Child]:
        with start(engine.interpreter, engine.adapter, variation=variation) as child:
            self.live.append(child)
            # Ours to import while the child imports the engine.
            import git_bt.commands.expected  # noqa: F401

            try:
                if self.is_over.is_set():
                    raise KeyboardInterrupt  # it was started while the others were ended
                yield child
            finally:
                self.live.remove(child)

    def _verdict(
        self,
        target: Named,
        found: Found,
        engine: Engine,
        job: Job,
        outcome: Outcome,
        tolerances: Tolerances,
    ) -> Validation:
        from git_bt.commands.expected import compare_with_bundle
        from git_bt.compare import environment_changes

        here, runs = outcome.environment, 1
        judged = Validation(
            name=target.name,
            bundle=found.bundle.id,
            strategy=found.strategy,
            verdict=Verdict.REPRODUCED,
            engine=here.engine if here else engine.interpreter.engine,
            environment=environment_changes(found.record, here) if found.record and here else (),
        )
        if outcome.output is None:
            assert outcome.failure is not None
            failure = outcome.failure
            judged = replace(
                judged,
                verdict=failure.verdict,
                message=failure.message,
                hint=failure.hint,
                tail=failure.tail,
            )
        else:
            comparison = compare_with_bundle(
                found.bundle, outcome.output, tolerances=tolerances, limit=self.limit
            )
            judged = replace(
                judged,
                verdict=comparison.verdict,
                differences=comparison.differences,
                more=comparison.more,
            )
            if target.strategy is not None and comparison.verdict is not Verdict.REPRODUCED:
                judged = self._on_another_tape(judged, found, job, outcome, tolerances)
            if judged.verdict is Verdict.DIVERGED:
                judged, runs = self._against_itself(judged, engine, job, outcome)
        diverged = judged.verdict is Verdict.DIVERGED
        if self.record or (target.archive is None and (diverged or self._has_candidates)):
            from git_bt.commands.settling import Ran, settle

            ran = Ran(
                found=found,
                strategy=target.strategy,
                job=job,
                outcome=outcome,
                tolerances=tolerances,
                runs=runs,
            )
            settle(self.workspace, ran, judged, record=self.record)
        return judged

    @property
    def _has_candidates(self) -> bool:
        cache = self.workspace.cache
        return cache is not None and (cache / "candidates").exists()

    def _on_another_tape(
        self, judged: Validation, found: Found, job: Job, outcome: Outcome, tolerances: Tolerances
    ) -> Validation:
        """Judge anew where the tape is another one: it may only have grown."""
        from git_bt.commands.extension import judge_extension

        if job.tape is None or outcome.output is None:
            return judged
        said = judge_extension(
            found.bundle, job.tape, outcome.output, tolerances=tolerances, limit=self.limit
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
            hint=f"to go on from here: git bt pack {found.strategy}" if extended else None,
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
        with self._child(engine, variation=1) as child:
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


def _as_packed(
    workspace: Workspace, strategy: Strategy, found: Found
) -> tuple[Strategy, Tape | None]:
    """Return an entry file with the engine, config and tape it was packed with.

    Without a strategy.yaml they were options of pack, and are written down only in the bundle.
    """
    if strategy.engine or strategy.tape or strategy.config:
        return strategy, None
    manifest = found.bundle.manifest
    market = tape_of(with_tape(workspace, found.bundle))
    return replace(strategy, engine=manifest.engine.name, config=manifest.config), market


def _unjudged(target: Named, verdict: Verdict, error: BtError) -> Validation:
    return Validation(
        name=target.name,
        bundle=target.id,
        strategy=target.strategy.name if target.strategy else None,
        verdict=verdict,
        message=error.message.removeprefix(f"{target.archive}: "),
        hint=error.hint,
    )
