"""The JSON of answers about bundles; what they share with others is in `pieces_json.py`."""

from collections.abc import Callable, Iterable
from typing import Any

from git_bt import reports as r
from git_bt.comparison import Validation
from git_bt.model import Manifest
from git_bt.output.json import to_json
from git_bt.output.pieces_json import (
    Json,
    differences_json,
    engine_json,
    metrics_json,
    notices_json,
    run_json,
)


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
                "tested": b.is_tested,
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
        "notices": notices_json(e.notices),
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


CONVERT: dict[type, tuple[str, Callable[[Any], Json]]] = {
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
