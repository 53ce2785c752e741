"""Stands between a program and its engine: tells a listener when a backtest begins and ends.

An engine is never imported by us: when somebody imports one, its functions are wrapped; one that
is there already is wrapped at once. A wrapper passes everything through. Whatever goes wrong on our
side is told once on stderr, and the run goes on as if we were not there.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import threading

from git_bt.live.engines import ENGINES, Engine, Result

TYPE_CHECKING = False  # typing's own costs 10 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Protocol

    class Listener(Protocol):
        """Whom the hooks tell."""

        def begin(self, engine: str, params: Mapping[str, Any]) -> Any:
            """A run begins; what is returned comes back at its end."""

        def end(self, begun: Any, result: Result, *, in_sweep: bool) -> None:
            """It gave a result."""

        def fail(self, begun: Any, error: BaseException) -> None:
            """It raised."""


_state = threading.local()
_told: set[str] = set()


def install(listener: Listener) -> Finder:
    """Wrap the engines that are imported, and those that will be; a second call is a new listener.

    Args:
        listener: told of each run.
    """
    for there in sys.meta_path:
        if isinstance(there, Finder):
            there.listener = listener
            return there
    finder = Finder(listener)
    sys.meta_path.insert(0, finder)
    for name in ENGINES:
        if name in sys.modules:
            finder.wrap(sys.modules[name], name, is_late=True)
    return finder


class Finder:
    """Finds nothing itself: it has the loaders of engines wrap what they have loaded.

    Args:
        listener: told of each run.
    """

    def __init__(self, listener: Listener) -> None:
        self.listener = listener

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Return the spec of an engine's module as the other finders give it, its loader ours."""
        if name not in ENGINES:
            return None
        for finder in list(sys.meta_path):
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec = None if find is None else find(name, path, target)
            if spec is not None:
                if spec.loader is not None and hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec.loader, self)
                return spec
        return None

    def wrap(self, module: Any, name: str, *, is_late: bool = False) -> None:
        """Wrap the functions of an engine's module; when it is late, names that hold them too."""
        engine = ENGINES[name]
        try:
            for path in (*engine.runs, *engine.sweeps):
                owner_name, _, function_name = path.rpartition(".")
                owner = getattr(module, owner_name) if owner_name else module
                original = getattr(owner, function_name, None)
                if original is None or hasattr(original, "__git_bt__"):
                    continue
                make = self._sweep if path in engine.sweeps else self._run
                wrapper = make(engine, original, is_method=bool(owner_name))
                wrapper.__git_bt__ = original  # type: ignore[attr-defined]
                setattr(owner, function_name, wrapper)
                if is_late and not owner_name:
                    _rebind(original, wrapper)
        except Exception as e:  # another release of the engine: the user's run goes on unwatched
            tell(f"{engine.name} cannot be watched: {type(e).__name__}: {e}")

    def _run(self, engine: Engine, original: Any, *, is_method: bool) -> Callable[..., Any]:
        @functools.wraps(original)
        def wrapper(*args: Any, **named: Any) -> Any:
            if getattr(_state, "is_running", False):
                return original(*args, **named)  # an engine that calls itself is one run
            _state.is_running = True
            try:
                return self._watched(engine, original, args, named, is_method=is_method)
            finally:
                _state.is_running = False

        return wrapper

    def _watched(
        self,
        engine: Engine,
        original: Any,
        args: tuple[Any, ...],
        named: dict[str, Any],
        *,
        is_method: bool,
    ) -> Any:
        owner = args[0] if is_method and args else None
        given = args if owner is None else args[1:]
        begun = seen = None
        try:
            seen = engine.before(owner) if engine.before is not None else None
            begun = self.listener.begin(engine.name, engine.params(owner, given, named))
        except Exception as e:  # whatever goes wrong on our side, the user's run begins
            tell(f"a run of {engine.name} is not captured: {type(e).__name__}: {e}")
        try:
            done = original(*args, **named)
        except BaseException as error:  # the user's, told and raised again
            if begun is not None:
                self._quietly(self.listener.fail, begun, error)
            raise
        if begun is not None:
            self._quietly(self._ended, engine, begun, owner, given, named, done, seen)
        return done

    def _ended(
        self,
        engine: Engine,
        begun: Any,
        owner: Any,
        args: tuple[Any, ...],
        named: dict[str, Any],
        done: Any,
        seen: Any,
    ) -> None:
        try:
            result = engine.after(owner, args, named, done, seen)
        except Exception as e:  # results of another release of the engine
            tell(f"the rows of {engine.name} cannot be read: {type(e).__name__}: {e}")
            result = Result({})
        in_sweep = bool(getattr(_state, "in_sweep", False))
        self.listener.end(begun, result, in_sweep=in_sweep)

    def _sweep(self, engine: Engine, original: Any, *, is_method: bool) -> Callable[..., Any]:
        """Wrap a function that runs many backtests: each is told, no rows are taken."""

        @functools.wraps(original)
        def wrapper(*args: Any, **named: Any) -> Any:
            before = getattr(_state, "in_sweep", False)
            _state.in_sweep = True
            try:
                return original(*args, **named)
            finally:
                _state.in_sweep = before

        return wrapper

    def _quietly(self, call: Callable[..., None], *args: Any) -> None:
        try:
            call(*args)
        except Exception as e:  # recording never fails a run
            tell(f"a run is not recorded: {type(e).__name__}: {e}")


class _Loader:
    """A loader that wraps what another one has loaded."""

    def __init__(self, inner: Any, finder: Finder) -> None:
        self.inner = inner
        self.finder = finder

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def create_module(self, spec: Any) -> Any:
        """Make the module as the other loader does."""
        make = getattr(self.inner, "create_module", None)
        return None if make is None else make(spec)

    def exec_module(self, module: Any) -> None:
        """Load it, take ourselves out of sight, and wrap."""
        spec = module.__spec__
        spec.loader = module.__loader__ = self.inner
        self.inner.exec_module(module)
        self.finder.wrap(module, spec.name)


def _rebind(original: Any, wrapper: Any) -> None:
    """Put the wrapper where a program has taken the function by its name already."""
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", None)
        if isinstance(names, dict) and any(value is original for value in names.values()):
            for name in [name for name, value in names.items() if value is original]:
                names[name] = wrapper


def tell(message: str) -> None:
    """Say something once a process, on stderr."""
    if message not in _told and sys.stderr is not None:
        _told.add(message)
        text = f"git-bt: {' '.join(message.split())}"[:500]
        with contextlib.suppress(OSError):  # a pipe whose reader has gone: the run goes on
            os.write(2, (text + "\n").encode(errors="backslashreplace"))
