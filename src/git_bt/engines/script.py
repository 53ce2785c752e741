"""script: a program that calls its engine itself, as `git bt run` packed it.

The entry point runs as `__main__`, with its arguments, in the folder it ran in; the tape lies where
it lay. The hooks of `live/` watch the engine's own function, as they did then, and give the rows
and the metrics of the one backtest that the program makes. The engine's version is in the
environment of the run; that of this adapter says how rows are read.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from .config import Check, optional, word
from .config import complete as complete_config
from .refusal import Refused
from .rows import plain, write

NAME = "script"
DISTRIBUTIONS: tuple[str, ...] = ()
VERSION = "2"  # 2: with the metrics of the backtest beside its rows
INSTALL = "nothing to install: the program brings its engine"


def _words(value: Any) -> str | None:
    is_list = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return None if is_list else "a list of words"


KEYS: dict[str, tuple[Any, Check]] = {
    "argv": ([], _words),
    "cwd": (".", word),
    "module": (None, optional(word)),
    "tape": (None, optional(word)),
}


def complete(config: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a config with every key there is.

    Raises:
        ValueError: an unknown key, or a value of another type.
    """
    return complete_config(NAME, config, KEYS)


def warm() -> None:
    """Import nothing: which engine it is, the program knows."""


def run(job: dict[str, Any]) -> None:
    """Run the program, and write the rows of its one backtest.

    Raises:
        Refused: it made none, or several, or one whose rows are not whole.
        BaseException: whatever the program raised.
    """
    import runpy

    config, root = job["config"], job["root"]
    cwd = os.path.normpath(os.path.join(root, config["cwd"]))
    os.makedirs(cwd, exist_ok=True)
    os.chdir(cwd)
    if config["tape"] is not None:
        place_tape(job["tape"], os.path.normpath(os.path.join(root, config["tape"])), root)
    kept = Kept()
    watch(kept)
    sys.argv = [job["entry_point"], *config["argv"]]
    try:
        if config["module"] is None:
            runpy.run_path(job["entry_point"], run_name="__main__")
        else:
            sys.path.insert(0, cwd)  # as `python -m` does
            runpy.run_module(config["module"], run_name="__main__", alter_sys=True)
    except SystemExit as e:
        if e.code not in (None, 0):
            raise
    if len(kept.results) != 1:
        what = f"{len(kept.results)} backtests" if kept.results else "no backtest"
        raise Refused("no-result", f"the program made {what}, one is packed and compared")
    (result,) = kept.results
    if result.fills is None:
        raise Refused("no-result", "the rows of the backtest cannot be read")
    tables = {} if result.equity is None else {"equity": result.equity}
    write(job["out"], summary=plain(result.metrics), fills=result.fills, **tables)


def place_tape(tape: str | None, place: str, root: str) -> None:
    """Let the tape lie where the program looks for it; a copy of the snapshot's may be there.

    Raises:
        Refused: there is no tape, or it would lie outside the project.
    """
    if tape is None:
        raise Refused("tape-missing", "there is no tape", "name one with --tape or `tape:`")
    if not place.startswith(os.path.join(root, "")):
        raise Refused("raised", "config tape: leads out of the project", "mend the config")
    if os.path.lexists(place):
        return
    os.makedirs(os.path.dirname(place), exist_ok=True)
    names = os.listdir(tape) if os.path.isdir(tape) else []
    if names == [os.path.basename(place)]:  # a tape of one file, written out as a folder
        tape = os.path.join(tape, names[0])
    os.symlink(tape, place)


class Kept:
    """Keeps the results that the hooks tell of."""

    def __init__(self) -> None:
        self.results: list[Any] = []

    def begin(self, engine: str, params: Mapping[str, Any]) -> str:
        """A run begins."""
        return engine

    def end(self, begun: str, result: Any, *, in_sweep: bool) -> None:
        """It gave a result."""
        self.results.append(result)

    def fail(self, begun: str, error: BaseException) -> None:
        """It raised, which the program may survive; it is none of the results."""


def watch(listener: Kept) -> None:
    """Install the hooks; git-bt is not in this interpreter, so they come from beside this file.

    The program may ask for hooks of its own: ours are there already.
    """
    if "git_bt" not in sys.modules:
        from importlib.util import module_from_spec, spec_from_file_location

        place = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        spec = spec_from_file_location(
            "git_bt", os.path.join(place, "__init__.py"), submodule_search_locations=[place]
        )
        assert spec is not None
        assert spec.loader is not None
        sys.modules["git_bt"] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules["git_bt"])
    from importlib import import_module

    import_module("git_bt.live.hooks").install(listener)
    setattr(sys.modules["git_bt"], "autocapture", lambda *args, **named: None)  # noqa: B010  or mypy
