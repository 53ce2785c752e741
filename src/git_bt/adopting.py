"""What adopt answers: what it guessed, what it wrote, and what the run gave."""

from dataclasses import dataclass

from git_bt.errors import ExitCode
from git_bt.reports import PackReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Guessed:
    """One guess, and what it was made from; `what` is a key of strategy.yaml."""

    what: str
    value: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptReport:
    """The answer of adopt. `path` is the strategy.yaml that was written, from the top.

    `text` was written into it; where it was `completed`, behind what stood there.
    """

    strategy: str
    path: str
    text: str
    completed: bool
    guesses: tuple[Guessed, ...]
    packed: PackReport

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the command: that of the run."""
        return self.packed.exit_code
