"""Answers about what the store holds: ls, show, diff, and what came in, went out, or is broken."""

from collections.abc import Sequence

from git_bt.comparison import Metrics
from git_bt.model import RunRecord, Verdict
from git_bt.output import words
from git_bt.output.style import Style
from git_bt.output.tables import columns
from git_bt.output.verdicts import TIE, differences, explained, has_hidden, metric_rows, wrapped
from git_bt.reports import (
    BundleRow,
    Change,
    DiffReport,
    EnginesReport,
    ExportReport,
    FsckReport,
    ImportReport,
    ListReport,
    RestoreReport,
    ShowReport,
)

# -- ls -------------------------------------------------------------------------------------------

_WIDE = 100  # columns from which the profit is shown too


def ls(report: ListReport, style: Style) -> list[str]:
    """Return the table of bundles, newest first; times in UTC."""
    if not report.bundles:
        return ["no bundles here", "next: git bt pack STRATEGY, or git bt demo"]
    wide = style.width >= _WIDE
    head = ("BUNDLE", "VERDICT", "FILLS", *(["PROFIT"] if wide else []), "ENGINE", "WHEN (UTC)")
    rows = [head, *(_row(b, style, wide=wide) for b in report.bundles)]
    used = sum(max(len(row[i]) for row in rows) + 2 for i in range(len(head)))
    room = max(8, style.width - used)
    names = [style.fit_path(words.plain(b.strategy or "-"), room) for b in report.bundles]
    table = [[*row, name] for row, name in zip(rows, ["STRATEGY", *names], strict=True)]
    top, *rest = columns(table, right=(2, 3) if wide else (2,)).split("\n")
    return [style.dim(top), *rest]


def _row(b: BundleRow, style: Style, *, wide: bool) -> tuple[str, ...]:
    fills = words.number(b.metrics.fill_count) if b.metrics else "-"
    profit = [words.number(b.metrics.pnl) if b.metrics else "-"] if wide else []
    verdict = _said(b.verdict, is_tested=b.is_tested) or ("imported" if b.foreign else "-")
    engine = style.fit(words.engine(b.engine), 16)
    return (words.short(b.bundle), verdict, fills, *profit, engine, words.minute(b.when_ns))


def _said(verdict: Verdict | None, *, is_tested: bool) -> str:
    """Return a verdict's word; nothing was reproduced where it ran only once."""
    if verdict is Verdict.REPRODUCED and not is_tested:
        return "run once"
    return str(verdict or "")


_COMMITS = 3  # shown of those that a bundle is tied to

# -- show -----------------------------------------------------------------------------------------


def show(report: ShowReport, style: Style) -> list[str]:
    """Return everything known of one bundle, down to members and runs."""
    s, manifest = report, report.manifest
    lines = [f"bundle {style.bold(words.short(s.bundle))}"]
    facts = [
        ("strategy", words.plain(", ".join(s.strategies)) or "-"),
        ("engine", words.engine(manifest.engine)),
        ("entry point", words.plain(manifest.entry_point)),
        ("inputs", words.short(manifest.inputs)),
    ]
    if s.foreign:
        facts.append(("imported", "a FLOX bundle, its own bytes kept under foreign/"))
    for name, argv in (("command", manifest.command), ("build", manifest.build)):
        if argv is not None:
            facts.append((name, words.plain(" ".join(argv))))
    commits = [words.plain(c[:12]) for c in s.commits[:_COMMITS]]
    if len(s.commits) > _COMMITS:
        commits.append(f"and {len(s.commits) - _COMMITS} more")
    if commits:
        facts.append(("commits", ", ".join(commits)))
    if s.fork:
        facts.append(("taken from", f"{words.plain(s.fork)}, a fork: nobody ran it here"))
    lines.append(columns(facts, indent=2))
    lines += ["", style.bold("config")]
    config = [(words.plain(k), words.value(v)) for k, v in sorted(manifest.config.items())]
    lines.append(columns(config, indent=2) or "  none")
    if s.metrics:
        lines += ["", style.bold("metrics"), columns(metric_rows(s.metrics), indent=2)]
    if report.runs:
        lines += ["", style.bold("environment"), *_environment(report.runs[0][1], style)]
    lines += ["", *_members(report, style), "", *_runs(report, style)]
    return lines


def _environment(run: RunRecord, style: Style) -> list[str]:
    """Return what the newest run ran on, by its id and by every package it loaded."""
    packages = [f"{words.plain(name)}{TIE}{words.plain(v)}" for name, v in run.packages.items()]
    on = [f"Python{TIE}{words.plain(run.python)}", words.plain(run.platform), *packages]
    return [f"  {words.short(run.environment)}", *wrapped(", ".join(on), style.width, 2, hang=0)]


def _members(report: ShowReport, style: Style) -> list[str]:
    members, missing = report.manifest.members, set(report.missing)
    total = words.size(sum(m.size for m in members.values()))
    rows = [
        (words.short(m.sha256), words.size(m.size), words.plain(path))
        + ((style.doubt("missing"),) if path in missing else ())
        for path, m in sorted(members.items())
    ]
    lines = [style.bold(f"{words.count(len(members), 'member')}, {total}")]
    lines.append(columns(rows, right=(1,), indent=2))
    if missing:
        lines.append(
            f"  {words.count(len(missing), 'member')} missing here: try git bt fsck, "
            "or fetch from where it was packed"
        )
    return lines


def _runs(report: ShowReport, style: Style) -> list[str]:
    lines = [style.bold(words.count(len(report.runs), "run"))]
    rows = [
        (
            words.short(run_id),
            words.plain(run.kind),
            _said(run.verdict, is_tested=run.is_test),
            words.minute(run.when_ns),
            words.seconds(run.elapsed_ms / 1000),
        )
        for run_id, run in report.runs
    ]
    if not rows:
        return [*lines, "  none recorded here"]
    table = columns(rows, right=(4,), indent=2).split("\n")
    for row, (_, run) in zip(table, report.runs, strict=True):
        ran_on = (words.engine(run.engine), f"Python {words.plain(run.python)}")
        said = (
            f"on {', '.join(ran_on)}, {words.plain(run.platform)}",
            f"by {words.plain(run.author)}",
        )
        lines.append(row)
        lines += [style.dim(x) for text in said for x in wrapped(text, style.width, 4)]
        if run.reason:
            lines += wrapped(f"reason: {words.plain(run.reason)}", style.width, 4)
    return lines


# -- diff -----------------------------------------------------------------------------------------


def diff(report: DiffReport, style: Style) -> list[str]:
    """Return what two bundles hold differently, A → B."""
    d = report
    a, b = words.short(d.a), words.short(d.b)
    if d.equal:
        lines = [f"{style.good('✓ equal')}  {a} and {b}: same engine, config, files and output"]
        return [*lines, *_changes("environment", d.environment, style)]
    lines = [f"{style.bold(a)} → {style.bold(b)}"]
    lines += _changes("engine", d.engine, style)
    lines += _changes("config", d.config, style)
    lines += _changes("environment", d.environment, style)
    lines += _files(d.files, style)
    lines += _metrics(d.metrics_a, d.metrics_b, style)
    found = d.comparison
    if found.differences or found.more:
        lines += ["", style.bold("output"), *differences(found.differences, found.more, style, 2)]
        if has_hidden(found.differences, found.more, style):
            lines.append(f"  to see each: git bt diff --all-differences {a} {b}")
    elif d.metrics_a and d.metrics_b:
        lines += ["", style.bold("output"), "  identical"]
    if d.code:
        lines += ["", style.bold("code"), *(_code(x, style) for x in words.plain_lines(d.code))]
    return lines


def _changes(title: str, changes: Sequence[Change], style: Style) -> list[str]:
    if not changes:
        return []
    rows = [(words.plain(c.name), f"{words.value(c.a)} → {words.value(c.b)}") for c in changes]
    return ["", style.bold(title), columns(rows, indent=2)]


def _files(changes: Sequence[Change], style: Style) -> list[str]:
    if not changes:
        return []
    rows = []
    for c in changes:
        sign = "A" if c.a is None else "D" if c.b is None else "M"
        sides = f"{_digest(c.a)} → {_digest(c.b)}" if sign == "M" else _digest(c.a or c.b)
        rows.append((sign, sides, words.plain(c.name)))
    return ["", style.bold("files"), columns(rows, indent=2)]


def _digest(found: object) -> str:
    return words.short(str(found))


def _metrics(a: Metrics | None, b: Metrics | None, style: Style) -> list[str]:
    if a is None or b is None or a == b:
        return []
    before, after = dict(metric_rows(a)), dict(metric_rows(b))
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    rows = [(n, f"{before.get(n, '-')} → {after.get(n, '-')}") for n in names]
    return ["", style.bold("metrics"), columns(rows, indent=2) or "  equal to ten digits"]


def _code(line: str, style: Style) -> str:
    if line.startswith(("+++", "---", "diff ", "index ")):
        return style.bold(line)
    if line.startswith("@@"):
        return style.dim(line)
    return style.good(line) if line[:1] == "+" else style.bad(line) if line[:1] == "-" else line


# -- in and out -----------------------------------------------------------------------------------


def export(report: ExportReport, style: Style) -> list[str]:
    """Return the answer of export; the digest in full, to be compared."""
    e = report
    bundle, path = style.bold(words.short(e.bundle)), style.bold(words.plain(e.path))
    made_for = " in the layout of lrvx bundle" if e.layout == "lrvx" else ""
    return [
        f"exported {bundle} to {path}, {words.size(e.size)}{made_for}",
        f"  sha256 {words.plain(e.sha256)}",
        *explained("", "", None, e.notices, style),
    ]


def import_(report: ImportReport, style: Style) -> list[str]:
    """Return the answer of import, one entry an archive."""
    lines = []
    for b in report.bundles:
        name = style.bold(words.plain(b.name))
        if b.bundle is not None:
            kind = " (a FLOX bundle)" if b.foreign else ""
            bundle = style.bold(words.short(b.bundle))
            lines.append(f"{style.good('✓ imported')}  {name} as bundle {bundle}{kind}")
        else:
            lines.append(f"{style.bad('✗ not imported')}  {name}")
        lines += explained(b.message, "", b.hint, (), style)
    done = sum(b.bundle is not None for b in report.bundles)
    if len(report.bundles) > 1:
        lines.append(f"{words.count(len(report.bundles), 'archive')}: {done} imported")
    return lines


def restore(report: RestoreReport, style: Style) -> list[str]:
    """Return the answer of restore."""
    where = style.bold(words.plain(report.directory))
    files = words.count(len(report.files), "file")
    noun = "snapshot" if report.bundle is None else "bundle"
    what = style.bold(words.short(report.bundle or report.snapshot))
    lines = [f"restored {noun} {what} to {where}: {files}"]
    lines += [f"  {words.plain(path)}" for path in report.files]
    return [*lines, *explained("", "", None, report.notices, style)]


# -- health ---------------------------------------------------------------------------------------


def fsck(report: FsckReport, style: Style) -> list[str]:
    """Return the answer of fsck: what was looked at, and each broken thing."""
    f = report
    counts = {
        "bundle": f.bundles,
        "snapshot": f.snapshots,
        "run": f.runs,
        "sweep": f.sweeps,
        "result": f.results,
        "object": f.objects,
    }
    looked = ", ".join(words.count(n, x) for x, n in counts.items() if n or x != "sweep")
    sign, paint = ("✗ broken", style.bad) if f.problems else ("✓ whole", style.good)
    found = f"{words.count(len(f.problems), 'problem')} in " if f.problems else ""
    lines = wrapped(f"{sign}  {found}{looked}", style.width, 0)
    lines[0] = lines[0].replace(sign, paint(sign), 1)
    remarks = [x for r in f.remarks for x in wrapped(f"note: {words.plain(r)}", style.width, 2)]
    for p in f.problems:
        name = style.bold(f"{words.plain(p.kind)} {words.plain(p.name)}")
        lines += [f"  {name}", *wrapped(words.plain(p.message), style.width, 4)]
        if p.bundles:
            broken = words.joined(map(words.short, p.bundles))
            what = "bundle" if len(p.bundles) == 1 else "bundles"
            lines += wrapped(f"breaks {what} {broken}", style.width, 4)
    return lines + remarks


def engines(report: EnginesReport, style: Style) -> list[str]:
    """Return the table of engines: where each is found, or how to get it; then the Pythons."""
    if not report.engines:
        return ["no engines are known to this git-bt"]
    rows = [(" ", "ENGINE", "VERSION", "FOUND BY, OR HOW TO GET IT")]
    pythons: dict[str, str] = {}
    for e in report.engines:
        name, by = words.plain(e.name), words.plain(e.found_by or "-")
        if e.version is None:
            rows.append((style.doubt("?"), name, "-", words.plain(e.install)))
            continue
        rows.append((style.good("✓"), name, words.plain(e.version), by))
        pythons.setdefault(by, words.plain(e.python or "-"))
    top, *rest = columns(rows).split("\n")
    found = [f"{by}: {style.fit_path(path, style.width - len(by) - 2)}"
             for by, path in pythons.items()]  # fmt: skip
    return [style.dim(top), *rest, *found]
