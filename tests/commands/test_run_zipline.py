"""A real `run_algorithm` under zipline-reloaded, offline: by `git bt run`, and by autocapture."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import GitRepo
from environments import GIT_BT, environment, packages
from git_bt.sweep_records import sweep_run_id
from projects import bt
from scriptkit import stored

STRATEGY = """
import os, tempfile, warnings
warnings.filterwarnings("ignore")
os.environ["ZIPLINE_ROOT"] = tempfile.mkdtemp()
import pandas as pd
from zipline import run_algorithm
from zipline.api import order, symbol
from zipline.data import bundles
from zipline.data.bundles.csvdir import csvdir_equities
from helper import EVERY
frame = pd.read_csv("data/daily/ACME.csv", index_col=0, parse_dates=True)
bundles.register("bars", csvdir_equities(["daily"], "data"), calendar_name="XNYS",
                 start_session=frame.index[0], end_session=frame.index[-1])
bundles.ingest("bars", show_progress=False)
def initialize(context):
    context.asset, context.count = symbol("ACME"), 0
def handle_data(context, data):
    context.count += 1
    if context.count % EVERY == 1: order(context.asset, 10)
    elif context.count % EVERY == 3: order(context.asset, -10)
perf = run_algorithm(
    start=frame.index[2], end=frame.index[-1], initialize=initialize, handle_data=handle_data,
    capital_base=10_000, data_frequency="daily", bundle="bars",
    benchmark_returns=pd.Series(0.0, index=frame.index.tz_localize("UTC")),
)
print(len(perf), "sessions")
"""
DAYS = [f"2024-01-{day:02d}" for day in (2, 3, 4, 5, 8, 9, 10, 11, 12, 16, 17, 18, 19, 22, 23, 24)]
BARS = "date,open,high,low,close,volume,dividend,split\n" + "".join(
    f"{day},{100 + n},{102 + n},{99 + n},{101 + n},{100_000 + n},0.0,1.0\n"
    for n, day in enumerate(DAYS)
)
zipline = environment("zipline")


@pytest.fixture
def python() -> str:
    """Give the interpreter that has zipline, and has not git-bt."""
    found: Callable[[], str] = zipline
    return found()


@pytest.fixture
def project(repo: GitRepo) -> GitRepo:
    repo.write("data/daily/ACME.csv", BARS)
    repo.write("helper.py", "EVERY = 4\n")
    repo.write("s.py", STRATEGY)
    repo.commit("a strategy")
    return repo


def test_an_untouched_run_algorithm_becomes_a_bundle(python: str, project: GitRepo) -> None:
    """Recorded, packed, and reproduced by validate."""
    done = bt("run", "--tape", "data", "--", python, "s.py", cwd=project)
    ((swept, files),) = stored(project)
    (row,) = swept.runs

    assert (done.code, done.out) == (0, "14 sessions\n"), done.err
    assert files.keys() == {"s.py", "helper.py"}
    assert row.params["capital_base"] == 10_000
    assert "algorithm_period_return" in row.metrics
    assert row.bundle is not None
    judged = bt("validate", row.bundle, "--python", python, "--json", cwd=project).json
    assert judged["bundles"][0]["verdict"] == "reproduced", judged
    shown = bt("show", row.bundle, "--json", cwd=project).json
    assert shown["metrics"]["fill_count"] == 7


SWEEP = STRATEGY.replace("from helper import EVERY", "import sys; EVERY = int(sys.argv[1])")


def test_the_best_of_a_sweep_becomes_a_bundle(python: str, project: GitRepo) -> None:
    """Each start is a setting; the bundle gives every metric of its row, and keeps its rank."""
    project.write("s.py", SWEEP)
    done = bt("run", "--", "sh", "-c", f"for n in 3 4 5; do {python} s.py $n; done", cwd=project)
    by = ("--metric", "portfolio_value")
    shown = bt("sweep", "show", "--json", cwd=project).json
    ranked = bt("sweep", "best", *by, "--json", cwd=project).json["runs"]
    words = ("promote", ranked[0]["id"][:12], *by, "--tape", "data", "--python", python)
    answer = bt("sweep", *words, "--json", cwd=project)

    assert (done.code, done.out) == (0, "14 sessions\n" * 3), done.err
    assert (shown["sweep"]["engine"], shown["sweep"]["settings"]) == ("zipline", 3)
    assert {row["params"]["argv"] for row in ranked} == {"3", "4", "5"}
    assert answer.code == 0, answer.err + answer.out
    assert answer.json["rank"] == "rank 1 of 3 by portfolio_value"
    checks = {check["name"]: check["agrees"] for check in answer.json["checks"]}
    assert checks.keys() >= {"portfolio_value", "sharpe", "max_drawdown"}
    assert set(checks.values()) == {True}
    judged = bt("validate", answer.json["bundle"], "--python", python, "--json", cwd=project).json
    assert judged["bundles"][0]["verdict"] == "reproduced"


def test_autocapture_records_run_algorithm(python: str, project: GitRepo, tmp_path: Path) -> None:
    """Where git-bt is installed beside zipline; the run can be promoted as any other."""
    project.write(
        "s.py", "import git_bt\ngit_bt.autocapture(code_capture_mode='imports')\n" + STRATEGY
    )
    done = subprocess.run(
        [python, "s.py"], cwd=project.path, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(packages(tmp_path / "git-bt", *GIT_BT))},
    )  # fmt: skip
    assert done.stdout == "14 sessions\n", done.stderr
    ((swept, files),) = stored(project)
    (row,) = swept.runs
    words = ("promote", sweep_run_id(row)[:12], "--tape", "data", "--python", python)
    answer = bt("sweep", *words, "--json", cwd=project)

    assert swept.sweep.engine == "zipline"
    assert files.keys() == {"s.py", "helper.py"}
    assert (answer.code, answer.json["verdict"]) == (0, "reproduced"), answer.out
    assert {check["agrees"] for check in answer.json["checks"]} == {True}


def test_rustybt_is_watched_as_well(project: GitRepo) -> None:
    """The same strategy under RustyBT, which needs Python 3.12 and above 1 GB."""
    python = environment("rustybt")()
    mend = (
        "from rustybt.data.bundles.metadata import BundleMetadata\n"
        "BundleMetadata.delete('bars')  # or its ingested bundle is taken for one of Parquet\n"
    )
    text = STRATEGY.replace("zipline", "rustybt").replace("def initialize", mend + "def initialize")
    project.write("s.py", text)
    done = bt("run", "--", python, "s.py", cwd=project)
    ((swept, files),) = stored(project)

    assert done.code == 0, done.err
    assert swept.sweep.engine == "rustybt"
    assert files.keys() == {"s.py", "helper.py"}
