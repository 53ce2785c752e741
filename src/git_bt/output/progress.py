"""Progress on stderr, for people who watch: rich's spinner, on a terminal only, gone at the end.

rich is imported when the first step is said, never for a command that answers at once.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, TextIO

from git_bt.output.words import plain

if TYPE_CHECKING:
    from rich.status import Status

Step = Callable[[str], None]


@contextmanager
def progress(stream: TextIO | None = None) -> Iterator[Step]:
    """Give `step(text)`, which says what is being done now; silent without a terminal.

    Args:
        stream: where to write, stderr unless said.
    """
    out = stream or sys.stderr
    if not out.isatty():
        yield _silent
        return
    with ExitStack() as stack:
        shown: list[Status] = []

        def step(text: str) -> None:
            from rich.text import Text

            words = Text(plain(text))  # Text, so that [brackets] of a path are no markup
            if shown:
                shown[0].update(words)
                return
            from rich.console import Console

            console = Console(file=out)
            shown.append(stack.enter_context(console.status(words)))

        yield step


def _silent(text: str) -> None:
    """Say nothing: nobody watches."""
