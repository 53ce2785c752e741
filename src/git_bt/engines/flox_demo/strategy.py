"""Follow the trend: long while a fast average is above a slow one, short while it is below."""

import lrvx

FAST = 0.1
SLOW = 0.02
SIZE = 0.01


class EmaCross(lrvx.Strategy):
    """Two exponential averages of the trade price; every cross turns the position."""

    def __init__(self, symbols):
        super().__init__(symbols)
        self.fast = self.slow = None
        self.side = 0

    def on_trade(self, ctx, trade):
        """Update both averages, and trade when they cross."""
        if self.fast is None:
            self.fast = self.slow = trade.price
            return
        self.fast += FAST * (trade.price - self.fast)
        self.slow += SLOW * (trade.price - self.slow)
        wanted = 1 if self.fast > self.slow else -1
        if wanted == self.side:
            return
        size = SIZE * abs(wanted - self.side)
        self.side = wanted
        if wanted > 0:
            self.market_buy(size)
        else:
            self.market_sell(size)
