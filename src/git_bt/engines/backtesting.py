"""backtesting.py: one Strategy subclass on the bars of one symbol.

Fills are taken from the engine's broker as it makes them, because a trade that is reduced later
is cut in two in its own table, also in the past. With `finalize_trades` the engine closes what is
open when the tape ends, and fills the last orders at a price that is over: that counts in its
statistics, not in the rows, so a longer tape gives the same rows and more. A fill has the time of
the bar in which the engine made it; with `trade_on_close` that is the one after the close it paid.
"""

from __future__ import annotations

from typing import Any

from . import bars, entry, rows
from .config import PARAMS, Check, flag, is_number, mapping, number
from .config import complete as complete_config
from .refusal import Refused

NAME = "backtesting"
DISTRIBUTIONS = ("backtesting",)
INSTALL = "pip install 'git-bt[backtesting]'"

TOTALS = {
    "trades": "# Trades",
    "equity_final": "Equity Final [$]",
    "equity_peak": "Equity Peak [$]",
    "exposure_percent": "Exposure Time [%]",
    "win_percent": "Win Rate [%]",
    "best_trade_percent": "Best Trade [%]",
    "worst_trade_percent": "Worst Trade [%]",
}
"""Statistics that are counted or picked out. Sums and roots have other last digits elsewhere."""


def _commission(value: Any) -> str | None:
    fixed, relative = value if isinstance(value, list) and len(value) == 2 else (0, value)
    if not is_number(fixed) or fixed < 0 or not is_number(relative):
        return "a number, or two: a fixed fee and a part of the value"
    return None if -0.1 <= relative < 0.1 else "from -0.1 to below 0.1, as a part of the value"


KEYS: dict[str, tuple[Any, Check]] = {
    "cash": (10_000, number(0, above=True)),
    "spread": (0, number(0)),
    "commission": (0, _commission),
    "margin": (1, number(0, 1, above=True)),
    "trade_on_close": (False, flag),
    "hedging": (False, flag),
    "exclusive_orders": (False, flag),
    "finalize_trades": (True, flag),
    PARAMS: ({}, mapping),
}


def complete(config: Any) -> dict[str, Any]:
    """Return a config with every key there is.

    Raises:
        ValueError: an unknown key, a value of another type, or out of range.
    """
    return complete_config(NAME, config, KEYS)


def warm() -> None:
    """Import the engine."""
    import backtesting  # noqa: F401


def run(job: dict[str, Any]) -> None:
    """Run one strategy on one symbol and write what came of it.

    Raises:
        Refused: the tape, the file or a parameter cannot be run, or the engine is another one.
        BaseException: whatever the strategy raised.
    """
    from backtesting import Strategy

    market = bars.only(bars.read(job), NAME)
    strategy = entry.the_subclass(entry.load(job["entry_point"]), Strategy, job["entry_point"])
    params = job["config"][PARAMS]
    known = [n for n in dir(strategy) if not hasattr(Strategy, n) and n[0] != "_"]
    entry.check_params(params, [n for n in known if not callable(getattr(strategy, n))], strategy)
    stats, broker = _run(bars.frame(market), strategy, job["config"])
    curve = stats["_equity_curve"]["Equity"].tolist()
    if broker.is_over:
        curve[-1] = broker.last_equity
    rows.write(
        job["out"],
        fills=[
            (market.times[at], market.symbol, "buy" if size > 0 else "sell", price, abs(size), fee)
            for at, size, price, fee in broker.fills
        ],
        equity=zip(market.times, curve),
        summary={
            **bars.summary([market]),
            "stats": rows.plain({name: stats[theirs] for name, theirs in TOTALS.items()}),
        },
    )


def _run(frame: Any, strategy: Any, config: dict[str, Any]) -> tuple[Any, Any]:
    """Return the engine's statistics and the broker that kept its fills."""
    from backtesting import Backtest
    from backtesting import backtesting as engine

    theirs = engine._Broker  # noqa: SLF001 - the one place where a fill is made
    made = []

    class Broker(theirs):  # type: ignore[misc,valid-type]
        """The engine's, that keeps its fills: bar, signed size, price and fee."""

        def __init__(self, **arguments: Any) -> None:
            super().__init__(**arguments)
            self.fills: list[tuple[int, float, float, float]] = []
            self.closed = 0
            self.bar = -1
            self.is_over = False
            self.last_equity = 0.0
            made.append(self)

        def next(self) -> None:
            at = len(self._data) - 1
            if at == self.bar:  # once more for the last bar: to finalize
                self.is_over = True
                self.last_equity = float(self._equity[at])
            self.bar = at
            super().next()

        def _open_trade(self, price: float, size: float, *more: Any) -> None:
            super()._open_trade(price, size, *more)
            self.keep(size, price, self._commission(size, price))

        def _close_trade(self, trade: Any, price: float, *more: Any) -> None:
            size = trade.size
            super()._close_trade(trade, price, *more)
            self.keep(-size, price, self._commission(size, price))
            self.closed += 1

        def keep(self, size: float, price: float, fee: float) -> None:
            if not self.is_over:
                self.fills.append((self.bar, size, price, fee))

    arguments = {key: value for key, value in config.items() if key != PARAMS}
    if isinstance(arguments["commission"], list):
        arguments["commission"] = tuple(arguments["commission"])
    engine._Broker = Broker  # noqa: SLF001
    try:
        backtest = Backtest(frame, strategy, **arguments)
    finally:
        engine._Broker = theirs  # noqa: SLF001
    stats = backtest.run(**config[PARAMS])
    (broker,) = made
    if broker.closed != len(stats["_trades"]):
        raise Refused(
            "engine-missing",
            "this release of backtesting keeps its trades in another way than git-bt knows",
            "install one that the page of the engine names",
        )
    return stats, broker
