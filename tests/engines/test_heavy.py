"""vectorbt and zipline: the cross of two averages of GOOG, and what is theirs alone.

They have environments of their own: scripts/test --engines vectorbt,zipline.
"""

import os
import shutil
import venv
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from conftest import GitRepo
from contract import write_bars
from enginekit import job, run
from environments import environment
from floxkit import failure_of, output_of
from git_bt.commands.pack import pack
from git_bt.engines import vectorbt, zipline
from git_bt.errors import Incomplete
from git_bt.interpreters import Interpreter, Wanted, find_interpreter, load_adapter
from git_bt.model import EngineVersion, Outcome, Verdict
from git_bt.tables import decode_table
from projects import silent, stored, validated

VECTORBT = """\
import vectorbt as vbt


def build(data, fast, slow):
    close = data["Close"]
    fast, slow = (close.rolling(n).mean() for n in (fast, slow))
    return vbt.Portfolio.from_signals(
        close,
        fast.vbt.crossed_above(slow),
        slow.vbt.crossed_above(fast),
        direction="both",
        size=10,
        init_cash=10_000,
        fees=0.002,
    )
"""
ZIPLINE = """\
from zipline.api import order_target, symbol


def initialize(context):
    context.asset = symbol("GOOG")
    context.was_up = None


def handle_data(context, data):
    close = data.history(context.asset, "close", context.params["slow"], "1d")
    is_up = close[-context.params["fast"] :].mean() > close.mean()
    if context.was_up not in (None, is_up):
        order_target(context.asset, 10 if is_up else -10)
    context.was_up = is_up
"""
START = "config: {start: 2004-09-16, params: {fast: 10, slow: 20}}\n"
CROSSES = {
    "vectorbt": ("vectorbt", VECTORBT, "config: {fast: 10, slow: 20}\n"),
    "zipline": ("zipline", ZIPLINE, START),
    "rustybt": ("zipline", ZIPLINE.replace("zipline", "rustybt"), START),
}
TURNS = 94  # of the averages; the first opens a position, each other one turns it over


@pytest.mark.parametrize("name", CROSSES)
def test_the_cross_of_goog_packs_and_validates(name: str, in_repo: GitRepo) -> None:
    """Real bars of 2148 days; the engine fills each turn once, on the bar it fills on."""
    python = environment(name)()
    spec = find_spec("backtesting")
    assert spec is not None
    assert spec.origin is not None
    shutil.copyfile(Path(spec.origin).parent / "test/GOOG.csv", in_repo.path / "GOOG.csv")
    engine, text, config = CROSSES[name]
    in_repo.write("s/strategy.py", text)
    in_repo.write(
        "s/strategy.yaml",
        f"entry_point: strategy.py\nengine: {engine}\ntape: ../GOOG.csv\n{config}",
    )
    report = pack("s", python=python, step=silent, cwd=in_repo.path)
    assert report.bundle is not None, report
    (found,) = validated(in_repo, "s", python=python)

    assert found.verdict is Verdict.REPRODUCED
    content = stored(in_repo, report.bundle)
    fills = decode_table(content["output/fills.csv"], "fills.csv").rows
    equity = decode_table(content["output/equity.csv"], "equity.csv").rows
    assert len(fills) == TURNS
    assert [row[3] for row in fills[:3]] == [fills[0][3], fills[1][3], fills[0][3]]
    assert {row[5] for row in fills[1:]} == {20.0}
    assert len(equity) == (2148 if engine == "vectorbt" else 2148 - 19)


# -- what is theirs alone -------------------------------------------------------------------------


def interpreter(engine: str) -> Interpreter:
    """Return the Python that has a heavy engine."""
    return find_interpreter(load_adapter(engine), Wanted(option=environment(engine)()), {})


def ran(
    engine: str, text: str, tape: Path, config: dict[str, Any], cache: Path | None = None
) -> Outcome:
    """Run one strategy in one child."""
    complete = load_adapter(engine).complete(config)
    given = job({"s.py": text}, tape, config=complete, cache=cache)
    return run(engine, given, interpreter(engine))


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Give a tape of two symbols, the second of which begins earlier."""
    folder = tmp_path / "two"
    folder.mkdir()
    write_bars(folder / "B.csv")
    write_bars(folder / "A.csv")
    lines = (folder / "A.csv").read_text().splitlines(keepends=True)
    (folder / "A.csv").write_text("".join([lines[0], *lines[11:]]))
    return folder


BOTH = """\
import numpy as np
import vectorbt as vbt

def build(data):
    close = data["Close"]
    assert list(close.columns) == ["A", "B"] and close["A"].isna().sum() == 10
    size = np.full(close.shape, np.nan)
    size[20], size[30, 1] = 5, -5
    return vbt.Portfolio.from_orders(close.ffill().bfill(), size, init_cash=1000, fees=0.001)
"""


def test_vectorbt_has_a_column_a_symbol(two: Path) -> None:
    """Fills of all by time; equity is of all columns together."""
    output = output_of(ran("vectorbt", BOTH, two, {}))

    fills = decode_table(output["fills.csv"], "fills.csv").rows
    assert [row[2:4] for row in fills] == [("A", "buy"), ("B", "buy"), ("B", "sell")]
    assert decode_table(output["equity.csv"], "equity.csv").rows[0][1] == 2000.0


@pytest.mark.parametrize(
    ("text", "config", "words"),
    [
        ("def build(data, fast): pass\n", {"fsat": 5},
         "config key 'fsat' is no argument of build(data, fast), did you mean fast?"),
        ("def build(data, fast): pass\n", {}, "build(data, fast): missing a required argument"),
        ("def build(data): return 5\n", {}, "build returned a int, not a vectorbt.Portfolio"),
        ("x = 5\n", {}, "s.py has no function build(data, …)"),
    ],
)  # fmt: skip
def test_vectorbt_says_what_build_must_be(
    text: str, config: dict[str, Any], words: str, two: Path
) -> None:
    """One line, with the name that was meant."""
    assert failure_of(ran("vectorbt", text, two, config)).message.startswith(words)


TWICE = """\
from zipline.api import order, symbol

def initialize(context):
    context.n = 0

def handle_data(context, data):
    context.n += 1
    if context.n == 15:
        order(symbol("A"), 5)
        order(symbol("B"), -5, limit_price=1.0)
"""


def test_zipline_trades_several_symbols(two: Path) -> None:
    """Orders are counted from 1, and each fill has its fee."""
    output = output_of(ran("zipline", TWICE, two, {"calendar": "24/7"}))

    orders = decode_table(output["orders.csv"], "orders.csv").rows
    fills = decode_table(output["fills.csv"], "fills.csv").rows
    assert [row[2:6] for row in orders] == [
        (1, "A", "buy", "market"),
        (2, "B", "sell", "limit"),
    ]
    assert [row[2:4] for row in fills] == [("A", "buy"), ("B", "sell")]
    assert all(isinstance(row[6], float) and row[6] > 0 for row in fills)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"calendar": "XNYZ"}, "config calendar 'XNYZ' is unknown, did you mean XN"),
        ({}, "A: 2024-01-13 is no session of the calendar XNYS"),
    ],
)
def test_zipline_says_what_does_not_fit_the_calendar(
    config: dict[str, Any], words: str, two: Path
) -> None:
    """With the first day that is none of its sessions."""
    assert failure_of(ran("zipline", TWICE, two, config)).message.startswith(words)


# -- what vectorbt's functions compiled to --------------------------------------------------------

ORDERS = """\
import numba
import vectorbt as vbt
from vectorbt.portfolio import nb

{top}

@numba.njit(cache=True)
def half(price):
    return price / 2

def build(data):
    size = data["Close"] * 0.0 + half(2.0)
    portfolio = vbt.Portfolio.from_orders(data["Close"], size, init_cash=1000)
    {later}
    return portfolio
"""
PATCHED = """\
@numba.njit
def refuse(lens, width, cash, is_shared):
    raise ValueError("patched")

nb.check_group_init_cash_nb = refuse
"""


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, bytes]]:
    """Give a tape, the folder of what the first run on it compiled, and its output."""
    folder = tmp_path_factory.mktemp("kept")
    tape = folder / "GOOG.csv"
    write_bars(tape)
    text = ORDERS.format(top="", later="")
    return tape, folder / "cache", output_of(ran("vectorbt", text, tape, {}, folder / "cache"))


def test_what_was_compiled_is_used_again(cold: tuple[Path, Path, dict[str, bytes]]) -> None:
    """The output is the same, nothing is compiled twice, and nothing of the strategy's own kept."""
    tape, cache, output = cold
    (kept,) = cache.iterdir()
    before = ZipFile(kept).namelist()
    os.utime(kept, (0, 0))
    was = kept.stat()
    site = Path(interpreter("vectorbt").site_dirs[0])
    beside = set(site.rglob("*.nbi"))
    again = output_of(ran("vectorbt", ORDERS.format(top="x = 1", later=""), tape, {}, cache))
    (kept,) = cache.iterdir()

    assert again == output
    now = kept.stat()
    assert (ZipFile(kept).namelist(), now.st_size) == (before, was.st_size)
    assert now.st_ino == was.st_ino, "it was compiled again, and replaced"
    assert now.st_mtime > was.st_mtime, "it was not lent: what is used is the newest"
    assert {name.split("_")[0] for name in before} <= {
        p.name for p in (site / "vectorbt").iterdir()
    }
    assert set(site.rglob("*.nbi")) == beside


def test_a_damaged_archive_costs_time_only(
    cold: tuple[Path, Path, dict[str, bytes]], tmp_path: Path
) -> None:
    """One byte of one function is another: none is taken, and all are made anew."""
    tape, cache, output = cold
    (kept,) = cache.iterdir()
    data = bytearray(kept.read_bytes())
    data[len(data) // 2] ^= 0xFF
    (tmp_path / kept.name).write_bytes(data)
    found = output_of(ran("vectorbt", ORDERS.format(top="", later=""), tape, {}, tmp_path))

    assert found == output
    assert ZipFile(tmp_path / kept.name).namelist() == ZipFile(kept).namelist()


def test_a_strategy_that_patches_the_engine_has_a_cache_of_its_own(
    cold: tuple[Path, Path, dict[str, bytes]],
) -> None:
    """Lent what others compiled, it would run as if it had patched nothing."""
    tape, cache, _ = cold
    (kept,) = cache.iterdir()
    before = kept.read_bytes()
    failure = failure_of(ran("vectorbt", ORDERS.format(top=PATCHED, later=""), tape, {}, cache))

    assert failure.message.startswith("ValueError: patched")
    assert kept.read_bytes() == before


def test_patching_the_engine_while_it_runs_is_refused(
    cold: tuple[Path, Path, dict[str, bytes]],
) -> None:
    """Whether it is seen would depend on what is compiled already."""
    tape, cache, _ = cold
    text = ORDERS.format(top="", later="numba.core.config.BOUNDSCHECK = 1")
    failure = failure_of(ran("vectorbt", text, tape, {}, cache))

    assert failure.message == (
        "the strategy changed numba.core.config.BOUNDSCHECK while it ran: "
        "compiled code may not see that"
    )


# -- without the engine ---------------------------------------------------------------------------


def test_a_config_of_zipline_is_complete() -> None:
    """Every key has its default, and a day must be one."""
    assert zipline.complete({}) == {
        "calendar": "XNYS", "capital_base": 100_000, "start": None, "params": {},
    }  # fmt: skip
    assert zipline.complete({"start": "2024-01-31"})["start"] == "2024-01-31"
    for value in ("soon", 5):
        with pytest.raises(ValueError, match="config start must be a day such as 2024-01-31"):
            zipline.complete({"start": value})


def test_a_python_with_rustybt_alone_has_the_engine(tmp_path: Path) -> None:
    """RustyBT has zipline's modules under its own name; its version is the engine's."""
    venv.create(tmp_path / "venv")
    (site,) = (tmp_path / "venv").glob("lib/python3.*/site-packages")
    python = str(tmp_path / "venv" / "bin" / "python")
    with pytest.raises(Incomplete, match="has no zipline-reloaded or rustybt"):
        find_interpreter(load_adapter("zipline"), Wanted(option=python), {})
    (site / "rustybt-0.3.3.dist-info").mkdir()
    found = find_interpreter(load_adapter("zipline"), Wanted(option=python), {})

    assert found.engine == EngineVersion(name="zipline", version="0.3.3")


def test_columns_of_several_parameters_are_called_by_all() -> None:
    """A label of several levels becomes one word."""
    assert [vectorbt.label(c) for c in ("GOOG", (10, 20, "GOOG"))] == ["GOOG", "10/20/GOOG"]
