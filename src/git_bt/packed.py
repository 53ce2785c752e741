"""Which run packed or accepted each strategy last, where no commit has a result of it.

A store may hold a hundred thousand runs, so the answer is remembered, with the tree of run records
that it was found in. That tree only grows: who asks next reads what came since, and all of it when
something went. What is remembered is read and proved before it is believed.
"""

import json
from collections.abc import Iterable
from contextlib import suppress

from git_bt.caches import keep
from git_bt.errors import Corrupt, ExitCode
from git_bt.model import Oid, RunRecord
from git_bt.objects import TreeEntry
from git_bt.store import Store
from git_bt.store_layout import proved_run

_MEMORY = "packed.json"
_VERSION = 1

_Found = dict[str, tuple[str, RunRecord, Oid]]
"""Strategy to the id of a run, its record and its blob."""


def last_packed(store: Store) -> dict[str, tuple[str, RunRecord]]:
    """Return the newest passing run that packed or accepted each strategy, with its id.

    Raises:
        Corrupt: a run record of the store is broken.
    """
    store.refresh()
    tree = store.tree_of("runs")
    if tree is None:
        return {}
    seen, found = _remembered(store)
    if seen != tree:
        news = _since(store, seen)
        if news is None:
            found, news = {}, store.beyond("runs", None) or {}
        _take(store, found, news)
        runs = {name: [digest, oid] for name, (digest, _, oid) in found.items()}
        value = {"version": _VERSION, "tree": tree, "runs": runs}
        keep(store.repo.cache_dir / _MEMORY, json.dumps(value, separators=(",", ":")))
    return {name: (digest, run) for name, (digest, run, _) in found.items()}


def _since(store: Store, seen: Oid | None) -> dict[str, TreeEntry] | None:
    """Return the runs that came since a tree was read; None where it says nothing any more."""
    try:
        return store.beyond("runs", seen)
    except Corrupt:  # gone with a store that was taken back; were ours broken, it is said next
        return None


def _take(store: Store, found: _Found, news: dict[str, TreeEntry]) -> None:
    """Put runs that came into what was found, each where it is the newest of its strategy."""
    read = store.objects.read_many(entry.oid for entry in news.values())
    for (digest, entry), (_, data) in zip(news.items(), read, strict=True):
        run = proved_run(data, digest)
        if not _counts(run):
            continue
        known = found.get(run.strategy)
        if known is None or _age(digest, run) > _age(*known[:2]):
            found[run.strategy] = (digest, run, entry.oid)


def _counts(run: RunRecord) -> bool:
    return run.kind in ("pack", "accept") and run.verdict.exit_code is ExitCode.OK


def _age(digest: str, run: RunRecord) -> tuple[int, str, str]:
    return run.when_ns, run.bundle, digest


def _remembered(store: Store) -> tuple[Oid | None, _Found]:
    """Return the tree that was read last and what was found there; None and nothing if unknown."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError, Corrupt):
        value = json.loads((store.repo.cache_dir / _MEMORY).read_bytes())
        if value["version"] == _VERSION:
            return Oid(str(value["tree"])), _proved(store, value["runs"].items())
    return None, {}


def _proved(store: Store, named: Iterable[tuple[str, list[str]]]) -> _Found:
    """Return the run records that a memory names; raises Corrupt when one is not what it says."""
    asked = [(name, digest, Oid(oid)) for name, (digest, oid) in named]
    read = store.objects.read_many(oid for _, _, oid in asked)
    found: _Found = {}
    for (name, digest, oid), (_, data) in zip(asked, read, strict=True):
        run = proved_run(data, digest)
        if run.strategy != name or not _counts(run):
            raise Corrupt(f"{_MEMORY} names run {digest} for {name}")
        found[name] = (digest, run, oid)
    return found
