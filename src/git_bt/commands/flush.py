"""Move what runs left in the spool into the store: the code once, a row a run.

Exactly once: a run that the store has is left out, so that a flush which was killed between its
transaction and its clean-up, or two that race, add nothing twice. Files of processes that have
ended are removed when the store has all of them; those of living ones are read and left. A line
that cannot be understood is skipped and said, and its file stays.
"""

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from git_bt.errors import CannotWork, Locked, Usage
from git_bt.model import Notice
from git_bt.publish import PATIENCE_S, lock
from git_bt.spool import FOLDER, SUFFIX, VARIABLE
from git_bt.spool_reading import Spooled, read_spool
from git_bt.store import Store
from git_bt.sweep_records import SweepRun, Swept

AT_EXIT_S = 10.0
"""How often processes that end flush, in seconds: what is left waits for the next, or a reader."""

_MOST = 16 * 1024 * 1024  # bytes of spool files in one transaction
_MOST_FILES = 500  # that are open at once
_STAMP = "flushed"
_DAMAGED = "damaged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flushed:
    """What a flush did: runs that are new in the store, and what was skipped."""

    runs: int = 0
    notices: tuple[Notice, ...] = ()


def flush(store: Store, *, patience_s: float = PATIENCE_S, living: bool = True) -> Flushed:
    """Move all runs of the spool into the store.

    Args:
        store: of the repository that the spool lies in.
        patience_s: how long to wait for another flush, in seconds.
        living: also what processes have recorded that are still at work.

    Raises:
        Locked: another flush goes on for longer than that.
        CannotWork: disk full, read-only, or git refused; everything is still in the spool.
        Corrupt: what the store has of a sweep is broken; likewise.
    """
    folder = store.repo.cache_dir / FOLDER
    if not any(_files(folder)):
        return Flushed()
    runs, notices = 0, list[Notice]()
    with lock(store.repo, patience_s, name="spool.lock"):
        for batch in _batches(folder, living=living):
            done = _flush(store, batch)
            runs += done.runs
            notices += done.notices
    with suppress(OSError):
        (folder / _STAMP).touch()
    return Flushed(runs=runs, notices=tuple(notices))


def flush_to_read(store: Store) -> tuple[Notice, ...]:
    """Flush before a command reads, and return what is to be said; a failure only is."""
    try:
        return flush(store).notices
    except CannotWork as e:
        message = f"the newest runs are missing here: {e.message}"
        return (Notice(kind="spool_not_flushed", message=message),)


def flush_at_exit(folder: Path) -> tuple[Notice, ...]:
    """Flush when a process ends, unless another did moments ago or is at it; return what to say.

    Args:
        folder: of the spool; one that GIT_BT_SPOOL names is left as it is.
    """
    from git_bt.objects import Objects
    from git_bt.repo import Repo

    if os.environ.get(VARIABLE):
        return ()  # for `git bt sweep merge`, elsewhere
    with suppress(OSError):
        if 0 <= time.time() - (folder / _STAMP).stat().st_mtime < AT_EXIT_S:
            return ()
    repo = Repo.find(folder.parent.parent)
    with Objects(repo) as objects, suppress(Locked):
        return flush(Store(repo, objects), patience_s=0, living=False).notices
    return ()


def merge(store: Store, files: Sequence[Path]) -> Flushed:
    """Add the runs of spool files from elsewhere to the store; the files stay as they are.

    Args:
        store: where to.
        files: spool files, or folders with such.

    Raises:
        Usage: a file is not there, or is no spool.
        CannotWork, Corrupt, Locked: as `flush`.
    """
    found = Spooled()
    for path in [each for file in files for each in _named(file)]:
        try:
            data = path.read_bytes()
        except OSError as e:
            raise Usage(f"{path} cannot be read: {e.strerror}") from e
        if not read_spool(data, path.name, found):
            raise Usage(f"{path} is no spool", hint="spools end in .spool, below bt/spool")
    return Flushed(runs=_save(store, found), notices=tuple(found.notices))


def _named(file: Path) -> list[Path]:
    if not file.is_dir():
        return [file]
    found = sorted(_files(file))
    if not found:
        raise Usage(f"{file} has no spools in it", hint="spools end in .spool, below bt/spool")
    return found


def _files(folder: Path) -> Iterator[Path]:
    """Yield the spool files of a folder; there may be many thousands."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(SUFFIX):
                    yield Path(entry.path)
    except FileNotFoundError:
        return
    except OSError as e:
        raise CannotWork(f"{folder} cannot be read: {e.strerror}") from e


# -- one transaction ------------------------------------------------------------------------------


@dataclass(slots=True)
class _File:
    """A spool file that is open; `has_ended`: its process is no more, and we hold it."""

    path: Path
    fd: int
    has_ended: bool
    said: set[str] = field(default_factory=set)  # kinds of notices


def _batches(folder: Path, *, living: bool) -> Iterator[list[_File]]:
    batch: list[_File] = []
    try:
        for path in sorted(_files(folder)):
            file = _open(path)
            if file is not None:
                batch.append(file)
            if file is not None and not (living or file.has_ended):
                _close([batch.pop()])
            if len(batch) == _MOST_FILES or sum(os.fstat(f.fd).st_size for f in batch) > _MOST:
                yield batch
                _close(batch)
        if batch:
            yield batch
    finally:
        _close(batch)


def _close(batch: list[_File]) -> None:
    while batch:
        os.close(batch.pop().fd)


def _open(path: Path) -> _File | None:
    """Open a spool file, and hold it when nobody does: then its process has ended."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as e:
        raise CannotWork(f"{path} cannot be read: {e.strerror}") from e
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held, or a file system without locks: then nobody can tell, and it stays
        return _File(path, fd, has_ended=False)
    return _File(path, fd, has_ended=True)


def _flush(store: Store, batch: list[_File]) -> Flushed:
    found = Spooled()
    for file in batch:
        _read(file, found)
    runs = _save(store, found)
    for file in batch:
        if file.has_ended:
            _put_away(file)
    return Flushed(runs=runs, notices=tuple(found.notices))


def _read(file: _File, found: Spooled) -> None:
    before = len(found.notices)
    with open(file.fd, "rb", closefd=False) as stream:
        read_spool(stream.read(), file.path.name, found)
    if not file.has_ended:  # what it is writing just now is not torn
        found.notices[before:] = [n for n in found.notices[before:] if n.kind != "spool_torn"]
    file.said = {notice.kind for notice in found.notices[before:]}


def _save(store: Store, found: Spooled) -> int:
    """Write what the store has not, in one transaction, and return how many runs that were."""
    by_sweep: dict[str, list[SweepRun]] = {}
    for run in found.runs.values():
        by_sweep.setdefault(run.sweep, []).append(run)
    store.refresh()
    swept = []
    for digest, runs in sorted(by_sweep.items()):
        sweep = found.sweeps.get(digest)
        if sweep is None:
            message = f"{len(runs)} runs are skipped: the line of their sweep cannot be read"
            found.notices.append(Notice(kind="spool_unreadable", message=message))
            continue
        known = store.known_runs(digest, {run.writer for run in runs})
        fresh = tuple(run for run in runs if (run.writer, run.seq) not in known)
        around = {run.environment for run in fresh} & found.environments.keys()
        environments = {name: found.environments[name] for name in around if name}
        if fresh:
            swept.append(Swept(sweep=sweep, runs=fresh, environments=environments))
    wanted = {each.sweep.snapshot for each in swept}
    codes = [code for digest, code in sorted(found.codes.items()) if digest in wanted]
    store.save(captured=codes, sweeps=swept)
    return sum(len(each.runs) for each in swept)


def _put_away(file: _File) -> None:
    """Remove a file that the store has all of; what is damaged is kept aside, and said once."""
    with suppress(OSError):  # the next flush finds it again, and nothing new in it
        if "spool_unreadable" in file.said:
            aside = file.path.parent / _DAMAGED
            aside.mkdir(exist_ok=True)
            file.path.rename(aside / file.path.name)
        elif "spool_unknown" not in file.said:
            file.path.unlink()
