"""Run one run of a sweep again as a bundle: its code, its parameters as config, twice.

The code is the sweep's snapshot, never the work tree's; of the work tree come only strategy.yaml
(engine, tape, config that the run did not set) and the tape. A program that called its engine
itself is started again as it was, its parameters being its own. Its metrics are held against the
row, and only a run that agrees is stored; its rank is the reason of its run record.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from git_bt.canonical import decode_json, tape_sha256
from git_bt.capture.tape import read_tape
from git_bt.commands.flush import flush_to_read
from git_bt.commands.packing import judge_pack
from git_bt.commands.plan import Grant, engine_of_strategy, kept_by
from git_bt.commands.programs import PROGRAMS, find_program, find_strategy, program_again
from git_bt.commands.recording import for_store
from git_bt.commands.sweep import check_metric, find_run, find_sweep
from git_bt.commands.tapes import at_hand
from git_bt.commands.workspace import Step, Workspace, open_workspace
from git_bt.engines.config import PARAMS
from git_bt.errors import Incomplete, Usage
from git_bt.interpreters import load_adapter
from git_bt.metrics import metrics_of
from git_bt.model import Captured, Notice, Output, Strategy, Tape, Verdict
from git_bt.ranking import rank, setting
from git_bt.reports import PackReport
from git_bt.runner import Job, Twin
from git_bt.store import Store
from git_bt.sweep_records import (
    Scalar,
    Scalars,
    SweepRun,
    Swept,
    sweep_id,
    sweep_run_id,
    without_words,
)
from git_bt.sweeping import MetricCheck, PromoteReport

_RTOL = 1e-9
"""How far a metric may be from its row: sums have other last digits on another machine."""


def promote(
    run: str | None = None,
    *,
    metric: str | None = None,
    lowest: bool = False,
    strategy: str | None = None,
    engine: str | None = None,
    tape: str | None = None,
    python: str | None = None,
    timeout_s: float = 600.0,
    step: Step,
    cwd: Path | None = None,
) -> PromoteReport:
    """Run one run of a sweep again, hold it against its row, and store it as a bundle.

    Args:
        run: the first digits of its id; None is the best of the sweep that ran last.
        metric: what it is ranked by; None ranks it by nothing.
        lowest: the lowest value is best.
        strategy: path whose strategy.yaml says engine, tape and config; None looks for it.
        engine: name of the engine, instead of what is known of it.
        tape: path of the market data, likewise.
        python: interpreter to run the engine with.
        timeout_s: seconds one run may take.
        step: told what is being done.
        cwd: where the command works.

    Raises:
        Usage: no such run, it failed, it is a bundle already, or its parameters are no config of
            the engine.
        Incomplete: its code, its engine or its tape is not known.
    """
    started = time.monotonic()
    grant = Grant(python=python, timeout_s=timeout_s)
    with open_workspace(cwd) as workspace:
        store = workspace.need_store()
        notices = flush_to_read(store)
        swept, row = _named(store, run, metric, lowest=lowest)
        _refuse_packed(store, row)
        place = _rank(swept, row, metric, lowest=lowest)
        captured = _code(workspace, swept, row)
        what = find_strategy(workspace, swept, captured, strategy)
        program = None
        if strategy is None and engine is None and (what.engine or what.command) is None:
            program = find_program(workspace, swept, row)
        if program is None:
            what = _completed(workspace, what, swept, row, engine=engine, tape=tape)
            captured = _entered(captured, what)
        else:
            what = replace(what, tape=_need_tape(workspace, swept, what, tape))
            what, captured = program_again(workspace, program, what, captured)
        plan = engine_of_strategy(workspace, what, grant)
        with Twin(plan.interpreter, plan.adapter) as children:
            step(f"running {what.name} on {plan.adapter.NAME}")
            market = _market(workspace, swept, what)
            job = Job(
                members=captured.snapshot.files,
                content=captured.content,
                entry_point=what.entry_point,
                tape=market,
                config=plan.config,
                work_tree=workspace.top,
                timeout_s=grant.timeout_s,
                cache=kept_by(workspace, plan),
            )
            outcomes = children.run(job)
        report, bundle, record = judge_pack(
            workspace, what, plan, captured, market, outcomes, author=workspace.author
        )
        checks: tuple[MetricCheck, ...] = ()
        if bundle is not None and record is not None:
            checks = _checks(row.metrics, outcomes[0].output or {})
            report = _held(report, checks)
        if bundle is not None and record is not None and report.verdict is Verdict.REPRODUCED:
            step(f"storing {what.name}")
            record = replace(record, reason=_reason(swept, row, place))
            kept = for_store(store.repo, bundle)
            store.save(bundles=(kept,), captured=(captured,), runs=(record,))
        return _report(swept, row, report, place, checks, time.monotonic() - started, notices)


def _named(
    store: Store, run: str | None, metric: str | None, *, lowest: bool
) -> tuple[Swept, SweepRun]:
    """Return the run that is meant, and its sweep."""
    if run is not None:
        return find_run(store, run)
    if metric is None:
        raise Usage("no run is named", hint="git bt sweep promote --metric M, or name one")
    swept, _ = find_sweep(store, None)
    check_metric(swept, metric)
    ranked = rank(swept.runs, metric, lowest=lowest).ranked
    if not ranked:
        raise Usage(f"no run of sweep {swept.sweep.name} has a number under {metric}")
    return swept, ranked[0].run


def _refuse_packed(store: Store, row: SweepRun) -> None:
    """Refuse a run that `git bt run` packed; where that bundle is not here, it can be run again."""
    if row.bundle is not None and row.bundle in store.bundle_ids():
        bundle = row.bundle[:12]
        raise Usage(
            f"run {sweep_run_id(row)[:12]} is bundle {bundle} already", hint=f"git bt show {bundle}"
        )


# -- what is run ----------------------------------------------------------------------------------


def _code(workspace: Workspace, swept: Swept, row: SweepRun) -> Captured:
    if row.status != "ok":
        raise Usage(f"run {sweep_run_id(row)[:12]} failed: {row.error or 'no reason'}")
    if swept.sweep.snapshot is None:
        raise Incomplete(f"the code of sweep {swept.sweep.name} was not captured")
    try:
        return workspace.need_store().snapshot(swept.sweep.snapshot)
    except Usage as e:
        raise Incomplete(
            f"the code of sweep {swept.sweep.name} is not here: {e.message}", hint="git bt fetch"
        ) from e


def _entered(captured: Captured, what: Strategy) -> Captured:
    """Return the code with the entry point of strategy.yaml: the sweep began in its own script."""
    if what.entry_point not in captured.snapshot.files:
        raise Incomplete(
            f"the sweep's code has no {what.entry_point}: it is {', '.join(what.files or ())}",
            hint="list the strategy's files in strategy.yaml before the sweep",
        )
    return replace(captured, snapshot=replace(captured.snapshot, entry_point=what.entry_point))


def _completed(
    workspace: Workspace,
    found: Strategy,
    swept: Swept,
    row: SweepRun,
    *,
    engine: str | None,
    tape: str | None,
) -> Strategy:
    """Fill in engine, tape and config: an option stands above the row, the row above the rest."""
    ran_on = swept.sweep.engine
    name = engine or (None if ran_on in PROGRAMS else ran_on) or found.engine
    if name is None and ran_on is not None:
        raise Incomplete(
            f"how {swept.sweep.name} was started is not known, and on {ran_on} nothing else can "
            "be run again",
            hint="git bt run --tape PATH -- python … makes a bundle of it",
        )
    if name is None:
        raise _unknown(swept, "engine")
    place = _need_tape(workspace, swept, found, tape)
    around = swept.environments.get(row.environment or "")
    given = without_words(row.params, () if around is None else around.argv or ())
    return replace(
        found, engine=name, tape=place, config={**found.config, **_config(name, found, given)}
    )


def _need_tape(workspace: Workspace, swept: Swept, found: Strategy, tape: str | None) -> str:
    place = swept.sweep.tape or found.tape if tape is None else workspace.place_of(tape)
    if place is None:
        raise _unknown(swept, "tape")
    return place


def _unknown(swept: Swept, what: str) -> Incomplete:
    return Incomplete(
        f"the {what} of sweep {swept.sweep.name} is not known",
        hint=f"add --{what}, or a strategy.yaml that says {what}:",
    )


def _config(engine: str, found: Strategy, given: Scalars) -> dict[str, Any]:
    """Return a run's parameters as config: the engine's own keys on top, the rest below params."""
    for name, value in given.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise Usage(f"parameter {name} is {value}, which no config can hold")
    adapter = load_adapter(engine)
    try:
        known = adapter.complete({})
    except ValueError:
        known = {}
    if PARAMS not in known:
        return dict(given)
    own = {key: value for key, value in given.items() if key in known and key != PARAMS}
    below = {key: value for key, value in given.items() if key not in own}
    before = found.config.get(PARAMS, {})
    return {**own, PARAMS: {**(before if isinstance(before, Mapping) else {}), **below}}


def _market(workspace: Workspace, swept: Swept, found: Strategy) -> Tape:
    """Return the tape; raises Incomplete: it is known not to be that of the sweep."""
    market = read_tape(workspace.files, found, top=workspace.top, cwd=workspace.cwd)
    here, then = tape_sha256(market.members), swept.sweep.tape_sha256
    if then not in (None, here):
        raise Incomplete(
            f"{found.tape} is another tape than the sweep had (tape sha256 {here[:12]}, not "
            f"{then[:12]})",
            hint="git bt sweep promote RUN --tape PATH",
        )
    return at_hand(workspace, market, found.tape or "")


# -- what it is worth -----------------------------------------------------------------------------


def _rank(swept: Swept, row: SweepRun, metric: str | None, *, lowest: bool) -> str | None:
    """Return the rank of a run's setting, such as `rank 1 of 5 000 by sharpe`."""
    if metric is None:
        return None
    check_metric(swept, metric)
    ranking = rank(swept.runs, metric, lowest=lowest)
    key = setting(row)
    for each in ranking.ranked:
        if setting(each.run) == key:
            of = f"{len(ranking.ranked):,}".replace(",", " ")
            order = ", lowest first" if lowest else ""
            return f"rank {each.rank:,}".replace(",", " ") + f" of {of} by {metric}{order}"
    raise Usage(f"run {sweep_run_id(row)[:12]} has no number under {metric}, so it has no rank")


def _reason(swept: Swept, row: SweepRun, place: str | None) -> str:
    run = f"run {sweep_run_id(row)} of sweep {swept.sweep.name} {sweep_id(swept.sweep)}"
    return run if place is None else f"{place}: {run}"


def _checks(recorded: Scalars, output: Output) -> tuple[MetricCheck, ...]:
    """Hold the metrics of the row against what the new run gives under the same names."""
    given = _leaves(decode_json(output.get("summary.json", b"{}\n"), "summary.json"))
    metrics = metrics_of(output)
    own = {name.rstrip("_"): getattr(metrics, name) for name in type(metrics).__slots__}
    return tuple(_check(name, value, given, own) for name, value in sorted(recorded.items()))


def _check(
    name: str, value: Scalar, given: Mapping[str, Scalar], own: Mapping[str, Scalar]
) -> MetricCheck:
    if name in given:
        here = given[name]
        return MetricCheck(name=name, recorded=value, here=here, agrees=_equal(value, here))
    here = own.get(name)
    agrees = True if here is not None and _equal(value, here) else None
    return MetricCheck(name=name, recorded=value, here=here, agrees=agrees)


def _leaves(value: Any) -> dict[str, Scalar]:
    """Return the single values of a summary by their names, however deep they stand."""
    found: dict[str, Scalar] = {}
    for name, item in value.items() if isinstance(value, Mapping) else ():
        if isinstance(item, Mapping):
            found = {**_leaves(item), **found}
        elif not isinstance(item, Sequence) or isinstance(item, str):
            found[name] = item
    return found


def _equal(recorded: Scalar, here: Scalar) -> bool:
    numbers = [v for v in (recorded, here) if isinstance(v, int | float) and type(v) is not bool]
    if len(numbers) == 2:
        if any(map(math.isnan, numbers)):
            return all(map(math.isnan, numbers))
        return math.isclose(*numbers, rel_tol=_RTOL)
    # What JSON cannot hold is null in a summary.
    return recorded == here or (here is None and bool(numbers) and not math.isfinite(numbers[0]))


def _held(report: PackReport, checks: Sequence[MetricCheck]) -> PackReport:
    other = [check.name for check in checks if check.agrees is False]
    if not other:
        return report
    names = ", ".join(other[:3]) + (f" and {len(other) - 3} more" if len(other) > 3 else "")
    return replace(
        report,
        bundle=None,
        verdict=Verdict.DIVERGED,
        message=f"the new run gives other metrics than the row: {names}; nothing was stored",
        hint="another engine version, another tape, or parameters that the code does not read?",
    )


def _report(
    swept: Swept,
    row: SweepRun,
    report: PackReport,
    place: str | None,
    checks: tuple[MetricCheck, ...],
    elapsed_s: float,
    notices: Sequence[Notice],
) -> PromoteReport:
    message = report.message
    if not message and checks and all(check.agrees is None for check in checks):
        message = "no metric of the row could be compared: the run gives none under these names"
    return PromoteReport(
        run=sweep_run_id(row),
        sweep=sweep_id(swept.sweep),
        name=swept.sweep.name,
        params=row.params,
        strategy=report.strategy,
        rank=place,
        bundle=report.bundle,
        snapshot=report.snapshot,
        engine=report.engine,
        metrics=report.metrics,
        verdict=report.verdict,
        checks=checks,
        comparison=report.comparison,
        elapsed_s=elapsed_s,
        message=message,
        hint=report.hint,
        tail=report.tail,
        notices=(*notices, *report.notices),
    )
