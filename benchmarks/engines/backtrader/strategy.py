"""Cross two averages."""

import backtrader as bt


class SmaCross(bt.Strategy):
    params = (("fast", 10), ("slow", 20))

    def __init__(self):
        fast, slow = (bt.ind.SMA(period=n) for n in (self.p.fast, self.p.slow))
        self.cross = bt.ind.CrossOver(fast, slow)

    def next(self):
        if self.cross:
            self.close()
            (self.buy if self.cross > 0 else self.sell)(size=10)
