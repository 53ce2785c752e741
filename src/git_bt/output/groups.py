"""Verdicts over many strategies by what became of the outputs, as after an engine upgrade.

Identical ones are only named, changed ones come with how far their metrics went: somebody is to
decide over all of them at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from git_bt.comparison import Metrics, Validation
from git_bt.model import Verdict
from git_bt.output import words
from git_bt.output.style import Style
from git_bt.output.tables import columns
from git_bt.output.verdicts import validation, wrapped
from git_bt.reports import ValidateReport

_GROUPS = {
    "identical": (Verdict.REPRODUCED, Verdict.EXTENDED),
    "within tolerance": (Verdict.WITHIN_TOLERANCE,),
    "changed": (Verdict.DIVERGED,),
}
_REST = "failed or not judged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Strategies of one kind; `changes` are the least and the greatest change of each metric."""

    name: str
    bundles: tuple[Validation, ...]
    changes: dict[str, tuple[float, float]]


def groups(found: Sequence[Validation]) -> list[Group]:
    """Return the groups that are not empty, in the order of what asks least to what asks most."""
    named = {
        name: [v for v in found if v.verdict in verdicts] for name, verdicts in _GROUPS.items()
    }
    known = {verdict for verdicts in _GROUPS.values() for verdict in verdicts}
    named[_REST] = [v for v in found if v.verdict not in known]
    return [
        Group(name=name, bundles=tuple(some), changes=_changes(some))
        for name, some in named.items()
        if some
    ]


def _changes(found: Sequence[Validation]) -> dict[str, tuple[float, float]]:
    changes = {}
    for name in Metrics.__slots__:
        pairs = [
            (getattr(v.before, name), getattr(v.after, name))
            for v in found
            if v.before is not None and v.after is not None
        ]
        steps = [new - old for old, new in pairs if old is not None and new is not None]
        if any(steps):
            changes[name.rstrip("_")] = (min(steps), max(steps))
    return changes


def grouped(report: ValidateReport, style: Style) -> list[str]:
    """Return the answer of validate --group."""
    lines: list[str] = []
    for group in groups(report.bundles):
        count = words.count(len(group.bundles), "strategy", "strategies")
        lines += [*([""] if lines else []), f"{style.bold(group.name)}: {count}"]
        if group.name in ("identical", "within tolerance"):
            names = ", ".join(words.plain(v.name).replace(" ", "\u00a0") for v in group.bundles)
            lines += wrapped(names, style.width, 2, hang=0)
        rows = [
            (name.replace("_", " "), f"{low:+.6g}", "to", f"{high:+.6g}")
            for name, (low, high) in group.changes.items()
        ]
        if rows:
            lines += ["  metrics changed by", columns(rows, right=(1, 3), indent=4)]
        if group.name not in ("identical", "within tolerance"):
            lines += [f"  {x}" for v in group.bundles for x in validation(v, style)]
    if any(v.verdict is Verdict.DIVERGED for v in report.bundles):
        lines += ["", style.dim('to take all that changed: git bt accept --all -m "WHY"')]
    return lines
