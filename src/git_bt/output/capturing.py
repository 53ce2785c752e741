"""Answers about captured code: capture."""

from git_bt.capturing import CaptureReport
from git_bt.output import words
from git_bt.output.style import Style
from git_bt.output.tables import columns
from git_bt.output.verdicts import explained

_METHODS = {
    "yaml": "as strategy.yaml lists",
    "entry_point": "the entry point alone",
    "imports": "with the local modules it loads",
}


def capture(report: CaptureReport, style: Style) -> list[str]:
    """Return the answer of capture: the snapshot, its files, and what was noticed."""
    count = words.count(len(report.files), "file")
    size = words.size(sum(member.size for member in report.files.values()))
    verb = "captured" if report.is_stored else "would capture"
    entry = style.bold(words.plain(report.entry_point))
    method = _METHODS.get(report.method, words.plain(report.method))
    lines = [f"{verb} {entry}, {method}: {count}, {size}"]
    rows = [
        ["", words.size(member.size), style.fit_path(words.plain(path), max(8, style.width - 14))]
        for path, member in report.files.items()
    ]
    lines += columns(rows, right=(1,)).split("\n") if rows else []
    lines += explained("", "", None, report.notices, style)
    if report.is_stored:
        snapshot = words.short(report.snapshot)
        lines.append(f"snapshot {style.bold(snapshot)}; git bt restore {snapshot} DIR")
    else:
        lines.append("nothing was stored: this was a dry run")
    return lines
