"""command: a program in any language, which writes its rows as CSV files.

`command:` of strategy.yaml is its argument vector, in which `{tape}`, `{config}` and `{out}` are
filled in; `build:` is one that is run before. Both run in the entry point's folder, in this run's
own copy of the snapshot (`command_program`). What the program writes into `{out}` is read
(`command_output`) and written anew as canonical rows.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from .command_output import read_folder
from .command_program import PROGRAMS, execute
from .given import any_config, tape_path
from .rows import write

__all__ = ["DISTRIBUTIONS", "INSTALL", "NAME", "PROGRAMS", "VERSION", "complete", "run", "warm"]

NAME = "command"
DISTRIBUTIONS: tuple[str, ...] = ()
VERSION = "1"  # of what is agreed with the program; which Python starts it does not matter
INSTALL = "nothing: command: in strategy.yaml names a program"


def complete(config: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the config as it is: its keys are the user's.

    Raises:
        ValueError: a key that is no text.
    """
    return any_config(config)


def warm() -> None:
    """Import nothing: the engine is the program."""


def run(job: dict[str, Any]) -> None:
    """Build, run the program, and write what it gave as canonical rows.

    Raises:
        Refused: a program is not there or fails, or what it wrote is no output.
    """
    place = os.path.dirname(job["out"])
    given = os.path.join(place, "given")
    os.mkdir(given)
    config = os.path.join(place, "config.json")
    with open(config, "w", encoding="utf-8", newline="") as f:
        json.dump(job["config"], f, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        f.write("\n")
    if sys.prefix != sys.base_prefix:  # `python` is the one that git bt engines names
        os.environ["PATH"] = os.pathsep.join(
            (os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath))
        )
    if job["build"]:
        execute("build", job["build"], job)
    filled = {"{tape}": str(tape_path(job["tape"])), "{config}": config, "{out}": given}
    execute("command", [fill(word, filled) for word in job["command"]], job)
    outputs = read_folder(given)
    write(job["out"], **{"summary": None, **outputs})


def fill(word: str, filled: Mapping[str, str]) -> str:
    """Return a word of the command with its placeholders filled in; other braces stay."""
    for name, value in filled.items():
        word = word.replace(name, value)
    return word
