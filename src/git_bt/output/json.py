"""Reports as JSON objects: `schema: git-bt/<command>/1`, every key always there, absent is null.

The schemas are in docs/reference/schemas/, one a command; each answer in the tests is held
against its schema. A key is added without a new number; one that changes or goes needs it.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from git_bt import reports as r
from git_bt.comparison import Difference, Metrics, Validation
from git_bt.model import EngineVersion, Manifest, Notice, RunRecord

Json = dict[str, Any]


def to_json(report: Any) -> Json:
    """Return the JSON object of a report.

    Args:
        report: one of `reports.py`; another type is a bug of ours.
    """
    command, convert = _convert(type(report))
    value = {"schema": f"git-bt/{command}/1", **convert(report)}
    value["exit"] = int(report.exit_code)
    return {key: _clean(item) for key, item in value.items()}


def error_json(command: str, message: str, hint: str | None, exit: int) -> Json:  # noqa: A002
    """Return the JSON object of a command that could not go on."""
    value = {
        "schema": "git-bt/error/1",
        "command": command,
        "message": message,
        "hint": hint,
        "exit": int(exit),
    }
    return {key: _clean(item) for key, item in value.items()}


def _clean(value: Any) -> Any:
    """Make a value what JSON can hold: no lone surrogates, no NaN, no tuples."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, Mapping):
        return {_clean(str(key)): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value


# -- pieces ---------------------------------------------------------------------------------------


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


def _words(report: Any) -> Json:
    return {
        "message": report.message or None,
        "hint": report.hint or None,
        "tail": report.tail or None,
    }


def _changes(found: Iterable[r.Change]) -> list[Json]:
    return [{"name": c.name, "a": c.a, "b": c.b} for c in found]


def _manifest(manifest: Manifest) -> Json:
    return {
        "engine": engine_json(manifest.engine),
        "inputs": manifest.inputs,
        "entry_point": manifest.entry_point,
        "config": manifest.config,
        "members": {
            path: {"sha256": m.sha256, "size": m.size, "mode": m.mode}
            for path, m in manifest.members.items()
        },
        "command": manifest.command,
        "build": manifest.build,
    }


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


def _validation(v: Validation) -> Json:
    return {
        "name": v.name,
        "bundle": v.bundle,
        "strategy": v.strategy,
        "verdict": v.verdict.value,
        "exit": int(v.verdict.exit_code),
        "differences": differences_json(v.differences),
        "more": v.more,
        "environment": [
            {"name": c.name, "recorded": c.recorded, "here": c.here} for c in v.environment
        ],
        "engine": engine_json(v.engine),
        "reused": v.reused,
        "elapsed_s": v.elapsed_s,
        **_words(v),
        "notices": notices_json(v.notices),
    }


# -- reports --------------------------------------------------------------------------------------


def _pack(p: r.PackReport) -> Json:
    return {
        "bundle": p.bundle,
        "inputs": p.inputs,
        "environment": p.environment,
        "snapshot": p.snapshot,
        "strategy": p.strategy,
        "engine": engine_json(p.engine),
        "metrics": metrics_json(p.metrics),
        "verdict": p.verdict.value,
        "elapsed_s": p.elapsed_s,
        "exported": p.exported,
        "runs": p.runs,
        "differences": differences_json(p.comparison.differences if p.comparison else ()),
        "more": p.comparison.more if p.comparison else {},
        **_words(p),
        "notices": notices_json(p.notices),
    }


def _validate(v: r.ValidateReport) -> Json:
    return {"bundles": [_validation(b) for b in v.bundles], "groups": _groups(v)}


def _groups(v: r.ValidateReport) -> list[Json] | None:
    if not v.grouped:
        return None
    from git_bt.output.groups import groups

    return [
        {
            "group": group.name,
            "names": [each.name for each in group.bundles],
            "changes": {
                name: {"least": low, "greatest": high}
                for name, (low, high) in group.changes.items()
            },
        }
        for group in groups(v.bundles)
    ]


def _replay(p: r.ReplayReport) -> Json:
    return {
        "name": p.name,
        "bundle": p.bundle,
        "strategy": p.strategy,
        "engine": engine_json(p.engine),
        "recorded_engine": engine_json(p.recorded_engine),
        "expected": metrics_json(p.expected),
        "actual": metrics_json(p.actual),
        "elapsed_s": p.elapsed_s,
        "verdict": p.verdict.value if p.verdict else None,
        **_words(p),
    }


def _ls(found: r.ListReport) -> Json:
    return {
        "bundles": [
            {
                "bundle": b.bundle,
                "strategy": b.strategy,
                "engine": engine_json(b.engine),
                "verdict": b.verdict.value if b.verdict else None,
                "when_ns": b.when_ns,
                "metrics": metrics_json(b.metrics),
                "foreign": b.foreign,
            }
            for b in found.bundles
        ]
    }


def _show(s: r.ShowReport) -> Json:
    return {
        "bundle": s.bundle,
        "strategies": s.strategies,
        "manifest": _manifest(s.manifest),
        "metrics": metrics_json(s.metrics),
        "missing": s.missing,
        "runs": [run_json(run_id, run) for run_id, run in s.runs],
        "foreign": s.foreign,
        "commits": s.commits,
        "fork": s.fork,
        "cite": s.cite,
    }


def _diff(d: r.DiffReport) -> Json:
    return {
        "a": d.a,
        "b": d.b,
        "equal": d.equal,
        "engine": _changes(d.engine),
        "config": _changes(d.config),
        "environment": _changes(d.environment),
        "metrics": {"a": metrics_json(d.metrics_a), "b": metrics_json(d.metrics_b)},
        "files": _changes(d.files),
        "verdict": d.comparison.verdict.value,
        "differences": differences_json(d.comparison.differences),
        "more": d.comparison.more,
        "code": d.code or None,
    }


def _export(e: r.ExportReport) -> Json:
    return {
        "bundle": e.bundle,
        "path": e.path,
        "sha256": e.sha256,
        "size": e.size,
        "layout": e.layout,
    }


def _import(i: r.ImportReport) -> Json:
    return {
        "bundles": [
            {
                "name": b.name,
                "bundle": b.bundle,
                "foreign": b.foreign,
                "exit": int(b.exit),
                "message": b.message or None,
                "hint": b.hint or None,
            }
            for b in i.bundles
        ]
    }


def _restore(s: r.RestoreReport) -> Json:
    return {
        "bundle": s.bundle,
        "snapshot": s.snapshot,
        "directory": s.directory,
        "files": s.files,
        "notices": notices_json(s.notices),
    }


def _fsck(f: r.FsckReport) -> Json:
    return {
        "bundles": f.bundles,
        "snapshots": f.snapshots,
        "runs": f.runs,
        "sweeps": f.sweeps,
        "results": f.results,
        "objects": f.objects,
        "problems": [
            {"kind": p.kind, "name": p.name, "bundles": p.bundles, "message": p.message}
            for p in f.problems
        ],
        "remarks": f.remarks,
    }


def _engines(e: r.EnginesReport) -> Json:
    return {
        "engines": [
            {
                "name": s.name,
                "version": s.version,
                "python": s.python,
                "found_by": s.found_by,
                "install": s.install,
            }
            for s in e.engines
        ]
    }


def _demo(d: r.DemoReport) -> Json:
    return {
        "directory": d.directory,
        "packed": to_json(d.packed),
        "reproduced": _validation(d.reproduced),
        "diverged": _validation(d.diverged),
        "commit": d.commit,
        "changed_line": {"before": d.changed_line[0], "after": d.changed_line[1]},
        "next": d.next,
    }


def _convert(kind: type) -> tuple[str, Callable[[Any], Json]]:
    if kind in _CONVERT:
        return _CONVERT[kind]
    from git_bt.output import (
        adopting_json,
        capturing_json,
        gating_json,
        hooking_json,
        looking_json,
        sharing_json,
        sweeping_json,
        tying_json,
    )

    found: tuple[Mapping[type, tuple[str, Callable[[Any], Json]]], ...] = (
        adopting_json.CONVERT,
        capturing_json.CONVERT,
        gating_json.CONVERT,
        hooking_json.CONVERT,
        looking_json.CONVERT,
        sharing_json.CONVERT,
        sweeping_json.CONVERT,
        tying_json.CONVERT,
    )
    return next(convert[kind] for convert in found if kind in convert)


_CONVERT: Mapping[type, tuple[str, Callable[[Any], Json]]] = {
    r.PackReport: ("pack", _pack),
    r.ValidateReport: ("validate", _validate),
    r.ReplayReport: ("replay", _replay),
    r.ListReport: ("ls", _ls),
    r.ShowReport: ("show", _show),
    r.DiffReport: ("diff", _diff),
    r.ExportReport: ("export", _export),
    r.ImportReport: ("import", _import),
    r.RestoreReport: ("restore", _restore),
    r.FsckReport: ("fsck", _fsck),
    r.EnginesReport: ("engines", _engines),
    r.DemoReport: ("demo", _demo),
}
