"""Processes and temporary folders of runs: made here, and gone when the run is over.

A run is a process tree whose top, the supervisor in engines/child.py, kills everything below it at
any end. What is here makes that tree, ends it, and is the second line: when the supervisor does
not answer, its group is killed, and every process that carries the run's mark. Folders of
git-bt processes that were killed themselves are swept when the next one starts.
"""

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType

from git_bt.errors import CannotWork

TYPE_CHECKING = False  # typing takes 3 ms to import, and a run starts with this module
if TYPE_CHECKING:
    from typing import IO

PREFIX = "git-bt-"
MARK = "GIT_BT_RUN"
GRACE_S = 5.0
ROUNDS = 100
ENOUGH = 1 << 16


def spawn(argv: list[str], *, env: Mapping[str, str], cwd: Path, printed: Path) -> "Process":
    """Start a process in a session of its own, its stdin a pipe, what it prints in a file.

    Raises:
        CannotWork: it cannot be started.
    """
    try:
        with printed.open("ab") as out:
            popen = subprocess.Popen(
                argv,
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
    except OSError as e:
        raise CannotWork(f"cannot start {argv[0]}: {e.strerror}") from e
    return Process(popen, mark=env[MARK])


class Process:
    """A running child: tell it one line, wait for its end, or end it."""

    def __init__(self, popen: "subprocess.Popen[bytes]", *, mark: str) -> None:
        self._popen = popen
        self._mark = mark
        self.is_timed_out = False
        self._is_told = False

    def tell(self, line: str) -> None:
        """Write the one line that it waits for, and close its stdin."""
        stdin: IO[bytes] | None = self._popen.stdin
        if stdin is None or stdin.closed:
            return
        self._is_told = True
        with contextlib.suppress(BrokenPipeError):  # it has ended; waiting for it will say how
            stdin.write(line.encode() + b"\n")
            stdin.flush()
        with contextlib.suppress(BrokenPipeError):
            stdin.close()

    def wait(self, timeout_s: float) -> int:
        """Wait without polling; return the exit code, or minus the signal's number."""
        timer = threading.Timer(min(timeout_s, threading.TIMEOUT_MAX), self._time_out)
        timer.daemon = True
        timer.start()
        try:
            code = self._popen.wait()
        finally:
            timer.cancel()
        if code < 0:  # the supervisor itself was killed, maybe before it could kill the rest
            kill_marked(self._mark)
        return code

    def _time_out(self) -> None:
        self.is_timed_out = True
        self.stop()

    def stop(self) -> None:
        """End the whole tree, whatever it is doing."""
        with contextlib.suppress(OSError):
            if self._popen.stdin is not None:
                self._popen.stdin.close()
        if self._popen.poll() is not None:
            return
        if not self._is_told:  # its supervisor may not stand yet, and it has started nothing
            with contextlib.suppress(OSError):
                os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.terminate()
        self._popen.send_signal(signal.SIGCONT)  # the run may have stopped its supervisor
        try:
            self._popen.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(OSError):
                os.killpg(self._popen.pid, signal.SIGKILL)
            self._popen.kill()
            kill_marked(self._mark)
            self._popen.wait()


def kill_marked(mark: str) -> None:
    """Kill every process of a run until there is none, where there is /proc.

    Its processes carry the mark, a folder, in their environment, or stand in that folder.
    """
    for _ in range(ROUNDS):
        found = [pid for pid in _processes() if _is_marked(pid, mark)]
        if not found:
            return
        for pid in found:
            with contextlib.suppress(OSError):  # ended meanwhile
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.001)


def _processes() -> Iterator[int]:
    me = os.getpid()
    for entry in Path("/proc").glob("[0-9]*"):
        if int(entry.name) != me:
            yield int(entry.name)


def _is_marked(pid: int, mark: str) -> bool:
    with contextlib.suppress(OSError):  # ended meanwhile, or another user's
        if f"{MARK}={mark}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            return True
        return Path(f"/proc/{pid}/cwd").readlink().is_relative_to(mark)
    return False


# -- temporary folders ----------------------------------------------------------------------------


class Folder:
    """A temporary folder that is locked while its owner lives."""

    def __init__(self) -> None:
        sweep()
        try:
            self.path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")).resolve()
        except OSError as e:
            raise CannotWork(f"cannot make a temporary folder: {e.strerror}") from e
        self._lock = _lock(self.path)

    def remove(self) -> None:
        """Remove the folder and all that is in it, also what the run made read-only."""
        remove_tree(self.path)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def need_space(path: Path) -> None:
    """Refuse to blame a run for what a full disk did to it.

    Raises:
        CannotWork: less than ENOUGH bytes, or no more files, fit where a path lies.
    """
    with contextlib.suppress(OSError):  # the run has removed it
        s = os.statvfs(path)
        if s.f_bavail * s.f_frsize < ENOUGH or (s.f_files and not s.f_favail):
            raise CannotWork(
                f"no space left in {tempfile.gettempdir()}, so the run proves nothing",
                hint="free some space, or set TMPDIR to where there is some",
            )


def _lock(path: Path) -> int | None:
    """Lock a folder; None when another process holds it or the system has no such locks."""
    try:
        import fcntl

        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except (ImportError, OSError):
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock


def sweep() -> None:
    """Remove folders of git-bt processes that are no more, and end what still runs there."""
    top = Path(tempfile.gettempdir())
    try:
        names = [p.name for p in top.iterdir() if p.name.startswith(PREFIX)]
    except OSError:
        return
    for name in names:
        pid = name.removeprefix(PREFIX).partition("-")[0]
        if not pid.isdigit() or _is_alive(int(pid)):
            continue
        # The pid may live in another container that shares this folder: the lock knows.
        lock = _lock(top / name)
        if lock is not None:
            kill_marked(str((top / name).resolve()))
            remove_tree(top / name)
            os.close(lock)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def remove_tree(path: Path) -> None:
    """Remove a folder, whatever modes it holds and however deep it is.

    Nothing outside of it is touched. What cannot be removed stays.
    """
    with contextlib.suppress(RecursionError):  # a thousand nested folders
        shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        if stat.S_ISDIR(path.lstat().st_mode):
            _remove_stubborn(path)


def _remove_stubborn(top: Path) -> None:
    """Remove a folder level by level.

    Folders inside a folder are moved up into the top one first, so that no path grows: a run can
    nest them deeper than any path can name.
    """
    top.chmod(0o700)
    while folders := _without_files(top):
        for folder in folders:
            for inner in _without_files(folder):
                inner.rename(top / os.urandom(16).hex())
            folder.rmdir()
    top.rmdir()


def _without_files(folder: Path) -> list[Path]:
    """Remove the files of a folder; return its folders, made writable."""
    folders = []
    for path in list(folder.iterdir()):
        if stat.S_ISDIR(path.lstat().st_mode):
            path.chmod(0o700)
            folders.append(path)
        else:
            path.unlink()
    return folders


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into KeyboardInterrupt, so that cleaning up happens.

    Only in the main thread, and only where nobody else has said what these signals mean.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {}
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            before[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
