"""How a write becomes visible: one lock, a ref that holds it meanwhile, one compare-and-swap.

The lock keeps git-bt's own writers from working in vain; what makes a write right is that every
ref moves in one transaction that names the value it had. Nothing is decided by the wording of
git's messages alone: after a refusal the refs and lock files are looked at.
"""

import os
import random
import re
import secrets
import shlex
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from git_bt.errors import CannotWork, Corrupt, Locked
from git_bt.git_process import cannot_write, failure
from git_bt.model import Oid
from git_bt.object_writer import DURABLE
from git_bt.repo import Repo

TEMPORARY = "refs/bt-tmp/"
PATIENCE_S = 30.0
GIT_PATIENCE_S = 10.0  # git's own locks last milliseconds; one of 10 s is left from a dead process
_POLL_S = 0.01
_LONGEST_PAUSE_S = 0.5


def temporary_ref() -> str:
    """Return a new name below refs/bt-tmp that says which process it belongs to."""
    return f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(6)}"


def read_refs(repo: Repo, *patterns: str) -> dict[str, Oid]:
    """Return refs by full name; a pattern is a whole name, or a folder with a slash at its end.

    Without a pattern there are none: git would list every ref, and who asks may delete them.

    Raises:
        Corrupt: git cannot read a ref that is named whole.
    """
    if not patterns:
        return {}
    found = repo.git("for-each-ref", "--format=%(objectname) %(refname)", *patterns)
    complaints = found.err.decode(errors="replace")
    for name in re.findall(r"(?:broken|dangling) (?:sym)?ref (\S+)", complaints):
        if name in patterns:
            raise Corrupt(f"{name} is broken: git cannot read the ref", hint="git bt fsck")
    lines = (line.split(" ", 1) for line in found.text.splitlines())
    return {name: Oid(oid) for oid, name in lines}


# -- the lock -------------------------------------------------------------------------------------


@contextmanager
def lock(repo: Repo, patience_s: float = PATIENCE_S, *, name: str = "lock") -> Iterator[None]:
    """Hold the one lock of all git-bt writers of a repository, its linked worktrees included.

    The system takes it back from a process that dies.

    Args:
        repo: the repository.
        patience_s: how long to wait, in seconds.
        name: of the lock; another one keeps out only those that take it too.

    Raises:
        Locked: somebody else held it all that time.
        CannotWork: the git directory cannot be written.
    """
    from filelock import FileLock, Timeout

    place = repo.cache_dir / name
    holder = repo.cache_dir / f"{name}.holder"
    try:
        repo.cache_dir.mkdir(exist_ok=True)
        guard = FileLock(place)
        guard.acquire(timeout=patience_s, poll_interval=_POLL_S)
    except Timeout as e:
        raise _held(place, holder) from e
    except OSError as e:
        raise cannot_write(place, e) from e
    try:
        with suppress(OSError):  # who holds it is good to know, and no more
            holder.write_text(f"{os.getpid()}\n")
        yield
    finally:
        with suppress(OSError):
            holder.unlink()
        guard.release()


def _held(place: Path, holder: Path) -> Locked:
    try:
        pid = int(holder.read_text())
        age = max(0.0, time.time() - holder.stat().st_mtime)
    except (OSError, ValueError):
        return Locked(
            f"another git-bt writes to this repository ({place})", hint="wait until it has ended"
        )
    return Locked(
        f"process {pid} has been writing to this repository for {age:.0f} s ({place})",
        hint=f"wait until it has ended, or end it: kill {pid}",
    )


# -- the transaction ------------------------------------------------------------------------------


def swap(
    repo: Repo,
    updates: Mapping[str, tuple[Oid, Oid | None]],
    *,
    dropped: Mapping[str, Oid],
    patience_s: float = GIT_PATIENCE_S,
) -> bool:
    """Move refs from the values they had, and drop the temporary ones, in one transaction.

    Args:
        repo: the repository.
        updates: ref to its new value and its old one; None says that it must not exist.
        dropped: temporary refs and their values.
        patience_s: how long to wait for locks of git, in seconds.

    Returns:
        Whether they moved; False when one has another value than the old one.

    Raises:
        Locked: a lock file of git stays.
        CannotWork: git refused for another reason.
    """
    none = "0" * len(next(iter(updates.values()))[0])
    lines = [f"update {ref} {new} {old or none}" for ref, (new, old) in updates.items()]
    lines += [f"delete {ref} {oid}" for ref, oid in dropped.items()]
    script = "\n".join(["start", *lines, "prepare", "commit", ""]).encode()
    deadline = time.monotonic() + patience_s
    attempt = 0
    while True:
        result = repo.git(*DURABLE, "update-ref", "--stdin", stdin=script, check=False)
        if result.code == 0:
            return True
        now = read_refs(repo, *updates)
        if any(now.get(ref) != old for ref, (_, old) in updates.items()):
            return all(now.get(ref) == new for ref, (new, _) in updates.items())
        locks = lock_files(repo, [*updates, *dropped])
        if not locks and b"lock" not in result.err:
            raise failure("update-ref", result)
        if time.monotonic() > deadline:
            raise _left_over(locks) or failure("update-ref", result)
        pause(attempt)
        attempt += 1


def pause(attempt: int, longest_s: float = _LONGEST_PAUSE_S) -> None:
    """Sleep for a random time that may be longer at each attempt, up to some seconds."""
    longest = min(longest_s, 0.01 * 2.0 ** min(attempt, 10))
    time.sleep(random.SystemRandom().uniform(0, longest))


def lock_files(repo: Repo, refs: Iterable[str]) -> list[Path]:
    """Return git's lock files that are there and stop a write to some refs."""
    names = ["packed-refs", "reftable/tables.list", *refs]
    places = [repo.common_dir / f"{name}.lock" for name in names]
    return [place for place in places if place.exists()]


def _left_over(locks: list[Path]) -> Locked | None:
    for place in locks:
        with suppress(OSError):
            age = max(0.0, time.time() - place.stat().st_mtime)
            return Locked(
                f"git's lock file {place} is {age:.0f} s old: its process has most likely died",
                hint=f"when no git command runs here: rm {shlex.quote(str(place))}",
            )
    return None


def memory(repo: Repo) -> Path:
    """Return the file that says which commit was announced last."""
    return repo.cache_dir / "tip"


def announce(repo: Repo, tip: Oid) -> None:
    """Note the commit that was announced last, so that `fsck` can tell a store that has gone."""
    target = memory(repo)
    fresh = target.with_suffix(f".{os.getpid()}")
    with suppress(OSError):  # a help to find damage: the write itself has succeeded
        fresh.write_text(f"{tip}\n")
        fresh.replace(target)


def announced(repo: Repo) -> Oid | None:
    """Return the commit that was announced last from this repository, None when unknown."""
    try:
        text = memory(repo).read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None
    return Oid(text) if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", text) else None


def sweep(repo: Repo, refs: Mapping[str, Oid]) -> None:
    """Drop temporary refs whose process has ended; call it with the lock held.

    A failure is no matter: the next writer sweeps again. But a lock file that kill -9 left beside
    one of them would make every sweep fail, for it is one transaction: that goes first.
    """
    for place in (repo.common_dir / TEMPORARY).glob("*.lock"):
        if not _is_alive(TEMPORARY + place.name):
            with suppress(OSError):
                place.unlink()
    dead = {ref: oid for ref, oid in refs.items() if not _is_alive(ref)}
    if dead:
        script = "".join(f"delete {ref} {oid}\n" for ref, oid in dead.items())
        repo.git("update-ref", "--stdin", stdin=script.encode(), check=False)


def left_behind(repo: Repo) -> list[str]:
    """Return temporary refs of processes that have ended."""
    return [ref for ref in read_refs(repo, TEMPORARY) if not _is_alive(ref)]


def _is_alive(ref: str) -> bool:
    pid = ref.removeprefix(TEMPORARY).partition("-")[0]
    if not pid.isdecimal() or int(pid) == os.getpid():  # our own: left from a failure before
        return False
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def drop(repo: Repo, refs: Iterable[str]) -> None:
    """Drop our own temporary refs after a failure, as far as that is possible."""
    script = "".join(f"delete {ref}\n" for ref in refs)
    with suppress(CannotWork):
        if script:
            repo.git("update-ref", "--stdin", stdin=script.encode(), check=False)
