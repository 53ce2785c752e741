"""A run of backtesting.py, with the fills as its broker makes them.

They are taken there because a trade that is reduced later is cut in two in its own table, also in
the past. With `finalize_trades` the engine closes what is open when the tape ends, and fills the
last orders at a price that is over: that counts in its statistics, not in the rows, so a longer
tape gives the same rows and more. A fill has the time of the bar in which the engine made it; with
`trade_on_close` that is the one after the close it paid.
"""

from __future__ import annotations

from typing import Any

from .config import PARAMS
from .refusal import Refused


def watched_run(frame: Any, strategy: Any, config: dict[str, Any]) -> tuple[Any, Any]:
    """Return the engine's statistics and the broker that kept its fills.

    Raises:
        Refused: this release of the engine keeps its trades in another way.
        BaseException: whatever the strategy raised.
    """
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
