"""Run a strategy and store it all as one bundle: here up to the run, in `packing` the rest."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from git_bt.capture.strategy import read_strategy
from git_bt.commands.plan import Engine, Grant, engine_of_strategy, job_of_strategy
from git_bt.commands.workspace import Step, Workspace, open_workspace
from git_bt.errors import Usage
from git_bt.model import Outcome, Strategy
from git_bt.runner import Child, Job, Twin, start

if TYPE_CHECKING:
    from git_bt.reports import PackReport


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
) -> "PackReport":
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
        if export_to is not None and not (workspace.cwd / export_to).parent.is_dir():
            raise Usage(f"no folder for {export_to}", hint="make it first")
        strategy = _with_options(
            workspace,
            read_strategy(workspace.files, workspace.path_from_top(name)),
            tape,
            engine,
            config,
        )
        plan = engine_of_strategy(workspace, strategy, grant)
        with _children(plan, runs) as children:
            job, captured, market = job_of_strategy(workspace, strategy, plan, grant)

            def meanwhile() -> None:
                step(f"running {strategy.name} on {plan.adapter.NAME}")
                import git_bt.commands.packing  # noqa: F401  what comes after the run

                _ = workspace.author  # questions to git: asked while there is time
                if workspace.store is not None:
                    workspace.store.refresh()

            outcomes = _run(children, job, meanwhile)
        from git_bt.commands.packing import finish

        step(f"storing {strategy.name}")
        report = finish(
            workspace,
            strategy,
            plan,
            captured,
            market,
            outcomes,
            author=workspace.author,
            export_to=export_to,
        )
        return replace(report, elapsed_s=time.monotonic() - started)


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


def _run(children: Twin | Child, job: Job, meanwhile: Callable[[], None]) -> tuple[Outcome, ...]:
    outcomes = children.run(job, meanwhile)
    return outcomes if isinstance(outcomes, tuple) else (outcomes,)
