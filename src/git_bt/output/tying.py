"""Answers about results on commits: record, accept."""

from collections import Counter

from git_bt.output import words
from git_bt.output.style import Style
from git_bt.output.tables import columns
from git_bt.output.verdicts import differences, metric_rows, wrapped
from git_bt.reports import Accepted, AcceptReport, RecordReport, Tied, TiedCommit

_SAID = {
    "must-run": "must run",
    "conflict": "conflict",
    "unpinned": "tape not pinned",
    "captured": "code captured",
    "unreadable": "unreadable",
}
_COUNTED = ("tied", "known", "unchanged", *_SAID)

# -- record ---------------------------------------------------------------------------------------


def record(report: RecordReport, style: Style) -> list[str]:
    """Return what was tied to each commit, and what could not be."""
    lines = [line for commit in report.commits for line in _commit(commit, style)]
    counts = Counter(each.state for commit in report.commits for each in commit.strategies)
    if not report.commits:
        return ["no commits there"]
    named = {**_SAID, "known": "tied before"}
    said = ", ".join(f"{counts[s]} {named.get(s, s)}" for s in _COUNTED if counts[s])
    return [*lines, *wrapped(said or "no strategy there", style.width, 0)]


def _state(state: str) -> str:
    return _SAID.get(state, words.plain(state))


def _commit(found: TiedCommit, style: Style) -> list[str]:
    told = [each for each in found.strategies if each.state != "unchanged"]
    if not told:
        return []
    subject = style.fit(words.plain(found.subject), max(20, style.width - 14))
    lines = [f"{style.bold(words.short(found.commit))}  {subject}"]
    for each in told:
        lines += _tied(each, style)
    return lines


def _tied(each: Tied, style: Style) -> list[str]:
    name = words.plain(each.strategy)
    if each.state == "captured":
        lines = [f"  {style.good('✓ ' + _state(each.state))}  {name}"]
    elif each.verdict is None:
        lines = [f"  {style.doubt('? ' + _state(each.state))}  {name}"]
    else:
        origin = f" from {words.short(each.origin)}" if each.origin else ""
        before = ", tied before" if each.state == "known" else ""
        about = f"({words.short(each.bundle)}), {words.plain(each.kind or '-')}{origin}{before}"
        lines = [f"  {style.verdict(each.verdict)}  {name} {about}"]
    for text in (each.message, f"hint: {each.hint}" if each.hint else ""):
        lines += wrapped(words.plain(text), style.width, 4) if text else []
    return lines


# -- accept ---------------------------------------------------------------------------------------


def accept(report: AcceptReport, style: Style) -> list[str]:
    """Return what was accepted: metrics before → after, and the first difference."""
    if not report.strategies:
        return ["nothing to accept"]
    return [line for each in report.strategies for line in _accepted(each, style)]


def _accepted(each: Accepted, style: Style) -> list[str]:
    name = style.bold(words.plain(each.strategy))
    if each.bundle is None:
        return [f"{name}: {words.plain(each.message)}"]
    lines = [f"accepted {name} as bundle {style.bold(words.short(each.bundle))}"]
    if each.replaces:
        lines[0] += f", instead of {words.short(each.replaces)}"
    if each.before and each.after:
        old, new = dict(metric_rows(each.before)), dict(metric_rows(each.after))
        rows = [(k, old.get(k, "-"), "→", new.get(k, "-")) for k in {**old, **new}]
        lines.append(columns(rows, right=(1,), indent=4))
    elif each.after:
        lines.append(columns(metric_rows(each.after), indent=4))
    if each.comparison is not None:
        lines += differences(each.comparison.differences, each.comparison.more, style)
    if each.reason:
        lines += wrapped(f"reason: {words.plain(each.reason)}", style.width, 4)
    tied = f"tied to commit {words.short(each.commit)}" if each.commit else "tied to no commit yet"
    lines.append(f"    {tied}")
    if each.hint:
        lines += wrapped(f"hint: {words.plain(each.hint)}", style.width, 4)
    return lines
