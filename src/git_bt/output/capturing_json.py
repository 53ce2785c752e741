"""The JSON of answers about captured code; pieces and promises are in `json.py`."""

from collections.abc import Callable
from typing import Any

from git_bt.capturing import CaptureReport
from git_bt.output.json import notices_json

Json = dict[str, Any]


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


CONVERT: dict[type, tuple[str, Callable[[Any], Json]]] = {CaptureReport: ("capture", _capture)}
