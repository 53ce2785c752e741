"""Write man/git-bt.1 and docs/reference/commands.md from the commands themselves.

The words come from the click tree, and from the pages of docs/reference/ on verdicts and on
configuration, so each is written once. `--check` writes nothing and fails when a file is not what
would be written; tests/test_docs.py calls it. Layout is our own, not click's: its releases wrap
differently.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from inspect import cleandoc
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"
NAME = "git bt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option: as it is typed, and what it does."""

    typed: str
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What the help of one command says."""

    name: str
    usage: str
    paragraphs: tuple[str, ...]
    options: tuple[Option, ...]
    examples: tuple[str, ...]


# -- reading --------------------------------------------------------------------------------------


def read_commands(group: click.Group) -> list[Command]:
    """Return the commands of a group in its own order, those of a group in it by both names."""
    ctx = click.Context(group, info_name=NAME)
    found = []
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        if isinstance(command, click.Group):
            below = read_commands(command)
            found += [replace(c, name=f"{name} {c.name}", usage=_below(name, c)) for c in below]
        elif command is not None and not command.hidden:
            found.append(read_command(name, command))
    return found


def _below(group: str, command: Command) -> str:
    return command.usage.replace(NAME, f"{NAME} {group}", 1)


def read_command(name: str, command: click.Command) -> Command:
    """Return what one command says of itself."""
    arguments = [p.human_readable_name for p in command.params if isinstance(p, click.Argument)]
    options = tuple(_option(p) for p in command.params if isinstance(p, click.Option))
    return Command(
        name=name,
        usage=" ".join([NAME, name, *(["[OPTIONS]"] if options else []), *arguments]),
        paragraphs=paragraphs(command.help or ""),
        options=options,
        examples=_examples(command.epilog or ""),
    )


def paragraphs(text: str) -> tuple[str, ...]:
    """Return the paragraphs of a help text, each on one line."""
    return tuple(" ".join(part.split()) for part in cleandoc(text).split("\n\n") if part.strip())


def _option(option: click.Option) -> Option:
    names = ", ".join([*option.opts, *option.secondary_opts])
    typed = names if option.is_flag else f"{names} {_metavar(option)}"
    words = [" ".join((option.help or "").split())]
    if option.show_default and isinstance(option.default, str | int | float):
        default = option.default
        words.append(f"Default: {default if isinstance(default, str) else f'{default:g}'}.")
    return Option(typed=typed, help=" ".join(words))


def _metavar(option: click.Option) -> str:
    if option.metavar:
        return option.metavar
    if isinstance(option.type, click.Choice):
        return "[" + "|".join(option.type.choices) + "]"
    return "N" if isinstance(option.type, click.IntRange) else option.type.name.upper()


def _examples(epilog: str) -> tuple[str, ...]:
    _, found, text = epilog.partition("Examples:\n")
    return tuple(line.removeprefix("  ") for line in text.splitlines()) if found else ()


def read_table(page: str) -> list[list[str]]:
    """Return the cells of the first table of a reference page, without its head."""
    rows = [line for line in (REFERENCE / page).read_text().splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def read_items(page: str, heading: str) -> list[tuple[str, str]]:
    """Return name and text of each `- `name`: text` item below a heading of a reference page."""
    text = (REFERENCE / page).read_text()
    below = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    items = re.findall(r"^- `([^`]+)`: ((?:.+\n)(?:  .+\n)*)", below, re.MULTILINE)
    return [(name, " ".join(words.split())) for name, words in items]


# -- docs/reference/commands.md -------------------------------------------------------------------


def commands_page(commands: list[Command]) -> str:
    """Return the page on all commands."""
    head = (
        "# Commands\n\n"
        "This page is a reference: every command and every option, "
        "as `git bt COMMAND -h` tells them.\n"
        "It is written by `scripts/reference.py`; do not edit it.\n"
    )
    return head + "".join(_section(command) for command in commands)


def _section(command: Command) -> str:
    text = [f"\n## {NAME} {command.name}\n", f"\n```text\n{command.usage}\n```\n"]
    text += [f"\n{words}\n" for words in command.paragraphs]
    text += ["\n| option | meaning |\n|---|---|\n"] if command.options else []
    text += [
        f"| `{_cell(option.typed)}` | {_cell(_marked(option.help))} |\n"
        for option in command.options
    ]
    if command.examples:
        text += ["\n```sh\n", *(f"{line}\n" for line in command.examples), "```\n"]
    return "".join(text)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _marked(text: str) -> str:
    # <id> and the like are no HTML.
    return text.replace("<", "&lt;")


# -- man/git-bt.1 ---------------------------------------------------------------------------------


def man_page(group: click.Group, commands: list[Command]) -> str:
    """Return the manual page in roff."""
    about, *more = paragraphs(group.help or "")
    lines = [
        r".\" Written by scripts/reference.py; do not edit.",
        f'.TH GIT\\-BT 1 "" "git\\-bt {version("git-bt")}" "git\\-bt manual"',
        ".SH NAME",
        f"git\\-bt \\- {roff(about.rstrip('.').lower())}",
        ".SH SYNOPSIS",
        r".B git bt",
        r"\fICOMMAND\fR [\fIOPTIONS\fR] [\fIARGUMENTS\fR]",
        ".SH DESCRIPTION",
        *(line for words in more for line in (".PP", roff(words))),
        ".SH COMMANDS",
        *(line for command in commands for line in _man_command(command)),
        ".SH VERDICTS AND EXIT STATUS",
        *_man_items((row[0], f"{row[1]}. Exit {row[2]}.") for row in _verdicts()),
        *_man_items(read_items("verdicts-and-exit-codes.md", "Exit codes")),
        ".SH CONFIGURATION",
        roff("Read by git config, from the repository or the user's file:"),
        *_man_items(read_items("configuration.md", "Git config")),
        ".SH ENVIRONMENT",
        *_man_items(read_items("configuration.md", "Environment variables")),
        ".SH SEE ALSO",
        r".BR git (1),",
        r".BR git\-notes (1)",
    ]
    return "\n".join(lines) + "\n"


def _verdicts() -> Iterator[list[str]]:
    return ([cell.strip("`") for cell in row] for row in read_table("verdicts-and-exit-codes.md"))


def _man_command(command: Command) -> Iterator[str]:
    yield f".SS {roff(command.usage)}"
    for words in command.paragraphs:
        yield from (".PP", roff(words))
    yield from _man_items((option.typed, option.help) for option in command.options)
    if command.examples:
        yield from (".PP", "Examples:", ".PP", ".RS 4", ".nf")
        yield from (roff(line) for line in command.examples)
        yield from (".fi", ".RE")


def _man_items(items: Iterator[tuple[str, str]] | list[tuple[str, str]]) -> Iterator[str]:
    for name, words in items:
        yield from (".TP", f"\\fB{roff(name)}\\fR", roff(words.replace("`", "")))


def roff(text: str) -> str:
    """Return text as roff prints it unchanged."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    plain = "".join(c if c.isascii() else f"\\[u{ord(c):04X}]" for c in escaped)
    return f"\\&{plain}" if plain.startswith((".", "\\(aq")) else plain


# -- writing --------------------------------------------------------------------------------------


def main(arguments: list[str]) -> int:
    """Write both files, or compare them with --check; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail when stale")
    check = parser.parse_args(arguments).check
    from git_bt.cli import cli

    commands = read_commands(cli)
    files = {
        REFERENCE / "commands.md": commands_page(commands),
        ROOT / "man" / "git-bt.1": man_page(cli, commands),
    }
    stale = [p for p, text in files.items() if not p.exists() or p.read_text() != text]
    for path in stale:
        if check:
            print(f"stale: {path.relative_to(ROOT)}; run scripts/reference.py", file=sys.stderr)
        else:
            path.write_text(files[path])
            print(f"wrote {path.relative_to(ROOT)}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
