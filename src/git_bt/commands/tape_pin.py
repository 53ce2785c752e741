"""Write the small file beside a tape that names its bytes, for git to track."""

import os
from collections.abc import Iterator
from pathlib import Path

from git_bt.canonical import tape_sha256
from git_bt.capture.pin import SUFFIX, Pin, encode_pin
from git_bt.capture.tape import read_tape
from git_bt.commands.workspace import Workspace, open_workspace
from git_bt.errors import CannotWork, Usage
from git_bt.looking import TapePinReport
from git_bt.model import Notice, Tape


def pin_tape(name: str, *, cwd: Path | None = None) -> TapePinReport:
    """Pin a tape: hash its files and write `<tape>.tape`, unless that says the same already.

    Args:
        name: path of a file or folder of market data, inside the repository.
        cwd: where the command works.

    Raises:
        Usage: it lies outside the repository, or git tracks it.
        Incomplete: it is not there.
        CannotWork: the pin cannot be written.
    """
    with open_workspace(cwd) as workspace:
        path = workspace.path_from_top(name)
        if path == "." or workspace.repo is None or workspace.repo.top is None:
            raise Usage(f"{name} is no tape of a work tree", hint="name a file or folder in it")
        tape = _tape(workspace, path)
        pin = Pin(name=path.rpartition("/")[2], members=tape.members)
        return TapePinReport(
            tape=path,
            path=path + SUFFIX,
            files=len(pin.members),
            size=sum(member.size for member in pin.members.values()),
            sha256=tape_sha256(pin.members),
            written=_write(workspace.top / (path + SUFFIX), encode_pin(pin)),
            notices=tuple(_notices(workspace, path)),
        )


def _tape(workspace: Workspace, path: str) -> Tape:
    """Read what lies on disk, whatever a pin that is there says, readable or not."""
    from git_bt.files import folder_files

    files = workspace.files
    if files.is_tracked(path):
        raise Usage(
            f"git tracks {path}, so it needs no pin",
            hint=f"to pin it instead: git rm -r --cached {path}, then git bt tape pin {path}",
        )
    plain = folder_files(workspace.top)
    plain.digests = files.digests
    return read_tape(plain, str(workspace.top / path), top=workspace.top, cwd=workspace.cwd)


def _notices(workspace: Workspace, path: str) -> Iterator[Notice]:
    """Say when git would take the tape, or would not take the pin."""
    assert workspace.repo is not None
    pin = path + SUFFIX
    asked = b"\0".join(map(os.fsencode, (path, pin)))
    git = workspace.repo.git
    ignored = git("check-ignore", "-z", "--stdin", stdin=asked, check=False).out.split(b"\0")
    if os.fsencode(path) not in ignored:
        message = f"git does not ignore {path}: git add -A would take all of it"
        yield Notice(kind="tape_not_ignored", message=message, path=path)
    if os.fsencode(pin) in ignored:
        message = f"git ignores {pin}: git add --force {pin}, or except it in .gitignore"
        yield Notice(kind="pin_ignored", message=message, path=pin)


def _write(target: Path, data: bytes) -> bool:
    """Replace a file at once; return False where it holds these bytes already."""
    place = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        if target.is_file() and target.read_bytes() == data:
            return False
        try:
            place.write_bytes(data)
            place.replace(target)
        finally:
            place.unlink(missing_ok=True)
    except OSError as e:
        raise CannotWork(f"cannot write {target}: {e.strerror}") from e
    return True
