"""The one border where errors become text and exit codes."""

import errno
import os
import sys
from typing import Any, NoReturn

import click

from git_bt.cli.echo import write_json
from git_bt.errors import BtError, CannotWork, ExitCode


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
        except BrokenPipeError:
            # The reader has gone; the flush at exit would raise once more.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(ExitCode.OK) from None
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            raise click.exceptions.Exit(ExitCode.INTERRUPTED) from None
        except OSError as e:
            raise Failure(_from_os(e), ctx) from e
        except Exception as e:  # noqa: BLE001  a bug of ours: a line for the user, all of it in a file
            _report_bug(e)


class Failure(click.ClickException):
    """A BtError on its way to stderr, and to stdout or a file when JSON was asked for."""

    def __init__(self, error: BtError, ctx: click.Context) -> None:
        super().__init__(error.message)
        self.error = error
        self.command = ctx.info_name or ""
        self.as_json = bool(ctx.params.get("as_json"))
        self.output: str | None = ctx.params.get("output")
        self.exit_code = int(error.exit_code)  # type: ignore[misc]  # click says ClassVar, and reads it so

    def show(self, file: Any = None) -> None:
        """Print `error: …` and `hint: …`, and the JSON object where it was asked for."""
        from git_bt.output.json import error_json
        from git_bt.output.text import plain

        error = self.error
        if self.as_json or self.output:
            value = error_json(self.command, error.message, error.hint, self.exit_code)
            write_json(value, as_json=self.as_json, output=self.output)
        click.echo(f"error: {plain(error.message)}", err=True)
        if error.hint:
            click.echo(f"hint: {plain(error.hint)}", err=True)


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

    with tempfile.NamedTemporaryFile(
        "w", prefix="git-bt-bug-", suffix=".txt", delete=False, encoding="utf-8"
    ) as report:
        report.write(f"git-bt {version('git-bt')}, Python {platform.python_version()}, ")
        report.write(f"{platform.platform()}\ncommand: {sys.argv[1:]}\n\n")
        report.writelines(traceback.format_exception(error))
    click.echo(f"error: a bug in git-bt: {type(error).__name__}: {error}", err=True)
    click.echo(f"hint: please report it with the file {report.name}", err=True)
    raise click.exceptions.Exit(ExitCode.BUG)
