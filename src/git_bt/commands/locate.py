"""From a word that a user typed to the bundle it names.

A word names, in this order: an archive (a file that is no strategy), a bundle of the store by the
first digits of its id, a result of a commit as COMMIT:STRATEGY, a strategy by its path (then its
baseline). What reads archives, commits and strategies is imported when one is named: an id must
not wait for it.
"""

import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from git_bt.commands.workspace import Workspace
from git_bt.errors import BtError, CannotWork, Incomplete, Usage
from git_bt.model import Bundle, Oid, RunRecord, Strategy

if TYPE_CHECKING:
    from git_bt.archive import Entries

_ID = re.compile(r"[0-9a-f]{4,64}")
_CITED = re.compile(r"git-bt bundle ([0-9a-f]{64})")
_SOURCE = (".py", ".yaml", ".yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a word names: exactly one of archive, id, strategy and fault is set.

    `fault` is what is wrong with a strategy that is there and cannot be read, or with a result of
    a commit. Of such a result, `tied` and `commit` stand beside the id.
    """

    name: str
    archive: Path | None = None
    id: str | None = None
    strategy: Strategy | None = None
    fault: BtError | None = None
    tied: str | None = None
    commit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A bundle, and the newest record of a run that packed it."""

    bundle: Bundle
    strategy: str | None
    record: RunRecord | None


def locate(workspace: Workspace, name: str) -> Named:
    """Say what a word names; nothing of an archive is read yet.

    Raises:
        Usage: it names nothing, or more than one bundle.
        CannotWork: it names no archive, and there is no repository.
    """
    path = workspace.cwd / name
    is_archive = path.suffix == ".tar" if path.is_dir() else path.suffix not in _SOURCE
    if is_archive and path.exists():  # also a pipe: what it is, is said when it is opened
        return Named(name=name, archive=path)
    if path.suffix == ".tar" and not path.exists():
        raise Usage(f"no such file: {name}")
    cited = _CITED.search(name)
    word = cited[1] if cited else name
    if _ID.fullmatch(word) and not path.exists():
        return Named(name=name, id=workspace.need_store().resolve(word))
    workspace.need_store()
    if ":" in name and not path.exists():
        return _tied(workspace, name)
    from git_bt.capture.strategy import read_strategy

    from_top = workspace.path_from_top(name)
    try:
        return Named(name=name, strategy=read_strategy(workspace.files, from_top))
    except BtError as e:
        if not path.exists():
            raise Usage(f"{name} is no bundle, archive or strategy here", hint="git bt ls") from e
        if not (path / "strategy.yaml").is_file():
            raise
        return Named(name=name, fault=e)


def locate_or_commit(workspace: Workspace, name: str) -> Named | Oid:
    """Return what a word names: a bundle if it can, else a commit; raises as `locate`."""
    try:
        return locate(workspace, name)
    except (Usage, CannotWork):
        commit = None if workspace.repo is None or not name else workspace.repo.resolve(name)
        if commit is None:
            raise
        return commit


def _tied(workspace: Workspace, name: str) -> Named:
    from git_bt.commands.tied import commit_of, result_at, split_name

    revision, strategy = split_name(workspace, name)
    commit = commit_of(workspace.need_store().repo, revision)
    try:
        found = result_at(workspace, commit, strategy)
    except Usage:
        raise
    except BtError as e:
        return Named(name=name, fault=e)
    return Named(name=name, id=found.bundle, tied=strategy, commit=commit)


def fetch(workspace: Workspace, named: Named) -> Found:
    """Return the bundle that was named; of a strategy, its baseline.

    Raises:
        Corrupt: its bytes are not what they should be.
        Incomplete: the strategy has no bundle yet.
        BtError: the strategy cannot be read.
    """
    if named.fault is not None:
        raise named.fault
    if named.archive is not None:
        from git_bt.flox_layout import read_flox

        bundle = read_flox(_entries(workspace, named.archive))
        return Found(bundle=bundle, strategy=bundle.manifest.entry_point, record=None)
    if named.id is not None:
        return _here(workspace, named.id, named.tied)
    assert named.strategy is not None
    return baseline(workspace, named.strategy.name)


def _entries(workspace: Workspace, path: Path) -> "Entries":
    """Return what an archive holds, within git config bt.archiveMembers and bt.archiveSize."""
    from git_bt.archive import Limits, open_archive

    usual = Limits()
    limits = Limits(
        members=workspace.config_int("bt.archiveMembers", usual.members),
        total=workspace.config_int("bt.archiveSize", usual.total),
    )
    return open_archive(path, Path(tempfile.mkdtemp(dir=workspace.scratch)), limits)


def _here(workspace: Workspace, bundle_id: str, tied: str | None) -> Found:
    """Return a bundle by its id; one that only a note names may not have come here."""
    try:
        found = by_id(workspace, bundle_id)
    except Usage as e:
        raise Incomplete(
            f"bundle {bundle_id[:12]}, the result of {tied}, is not here", hint="git bt fetch"
        ) from e
    return found if tied is None else replace(found, strategy=tied)


def by_id(workspace: Workspace, bundle_id: str) -> Found:
    """Return a bundle of the store by its whole id."""
    store = workspace.need_store()
    bundle = store.bundle(bundle_id)
    record = newest(run for _, run in store.runs_of(bundle=bundle_id))
    return Found(
        bundle=bundle,
        strategy=record.strategy if record else bundle.manifest.entry_point,
        record=record,
    )


def baseline(workspace: Workspace, strategy: str) -> Found:
    """Return the bundle that a strategy is judged against: see `ledger.Ledger.baselines`.

    Raises:
        Incomplete: nothing is tied or packed, or what is tied has not come here.
    """
    ledger = workspace.ledger
    found = ledger.baseline(strategy, workspace.head)
    if found is None:
        raise Incomplete(
            f"{strategy} has no bundle to be judged against", hint=f"git bt pack {strategy}"
        )
    try:
        bundle = workspace.need_store().bundle(found.bundle)
    except Usage as e:
        raise Incomplete(
            f"{strategy}: bundle {found.bundle[:12]}, its result, is not here", hint="git bt fetch"
        ) from e
    return Found(bundle=bundle, strategy=strategy, record=found.run[1] if found.run else None)


def newest(records: Iterable[RunRecord]) -> RunRecord | None:
    """Return the newest of some run records; of equal times, the same one everywhere."""
    return max(records, key=lambda run: (run.when_ns, run.bundle), default=None)
