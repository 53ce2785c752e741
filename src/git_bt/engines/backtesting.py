"""backtesting.py: one Strategy subclass on the bars of one symbol.

What its keys mean and what it gave is here; how the fills are taken is `backtesting_broker`.
"""

from __future__ import annotations

from typing import Any

from . import bars, entry, rows
from .backtesting_broker import watched_run
from .config import PARAMS, Check, flag, is_number, mapping, number
from .config import complete as complete_config

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
    stats, broker = watched_run(bars.frame(market), strategy, job["config"])
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
