"""The answer of gate as text for people, and the words that its other forms share."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from git_bt.comparison import Metrics
from git_bt.gating import Acceptance, Effect, Finding, Gated, GateReport, InputChange, Level
from git_bt.output import words
from git_bt.output.style import Style
from git_bt.output.tables import columns
from git_bt.output.verdicts import TAIL, differences, environment, metric_rows, wrapped

LEVELS = {
    Level.NO: "no",
    Level.UNJUDGED: "not judged",
    Level.WARNING: "warning",
    Level.NOTE: "note",
}
EFFECTS = {
    Effect.SAME: "output identical to base's",
    Effect.TOLERATED: "output within tolerance of base's",
    Effect.EXTENDED: "the tape grew, and the old part of the output is identical",
    Effect.CHANGED: "output changed",
    Effect.NEW: "nothing of base to compare with",
    Effect.UNKNOWN: "not compared with base",
}
_SHOWN = 6  # files of one kind that changed


def level_of(gated: Gated) -> Level | None:
    """Return the most severe level of a strategy's findings, None where nothing closes the gate."""
    levels = {finding.level for finding in gated.findings}
    return next((level for level in Level if level in levels and level is not Level.NOTE), None)


def ordered(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings, the most severe first."""
    return sorted(findings, key=lambda finding: list(Level).index(finding.level))


def answer_word(report: GateReport) -> str:
    """Return the gate's answer in one word or two."""
    levels = {finding.level for finding in report.all_findings}
    closed = (Level.NO, Level.UNJUDGED)
    return next((LEVELS[level] for level in closed if level in levels), "pass")


def is_quiet(gated: Gated) -> bool:
    """Tell whether a strategy needs no more than to be counted: known, and nothing said of it."""
    return gated.how == "known" and not gated.findings


def counts(report: GateReport) -> list[str]:
    """Return how many strategies ended how, as words."""
    shown = [each for each in report.strategies if not is_quiet(each)]
    found = Counter(level_of(each) for each in shown)
    named = {None: "passed", Level.WARNING: "passed with a warning", Level.NO: "no",
             Level.UNJUDGED: "not judged"}  # fmt: skip
    said = [f"{found[level]} {word}" for level, word in named.items() if found[level]]
    quiet = len(report.strategies) - len(shown)
    return [*said, *([f"{quiet} unchanged and known here, not run"] if quiet else [])]


def metric_changes(before: Metrics | None, after: Metrics | None) -> list[tuple[str, str, str]]:
    """Return name, before and after of each metric that is another one."""
    old = dict(metric_rows(before)) if before else {}
    new = dict(metric_rows(after)) if after else {}
    rows = [(name, old.get(name, "-"), new.get(name, "-")) for name in {**old, **new}]
    return [row for row in rows if row[1] != row[2]]


def input_words(changes: Sequence[InputChange]) -> list[str]:
    """Return what of the inputs changed, one line a kind."""
    lines = []
    for what in ("code", "config", "tape", "engine"):
        named = [each for each in changes if each.what == what]
        if what in ("code", "tape"):
            said = [words.plain(each.name) + _how(each) for each in named]
        else:
            said = [
                f"{words.plain(each.name)} {words.value(each.before)} → {words.value(each.after)}"
                for each in named
            ]
        if said:
            more = f" and {len(said) - _SHOWN} more" if len(said) > _SHOWN else ""
            lines.append(f"{what}: {', '.join(said[:_SHOWN])}{more}")
    return lines


def _how(change: InputChange) -> str:
    if change.before is None:
        return " (new)"
    return " (gone)" if change.after is None else ""


def accepted_words(acceptance: Acceptance) -> str:
    """Return who accepted an output, when and instead of what."""
    who = words.plain(acceptance.author or f"somebody, by the word of {acceptance.fork}")
    when = f" on {words.minute(acceptance.when_ns)} UTC" if acceptance.when_ns is not None else ""
    instead = f", instead of {words.short(acceptance.replaces)}" if acceptance.replaces else ""
    return f"accepted by {who}{when} as {words.short(acceptance.bundle)}{instead}"


def ran_words(gated: Gated) -> str:
    """Return how a strategy was judged, in one line."""
    if gated.how == "known":
        return f"known here (bundle {words.short(gated.recorded)}), not run"
    if gated.how == "none":
        return "not run"
    what = "gives its recorded result" if gated.recorded else "by two runs here"
    bundle = f" (bundle {words.short(gated.recorded)})" if gated.recorded else ""
    if gated.verdict is not None and gated.verdict.exit_code:
        what = "ran"
    return f"{what}{bundle}, {words.seconds(gated.elapsed_s)} on {words.engine(gated.engine)}"


def policy_word(value: Any) -> str:
    """Return a value of the policy as it is written down."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return " ".join(f"{name} {limit}" for name, limit in value.items()) or "none"
    return str(value)


# -- text -----------------------------------------------------------------------------------------


def gate(report: GateReport, style: Style) -> list[str]:
    """Return the answer of gate: each strategy that is not quiet, then what is about none."""
    r = report
    lines = [
        f"{words.count(r.commits, 'commit')} from {words.short(r.merge_base)}"
        f" to {style.bold(words.short(r.head))}, judged by the rules of {words.short(r.base)}"
    ]
    for gated in r.strategies:
        if not is_quiet(gated):
            lines += ["", *_strategy(gated, style)]
    if r.findings:
        lines.append("")
        for finding in r.findings:
            lines += _finding(finding, style, indent=0)
    lines += ["", *_sum(r, style)]
    return lines


def _sum(report: GateReport, style: Style) -> list[str]:
    word = answer_word(report)
    paint = {"pass": style.good, "no": style.bad}.get(word, style.doubt)
    said = ", ".join(counts(report)) or "no strategy there"
    return [paint(f"gate: {word}"), *wrapped(said, style.width, 2)]


def _strategy(gated: Gated, style: Style) -> list[str]:
    name = style.bold(words.plain(gated.strategy))
    at = f" at {words.short(gated.commit)}" if gated.commit else ""
    lines = [f"{_sign(gated, style)}  {name}{at}, {words.plain(gated.state)}"]
    if gated.verdict is not None:
        effect = f"; {EFFECTS[gated.effect]}" if gated.after else ""
        lines += wrapped(f"{gated.verdict}: {ran_words(gated)}{effect}", style.width, 4)
    for text in input_words(gated.changes):
        lines += wrapped(text, style.width, 4)
    if gated.acceptance is not None:
        lines += wrapped(accepted_words(gated.acceptance), style.width, 4)
        if gated.acceptance.reason:
            lines += wrapped(f"reason: {words.plain(gated.acceptance.reason)}", style.width, 4)
    if gated.effect is Effect.CHANGED and gated.before and gated.after:
        rows = [(n, old, "→", new) for n, old, new in metric_changes(gated.before, gated.after)]
        lines.append(columns(rows, right=(1,), indent=4))
    if gated.comparison is not None:
        lines += differences(gated.comparison.differences, gated.comparison.more, style)
    lines += environment(gated.environment, style)
    tail = words.plain_lines(gated.tail)[-TAIL:]
    if tail:
        lines.append("    the last lines of the run:")
        lines += [style.dim(f"      | {line}".rstrip()) for line in tail]
    for finding in ordered(gated.findings):
        lines += _finding(finding, style, indent=4)
    return lines


def _sign(gated: Gated, style: Style) -> str:
    level = level_of(gated)
    if level is Level.NO:
        return style.bad("✗ no")
    if level is Level.UNJUDGED:
        return style.doubt("? not judged")
    return style.doubt("! pass") if level is Level.WARNING else style.good("✓ pass")


def _finding(finding: Finding, style: Style, indent: int) -> list[str]:
    where = f"{words.plain(finding.path)}: " if finding.path and indent == 0 else ""
    text = f"{LEVELS[finding.level]}: {where}{words.plain(finding.message)}"
    lines = wrapped(text, style.width, indent)
    if finding.hint:
        lines += wrapped(f"hint: {words.plain(finding.hint)}", style.width, indent + 2)
    return lines
