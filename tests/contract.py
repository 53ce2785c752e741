"""What an engine's adapter must hold, as data: one small description for each engine.

engines/test_contract.py runs every description of described/ through the same suite, with the real
packages. A new engine is one file there, and its line in the list.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from git_bt.model import Verdict

TRADES = "trades"
RAISES = "raises"  # with the words "boom, as told"
LOOPS = "loops"
PRINTS = "prints"  # the same trades as TRADES, and prints
EXITS = "exits"  # with code 0, in the middle
RANDOM = "random"  # trades a random quantity, its seed the operating system's
PEEKS = "peeks"  # trades by what the tape holds at its end; @TAPE@ is where it lies
KINDS = (TRADES, RAISES, LOOPS, PRINTS, EXITS, RANDOM, PEEKS)
"""The strategies that a description gives."""

Write = Callable[[Path], None]


@dataclass(frozen=True)
class Spoiled:
    """A tape that cannot be run: what is done to a good one, and what is said of it."""

    spoil: Write
    verdict: Verdict
    words: str


@dataclass(frozen=True, kw_only=True)
class Described:
    """One engine: strategies, a tape, and what must go wrong how.

    Args:
        engine: its name.
        texts: the text of the entry point for each of KINDS.
        write_tape: writes the good tape at a path.
        grow: adds data at the end of that tape.
        restate: changes data in its midst.
        spoiled: tapes that cannot be run, by a name.
        config: of all its strategies.
        wrong_config: a config with a key that is not there, and what is said of it; None where an
            engine takes every key.
        tape: the name of the tape.
        entry_point: the name of the entry point.
        more: further lines of strategy.yaml.
        python: gives the interpreter that has the engine, or skips with a reason.
        is_installed: whether the engine is a package, which another interpreter lacks.
    """

    engine: str
    texts: Mapping[str, str]
    write_tape: Write
    grow: Write
    restate: Write
    spoiled: Mapping[str, Spoiled]
    wrong_config: tuple[Mapping[str, Any], str] | None
    config: Mapping[str, Any] = field(default_factory=dict)
    tape: str = "GOOG.csv"
    entry_point: str = "strategy.py"
    more: str = ""
    python: Callable[[], str] | None = None
    is_installed: bool = True


# -- a tape of bars -------------------------------------------------------------------------------

DAYS = 60
FIRST = date(2024, 1, 1)
COLUMNS = "Date,Open,High,Low,Close,Volume\n"


def close(day: int) -> float:
    """Return the price at the end of a day: a wave, so that averages cross."""
    return round(100 + 10 * math.sin(day / 4) + day / 10, 2)


def line(day: int) -> str:
    """Return a day's bar as a line of CSV."""
    opened, closed = close(day - 1), close(day)
    high, low = max(opened, closed) + 1, min(opened, closed) - 1
    when = FIRST + timedelta(days=day)
    return f"{when},{opened},{high:.2f},{low:.2f},{closed},{1000 + day}\n"


def write_bars(path: Path, days: int = DAYS) -> None:
    """Write a tape of daily bars."""
    path.write_text(COLUMNS + "".join(map(line, range(days))))


def grow_bars(path: Path) -> None:
    """Add two weeks at the end of a tape of daily bars."""
    with path.open("a") as file:
        file.writelines(map(line, range(DAYS, DAYS + 14)))


def restate_bars(path: Path) -> None:
    """Double the prices of one day in the midst."""
    lines = path.read_text().splitlines(keepends=True)
    day, *prices = lines[30].rstrip("\n").split(",")
    lines[30] = ",".join([day, *(f"{2 * float(price):.2f}" for price in prices)]) + "\n"
    path.write_text("".join(lines))


def _put(number: int, text: str) -> Write:
    """Return what puts a text in the place of one line of a file."""

    def put(path: Path) -> None:
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join([*lines[: number - 1], text, *lines[number:]]))

    return put


BAD_BARS: Mapping[str, Spoiled] = {
    "no close": Spoiled(
        lambda path: path.write_text("Date,Open,High,Low\n2024-01-01,1,1,1\n") and None,
        Verdict.CORRUPT,
        "tape file GOOG.csv: no column Close",
    ),
    "NaN": Spoiled(
        _put(9, "2024-01-08,1,1,1,nan,1\n"), Verdict.CORRUPT, "GOOG.csv: line 9: Close is nan"
    ),
    "unsorted": Spoiled(
        _put(9, "2023-01-01,1,1,1,1,1\n"), Verdict.CORRUPT, "GOOG.csv: line 9: Date 2023-01-01 is"
    ),
    "empty": Spoiled(lambda path: path.write_bytes(b"") and None, Verdict.CORRUPT, "it is empty"),
    "pointer": Spoiled(
        lambda path: (
            path.write_text(
                f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 9\n"
            )
            and None
        ),
        Verdict.INCOMPLETE,
        "GOOG.csv",
    ),
}
"""Tapes of bars that every engine refuses in the same words."""

BARS: Mapping[str, Any] = {
    "write_tape": write_bars,
    "grow": grow_bars,
    "restate": restate_bars,
    "spoiled": BAD_BARS,
}
"""What the descriptions of bar engines have in common."""


def texts(template: str, *, peeks: str) -> dict[str, str]:
    """Return the texts of a description from one template in Python.

    Args:
        template: a strategy that does {body} at each bar, and trades {quantity} whole units.
        peeks: a statement that sets `peeked`, a quantity, to something of the tape's end.
    """
    bodies = {
        TRADES: "pass",
        RAISES: "raise ValueError('boom, as told')",
        LOOPS: "while True: pass",
        PRINTS: "print('a line of many')",
        EXITS: "raise SystemExit(0)",
        RANDOM: "import random",
        PEEKS: peeks,
    }
    quantities = {RANDOM: "random.randint(1, 10**6)", PEEKS: "peeked"}
    return {
        kind: template.replace("{body}", body).replace("{quantity}", quantities.get(kind, "10"))
        for kind, body in bodies.items()
    }
