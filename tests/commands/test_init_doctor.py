"""Init and doctor: what is set and taken back, and each danger with a mend that mends it."""

import os
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import GitRepo, make_repo
from git_bt import sync
from git_bt.commands.doctor import doctor
from git_bt.commands.init import SHOWN, init
from git_bt.errors import CannotWork, ExitCode
from git_bt.sharing import Check, Health
from projects import PYTHON, bt
from store_cases import bundle_of
from sync.clones import Peer, at, clone, make_remote, silent


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    """Give a clone with one result, pushed."""
    with at(clone(make_remote(tmp_path), "a")) as peer:
        peer.add(1)
        peer.push()
        yield peer


def found(peer: Peer, name: str) -> list[Check]:
    """What doctor says of one thing; its exit code goes with the dangers."""
    report = doctor(step=silent, cwd=peer.repo.cwd)
    danger = any(check.state is Health.DANGER for check in report.checks)

    assert report.exit_code == (ExitCode.CANNOT_JUDGE if danger else ExitCode.OK)
    return [check for check in report.checks if check.name == name]


def mend(peer: Peer, check: Check) -> None:
    """Do what a check says, word for word."""
    assert check.mend is not None
    command = check.mend.rpartition("runs here: ")[2].replace("git bt", f"{PYTHON} -m git_bt")
    subprocess.run(command, shell=True, cwd=peer.repo.cwd, check=True, capture_output=True)


# -- init -----------------------------------------------------------------------------------------


def test_init_makes_git_log_show_results(peer: Peer) -> None:
    """And sets nothing else; a second time there is nothing to do."""
    config = Path(peer.repo.git_dir, "config")
    before = config.read_text()
    assert "verdict" not in peer.git("log", "-1")
    report = init(cwd=peer.repo.cwd)

    assert (report.written, report.removed, report.checks) == ((SHOWN,), (), ())
    assert '"verdict":"reproduced"' in peer.git("log", "-1")
    assert config.read_text() == f"{before}[notes]\n\tdisplayRef = {SHOWN.value}\n"
    assert init(cwd=peer.repo.cwd).written == ()
    assert init(undo=True, cwd=peer.repo.cwd).removed == (SHOWN,)
    assert config.read_text() == before
    assert init(undo=True, cwd=peer.repo.cwd).removed == ()


def test_git_says_nothing_where_there_is_no_result(repo: GitRepo) -> None:
    """Of a ref that is not there git would warn at each look."""
    repo.commit("first")
    init(cwd=repo.path)
    done = subprocess.run(["git", "log"], cwd=repo.path, capture_output=True, check=True)

    assert done.stderr == b""


def test_undo_leaves_what_a_user_set(peer: Peer) -> None:
    """The same line, written before init; and others of the same key."""
    peer.git("config", "--add", "notes.displayRef", "refs/notes/mine")
    peer.git("config", "--add", "notes.displayRef", SHOWN.value)
    assert init(cwd=peer.repo.cwd).written == ()
    assert init(undo=True, cwd=peer.repo.cwd).removed == ()
    peer.git("config", "--fixed-value", "--unset", "notes.displayRef", SHOWN.value)
    init(cwd=peer.repo.cwd)
    init(undo=True, cwd=peer.repo.cwd)

    assert peer.git("config", "--get-all", "notes.displayRef") == "refs/notes/mine"


def test_undo_after_a_user_has_removed_the_line(peer: Peer) -> None:
    """There is nothing to take back, and the memory of it goes."""
    init(cwd=peer.repo.cwd)
    peer.git("config", "--unset-all", "notes.displayRef")

    assert init(undo=True, cwd=peer.repo.cwd).removed == ()
    peer.git("config", "--add", "notes.displayRef", SHOWN.value)
    assert init(undo=True, cwd=peer.repo.cwd).removed == ()


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"a": 1}', "null"])
def test_a_broken_memory_takes_nothing_back(peer: Peer, text: str) -> None:
    """What we cannot read we did not write."""
    init(cwd=peer.repo.cwd)
    (peer.repo.cache_dir / "init.json").write_text(text)

    assert init(undo=True, cwd=peer.repo.cwd).removed == ()
    assert peer.git("config", "notes.displayRef") == SHOWN.value


def test_a_configuration_that_is_locked_stays_as_it_is(peer: Peer) -> None:
    """And nothing is remembered of what was not written."""
    lock = peer.repo.git_dir / "config.lock"
    lock.touch()
    with pytest.raises(CannotWork, match="git config: could not lock config file"):
        init(cwd=peer.repo.cwd)
    lock.unlink()

    assert not (peer.repo.cache_dir / "init.json").exists()


def test_init_names_what_is_in_danger(peer: Peer) -> None:
    """The dangers only; doctor says the rest."""
    peer.git("config", "--add", "remote.origin.fetch", "+refs/notes/*:refs/notes/*")

    assert [check.name for check in init(cwd=peer.repo.cwd).checks] == ["refspec"]


# -- doctor ---------------------------------------------------------------------------------------


def test_a_healthy_repository_is_fine(peer: Peer) -> None:
    """Every check says what it found."""
    report = doctor(step=silent, cwd=peer.repo.cwd)

    assert report.exit_code is ExitCode.OK
    assert [c.name for c in report.checks if c.state is Health.FINE][:6] == [
        "versions", "refspecs", "rewriting", "refs", "remote", "engine",
    ]  # fmt: skip
    assert all(c.mend is None for c in report.checks if c.state is Health.FINE)


def test_nothing_is_written_by_looking(peer: Peer) -> None:
    """No ref, no object, no file."""
    before = sorted(peer.repo.git_dir.rglob("*"))
    doctor(step=silent, cwd=peer.repo.cwd)
    new = set(peer.repo.git_dir.rglob("*")) - set(before)

    assert {p for p in new if "interpreter" not in p.name} <= {peer.repo.cache_dir}


@pytest.mark.parametrize(
    ("way", "spec", "refs"),
    [
        ("fetch", "+refs/notes/*:refs/notes/*", "refs/notes/bt"),
        ("fetch", "+refs/*:refs/*", "refs/bt/store, refs/notes/bt"),
        ("fetch", "+refs/bt/store:refs/bt/store", "refs/bt/store"),
        ("push", "+refs/notes/*:refs/notes/*", "refs/notes/bt"),
        ("push", "+refs/notes/bt", "refs/notes/bt"),
    ],
)
def test_a_refspec_that_overwrites_is_a_danger(peer: Peer, way: str, spec: str, refs: str) -> None:
    """It is named with what it overwrites, and its mend removes it and nothing else."""
    before = peer.git("config", "--list", "--local")
    peer.git("config", "--add", f"remote.origin.{way}", spec)
    (check,) = found(peer, "refspec")

    assert check.state is Health.DANGER
    assert check.message.startswith(f"remote.origin.{way} is {spec}: a plain git {way} overwrites")
    assert check.message.endswith(f"({refs})")
    mend(peer, check)
    assert peer.git("config", "--list", "--local") == before


@pytest.mark.parametrize("spec", ["refs/notes/*:refs/notes/*", "refs/bt/store:refs/bt/store"])
def test_a_refspec_without_force_is_a_note(peer: Peer, spec: str) -> None:
    """It loses nothing; git fetch fails when two have added results."""
    peer.git("config", "--add", "remote.origin.fetch", spec)
    (check,) = found(peer, "refspec")

    assert check.state is Health.NOTE


@pytest.mark.parametrize(
    "spec",
    [
        "+refs/notes/*:refs/notes/origin/*",
        "^refs/notes/*",
        "+refs/bt/*:refs/mirror/*",
        "refs/notes/bt",
    ],
)
def test_other_refspecs_are_fine(peer: Peer, spec: str) -> None:
    """They write elsewhere."""
    peer.git("config", "--add", "remote.origin.fetch", spec)

    assert found(peer, "refspec") == []


def test_a_mirror_is_a_danger(peer: Peer) -> None:
    """A plain git push would force everything."""
    peer.git("config", "remote.origin.mirror", "true")
    (check,) = found(peer, "mirror")
    mend(peer, check)

    assert check.state is Health.DANGER
    assert found(peer, "mirror") == []


@pytest.mark.parametrize("pattern", ["refs/notes/*", "refs/notes/bt", "refs/notes/b?"])
def test_copied_notes_are_a_danger(peer: Peer, pattern: str) -> None:
    """Git would tie old results to new content."""
    peer.git("config", "notes.rewriteRef", pattern)
    (check,) = found(peer, "rewriting")
    mend(peer, check)

    assert check.state is Health.DANGER
    assert [c.state for c in found(peer, "rewriting")] == [Health.FINE]


def test_copied_notes_by_a_variable_are_a_danger(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git reads it too; another ref is no matter."""
    peer.git("config", "notes.rewriteRef", "refs/notes/commits")
    monkeypatch.setenv("GIT_NOTES_REWRITE_REF", "refs/notes/x:refs/notes/bt")

    assert [c.mend for c in found(peer, "rewriting")] == ["unset GIT_NOTES_REWRITE_REF"]


def test_a_store_that_has_gone_is_a_danger(peer: Peer) -> None:
    """The mend brings it back."""
    before = peer.refs
    peer.git("update-ref", "-d", sync.STORE)
    (check,) = found(peer, "refs")
    assert check.state is Health.DANGER
    assert "is gone; git-bt last wrote" in check.message
    assert check.mend is not None
    subprocess.run(check.mend.partition(",")[0], shell=True, cwd=peer.repo.cwd, check=True)

    assert peer.refs == before
    assert [c.state for c in found(peer, "refs")] == [Health.FINE]


def test_a_store_that_was_taken_back_is_a_danger(peer: Peer) -> None:
    """As by a fetch that overwrote it."""
    old = peer.refs[sync.STORE]
    peer.add(2)
    peer.git("update-ref", sync.STORE, old)

    (check,) = found(peer, "refs")
    assert "does not hold what was stored" in check.message


def test_a_broken_ref_is_a_danger(peer: Peer) -> None:
    """Git cannot read it."""
    (peer.repo.git_dir / sync.STORE).write_text("nonsense\n")

    assert [c.state for c in found(peer, "refs")] == [Health.DANGER]


@pytest.mark.parametrize("name", ["refs/bt/store", "packed-refs", "refs/bt-remote/origin/notes"])
def test_a_stale_lock_is_a_danger(peer: Peer, name: str) -> None:
    """A young one is none: somebody is at work."""
    lock = peer.repo.git_dir / f"{name}.lock"
    lock.touch()
    assert found(peer, "lock") == []
    hour_ago = time.time() - 3600
    os.utime(lock, (hour_ago, hour_ago))
    (check,) = found(peer, "lock")
    mend(peer, check)

    assert check.state is Health.DANGER
    assert shlex.quote(str(lock)) in (check.mend or "")
    assert not lock.exists()


def test_temporary_refs_of_the_dead_are_noted(peer: Peer) -> None:
    """The next write removes them, as the mend says."""
    peer.git("update-ref", "refs/bt-tmp/999999999-x", peer.refs[sync.STORE])
    assert [c.state for c in found(peer, "temporary")] == [Health.NOTE]
    peer.add(2)

    assert found(peer, "temporary") == []


def test_how_we_stand_to_remotes_is_noted(peer: Peer, tmp_path: Path) -> None:
    """Without asking them: ahead, behind, equal, never seen."""
    assert [c.state for c in found(peer, "remote")] == [Health.FINE]
    peer.git("remote", "add", "other", str(tmp_path / "nowhere"))
    peer.add(2)
    (ahead,) = found(peer, "remote")
    assert ahead.mend == "git bt push origin"
    mend(peer, ahead)
    assert [c.state for c in found(peer, "remote")] == [Health.FINE]
    with at(clone(tmp_path / "remote.git", "b")) as other:
        other.fetch()
        other.add(3)
        other.push()
    sync.fetch(peer.objects, sync.choose(peer.repo, "origin"), step=silent, dry_run=True)
    (behind,) = found(peer, "remote")
    mend(peer, behind)

    assert behind.mend == "git bt fetch origin"
    assert [c.state for c in found(peer, "remote")] == [Health.FINE]


def test_a_first_push_is_noted_where_there_is_one_remote(tmp_path: Path) -> None:
    """Nothing was ever seen there."""
    with at(clone(make_remote(tmp_path), "a")) as peer:
        assert found(peer, "remote") == []
        peer.add(1)

        assert [c.mend for c in found(peer, "remote")] == ["git bt push origin"]


def test_a_shallow_clone_is_noted(peer: Peer, tmp_path: Path) -> None:
    """Its mend makes it whole."""
    peer.git("commit", "-q", "--allow-empty", "-m", "second")
    peer.git("push", "-q")
    with at(clone(tmp_path / "remote.git", "b", ["--depth=1"])) as shallow:
        (check,) = found(shallow, "shallow")
        mend(shallow, check)

        assert check.state is Health.NOTE
        assert found(shallow, "shallow") == []


def test_a_partial_clone_that_lacks_objects_is_a_danger(peer: Peer, tmp_path: Path) -> None:
    """Its mend gets them; before, the results cannot be read."""
    remote = tmp_path / "remote.git"
    with at(clone(remote, "b", ["--filter=blob:none"])) as partial:
        assert [c.state for c in found(partial, "partial")] == [Health.FINE]
        partial.git("fetch", "-q", "origin", *(f"{ref}:{ref}" for ref in sync.REFS))
        (check,) = found(partial, "partial")
        assert (check.state, check.mend) == (Health.DANGER, "git bt fetch")
        mend(partial, check)

        assert [c.state for c in found(partial, "partial")] == [Health.FINE]
        assert partial.store.bundle_ids() == [bundle_of(1).id]


def test_the_program_says_it_all(peer: Peer, tmp_path: Path) -> None:
    """Text, JSON against its schema, exit codes; and 128 where there is no repository."""
    fine = bt("doctor", cwd=peer.repo.cwd)
    peer.git("config", "notes.rewriteRef", "refs/notes/*")
    bad = bt("doctor", "--json", cwd=peer.repo.cwd)
    made = bt("init", "--json", cwd=peer.repo.cwd).json
    undone = bt("init", "--undo", cwd=peer.repo.cwd)
    (tmp_path / "empty").mkdir()

    assert (fine.code, fine.out.splitlines()[-1]) == (0, "results are safe here")
    assert (bad.code, bad.json["checks"][1]["state"]) == (3, "danger")
    assert made["written"] == [{"key": SHOWN.key, "value": SHOWN.value}]
    assert undone.out.startswith(f"removed {SHOWN.key} = {SHOWN.value}\n")
    assert bt("doctor", cwd=tmp_path / "empty").code == 128


def test_engines_that_are_not_here_are_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line, with the way to get them."""
    repo = make_repo(tmp_path / "bare")
    monkeypatch.setattr("git_bt.commands.engines._status", lambda w, name, python: nowhere(name))
    report = doctor(step=silent, cwd=repo.path)

    (said,) = [check for check in report.checks if check.name == "engine"]
    assert "backtrader" in said.message
    assert "flox" in said.message
    assert (said.mend or "").startswith("git bt engines ")
    assert report.exit_code is ExitCode.OK


def nowhere(name: str) -> object:
    from git_bt.reports import EngineStatus

    return EngineStatus(
        name=name, version=None, python=None, found_by=None, install="pip install it"
    )
