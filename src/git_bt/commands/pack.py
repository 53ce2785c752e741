"""Run a strategy and store it all as one bundle."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from git_bt.bundle import TAPE, build_bundle
from git_bt.canonical import inputs_id, tape_sha256
from git_bt.capture import read_strategy
from git_bt.commands.plan import Engine, Grant, engine_of_strategy, job_of_strategy
from git_bt.commands.recording import run_record
from git_bt.commands.workspace import Step, Workspace, open_workspace
from git_bt.model import (
    Bundle,
    Captured,
    Outcome,
    Strategy,
    Tape,
    Verdict,
)
from git_bt.objects import Blob
from git_bt.records import snapshot_id
from git_bt.reports import PackReport
from git_bt.runner import Child, Job, Twin, start

TAPE_LIMIT = 10 * 1024 * 1024  # bytes


def pack(
    name: str,
    *,
    tape: str | None = None,
    engine: str | None = None,
    config: Mapping[str, Any] | None = None,
    runs: int = 2,
    python: str | None = None,
    timeout_s: float = 600.0,
    export_to: str | None = None,
    step: Step,
    cwd: Path | None = None,
) -> PackReport:
    """Run a strategy of the work tree and store the bundle of that run.

    Args:
        name: a folder with strategy.yaml, or an entry file.
        tape: path of the market data, instead of what strategy.yaml says.
        engine: name of the engine, likewise.
        config: values that replace those of strategy.yaml.
        runs: 2 runs it twice at once, the second time varied; 1 spares that.
        python: interpreter to run the engine with.
        timeout_s: seconds one run may take.
        export_to: file to export the bundle to as well.
        step: told what is being done.
        cwd: where the command works.

    Raises:
        Usage: the strategy, its config or its tape is not right.
        Incomplete: the engine or the tape is not here.
    """
    started = time.monotonic()
    grant = Grant(python=python, timeout_s=timeout_s)
    with open_workspace(cwd) as workspace:
        store = workspace.need_store()
        strategy = _with_options(
            workspace,
            read_strategy(workspace.files(), workspace.path_from_top(name)),
            tape,
            engine,
            config,
        )
        plan = engine_of_strategy(workspace, strategy, grant)
        # The children import the engine while we import the rest and capture the files.
        with _children(plan, runs) as children:
            from git_bt.commands.export import write
            from git_bt.metrics import metrics_of

            step(f"capturing {strategy.name}")
            job, captured, market = job_of_strategy(workspace, strategy, plan, grant)
            step(f"running {strategy.name} on {plan.adapter.NAME}")
            outcomes = _run(children, job)
        report = _judged(strategy, plan, captured, market, outcomes)
        if report.verdict is not Verdict.REPRODUCED:
            return replace(report, elapsed_s=time.monotonic() - started)
        step("storing the bundle")
        output, environment = outcomes[0].output, outcomes[0].environment
        assert output is not None
        assert environment is not None
        bundle = build_bundle(
            snapshot=captured.snapshot,
            content=captured.content,
            tape=market,
            engine=environment.engine,
            config=plan.config,
            output=output,
            command=strategy.command,
            build=strategy.build,
        )
        record = run_record(
            workspace,
            bundle,
            environment,
            strategy=strategy.name,
            kind="pack",
            verdict=Verdict.REPRODUCED,
            elapsed_s=max(outcome.elapsed_s for outcome in outcomes),
            runs=len(outcomes),
            compare=strategy.compare,
        )
        assert workspace.repo is not None
        limit = workspace.repo.config_int("bt.tapeLimit", TAPE_LIMIT)
        store.save(bundles=(_for_store(bundle, limit),), captured=(captured,), runs=(record,))
        exported = None if export_to is None else write(bundle, workspace.cwd / export_to).path
        return replace(
            report,
            bundle=bundle.id,
            environment=record.environment,
            metrics=metrics_of(output),
            exported=exported,
            elapsed_s=time.monotonic() - started,
        )


def _with_options(
    workspace: Workspace,
    strategy: Strategy,
    tape: str | None,
    engine: str | None,
    config: Mapping[str, Any] | None,
) -> Strategy:
    return replace(
        strategy,
        tape=strategy.tape if tape is None else workspace.place_of(tape),
        engine=engine or strategy.engine,
        config={**strategy.config, **(config or {})},
    )


def _children(plan: Engine, runs: int) -> Twin | Child:
    if runs == 2:
        return Twin(plan.interpreter, plan.adapter)
    return start(plan.interpreter, plan.adapter)


def _run(children: Twin | Child, job: Job) -> tuple[Outcome, ...]:
    outcomes = children.run(job)
    return outcomes if isinstance(outcomes, tuple) else (outcomes,)


def _judged(
    strategy: Strategy,
    plan: Engine,
    captured: Captured,
    market: Tape,
    outcomes: Sequence[Outcome],
) -> PackReport:
    """Say what the runs are worth, before anything is stored."""
    from git_bt.compare import compare

    report = PackReport(
        bundle=None,
        inputs=inputs_id(
            engine=plan.adapter.NAME,
            entry_point=captured.snapshot.entry_point,
            files=captured.snapshot.files,
            tape=tape_sha256(market.members),
            config=plan.config,
            command=strategy.command,
            build=strategy.build,
        ),
        environment=None,
        snapshot=snapshot_id(captured.snapshot),
        strategy=strategy.name,
        engine=plan.interpreter.engine,
        metrics=None,
        verdict=Verdict.REPRODUCED,
        comparison=None,
        elapsed_s=0.0,
        runs=len(outcomes),
        notices=(*strategy.notices, *captured.notices),
    )
    for which, outcome in zip(("", "in the second, varied run: "), outcomes, strict=False):
        failure = outcome.failure
        if failure is not None:
            return replace(
                report,
                verdict=failure.verdict,
                message=which + failure.message,
                hint=failure.hint,
                tail=failure.tail,
            )
    outputs = [outcome.output or {} for outcome in outcomes]
    comparison = compare(outputs[0], outputs[-1])
    if comparison.verdict is Verdict.REPRODUCED:
        return report
    return replace(
        report,
        verdict=Verdict.NONDETERMINISTIC,
        comparison=comparison,
        message="two runs of the same inputs differ from each other; nothing was stored",
        hint="seed random numbers, take time from the tape, and do not iterate over sets",
    )


def _for_store(bundle: Bundle, limit: int) -> Bundle:
    """Leave out a tape that git does not track and that is larger than the limit, in bytes."""
    loose = {
        path: bundle.manifest.members[path].size
        for path, source in bundle.content.items()
        if path.startswith(TAPE) and not isinstance(source, Blob)
    }
    if sum(loose.values()) <= limit:
        return bundle
    content = {path: source for path, source in bundle.content.items() if path not in loose}
    return replace(bundle, content=content)
