"""Fetch and push between real clones and a bare remote: what is shared, and what refuses."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from git_bt import sync
from git_bt.fsck import fsck
from sync.clones import Peer, at, clone, make_remote, refs_of


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """Give a bare remote with one commit."""
    return make_remote(tmp_path)


@pytest.fixture
def peers(remote: Path) -> Iterator[list[Peer]]:
    """Give three clones of it."""
    with ExitStack() as stack:
        yield [stack.enter_context(at(clone(remote, name))) for name in ("a", "b", "c")]


def is_whole(peer: Peer) -> bool:
    return fsck(peer.repo, peer.objects).problems == ()


def test_what_is_pushed_is_fetched(remote: Path, peers: list[Peer]) -> None:
    """Into another clone, as it was; nothing but our refs and tracking refs comes to be."""
    a, b, _ = peers
    bundle = a.add(1)
    pushed = a.push()
    came = b.fetch()

    assert [(s.ref, s.before) for s in pushed.sent] == [(ref, None) for ref in sync.REFS]
    assert [m.how for m in came.moves] == ["new", "new"]
    assert a.refs == b.refs == refs_of(remote) == came.there
    assert b.store.bundle_ids() == [bundle.id]
    assert b.results() == {bundle.id}
    assert is_whole(b)
    assert b.git("for-each-ref", "--format=%(refname)").split("\n")[:4] == [
        "refs/bt-remote/origin/notes", "refs/bt-remote/origin/store", "refs/bt/store",
        "refs/heads/main",
    ]  # fmt: skip


def test_both_sides_keep_everything(remote: Path, peers: list[Peer]) -> None:
    """A push that is refused fetches, merges and tries again."""
    a, b, c = peers
    ours, theirs = a.add(1), b.add(2)
    a.push()
    pushed = b.push()
    a.fetch()
    c.fetch()

    assert pushed.attempts == 2
    assert a.refs == b.refs == c.refs == refs_of(remote)
    assert all(p.results() == {ours.id, theirs.id} and is_whole(p) for p in peers)
