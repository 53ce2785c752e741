"""What backtrader's broker tells, as rows: accepted orders, fills, the account after each bar.

Each fill of an order has its own price and commission. A row has the time of the bar in which the
engine told of it, so that a longer tape gives the same rows and more; with `cheat_on_close` that is
the bar after the close that was paid.
"""

from __future__ import annotations

from typing import Any

TYPES = {
    "Stop": "stop_market",
    "StopLimit": "stop_limit",
    "StopTrail": "trailing_stop",
    "StopTrailLimit": "trailing_stop_limit",
}
"""Our words for backtrader's order types, where they are not its own in lower case."""


def analyzer(backtrader: Any, times: dict[float, int]) -> Any:
    """Return the class that collects the rows, its times those of the tape."""

    class Kept(backtrader.Analyzer):  # type: ignore[misc]
        """Orders are numbered as they come: the engine's own numbers count for the process."""

        def start(self) -> None:
            self.fills: list[tuple[Any, ...]] = []
            self.orders: list[tuple[Any, ...]] = []
            self.equity: list[tuple[int, float]] = []
            self.closed = 0
            self.numbers: dict[int, int] = {}

        def now(self) -> int:
            return times[self.strategy.datetime[0]]

        def next(self) -> None:
            self.equity.append((self.now(), self.strategy.broker.getvalue()))

        def notify_trade(self, trade: Any) -> None:
            self.closed += trade.isclosed

        def notify_order(self, order: Any) -> None:
            now, symbol = self.now(), order.data._name  # noqa: SLF001
            if order.status == order.Accepted:
                number = self.numbers.setdefault(order.ref, len(self.numbers) + 1)
                side = "buy" if order.isbuy() else "sell"
                self.orders.append((now, number, symbol, side, *_terms(order)))
            for bit in order.executed.iterpending():
                side = "buy" if bit.size > 0 else "sell"
                self.fills.append((now, symbol, side, bit.price, abs(bit.size), bit.comm))

    return Kept


def _terms(order: Any) -> tuple[Any, ...]:
    """Return type, price, quantity, trigger price, trailing offset and trailing bps of an order."""
    name = order.getordername()
    made = order.created
    is_stop = name.startswith("Stop")
    price = made.price if name == "Limit" else made.pricelimit if name.endswith("Limit") else None
    return (
        TYPES.get(name, name.lower()),
        price,
        abs(made.size),
        made.price if is_stop else None,
        made.trailamount if is_stop else None,
        None if not is_stop or made.trailpercent is None else made.trailpercent * 10_000,
    )
