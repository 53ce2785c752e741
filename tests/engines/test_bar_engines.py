"""backtesting.py and backtrader: what a row means, and that time only adds rows."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from contract import DAYS, line, write_bars
from git_bt.engines import backtesting, backtrader
from git_bt.engines.refusal import Refused
from git_bt.engines.times import DAY
from git_bt.tables import decode_table

pytestmark = [  # backtesting's own
    pytest.mark.filterwarnings("ignore:DatetimeIndex.dayofweek is deprecated"),
    pytest.mark.filterwarnings("ignore:Some trades remain open at the end:UserWarning"),
]

FIRST = 19_723 * DAY  # 2024-01-01


def run(engine: Any, text: str, tape: Path, out: Path, **config: Any) -> dict[str, Any]:
    """Run a strategy in this process; return the rows of each table, and the summary."""
    out.mkdir(parents=True)
    place = out.with_name(out.name + ".py")
    place.write_text(text)
    engine.run(
        {
            "entry_point": str(place),
            "tape": str(tape),
            "out": str(out),
            "config": engine.complete(config),
        }
    )
    tables = {p.stem: decode_table(p.read_bytes(), p.name).rows for p in out.glob("*.csv")}
    return {**tables, "summary": json.loads((out / "summary.json").read_text())}


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    """Give 60 daily bars."""
    write_bars(tmp_path / "GOOG.csv")
    return tmp_path / "GOOG.csv"


# -- a longer tape gives the same rows and more ---------------------------------------------------

BUSY_BACKTESTING = """\
from backtesting import Strategy
class S(Strategy):
    def init(self): self.n = 0
    def next(self):
        self.n += 1
        price = self.data.Close[-1]
        step = self.n % 9
        if step == 0: self.buy(size=10, sl=price * 0.97, tp=price * 1.05)
        elif step == 2: self.buy(size=6, limit=price * 0.99)
        elif step == 3: self.sell(size=4, stop=price * 0.99)
        elif step == 4 and self.trades: self.trades[-1].close(0.5)
        elif step == 5: self.buy(size=0.2)
        elif step == 6: self.position.close(0.3)
        elif step == 7: self.sell(size=3)
        elif step == 8 and self.n % 2: self.position.close()
"""
BUSY_BACKTRADER = """\
import backtrader as bt
class S(bt.Strategy):
    def __init__(self): self.average = bt.ind.SMA(period=4)
    def next(self):
        price = self.data.close[0]
        step = len(self) % 10
        if step == 0: self.buy_bracket(size=10, price=price, stopprice=price * 0.97, limitprice=price * 1.05)
        elif step == 1: self.buy(size=3, exectype=bt.Order.Close)
        elif step == 2: self.buy(size=6, exectype=bt.Order.Limit, price=price * 0.99)
        elif step == 3: self.sell(size=4, exectype=bt.Order.Stop, price=price * 0.99)
        elif step == 4: self.sell(size=4, exectype=bt.Order.StopTrail, trailpercent=0.02)
        elif step == 5: self.sell(size=4, exectype=bt.Order.StopLimit, price=price * 0.99, plimit=price)
        elif step == 6: self.close()
        elif step == 7: self.sell(size=3)
        elif step == 8: self.sell(size=3, exectype=bt.Order.StopTrailLimit, price=price,
                                  plimit=price - 1, trailamount=1.0)
        elif step == 9: self.cancel(self.buy(size=1))
"""  # noqa: E501 - as wide as a user writes

BUSY = {backtesting.NAME: BUSY_BACKTESTING, backtrader.NAME: BUSY_BACKTRADER}
OPTIONS: list[tuple[Any, dict[str, Any]]] = [
    (backtesting, {}),
    (backtesting, {"trade_on_close": True, "commission": [1, 0.001]}),
    (backtesting, {"hedging": True, "spread": 0.001, "margin": 0.1}),
    (backtesting, {"exclusive_orders": True, "finalize_trades": False}),
    (backtesting, {"cash": 1500, "margin": 0.05}),
    (backtrader, {}),
    (backtrader, {"cheat_on_close": True, "slip_perc": 0.01}),
    (backtrader, {"cheat_on_open": True, "slip_fixed": 0.1, "slip_open": True}),
    (backtrader, {"commission": 2, "margin": 50, "mult": 10, "cash": 3000}),
]


def name_of(value: Any) -> str:
    return str(getattr(value, "NAME", "")) or "-".join(value) or "defaults"


@pytest.mark.parametrize(("engine", "config"), OPTIONS, ids=name_of)
def test_the_rows_of_a_shorter_tape_are_the_first_rows_of_a_longer_one(
    engine: Any, config: dict[str, Any], tape: Path, tmp_path: Path
) -> None:
    """At any length: what an engine does because a tape ends is in no row."""
    text = BUSY[engine.NAME]
    full = run(engine, text, tape, tmp_path / "full", **config)
    tables = [name for name in full if name != "summary"]
    assert len(full["fills"]) > 10

    for days in range(12, DAYS, 7):  # another step of the strategies each time
        write_bars(tape, days)
        cut = run(engine, text, tape, tmp_path / str(days), **config)
        end = FIRST + (days - 1) * DAY
        for name in tables:
            at = 0 if name == "equity" else 1
            assert cut[name] == tuple(row for row in full[name] if row[at] <= end), (name, days)


# -- what a row means -----------------------------------------------------------------------------


def account(found: dict[str, Any], cash: float) -> float:
    """Return cash and positions at the end, by nothing but the fills and the last prices."""
    held: dict[str, float] = {}
    for _, _, symbol, side, price, quantity, fee in found["fills"]:
        signed = quantity if side == "buy" else -quantity
        held[symbol] = held.get(symbol, 0.0) + signed
        cash -= signed * price + fee
    prices = {name: s["last_price"] for name, s in found["summary"]["symbols"].items()}
    return cash + sum(held[name] * prices[name] for name in held)


@pytest.mark.parametrize(
    ("engine", "config"), [OPTIONS[0], OPTIONS[1], OPTIONS[2], OPTIONS[5], OPTIONS[6]], ids=name_of
)
def test_the_fills_explain_the_equity(
    engine: Any, config: dict[str, Any], tape: Path, tmp_path: Path
) -> None:
    """No fill is missing, none is told twice, and the fees are those that were paid."""
    found = run(engine, BUSY[engine.NAME], tape, tmp_path / "out", **config)

    assert len(found["fills"]) > 10
    assert len(found["equity"]) == DAYS
    assert account(found, 10_000) == pytest.approx(found["equity"][-1][1], rel=1e-12)


def test_the_fills_of_backtesting_are_its_trades_cut_in_two(tmp_path: Path) -> None:
    """On real bars: entry and exit of each trade of the engine's own table, to the bit."""
    import backtesting as package
    import pandas as pd

    tape = tmp_path / "GOOG.csv"
    shutil.copyfile(Path(package.__file__).parent / "test/GOOG.csv", tape)
    config = {"commission": 0.002, "exclusive_orders": True, "finalize_trades": False}
    found = run(backtesting, SMA_CROSS, tape, tmp_path / "out", **config)
    bars = pd.read_csv(tape, index_col=0, parse_dates=True, dtype=str).astype(float)  # to the bit
    space: dict[str, Any] = {}
    exec(SMA_CROSS, space)
    stats = package.Backtest(bars, space["SmaCross"], **config).run()
    expected = []
    for trade in stats["_trades"].itertuples():
        side, back = ("buy", "sell") if trade.Size > 0 else ("sell", "buy")
        entry, out = (t.as_unit("ns").value for t in (trade.EntryTime, trade.ExitTime))
        expected += [(entry, side, trade.EntryPrice, abs(trade.Size))]
        expected += [(out, back, trade.ExitPrice, abs(trade.Size))]
    fills = [(row[1], row[3], row[4], row[5]) for row in found["fills"]]
    last = fills[-1][0]  # the trade that is open at the end is in no table of the engine's

    assert len(expected) == 186
    assert sorted(expected) == sorted(fills)[:-1]
    assert last == max(row[0] for row in fills)
    assert [e for _, e in found["equity"]] == stats["_equity_curve"]["Equity"].tolist()
    assert found["summary"]["stats"]["trades"] == 93


SMA_CROSS = """\
import pandas as pd
from backtesting import Strategy
from backtesting.lib import crossover


def SMA(values, n):
    return pd.Series(values).rolling(n).mean()


class SmaCross(Strategy):
    fast = 10
    slow = 20

    def init(self):
        self.f = self.I(SMA, self.data.Close, self.fast)
        self.s = self.I(SMA, self.data.Close, self.slow)

    def next(self):
        if crossover(self.f, self.s):
            self.position.close()
            self.buy()
        elif crossover(self.s, self.f):
            self.position.close()
            self.sell()
"""


def test_a_fill_at_the_close_has_the_time_of_the_next_bar(tape: Path, tmp_path: Path) -> None:
    """The engine makes it there; the price is the close before."""
    text = """\
from backtesting import Strategy
class S(Strategy):
    def init(self): pass
    def next(self):
        if len(self.data) == 10: self.buy(size=1)
"""
    (fill,) = run(backtesting, text, tape, tmp_path / "out", trade_on_close=True)["fills"]

    assert (fill[1], fill[4]) == (FIRST + 10 * DAY, float(line(9).split(",")[4]))


ONE_OF_EACH = """\
import backtrader as bt
class S(bt.Strategy):
    def next(self):
        if len(self) == 3:
            for data in self.datas: self.buy(data)
            self.sell(exectype=bt.Order.StopTrail, trailpercent=0.5)
            self.sell(exectype=bt.Order.StopLimit, price=1.0, plimit=0.5)
            self.sell(exectype=bt.Order.Limit, price=999.0)
"""


def test_backtrader_trades_several_symbols(tmp_path: Path) -> None:
    """One feed a file, in the order of their names; each row has its symbol."""
    for name in ("MSFT", "AAPL"):
        write_bars(tmp_path / f"tape-{name}")
        (tmp_path / "tape").mkdir(exist_ok=True)
        (tmp_path / f"tape-{name}").rename(tmp_path / "tape" / f"{name}.csv")
    found = run(
        backtrader, ONE_OF_EACH, tmp_path / "tape", tmp_path / "out", sizer_params={"stake": 3}
    )

    assert [(row[1], row[2], row[5]) for row in found["fills"]] == [
        (FIRST + 3 * DAY, "AAPL", 3.0),
        (FIRST + 3 * DAY, "MSFT", 3.0),
    ]
    assert [(row[2], row[3], *row[5:]) for row in found["orders"]] == [
        (1, "AAPL", "market", None, 3.0, None, None, None),
        (2, "MSFT", "market", None, 3.0, None, None, None),
        (3, "AAPL", "trailing_stop", None, 3.0, found["orders"][2][8], None, 5000.0),
        (4, "AAPL", "stop_limit", 0.5, 3.0, 1.0, None, None),
        (5, "AAPL", "limit", 999.0, 3.0, None, None, None),
    ]
    assert account(found, 10_000) == pytest.approx(found["equity"][-1][1], rel=1e-12)
    assert found["summary"]["value"] == found["equity"][-1][1]


@pytest.mark.parametrize("engine", [backtesting, backtrader], ids=name_of)
@pytest.mark.parametrize("step_ns", [DAY, 3600 * 10**9, 60 * 10**9, 10**9, 250 * 10**6])
def test_times_come_back_exactly(engine: Any, step_ns: int, tmp_path: Path) -> None:
    """Also of bars within a second, though backtrader counts days in floats."""
    start = FIRST + 9 * 3600 * 10**9 if step_ns != DAY else FIRST
    times = [start + n * step_ns for n in range(20)]
    tape = tmp_path / "X.csv"
    tape.write_text("ts_ns,open,high,low,close\n" + "".join(f"{t},1,2,0.5,1.5\n" for t in times))
    trades = "bt.Strategy" if engine is backtrader else "Strategy"
    body = "self.buy(size=1)"
    text = (
        f"import backtrader as bt\nfrom backtesting import Strategy\nclass S({trades}):\n"
        f"    def init(self): pass\n    def next(self): {body}\n"
    )
    found = run(engine, text, tape, tmp_path / "out")

    assert [row[0] for row in found["equity"]] == times
    assert {row[1] for row in found["fills"]} <= set(times)
    assert len(found["fills"]) > 10


def test_bars_that_backtrader_cannot_tell_apart_are_refused(tmp_path: Path) -> None:
    """Its days are floats."""
    tape = tmp_path / "X.csv"
    tape.write_text("ts_ns,open,high,low,close\n1,1,1,1,1\n2,1,1,1,1\n")
    with pytest.raises(Refused, match="cannot tell apart in time"):
        run(backtrader, ONE_OF_EACH, tape, tmp_path / "out")


# -- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("engine", "config", "words"),
    [
        (
            backtesting,
            {"params": {"fsat": 3}},
            "unknown parameter 'fsat' of SmaCross, did",
        ),
        (backtesting, {"params": {"init": 3}}, "unknown parameter 'init' .* fast"),
        (backtrader, {"params": {"x": 3}}, "unknown parameter 'x' of S, there are none"),
        (backtrader, {"sizer": "FixedSise"}, "unknown sizer 'FixedSise', did you mean FixedSize?"),
        (backtrader, {"sizer_params": {"steak": 3}}, "unknown parameter 'steak' of FixedSize, did"),
    ],
)
def test_a_name_that_the_strategy_does_not_have_is_refused(
    engine: Any, config: dict[str, Any], words: str, tape: Path, tmp_path: Path
) -> None:
    """With the nearest it has."""
    text = SMA_CROSS if engine is backtesting else ONE_OF_EACH
    with pytest.raises(Refused, match=words.replace("?", r"\?")):
        run(engine, text, tape, tmp_path / "out", **config)


@pytest.mark.parametrize(
    ("engine", "config", "words"),
    [
        (backtesting, {"commission": "x"}, "config commission must be a number, or two"),
        (backtesting, {"commission": [1, 2, 3]}, "config commission must be a number, or two"),
        (backtesting, {"commission": 0.5}, "config commission must be from -0.1 to below 0.1"),
        (backtesting, {"margin": 0}, "config margin must be above 0"),
        (backtesting, {"fast": 10}, "unknown config key 'fast' .* go below params$"),
        (backtrader, {"cheat_on_close": 1}, "config cheat_on_close must be true or false"),
        (backtrader, {"sizer": 3}, "config sizer must be a word"),
    ],
)
def test_a_wrong_value_is_refused_before_a_run(
    engine: Any, config: dict[str, Any], words: str
) -> None:
    """The engine would say so by a traceback, or not at all."""
    with pytest.raises(ValueError, match=words):
        engine.complete(config)


def test_two_symbols_are_one_too_many_for_backtesting(tmp_path: Path) -> None:
    """It trades one."""
    for name in ("A.csv", "B.csv"):
        write_bars(tmp_path / name)
    with pytest.raises(Refused, match="engine backtesting trades one") as caught:
        run(backtesting, SMA_CROSS, tmp_path, tmp_path.with_name("out"))

    assert caught.value.bt_kind == "tape-corrupt"


def test_a_release_that_makes_fills_elsewhere_is_refused(
    tape: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather than to lose a fill in silence."""
    from backtesting import backtesting as package

    theirs = package._Broker._close_trade
    monkeypatch.setattr(package._Broker, "_close_at", theirs, raising=False)
    monkeypatch.setattr(
        package._Broker,
        "_reduce_trade",
        lambda self, t, price, size, at: self._close_at(t, price, at),
    )
    text = BUSY_BACKTESTING.replace("0.5", "1.0").replace("0.3", "1.0")
    with pytest.raises(Refused, match="in another way"):
        run(backtesting, text, tape, tmp_path / "out")
