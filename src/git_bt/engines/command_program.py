"""The programs that engine command starts: found, run to their end, and noted by their bytes.

No shell is involved: a word is a word.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from .refusal import Refused

PROGRAMS: dict[str, str] = {}
"""Those that this run has started, as packages of its environment have it."""


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
