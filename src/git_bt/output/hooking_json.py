"""The JSON of what hook answers; its pieces are in `pieces_json.py`."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from git_bt import hooking as h
from git_bt.output.pieces_json import Json, differences_json, metrics_json
from git_bt.output.tying_json import tied_json


def _hook(found: h.HookReport) -> Json:
    return {
        "hook": found.hook,
        "known": found.known,
        "strategies": [_hooked(each) for each in found.strategies],
        "tied": [
            {
                "commit": c.commit,
                "subject": c.subject,
                "strategies": [tied_json(each) for each in c.strategies],
            }
            for c in found.tied
        ],
        "remote": found.remote,
        "pushed": None if found.pushed is None else asdict(found.pushed),
        "message": found.message or None,
        "hint": found.hint,
    }


def _hooked(each: h.Hooked) -> Json:
    return {
        "strategy": each.strategy,
        "state": each.state,
        "inputs": each.inputs,
        "bundle": each.bundle,
        "previous": each.previous,
        "metrics": {"before": metrics_json(each.before), "after": metrics_json(each.after)},
        "verdict": each.verdict.value if each.verdict else None,
        "differences": differences_json(each.differences),
        "more": each.more,
        "elapsed_s": each.elapsed_s,
        "stops": each.stops,
        "commit": each.commit,
        "message": each.message or None,
        "hint": each.hint,
        "tail": each.tail or None,
    }


CONVERT: dict[type, tuple[str, Callable[[Any], Json]]] = {h.HookReport: ("hook", _hook)}
