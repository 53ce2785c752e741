"""The commands that move bundles in and out of the store: export, import, restore."""

import click

from git_bt.cli.border import Verb
from git_bt.cli.echo import answer
from git_bt.cli.options import answer_options, examples, json_option, tar_option


@click.command(
    "export",
    cls=Verb,
    epilog=examples("git bt export 3f9ac2 -o ema.tar\ngit bt export 3f9ac2 -o ema.tar --for lrvx"),
)
@click.argument("name", metavar="BUNDLE")
@tar_option("The archive to write (default: <id>.tar).")
@click.option(
    "--for",
    "layout",
    type=click.Choice(["git-bt", "lrvx"]),
    default="git-bt",
    show_default=True,
    help="lrvx: a layout that `lrvx bundle validate` accepts too.",
)
@json_option
def export_command(
    *, name: str, tar: str | None, output: str | None, layout: str, as_json: bool
) -> None:
    """Write a bundle as a tar in FLOX's layout.

    The same bundle gives the same bytes every time, on every machine.
    """
    from git_bt.commands.export import export

    answer(export(name, to=tar, layout=layout), as_json=as_json, output=output)


@click.command("import", cls=Verb, epilog=examples("git bt import ema.tar\ngit bt import *.tar"))
@click.argument("names", metavar="TAR...", nargs=-1, required=True)
@answer_options
def import_command(*, names: tuple[str, ...], as_json: bool, output: str | None) -> None:
    """Check archives and store them as bundles.

    Takes our own exports and FLOX's bundles. Nothing of them is run.
    """
    from git_bt.commands.import_ import import_archives

    answer(import_archives(names), as_json=as_json, output=output)


@click.command(
    "restore", cls=Verb, epilog=examples("git bt restore 3f9ac2 /tmp/ema\ngit bt restore ema.tar x")
)
@click.argument("name", metavar="BUNDLE|SNAPSHOT")
@click.argument("directory", metavar="DIR")
@click.option(
    "--tape", "with_tape", is_flag=True, help="Write the bundle's tape to DIR/tape as well."
)
@click.option("--force", is_flag=True, help="Replace files that are there with other content.")
@answer_options
def restore_command(
    *,
    name: str,
    directory: str,
    with_tape: bool,
    force: bool,
    as_json: bool,
    output: str | None,
) -> None:
    """Write a bundle's strategy, or captured code, into a folder.

    The files are exactly those that ran. SNAPSHOT is an id that `capture` or
    `sweep show` prints; the id of a sweep stands for its code.
    """
    from git_bt.commands.restore import restore

    report = restore(name, directory, tape=with_tape, force=force)
    answer(report, as_json=as_json, output=output)
