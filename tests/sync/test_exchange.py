"""Fetch and push between real clones and a bare remote: what is shared, and what refuses."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from conftest import GitRepo, make_repo
from git_bt import sync
from git_bt.errors import CannotWork, Incomplete, Locked, Usage
from git_bt.fsck import fsck
from git_bt.model import Oid
from git_bt.objects import Blob, blob_oid
from git_bt.publish import lock, read_refs
from git_bt.repo import Repo
from git_bt.sync import exchange
from git_bt.sync import remote as remote_room
from store_cases import bundle_of, run_of
from sync.clones import Peer, at, clone, make_remote, refs_of, silent


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


def test_nothing_to_push_moves_nothing(remote: Path, peers: list[Peer]) -> None:
    """Neither in a clone without results, nor a second time."""
    a, b, _ = peers
    assert a.push() == sync.Pushed(remote=sync.choose(a.repo), sent=(), fetched=(), attempts=0)
    assert a.fetch().there == {}
    a.add(1)
    a.push()
    before = refs_of(remote)
    again = a.push()
    b.fetch()

    assert (again.sent, again.attempts, again.fetched) == ((), 1, ())
    assert b.push().sent == ()
    assert refs_of(remote) == before


def test_dry_runs_move_no_ref_of_results(remote: Path, peers: list[Peer]) -> None:
    """They say what would be merged, and what would be pushed."""
    a, b, _ = peers
    a.add(1)
    a.push()
    b.add(2)
    before = b.refs, refs_of(remote)
    chosen = sync.choose(b.repo)
    came = sync.fetch(b.objects, chosen, step=silent, dry_run=True)
    pushed = sync.push(b.objects, chosen, step=silent, dry_run=True)

    assert [(m.how, m.after) for m in came.moves] == [("merged", None), ("merged", None)]
    assert [s.ref for s in pushed.sent] == [*sync.REFS]
    assert (b.refs, refs_of(remote)) == before


def test_a_remote_with_one_of_the_two_refs(remote: Path, peers: list[Peer]) -> None:
    """The other one is not there, which is no error; a tracking ref of what has gone goes."""
    a, b, _ = peers
    bundle = bundle_of(1)
    a.store.save(bundles=[bundle])
    assert [s.ref for s in a.push().sent] == [sync.STORE]
    assert [m.how for m in b.fetch().moves] == ["new", "same"]
    GitRepo(remote).git("update-ref", "-d", sync.STORE)

    assert b.fetch().there == {}
    assert sync.seen(b.repo, sync.choose(b.repo)) == {}
    assert b.store.bundle_ids() == [bundle.id]
    assert [s.ref for s in b.push().sent] == [sync.STORE]


def test_a_fetch_that_fails_takes_no_ref_away(
    remote: Path, peers: list[Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is too early, say: the remote gets its refs while it is asked a second time."""
    a, b, _ = peers
    a.add(1)
    b.git("remote", "set-head", "origin", "--delete")
    before = b.git("for-each-ref")
    ask = remote_room._advertised

    def too_late(*args: Any) -> list[str]:
        a.push()
        return ask(*args)

    monkeypatch.setattr(remote_room, "_advertised", too_late)
    b.fetch()

    assert set(before.split("\n")) < set(b.git("for-each-ref").split("\n"))
    assert b.refs == a.refs
    assert read_refs(b.repo) == {}


# -- what a user's configuration does -------------------------------------------------------------


def test_plain_fetch_and_prune_lose_nothing(remote: Path, peers: list[Peer]) -> None:
    """Nor do gc and a plain push."""
    a, b, _ = peers
    bundles = {a.add(1).id, b.add(2).id}
    a.push()
    b.fetch()
    before = b.refs
    b.git("fetch", "-q")
    b.git("fetch", "-q", "--all", "--prune", "--prune-tags")
    b.git("remote", "update", "--prune")
    b.git("gc", "-q", "--prune=now")
    b.git("push", "-q", "origin", "HEAD")

    assert b.refs == before
    assert b.results() == bundles
    assert is_whole(b)
    assert b.git("config", "--local", "--get-all", "remote.origin.fetch") == (
        "+refs/heads/*:refs/remotes/origin/*"
    )


@pytest.mark.parametrize("refspec", ["+refs/notes/*:refs/notes/*", "+refs/*:refs/*"])
def test_a_clobbering_refspec_does_not_touch_ours(
    remote: Path, peers: list[Peer], refspec: str
) -> None:
    """Git would overwrite configured destinations whatever it is asked to fetch, and prune them."""
    a, b, _ = peers
    ours = b.add(2)
    a.add(1)
    a.push()
    b.git("config", "--add", "remote.origin.fetch", refspec)
    b.git("config", "fetch.prune", "true")
    b.fetch()

    assert ours.id in b.results()
    assert len(b.results()) == 2
    b.push()
    assert b.refs == refs_of(remote)


def test_a_mirror_is_not_forced(remote: Path, peers: list[Peer]) -> None:
    """`remote.origin.mirror` would force every push."""
    a, b, _ = peers
    bundles = {a.add(1).id, b.add(2).id}
    b.git("config", "remote.origin.mirror", "true")
    a.push()
    b.push()
    a.fetch()

    assert a.results() == bundles


def test_a_push_address_of_its_own(remote: Path, peers: list[Peer], tmp_path: Path) -> None:
    """Is where we look before we try again: what the fetch address has is another thing."""
    a, b, _ = peers
    other = tmp_path / "fork.git"
    a.git("clone", "-q", "--bare", str(remote), str(other))
    for peer, number in ((a, 1), (b, 2)):
        peer.git("config", "remote.origin.pushurl", str(other))
        peer.add(number)
        peer.push()

    assert refs_of(remote) == {}
    assert refs_of(other) == b.refs
    assert len(b.results()) == 2


def test_hooks_of_the_clone_do_not_run(remote: Path, peers: list[Peer]) -> None:
    """A push or fetch of results is none of theirs."""
    (a, *_) = peers
    for name in ("pre-push", "reference-transaction", "post-merge"):
        hook = a.repo.git_dir / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\ntouch ran\nexit 1\n")
        hook.chmod(0o755)
    a.repo.git("config", "bt.x", "1")
    Peer(a.repo, a.objects).store.save(bundles=[bundle_of(1)])
    a.push()
    a.fetch()

    assert not any(Path(a.repo.cwd).rglob("ran"))


# -- remotes that refuse --------------------------------------------------------------------------


def hook(remote: Path, name: str, text: str) -> None:
    place = remote / "hooks" / name
    place.parent.mkdir(exist_ok=True)
    place.write_text(f"#!/bin/sh\n{text}\n")
    place.chmod(0o755)


def refusal(peer: Peer) -> CannotWork:
    """The error of a push that must fail; nothing of ours is lost by it."""
    before = peer.refs
    with pytest.raises(CannotWork) as caught:
        peer.push()

    assert peer.refs == before
    assert "\n" not in caught.value.message
    return caught.value


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait between attempts."""
    monkeypatch.setattr(exchange, "pause", lambda attempt, longest_s: None)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("refused", sync.REFS)
def test_a_hook_that_refuses_one_ref_refuses_both(
    remote: Path, peers: list[Peer], refused: str
) -> None:
    """The one is named, with what the hook says; nothing came to the remote."""
    (a, *_) = peers
    a.add(0)
    a.push()
    before = refs_of(remote)
    a.add(1)
    hook(remote, "update", f'[ "$1" != {refused} ] || {{ echo "not here, please" >&2; exit 1; }}')
    error = refusal(a)

    assert error.message == (
        f"origin refuses {refused}: [remote rejected] (hook declined) (not here, please)"
    )
    assert refs_of(remote) == before


@pytest.mark.usefixtures("impatient")
def test_a_hook_that_refuses_everything(remote: Path, peers: list[Peer]) -> None:
    """After a few attempts, in one line."""
    (a, *_) = peers
    a.add(0)
    a.push()
    a.add(1)
    hook(remote, "pre-receive", "exit 1")

    assert refusal(a).message == (
        "origin refuses refs/bt/store: [remote rejected] (pre-receive hook declined); "
        "refs/notes/bt: [remote rejected] (pre-receive hook declined)"
    )


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("key", ["transfer.hideRefs", "receive.hideRefs"])
def test_hidden_refs_are_named(remote: Path, peers: list[Peer], key: str) -> None:
    """What a host keeps for itself; no notes come there without what they name."""
    (a, *_) = peers
    a.add(1)
    GitRepo(remote).git("config", key, "refs/bt")

    assert "refs/bt/store: [remote rejected] (deny updating a hidden ref)" in refusal(a).message
    assert refs_of(remote) == {}


def test_a_remote_that_is_not_there(peers: list[Peer], tmp_path: Path) -> None:
    """Neither fetch nor push tries twice."""
    (a, *_) = peers
    a.add(1)
    a.git("remote", "set-url", "origin", str(tmp_path / "nowhere"))

    assert refusal(a).message.startswith("cannot push to origin: ")
    with pytest.raises(CannotWork, match=r"^cannot fetch from origin: .*nowhere"):
        a.fetch()


def test_a_remote_that_cannot_take_two_refs_at_once(remote: Path, peers: list[Peer]) -> None:
    """The store goes first, then the notes, which name what it holds."""
    a, b, _ = peers
    GitRepo(remote).git("config", "receive.advertiseAtomic", "false")
    a.add(1)
    b.add(2)
    a.push()
    b.push()

    assert refs_of(remote) == b.refs
    assert len(b.results()) == 2


def test_others_who_never_stop_are_given_up_on(remote: Path, peers: list[Peer]) -> None:
    """After the time that was given, with a line that says so."""
    a, b, _ = peers
    a.add(1)
    a.push()
    b.add(2)

    with pytest.raises(
        CannotWork, match=r"^others pushed to origin at the same time, 1 times in 0"
    ):
        b.push(patience_s=0)
    assert len(b.results()) == 2
    b.push()


def test_two_exchanges_of_one_clone_wait_for_each_other(peers: list[Peer]) -> None:
    """By a lock of their own; writers are not kept waiting."""
    (a, *_) = peers
    a.add(1)
    with lock(a.repo, name=exchange.LOCK):
        a.add(2)
        with pytest.raises(Locked):
            a.push(patience_s=0.1)
        with pytest.raises(Locked):
            sync.fetch(a.objects, sync.choose(a.repo), step=silent, patience_s=0.1)
    a.push()


# -- clones of every kind -------------------------------------------------------------------------

KINDS = {
    "shallow": ["--depth=1"],
    "single-branch": ["--single-branch"],
    "blob:none": ["--filter=blob:none"],
    "tree:0": ["--filter=tree:0"],
    "bare": ["--bare"],
    "shallow-blob:none": ["--depth=1", "--filter=blob:none", "--no-checkout"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_clone_of_any_kind_gets_all_and_gives_all(
    remote: Path, peers: list[Peer], kind: str
) -> None:
    """Every object of every result is there, without a fetch when it is looked at."""
    (a, *_) = peers
    for number in range(3):
        a.git("commit", "-q", "--allow-empty", "-m", f"{number}")
        a.add(number)
    a.git("push", "-q", "origin", "main")
    a.push()
    with at(clone(remote, "kind", KINDS[kind])) as peer:
        peer.fetch()
        peer.git("remote", "set-url", "origin", "/nowhere")

        assert sync.left_out(peer.repo, peer.refs.values()) == []
        assert peer.results() == a.results()
        assert is_whole(peer)
        for digest in peer.store.bundle_ids():
            peer.store.verify(peer.store.bundle(digest))
        peer.git("remote", "set-url", "origin", f"file://{remote}")
        peer.add(7, peer.git("rev-parse", "HEAD"))
        peer.push()
        assert refs_of(remote) == peer.refs
    a.fetch()
    assert len(a.results()) == 4
    assert is_whole(a)


@pytest.fixture
def tracked_tape(remote: Path, peers: list[Peer]) -> str:
    """Give a bundle whose tape is a blob of the branch, pushed."""
    (a, *_) = peers
    (Path(a.repo.cwd) / "tape").write_bytes(b"tape" * 100)
    a.git("add", "tape")
    a.git("commit", "-q", "-m", "tape")
    source = Blob(Oid(a.git("rev-parse", "HEAD:tape")), a.objects)
    bundle = bundle_of(sources={"tape/segment.floxlog": source})
    a.git("push", "-q", "origin", "main")
    a.store.save(bundles=[bundle], runs=[run_of(bundle)])
    a.push()
    GitRepo(remote).git("repack", "-adbq")  # with bitmaps, as hosts have them, it is exact
    return bundle.id


def test_a_tracked_tape_comes_into_a_partial_clone(remote: Path, tracked_tape: str) -> None:
    """The remote believes that it is there, and leaves it out; it is asked for by its id."""
    with at(clone(remote, "kind", ["--filter=blob:none", "--no-checkout"])) as peer:
        assert peer.fetch().completed == 1
        assert peer.fetch().completed == 0
        peer.git("remote", "set-url", "origin", "/nowhere")
        peer.store.verify(peer.store.bundle(tracked_tape))

        assert is_whole(peer)


def test_what_a_partial_clone_lacks_is_incomplete(remote: Path, tracked_tape: str) -> None:
    """Not corrupt; git is not let fetch it unasked; `git bt fetch` gets it."""
    with at(clone(remote, "kind", ["--filter=blob:none", "--no-checkout"])) as peer:
        peer.git("fetch", "-q", "--no-filter", "origin", f"{sync.STORE}:{sync.STORE}")
        with pytest.raises(Incomplete, match="was left out of this partial clone") as caught:
            peer.store.verify(peer.store.bundle(tracked_tape))
        assert (caught.value.hint or "").startswith("git bt fetch")
        (lacks,) = sync.left_out(peer.repo, peer.refs.values())
        peer.git("remote", "add", "elsewhere", f"file://{remote.parent / 'c'}")
        with pytest.raises(Incomplete, match="1 objects were left out"):
            peer.fetch("elsewhere")
        peer.fetch()
        peer.store.verify(peer.store.bundle(tracked_tape))

        assert lacks == blob_oid(b"tape" * 100, "sha1")


def test_a_linked_worktree_shares_with_all(remote: Path, peers: list[Peer]) -> None:
    """Refs and locks are those of the repository."""
    a, b, _ = peers
    tree = Path(a.repo.cwd).parent / "tree"
    a.git("worktree", "add", "-q", str(tree))
    with at(tree) as linked:
        linked.add(1)
        linked.push()
        b.add(2)
        b.push()
        linked.fetch()

    assert a.refs == b.refs == refs_of(remote)


def test_a_submodule_shares_its_own(remote: Path, peers: list[Peer], tmp_path: Path) -> None:
    """Its results go to its own remote, not to that of the repository around it."""
    around = make_repo(tmp_path / "around")
    around.commit("first", file=b"one\n")
    around.git(
        "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", f"file://{remote}", "sub"
    )
    with at(around.path / "sub") as inner:
        bundle = inner.add(1)
        inner.push()

    (a, *_) = peers
    a.fetch()
    assert a.results() == {bundle.id}
    assert around.git("for-each-ref", "refs/bt/", "refs/notes/") == ""


def test_a_hostile_tree_is_not_taken(remote: Path, peers: list[Peer]) -> None:
    """Git's own check of what comes is on, whatever the configuration says."""
    (a, *_) = peers
    there = GitRepo(remote)
    blob = there.git("hash-object", "-w", "--stdin", stdin=b"x")
    tree = there.git("mktree", stdin=f"100644 blob {blob}\t..\n".encode())
    commit = there.git("commit-tree", "-m", "x", tree)
    there.git("update-ref", sync.STORE, commit)

    with pytest.raises(CannotWork, match="hasDotdot"):
        a.fetch()
    assert a.refs == {}


# -- which remote ---------------------------------------------------------------------------------


def test_the_remote_is_chosen(peers: list[Peer], tmp_path: Path) -> None:
    """Argument, upstream of the branch, origin, the only one."""
    (a, *_) = peers
    a.git("remote", "add", "team", "https://me:secret@example.com/team.git")
    choices = [sync.choose(a.repo).name]
    a.git("branch", "-q", "--unset-upstream")
    a.git("config", "branch.main.remote", "team")
    repo = Repo.find(Path(a.repo.cwd))
    choices += [sync.choose(repo).name, sync.choose(repo, "origin").name]
    a.git("config", "branch.main.remote", ".")
    repo = Repo.find(Path(a.repo.cwd))
    choices.append(sync.choose(repo).name)
    a.git("remote", "remove", "origin")
    choices.append(sync.choose(repo).name)

    assert choices == ["origin", "team", "origin", "origin", "team"]
    path = sync.choose(repo, "../b", cwd=Path(a.repo.cwd))
    url = sync.choose(repo, "https://me:secret@example.com/team.git")
    assert (path.address, path.configured) == (str(Path(a.repo.cwd) / "../b"), False)
    assert (url.name, url.configured) == ("https://example.com/team.git", False)
    with pytest.raises(Usage, match=r"^no remote 'teem'; there are team"):
        sync.choose(repo, "teem")
    with pytest.raises(Usage, match="no remote '--upload-pack=x:y'"):
        sync.choose(repo, "--upload-pack=x:y")
    a.git("remote", "add", "other", "x")
    with pytest.raises(Usage, match="which remote"):
        sync.choose(repo)
    with pytest.raises(Usage, match="has no remote"):
        sync.choose(Repo.find(make_repo(tmp_path / "lonely").path))


def test_no_message_shows_a_password(peers: list[Peer]) -> None:
    """A URL of the configuration may hold one."""
    (a, *_) = peers
    if not (Path(a.git("--exec-path")) / "git-remote-https").exists():
        pytest.skip("this git was built without https")
    a.git("remote", "set-url", "origin", "https://me:secret@127.0.0.1:1/x.git")

    with pytest.raises(CannotWork, match=r"127\.0\.0\.1") as caught:
        a.fetch()
    assert "secret" not in caught.value.message
