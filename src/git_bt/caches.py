"""Files that remember what can be found out again: losing one costs time and nothing else.

They lie in `bt/` of the common git directory. What one says is read by its owner, who must not
trust it further than a wrong answer could do harm; here is only how it is written.
"""

import os
from contextlib import suppress
from pathlib import Path


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
