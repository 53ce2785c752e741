"""The commands that look: show, ls, diff, fsck. They write nothing."""

import click

from git_bt.cli.border import Verb
from git_bt.cli.echo import answer, progress
from git_bt.cli.options import answer_options, examples


@click.command("show", cls=Verb, epilog=examples("git bt show 3f9ac21b77e0\ngit bt show ema.tar"))
@click.argument("name", metavar="BUNDLE")
@answer_options
def show_command(*, name: str, as_json: bool, output: str | None) -> None:
    """Show everything that is known of one bundle.

    BUNDLE is an id, a .tar file, or a strategy (then its newest bundle).
    """
    from git_bt.commands.show import show

    answer(show(name), as_json=as_json, output=output)


@click.command("ls", cls=Verb, epilog=examples("git bt ls\ngit bt ls strategies/ema"))
@click.argument("strategies", metavar="[STRATEGY]...", nargs=-1)
@answer_options
def ls_command(*, strategies: tuple[str, ...], as_json: bool, output: str | None) -> None:
    """List the bundles of the store, newest first."""
    from git_bt.commands.ls import ls

    answer(ls(strategies), as_json=as_json, output=output)


@click.command(
    "diff", cls=Verb, epilog=examples("git bt diff 3f9ac2 81d0e7\ngit bt diff old.tar new.tar")
)
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option("--all-differences", is_flag=True, help="Show every difference, not the first.")
@answer_options
def diff_command(
    *, a: str, b: str, all_differences: bool, as_json: bool, output: str | None
) -> None:
    """Show what differs between two bundles.

    Metrics, config, engine, the first differing row, and the code. Ends with 0
    when they are equal, with 1 when they differ.
    """
    from git_bt.commands.diff import diff

    report = diff(a, b, all_differences=all_differences)
    answer(report, as_json=as_json, output=output, all_differences=all_differences)


@click.command("fsck", cls=Verb, epilog=examples("git bt fsck"))
@answer_options
def fsck_command(*, as_json: bool, output: str | None) -> None:
    """Check every object of the store.

    Names each broken object and the bundles that it breaks.
    """
    from git_bt.commands.fsck import fsck

    with progress() as step:
        report = fsck(step=step)
    answer(report, as_json=as_json, output=output)
