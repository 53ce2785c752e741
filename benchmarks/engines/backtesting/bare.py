"""The run without git-bt, as a user has it."""

import sys

import pandas as pd
from backtesting import Backtest
from strategy import SmaCross

bars = pd.read_csv(sys.argv[1], index_col=0, parse_dates=True)
backtest = Backtest(bars, SmaCross, cash=10_000, commission=0.002, finalize_trades=True)
print(backtest.run(fast=10, slow=20))
