"""A verdict without a run: what is known of the same inputs in the same environment.

The environment is looked up from the names of the interpreter's dist-info folders; no process is
started. Only what passes is taken over: everything else is worth another run.
"""

from git_bt.bundle import output_of
from git_bt.commands.expected import compare_with_bundle
from git_bt.commands.locate import Found
from git_bt.commands.plan import Engine
from git_bt.commands.workspace import Workspace
from git_bt.comparison import Validation
from git_bt.errors import BtError, ExitCode
from git_bt.installed import distributions
from git_bt.ledger import Run
from git_bt.model import Tolerances, Verdict


def reuse(
    workspace: Workspace,
    name: str,
    found: Found,
    inputs: str,
    engine: Engine,
    tolerances: Tolerances,
) -> Validation | None:
    """Return the verdict that a run would reach, None where only a run can tell.

    Args:
        workspace: whose store is asked.
        name: the argument as typed.
        found: what would be judged against.
        inputs: full inputs id of what would run.
        engine: what would run it.
        tolerances: that hold here.
    """
    known = known_run(workspace, inputs, engine)
    if known is None:
        return None
    verdict = _verdict(workspace, known, found, tolerances)
    if verdict is None or verdict.exit_code is not ExitCode.OK:
        return None
    return Validation(
        name=name,
        bundle=found.bundle.id,
        strategy=found.strategy,
        verdict=verdict,
        engine=known[1].engine,
        reused=True,
    )


def known_run(workspace: Workspace, inputs: str, engine: Engine) -> Run | None:
    """Return the passing run of these inputs in the environment of now, None of none."""
    ledger, interpreter = workspace.ledger, engine.interpreter
    environment = ledger.environment(
        inputs,
        interpreter.version,
        interpreter.engine.version,
        distributions(interpreter.site_dirs),
    )
    return None if environment is None else ledger.known(inputs, environment)


def _verdict(
    workspace: Workspace, known: Run, found: Found, tolerances: Tolerances
) -> Verdict | None:
    run = known[1]
    if run.bundle == found.bundle.id and dict(run.compare) == dict(tolerances):
        return run.verdict
    if run.verdict is not Verdict.REPRODUCED:
        return None
    try:
        output = output_of(workspace.need_store().bundle(run.bundle))
        if output is None:
            return None
        return compare_with_bundle(found.bundle, output, tolerances=tolerances).verdict
    except BtError:  # what is not whole cannot be taken over
        return None
