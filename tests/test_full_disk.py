"""A disk that is full at any write of a pack and a record: nothing is lost, and nothing is half.

Full in two ways. A small file system of its own, filled up to so many free pages: with none the
first write fails, with one more the next one. And `full_disk.c` below every process, which lets the
n-th call fail that could need room, and all after it. Both until both commands end well. Each
failure must be one line, leave no lock, and be over when there is room again.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import GitRepo, make_repo
from floxkit import BUY_ONCE, write_tape
from git_bt.commands.flush import flush
from git_bt.commands.fsck import fsck
from git_bt.commands.record import record
from git_bt.notes import REF
from git_bt.objects import Objects
from git_bt.publish import read_refs
from git_bt.repo import Repo
from git_bt.store import Store
from projects import ONCE, PYTHON, Ran, add_strategy, bt, bundle_id, bundle_ids, silent
from scriptkit import BARS, HELPER, STRATEGIES
from store_cases import results_of

SIZE = 16 << 20
SAID = ("disk is full", "couldn't write", "couldn't set")  # of a ref git keeps the reason to itself


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


def pack_and_record(repo: GitRepo, env: Mapping[str, str] | None = None) -> tuple[Ran, Ran]:
    words = ("pack", ONCE, "--runs", "1", "--json", "--python", PYTHON)
    return bt(*words, cwd=repo, env=env), bt("record", "--json", cwd=repo, env=env)


Full = Callable[[Path, int], AbstractContextManager[Mapping[str, str]]]
"""Makes a file system full after so much, and gives the environment of who finds it so."""


@contextmanager
def full_of_pages(small: Path, pages: int) -> Iterator[Mapping[str, str]]:
    """Leave so many pages of a file system free."""
    free = os.statvfs(small)
    ballast = small / "ballast"
    ballast.write_bytes(bytes(free.f_frsize * (free.f_bavail - pages)))
    yield {}
    ballast.unlink()


@pytest.fixture(scope="session")
def full_at_call(tmp_path_factory: pytest.TempPathFactory) -> Full:
    """Give the way that lets so many calls end well."""
    if sys.platform != "linux" or shutil.which("cc") is None:
        pytest.skip("a C compiler and the loader of Linux are needed")
    place = tmp_path_factory.mktemp("full")
    library, count = place / "full.so", place / "count"
    source = Path(__file__).with_name("full_disk.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)

    @contextmanager
    def full(small: Path, calls: int) -> Iterator[Mapping[str, str]]:
        count.write_bytes(b"")
        yield {
            "LD_PRELOAD": str(library),
            "FULL_AT": str(calls + 1),
            "FULL_BELOW": str(small),
            "FULL_COUNT": str(count),
        }

    return full


def check_one(before: GitRepo, small: Path, full: Full, room: int) -> tuple[int, int]:
    """Run both with so much room, look at what is left; return their exit codes."""
    repo = GitRepo(small / "repo")
    shutil.copytree(before.path, repo.path)
    old = held(repo)
    head = repo.git("rev-parse", "HEAD")
    try:
        with full(small, room) as env:
            packed, recorded = pack_and_record(repo, env)
        new = held(repo)
        report = fsck(step=silent, cwd=repo.path)
        tied = {bundle for commit, bundle in new.results if commit == head}

        assert old.bundles <= new.bundles
        assert old.results <= new.results
        assert report.problems == (), room
        assert list((repo.path / ".git").rglob("*.lock")) == []
        assert list((repo.path / ".git").glob("fast_import_crash_*")) == []
        for ran in (packed, recorded):
            said = ran.err.splitlines()
            assert ran.code in (0, 128), (room, ran)
            assert [line[:5] for line in said] in ([], ["error"], ["error", "hint:"]), ran
            assert ran.code == 0 or any(words in said[0] for words in SAID), (room, ran)
        if packed.code == 0:
            assert packed.json["bundle"] in new.bundles
            assert recorded.code != 0 or tied == {packed.json["bundle"]}
        else:
            assert new.bundles == old.bundles
            assert tied == set()
        again = pack_and_record(repo)
        assert [ran.code for ran in again] == [0, 0], (room, again)
        assert again[0].json["bundle"] in held(repo).bundles
        assert (head, again[0].json["bundle"]) in held(repo).results
        # On a full disk even taking a temporary ref away may fail; whoever writes next sweeps it.
        assert repo.git("for-each-ref", "refs/bt-tmp") == ""
        assert fsck(step=silent, cwd=repo.path).problems == ()
        return packed.code, recorded.code
    finally:
        (small / "ballast").unlink(missing_ok=True)
        shutil.rmtree(repo.path)


def check_all(before: GitRepo, small: Path, full: Full) -> list[tuple[int, int]]:
    """Give more room each time, until both commands end well; return their exit codes."""
    ends = [check_one(before, small, full, 0)]
    while ends[-1] != (0, 0):
        ends.append(check_one(before, small, full, len(ends)))
        assert len(ends) < 1000
    return ends


@pytest.mark.parametrize("pages", [0, 3, 5, 7])
def test_a_disk_that_is_full_loses_nothing(before: GitRepo, small: Path, pages: int) -> None:
    """A sample: before anything is written, at the lock, among the objects, at the refs."""
    check_one(before, small, full_of_pages, pages)


@pytest.mark.parametrize("calls", [7, 120, 203, 260])
def test_a_write_that_fails_loses_nothing(
    before: GitRepo, small: Path, full_at_call: Full, calls: int
) -> None:
    """A sample of the calls that could need room."""
    check_one(before, small, full_at_call, calls)


@pytest.mark.slow
def test_a_disk_that_is_full_at_any_page_loses_nothing(before: GitRepo, small: Path) -> None:
    """One free page more each time, until both commands end well."""
    ends = check_all(before, small, full_of_pages)
    print(f"full at each of {len(ends) - 1} pages: {ends}")

    # A record that finds no run has nothing to write, so a full disk does not concern it.
    assert {(128, 0), (0, 128)} < set(ends)


@pytest.mark.slow
def test_a_disk_that_is_full_at_any_write_loses_nothing(
    before: GitRepo, small: Path, full_at_call: Full
) -> None:
    """The figure of the issue: full at the n-th write, for every n of a pack and a record."""
    ends = check_all(before, small, full_at_call)
    print(f"full at each of {len(ends) - 1} calls: {ends}")

    assert {(128, 0), (0, 128)} < set(ends)


# -- runs that are recorded meanwhile --------------------------------------------------------------

SWEEP = """
import os, sys, git_bt
def fill():
    free = os.statvfs(".")
    with open("ballast", "wb") as f: f.write(bytes(free.f_frsize * free.f_bavail))
for n in range(30):
    if n == 10: fill()
    if n == 20 and "--freed" in sys.argv: os.remove("ballast")
    with git_bt.recording("s", params={"n": n, "pad": "x" * 1000}) as run: run.log(m=n * n)
print("done")
"""


@pytest.fixture
def sweeping(small: Path) -> Iterator[GitRepo]:
    """Give a repository on the small file system, with a program that fills it as it runs."""
    repo = make_repo(small / "sweeping")
    repo.commit("a sweep", **{"sweep.py": SWEEP})
    yield repo
    (repo.path / "ballast").unlink(missing_ok=True)
    shutil.rmtree(repo.path)


@pytest.mark.parametrize("freed", [True, False])
def test_a_sweep_goes_on_when_the_disk_is_full(sweeping: GitRepo, *, freed: bool) -> None:
    """It is told once; every run before it was full is there, and each one after it was freed."""
    words = [PYTHON, "sweep.py", *(["--freed"] if freed else [])]
    done = subprocess.run(words, cwd=sweeping.path, capture_output=True, text=True)
    (sweeping.path / "ballast").unlink(missing_ok=True)
    found = Repo.find(sweeping.path)
    with Objects(found) as objects:
        store = Store(found, objects)
        flush(store)
        (swept,) = (store.sweep(digest) for digest in store.sweep_ids())
    runs = {int(str(run.params["n"])): run.metrics["m"] for run in swept.runs}
    told = [line for line in done.stderr.splitlines() if "this run is not recorded" in line]

    assert (done.returncode, done.stdout) == (0, "done\n")
    assert "Traceback" not in done.stderr
    assert len(told) == 1, done.stderr
    assert len(swept.runs) == len(runs)
    assert runs.keys() >= {*range(10), *(range(20, 30) if freed else ())}
    assert len(runs) < 30
    assert all(value == n * n for n, value in runs.items())
    assert fsck(step=silent, cwd=sweeping.path).problems == ()


def test_a_command_below_run_goes_on_when_the_disk_is_full(sweeping: GitRepo) -> None:
    """Its exit code and its output are its own; one line says that nothing is stored."""
    sweeping.write("strategy.py", STRATEGIES["backtrader"])
    sweeping.write("data/bars.csv", BARS)
    sweeping.write("helper.py", HELPER)
    free = os.statvfs(sweeping.path)
    (sweeping.path / "ballast").write_bytes(bytes(free.f_frsize * free.f_bavail))
    full = bt("run", "--", PYTHON, "-B", "strategy.py", cwd=sweeping)
    (sweeping.path / "ballast").unlink()
    again = bt("run", "--", PYTHON, "-B", "strategy.py", cwd=sweeping)

    assert full.code == again.code == 0
    assert full.out == again.out == "10001.0\n"
    assert full.err.count("nothing is stored") == 1, full.err
    assert "the disk is full" in " ".join(full.err.split())
    assert "nothing is stored" not in again.err
