"""backtrader: a Strategy whose next() is called on each bar."""

from contract import BARS, Described, texts

TEMPLATE = """\
import backtrader as bt


class S(bt.Strategy):
    params = {"every": 5}

    def __init__(self):
        self.n = 0

    def next(self):
        self.n += 1
        if self.n % self.p.every == 0:
            {body}
            self.buy(size={quantity}) if self.n % 2 else self.sell(size={quantity})
"""

DESCRIBED = Described(
    engine="backtrader",
    texts=texts(TEMPLATE, peeks="peeked = int(open('@TAPE@').read().split(',')[-2][:2])"),
    config={"cash": 10**12, "commission": 0.002, "params": {"every": 3}},
    wrong_config=(
        {"comission": 0.002},
        "unknown config key 'comission' for engine backtrader, did you mean commission?",
    ),
    **BARS,
)
