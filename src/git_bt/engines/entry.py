"""The user's file: load it, and find in it what the engine runs.

Standard library only, Python ≥ 3.9.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from .refusal import Refused, nearest

MODULE = "git_bt_strategy"
"""The name under which an entry point is loaded; a file's own name may be a package's too."""


def load(path: str, name: str = MODULE) -> Any:
    """Return the user's file as a module of a name.

    Raises:
        Refused: it is no Python file.
        BaseException: whatever its code raises.
    """
    import importlib.util

    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise Refused("raised", f"{os.path.basename(path)} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def the_subclass(module: Any, base: type, path: str) -> Any:
    """Return the one class of a file that the engine runs.

    A class that another of the file is made of does not count, nor do the engine's own; one that
    is imported counts when the file makes none.

    Raises:
        Refused: there is none, or more than one.
    """
    engine = base.__module__.split(".")[0]
    found = dict.fromkeys(
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, base)
        and value.__module__.split(".")[0] != engine
    )
    own = [cls for cls in found if cls.__module__ == module.__name__] or list(found)
    last = [cls for cls in own if not any(cls in other.__mro__[1:] for other in own)]
    if len(last) != 1:
        names = ", ".join(cls.__name__ for cls in last)
        what = f"{len(last)} strategies ({names})" if last else f"no subclass of {base.__name__}"
        raise Refused(
            "raised",
            f"{os.path.basename(path)} has {what}, engine {engine} runs exactly one",
            "keep one in the entry point, and what it is made of in other files" if last else None,
        )
    return last[0]


def check_params(
    params: Iterable[str], known: Sequence[str], cls: type, key: str = "params"
) -> None:
    """Check the names of the parameters of a class, which stand below a key of the config.

    Raises:
        Refused: the class has no parameter of a name.
    """
    for name in params:
        if name not in known:
            told = f"unknown parameter {name!r} of {cls.__name__}{nearest(name, known)}"
            raise Refused("raised", told, f"mend {key}: of the config, or the class")


def function(module: Any, name: str, path: str, takes: str) -> Any:
    """Return a function of the user's file by its name.

    Raises:
        Refused: there is none.
    """
    found = getattr(module, name, None)
    if not callable(found):
        raise Refused("raised", f"{os.path.basename(path)} has no function {name}({takes})")
    return found
