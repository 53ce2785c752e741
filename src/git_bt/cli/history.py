"""The commands that look at commits and the work tree: status, log."""

import click

from git_bt.cli.border import BEHIND, Split, Verb
from git_bt.cli.echo import answer
from git_bt.cli.options import answer_options, examples


@click.command(
    "log",
    cls=Split,
    epilog=examples(
        """
git bt log
git bt log -n 5 -- strategies/ema
git bt log main..feature
"""
    ),
)
@click.argument("words", metavar="[RANGE] [-- STRATEGY...]", nargs=-1)
@click.option(
    "-n",
    "--max-count",
    "count",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    metavar="N",
    help="Commits to show.",
)
@answer_options
@click.pass_context
def log_command(
    ctx: click.Context,
    *,
    words: tuple[str, ...],
    count: int,
    as_json: bool,
    output: str | None,
) -> None:
    """List commits with their results, newest first.

    Each result stands beside the one before it: verdict, metrics and their
    change, and whether it was measured, inherited or accepted. RANGE is a
    revision or range as git log takes it, HEAD unless said.
    """
    from git_bt.commands.log import log

    report = log(words, ctx.meta[BEHIND], count=count)
    answer(report, as_json=as_json, output=output, paged=True)


@click.command(
    "status", cls=Verb, epilog=examples("git bt status\ngit bt status strategies/momentum")
)
@click.argument("strategies", metavar="[STRATEGY]...", nargs=-1)
@answer_options
def status_command(*, strategies: tuple[str, ...], as_json: bool, output: str | None) -> None:
    """Say of each strategy whether its result is known.

    Known means: a run of the same files, tape and config in this environment
    passed. Otherwise it says what changed: the strategy, its tape, the engine
    or packages. Nothing is run.
    """
    from git_bt.commands.status import status

    answer(status(strategies), as_json=as_json, output=output)
