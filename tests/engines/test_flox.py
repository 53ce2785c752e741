"""The flox adapter against the real engine: FLOX's semantics, and what it leaves unsaid."""

import dataclasses
import json
import os
import shutil
import stat
from pathlib import Path
from typing import Any

import lrvx
import lrvx.bundle
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from floxkit import BUY_ONCE, CASES, HEAD, job_of, on_trade, output_of, run, tape_at, write_tape
from git_bt.canonical import encode_json
from git_bt.engines import flox
from git_bt.model import Value
from git_bt.tables import COLUMNS, decode_table, encode_table

# -- config ---------------------------------------------------------------------------------------


def test_defaults_are_floxs() -> None:
    """An empty config is completed with what `lrvx bundle` assumes."""
    assert flox.complete({}) == {
        "symbol_name": "BTCUSDT",
        "exchange": "bundle",
        "tick_size": 0.01,
        "slippage_model": "none",
        "slippage_bps": 0,
        "slippage_ticks": 0,
        "slippage_tick_size": 0,
        "impact_coeff": 0,
    }


def test_fixed_ticks_slip_by_the_symbols_tick() -> None:
    """Ticks without a tick size mean the symbol's; a tick size that is given stands."""
    ticks = {"slippage_model": "fixed_ticks", "slippage_ticks": 2.0, "tick_size": 0.5}

    assert flox.complete(ticks)["slippage_tick_size"] == 0.5
    assert flox.complete({**ticks, "slippage_tick_size": 0})["slippage_tick_size"] == 0
    assert flox.complete({**ticks, "slippage_model": "none"})["slippage_tick_size"] == 0


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"slipage_bps": 5}, "unknown config key 'slipage_bps' .* did you mean slippage_bps?"),
        ({"zzz": 5}, "unknown config key 'zzz' .* known are symbol_name"),
        ({7: 5}, "unknown config key 7"),
        ({"slippage_model": "bogus"}, "slippage_model must be none or .*, is 'bogus'"),
        ({"slippage_model": ["none"]}, "slippage_model"),
        ({"slippage_bps": True}, "slippage_bps must be a number, is True"),
        ({"slippage_bps": "5"}, "slippage_bps must be a number"),
        ({"slippage_bps": -1}, "slippage_bps must be 0 or above"),
        ({"slippage_bps": float("nan")}, "slippage_bps must be 0 or above and finite"),
        ({"impact_coeff": float("inf")}, "impact_coeff must be 0 or above and finite"),
        ({"impact_coeff": 10**400}, "impact_coeff must be 0 or above and finite"),
        ({"slippage_ticks": 1.5}, "slippage_ticks must be a whole number"),
        ({"slippage_ticks": 2**31}, "slippage_ticks must be a whole number"),
        ({"tick_size": 0}, "tick_size must be above 0"),
        ({"symbol_name": ""}, "symbol_name must be a word"),
        ({"symbol_name": "a\nb"}, "symbol_name must be a word"),
        ({"exchange": 5}, "exchange must be a word"),
    ],
)
def test_a_wrong_config_is_refused_in_one_line(config: dict[Any, Any], words: str) -> None:
    """What the engine would take in silence is named, with the nearest known key."""
    with pytest.raises(ValueError, match=words) as caught:
        flox.complete(config)

    assert "\n" not in str(caught.value)


WORDS = st.text(min_size=1).filter(str.isprintable)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "slippage_model": st.sampled_from(flox.MODELS),
            "slippage_bps": st.floats(0, 1e6),
            "slippage_ticks": st.integers(0, 1000),
            "tick_size": st.floats(1e-8, 1e3),
            "impact_coeff": st.floats(0, 10),
            "symbol_name": WORDS,
        },
    )
)
def test_a_complete_config_stays_as_it_is(config: dict[str, Any]) -> None:
    """Completing twice is completing once, so an id never depends on how often."""
    once = flox.complete(config)

    assert flox.complete(once) == once


# -- FLOX's semantics -----------------------------------------------------------------------------

EMA = (CASES / "strategies" / "ema_cross.py").read_text()

ALL_ORDERS = on_trade(
    """\
side = "buy" if self.n % 40 < 20 else "sell"
step = self.n % 20
p = trade.price
up = 1 if side == "buy" else -1
if step == 0: (self.market_buy if up > 0 else self.market_sell)(0.5)
elif step == 2: (self.limit_buy if up > 0 else self.limit_sell)(p - up * 0.2, 1.0)
elif step == 4: self.stop_market(side, p + up * 0.3, 0.7)
elif step == 6: self.stop_limit(side, p + up * 0.3, p + up * 0.5, 0.6)
elif step == 8: self.take_profit_market(side, p - up * 0.3, 0.4)
elif step == 10: self.take_profit_limit(side, p - up * 0.3, p - up * 0.1, 0.3)
elif step == 12: self.trailing_stop(side, 0.25, 0.2)
elif step == 14: self.trailing_stop_percent(side, 30, 0.1)
elif step == 16: self.cancel_order(self.limit_buy(p - 1.0, 1.0))
elif step == 17: self.cancel_all_orders()
elif step == 18: self.modify_order(self.limit_sell(p + 9.0, 1.0), p + 8.0, 2.0)
elif step == 19: self.close_position()
"""
)

SLIPPAGE = [
    {"slippage_model": "none"},
    {"slippage_model": "fixed_ticks", "slippage_ticks": 3},
    {"slippage_model": "fixed_ticks", "slippage_ticks": 3, "slippage_tick_size": 0},
    {"slippage_model": "fixed_bps", "slippage_bps": 7.5},
    {"slippage_model": "volume_impact", "impact_coeff": 0.3},
]


def bundles_own(strategy: str, place: Path, config: dict[str, Any], tmp_path: Path) -> Any:
    """Return what lrvx.bundle's own loop gives for the same inputs."""
    path = tmp_path / "theirs.py"
    path.write_text(strategy)
    full = flox.complete(config)
    return lrvx.bundle._run_strategy_against_tape(
        path,
        place,
        slippage_model=full["slippage_model"],
        slippage_params={
            "ticks": full["slippage_ticks"],
            "tick_size": full["slippage_tick_size"],
            "bps": full["slippage_bps"],
            "impact_coeff": full["impact_coeff"],
        },
    )


def fills_of(output: dict[str, bytes]) -> list[tuple[Value, ...]]:
    return [row[3:6] for row in decode_table(output["fills.csv"], "fills.csv").rows]


@pytest.mark.parametrize("config", SLIPPAGE, ids=lambda c: "-".join(map(str, c.values())))
def test_all_order_types_fill_as_in_a_bundle_of_flox(
    config: dict[str, Any], walk: Path, tmp_path: Path
) -> None:
    """Side, price and quantity of every fill equal lrvx.bundle's own loop to the bit."""
    theirs = bundles_own(ALL_ORDERS, walk, config, tmp_path)
    output = output_of(run(job_of(ALL_ORDERS, walk, config=config)))

    assert len(theirs["fills"]) > 500
    assert fills_of(output) == [(f["side"], f["price"], f["quantity"]) for f in theirs["fills"]]
    assert json.loads(output["summary.json"])["trade_count"] == theirs["trade_count"]


def test_slippage_models_differ() -> None:
    """The parametrisation above is not vacuous: four of the five give other configs."""
    assert len({json.dumps(flox.complete(c), sort_keys=True) for c in SLIPPAGE}) == len(SLIPPAGE)


def test_ema_cross_fills_406_times() -> None:
    """The acceptance case of the issue, in the order and at the times of the tape."""
    config = {"slippage_model": "fixed_bps", "slippage_bps": 5}
    output = output_of(run(job_of(EMA, CASES / "tapes" / "tape_10k_lrvx", config=config)))
    fills = decode_table(output["fills.csv"], "fills.csv").rows

    assert len(fills) == 406
    assert fills[0] == (0, 1700000000002000000, "BTCUSDT", "sell", 49981.11694, 0.01, 0.0)
    assert output["summary.json"] == (
        b'{"symbols":{"BTCUSDT":{"id":1,"last_price":49548.37,'
        b'"last_ts_ns":1700000010000000000}},"trade_count":10000}\n'
    )


def test_signals_are_kept_also_where_nothing_is_submitted(tape: Path) -> None:
    """Every signal has a row, orders only what FLOX submits, orders are numbered from 1."""
    body = """\
if self.n == 1:
    order = self.limit_buy(90.0, 1.0)
    self.modify_order(order, 91.0, 2.0)
    self.cancel_order(order)
    self.cancel_all_orders()
    self.trailing_stop_percent("sell", 50, 1.0)
"""
    output = output_of(run(job_of(on_trade(body), tape, config={"symbol_name": 'Ü,"x'})))
    signals = decode_table(output["signals.csv"], "signals.csv").rows
    orders = decode_table(output["orders.csv"], "orders.csv").rows

    assert [(row[2], row[5]) for row in signals] == [
        (1, "limit"), (1, "modify"), (1, "cancel"), (None, "cancel_all"), (2, "trailing_stop"),
    ]  # fmt: skip
    assert signals[1][11:] == (91.0, 2.0)
    assert [(row[0], row[2], row[3], row[5], row[10]) for row in orders] == [
        (0, 1, 'Ü,"x', "limit", 0.0),
        (1, 2, 'Ü,"x', "trailing_stop", 50.0),
    ]


def test_hooks_run_at_tape_time(tape: Path) -> None:
    """on_start signals at the first trade's time, on_stop at the last one's."""
    text = (
        HEAD
        + """\
    def on_start(self): self.market_buy(1.0)
    def on_stop(self): self.market_sell(1.0)
"""
    )
    output = output_of(run(job_of(text, tape)))
    signals = decode_table(output["signals.csv"], "signals.csv").rows

    assert [(row[1], row[4]) for row in signals] == [
        (1700000000000000000, "buy"),
        (1700000000002000000, "sell"),
    ]


def test_two_runs_give_the_same_bytes_and_a_trace_the_engine_reads(
    walk: Path, tmp_path: Path
) -> None:
    """Every file is identical from another folder, and the trace says what the tables say."""
    first = output_of(run(job_of(ALL_ORDERS, walk)))
    copy = tmp_path / "elsewhere"
    shutil.copytree(walk, copy)
    second = output_of(run(job_of(ALL_ORDERS, copy)))
    folder = tmp_path / "run.floxrun"
    folder.mkdir()
    for name, data in first.items():
        if name.startswith("run.floxrun/"):
            (tmp_path / name).write_bytes(data)
    trace = lrvx.TraceReader(str(folder))
    fills = decode_table(first["fills.csv"], "fills.csv").rows
    orders = decode_table(first["orders.csv"], "orders.csv").rows

    assert first == second
    assert [f["run_ts_ns"] for f in trace.read_all_fills()] == [row[1] for row in fills]
    assert [f["price_raw"] for f in trace.read_all_fills()] == [
        round(row[4] * 1e8)  # type: ignore[operator]
        for row in fills
    ]
    assert [(o["order_id"], o["order_type"], o["side"]) for o in trace.read_all_order_events()] == [
        (row[2], flox.ORDER_TYPES.index(str(row[5])), int(row[4] != "buy")) for row in orders
    ]
    assert len(trace.read_all_signals()) == first["signals.csv"].count(b"\n") - 1
    assert trace.run_started_ns == 1700000000000000000


FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SIDES = st.sampled_from(["buy", "sell"])
FILL = st.tuples(st.integers(), WORDS, SIDES, FLOATS, FLOATS, FLOATS)
SIGNAL = st.tuples(
    st.integers(), st.none() | st.integers(1), WORDS, SIDES, WORDS, *[FLOATS] * 7
)  # fmt: skip


@given(st.lists(FILL, max_size=5), st.lists(SIGNAL, max_size=5), st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_are_written_as_our_encoder_writes_them(
    tmp_path: Path,
    fills: list[tuple[Value, ...]],
    signals: list[tuple[Value, ...]],
    data: st.DataObject,
) -> None:
    """The child cannot import the encoder; its bytes are the encoder's all the same."""
    taken = data.draw(st.lists(st.sampled_from(range(len(signals))))) if signals else []
    summary = {"symbols": {str(row[1]): {"last_price": row[3]} for row in fills}}
    rows = {"fills": fills, "signals": signals, "orders": taken, "summary": summary}
    flox.write(str(tmp_path), rows)
    expected = {
        "fills.csv": fills,
        "signals.csv": signals,
        "orders.csv": [signals[i][:10] for i in taken],
    }

    for name, table in expected.items():
        numbered = [(number, *row) for number, row in enumerate(table)]
        assert (tmp_path / name).read_bytes() == encode_table(COLUMNS[name], numbered)
    assert (tmp_path / "summary.json").read_bytes() == encode_json(summary)


# -- which class, and how it is made --------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import lrvx\n", "s.py has no Strategy subclass, FLOX runs exactly one"),
        (HEAD + "class T(S): pass\n", r"2 subclasses of Strategy \(S, T\), FLOX runs exactly one"),
        (HEAD + "T = S\n", r"2 subclasses of Strategy \(S, S\)"),
    ],
)
def test_exactly_one_strategy_is_run(text: str, words: str, tape: Path) -> None:
    """A base class and its subclass in one file are refused as FLOX does."""
    failure = run(job_of(text, tape)).failure

    assert failure is not None
    assert failure.kind == "raised"
    assert words.replace("\\", "") in failure.message


@pytest.mark.parametrize(
    "init",
    [
        "",
        "def __init__(self): super().__init__([1])",
        "def __init__(self, symbols): super().__init__(symbols)",
        "def __init__(self, *args): super().__init__(*args)",
        "def __init__(self, symbols=None): super().__init__(symbols)",
        "def __init__(self, *, qty=1.0): super().__init__([1])",
    ],
)
def test_a_strategy_takes_the_symbols_or_nothing(init: str, tape: Path) -> None:
    """Every constructor that FLOX runs is run."""
    text = f"""\
import lrvx
class S(lrvx.Strategy):
    {init or "pass"}
    def on_trade(self, ctx, trade): self.market_buy(float(self.symbols[0]))
"""
    output = output_of(run(job_of(text, tape)))

    assert [row[2] for row in fills_of(output)] == [1.0, 1.0, 1.0]


def test_a_constructor_that_refuses_the_symbols_gets_none(tape: Path) -> None:
    """FLOX tries again without an argument after any TypeError, so such bundles exist."""
    text = """\
import lrvx
class S(lrvx.Strategy):
    def __init__(self, symbols=None):
        super().__init__([1])
        if symbols is not None: raise TypeError
    def on_trade(self, ctx, trade): self.market_buy(1.0)
"""
    assert len(fills_of(output_of(run(job_of(text, tape))))) == 3


def test_a_type_error_inside_the_constructor_is_not_taken_for_no_argument(tape: Path) -> None:
    """FLOX would say that `symbols` is missing; the strategy's own error is what counts."""
    text = HEAD.replace("self.n = 0", "self.n = 1 + 'x'")
    failure = run(job_of(text, tape)).failure

    assert failure is not None
    assert failure.message.startswith("TypeError: unsupported operand")
    assert "(s.py:5 in __init__)" in failure.message


def test_both_names_of_the_engine_mean_it(tape: Path) -> None:
    """flox_py, its submodules, its native module and its error work where only lrvx is."""
    text = """\
import flox_py as flox
import flox_py.tape
import lrvx
from flox_py import FloxError, Strategy
from flox_py._flox_py import TraceReader
from flox_py.report import __name__ as real
assert flox_py.tape is lrvx.tape and lrvx.tape.__spec__.name == "lrvx.tape"
assert FloxError is lrvx.LrvxError and TraceReader is lrvx.TraceReader
assert flox.Strategy is lrvx.Strategy and real == "lrvx.report"
try:
    import flox_py.nothing
except ModuleNotFoundError as e:
    assert e.name == "flox_py.nothing"
class S(Strategy):
    def on_trade(self, ctx, trade): self.market_buy(1.0)
"""
    assert len(fills_of(output_of(run(job_of(text, tape))))) == 3


# -- exceptions that the engine swallows ----------------------------------------------------------


@pytest.mark.parametrize("hook", ["on_start", "on_trade", "on_stop"])
@pytest.mark.parametrize("error", ["ValueError('boom')", "SystemExit(0)", "KeyboardInterrupt()"])
def test_what_the_engine_swallows_is_a_failure(hook: str, error: str, tape: Path) -> None:
    """Whatever a hook raises ends the run, with the place."""
    arguments = "ctx, trade" if hook == "on_trade" else ""
    text = HEAD + f"    def {hook}(self, {arguments}):\n        raise {error}\n"
    failure = run(job_of(text, tape)).failure

    assert failure is not None
    assert failure.kind == ("no-result" if "Exit" in error else "raised")
    assert f"(s.py:7 in {hook})" in failure.message
    assert 'File "s.py", line 7' in failure.tail
    assert "flox_watch" not in failure.tail


def test_the_run_stops_at_once(tape: Path) -> None:
    """After the first exception no trade reaches the strategy."""
    text = on_trade("print('tick', self.n)\nraise ValueError('boom')")
    failure = run(job_of(text, tape)).failure

    assert failure is not None
    assert "tick 1" in failure.tail
    assert "tick 2" not in failure.tail


@pytest.mark.parametrize("whole", [True, False], ids=["folder", "file"])
def test_a_tape_may_lie_where_no_unicode_is(tape: Path, tmp_path: Path, whole: bool) -> None:
    """As git itself works in such a folder; the engine takes text alone."""
    odd = tmp_path / os.fsdecode(b"odd \xff")
    shutil.copytree(tape, odd)
    there = odd if whole else next(odd.glob("*.lrvx"))

    assert output_of(run(job_of(BUY_ONCE, there)))["fills.csv"].count(b"\n") == 2


def test_a_method_set_on_the_instance_is_watched_too(tape: Path) -> None:
    """The engine's log is the second net, where no class could be wrapped."""
    text = (
        HEAD
        + """\
        self.on_trade = self.later
    def later(self, ctx, trade): raise ValueError("boom")
"""
    )
    failure = run(job_of(text, tape)).failure

    assert failure is not None
    assert failure.message == "ValueError: boom (s.py:7 in later)"


def test_switching_off_the_engines_log_hides_nothing(tape: Path) -> None:
    """The wrapped method is the first net."""
    text = on_trade("lrvx.set_log_callback(None)\nraise ValueError('boom')")
    failure = run(job_of(text, tape)).failure

    assert failure is not None
    assert failure.message.startswith("ValueError: boom")


@pytest.mark.parametrize("name", ["lrvx.set_log_callback", "lrvx._lrvx.set_log_callback", "take"])
def test_a_strategy_may_listen_to_the_log_beside_us(name: str, tape: Path) -> None:
    """What it hears does not keep us from hearing of a method that was swapped meanwhile."""
    text = f"""\
import lrvx
from lrvx import set_log_callback as take
class S(lrvx.Strategy):
    def on_start(self): {name}(lambda level, text: print("heard", text))
    def on_trade(self, ctx, trade): type(self).on_trade = lambda *a: 1 / 0
"""
    failure = run(job_of(text, tape)).failure

    assert failure is not None
    assert failure.message.startswith("ZeroDivisionError: division by zero")
    assert "heard lrvx: Strategy.on_trade raised" in failure.tail


@pytest.mark.parametrize(
    "patch",
    [
        "import json; json.dump = json.dumps = json.load = None",
        "import csv; csv.writer = None",
        "import time; time.time = time.perf_counter = time.sleep = None",
        "import sys; sys.path[:0] = [None, b'x', __import__('pathlib').Path('.')]",
        "import sys; sys.modules['odd'] = type('O', (), {'__getattribute__': lambda *a: 1 / 0})()",
        "import os; os.unlink(__file__)",
        "import sys; sys.stdout = sys.stderr = None",
    ],
)
def test_what_a_strategy_does_to_its_process_does_not_spoil_the_result(
    patch: str, tape: Path
) -> None:
    """The engine does not mind either."""
    assert len(fills_of(output_of(run(job_of(f"{patch}\n" + BUY_ONCE, tape))))) == 1


def test_an_exception_that_the_strategy_catches_is_its_own_affair(tape: Path) -> None:
    """A hook that calls a hook may catch what that raises."""
    text = (
        HEAD
        + """\
    def on_trade(self, ctx, trade):
        try:
            self.on_bar(ctx, None)
        except ValueError:
            self.market_buy(1.0)
    def on_bar(self, ctx, bar): raise ValueError("caught")
"""
    )
    assert len(fills_of(output_of(run(job_of(text, tape))))) == 3


@pytest.mark.parametrize(
    ("signature", "call"),
    [
        ("self, ctx, bar", "ctx, None"),
        ("self, ctx, bar", "ctx, bar=None"),
        ("self, function, note", "note=None, function=ctx"),
        ("self, ctx, bar=None", "ctx"),
        ("self, ctx=None, bar=None", ""),
        ("self, ctx, /, bar", "ctx, bar=None"),
        ("self, ctx, *, bar", "ctx, bar=None"),
        ("self, *bars", "ctx, None"),
        ("self, ctx, *bars, **named", "ctx, None, 2, three=3"),
        ("self, **named", "ctx=ctx, bar=None"),
        ("self", ""),
    ],
)
def test_a_strategy_calls_its_own_methods_in_its_own_way(
    signature: str, call: str, tape: Path
) -> None:
    """The guard around a method takes what the method takes, and lets out what it raises."""
    text = (
        HEAD
        + f"""\
    def on_trade(self, ctx, trade):
        self.on_bar({call})
    def on_bar({signature}):
        self.ticks = getattr(self, "ticks", 0) + 1
        if self.ticks == 2:
            raise ValueError("the second")
        self.market_buy(1.0)
"""
    )
    failure = run(job_of(text, tape)).failure

    assert failure is not None
    said = "ValueError: the second (s.py:11 in on_bar)"
    assert (failure.kind, failure.message) == ("raised", said)


@pytest.mark.parametrize("call", ["self.on_bar()", "self.on_bar(1, 2, 3)", "self.on_bar(x=1)"])
def test_a_wrong_call_of_an_own_method_is_the_strategys_error(call: str, tape: Path) -> None:
    """The guard adds no way to call a method."""
    text = (
        HEAD
        + f"""\
    def on_trade(self, ctx, trade):
        try: {call}
        except TypeError: self.market_buy(1.0)
    def on_bar(self, ctx, bar): pass
"""
    )
    assert len(fills_of(output_of(run(job_of(text, tape))))) == 3


@pytest.mark.parametrize("signature", ["self, ctx, extra", "self, ctx, extra, *more", "self, ctx"])
def test_a_hook_that_the_engine_cannot_call_is_a_failure(signature: str, tape: Path) -> None:
    """Whether the guard takes the engine's call or not."""
    text = HEAD + f"    def on_start({signature}): pass\n    def on_trade(self, ctx, trade): pass\n"
    failure = run(job_of(text, tape)).failure

    assert failure is not None
    assert failure.kind == "raised"
    assert "on_start() missing" in failure.message


# -- tapes ----------------------------------------------------------------------------------------

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 3\n"


def spoil(folder: Path, how: str) -> None:
    """Spoil the one segment of a tape in one of the ways that happen."""
    segment = folder / "a.lrvx"
    data = bytearray(segment.read_bytes())
    if how == "cut":
        data = data[: len(data) // 2]
    elif how == "cut by one":
        data = data[:-1]
    elif how == "flipped":
        data[5000] ^= 1
    elif how == "endless index":
        data[data.rindex(b"INDX") + 11] = 255  # of the 4 bytes that count its entries
    elif how == "text":
        data = bytearray(b"hello")
    elif how == "no bytes":
        data = bytearray()
    elif how == "pointer":
        data = bytearray(POINTER)
    segment.write_bytes(data)
    if how == "other names":
        segment.rename(folder / "x.txt")
    if how == "nothing there":
        segment.unlink()


@pytest.mark.parametrize(
    ("how", "kind", "words"),
    [
        ("cut", "tape-corrupt", "tape segment a.lrvx: Header reports 3000 events, found 1500"),
        ("cut by one", "tape-corrupt", "tape segment a.lrvx: Header carries the index flag"),
        ("flipped", "tape-corrupt", "tape segment a.lrvx: CRC mismatch at event 82"),
        ("endless index", "tape-corrupt", "tape segment a.lrvx: cannot be checked: std::bad_alloc"),
        ("text", "tape-corrupt", "tape segment a.lrvx: Cannot read segment header"),
        ("no bytes", "tape-corrupt", "tape segment a.lrvx: Cannot read segment header"),
        ("pointer", "tape-missing", "tape segment a.lrvx is a git-LFS pointer"),
        ("other names", "tape-corrupt", "the tape t has no segment (*.lrvx), only x.txt"),
        ("nothing there", "tape-missing", "the tape t is an empty folder"),
    ],
)
def test_a_spoiled_tape_is_one_clear_line(
    how: str, kind: str, words: str, walk: Path, tmp_path: Path
) -> None:
    """The engine's validator speaks before the strategy is loaded."""
    place = tmp_path / "t"
    shutil.copytree(walk, place)
    spoil(place, how)
    failure = run(job_of("raise SystemError('was loaded')", place)).failure

    assert failure is not None
    assert failure.kind == kind
    assert failure.message.startswith(words)
    assert "\n" not in failure.message


def test_a_tape_of_several_symbols_is_refused(tmp_path: Path) -> None:
    """FLOX replays one symbol a run; the ids are named."""
    place = write_tape(tmp_path / "t", [1.0, 2.0, 3.0], symbols=[1, 7, 1])
    failure = run(job_of(BUY_ONCE, place)).failure

    assert failure is not None
    assert failure.kind == "tape-corrupt"
    assert "2 symbols (1, 7)" in failure.message


@pytest.mark.parametrize("variant", ["lz4", "symbol 7", "one file", "written out", "read-only"])
def test_tapes_that_flox_reads_are_read(variant: str, tmp_path: Path) -> None:
    """Compressed, of another symbol id, a single file, in place or not: the same fills."""
    place = write_tape(
        tmp_path / "t",
        [100.0, 100.5, 101.0],
        symbols=[7] * 3 if variant == "symbol 7" else None,
        compression="lz4" if variant == "lz4" else "none",
    )
    if variant == "read-only":
        (place / "a.lrvx").chmod(stat.S_IRUSR)
        place.chmod(stat.S_IRUSR | stat.S_IXUSR)
    tape = tape_at(place / "a.lrvx" if variant == "one file" else place,
                   in_place=variant != "written out")  # fmt: skip
    output = output_of(run(job_of(BUY_ONCE, tape)))
    place.chmod(0o700)

    assert fills_of(output) == [("buy", 100.0, 1.0)]


def test_no_tape_is_said(tape: Path) -> None:
    """A job without a tape is incomplete, not a crash."""
    failure = run(dataclasses.replace(job_of(BUY_ONCE, tape), tape=None)).failure

    assert failure is not None
    assert (failure.kind, failure.message) == ("tape-missing", "there is no tape")


def test_chunks_do_not_show(walk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any chunk size gives the same bytes."""
    results = []
    for size in (7, 1000, 65_536):
        monkeypatch.setattr(flox, "CHUNK", size)
        out = tmp_path / str(size) / "out"
        out.mkdir(parents=True)
        path = tmp_path / "s.py"
        path.write_text(ALL_ORDERS)
        flox.run(
            {
                "entry_point": str(path),
                "tape": str(walk),
                "out": str(out),
                "config": flox.complete({}),
            }
        )
        results.append({p.name: p.read_bytes() for p in out.rglob("*") if p.is_file()})
    lrvx.set_log_callback(None)

    assert results[0] == results[1] == results[2]
