"""The commands that share results and look after them: fetch, push, init, doctor."""

import click

from git_bt.cli.border import Verb
from git_bt.cli.echo import answer, progress
from git_bt.cli.options import answer_options, examples


@click.command(
    "fetch",
    cls=Verb,
    epilog=examples(
        """
git bt fetch
git bt fetch upstream
git bt fetch https://example.com/fork.git 1f0c2d9
git bt fetch --dry-run
"""
    ),
)
@click.argument("remote", metavar="[REMOTE]", required=False)
@click.argument("commits", metavar="[COMMIT]...", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Say what would be merged, and merge nothing.")
@answer_options
def fetch_command(
    *,
    remote: str | None,
    commits: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
    output: str | None,
) -> None:
    """Fetch results from a remote and merge them into ours.

    Nothing of ours is overwritten: two stores merge by union. A bundle that
    contradicts one of ours is reported with the first difference. REMOTE is the
    upstream of the branch unless named. With COMMIT only the results of these
    commits are taken, and marked with where they came from: for forks.
    """
    from git_bt.commands.share import fetch

    with progress() as step:
        report = fetch(remote, commits, dry_run=dry_run, step=step)
    answer(report, as_json=as_json, output=output)


@click.command("push", cls=Verb, epilog=examples("git bt push\ngit bt push upstream --dry-run"))
@click.argument("remote", metavar="[REMOTE]", required=False)
@click.option("--dry-run", is_flag=True, help="Say what would be pushed, and push nothing.")
@answer_options
def push_command(*, remote: str | None, dry_run: bool, as_json: bool, output: str | None) -> None:
    """Push results to a remote, never by force.

    When somebody else pushed in between, theirs are merged and the push is tried
    again. REMOTE is the upstream of the branch unless named.
    """
    from git_bt.commands.share import push

    with progress() as step:
        report = push(remote, dry_run=dry_run, step=step)
    answer(report, as_json=as_json, output=output)


@click.command(
    "init", cls=Verb, epilog=examples("git bt init\ngit bt init --hooks\ngit bt init --undo")
)
@click.option("--hooks", is_flag=True, help="Install git hooks that run git bt hook.")
@click.option("--undo", is_flag=True, help="Take back what init wrote; results stay.")
@answer_options
def init_command(*, hooks: bool, undo: bool, as_json: bool, output: str | None) -> None:
    """Let plain git log show results, and install the hooks.

    Nothing is needed to start. With --hooks, each commit runs what it changes and
    ties the results to itself. Hooks that are there go on running, first; those
    of git-bt are upgraded, and go with --undo. Names what in this repository
    endangers results; git bt doctor says more.
    """
    if hooks and undo:
        raise click.UsageError("--hooks installs, --undo takes away: choose one")
    from git_bt.commands.init import init

    answer(init(undo=undo, hooks=hooks), as_json=as_json, output=output)


@click.command("doctor", cls=Verb, epilog=examples("git bt doctor\ngit bt doctor --json"))
@answer_options
def doctor_command(*, as_json: bool, output: str | None) -> None:
    """Look for what endangers results, and say how to mend it.

    Settings, locks, clones, remotes, versions and engines; git bt fsck looks at
    the bytes. Ends with 3 when results are in danger.
    """
    from git_bt.commands.doctor import doctor

    with progress() as step:
        report = doctor(step=step)
    answer(report, as_json=as_json, output=output)
