"""FLOX (lrvx, flox_py of old): one strategy on one tape of trades, as `lrvx bundle` runs it.

The loop, the order types, the symbol and the slippage are those of lrvx.bundle to the letter, so
that every bundle FLOX ever wrote replays to its fills. What differs is what FLOX leaves unsaid:
the tape is checked by the engine's own validator first, an exception that the engine swallows ends
the run, and every row carries tape time. Fills are not fed back to the strategy, because FLOX
does not either.
"""

from __future__ import annotations

import csv
import functools
import hashlib
import json
import math
import os
import sys
import types

NAME = "flox"
DISTRIBUTIONS = ("lrvx", "flox-py")
INSTALL = "pip install 'git-bt[flox]'"

MODELS = ("none", "fixed_ticks", "fixed_bps", "volume_impact")
ORDER_TYPES = (
    "market",
    "limit",
    "stop_market",
    "stop_limit",
    "tp_market",
    "tp_limit",
    "trailing_stop",
)
"""What FLOX submits; the index is the order type in its traces, so the order is frozen."""

OF_OLD = {"tp_market": "take_profit_market", "tp_limit": "take_profit_limit"}  # 0.6.7 to 0.10
CHUNK = 65_536  # rows turned into Python objects at once: as fast as all at once, flat in memory
SEGMENTS = (".lrvx", ".floxlog")
LFS = b"version https://git-lfs"
RAW = 100_000_000
INT64 = 2**63 - 1

FILLS = ("seq", "ts_ns", "symbol", "side", "price", "quantity", "fee")
ORDERS = (
    "seq",
    "ts_ns",
    "order",
    "symbol",
    "side",
    "type",
    "price",
    "quantity",
    "trigger_price",
    "trailing_offset",
    "trailing_bps",
)
SIGNALS = (*ORDERS, "new_price", "new_quantity")


class Refused(Exception):
    """A job that cannot be run, with the kind of failure it is."""

    def __init__(self, kind, message, hint=None):
        super().__init__(message)
        self.bt_kind = kind
        self.bt_hint = hint


# -- config ---------------------------------------------------------------------------------------

DEFAULTS = {
    "symbol_name": "BTCUSDT",
    "exchange": "bundle",
    "tick_size": 0.01,
    "slippage_model": "none",
    "slippage_bps": 0,
    "slippage_ticks": 0,
    "slippage_tick_size": 0,
    "impact_coeff": 0,
}


def complete(config):
    """Return a config with every key there is.

    Raises:
        ValueError: an unknown key, a value of another type, or out of range.
    """
    for key in config:
        if key not in DEFAULTS:
            raise ValueError(f"unknown config key {key!r} for engine flox{_nearest(key)}")
    full = {**DEFAULTS, **config}
    for key in ("symbol_name", "exchange"):
        if not isinstance(full[key], str) or not full[key]:
            raise ValueError(f"config {key} must be a word, is {full[key]!r}")
    if full["slippage_model"] not in MODELS:
        raise ValueError(
            f"config slippage_model must be one of {', '.join(MODELS)}, "
            f"is {full['slippage_model']!r}"
        )
    for key in ("tick_size", "slippage_bps", "slippage_tick_size", "impact_coeff"):
        _check_number(key, full[key])
    if full["tick_size"] == 0:
        raise ValueError("config tick_size must be above 0")
    ticks = full["slippage_ticks"]
    _check_number("slippage_ticks", ticks)
    if ticks != int(ticks) or ticks >= 2**31:
        raise ValueError(f"config slippage_ticks must be a whole number, is {ticks!r}")
    full["slippage_ticks"] = int(ticks)
    ticks_wanted = full["slippage_model"] == "fixed_ticks" and full["slippage_ticks"]
    if ticks_wanted and "slippage_tick_size" not in config:
        full["slippage_tick_size"] = full["tick_size"]
    return full


def _check_number(key, value):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"config {key} must be a number, is {value!r}")
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"config {key} must be 0 or above, is {value!r}")


def _nearest(key):
    import difflib

    near = difflib.get_close_matches(str(key), DEFAULTS, n=1)
    return f", did you mean {near[0]}?" if near else f", known are {', '.join(DEFAULTS)}"


# -- the engine -----------------------------------------------------------------------------------


def warm():
    """Import the engine, and let both of its names mean it."""
    engine()


def engine():
    """Return the engine's module: lrvx, or flox_py where only that is installed.

    Raises:
        ImportError: neither can be imported.
    """
    try:
        import lrvx as found
    except ModuleNotFoundError as e:
        if e.name != "lrvx":
            raise
        import flox_py as found
    for name in ("lrvx", "flox_py"):
        if name != found.__name__ and name not in sys.modules:
            _alias(name, found)
    return found


def _alias(name, target):
    """Make a missing package name mean another: its names, its submodules, its error class."""
    if _is_installed(name):
        return
    twin = types.ModuleType(name, target.__doc__)
    twin.__dict__.update({k: v for k, v in vars(target).items() if not k.startswith("__")})
    twin.__path__ = []
    for error in ("FloxError", "LrvxError"):
        known = getattr(target, "LrvxError", None) or getattr(target, "FloxError", None)
        if known is not None:
            setattr(twin, error, known)
    sys.modules[name] = twin
    sys.meta_path.append(_Alias(name + ".", target.__name__ + "."))


def _is_installed(name):
    import importlib.util

    try:
        return importlib.util.find_spec(name) is not None
    except ValueError:
        return False


class _Alias:
    """Finds flox_py.tape where only lrvx.tape is, and the native module by either name."""

    def __init__(self, prefix, target):
        self.prefix = prefix
        self.target = target

    def find_spec(self, name, path=None, target=None):
        from importlib.machinery import ModuleSpec

        return ModuleSpec(name, self) if name.startswith(self.prefix) else None

    def create_module(self, spec):
        import importlib

        rest = spec.name[len(self.prefix) :]
        native = {"_flox_py": "_lrvx", "_lrvx": "_flox_py"}
        real = self.target + native.get(rest, rest)
        try:
            return importlib.import_module(real)
        except ModuleNotFoundError as e:
            raise ModuleNotFoundError(f"No module named {spec.name!r}", name=spec.name) from e

    def exec_module(self, module):
        """Do nothing: the module has been executed under its real name."""


# -- the tape -------------------------------------------------------------------------------------


def _read_tape(flox, job):
    """Return the tape's trades as the engine reads them, after its own validator agreed.

    Raises:
        Refused: tape-missing (no tape, an LFS pointer) or tape-corrupt.
    """
    folder, segments = _segments(job)
    reported = 0
    for path in segments:
        reported += _check_segment(flox, path)
    if reported == 0:
        raise Refused("tape-corrupt", f"the tape {_shown(job)} holds no trades")
    trades = flox.DataReader(folder).read_trades()
    if len(trades) == 0 and any(p.endswith(".lrvx") for p in segments):
        # Engines before 0.11 look for the old suffix only; the bytes are the same.
        trades = flox.DataReader(_linked(job, segments, ".floxlog")).read_trades()
    if len(trades) != reported:
        raise Refused(
            "tape-corrupt",
            f"the tape {_shown(job)} holds {reported} trades, the engine read {len(trades)}",
        )
    ids = trades["symbol_id"]
    if (ids != ids[0]).any():
        found = sorted(set(ids.tolist()))
        raise Refused(
            "tape-corrupt",
            f"the tape {_shown(job)} holds {len(found)} symbols ({_some(found)}); "
            "FLOX replays one symbol a run",
            "record or cut a tape with one symbol",
        )
    return trades


def _segments(job):
    tape = job["tape"]
    if tape is None or not os.path.exists(tape):
        raise Refused("tape-missing", "there is no tape", "name one with --tape or `tape:`")
    if not os.path.isdir(tape):
        _refuse_pointer(tape, os.path.basename(tape))
        if not tape.endswith(SEGMENTS):
            raise Refused("tape-corrupt", f"{os.path.basename(tape)} is no FLOX tape")
        return _linked(job, [tape], os.path.splitext(tape)[1]), [tape]
    names = sorted(os.listdir(tape))
    if not names:
        raise Refused("tape-missing", f"the tape {_shown(job)} is an empty folder")
    paths = [os.path.join(tape, n) for n in names if n.endswith(SEGMENTS)]
    if not paths:
        raise Refused(
            "tape-corrupt",
            f"the tape {_shown(job)} has no segment (*.lrvx), only {_some(names)}",
        )
    return tape, paths


def _check_segment(flox, path):
    name = os.path.basename(path)
    _refuse_pointer(path, name)
    found = flox.validate(path)
    if not found["valid"]:
        issues = sorted(found["issues"], key=lambda i: -i["severity"])
        why = issues[0]["message"] if issues else "the engine's validator refuses it"
        raise Refused("tape-corrupt", f"tape segment {name}: {why}")
    return found["trades_found"]


def _refuse_pointer(path, name):
    with open(path, "rb") as f:
        if f.read(len(LFS)) == LFS:
            raise Refused(
                "tape-missing",
                f"tape segment {name} is a git-LFS pointer, not the tape itself",
                "fetch it: git lfs pull",
            )


def _linked(job, segments, suffix):
    folder = os.path.join(os.path.dirname(job["out"]), "tape-as-read")
    os.makedirs(folder, exist_ok=True)
    for path in segments:
        stem = os.path.splitext(os.path.basename(path))[0]
        os.symlink(path, os.path.join(folder, stem + suffix))
    return folder


def _shown(job):
    return os.path.basename(job["tape"])


def _some(values):
    shown = ", ".join(str(v) for v in values[:8])
    return shown + (f" and {len(values) - 8} more" if len(values) > 8 else "")


# -- the strategy ---------------------------------------------------------------------------------

MODULE = "lrvx_bundle_strategy"  # the name under which FLOX loads it


def _load(path):
    import importlib.util

    spec = importlib.util.spec_from_file_location(MODULE, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{os.path.basename(path)} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE] = module
    spec.loader.exec_module(module)
    return module


def _strategy_class(flox, module, path):
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, flox.Strategy)
        and value is not flox.Strategy
    ]
    if len(found) != 1:
        what = "no subclass" if not found else f"{len(found)} subclasses"
        names = f" ({', '.join(c.__name__ for c in found)})" if found else ""
        raise ValueError(
            f"{os.path.basename(path)} has {what} of {flox.__name__}.Strategy{names}; "
            "FLOX runs exactly one"
        )
    return found[0]


def _make(cls, symbol):
    """Make the strategy with the symbols argument, or without where it takes none.

    FLOX tries and takes any TypeError for "no argument"; the signature tells without guessing.
    """
    import inspect

    try:
        signature = inspect.signature(cls)
    except (TypeError, ValueError):  # the engine's own constructor, which takes the symbols
        return cls([symbol])
    for arguments in ([[symbol]], []):
        try:
            signature.bind(*arguments)
        except TypeError:
            continue
        return cls(*arguments)
    return cls([symbol])  # neither fits: let it say so itself


class _Watch:
    """Keeps the first exception that a method of the strategy let out into the engine.

    From 0.10 the engine logs and swallows them, SystemExit and KeyboardInterrupt too. The methods
    are wrapped in their class; the engine's log is the second net, for methods set elsewhere.
    """

    def __init__(self):
        self.raised = []
        self.depth = 0

    def guard(self, cls, base):
        for name in dir(base):
            if not name.startswith("on_"):
                continue
            owner = next(c for c in cls.__mro__ if name in vars(c))
            function = vars(owner)[name]
            if owner is not base and isinstance(function, types.FunctionType):
                setattr(owner, name, self.guarded(function))

    def guarded(self, function):
        @functools.wraps(function)
        def call(*args, **kwargs):
            self.depth += 1
            try:
                return function(*args, **kwargs)
            except BaseException as e:
                if self.depth == 1:  # deeper, the strategy itself may still catch it
                    self.raised.append(e)
                raise
            finally:
                self.depth -= 1

        return call

    def listen(self, flox):
        if hasattr(flox, "set_log_callback"):
            flox.set_log_callback(self.log)

    def log(self, level, message):
        if level >= 2 and "raised" in message and not self.raised:
            self.raised.append(RuntimeError(message.strip().splitlines()[0]))
        print(message.rstrip(), file=sys.stderr)

    def check(self):
        if self.raised:
            raise self.raised[0]


# -- the run --------------------------------------------------------------------------------------


def run(job):
    """Run one strategy on one tape and write what came of it.

    Raises:
        Refused: the tape cannot be run.
        BaseException: whatever the strategy raised.
    """
    flox = engine()
    trades = _read_tape(flox, job)
    module = _load(job["entry_point"])
    cls = _strategy_class(flox, module, job["entry_point"])
    rows = _drive(flox, cls, trades, job["config"])
    _write(flox, job, rows)


def _executor(flox, config):
    sim = flox.SimulatedExecutor()
    sim.set_default_slippage(
        model=config["slippage_model"],
        ticks=int(config["slippage_ticks"]),
        tick_size=float(config["slippage_tick_size"]),
        bps=float(config["slippage_bps"]),
        impact_coeff=float(config["impact_coeff"]),
    )
    return sim


class _Book:
    """Takes the strategy's signals: submits what FLOX submits, and keeps a row of each."""

    def __init__(self, flox, sim, symbol, name, watch):
        self.submit = _submitter(flox, sim, symbol)
        self.name = name
        self.watch = watch
        self.now = 0
        self.next_id = 1
        self.ordinals = {}
        self.signals = []
        self.orders = []

    def on_signal(self, signal):
        try:
            self._take(signal)
        except BaseException as e:  # the engine would log it as the strategy's
            self.watch.raised.append(e)

    def _take(self, signal):
        kind = (signal.order_type or "").lower()
        side = (signal.side or "").lower()
        order = int(signal.order_id or 0)
        submitted = kind in ORDER_TYPES
        if submitted and order == 0:
            order = self.next_id
            self.next_id += 1
        row = (
            self.now,
            self.ordinals.setdefault(order, len(self.ordinals) + 1) if order else None,
            self.name,
            side,
            kind,
            float(signal.price),
            float(signal.quantity),
            float(getattr(signal, "trigger_price", 0.0) or 0.0),
            float(getattr(signal, "trailing_offset", 0.0) or 0.0),
            float(getattr(signal, "trailing_bps", 0) or 0),
        )
        new_price = float(getattr(signal, "new_price", 0.0) or 0.0)
        new_quantity = float(getattr(signal, "new_quantity", 0.0) or 0.0)
        self.signals.append((len(self.signals), *row, new_price, new_quantity))
        if submitted and self.submit(order, kind, row):
            self.orders.append((len(self.orders), *row))


def _submitter(flox, sim, symbol):
    """Return what submits an order in the words of the engine at hand: they changed twice.

    It answers whether this engine takes the type at all: 0.6.0 knew market and limit only.
    """
    text = flox.SimulatedExecutor.submit_order.__doc__ or ""
    conditional = "trigger" in text
    words = OF_OLD if "ORDER_TYPE_NAMES" not in dir(flox) else {}

    def submit(order, kind, row):
        side, price, quantity = row[3], row[5], row[6]
        if not conditional:
            if kind in ("market", "limit"):
                sim.submit_order(order, side, price, quantity, type=kind, symbol=symbol)
            return kind in ("market", "limit")
        sim.submit_order(
            order,
            side,
            price,
            quantity,
            type=words.get(kind, kind),
            symbol=symbol,
            trigger=row[7],
            trailing_offset=row[8],
            trailing_bps=int(row[9]),
        )
        return True

    return submit


def _drive(flox, cls, trades, config):
    """Feed every trade to executor and strategy, as lrvx.bundle does, and return the rows."""
    registry = flox.SymbolRegistry()
    name = config["symbol_name"]
    symbol = int(
        registry.add_symbol(config["exchange"], name, tick_size=float(config["tick_size"]))
    )
    sim = _executor(flox, config)
    watch = _Watch()
    book = _Book(flox, sim, symbol, name, watch)
    times = trades["exchange_ts_ns"]
    book.now = int(times[0])
    runner = flox.Runner(registry, on_signal=book.on_signal)
    watch.guard(cls, flox.Strategy)
    strategy = _make(cls, symbol)
    runner.add_strategy(strategy)
    watch.listen(flox)
    runner.start()
    watch.check()
    price = _feed(trades, symbol, sim, runner, book, watch)
    runner.stop()
    watch.check()
    fills = [
        (
            i,
            int(f["timestamp_ns"]),
            name,
            str(f["side"]),
            float(f["price"]),
            float(f["quantity"]),
            0.0,
        )
        for i, f in enumerate(sim.fills_list())
    ]
    ids = [book.ordinals.get(int(f["order_id"]), 0) for f in sim.fills_list()]
    return {
        "symbol": symbol,
        "fills": fills,
        "fill_orders": ids,
        "orders": book.orders,
        "signals": book.signals,
        "started": int(times[0]),
        "ended": int(times[-1]),
        "summary": {
            "symbols": {name: {"id": symbol, "last_price": price, "last_ts_ns": int(times[-1])}},
            "trade_count": len(trades),
        },
    }


def _feed(trades, symbol, sim, runner, book, watch):
    """Return the last price. The hot loop: 1 000 000 trades in about 2.3 s, see research."""
    advance, sim_trade, run_trade, raised = (
        sim.advance_clock,
        sim.on_trade_qty,
        runner.on_trade,
        watch.raised,
    )
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
            run_trade(symbol, price, quantity, is_buy, ts)
            if raised:
                raise raised[0]
    return price


# -- what it writes -------------------------------------------------------------------------------


def _write(flox, job, rows):
    out = job["out"]
    for name, columns in (("fills", FILLS), ("orders", ORDERS), ("signals", SIGNALS)):
        path = os.path.join(out, name + ".csv")
        with open(path, "w", encoding="utf-8", newline="") as f:
            writer = csv.writer(f, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(rows[name])
    with open(os.path.join(out, "summary.json"), "w", encoding="utf-8", newline="") as f:
        text = json.dumps(
            rows["summary"], sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )
        f.write(text + "\n")
    _write_trace(flox, job, rows)


def _write_trace(flox, job, rows):
    """Write the engine's own trace, with tape time wherever FLOX writes the wall clock."""
    folder = os.path.join(job["out"], "run.floxrun")
    with open(job["entry_point"], "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    recorder = flox.TraceRecorder(
        path=folder,
        strategy_id=os.path.splitext(os.path.basename(job["entry_point"]))[0],
        strategy_hash=digest[:16],
        run_started_ns=rows["started"],
    )
    symbol = rows["symbol"]
    for _, ts, order, _, _, kind, *_ in rows["signals"]:
        recorder.write_signal(
            run_ts_ns=ts, feed_ts_ns=ts, signal_id=order or 0, name=kind, symbol_ids=[symbol]
        )
    for _, ts, order, _, side, kind, price, quantity, *_ in rows["orders"]:
        recorder.write_order_event(
            run_ts_ns=ts,
            feed_ts_ns=ts,
            order_id=order,
            parent_signal_id=order,
            symbol_id=symbol,
            event_kind=flox.OrderEventKind.SUBMIT,
            side=0 if side == "buy" else 1,
            order_type=ORDER_TYPES.index(kind),
            price_raw=_raw(price),
            qty_raw=_raw(quantity),
        )
    for (seq, ts, _, side, price, quantity, _), order in zip(rows["fills"], rows["fill_orders"]):
        recorder.write_fill(
            run_ts_ns=ts,
            feed_ts_ns=ts,
            order_id=order,
            fill_id=seq + 1,
            price_raw=_raw(price),
            qty_raw=_raw(quantity),
            symbol_id=symbol,
            side=0 if side == "buy" else 1,
            liquidity=flox.FillLiquidity.TAKER,
        )
    recorder.set_run_ended_ns(rows["ended"])
    recorder.close()
    for name in os.listdir(folder):
        if name.endswith(".bin"):
            _stop_clock(os.path.join(folder, name), rows["started"])


def _raw(value):
    return max(-INT64, min(INT64, round(value * RAW)))


def _stop_clock(path, ts):
    """Put tape time where the recorder wrote the wall clock: eight bytes of a segment's header."""
    with open(path, "r+b") as f:
        f.seek(8)
        f.write(ts.to_bytes(8, "little", signed=True))
