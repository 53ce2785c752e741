"""Options that several commands share, each declared once."""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def answer_options(command: F) -> F:
    """Add --json and --output."""
    command = click.option(
        "--output", metavar="FILE", help="Write the --json object to FILE as well."
    )(command)
    return json_option(command)


def json_option(command: F) -> F:
    """Add --json."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON object instead of text."
    )(command)


class Seconds(click.FloatRange):
    """A duration above 0, in seconds."""

    def __init__(self) -> None:
        super().__init__(min=0, min_open=True)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read a number; `nan` lies in no range, and would never be over."""
        found: float = super().convert(value, param, ctx)
        if math.isnan(found):
            self.fail(f"{value} is no duration", param, ctx)
        return found


def run_options(command: F) -> F:
    """Add --python and --timeout."""
    command = click.option(
        "--timeout",
        type=Seconds(),
        default=600.0,
        show_default=True,
        metavar="S",
        help="Seconds that one run may take.",
    )(command)
    return click.option(
        "--python",
        metavar="PATH",
        help="Interpreter to run the engine with; otherwise the first that has it.",
    )(command)


def strategy_options(command: F) -> F:
    """Add --strategy, --tape and --engine: what is run, on what."""
    for name, metavar, said in reversed(
        (
            ("--strategy", "PATH", "A folder with strategy.yaml, or an entry file."),
            ("--tape", "PATH", "Market data: a file or a folder."),
            ("--engine", "NAME", "The engine that runs it; see git bt engines."),
        )
    ):
        command = click.option(name, metavar=metavar, help=said)(command)
    return command


def examples(text: str) -> str:
    """Return an epilog with examples, one a line, that click does not reflow."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in text.strip().splitlines())


def tar_option(text: str) -> Callable[[F], F]:
    """Add -o/--output for a bundle's archive; a name that ends in .json takes the JSON object."""

    def split(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
        is_json = value is not None and value.endswith(".json")
        ctx.params["output"] = value if is_json else None
        return None if is_json else value

    return click.option("-o", "--output", "tar", metavar="FILE", callback=split, help=text)
