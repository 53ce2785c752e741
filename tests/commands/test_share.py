"""Fetch and push as commands: what they report, contradictions, forks, and the program itself."""

import os
import pty
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from commands.test_flush import fill
from conftest import GitRepo
from git_bt import sync
from git_bt.commands.share import fetch, push
from git_bt.errors import Incomplete, Usage
from git_bt.fsck import fsck
from git_bt.ledger import Ledger
from git_bt.model import Bundle, Verdict
from git_bt.notes import Notes
from git_bt.sharing import Amount, FetchReport, Moved
from projects import PYTHON, bt
from store_cases import bundle_of, run_of
from sync.clones import Peer, at, clone, line_of, make_remote, silent

HEAD = "seq,ts_ns,symbol,side,price,quantity,fee\n"


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """Give a bare remote with one commit."""
    return make_remote(tmp_path)


@pytest.fixture
def pair(remote: Path) -> Iterator[tuple[Peer, Peer]]:
    """Give two clones of it."""
    with ExitStack() as stack:
        yield (
            stack.enter_context(at(clone(remote, "a"))),
            stack.enter_context(at(clone(remote, "b"))),
        )


def fetched(peer: Peer, *args: str, **options: bool) -> FetchReport:
    remote, *commits = args or (None,)
    return fetch(remote, [c for c in commits if c], step=silent, cwd=peer.repo.cwd, **options)


def pushed(peer: Peer, **options: bool) -> tuple[Amount, Amount, int]:
    report = push(step=silent, cwd=peer.repo.cwd, **options)
    return report.went, report.came, report.attempts


def giving(price: str) -> Bundle:
    """Make a bundle whose one fill has a price; the inputs are always the same."""
    fills = f"{HEAD}0,1700000000000000000,BTC,buy,{price},1.0,0.0\n"
    return bundle_of(files={"output/fills.csv": fills.encode()})


def test_what_came_and_went_is_counted(pair: tuple[Peer, Peer]) -> None:
    """Bundles, runs and results that the other side did not have; nothing the second time."""
    a, b = pair
    a.add(1)
    a.add(2)
    b.add(2)
    b.add(3)
    both = Amount(bundles=2, runs=2, results=2)
    one = Amount(bundles=1, runs=1, results=1)

    assert pushed(a) == (both, Amount(), 1)
    assert pushed(b) == (one, one, 2)
    report = fetched(a)
    assert report.came == one
    assert [ref.how for ref in report.refs] == [Moved.FORWARD, Moved.FORWARD]
    assert fetched(a).came == Amount()
    assert pushed(a) == (Amount(), Amount(), 1)


def test_a_push_takes_in_the_spool_and_says_what_is_torn(pair: tuple[Peer, Peer]) -> None:
    """The runs that are whole go out; that one is lost is said, once."""
    peer, _ = pair
    peer.add(1)
    place = peer.repo.cache_dir / "spool"
    fill(place)
    (file,) = place.glob("*.spool")
    file.write_bytes(file.read_bytes()[:-9])
    report = push(step=silent, cwd=peer.repo.cwd)

    assert report.went.sweeps == 1
    assert [notice.kind for notice in report.notices] == ["spool_torn"]
    assert push(step=silent, cwd=peer.repo.cwd).notices == ()


def test_dry_runs_count_and_write_nothing(pair: tuple[Peer, Peer]) -> None:
    """They say what would be merged and pushed."""
    a, b = pair
    a.add(1)
    pushed(a)
    b.add(2)
    before = b.refs
    one = Amount(bundles=1, runs=1, results=1)

    assert fetched(b, dry_run=True).came == one
    assert pushed(b, dry_run=True) == (one, one, 0)
    assert b.refs == before


# -- contradictions -------------------------------------------------------------------------------


def test_a_bundle_that_contradicts_ours_is_reported(pair: tuple[Peer, Peer]) -> None:
    """With the first difference, and what the two ran on differently."""
    a, b = pair
    ours, theirs = giving("100.0"), giving("100.5")
    a.store.save(bundles=[theirs], runs=[replace(run_of(theirs), packages={"lrvx": "0.10.0"})])
    b.store.save(bundles=[ours], runs=[run_of(ours)])
    assert ours.manifest.inputs == theirs.manifest.inputs
    pushed(a)
    dry = fetched(b, dry_run=True).divergences
    (found,) = fetched(b).divergences

    assert dry == (found,)
    assert (found.ours.bundle, found.theirs.bundle) == (ours.id, theirs.id)
    assert found.comparison is not None
    (difference,) = found.comparison.differences
    assert (difference.path, difference.expected, difference.actual) == (
        "fills[0].price", 100.0, 100.5,
    )  # fmt: skip
    assert [(c.name, c.a, c.b) for c in found.environment] == [("lrvx", "0.11.0", "0.10.0")]
    assert not found.accepted
    assert fetched(b).divergences == ()
    (pushed_one,) = push(step=silent, cwd=b.repo.cwd).divergences or (None,)
    assert pushed_one is None
    (theirs_of_a,) = fetched(a).divergences
    assert theirs_of_a.theirs.bundle == ours.id


def test_a_push_reports_what_it_had_to_merge(pair: tuple[Peer, Peer]) -> None:
    """The contradiction is seen where it comes to be."""
    a, b = pair
    for peer, bundle in ((a, giving("100.0")), (b, giving("100.5"))):
        peer.store.save(bundles=[bundle], runs=[run_of(bundle)])
    pushed(a)
    (found,) = push(step=silent, cwd=b.repo.cwd).divergences

    assert found.theirs.bundle == giving("100.0").id


def test_what_was_accepted_is_no_open_contradiction(pair: tuple[Peer, Peer]) -> None:
    """Their run record says that it replaces ours."""
    a, b = pair
    ours, theirs = giving("100.0"), giving("100.5")
    accepted = replace(run_of(theirs, 2), kind="accept", replaces=ours.id)
    a.store.save(bundles=[theirs], runs=[run_of(theirs), accepted])
    b.store.save(bundles=[ours], runs=[run_of(ours)])
    pushed(a)
    (found,) = fetched(b).divergences

    assert found.accepted


def test_equal_output_of_another_engine_is_no_contradiction(pair: tuple[Peer, Peer]) -> None:
    """Nor is one that failed, nor one whose output is not at hand."""
    a, b = pair
    ours = giving("100.0")
    failed = replace(run_of(giving("101.0")), verdict=Verdict.FAILED)
    trace = bundle_of(
        files={
            "output/fills.csv": ours.content["output/fills.csv"].read(),
            "output/run.floxrun/x": b"other",
        }
    )
    a.store.save(bundles=[ours, giving("101.0")], runs=[run_of(ours), failed])
    b.store.save(bundles=[trace], runs=[run_of(trace)])
    pushed(a)
    found = fetched(b).divergences

    assert [d.theirs.bundle for d in found] == [giving("101.0").id]
    assert found[0].theirs.author is None


def test_outputs_that_cannot_be_compared_are_reported_all_the_same(pair: tuple[Peer, Peer]) -> None:
    """With the reason: their bytes were not stored there."""
    a, b = pair
    a.store.save(bundles=[giving("100.5")], runs=[run_of(giving("100.5"))])
    broken = bundle_of(files={"output/fills.csv": b"no table\n"})
    b.store.save(bundles=[broken], runs=[run_of(broken)])
    pushed(a)
    (found,) = fetched(b).divergences

    assert found.comparison is None
    assert "fills.csv" in found.message


# -- forks ----------------------------------------------------------------------------------------


def test_of_a_fork_only_the_commits_asked_for_are_taken(pair: tuple[Peer, Peer]) -> None:
    """Their lines are marked; no run record comes, so nothing becomes known by its word."""
    a, fork = pair
    head = fork.git("rev-parse", "HEAD")
    mine = fork.add(1)
    fork.git("commit", "-q", "--allow-empty", "-m", "second")
    fork.add(2)
    url = f"file://{fork.repo.top}"
    with pytest.raises(Usage, match="is not a remote of this repository: say of which commits"):
        fetched(a, url)
    dry = fetched(a, url, "HEAD", dry_run=True)
    assert a.refs == {}
    report = fetched(a, url, "HEAD", "ab" * 20)
    lines = Notes(a.objects, a.refs[sync.NOTES]).of(head)

    assert dry.came == report.came == Amount(bundles=1, results=1)
    assert [(t.commit, t.results) for t in report.commits or ()] == [(head, 1), ("ab" * 20, 0)]
    assert lines == (replace(line_of(mine, 1), origin=url[-60:]),)
    assert a.store.bundle_ids() == [mine.id]
    assert a.store.runs() == []
    assert Ledger(a.store).claims(mine.manifest.inputs) == ()
    assert fsck(a.repo, a.objects).problems == ()
    assert fetched(a, url, "HEAD").came == Amount()
    with pytest.raises(Usage, match="no commit 'nowhere' here"):
        fetched(a, url, "nowhere")


def test_a_line_that_is_ours_already_is_not_marked(pair: tuple[Peer, Peer]) -> None:
    """What we measured ourselves stays ours."""
    a, fork = pair
    a.add(1)
    fork.add(1)
    report = fetched(a, str(fork.repo.top), "HEAD")

    assert report.came == Amount()
    (line,) = Notes(a.objects, a.refs[sync.NOTES]).of(a.git("rev-parse", "HEAD"))
    assert line.origin is None


def test_a_fork_that_names_what_it_does_not_have(pair: tuple[Peer, Peer]) -> None:
    """Nothing of it is taken."""
    a, fork = pair
    bundle = bundle_of(1)
    line = line_of(bundle, 1)
    fork.store.save(bundles=[bundle_of(2)], notes={fork.git("rev-parse", "HEAD"): [line]})

    with pytest.raises(Incomplete, match=f"names bundle {bundle.id[:12]} on commit"):
        fetched(a, str(fork.repo.top), "HEAD")
    assert a.refs == {}


def test_a_fork_may_be_added_as_a_remote(pair: tuple[Peer, Peer]) -> None:
    """Then it is trusted with everything, because somebody said so."""
    a, fork = pair
    fork.add(1)
    a.git("remote", "add", "friend", str(fork.repo.top))

    assert fetched(a, "friend").came == Amount(bundles=1, runs=1, results=1)


# -- the program ----------------------------------------------------------------------------------


def test_the_program_fetches_and_pushes(pair: tuple[Peer, Peer]) -> None:
    """Text, JSON against its schema, exit codes."""
    a, b = pair
    ours, theirs = giving("100.0"), giving("100.5")
    a.store.save(bundles=[theirs], runs=[run_of(theirs)])
    b.store.save(bundles=[ours], runs=[run_of(ours)])
    b.add(7)
    where = a.repo.cwd, b.repo.cwd
    first = bt("push", cwd=where[0])
    answer = bt("fetch", "origin", "--json", cwd=where[1]).json
    again = bt("fetch", cwd=where[1])
    back = bt("push", "--json", cwd=where[1]).json
    wrong = bt("push", "nowhere", "--json", cwd=where[1])

    assert first.code == again.code == 0
    assert first.out.startswith("pushed 1 bundle and 1 run to origin\n  refs/bt/store  new  ")
    assert again.out == "nothing new from origin\n"
    assert answer["divergences"][0]["differences"][0]["path"] == "fills[0].price"
    assert back["went"] == {
        "bundles": 2, "snapshots": 0, "runs": 2, "sweeps": 0, "results": 1,
    }  # fmt: skip
    assert (wrong.code, wrong.json["exit"]) == (2, 2)


def test_progress_is_shown_on_a_terminal_only(pair: tuple[Peer, Peer], tmp_path: Path) -> None:
    """What git tells of its progress takes part in it, and in no message."""
    a, _ = pair
    a.add(1)
    leader, follower = pty.openpty()
    done = subprocess.Popen(
        [PYTHON, "-m", "git_bt", "push"],
        cwd=a.repo.cwd, stdout=subprocess.PIPE, stderr=follower, env=os.environ | {"TERM": "xterm"},
    )  # fmt: skip
    out, _ = done.communicate()
    os.close(follower)
    shown = os.read(leader, 1 << 16)
    os.close(leader)

    assert done.returncode == 0
    assert b"pushing to origin" in shown or b"objects" in shown
    assert b"\r" not in out
    assert bt("push", cwd=a.repo.cwd).err == ""


def test_without_a_repository_or_a_remote(tmp_path: Path, repo: GitRepo) -> None:
    """One line, a hint, and the exit code."""
    (tmp_path / "empty").mkdir()
    assert bt("fetch", cwd=tmp_path / "empty").code == 128
    ran = bt("push", cwd=repo)

    assert (ran.code, ran.err) == (
        2, "error: this repository has no remote\nhint: git remote add origin URL\n",
    )  # fmt: skip


def test_a_path_is_taken_from_where_the_user_stands(pair: tuple[Peer, Peer]) -> None:
    """Not from the top of the repository."""
    a, fork = pair
    fork.add(1)
    below = Path(a.repo.cwd) / "deep"
    below.mkdir()
    report = fetch("../../b", ["HEAD"], step=silent, cwd=below)

    assert report.came.results == 1
