"""Answers about commits and the work tree: log, status, tape pin."""

from collections.abc import Iterator

from git_bt.looking import LoggedCommit, LoggedResult, LogReport, TapePinReport
from git_bt.model import Metrics
from git_bt.output import words
from git_bt.output.style import Style
from git_bt.output.verdicts import TIE, explained, wrapped

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


# -- log ------------------------------------------------------------------------------------------


def log(report: LogReport, style: Style) -> list[str]:
    """Return commits with their results, each beside the one before it."""
    if not report.commits:
        return ["no results on these commits", "next: git bt record, or git bt fetch"]
    lines: list[str] = []
    for commit in report.commits:
        lines += [*([""] if lines else []), *heading(commit, style)]
        for result in commit.results:
            lines += _logged(result, style)
    if report.more:
        lines += ["", style.dim(f"older ones: git bt log -n {2 * len(report.commits)}")]
    return lines


def heading(commit: LoggedCommit, style: Style) -> list[str]:
    """Return the line of one commit, cut at its end."""
    when = words.minute(commit.when_s * 10**9)
    head = f"commit {words.plain(commit.commit[:12])}"
    rest = words.plain(f"{when}  {commit.author}  {commit.subject}".rstrip())
    return [f"{style.doubt(head)}  {words.clip(rest, max(20, style.width - len(head) - 2))}"]


def _logged(result: LoggedResult, style: Style) -> list[str]:
    name = style.bold(words.plain(result.strategy))
    lines = [f"  {style.verdict(result.verdict)}  {name} ({words.short(result.bundle)})"]
    kind = "" if result.kind == "measured" else words.plain(result.kind)
    replaced = f" instead of {words.short(result.replaces)}" if result.replaces else ""
    same = "as before" if result.previous == result.bundle else ""
    said = ["the bundle is not here: git bt fetch"]
    if result.metrics is not None:
        said = [x.replace(" ", TIE) for x in headline(result.metrics, result.before)]
    said = [x for x in (kind + replaced, same, *said) if x]
    return lines + wrapped(", ".join(said), style.width, 6, hang=0)


def headline(metrics: Metrics, before: Metrics | None) -> Iterator[str]:
    """Yield the metrics that tell most, each with its change against those before."""
    whole = metrics.return_ is not None
    for name, field, show in (
        ("fills", "fill_count", words.number),
        ("return", "return_", words.percent),
        ("profit", "pnl", words.number),
        ("max drawdown", "max_drawdown", words.percent if whole else words.number),
        ("Sharpe ratio", "sharpe", _three),
    ):
        value = getattr(metrics, field)
        old = None if before is None else getattr(before, field)
        if value is None or (field == "pnl" and whole):
            continue
        change = ""
        if old is not None and show(old) != show(value):
            change = f" ({'+' if value > old else '-'}{show(abs(value - old))})"
        yield f"{name} {show(value)}{change}"


def _three(value: float | None) -> str:
    return words.number(None if value is None else round(value, 3))
