"""What an engine's config may hold: each key with its default and what its value must be.

The parent completes a config before an id is made of it, so that a default that is spelled out and
one that is left out are the same inputs. Standard library only, Python ≥ 3.9.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from typing import Any

from .refusal import nearest

Check = Callable[[Any], "str | None"]
"""Says what a value must be, or None when it is."""

PARAMS = "params"
"""The key below which a strategy's own parameters stand, so that no name means two things."""


def complete(
    engine: str, config: Mapping[Any, Any], keys: Mapping[str, tuple[Any, Check]]
) -> dict[str, Any]:
    """Return a config with every key there is.

    Args:
        engine: its name, for messages.
        config: what the user gave.
        keys: default and check of each key.

    Raises:
        ValueError: an unknown key, or a value that its check refuses; one line.
    """
    for key in config:
        if key not in keys:
            told = f"unknown config key {key!r} for engine {engine}{nearest(key, keys)}"
            is_own = PARAMS in keys and not told.endswith("?")
            raise ValueError(told + "; a strategy's own go below params" * is_own)
    full = {key: default for key, (default, _) in keys.items()} | dict(config)
    for key, (_, check) in keys.items():
        wanted = check(full[key])
        if wanted is not None:
            raise ValueError(f"config {key} must be {wanted}, is {full[key]!r:.60}")
    return full


# -- checks ---------------------------------------------------------------------------------------


def number(low: float = -math.inf, high: float = math.inf, *, above: bool = False) -> Check:
    """Return a check for a finite number from `low` to `high`; `above`: `low` itself is none."""

    def check(value: Any) -> str | None:
        if not is_number(value):
            return "a number"
        if not -sys.float_info.max <= value <= sys.float_info.max:
            return "a finite number"
        if value < low or (above and value == low):
            return f"above {low:g}" if above else f"{low:g} or above"
        return None if value <= high else f"{high:g} or below"

    return check


def is_number(value: Any) -> bool:
    """Tell whether a value is a number; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def flag(value: Any) -> str | None:
    """Check for true or false."""
    return None if isinstance(value, bool) else "true or false"


def word(value: Any) -> str | None:
    """Check for a text of one line that is not empty."""
    return None if isinstance(value, str) and value and value.isprintable() else "a word"


def one_of(*words: str) -> Check:
    """Return a check for one of some words."""
    return lambda value: None if value in words else " or ".join(words)


def mapping(value: Any) -> str | None:
    """Check for a mapping whose keys are texts."""
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return None
    return "a mapping of names to values"


def optional(check: Check) -> Check:
    """Return a check that takes nothing (null), too."""
    return lambda value: None if value is None else check(value)
