"""The same cross of two averages of GOOG on the engines of bars, under several Pythons."""

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from conftest import GitRepo, make_repo, take_away
from environments import environment
from git_bt import engines
from git_bt.commands.pack import pack
from git_bt.model import Verdict
from projects import manifest, silent, validated

BACKTRADER = """\
import backtrader as bt


class SmaCross(bt.Strategy):
    params = {"fast": 10, "slow": 20}

    def __init__(self):
        fast, slow = (bt.ind.SMA(period=n) for n in (self.p.fast, self.p.slow))
        self.cross = bt.ind.CrossOver(fast, slow)

    def next(self):
        if self.cross:
            self.close()
            (self.buy if self.cross > 0 else self.sell)(size=10)
"""
VECTORBT = """\
import vectorbt as vbt


def build(data, fast, slow):
    close = data["Close"]
    quick, steady = (close.rolling(n).mean() for n in (fast, slow))
    up = quick > steady
    return vbt.Portfolio.from_signals(
        close, up & ~up.shift(1, fill_value=False), ~up, fees=0.002, init_cash=10_000
    )
"""
ZIPLINE = """\
from zipline.api import order_target, symbol


def initialize(context):
    context.asset = symbol("GOOG")
    context.days = 0


def handle_data(context, data):
    context.days += 1
    if context.days >= context.params["slow"]:  # zipline refuses to look before the first session
        close = data.history(context.asset, "close", context.params["slow"], "1d")
        is_up = close[-context.params["fast"] :].mean() > close.mean()
        order_target(context.asset, 10 if is_up else -10)
"""
DEMO = Path(str(engines.__file__)).parent / "backtesting_demo/strategy.py"
PARAMS = "params: {fast: 10, slow: 20}"
STRATEGIES = {
    "backtesting": (DEMO.read_text(), f"commission: 0.002, {PARAMS}"),
    "backtrader": (BACKTRADER, f"commission: 0.002, {PARAMS}"),
    "vectorbt": (VECTORBT, "fast: 10, slow: 20"),
    "zipline": (ZIPLINE, f"calendar: XNYS, {PARAMS}"),
}
LIGHT = ("backtesting", "backtrader")
PYTHONS = ("pandas2", "python313")


@pytest.fixture(scope="module")
def goog(tmp_path_factory: pytest.TempPathFactory) -> GitRepo:
    """Make a repository with the bars that backtesting.py ships, and a strategy an engine."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        take_away(monkeypatch, tmp_path_factory.mktemp("home"), tmp_path_factory.getbasetemp())
        repo = make_repo(tmp_path_factory.mktemp("goog") / "repo")
    spec = find_spec("backtesting")
    assert spec is not None
    assert spec.origin is not None
    shutil.copyfile(Path(spec.origin).parent / "test/GOOG.csv", repo.path / "GOOG.csv")
    for engine, (text, config) in STRATEGIES.items():
        repo.write(f"{engine}/strategy.py", text)
        repo.write(
            f"{engine}/strategy.yaml",
            f"entry_point: strategy.py\nengine: {engine}\ntape: ../GOOG.csv\n"
            f"config: {{{config}}}\n",
        )
    return repo


def bundle_of(repo: GitRepo, engine: str, python: str) -> str:
    report = pack(engine, python=python, step=silent, cwd=repo.path)
    assert report.bundle is not None, report
    assert report.metrics is not None
    assert report.metrics.fill_count > 90
    return report.bundle


@pytest.mark.parametrize("engine", STRATEGIES)
def test_real_bars_pack_and_validate(engine: str, goog: GitRepo) -> None:
    """2148 days of a real market, and its calendar."""
    python = sys.executable if engine in LIGHT else environment(engine)()
    bundle = bundle_of(goog, engine, python)
    (found,) = validated(goog, engine, python=python)

    assert (found.verdict, found.bundle) == (Verdict.REPRODUCED, bundle)


@pytest.mark.parametrize("engine", LIGHT)
@pytest.mark.parametrize("name", PYTHONS)
def test_another_python_and_another_pandas_give_the_same_bundle(
    name: str, engine: str, goog: GitRepo
) -> None:
    """Byte for byte, as far as the engine's version is the same."""
    here, there = (bundle_of(goog, engine, p) for p in (sys.executable, environment(name)()))
    ours, theirs = manifest(goog, here).manifest, manifest(goog, there).manifest

    assert theirs.members == ours.members
    assert (here == there) == (ours.engine == theirs.engine)
