"""Merging what somebody else has into the refs of this repository.

The store is merged by union of trees, the notes by union of lines; neither can conflict unless
bytes are not what their path says. Fast-forward first; else a merge commit that depends on nothing
but its two parents, so that everybody who merges the same two gets the same commit and peers
converge. Nothing is taken out: a side that has lost something gets it back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from git_bt import notes
from git_bt.errors import Corrupt
from git_bt.model import REGULAR, Oid
from git_bt.object_writer import Draft, Vanished, Writer, until_it_stays
from git_bt.objects import FOLDER, Objects, TreeEntry, blob_oid
from git_bt.publish import (
    GIT_PATIENCE_S,
    PATIENCE_S,
    TEMPORARY,
    announce,
    drop,
    lock,
    read_refs,
    swap,
    sweep,
    temporary_ref,
)
from git_bt.repo import Repo
from git_bt.store_layout import REF
from git_bt.sync.news import prove

STORE, NOTES = REF, notes.REF
REFS = (STORE, NOTES)
"""What is shared, in the order in which it is written: a result after what it names."""

MESSAGE = "merge\n"
_LATEST_S = 1 << 32  # a date that somebody made up must not stop a merge
Changes = Mapping[str, notes.Change]


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What merging does to one ref.

    `how`: same (nothing to take), new (there was no ref here), forward, merged.
    """

    ref: str
    before: Oid | None
    after: Oid | None
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """How one ref is to move; `draft` is the merge commit that has to be written for it."""

    ref: str
    before: Oid | None
    theirs: Oid | None
    how: str
    parents: tuple[Oid, ...] = ()
    changes: Changes = field(default_factory=dict)


# -- the union of two stores ----------------------------------------------------------------------


def additions(objects: Objects, ours: Oid | None, theirs: Oid | None) -> dict[str, TreeEntry]:
    """Return what a store lacks of another: path to blob, or to a tree that it lacks wholly.

    Only trees that differ are read, and no deeper than ours go: theirs may be made to explode.

    Args:
        objects: of the repository.
        ours: a commit of a store; None is an empty one.
        theirs: another one.

    Raises:
        Corrupt: a path holds other bytes on the two sides, or an object is broken.
        Incomplete: an object was left out of this partial clone.
    """
    if theirs is None or ours == theirs:
        return {}
    found: dict[str, TreeEntry] = {}
    left = [("", _top(objects, ours), _top(objects, theirs))]
    while left:
        base, mine, other = left.pop()
        for name, entry in other.items():
            known = mine.get(name)
            if known is None:
                found[base + name] = entry
            elif known.mode == entry.mode == FOLDER and known != entry:
                one, two = objects.tree(known.oid), objects.tree(entry.oid)
                left.append((f"{base}{name}/", one, two))
            elif known != entry:
                raise Corrupt(
                    f"{base}{name} is {known.mode} {known.oid} here and {entry.mode} {entry.oid} "
                    "there: the same path must have the same bytes",
                    hint="git bt fsck, here and there: one of the two stores is damaged",
                )
    return found


def _top(objects: Objects, tip: Oid | None) -> dict[str, TreeEntry]:
    return {} if tip is None else objects.tree(objects.commit_tree(tip))


# -- one ref --------------------------------------------------------------------------------------


def is_behind(repo: Repo, old: Oid, new: Oid) -> bool:
    """Tell whether a commit is another one or an ancestor of it, as far as history is here."""
    if old == new:
        return True
    return repo.git("merge-base", "--is-ancestor", old, new, check=False).code == 0


def _union(objects: Objects, ref: str, ours: Oid, theirs: Oid) -> Changes:
    """Return what has to change in ours to hold both; nothing when they do."""
    if ref == STORE:
        return additions(objects, ours, theirs)
    known, hash_name = notes.Notes(objects, ours), objects.repo.hash_name
    return {
        path: change
        for path, change in notes.union(objects, ours, theirs).items()
        if _as_entry(change, hash_name) != known.at(path)
    }


def _as_entry(change: notes.Change, hash_name: str) -> TreeEntry | None:
    return TreeEntry(REGULAR, blob_oid(change, hash_name)) if isinstance(change, bytes) else change


def _plan(objects: Objects, ref: str, ours: Oid | None, theirs: Oid | None) -> _Plan:
    repo = objects.repo
    if theirs is None or (ours is not None and is_behind(repo, theirs, ours)):
        return _Plan(ref=ref, before=ours, theirs=theirs, how="same")
    if ref == STORE:
        prove(objects, ours, theirs)
    if ours is None:
        if ref == NOTES:
            notes.Notes(objects, theirs).root()  # refuse what is no notes at all
        return _Plan(ref=ref, before=None, theirs=theirs, how="new")
    # A newer commit that has lost something of ours is no step forward.
    if not _union(objects, ref, theirs, ours) and is_behind(repo, ours, theirs):
        return _Plan(ref=ref, before=ours, theirs=theirs, how="forward")
    one, two = sorted((ours, theirs))
    changes = _union(objects, ref, one, two)
    return _Plan(
        ref=ref, before=ours, theirs=theirs, how="merged", parents=(one, two), changes=changes
    )


# -- both refs ------------------------------------------------------------------------------------


def preview(objects: Objects, theirs: Mapping[str, Oid]) -> tuple[Move, ...]:
    """Return what `merge` would do now; `after` is None where a merge commit would be written.

    Raises:
        Corrupt, Incomplete: as `merge`.
    """
    refs = read_refs(objects.repo, *REFS)
    plans = [_plan(objects, ref, refs.get(ref), theirs.get(ref)) for ref in REFS]
    return tuple(_move(plan, None) for plan in plans)


def merge(
    objects: Objects, theirs: Mapping[str, Oid], *, patience_s: float = PATIENCE_S
) -> tuple[Move, ...]:
    """Take what others have into refs/bt/store and refs/notes/bt, both in one transaction.

    Args:
        objects: of the repository; theirs are there already, held by another ref.
        theirs: their commits by the ref that each is to be merged into.
        patience_s: how long to wait for other writers, in seconds.

    Returns:
        What was done to each of the two refs.

    Raises:
        Corrupt: a path has other bytes on the two sides, or an object is broken.
        Incomplete: an object was left out of this partial clone.
        Locked: another writer, or a lock of git that stays.
        CannotWork: read-only, disk full, or git refused.
    """

    def once() -> tuple[Move, ...] | None:
        held: dict[str, Oid] = {}
        try:
            with lock(objects.repo, patience_s):
                refs = read_refs(objects.repo, *REFS, TEMPORARY)
                plans = [_plan(objects, ref, refs.pop(ref, None), theirs.get(ref)) for ref in REFS]
                moves = _apply(objects, plans, held, min(patience_s, GIT_PATIENCE_S))
                if moves is not None:
                    sweep(objects.repo, refs)
                return moves
        finally:
            drop(objects.repo, held)

    moves = None
    while moves is None:  # one of the refs was moved by somebody else
        moves = until_it_stays(once)
    return moves


def _apply(
    objects: Objects, plans: list[_Plan], held: dict[str, Oid], patience_s: float
) -> tuple[Move, ...] | None:
    """Write merge commits and move the refs; return None when one was moved by somebody else."""
    written = _write(objects, [plan for plan in plans if plan.how == "merged"], held)
    moves = tuple(_move(plan, written.get(plan.ref)) for plan in plans)
    updates = {
        move.ref: (move.after, move.before)
        for move in moves
        if move.how != "same" and move.after is not None
    }
    if updates and not swap(objects.repo, updates, dropped=held, patience_s=patience_s):
        return None
    held.clear()
    if STORE in updates:
        announce(objects.repo, updates[STORE][0])
    return moves


def _write(objects: Objects, plans: list[_Plan], held: dict[str, Oid]) -> dict[str, Oid]:
    """Write merge commits, look at what was written, and return them by the ref they are for."""
    if not plans:
        return {}
    refs = [temporary_ref() for _ in plans]
    with Writer(objects.repo, refs[0]) as writer:
        drafts = [
            Draft(
                ref=ref,
                files={path: _entry(writer, change) for path, change in plan.changes.items()},
                parents=plan.parents,
                message=MESSAGE,
                when_s=_when_s(objects.repo, plan.parents),
            )
            for ref, plan in zip(refs, plans, strict=True)
        ]
        commits = writer.commits(*drafts)
    held |= dict(zip(refs, commits, strict=True))
    for plan, new in zip(plans, commits, strict=True):
        _read_back(objects, plan, new)
    return {plan.ref: new for plan, new in zip(plans, commits, strict=True)}


def _read_back(objects: Objects, plan: _Plan, new: Oid) -> None:
    """Look at what was written: a merge lacks nothing of what its parents have."""
    try:
        lacks = [_union(objects, plan.ref, new, parent) for parent in plan.parents]
    except Corrupt as e:  # the parents were read a moment ago
        raise Vanished(e.message, hint=e.hint) from e
    if any(lacks):
        raise Vanished(f"git did not write all of the merge of {plan.ref}")


def _when_s(repo: Repo, parents: tuple[Oid, ...]) -> int:
    """Return the date of the newer parent, in seconds since the epoch.

    Our own clock would make two merges of the same two differ. A date of 0 would not, but git
    walks history by date: behind 100 000 commits it takes a quarter of a second to get past them.
    """
    found = repo.git("rev-list", "--no-walk", "--timestamp", *parents).text.splitlines()
    return min(_LATEST_S, max(int(line.split()[0]) for line in found))


def _entry(writer: Writer, change: notes.Change) -> TreeEntry | None:
    return TreeEntry(REGULAR, writer.blob(change)) if isinstance(change, bytes) else change


def _move(plan: _Plan, written: Oid | None) -> Move:
    after = {"same": plan.before, "merged": written}.get(plan.how, plan.theirs)
    return Move(ref=plan.ref, before=plan.before, after=after, how=plan.how)
