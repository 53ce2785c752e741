"""The JSON of answers about sweeps; its pieces are in `pieces_json.py`."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from git_bt import sweeping as w
from git_bt.output.pieces_json import (
    Json,
    differences_json,
    engine_json,
    metrics_json,
    notices_json,
)


def _ls(s: w.SweepsReport) -> Json:
    return {"sweeps": [asdict(each) for each in s.sweeps], "notices": notices_json(s.notices)}


def _show(s: w.SweepReport) -> Json:
    return {
        "sweep": asdict(s.head),
        "elapsed_ns": s.elapsed_ns,
        "parameters": [asdict(each) for each in s.parameters],
        "metrics": [asdict(each) for each in s.metrics],
        "errors": [{"message": text, "runs": count} for text, count in s.errors],
        "unsteady": s.unsteady,
        "environments": [
            {
                "python": around.python,
                "platform": around.platform,
                "packages": around.packages,
                "runs": count,
            }
            for around, count in s.environments
        ],
        "work_trees": [
            {
                "commit": each.commit,
                "dirty": each.is_dirty,
                "diff": each.diff,
                "runs": each.runs,
            }
            for each in s.work_trees
        ],
        "notices": notices_json(s.notices),
    }


def _best(b: w.BestReport) -> Json:
    return {
        "sweep": asdict(b.head),
        "metric": b.metric,
        "lowest": b.lowest,
        "of": b.of,
        "unranked": b.unranked,
        "runs": [asdict(each) for each in b.runs],
        "notices": notices_json(b.notices),
    }


def _promote(p: w.PromoteReport) -> Json:
    found = p.comparison
    return {
        "run": p.run,
        "sweep": p.sweep,
        "name": p.name,
        "params": p.params,
        "strategy": p.strategy,
        "rank": p.rank,
        "bundle": p.bundle,
        "snapshot": p.snapshot,
        "engine": engine_json(p.engine),
        "metrics": metrics_json(p.metrics),
        "verdict": str(p.verdict),
        "checks": [asdict(each) for each in p.checks],
        "differences": differences_json(found.differences) if found else [],
        "more": found.more if found else {},
        "elapsed_s": p.elapsed_s,
        "message": p.message or None,
        "hint": p.hint,
        "tail": p.tail or None,
        "notices": notices_json(p.notices),
    }


def _merge(m: w.MergedReport) -> Json:
    return {"files": m.files, "runs": m.runs, "notices": notices_json(m.notices)}


CONVERT: Mapping[type, tuple[str, Callable[[Any], Json]]] = {
    w.SweepsReport: ("sweep-ls", _ls),
    w.SweepReport: ("sweep-show", _show),
    w.BestReport: ("sweep-best", _best),
    w.PromoteReport: ("sweep-promote", _promote),
    w.MergedReport: ("sweep-merge", _merge),
}
