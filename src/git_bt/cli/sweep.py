"""The commands on sweeps: sweep ls, show, best, promote, merge."""

import click

from git_bt.cli.border import Verb
from git_bt.cli.echo import answer, progress
from git_bt.cli.options import answer_options, examples, run_options, strategy_options


@click.group("sweep")
def sweep_command() -> None:
    """Look at recorded runs of a parameter sweep, and keep the best.

    A run is recorded by `git_bt.recording` or `git_bt.autocapture` in a
    strategy's own code, and by `git bt run`.
    """


@sweep_command.command("ls", cls=Verb, epilog=examples("git bt sweep ls"))
@answer_options
def ls_command(*, as_json: bool, output: str | None) -> None:
    """List the sweeps, the one that ran last first."""
    from git_bt.commands.sweep import ls

    answer(ls(), as_json=as_json, output=output)


@sweep_command.command(
    "show", cls=Verb, epilog=examples("git bt sweep show\ngit bt sweep show ema")
)
@click.argument("name", metavar="[SWEEP]", required=False)
@answer_options
def show_command(*, name: str | None, as_json: bool, output: str | None) -> None:
    """Show parameters, metrics, failures and surroundings of one sweep.

    SWEEP is its name or its id; without it, the one that ran last.
    """
    from git_bt.commands.sweep import show

    answer(show(name), as_json=as_json, output=output)


@sweep_command.command(
    "best",
    cls=Verb,
    epilog=examples(
        """
git bt sweep best --metric sharpe
git bt sweep best ema --metric max_drawdown --lowest -n 3
"""
    ),
)
@click.argument("name", metavar="[SWEEP]", required=False)
@click.option("--metric", required=True, metavar="M", help="Name of the metric to rank by.")
@click.option(
    "-n",
    "number_of",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    metavar="N",
    help="How many to show.",
)
@click.option("--lowest", is_flag=True, help="The lowest value is best.")
@answer_options
def best_command(
    *,
    name: str | None,
    metric: str,
    number_of: int,
    lowest: bool,
    as_json: bool,
    output: str | None,
) -> None:
    """Rank the settings of a sweep by a metric.

    A setting that ran more than once counts once, by its newest run. SWEEP is
    its name or its id; without it, the one that ran last.
    """
    from git_bt.commands.sweep import best

    report = best(metric, name, number_of=number_of, lowest=lowest)
    answer(report, as_json=as_json, output=output)


@sweep_command.command(
    "promote",
    cls=Verb,
    epilog=examples(
        """
git bt sweep promote --metric sharpe
git bt sweep promote 81d0e7a1c2f3 --metric sharpe
git bt sweep promote 81d0e7 --engine backtesting --tape tapes/btc.csv
"""
    ),
)
@click.argument("run", metavar="[RUN]", required=False)
@click.option("--metric", metavar="M", help="Keep the rank of the run by this metric with it.")
@click.option("--lowest", is_flag=True, help="The lowest value is best.")
@strategy_options
@run_options
@answer_options
def promote_command(
    *,
    run: str | None,
    metric: str | None,
    lowest: bool,
    strategy: str | None,
    engine: str | None,
    tape: str | None,
    python: str | None,
    timeout: float,
    as_json: bool,
    output: str | None,
) -> None:
    """Run one run of a sweep again, and store it as a bundle.

    The sweep's own code is run, with the parameters of RUN as config, twice;
    of --strategy come engine, tape and config. A program that git bt run or
    autocapture() recorded is started again as it was. It is stored when both
    runs agree with each other and with the recorded metrics; its rank is kept
    with it. RUN is an id that `best` shows; without it, the best by --metric
    of the sweep that ran last.
    """
    from git_bt.commands.promote import promote

    with progress() as step:
        report = promote(
            run,
            metric=metric,
            lowest=lowest,
            strategy=strategy,
            engine=engine,
            tape=tape,
            python=python,
            timeout_s=timeout,
            step=step,
        )
    answer(report, as_json=as_json, output=output)


@sweep_command.command(
    "merge", cls=Verb, epilog=examples("git bt sweep merge node1.spool node2.spool")
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@answer_options
def merge_command(*, files: tuple[str, ...], as_json: bool, output: str | None) -> None:
    """Add the runs of spool files from other machines.

    FILE is a spool or a folder of such. A run that is here already is not
    added again; the files stay as they are.
    """
    from git_bt.commands.sweep import merge

    answer(merge(files), as_json=as_json, output=output)
