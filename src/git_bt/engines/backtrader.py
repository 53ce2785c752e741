"""backtrader: one Strategy subclass, untouched, on the bars of one symbol or of several.

An analyzer of ours keeps what the broker tells: accepted orders, each fill of an order with its
own price and commission, and the account's value after each bar. A row has the time of the bar in
which the engine told of it, so that a longer tape gives the same rows and more; with
`cheat_on_close` that is the bar after the close that was paid. Times go in as backtrader's days
and come out as the tape's own ns, by looking them up: floats of days are never rounded.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from operator import sub
from typing import Any

from . import bars, entry, rows
from .config import PARAMS, Check, flag, mapping, number, optional, word
from .config import complete as complete_config
from .refusal import Refused, nearest
from .times import DAY, SECOND

NAME = "backtrader"
DISTRIBUTIONS = ("backtrader",)
INSTALL = "pip install 'git-bt[backtrader]'"

COMMISSION = {
    "commission": (0, number()),
    "margin": (None, optional(number(0))),
    "mult": (1, number(0, above=True)),
    "leverage": (1, number(0, above=True)),
}
BROKER = {
    "slip_perc": (0, number(0)),
    "slip_fixed": (0, number(0)),
    "slip_open": (False, flag),
    "slip_match": (True, flag),
    "slip_limit": (True, flag),
    "slip_out": (False, flag),
    "checksubmit": (True, flag),
    "shortcash": (True, flag),
}
KEYS: dict[str, tuple[Any, Check]] = {
    "cash": (10_000, number(0, above=True)),
    **COMMISSION,
    **BROKER,
    "cheat_on_close": (False, flag),
    "cheat_on_open": (False, flag),
    "sizer": ("FixedSize", word),
    "sizer_params": ({}, mapping),
    PARAMS: ({}, mapping),
}

TYPES = {
    "Stop": "stop_market",
    "StopLimit": "stop_limit",
    "StopTrail": "trailing_stop",
    "StopTrailLimit": "trailing_stop_limit",
}
"""Our words for backtrader's order types, where they are not its own in lower case."""


def complete(config: Any) -> dict[str, Any]:
    """Return a config with every key there is.

    Raises:
        ValueError: an unknown key, a value of another type, or out of range.
    """
    return complete_config(NAME, config, KEYS)


def warm() -> None:
    """Import the engine."""
    import backtrader  # noqa: F401


def run(job: dict[str, Any]) -> None:
    """Run one strategy on all symbols of the tape and write what came of it.

    Raises:
        Refused: the tape, the file, the sizer or a parameter cannot be run.
        BaseException: whatever the strategy raised.
    """
    import backtrader

    config = job["config"]
    market = bars.read(job)
    module = entry.load(job["entry_point"])
    strategy = entry.the_subclass(module, backtrader.Strategy, job["entry_point"])
    entry.check_params(config[PARAMS], _names(strategy), strategy)
    cerebro = _cerebro(backtrader, config)
    times: dict[float, int] = {}
    for symbol in market:
        cerebro.adddata(_feed(backtrader, symbol, times), name=symbol.symbol)
    cerebro.addstrategy(strategy, **config[PARAMS])
    cerebro.addanalyzer(_analyzer(backtrader, times), _name="git_bt")
    (done,) = cerebro.run()
    kept = done.analyzers.git_bt
    rows.write(
        job["out"],
        fills=kept.fills,
        orders=kept.orders,
        equity=kept.equity,
        summary={
            **bars.summary(market),
            "cash": float(cerebro.broker.getcash()),
            "value": float(cerebro.broker.getvalue()),
            "closed_trades": kept.closed,
        },
    )


def _names(cls: Any) -> list[str]:
    """Return the names of the parameters of a strategy or a sizer."""
    return sorted(cls.params._getkeys())  # noqa: SLF001 - what params has for it


def _cerebro(backtrader: Any, config: dict[str, Any]) -> Any:
    """Return the engine with its broker and its sizer set."""
    cerebro = backtrader.Cerebro(cheat_on_open=config["cheat_on_open"])
    broker = backtrader.brokers.BackBroker(
        cash=config["cash"],
        coc=config["cheat_on_close"],
        coo=config["cheat_on_open"],
        **{key: config[key] for key in BROKER},
    )
    broker.setcommission(**{key: config[key] for key in COMMISSION})
    cerebro.setbroker(broker)
    sizers = {
        name: value
        for name, value in vars(backtrader.sizers).items()
        if isinstance(value, type) and issubclass(value, backtrader.Sizer)
    }
    sizer = sizers.get(config["sizer"])
    if sizer is None:
        told = f"unknown sizer {config['sizer']!r}{nearest(config['sizer'], sorted(sizers))}"
        raise Refused("raised", told, "mend sizer: of the config")
    entry.check_params(config["sizer_params"], _names(sizer), sizer, "sizer_params")
    cerebro.addsizer(sizer, **config["sizer_params"])
    return cerebro


def _feed(backtrader: Any, symbol: bars.Bars, times: dict[float, int]) -> Any:
    """Return a data feed of a symbol, and add backtrader's time of each bar to `times`."""
    days = []
    for ns in symbol.times:
        day = backtrader.date2num(datetime(1970, 1, 1) + timedelta(microseconds=ns // 1000))  # noqa: DTZ001
        if times.setdefault(day, ns) != ns:
            raise Refused(
                "tape-corrupt",
                f"symbol {symbol.symbol} has bars that backtrader cannot tell apart in time: "
                "its days are exact to some 10 µs",
            )
        days.append(day)
    names = [name for name in bars.FIELDS if name in symbol.columns]
    values = list(zip(days, *(symbol.columns[name] for name in names)))

    class Feed(backtrader.feed.DataBase):  # type: ignore[misc]
        """Hands over the bars as they are."""

        def start(self) -> None:
            super().start()
            self.rest = iter(values)

        def _load(self) -> bool:
            bar = next(self.rest, None)
            if bar is None:
                return False
            self.lines.datetime[0] = bar[0]
            self.lines.volume[0] = self.lines.openinterest[0] = 0.0
            for name, value in zip(names, bar[1:]):
                getattr(self.lines, name)[0] = value
            return True

    timeframe, compression = _timeframe(backtrader, symbol.times)
    return Feed(timeframe=timeframe, compression=compression)


def _timeframe(backtrader: Any, times: Any) -> tuple[Any, int]:
    """Return what a bar spans: days when all are at midnight, else the smallest step there is."""
    if not any(ns % DAY for ns in times):
        return backtrader.TimeFrame.Days, 1
    step = min(map(sub, times[1:], times), default=60 * SECOND)
    if step % (60 * SECOND) == 0:
        return backtrader.TimeFrame.Minutes, step // (60 * SECOND)
    return backtrader.TimeFrame.Seconds, max(1, step // SECOND)


def _analyzer(backtrader: Any, times: dict[float, int]) -> Any:
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
