"""Merging stores and notes: unions that cannot conflict, and peers that come to the same."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import make_repo
from git_bt import sync
from git_bt.errors import CannotWork, Corrupt, Locked
from git_bt.fsck import fsck
from git_bt.model import Oid
from git_bt.object_writer import Draft, Vanished, Writer
from git_bt.objects import TreeEntry
from git_bt.publish import lock, swap, temporary_ref
from git_bt.store_layout import place
from git_bt.sweep_records import sweep_id
from git_bt.sync import merging
from store_cases import bundle_of, bytes_of, snapshot_of, swept_of
from sync.clones import Peer, at, clone, make_remote


@pytest.fixture(params=["sha1", "sha256"])
def peers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[Peer]]:
    """Give three repositories with a common commit that know each other, and no server."""
    remote = make_remote(tmp_path, object_format=request.param)
    paths = [clone(remote, name) for name in ("a", "b", "c")]
    with ExitStack() as stack:
        peers = [stack.enter_context(at(path)) for path in paths]
        for peer in peers:
            for path in paths:
                peer.git("remote", "add", path.name, str(path))
        yield peers


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Peer]:
    """Give one repository with a commit."""
    repo = make_repo(tmp_path / "one")
    repo.commit("first", file=b"one\n")
    with at(repo.path) as peer:
        yield peer


def commit_of(
    peer: Peer, files: Mapping[str, bytes], *parents: Oid, gone: tuple[str, ...] = ()
) -> Oid:
    """Write a commit past all checks, held by a temporary ref."""
    ref = temporary_ref()
    with Writer(peer.repo, ref) as writer:
        entries: dict[str, TreeEntry | None] = dict.fromkeys(gone)
        entries |= {path: TreeEntry("100644", writer.blob(data)) for path, data in files.items()}
        draft = Draft(ref=ref, files=entries, parents=parents, message="x", when_s=1)
        return writer.commits(draft)[0]


def files_of(peer: Peer, commit: Oid) -> dict[str, str]:
    lines = peer.git("ls-tree", "-r", commit).split("\n")
    return {path: about.split()[2] for about, path in (x.split("\t") for x in lines if x)}


# -- peers ----------------------------------------------------------------------------------------


def test_three_peers_without_a_server_converge(peers: list[Peer]) -> None:
    """Each adds results of its own and fetches from the others; in three rounds all are equal."""
    bundles = [peer.add(number) for number, peer in enumerate(peers)]
    rounds = 0
    while len({tuple(peer.refs.items()) for peer in peers}) > 1:
        rounds += 1
        assert rounds <= 3
        for peer, other in permutations(range(3), 2):
            peers[peer].fetch("abc"[other])

    for peer in peers:
        assert peer.results() == set(peer.store.bundle_ids()) == {b.id for b in bundles}
        assert fsck(peer.repo, peer.objects).problems == ()


def test_merging_the_same_two_gives_the_same_commit(peers: list[Peer]) -> None:
    """Whoever merges, and in whatever order; with the date of the newer parent."""
    a, b, _ = peers
    a.add(1)
    b.add(2)
    for peer, name in ((a, "b"), (b, "a")):
        peer.git("fetch", "-q", name, *(f"{ref}:refs/other/{ref}" for ref in sync.REFS))
    theirs_of = {peer: other.refs for peer, other in ((a, b), (b, a))}
    dates = {
        ref: max(int(peer.git("log", "-1", "--format=%ct", ref)) for peer in (a, b))
        for ref in sync.REFS
    }
    moves = [sync.merge(peer.objects, theirs_of[peer]) for peer in (a, b)]

    assert [move.how for move in moves[0]] == ["merged", "merged"]
    assert a.refs == b.refs
    for ref in sync.REFS:
        assert int(a.git("log", "-1", "--format=%ct", ref)) == dates[ref]


# -- one repository -------------------------------------------------------------------------------


def test_a_tape_that_one_side_has_is_kept(one: Peer) -> None:
    """The same bundle, stored here without its tape and there with it."""
    tape = "tape/segment.floxlog"
    one.store.save(bundles=[bundle_of()])
    theirs = one.refs[sync.STORE]
    one.git("update-ref", "-d", sync.STORE)
    part = bundle_of(leave_out=(tape,))
    one.store.save(bundles=[part, bundle_of(2)])
    (move, _) = sync.merge(one.objects, {sync.STORE: theirs})

    assert move.how == "merged"
    found = one.store.bundle(part.id)
    assert bytes_of(found.content) == bytes_of(bundle_of().content)
    assert fsck(one.repo, one.objects).problems == ()


def test_other_bytes_at_the_same_path_are_corrupt(one: Peer) -> None:
    """The path is named, and nothing has moved."""
    bundle = one.add(1)
    before = one.refs
    path = f"{place('bundles', bundle.id)}/config.json"
    theirs = commit_of(one, {path: b"other\n"})

    with pytest.raises(Corrupt, match=f"^{path} is 100644 .* here and 100644 .* there"):
        sync.merge(one.objects, {sync.STORE: theirs})
    assert one.refs == before
    with pytest.raises(Corrupt, match="there: the same path"):
        sync.merge(
            one.objects,
            {
                sync.STORE: commit_of(
                    one,
                    {
                        path: b"",
                    },
                    before[sync.STORE],
                )
            },
        )


def test_a_folder_in_place_of_a_file_is_corrupt(one: Peer) -> None:
    """And the other way round."""
    bundle = one.add(1)
    base = place("bundles", bundle.id)
    file_for_folder = commit_of(one, {f"{base}/output": b"x"})
    folder_for_file = commit_of(one, {f"{base}/config.json/x": b"x"})

    for theirs in (file_for_folder, folder_for_file):
        with pytest.raises(Corrupt, match="the same path must have the same bytes"):
            sync.merge(one.objects, {sync.STORE: theirs})


def test_a_newer_commit_that_lost_something_is_no_step_forward(one: Peer) -> None:
    """What somebody took out, of store or notes, comes back with the merge."""
    bundle = one.add(1)
    before = one.refs
    store = commit_of(one, {"v1/x": b""}, before[sync.STORE], gone=("v1/bundles",))
    note = one.git("rev-parse", "HEAD")
    notes = commit_of(one, {}, before[sync.NOTES], gone=(f"{note[:2]}/{note[2:]}",))
    moves = sync.merge(one.objects, {sync.STORE: store, sync.NOTES: notes})

    assert [move.how for move in moves] == ["merged", "merged"]
    assert one.store.bundle_ids() == [bundle.id]
    assert one.results() == {bundle.id}
    assert "v1/x" in files_of(one, one.refs[sync.STORE])


def test_what_is_behind_or_ahead_is_not_merged(one: Peer) -> None:
    """Fast-forward first; an older commit of ours changes nothing."""
    one.add(1)
    old = one.refs
    one.add(2)
    new = one.refs

    assert [move.how for move in sync.merge(one.objects, old)] == ["same", "same"]
    assert one.refs == new
    for ref, oid in old.items():
        one.git("update-ref", ref, oid)
    assert [move.how for move in sync.preview(one.objects, new)] == ["forward", "forward"]
    assert one.refs == old
    assert {move.ref: move.after for move in sync.merge(one.objects, new)} == new
    assert one.refs == new


def test_notes_of_plain_git_are_merged(one: Peer) -> None:
    """In another fan-out, on the same commit: the lines of both stay, and ours is written."""
    bundle = one.add(1)
    head = one.git("rev-parse", "HEAD")
    ours = one.refs[sync.NOTES]
    one.git("update-ref", "-d", sync.NOTES)
    one.git("notes", "--ref=bt", "add", "-m", "typed by hand", head)
    theirs = one.refs[sync.NOTES]
    one.git("update-ref", sync.NOTES, ours)
    sync.merge(one.objects, {sync.NOTES: theirs})

    assert list(files_of(one, one.refs[sync.NOTES])) == [f"{head[:2]}/{head[2:]}"]
    assert one.results() == {bundle.id}
    assert "typed by hand" in one.git("notes", "--ref=bt", "show", head)


def test_what_is_no_store_is_refused(one: Peer) -> None:
    """A ref of somebody else that names a blob."""
    blob = Oid(one.git("hash-object", "-w", ".git/HEAD"))

    for ref in sync.REFS:
        with pytest.raises(Corrupt):
            sync.merge(one.objects, {ref: blob})
    assert one.refs == {}


def test_a_merge_waits_for_the_lock(one: Peer) -> None:
    """Of all writers; and says who holds it."""
    one.add(1)
    theirs = commit_of(one, {"v1/x": b""})
    with lock(one.repo), pytest.raises(Locked, match="has been writing to this repository"):
        sync.merge(one.objects, {sync.STORE: theirs}, patience_s=0.1)
    (move, _) = sync.merge(one.objects, {sync.STORE: theirs})

    assert move.how == "merged"


NAMES = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)
STORES = st.sets(NAMES, max_size=6).map(
    lambda paths: {f"v1/{p}.x": p.encode() for p in paths} | {"v1/same": b""}
)


@settings(max_examples=15, deadline=None)
@given(STORES, STORES)
def test_a_union_holds_both_sides(left: Mapping[str, bytes], right: Mapping[str, bytes]) -> None:
    """Every path of both, and nothing else; the same tree from either side."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder, at(make_repo(Path(folder, "r")).path) as peer:
        one, two = commit_of(peer, left), commit_of(peer, right)
        lacks = sync.additions(peer.objects, one, two)
        paths = set()
        for path, entry in lacks.items():
            below = (
                peer.git("ls-tree", "-r", "--name-only", entry.oid) if entry.mode == "40000" else ""
            )
            paths |= {f"{path}/{name}" for name in below.split("\n")} if below else {path}

        assert paths == right.keys() - left.keys()
        sync.merge(peer.objects, {sync.STORE: one})
        sync.merge(peer.objects, {sync.STORE: two})
        assert files_of(peer, peer.refs[sync.STORE]).keys() == {*left, *right}


# -- what goes wrong on the way -------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["bundles", "snapshots", "runs", "sweeps"])
def test_what_does_not_give_its_id_is_not_merged(one: Peer, kind: str) -> None:
    """What is merged cannot be taken out: so nothing of it comes in."""
    one.add(1)
    before = one.refs
    document = {
        "bundles": "/manifest.json", "snapshots": "/snapshot.json", "runs": "",
        "sweeps": "/sweep.json",
    }[kind]  # fmt: skip
    bad, empty = place(kind, "ab" * 32), place(kind, "cd" * 32)
    wrong = commit_of(one, {f"{bad}{document}": b"{}\n"}, before[sync.STORE])
    lacking = commit_of(one, {f"{empty}/other": b"x"}, before[sync.STORE])

    for theirs, digest in ((wrong, "ab" * 32), (lacking, "cd" * 32)):
        noun = kind.removesuffix("s")
        with pytest.raises(Corrupt, match=f"^{noun} {digest} of the other store is not what"):
            sync.merge(one.objects, {sync.STORE: theirs})
        one.git("update-ref", "-d", sync.STORE)
        with pytest.raises(Corrupt, match=f"^{noun} {digest}"):
            sync.preview(one.objects, {sync.STORE: theirs})
        one.git("update-ref", sync.STORE, before[sync.STORE])
    assert one.refs == before


def test_a_chunk_that_does_not_give_its_name_is_not_merged(one: Peer) -> None:
    """Nor when the sweep is one that we have."""
    swept = swept_of(1)
    one.store.save(captured=[snapshot_of(1)], sweeps=[swept])
    before = one.refs
    folder = place("sweeps", sweep_id(swept.sweep))
    wrong = commit_of(one, {f"{folder}/{'ab' * 32}.csv": b"a,b\n"}, before[sync.STORE])

    with pytest.raises(Corrupt, match=f"^sweep {sweep_id(swept.sweep)} of the other store"):
        sync.merge(one.objects, {sync.STORE: wrong})
    assert one.refs == before


def test_runs_of_one_sweep_from_two_sides_are_all_there(one: Peer) -> None:
    """Each side has chunks of its own, and one run that both have counts once."""
    ours, theirs = swept_of(1, 4, writer=1), swept_of(1, 6, writer=2)
    both = replace(theirs, runs=(*theirs.runs, *ours.runs[:2]))
    one.store.save(captured=[snapshot_of(1)], sweeps=[ours])
    mine = one.refs[sync.STORE]
    one.git("update-ref", "-d", sync.STORE)
    one.store.save(captured=[snapshot_of(1)], sweeps=[both])
    (move, _) = sync.merge(one.objects, {sync.STORE: mine})

    assert move.how == "merged"
    assert len(one.store.sweep(sweep_id(ours.sweep)).runs) == 10
    assert fsck(one.repo, one.objects).problems == ()


def test_a_ref_that_moves_meanwhile_is_merged_too(
    one: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a plain git that does not know our lock."""
    first = one.add(1)
    theirs = one.refs
    for ref in sync.REFS:
        one.git("update-ref", "-d", ref)
    second = one.add(2)
    third = commit_of(one, {"v1/x": b""}, one.refs[sync.STORE])
    late = iter([third])

    def swap_late(*args: Any, **options: Any) -> bool:
        for commit in late:
            one.git("update-ref", sync.STORE, commit)
        return swap(*args, **options)

    monkeypatch.setattr(merging, "swap", swap_late)
    sync.merge(one.objects, theirs)

    assert one.results() == {first.id, second.id}
    assert "v1/x" in files_of(one, one.refs[sync.STORE])
    assert one.git("for-each-ref", "refs/bt-tmp/").count("\n") == 0


@pytest.mark.parametrize(("where", "name"), [(Writer, "commits"), (merging, "_read_back")])
def test_a_merge_that_gc_took_is_written_again(
    one: Peer, monkeypatch: pytest.MonkeyPatch, where: Any, name: str
) -> None:
    """While git wrote it or after; and it is given up on when it goes each time, nothing moved."""
    first = one.add(1)
    theirs = one.refs
    for ref in sync.REFS:
        one.git("update-ref", "-d", ref)
    second = one.add(2)
    before = one.refs
    times = iter(range(2))
    real = getattr(where, name)

    def lose(*args: Any) -> Any:
        for _ in times:
            raise Vanished("gone")
        return real(*args)

    monkeypatch.setattr(where, name, lose)
    sync.merge(one.objects, theirs)
    assert one.results() == {first.id, second.id}
    for ref, oid in before.items():
        one.git("update-ref", ref, oid)
    times = iter(range(100))
    with pytest.raises(CannotWork, match="gone"):
        sync.merge(one.objects, theirs)

    assert one.refs == before
