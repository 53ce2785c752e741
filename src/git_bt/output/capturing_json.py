"""The JSON of answers about captured code; its pieces are in `pieces_json.py`."""

from collections.abc import Callable
from typing import Any

from git_bt.capturing import CaptureReport, RunReport
from git_bt.output.pieces_json import Json, notices_json


def _capture(c: CaptureReport) -> Json:
    return {
        "snapshot": c.snapshot,
        "project_root": c.project_root,
        "entry_point": c.entry_point,
        "method": c.method,
        "files": [
            {"path": path, "sha256": member.sha256, "size": member.size}
            for path, member in sorted(c.files.items())
        ],
        "warnings": notices_json(c.notices),
        "stored": c.is_stored,
    }


def _run(r: RunReport) -> Json:
    return {
        "command": list(r.command),
        "codes": [
            {
                "snapshot": c.snapshot,
                "entry_point": c.entry_point,
                "engine": c.engine,
                "execution_context": c.context,
                "confidence": c.confidence,
                "runs": c.runs,
                "failed": c.failed,
            }
            for c in r.codes
        ],
        "bundle": r.bundle,
        "message": r.message or None,
        "hint": r.hint,
        "warnings": notices_json(r.notices),
    }


CONVERT: dict[type, tuple[str, Callable[[Any], Json]]] = {
    CaptureReport: ("capture", _capture),
    RunReport: ("run", _run),
}
