"""`git_bt.recording` records any code, and never stands in its way."""

import asyncio
import datetime
import decimal
import enum
import fractions
import logging
import math
import pathlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import git_bt
from conftest import GitRepo
from git_bt import recorder
from git_bt.spool_reading import Spooled, read_spool
from git_bt.sweep_records import SweepRun

PYTHON = sys.executable


@pytest.fixture(autouse=True)
def forgotten(in_repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let each test be a process of its own, in a repository of its own."""
    monkeypatch.setattr("git_bt.recorder.atexit.register", lambda function: function)
    # The program is pytest, whose own files lie in no repository of the test.
    monkeypatch.setenv("GIT_BT_SPOOL", str(in_repo.path / "spool"))
    recorder._warned.clear()
    recorder._process.cache_clear()
    yield
    if recorder._process.cache_info().currsize and recorder._process().spool is not None:
        recorder._process().spool.close()  # type: ignore[union-attr]
    recorder._process.cache_clear()


def spooled() -> Spooled:
    """Read what this process has left."""
    found = Spooled()
    for path in sorted(Path("spool").glob("*.spool")):
        assert read_spool(path.read_bytes(), path.name, found)
    return found


def runs() -> list[SweepRun]:
    """Return the runs in order."""
    return sorted(spooled().runs.values(), key=lambda run: run.seq)


# -- what is recorded -----------------------------------------------------------------------------


def test_a_run_is_recorded() -> None:
    """Name, parameters, metrics, time, and what it ran on."""
    with git_bt.recording("ema", params={"fast": 5}) as run:
        run.log({"sharpe": 1.5})
        run.log(trades=3)
    (found,) = runs()
    (sweep,) = spooled().sweeps.values()
    (around,) = spooled().environments.values()

    assert (sweep.name, found.status, found.error) == ("ema", "ok", None)
    assert (found.params, found.metrics) == ({"fast": 5}, {"sharpe": 1.5, "trades": 3})
    assert found.elapsed_ns > 0
    assert around.packages["numpy"] == np.__version__


class Color(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (np.float64(1.5), 1.5), (np.float32(0.5), 0.5), (np.int32(4), 4), (np.bool_(True), True),
        (np.array(7), 7), (np.str_("a"), "a"), (np.datetime64("2020-01-02"), "2020-01-02"),
        (pd.Timestamp("2020-01-02"), "2020-01-02T00:00:00"), (decimal.Decimal("1.5"), 1.5),
        (fractions.Fraction(1, 3), "1/3"), (datetime.date(2020, 1, 2), "2020-01-02"),
        (datetime.timedelta(hours=1), "1:00:00"), (pathlib.PurePosixPath("a/b"), "a/b"),
        (Color.RED, "red"), (enum.IntEnum("N", "ONE").ONE, 1), ([1, 2], "[1, 2]"),
        ({"b": 1}, '{"b": 1}'), ({2, 1}, "[1, 2]"), (len, "len"), (dict, "dict"),
        (10**50, str(10**50)), ("a\udc80", "a\\udc80"), (True, True), (None, None), (-0.0, -0.0),
        (10**40 - 1, 10**40 - 1), (1 - 10**40, 1 - 10**40), (np.longdouble(1.5), 1.5),
    ],
)  # fmt: skip
def test_values_that_programs_have(given: Any, kept: Any) -> None:
    """Numpy's become Python's; what has a short text becomes that."""
    with git_bt.recording("x", params={"v": given}) as run:
        run.log(v=given)
    (found,) = runs()

    for group in (found.params, found.metrics):
        assert group == {"v": kept}
        assert type(group["v"]) is type(kept)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float64("nan")])
def test_numbers_that_are_none_are_kept(value: float) -> None:
    """A ratio without trades is no number, and that is worth knowing."""
    with git_bt.recording("x") as run:
        run.log(sharpe=value)

    assert repr(runs()[0].metrics["sharpe"]) == repr(float(value))


class Rude:
    """A value that raises whatever is asked of it."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("leave me alone")


@pytest.mark.parametrize(
    "value", [object(), "x" * 5000, pd.DataFrame({"a": [1]}), np.arange(3), Rude, {(1, 2): 3}]
)
def test_what_no_cell_can_hold_is_left_out_and_said_once(
    value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The rest of the run is recorded."""
    value = Rude() if value is Rude else value
    for _ in range(3):
        with git_bt.recording("x", params={"bad": value, "good": 1}):
            pass

    assert [run.params for run in runs()] == [{"good": 1}] * 3
    assert len(caplog.records) == 1
    assert "parameter bad is not recorded" in caplog.text


@pytest.mark.parametrize("values", [5, "text", [1, 2], Rude])
def test_what_is_no_mapping_is_said(values: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Given as parameters, and logged."""
    values = Rude() if values is Rude else values
    with git_bt.recording("x", params=values) as run:
        run.log(values)
        run.log(good=1)

    assert runs()[0].metrics == {"good": 1}
    assert len(caplog.records) == 2


def test_names_are_made_such_as_a_header_can_hold() -> None:
    """Of any type, and without control characters."""
    with git_bt.recording("x", params={1: 1, "a\nb": 2, "": 3, "é": 4}):
        pass

    assert runs()[0].params == {"1": 1, "a\\nb": 2, "": 3, "é": 4}


def test_a_series_is_logged_as_it_is() -> None:
    """As backtesting.py returns it: what is no single value is left out."""
    with git_bt.recording("x") as run:
        run.log(
            pd.Series({"Return [%]": 5.5, "Start": pd.Timestamp("2020-01-02"), "_t": [object()]})
        )

    assert runs()[0].metrics["Return [%]"] == 5.5
    assert runs()[0].metrics["Start"] == "2020-01-02T00:00:00"


# -- how it ends ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("no\nmore"), "ValueError: no more"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (SystemExit(2), "SystemExit: 2"),
    ],
)
def test_an_exception_is_recorded_and_goes_on(error: BaseException, said: str) -> None:
    """The caller gets the very same."""

    def work() -> None:
        with git_bt.recording("x", {"a": 1}) as run:
            run.log(seen=1)
            raise error

    with pytest.raises(type(error)) as caught:
        work()
    (found,) = runs()

    assert caught.value is error
    assert (found.status, found.error, found.metrics) == ("failed", said, {"seen": 1})


def test_a_program_that_exits_well_has_ended_well() -> None:
    """sys.exit() inside is no failure."""
    with pytest.raises(SystemExit), git_bt.recording("x"):
        sys.exit(0)

    assert runs()[0].status == "ok"


def test_an_exception_that_cannot_say_what_it_is() -> None:
    """Its type is said."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    with pytest.raises(Mute), git_bt.recording("x"):
        raise Mute

    assert runs()[0].error == "Mute"


def test_what_is_logged_after_the_end_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """It would be lost in silence."""
    with git_bt.recording("x") as run:
        pass
    run.log(late=1)

    assert "over" in caplog.text
    assert runs()[0].metrics == {}


# -- one inside another, and at the same time -----------------------------------------------------


def test_one_run_inside_another() -> None:
    """The inner ends first, and each has its own metrics."""
    with git_bt.recording("outer") as outer:
        with git_bt.recording("inner") as inner:
            inner.log(a=1)
        outer.log(b=2)

    assert [run.metrics for run in runs()] == [{"a": 1}, {"b": 2}]


def test_threads_and_coroutines() -> None:
    """Each run keeps what was logged to it."""

    async def one(number: int) -> None:
        with git_bt.recording("async", {"n": number}) as run:
            await asyncio.sleep(0.001 * (5 - number))
            run.log(n=number)

    async def all_of_them() -> None:
        await asyncio.gather(*map(one, range(5)))

    def work(number: int) -> None:
        for _ in range(20):
            with git_bt.recording("thread", {"n": number}) as run:
                run.log(n=number)

    asyncio.run(all_of_them())
    threads = [threading.Thread(target=work, args=(n,)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(runs()) == 105
    assert all(run.params == run.metrics for run in runs())


def test_a_generator_that_is_left() -> None:
    """Two of them, one after the other, and one that is closed before its end."""

    def steps(number: int) -> Iterator[int]:
        with git_bt.recording("steps", {"n": number}) as run:
            run.log(first=1)
            yield 1
            run.log(second=2)

    one, two = steps(1), steps(2)
    next(one)
    next(two)
    one.close()
    list(two)

    assert [(run.params["n"], run.status, run.error) for run in runs()] == [
        (1, "failed", "GeneratorExit"),
        (2, "ok", None),
    ]


def test_a_function_that_is_decorated() -> None:
    """Each call is a run."""

    @git_bt.recording("f")
    def double(number: int) -> int:
        return 2 * number

    assert (double(1), double(2)) == (2, 4)
    assert len(runs()) == 2


# -- what can go wrong ----------------------------------------------------------------------------


def test_a_spool_that_cannot_be_written_is_one_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The run goes on, and gives what it gives."""
    Path("spool").write_text("in the way")
    for n in range(5):
        with git_bt.recording("x", {"n": n}) as run:
            run.log(n=n)

    assert len(caplog.records) == 1
    assert caplog.records[0].levelno == logging.WARNING
    assert "cannot record in" in caplog.text


def test_an_unknown_mode_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """The run is recorded, with the program's own file."""
    with git_bt.recording("x", code_capture_mode="everything"):
        pass

    assert len(runs()) == 1
    assert "code_capture_mode" in caplog.text


# -- as a program ---------------------------------------------------------------------------------


def script(repo: GitRepo, text: str, *, name: str = "sub/s.py", **env: str) -> Any:
    """Run a script of a repository, and return how it ended."""
    repo.write(name, text)
    return subprocess.run(
        [PYTHON, name], cwd=repo.path, capture_output=True, text=True,
        env={**__import__("os").environ, **env},
    )  # fmt: skip


SCRIPT = """\
import git_bt
with git_bt.recording("x", {"n": 1}) as run:
    run.log(n=1)
print("goes on")
"""


def test_the_programs_own_file_is_captured(repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its path from the project root, exactly as it lies there."""
    monkeypatch.delenv("GIT_BT_SPOOL")
    done = script(repo, SCRIPT)
    tree = repo.git("ls-tree", "-r", "--name-only", "refs/bt/store")
    (path,) = [line for line in tree.splitlines() if line.endswith("strategy/sub/s.py")]

    assert (done.stdout, done.stderr) == ("goes on\n", "")
    assert repo.git("show", f"refs/bt/store:{path}") == SCRIPT.rstrip("\n")


def test_local_modules_are_captured_where_it_is_asked_for(
    repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `git bt capture --mode imports` does."""
    monkeypatch.delenv("GIT_BT_SPOOL")
    repo.write("sub/helper.py", "X = 1\n")
    script(
        repo,
        "import helper\n" + SCRIPT.replace('{"n": 1})', '{"n": 1}, code_capture_mode="imports")'),
    )

    assert "strategy/sub/helper.py" in repo.git("ls-tree", "-r", "--name-only", "refs/bt/store")


def test_code_that_is_edited_during_the_run_is_that_of_its_beginning(
    repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ran counts, not what lies there at the end."""
    monkeypatch.delenv("GIT_BT_SPOOL")
    edit = "    __import__('pathlib').Path(__file__).write_text('other')\n"
    script(repo, SCRIPT.replace("    run.log(n=1)\n", edit))
    tree = repo.git("ls-tree", "-r", "--name-only", "refs/bt/store")
    (path,) = [line for line in tree.splitlines() if line.endswith("strategy/sub/s.py")]

    assert repo.git("show", f"refs/bt/store:{path}").startswith("import git_bt")


def test_outside_a_repository_there_is_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run goes on."""
    monkeypatch.delenv("GIT_BT_SPOOL")
    plain = GitRepo(tmp_path / "plain")
    done = script(plain, SCRIPT + SCRIPT, name="s.py")

    assert done.stdout == "goes on\n" * 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("git-bt: no git repository at ")
    assert done.returncode == 0


def test_a_machine_without_the_repository_records_for_another(tmp_path: Path) -> None:
    """Into the folder that GIT_BT_SPOOL names; at the exit it stays there."""
    plain = GitRepo(tmp_path / "plain")
    done = script(plain, SCRIPT, name="s.py", GIT_BT_SPOOL=str(tmp_path / "away"))

    assert (done.stdout, done.stderr) == ("goes on\n", "")
    assert len(list((tmp_path / "away").glob("*.spool"))) == 1


POOL = """\
import multiprocessing, sys
import git_bt
def one(n):
    with git_bt.recording("pool", {"n": n}) as run:
        run.log(n=n)
if __name__ == "__main__":
    with multiprocessing.get_context(sys.argv[1]).Pool(3) as pool:
        pool.map(one, range(40))
"""


@pytest.mark.parametrize("how", ["fork", "spawn"])
def test_workers_record_too(repo: GitRepo, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """Every run is there, under the same code."""
    from git_bt.commands.sweep import show

    monkeypatch.delenv("GIT_BT_SPOOL")
    repo.write("pool.py", POOL)
    subprocess.run([PYTHON, "pool.py", how], cwd=repo.path, check=True)
    report = show("pool", cwd=repo.path)

    assert (report.head.runs, report.head.settings) == (40, 40)
    assert report.head.snapshot is not None


FORK = """\
import os, sys
import git_bt
with git_bt.recording("outer"):
    if os.fork() == 0:
        with git_bt.recording("inner"):
            sys.exit(0)
    os.wait()
"""


def test_a_fork_that_leaves_a_run_does_not_end_it(
    repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is that of the process that began it, and its end comes once."""
    from git_bt.commands.sweep import ls

    monkeypatch.delenv("GIT_BT_SPOOL")
    repo.write("forks.py", FORK)
    subprocess.run([PYTHON, "forks.py"], cwd=repo.path, check=True)

    assert {each.name: each.runs for each in ls(cwd=repo.path).sweeps} == {"outer": 1, "inner": 1}


def test_importing_git_bt_costs_nothing() -> None:
    """Neither modules of ours nor git; recording's own come with the first use."""
    code = "import sys, git_bt; print([m for m in sys.modules if m.startswith('git_bt.')])"
    done = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_a_run_starts_no_git(
    repo: GitRepo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nor GitPython: the repository is found by looking."""
    monkeypatch.delenv("GIT_BT_SPOOL")
    done = script(
        repo,
        SCRIPT + "import os, sys\nprint('git' in sys.modules, flush=True)\nos._exit(0)\n",
        PATH=str(tmp_path),
    )

    assert (done.stdout, done.stderr) == ("goes on\nFalse\n", "")
    assert len(list((repo.path / ".git" / "bt" / "spool").glob("*.spool"))) == 1
