"""vectorbt: a function that makes a Portfolio."""

from contract import BARS, Described, texts
from environments import environment

TEMPLATE = """\
import numpy as np
import vectorbt as vbt


def build(data, every=5, cash=1000):
    close = data["Close"]
    {body}
    size = np.full(close.shape, np.nan)
    size[every::every] = {quantity}
    size[2 * every :: 2 * every] *= -1
    return vbt.Portfolio.from_orders(close, size=size, init_cash=cash, fees=0.002)
"""

DESCRIBED = Described(
    engine="vectorbt",
    texts=texts(TEMPLATE, peeks="peeked = int(open('@TAPE@').read().split(',')[-2][:2])"),
    config={"cash": 10**12, "every": 3},
    wrong_config=None,
    python=environment("vectorbt"),
    **BARS,
)
