"""The commands that capture code: capture."""

import click

from git_bt.cli.border import Verb
from git_bt.cli.echo import answer
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
