"""What the engines without an engine hand on as it is: the user's config, and the tape as a path.

Standard library only, Python ≥ 3.9.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


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
