"""Fetching and pushing results: look, merge, offer, and again when somebody was faster.

A push is never forced, and moves both refs or none; to a remote whose store is not known, first
the store and then the notes. What a refusal means is read from the status that git prints for
machines and from the refs that the remote has afterwards: moved by somebody else means merge and
try again; not moved, several times, means that it will not have them.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from git_bt.errors import CannotWork
from git_bt.git_process import Result
from git_bt.model import Oid
from git_bt.objects import Objects
from git_bt.publish import lock, pause, read_refs
from git_bt.repo import Repo
from git_bt.sync.merging import REFS, STORE, Move, is_behind, merge, preview
from git_bt.sync.remote import (
    Remote,
    Step,
    cannot,
    look,
    pushed_to,
    remember,
    seen,
    talk,
    without_secrets,
)
from git_bt.sync.whole import complete

PATIENCE_S = 120.0
LOCK = "remote.lock"  # one exchange at a time: tracking refs are shared, and two pushes of one
# repository can make each other's packs unreadable in the remote's quarantine; writers go on
_LONGEST_PAUSE_S = 4.0
_MOST_UNMOVED = 4  # refusals by a remote that nobody else moved: a lock there may have been held
_SLOW = 5  # powers of two by which to wait longer then


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What a remote has, what merging it did here, and how many left-out objects were got."""

    remote: Remote
    there: Mapping[str, Oid]
    moves: tuple[Move, ...]
    completed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One ref that the remote was offered; `before` is what was last seen there."""

    ref: str
    before: Oid | None
    after: Oid


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What a push did: refs that it moved, what it had to merge first, and in how many attempts."""

    remote: Remote
    sent: tuple[Sent, ...]
    fetched: tuple[Exchange, ...]
    attempts: int


def fetch(
    objects: Objects,
    remote: Remote,
    *,
    step: Step,
    dry_run: bool = False,
    into_ours: bool = True,
    patience_s: float = PATIENCE_S,
) -> Exchange:
    """Fetch the results of a remote and merge them into ours.

    Args:
        objects: of the repository.
        remote: where from.
        step: says what is being done.
        dry_run: merge nothing, and say what would be merged.
        into_ours: False leaves them in the tracking refs.
        patience_s: how long to wait for another exchange of this repository, in seconds.

    Raises:
        CannotWork: the remote cannot be reached, or the repository not be written.
        Corrupt: the two stores contradict each other, or an object is broken.
        Incomplete: this partial clone lacks objects that the remote does not give.
        Locked: another exchange lasts that long.
    """
    with lock(objects.repo, patience_s, name=LOCK):
        return _fetch(objects, remote, step, dry_run=dry_run, into_ours=into_ours)


def _fetch(
    objects: Objects, remote: Remote, step: Step, *, dry_run: bool = False, into_ours: bool = True
) -> Exchange:
    repo = objects.repo
    there = look(repo, remote, step=step)
    completed = complete(repo, remote, step=step)
    taken = there if into_ours else {}
    step("merging")
    moves = preview(objects, taken)
    if not dry_run and any(move.how != "same" for move in moves):
        moves = merge(objects, taken)
    return Exchange(remote=remote, there=there, moves=moves, completed=completed)


def push(
    objects: Objects,
    remote: Remote,
    *,
    step: Step,
    dry_run: bool = False,
    patience_s: float = PATIENCE_S,
) -> Pushed:
    """Bring our results to a remote, after merging what it has.

    Args:
        objects: of the repository.
        remote: where to.
        step: says what is being done.
        dry_run: move no ref but the tracking ones, and say what would be pushed.
        patience_s: how long to go on when others push at the same time, in seconds.

    Raises:
        CannotWork: the remote cannot be reached, will not have the refs, or was always moved by
            somebody else.
        Corrupt, Incomplete: as `fetch`.
        Locked: another exchange of this repository lasts that long.
    """
    target = pushed_to(objects.repo, remote)
    with lock(objects.repo, patience_s, name=LOCK):
        if dry_run:
            return _would_push(objects, target, step)
        return _push(objects, target, step, patience_s)


def _would_push(objects: Objects, remote: Remote, step: Step) -> Pushed:
    exchange = _fetch(objects, remote, step, dry_run=True)
    tips = read_refs(objects.repo, *REFS)
    sent = tuple(
        _sent(ref, exchange.there, tip)
        for ref, tip in _in_order(tips)
        if not is_ahead(objects.repo, tip, exchange.there.get(ref))
    )
    return Pushed(remote=remote, sent=sent, fetched=(exchange,), attempts=0)


def is_ahead(repo: Repo, tip: Oid, there: Oid | None) -> bool:
    """Tell whether what is there has all of our commit."""
    return there is not None and is_behind(repo, tip, there)


def _push(objects: Objects, remote: Remote, step: Step, patience_s: float) -> Pushed:
    repo, deadline = objects.repo, time.monotonic() + patience_s
    known = seen(repo, remote)
    fetched: list[Exchange] = []
    attempts = unmoved = 0
    takes_two = True
    tips = read_refs(repo, *REFS)
    if not all(is_behind(repo, oid, tips.get(ref, oid)) for ref, oid in known.items()):
        fetched.append(_fetch(objects, remote, step))
        known = dict(fetched[-1].there)
    while tips := read_refs(repo, *REFS):
        attempts += 1
        step(f"pushing to {remote.name}")
        # A host that hides refs/bt takes the notes alone, atomic or not: git counts it as refused
        # before it looks at the rest. So the store goes first to where none is known.
        in_one = takes_two and STORE in known
        done = _offer(repo, remote, tips, step, in_one=in_one)
        if done.code == 0:
            remember(repo, remote, tips)
            sent = tuple(_sent(ref, known, tip) for ref, tip in _in_order(tips))
            sent = tuple(s for s in sent if s.before != s.after)
            return Pushed(remote=remote, sent=sent, fetched=tuple(fetched), attempts=attempts)
        refusals = _refusals(done)
        if not refusals and not in_one:
            raise cannot("push to", remote, done)
        fetched.append(_fetch(objects, remote, step))
        there = dict(fetched[-1].there)
        # No status of a ref at all: a remote that cannot take two refs at once, or will not talk.
        takes_two = bool(refusals) and takes_two
        unmoved = unmoved + 1 if there == known and refusals else 0
        known = there
        if unmoved >= _MOST_UNMOVED:
            raise _refused(remote, refusals, done)
        if time.monotonic() > deadline:
            raise CannotWork(
                f"others pushed to {remote.name} at the same time, {attempts} times "
                f"in {patience_s:.0f} s",
                hint="nothing was lost; run git bt push again",
            )
        pause(attempts + (_SLOW if unmoved else 0), _LONGEST_PAUSE_S)
    return Pushed(remote=remote, sent=(), fetched=tuple(fetched), attempts=attempts)


def _in_order(tips: Mapping[str, Oid]) -> list[tuple[str, Oid]]:
    return [(ref, tips[ref]) for ref in REFS if ref in tips]


def _sent(ref: str, there: Mapping[str, Oid], tip: Oid) -> Sent:
    return Sent(ref=ref, before=there.get(ref), after=tip)


def _offer(
    repo: Repo, remote: Remote, tips: Mapping[str, Oid], step: Step, *, in_one: bool
) -> Result:
    """Push commits, both refs in one transaction, or the store first and then the notes."""
    specs = [f"{tip}:{ref}" for ref, tip in _in_order(tips)]
    batches: Sequence[Sequence[str]] = [specs] if in_one else [[spec] for spec in specs]
    done = Result(0, b"", b"")
    for batch in batches:
        done = talk(
            repo,
            *_not_mirrored(repo, remote),
            "push",
            *("--porcelain", "--progress", "--no-verify", "--no-follow-tags", "--no-signed"),
            "--recurse-submodules=no",
            *(["--atomic"] if in_one else []),
            "--end-of-options",
            remote.address,
            *batch,
            step=step,
        )
        if done.code:
            return done
    return done


def _not_mirrored(repo: Repo, remote: Remote) -> tuple[str, ...]:
    """Return what keeps a mirror's push from being forced."""
    key = f"remote.{remote.name}.mirror"
    mirrors = remote.configured and repo.config(key) is not None
    return ("-c", f"{key}=false") if mirrors else ()


def _refusals(done: Result) -> dict[str, str]:
    """Return the refs that a remote refused, and its reasons."""
    found = {}
    for line in done.text.splitlines():
        flag, _, rest = line.partition("\t")
        names, _, reason = rest.partition("\t")
        ref = names.rpartition(":")[2]
        if flag == "!" and ref in REFS:
            found[ref] = reason
    return found


def _refused(remote: Remote, refusals: Mapping[str, str], done: Result) -> CannotWork:
    """Return the error of a remote that will not have one of our refs."""
    # Of two that go together, one is refused only because the other is.
    own = {ref: why for ref, why in refusals.items() if "atomic" not in why} or refusals
    why = "; ".join(f"{ref}: {reason}" for ref, reason in own.items())
    said = [
        line.removeprefix("remote:").strip()
        for line in done.err.decode(errors="replace").splitlines()
        if line.startswith("remote:") and line.removeprefix("remote:").strip()
    ]
    told = f" ({said[0]})" if said else ""
    return CannotWork(
        f"{remote.name} refuses {without_secrets(why + told)}",
        hint="nothing was lost; ask who runs it to accept refs/bt/store and refs/notes/bt",
    )
