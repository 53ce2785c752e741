"""The JSON of gate's answer; its pieces are in `pieces_json.py`."""

from collections.abc import Callable
from typing import Any

from git_bt.gating import Acceptance, Finding, Gated, GateReport
from git_bt.output.pieces_json import Json, differences_json, engine_json, metrics_json


def _gate(report: GateReport) -> Json:
    return {
        "base": report.base,
        "head": report.head,
        "merge_base": report.merge_base,
        "commits": report.commits,
        "policy": report.policy,
        "strategies": [_gated(each) for each in report.strategies],
        "findings": [_finding(each) for each in report.findings],
    }


def _gated(g: Gated) -> Json:
    return {
        "strategy": g.strategy,
        "state": g.state,
        "how": g.how,
        "verdict": g.verdict.value if g.verdict else None,
        "effect": g.effect.value,
        "renamed_from": g.renamed_from,
        "commit": g.commit,
        "inputs": {"before": g.inputs_before, "after": g.inputs},
        "recorded": g.recorded,
        "changes": [
            {"what": c.what, "name": c.name, "before": c.before, "after": c.after}
            for c in g.changes
        ],
        "metrics": {"before": metrics_json(g.before), "after": metrics_json(g.after)},
        "differences": differences_json(g.comparison.differences if g.comparison else ()),
        "more": g.comparison.more if g.comparison else {},
        "acceptance": _acceptance(g.acceptance),
        "environment": [
            {"name": c.name, "recorded": c.recorded, "here": c.here} for c in g.environment
        ],
        "engine": engine_json(g.engine),
        "elapsed_s": g.elapsed_s,
        "tail": g.tail or None,
        "findings": [_finding(each) for each in g.findings],
        "exit": int(g.exit_code),
    }


def _acceptance(a: Acceptance | None) -> Json | None:
    if a is None:
        return None
    return {
        "bundle": a.bundle,
        "run": a.run,
        "author": a.author,
        "reason": a.reason,
        "when_ns": a.when_ns,
        "replaces": a.replaces,
        "fork": a.fork,
    }


def _finding(f: Finding) -> Json:
    return {
        "kind": f.kind,
        "level": f.level.value,
        "message": f.message,
        "hint": f.hint,
        "strategy": f.strategy,
        "path": f.path,
        "commit": f.commit,
    }


CONVERT: dict[type, tuple[str, Callable[[Any], Json]]] = {GateReport: ("gate", _gate)}
