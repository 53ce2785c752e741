"""Colour: which words are painted, and whether at all. Meaning never rests on colour alone."""

from collections.abc import Mapping
from dataclasses import dataclass

from git_bt.errors import ExitCode
from git_bt.model import Verdict
from git_bt.output import words


def color_wanted(environ: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Decide on colour: NO_COLOR says no, CLICOLOR_FORCE yes, else a terminal that is not dumb.

    https://no-color.org, https://bixense.com/clicolors
    """
    if environ.get("NO_COLOR"):
        return False
    if environ.get("CLICOLOR_FORCE", "0") != "0":
        return True
    if environ.get("CLICOLOR") == "0":
        return False
    return is_terminal and environ.get("TERM") != "dumb"


@dataclass(frozen=True, slots=True)
class Style:
    """How to write on the stream at hand; `cut`: names may be cut to the width of its lines."""

    color: bool
    width: int
    all_differences: bool = False
    cut: bool = True

    def fit(self, text: str, longest: int) -> str:
        """Return text cut at its end where a line has room for so many characters only."""
        return words.clip(text, longest) if self.cut else text

    def fit_path(self, text: str, longest: int) -> str:
        """Return a path cut at its beginning likewise."""
        return words.clip_left(text, longest) if self.cut else text

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.color and text else text

    def bold(self, text: str) -> str:
        """Return text that stands out."""
        return self._paint(text, "1")

    def dim(self, text: str) -> str:
        """Return text that steps back."""
        return self._paint(text, "2")

    def good(self, text: str) -> str:
        """Return text of what is well."""
        return self._paint(text, "32")

    def bad(self, text: str) -> str:
        """Return text of what is not."""
        return self._paint(text, "31")

    def doubt(self, text: str) -> str:
        """Return text of what could not be judged."""
        return self._paint(text, "33")

    def verdict(self, verdict: Verdict) -> str:
        """Return a verdict with its sign: ✓ passes, ? could not be judged, ✗ the rest."""
        if verdict.exit_code is ExitCode.OK:
            return self.good(f"✓ {verdict}")
        if verdict is Verdict.INCOMPLETE:
            return self.doubt(f"? {verdict}")
        return self.bad(f"✗ {verdict}")
