"""The answer of gate as Markdown, for a step summary or a comment on a pull request.

Names, reasons, messages and what a run printed are written by the author of what is judged, and a
page shows them to a reviewer. So every character that Markdown, HTML or a host gives a meaning
becomes an entity, nobody is mentioned and no issue is referred to; no line begins with such text.
What does not fit the host's limit is left out from the end, the least severe, and counted.
"""

import re
from collections.abc import Iterable

from git_bt.gating import Effect, Finding, Gated, GateReport, Level
from git_bt.output import words
from git_bt.output.gating import (
    EFFECTS,
    LEVELS,
    accepted_words,
    answer_word,
    counts,
    input_words,
    is_quiet,
    level_of,
    metric_changes,
    ordered,
    policy_word,
    ran_words,
)
from git_bt.output.style import Style
from git_bt.output.verdicts import TAIL, difference

SUMMARY_LIMIT = 1_000_000
"""Bytes of a step summary: GitHub drops one above 1 MiB as a whole."""

COMMENT_LIMIT = 60_000
"""Bytes of a comment: GitHub takes 65 536 characters."""

MARKER = "<!-- git-bt gate -->"
"""The first line of a comment, by which the next run finds the one that it replaces."""

_SIGNS = {None: "✅", Level.WARNING: "⚠️", Level.NO: "❌", Level.UNJUDGED: "❔"}
_MEANING = re.compile(r"""[&<>"'`*_{}\[\]()#+!|~@:\\$^=]|(?<=www)\.""", re.IGNORECASE)
_REFERS = re.compile(r"([@#]|\bGH(?=-))", re.IGNORECASE)
_LONGEST = 600  # characters of one message or reason
_PLAIN = Style(color=False, width=80)


def text(value: str, longest: int = _LONGEST) -> str:
    """Return a stranger's text as words on one line that mean nothing but themselves."""
    safe = words.clip(words.plain(value), longest)
    return _MEANING.sub(_entity, _REFERS.sub("\\1\u200b", safe))  # no mention, no reference


def code(value: str, longest: int = _LONGEST) -> str:
    """Return a stranger's text as code."""
    safe = words.clip(words.plain(value), longest)
    return f"<code>{_MEANING.sub(_entity, safe)}</code>"


def summary(report: GateReport) -> str:
    """Return the answer for a step summary, under 1 MiB."""
    return _page(report, [], SUMMARY_LIMIT)


def comment(report: GateReport) -> str:
    """Return the answer for a comment, under 64 KB, with the marker as its first line."""
    return _page(report, [MARKER], COMMENT_LIMIT)


def _page(report: GateReport, head: list[str], limit: int) -> str:
    shown = sorted(
        (each for each in report.strategies if not is_quiet(each)),
        key=lambda each: (_severity(each), each.strategy),
    )
    lines = [*head, *_title(report), *_fitting(map(_finding, report.findings), limit // 4)]
    lines += _table(shown, limit // 4)
    end = _end(report)
    left = limit - _size([*lines, *end]) - 200
    return "\n".join([*lines, *_fitting(map(_section, shown), left), *end]) + "\n"


def _severity(gated: Gated) -> int:
    level = level_of(gated)
    return len(Level) if level is None else list(Level).index(level)


def _size(lines: Iterable[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)


def _fitting(parts: Iterable[str], limit: int) -> list[str]:
    """Return as many parts as fit, and how many do not."""
    found: list[str] = []
    left = limit
    every = list(parts)
    for part in every:
        left -= len(part.encode()) + 1
        if left < 0:
            break
        found.append(part)
    missing = len(every) - len(found)
    return [*found, *([f"\n…and {missing} more, which the JSON has.\n"] if missing else [])]


# -- parts ----------------------------------------------------------------------------------------


def _title(report: GateReport) -> list[str]:
    word = answer_word(report)
    sign = {"pass": "✅", "no": "❌"}.get(word, "❔")
    said = ", ".join(counts(report)) or "no strategy there"
    span = words.count(report.commits, "commit")
    return [
        f"## {sign} Backtests: {word}",
        "",
        f"{said}.",
        f"{span} from {code(report.merge_base[:12])} to {code(report.head[:12])}, "
        f"judged by the rules of {code(report.base[:12])}.",
        "",
    ]


def _table(shown: list[Gated], limit: int) -> list[str]:
    if not shown:
        return []
    head = ["| | strategy | verdict | output | what is to be said |", "|---|---|---|---|---|"]
    return [*head, *_fitting(map(_row, shown), limit), ""]


def _row(gated: Gated) -> str:
    at = f" at {code(gated.commit[:12])}" if gated.commit else ""
    verdict = gated.verdict.value if gated.verdict else text(gated.state)
    effect = gated.effect.value if gated.after else "–"
    told = [f for f in ordered(gated.findings) if f.level is not Level.NOTE]
    said = "; ".join(text(finding.message, 120) for finding in told[:2])
    if len(told) > 2:
        said += f"; and {len(told) - 2} more"
    if gated.acceptance is not None and not said:
        said = "accepted"
    name = code(gated.strategy, 120)
    return f"| {_SIGNS[level_of(gated)]} | {name}{at} | {verdict} | {effect} | {said} |"


def _finding(finding: Finding) -> str:
    sign = {Level.NO: "❌", Level.UNJUDGED: "❔", Level.WARNING: "⚠️", Level.NOTE: "ℹ️"}[
        finding.level
    ]
    where = f" {code(finding.path)}:" if finding.path else ""
    hint = f"<br>Next: {code(finding.hint)}" if finding.hint else ""
    return f"- {sign} {LEVELS[finding.level]}:{where} {text(finding.message)}{hint}"


def _section(gated: Gated) -> str:
    opened = " open" if level_of(gated) in (Level.NO, Level.UNJUDGED) else ""
    at = f" at {code(gated.commit[:12])}" if gated.commit else ""
    lines = [
        f"<details{opened}><summary>{_SIGNS[level_of(gated)]} {code(gated.strategy)}{at}, "
        f"{text(gated.state)}</summary>",
        "",
    ]
    for finding in ordered(gated.findings):
        where = None if finding.path == f"{gated.strategy}/strategy.yaml" else finding.path
        lines.append(_finding(Finding(
            kind=finding.kind, level=finding.level, message=finding.message, path=where,
            hint=finding.hint,
        )))  # fmt: skip
    if gated.verdict is not None:
        effect = f"; {EFFECTS[gated.effect]}" if gated.after else ""
        lines.append(f"- {gated.verdict}: {text(ran_words(gated) + effect)}")
    lines += [f"- changed {text(line)}" for line in input_words(gated.changes)]
    if gated.acceptance is not None:
        lines.append(f"- {text(accepted_words(gated.acceptance))}")
        if gated.acceptance.reason:
            lines.append(f"- reason: {text(gated.acceptance.reason)}")
    lines += [
        f"- {text(c.name)}: recorded with {text(c.recorded or 'none')}, "
        f"here {text(c.here or 'none')}"
        for c in gated.environment[:10]
    ]
    lines += [*_metrics(gated), *_differences(gated), *_tail(gated), "", "</details>", ""]
    return "\n".join(lines)


def _metrics(gated: Gated) -> list[str]:
    rows = metric_changes(gated.before, gated.after) if gated.effect is Effect.CHANGED else []
    if not rows:
        return []
    head = ["", "| metric | base | head |", "|---|--:|--:|"]
    return [*head, *(f"| {name} | {text(old)} | {text(new)} |" for name, old, new in rows)]


def _differences(gated: Gated) -> list[str]:
    found = gated.comparison
    if found is None:
        return []
    shown = [difference(each, _PLAIN) for each in found.differences[:10]]
    hidden = sum(found.more.values()) + len(found.differences) - len(shown)
    more = f"<br>and {hidden} more" if hidden else ""
    return ["", "First difference: " + "<br>".join(code(line) for line in shown) + more]


def _tail(gated: Gated) -> list[str]:
    lines = words.plain_lines(gated.tail)[-TAIL:]
    if not lines:
        return []
    shown = "\n".join(_MEANING.sub(_entity, words.clip(line, 200)) or "&nbsp;" for line in lines)
    return ["", "The last lines of the run:", "", f"<pre>{shown}</pre>"]


def _entity(found: re.Match[str]) -> str:
    return f"&#{ord(found.group())};"


def _end(report: GateReport) -> list[str]:
    shown = (
        f"{name} {policy_word(value)}"
        for name, value in report.policy.items()
        if name not in ("on-change", "time-budget")
    )
    return ["", f"<sub>Policy of base: {text(', '.join(shown))}</sub>"]
