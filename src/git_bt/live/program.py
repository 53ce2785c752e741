"""How the program of this process was started, and whether it would run again by itself.

Below pytest, in a worker of a pool or after a fork it would not: started alone, the file that was
found makes no backtest. Nor would one whose arguments are no UTF-8, which no record can hold as
they are. Its words tell its starts apart all the same: a worker of a pool has those of its program.
"""

from __future__ import annotations

import os
import sys

from git_bt.live.places import project_root

TYPE_CHECKING = False  # typing's own costs 10 ms
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from git_bt.live.found import Detection

_PID = os.getpid()


def started(found: Detection) -> dict[str, Any] | None:
    """Return `root` of its project, `cwd`, `is_alone`, and `module`, its name after `python -m`.

    `has_words` tells whether `words()` are its own: a kernel's name a file of one session, and a
    prompt's are none of the code that is typed. A module of no package is run as its file is, and
    has no name here. None: there is no file.
    """
    if found.detected_file is None:
        return None
    is_main = found.detection_method in ("main", "program") and found.execution_context == "file"
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    name = spec.name if spec is not None and found.detection_method == "main" else ""
    return {
        "root": project_root(found.detected_file),
        "cwd": os.getcwd(),
        "is_alone": is_main and not _is_worker() and words() == list(_argv()),
        "has_words": found.execution_context not in ("notebook", "interactive"),
        "module": name if "." in name else None,
    }


def words() -> list[str]:
    """Return what `sys.argv` holds now, the program's name first, as text that is Unicode."""
    return [as_text(word) for word in _argv()]


def as_text(value: object) -> str:
    """Return the text of a value as Unicode: a surrogate, as of a path's bytes, is escaped."""
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")


def _argv() -> Sequence[Any]:
    return getattr(sys, "argv", None) or ()  # an embedded Python has none


def _is_worker() -> bool:
    processes = sys.modules.get("multiprocessing.process")
    is_child = processes is not None and processes.parent_process() is not None
    return is_child or os.getpid() != _PID
