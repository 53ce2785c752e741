"""The commands on market data: tape pin."""

import click

from git_bt.cli.border import Verb
from git_bt.cli.echo import answer, progress
from git_bt.cli.options import answer_options, examples


@click.group("tape")
def tape_command() -> None:
    """Pin market data that git does not track."""


@tape_command.command(
    "pin",
    cls=Verb,
    epilog=examples("git bt tape pin tapes/btc-2026-05"),
)
@click.argument("name", metavar="TAPE")
@answer_options
def pin_command(*, name: str, as_json: bool, output: str | None) -> None:
    """Write TAPE.tape, a small file that names every byte of a tape.

    A commit that has it knows its market data, wherever the data itself lies.
    Run it again when the tape has grown; one pin serves all strategies on it.
    """
    from git_bt.commands.tape_pin import pin_tape

    with progress() as step:
        step(f"reading {name}")
        report = pin_tape(name)
    answer(report, as_json=as_json, output=output)
