"""Find a tape that a bundle knows by digest only.

A tape that was too large for the store lies elsewhere: where a strategy of the work tree names it,
or in a folder of git config `bt.tapes`. A place counts only when every file there is the member.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from git_bt.commands.workspace import Workspace
from git_bt.errors import BtError, Incomplete
from git_bt.model import Bundle, Members, Tape
from git_bt.records import below


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


def find_tape(workspace: Workspace, members: Members) -> Tape:
    """Return the tape with exactly these members.

    Raises:
        Incomplete: none of the places has it.
    """
    from git_bt.capture.tape import read_tape

    for place in _places(workspace, members):
        try:
            tape = read_tape(workspace.files(), str(place), top=workspace.top, cwd=workspace.cwd)
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

    files = workspace.files()
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
    roots = () if workspace.repo is None else workspace.repo.config_all("bt.tapes")
    for root in roots:
        base = workspace.top / Path(root).expanduser()
        for folder, _, names in os.walk(base):
            yield Path(folder)
            yield from (Path(folder) / name for name in names)


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None
