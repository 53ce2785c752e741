"""Version control for backtests.

`git bt` is the interface; this package holds what is behind it, and what a strategy's own code may
call: `autocapture` and `recording`. Nothing is imported before it is asked for, so that `import
git_bt` costs nothing. An interpreter as old as Python 3.9 may load this file: see `live/`.
"""

TYPE_CHECKING = False  # typing's own costs 10 ms
if TYPE_CHECKING:
    from typing import Any

    from git_bt.autocapturing import autocapture
    from git_bt.recorder import recording

__all__ = ["autocapture", "recording"]
_LIES_IN = {"autocapture": "git_bt.autocapturing", "recording": "git_bt.recorder"}


def __getattr__(name: str) -> "Any":
    if name not in _LIES_IN:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LIES_IN[name]), name)
