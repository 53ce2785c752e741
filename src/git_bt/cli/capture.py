"""The commands that capture code: capture, run."""

import os
import sys

import click

from git_bt.cli.border import BEHIND, Split, Verb
from git_bt.cli.echo import answer, write_json
from git_bt.cli.options import answer_options, examples


@click.command(
    "capture",
    cls=Verb,
    epilog=examples(
        """
git bt capture my_strategy.py --dry-run
git bt capture my_strategy.py --mode imports
git bt capture strategies/ema --json
"""
    ),
)
@click.argument("entry", metavar="ENTRY")
@click.option(
    "--mode",
    type=click.Choice(["entry-point", "imports"]),
    default="entry-point",
    show_default=True,
    help="imports: with the local modules that the entry point loads.",
)
@click.option(
    "--project-root",
    metavar="DIR",
    help="The folder that paths are relative to; otherwise the nearest with .git, "
    "pyproject.toml or setup.py.",
)
@click.option("--dry-run", is_flag=True, help="Store nothing; works outside git too.")
@answer_options
def capture_command(
    *,
    entry: str,
    mode: str,
    project_root: str | None,
    dry_run: bool,
    as_json: bool,
    output: str | None,
) -> None:
    """Capture a strategy's code and store it as a snapshot.

    ENTRY is the file that is run, or a folder with a strategy.yaml. The files
    that a strategy.yaml beside it lists are captured, whatever the mode. What
    cannot be captured is a warning; the rest is stored.
    """
    from git_bt.commands.capture import capture

    report = capture(entry, mode=mode.replace("-", "_"), project_root=project_root, dry_run=dry_run)
    answer(report, as_json=as_json, output=output)


@click.command(
    "run",
    cls=Split,
    epilog=examples(
        """
git bt run -- python my_strategy.py
git bt run --tape data/goog.csv -- python my_strategy.py --fast 10
git bt run -- jupyter nbconvert --execute research.ipynb --to notebook
"""
    ),
)
@click.argument("words", metavar="-- COMMAND [ARG]...", nargs=-1)
@click.option(
    "--tape",
    metavar="PATH",
    help="The market data that the command reads: its one backtest becomes a bundle.",
)
@click.option("--output", metavar="FILE", help="Write a JSON object about the runs to FILE.")
@click.pass_context
def run_command(
    ctx: click.Context, *, words: tuple[str, ...], tape: str | None, output: str | None
) -> None:
    """Run a command and record each backtest that it makes.

    The command runs as it is, and run ends with its exit code. When backtesting,
    backtrader, lrvx, zipline or rustybt runs in it, the code and the result are
    captured: see git bt sweep ls. With --tape, the one backtest of a script is
    packed as a bundle that git bt validate can run again.
    """
    argv = (*words, *ctx.meta[BEHIND])
    if not argv:
        raise click.UsageError("name a command: git bt run -- python my_strategy.py")
    from git_bt.commands.run import run

    report = run(argv, tape=tape)
    from git_bt.output.text import color_wanted, render

    color = color_wanted(os.environ, is_terminal=sys.stderr.isatty())
    text = render(report, color=color, encoding=sys.stderr.encoding)
    click.echo(text, err=True, nl=False, color=color)
    if output:
        from git_bt.output.json import to_json

        write_json(to_json(report), as_json=False, output=output)
    ctx.exit(report.exit_code)
