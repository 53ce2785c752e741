"""Which file is the strategy, asked from inside the process that runs it.

The answer comes from `__main__` and from the globals of the frames that are running now. Source
text is never searched for a call, and nothing is imported to find out: who is not loaded is not
running. In this order:

1. a program that was started by hand (`by_hand.py`);
2. `__main__`, unless that is the launcher of something installed (pytest, a console script);
3. in a notebook kernel, the notebook (`notebooks.py`);
4. the outermost running frame whose file is the user's.

The confidence of each answer is in docs/reference/capture.md; it is 1.0 only where `proof.py`
says that the file holds the bytes that were loaded.
"""

from __future__ import annotations

import os
import sys

from git_bt.live.by_hand import MODULE, is_same, running_program
from git_bt.live.found import Detection, Note, uncertain
from git_bt.live.places import file_of, is_installed, project_root
from git_bt.live.proof import prove

TYPE_CHECKING = False  # typing's own costs 10 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from types import CodeType, FrameType
    from typing import Any

    Say = Callable[..., None]


def detect(framework: Collection[str] = (), depth: int = 1, say: Say | None = None) -> Detection:
    """Return which file is the strategy that runs now.

    Args:
        framework: top-level packages whose frames are not the user's, beside all that is
            installed.
        depth: frames to leave out: 1 is our caller.
        say: told `event, **fields` of what is looked at, for a log.
    """
    main = sys.modules.get("__main__")
    main_globals: dict[str, Any] = getattr(main, "__dict__", {})
    program, found, text = running_program(depth + 1, main_globals)
    if say is not None:
        say("programs_looked_for", started_by_hand=found or None, runs_text=text)
    if program is not None:
        return _by_hand(program, found, text=text)
    if sys.__dict__.get("frozen") or "__compiled__" in main_globals:  # getattr takes 1 µs
        return _frozen(say or _silent)
    path = _main_file(main_globals)
    if say is not None:
        say("main_looked_at", file=path, is_installed=path is not None and is_installed(path))
    shell = _kernel()
    if path is not None and not is_installed(path) and (shell is None or _is_running(path)):
        return _of_main(path, text=text)
    if shell is not None:
        from git_bt.live.notebooks import detect_notebook

        return detect_notebook(shell, say or _silent)
    users = _users(sys._getframe(depth), framework)
    if say is not None:
        say("frames_looked_at", files=users[0])
    return _of_frames(users, path, main_globals, framework, text=text)


def _silent(event: str, **fields: object) -> None:
    """Say nothing."""


def _by_hand(frame: FrameType, path: str, *, text: bool) -> Detection:
    code: CodeType = frame.f_code
    confidence, notes = prove(path, lambda: code)
    own = frame.f_globals.get("__file__")
    if text or not (isinstance(own, str) and is_same(own, path)):
        # The file's name was only lent to the text.
        confidence = min(confidence, 0.7)
        notes = (*notes, uncertain(f"{_name(path)} runs text by exec()", path))
    return Detection(path, "program", confidence, "file", notes)


# -- __main__ -------------------------------------------------------------------------------------


_main: dict[str, str | None] = {}


def _main_file(main_globals: dict[str, Any]) -> str | None:
    """Return the file of `__main__`: a script, a module, or the archive that holds it.

    It may be gone by now.
    """
    name = main_globals.get("__file__")
    if name is None and not _is_prompt():  # Python takes it away before what atexit runs
        name = getattr(main_globals.get("__loader__"), "path", None)
    if not isinstance(name, str) or name.startswith("<"):
        return None
    if name not in _main:
        path = place = os.path.abspath(name)
        while not os.path.exists(place):
            place = os.path.dirname(place)
        _main[name] = _of_project(place if os.path.isfile(place) else path)
    return _main[name]


def _of_project(path: str) -> str:
    """Return a link's name, or what it leads to where that lies in another project."""
    if not os.path.islink(path):
        return path
    real = os.path.realpath(path)
    return path if project_root(path) == project_root(real) else real


def _of_main(path: str, *, text: bool) -> Detection:
    if path.endswith(".pyc"):
        return _of_byte_code(path)
    confidence, notes = prove(path, lambda: _main_code(path))
    if text:
        confidence = min(confidence, 0.7)
        notes = (*notes, uncertain(f"{_name(path)} runs text by exec()", path))
    return Detection(path, "main", confidence, "file", notes)


def _of_byte_code(path: str) -> Detection:
    """Take the source beside byte code only when it compiles to what runs."""
    source = _source_of(_main_code(), os.curdir, os.path.dirname(path))
    if source is not None:
        return Detection(source, "main", 0.9, "file")
    note = uncertain(f"{_name(path)} is byte code, and its source is not here", path)
    return Detection(path, "main", 0.7, "file", (note,), fallback_used=True)


def _source_of(code: CodeType | None, *folders: str) -> str | None:
    """Return the file that a code names, in one of some folders, if it compiles to that code."""
    if code is None:
        return None
    for folder in folders:
        path = file_of(os.path.join(folder, code.co_filename))
        if path is not None and not is_installed(path):
            _, notes = prove(path, lambda: code, loaded=False)
            if not notes:
                return path
    return None


def _is_running(path: str) -> bool:
    """Tell whether `__main__` runs a file, as Spyder does; else cells were sent from it."""
    code = _main_code(path)
    return code is not None and is_same(code.co_filename, path)


def _main_code(path: str | None = None) -> CodeType | None:
    """Return the code of `__main__` while it runs, in whichever thread: that of a file first."""
    main = getattr(sys.modules.get("__main__"), "__dict__", {})
    code = None
    for frame in sys._current_frames().values():
        outer: FrameType | None = frame
        while outer is not None:
            if outer.f_globals is main and outer.f_code.co_name == MODULE:
                code = outer.f_code  # the outermost: text that it runs by exec() stands inside
                if path is not None and is_same(code.co_filename, path):
                    return code
            outer = outer.f_back
    return code


def _frozen(say: Say) -> Detection:
    """A frozen application: its source where that lies here, else the executable itself."""
    path = os.path.abspath(sys.executable)
    source = _source_of(_main_code(), os.curdir, os.path.dirname(path), project_root(path))
    say("frozen_application", executable=path, source=source)
    if source is not None:
        return Detection(source, "main", 0.8, "frozen")
    note = uncertain("a frozen application: its executable stands for its source", path)
    return Detection(path, "executable", 0.8, "frozen", (note,), fallback_used=True)


# -- frames ---------------------------------------------------------------------------------------


def _of_frames(
    users: tuple[list[str], bool, set[str]],
    main: str | None,
    main_globals: dict[str, Any],
    framework: Collection[str],
    *,
    text: bool,
) -> Detection:
    """Take the outermost running frame of a file that is the user's."""
    files, launched, lent = users
    typed = _is_prompt() or (_is_typed() and not launched)
    context = "interactive" if typed else "file" if main is not None or launched else "unknown"
    path = next((p for p in reversed(files) if _name(p) != "conftest.py"), None)
    path = path or (files[-1] if files else None)
    if path is not None:
        confidence, notes = prove(path)
        confidence = min(0.8, confidence) if path in lent else confidence
        if context == "file" and (launched or not text):
            return Detection(path, "frames", min(0.9, confidence), context, notes)
        note = uncertain(f"no script was started; {_name(path)} is the outermost file", path)
        confidence = min(0.6, confidence)
        return Detection(path, "frames", confidence, context, (*notes, note), fallback_used=True)
    if main is not None and not typed and not _is_of(framework, main_globals):
        note = uncertain(f"{_name(main)} is installed, and no file of a project is running", main)
        return Detection(main, "main", 0.5, context, (note,), fallback_used=True)
    what = "no file of a project is running"
    if typed:
        what = "the code was typed, or came by -c or standard input: it is in no file"
    note = Note("detection_failed", f"{what}; run it as a script, or list files in strategy.yaml")
    return Detection(None, "none", 0.0, context, (note,))


def _users(start: FrameType, framework: Collection[str]) -> tuple[list[str], bool, set[str]]:
    """Return the files of running frames that are neither installed nor the engine's.

    And whether something installed runs the outermost of them, as a pool does in its workers; and
    which of them only the globals name, because the code itself came from elsewhere.
    """
    found: list[str] = []
    lent: set[str] = set()
    launched = False
    frame: FrameType | None = start
    while frame is not None:
        name = frame.f_globals.get("__name__")
        path = file_of(frame.f_code.co_filename)
        if path is None and (path := _lent(frame)) is not None:
            lent.add(path)
        if path is not None and is_installed(path):
            launched = bool(found)
        elif not isinstance(name, str) or name.partition(".")[0] not in framework:
            launched = launched and path is None
            found += [] if path is None else [path]
        frame = frame.f_back
    return found, launched, lent


def _lent(frame: FrameType) -> str | None:
    """Return the file of a module whose code names none: joblib's workers get it by value."""
    own = frame.f_globals.get("__file__")
    is_frozen = frame.f_code.co_filename.startswith("<frozen ")  # the import system's
    return file_of(own) if isinstance(own, str) and not is_frozen else None


def _is_prompt() -> bool:
    """Tell whether a person types: at Python's own prompt, or at IPython's."""
    return hasattr(sys, "ps1") or bool(sys.flags.interactive) or _shell() is not None


def _is_typed() -> bool:
    """Tell whether the program came by -c, or by standard input."""
    argv = getattr(sys, "argv", None) or [""]
    return argv[0] in ("", "-", "-c")


def _is_of(framework: Collection[str], main_globals: dict[str, Any]) -> bool:
    package = main_globals.get("__package__")
    return isinstance(package, str) and package.partition(".")[0] in framework


# -- IPython, when it is there --------------------------------------------------------------------


def _shell() -> Any:
    """Return the IPython shell of this process, None without one."""
    module = sys.modules.get("IPython.core.interactiveshell")
    return getattr(getattr(module, "InteractiveShell", None), "_instance", None)


def _kernel() -> Any:
    """Return the shell of a notebook kernel, None in a terminal's IPython."""
    if "ipykernel" not in sys.modules:
        return None
    shell = _shell()
    return shell if hasattr(shell, "kernel") else None


def _name(path: str) -> str:
    return os.path.basename(path)
