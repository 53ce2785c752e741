"""The tape of a run: a file or a folder of market data, in git or only on disk.

A tape is taken as it is and never converted. What git tracks is read through the view, and so is
the pin of a tape that git does not track, so that a commit's tape is the commit's; anything else
is read from disk, wherever it lies. The work tree's tape is what lies there, pinned or not.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from git_bt.capture.pin import Pin, read_pin
from git_bt.errors import CannotWork, Corrupt, Incomplete, Usage
from git_bt.files import Files
from git_bt.model import REGULAR, Member, Members, OnDisk, Source, Strategy, Tape, TapeState
from git_bt.paths import check_paths, expanded


def read_tape(files: Files, tape: Strategy | str, *, top: Path | None, cwd: Path) -> Tape:
    """Return the tape of a strategy, or the one at a path, by digest.

    Large files are hashed once: their digests are remembered by what `stat` says of them. Of a
    pinned tape that is not here, or that a commit or the index knows with other bytes, the members
    are the pin's and there is no content.

    Args:
        files: the view in which a tracked tape is looked up.
        tape: a strategy, whose tape is from the top; or a path as typed, from `cwd`.
        top: the top of the work tree, None where there is none.
        cwd: where the user stands.

    Raises:
        Usage: no tape is named, or it is empty, or holds a link or something that is no file.
        Incomplete: there is no such tape, and no pin of one.
        Corrupt: its pin cannot be understood.
        CannotWork: it cannot be read.
    """
    place = _place(tape, top, cwd)
    path = _path_in_view(files, place, top)
    is_tracked = path is not None and files.is_tracked(path)
    pin = None if path is None or is_tracked else read_pin(files, path)
    try:
        if path is not None and is_tracked:
            found = _from_view(files, path, place)
        elif pin is not None:
            found = _by_pin(files, pin, place)
        else:
            found = _from_disk(files, place)
        check_paths(found.members)
    except Corrupt as e:
        raise Usage(f"tape {place}: {e}", hint="rename it") from e
    finally:
        files.digests.save()
    return found


def _place(tape: Strategy | str, top: Path | None, cwd: Path) -> Path:
    """Return where the tape lies on disk, or would lie if it were checked out."""
    if isinstance(tape, str):
        return Path(os.path.normpath(cwd / expanded(tape)))
    if tape.tape is None:
        raise Usage(
            f"{tape.name} names no tape",
            hint="add a line `tape: PATH` to strategy.yaml, or --tape PATH",
        )
    return Path(os.path.normpath((top or Path("/")) / tape.tape))


def _path_in_view(files: Files, place: Path, top: Path | None) -> str | None:
    """Return the path that a place has in a repository's view, None outside of it."""
    if not files.in_git:
        return None
    bases = (top or Path("/"), (top or Path("/")).resolve())
    inside = [place.relative_to(base).as_posix() for base in bases if place.is_relative_to(base)]
    found = [path for path in inside if path != "."]
    tracked = (path for path in found if files.is_tracked(path))
    return next(tracked, found[0] if found else None)


# -- tracked --------------------------------------------------------------------------------------


def _from_view(files: Files, path: str, place: Path) -> Tape:
    path = files.follow(path) or path
    if files.is_folder(path):
        named = {p[len(path) + 1 :]: p for p in files.paths(path)}
    else:
        named = {path.rpartition("/")[2]: path}
    changed = []
    for name, full in named.items():
        entry = files.find(full)
        if entry is None or entry.link:
            raise Usage(f"tape {path}: {name} is a link", hint="put the file itself there")
        if entry.oid is None:
            changed.append(full)
    files.load(changed)  # blobs one at a time: a tape may be larger than memory
    members = {name: replace(files.member(full), mode=REGULAR) for name, full in named.items()}
    sources = {name: files.source(full) for name, full in named.items()}
    content = {name: source for name, source in sources.items() if source is not None}
    same = files.top is not None and _is_same(files, place, members)
    return Tape(
        members=members,
        content=content,
        place=place.resolve() if same else None,
        state=TapeState.TRACKED,
    )


def _is_same(files: Files, place: Path, members: Members) -> bool:
    """Tell whether a folder or file on disk holds exactly these members."""
    try:
        on_disk = dict(_walk(place))
        if on_disk.keys() != members.keys():
            return False
        sizes = all(on_disk[n].stat().st_size == m.size for n, m in members.items())
        return sizes and all(
            files.digests.file(on_disk[n])[0] == m.sha256 for n, m in members.items()
        )
    except (OSError, CannotWork, Usage):
        return False


# -- pinned ---------------------------------------------------------------------------------------


def _by_pin(files: Files, pin: Pin, place: Path) -> Tape:
    if not place.exists() or (place.is_dir() and next(place.iterdir(), None) is None):
        return Tape(members=pin.members, content={}, state=TapeState.MISSING)
    if files.on_disk:
        found = _from_disk(files, place)
        same = dict(found.members) == dict(pin.members)
        return replace(found, state=TapeState.PINNED if same else TapeState.CHANGED)
    if not _is_same(files, place, pin.members):
        return Tape(members=pin.members, content={}, state=TapeState.CHANGED)
    return Tape(
        members=pin.members,
        content={name: OnDisk(path) for name, path in _walk(place)},
        place=place.resolve(),
        state=TapeState.PINNED,
    )


# -- on disk --------------------------------------------------------------------------------------


def _from_disk(files: Files, place: Path) -> Tape:
    if not place.exists():
        raise Incomplete(f"no tape at {place}", hint="name it with --tape PATH, or fetch it")
    members: dict[str, Member] = {}
    content: dict[str, Source] = {}
    for name, path in _walk(place):
        digest, size = files.digests.file(path)
        members[name] = Member(sha256=digest, size=size)
        content[name] = OnDisk(path)
    if not members:
        raise Usage(f"tape {place} is empty")
    return Tape(
        members=members,
        content=content,
        place=place.resolve(),
        state=TapeState.UNPINNED if files.in_git else None,
    )


def _walk(place: Path) -> Iterator[tuple[str, Path]]:
    """Yield name and place of each file of a tape; a single file counts as a folder of one."""
    place = place.resolve()
    if not place.is_dir():
        _check_file(place, place.name)
        yield place.name, place
        return
    for where, folders, names in os.walk(place, onerror=_raise):
        folder = Path(where)
        folders.sort()
        if not folders and not names and folder != place:
            raise Usage(f"tape {place}: the folder {folder.name} is empty", hint="remove it")
        for name in [*folders, *sorted(names)]:
            path = folder / name
            relative = path.relative_to(place).as_posix()
            if path.is_symlink():
                raise Usage(f"tape {place}: {relative} is a link", hint="put the file itself there")
            if name in names:
                _check_file(path, relative)
                yield relative, path


def _check_file(path: Path, name: str) -> None:
    try:
        mode = path.stat().st_mode
    except OSError as e:
        raise CannotWork(f"cannot read {path}: {e.strerror}") from e
    if not stat.S_ISREG(mode):
        raise Usage(f"tape {path.parent}: {name!r} is no file (a device, socket or pipe)")


def _raise(error: OSError) -> None:
    raise CannotWork(f"cannot read {error.filename}: {error.strerror}") from error
