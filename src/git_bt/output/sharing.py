"""Answers about sharing results: fetch, push, init, doctor."""

from collections.abc import Callable, Mapping, Sequence

from git_bt.output import words
from git_bt.output.style import Style
from git_bt.output.tables import columns
from git_bt.output.verdicts import differences, explained, wrapped
from git_bt.sharing import (
    Amount,
    Check,
    Divergence,
    DoctorReport,
    FetchReport,
    Health,
    InitReport,
    Moved,
    PushReport,
    RefMove,
    Side,
)

_CHANGES = 6
_SIGN: Mapping[Health, Callable[[Style], str]] = {
    Health.DANGER: lambda style: style.bad("✗"),
    Health.NOTE: lambda style: style.doubt("?"),
    Health.FINE: lambda style: style.good("✓"),
}


# -- fetch and push -------------------------------------------------------------------------------


def fetch(report: FetchReport, style: Style) -> list[str]:
    """Return the answer of fetch: what came, how each ref moved, and what it contradicts."""
    f = report
    remote = style.bold(words.plain(f.remote))
    lines = []
    if f.came == Amount() and not any(ref.how is not Moved.SAME for ref in f.refs):
        lines.append(f"nothing new from {remote}")
    else:
        verb = "would merge" if f.dry_run else "fetched" if f.commits is not None else "merged"
        lines.append(f"{verb} {amount(f.came)} from {remote}")
        lines += _refs(f.refs)
    for taken in f.commits or ():
        found = words.count(taken.results, "result") if taken.results else "no results"
        lines.append(f"  commit {words.short(taken.commit)}: {found} there")
    if f.completed:
        lines.append(f"  got {words.count(f.completed, 'object')} that this clone had left out")
    return lines + _divergences(f.divergences, style)


def push(report: PushReport, style: Style) -> list[str]:
    """Return the answer of push: what went, after what was merged."""
    p = report
    remote = style.bold(words.plain(p.remote))
    lines = []
    if p.came != Amount():
        verb = "would merge" if p.dry_run else "merged"
        lines.append(f"{verb} {amount(p.came)} from {remote}")
    if p.refs:
        verb = "would push" if p.dry_run else "pushed"
        lines.append(f"{verb} {amount(p.went)} to {remote}")
        lines += _refs(p.refs)
    else:
        lines.append(f"nothing to push to {remote}")
    lines += _divergences(p.divergences, style)
    return [*lines, *explained("", "", None, p.notices, style)]


def amount(found: Amount) -> str:
    """Return how much came or went, in words."""
    parts = (
        (found.bundles, "bundle"),
        (found.snapshots, "snapshot"),
        (found.runs, "run"),
        (found.sweeps, "sweep"),
        (found.results, "result"),
    )
    said = [words.count(n, noun) for n, noun in parts if n]
    return words.joined(said) if said else "history only"


def _refs(refs: Sequence[RefMove]) -> list[str]:
    rows = [
        (words.plain(r.ref), r.how.value, f"{_oid(r.before)} → {_oid(r.after)}")
        for r in refs
        if r.how is not Moved.SAME
    ]
    return [columns(rows, indent=2)] if rows else []


def _oid(oid: str | None) -> str:
    return words.short(oid)


def _divergences(found: Sequence[Divergence], style: Style) -> list[str]:
    return [line for each in found for line in ["", *_divergence(each, style)]]


def _divergence(d: Divergence, style: Style) -> list[str]:
    sign = style.dim("replaced") if d.accepted else style.bad("✗ diverged")
    name = style.bold(words.plain(d.strategy or "-"))
    lines = [
        f"{sign}  {name}: the same inputs gave another output",
        columns([("here", *_side(d.ours, style)), ("there", *_side(d.theirs, style))], indent=4),
    ]
    if d.comparison is not None:
        lines += differences(d.comparison.differences, d.comparison.more, style)
    if d.message:
        lines += wrapped(words.plain(d.message), style.width, 4)
    for c in d.environment[:_CHANGES]:
        both = f"{words.value(c.a)} here, {words.value(c.b)} there"
        lines += wrapped(f"{words.plain(c.name)}: {both}", style.width, 4)
    if len(d.environment) > _CHANGES:
        lines.append(f"    and {len(d.environment) - _CHANGES} others that differ")
    ids = f"{words.short(d.ours.bundle)} {words.short(d.theirs.bundle)}"
    return [*lines, style.dim(f"    next: git bt diff {ids}")]


def _side(side: Side, style: Style) -> tuple[str, str, str]:
    by = f"by {style.fit(words.plain(side.author), 30)}" if side.author else "no run of it"
    return (words.short(side.bundle), words.engine(side.engine), by)


# -- init and doctor ------------------------------------------------------------------------------


def init(report: InitReport, style: Style) -> list[str]:
    """Return the answer of init: the lines of the configuration that were written or removed."""
    i = report
    lines = [f"set {words.plain(s.key)} = {words.plain(s.value)}" for s in i.written]
    lines += [f"removed {words.plain(s.key)} = {words.plain(s.value)}" for s in i.removed]
    room = style.width - len("installed ")
    for hook in i.hooks:
        lines.append(f"{words.plain(hook.how)} {style.fit_path(words.plain(hook.path), room)}")
    if not lines:
        lines = ["nothing to take back" if i.undo else "already set"]
    if i.undo:
        lines.append("results stay where they are, in refs/bt/store and refs/notes/bt")
    else:
        lines.append("git log shows results as notes; git bt init --undo takes that back")
    if any(hook.how == "chained" for hook in i.hooks):
        lines += wrapped("a chained hook calls the one that was there, first", style.width, 0)
    for check in i.checks:
        lines += _check(check, style)
    return lines


def doctor(report: DoctorReport, style: Style) -> list[str]:
    """Return a line a check, what is in danger first, each with its mend."""
    checks = sorted(report.checks, key=lambda check: list(Health).index(check.state))
    lines = [line for check in checks for line in _check(check, style)]
    dangers = sum(check.state is Health.DANGER for check in checks)
    if dangers:
        return [*lines, style.bad(f"{words.count(dangers, 'thing')} to mend")]
    return [*lines, style.good("results are safe here")]


def _check(check: Check, style: Style) -> list[str]:
    sign = _SIGN[check.state](style)
    first, *rest = wrapped(words.plain(check.message), style.width, 2)
    lines = [f"{sign} {first[2:]}", *rest]
    return lines + ([f"    mend: {words.plain(check.mend)}"] if check.mend else [])
