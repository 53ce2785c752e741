"""Tapes of bars that grew: rows behind rows, files behind files, and what is no growth."""

import gzip
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from conftest import GitRepo, make_repo, take_away
from contract import COLUMNS, DAYS, line
from git_bt.commands.pack import pack
from git_bt.comparison import Validation
from git_bt.model import Verdict
from projects import silent, validated

FIRST_HALF, REST = range(DAYS), range(DAYS, DAYS + 10)

SWAP = """\
import backtrader as bt
class S(bt.Strategy):
    def next(self):
        if len(self) % 3 == 0:
            for n, data in enumerate(self.datas):
                if len(data) and data.datetime[0] == self.datetime[0]:
                    (self.buy if (len(self) + n) % 2 else self.sell)(data, size=1 + len(self))
"""
HOLD = """\
from backtesting import Strategy
class S(Strategy):
    def init(self): pass
    def next(self):
        if len(self.data) in (5, 58): self.buy(size=1)
"""


def csv(days: range, *, head: bool = True) -> str:
    return COLUMNS * head + "".join(map(line, days))


def parquet(path: Path, days: range) -> None:
    rows = [line(day).rstrip("\n").split(",") for day in days]
    table = pd.DataFrame(rows, columns=COLUMNS.rstrip("\n").split(","))
    table["Date"] = pd.to_datetime(table["Date"])
    path.parent.mkdir(exist_ok=True)
    table.astype(dict.fromkeys(table.columns[1:], float)).to_parquet(path)


def write_folder(tape: Path) -> None:
    """Two symbols, a CSV file each."""
    tape.mkdir()
    for name in ("AAPL", "MSFT"):
        (tape / f"{name}.csv").write_text(csv(FIRST_HALF))


def write_uneven(tape: Path) -> None:
    """Two symbols, of which one ends a month before the other."""
    write_folder(tape)
    (tape / "AAPL.csv").write_text(csv(range(DAYS - 30)))


def write_parts(tape: Path) -> None:
    """Two symbols, a folder of parquet files each."""
    tape.mkdir()
    for name in ("AAPL", "MSFT"):
        parquet(tape / name / "1.parquet", FIRST_HALF)


def append(path: Path, days: range) -> None:
    with path.open("a") as file:
        file.write(csv(days, head=False))


Change = Callable[[Path], None]
WRITERS = (write_folder, write_uneven, write_parts)


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> GitRepo:
    """Make a repository with a strategy for each kind of tape, all packed."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        take_away(monkeypatch, tmp_path_factory.mktemp("home"), tmp_path_factory.getbasetemp())
        repo = make_repo(tmp_path_factory.mktemp("bars") / "repo")
        for write in WRITERS:
            write(repo.path / f"{write.__name__}.tape")
        (repo.path / "one.csv").write_text(csv(FIRST_HALF))
        (repo.path / "zipped.csv.gz").write_bytes(gzip.compress(csv(FIRST_HALF).encode(), mtime=0))
        parquet(repo.path / "one.parquet", FIRST_HALF)
        add(repo, "hold", "one.csv", "backtesting", HOLD)
        for name, tape in (
            *((write.__name__, f"{write.__name__}.tape") for write in WRITERS),
            ("zipped", "zipped.csv.gz"),
            ("parquet", "one.parquet"),
        ):
            add(repo, name, tape, "backtrader", SWAP)
        return repo


def add(repo: GitRepo, name: str, tape: str, engine: str, text: str) -> None:
    repo.write(f"{name}/strategy.py", text)
    yaml = f"entry_point: strategy.py\nengine: {engine}\ntape: ../{tape}\n"
    repo.write(f"{name}/strategy.yaml", yaml + "config: {cash: 1000000}\n")
    report = pack(name, runs=1, python=sys.executable, step=silent, cwd=repo.path)
    assert report.bundle is not None, report
    assert report.metrics is not None
    assert report.metrics.fill_count > 1


@pytest.fixture
def repo(packed: GitRepo, tmp_path: Path) -> GitRepo:
    """Give a copy of that repository."""
    shutil.copytree(packed.path, tmp_path / "repo")
    return GitRepo(tmp_path / "repo")


def judged(repo: GitRepo, name: str) -> Validation:
    return validated(repo, name, python=sys.executable)[0]


def grow_folder(tape: Path) -> None:
    """Rows at the end of each file."""
    for path in tape.iterdir():
        append(path, REST)


def grow_one(tape: Path) -> None:
    """Rows at the end of one file; the other symbol has no more."""
    append(tape / "MSFT.csv", REST)


def add_parts(tape: Path) -> None:
    """One more file for each symbol."""
    for name in ("AAPL", "MSFT"):
        parquet(tape / name / "2.parquet", REST)


def add_symbol(tape: Path) -> None:
    """A symbol that begins where the others ended: backtrader waits for it to begin."""
    (tape / "ZM.csv").write_text(csv(REST))


def add_member(path: Path) -> None:
    """A second gzip member behind the first, as `cat new.gz >> old.gz` makes it."""
    with path.open("ab") as file:
        file.write(gzip.compress(csv(REST, head=False).encode()))


@pytest.mark.parametrize(
    ("name", "tape", "change"),
    [
        ("write_folder", "write_folder.tape", grow_folder),
        ("write_folder", "write_folder.tape", grow_one),
        ("write_uneven", "write_uneven.tape", grow_one),
        ("write_parts", "write_parts.tape", add_parts),
        ("zipped", "zipped.csv.gz", add_member),
    ],
)
def test_a_tape_of_bars_that_grew_is_extended(
    name: str, tape: str, change: Change, repo: GitRepo
) -> None:
    """By bytes: every old file is there, or is the beginning of the new one."""
    change(repo.path / tape)
    found = judged(repo, name)

    assert found.verdict is Verdict.EXTENDED, found
    assert found.message.startswith("identical to 2024-02-29T00:00:00.000000000Z, ")
    assert not found.message.endswith(" 0 new fills")


def add_history(tape: Path) -> None:
    """A symbol with a past."""
    (tape / "GOOG.csv").write_text(csv(range(DAYS - 1, DAYS + 10)))


def rewrite(path: Path) -> None:
    """The same rows and more, in a parquet file written anew."""
    parquet(path, range(DAYS + 10))


def restate(tape: Path) -> None:
    """Another last row, and more behind it."""
    path = tape / "MSFT.csv"
    path.write_text(path.read_text().replace(line(DAYS - 1), line(DAYS - 1).replace(",", ",1", 1)))
    append(path, REST)


def go_on(tape: Path) -> None:
    """The symbol that ended early goes on."""
    append(tape / "AAPL.csv", range(DAYS - 30, DAYS + 10))


@pytest.mark.parametrize(
    ("name", "tape", "change", "words"),
    [
        ("write_folder", "write_folder.tape", add_history, "a new file that begins before the old"),
        ("write_folder", "write_folder.tape", add_symbol, "the tape has a new symbol: ZM.csv"),
        ("write_folder", "write_folder.tape", restate, "the history changed: MSFT.csv of the tape"),
        ("parquet", "one.parquet", rewrite, "one.parquet of the tape has other bytes"),
        (
            "write_uneven",
            "write_uneven.tape",
            go_on,
            "AAPL.csv of the tape ended at 2024-01-30T00:00:00.000000000Z and goes on from there, "
            "others ended at 2024-02-29",
        ),
    ],
)
def test_what_is_no_growth_at_the_end_is_told(
    name: str, tape: str, change: Change, words: str, repo: GitRepo
) -> None:
    """Diverged, and the strategy is not blamed for it."""
    change(repo.path / tape)
    found = judged(repo, name)

    assert found.verdict is Verdict.DIVERGED, found
    assert words in found.message
    assert "ahead" not in found.message


def test_a_position_that_is_open_at_the_old_end_is_no_divergence(repo: GitRepo) -> None:
    """The engine closes it when the tape ends, here in the midst of the new one: in no row."""
    append(repo.path / "one.csv", REST)
    found = judged(repo, "hold")

    assert (found.verdict, found.message.split(", ")[1]) == (Verdict.EXTENDED, "0 new fills")


def test_what_changed_on_the_last_old_bars_is_not_hidden(repo: GitRepo) -> None:
    """One order more, filled on the very last bar of the old tape."""
    append(repo.path / "one.csv", REST)
    repo.write("hold/strategy.py", HOLD.replace("(5, 58)", "(5, 58, 59)"))
    found = judged(repo, "hold")

    assert found.verdict is Verdict.DIVERGED
    assert found.differences[0].ts_ns == pd.Timestamp("2024-02-29").as_unit("ns").value
