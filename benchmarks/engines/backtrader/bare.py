"""The run without git-bt, as a user has it."""

import sys

import backtrader as bt
from strategy import SmaCross

cerebro = bt.Cerebro()
cerebro.adddata(bt.feeds.GenericCSVData(dataname=sys.argv[1], dtformat="%Y-%m-%d", openinterest=-1))
cerebro.addstrategy(SmaCross, fast=10, slow=20)
cerebro.broker.setcommission(0.002)
cerebro.run()
print(cerebro.broker.getvalue())
