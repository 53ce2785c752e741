"""Answers that judge: pack, validate, replay, demo; and differences, wherever they are shown."""

import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from git_bt.comparison import Difference, Metrics, PackageChange, Validation
from git_bt.model import Notice, Verdict
from git_bt.output import words
from git_bt.output.style import Style
from git_bt.output.tables import columns
from git_bt.reports import DemoReport, PackReport, ReplayReport, ValidateReport

TIE = "\0"
"""A blank at which no line is broken; `plain` lets no other NUL in."""

SHOWN = 10
"""Differences shown unless all are asked for; those beyond are counted."""

PACKAGES = 6
"""Changed packages shown unless all is asked for."""

TAIL = 20
"""Lines shown of what a failed run printed last."""


# -- differences ----------------------------------------------------------------------------------


def differences(
    found: Sequence[Difference], more: Mapping[str, int], style: Style, indent: int = 4
) -> list[str]:
    """Return a line a difference, never broken, and how many more by field."""
    pad = " " * indent
    shown = found if style.all_differences else found[:SHOWN]
    longest = 10_000 if style.all_differences else 60
    hidden = Counter(more)
    hidden.update(_field(d) for d in found[len(shown) :])
    lines = [pad + difference(d, style, longest) for d in shown]
    if hidden:
        fields = ", ".join(f"{n}{TIE}in{TIE}{words.plain(f)}" for f, n in hidden.most_common())
        lines += wrapped(f"{hidden.total()} more: {fields}", style.width, indent)
    return lines


def has_hidden(found: Sequence[Difference], more: Mapping[str, int], style: Style) -> bool:
    """Tell whether there are differences that are only counted."""
    return not style.all_differences and (bool(more) or len(found) > SHOWN)


def difference(found: Difference, style: Style, longest: int = 60) -> str:
    """Return one difference: path, both values, time, how far apart."""
    e, a = found.expected, found.actual
    timed = found.path.endswith(".ts_ns") and isinstance(e, int) and isinstance(a, int)
    if timed:  # the time is what differs: said as such, and not a third time
        expected, actual = words.iso_time(int(e or 0)), words.iso_time(int(a or 0))
    else:
        expected, actual = words.value(e, longest), words.value(a, longest)
    text = f"{style.bold(words.plain(found.path))}: expected {expected} actual {actual}"
    if found.ts_ns is not None and not timed:
        text += f" at {words.iso_time(found.ts_ns)}"
    return text + (f", {words.plain(found.detail)}" if found.detail else "")


def _field(found: Difference) -> str:
    """Return the name that `more` counts a difference by: its path without indexes."""
    field = re.sub(r"\[\d+\]", "", found.path)
    return f"{field}.rows" if found.detail.startswith("row is ") else field


def wrapped(text: str, width: int, indent: int, hang: int = 2) -> list[str]:
    """Return text broken at blanks; a word longer than the line stays whole."""
    import textwrap

    lines = textwrap.wrap(
        text,
        width=max(width, indent + 20),
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hang),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(TIE, " ") for line in lines]


# -- what stands beside a verdict -----------------------------------------------------------------


def environment(changes: Sequence[PackageChange], style: Style) -> list[str]:
    """Return what is otherwise here: `ran on lrvx 0.11.0, recorded with 0.10.0`, one a line."""
    lines = []
    for c in changes if style.all_differences else changes[:PACKAGES]:
        name = words.plain(c.name)
        here = f"ran on {name} {words.plain(c.here)}" if c.here else f"ran without {name}"
        before = f"with {words.plain(c.recorded)}" if c.recorded else "without it"
        lines += wrapped(f"{here}, recorded {before}", style.width, 4)
    if not style.all_differences and len(changes) > PACKAGES:
        lines.append(f"    and {len(changes) - PACKAGES} other packages that differ")
    return lines


def explained(
    message: str, tail: str, hint: str | None, notices: Sequence[Notice], style: Style
) -> Iterator[str]:
    """Yield message, the last lines of the run, notices and the hint, each where there is one."""
    if message:
        yield from wrapped(words.plain(message), style.width, 4)
    lines = words.plain_lines(tail)
    if lines:
        yield "    the last lines of the run:"
        yield from (style.dim(f"      | {line}".rstrip()) for line in lines[-TAIL:])
    for notice in notices:
        yield from wrapped(f"note: {words.plain(notice.message)}", style.width, 4)
    if hint:
        yield from wrapped(f"hint: {words.plain(hint)}", style.width, 4)


def metric_rows(metrics: Metrics) -> list[tuple[str, str]]:
    """Return the metrics that can be said, as words."""
    m = metrics
    marked = m.return_ is None  # without equity, drawdown and volatility are in quote currency
    rows = [
        ("trades on the tape", words.number(m.trade_count)),
        ("fills", words.number(m.fill_count)),
        ("quantity filled", words.number(m.total_filled_quantity)),
        ("turnover", words.number(m.turnover)),
        ("fees", words.number(m.fees)),
        ("profit", words.number(m.pnl)),
        ("return", words.percent(m.return_)),
        ("max drawdown", (words.number if marked else words.percent)(m.max_drawdown)),
        ("volatility a year", (words.number if marked else words.percent)(m.volatility)),
        ("Sharpe ratio", words.number(_rounded(m.sharpe))),
    ]
    return [row for row in rows if row[1] != "-"]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


# -- pack -----------------------------------------------------------------------------------------


def pack(report: PackReport, style: Style) -> list[str]:
    """Return the answer of pack."""
    p = report
    name = words.plain(p.strategy)
    if p.bundle is None:
        lines = [f"{style.verdict(p.verdict)}  {style.bold(name)}: nothing was recorded"]
    else:
        lines = [f"packed {style.bold(name)} as bundle {style.bold(words.short(p.bundle))}"]
        lines.append(f"  {style.verdict(p.verdict)}: {_runs(p)}")
    if p.comparison is not None:
        found = p.comparison
        lines.append("    first run (expected) and second run (actual):")
        lines += differences(found.differences, found.more, style)
    lines += explained(p.message, p.tail, p.hint, p.notices, style)
    if p.bundle is None:
        return lines
    rows = [("engine", words.engine(p.engine))]
    rows += metric_rows(p.metrics) if p.metrics else []
    if p.exported is not None:
        rows.append(("exported to", words.plain(p.exported)))
    lines.append(columns(rows, indent=4))
    lines.append(style.dim(f"next: git bt validate {words.short(p.bundle)}"))
    return lines


def _runs(p: PackReport) -> str:
    took = words.seconds(p.elapsed_s)
    if p.runs < 2:
        return f"run once in {took}, not tested against a second run"
    return f"{p.runs} runs gave the same output, {took}"


# -- validate -------------------------------------------------------------------------------------


def validate(report: ValidateReport, style: Style) -> list[str]:
    """Return the answer of validate."""
    if report.grouped and report.bundles:
        from git_bt.output.groups import grouped

        return grouped(report, style)
    lines = [line for v in report.bundles for line in validation(v, style)]
    if not report.bundles:
        return ["nothing to validate", "next: git bt pack STRATEGY"]
    if len(report.bundles) > 1:
        counts = Counter(v.verdict for v in report.bundles)
        said = ", ".join(f"{counts[v]} {v}" for v in Verdict if counts[v])
        lines += wrapped(f"{words.count(len(report.bundles), 'bundle')}: {said}", style.width, 0)
    return lines


def validation(v: Validation, style: Style) -> list[str]:
    """Return the answer about one bundle."""
    name = words.plain(v.name)
    known = [words.short(v.bundle)] if v.bundle and not v.bundle.startswith(v.name) else []
    known += [words.plain(v.strategy)] if v.strategy and v.strategy != v.name else []
    about = f" ({', '.join(known)})" if known else ""
    lines = [f"{style.verdict(v.verdict)}  {style.bold(name)}{about}{_took(v)}"]
    if v.environment:
        lines += environment(v.environment, style)
    lines += differences(v.differences, v.more, style)
    lines += explained(v.message, v.tail, v.hint or _next(v, style), v.notices, style)
    return lines


def _took(v: Validation) -> str:
    if v.verdict is Verdict.CORRUPT:
        return ", nothing was run"
    if v.reused:
        return ", known, not run again"
    return f", {words.seconds(v.elapsed_s)}" if v.elapsed_s else ""


def _next(v: Validation, style: Style) -> str | None:
    """Return what to type after a divergence that is not shown wholly."""
    if not has_hidden(v.differences, v.more, style):
        return None
    return f"to see each: git bt validate --all-differences {shlex.quote(v.name)}"


# -- replay ---------------------------------------------------------------------------------------


def replay(report: ReplayReport, style: Style) -> list[str]:
    """Return the answer of replay: expected and actual side by side, no judgement."""
    p = report
    name = style.bold(words.plain(p.name))
    about = f" ({words.short(p.bundle)})" if p.bundle else ""
    if p.verdict is not None:
        lines = [f"{style.verdict(p.verdict)}  {name}{about}, {words.seconds(p.elapsed_s)}"]
        return [*lines, *explained(p.message, p.tail, p.hint, (), style)]
    lines = [
        f"replayed {name}{about} in {words.seconds(p.elapsed_s)}",
        f"    ran on {words.engine(p.engine)}, recorded with {words.engine(p.recorded_engine)}",
    ]
    expected = dict(metric_rows(p.expected)) if p.expected else {}
    actual = dict(metric_rows(p.actual)) if p.actual else {}
    rows = [("", "expected", "actual")]
    rows += [(k, expected.get(k, "-"), actual.get(k, "-")) for k in {**actual, **expected}]
    lines.append(columns(rows, right=(1, 2), indent=4))
    lines += explained(p.message, p.tail, p.hint, (), style)
    lines.append(style.dim(f"to judge it: git bt validate {shlex.quote(words.plain(p.name))}"))
    return lines


# -- demo -----------------------------------------------------------------------------------------


def demo(report: DemoReport, style: Style) -> list[str]:
    """Return the answer of demo: three steps, and what to type next."""
    d = report
    before, after = (words.plain(line.strip()) for line in d.changed_line)
    lines = [f"a repository with a strategy and a real tape: {words.plain(d.directory)}", ""]
    lines += [style.bold("1. pack the strategy with its tape and its output"), ""]
    lines += [f"  {line}" for line in _lines(pack(d.packed, style)[:-1])]
    lines += ["", style.bold(f"2. commit {d.commit[:12]}, then validate: run it again"), ""]
    lines += [f"  {line}" for line in _lines(validation(d.reproduced, style))]
    lines += ["", style.bold("3. change one line of the strategy, and validate again"), ""]
    lines += ["  " + style.bad(f"- {before}"), "  " + style.good(f"+ {after}"), ""]
    lines += [f"  {line}" for line in _lines(validation(d.diverged, style))]
    if d.next:
        lines += ["", style.bold("next, type"), ""]
        lines += [f"  {words.plain(command)}" for command in d.next]
    return lines


def _lines(blocks: Sequence[str]) -> list[str]:
    return [line for block in blocks for line in block.split("\n")]
