"""The answer of hook: short, for somebody waits for a commit; nothing where all is known."""

from collections.abc import Sequence

from git_bt.hooking import Hooked, HookReport
from git_bt.output import words
from git_bt.output.sharing import amount
from git_bt.output.style import Style
from git_bt.output.tables import columns
from git_bt.output.verdicts import TIE, differences, explained, metric_rows, wrapped
from git_bt.reports import TiedCommit

_SAID = {
    "identical": "code changed, results identical",
    "within-tolerance": "changed, results within tolerance",
    "extended": "tape extended",
    "changed": "results changed",
    "new": "new",
    "incomplete": "cannot be judged here",
    "conflict": "two outputs of the same inputs",
    "notice": "note",
}
_GOOD = ("identical", "within-tolerance", "extended", "new")
_DOUBT = ("incomplete", "conflict", "notice", "changed")
_COUNTED = ("environment", "queued", "captured")
_NAMES = 3


def hook(report: HookReport, style: Style) -> list[str]:
    """Return what there is to say, nothing where every strategy is known."""
    lines: list[str] = []
    for each in report.strategies:
        if each.state not in _COUNTED:
            lines += _strategy(each, style)
    lines += _environment(report.strategies, style)
    lines += _queued(report, style)
    for commit in report.tied:
        lines += _tied(commit, style)
    if report.pushed is not None:
        lines.append(f"pushed {amount(report.pushed)} to {words.plain(report.remote or '-')}")
    for text in (report.message, f"hint: {report.hint}" if report.hint else ""):
        lines += wrapped(words.plain(text), style.width, 0) if text else []
    stops = sum(each.stops for each in report.strategies)
    if stops:
        what = "push" if report.hook == "pre-push" else "commit"
        what = "check" if report.hook == "check" else f"the {what}"
        who = words.count(stops, "strategy", "strategies")
        lines += wrapped(style.bad(f"{what} stops for {who}"), style.width, 0)
    return lines


def _strategy(each: Hooked, style: Style) -> list[str]:
    said = _SAID.get(each.state, words.plain(each.state))
    paint = style.good if each.state in _GOOD else style.doubt
    sign = "✓" if each.state in _GOOD else "?" if each.state in _DOUBT else "✗"
    if each.stops or (each.state not in _GOOD and each.state not in _DOUBT):
        sign, paint = "✗", style.bad
    lines = [f"{paint(f'{sign} {said}')}  {style.bold(words.plain(each.strategy))}{_about(each)}"]
    if each.before is not None and each.after is not None:
        lines += _metrics(each, style)
    lines += differences(each.differences, each.more, style)
    lines += explained(each.message, each.tail, each.hint, (), style)
    return lines


def _about(each: Hooked) -> str:
    about = f" ({words.short(each.bundle)})" if each.bundle else ""
    about += f" in {words.short(each.commit)}" if each.commit else ""
    return about + (f", {words.seconds(each.elapsed_s)}" if each.elapsed_s else "")


def _metrics(each: Hooked, style: Style) -> list[str]:
    assert each.before is not None
    assert each.after is not None
    old, new = dict(metric_rows(each.before)), dict(metric_rows(each.after))
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    before = words.short(each.previous)
    lines = [f"    {before} → {words.short(each.bundle)}"] if each.bundle else []
    rows = [(name, old.get(name, "-"), "→", new.get(name, "-")) for name in names]
    return [*lines, *([columns(rows, right=(1,), indent=4)] if rows else [])]


def _environment(strategies: Sequence[Hooked], style: Style) -> list[str]:
    count = sum(each.state == "environment" for each in strategies)
    if not count:
        return []
    them = "it is" if count == 1 else "they are"
    text = (
        f"{words.count(count, 'strategy', 'strategies')} known, on other versions than here: "
        f"not run; {them} with git{TIE}bt{TIE}validate"
    )
    return wrapped(text, style.width, 0)


def _queued(report: HookReport, style: Style) -> list[str]:
    queued = [each for each in report.strategies if each.state == "queued"]
    if not queued:
        return []
    names = [words.plain(each.strategy) for each in queued[:_NAMES]]
    if len(queued) > _NAMES:
        names.append(f"{len(queued) - _NAMES} more")
    text = f"queued: {words.joined(names)}; run before a push, or now with git{TIE}bt{TIE}validate"
    return wrapped(text, style.width, 0)


def _tied(commit: TiedCommit, style: Style) -> list[str]:
    names = [
        f"{words.plain(t.strategy)}{TIE}({words.short(t.bundle) if t.bundle else 'code'})"
        for t in commit.strategies
    ]
    if len(names) > _NAMES:
        names = [*names[:_NAMES], f"{len(names) - _NAMES} more"]
    text = f"tied to {words.short(commit.commit)}: {words.joined(names)}"
    return wrapped(text, style.width, 0)
