"""The texts of answers about sweeps."""

import shlex
from collections.abc import Collection, Mapping, Sequence

from git_bt.output import words
from git_bt.output.style import Style
from git_bt.output.tables import columns
from git_bt.output.verdicts import TIE, differences, explained, wrapped
from git_bt.sweep_records import Scalar, Scalars
from git_bt.sweeping import (
    BestReport,
    MergedReport,
    MetricCheck,
    Parameter,
    PromoteReport,
    SweepHead,
    SweepReport,
    SweepsReport,
)

_METRICS = 12  # shown of a row when it is promoted
_WORK_TREES = 3


def ls(report: SweepsReport, style: Style) -> list[str]:
    """Return the table of sweeps, the one that ran last first; times in UTC."""
    said = [*explained("", "", None, report.notices, style)]
    if not report.sweeps:
        return [
            "no sweeps here",
            'next: with git_bt.recording("name", params={…}) as run: run.log(sharpe=…)',
            *said,
        ]
    head = ("SWEEP", "RUNS", "FAILED", "SETTINGS", "LAST (UTC)", "NAME")
    rows = [
        (
            words.short(each.id),
            str(each.runs),
            str(each.failed),
            str(each.settings),
            words.minute(each.last_ns),
            style.fit(words.plain(each.name), max(12, style.width - 58)),
        )
        for each in report.sweeps
    ]
    top, *rest = columns([head, *rows], right=(1, 2, 3)).split("\n")
    return [style.dim(top), *rest, *said]


def show(report: SweepReport, style: Style) -> list[str]:
    """Return everything known of one sweep."""
    head = report.head
    lines = [_title(head, style)]
    runs = f"{words.count(head.runs, 'run')} of {words.count(head.settings, 'setting')}"
    facts = [
        ("runs", runs + (f", {head.failed} failed" if head.failed else "")),
        ("first, last", f"{words.minute(head.first_ns)}, {words.minute(head.last_ns)} UTC"),
        ("took", f"{words.seconds(report.elapsed_ns / 1e9)} of runs"),
        ("code", words.short(head.snapshot) if head.snapshot else "not captured"),
    ]
    content = None if head.tape_sha256 is None else f"sha256 {words.short(head.tape_sha256)}"
    tape = ", ".join(filter(None, (head.tape, content)))
    for name, value in (("engine", head.engine), ("tape", tape)):
        if value:
            facts.append((name, words.plain(value)))
    facts += _work_trees(report)
    lines += [columns(facts, indent=2), "", style.bold("parameters")]
    given = [_parameter(each, style) for each in report.parameters]
    lines += [columns(given, indent=2) or "  none"]
    lines += ["", style.bold("metrics"), *_spreads(report, style)]
    if report.errors:
        lines += ["", style.bold("failed")]
        for text, count in report.errors:
            lines += wrapped(f"{count} × {words.plain(text)}", style.width, 2)
    for around, count in report.environments:
        packages = [f"{words.plain(n)}{TIE}{words.plain(v)}" for n, v in around.packages.items()]
        on = [f"Python{TIE}{words.plain(around.python)}", words.plain(around.platform), *packages]
        lines += ["", style.bold(f"environment of {words.count(count, 'run')}")]
        lines += wrapped(", ".join(on), style.width, 2, hang=0)
    if report.unsteady:
        settings = words.count(report.unsteady, "setting")
        lines += ["", style.doubt(f"{settings} ran more than once, with other metrics each time")]
    lines += explained("", "", None, report.notices, style)
    metric = next((each.name for each in report.metrics if each.numbers), None)
    if metric is not None:
        sweep = words.short(head.id)  # the newest has its name too, perhaps, and is another
        lines += ["", style.dim(f"next: git bt sweep best {sweep} --metric {_typed(metric)}")]
    return lines


def best(report: BestReport, style: Style) -> list[str]:
    """Return the best settings by a metric, one a line."""
    metric = words.plain(report.metric)
    of = f"{len(report.runs)} of {words.count(report.of, 'setting')}"
    order = "lowest" if report.lowest else "highest"
    lines = [_title(report.head, style), f"  {of}, {order} {metric} first"]
    rows = [("RANK", "VALUE", "RUN")]
    rows += [(str(r.rank), words.number(r.value), words.short(r.id)) for r in report.runs]
    used = sum(max(len(row[i]) for row in rows) + 2 for i in range(3))
    room = max(20, style.width - used)
    telling = _telling([r.params for r in report.runs])
    given = [style.fit(_params(r.params, telling), room) for r in report.runs]
    table = [[*row, last] for row, last in zip(rows, ["PARAMETERS", *given], strict=True)]
    top, *rest = columns(table, right=(0, 1)).split("\n")
    lines += ["", style.dim(top), *rest] if report.runs else []
    left_out = []
    if report.unranked:
        left_out.append(f"{words.count(report.unranked, 'setting')} without a number")
    if report.head.failed:
        left_out.append(f"{words.count(report.head.failed, 'failed run')}")
    if left_out:
        lines += ["", f"not ranked: {', '.join(left_out)}"]
    lines += explained("", "", None, report.notices, style)
    if report.runs:
        lowest = " --lowest" if report.lowest else ""
        named = f"{_typed(report.metric)}{lowest}"
        promoting = f"git bt sweep promote {words.short(report.runs[0].id)} --metric {named}"
        command = promoting if report.alone is None else f"{report.alone} for that setting alone"
        lines += ["", style.dim(f"next: {command}")]
    return lines


def promote(report: PromoteReport, style: Style) -> list[str]:
    """Return the answer of promote: verdict, rank, and the row beside the new run."""
    p = report
    run = f"run {style.bold(words.short(p.run))} of sweep {words.plain(p.name)}"
    if p.bundle is None:
        lines = [f"{style.verdict(p.verdict)}  {run}: nothing was recorded"]
    else:
        lines = [f"promoted {run} to bundle {style.bold(words.short(p.bundle))}"]
        lines.append(f"  {style.verdict(p.verdict)} in {words.seconds(p.elapsed_s)}")
    if p.rank is not None:
        lines.append(f"  {words.plain(p.rank)}")
    lines += wrapped(_params(p.params) or "no parameters", style.width, 2)
    if p.comparison is not None:
        found = p.comparison
        lines.append("    first run (expected) and second run (actual):")
        lines += differences(found.differences, found.more, style)
    if p.checks:
        lines.append(columns(_checks(p.checks, style), right=(1, 2), indent=4))
    lines += explained(p.message, p.tail, p.hint, p.notices, style)
    if p.bundle is not None:
        lines.append(style.dim(f"next: git bt show {words.short(p.bundle)}"))
    return lines


def merged(report: MergedReport, style: Style) -> list[str]:
    """Return the answer of merge."""
    files = words.count(len(report.files), "file")
    lines = [f"{words.count(report.runs, 'new run')} from {files}"]
    return [*lines, *explained("", "", None, report.notices, style)]


# -- parts ----------------------------------------------------------------------------------------


def _title(head: SweepHead, style: Style) -> str:
    return f"sweep {style.bold(words.short(head.id))} {words.plain(head.name)}"


def _typed(name: str) -> str:
    return words.plain(shlex.quote(name))


def _work_trees(report: SweepReport) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for each in report.work_trees[:_WORK_TREES]:
        changes = ", and changes" if each.is_dirty else ""
        runs = "" if each.runs == report.head.runs else f": {words.count(each.runs, 'run')}"
        found.append(("" if found else "commit", f"{words.short(each.commit)}{changes}{runs}"))
    more = len(report.work_trees) - len(found)
    return [*found, ("", f"and {more} more")] if more else found


def _parameter(each: Parameter, style: Style) -> tuple[str, ...]:
    shown = ", ".join(words.value(value, 20) for value in each.shown)
    if each.distinct > len(each.shown):
        both = None in (each.least, each.greatest)
        shown += ", …" if both else f", … to {words.value(each.greatest)}"
    name = style.fit(words.plain(each.name), 24)
    return (name, words.count(each.distinct, "value"), style.fit(shown, max(20, style.width - 42)))


def _spreads(report: SweepReport, style: Style) -> list[str]:
    if not report.metrics:
        return ["  none"]
    head = ("", "LOWEST", "MEDIAN", "HIGHEST", "NUMBERS")
    rows = [
        (
            style.fit(words.plain(each.name), 24),
            words.number(each.lowest),
            words.number(each.median),
            words.number(each.highest),
            str(each.numbers),
        )
        for each in report.metrics
    ]
    top, *rest = columns([head, *rows], right=(1, 2, 3, 4), indent=2).split("\n")
    return [style.dim(top), *rest]


def _params(params: Scalars, first: Collection[str] = ()) -> str:
    items = sorted(params.items(), key=lambda item: (item[0] not in first, item[0]))
    return " ".join(f"{words.plain(k)}={words.value(v, 40)}" for k, v in items)


def _telling(rows: Sequence[Scalars]) -> set[str]:
    """Return the names whose values tell rows apart: those are what a narrow table must show."""
    names = {name for params in rows for name in params}
    return {n for n in names if len({repr(params.get(n, names)) for params in rows}) > 1}


def _checks(checks: Sequence[MetricCheck], style: Style) -> list[tuple[str, ...]]:
    signs: Mapping[bool | None, str] = {
        True: style.good("same"), False: style.bad("other"), None: "not compared",
    }  # fmt: skip
    rows: list[tuple[str, ...]] = [("METRIC", "ROW", "HERE", "")]
    for each in checks[:_METRICS]:
        name = style.fit(words.plain(each.name), 30)
        rows.append((name, _value(each.recorded), _value(each.here), signs[each.agrees]))
    if len(checks) > _METRICS:
        rows.append((f"and {len(checks) - _METRICS} more",))
    return rows


def _value(value: Scalar) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    return "-" if value is None else words.value(value, 20)
