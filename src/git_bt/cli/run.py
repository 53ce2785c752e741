"""The commands that run a strategy: pack, validate, replay."""

from typing import Any

import click

from git_bt.cli.border import Verb
from git_bt.cli.echo import answer, progress
from git_bt.cli.options import (
    answer_options,
    examples,
    json_option,
    run_options,
    strategy_options,
    tar_option,
)


@click.command(
    "pack",
    cls=Verb,
    epilog=examples(
        """
git bt pack strategies/ema
git bt pack --strategy my_strategy.py --tape tapes/btc \\
    --slippage-model fixed_bps --slippage-bps 5 -o my_strategy.tar
"""
    ),
)
@click.argument("name", metavar="[STRATEGY]", required=False)
@strategy_options
@click.option("--symbol-name", metavar="NAME", help="flox: name of the tape's symbol.")
@click.option("--exchange", metavar="NAME", help="flox: name of the exchange.")
@click.option("--tick-size", type=float, metavar="PRICE", help="flox: smallest price step.")
@click.option(
    "--slippage-model",
    metavar="MODEL",
    help="flox: none, fixed_ticks, fixed_bps or volume_impact.",
)
@click.option("--slippage-bps", type=float, metavar="BPS", help="flox: for fixed_bps.")
@click.option("--slippage-ticks", type=int, metavar="N", help="flox: for fixed_ticks.")
@click.option("--impact-coeff", type=float, metavar="C", help="flox: for volume_impact.")
@click.option(
    "--runs",
    type=click.IntRange(1, 2),
    default=2,
    show_default=True,
    help="1 spares the second, varied run that finds nondeterminism.",
)
@run_options
@tar_option("Export the bundle to FILE as well (FILE.json: write the --json object).")
@json_option
def pack_command(
    *,
    name: str | None,
    strategy: str | None,
    tape: str | None,
    engine: str | None,
    runs: int,
    python: str | None,
    timeout: float,
    tar: str | None,
    output: str | None,
    as_json: bool,
    **config: Any,
) -> None:
    """Run a strategy and store it all as one bundle.

    A bundle holds code, tape, config, engine version and output.

    STRATEGY is a folder with a strategy.yaml or an entry file; options replace
    what its strategy.yaml says. The strategy runs twice, the second time in a
    varied environment: what differs from itself is not recorded.
    """
    if (name is None) == (strategy is None):
        raise click.UsageError("name one strategy: git bt pack STRATEGY, or --strategy PATH")
    from git_bt.commands.pack import pack

    with progress() as step:
        report = pack(
            name or strategy or "",
            tape=tape,
            engine=engine,
            config={k: v for k, v in config.items() if v is not None},
            runs=runs,
            python=python,
            timeout_s=timeout,
            export_to=tar,
            step=step,
        )
    answer(report, as_json=as_json, output=output)


@click.command(
    "validate",
    cls=Verb,
    epilog=examples(
        """
git bt validate
git bt validate strategies/ema
git bt validate 3f9ac21b77e0
git bt validate bundles/*.tar --jobs 2 --timeout 60
git bt validate --group --python /opt/new-engine/bin/python
"""
    ),
)
@click.argument("names", metavar="[BUNDLE]...", nargs=-1)
@click.option(
    "--jobs", type=click.IntRange(min=1), metavar="N", help="Bundles at once (default: cores)."
)
@click.option("--record", is_flag=True, help="Store a run record of each verdict.")
@click.option(
    "--reuse", is_flag=True, help="Take what is known of these inputs here; run the rest."
)
@click.option("--all-differences", is_flag=True, help="Show every difference, not the first.")
@click.option(
    "--group", is_flag=True, help="Group them: identical, within tolerance, changed, the rest."
)
@run_options
@answer_options
def validate_command(
    *,
    names: tuple[str, ...],
    jobs: int | None,
    record: bool,
    reuse: bool,
    all_differences: bool,
    group: bool,
    python: str | None,
    timeout: float,
    as_json: bool,
    output: str | None,
) -> None:
    """Run bundles again and say whether they give what was recorded.

    BUNDLE is an id (4 digits or more), COMMIT:STRATEGY, a .tar file, or a
    strategy. A strategy runs as the work tree holds it, against its result on
    HEAD or the nearest ancestor (before git bt record: its newest bundle);
    without arguments every strategy of the repository does. An output that
    diverged is kept for git bt accept.
    """
    from git_bt.commands.validate import validate

    with progress() as step:
        report = validate(
            names,
            jobs=jobs,
            record=record,
            reuse=reuse,
            all_differences=all_differences,
            group=group,
            python=python,
            timeout_s=timeout,
            step=step,
        )
    answer(report, as_json=as_json, output=output, all_differences=all_differences)


@click.command("replay", cls=Verb, epilog=examples("git bt replay ema.tar\ngit bt replay 3f9ac2"))
@click.argument("name", metavar="BUNDLE")
@run_options
@answer_options
def replay_command(
    *, name: str, python: str | None, timeout: float, as_json: bool, output: str | None
) -> None:
    """Run a bundle and show what came beside what was recorded.

    Replay does not judge: it ends with 0 when the run ended. To assert, use
    git bt validate.
    """
    from git_bt.commands.replay import replay

    with progress() as step:
        report = replay(name, python=python, timeout_s=timeout, step=step)
    answer(report, as_json=as_json, output=output)
