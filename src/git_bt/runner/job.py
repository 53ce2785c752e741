"""What a run gets: the job, the files it runs, and its tape.

Bytes are proved once more while they are written out, for they may have changed since the caller
looked. Nothing named after an expected output is ever among them.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from git_bt.canonical import sha256
from git_bt.errors import Corrupt, Incomplete
from git_bt.model import EXECUTABLE, Content, Members, Source, Tape
from git_bt.paths import check_paths

TIMEOUT_S = 600.0
LARGE = 1 << 20  # bytes of a file that is written piece by piece


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a run needs.

    Paths of `members` are relative to the project root, which lies at `root` below `work_tree`,
    the checkout whose modules must not be mixed in (None: there is none). `listed_from` is the
    folder, from `root`, that the paths of a `files:` list start from: hints are written for it.
    `memory` is in bytes, None for three quarters of this machine's. `known` are sha256 of outputs,
    by name, that were proved to be canonical before and need no second proof; the child never sees
    them. `command` and `build` are the argument vectors of an engine that runs programs. `cache` is
    a folder where the engine may keep what it can find out again; None: it keeps nothing.
    """

    members: Members
    content: Content
    entry_point: str
    tape: Tape | None
    config: Mapping[str, Any]
    command: tuple[str, ...] | None = None
    build: tuple[str, ...] | None = None
    work_tree: Path | None = None
    root: str = "."
    listed_from: str = "."
    timeout_s: float = TIMEOUT_S
    memory: int | None = None
    known: Mapping[str, str] = field(default_factory=dict)
    cache: Path | None = None


def three_quarters_of_memory() -> int:
    """Return the memory that a run may use unless told otherwise, in bytes; 0 where unknown."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4 * 3
    except (ValueError, OSError):
        return 0


def write_files(members: Members, content: Content, folder: Path, *, label: str = "") -> None:
    """Write files below a folder, each proved by its digest, with git's two modes.

    Args:
        members: what is written.
        content: its bytes.
        folder: where.
        label: how messages call the folder.

    Raises:
        Corrupt: the bytes of a file are not its member's, or a path is unsafe.
        Incomplete: the bytes of a file are not at hand.
    """
    check_paths(members)
    for path, member in members.items():
        source = content.get(path)
        if source is None:
            raise Incomplete(f"the bytes of {path} are not at hand", hint="git bt fetch")
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        digest = _write(source, target, is_large=member.size > LARGE)
        if digest != member.sha256:
            raise Corrupt(
                f"{label}{path}: its bytes are not those of the manifest"
                f" (sha256 {digest[:12]}, not {member.sha256[:12]})"
            )
        target.chmod(0o755 if member.mode == EXECUTABLE else 0o644)


def _write(source: Source, target: Path, *, is_large: bool) -> str:
    """Write a file and return the sha256 of what was written."""
    if not is_large:
        data = source.read()
        target.write_bytes(data)
        return sha256(data)
    digest = hashlib.sha256()
    with target.open("wb") as file:
        for piece in source.chunks():
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def place_tape(tape: Tape | None, folder: Path) -> Path | None:
    """Return where a tape lies: in its own place, or written out below a folder.

    Raises:
        Corrupt: the bytes of a file are not its member's.
        Incomplete: the bytes of a file are not at hand.
    """
    if tape is None:
        return None
    if tape.place is not None:
        return tape.place.absolute()
    target = folder / "tape"
    target.mkdir()
    write_files(tape.members, tape.content, target, label="tape/")
    return target


def tape_state(tape: Tape | None) -> list[tuple[int, int, int]] | None:
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
