"""How the program of this process was started, and whether it would run again by itself.

Below pytest, in a worker of a pool or after a fork it would not: started alone, the file that was
found makes no backtest. Nor would one whose arguments are not UTF-8, which no record can hold.
"""

from __future__ import annotations

import os
import sys

from git_bt.live.places import project_root

TYPE_CHECKING = False  # typing's own costs 10 ms
if TYPE_CHECKING:
    from typing import Any

    from git_bt.live.found import Detection

_PID = os.getpid()


def started(found: Detection) -> dict[str, Any] | None:
    """Return `root` of its project, `cwd`, `is_alone`, and `module`, its name after `python -m`.

    A module of no package is run as its file is, and has no name here. None: there is no file.
    """
    if found.detected_file is None:
        return None
    is_main = found.detection_method in ("main", "program") and found.execution_context == "file"
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    name = spec.name if spec is not None and found.detection_method == "main" else ""
    return {
        "root": project_root(found.detected_file),
        "cwd": os.getcwd(),
        "is_alone": is_main and not _is_worker() and _has_plain_words(),
        "module": name if "." in name else None,
    }


def _has_plain_words() -> bool:
    text = "".join(str(word) for word in getattr(sys, "argv", [])[1:])
    return text == text.encode("utf-8", "replace").decode("utf-8")


def _is_worker() -> bool:
    processes = sys.modules.get("multiprocessing.process")
    is_child = processes is not None and processes.parent_process() is not None
    return is_child or os.getpid() != _PID
