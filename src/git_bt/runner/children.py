"""One child that runs a job, or two at once of which the second is varied.

A child leaves nothing behind, however it ends: no process, no file. Two runs at once share the
tape, and differ in all that must not matter; comparing them is the caller's.
"""

import contextlib
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from git_bt import headstart
from git_bt.canonical import sha256
from git_bt.errors import Corrupt, Incomplete
from git_bt.harness import Harness
from git_bt.interpreters import Adapter, Interpreter
from git_bt.model import Environment, Failure, Outcome
from git_bt.processes import interruptible, need_space
from git_bt.runner.early import Early
from git_bt.runner.job import (
    Job,
    place_tape,
    tape_state,
    three_quarters_of_memory,
    write_files,
)
from git_bt.runner.outcome import (
    file_to_add,
    how_it_ended,
    one_line,
    read_done,
    read_environment,
    read_output,
    read_tail,
)

Meanwhile = Callable[[], None]


def _nothing() -> None:
    """Do nothing while a run goes on."""


def start(interpreter: Interpreter, adapter: Adapter, *, variation: int = 0) -> "Child":
    """Start a child that imports the engine and waits for its job, or take one that waits.

    The thread that starts a child must outlive it: Linux ends the child with that thread.

    Args:
        interpreter: the Python to run it with.
        adapter: the engine's adapter.
        variation: 0 for the pins, 1 for other values of what must not matter.

    Raises:
        CannotWork: the process or its folder cannot be made.
    """
    wanted = interpreter.executable, adapter.__file__, variation
    return Child(headstart.take(*wanted) or Harness(*wanted), interpreter)


class Child:
    """A started child; a context manager that leaves no process and no file."""

    def __init__(self, harness: Harness, interpreter: Interpreter) -> None:
        self.folder = harness.folder
        self._harness = harness
        self._interpreter = interpreter
        self._variation = harness.variation
        self._dir = harness.dir
        self._printed = harness.printed
        self._process = harness.process

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def stop(self) -> None:
        """End the child and all below it."""
        self._process.stop()

    def close(self) -> None:
        """End the child and all below it, and remove its folder."""
        self._harness.close()

    def run(self, job: Job, meanwhile: Meanwhile = _nothing) -> Outcome:
        """Run a job; a child runs one.

        Args:
            job: what it runs.
            meanwhile: called in this thread as soon as the run goes on.

        Raises:
            Corrupt: the bytes of a file are not its member's, or a path is unsafe.
            Incomplete: the bytes of a file are not at hand, or there is no entry point.
            CannotWork: there is no space left for what it writes.
        """
        with interruptible():
            tape = place_tape(job.tape, self.folder.path)
            return self.run_on(job, tape, meanwhile).outcome(job.known)

    def run_on(self, job: Job, tape: Path | None, meanwhile: Meanwhile = _nothing) -> "Ended":
        """Run a job on a tape that is already in its place."""
        before = tape_state(job.tape)
        started = time.monotonic()
        nonce = secrets.token_hex(16)
        write_files(job.members, job.content, self._dir / "files")
        self._write_job(job, tape)
        with Early(self._dir / "out", job.known) as early:
            self._process.tell(nonce)
            meanwhile()
            code = self._process.wait(job.timeout_s)
        elapsed = time.monotonic() - started
        done = read_done(self._dir / "done.json", nonce) if code == 0 else None
        failure = self._failure(job, code, done)
        if failure is not None and failure.kind != "timeout":
            need_space(self._dir)
        if failure is None and tape_state(job.tape) != before:
            failure = Failure(
                kind="tape-changed",
                message="the tape changed while the run read it",
                hint="run again when nothing writes to it",
            )
        return Ended(
            out=self._dir / "out",
            failure=failure,
            environment=read_environment(done and done["environment"], self._interpreter.engine),
            elapsed_s=elapsed,
            tail=self._tail(),
            proved=early.proved,
        )

    def _write_job(self, job: Job, tape: Path | None) -> None:
        if job.entry_point not in job.members:
            raise Incomplete(f"entry point {job.entry_point} is not among the strategy's files")
        files = self._dir / "files"
        value = {
            "entry_point": str(files / job.entry_point),
            "root": str(files),
            "tape": None if tape is None else str(tape),
            "out": str(self._dir / "out"),
            "config": dict(job.config),
            "command": job.command,
            "build": job.build,
            "cache": None if job.cache is None else str(job.cache),
            "work_tree": None if job.work_tree is None else str(job.work_tree),
            "memory": job.memory or three_quarters_of_memory(),
            "umask": 0o022 if self._variation == 0 else 0o077,
        }
        # In ASCII: a folder's name may be no Unicode, and comes back as the same bytes.
        (self._dir / "job.json").write_text(json.dumps(value, allow_nan=False), encoding="ascii")

    # -- how it ended -----------------------------------------------------------------------------

    def _failure(self, job: Job, code: int, done: Mapping[str, Any] | None) -> Failure | None:
        if done is not None:
            told = done["failure"]
            return None if told is None else self._told(job, told)
        if self._process.is_timed_out:
            return Failure(
                kind="timeout",
                message=f"still running after {job.timeout_s:g} s",
                hint="allow more time with --timeout SECONDS",
                tail=self._tail(),
            )
        return Failure(tail=self._tail(), **how_it_ended(code))

    def _told(self, job: Job, told: Mapping[str, Any]) -> Failure:
        tail = "\n".join(t for t in (self._tail(), told.get("tail") or "") if t)
        return Failure(
            kind=told["kind"],
            message=one_line(self._shown(told["message"])),
            hint=told.get("hint") or self._hint(job, told) or self._other_python(told),
            tail=self._shown(tail),
        )

    def _shown(self, text: str) -> str:
        """Return a text with paths as the user knows them, not as this run placed them."""
        return text.replace(f"{self._dir / 'files'}/", "")

    def _hint(self, job: Job, told: Mapping[str, Any]) -> str | None:
        if job.work_tree is None:
            return None
        project = Path(os.path.realpath(job.work_tree / job.root))
        path = None
        if told.get("stray"):
            with contextlib.suppress(ValueError):
                path = Path(told["stray"]).relative_to(project).as_posix()
        else:
            files = self._dir / "files"
            path = file_to_add(told, job.entry_point, files, lambda p: (project / p).exists())
        if path is None:
            return None
        return f"add {os.path.relpath(path, job.listed_from)} to files: in strategy.yaml"

    def _other_python(self, told: Mapping[str, Any]) -> str | None:
        """Say which Python lacks a module: any may have run an engine that has no package."""
        if not told.get("module"):
            return None
        return f"it ran on {self._interpreter.executable}; for another: --python PATH"

    def _tail(self) -> str:
        return read_tail(self._printed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A run that is over, its output not looked at yet; `proved` is that of `Early`."""

    out: Path
    failure: Failure | None
    environment: Environment | None
    elapsed_s: float
    tail: str
    proved: Mapping[str, str]

    def outcome(self, known: Mapping[str, str]) -> Outcome:
        """Return the output where it is canonical, else the failure; see `Job.known`."""
        output, failure = None, self.failure
        if failure is None:
            try:
                output = read_output(self.out, {**known, **self.proved})
            except Corrupt as e:
                failure = Failure(kind="bad-output", message=e.message, tail=self.tail)
        return Outcome(
            output=output,
            failure=failure,
            environment=self.environment,
            elapsed_s=self.elapsed_s,
        )


# -- two at once ----------------------------------------------------------------------------------


class Twin:
    """Two children, the second varied, that run the same job at once."""

    def __init__(self, interpreter: Interpreter, adapter: Adapter) -> None:
        self._first = start(interpreter, adapter)
        try:
            self._second = start(interpreter, adapter, variation=1)
        except BaseException:  # Ctrl-C too: the first would wait for ever
            self._first.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def stop(self) -> None:
        """End both and all below them."""
        self._first.stop()
        self._second.stop()

    def close(self) -> None:
        """End both, and remove their folders."""
        try:
            self._first.close()
        finally:
            self._second.close()

    def run(self, job: Job, meanwhile: Meanwhile = _nothing) -> tuple[Outcome, Outcome]:
        """Run a job in both, the tape written out once; see `Child.run`."""
        with interruptible():
            tape = place_tape(job.tape, self._first.folder.path)
            with _Aside(lambda: self._second.run_on(job, tape)) as aside:
                try:
                    first = self._first.run_on(job, tape, meanwhile).outcome(job.known)
                except BaseException:  # Ctrl-C too: the second has nobody left to tell
                    self._second.stop()
                    raise
            proved = {name: sha256(data) for name, data in (first.output or {}).items()}
            return first, aside.result().outcome({**job.known, **proved})


class _Aside:
    """Runs a function in a thread while the body runs, and joins it at the end."""

    def __init__(self, function: Callable[[], Ended]) -> None:
        self._function = function
        self._ended: Ended | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self._ended = self._function()
        except BaseException as e:  # noqa: BLE001 - raised again by `result`, in the caller's thread
            self._error = e

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    def result(self) -> Ended:
        if self._ended is None:
            raise self._error or RuntimeError("not run")
        return self._ended
