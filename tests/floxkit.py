"""Builders for tests that run strategies: tapes, jobs, and an environment without git-bt."""

import random
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lrvx
import numpy as np
import pytest

from git_bt.canonical import sha256
from git_bt.engines import flox
from git_bt.interpreters import Interpreter, Wanted, find_interpreter, load_adapter
from git_bt.model import Data, Failure, Member, OnDisk, Outcome, Tape
from git_bt.runner import Job, Twin, start

CASES = Path(__file__).resolve().parents[2] / "shared" / "cases" / "flox"
START = 1_700_000_000_000_000_000

HEAD = """\
import lrvx
class S(lrvx.Strategy):
    def __init__(self, symbols):
        super().__init__(symbols)
        self.n = 0
"""

BUY_ONCE = (
    HEAD
    + """\
    def on_trade(self, ctx, trade):
        self.n += 1
        if self.n == 1:
            self.market_buy(1.0)
"""
)


def on_trade(body: str, head: str = "") -> str:
    """Return the text of a strategy that does something on every trade."""
    lines = "".join(f"        {line}\n" for line in body.splitlines())
    return head + "\n" + HEAD + "    def on_trade(self, ctx, trade):\n        self.n += 1\n" + lines


def write_tape(
    folder: Path,
    prices: Sequence[float],
    *,
    symbols: Sequence[int] | None = None,
    compression: str = "none",
) -> Path:
    """Record a tape of trades a millisecond apart, in one segment named a.lrvx."""
    n = len(prices)
    raw = folder.with_name(folder.name + ".raw")
    writer = lrvx.DataWriter(str(raw), compression=compression)
    times = START + np.arange(n, dtype=np.int64) * 1_000_000
    writer.write_trades(
        times,
        times,
        np.array(prices, dtype=float),
        np.full(n, 2.0),
        np.arange(n, dtype=np.uint64),
        np.array(symbols or [1] * n, dtype=np.uint32),
        (np.arange(n) % 2).astype(np.uint8),
    )
    writer.close()
    folder.mkdir()
    for segment in raw.glob("*.lrvx"):
        segment.rename(folder / "a.lrvx")
    shutil.rmtree(raw)
    return folder


def tape_at(place: Path, *, in_place: bool = True) -> Tape:
    """Return the tape at a file or folder."""
    files = [place] if place.is_file() else [p for p in sorted(place.rglob("*")) if p.is_file()]
    base = place.parent if place.is_file() else place
    content = {p.relative_to(base).as_posix(): OnDisk(p) for p in files}
    members = {name: _member(source.read()) for name, source in content.items()}
    return Tape(members=members, content=content, place=place if in_place else None)


def _member(data: bytes) -> Member:
    return Member(sha256=sha256(data), size=len(data))


def job_of(
    files: str | Mapping[str, str],
    tape: Path | Tape,
    *,
    entry_point: str = "s.py",
    config: Mapping[str, Any] | None = None,
    **more: Any,
) -> Job:
    """Return the job of a strategy given as text, or as path and text of each file."""
    texts = {entry_point: files} if isinstance(files, str) else files
    content = {path: Data(text.encode()) for path, text in texts.items()}
    return Job(
        members={path: _member(source.data) for path, source in content.items()},
        content=content,
        entry_point=entry_point,
        tape=tape_at(tape) if isinstance(tape, Path) else tape,
        config=flox.complete(config or {}),
        **more,
    )


def own() -> Interpreter:
    """Return the Python that runs the tests."""
    return find_interpreter(load_adapter("flox"), Wanted(), {})


def run(job: Job, interpreter: Interpreter | None = None) -> Outcome:
    """Run a job in one child."""
    with start(interpreter or own(), load_adapter("flox")) as child:
        return child.run(job)


def run_twin(job: Job) -> tuple[Outcome, Outcome]:
    """Run a job in two children at once, the second one varied."""
    with Twin(own(), load_adapter("flox")) as twin:
        return twin.run(job)


def output_of(outcome: Outcome) -> dict[str, bytes]:
    """Return what a run gave that did not fail."""
    assert outcome.failure is None, outcome.failure
    assert outcome.output is not None
    return dict(outcome.output)


def failure_of(outcome: Outcome) -> Failure:
    """Return why a run gave nothing."""
    assert outcome.output is None
    assert outcome.failure is not None
    return outcome.failure


def is_running(pid: int) -> bool:
    """Tell whether a process exists and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


# -- states ---------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a tape of three trades."""
    return write_tape(tmp_path_factory.mktemp("tape") / "three", [100.0, 100.5, 101.0])


@pytest.fixture(scope="session")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a tape of 3000 trades whose price walks around 100."""
    steps = random.Random(7)
    prices = [100.0]
    while len(prices) < 3000:
        prices.append(round(prices[-1] + steps.uniform(-0.3, 0.3), 2))
    return write_tape(tmp_path_factory.mktemp("tape") / "walk", prices)


@pytest.fixture(scope="session")
def lean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a virtual environment that has the engine, and not git-bt."""
    prefix = tmp_path_factory.mktemp("lean") / "venv"
    make_venv(prefix, "lrvx", "numpy")
    return prefix


def make_venv(prefix: Path, *packages: str) -> Path:
    """Make a virtual environment with links to packages of ours; return its site-packages."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(prefix)], check=True)
    (site,) = prefix.glob("lib/python3*/site-packages")
    ours = Path(lrvx.__file__).parents[1]
    for package in packages:
        for found in (*ours.glob(package), *ours.glob(f"{package}-*.dist-info")):
            (site / found.name).symlink_to(found)
        if (libs := ours / f"{package}.libs").exists():
            (site / libs.name).symlink_to(libs)
    return site
