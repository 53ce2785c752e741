"""Cross two averages."""

import vectorbt as vbt


def build(data, fast, slow):
    close = data["Close"]
    quick, steady = (close.rolling(n).mean() for n in (fast, slow))
    up = quick > steady
    return vbt.Portfolio.from_signals(
        close, up & ~up.shift(1, fill_value=False), ~up, fees=0.002, init_cash=10_000
    )
