"""The group of all commands, and the program's entry.

A command's own options stand in the module that COMMANDS names; it is imported only when that
command is called, so that `git bt` starts fast.
"""

import contextlib
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

from git_bt import headstart
from git_bt.cli.border import Border
from git_bt.errors import ExitCode

COMMANDS = {
    "demo": "start",
    "engines": "start",
    "adopt": "start",
    "capture": "capture",
    "run": "capture",
    "pack": "run",
    "validate": "run",
    "replay": "run",
    "record": "tie",
    "accept": "tie",
    "show": "look",
    "ls": "look",
    "status": "history",
    "log": "history",
    "diff": "look",
    "export": "move",
    "import": "move",
    "restore": "move",
    "tape": "tape",
    "sweep": "sweep",
    "fetch": "share",
    "push": "share",
    "gate": "gate",
    "init": "share",
    "hook": "hook",
    "doctor": "share",
    "fsck": "look",
}
"""Command to the module of this package that holds it, in the order of `-h`."""

CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 80}


class Lazy(Border):
    """A group that imports a command when it is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"git_bt.cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:  # noqa: FBT001  click's callback signature
    if value:
        from importlib.metadata import version

        click.echo(f"git-bt {version('git-bt')}")
        ctx.exit()


@click.group(
    cls=Lazy,
    context_settings=CONTEXT,
    epilog="Start with `git bt demo`. Exit codes: 0 good, 1 differs or failed, 2 usage, "
    "3 cannot judge, 128 cannot work here.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Version control for backtests.

    Pack strategy code, market data, configuration, engine version and output
    into a content-addressed bundle inside git, and prove at any time that the
    next run gives the same.
    """


def main() -> NoReturn:
    """Run the command line and exit."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # the caller closed it
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115  open as long as we are
        # A name that the terminal cannot show must not end the program.
        getattr(sys, name).reconfigure(errors="backslashreplace")
    code: object = ExitCode.OK
    try:
        # click would derive the variable from `git bt`, which no shell can set.
        cli.main(prog_name="git bt", complete_var="_GIT_BT_COMPLETE")
    except SystemExit as e:
        code = e.code
    except OSError as e:  # the help cannot be printed; what commands raise ends in border.py
        click.echo(f"error: cannot print: {e.strerror}", err=True)
        code = ExitCode.CANNOT_WORK
    headstart.drop()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    # Taking the interpreter apart would cost 15 ms, and free what the system frees anyway.
    os._exit(code if isinstance(code, int) else ExitCode.DIFFERS)
