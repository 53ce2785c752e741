"""Write a bundle's strategy into a folder."""

import os
from pathlib import Path

from git_bt.bundle import check_content
from git_bt.commands.locate import fetch, locate
from git_bt.commands.tapes import with_tape
from git_bt.commands.workspace import open_workspace
from git_bt.errors import Usage
from git_bt.model import EXECUTABLE, Bundle
from git_bt.records import below
from git_bt.reports import RestoreReport


def restore(
    name: str, directory: str, *, tape: bool = False, force: bool = False, cwd: Path | None = None
) -> RestoreReport:
    """Write the strategy's files, exactly as they ran, below a folder.

    Args:
        name: an id, an archive, or a strategy (then its newest bundle).
        directory: made when it is not there.
        tape: write the tape to `tape/` in it as well.
        force: replace files that are there with other content.
        cwd: where the command works.

    Raises:
        Usage: a file is in the way; nothing was written.
    """
    with open_workspace(cwd, needs_repository=False) as workspace:
        found = fetch(workspace, locate(workspace, name))
        bundle = with_tape(workspace, found.bundle) if tape else found.bundle
        check_content(bundle)
        target = workspace.cwd / directory
        files = _files(bundle, with_tape=tape)
        if not force:
            _refuse_to_replace(target, files)
        for path, (data, mode) in files.items():
            place = target / path
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.is_symlink():  # what it points to is not ours to replace
                place.unlink()
            place.write_bytes(data)
            place.chmod(0o755 if mode == EXECUTABLE else 0o644)
        return RestoreReport(bundle=bundle.id, directory=directory, files=tuple(sorted(files)))


def _files(bundle: Bundle, *, with_tape: bool) -> dict[str, tuple[bytes, str]]:
    found = dict(below(bundle.content, "strategy/"))
    if with_tape:
        found |= {f"tape/{p}": s for p, s in below(bundle.content, "tape/").items()}
    members = bundle.manifest.members
    return {
        path: (
            source.read(),
            members[path if path.startswith("tape/") else f"strategy/{path}"].mode,
        )
        for path, source in found.items()
    }


def _refuse_to_replace(target: Path, files: dict[str, tuple[bytes, str]]) -> None:
    for path, (data, _) in files.items():
        place = target / path
        if os.path.lexists(place) and not (place.is_file() and place.read_bytes() == data):
            raise Usage(
                f"{place} is there with other content", hint="name a new folder, or add --force"
            )
