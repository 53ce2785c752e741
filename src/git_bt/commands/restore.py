"""Write the strategy of a bundle, or the files of a snapshot, into a folder."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from git_bt.bundle import check_content
from git_bt.canonical import sha256
from git_bt.commands.locate import fetch, locate
from git_bt.commands.tapes import with_tape
from git_bt.commands.workspace import Workspace, open_workspace
from git_bt.errors import Corrupt, Usage
from git_bt.model import EXECUTABLE, Bundle, Captured, Notice
from git_bt.records import below, snapshot_id
from git_bt.reports import RestoreReport
from git_bt.store import Store

_ID = re.compile(r"[0-9a-f]{4,64}")
_KINDS = ("bundles", "snapshots", "sweeps")

Files = Mapping[str, tuple[bytes, str]]
"""Path to bytes and mode."""


def restore(
    name: str, directory: str, *, tape: bool = False, force: bool = False, cwd: Path | None = None
) -> RestoreReport:
    """Write files, exactly as they ran, below a folder.

    Args:
        name: an id of a bundle, of a snapshot or of a sweep (then its code), an archive, or a
            strategy (then its newest bundle).
        directory: made when it is not there.
        tape: write the tape to `tape/` in it as well.
        force: replace files that are there with other content.
        cwd: where the command works.

    Raises:
        Usage: a file is in the way; nothing was written.
        Corrupt: a file is not what it was; likewise.
    """
    with open_workspace(cwd, needs_repository=False) as workspace:
        captured, notices = _find_snapshot(workspace, name)
        bundle = None
        if captured is not None:
            if tape:
                raise Usage(f"{name} is code and has no tape", hint="leave out --tape")
            files = _of_snapshot(captured)
        else:
            found = fetch(workspace, locate(workspace, name))
            bundle = with_tape(workspace, found.bundle) if tape else found.bundle
            check_content(bundle)
            files = _of_bundle(bundle, with_tape=tape)
        target = workspace.cwd / directory
        _refuse_links(target, files)
        if not force:
            _refuse_to_replace(target, files)
        for path, (data, mode) in files.items():
            _write(target / path, data, mode)
        return RestoreReport(
            bundle=None if bundle is None else bundle.id,
            snapshot=None if captured is None else snapshot_id(captured.snapshot),
            directory=directory,
            files=tuple(sorted(files)),
            notices=notices,
        )


def _find_snapshot(workspace: Workspace, name: str) -> tuple[Captured | None, tuple[Notice, ...]]:
    """Return the snapshot that an id names, and what its search in the spool has to say.

    The snapshot is None when the id is a bundle's, or no id at all.
    """
    if workspace.store is None or not _ID.fullmatch(name) or (workspace.cwd / name).exists():
        return None, ()
    store = workspace.store
    try:
        return _resolve(store, name), ()
    except Usage as e:
        if "ambiguous" in e.message:
            raise
    from git_bt.commands.flush import flush_to_read

    notices = flush_to_read(store)  # the code of runs that are in the spool still
    return _resolve(store, name), notices


def _resolve(store: Store, name: str) -> Captured | None:
    digest = store.resolve(name, _KINDS)
    if _is(store, "bundles", digest):
        return None
    if _is(store, "sweeps", digest):
        sweep = store.sweep_alone(digest)
        if sweep.snapshot is None:
            raise Usage(f"the code of sweep {sweep.name} was not captured")
        digest = sweep.snapshot
    return store.snapshot(digest)


def _is(store: Store, kind: str, digest: str) -> bool:
    try:
        return store.resolve(digest, (kind,)) == digest
    except Usage:
        return False


def _write(place: Path, data: bytes, mode: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_symlink():  # what it points to is not ours to replace
        place.unlink()
    place.write_bytes(data)
    place.chmod(0o755 if mode == EXECUTABLE else 0o644)


def _of_snapshot(captured: Captured) -> Files:
    """Return the files of a snapshot; raises Corrupt where one is missing or another."""
    files = {}
    for path, member in captured.snapshot.files.items():
        source = captured.content.get(path)
        if source is None:
            raise Corrupt(f"{path!r:.200} of the snapshot is not in the store", hint="git bt fsck")
        data = source.read()
        if sha256(data) != member.sha256:
            raise Corrupt(f"{path!r:.200} is not what the snapshot says", hint="git bt fsck")
        files[path] = (data, member.mode)
    return files


def _of_bundle(bundle: Bundle, *, with_tape: bool) -> Files:
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


def _refuse_links(target: Path, files: Files) -> None:
    """Refuse to write through a linked folder: a file would land outside, as git has it too."""
    folders = {Path(path).parents[i] for path in files for i in range(len(Path(path).parents) - 1)}
    for folder in sorted(folders):
        if (target / folder).is_symlink():
            raise Usage(f"{target / folder} is a link", hint="name a new folder")


def _refuse_to_replace(target: Path, files: Files) -> None:
    for path, (data, _) in files.items():
        place = target / path
        if os.path.lexists(place) and not (place.is_file() and place.read_bytes() == data):
            raise Usage(
                f"{place} is there with other content", hint="name a new folder, or add --force"
            )
