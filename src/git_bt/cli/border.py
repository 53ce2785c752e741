"""The one border where errors become text and exit codes."""

import errno
import sys
from typing import Any, NoReturn

import click

from git_bt.cli.echo import write_json
from git_bt.errors import BtError, CannotWork, ExitCode


class Border(click.Group):
    """The group of all commands: an interrupt ends in one word and its exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Import, read and run a command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:  # click itself would exit with 1, as if there was a difference
            click.echo("interrupted", err=True)
            raise click.exceptions.Exit(ExitCode.INTERRUPTED) from None


class Verb(click.Command):
    """A command of git-bt: nothing but click's own exceptions leaves it."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, and turn every error into a line, a hint and an exit code."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except BtError as e:
            raise Failure(e, ctx) from e
        except OSError as e:
            raise Failure(_from_os(e), ctx) from e
        except Exception as e:  # noqa: BLE001  a bug of ours: a line for the user, all of it in a file
            _report_bug(e)


class Split(Verb):
    """A command whose words behind `--` are not those before it; they go to ctx.meta[BEHIND]."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take away `--` and what follows."""
        at = args.index("--") if "--" in args else len(args)
        ctx.meta[BEHIND] = tuple(args[at + 1 :])
        return super().parse_args(ctx, args[:at])


BEHIND = "git_bt.behind"


class Failure(click.ClickException):
    """A BtError on its way to stderr, and to stdout or a file when JSON was asked for."""

    def __init__(self, error: BtError, ctx: click.Context) -> None:
        super().__init__(error.message)
        self.error = error
        self.command = _command(ctx)
        self.as_json = bool(ctx.params.get("as_json"))
        self.output: str | None = ctx.params.get("output")
        self.exit_code = int(error.exit_code)  # type: ignore[misc]  # click says ClassVar, and reads it so

    def show(self, file: Any = None) -> None:
        """Print `error: …` and `hint: …`, and the JSON object where it was asked for."""
        from git_bt.output.json import error_json
        from git_bt.output.text import plain

        error = self.error
        click.echo(f"error: {plain(error.message)}", err=True)
        if error.hint:
            click.echo(f"hint: {plain(error.hint)}", err=True)
        if self.as_json or self.output:
            value = error_json(self.command, error.message, error.hint, self.exit_code)
            try:
                write_json(value, as_json=self.as_json, output=self.output)
            except OSError:
                pass  # stdout is full, or its reader has gone; stderr has said it all
            except BtError as e:  # it may be the very error that is shown
                if e.message != error.message:
                    click.echo(f"error: {plain(e.message)}", err=True)


def _command(ctx: click.Context) -> str:
    """Return the command's name, behind that of its group."""
    name, group = ctx.info_name or "", ctx.parent
    nested = group is not None and group.parent is not None
    return f"{group.info_name} {name}" if group is not None and nested else name


def _from_os(error: OSError) -> CannotWork:
    what = f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
    hints = {
        errno.ENOSPC: "free some space and run the command again; nothing was lost",
        errno.EACCES: "check the permissions of this file",
    }
    return CannotWork(what[:1].lower() + what[1:], hint=hints.get(error.errno or 0))


def _report_bug(error: Exception) -> NoReturn:
    import platform
    import tempfile
    import traceback
    from importlib.metadata import version

    from git_bt.output.text import plain

    said = " ".join(str(error).split())
    click.echo(f"error: a bug in git-bt: {type(error).__name__}: {plain(said):.500}", err=True)
    text = f"git-bt {version('git-bt')}, Python {platform.python_version()}, "
    text += f"{platform.platform()}\ncommand: {sys.argv[1:]}\n\n"
    text += "".join(traceback.format_exception(error))
    try:
        with tempfile.NamedTemporaryFile(
            "wb", prefix="git-bt-bug-", suffix=".txt", delete=False
        ) as report:
            report.write(text.encode(errors="backslashreplace"))
        click.echo(f"hint: please report it with the file {report.name}", err=True)
    except OSError as e:
        click.echo(f"hint: please report it; no file could be written: {e.strerror}", err=True)
    raise click.exceptions.Exit(ExitCode.BUG)
