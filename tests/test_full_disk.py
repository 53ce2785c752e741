"""A disk that is full at any write of a pack and a record: nothing is lost, and nothing is half.

A small file system of its own, filled up to so many free pages: with none the first write fails,
with one more the next one, until both commands end well. Each failure must be one line, leave no
lock, and be over when there is room again.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import GitRepo, make_repo
from floxkit import BUY_ONCE, write_tape
from git_bt.commands.fsck import fsck
from git_bt.commands.record import record
from git_bt.notes import REF
from git_bt.objects import Objects
from git_bt.publish import read_refs
from git_bt.repo import Repo
from projects import ONCE, PYTHON, Ran, add_strategy, bt, bundle_id, bundle_ids, silent
from store_cases import results_of

SIZE = 16 << 20


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a small file system."""
    place = tmp_path_factory.mktemp("small")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", str(place)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def before(tmp_path: Path) -> GitRepo:
    """Give a repository with a result, and a change that is committed and not packed."""
    repo = make_repo(tmp_path / "before")
    (repo.path / "tapes").mkdir()
    write_tape(repo.path / "tapes" / "three", [100.0, 100.5, 101.0])
    add_strategy(repo, ONCE, BUY_ONCE)
    repo.commit("buy")
    bundle_id(repo, ONCE, runs=1)
    record(step=silent, cwd=repo.path)
    add_strategy(repo, ONCE, BUY_ONCE.replace("1.0", "2.0"))
    repo.commit("buy more")
    return repo


@dataclass(frozen=True)
class Held:
    """What a repository holds."""

    bundles: frozenset[str]
    results: frozenset[tuple[str, str]]


def held(repo: GitRepo) -> Held:
    found = Repo.find(repo.path)
    with Objects(found) as objects:
        notes = results_of(objects, read_refs(found, REF).get(REF))
    results = {(commit, line.bundle) for commit, lines in notes.items() for line in lines}
    return Held(frozenset(bundle_ids(repo)), frozenset(results))


def pack_and_record(repo: GitRepo) -> tuple[Ran, Ran]:
    packed = bt("pack", ONCE, "--runs", "1", "--json", "--python", PYTHON, cwd=repo)
    return packed, bt("record", "--json", cwd=repo)


def check_one(before: GitRepo, small: Path, pages: int) -> tuple[int, int]:
    """Run both with so many free pages, look at what is left; return their exit codes."""
    repo = GitRepo(small / "repo")
    shutil.copytree(before.path, repo.path)
    old = held(repo)
    head = repo.git("rev-parse", "HEAD")
    free = os.statvfs(small)
    ballast = small / "ballast"
    ballast.write_bytes(bytes(free.f_frsize * (free.f_bavail - pages)))
    try:
        packed, recorded = pack_and_record(repo)
        new = held(repo)
        report = fsck(step=silent, cwd=repo.path)
        tied = {bundle for commit, bundle in new.results if commit == head}

        assert old.bundles <= new.bundles
        assert old.results <= new.results
        assert report.problems == (), pages
        assert list((repo.path / ".git").rglob("*.lock")) == []
        assert repo.git("for-each-ref", "refs/bt-tmp") == ""
        assert list((repo.path / ".git").glob("fast_import_crash_*")) == []
        for ran in (packed, recorded):
            said = ran.err.splitlines()
            assert ran.code in (0, 128), (pages, ran)
            assert [line[:5] for line in said] in ([], ["error"], ["error", "hint:"]), ran
            assert ran.code == 0 or "disk is full" in said[0], (pages, ran)
        if packed.code == 0:
            assert packed.json["bundle"] in new.bundles
            assert recorded.code != 0 or tied == {packed.json["bundle"]}
        else:
            assert new.bundles == old.bundles
            assert tied == set()
        ballast.unlink()
        again = pack_and_record(repo)
        assert [ran.code for ran in again] == [0, 0], (pages, again)
        assert again[0].json["bundle"] in held(repo).bundles
        assert (head, again[0].json["bundle"]) in held(repo).results
        assert fsck(step=silent, cwd=repo.path).problems == ()
        return packed.code, recorded.code
    finally:
        ballast.unlink(missing_ok=True)
        shutil.rmtree(repo.path)


@pytest.mark.parametrize("pages", [0, 3, 5, 7])
def test_a_disk_that_is_full_loses_nothing(before: GitRepo, small: Path, pages: int) -> None:
    """A sample: before anything is written, at the lock, among the objects, at the refs."""
    check_one(before, small, pages)


@pytest.mark.slow
def test_a_disk_that_is_full_at_any_write_loses_nothing(before: GitRepo, small: Path) -> None:
    """The figure of the issue: one free page more each time, until both commands end well."""
    ends = [check_one(before, small, 0)]
    while ends[-1] != (0, 0):
        ends.append(check_one(before, small, len(ends)))
        assert len(ends) < 1000
    print(f"full at each of {len(ends) - 1} pages: {ends}")

    # A record that finds no run has nothing to write, so a full disk does not concern it.
    assert {(128, 0), (0, 128)} < set(ends)
