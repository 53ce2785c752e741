"""`git bt run` and `git_bt.autocapture()`: real engines, untouched strategies."""

import ast
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import GitRepo
from environments import packages
from git_bt.commands.promote import promote
from git_bt.commands.run import run
from git_bt.commands.sweep import show
from git_bt.errors import CannotWork, Usage
from git_bt.sweep_records import run_order, sweep_run_id
from git_bt.sweeping import WorkTree
from projects import PYTHON, bt, checked
from scriptkit import (
    AUTO,
    HELPER,
    LRVX,
    STRATEGIES,
    Packed,
    project,
    ran,
    spooled,
    stored,
)

__all__ = ["project"]

METRIC = {"lrvx": "total_trades", "backtesting": "# Trades", "backtrader": "value"}
PRINTS = {"lrvx": "14\n", "backtesting": "10\n", "backtrader": "10001.0\n"}


# -- real engines ---------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", STRATEGIES)
def test_an_untouched_strategy_becomes_a_bundle(engine: str, packed: Packed) -> None:
    """Its output is its own, its one run is recorded with its code, and the bundle reproduces."""
    project, done = packed(engine)
    answer = checked(json.loads((project.path / "run.json").read_text()))
    ((swept, files),) = stored(project)
    (row,) = swept.runs

    assert (done.code, done.out) == (0, PRINTS[engine])
    assert answer["codes"][0]["entry_point"] == f"{engine}_strategy.py"
    assert answer["codes"][0]["confidence"] == 1.0
    assert answer["warnings"] == []
    assert files.keys() == {f"{engine}_strategy.py", "helper.py"}
    assert row.status == "ok"
    assert row.bundle == answer["bundle"]
    assert METRIC[engine] in row.metrics
    judged = bt("validate", answer["bundle"], "--python", PYTHON, "--json", cwd=project).json
    assert judged["bundles"][0]["verdict"] == "reproduced", judged
    shown = bt("show", answer["bundle"], "--json", cwd=project).json
    assert shown["metrics"]["fill_count"] > 5
    with pytest.raises(Usage, match=f"is bundle {row.bundle[:12]} already"):
        promote(sweep_run_id(row), step=print, cwd=project.path)


@pytest.mark.parametrize("engine", STRATEGIES)
def test_autocapture_records_the_same(engine: str, project: GitRepo) -> None:
    """One line in the program, before the engine is imported."""
    name = f"{engine}_strategy.py"
    project.write(name, AUTO + STRATEGIES[engine])
    done = subprocess.run([PYTHON, name], cwd=project.path, capture_output=True, text=True)
    ((swept, files),) = stored(project)
    (row,) = swept.runs

    assert done.stderr == ""
    assert swept.sweep.engine == engine
    assert swept.sweep.name == f"{engine}_strategy"
    assert files.keys() == {name}
    assert METRIC[engine] in row.metrics


def test_each_backtest_of_an_optimization_is_a_run(project: GitRepo) -> None:
    """Also those of worker processes: a sweep, with one row for each set of parameters."""
    done = ran(project, "python", "backtesting_strategy.py", "optimize")
    found = spooled(project)
    (sweep,) = found.sweeps.values()

    assert done.code == 0
    assert {run.params["every"] for run in found.runs.values()} == {4, 5, 6}
    assert {run.params["cash"] for run in found.runs.values()} == {10_000}
    assert sweep.engine == "backtesting"


@pytest.mark.parametrize("cpus", [1, 2])
def test_each_setting_of_cerebros_optimization_is_a_run(cpus: int, project: GitRepo) -> None:
    """In this process, and in the workers of a pool."""
    text = STRATEGIES["backtrader"].replace(
        "addstrategy(Every, every=5)", "optstrategy(Every, every=[4, 5])"
    )
    text = text.replace("cerebro.run()", f"print(len(cerebro.run(maxcpus={cpus})))").rpartition(
        "    print"
    )[0]
    project.write("backtrader_strategy.py", text)
    done = ran(project, "python", "backtrader_strategy.py")
    found = spooled(project)

    assert (done.code, done.out) == (0, "2\n")
    assert {run.params["every"]: run.metrics["value"] for run in found.runs.values()} == {
        4: 10000.0, 5: 10001.0
    }  # fmt: skip


def test_what_ran_is_said_once_whichever_processes_it_ran_in(project: GitRepo) -> None:
    """Runs of the same code are counted together."""
    forks = "\n    import os\n    if os.fork() == 0: backtest(0.001); os._exit(0)\n    os.wait()\n"
    project.write("lrvx_strategy.py", LRVX + forks + "    backtest(0.002)\n")
    done = ran(project, "python", "lrvx_strategy.py", before=("--output", "run.json"))
    (code,) = checked(json.loads((project.path / "run.json").read_text()))["codes"]

    assert code["runs"] == len(spooled(project).runs) == 3, done.err


def test_the_surroundings_are_recorded(project: GitRepo) -> None:
    """Python, platform, argv, loaded distributions, commit, and what differs from it."""
    commit = project.git("rev-parse", "HEAD")
    project.write("helper.py", "EVERY = 5\n")
    ran(project, "python", "lrvx_strategy.py", "--fast", "3")
    (around,) = spooled(project).environments.values()

    assert around.argv == ("lrvx_strategy.py", "--fast", "3")
    assert around.packages.keys() == {"lrvx", "numpy"}
    assert (around.commit, around.is_dirty) == (commit, True)
    assert around.diff is not None
    assert "-EVERY = 4\n+EVERY = 5\n" in around.diff
    (shown,) = show(cwd=project.path).work_trees
    assert shown == WorkTree(commit=commit, is_dirty=True, diff=around.diff, runs=1)


def test_autocapture_knows_the_surroundings_too(project: GitRepo) -> None:
    """Git is asked once, beside the first run."""
    project.write("lrvx_strategy.py", AUTO + LRVX + "    backtest(0.002)\n")
    subprocess.run([PYTHON, "lrvx_strategy.py"], cwd=project.path, check=True)
    ((swept, _),) = stored(project)
    (around,) = swept.environments.values()

    assert len(swept.runs) == 2
    assert around.commit == project.git("rev-parse", "HEAD")
    assert around.is_dirty is True


# -- the command is the user's --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("import sys; sys.exit(7)", 7),
        ("raise SystemExit", 0),
        ("import os; os.kill(os.getpid(), 9)", 137),
    ],
)
def test_it_ends_with_the_code_of_the_command(text: str, code: int, project: GitRepo) -> None:
    """Whatever that is; of a signal, as shells say it."""
    assert ran(project, "python", "-c", text).code == code


def test_input_and_output_are_the_commands(project: GitRepo) -> None:
    """Stdin goes to it, stdout is its own, and what we say is on stderr."""
    done = subprocess.run(
        [PYTHON, "-m", "git_bt", "run", "--", PYTHON, "-c", "print(input()[::-1])"],
        cwd=project.path, input="abc\n", capture_output=True, text=True,
    )  # fmt: skip

    assert done.stdout == "cba\n"
    assert "nothing was captured: the command ran no backtest" in done.stderr


def test_runs_that_a_command_records_itself_are_pointed_at(project: GitRepo) -> None:
    """They are no backtest of an engine, and are captured all the same."""
    project.write("own.py", "import git_bt\nwith git_bt.recording('own'): pass\n")
    done = ran(project, "python", "own.py")

    assert "the command recorded runs of its own" in done.err
    assert "nothing was captured" not in done.err
    assert [swept.sweep.name for swept, _ in stored(project)] == ["own"]


def test_a_command_without_python_gets_a_line(project: GitRepo) -> None:
    """It runs, and the line says what cannot be watched."""
    done = ran(project, "sh", "-c", "echo hello; exit 3")

    assert (done.code, done.out) == (3, "hello\n")
    assert "sh started no Python that can be watched" in done.err


@pytest.mark.parametrize(
    ("word", "message", "hint"),
    [
        ("no-such-program", "no such command: no-such-program", "git bt run -- COMMAND"),
        ("./lrvx_strategy.py", "cannot start ./lrvx_strategy.py", "git bt run -- python ./lrvx"),
    ],
)
def test_what_cannot_be_started_is_one_line(
    word: str, message: str, hint: str, project: GitRepo
) -> None:
    """A script without its interpreter is the common case, so the hint spells it out."""
    with pytest.raises(Usage, match=message) as raised:
        run([word], cwd=project.path)

    assert raised.value.hint is not None
    assert raised.value.hint.startswith(hint)


def test_nothing_runs_without_a_repository_or_a_tape(project: GitRepo, tmp_path: Path) -> None:
    """What cannot be recorded is said before the command starts."""
    plain = tmp_path / "plain"
    plain.mkdir()
    with pytest.raises(CannotWork, match="repository"):
        run(["touch", "ran"], cwd=plain)
    done = ran(project, "touch", "ran", before=("--tape", "gone.csv"))

    assert done.code == 3
    assert list(plain.iterdir()) == []
    assert not (project.path / "ran").exists()


def test_no_command_is_a_usage_error(project: GitRepo) -> None:
    """The example says how."""
    done = bt("run", cwd=project)

    assert done.code == 2
    assert "git bt run -- python my_strategy.py" in done.err


def test_a_strategy_that_raises_is_recorded_as_failed(project: GitRepo) -> None:
    """Its exit code and its traceback are its own."""
    text = LRVX.replace("self.count += 1", "raise ValueError('no more')")
    project.write("lrvx_strategy.py", text + "    raise SystemExit(4)\n")
    project.write("b.py", STRATEGIES["backtrader"].replace("if len(self)", "1 / 0\n        if len"))
    done = subprocess.run(
        [PYTHON, "-m", "git_bt", "run", "--", PYTHON, "b.py"],
        cwd=project.path, capture_output=True, text=True,
    )  # fmt: skip
    (row,) = spooled(project).runs.values()

    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert (row.status, row.error) == ("failed", "ZeroDivisionError: division by zero")


def test_text_that_is_no_unicode_costs_no_record(project: GitRepo) -> None:
    """A parameter or an error may name a path whose bytes are no UTF-8: it is escaped."""
    text = STRATEGIES["backtesting"].replace("every = EVERY", "every = EVERY; path = ''")
    given = text.replace("run(every=5)", "run(path='\\udcff')")
    project.write("given.py", given)
    raised = given.replace("(self): pass", "(self): open(self.path)")
    project.write("raised.py", f"import sys; sys.excepthook = print\n{raised}")
    ran(project, "python", "given.py")
    done = ran(project, "python", "raised.py")
    rows = sorted((row for swept, _ in stored(project) for row in swept.runs), key=run_order)

    assert "nothing is stored" not in done.err
    assert [row.params["path"] for row in rows] == ["\\udcff"] * 2
    assert [row.error is None for row in rows] == [True, False]
    assert (rows[1].error or "").endswith("'\\udcff'")


def test_several_backtests_are_no_bundle(project: GitRepo) -> None:
    """They are runs of a sweep, and it says so."""
    project.write("lrvx_strategy.py", LRVX + "    backtest(0.002)\n")
    done = ran(project, "python", "lrvx_strategy.py", before=("--tape", "data/bars.csv"))

    assert "recorded 2 runs on lrvx" in done.err
    assert "not packed: the command made 2 backtests" in done.err
    assert [row.bundle for row in spooled(project).runs.values()] == [None, None]


@pytest.mark.parametrize(
    ("words", "entry"),
    [
        (["python", "-m", "lrvx_strategy"], "lrvx_strategy.py"),
        (["sh", "-c", f"exec {PYTHON} lrvx_strategy.py"], "lrvx_strategy.py"),
        (["python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"], "test_it.py"),
        (["python", "workers.py"], "workers.py"),
    ],
    ids=["-m", "through a shell", "pytest", "spawned worker"],
)
def test_it_gets_into_every_process(words: list[str], entry: str, project: GitRepo) -> None:
    """A module, what a shell starts, pytest, and the workers of a program."""
    project.write("test_it.py", "from lrvx_strategy import backtest\ndef test_it(): backtest()\n")
    project.write(
        "workers.py",
        "import multiprocessing as mp\nfrom lrvx_strategy import backtest\n"
        "if __name__ == '__main__':\n    p = mp.get_context('spawn').Process(target=backtest)\n"
        "    p.start(); p.join()\n",
    )
    done = ran(project, *words, PYTHONPATH=str(project.path))
    ((swept, files),) = stored(project)

    assert done.code == 0
    assert len(swept.runs) == 1
    assert files.keys() == {*{entry, "lrvx_strategy.py"}, "helper.py"}
    assert ("--tape PATH packs" in done.err) == (entry == "lrvx_strategy.py")


def test_typed_code_has_the_files_of_strategy_yaml(project: GitRepo) -> None:
    """It is in no file itself, as is said, and nothing that --tape would pack."""
    project.write("strategy.yaml", "files: [lrvx_strategy.py, helper.py]\n")
    called = ran(project, "python", "-c", "import lrvx_strategy as s; s.backtest()")
    words = ("python", "-c", f"exec({LRVX.partition('if __name__')[0]!r}); backtest()")
    typed = ran(project, *words)
    packed = ran(project, *words, before=("--tape", "data/bars.csv"))
    found = stored(project)

    assert "--tape PATH" not in called.err + typed.err
    assert "lists was captured; the code that ran is in no file" in " ".join(typed.err.split())
    assert "not packed: code of a prompt, of -c or of standard input cannot be" in " ".join(
        packed.err.split()
    )
    assert [files.keys() for _, files in found] == [{"lrvx_strategy.py", "helper.py"}] * len(found)
    assert sum(len(swept.runs) for swept, _ in found) == 3


def test_a_notebook_is_watched_too(project: GitRepo) -> None:
    """Its kernel is a process like any other; the executed cells are captured."""
    from capture.programs import EXECUTE, notebook

    notebook(project.path / "a.ipynb", "from lrvx_strategy import backtest", "backtest()")
    words = ["python", "-c", EXECUTE, "a.ipynb", str(project.path)]
    done = ran(project, *words, before=("--tape", "data/bars.csv"))
    ((swept, files),) = stored(project)

    assert done.code == 0
    assert files.keys() == {"a.ipynb", "a_executed.py", "helper.py", "lrvx_strategy.py"}
    assert "not packed: code of a notebook cannot be run again by itself" in done.err
    assert len(swept.runs) == 1


def test_a_sitecustomize_of_the_users_runs_as_before(project: GitRepo, tmp_path: Path) -> None:
    """Ours hands on to it, is not on sys.path, and imports nothing of ours without an engine."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("WHO = 'the user'\n")
    text = (
        "import sys, sitecustomize as s; print(s.WHO, s.__file__); "
        "print([p for p in sys.path if 'live' in p], 'git_bt' in sys.modules)"
    )
    done = ran(project, "python", "-c", text, PYTHONPATH=str(folder))
    without = ran(project, "python", "-c", "import sitecustomize; print(sitecustomize.HERE)")

    assert done.out == f"the user {folder / 'sitecustomize.py'}\n[] False\n"
    assert without.code == 0


def test_the_code_that_began_to_run_is_captured(project: GitRepo) -> None:
    """A file that is edited while the backtest goes on is taken as it was, and it is said."""
    text = LRVX.replace("self.count += 1", "self.count += 1; open('helper.py', 'w').write('')")
    project.write("lrvx_strategy.py", text)
    done = ran(project, "python", "lrvx_strategy.py")
    ((_, files),) = stored(project)

    assert files["helper.py"].decode() == HELPER
    assert "helper.py was changed while the command ran" in " ".join(done.err.split())


def test_a_strategy_that_deletes_itself_still_runs(project: GitRepo) -> None:
    """A capture problem never fails the run; it is a warning."""
    text = "import os; os.remove(__file__)\n" + LRVX
    project.write("lrvx_strategy.py", AUTO + text)
    done = subprocess.run(
        [PYTHON, "lrvx_strategy.py"], cwd=project.path, capture_output=True, text=True
    )
    project.write("lrvx_strategy.py", text)
    below = ran(project, "python", "lrvx_strategy.py")

    assert (done.returncode, done.stdout) == (below.code, below.out) == (0, "14\n")
    assert "source_changed_since_load" in done.stderr
    assert "Traceback" not in done.stderr + below.err
    assert "its code could not be captured" in below.err
    assert "--tape PATH" not in below.err


def test_nobody_to_tell_fails_no_run() -> None:
    """Stderr may be a pipe whose reader has gone."""
    code = "import os; r, w = os.pipe(); os.close(r); os.dup2(w, 2)\n"
    code += "from git_bt.live.hooks import tell; tell('a run is not captured'); print('goes on')"
    done = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (0, "goes on\n")


def test_a_tape_elsewhere_is_not_packed(project: GitRepo, tmp_path: Path) -> None:
    """A bundle must move as one: tape and strategy lie in one project."""
    shutil.copy(project.path / "data/bars.csv", tmp_path / "bars.csv")
    tape = str(tmp_path / "bars.csv")
    done = ran(project, "python", "lrvx_strategy.py", before=("--tape", tape))

    assert "not packed: tape and strategy do not lie in one project" in " ".join(done.err.split())


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT"])
def test_a_signal_ends_the_command_and_not_its_record(name: str, project: GitRepo) -> None:
    """Sent to us, as by kill, or to all, as by a terminal: what was run by then is recorded."""
    number = signal.Signals[name]
    text = LRVX + "    import time; print('up', flush=True); time.sleep(60)\n"
    project.write("lrvx_strategy.py", "import signal; signal.signal(2, signal.SIG_DFL)\n" + text)
    process = subprocess.Popen(
        [PYTHON, "-m", "git_bt", "run", "--", PYTHON, "lrvx_strategy.py"],
        cwd=project.path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    with process.stdout:
        assert "up\n" in iter(process.stdout.readline, "")
        by_terminal = name in ("SIGINT", "SIGQUIT")
        (os.killpg if by_terminal else os.kill)(process.pid, number)

        assert process.wait(120) == 128 + number
    assert len(spooled(project).runs) == 1


# -- other interpreters ---------------------------------------------------------------------------


def test_an_interpreter_without_git_bt_is_watched(project: GitRepo, tmp_path: Path) -> None:
    """The hooks come from the git-bt that was called, and need the standard library only."""
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    site = packages(tmp_path / "packages", "backtrader")
    words = [str(python), "backtrader_strategy.py"]
    done = ran(project, *words, before=("--tape", "data/bars.csv"), PYTHONPATH=str(site))

    assert "packed as bundle" in done.err, done.err


# Found now: a test has another home.
PYENV = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")


def oldest_python() -> str | None:
    found = [*map(str, PYENV.glob("versions/3.9.*/bin/python")), shutil.which("python3.9") or ""]
    for python in filter(None, found):
        if subprocess.run([python, "-c", ""], capture_output=True).returncode == 0:
            return python
    return None


def test_the_oldest_python_is_watched(project: GitRepo, tmp_path: Path) -> None:
    """What rides along works from Python 3.9 on."""
    python = oldest_python()
    if python is None:
        pytest.skip("no Python 3.9 here")
    site = packages(tmp_path / "packages", "backtrader")
    done = ran(project, python, "backtrader_strategy.py", PYTHONPATH=str(site))

    assert "recorded 1 run on backtrader: backtrader_strategy.py" in done.err, done.err


def test_autocapture_refuses_an_unknown_level() -> None:
    """At once, naming the levels; nothing is installed."""
    import git_bt

    before = list(sys.meta_path)
    with pytest.raises(ValueError, match="DEBUG, INFO, WARNING, ERROR"):
        git_bt.autocapture(code_capture_log_level="LOUD")

    assert sys.meta_path == before


def test_a_run_costs_little_after_the_first(project: GitRepo) -> None:
    """A hundred runs keep the code once: a fifth of a hundred copies at most, rows included."""
    text = AUTO + LRVX + "    for n in range(99): backtest()\n"
    project.write("lrvx_strategy.py", text)
    before = object_bytes(project)
    subprocess.run([PYTHON, "lrvx_strategy.py"], cwd=project.path, check=True)
    ((swept, files),) = stored(project)

    assert len(swept.runs) == 100
    assert files == {"lrvx_strategy.py": text.encode()}
    assert object_bytes(project) - before < 0.2 * 100 * len(text)


def object_bytes(repo: GitRepo) -> int:
    """Return how much all objects of a repository take on disk, loose or packed."""
    batch = ("--batch-all-objects", "--batch-check=%(objectsize:disk)")
    return sum(map(int, repo.git("cat-file", *batch).split()))


def test_nothing_of_ours_is_called_while_a_backtest_runs(project: GitRepo) -> None:
    """It takes as long as ever: the hooks stand before it and after it."""
    watching = STRATEGIES["backtesting"].replace(
        "def init(self): pass",
        "def init(self): sys.setprofile(lambda frame, event, _: called.add("
        "frame.f_globals.get('__name__', '')))",
    )
    end = "if len(self.data) == 56: sys.setprofile(None)\n        if len"
    text = "import sys\ncalled = set()\n" + watching.replace("if len", end, 1)
    project.write("s.py", AUTO + text + "    print(*sorted(n.partition('.')[0] for n in called))\n")
    done = subprocess.run(
        [PYTHON, "s.py"], cwd=project.path, capture_output=True, text=True, check=True
    )
    ((swept, _),) = stored(project)

    assert len(swept.runs) == 1
    assert "backtesting" in done.stdout.split()
    assert "git_bt" not in done.stdout.split()


def test_backtraders_account_is_read_once_a_bar_and_no_more_is_called(project: GitRepo) -> None:
    """It keeps no values itself; orders are told of as they happen."""
    watching = STRATEGIES["backtrader"].replace(
        "    def next(self):",
        "    def start(self): sys.setprofile(lambda frame, event, _: called.append("
        "frame.f_code.co_name) if event == 'call' and 'git_bt' in "
        "frame.f_globals.get('__name__', '') else None)\n"
        "    def stop(self): sys.setprofile(None)\n"
        "    def next(self):\n        bars.append(len(self))",
    )
    text = "import collections, sys\ncalled, bars = [], []\n" + watching
    project.write("s.py", AUTO + text + "    print(len(bars), dict(collections.Counter(called)))\n")
    done = subprocess.run(
        [PYTHON, "s.py"], cwd=project.path, capture_output=True, text=True, check=True
    )
    bars, _, counted = done.stdout.splitlines()[-1].partition(" ")
    ours = ast.literal_eval(counted)

    assert ours["next"] == int(bars)
    assert ours.keys() <= {"start", "next", "notify_order", "_now"}
    assert ours["_now"] <= ours["next"] + ours["notify_order"]
