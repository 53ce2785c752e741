"""Answers about captured code: capture, run."""

from git_bt.capturing import CaptureReport, CodeThatRan, RunReport
from git_bt.output import words
from git_bt.output.style import Style
from git_bt.output.tables import columns
from git_bt.output.verdicts import explained, wrapped

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


def run(report: RunReport, style: Style) -> list[str]:
    """Return the answer of run; it goes to stderr, below what the command printed."""
    lines = [_code(code, style) for code in report.codes]
    if report.bundle is not None:
        bundle = words.short(report.bundle)
        lines.append(f"packed as bundle {style.bold(bundle)}; git bt validate {bundle}")
    lines += explained(report.message, "", report.hint, report.notices, style)
    marked = [f"git bt: {line}" if not line.startswith(" ") else line for line in lines]
    return [part for line in marked for part in _broken(line, style)]


def _broken(line: str, style: Style) -> list[str]:
    """Break a line that is too wide; what is wide enough for that has no paint on it."""
    return [line] if len(line) <= style.width else wrapped(line, style.width, 0, hang=4)


def _code(code: CodeThatRan, style: Style) -> str:
    runs = words.count(code.runs, "run")
    failed = f", {code.failed} failed" if code.failed else ""
    what = f"recorded {runs} on {words.plain(code.engine)}{failed}"
    if code.entry_point is None:
        return f"{what}; its code could not be captured"
    entry = style.fit_path(words.plain(code.entry_point), 40)
    sure = "" if code.confidence == 1 else f" (confidence {code.confidence:g})"
    return f"{what}: {entry}{sure}, snapshot {words.short(code.snapshot)}"
