"""The command behind git's hooks."""

import sys
from collections.abc import Sequence

import click

from git_bt.cli.border import Verb
from git_bt.cli.echo import answer, progress
from git_bt.cli.options import answer_options, examples
from git_bt.commands.hook import HOOKS, hook


@click.command(
    "hook",
    cls=Verb,
    context_settings={"ignore_unknown_options": True},
    epilog=examples("git bt hook pre-commit\ngit bt hook check\ngit bt hook pre-push origin"),
)
@click.argument("name", metavar="NAME", type=click.Choice(HOOKS))
@click.argument("arguments", metavar="[ARGUMENT]...", nargs=-1)
@answer_options
def hook_command(
    *, name: str, arguments: tuple[str, ...], as_json: bool, output: str | None
) -> None:
    """Do what belongs to one of git's hooks; the hooks themselves call this.

    NAME is pre-commit or pre-merge-commit (run what the index changes, record
    what came), post-commit, post-rewrite or post-merge (tie results to the
    commits), pre-push (run what was put off, push results), or check: look at
    the index, and run nothing. git bt init --hooks installs them.
    """
    with progress() as step:
        report = hook(name, arguments, lines=_lines, step=step)
    if report.is_silent and not as_json and not output:
        return  # nothing to show: what shows it need not be imported
    answer(report, as_json=as_json, output=output)


def _lines() -> Sequence[str]:
    """Return what git writes to the hook; nobody types it."""
    if sys.stdin is None or sys.stdin.isatty():
        return ()
    return sys.stdin.read().splitlines()
