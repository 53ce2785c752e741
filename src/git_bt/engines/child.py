"""The harness: run as `python -s child.py ADAPTER RUN_DIR`, one process tree a run.

It splits in two at once. One half supervises: it reaps and, at any end, kills whatever the run
left behind, also processes in sessions of their own. The other half imports the engine while the
parent still checks bytes, waits for a line with the nonce on stdin, and only then looks at
RUN_DIR/job.json and what lies beside it. The last thing it writes is done.json; without that file
there is no result, however the process ended. It prints nothing of its own but tracebacks.

This is no sandbox. Standard library only, Python ≥ 3.9: see the package's docstring.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from json import dump as write_json  # by name: a strategy may patch the modules for itself
from json import load as read_json
from time import perf_counter, sleep
from typing import Any, NoReturn

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
TAIL_LINES = 40
TAIL_WIDTH = 500  # or done.json would be too large to be believed
MAX_FILE = 4 * 2**30  # a strategy that prints without end stops here, not at the end of the disk
ADAPTER = "_git_bt_adapter"
HERE = os.path.dirname(os.path.abspath(__file__))


def main(adapter_path: str, run_dir: str) -> NoReturn:
    """Run one job and end the process."""
    supervisor, ready = split()
    before = set(sys.modules)
    adapter: Any = None
    broken: BaseException | None = None
    loaded = load("_git_bt_loaded", os.path.join(HERE, "loaded.py"))
    try:
        adapter = load_adapter(adapter_path)
        adapter.warm()
    except BaseException as e:  # an engine that exits too: told when there is a job
        broken = e
    nonce = sys.stdin.readline().strip()
    if not nonce or not os.read(ready, 1):
        os._exit(0)  # the parent went away, or needs no run after all
    die_with(supervisor)
    started = perf_counter()
    done: dict[str, Any] = {"nonce": nonce, "failure": None, "environment": None}
    try:
        if broken is not None:
            raise broken
        with open(os.path.join(run_dir, "job.json"), encoding="utf-8") as f:
            job = read_json(f)
        enter(job)
        loaded.forget_work_tree(job)
        adapter.run(job)
        done["failure"] = loaded.strays(job)
    except BaseException as e:  # whatever the strategy raises, sys.exit too
        done["failure"] = failure(e, None if broken is not None else os.path.join(run_dir, "files"))
    done["elapsed_s"] = perf_counter() - started
    done["environment"] = loaded.environment(before)
    done["environment"]["packages"].update(getattr(adapter, "PROGRAMS", {}))
    finish(run_dir, done)


def load(name: str, path: str) -> Any:
    """Load a module from its file."""
    import importlib.util

    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"no module at {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def load_adapter(path: str) -> Any:
    """Load an adapter as a module of its folder, so that it can import what lies beside it."""
    import types

    package = types.ModuleType(ADAPTER)
    package.__path__ = [os.path.dirname(path)]
    sys.modules[ADAPTER] = package
    return load(f"{ADAPTER}.{os.path.splitext(os.path.basename(path))[0]}", path)


def finish(run_dir: str, done: dict[str, Any]) -> NoReturn:
    """Write done.json, whole or not at all, and end without the strategy's exit handlers."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # the strategy may have closed or replaced it
            stream.flush()
    path = os.path.join(run_dir, "done.json")
    with open(path + ".new", "w", encoding="utf-8") as f:
        write_json(done, f)
    os.replace(path + ".new", path)
    os._exit(0)


# -- two processes --------------------------------------------------------------------------------


def split() -> tuple[int, int]:
    """Fork; in the worker, return the supervisor's pid and a pipe that tells when it stands."""
    supervisor = os.getpid()
    read, write = os.pipe()
    worker = os.fork()
    if worker != 0:
        os.close(read)
        supervise(worker, write)
    os.close(write)
    return supervisor, read


def supervise(worker: int, ready: int) -> NoReturn:
    """Wait for the worker, kill what it leaves behind, and end as it ended."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)  # or the worker's stdin would stay open when the parent goes away

    def stop(signum: int, frame: object) -> None:
        kill_all(worker)
        os._exit(128 + signum)

    signal.signal(signal.SIGTERM, stop)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    os.write(ready, b"1")
    os.close(ready)
    status = None
    while status is None:
        pid, ended = os.waitpid(-1, 0)
        if pid == worker:
            status = ended
    kill_all(worker)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        signal.signal(number, signal.SIG_DFL) if number != signal.SIGKILL else None
        limit_core()
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))


def kill_all(worker: int) -> None:
    """Kill every process below this one until there is none."""
    with contextlib.suppress(OSError):  # it has no group of its own yet, or is gone
        os.killpg(worker, signal.SIGKILL)
    while True:
        for pid in children():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                sleep(0.001)
        except ChildProcessError:
            return


def children() -> list[int]:
    """Return the direct children; with a subreaper, orphans become direct ones."""
    try:
        with open("/proc/thread-self/children") as f:
            return [int(pid) for pid in f.read().split()]
    except OSError:
        return children_by_stat()


def children_by_stat() -> list[int]:
    """Find the direct children where the kernel does not list them, or there is no /proc."""
    found: list[int] = []
    me = os.getpid()
    try:
        pids = [int(n) for n in os.listdir("/proc") if n.isdigit()]
    except OSError:
        return found
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat") as f:
                if int(f.read().rpartition(")")[2].split()[1]) == me:
                    found.append(pid)
        except (OSError, ValueError, IndexError):
            continue
    return found


def prctl(option: int, value: int) -> None:
    """Call prctl where there is one (Linux)."""
    if not sys.platform.startswith("linux"):
        return
    try:
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        pass  # a Python without ctypes: the process group is killed still


def die_with(supervisor: int) -> None:
    """Make the worker end when its supervisor does, and give it a process group."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:
        os._exit(0)
    os.setpgid(0, 0)


# -- before the run -------------------------------------------------------------------------------


def enter(job: dict[str, Any]) -> None:
    """Apply the limits, stand in the strategy's folder, and put the snapshot first on the path."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    limit(job)
    os.umask(job["umask"])
    folder = os.path.dirname(job["entry_point"])
    os.chdir(folder)
    first = [folder]
    for path in (job["root"], os.path.join(job["root"], "src")):
        if os.path.isdir(path) and path not in first:
            first.append(path)
    sys.path[:0] = first
    sys.argv = [job["entry_point"]]
    sys.meta_path.insert(0, SnapshotFirst(first))


def limit_core() -> None:
    """Write no core file."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def limit(job: dict[str, Any]) -> None:
    """Apply the limits on memory and files."""
    import resource

    limit_core()
    wanted = [(resource.RLIMIT_FSIZE, MAX_FILE)]
    if job["memory"]:
        wanted.append((resource.RLIMIT_DATA, job["memory"]))
    for what, value in wanted:
        hard = resource.getrlimit(what)[1]
        if hard == resource.RLIM_INFINITY or value < hard:
            resource.setrlimit(what, (value, value))


class SnapshotFirst:
    """Finds top-level modules in the snapshot before any editable install's finder can."""

    def __init__(self, folders: list[str]) -> None:
        from importlib.machinery import PathFinder  # here: find_spec would ask itself for it

        self.folders = folders
        self.find = PathFinder.find_spec

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Find a top-level module below the snapshot's folders, else nothing."""
        if path is not None or name in sys.builtin_module_names:
            return None
        spec = self.find(name, self.folders, target)
        return spec if spec is not None and spec.loader is not None else None


# -- failures -------------------------------------------------------------------------------------


def failure(error: BaseException, root: str | None) -> dict[str, Any]:
    """Describe an exception: kind, one line, and the traceback without our own frames.

    Args:
        error: what was raised.
        root: where the snapshot stands; None when only the engine had been imported.
    """
    import traceback

    if type(error).__module__.split(".")[0] == ADAPTER and hasattr(error, "bt_kind"):
        told = {"kind": error.bt_kind, "message": one_line(error)}
        given = {key: getattr(error, f"bt_{key}", None) for key in ("hint", "file")}
        return {**told, **given, "tail": ""}
    frames = [f for f in traceback.extract_tb(error.__traceback__) if is_users(f.filename)]
    theirs = [f for f in frames if root and f.filename.startswith(root + os.sep)] or frames
    place = f" ({theirs[-1].filename}:{theirs[-1].lineno} in {theirs[-1].name})" if theirs else ""
    lines = traceback.format_list(frames) + traceback.format_exception_only(type(error), error)
    tail = [line[:TAIL_WIDTH] for line in "".join(lines).splitlines()[-TAIL_LINES:]]
    described = {
        "kind": "raised",
        "message": ": ".join(filter(None, (type(error).__name__, one_line(error)))) + place,
        "hint": None,
        "tail": "\n".join(tail),
    }
    if root is None:
        described["kind"] = "engine-missing"
        described["message"] = f"{sys.executable} cannot import the engine: {described['message']}"
    elif isinstance(error, MemoryError):
        described["kind"] = "memory"
        described["message"] = "ran out of memory" + place
    elif isinstance(error, SystemExit):
        described["kind"] = "no-result"
        described["message"] = f"the strategy ended the run by sys.exit({one_line(error)}){place}"
    described.update(missing(error))
    return {k: v if v is None else encodable(v) for k, v in described.items()}


def is_users(filename: str) -> bool:
    """Tell whether a frame is neither ours nor the import machinery's."""
    own = [HERE, *getattr(sys.modules.get(ADAPTER), "__path__", ())]
    return os.path.dirname(filename) not in own and not filename.startswith("<frozen importlib")


def missing(error: BaseException) -> dict[str, str]:
    """Name the module or the file that an exception says is not there."""
    if isinstance(error, ImportError) and error.name:
        name = getattr(error, "name_from", None) or submodule(str(error))
        if isinstance(error, ModuleNotFoundError) or name is None:
            return {"module": error.name}
        return {"module": f"{error.name}.{name}"}
    if isinstance(error, FileNotFoundError) and isinstance(error.filename, str):
        return {"file": os.path.abspath(error.filename)}
    return {}


def submodule(text: str) -> str | None:
    """Return the name in "cannot import name 'x' from 'y'"; Python < 3.12 has it only there."""
    parts = text.split("'")
    return parts[1] if text.startswith("cannot import name") and len(parts) > 2 else None


def one_line(error: BaseException) -> str:
    """Return what an exception says as one line, not without end."""
    try:
        text = str(error)
    except Exception:  # a __str__ of the user's
        text = "(it cannot say why)"
    return " ".join(text.split())[:500]


def encodable(text: str) -> str:
    """Return a text that is Unicode; file names and messages may hold halves of surrogates."""
    return text.encode("utf-8", "backslashreplace").decode()


if __name__ == "__main__":
    if sys.path and os.path.abspath(sys.path[0] or ".") == HERE:
        del sys.path[0]  # -P does this from 3.11 on
    main(*sys.argv[1:])
