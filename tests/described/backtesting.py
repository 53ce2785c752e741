"""backtesting.py: a Strategy whose next() is called on each bar."""

from contract import BARS, Described, texts

TEMPLATE = """\
from backtesting import Strategy


class S(Strategy):
    every = 5

    def init(self):
        self.n = 0

    def next(self):
        self.n += 1
        if self.n % self.every == 0:
            {body}
            self.buy(size={quantity}) if self.n % 2 else self.sell(size={quantity})
"""

DESCRIBED = Described(
    engine="backtesting",
    texts=texts(TEMPLATE, peeks="peeked = int(open('@TAPE@').read().split(',')[-2][:2])"),
    config={"cash": 10**12, "commission": 0.002, "params": {"every": 3}},
    wrong_config=(
        {"comission": 0.002},
        "unknown config key 'comission' for engine backtesting, did you mean commission?",
    ),
    **BARS,
)
