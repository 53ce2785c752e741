"""Run bundles and strategies again, and say whether they give what was recorded."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from git_bt.commands.judging import Judge, Judged, timed
from git_bt.commands.locate import Found, Named, baseline, fetch, locate
from git_bt.commands.plan import (
    Engine,
    Grant,
    engine_of_bundle,
    engine_of_strategy,
    job_of_strategy,
)
from git_bt.commands.tapes import as_packed_here
from git_bt.commands.workspace import Step, Workspace, open_workspace
from git_bt.comparison import Validation
from git_bt.errors import BtError, CannotWork, Corrupt, Incomplete, Usage
from git_bt.model import Strategy, Tolerances, Verdict
from git_bt.reports import ValidateReport


def validate(
    names: Sequence[str] = (),
    *,
    jobs: int | None = None,
    record: bool = False,
    reuse: bool = False,
    all_differences: bool = False,
    group: bool = False,
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
        group: show what became of the outputs in groups, with the metrics' range of each.
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
        judge = Judge(
            workspace=workspace,
            grant=Grant(python=python, timeout_s=timeout_s),
            step=step,
            limit=None if all_differences else 1,
        )
        one = _Validate(judge, record=record, reuse=reuse, measure=group, alone=len(targets) == 1)
        found = judge.at_once(one, targets, jobs or os.cpu_count() or 1)
        return ValidateReport(bundles=found, grouped=group)


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


@dataclass(frozen=True, slots=True)
class _Validate:
    """Judges one target; `alone` says that what cannot work here is not hidden among others."""

    judge: Judge
    record: bool
    reuse: bool
    measure: bool
    alone: bool

    @property
    def has_queue(self) -> bool:
        """Whether a commit has put runs off."""
        cache = self.workspace.cache
        return cache is not None and (cache / "queue").exists()

    @property
    def workspace(self) -> Workspace:
        """Where it is judged."""
        return self.judge.workspace

    def __call__(self, target: Named) -> Validation:
        """Judge one; what is wrong with it becomes its verdict, and does not hide the others."""
        started = time.monotonic()
        try:
            found = self._judge(target)
        except Corrupt as e:
            found = _unjudged(target, Verdict.CORRUPT, e)
        except (Incomplete, Usage, CannotWork) as e:
            if self.alone and isinstance(e, CannotWork):
                raise
            found = _unjudged(target, Verdict.INCOMPLETE, e)
        except OSError as e:  # a full disk, a path too long for this file system
            if self.alone:
                raise
            said = CannotWork(f"cannot be judged here: {e.strerror or e}")
            found = _unjudged(target, Verdict.INCOMPLETE, said)
        return timed(started, found)

    def _judge(self, target: Named) -> Validation:
        if target.strategy is not None:
            return self._strategy(target, target.strategy)
        found = fetch(self.workspace, target)
        engine = engine_of_bundle(self.workspace, found.bundle, self.judge.grant)
        tolerances = found.record.compare if found.record else {}
        if self.reuse and target.id is not None:
            known = self._known(target, found, found.bundle.manifest.inputs, engine, tolerances)
            if known is not None:
                return known
        return self._settled(target, self.judge.bundle(target.name, found, engine, tolerances))

    def _strategy(self, target: Named, strategy: Strategy) -> Validation:
        if self.has_queue:
            from git_bt.commands.hooks.queued import validate_queued

            queued = validate_queued(self.judge, target.name, strategy)
            if queued is not None:
                return queued
        found = baseline(self.workspace, strategy.name)
        strategy, market = as_packed_here(self.workspace, strategy, found.bundle)
        engine = engine_of_strategy(self.workspace, strategy, self.judge.grant)
        if self.reuse:
            from git_bt.commands.settling import inputs_of_job

            job, captured, _ = job_of_strategy(
                self.workspace, strategy, engine, self.judge.grant, market=market
            )
            inputs = inputs_of_job(job, engine.adapter.NAME, strategy)
            known = self._known(target, found, inputs, engine, strategy.compare)
            if known is not None:
                return replace(known, notices=(*strategy.notices, *captured.notices))
        judged = self.judge.strategy(target.name, strategy, found, engine, market=market)
        return self._settled(target, judged)

    def _known(
        self, target: Named, found: Found, inputs: str, engine: Engine, tolerances: Tolerances
    ) -> Validation | None:
        from git_bt.commands.reuse import reuse

        return reuse(self.workspace, target.name, found, inputs, engine, tolerances)

    def _settled(self, target: Named, judged: Judged) -> Validation:
        diverged = judged.validation.verdict is Verdict.DIVERGED
        if self.record or (target.archive is None and (diverged or self._has_candidates)):
            from git_bt.commands.settling import settle

            settle(self.workspace, judged.ran, judged.validation, record=self.record)
        output = judged.ran.outcome.output
        if not self.measure or output is None:
            return judged.validation
        from git_bt.commands.measure import metrics_of_bundle
        from git_bt.metrics import metrics_of

        before = metrics_of_bundle(judged.ran.found.bundle)
        return replace(judged.validation, before=before, after=metrics_of(output))

    @property
    def _has_candidates(self) -> bool:
        cache = self.workspace.cache
        return cache is not None and (cache / "candidates").exists()


def _unjudged(target: Named, verdict: Verdict, error: BtError) -> Validation:
    return Validation(
        name=target.name,
        bundle=target.id,
        strategy=target.strategy.name if target.strategy else None,
        verdict=verdict,
        message=error.message.removeprefix(f"{target.archive}: "),
        hint=error.hint,
    )
