"""FLOX: a tape of trades, a strategy that is called on each."""

import shutil
from pathlib import Path

import lrvx
import numpy as np

from contract import Described, Spoiled, texts
from floxkit import START, write_tape
from git_bt.model import Verdict
from projects import walk

TEMPLATE = """\
import glob

import lrvx


class S(lrvx.Strategy):
    def __init__(self, symbols):
        super().__init__(symbols)
        self.n = 0

    def on_trade(self, ctx, trade):
        self.n += 1
        if self.n % 50 == 0:
            {body}
            self.market_buy({quantity} / 10)
"""


def grow(path: Path) -> None:
    """Add a segment behind the first."""
    writer = lrvx.DataWriter(str(path))
    before = set(path.iterdir())
    times = START + 1_000_000 * np.arange(500, 800, dtype=np.int64)
    n = len(times)
    writer.write_trades(
        times, times, np.full(n, 101.0), np.ones(n), np.arange(n, dtype=np.uint64),
        np.ones(n, dtype=np.uint32), np.zeros(n, dtype=np.uint8),
    )  # fmt: skip
    writer.close()
    (segment,) = set(path.iterdir()) - before
    segment.rename(path / "b.lrvx")


def restate(path: Path) -> None:
    """Record the same trades, one of them at another price."""
    prices = walk(500)
    prices[249] += 25
    shutil.rmtree(path)
    write_tape(path, prices)


def cut(path: Path) -> None:
    """Keep the first half of the segment."""
    data = (path / "a.lrvx").read_bytes()
    (path / "a.lrvx").write_bytes(data[: len(data) // 2])


DESCRIBED = Described(
    engine="flox",
    tape="btc",
    texts=texts(TEMPLATE, peeks="peeked = len(glob.glob('@TAPE@/*'))"),
    write_tape=lambda path: write_tape(path, walk(500)) and None,
    grow=grow,
    restate=restate,
    spoiled={
        "cut": Spoiled(cut, Verdict.CORRUPT, "tape segment a.lrvx: Truncated"),
        "other names": Spoiled(
            lambda path: (path / "a.lrvx").rename(path / "x.txt") and None,
            Verdict.CORRUPT,
            "the tape btc has no segment",
        ),
    },
    wrong_config=({"slipage_bps": 5}, "unknown config key 'slipage_bps' for engine flox, did you"),
)
