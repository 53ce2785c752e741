"""Files that remember what can be found out again: losing one costs time and nothing else.

They lie in `bt/` of the common git directory. What one says is its owner's matter, who must not
trust it further than a wrong answer could do harm; here is how it is written, and how it is found
to be of other code.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any


def keep(place: Path | None, text: str) -> None:
    """Write such a file, whole or not at all; a place that cannot be written stays as it is.

    Args:
        place: the file; None keeps nothing.
        text: all that is to stand in it.
    """
    if place is None:
        return
    fresh = place.with_name(f"{place.name}.{os.getpid()}")
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(place)
        finally:
            fresh.unlink(missing_ok=True)


def recall(place: Path | None, nothing: Mapping[str, Any]) -> dict[str, Any]:
    """Return what such a file holds, as JSON.

    Args:
        place: the file; None holds nothing.
        nothing: what is returned where the file is gone, damaged, of other keys, or of another
            `code` than it says.
    """
    with suppress(OSError, ValueError, AttributeError):
        found = json.loads(place.read_bytes()) if place else {}
        if found.get("code") == nothing["code"] and found.keys() == nothing.keys():
            return dict(found)
    return dict(nothing)
