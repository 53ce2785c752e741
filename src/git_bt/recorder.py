"""`with git_bt.recording("name", params={…}) as run: …; run.log(metrics)`, for any code.

A run leaves one line in the spool (`spool.py`), with the code that ran, once. Nothing here may fail
or hold up the user's run: what cannot be recorded is one warning through `logging`, and the run
goes on. There is no stack of runs: each `with` stands for itself, so that threads, coroutines,
generators and one run inside another need no care.
"""

import atexit
import json
import logging
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any
from uuid import UUID

from git_bt.canonical import MAX_DIGITS
from git_bt.engines.loaded import environment
from git_bt.errors import BtError
from git_bt.live.detection import detect
from git_bt.live.engines import NAMES
from git_bt.live.found import Detection
from git_bt.live.places import is_installed
from git_bt.live.program import as_text, words
from git_bt.live.start.sitecustomize import VARIABLE as BELOW_RUN
from git_bt.model import Captured, Data
from git_bt.records import snapshot_id
from git_bt.spool import VARIABLE, Spool, find_spool
from git_bt.sweep_records import MAX_TEXT, Scalar, Surroundings, Sweep

log = logging.getLogger("git_bt")


class Run:
    """One run that is being recorded.

    Args:
        params: what it is given.
    """

    def __init__(self, params: Mapping[str, Any] | None = None) -> None:
        self.params = scalars(params or {}, "parameter")
        self.metrics: dict[str, Scalar] = {}
        self.argv: tuple[str, ...] = ()  # a program may set its words before each run
        self.is_over = False

    def log(self, metrics: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        """Add metrics; of a name that comes again the last value counts.

        Args:
            metrics: name to value; a mapping, or anything that has `items()` as pandas' Series do.
            more: further ones, by keyword.
        """
        if self.is_over:
            warn("logged to a run that is over: not recorded")
            return
        try:
            self.metrics |= scalars({} if metrics is None else metrics, "metric")
            self.metrics |= scalars(more, "metric")
        except Exception as e:  # noqa: BLE001  it may not be a mapping at all
            warn(f"metrics of type {type(metrics).__name__} are not recorded: {_said(e)}")


@contextmanager
def recording(
    name: str,
    params: Mapping[str, Any] | None = None,
    *,
    code_capture_mode: str = "entry_point",
    engine: str | None = None,
    tape: str | None = None,
    code: Captured | None = None,
) -> Iterator[Run]:
    """Record what is inside as one run of a sweep.

    An exception is recorded as a failed run, and goes on to the caller.

    Args:
        name: of the sweep; runs of one name and the same code are compared.
        params: what this run is given: text, numbers, booleans, None, and what has a short text.
        code_capture_mode: entry_point keeps the program's own file, imports the local modules that
            it loads as well; a strategy.yaml beside it stands above both.
        engine: name of the adapter that could run it again.
        tape: path of its market data from the repository's top.
        code: what runs, where that was captured already.
    """
    run, code, snapshot = _begin(params, code_capture_mode, code)
    process = os.getpid()
    started_ns, clock_ns = time.time_ns(), time.perf_counter_ns()
    error: BaseException | None = None
    try:
        yield run
    except BaseException as e:  # the user's, recorded and raised again
        error = e
        raise
    finally:
        elapsed_ns = time.perf_counter_ns() - clock_ns
        run.is_over = True
        failed = error is not None and not _is_good_end(error)
        try:
            if os.getpid() == process:  # a fork that comes out here leaves it to who began it
                _process().record(
                    Sweep(name=as_text(name), snapshot=snapshot, engine=engine, tape=tape),
                    code,
                    run.argv,
                    started_ns=started_ns,
                    elapsed_ns=elapsed_ns,
                    status="failed" if failed else "ok",
                    params=run.params,
                    metrics=run.metrics,
                    error=_said(error) if failed and error is not None else None,
                )
        except Exception as e:  # noqa: BLE001  recording never fails a run
            warn(f"this run is not recorded: {_said(e)}")


def _begin(
    params: Mapping[str, Any] | None, mode: str, code: Captured | None
) -> tuple[Run, Captured | None, str | None]:
    """Return the run and its code, which may be edited while the run goes on."""
    run = Run()
    try:
        run = Run(params)
        run.argv = tuple(words())
    except Exception as e:  # noqa: BLE001  recording never fails a run
        warn(f"parameters are not recorded: {_said(e)}")
    try:
        if code is not None:
            return run, code, snapshot_id(code.snapshot)
        return run, *_process().code(mode)
    except Exception as e:  # noqa: BLE001  recording never fails a run
        warn(f"the code is not captured: {_said(e)}")
    return run, None, None


def _is_good_end(error: BaseException) -> bool:
    return isinstance(error, SystemExit) and error.code in (None, 0)


def _said(error: BaseException) -> str:
    """Return an exception in one line."""
    if isinstance(error, BtError):
        return error.message
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001  an exception of the user's that cannot say what it is
        text = ""
    return as_text(f"{type(error).__name__}: {text}" if text else type(error).__name__)


_warned: set[str] = set()


def warn(message: str) -> None:
    """Say something once a process."""
    if message not in _warned:
        _warned.add(message)
        log.warning("git-bt: %s", message)


# -- this process ---------------------------------------------------------------------------------


class _Process:
    """Where this process records, and what all its runs have in common."""

    def __init__(self) -> None:
        self.found = detect(NAMES | {"git_bt", "contextlib"})
        entry = self.found.detected_file
        places = [Path(entry).parent] if entry and not is_installed(entry) else []
        with suppress(FileNotFoundError):
            places.append(Path.cwd())
        folder = find_spool(*places)
        if folder is None:
            where = places[0] if places else "a folder that has gone"
            warn(
                f"no git repository at {where}: runs are not recorded "
                f"(git init, or set {VARIABLE} to a folder)"
            )
        self.spool = None if folder is None else Spool(folder)
        self._codes: dict[str, tuple[str | None, Captured | None, str | None]] = {}
        self._surroundings: Surroundings | None = None

    def code(self, mode: str) -> tuple[Captured | None, str | None]:
        """Return the code that runs, as it was when it was first asked for, and its id.

        A notebook has other code with each cell.
        """
        if self.spool is None:
            return None, None
        if self.found.execution_context == "notebook":
            self.found = detect(NAMES | {"git_bt", "contextlib"})
        if mode not in self._codes or self._codes[mode][0] != self.found.cells:
            code = _captured(self.found, mode)
            digest = None if code is None else snapshot_id(code.snapshot)
            self._codes[mode] = (self.found.cells, code, digest)
        return self._codes[mode][1:]

    def record(
        self, sweep: Sweep, code: Captured | None, argv: tuple[str, ...], **run: Any
    ) -> None:
        """Append one run, outside a repository nothing."""
        if self.spool is None:
            return
        if self._surroundings is None:  # only now has everything been imported
            self._surroundings = Surroundings(**environment(set()), **_known)
            atexit.register(self.end)
            _tell_run()
        around = replace(self._surroundings, argv=argv)
        self.spool.record(sweep, code=code, surroundings=around, **run)

    def end(self) -> None:
        """Flush when the process ends; what this cannot do, the next reading command does."""
        from git_bt.commands.flush import flush_at_exit

        try:
            if self.spool is not None:
                self.spool.close()
                for notice in flush_at_exit(self.spool.folder):
                    warn(notice.message)
        except Exception as e:  # noqa: BLE001  recording never fails a run
            warn(f"runs are not in the store yet: {_said(e)}")


def _tell_run() -> None:
    """Leave word for a `git bt run` above us that runs are recorded here."""
    folder = os.environ.get(BELOW_RUN, "")
    if os.path.isdir(folder):  # noqa: PTH112  "" is no path
        (Path(folder) / f"recorded-{os.getpid()}").touch()


_known: dict[str, Any] = {}


def know(**state: Any) -> None:
    """Tell what git knows of the work tree, for the surroundings of runs that end from now on."""
    _known.update(state)


@lru_cache(maxsize=1)
def _process() -> _Process:
    return _Process()


def _captured(found: Detection, mode: str) -> Captured | None:
    """Return the code as it lies on disk now, read; None where there is none."""
    from git_bt.capture.running import capture_running
    from git_bt.capture.snapshot import MODES

    if mode not in MODES:
        warn(f"no code_capture_mode {mode!r:.60}: there are {', '.join(MODES)}")
        mode = "entry_point"
    captured = capture_running(found, mode=mode)
    for notice in captured.notices:
        warn(notice.message)
    if not captured.snapshot.files:
        return None
    content = {path: Data(source.read()) for path, source in captured.content.items()}
    return Captured(snapshot=captured.snapshot, content=content)


# -- values ---------------------------------------------------------------------------------------


def scalars(values: Mapping[str, Any], noun: str) -> dict[str, Scalar]:
    """Return names and values as they are stored; what cannot be is left out, and said once.

    Args:
        values: a mapping, or anything that has `items()`.
        noun: how a warning calls one of them.
    """
    found: dict[str, Scalar] = {}
    for key, value in values.items():
        name = re.sub(r"[\0-\x1f]", lambda c: repr(c[0])[1:-1], as_text(key))
        try:
            found[name] = scalar(value)
        except Exception as e:  # noqa: BLE001  the user's objects raise what they like
            warn(f"{noun} {name} is not recorded: {_said(e)}")
    return found


def scalar(value: Any) -> Scalar:
    """Return a value as it is stored.

    Text, numbers, booleans and None stay; numpy's scalars become Python's, NaN and infinities
    included. Decimals become floats. Dates, paths, functions, and short lists and mappings become
    text. Anything else raises.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return scalar(value.value)
    if isinstance(value, int):
        return int(value) if abs(value) < 10**MAX_DIGITS else _short(str(value))
    if isinstance(value, float):
        return float(value)
    if isinstance(value, str):
        return _short(value)
    if getattr(value, "ndim", None) == 0 and callable(getattr(value, "item", None)):
        item = value.item()  # numpy's scalars, whatever array library they come from
        return float(item) if type(item) is type(value) else scalar(item)  # longdouble is its own
    return _text(value)


def _text(value: Any) -> Scalar:
    if isinstance(value, Decimal):
        return float(value)
    if callable(getattr(value, "isoformat", None)):
        return _short(str(value.isoformat()))
    if isinstance(value, timedelta | PurePath | UUID | Fraction):
        return _short(str(value))
    if isinstance(value, list | tuple | dict | set | frozenset):
        items = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
        return _short(json.dumps(items, default=repr, ensure_ascii=False))
    if isinstance(value, type) or callable(value):
        return _short(getattr(value, "__qualname__", type(value).__qualname__))
    raise TypeError(f"a {type(value).__name__} is no single value")


def _short(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise ValueError(f"it is longer than {MAX_TEXT} characters")
    return as_text(text)
