"""Write a bundle as a tar."""

import hashlib
from pathlib import Path

from git_bt.archive import write_archive
from git_bt.bundle import check_content
from git_bt.commands.locate import fetch, locate
from git_bt.commands.tapes import with_tape
from git_bt.commands.workspace import Workspace, open_workspace
from git_bt.errors import Usage
from git_bt.flox_layout import flox_entries
from git_bt.model import Bundle, Notice
from git_bt.records import below
from git_bt.reports import ExportReport


def export(
    name: str, *, to: str | None = None, layout: str = "git-bt", cwd: Path | None = None
) -> ExportReport:
    """Write a bundle in FLOX's layout; the same bundle gives the same bytes.

    Args:
        name: an id, an archive, or a strategy (then its newest bundle).
        to: the file to write; None is `<first 12 digits>.tar` here.
        layout: `lrvx` leaves the trace where `lrvx bundle validate` does not judge it.
        cwd: where the command works.

    Raises:
        Incomplete: a member's bytes are not at hand.
        Usage: for lrvx, and another engine's.
    """
    with open_workspace(cwd, needs_repository=False) as workspace:
        bundle = with_tape(workspace, fetch(workspace, locate(workspace, name)).bundle)
        check_content(bundle)
        engine = bundle.manifest.engine.name
        if layout == "lrvx" and engine != "flox":
            raise Usage(f"lrvx runs no bundle of engine {engine}", hint="leave out --for lrvx")
        return write(workspace, bundle, to or f"{bundle.id[:12]}.tar", layout=layout)


def write(workspace: Workspace, bundle: Bundle, to: str, *, layout: str = "git-bt") -> ExportReport:
    """Write a bundle whose bytes are proved to a file, named as the user named it."""
    target = workspace.cwd / to
    write_archive(target, flox_entries(bundle, for_lrvx=layout == "lrvx"))
    with target.open("rb") as archive:
        digest = hashlib.file_digest(archive, "sha256").hexdigest()
    return ExportReport(
        bundle=bundle.id,
        path=to,
        sha256=digest,
        size=target.stat().st_size,
        layout=layout,
        notices=_more_than_lrvx_loads(bundle) if layout == "lrvx" else (),
    )


def _more_than_lrvx_loads(bundle: Bundle) -> tuple[Notice, ...]:
    """Say that lrvx loads the entry point alone, with no folder of the strategy on its path."""
    entry = bundle.manifest.entry_point
    others = [path for path in below(bundle.manifest.members, "strategy/") if path != entry]
    if not others:
        return ()
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    message = f"lrvx loads {entry} alone and may not find {min(others)}{more}"
    return (Notice(kind="lrvx_loads_one_file", message=message, path=min(others)),)
