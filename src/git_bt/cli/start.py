"""The commands to start with: demo and engines."""

import click

from git_bt.cli.border import Verb
from git_bt.cli.echo import answer, progress
from git_bt.cli.options import answer_options, examples


@click.command(
    "demo",
    cls=Verb,
    epilog=examples("git bt demo\ngit bt demo ~/git-bt-demo\ngit bt demo --engine backtesting"),
)
@click.argument("directory", metavar="[DIR]", required=False)
@click.option(
    "--engine",
    type=click.Choice(["flox", "backtesting"]),
    default="flox",
    show_default=True,
    help="Which engine to show.",
)
@answer_options
def demo_command(*, directory: str | None, engine: str, as_json: bool, output: str | None) -> None:
    """Show the main job in a small repository made for it.

    Packs a strategy on real bars (BTC/USDT for flox, GOOG for backtesting),
    commits, validates, changes one line, validates again and names the
    divergence. DIR must be new or empty (default: git-bt-demo).
    """
    from git_bt.commands.demo import demo

    with progress() as step:
        report = demo(directory or "git-bt-demo", engine=engine, step=step)
    answer(report, as_json=as_json, output=output)


@click.command("engines", cls=Verb, epilog=examples("git bt engines"))
@click.option("--python", metavar="PATH", help="Look in this interpreter.")
@answer_options
def engines_command(*, python: str | None, as_json: bool, output: str | None) -> None:
    """List the engines and where they are found.

    Each with its version in the interpreter that would run it.
    """
    from git_bt.commands.engines import engines

    answer(engines(python=python), as_json=as_json, output=output)
