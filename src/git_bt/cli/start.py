"""The commands to start with: demo, engines, adopt."""

import click

from git_bt.cli.border import Verb
from git_bt.cli.echo import answer, progress
from git_bt.cli.options import answer_options, examples, run_options


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


@click.command(
    "adopt",
    cls=Verb,
    epilog=examples("git bt adopt strategies/ema\ngit bt adopt ema.py --tape data/btc.csv"),
)
@click.argument("name", metavar="DIR|FILE")
@click.option("--tape", metavar="PATH", help="Market data: a file or a folder.")
@click.option("--engine", metavar="NAME", help="The engine that runs it; see git bt engines.")
@run_options
@answer_options
def adopt_command(
    *,
    name: str,
    tape: str | None,
    engine: str | None,
    python: str | None,
    timeout: float,
    as_json: bool,
    output: str | None,
) -> None:
    """Make a strategy of code that is there.

    Guesses engine, entry point, files and tape from the source, writes a
    strategy.yaml beside it, and packs it: it runs twice, so that you see how long
    it takes and whether it gives the same again. Of several candidates none is
    taken; they are named. A strategy.yaml that names no engine or no tape is
    completed at its end; what is in it stays.
    """
    from git_bt.commands.adopt import adopt

    with progress() as step:
        report = adopt(name, tape=tape, engine=engine, python=python, timeout_s=timeout, step=step)
    answer(report, as_json=as_json, output=output)
