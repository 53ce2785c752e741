"""Answers about commits and the work tree: log, status, tape pin."""

from collections import Counter
from collections.abc import Iterator, Sequence

from git_bt.comparison import Metrics
from git_bt.looking import (
    CommitReport,
    CommitResult,
    ConflictsReport,
    LoggedCommit,
    LoggedResult,
    LogReport,
    StatusReport,
    StrategyState,
    TapePinReport,
)
from git_bt.model import TapeState
from git_bt.output import words
from git_bt.output.style import Style
from git_bt.output.verdicts import PACKAGES, TIE, explained, wrapped

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


def heading(commit: LoggedCommit | CommitReport, style: Style) -> list[str]:
    """Return the line of one commit, cut at its end."""
    when = words.minute(commit.when_s * 10**9)
    head = f"commit {words.plain(commit.commit[:12])}"
    rest = words.plain(f"{when}  {commit.author}  {commit.subject}".rstrip())
    return [f"{style.doubt(head)}  {style.fit(rest, max(20, style.width - len(head) - 2))}"]


def _logged(result: LoggedResult, style: Style) -> list[str]:
    name = style.bold(words.plain(result.strategy))
    verdict = _verdict(result, style)
    lines = [f"  {verdict}  {name} ({words.short(result.bundle)})"]
    kind = "" if result.kind == "measured" else words.plain(result.kind)
    replaced = f" instead of {words.short(result.replaces)}" if result.replaces else ""
    same = "as before" if result.previous == result.bundle else ""
    fork = _fork(result.fork)
    said = ["the bundle is not here: git bt fetch"]
    if result.metrics is not None:
        said = [x.replace(" ", TIE) for x in headline(result.metrics, result.before)]
    said = [x for x in (kind + replaced, fork, same, *said) if x]
    return lines + wrapped(", ".join(said), style.width, 6, hang=0)


def _verdict(result: LoggedResult | CommitResult, style: Style) -> str:
    """Return a result's verdict; a stranger's is not ours to tick off."""
    if result.verdict is None:
        return "? not tied"
    return style.doubt(f"? {result.verdict}") if result.fork else style.verdict(result.verdict)


def _fork(origin: str | None) -> str:
    """Say of a fork's result that it is one."""
    return f"by the word of a fork: {words.plain(origin)}" if origin else ""


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


# -- status ---------------------------------------------------------------------------------------

_STATES = {
    "known": "✓", "changed": "✗", "new": "✗", "conflict": "✗", "unreadable": "✗", "removed": "✗",
    "environment": "?", "fork": "?", "unfetched": "?", "incomplete": "?",
}  # fmt: skip
"""Each state with its sign, the best first; the summary keeps this order."""

_TAPES = {
    TapeState.CHANGED: "is not what its pin says: git bt tape pin",
    TapeState.MISSING: "is not here; its pin says what it holds",
    TapeState.UNPINNED: "is neither tracked nor pinned, so no commit knows it: git bt tape pin",
}


def status(report: StatusReport, style: Style) -> list[str]:
    """Return a line a strategy, what is to be done about it, and how many there are of each."""
    if not report.strategies:
        return ["no strategies here", "next: write a strategy.yaml, or git bt demo"]
    lines = [line for state in report.strategies for line in _state(state, style)]
    lines += _tapes(report.strategies, style)
    counts = Counter(state.state for state in report.strategies)
    said = ", ".join(f"{counts[state]} {state}" for state in _STATES if counts[state])
    total = words.count(len(report.strategies), "strategy", "strategies")
    return lines + wrapped(f"{total}: {said}", style.width, 0)


def _state(s: StrategyState, style: Style) -> list[str]:
    sign = _STATES.get(s.state, "?")
    paint = {"✓": style.good, "✗": style.bad}.get(sign, style.doubt)
    about = f" ({words.short(s.bundle)})" if s.bundle else ""
    state = words.plain(s.state)
    lines = [f"{paint(f'{sign} {state}')}  {style.bold(words.plain(s.strategy))}{about}"]
    for change in s.environment[:PACKAGES]:
        then, here = (words.plain(x or "missing") for x in (change.recorded, change.here))
        lines += wrapped(
            f"{words.plain(change.name)} {then} when it ran, here {here}", style.width, 4
        )
    if len(s.environment) > PACKAGES:
        lines.append(f"    and {len(s.environment) - PACKAGES} other packages that differ")
    if s.fork:
        lines += wrapped(f"{words.short(s.bundle)} is {_fork(s.fork)}", style.width, 4)
    if s.staged is not None:
        lines.append(f"    staged: {words.plain(s.staged.state)}, other inputs than the work tree")
    return lines + list(explained(s.message, "", s.hint, (), style))


def _tapes(states: Sequence[StrategyState], style: Style) -> list[str]:
    found = dict.fromkeys((s.tape, s.tape_state) for s in states if s.tape_state in _TAPES)
    lines = []
    for tape, state in found:
        assert state is not None
        name = words.plain(tape or "-")
        tail = f" {name}" if state is not TapeState.MISSING else ""
        lines += wrapped(f"tape {name} {_TAPES[state]}{tail}", style.width, 0)
    return lines


# -- show COMMIT, ls --conflicts ------------------------------------------------------------------


def commit(report: CommitReport, style: Style) -> list[str]:
    """Return the results that belong to a commit, each with what it ran on."""
    lines = heading(report, style)
    for result in report.results:
        lines += _belonging(report, result, style)
    if not report.results:
        return [*lines, "  no results", "next: git bt record, or git bt fetch"]
    one = words.plain(f"{report.commit[:12]}:{report.results[0].strategy}")
    return [*lines, style.dim(f"everything of one: git bt show {one}")]


def _belonging(report: CommitReport, result: CommitResult, style: Style) -> list[str]:
    name = style.bold(words.plain(result.strategy))
    verdict = _verdict(result, style)
    lines = [f"  {verdict}  {name} ({words.short(result.bundle)})"]
    said = []
    if result.kind not in (None, "measured"):
        replaced = f" instead of {words.short(result.replaces)}" if result.replaces else ""
        said.append(f"{words.plain(result.kind or '')}{replaced}")
    if result.origin not in (None, report.commit):
        said.append(f"same inputs as {words.plain((result.origin or '')[:12])}")
    if result.fork:
        said.append(_fork(result.fork))
    if result.metrics is None:
        said.append("the bundle is not here: git bt fetch")
    else:
        said += [x.replace(" ", TIE) for x in headline(result.metrics, None)]
    lines += wrapped(", ".join(said), style.width, 6, hang=0)
    if result.record is not None:
        run = result.record
        on = f"{words.engine(run.engine)}, Python {words.plain(run.python)}, "
        who = f"by {words.plain(run.author)}, {words.minute(run.when_ns)}"
        lines += [style.dim(x) for x in wrapped(f"on {on}{who}", style.width, 6)]
    return lines


def conflicts(report: ConflictsReport, style: Style) -> list[str]:
    """Return each conflict with its outputs, and how to settle it."""
    if not report.conflicts:
        return [f"{style.good('✓ no conflicts')}"]
    lines: list[str] = []
    for row in report.conflicts:
        names = words.plain(", ".join(row.strategies))
        lines.append(
            f"{style.bad('✗ conflict')}  {style.bold(names)}, inputs {words.short(row.inputs)}"
        )
        for output in row.outputs:
            run = output.first
            runs = words.count(output.runs, "run")
            head = f"{words.short(output.bundle)}  {runs}, first {words.minute(run.when_ns)}"
            lines.append(f"  {head}, {words.engine(run.engine)}")
            if output.metrics is not None:
                said = [x.replace(" ", TIE) for x in headline(output.metrics, None)]
                lines += wrapped(", ".join(said), style.width, 6, hang=0)
        pair = " ".join(words.short(output.bundle) for output in row.outputs[:2])
        lines.append(style.dim(f"  to compare: git bt diff {pair}; to settle: git bt accept"))
    return lines
