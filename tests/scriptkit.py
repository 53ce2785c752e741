"""Programs that call their engine themselves: what they are, and what is left of their runs."""

import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from conftest import GitRepo, make_repo, take_away
from git_bt.commands.flush import flush
from git_bt.objects import Objects
from git_bt.repo import Repo
from git_bt.spool_reading import Spooled, read_spool
from git_bt.store import Store
from projects import PYTHON, Ran, bt

BARS = "date,open,high,low,close,volume\n" + "".join(
    f"2024-{1 + n // 28:02d}-{1 + n % 28:02d},{100 + n % 7},{103 + n % 7},{98 + n % 7},"
    f"{100 + (n * 3) % 11 / 2},{1000 + n}\n"
    for n in range(56)
)
HELPER = "EVERY = 4\n"
LRVX = """
import csv
import numpy as np, lrvx
from helper import EVERY
rows = list(csv.reader(open("data/bars.csv")))[1:]
names = lrvx.SymbolRegistry()
symbol = names.add_symbol("x", "ACME", tick_size=0.01)
class Every(lrvx.Strategy):
    count = 0
    def on_bar(self, ctx, bar):
        self.count += 1
        if self.count % EVERY == 1: self.market_buy(1)
        elif self.count % EVERY == 3: self.market_sell(1)
ts = np.arange(len(rows), dtype=np.int64) * 86_400 * 10**9
columns = [np.array([float(row[i]) for row in rows]) for i in range(1, 6)]
def backtest(fee=0.001):
    runner = lrvx.BacktestRunner(names, fee_rate=fee, initial_capital=10_000)
    runner.set_strategy(Every([symbol]))
    return runner.run_bars(ts, ts + 86_400 * 10**9, *columns, "ACME")
if __name__ == "__main__":
    print(backtest()["total_trades"])
"""
STRATEGIES = {
    "lrvx": LRVX,
    "backtesting": """
import pandas as pd
from backtesting import Backtest, Strategy
from helper import EVERY
frame = pd.read_csv("data/bars.csv", index_col=0, parse_dates=True)
frame.columns = [name.title() for name in frame.columns]
class Every(Strategy):
    every = EVERY
    def init(self): pass
    def next(self):
        if len(self.data) % self.every == 1: self.buy(size=1)
        elif len(self.data) % self.every == 3: self.position.close()
if __name__ == "__main__":
    import sys
    backtest = Backtest(frame, Every, cash=10_000, commission=0.001)
    if "optimize" in sys.argv: print(backtest.optimize(every=[4, 5, 6])["# Trades"])
    else: print(backtest.run(every=5)["# Trades"])
""",
    "backtrader": """
import backtrader as bt
from helper import EVERY
class Every(bt.Strategy):
    params = dict(every=EVERY)
    def next(self):
        if len(self) % self.p.every == 1: self.buy(size=1)
        elif len(self) % self.p.every == 3: self.close()
if __name__ == "__main__":
    cerebro = bt.Cerebro()
    cerebro.adddata(bt.feeds.GenericCSVData(
        dataname="data/bars.csv", dtformat="%Y-%m-%d", openinterest=-1))
    cerebro.addstrategy(Every, every=5)
    cerebro.run()
    print(round(cerebro.broker.getvalue(), 6))
""",
}
AUTO = "import git_bt\ngit_bt.autocapture()\n"

Packed = Callable[[str], tuple[GitRepo, Ran]]


@pytest.fixture(scope="session")
def strategies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitRepo]:
    """Make the repository that `project` copies, and give the session's environment."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        take_away(monkeypatch, tmp_path_factory.mktemp("home"), tmp_path_factory.getbasetemp())
        repo = make_repo(tmp_path_factory.mktemp("strategies") / "repo")
        repo.write("data/bars.csv", BARS)
        repo.write("helper.py", HELPER)
        for name, text in STRATEGIES.items():
            repo.write(f"{name}_strategy.py", text)
        repo.commit("strategies")
        yield repo


@pytest.fixture
def project(strategies: GitRepo, tmp_path: Path) -> GitRepo:
    """Give a repository with one strategy for each engine, a helper and bars."""
    return copied(strategies, tmp_path / "repo")


def copied(repo: GitRepo, place: Path) -> GitRepo:
    """Copy a repository, and have git look at the files' new times."""
    shutil.copytree(repo.path, place)
    copy = GitRepo(place, ticks=repo.ticks)
    copy.git("status", "--short")
    return copy


@pytest.fixture(scope="session")
def packed(strategies: GitRepo, tmp_path_factory: pytest.TempPathFactory) -> Packed:
    """Give what packs an engine's strategy, once a session; nobody else may write there."""

    @cache
    def pack(engine: str) -> tuple[GitRepo, Ran]:
        repo = copied(strategies, tmp_path_factory.mktemp("packed") / "repo")
        before = ("--tape", "data/bars.csv", "--output", "run.json")
        return repo, ran(repo, "python", f"{engine}_strategy.py", before=before)

    return pack


def spooled(repo: GitRepo) -> Spooled:
    """Read what lies in the spool of a repository, also what is not yet in the store."""
    found = Spooled()
    for path in sorted((repo.path / ".git/bt/spool").glob("*.spool")):
        assert read_spool(path.read_bytes(), path.name, found)
    return found


def stored(repo: GitRepo) -> list[tuple[Any, dict[str, bytes]]]:
    """Move the spool into the store, and return each sweep's runs with its code."""
    there = Repo.find(repo.path)
    with Objects(there) as objects:
        store = Store(there, objects)
        flush(store)
        found = []
        for digest in store.sweep_ids():
            swept = store.sweep(digest)
            code = swept.sweep.snapshot and store.snapshot(swept.sweep.snapshot)
            files = {n: s.read() for n, s in code.content.items()} if code else {}
            found.append((swept, files))
        return found


def ran(repo: GitRepo, *words: str, before: tuple[str, ...] = (), **env: str) -> Ran:
    """Run a command below `git bt run`; `python` is ours."""
    argv = [PYTHON if word == "python" else word for word in words]
    return bt("run", *before, "--", *argv, cwd=repo, env=env)
