"""The answer of adopt: each guess with its reason, what was written, then what the run gave."""

from git_bt.adopting import AdoptReport
from git_bt.output import words
from git_bt.output.style import Style
from git_bt.output.tables import columns
from git_bt.output.verdicts import pack, wrapped


def adopt(report: AdoptReport, style: Style) -> list[str]:
    """Return what was guessed and written, then the answer of pack."""
    rows = [
        (words.plain(g.what), words.plain(g.value), style.dim(words.plain(g.why)))
        for g in report.guesses
    ]
    done = "completed" if report.completed else "wrote"
    lines = [f"{done} {style.bold(words.plain(report.path))}", columns(rows, indent=4)]
    lines += pack(report.packed, style)[:-1] if report.packed.bundle else pack(report.packed, style)
    if report.packed.bundle is None:
        hint = f"mend {words.plain(report.path)} or the strategy, then: git bt pack "
        return [*lines, *wrapped(f"next: {hint}{words.plain(report.strategy)}", style.width, 0)]
    lines.append(style.dim("next: git add, and commit: the result is known"))
    return lines
