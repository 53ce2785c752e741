"""What is handed on as it is: the user's config, and the tape as a path.

Standard library only, Python ≥ 3.9.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .refusal import Refused, nearest

NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def any_config(config: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a config whose keys are the user's own: nothing is added, nothing unknown.

    Raises:
        ValueError: a key that is no text.
    """
    for key in config:
        if not isinstance(key, str):
            raise ValueError(f"config keys must be text, {key!r:.60} is none")
    return dict(config)


def tape_path(tape: str) -> Path:
    """Return a tape as it is handed to a user: the file where there is one, else the folder.

    A tape of one file is the same tape whether it lies by itself or alone in a folder, so it is
    handed as that file in both.
    """
    found: list[str] = []
    for folder, _, names in os.walk(tape):
        found += [os.path.join(folder, name) for name in names]
        if len(found) > 1:
            break
    return Path(found[0] if len(found) == 1 else tape)


def check_arguments(function: Any, first: str, config: Mapping[str, Any]) -> None:
    """Check that a function of the user's takes the keys of a config as its arguments.

    Raises:
        Refused: naming the key that it does not take, or the argument that is not given.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # made by a compiler: calling it will tell
        return
    called = f"{function.__name__}{signature}"
    kinds = {p.kind for p in signature.parameters.values()}
    known = [p for p in list(signature.parameters)[1:] if signature.parameters[p].kind in NAMED]
    for key in config:
        if key not in known and inspect.Parameter.VAR_KEYWORD not in kinds:
            raise Refused("raised", f"config key {key!r} is no argument of {called}"
                          f"{nearest(key, known)}")  # fmt: skip
    try:
        signature.bind(None, **config)
    except TypeError as e:
        hint = f"it is called with {first}, and with the keys of config: by name"
        raise Refused("raised", f"{called}: {e}", hint) from None
