"""backtrader: one Strategy subclass, untouched, on the bars of one symbol or of several.

What its keys mean is here; how the bars go in is `backtrader_tape`, what comes out
`backtrader_rows`.
"""

from __future__ import annotations

from typing import Any

from . import bars, entry, rows
from .backtrader_rows import analyzer
from .backtrader_tape import feed
from .config import PARAMS, Check, flag, mapping, number, optional, word
from .config import complete as complete_config
from .refusal import Refused, nearest

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
        cerebro.adddata(feed(backtrader, symbol, times), name=symbol.symbol)
    cerebro.addstrategy(strategy, **config[PARAMS])
    cerebro.addanalyzer(analyzer(backtrader, times), _name="git_bt")
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
