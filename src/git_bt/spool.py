r"""The spool: where a run of a sweep leaves one line, without a lock, a git process or waiting.

Below `bt/spool/` in the common git directory, or in the folder that GIT_BT_SPOOL names. Each
process appends to a file of its own, one write a line, so that thousands can do it at once and
kill -9 loses at most the run in flight. A line is `kind sha256 JSON\n`, the sha256 that of the
JSON and its newline: a torn line is recognised. Reading is `spool_reading.py`, moving it all into
the store `commands/flush.py`. Grammar: docs/reference/formats/spool.md.
"""

import errno
import fcntl
import os
import threading
import weakref
from base64 import b64encode
from pathlib import Path

from git_bt.canonical import encode_json, sha256
from git_bt.errors import CannotWork
from git_bt.fields import VERSION
from git_bt.model import Captured
from git_bt.paths import expanded
from git_bt.records import encode_snapshot
from git_bt.sweep_records import (
    Scalars,
    Surroundings,
    Sweep,
    SweepRun,
    encode_surroundings,
    encode_sweep,
    encode_sweep_run,
)

VARIABLE = "GIT_BT_SPOOL"
FOLDER = "spool"
SUFFIX = ".spool"
KINDS = ("code", "sweep", "environment", "run")
_LONGEST = 4 * 1024 * 1024  # bytes of runs: then a new file, so that the old one can be moved on


def find_spool(*places: Path) -> Path | None:
    """Return the folder of the spool, which may not be there yet.

    Args:
        places: folders to look for a repository from; the first that lies in one counts.

    Returns:
        None outside a repository, unless GIT_BT_SPOOL names a folder.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return expanded(named).absolute()
    found = (common for place in places if (common := find_common_dir(place)) is not None)
    common = next(found, None)
    return None if common is None else common / "bt" / FOLDER


def find_common_dir(start: Path) -> Path | None:
    """Return the common git directory of the repository that a folder lies in, as git finds it.

    No git is started. A linked worktree's `.git` is followed to what all worktrees share.
    GIT_DIR is left alone: it is a hook's, and names no repository of the user's choice.
    """
    ceilings = set(os.environ.get("GIT_CEILING_DIRECTORIES", "").split(os.pathsep))
    here = start.absolute()
    try:
        device = here.stat().st_dev
        for folder in (here, *here.parents):
            if folder.stat().st_dev != device or (folder != here and str(folder) in ceilings):
                return None
            found = _git_dir(folder)
            if found is not None:
                return _common(found)
    except OSError:  # a folder that has gone, or may not be looked into
        return None
    return None


def _git_dir(folder: Path) -> Path | None:
    """Return the git directory that a folder holds, or is."""
    place = folder / ".git"
    if place.is_file():
        word, _, target = place.read_text(errors="surrogateescape").partition(": ")
        return (folder / target.rstrip("\n")) if word == "gitdir" else None
    for found in (place, folder):
        if (found / "HEAD").exists() and (found / "objects").is_dir() and (found / "refs").is_dir():
            return found
    return None


def _common(git_dir: Path) -> Path:
    pointer = git_dir / "commondir"
    if not pointer.is_file():
        return git_dir.resolve()
    return (git_dir / pointer.read_text(errors="surrogateescape").rstrip("\n")).resolve()


class Spool:
    """What one process writes to a spool; a fork begins a file of its own.

    Threads may share it.

    Args:
        folder: see `find_spool`; made when the first run is recorded.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.RLock()  # a signal handler may record as well
        self._fd: int | None = None
        self._begin()
        _all.add(self)

    def record(
        self,
        sweep: Sweep,
        *,
        started_ns: int,
        elapsed_ns: int,
        status: str,
        params: Scalars,
        metrics: Scalars,
        error: str | None = None,
        code: Captured | None = None,
        surroundings: Surroundings | None = None,
        bundle: str | None = None,
    ) -> SweepRun:
        """Append one run; when this returns, the end of this process cannot take it away.

        Args:
            sweep: what it is a run of.
            started_ns: when it began, in ns since the epoch.
            elapsed_ns: how long it took.
            status: ok or failed.
            params: what it was given.
            metrics: what came out.
            error: of a failed run, in one line.
            code: the files of the snapshot that the sweep names; written once a file of the spool.
            surroundings: what it ran on; likewise.
            bundle: id of the bundle that it was packed as.

        Raises:
            CannotWork: the folder cannot be written, or the disk is full; the run is not recorded.
            Corrupt: a value that JSON cannot hold.
        """
        with self._lock:
            if self._pid != os.getpid():
                self._begin()
            elif self._size > _LONGEST:
                self._turn()
            shared = [("sweep", encode_sweep(sweep))]
            if surroundings is not None:
                shared.append(("environment", encode_surroundings(surroundings)))
            ids = [sha256(data) for _, data in shared]
            if code is not None and sweep.snapshot not in self._said:
                shared.append(("code", encode_code(code)))
                ids.append(sweep.snapshot or "")
            run = SweepRun(
                sweep=ids[0],
                writer=self.writer,
                seq=self._seq,
                started_ns=started_ns,
                elapsed_ns=elapsed_ns,
                status=status,
                params=params,
                metrics=metrics,
                error=error,
                environment=ids[1] if surroundings is not None else None,
                bundle=bundle,
            )
            new = [
                _line(*document)
                for which, document in zip(ids, shared, strict=True)
                if which not in self._said
            ]
            last = _line("run", encode_sweep_run(run))
            self._append(b"".join([*new, last]))
            self._size += len(last)
            self._seq += 1
            self._said.update(ids)
            return run

    def close(self) -> None:
        """Let go of the file, so that it can be moved on; what follows is another writer's."""
        with self._lock:
            self._begin()

    def _begin(self) -> None:
        """Leave the file, and be another writer."""
        self._pid = os.getpid()
        self.writer = self._name = os.urandom(8).hex()
        self._seq = 0
        self._leave()

    def _turn(self) -> None:
        """Go on in another file; the count goes on too, so that a process stays one writer."""
        self._name = f"{self.writer}-{self._seq}"
        self._leave()

    def _leave(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
        self._fd = None
        self._size = 0
        self._is_torn = False
        self._said: set[str] = set()

    def _forked(self) -> None:
        self._lock = threading.RLock()  # another thread may have held it
        self._begin()

    def _append(self, text: bytes) -> None:
        try:
            if self._fd is None:
                self._fd = self._open()
            # What a full disk cut short ends here, and takes no other line with it.
            whole = b"\n" + text if self._is_torn else text
            written = os.write(self._fd, whole)
        except OSError as e:
            is_full = e.errno in (errno.ENOSPC, errno.EDQUOT)  # said once, as below
            why = "the disk is full" if is_full else e.strerror
            raise CannotWork(f"cannot record in {self.folder}: {why}") from e
        self._is_torn = written < len(whole)
        if self._is_torn:
            raise CannotWork(f"cannot record in {self.folder}: the disk is full")

    def _open(self) -> int:
        """Make the file under another name and hold it: who finds it must know that we live."""
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = self.folder / f".{self._name}"
        fd = os.open(
            fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o666
        )
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fresh.rename(self.folder / f"{self._name}{SUFFIX}")
        except OSError:
            os.close(fd)
            fresh.unlink(missing_ok=True)
            raise
        return fd


_all: "weakref.WeakSet[Spool]" = weakref.WeakSet()


def _forked() -> None:
    for spool in list(_all):
        spool._forked()  # noqa: SLF001  of this module


os.register_at_fork(after_in_child=_forked)


def _line(kind: str, data: bytes) -> bytes:
    return f"{kind} {sha256(data)} ".encode() + data


def encode_code(captured: Captured) -> bytes:
    """Return a snapshot with its bytes, so that a spool file needs nothing beside it."""
    content = {path: b64encode(source.read()).decode() for path, source in captured.content.items()}
    snapshot = encode_snapshot(captured.snapshot).decode()
    return encode_json({"version": VERSION, "snapshot": snapshot, "content": content})
