"""Objects that stand in the JSON of several commands, spelled the same in each."""

from collections.abc import Iterable
from typing import Any

from git_bt.comparison import Difference, Metrics
from git_bt.model import EngineVersion, Notice, RunRecord

Json = dict[str, Any]


def engine_json(engine: EngineVersion | None) -> Json | None:
    """Return an engine with its version as an object."""
    return None if engine is None else {"name": engine.name, "version": engine.version}


def metrics_json(metrics: Metrics | None) -> Json | None:
    """Return metrics as an object; `return_` is `return` there."""
    if metrics is None:
        return None
    return {name.rstrip("_"): getattr(metrics, name) for name in Metrics.__slots__}


def differences_json(found: Iterable[Difference]) -> list[Json]:
    """Return differences as objects."""
    return [
        {
            "path": d.path,
            "row": d.row,
            "ts_ns": d.ts_ns,
            "expected": d.expected,
            "actual": d.actual,
            "detail": d.detail or None,
        }
        for d in found
    ]


def notices_json(found: Iterable[Notice]) -> list[Json]:
    """Return notices as objects."""
    return [{"kind": n.kind, "message": n.message, "path": n.path} for n in found]


def run_json(run_id: str | None, run: RunRecord) -> Json:
    """Return a run record as an object, its id beside its own fields."""
    compare = {name: {"rtol": t.rtol, "atol": t.atol} for name, t in run.compare.items()}
    return {
        "run": run_id,
        "bundle": run.bundle,
        "inputs": run.inputs,
        "environment": run.environment,
        "strategy": run.strategy,
        "verdict": run.verdict.value,
        "kind": run.kind,
        "when_ns": run.when_ns,
        "elapsed_ms": run.elapsed_ms,
        "runs": run.runs,
        "isolation": run.isolation,
        "engine": engine_json(run.engine),
        "python": run.python,
        "platform": run.platform,
        "packages": run.packages,
        "author": run.author,
        "compare": compare,
        "reason": run.reason,
        "replaces": run.replaces,
    }
