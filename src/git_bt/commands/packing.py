"""The second half of pack: what the runs are worth, and the bundle that is stored of them.

Imported while the run goes on, so that nobody waits for these imports.
"""

from collections.abc import Sequence
from dataclasses import replace

import filelock  # noqa: F401  the store's lock: 20 ms to import, and now there is time

from git_bt.bundle import build_bundle
from git_bt.canonical import inputs_id, tape_sha256
from git_bt.commands.plan import Engine
from git_bt.commands.recording import for_store, run_record
from git_bt.commands.workspace import Workspace
from git_bt.compare import compare
from git_bt.metrics import metrics_of
from git_bt.model import Bundle, Captured, Outcome, RunRecord, Strategy, Tape, Verdict
from git_bt.records import snapshot_id
from git_bt.reports import PackReport


def finish(
    workspace: Workspace,
    strategy: Strategy,
    plan: Engine,
    captured: Captured,
    market: Tape,
    outcomes: Sequence[Outcome],
    *,
    author: str,
    export_to: str | None,
) -> PackReport:
    """Judge the runs, and store the bundle when they agree.

    Args:
        workspace: where it is stored.
        strategy: what ran.
        plan: on what.
        captured: its files.
        market: its tape.
        outcomes: of one run, or of two that should be the same.
        author: who packs.
        export_to: file to export the bundle to as well.
    """
    report, bundle, record = judge_pack(
        workspace, strategy, plan, captured, market, outcomes, author=author
    )
    if bundle is None or record is None:
        return report
    assert workspace.repo is not None
    workspace.need_store().save(
        bundles=(for_store(workspace.repo, bundle),), captured=(captured,), runs=(record,)
    )
    if export_to is None:
        return report
    from git_bt.commands.export import write

    return replace(report, exported=write(workspace, bundle, export_to).path)


def judge_pack(
    workspace: Workspace,
    strategy: Strategy,
    plan: Engine,
    captured: Captured,
    market: Tape,
    outcomes: Sequence[Outcome],
    *,
    author: str,
) -> tuple[PackReport, Bundle | None, RunRecord | None]:
    """Judge the runs; return the bundle and the record that are to be stored, None of none."""
    report = _judged(strategy, plan, captured, market, outcomes)
    if report.verdict is not Verdict.REPRODUCED:
        return report, None, None
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
        bundle,
        environment,
        author=author,
        strategy=strategy.name,
        kind="pack",
        verdict=Verdict.REPRODUCED,
        elapsed_s=max(outcome.elapsed_s for outcome in outcomes),
        runs=len(outcomes),
        compare=strategy.compare,
    )
    report = replace(
        report, bundle=bundle.id, environment=record.environment, metrics=metrics_of(output)
    )
    return report, bundle, record


def _judged(
    strategy: Strategy,
    plan: Engine,
    captured: Captured,
    market: Tape,
    outcomes: Sequence[Outcome],
) -> PackReport:
    """Say what the runs are worth, before anything is stored."""
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
