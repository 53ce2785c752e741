"""The commands that look: show, ls, diff, fsck. They write nothing."""

from typing import TYPE_CHECKING

import click

from git_bt.cli.border import Verb
from git_bt.cli.echo import answer, progress
from git_bt.cli.options import answer_options, examples
from git_bt.errors import Usage

if TYPE_CHECKING:
    from git_bt.looking import CommitReport
    from git_bt.reports import ShowReport


@click.command(
    "show",
    cls=Verb,
    epilog=examples(
        """
git bt show 3f9ac21b77e0
git bt show HEAD
git bt show v1.2:strategies/ema
git bt show --cite HEAD:strategies/ema
"""
    ),
)
@click.argument("name", metavar="BUNDLE|COMMIT")
@click.option("--cite", is_flag=True, help="Print one line that names the result in a report.")
@answer_options
def show_command(*, name: str, cite: bool, as_json: bool, output: str | None) -> None:
    """Show everything that is known of one bundle, or the results of a commit.

    BUNDLE is an id, COMMIT:STRATEGY, a .tar file, a strategy (then its
    baseline), or a line that --cite printed.
    """
    from git_bt.commands.show import show

    report = show(name)
    if cite and not as_json:
        click.echo(cited(report))
        return
    answer(report, as_json=as_json, output=output)


def cited(report: "ShowReport | CommitReport") -> str:
    """Return the one line of --cite; raises Usage where a commit has not one result."""
    from git_bt.output.text import plain
    from git_bt.reports import ShowReport

    if isinstance(report, ShowReport):
        return plain(report.cite)
    raise Usage("a commit is not cited whole", hint="git bt show --cite COMMIT:STRATEGY")


@click.command(
    "ls",
    cls=Verb,
    epilog=examples("git bt ls\ngit bt ls strategies/ema\ngit bt ls --conflicts"),
)
@click.argument("strategies", metavar="[STRATEGY]...", nargs=-1)
@click.option(
    "--conflicts",
    "only_conflicts",
    is_flag=True,
    help="List outputs of the same inputs that stand against each other.",
)
@answer_options
def ls_command(
    *, strategies: tuple[str, ...], only_conflicts: bool, as_json: bool, output: str | None
) -> None:
    """List the bundles of the store, newest first."""
    if only_conflicts:
        from git_bt.commands.conflicts import conflicts

        answer(conflicts(strategies), as_json=as_json, output=output)
    from git_bt.commands.ls import ls

    answer(ls(strategies), as_json=as_json, output=output)


@click.command(
    "diff",
    cls=Verb,
    epilog=examples(
        """
git bt diff 3f9ac2 81d0e7
git bt diff main feature strategies/ema
git bt diff old.tar new.tar
"""
    ),
)
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.argument("strategy", metavar="[STRATEGY]", required=False)
@click.option("--all-differences", is_flag=True, help="Show every difference, not the first.")
@answer_options
def diff_command(
    *,
    a: str,
    b: str,
    strategy: str | None,
    all_differences: bool,
    as_json: bool,
    output: str | None,
) -> None:
    """Show what differs between two bundles, or the results of two commits.

    Metrics, config, engine, the first differing row, and the code. Ends with 0
    when they are equal, with 1 when they differ.

    Of two commits STRATEGY says whose results; it may be left out where only
    one has other results.
    """
    from git_bt.commands.diff import diff

    report = diff(a, b, strategy, all_differences=all_differences)
    answer(report, as_json=as_json, output=output, all_differences=all_differences)


@click.command("fsck", cls=Verb, epilog=examples("git bt fsck"))
@answer_options
def fsck_command(*, as_json: bool, output: str | None) -> None:
    """Check every object of the store and every result on commits.

    Names each broken object and the bundles that it breaks, and each result
    that cannot be read, or names what is not there.
    """
    from git_bt.commands.fsck import fsck

    with progress() as step:
        report = fsck(step=step)
    answer(report, as_json=as_json, output=output)
