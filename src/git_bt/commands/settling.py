"""What becomes of a verdict: a candidate of what diverged, with --record a run record.

A record says which inputs ran. Where the work tree's are others than the baseline's, what passed
is a bundle of its own, and what did not is no failure of the baseline.
"""

from collections.abc import Sequence
from dataclasses import replace

from git_bt.bundle import build_bundle
from git_bt.canonical import inputs_id, tape_sha256
from git_bt.commands.candidates import Candidate, Candidates
from git_bt.commands.judging import Ran
from git_bt.commands.recording import for_store, run_record
from git_bt.commands.workspace import Workspace
from git_bt.comparison import Validation
from git_bt.errors import ExitCode
from git_bt.model import Bundle, Environment, Output, Snapshot, Strategy, Verdict
from git_bt.runner import Job


def inputs_of_job(job: Job, engine: str, strategy: Strategy) -> str:
    """Return the inputs id of a job of a strategy."""
    assert job.tape is not None
    return inputs_id(
        engine=engine,
        entry_point=job.entry_point,
        files=job.members,
        tape=tape_sha256(job.tape.members),
        config=job.config,
        command=strategy.command,
        build=strategy.build,
    )


def settle(workspace: Workspace, ran: Ran, judged: Validation, *, record: bool) -> None:
    """Keep what a verdict is about.

    Args:
        workspace: where.
        ran: what ran, and how it ended.
        judged: what was found.
        record: store a run record.
    """
    here, output = ran.outcome.environment, ran.outcome.output
    if here is None:
        return  # it never ran
    manifest = ran.found.bundle.manifest
    inputs = manifest.inputs
    if ran.strategy is not None:
        inputs = inputs_of_job(ran.job, here.engine.name, ran.strategy)
    if workspace.repo is None:
        return
    if judged.verdict is Verdict.DIVERGED and output is not None:
        candidate = Candidate(
            strategy=ran.name,
            inputs=inputs,
            expected=ran.found.bundle.id,
            environment=here,
            elapsed_ms=round(1000 * ran.outcome.elapsed_s),
            runs=ran.runs,
            output=output,
        )
        Candidates(workspace.cache).keep(candidate)
    elif judged.verdict.exit_code is ExitCode.OK:
        Candidates(workspace.cache).drop(inputs)  # accept takes what was seen last
    if record:
        _record(workspace, ran, judged.verdict, here, inputs)


def _record(
    workspace: Workspace, ran: Ran, verdict: Verdict, here: Environment, inputs: str
) -> None:
    bundle, store = ran.found.bundle, workspace.need_store()
    output = ran.outcome.output
    if inputs != bundle.manifest.inputs and output and verdict.exit_code is ExitCode.OK:
        bundle = for_store(store.repo, bundle_of(ran, here, output))
    run = run_record(
        bundle,
        here,
        author=workspace.author,
        strategy=ran.name,
        kind="validate",
        verdict=verdict,
        elapsed_s=ran.outcome.elapsed_s,
        runs=ran.runs,
        compare=ran.tolerances,
    )
    store.save(bundles=(bundle,), runs=(replace(run, inputs=inputs),))


def bundle_of(ran: Ran, here: Environment, output: Output) -> Bundle:
    """Return the bundle that a run of a strategy of the work tree is."""
    assert ran.strategy is not None
    assert ran.job.tape is not None
    command, build = _argv(ran.strategy.command), _argv(ran.strategy.build)
    return build_bundle(
        snapshot=Snapshot(
            entry_point=ran.job.entry_point, method="validate", files=ran.job.members
        ),
        content=ran.job.content,
        tape=ran.job.tape,
        engine=here.engine,
        config=ran.job.config,
        output=output,
        command=command,
        build=build,
    )


def _argv(words: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if words is None else tuple(words)
