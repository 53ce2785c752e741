"""How an answer leaves: as text for people, as one JSON object, or as that object in a file."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import click

from git_bt.errors import CannotWork

Step = Callable[[str], None]


def answer(
    report: Any,
    *,
    as_json: bool,
    output: str | None = None,
    all_differences: bool = False,
    paged: bool = False,
) -> NoReturn:
    """Print a report and exit with its code.

    Args:
        report: one of `reports.py`.
        as_json: print the JSON object instead of text.
        output: write the JSON object to this file too.
        all_differences: show every difference.
        paged: on a terminal, show the text in git's pager.
    """
    paged = paged and sys.stdout.isatty()
    try:
        _print(report, as_json=as_json, output=output, all_differences=all_differences, paged=paged)
    except BrokenPipeError:
        # The reader has gone, the verdict holds; the flush at exit would raise once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    click.get_current_context().exit(int(report.exit_code))


def _print(
    report: Any, *, as_json: bool, output: str | None, all_differences: bool, paged: bool
) -> None:
    if as_json or output:
        from git_bt.output.json import to_json

        write_json(to_json(report), as_json=as_json, output=output)
    if not as_json:
        from git_bt.output.text import color_wanted, render

        in_pager = os.environ.get("GIT_PAGER_IN_USE") == "true"  # git -p bt
        color = color_wanted(os.environ, is_terminal=sys.stdout.isatty() or in_pager)
        pager = None
        if paged:
            from git_bt.commands.terminal import terminal

            found = terminal()
            pager = found.pager
            if found.color is not None and not os.environ.get("NO_COLOR"):
                color = found.color
        text = render(
            report,
            width=_width(),
            color=color,
            all_differences=all_differences,
            cut=sys.stdout.isatty(),
            encoding=sys.stdout.encoding,
        )
        if not text or (pager is not None and _page(text, pager)):
            return
        click.echo(text, nl=not text.endswith("\n"), color=color)


def _page(text: str, pager: str) -> bool:
    """Show text in a pager until it is left; return False when it cannot be started."""
    import signal
    import subprocess

    env = {"LESS": "FRX", "LV": "-c", **os.environ, "GIT_PAGER_IN_USE": "true"}
    sys.stdout.flush()
    try:
        process = subprocess.Popen(["sh", "-c", pager], env=env, stdin=subprocess.PIPE)
    except OSError:
        return False
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the pager's
    try:
        with suppress(BrokenPipeError):
            process.communicate(text.encode(sys.stdout.encoding, "backslashreplace"))
        return process.wait() not in (126, 127)
    finally:
        signal.signal(signal.SIGINT, before)


def write_json(value: dict[str, Any], *, as_json: bool, output: str | None) -> None:
    """Write one JSON object to stdout, to a file, or to both."""
    import json

    # ASCII only: a name from elsewhere must not bring control characters to a terminal.
    text = json.dumps(value, indent=2, allow_nan=False)
    write_text(text + "\n", output)  # first: who reads stdout may go away
    if as_json:
        click.echo(text)


def write_text(text: str, file: str | None) -> None:
    """Write text to a file that an option named; None is no file.

    Raises:
        CannotWork: it cannot be written.
    """
    if file:
        try:
            Path(file).write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError as e:
            raise CannotWork(f"cannot write {file}: {e.strerror}") from e


def _width() -> int:
    return min(shutil.get_terminal_size((80, 24)).columns, 120)


@contextmanager
def progress() -> Iterator[Step]:
    """Give a function that says on stderr what is being done; silent unless it is a terminal."""
    if not sys.stderr.isatty():
        yield _silent
        return
    from git_bt.output.progress import progress as shown

    with shown() as step:
        yield step


def _silent(text: str) -> None:
    """Say nothing: nobody watches. While a run goes on, import what will show its end."""
    import git_bt.output.text
    import git_bt.output.verdicts  # noqa: F401
