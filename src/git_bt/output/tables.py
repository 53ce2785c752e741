"""Columns of text that line up; no boxes, so that they can be cut and pasted."""

import re
from collections.abc import Sequence

GAP = "  "
_PAINT = re.compile("\x1b\\[[0-9;]*m")


def columns(rows: Sequence[Sequence[str]], *, right: Sequence[int] = (), indent: int = 0) -> str:
    """Return rows with their columns aligned, the last one ragged.

    Args:
        rows: cells, safe for a terminal; they may be painted.
        right: which columns are flush right, for numbers.
        indent: blanks in front of each line.
    """
    if not rows:
        return ""
    widths = [max(_width(row[i]) for row in rows if i < len(row)) for i in range(_most(rows))]
    lines = []
    for row in rows:
        cells = [_padded(cell, widths[i], right=i in right) for i, cell in enumerate(row)]
        lines.append((" " * indent + GAP.join(cells)).rstrip())
    return "\n".join(lines)


def _most(rows: Sequence[Sequence[str]]) -> int:
    return max(len(row) for row in rows)


def _width(text: str) -> int:
    return len(_PAINT.sub("", text))


def _padded(text: str, width: int, *, right: bool) -> str:
    blanks = " " * (width - _width(text))
    return blanks + text if right else text + blanks
