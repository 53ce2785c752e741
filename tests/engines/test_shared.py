"""What adapters share beside the tape: config, the user's file, and rows as canonical bytes."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from git_bt.canonical import encode_json
from git_bt.engines import config, entry, rows
from git_bt.engines.refusal import Refused, nearest
from git_bt.model import Value
from git_bt.tables import COLUMNS, encode_table

KEYS: dict[str, tuple[Any, config.Check]] = {
    "cash": (10_000, config.number(above=True, low=0)),
    "margin": (1, config.number(0, 1)),
    "hedging": (False, config.flag),
    "mode": ("a", config.one_of("a", "b")),
    "symbol": (None, config.optional(config.word)),
    "params": ({}, config.mapping),
}

# -- config ---------------------------------------------------------------------------------------


def test_defaults_are_filled_in_and_completing_twice_is_completing_once() -> None:
    """So a default that is spelled out is the same input."""
    once = config.complete("x", {"cash": 5}, KEYS)

    assert once == {
        "cash": 5, "margin": 1, "hedging": False, "mode": "a", "symbol": None, "params": {},
    }  # fmt: skip
    assert config.complete("x", once, KEYS) == once


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        (
            {"cahs": 5},
            "unknown config key 'cahs' for engine x, did you mean cash?$",
        ),
        ({"n1": 5}, "unknown config key 'n1' for engine x, known are cash, .*go below params$"),
        ({3: 5}, "unknown config key 3"),
        ({"cash": True}, "config cash must be a number, is True"),
        ({"cash": 0}, "config cash must be above 0, is 0"),
        ({"cash": float("nan")}, "config cash must be a finite number, is nan"),
        ({"margin": -1}, "config margin must be 0 or above, is -1"),
        ({"margin": 1.5}, "config margin must be 1 or below, is 1.5"),
        ({"hedging": 1}, "config hedging must be true or false, is 1"),
        ({"mode": "c"}, "config mode must be a or b, is 'c'"),
        ({"symbol": ""}, "config symbol must be a word, is ''"),
        ({"params": [1]}, "config params must be a mapping"),
        ({"params": {1: 2}}, "config params must be a mapping of names"),
    ],
)
def test_a_wrong_config_is_one_line(given_: dict[Any, Any], words: str) -> None:
    """Key, what its value must be, and what it is."""
    with pytest.raises(ValueError, match=words.replace("?", r"\?")) as caught:
        config.complete("x", given_, KEYS)

    assert "\n" not in str(caught.value)


def test_a_name_that_nothing_has_is_told_the_nearest() -> None:
    """Or all there are, or that there are none."""
    assert nearest("fsat", ["fast", "slow"]) == ", did you mean fast?"
    assert nearest("zzz", ["fast", "slow"]) == ", known are fast, slow"
    assert nearest("zzz", []) == ", there are none"


# -- the user's file ------------------------------------------------------------------------------


class Base:
    """What an engine's strategies derive from."""


def found(tmp_path: Path, text: str) -> Any:
    path = tmp_path / "s.py"
    path.write_text(text)
    module = entry.load(str(path))
    return entry.the_subclass(module, Base, str(path))


@pytest.fixture(autouse=True)
def no_leftovers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let a user's file import Base as an engine's, and forget it afterwards."""
    monkeypatch.setattr(Base, "__module__", "engine.core")
    monkeypatch.setitem(sys.modules, "engine", type(sys)("engine"))
    monkeypatch.setattr(sys.modules["engine"], "Base", Base, raising=False)
    monkeypatch.setitem(sys.modules, entry.MODULE, type(sys)(entry.MODULE))
    monkeypatch.syspath_prepend(str(tmp_path))


HEAD = "from engine import Base\n"


def test_the_one_subclass_is_found(tmp_path: Path) -> None:
    """Not the engine's base, not what it is made of, not one by a second name."""
    text = HEAD + "class A(Base): pass\nclass B(A): pass\nC = B\n"

    assert found(tmp_path, text).__name__ == "B"


def test_an_imported_one_counts_when_the_file_makes_none(tmp_path: Path) -> None:
    """An entry point may be one import."""
    (tmp_path / "helper_of_mine.py").write_text(HEAD + "class A(Base): pass\n")

    assert found(tmp_path, "from helper_of_mine import A\n").__name__ == "A"
    text = "from helper_of_mine import A\n" + HEAD + "class B(Base): pass\n"
    assert found(tmp_path, text).__name__ == "B"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\n", "s.py has no subclass of Base, engine engine runs exactly one"),
        (HEAD + "class A(Base): pass\nclass B(Base): pass\n", r"2 strategies \(A, B\)"),
    ],
)
def test_none_or_two_are_refused(text: str, words: str, tmp_path: Path) -> None:
    """Which of two is meant cannot be told."""
    with pytest.raises(Refused, match=words):
        found(tmp_path, text)


def test_a_function_is_found_by_its_name(tmp_path: Path) -> None:
    """Or what it takes is said."""
    (tmp_path / "s.py").write_text("def build(data): return 1\n")
    module = entry.load(str(tmp_path / "s.py"))

    assert entry.function(module, "build", "s.py", "data, **config")(None) == 1
    with pytest.raises(Refused, match=r"s.py has no function run\(tape, config\)"):
        entry.function(module, "run", "s.py", "tape, config")


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    """Nothing is guessed of it."""
    (tmp_path / "s.txt").write_text("x = 1\n")
    with pytest.raises(Refused, match=r"s.txt is no Python file"):
        entry.load(str(tmp_path / "s.txt"))


# -- rows -----------------------------------------------------------------------------------------

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
WORDS = st.text(min_size=1).filter(str.isprintable)
FILL = st.tuples(
    st.integers(), WORDS, st.sampled_from(["buy", "sell"]), FLOATS, FLOATS, st.none() | FLOATS
)


@given(st.lists(FILL, max_size=5), st.lists(st.tuples(st.integers(), FLOATS), max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_are_written_as_our_encoder_writes_them(
    tmp_path: Path, fills: list[tuple[Value, ...]], equity: list[tuple[Value, ...]]
) -> None:
    """The child cannot import the encoder; its bytes are the encoder's all the same."""
    total = {"symbols": {str(row[1]): {"last_price": row[3]} for row in fills}}
    rows.write(str(tmp_path), fills=fills, equity=equity, orders=[], summary=total)
    numbered = [(seq, *row) for seq, row in enumerate(fills)]

    assert (tmp_path / "fills.csv").read_bytes() == encode_table(COLUMNS["fills.csv"], numbered)
    assert (tmp_path / "equity.csv").read_bytes() == encode_table(COLUMNS["equity.csv"], equity)
    assert (tmp_path / "orders.csv").read_bytes() == encode_table(COLUMNS["orders.csv"], [])
    assert (tmp_path / "summary.json").read_bytes() == encode_json(total)
    assert not (tmp_path / "signals.csv").exists()


def test_the_columns_are_the_parents() -> None:
    """The child's tables, with the number in front that it counts itself."""
    for name, columns in rows.TABLES.items():
        front = () if name == "equity" else ("seq",)
        assert COLUMNS[f"{name}.csv"] == (*front, *columns)


def test_numbers_of_numpy_are_written_as_pythons(tmp_path: Path) -> None:
    """No repr of another library gets into a cell."""
    row = (np.int64(5), "A", "buy", np.float64(0.1), np.int32(2), np.float32(0.5))
    rows.write(
        str(tmp_path), fills=[row], summary=rows.plain({"n": np.int64(3), "x": np.float64(3)})
    )

    assert (tmp_path / "fills.csv").read_text().split("\n")[1] == "0,5,A,buy,0.1,2.0,0.5"
    assert (tmp_path / "summary.json").read_text() == '{"n":3,"x":3.0}\n'


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((5, "A", "buy", float("nan"), 1, 0), "the engine gave nan as price of fills row 1"),
        ((5, "A", "buy", "1.5", 1, 0), "the engine gave '1.5' as price of fills row 1"),
        ((5.5, "A", "buy", 1, 1, 0), "the engine gave 5.5 as ts_ns of fills row 1"),
        ((5, 7, "buy", 1, 1, 0), "the engine gave 7 as symbol of fills row 1"),
        ((5, "A", "buy", 1, 1), r"fills row 1 with 5 values, not 6 \(ts_ns, symbol, side"),
    ],
)
def test_a_cell_of_another_kind_is_said_with_its_place(
    row: tuple[Any, ...], words: str, tmp_path: Path
) -> None:
    """A NaN in a fill is the engine's fault, and nobody else will say so."""
    with pytest.raises(Refused, match=words) as caught:
        rows.write(str(tmp_path), fills=[(1, "A", "buy", 1, 1, 0), row], summary={})

    assert caught.value.bt_kind == "bad-output"


def test_totals_are_plain_numbers() -> None:
    """What is no number any more is absent, and so is what cannot be said."""
    assert rows.plain({"nan": float("nan"), "inf": float("inf"), "int": 2, "flag": np.True_}) == {
        "nan": None, "inf": None, "int": 2, "flag": 1,
    }  # fmt: skip
    assert json.dumps(rows.plain({"half": np.float64(0.5)})) == '{"half": 0.5}'
