"""Answers about commits and the work tree: log, status, tape pin."""

from git_bt.looking import TapePinReport
from git_bt.output import words
from git_bt.output.style import Style
from git_bt.output.verdicts import explained

# -- tape pin -------------------------------------------------------------------------------------


def tape_pin(report: TapePinReport, style: Style) -> list[str]:
    """Return the answer of tape pin; the digest in full, to be compared."""
    p = report
    held = f"{words.count(p.files, 'file')}, {words.size(p.size)}"
    done = "pinned" if p.written else "already pinned:"
    lines = [f"{done} {style.bold(words.plain(p.tape))}, {held}"]
    lines.append(f"  sha256 {words.plain(p.sha256)}")
    lines += explained("", "", None, p.notices, style)
    return [*lines, style.dim(f"next: git add {words.plain(p.path)}")] if p.written else lines
