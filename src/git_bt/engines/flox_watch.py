"""What a strategy's methods raise into FLOX, which from 0.10 logs it and goes on.

The methods are wrapped in their class, as cheaply as a million ticks want it. Standard library
only, Python ≥ 3.9.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import types
from collections.abc import Callable
from typing import Any

from .refusal import Refused


class Watch:
    """Keeps the first exception that a method of the strategy let out into the engine.

    From 0.10 the engine logs and swallows them, SystemExit and KeyboardInterrupt too. The methods
    are wrapped in their class; the engine's log is the second net, for methods set elsewhere.
    """

    def __init__(self) -> None:
        self.raised: list[BaseException] = []
        self.guards: list[types.CodeType] = []
        self.theirs: Callable[[int, str], Any] | None = None

    def guard(self, cls: Any, base: Any) -> None:
        """Wrap each method of a strategy's class that the engine calls."""
        for name in dir(base):
            if name.startswith("on_"):
                owner = next(c for c in cls.__mro__ if name in vars(c))
                function = vars(owner)[name]
                if isinstance(function, types.FunctionType):
                    setattr(owner, name, self._guard(function))

    def _guard(self, function: types.FunctionType) -> Callable[..., Any]:
        guard = _guarded_tick if _is_tick(function) else _guarded
        call = guard(function, self.note)
        self.guards.append(call.__code__)
        return functools.wraps(function)(call)

    def note(self, raised: BaseException) -> None:
        """Keep what a guarded method lets out."""
        if not self._is_nested():
            self.raised.append(raised)

    def _is_nested(self) -> bool:
        """Tell whether the guarded call was made by another: then the strategy may catch it."""
        frame = sys._getframe(2).f_back  # noqa: SLF001 - a depth counter would cost every tick
        while frame is not None and not any(frame.f_code is code for code in self.guards):
            frame = frame.f_back
        return frame is not None

    def listen(self, flox: Any) -> None:
        """Take the engine's log; a strategy that takes it after us is told what we heard."""
        install = getattr(flox, "set_log_callback", None)
        if install is None:
            return
        install(self.log)

        def set_log_callback(callback: Callable[[int, str], Any] | None) -> None:
            self.theirs = callback

        for module in list(sys.modules.values()):
            if getattr(module, "__dict__", {}).get("set_log_callback") is install:
                module.__dict__["set_log_callback"] = set_log_callback

    def log(self, level: int, message: str) -> None:
        """Take a line of the engine's log, and pass it on."""
        tells = level >= 2 and "Strategy." in message and " raised" in message
        is_known = tells and bool(self.raised)
        if tells and not is_known:
            self.raised.append(Refused("raised", _told(message)))
        with contextlib.suppress(Exception):  # theirs may raise, and so may a closed stderr
            if self.theirs is not None:
                self.theirs(level, message)
            elif not is_known:  # what is known is told with its own frames, without ours
                sys.stderr.write(message.rstrip() + "\n")

    def check(self) -> None:
        """Raise what was kept first, if anything was."""
        if self.raised:
            raise self.raised[0]


def _told(message: str) -> str:
    """Return the exception and its innermost frame of what the engine logs: frames stand below."""
    said, _, frames = (message.partition(" raised: ")[2] or message).partition("\n\nAt:\n")
    path, _, rest = frames.partition("\n")[0].strip().rpartition("(")
    line, _, name = rest.partition("): ")
    return f"{said} ({path}:{line} in {name})" if path else said


def _guarded(function: types.FunctionType, note: Callable[[BaseException], None]) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except BaseException as e:  # the strategy's: the engine would swallow it
            note(e)
            raise

    return call


def _is_tick(function: types.FunctionType) -> bool:
    """Tell whether a method takes itself, a context and an event, each in its place or by name."""
    import inspect

    code = function.__code__
    others = code.co_posonlyargcount or code.co_kwonlyargcount
    variable = code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    return code.co_argcount == 3 and not others and not variable


def _guarded_tick(function: types.FunctionType, note: Callable[[BaseException], None]) -> Any:
    """Do what `_guarded` does, which costs a million ticks half a second more.

    A call of the engine that does not fit the parameters is told of by the engine's log.
    """

    def call(strategy: Any, context: Any, event: Any) -> Any:
        try:
            return function(strategy, context, event)
        except BaseException as e:  # the strategy's: the engine would swallow it
            note(e)
            raise

    code = call.__code__
    own = function.__code__.co_varnames[:3]  # the strategy may call itself by these names
    call.__code__ = code.replace(co_varnames=own + code.co_varnames[3:])
    call.__defaults__ = function.__defaults__
    return call
