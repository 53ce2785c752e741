"""The engines that are known: their packages, the functions that run a backtest, what comes back.

Each reader takes what an engine hands to the user anyway, and changes nothing of it. Rows are those
of `git_bt.engines.rows`; a run whose rows cannot be read has its metrics still.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own costs 10 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    Fill = tuple[int, str, str, float, float, "float | None"]
    Named = Mapping[str, Any]

NAMES = frozenset(
    {
        "git_bt", "rustybt", "zipline", "backtesting", "backtrader", "lrvx", "flox_py", "vectorbt",
        "nautilus_trader", "bt", "pybroker", "hftbacktest", "qstrader",
    }
)  # fmt: skip
"""Top-level packages whose frames are never the user's."""

ASSET = "asset"
"""The symbol of an engine that does not name its one."""


class Result:
    """What a run gave: metrics by name, and rows where they are whole."""

    __slots__ = ("equity", "fills", "metrics")

    def __init__(
        self,
        metrics: Named,
        fills: Iterable[Fill] | None = None,
        equity: Iterable[tuple[int, float]] | None = None,
    ) -> None:
        self.metrics = dict(metrics)
        self.fills = None if fills is None else list(fills)
        self.equity = None if equity is None else list(equity)


class Engine:
    """One engine: the functions that run it, and how a call of one is read.

    `runs` are names below their module, `Class.method` too. `params` gets the call's own object
    (None of a function) and its arguments. `before` may add an observer of ours and returns it;
    `after` gets what `params` gets, what the call returned, and the observer.
    """

    __slots__ = ("after", "before", "name", "params", "runs", "sweeps")

    def __init__(
        self,
        name: str,
        runs: tuple[str, ...],
        after: Callable[[Any, tuple[Any, ...], Named, Any, Any], Result],
        *,
        params: Callable[[Any, tuple[Any, ...], Named], Named] | None = None,
        before: Callable[[Any], Any] | None = None,
        sweeps: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.runs = runs
        self.after = after
        self.params = params or _keywords
        self.before = before
        self.sweeps = sweeps


def _keywords(owner: Any, args: tuple[Any, ...], named: Named) -> Named:
    return named


def _ns(moment: Any) -> int:
    """Return a pandas time in ns; pandas 3 keeps other units."""
    as_unit = getattr(moment, "as_unit", None)
    return int(as_unit("ns").value if as_unit is not None else getattr(moment, "value", moment))


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Return what is a plain number, numpy's too."""
    found = {}
    for key, value in values.items():
        if isinstance(value, bool) or (isinstance(key, str) and key.startswith("_")):
            continue
        if isinstance(value, (int, float)) or type(value).__module__ == "numpy":
            try:
                found[str(key)] = value if isinstance(value, int) else float(value)
            except (TypeError, ValueError):
                continue
    return found


# -- backtesting ----------------------------------------------------------------------------------


def _backtesting_params(owner: Any, args: tuple[Any, ...], named: Named) -> Named:
    account = getattr(getattr(owner, "_broker", None), "keywords", {})
    return {**{k: v for k, v in account.items() if k != "index"}, **named}


def _backtesting(owner: Any, args: tuple[Any, ...], named: Named, stats: Any, seen: Any) -> Result:
    """Trades as fills: closed ones by the engine's table, open ones by their entry."""
    broker = stats["_strategy"]._broker
    index = broker._data.index
    rows = []
    for trade in (*broker.closed_trades, *broker.trades):
        size, end = trade.size, trade.exit_bar
        rows.append((trade.entry_bar, 1, size, trade.entry_price))
        if end is not None:
            rows.append((end, 0, -size, trade.exit_price))
    rows.sort(key=lambda row: row[:2])  # of one bar, what is closed comes first
    fills = (
        (_ns(index[bar]), ASSET, "buy" if size > 0 else "sell", price, abs(size), None)
        for bar, _, size, price in rows
    )
    curve = stats["_equity_curve"]["Equity"]
    equity = ((_ns(at), float(value)) for at, value in zip(curve.index, curve))
    return Result(_numbers(stats.to_dict()), fills, equity)


# -- backtrader -----------------------------------------------------------------------------------


def _observe_backtrader(cerebro: Any) -> Any:
    """Add an analyzer that keeps fills and values; not to an optimization, which pickles them."""
    if getattr(cerebro, "_dooptimize", False) or len(cerebro.strats) != 1:
        return None
    import backtrader

    class Kept(backtrader.Analyzer):  # type: ignore[misc]
        """Fills as the broker tells them, the account's value after each bar."""

        def start(self) -> None:
            self.fills: list[Fill] = []
            self.equity: list[tuple[int, float]] = []

        def next(self) -> None:
            self.equity.append((self._now(), float(self.strategy.broker.getvalue())))

        def notify_order(self, order: Any) -> None:
            name = order.data._name or ASSET
            for bit in order.executed.iterpending():
                side = "buy" if bit.size > 0 else "sell"
                self.fills.append((self._now(), name, side, bit.price, abs(bit.size), bit.comm))

        def _now(self) -> int:
            # Days since year 1 as a float; to the µs, as backtrader itself writes them.
            return int(round((self.strategy.datetime[0] - 719_163) * 86_400_000_000) * 1000)

    cerebro.addanalyzer(Kept, _name="git_bt")
    return Kept


def _backtrader(owner: Any, args: tuple[Any, ...], named: Named, done: Any, seen: Any) -> Result:
    broker = owner.broker
    metrics = {"value": float(broker.getvalue()), "cash": float(broker.getcash())}
    if seen is None:
        return Result(metrics)
    kept = done[0].analyzers.git_bt
    return Result(metrics, kept.fills, kept.equity)


def _backtrader_params(owner: Any, args: tuple[Any, ...], named: Named) -> Named:
    """What the first strategy is given, one setting of an optimization."""
    for _, _, given in (args or (named.get("iterstrat", ()),))[0][:1]:
        return dict(given)
    return {}


# -- lrvx -----------------------------------------------------------------------------------------


def _lrvx(owner: Any, args: tuple[Any, ...], named: Named, stats: Any, seen: Any) -> Result:
    """Round trips as fills, equity after each."""
    last = args[-1] if args and isinstance(args[-1], str) and len(args) > 1 else None
    symbol = named.get("symbol") or last or ASSET
    trades, curve = owner.trades(), owner.equity_curve()
    rows = []
    for n in range(len(trades["entry_price"])):
        quantity = float(trades["quantity"][n])
        sides = ("buy", "sell") if int(trades["side"][n]) == 1 else ("sell", "buy")
        for order, which, side in zip((1, 0), ("entry", "exit"), sides):
            price = float(trades[which + "_price"][n])
            rows.append((int(trades[which + "_time_ns"][n]), order, side, price, quantity))
    rows.sort(key=lambda row: row[:2])
    fills = ((ts, symbol, side, price, size, None) for ts, _, side, price, size in rows)
    equity = zip(map(int, curve["timestamp_ns"]), map(float, curve["equity"]))
    return Result(_numbers(stats if isinstance(stats, dict) else {}), fills, equity)


def _lrvx_bars_params(owner: Any, args: tuple[Any, ...], named: Named) -> Named:
    return {key: value for key, value in named.items() if isinstance(value, (str, int, float))}


# -- zipline and what came of it ------------------------------------------------------------------


def _zipline_params(owner: Any, args: tuple[Any, ...], named: Named) -> Named:
    plain = (str, int, float, bool)
    return {
        key: value
        for key, value in named.items()
        if isinstance(value, plain) or callable(getattr(value, "isoformat", None))
    }


def _zipline(owner: Any, args: tuple[Any, ...], named: Named, perf: Any, seen: Any) -> Result:
    """Transactions as fills, the portfolio's value after each session."""
    fills = []
    for several in perf["transactions"]:
        for one in several:
            amount, asset = one["amount"], one["sid"]
            symbol = str(getattr(asset, "symbol", None) or asset)
            side = "buy" if amount > 0 else "sell"
            fee = one.get("commission")
            fee = None if fee is None else float(fee)
            row = (_ns(one["dt"]), symbol, side, float(one["price"]), float(abs(amount)), fee)
            fills.append(row)
    value = perf["portfolio_value"]
    equity = [(_ns(at), float(v)) for at, v in zip(value.index, value)]
    return Result(_numbers(perf.iloc[-1].to_dict()) if len(perf) else {}, fills, equity)


_LRVX = tuple(f"BacktestRunner.run_{what}" for what in ("bars", "csv", "ohlcv", "tape", "tapes"))

ENGINES = {
    "zipline.utils.run_algo": Engine(
        "zipline", ("run_algorithm",), _zipline, params=_zipline_params
    ),
    "rustybt.utils.run_algo": Engine(
        "rustybt", ("run_algorithm",), _zipline, params=_zipline_params
    ),
    "backtesting.backtesting": Engine(
        "backtesting",
        ("Backtest.run",),
        _backtesting,
        params=_backtesting_params,
        sweeps=("Backtest.optimize",),
    ),
    "backtrader.cerebro": Engine(
        "backtrader",
        ("Cerebro.runstrategies",),  # `run` calls it for each setting, in workers where it can
        _backtrader,
        params=_backtrader_params,
        before=_observe_backtrader,
    ),
    "lrvx": Engine("lrvx", _LRVX, _lrvx, params=_lrvx_bars_params),
    "flox_py": Engine("flox", _LRVX, _lrvx, params=_lrvx_bars_params),
}
"""Module that is imported to the engine whose functions are in it."""
