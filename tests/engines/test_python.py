"""The python engine: any function that returns rows, with real libraries."""

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import polars
import pytest

from conftest import GitRepo
from enginekit import GOOG, job, run
from floxkit import failure_of, output_of
from git_bt.commands.export import export
from git_bt.engines import loaded
from git_bt.model import Verdict
from projects import PYTHON, all_runs, bundle_id, packed, stored, validated

POLARS = """\
import polars as pl

def run(tape, config):
    bars = pl.read_csv(tape, try_parse_dates=True).with_columns(
        up=pl.col("close").rolling_mean(config["fast"]) > pl.col("close").rolling_mean(2)
    )
    turns = bars.filter(pl.col("up") != pl.col("up").shift(1, fill_value=False))
    fills = turns.select(
        "date",
        pl.lit("GOOG").alias("symbol"),
        pl.when("up").then(pl.lit("buy")).otherwise(pl.lit("sell")).alias("side"),
        price="close",
        quantity=1,
    )
    return {
        "fills": fills,
        "equity": bars.select("date", equity=100 + pl.col("close")),
        "metrics": {"mean": bars["close"].mean(), "nothing": float("nan")},
    }
"""
PLAIN = "def run(tape, config):\n    return {{'fills': {fills}}}\n"


@pytest.fixture(scope="session")
def goog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a tape of three bars."""
    path = tmp_path_factory.mktemp("tape") / "goog.csv"
    path.write_text(GOOG)
    return path


def strategy(repo: GitRepo, text: str, more: str = "") -> None:
    """Write a strategy for the engine python, and its tape."""
    repo.write("s/strategy.py", text)
    yaml = "entry_point: strategy.py\nengine: python\ntape: goog.csv\n"
    repo.write("s/strategy.yaml", yaml + more)
    repo.write("s/goog.csv", GOOG)
    repo.commit("a strategy")


def test_a_strategy_with_polars_packs_and_validates(in_repo: GitRepo) -> None:
    """What it loaded is in the environment; its output is canonical rows."""
    strategy(in_repo, POLARS, "config: {fast: 1.0}\n")
    bundle = bundle_id(in_repo, "s")
    (found,) = validated(in_repo, "s")
    (own,) = validated(in_repo, bundle)

    assert (found.verdict, own.verdict) == (Verdict.REPRODUCED, Verdict.REPRODUCED)
    (record,) = all_runs(in_repo)
    assert record.packages["polars"] == polars.__version__
    assert record.engine.version == f"{sys.version_info.major}.{sys.version_info.minor}"


def test_an_engine_keeps_something_of_bundles_of_ours_only(in_repo: GitRepo) -> None:
    """Each in a place of the repository's; an archive from elsewhere leaves nothing behind."""
    text = (
        "import json, pathlib\n"
        "def run(tape, config):\n"
        "    above = pathlib.Path(__file__).resolve().parents\n"
        "    (job,) = [p / 'job.json' for p in above if (p / 'job.json').exists()]\n"
        "    return {'metrics': {'cache': json.loads(job.read_text())['cache']}}\n"
    )
    strategy(in_repo, text)
    bundle = bundle_id(in_repo, "s")
    assert export(bundle, to="b.tar", cwd=in_repo.path)
    ours, foreign = validated(in_repo, bundle, "b.tar")

    summary = json.loads(stored(in_repo, bundle)["output/summary.json"])
    assert str(in_repo.path / ".git/bt/engines/python") in json.dumps(summary)
    assert ours.verdict is Verdict.REPRODUCED
    (differs,) = foreign.differences
    assert (foreign.verdict, differs.actual) == (Verdict.DIVERGED, None)


def test_a_run_sees_the_numbers_that_its_bundle_holds(in_repo: GitRepo) -> None:
    """5.0 is 5 in a bundle, so it is from the first run on; else str() of it would differ."""
    text = "def run(tape, config):\n    return {'metrics': {'n': str(config['n'])}}\n"
    strategy(in_repo, text, "config: {n: 5.0}\n")
    bundle = bundle_id(in_repo, "s")

    assert [v.verdict for v in validated(in_repo, bundle, "s")] == [Verdict.REPRODUCED] * 2


def test_a_random_strategy_is_not_recorded(in_repo: GitRepo) -> None:
    """The two runs of pack differ."""
    text = "import random\n" + PLAIN.format(fills="[(1, 'X', 'buy', random.random(), 1)]")
    strategy(in_repo, text)

    assert packed(in_repo, "s").verdict is Verdict.NONDETERMINISTIC


def test_local_time_is_not_taken_for_utc(in_repo: GitRepo) -> None:
    """The second run has another time zone, so a time that hangs on it shows."""
    local = "[(datetime.datetime.fromtimestamp(1e9), 'X', 'buy', 1, 1)]"
    strategy(in_repo, "import datetime\n" + PLAIN.format(fills=local))

    assert packed(in_repo, "s").verdict is Verdict.NONDETERMINISTIC


def test_the_projects_own_python_is_taken(in_repo: GitRepo) -> None:
    """Any Python has this engine, and the first that is looked at is the project's."""
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", in_repo.path / ".venv"], check=True)
    text = "import sys\ndef run(tape, config):\n    return {'metrics': {'at': sys.prefix}}\n"
    strategy(in_repo, text)
    report = packed(in_repo, "s", python=None)

    assert report.verdict is Verdict.REPRODUCED
    assert packed(in_repo, "s", python=str(in_repo.path / ".venv")).bundle == report.bundle


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 5\n", "s.py has no function run(tape, config)"),
        ("def run(tape):\n    pass\n", "TypeError: run() takes 1 positional argument"),
        (
            "def run(tape, config):\n    1 / 0\n",
            "ZeroDivisionError: division by zero (s.py:2 in run)",
        ),
        ("def run(tape, config):\n    pass\n", "run returned nothing"),
        (PLAIN.format(fills="[(1, 'X', 'buy', float('nan'), 1)]"), "fills[0]: price nan is no"),
        ("import nothing_such\n", "ModuleNotFoundError: No module named 'nothing_such' (s.py:1"),
        ("raise SystemExit(0)\n", "the strategy ended the run by sys.exit(0) (s.py:1"),
    ],
)
def test_a_failure_is_one_line_with_its_place(goog: Path, text: str, words: str) -> None:
    """The user's own frames, none of ours."""
    found = failure_of(run("python", job({"s.py": text}, goog)))

    assert found.verdict is Verdict.FAILED
    assert found.message.startswith(words)


def test_a_module_that_is_not_installed_names_the_python_that_ran(goog: Path) -> None:
    """Any Python has this engine, so it may be the wrong one."""
    found = failure_of(run("python", job({"s.py": "import nothing_such\n"}, goog)))

    assert found.hint is not None
    assert found.hint.startswith("it ran on /")
    assert found.hint.endswith("; for another: --python PATH")


def test_git_bt_itself_is_no_part_of_what_a_strategy_ran_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is installed beside the engine, the harness lies among the packages."""
    site = tmp_path / "site-packages"
    info = site / "git_bt-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "RECORD").write_text("git_bt/engines/python.py,,\n")
    monkeypatch.syspath_prepend(str(site))
    before = set(sys.modules)
    for name in ("_git_bt_loaded", "_git_bt_adapter.python"):
        module = ModuleType(name)
        module.__file__ = str(site / "git_bt/engines/python.py")
        monkeypatch.setitem(sys.modules, name, module)
    harness = loaded.packages(before)
    monkeypatch.setitem(sys.modules, "git_bt_by_name", module)  # as a strategy would import it

    assert harness == {}
    assert loaded.packages(before) == {"git-bt": "1.0"}


def test_the_tape_is_a_path(goog: Path, tmp_path: Path) -> None:
    """The file of a tape of one file, wherever it lies; else the folder."""
    text = (
        "def run(tape, config):\n    return {'metrics': {'name': tape.name, 'n': tape.is_dir()}}\n"
    )
    (tmp_path / "two").mkdir()
    for name in ("a.csv", "b.csv"):
        (tmp_path / "two" / name).write_text(GOOG)
    outputs: list[Any] = [
        output_of(run("python", job({"s.py": text}, tape))) for tape in (goog, tmp_path / "two")
    ]

    assert outputs == [
        {"summary.json": b'{"metrics":{"n":false,"name":"goog.csv"}}\n'},
        {"summary.json": b'{"metrics":{"n":true,"name":"two"}}\n'},
    ]
