"""FLOX (lrvx, flox_py of old): one strategy on one tape of trades, as `lrvx bundle` runs it.

The loop, the order types, the symbol and the slippage are those of lrvx.bundle to the letter, so
that every bundle FLOX ever wrote replays to its fills. What differs is what FLOX leaves unsaid:
the tape is checked by the engine's own validator first, an exception that the engine swallows ends
the run, and every row carries tape time. Fills are not fed back to the strategy, because FLOX
does not either. Beside it lie its tape, its rows, its watch over what the strategy raises, and the
two names of the engine.
"""

from __future__ import annotations

import hashlib
import math
import os
import sys
from collections.abc import Callable
from typing import Any

from .entry import load
from .flox_engine import engine
from .flox_rows import ORDER_TYPES, fills_of, write, write_trace
from .flox_tape import read_tape
from .flox_watch import Watch
from .refusal import Refused, nearest

NAME = "flox"
DISTRIBUTIONS = ("lrvx", "flox-py")
INSTALL = "pip install 'git-bt[flox]'"

MODELS = ("none", "fixed_ticks", "fixed_bps", "volume_impact")
OF_OLD = {"tp_market": "take_profit_market", "tp_limit": "take_profit_limit"}  # 0.6.7 to 0.10
CHUNK = 65_536  # rows turned into Python objects at once: as fast as all at once, flat in memory
MODULE = "lrvx_bundle_strategy"  # the name under which FLOX loads a strategy
Job = dict[str, Any]
Row = tuple[Any, ...]


# -- config ---------------------------------------------------------------------------------------

DEFAULTS: dict[str, Any] = {
    "symbol_name": "BTCUSDT",
    "exchange": "bundle",
    "tick_size": 0.01,
    "slippage_model": "none",
    "slippage_bps": 0,
    "slippage_ticks": 0,
    "slippage_tick_size": 0,
    "impact_coeff": 0,
}
NUMBERS = ("tick_size", "slippage_bps", "slippage_ticks", "slippage_tick_size", "impact_coeff")


def complete(config: Any) -> dict[str, Any]:
    """Return a config with every key there is.

    Raises:
        ValueError: an unknown key, a value of another type, or out of range.
    """
    for key in config:
        if key not in DEFAULTS:
            raise ValueError(f"unknown config key {key!r} for engine flox{nearest(key, DEFAULTS)}")
    full = {**DEFAULTS, **config}
    for key in ("symbol_name", "exchange"):
        if not isinstance(full[key], str) or not full[key] or not full[key].isprintable():
            raise ValueError(f"config {key} must be a word, is {full[key]!r:.60}")
    model = full["slippage_model"]
    if model not in MODELS:
        raise ValueError(f"config slippage_model must be {' or '.join(MODELS)}, is {model!r}")
    for key in NUMBERS:
        _check_number(key, full[key])
    if full["tick_size"] == 0:
        raise ValueError("config tick_size must be above 0")
    ticks = full["slippage_ticks"]
    if ticks != int(ticks) or ticks >= 2**31:
        raise ValueError(f"config slippage_ticks must be a whole number, is {ticks!r}")
    full["slippage_ticks"] = int(ticks)
    if model == "fixed_ticks" and ticks and "slippage_tick_size" not in config:
        full["slippage_tick_size"] = full["tick_size"]
    return full


def _check_number(key: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"config {key} must be a number, is {value!r}")
    if not 0 <= value <= sys.float_info.max or math.isnan(value):
        raise ValueError(f"config {key} must be 0 or above and finite, is {value!r:.40}")


def warm() -> None:
    """Import the engine, and let both of its names mean it."""
    engine()


# -- the strategy ---------------------------------------------------------------------------------


def _strategy_class(flox: Any, module: Any, path: str) -> Any:
    base = flox.Strategy
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, base) and value is not base
    ]
    if len(found) != 1:
        names = ", ".join(cls.__name__ for cls in found)
        what = f"{len(found)} subclasses of Strategy ({names})" if found else "no Strategy subclass"
        raise Refused("raised", f"{os.path.basename(path)} has {what}, FLOX runs exactly one")
    return found[0]


def _make(cls: Any, symbol: int) -> Any:
    """Make the strategy with the symbols argument, or without where it takes none.

    FLOX tries and takes any TypeError for "no argument"; the signature tells without guessing.
    """
    import inspect

    try:
        signature = inspect.signature(cls)
    except (TypeError, ValueError):  # the engine's own constructor, which takes the symbols
        return cls([symbol])
    takes: list[list[Any]] = [a for a in ([[symbol]], []) if _binds(signature, a)]
    if len(takes) != 2:
        return cls(*(takes or [[[symbol]]])[0])  # neither fits: let it say so itself
    try:
        return cls([symbol])
    except TypeError as first:
        try:
            return cls()  # as FLOX does, and this one can
        except TypeError:
            raise first from None


def _binds(signature: Any, arguments: list[Any]) -> bool:
    try:
        signature.bind(*arguments)
    except TypeError:
        return False
    return True


# -- the run --------------------------------------------------------------------------------------


def run(job: Job) -> None:
    """Run one strategy on one tape and write what came of it.

    Raises:
        Refused: the tape cannot be run.
        BaseException: whatever the strategy raised.
    """
    flox = engine()
    trades = read_tape(flox, job)
    with open(job["entry_point"], "rb") as f:  # before it runs: it may remove itself
        digest = hashlib.sha256(f.read()).hexdigest()
    watch = Watch()
    watch.listen(flox)
    module = load(job["entry_point"], MODULE)
    cls = _strategy_class(flox, module, job["entry_point"])
    rows = _drive(flox, cls, trades, job["config"], watch)
    write(job["out"], rows)
    write_trace(flox, job, rows, digest)


class _Book:
    """Takes the strategy's signals: submits what FLOX submits, and keeps a row of each.

    `now` is tape time. An order's number is the ordinal of its first appearance, because the
    engine's own ids depend on its release and on what else the process did. `orders` are the
    indices of the signals that the engine took as orders.
    """

    def __init__(self, submit: Callable[[int, Row], bool], symbol_name: str, watch: Watch) -> None:
        self.submit = submit
        self.symbol_name = symbol_name
        self.watch = watch
        self.now = 0
        self.next_id = 1
        self.ordinals: dict[int, int] = {}
        self.signals: list[Row] = []
        self.orders: list[int] = []

    def on_signal(self, signal: Any) -> None:
        try:
            self._take(signal)
        except BaseException as e:  # raised to the engine, it would be logged as the strategy's
            self.watch.raised.append(e)

    def _take(self, signal: Any) -> None:
        kind = (signal.order_type or "").lower()
        order = int(signal.order_id or 0)
        is_order = kind in ORDER_TYPES
        if is_order and order == 0:
            order = self.next_id
            self.next_id += 1
        row = (
            self.now,
            self.ordinals.setdefault(order, len(self.ordinals) + 1) if order else None,
            self.symbol_name,
            (signal.side or "").lower(),
            kind,
            float(signal.price),
            float(signal.quantity),
            _number(signal, "trigger_price"),
            _number(signal, "trailing_offset"),
            _number(signal, "trailing_bps"),
            _number(signal, "new_price"),
            _number(signal, "new_quantity"),
        )
        self.signals.append(row)
        if is_order and self.submit(order, row):
            self.orders.append(len(self.signals) - 1)


def _number(signal: Any, field: str) -> float:
    return float(getattr(signal, field, 0.0) or 0.0)


def _submitter(flox: Any, sim: Any, symbol: int) -> Callable[[int, Row], bool]:
    """Return what submits an order in the words of the engine at hand: they changed twice.

    It answers whether this engine takes the type at all: 0.6.0 knew market and limit only.
    """
    has_triggers = "trigger" in (flox.SimulatedExecutor.submit_order.__doc__ or "")
    words = {} if hasattr(flox, "ORDER_TYPE_NAMES") else OF_OLD

    def submit(order: int, row: Row) -> bool:
        _, _, _, side, kind, price, quantity, trigger, offset, bps, _, _ = row
        if has_triggers:
            sim.submit_order(
                order, side, price, quantity,
                type=words.get(kind, kind), symbol=symbol,
                trigger=trigger, trailing_offset=offset, trailing_bps=int(bps),
            )  # fmt: skip
            return True
        if kind in ("market", "limit"):
            sim.submit_order(order, side, price, quantity, type=kind, symbol=symbol)
        return kind in ("market", "limit")

    return submit


def _drive(
    flox: Any, cls: Any, trades: Any, config: dict[str, Any], watch: Watch
) -> dict[str, Any]:
    """Feed every trade to executor and strategy, as lrvx.bundle does, and return the rows."""
    name = config["symbol_name"]
    times = trades["exchange_ts_ns"]
    first, last = int(times[0]), int(times[-1])
    registry = flox.SymbolRegistry()
    tick_size = float(config["tick_size"])
    listed = registry.add_symbol(config["exchange"], name, tick_size=tick_size)
    symbol = int(listed)
    sim = flox.SimulatedExecutor()
    sim.set_default_slippage(
        model=config["slippage_model"],
        ticks=int(config["slippage_ticks"]),
        tick_size=float(config["slippage_tick_size"]),
        bps=float(config["slippage_bps"]),
        impact_coeff=float(config["impact_coeff"]),
    )
    book = _Book(_submitter(flox, sim, symbol), name, watch)
    book.now = first
    runner = flox.Runner(registry, on_signal=book.on_signal)
    watch.guard(cls, flox.Strategy)
    strategy = _make(cls, symbol)
    runner.add_strategy(strategy)
    runner.start()
    watch.check()
    price = _feed(trades, listed, sim, runner, book)
    runner.stop()
    watch.check()
    return {
        "symbol": symbol,
        "started": first,
        "ended": last,
        "signals": book.signals,
        "orders": book.orders,
        "summary": {
            "symbols": {name: {"id": symbol, "last_price": price, "last_ts_ns": last}},
            "trade_count": len(trades),
        },
        **fills_of(sim, name, book.ordinals),
    }


def _feed(trades: Any, listed: Any, sim: Any, runner: Any, book: _Book) -> float:
    """Feed the trades and return the last price; this is where the time goes.

    The runner takes the listed symbol itself, as it takes its number, in two thirds of the time.
    """
    symbol = int(listed)
    advance, sim_trade, run_trade = sim.advance_clock, sim.on_trade_qty, runner.on_trade
    raised = book.watch.raised
    price = 0.0
    for start in range(0, len(trades), CHUNK):
        part = trades[start : start + CHUNK]
        columns = zip(
            part["exchange_ts_ns"].tolist(),
            (part["price_raw"] / 1e8).tolist(),
            (part["qty_raw"] / 1e8).tolist(),
            (part["side"] == 0).tolist(),
        )
        for ts, price, quantity, is_buy in columns:
            book.now = ts
            advance(ts)
            sim_trade(symbol, price, quantity, is_buy)
            run_trade(listed, price, quantity, is_buy, ts)
            if raised:
                raise raised[0]
    return price
