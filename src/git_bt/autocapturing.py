"""`git_bt.autocapture()`: one line, and every backtest of this process is recorded with its code.

The hooks of `live/` tell of each run of a known engine, whenever that gets imported; the code is
found and captured once, and each run leaves its line in the spool (`recorder.py`). A run never
fails because of it.
"""

import os
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from git_bt import recorder
from git_bt.capture.code import StrategyCodeCapture
from git_bt.errors import BtError
from git_bt.live.engines import Result
from git_bt.live.found import Detection
from git_bt.live.hooks import install
from git_bt.live.program import started, words
from git_bt.live.start.sitecustomize import VARIABLE
from git_bt.model import Captured
from git_bt.sweep_records import with_words

PATIENCE_S = 5.0


def autocapture(
    code_capture_log_level: str | None = None, code_capture_mode: str = "entry_point"
) -> None:
    """Record every backtest of this process, with the code that ran.

    backtesting, backtrader, lrvx, zipline and rustybt are watched; none is imported. Call it once,
    before or after they are. What was recorded is shown by `git bt sweep ls`. Below `git bt run`
    nothing is to be done: it records the same.

    Args:
        code_capture_log_level: DEBUG, INFO, WARNING or ERROR; None as `StrategyCodeCapture`.
        code_capture_mode: entry_point or imports; a strategy.yaml stands above both.

    Raises:
        ValueError: an unknown level or mode, naming those that there are.
    """
    capturer = StrategyCodeCapture(code_capture_log_level, code_capture_mode)
    if not _is_below_run():
        install(_Recorder(capturer))


def _is_below_run() -> bool:
    """Tell whether `git bt run` records this process.

    A Python that was started with -E, -I or -S inherits its variable, and not its hooks.
    """
    listeners = (getattr(finder, "listener", finder) for finder in sys.meta_path)
    is_hooked = any(hasattr(each, "is_of_run") for each in listeners)
    return is_hooked and os.path.isdir(os.environ.get(VARIABLE, ""))  # noqa: PTH112  "" is no path


class _Recorder:
    """Turns what the hooks tell into runs of the spool.

    Args:
        capturer: finds and captures the code.
    """

    def __init__(self, capturer: StrategyCodeCapture) -> None:
        self._capturer = capturer
        self._captured: dict[tuple[Any, ...], Captured | None] = {}
        self._asked: threading.Thread | None = None

    def begin(self, engine: str, params: Mapping[str, Any]) -> Any:
        """Capture the code, if it is another than before, and begin a run."""
        found = self._capturer.detect_entry_point()
        program = started(found)
        if self._asked is None:
            self._asked = threading.Thread(target=_ask_git, args=(program,), daemon=True)
            self._asked.start()
        if program is not None and program["has_words"]:
            params = with_words(params, words())
        code = self._code(found)
        name = engine if code is None else code.snapshot.entry_point.removesuffix(".py")
        context = recorder.recording(name, params, engine=engine, code=code)
        return context, context.__enter__()

    def end(self, begun: Any, result: Result, *, in_sweep: bool) -> None:
        """Write the line of a run that gave a result."""
        context, run = begun
        run.log(result.metrics)
        self._wait()
        context.__exit__(None, None, None)

    def fail(self, begun: Any, error: BaseException) -> None:
        """Write the line of a run that raised; the hooks raise it again."""
        self._wait()
        with suppress(type(error)):
            begun[0].__exit__(type(error), error, error.__traceback__)

    def _wait(self) -> None:
        if self._asked is not None:
            self._asked.join(PATIENCE_S)

    def _code(self, found: Detection) -> Captured | None:
        key = (found.detected_file, found.cells, _stamp(found.detected_file))
        if key not in self._captured:
            captured = self._capturer.capture(found)
            self._captured[key] = captured if captured.content else None
        return self._captured[key]


def _stamp(path: str | None) -> tuple[int, int] | None:
    try:
        s = os.stat(path or "")  # noqa: PTH116  each run pays for it
    except OSError:
        return None
    return s.st_mtime_ns, s.st_size


def _ask_git(program: Mapping[str, Any] | None) -> None:
    """Ask git once what the work tree is, and where in it the program is, beside the first run."""
    from git_bt.commands.git_state import git_state, place_of_program
    from git_bt.repo import Repo

    with suppress(BtError, OSError):
        repo = Repo.find(Path.cwd())
        recorder.know(**git_state(repo), **place_of_program(repo.top, program))
