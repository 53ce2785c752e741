"""The JSON of answers about commits and the work tree; pieces and promises are in `json.py`."""

from collections.abc import Callable, Mapping
from typing import Any

from git_bt import looking as k

Json = dict[str, Any]


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


CONVERT: Mapping[type, tuple[str, Callable[[Any], Json]]] = {
    k.TapePinReport: ("tape-pin", _tape_pin),
}
