"""A run leaves one line in the spool, whatever else happens at that moment."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import GitRepo
from git_bt.canonical import sha256
from git_bt.errors import CannotWork
from git_bt.model import Captured, Data, Member, Snapshot
from git_bt.records import snapshot_id
from git_bt.spool import Spool, encode_code, find_common_dir, find_spool
from git_bt.spool_reading import Spooled, read_spool
from git_bt.sweep_records import Surroundings, Sweep, SweepRun, sweep_run_id

SWEEP = Sweep(name="ema")
AROUND = Surroundings(python="3.11.7", platform="linux-x86_64", packages={"numpy": "2.4.6"})
CODE = b"FAST = 5\n"
CAPTURED = Captured(
    snapshot=Snapshot(
        entry_point="ema.py",
        method="entry_point",
        files={"ema.py": Member(sha256=sha256(CODE), size=len(CODE))},
    ),
    content={"ema.py": Data(CODE)},
)


def record(spool: Spool, number: int = 0, **more: Any) -> SweepRun:
    """Record a run that says its number."""
    options: dict[str, Any] = {"sweep": SWEEP, "started_ns": 1000 + number, "elapsed_ns": 5}
    options |= {"status": "ok", "params": {"n": number}, "metrics": {"sharpe": number / 3}}
    return spool.record(**(options | more))


def read(folder: Path) -> Spooled:
    """Read every file of a spool."""
    found = Spooled()
    for path in sorted(folder.glob("*.spool")):
        assert read_spool(path.read_bytes(), path.name, found)
    return found


def numbers(folder: Path) -> list[Any]:
    """Return the numbers of all runs, sorted."""
    return sorted(run.params["n"] for run in read(folder).runs.values())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the folder of a spool that is not there yet."""
    return tmp_path / "bt" / "spool"


@pytest.fixture
def spool(folder: Path) -> Iterator[Spool]:
    """Give a spool that is let go at the end."""
    spool = Spool(folder)
    yield spool
    spool.close()


# -- where it is ----------------------------------------------------------------------------------


def test_the_common_directory_is_the_one_that_git_says(repo: GitRepo, tmp_path: Path) -> None:
    """From the top, from below, from a linked worktree, in the git directory, in a bare one."""
    repo.commit("one", **{"sub/deep/a.py": "pass\n"})
    repo.git("worktree", "add", "-q", str(tmp_path / "linked"))
    repo.git("clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
    repo.git("init", "-q", "--separate-git-dir", str(tmp_path / "away"), str(tmp_path / "apart"))
    places = [
        repo.path, repo.path / "sub" / "deep", repo.path / ".git" / "refs", tmp_path / "linked",
        tmp_path / "bare.git", tmp_path / "apart",
    ]  # fmt: skip
    said = [
        subprocess.run(
            ["git", "rev-parse", "--path-format=absolute", "--git-common-dir"],
            cwd=place, capture_output=True, text=True, check=True,
        ).stdout.rstrip("\n")
        for place in places
    ]  # fmt: skip

    assert [str(find_common_dir(place)) for place in places] == said


def test_outside_a_repository_there_is_no_spool(tmp_path: Path) -> None:
    """Neither in a plain folder nor in one that has gone."""
    assert find_spool(tmp_path) is None
    assert find_spool(tmp_path / "gone") is None


def test_the_first_place_that_lies_in_a_repository_counts(repo: GitRepo, tmp_path: Path) -> None:
    """The strategy's folder stands before the current one."""
    assert find_spool(tmp_path, repo.path) == repo.path / ".git" / "bt" / "spool"


def test_a_variable_names_the_spool_where_no_repository_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a machine of a cluster can record, too."""
    monkeypatch.setenv("GIT_BT_SPOOL", str(tmp_path / "shared"))

    assert find_spool(tmp_path) == tmp_path / "shared"


# -- what a line holds ----------------------------------------------------------------------------


def test_what_was_recorded_is_read(spool: Spool, folder: Path) -> None:
    """Values, code and surroundings; these two once a file."""
    digest = snapshot_id(CAPTURED.snapshot)
    sweep = Sweep(name="ema", snapshot=digest, engine="flox", tape="tapes/a")
    runs = [
        record(spool, n, sweep=sweep, code=CAPTURED, surroundings=AROUND, error="x\ny")
        for n in range(3)
    ]
    found = read(folder)
    (file,) = folder.iterdir()

    assert found.runs == {sweep_run_id(run): run for run in runs}
    assert list(found.sweeps.values()) == [sweep]
    assert list(found.environments.values()) == [AROUND]
    assert found.codes == {digest: CAPTURED}
    assert found.notices == []
    assert file.read_bytes().count(b"\ncode ") == 1


def test_code_that_is_not_what_it_says_is_left_out(folder: Path, spool: Spool) -> None:
    """The line is whole, and its bytes are others."""
    other = Captured(snapshot=CAPTURED.snapshot, content={"ema.py": Data(b"FAST = 6\n")})
    record(spool, sweep=Sweep(name="ema", snapshot="ab" * 32), code=other)
    found = read(folder)

    assert found.codes == {}
    assert [notice.kind for notice in found.notices] == ["spool_unreadable"]
    assert len(found.runs) == 1


@pytest.mark.parametrize("cut", [1, 20, 90, 150])
def test_a_torn_last_line_is_skipped_and_said(folder: Path, spool: Spool, cut: int) -> None:
    """Only the run in flight is lost."""
    for n in range(3):
        record(spool, n)
    (file,) = folder.iterdir()
    data = file.read_bytes()
    last = data[data.rindex(b"\n", 0, -1) + 1 :]
    found = Spooled()
    read_spool(data[: len(data) - len(last) + cut], "file", found)

    assert sorted(run.params["n"] for run in found.runs.values()) == [0, 1]
    assert [notice.kind for notice in found.notices] == ["spool_torn"]


def test_lines_of_a_later_version_are_skipped_and_said(folder: Path, spool: Spool) -> None:
    """The others count."""
    record(spool, 1)
    (file,) = folder.iterdir()
    later = b'{"version":2}\n'
    known = b'{"version":1,"what":"else"}\n'
    lines = b"run %s %s" % (sha256(later).encode(), later)
    lines += b"equity %s %s" % (sha256(known).encode(), known)
    found = Spooled()
    read_spool(lines + file.read_bytes(), "file", found)

    assert len(found.runs) == 1
    assert found.notices[0].kind == "spool_unknown"
    assert found.notices[0].message.startswith("file: 2 lines")


def test_what_is_no_spool_is_told(folder: Path) -> None:
    """No line of it is what its sha256 says."""
    found = Spooled()

    assert not read_spool(b"a,b\n1,2\n", "file", found)
    assert read_spool(b"", "file", found)


# -- at the same time -----------------------------------------------------------------------------


def test_a_fork_writes_a_file_of_its_own(folder: Path, spool: Spool) -> None:
    """Parent and child never share an id, whatever they record."""
    record(spool, 0)
    children = []
    for n in range(1, 9):
        pid = os.fork()
        if pid == 0:
            try:
                record(spool, 0)
                record(spool, n)
            finally:
                os._exit(0)
        children.append(pid)
        record(spool, 0)
    for pid in children:
        os.waitpid(pid, 0)
    found = read(folder)

    assert len(list(folder.glob("*.spool"))) == 9
    assert len(found.runs) == 1 + 8 * 3
    assert found.notices == []


def test_a_fork_while_another_thread_records_does_not_hang(folder: Path, spool: Spool) -> None:
    """The child's lock is its own."""
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            record(spool)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(20):
            pid = os.fork()
            if pid == 0:
                signal.alarm(20)
                record(spool, 1)
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
    finally:
        stop.set()
        thread.join()

    assert numbers(folder).count(1) == 20


def test_threads_lose_nothing(folder: Path, spool: Spool) -> None:
    """Eight of them, all lines whole."""
    threads = [
        threading.Thread(target=lambda k=k: [record(spool, 100 * k + n) for n in range(100)])  # type: ignore[misc]
        for k in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert numbers(folder) == list(range(800))
    assert read(folder).notices == []


ENDLESS = """\
import sys
from pathlib import Path
from git_bt.spool import Spool
from git_bt.sweep_records import Sweep
spool = Spool(Path(sys.argv[1]))
n = 0
while True:
    given = {"started_ns": n, "elapsed_ns": 0, "status": "ok", "params": {"n": n}, "metrics": {}}
    spool.record(Sweep(name="ema"), **given)
    print(n, flush=True)
    n += 1
"""


def test_kill_loses_at_most_the_run_in_flight(folder: Path) -> None:
    """Whatever was said to be recorded is there, five times at moments of their own."""
    for k in range(5):
        place = folder / str(k)
        with subprocess.Popen(
            [sys.executable, "-c", ENDLESS, str(place)], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(0.01 * k)
            child.kill()
            said = [0, *(int(line) for line in child.stdout.read().splitlines() if line)]
        found = numbers(place)

        assert found == list(range(len(found)))
        assert len(found) - 1 <= len(said) <= len(found) + 1


# -- what can go wrong ----------------------------------------------------------------------------


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """In one line; whether a run goes on is not decided here."""
    (tmp_path / "bt").write_text("a file")

    with pytest.raises(CannotWork, match=r"cannot record in .*: "):
        record(Spool(tmp_path / "bt" / "spool"))


def test_a_full_disk_takes_one_line_and_no_other(
    folder: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system writes what it can; the next line begins anew."""
    write = os.write
    record(spool, 0)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda fd, data: write(fd, data[: len(data) // 2]))
        with pytest.raises(CannotWork, match="the disk is full"):
            record(spool, 1)
    record(spool, 2)

    assert numbers(folder) == [0, 2]
    assert [notice.kind for notice in read(folder).notices] == ["spool_unreadable"]


def test_a_repository_that_moves_keeps_its_runs(tmp_path: Path) -> None:
    """The file goes with it."""
    spool = Spool(tmp_path / "one" / "spool")
    record(spool, 0)
    (tmp_path / "one").rename(tmp_path / "two")
    record(spool, 1)
    spool.close()

    assert numbers(tmp_path / "two" / "spool") == [0, 1]


def test_a_long_file_is_followed_by_another(
    folder: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is whole by itself; their process stays one writer, whose count goes on."""
    monkeypatch.setattr("git_bt.spool._LONGEST", 500)
    digest = snapshot_id(CAPTURED.snapshot)
    for n in range(10):
        record(spool, n, sweep=Sweep(name="ema", snapshot=digest), code=CAPTURED)
    files = list(folder.glob("*.spool"))

    assert len(files) > 2
    assert all(encode_code(CAPTURED) in file.read_bytes() for file in files)
    assert numbers(folder) == list(range(10))
    runs = read(folder).runs.values()
    assert {run.writer for run in runs} == {spool.writer}
    assert sorted(run.seq for run in runs) == list(range(10))
