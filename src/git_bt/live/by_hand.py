"""Programs that were started by hand: by `runpy`, a loader's `exec_module`, `%run`, a profiler.

Each is the code of a module that is running, and that no import statement runs. A deep stack is
looked at wholly once: a function that runs keeps its callers, so those further out are marked, and
the marks end with them. As long as a marked one stands there, only those nearby are looked at.
"""

from __future__ import annotations

import os
import sys

from git_bt.live.places import file_of, is_installed

TYPE_CHECKING = False  # typing's own costs 10 ms
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any

MODULE = "<module>"
NEAR = 32  # frames that are always looked at
RESUMED = 0x20 | 0x80 | 0x200  # inspect's CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR
_TEXT = ""  # in place of a path: code that is in no file


class _Seen:
    """Marks a frame outside of which nothing was started by hand below `main`.

    It stands where a debugger puts its function, and does as if nothing stood there: it is false,
    and does nothing when a debugger that came later has it called.
    """

    __slots__ = ("main",)

    def __init__(self, main: dict[str, Any]) -> None:
        self.main = main

    def __bool__(self) -> bool:
        return False

    def __call__(self, frame: FrameType, event: str, arg: object) -> None:
        return None


def running_program(depth: int, main_globals: dict[str, Any]) -> tuple[FrameType | None, str, bool]:
    """Return the innermost frame of a program that was started by hand, and its file.

    And whether text runs inside of it that is in no file. The frame is None without a program.
    """
    frame: Any = sys._getframe(depth)
    far = _caller(depth + 1 + NEAR)
    stop = far if far is not None and _is_seen(far, main_globals) else None
    text = False
    plain: CodeType | None = None  # that of a function: deep stacks are recursions
    while frame is not stop:
        code = frame.f_code
        if code is not plain:
            if code.co_name != MODULE:
                plain = code
            elif frame.f_back is not None:
                found = _program(frame, main_globals)
                if found == _TEXT:
                    text = True
                elif found is not None and not is_installed(found):
                    return frame, found, text
        frame = frame.f_back
    if stop is None and not text:
        _mark(far, main_globals)
    return None, "", text


def _caller(depth: int) -> FrameType | None:
    try:
        return sys._getframe(depth)
    except ValueError:
        return None  # the stack is not that deep


def _is_seen(frame: FrameType, main_globals: dict[str, Any]) -> bool:
    seen: Any = frame.f_trace
    return type(seen) is _Seen and seen.main is main_globals


def _mark(frame: FrameType | None, main_globals: dict[str, Any]) -> None:
    """Mark a frame and its callers, but for those that may go on below others later."""
    if sys.gettrace() is not None:
        return
    seen = _Seen(main_globals)
    while frame is not None and not _is_seen(frame, main_globals):
        if frame.f_trace is None and not frame.f_code.co_flags & RESUMED:
            frame.f_trace = seen
        frame = frame.f_back


def _program(frame: FrameType, main_globals: dict[str, Any]) -> str | None:
    """Return the file of a module's code that runs, and that no import statement runs.

    `_TEXT` when it is in no file; None when it is `__main__` itself, or is being imported.
    """
    name = frame.f_code.co_filename
    if frame.f_globals is main_globals:
        # Or `exec` without globals of its own, or a launcher that laid its program there.
        main = main_globals.get("__file__")
        if isinstance(main, str) and (main.endswith(".pyc") or is_same(name, main)):
            return None
    back: FrameType | None = frame.f_back
    while back is not None and _imports(back):
        if back.f_code.co_name == "_find_and_load":
            return None
        back = back.f_back
    if name.startswith(("<frozen ", "<ipython-input-")) or _is_cell(name):
        return None
    path = file_of(name)
    if path is None and back is not None:
        by = file_of(back.f_code.co_filename)
        return None if by is not None and is_installed(by) else _TEXT  # a launcher's own way
    return path or _TEXT


def is_same(name: str, main: str) -> bool:
    """Tell whether two names mean one file from here."""
    return name == main or os.path.abspath(name) == os.path.abspath(main)


def _imports(frame: FrameType) -> bool:
    """Tell whether a frame is of the import system, or of somebody's loader such as pytest's."""
    name = frame.f_globals.get("__name__")
    own = isinstance(name, str) and name.startswith(("importlib", "_frozen_importlib"))
    return own or frame.f_code.co_name == "exec_module"


def _is_cell(name: str) -> bool:
    """Tell whether ipykernel gave this name to a cell: it lies in a folder that is never made."""
    return "ipykernel" in sys.modules and os.path.basename(os.path.dirname(name)).startswith(
        "ipykernel_"
    )
