"""The JSON of answers about commits and the work tree; its pieces are in `pieces_json.py`."""

from collections.abc import Callable
from typing import Any

from git_bt import looking as k
from git_bt.output.pieces_json import Json, metrics_json, run_json


def _tape_pin(p: k.TapePinReport) -> Json:
    return {
        "tape": p.tape,
        "path": p.path,
        "files": p.files,
        "size": p.size,
        "sha256": p.sha256,
        "written": p.written,
        "notices": [{"kind": n.kind, "message": n.message, "path": n.path} for n in p.notices],
    }


def _log(found: k.LogReport) -> Json:
    return {
        "commits": [
            {
                "commit": c.commit,
                "when_s": c.when_s,
                "author": c.author,
                "subject": c.subject,
                "results": [_logged(result) for result in c.results],
            }
            for c in found.commits
        ],
        "more": found.more,
    }


def _logged(result: k.LoggedResult) -> Json:
    return {
        "strategy": result.strategy,
        "inputs": result.inputs,
        "bundle": result.bundle,
        "run": result.run,
        "verdict": result.verdict.value,
        "kind": result.kind,
        "replaces": result.replaces,
        "fork": result.fork,
        "metrics": metrics_json(result.metrics),
        "previous": result.previous,
        "before": metrics_json(result.before),
    }


def _status(s: k.StatusReport) -> Json:
    return {"head": s.head, "strategies": [_state(state) for state in s.strategies]}


def _state(s: k.StrategyState) -> Json:
    staged = s.staged
    return {
        "strategy": s.strategy,
        "state": s.state,
        "inputs": s.inputs,
        "bundle": s.bundle,
        "fork": s.fork,
        "tape": s.tape,
        "tape_state": s.tape_state.value if s.tape_state else None,
        "staged": None if staged is None else {"state": staged.state, "inputs": staged.inputs},
        "environment": [
            {"name": c.name, "recorded": c.recorded, "here": c.here} for c in s.environment
        ],
        "message": s.message or None,
        "hint": s.hint or None,
    }


def _commit(c: k.CommitReport) -> Json:
    return {
        "commit": c.commit,
        "when_s": c.when_s,
        "author": c.author,
        "subject": c.subject,
        "results": [
            {
                "strategy": x.strategy,
                "inputs": x.inputs,
                "bundle": x.bundle,
                "run": x.run,
                "verdict": x.verdict.value if x.verdict else None,
                "kind": x.kind,
                "replaces": x.replaces,
                "origin": x.origin,
                "fork": x.fork,
                "record": run_json(x.run, x.record) if x.run and x.record else None,
                "metrics": metrics_json(x.metrics),
            }
            for x in c.results
        ],
    }


def _conflicts(c: k.ConflictsReport) -> Json:
    return {
        "conflicts": [
            {
                "inputs": row.inputs,
                "strategies": row.strategies,
                "outputs": [
                    {
                        "bundle": output.bundle,
                        "runs": output.runs,
                        "first": run_json(None, output.first),
                        "metrics": metrics_json(output.metrics),
                    }
                    for output in row.outputs
                ],
            }
            for row in c.conflicts
        ]
    }


CONVERT: dict[type, tuple[str, Callable[[Any], Json]]] = {
    k.TapePinReport: ("tape-pin", _tape_pin),
    k.LogReport: ("log", _log),
    k.StatusReport: ("status", _status),
    k.CommitReport: ("show-commit", _commit),
    k.ConflictsReport: ("ls-conflicts", _conflicts),
}
