"""Fast/slow EMA cross: flips long/flat/short often."""

import lrvx


class EmaCross(lrvx.Strategy):
    def __init__(self, symbols):
        super().__init__(symbols)
        self.f = self.s = None
        self.side = 0

    def on_trade(self, ctx, trade):
        p = trade.price
        if self.f is None:
            self.f = self.s = p
            return
        self.f += 0.3 * (p - self.f)
        self.s += 0.05 * (p - self.s)
        want = 1 if self.f > self.s else -1
        if want != self.side:
            q = 0.01 if self.side == 0 else 0.02
            self.side = want
            (self.market_buy if want > 0 else self.market_sell)(q)
