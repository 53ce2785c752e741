"""Answers about sweeps, for the golden texts and the schemas."""

import math
from typing import Any

from git_bt.model import EngineVersion, Notice, Verdict
from git_bt.sweep_records import Surroundings
from git_bt.sweeping import (
    BestReport,
    MergedReport,
    MetricCheck,
    Parameter,
    PromoteReport,
    RankedRun,
    Spread,
    SweepHead,
    SweepReport,
    SweepsReport,
    WorkTree,
)

A, B, C = "3f2a9c81d0e4" + "0" * 52, "77aa01b2c3d4" + "1" * 52, "c0ffee" + "2" * 58
T0 = 1_700_000_000_000_000_000
HEAD = SweepHead(
    id=A, name="ema", snapshot=B, engine="backtesting", tape="tapes/btc.csv",
    tape_sha256=C, runs=5012, failed=12, settings=5000, first_ns=T0, last_ns=T0 + 3600 * 10**9,
    metrics=("max_drawdown", "sharpe"),
)  # fmt: skip
BARE = SweepHead(
    id=B, name="a sweep whose name says at great length what was tried in it", snapshot=None,
    engine=None, tape=None, tape_sha256=None, runs=1, failed=0, settings=1,
    first_ns=T0, last_ns=T0, metrics=(),
)  # fmt: skip
COMMIT = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
AROUND = Surroundings(
    python="3.11.7", platform="linux-x86_64",
    packages={"backtesting": "0.6.6", "numpy": "2.4.6", "pandas": "3.0.1"},
)  # fmt: skip
TORN = Notice(
    kind="spool_torn", path="0123456789abcdef.spool",
    message="0123456789abcdef.spool: the last line is torn: its process was killed in the middle "
    "of a run",
)  # fmt: skip
PROMOTED: dict[str, Any] = {
    "run": C, "sweep": A, "name": "ema", "params": {"fast": 5, "slow": 20},
    "strategy": "strategies/ema", "rank": "rank 1 of 5 000 by sharpe", "snapshot": B,
    "engine": EngineVersion(name="backtesting", version="0.6.6"), "comparison": None,
    "elapsed_s": 1.5,
}  # fmt: skip
SWEEPS: dict[str, Any] = {
    "sweep-ls": SweepsReport(sweeps=(HEAD, BARE), notices=(TORN,)),
    "sweep-ls_nothing": SweepsReport(sweeps=()),
    "sweep-show": SweepReport(
        head=HEAD, elapsed_ns=1_234_000_000_000,
        parameters=(
            Parameter(
                name="fast", distinct=50, least=5, greatest=54, shown=(5, 6, 7, 8, 9, 10)
            ),
            Parameter(
                name="kind", distinct=3, least=None, greatest=None, shown=("ema", "sma", None)
            ),
        ),
        metrics=(
            Spread(name="max_drawdown", numbers=5000, lowest=0.01, median=0.125, highest=0.8),
            Spread(name="profit_factor", numbers=4990, lowest=0.5, median=1.25, highest=math.inf),
            Spread(name="label", numbers=0, lowest=None, median=None, highest=None),
        ),
        errors=(("ZeroDivisionError: float division by zero", 11), ("KeyError: 'fast'", 1)),
        unsteady=2, environments=((AROUND, 5000), (AROUND, 12)),
        work_trees=(
            WorkTree(commit=COMMIT, is_dirty=True, diff="+x\n", runs=5000),
            WorkTree(commit=COMMIT, is_dirty=False, diff=None, runs=9),
            WorkTree(commit=A, is_dirty=True, diff=None, runs=2),
            WorkTree(commit=B, is_dirty=False, diff=None, runs=1),
        ),
    ),
    "sweep-show_bare": SweepReport(
        head=BARE, elapsed_ns=0, parameters=(), metrics=(), errors=(), unsteady=0, environments=(),
        notices=(TORN,),
    ),
    "sweep-best": BestReport(
        head=HEAD, metric="sharpe", lowest=False, of=4990, unranked=10,
        runs=(
            RankedRun(
                rank=1, id=C, value=1.9876543210123, started_ns=T0, elapsed_ns=10**9, repeats=1,
                params={"fast": 5, "slow": 20, "kind": "ema", "stop_loss": 0.02, "tp": 0.1},
                metrics={"sharpe": 1.9876543210123, "profit_factor": math.inf, "label": "a"},
            ),
            RankedRun(
                rank=1, id=B, value=1.9876543210123, started_ns=T0, elapsed_ns=10**9, repeats=13,
                params={}, metrics={"sharpe": 1.9876543210123, "sortino": math.nan},
            ),
        ),
    ),
    "sweep-best_none": BestReport(
        head=BARE, metric="label", lowest=True, of=0, unranked=1, runs=(), notices=(TORN,)
    ),
    "sweep-promote": PromoteReport(
        **PROMOTED, bundle=A, metrics=None, verdict=Verdict.REPRODUCED,
        checks=(
            MetricCheck(name="# Trades", recorded=12, here=12, agrees=True),
            MetricCheck(name="sharpe", recorded=1.9876543210123, here=None, agrees=None),
        ),
    ),
    "sweep-promote_other": PromoteReport(
        **PROMOTED, bundle=None, metrics=None, verdict=Verdict.DIVERGED,
        checks=(MetricCheck(name="# Trades", recorded=12, here=13, agrees=False),),
        message="the new run gives other metrics than the row: # Trades; nothing was stored",
        hint="another engine version, another tape, or parameters that the code does not read?",
    ),
    "sweep-promote_failed": PromoteReport(
        **{**PROMOTED, "rank": None, "params": {}}, bundle=None, metrics=None,
        verdict=Verdict.FAILED, checks=(), message="KeyError: 'fast'", tail="Traceback\n  line\n",
    ),
    "sweep-merge": MergedReport(files=("a.spool", "b.spool"), runs=1, notices=(TORN,)),
}  # fmt: skip
