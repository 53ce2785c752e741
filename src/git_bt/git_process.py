"""A git process: its surroundings, what it leaves behind, and its failures in plain words.

Which repository it is run on is `repo.py`. Nothing here starts one.
"""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from git_bt.errors import CannotWork

SAFE = (
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "protocol.ext.allow=never"),
)
# What a user sets for himself; the rest of GIT_* names the repository of a hook, or its index.
_KEPT = re.compile(
    r"GIT_(CONFIG_.*|AUTHOR_.*|COMMITTER_.*|CEILING_DIRECTORIES|DISCOVERY_ACROSS_FILESYSTEM|SSL_.*"
    r"|ASKPASS|SSH.*|TRACE.*|EXEC_PATH|HTTP_.*|PROXY.*|ALLOW_PROTOCOL|ATTR_NOSYSTEM|NO_LAZY_FETCH"
    r"|TEMPLATE_DIR|DEFAULT_HASH|DEFAULT_REF_FORMAT)"
)
_PLACE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR")


@dataclass(frozen=True, slots=True)
class Result:
    """What a git process left behind."""

    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        """What it printed, without the last newline; bytes that are not UTF-8 are escaped."""
        return self.out.decode(errors="surrogateescape").rstrip("\n")

    @property
    def complaint(self) -> str:
        """Git's own first line about what is wrong, without `fatal:`."""
        lines = [line for line in self.err.decode(errors="replace").splitlines() if line.strip()]
        bad = [line for line in lines if re.match(r"(fatal|error|BUG)\b", line)]
        first = (bad or lines or [f"exit code {self.code}, and no word why"])[0]
        return re.sub(r"^(fatal|error): ", "", first).strip().rstrip(".")


def environment(
    *, keep_index: bool = False, place: bool = False, network: bool = False
) -> dict[str, str]:
    """Return the environment of a git process.

    Args:
        keep_index: keep the index and repository that a hook was given.
        place: keep the repository that the user named (`git --git-dir=… bt`).
        network: it may talk to a remote; any other is kept from fetching what a partial clone
            left out, which git does unasked, one object at a time.
    """
    kept = {"GIT_INDEX_FILE", "GIT_DIR"} if keep_index else set()
    kept |= set(_PLACE) if place else set()
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name in kept or _KEPT.fullmatch(name)
    }
    return env | {
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",  # an id names its own bytes, not what refs/replace says
        "LC_ALL": "C",
        # The second is for a git that does not know the first (before 2.45).
        **({} if network else {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none"}),
    }


def failure(verb: str, result: Result) -> CannotWork:
    """Return the error of a git call that failed, in plain words where the cause is common."""
    text = result.err.decode(errors="replace")
    said = f"git {verb}: {result.complaint}"
    if re.search("No space left on device|Out of diskspace|Disk quota exceeded", text):
        return CannotWork(f"the disk is full: {said}", hint="make room, then run it again")
    if "Read-only file system" in text:
        return CannotWork(f"the file system is read-only: {said}")
    if "ermission denied" in text or "insufficient permission" in text:
        return CannotWork(f"no permission to write: {said}")
    return CannotWork(said)


def cannot_write(place: Path, error: OSError) -> CannotWork:
    """Return the error of a file below the git directory that could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return CannotWork(f"the disk is full: {place}", hint="make room, then run it again")
    if error.errno == errno.EROFS:
        return CannotWork(f"the file system is read-only: {place}")
    if error.errno in (errno.EACCES, errno.EPERM):
        return CannotWork(f"no permission to write: {place}")
    return CannotWork(f"cannot write {place}: {error.strerror}")


@contextmanager
def git_at_hand() -> Iterator[None]:
    """Say in our words that git, or the directory to run it in, is not there."""
    try:
        yield
    except FileNotFoundError as e:
        if e.filename == "git":
            raise CannotWork("git is not on PATH", hint="install git 2.38 or newer") from e
        raise CannotWork(f"no such directory: {e.filename}") from e
    except (PermissionError, NotADirectoryError) as e:
        raise CannotWork(f"cannot run git in {e.filename}: {e.strerror}") from e
