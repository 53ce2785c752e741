"""The JSON of answers about sharing results; its pieces are in `pieces_json.py`."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from git_bt import sharing as s
from git_bt.output.pieces_json import Json


def _refs(refs: Iterable[s.RefMove]) -> list[Json]:
    return [asdict(ref) for ref in refs]


def _divergences(found: Iterable[s.Divergence]) -> list[Json]:
    return [
        {
            "inputs": d.inputs,
            "strategy": d.strategy,
            "ours": asdict(d.ours),
            "theirs": asdict(d.theirs),
            "differences": _differences(d),
            "more": d.comparison.more if d.comparison else {},
            "environment": [{"name": c.name, "ours": c.a, "theirs": c.b} for c in d.environment],
            "accepted": d.accepted,
            "message": d.message or None,
        }
        for d in found
    ]


def _differences(d: s.Divergence) -> list[Json]:
    found = d.comparison.differences if d.comparison else ()
    return [{**asdict(each), "detail": each.detail or None} for each in found]


def _fetch(f: s.FetchReport) -> Json:
    return {
        "remote": f.remote,
        "dry_run": f.dry_run,
        "refs": _refs(f.refs),
        "came": asdict(f.came),
        "completed": f.completed,
        "commits": None if f.commits is None else [asdict(each) for each in f.commits],
        "divergences": _divergences(f.divergences),
    }


def _push(p: s.PushReport) -> Json:
    return {
        "remote": p.remote,
        "dry_run": p.dry_run,
        "refs": _refs(p.refs),
        "went": asdict(p.went),
        "came": asdict(p.came),
        "attempts": p.attempts,
        "divergences": _divergences(p.divergences),
        "notices": [asdict(notice) for notice in p.notices],
    }


def _checks(checks: Iterable[s.Check]) -> list[Json]:
    return [asdict(check) for check in checks]


def _init(i: s.InitReport) -> Json:
    return {
        "undo": i.undo,
        "written": [asdict(setting) for setting in i.written],
        "removed": [asdict(setting) for setting in i.removed],
        "hooks": [asdict(hook) for hook in i.hooks],
        "checks": _checks(i.checks),
    }


def _doctor(d: s.DoctorReport) -> Json:
    return {"checks": _checks(d.checks)}


CONVERT: Mapping[type, tuple[str, Callable[[Any], Json]]] = {
    s.FetchReport: ("fetch", _fetch),
    s.PushReport: ("push", _push),
    s.InitReport: ("init", _init),
    s.DoctorReport: ("doctor", _doctor),
}
