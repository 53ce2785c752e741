"""Follow the trend: long while a fast average is above a slow one, short while it is below."""

import pandas as pd
from backtesting import Strategy
from backtesting.lib import crossover


def mean(values, n):
    """Return the average of the last n values, at each bar."""
    return pd.Series(values).rolling(n).mean()


class SmaCross(Strategy):
    """Two simple averages of the close; every cross turns the position."""

    fast = 10
    slow = 20

    def init(self):
        """Compute both averages once."""
        self.quick = self.I(mean, self.data.Close, self.fast)
        self.steady = self.I(mean, self.data.Close, self.slow)

    def next(self):
        """Trade when they cross."""
        if crossover(self.quick, self.steady):
            self.position.close()
            self.buy()
        elif crossover(self.steady, self.quick):
            self.position.close()
            self.sell()
