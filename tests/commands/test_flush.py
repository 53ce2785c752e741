"""What was spooled comes into the store exactly once, whatever happens on the way."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conftest import GitRepo
from git_bt.canonical import sha256
from git_bt.commands import flush as flushing
from git_bt.commands.flush import Flushed, flush, flush_at_exit, flush_to_read, merge
from git_bt.errors import CannotWork, Usage
from git_bt.fsck import fsck
from git_bt.model import Captured
from git_bt.objects import Objects
from git_bt.publish import lock
from git_bt.repo import Repo
from git_bt.spool import Spool, find_spool
from git_bt.store import Store
from store_cases import bytes_of, snapshot_of, swept_of

PYTHON = sys.executable


@pytest.fixture
def store(repo: GitRepo) -> Iterator[Store]:
    """Give the store of an empty repository."""
    found = Repo.find(repo.path)
    with Objects(found) as objects:
        yield Store(found, objects)


def folder(store: Store) -> Path:
    """Return the folder of a repository's spool."""
    found = find_spool(store.repo.common_dir.parent)
    assert found is not None
    return found


def fill(place: Path, number: int = 1, runs: int = 3, *, close: bool = True) -> Spool:
    """Leave the runs of a sweep in a spool."""
    spool = Spool(place)
    swept = swept_of(number, runs)
    for run in swept.runs:
        spool.record(
            swept.sweep, started_ns=run.started_ns, elapsed_ns=run.elapsed_ns, status=run.status,
            params=run.params, metrics=run.metrics, code=snapshot_of(number),
            surroundings=next(iter(swept.environments.values())),
        )  # fmt: skip
    if close:
        spool.close()
    return spool


def counts(store: Store) -> dict[str, int]:
    """Return how many runs each sweep has, by its name."""
    found = Store(store.repo, store.objects)
    sweeps = [found.sweep(digest) for digest in found.sweep_ids()]
    return {swept.sweep.name: len(swept.runs) for swept in sweeps}


def left(store: Store) -> list[str]:
    """Return the spool files that are left."""
    return sorted(path.name for path in folder(store).glob("*.spool"))


def is_whole(store: Store) -> bool:
    return fsck(store.repo, store.objects).problems == ()


# -- what comes in --------------------------------------------------------------------------------


def test_runs_code_and_surroundings_come_in(store: Store) -> None:
    """One transaction; nothing is left behind, and nothing to do the second time."""
    fill(folder(store))
    fill(folder(store), 2, 5)
    done = flush(store)
    found = {each.sweep.name: each for each in map(store.sweep, store.sweep_ids())}
    code = store.snapshot(found["sweep 1"].sweep.snapshot or "")

    assert done == Flushed(runs=8)
    assert {name: len(each.runs) for name, each in found.items()} == {"sweep 1": 3, "sweep 2": 5}
    assert found["sweep 1"].runs[2].metrics == {"sharpe": 2 / 3, "trades": 3}
    assert found["sweep 1"].environments == swept_of(1).environments
    assert bytes_of(code.content) == bytes_of(snapshot_of(1).content)
    assert store.repo.git("rev-list", "--count", "refs/bt/store").text == "1"
    assert left(store) == []
    assert flush(store) == Flushed()
    assert is_whole(store)


def test_an_empty_spool_costs_nothing(store: Store) -> None:
    """No lock, no process, no ref."""
    assert flush(store) == Flushed()
    assert not store.repo.cache_dir.exists()


def test_what_a_living_process_recorded_comes_in_and_stays(store: Store) -> None:
    """Its file is its own; what it adds comes in with the next flush, the rest not again."""
    spool = fill(folder(store), close=False)
    assert flush(store).runs == 3
    assert len(left(store)) == 1
    spool.record(swept_of(1).sweep, started_ns=9, elapsed_ns=9, status="ok", params={}, metrics={})
    assert flush(store).runs == 1
    spool.close()
    assert flush(store).runs == 0

    assert counts(store) == {"sweep 1": 4}
    assert left(store) == []


def test_at_an_exit_only_processes_that_have_ended_count(store: Store) -> None:
    """The others are at work, and would have to be read again."""
    spool = fill(folder(store), close=False)

    assert flush(store, living=False).runs == 0
    spool.close()
    assert flush(store, living=False).runs == 3


def test_many_files_come_in_in_batches(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more are open at once than the system allows."""
    monkeypatch.setattr(flushing, "_MOST_FILES", 3)
    for _ in range(8):
        fill(folder(store))

    assert flush(store).runs == 24
    assert counts(store) == {"sweep 1": 24}
    assert left(store) == []


def test_large_sweeps_are_parted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """No object gets too large for a host."""
    monkeypatch.setattr("git_bt.store_layout._MOST_ROWS", 4)
    fill(folder(store), runs=10)
    flush(store)
    names = store.repo.git("ls-tree", "-r", "--name-only", "refs/bt/store").text

    assert names.count(".csv") == 3
    assert counts(store) == {"sweep 1": 10}


# -- exactly once ---------------------------------------------------------------------------------


def test_a_flush_that_died_before_its_clean_up_is_made_good(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files are still there, and nothing comes in twice."""
    fill(folder(store))

    def die(file: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(flushing, "_put_away", die)
        with pytest.raises(KeyboardInterrupt):
            flush(store)
    assert len(left(store)) == 1
    before = store.refresh()

    assert flush(store).runs == 0
    assert store.refresh() == before
    assert left(store) == []
    assert counts(store) == {"sweep 1": 3}


def test_flushes_at_once_add_nothing_twice(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even without the lock that lets them wait for each other."""
    monkeypatch.setattr(
        flushing, "lock", lambda *args, **options: lock(*args, name=os.urandom(4).hex())
    )
    for _ in range(5):
        fill(folder(store))

    def work(number: int) -> None:
        with Objects(store.repo) as objects:
            flush(Store(store.repo, objects))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    flush(store)

    assert counts(store) == {"sweep 1": 15}
    assert left(store) == []
    assert is_whole(store)


SWEEPER = """\
import sys
import git_bt
for n in range(int(sys.argv[1])):
    with git_bt.recording("grid", params={"n": n, "who": sys.argv[2]}) as run:
        run.log(sharpe=n / 7)
    print(n, flush=True)
"""
READER = """\
import sys
from pathlib import Path
from git_bt.commands.flush import flush
from git_bt.objects import Objects
from git_bt.repo import Repo
from git_bt.store import Store
repo = Repo.find(Path(sys.argv[1]))
while True:
    with Objects(repo) as objects:
        flush(Store(repo, objects))
"""


def test_nothing_is_lost_or_doubled_when_everybody_is_killed(store: Store, tmp_path: Path) -> None:
    """Sweepers and flushers, killed at moments of their own; gc goes on beside them."""
    top = store.repo.top
    assert top is not None
    (top / "sweep.py").write_text(SWEEPER)
    said: dict[str, int] = {}
    for k in range(3):
        sweepers = {
            f"{k}-{w}": subprocess.Popen(
                [PYTHON, "sweep.py", "100000", f"{k}-{w}"], cwd=top, stdout=subprocess.PIPE
            )
            for w in range(2)
        }
        reader = subprocess.Popen([PYTHON, "-c", READER, str(top)])
        for process in sweepers.values():
            assert process.stdout is not None
            process.stdout.readline()
        time.sleep(0.3 + 0.2 * k)
        reader.send_signal(signal.SIGKILL)
        subprocess.run(["git", "gc", "-q", "--prune=now"], cwd=top, check=True)
        for name, process in sweepers.items():
            process.kill()
            out, _ = process.communicate()
            said[name] = 1 + len(out.splitlines())
        reader.wait()
    flush(store)
    runs = [run for digest in store.sweep_ids() for run in store.sweep(digest).runs]
    found = {name: sorted(r.params["n"] for r in runs if r.params["who"] == name) for name in said}  # type: ignore[type-var]

    assert is_whole(store)
    for name, numbers in found.items():
        assert numbers == list(range(len(numbers)))
        assert said[name] - 1 <= len(numbers) <= said[name] + 1
    assert left(store) == []


# -- what cannot be understood --------------------------------------------------------------------


def test_a_torn_file_is_said_and_removed(store: Store) -> None:
    """Its last run was in flight when its process was killed."""
    fill(folder(store))
    (file,) = folder(store).glob("*.spool")
    file.write_bytes(file.read_bytes()[:-9])
    done = flush(store)

    assert done.runs == 2
    assert [notice.kind for notice in done.notices] == ["spool_torn"]
    assert left(store) == []


def test_what_an_exit_finds_torn_is_said(store: Store) -> None:
    """By the process that ends: nobody else will see the file."""
    fill(folder(store))
    (file,) = folder(store).glob("*.spool")
    file.write_bytes(file.read_bytes()[:-9])

    assert [notice.kind for notice in flush_at_exit(folder(store))] == ["spool_torn"]
    fill(folder(store))
    assert flush_at_exit(folder(store)) == ()  # moments ago somebody did
    assert len(left(store)) == 1


def test_a_damaged_file_is_kept_aside(store: Store) -> None:
    """It is said once, and what could be read is in the store."""
    fill(folder(store))
    (file,) = folder(store).glob("*.spool")
    data = file.read_bytes()
    at = data.rindex(b"sharpe", 0, len(data) - 300)
    file.write_bytes(data[:at] + b"S" + data[at + 1 :])
    done = flush(store)

    assert done.runs == 2
    assert [notice.kind for notice in done.notices] == ["spool_unreadable"]
    assert left(store) == []
    assert (folder(store) / "damaged" / file.name).is_file()
    assert flush(store) == Flushed()


def test_a_file_of_a_later_version_waits_for_it(store: Store) -> None:
    """What is known comes in once, the rest is said each time."""
    fill(folder(store))
    (file,) = folder(store).glob("*.spool")
    later = b'{"version":2}\n'
    with file.open("ab") as out:
        out.write(b"run %s %s" % (sha256(later).encode(), later))
    one, two = flush(store), flush(store)

    assert (one.runs, two.runs) == (3, 0)
    assert [n.kind for n in one.notices] == [n.kind for n in two.notices] == ["spool_unknown"]
    assert len(left(store)) == 1


def test_runs_without_their_sweep_are_said(store: Store) -> None:
    """The line that says what they are runs of was damaged."""
    fill(folder(store))
    (file,) = folder(store).glob("*.spool")
    file.write_bytes(file.read_bytes().replace(b'{"engine"', b'{"ENGINE"', 1))
    done = flush(store)

    assert done.runs == 0
    assert {notice.kind for notice in done.notices} == {"spool_unreadable"}


def test_a_place_that_cannot_be_written_keeps_everything(store: Store) -> None:
    """A reading command goes on, and says what it does not know."""
    fill(folder(store))
    refs = store.repo.common_dir / "packed-refs.lock"
    refs.write_text("")
    impatient = Store(store.repo, store.objects, patience_s=0.1)

    with pytest.raises(CannotWork, match="lock file"):
        flush(impatient)
    (notice,) = flush_to_read(impatient)
    assert notice.kind == "spool_not_flushed"
    refs.unlink()
    assert flush(store).runs == 3


# -- spools of other machines ---------------------------------------------------------------------


def test_spools_of_other_machines_are_merged_once(store: Store, tmp_path: Path) -> None:
    """A file or a folder, again and again; the files stay."""
    fill(tmp_path / "away", runs=4)
    fill(tmp_path / "away", runs=2)
    one = min((tmp_path / "away").glob("*.spool"), key=lambda path: path.stat().st_size)

    assert merge(store, [one]).runs == 2
    assert merge(store, [tmp_path / "away"]).runs == 4
    assert merge(store, [one, tmp_path / "away"]).runs == 0
    assert counts(store) == {"sweep 1": 6}
    assert len(list((tmp_path / "away").glob("*.spool"))) == 2


def test_a_copy_of_a_file_that_came_in_adds_nothing(store: Store, tmp_path: Path) -> None:
    """It was copied while its process was at work."""
    spool = fill(folder(store), close=False)
    (file,) = folder(store).glob("*.spool")
    copy = shutil.copy(file, tmp_path / "copy.spool")
    spool.close()
    flush(store)

    assert merge(store, [Path(copy)]).runs == 0


def test_what_is_no_spool_is_not_merged(store: Store, tmp_path: Path) -> None:
    """Nor what is not there, nor a folder without any."""
    (tmp_path / "a.csv").write_text("a,b\n")
    (tmp_path / "empty").mkdir()
    for name, says in (
        ("a.csv", "is no spool"),
        ("gone", "cannot be read"),
        ("empty", "no spools"),
    ):
        with pytest.raises(Usage, match=says):
            merge(store, [tmp_path / name])


def test_code_with_an_escaping_path_comes_not_in(store: Store, tmp_path: Path) -> None:
    """A spool from elsewhere is not trusted; its runs count all the same."""
    good = snapshot_of(1)
    files = {"../../x.py": good.snapshot.files["signal.py"]}
    bad = Captured(
        snapshot=type(good.snapshot)(entry_point="../../x.py", method="yaml", files=files),
        content={"../../x.py": good.content["signal.py"]},
    )
    spool = Spool(tmp_path)
    swept = swept_of(1)
    spool.record(
        swept.sweep, started_ns=1, elapsed_ns=1, status="ok", params={}, metrics={}, code=bad
    )
    spool.close()
    done = merge(store, [tmp_path])

    assert done.runs == 1
    assert [notice.kind for notice in done.notices] == ["spool_unreadable"]
    assert "snapshots" not in store.repo.git("ls-tree", "-r", "refs/bt/store").text
