"""What `git bt run` gets from the processes below it: one file of lines each, and the bytes.

`<pid>-<random>.jsonl` holds a line for each kind of code that ran, then one for each run;
`files/<sha256>` the bytes of sources as they were when the run began, `rows/<random>/` the rows of
the first run. Nothing is read by anybody before the command has ended.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time

from git_bt.engines.loaded import environment
from git_bt.live.detection import detect
from git_bt.live.engines import NAMES, Result
from git_bt.live.loaded import local_modules
from git_bt.live.places import project_root
from git_bt.live.program import as_text, started, words

TYPE_CHECKING = False  # typing's own costs 10 ms
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

    from git_bt.live.found import Detection

_MAX_TEXT = 200


class Drop:
    """Writes what the hooks tell into a folder.

    Args:
        folder: made by who started us; see the module.
        before: modules that were loaded before the program began.
    """

    is_of_run = True

    def __init__(self, folder: str, before: Collection[str] = ()) -> None:
        self.folder = folder
        self.before = set(before)
        self._pid = 0
        self._name = ""
        self._codes: dict[tuple[Any, ...], int] = {}
        self._rows = 0

    def begin(self, engine: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Keep the code that runs as it is now."""
        found = detect(NAMES)
        return {
            "kind": "run",
            "code": self._code(found),
            "engine": engine,
            "params": {as_text(key): _plain(value) for key, value in params.items()},
            "started_ns": time.time_ns(),
            "clock_ns": time.perf_counter_ns(),
        }

    def end(self, begun: dict[str, Any], result: Result, *, in_sweep: bool) -> None:
        """Write the line of a run that gave a result, and the rows of the first."""
        rows = None
        if not in_sweep and not self._rows and result.fills is not None:
            rows = self._keep_rows(result)
        self._line(
            {
                **begun,
                "status": "ok",
                "metrics": {as_text(key): _plain(value) for key, value in result.metrics.items()},
                "rows": rows,
            }
        )

    def fail(self, begun: dict[str, Any], error: BaseException) -> None:
        """Write the line of a run that raised."""
        said = f"{type(error).__name__}: {' '.join(as_text(error).split())}"[:_MAX_TEXT]
        self._line({**begun, "status": "failed", "metrics": {}, "error": said, "rows": None})

    def _line(self, value: dict[str, Any]) -> None:
        clock = value.pop("clock_ns", None)
        if clock is not None:
            value["elapsed_ns"] = time.perf_counter_ns() - clock
        text = json.dumps(value).encode("utf-8", "backslashreplace") + b"\n"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        fd = os.open(os.path.join(self.folder, self._file()), flags, 0o600)
        try:
            os.write(fd, text)
        finally:
            os.close(fd)

    def _file(self) -> str:
        """Return the name of this process's file; a fork begins one of its own."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._name = f"{self._pid}-{os.urandom(4).hex()}.jsonl"
            self._codes = {}
        return self._name

    def _code(self, found: Detection) -> int:
        self._file()
        argv = words()
        what = (found.detected_file, found.detection_method, found.confidence, found.cells)
        key = (*what, *argv)
        if key not in self._codes:
            self._codes[key] = len(self._codes)
            described = self._described(found, argv)
            self._line({"kind": "code", "code": self._codes[key], **described})
        return self._codes[key]

    def _described(self, found: Detection, argv: list[str]) -> dict[str, Any]:
        entry = found.detected_file
        paths = [] if entry is None else [entry]
        changed = []
        if entry is not None:
            for module in local_modules(project_root(entry)):
                paths.append(module.path)
                changed += [module.path] if module.changed else []
        return {
            "file": entry,
            "method": found.detection_method,
            "confidence": found.confidence,
            "context": found.execution_context,
            "fallback": found.fallback_used,
            "cells": found.cells,
            "warnings": [[n.kind, n.message, n.path] for n in found.warnings],
            "files": {path: digest for path in paths if (digest := self._keep(path))},
            "changed": changed,
            "argv": argv,
            "cwd": os.getcwd(),
            "started": started(found),
            "python": sys.executable,
            "environment": environment(self.before),
        }

    def _keep(self, path: str) -> str | None:
        """Keep the bytes of a file by their digest; return None when it cannot be read."""
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError:
            return None
        digest = hashlib.sha256(data).hexdigest()
        place = os.path.join(self.folder, "files", digest)
        if not os.path.exists(place):
            part = f"{place}.{os.getpid()}"
            with open(part, "wb") as file:
                file.write(data)
            os.replace(part, place)
        return digest

    def _keep_rows(self, result: Result) -> str | None:
        from git_bt.engines.rows import plain, write

        name = os.urandom(8).hex()
        out = os.path.join(self.folder, "rows", name)
        os.makedirs(out)
        tables = {} if result.equity is None else {"equity": result.equity}
        write(out, summary=plain(result.metrics), fills=result.fills or (), **tables)
        self._rows += 1
        return name


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: text, numbers, truth, nothing; anything else by its text."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return as_text(value)
    if isinstance(value, float) or type(value).__module__ == "numpy":
        try:
            return float(value)
        except (TypeError, ValueError):
            return as_text(value)[:_MAX_TEXT]
    if callable(getattr(value, "isoformat", None)):
        return as_text(value.isoformat())
    return getattr(value, "__qualname__", None) or as_text(value)[:_MAX_TEXT]
