"""Find a tape that a bundle, or a pin, knows by digest only.

A tape that was too large for the store lies elsewhere: where a strategy of the work tree names it,
or in a folder of git config `bt.tapes`. A place counts only when every file there is the member.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from git_bt.bundle import tape_of
from git_bt.commands.workspace import Workspace
from git_bt.errors import BtError, Incomplete
from git_bt.model import Bundle, Manifest, Members, Notice, Strategy, Tape, TapeState
from git_bt.paths import expanded
from git_bt.records import below

if TYPE_CHECKING:
    from git_bt.files import Files


def with_tape(workspace: Workspace, bundle: Bundle) -> Bundle:
    """Return the bundle with the bytes of its tape.

    Raises:
        Incomplete: the tape is nowhere to be found.
    """
    members = below(bundle.manifest.members, "tape/")
    if all(f"tape/{path}" in bundle.content for path in members):
        return bundle
    tape = find_tape(workspace, members)
    content = {f"tape/{path}": source for path, source in tape.content.items()}
    return replace(bundle, content={**bundle.content, **content})


def as_packed(strategy: Strategy, manifest: Manifest) -> tuple[Strategy, Tape]:
    """Return an entry file with the engine, config and tape of the bundle that was made of it.

    Without a strategy.yaml they were options of pack, and are written down only in the bundle; so
    the tape is known by its digests, and no commit says what it holds.
    """
    whole = replace(
        strategy,
        engine=manifest.engine.name,
        config=manifest.config,
        command=manifest.command,
        build=manifest.build,
    )
    tape = Tape(members=below(manifest.members, "tape/"), content={}, state=TapeState.UNPINNED)
    return whole, tape


def as_packed_here(
    workspace: Workspace, strategy: Strategy, bundle: Bundle
) -> tuple[Strategy, Tape | None]:
    """Return an entry file as `as_packed` does, with the bytes of the tape.

    A strategy with settings of its own is returned as it is, and no tape.

    Raises:
        Incomplete: the tape is nowhere to be found.
    """
    if strategy.engine or strategy.tape or strategy.config:
        return strategy, None
    whole, tape = as_packed(strategy, bundle.manifest)
    return whole, replace(tape, content=tape_of(with_tape(workspace, bundle)).content)


def at_hand(workspace: Workspace, tape: Tape, name: str) -> Tape:
    """Return a tape with its bytes, wherever they lie; one that LFS lacks is left to the run.

    Args:
        workspace: whose places are searched.
        tape: as `read_tape` gives it.
        name: how messages call it.

    Raises:
        Incomplete: it is pinned, and no place has these bytes.
    """
    if tape.members.keys() <= tape.content.keys():
        return tape
    try:
        found = find_tape(workspace, tape.members)
    except Incomplete as e:
        if tape.state is TapeState.TRACKED:
            return tape
        why = "holds other bytes" if tape.state is TapeState.CHANGED else "is not here"
        raise Incomplete(
            f"the pinned tape {name} {why}, and no other place has it", hint=e.hint
        ) from e
    return replace(tape, content=found.content, place=found.place)


def tape_notices(files: "Files", tape: Tape, name: str | None) -> tuple[Notice, ...]:
    """Return what a person should know of the tape of a run.

    Args:
        files: the view that it was read in.
        tape: as `read_tape` gives it.
        name: path of it as the strategy names it.
    """
    if name is None:
        return ()
    if tape.state is TapeState.CHANGED:
        message = f"the tape {name} is not what {name}.tape pins: git bt tape pin {name}"
        return (Notice(kind="tape_changed", message=message, path=name),)
    is_taken = files.paths(name) or files.find(name) is not None
    if tape.state is TapeState.UNPINNED and not is_taken:
        # What git would take with the next commit needs no word.
        message = f"the tape {name} is neither tracked nor pinned: no commit will know it"
        return (Notice(kind="tape_unpinned", message=message, path=name),)
    return ()


def find_tape(workspace: Workspace, members: Members) -> Tape:
    """Return the tape with exactly these members.

    Raises:
        Incomplete: none of the places has it.
    """
    from git_bt.capture.tape import read_tape

    for place in _places(workspace, members):
        try:
            tape = read_tape(workspace.files, str(place), top=workspace.top, cwd=workspace.cwd)
        except BtError:
            continue  # a place that cannot be read is not the one
        if dict(tape.members) == dict(members):
            return tape
    first = min(members, default="")
    raise Incomplete(
        f"the tape is not in the store, and not found: {first} and {len(members) - 1} more files"
        if len(members) > 1
        else f"the tape is not in the store, and not found: {first}",
        hint="git config --add bt.tapes FOLDER, the folder that holds the tape",
    )


def _places(workspace: Workspace, members: Members) -> Iterator[Path]:
    """Yield what may be the tape: of the right names and sizes, cheapest first."""
    for place in [*_declared(workspace), *_folders(workspace)]:
        if place.is_file():
            sizes = {place.name: place.stat().st_size}
            fits = sizes == {path: m.size for path, m in members.items()}
        else:
            fits = all(_size(place / path) == m.size for path, m in members.items())
        if fits:
            yield place


def _declared(workspace: Workspace) -> list[Path]:
    if workspace.repo is None:
        return []
    from git_bt.capture.strategy import find_strategies, read_strategy

    files = workspace.files
    found = []
    for name in find_strategies(files):
        try:
            tape = read_strategy(files, name).tape
        except BtError:
            continue  # another strategy's broken file is not this one's matter
        if tape is not None:
            found.append(workspace.top / tape)
    return found


def _folders(workspace: Workspace) -> Iterator[Path]:
    roots = workspace.config_all("bt.tapes")
    for root in roots:
        base = workspace.top / expanded(root)
        for folder, _, names in os.walk(base):
            yield Path(folder)
            yield from (Path(folder) / name for name in names)


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None
