"""The run without git-bt, as a user has it."""

import sys

import pandas as pd
from strategy import build

bars = pd.read_csv(sys.argv[1], index_col=0, parse_dates=True)
portfolio = build(bars, fast=10, slow=20)
print(portfolio.orders.records_readable, portfolio.value())
