"""The commands that tie results to commits: record, accept."""

import click

from git_bt.cli.border import Verb
from git_bt.cli.echo import answer, progress
from git_bt.cli.options import answer_options, examples


@click.command(
    "record", cls=Verb, epilog=examples("git bt record\ngit bt record origin/main..HEAD")
)
@click.argument("revision", metavar="[COMMIT|A..B]", default="HEAD", required=False)
@answer_options
def record_command(*, revision: str, as_json: bool, output: str | None) -> None:
    """Tie what is known to a commit, or to each commit of a range.

    Nothing is run. A strategy gets a result where its inputs differ from the
    first parent's and a run of them is known; after a rebase, a squash or a
    cherry-pick it is inherited from the commit that had it. What must be run is
    listed. Results are git notes: git log --notes=bt shows them.
    """
    from git_bt.commands.record import record

    with progress() as step:
        report = record(revision, step=step)
    answer(report, as_json=as_json, output=output)


@click.command(
    "accept",
    cls=Verb,
    epilog=examples('git bt accept strategies/ema -m "fees as of July"\ngit bt accept --all'),
)
@click.argument("names", metavar="[STRATEGY]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every strategy with a new output.")
@click.option("-m", "--message", "reason", metavar="REASON", help="Why, for the run record.")
@answer_options
def accept_command(
    *,
    names: tuple[str, ...],
    everything: bool,
    reason: str | None,
    as_json: bool,
    output: str | None,
) -> None:
    """Take a new output as the expected one, without another run.

    The output is the one that git bt validate found to diverge last, of the
    strategy as the work tree holds it; or one that is in the store beside the
    expected one. Instead of a STRATEGY, the id of such a bundle can be given.
    """
    from git_bt.commands.accept import accept

    with progress() as step:
        report = accept(names, everything=everything, reason=reason, step=step)
    answer(report, as_json=as_json, output=output)
