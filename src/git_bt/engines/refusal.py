"""How an adapter says no: a job that cannot be run, and a name that nothing has.

Beside an adapter, like `config.py`, `bars.py`, `entry.py` and `rows.py`: what several share. The
child loads an adapter as a module of this folder, so `from .refusal import Refused` works there
and in the parent. Standard library only, Python ≥ 3.9.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Refused(Exception):
    """A job that cannot be run.

    `bt_kind` is one of the kinds of `model.Failure`: tape-corrupt, tape-missing, engine-missing,
    or raised for what the strategy's author has to mend. `bt_file` is a file of the snapshot that
    is not there: the hint is to list it, where the project has it.
    """

    def __init__(
        self, kind: str, message: str, hint: str | None = None, *, file: str | None = None
    ) -> None:
        super().__init__(message)
        self.bt_kind = kind
        self.bt_hint = hint
        self.bt_file = file


def nearest(name: Any, known: Iterable[str]) -> str:
    """Return the end of a sentence about an unknown name: the one that was meant, or all."""
    import difflib

    names = list(known)
    near = difflib.get_close_matches(str(name), names, n=1)
    if near:
        return f", did you mean {near[0]}?"
    return f", known are {', '.join(names)}" if names else ", there are none"
