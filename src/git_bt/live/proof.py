"""Whether a file still holds the bytes that this process loaded from it.

Python keeps no source. What can be known: a file whose inode has not changed since before this
process started holds what was loaded (nobody can set that time back); and the code that runs can be
held against what the file compiles to now. Where the second is all there is, only comments and
blanks may be others.
"""

from __future__ import annotations

import os

from git_bt.live.found import Note

TYPE_CHECKING = False  # typing's own costs 10 ms
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

PROVED = 1.0
SAME_CODE = 0.95
UNKNOWN = 0.8
CHANGED = 0.5
TICK_NS = 10_000_000  # what /proc says is rounded down to it; an interpreter needs longer to start

Proof = tuple[float, "tuple[Note, ...]"]
"""One of the confidences above, and a note when the file was changed."""

_known: dict[tuple[str, bool], tuple[tuple[int, ...], Proof]] = {}
_started: list[int] = []


def prove(
    path: str, running: Callable[[], CodeType | None] | None = None, *, loaded: bool = True
) -> Proof:
    """Return how sure it is that a file holds what was loaded from it.

    Args:
        path: the file.
        running: gives its code as it runs, None when that cannot be known.
        loaded: the code was loaded from this file. Else the file is the source of byte code, or of
            a frozen application, and how long it has lain there says nothing.
    """
    try:
        s = os.stat(path)
    except OSError:
        return _changed(path, "is gone")
    state = (s.st_mtime_ns, s.st_ctime_ns, s.st_size, s.st_ino)
    known = _known.get((path, loaded))
    if known is not None and known[0] == state:
        return known[1]
    proof: Proof = (PROVED, ())
    if not loaded or s.st_ctime_ns > process_started_ns() + TICK_NS:
        code = running() if running is not None else None
        proof = (UNKNOWN, ()) if code is None else _held_against(path, code)
    _known[path, loaded] = (state, proof)
    return proof


def changed_since_import(path: str, cached: str | None) -> bool:
    """Tell whether a module's source is another one than its byte code was made from.

    Args:
        path: the source.
        cached: its `.pyc`, which Python wrote or checked when it loaded the module.
    """
    try:
        s = os.stat(path)
        if s.st_ctime_ns <= process_started_ns() + TICK_NS:
            return False
        with open(cached or "", "rb") as file:
            head = file.read(16)
    except OSError:
        return False  # without byte code it cannot be known
    if len(head) < 16 or head[4:8] != b"\0\0\0\0":
        return False
    made_from = [int.from_bytes(head[at : at + 4], "little") for at in (8, 12)]
    return made_from != [int(s.st_mtime) & 0xFFFFFFFF, s.st_size & 0xFFFFFFFF]


def process_started_ns() -> int:
    """Return when this process started, in ns since the epoch, not too late; 0 where unknown."""
    if not _started:
        _started.append(_from_proc())
    return _started[0]


def _from_proc() -> int:
    import time

    try:
        with open("/proc/self/stat", "rb") as file:
            ticks = int(file.read().rpartition(b")")[2].split()[19])
        since_boot = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        began = ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
        return time.time_ns() - (since_boot - began)
    except (OSError, ValueError, IndexError, AttributeError):
        return 0


def _held_against(path: str, code: CodeType) -> Proof:
    """Compile a file and hold it against the code that runs."""
    try:
        with open(path, "rb") as file:
            data = file.read()
        flags = code.co_flags & 0x1FFF000  # the __future__ that it was compiled with
        now = compile(data, code.co_filename, "exec", flags, dont_inherit=True)
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return _changed(path, "was changed")
    if now == code:
        return SAME_CODE, ()
    return _changed(path, "was changed")


def _changed(path: str, what: str) -> Proof:
    message = f"{os.path.basename(path)} {what} after it was loaded: what ran is not what is there"
    return CHANGED, (Note("source_changed_since_load", message, path),)
