"""Run a bundle, and show what came beside what was recorded."""

import time
from dataclasses import replace
from pathlib import Path

from git_bt.bundle import TAPE, check_content
from git_bt.commands.locate import fetch, locate
from git_bt.commands.measure import metrics_of_bundle
from git_bt.commands.plan import Grant, engine_of_bundle, job_of_bundle
from git_bt.commands.tapes import with_tape
from git_bt.commands.workspace import Step, open_workspace
from git_bt.metrics import metrics_of
from git_bt.reports import ReplayReport
from git_bt.runner import start


def replay(
    name: str,
    *,
    python: str | None = None,
    timeout_s: float = 600.0,
    step: Step,
    cwd: Path | None = None,
) -> ReplayReport:
    """Run a bundle's own code, and return expected and actual metrics without a judgement.

    Args:
        name: an id, an archive, or a strategy (then its newest bundle).
        python: interpreter to run the engine with.
        timeout_s: seconds the run may take.
        step: told what is being done.
        cwd: where the command works.

    Raises:
        Corrupt: bytes are not what they should be; nothing was run.
        Incomplete: the tape or the engine is not here.
    """
    started = time.monotonic()
    grant = Grant(python=python, timeout_s=timeout_s)
    with open_workspace(cwd, needs_repository=False) as workspace:
        found = fetch(workspace, locate(workspace, name))
        bundle = with_tape(workspace, found.bundle)
        engine = engine_of_bundle(workspace, bundle, grant)
        with start(engine.interpreter, engine.adapter) as child:
            check_content(bundle, but=TAPE)
            step(f"replaying {name}")
            job = job_of_bundle(
                workspace, bundle, engine, grant, is_recorded=found.record is not None
            )
            outcome = child.run(job)
        report = ReplayReport(
            name=name,
            bundle=bundle.id,
            strategy=found.strategy,
            engine=outcome.environment.engine if outcome.environment else None,
            recorded_engine=bundle.manifest.engine,
            expected=metrics_of_bundle(bundle),
            actual=None if outcome.output is None else metrics_of(outcome.output),
            elapsed_s=time.monotonic() - started,
        )
    if outcome.failure is None:
        return report
    failure = outcome.failure
    return replace(
        report,
        verdict=failure.verdict,
        message=failure.message,
        hint=failure.hint,
        tail=failure.tail,
    )
