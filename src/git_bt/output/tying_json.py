"""The JSON of answers about results on commits; its pieces are in `pieces_json.py`."""

from collections.abc import Callable
from typing import Any

from git_bt import reports as r
from git_bt.output.pieces_json import Json, differences_json, metrics_json


def _record(found: r.RecordReport) -> Json:
    return {
        "commits": [
            {
                "commit": c.commit,
                "subject": c.subject,
                "strategies": [tied_json(each) for each in c.strategies],
            }
            for c in found.commits
        ]
    }


def tied_json(each: r.Tied) -> Json:
    """Return what became of one strategy of a commit as an object."""
    return {
        "strategy": each.strategy,
        "state": each.state,
        "inputs": each.inputs,
        "kind": each.kind,
        "bundle": each.bundle,
        "run": each.run,
        "verdict": each.verdict.value if each.verdict else None,
        "origin": each.origin,
        "message": each.message or None,
        "hint": each.hint,
    }


def _accept(found: r.AcceptReport) -> Json:
    return {
        "strategies": [
            {
                "strategy": a.strategy,
                "bundle": a.bundle,
                "replaces": a.replaces,
                "inputs": a.inputs,
                "run": a.run,
                "commit": a.commit,
                "metrics": {"before": metrics_json(a.before), "after": metrics_json(a.after)},
                "differences": differences_json(a.comparison.differences if a.comparison else ()),
                "more": a.comparison.more if a.comparison else {},
                "reason": a.reason,
                "exit": int(a.exit),
                "message": a.message or None,
                "hint": a.hint,
            }
            for a in found.strategies
        ]
    }


CONVERT: dict[type, tuple[str, Callable[[Any], Json]]] = {
    r.RecordReport: ("record", _record),
    r.AcceptReport: ("accept", _accept),
}
