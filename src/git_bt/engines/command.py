"""command: a program in any language, which writes its rows as CSV files.

`command:` of strategy.yaml is its argument vector, in which `{tape}`, `{config}` and `{out}` are
filled in; `build:` is one that is run before. Both run in the entry point's folder, in this run's
own copy of the snapshot. What the program writes into `{out}` is read with every usual spelling of
times and sides (`spelling`) and written anew as canonical rows, so that awk and C need not write
floats as Python does. No shell is involved: a word is a word.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from .given import any_config, tape_path
from .refusal import Refused
from .rows import TABLES, write
from .spelling import read, renumber

NAME = "command"
DISTRIBUTIONS: tuple[str, ...] = ()
PROGRAMS: dict[str, str] = {}
VERSION = "1"  # of what is agreed with the program; which Python starts it does not matter
INSTALL = "nothing: command: in strategy.yaml names a program"

SUMMARY = "summary.json"
FILES = (*(f"{name}.csv" for name in TABLES), SUMMARY)


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


# -- programs -------------------------------------------------------------------------------------


def execute(key: str, argv: Sequence[str], job: dict[str, Any]) -> None:
    """Run a program to its end, and end what it left running.

    Args:
        key: of strategy.yaml, for messages.
        argv: its argument vector.
        job: the job.

    Raises:
        Refused: it is not there, cannot be started, or ends with anything but 0.
    """
    path = find(key, argv[0], job)
    note(argv[0], path, job)
    harness = sys.modules["__main__"]
    harness.prctl(harness.PR_SET_CHILD_SUBREAPER, 1)
    try:
        process = subprocess.Popen([*argv], executable=path, start_new_session=True)
    except OSError as e:
        refuse_to_start(key, argv[0], path, e)
    except ValueError as e:
        raise Refused("raised", f"{key}: {e}") from None
    code = process.wait()
    harness.kill_all(process.pid)  # or it would write on while its rows are read
    if code < 0:
        raise Refused("killed", f"{key}: {argv[0]} was killed by {signal_name(-code)}")
    if code:
        said = last_words(os.path.join(os.path.dirname(job["out"]), "printed"))
        raise Refused("raised", f"{key}: {argv[0]} ended with exit code {code}{said}")


def find(key: str, word: str, job: dict[str, Any]) -> str:
    """Return the file of a program.

    Raises:
        Refused: it is not there, or lies in the work tree.
    """
    if os.sep not in word:
        path = shutil.which(word)
        if path is None and os.path.isfile(word):
            raise Refused("raised", f"{key}: {word} is no program on PATH", f"write ./{word}")
    else:
        path = os.path.abspath(word)
    if path is None or not os.path.exists(path):
        inside = path is not None and is_below(path, job["root"])
        if inside and job["build"] and key == "command":
            raise Refused("raised", f"command: the build made no {word}")
        if inside:
            raise Refused("raised", f"{key}: there is no {word} in the snapshot", file=path)
        where = " on PATH" if path is None else ""
        hint = "install it, or name it by its path"
        raise Refused("engine-missing", f"{key}: there is no {word}{where}", hint)
    real = os.path.realpath(path)
    tree = job["work_tree"]
    if (
        tree
        and is_below(real, tree)
        and not any(is_below(real, own) for own in (job["root"], sys.prefix, sys.base_prefix))
    ):
        raise Refused(
            "work-tree-module",
            f"{key}: {word} lies in the work tree, not in the snapshot",
            "list it, or its sources and a build:, in strategy.yaml",
        )
    return path


def note(word: str, path: str, job: dict[str, Any]) -> None:
    """Keep what tells a program from another of its name: 12 digits of the sha256 of its file.

    What it reads and starts in its turn is not known, and the snapshot's own files are no part of
    the environment, nor is the Python that this runs on, which is there already.
    """
    real = os.path.realpath(path)
    if is_below(real, job["root"]) or real == os.path.realpath(sys.executable):
        return
    digest = hashlib.sha256()
    with contextlib.suppress(OSError):  # one may run what one may not read
        with open(real, "rb") as f:
            for piece in iter(lambda: f.read(1 << 20), b""):
                digest.update(piece)
        PROGRAMS[f"program:{word}"] = f"sha256:{digest.hexdigest()[:12]}"


def is_below(path: str, folder: str) -> bool:
    """Tell whether a path lies in a folder, links followed."""
    return os.path.realpath(path).startswith(os.path.realpath(folder).rstrip(os.sep) + os.sep)


def refuse_to_start(key: str, word: str, path: str, error: OSError) -> NoReturn:
    """Say why a file that is there cannot be started.

    Raises:
        Refused: always.
    """
    if error.errno == errno.ENOENT:
        raise Refused(
            "engine-missing", f"{key}: the program that the first line of {word} names is not here"
        ) from None
    hint = None
    if error.errno == errno.EACCES:
        hint = f"make it executable: chmod +x {word}"
    elif error.errno == errno.ENOEXEC:
        hint = "a script needs a first line such as #!/bin/sh"
    reason = (error.strerror or "").lower()
    raise Refused("raised", f"{key}: cannot start {word}: {reason}", hint) from None


def last_words(path: str) -> str:
    """Return the last line that was printed, as the end of a message."""
    with open(path, "rb") as f:
        f.seek(max(0, os.path.getsize(path) - 4096))
        lines = f.read().decode("utf-8", "replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f": {last:.200}" if last else ""


def signal_name(number: int) -> str:
    """Return the name of a signal."""
    import signal

    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


# -- what it wrote --------------------------------------------------------------------------------


def read_folder(folder: str) -> dict[str, Any]:
    """Return rows by table, and the summary where there is one.

    Raises:
        Refused: nothing there, something that is no output, or a row that cannot be read.
    """
    found: dict[str, Any] = {}
    names = sorted(os.listdir(folder))
    for name in names:
        if name not in FILES:
            raise bad(f"the program wrote {name!r:.100} into {{out}}, known are {', '.join(FILES)}")
        if not stat.S_ISREG(os.lstat(os.path.join(folder, name)).st_mode):
            raise bad(f"{name} is no file (a folder, link, pipe or device)")
    if not names:
        raise Refused(
            "no-result",
            f"the strategy ended the run and wrote none of {', '.join(FILES)}",
            "write them into the folder that {out} stands for",
        )
    for name in names:
        path = os.path.join(folder, name)
        stem = name.partition(".")[0]
        found[stem] = read_summary(path) if name == SUMMARY else read_csv(path, stem)
    found_orders = [name for name in ("signals", "orders") if name in found]
    renumbered = renumber(*(found[name] for name in found_orders))
    return {**found, **dict(zip(found_orders, renumbered))}


def bad(message: str) -> Refused:
    """Return the refusal of an output."""
    return Refused("bad-output", message)


def read_csv(path: str, name: str) -> list[tuple[Any, ...]]:
    """Return the rows of one CSV file: a header with names, in any order.

    Raises:
        Refused: naming file, line and field.
    """
    file = f"{name}.csv"
    lines: list[int] = []
    rows: list[list[str]] = []
    try:
        with open(path, encoding="utf-8-sig", newline="") as f:
            reader = csv.reader(f, strict=True)
            for row in reader:
                if row:
                    rows.append(row)
                    lines.append(reader.line_num)
    except UnicodeDecodeError as e:
        raise bad(f"{file} is no UTF-8 text") from e
    except csv.Error as e:
        raise bad(f"{file} line {reader.line_num}: {e}") from None
    if not rows:
        raise bad(f"{file} is empty; its first line must name the columns")
    header = [cell.strip() for cell in rows[0]]
    twice = next((cell for at, cell in enumerate(header) if cell in header[:at]), None)
    if twice is not None:
        raise bad(f"{file} line 1: column {twice!r:.60} stands twice")
    for row, line in zip(rows, lines):
        if len(row) != len(header):
            raise bad(f"{file} line {line}: {len(row)} fields, the header has {len(header)}")
    body = list(zip(*rows[1:])) or [()] * len(header)
    columns = {cell: list(values) for cell, values in zip(header, body)}
    return read(name, columns, lambda row: f"{file} line {lines[row + 1]}")


def read_summary(path: str) -> dict[str, Any]:
    """Return what summary.json holds.

    Raises:
        Refused: no JSON object, or a number that is none.
    """

    def constant(word: str) -> NoReturn:
        raise ValueError(f"{word} is not JSON")

    try:
        with open(path, encoding="utf-8-sig") as f:
            found = json.load(f, parse_constant=constant)
    except (ValueError, RecursionError) as e:
        raise bad(f"{SUMMARY}: {e}") from None
    if not isinstance(found, dict):
        raise bad(f"{SUMMARY} must be an object, is a {type(found).__name__}")
    return found
