"""One strategy, run in a child process: the job goes in, canonical rows come out.

The child is engines/child.py under the user's interpreter. It is started early, so that importing
the engine overlaps whatever the caller still has to prove, and it learns where the bundle's bytes
are only with the job. What is decided here: the environment it sees, what it may not touch, how an
end without a result is called, and that what it wrote is canonical. Whether the output is the
right one is `compare.py`. A child process is no sandbox.
"""

import contextlib
import json
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from git_bt.canonical import COLUMNS, decode_json, decode_table, encode_json, sha256
from git_bt.errors import Corrupt, Incomplete
from git_bt.interpreters import Adapter, Interpreter
from git_bt.model import (
    EXECUTABLE,
    Content,
    Environment,
    Failure,
    Members,
    Outcome,
    Output,
    Tape,
)
from git_bt.paths import check_paths
from git_bt.processes import MARK, Folder, interruptible, spawn

TIMEOUT_S = 600.0
TAIL_LINES = 20
TAIL_BYTES = 8192
THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA", "VECLIB", "BLIS", "RAYON", "POLARS")
TRACE = re.compile(r"run\.floxrun/(manifest\.json|[a-z]+-\d{6}\.bin)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a run needs. Paths of `members` are relative to the project root, which lies at `root`
    below `work_tree`, the checkout whose modules must not be mixed in (None: there is none).
    `memory` is in bytes, None for three quarters of this machine's.
    """

    members: Members
    content: Content
    entry_point: str
    tape: Tape | None
    config: Mapping[str, Any]
    work_tree: Path | None = None
    root: str = "."
    timeout_s: float = TIMEOUT_S
    memory: int | None = None


def start(interpreter: Interpreter, adapter: Adapter, *, variation: int = 0) -> "Child":
    """Start a child that imports the engine and waits for its job.

    The thread that starts a child must outlive it: Linux ends the child with that thread.

    Args:
        interpreter: the Python to run it with.
        adapter: the engine's adapter.
        variation: 0 for the pins, 1 for other values of what must not matter.

    Raises:
        CannotWork: the process or its folder cannot be made.
    """
    folder = Folder()
    try:
        return Child(folder, interpreter, adapter, variation)
    except BaseException:
        folder.remove()
        raise


class Child:
    """A started child; a context manager that leaves no process and no file."""

    def __init__(
        self, folder: Folder, interpreter: Interpreter, adapter: Adapter, variation: int
    ) -> None:
        self._folder = folder
        self._interpreter = interpreter
        self._variation = variation
        # The second of two runs lies deeper: a strategy that shows its path differs from itself.
        self._dir = folder.path / ("run" if variation == 0 else "varied/deeper/run")
        for name in ("home", "tmp", "out", "files"):
            (self._dir / name).mkdir(parents=True)
        self._printed = self._dir / "printed"
        harness = Path(adapter.__file__).parent / "child.py"
        if not harness.is_file():  # another package's adapter
            harness = Path(__file__).parent / "engines" / "child.py"
        self._process = spawn(
            [str(interpreter.executable), "-s", str(harness), adapter.__file__, str(self._dir)],
            env=_environment(self._dir, variation),
            cwd=self._dir,
            printed=self._printed,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child and all below it, and remove its folder."""
        self._process.stop()
        self._folder.remove()

    def run(self, job: Job) -> Outcome:
        """Run a job; a child runs one.

        Raises:
            Corrupt: the bytes of a file are not its member's, or a path is unsafe.
            Incomplete: the bytes of a file are not at hand.
        """
        with interruptible():
            tape = place_tape(job.tape, self._folder.path)
            return self.run_with(job, tape)

    def run_with(self, job: Job, tape: Path | None) -> Outcome:
        """Run a job on a tape that is already in its place."""
        before = _tape_state(job.tape)
        started = time.monotonic()
        nonce = secrets.token_hex(16)
        _write_files(job.members, job.content, self._dir / "files")
        self._write_job(job, tape)
        self._process.tell(nonce)
        code = self._process.wait(job.timeout_s)
        elapsed = time.monotonic() - started
        done = _read_done(self._dir / "done.json", nonce) if code == 0 else None
        environment = _read_environment(done, self._interpreter)
        failure = self._failure(job, code, done)
        if failure is None and _tape_state(job.tape) != before:
            failure = Failure(
                kind="tape-changed",
                message="the tape changed while the run read it",
                hint="run again when nothing writes to it",
            )
        output: Output | None = None
        if failure is None:
            try:
                output = read_output(self._dir / "out")
            except Corrupt as e:
                failure = Failure(kind="bad-output", message=e.message, tail=self._tail())
        return Outcome(output=output, failure=failure, environment=environment, elapsed_s=elapsed)

    def _write_job(self, job: Job, tape: Path | None) -> None:
        files = self._dir / "files"
        value = {
            "entry_point": str(files / job.entry_point),
            "root": str(files),
            "tape": None if tape is None else str(tape),
            "out": str(self._dir / "out"),
            "config": dict(job.config),
            "work_tree": None if job.work_tree is None else str(job.work_tree),
            "memory": job.memory or _three_quarters_of_memory(),
            "umask": 0o022 if self._variation == 0 else 0o077,
        }
        (self._dir / "job.json").write_bytes(encode_json(value))

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
            message=self._shown(told["message"]),
            hint=told.get("hint") or self._hint(job, told),
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
        return None if path is None else f"add {path} to files: in strategy.yaml"

    def _tail(self) -> str:
        return read_tail(self._printed)


def how_it_ended(code: int) -> dict[str, str]:
    """Return kind, message and hint of an end without done.json."""
    if code < 0:
        import signal

        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = "out of memory?" if name == "SIGKILL" else "a crash in native code"
        return {"kind": "killed", "message": f"killed by {name}", "hint": hint}
    return {
        "kind": "no-result",
        "message": f"ended with exit code {code} and without a result",
        "hint": "a strategy must not end the process",
    }


def file_to_add(
    told: Mapping[str, Any], entry_point: str, files: Path, exists: Callable[[str], bool]
) -> str | None:
    """Return the path of the missing module or data file that the project has, else None.

    Args:
        told: what the child says: `module`, a dotted name, or `file`, an absolute path.
        entry_point: path from the project root.
        files: where the snapshot stood.
        exists: tells whether the project has a path.
    """
    if isinstance(told.get("file"), str):
        path = Path(told["file"])
        if not path.is_relative_to(files):
            return None
        found = path.relative_to(files).as_posix()
        return found if exists(found) else None
    if not isinstance(told.get("module"), str):
        return None
    name = told["module"].replace(".", "/")
    folder = Path(entry_point).parent.as_posix()
    for base in dict.fromkeys((folder, ".", "src")):
        prefix = "" if base == "." else f"{base}/"
        for candidate in (f"{name}.py", f"{name}/__init__.py", name):
            if exists(prefix + candidate):
                return prefix + candidate + ("/**" if candidate == name else "")
    return None


# -- two at once ----------------------------------------------------------------------------------


class Twin:
    """Two children, the second varied, that run the same job at once."""

    def __init__(self, interpreter: Interpreter, adapter: Adapter) -> None:
        self._first = start(interpreter, adapter)
        try:
            self._second = start(interpreter, adapter, variation=1)
        except BaseException:
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

    def close(self) -> None:
        """End both."""
        try:
            self._first.close()
        finally:
            self._second.close()

    def run(self, job: Job) -> tuple[Outcome, Outcome]:
        """Run a job in both, the tape written out once; see `Child.run`."""
        import threading

        with interruptible():
            tape = place_tape(job.tape, self._first._folder.path)
            second: list[Outcome | BaseException] = []

            def run_second() -> None:
                try:
                    second.append(self._second.run_with(job, tape))
                except BaseException as e:  # noqa: BLE001 - raised again below, in the caller
                    second.append(e)

            thread = threading.Thread(target=run_second)
            thread.start()
            try:
                first = self._first.run_with(job, tape)
            except BaseException:
                self._second._process.stop()
                raise
            finally:
                thread.join()
        if isinstance(second[0], BaseException):
            raise second[0]
        return first, second[0]


def run_twin(interpreter: Interpreter, adapter: Adapter, job: Job) -> tuple[Outcome, Outcome]:
    """Run a job twice at once, the second time varied; see `Child.run`."""
    with Twin(interpreter, adapter) as twin:
        return twin.run(job)


# -- what goes in ---------------------------------------------------------------------------------


def _environment(run_dir: Path, variation: int) -> dict[str, str]:
    pins = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(run_dir / "home"),
        "TMPDIR": str(run_dir / "tmp"),
        "TZ": "UTC0" if variation == 0 else "XXX-5:45",
        "LC_ALL": "C.UTF-8" if variation == 0 else "C",
        "PYTHONHASHSEED": str(variation),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        MARK: str(run_dir.parent if variation == 0 else run_dir.parents[2]),
    }
    return pins | {f"{name}_NUM_THREADS": "1" for name in THREADS}


def _three_quarters_of_memory() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4 * 3
    except (ValueError, OSError):
        return 0


def _write_files(members: Members, content: Content, folder: Path) -> None:
    check_paths(members)
    for path, member in members.items():
        source = content.get(path)
        if source is None:
            raise Incomplete(f"the bytes of {path} are not at hand", hint="git bt fetch")
        data = source.read()
        if len(data) != member.size or sha256(data) != member.sha256:
            raise Corrupt(f"{path}: the bytes are not those of its digest")
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        target.chmod(0o755 if member.mode == EXECUTABLE else 0o644)


def place_tape(tape: Tape | None, folder: Path) -> Path | None:
    """Return where a tape lies: in its own place, or written out below a folder.

    Raises:
        Corrupt: the bytes of a file are not its member's.
        Incomplete: the bytes of a file are not at hand.
    """
    if tape is None or tape.place is not None:
        return None if tape is None or tape.place is None else tape.place.absolute()
    target = folder / "tape"
    target.mkdir()
    _write_files(tape.members, tape.content, target)
    return target


def _tape_state(tape: Tape | None) -> list[tuple[int, int, int]] | None:
    """Return what changes when a tape in place is written to."""
    if tape is None or tape.place is None:
        return None
    is_file = tape.place.is_file()
    state = []
    for path in tape.members:
        try:
            s = (tape.place if is_file else tape.place / path).stat()
        except OSError:
            state.append((0, 0, 0))
        else:
            state.append((s.st_size, s.st_mtime_ns, s.st_ino))
    return state


# -- what comes out -------------------------------------------------------------------------------


def _read_done(path: Path, nonce: str) -> Mapping[str, Any] | None:
    try:
        value = decode_json(path.read_bytes(), "done.json")
    except (OSError, Corrupt):
        return None
    return value if isinstance(value, dict) and value.get("nonce") == nonce else None


def _read_environment(
    done: Mapping[str, Any] | None, interpreter: Interpreter
) -> Environment | None:
    if done is None or not done["environment"]:
        return None
    said = done["environment"]
    return Environment(
        python=said["python"],
        engine=interpreter.engine,
        packages=said["packages"],
        platform=said["platform"],
    )


def read_output(folder: Path) -> Output:
    """Return what a run wrote, by path below its output folder, checked to be canonical.

    Raises:
        Corrupt: a file that no engine may give, or one that is not canonical.
    """
    output: dict[str, bytes] = {}
    for path in sorted(_regular_files(folder)):
        name = path.relative_to(folder).as_posix()
        if name not in COLUMNS and name != "summary.json" and not TRACE.fullmatch(name):
            raise Corrupt(f"the run wrote {name!r:.100}, which is no output")
        data = path.read_bytes()
        if name in COLUMNS:
            decode_table(data, name)
        elif name == "summary.json" and encode_json(decode_json(data, name)) != data:
            raise Corrupt(f"{name}: not in canonical form")
        output[name] = data
    if not output:
        raise Corrupt("the run wrote no output")
    return output


def _regular_files(folder: Path) -> Iterator[Path]:
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _regular_files(Path(entry.path))
        elif entry.is_file(follow_symlinks=False):
            yield Path(entry.path)
        else:
            raise Corrupt(f"the run wrote {entry.name!r:.100}, which is no file")


_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")


def read_tail(path: Path) -> str:
    """Return the last lines that a run printed, without colours and control characters."""
    try:
        with path.open("rb") as f:
            f.seek(max(0, f.seek(0, os.SEEK_END) - TAIL_BYTES))
            text = f.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(_ESCAPES.sub("", text).splitlines()[-TAIL_LINES:])
