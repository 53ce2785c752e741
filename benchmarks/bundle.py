"""Measure pack and validate beside `lrvx bundle` on the same tapes, as ratios in one run.

    python benchmarks/bundle.py [--trades 3 10000 100000 1000000] [--rounds 5] [--markdown FILE]

Every command is a fresh process; peers take turns within a round, so that a busy machine slows
both; the figures are medians. Peak memory is the largest process of the command. The budgets are
those of docs/explanation/speed.md. Exits with 1 when a budget is missed.
"""

import argparse
import compileall
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import git_bt

BIN = Path(sys.executable).parent
STRATEGY = Path(__file__).with_name("ema_cross.py")
VALIDATE = {3: 1.5, 10_000: 1.0, 100_000: 1.0, 1_000_000: 0.5}
TWIN = {3: 2.0, 10_000: 1.3, 100_000: 1.3, 1_000_000: 0.8}
START_UP = 3.0


@dataclass
class Samples:
    """Seconds and bytes of one command over the rounds."""

    seconds: list[float] = field(default_factory=list)
    peak: int = 0

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Row:
    """One comparison: ours beside the peer's."""

    trades: int | None
    what: str
    ours: Samples
    peer: Samples
    budget: float

    @property
    def ratio(self) -> float:
        return self.ours.median / self.peer.median


def run(command: list[str], cwd: Path, into: Samples) -> None:
    """Run a command to its end, and note its wall-clock time and peak memory."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    into.seconds.append(time.perf_counter() - started)
    into.peak = max(into.peak, usage.ru_maxrss * 1024)
    if status:
        raise SystemExit(f"{' '.join(command)}: status {status}")


def make_tape(directory: Path, trades: int) -> None:
    """Write a random walk with a fixed seed as a tape."""
    import lrvx
    import numpy

    walk = numpy.random.default_rng(7)
    times = 1_700_000_000_000_000_000 + numpy.arange(trades, dtype=numpy.int64) * 1_000_000
    prices = numpy.round(50_000 + numpy.cumsum(walk.normal(0, 1, trades)), 2)
    directory.mkdir(parents=True)
    writer = lrvx.DataWriter(str(directory))
    writer.write_trades(
        times,
        times,
        prices,
        numpy.round(walk.uniform(0.001, 1, trades), 3),
        numpy.arange(1, trades + 1, dtype=numpy.uint64),
        numpy.ones(trades, numpy.uint32),
        walk.integers(0, 2, trades).astype(numpy.uint8),
    )
    writer.close()


def measure(trades: int, rounds: int, work: Path) -> list[Row]:
    """Compare pack, twin pack and validate on one tape."""
    repository = work / f"repository-{trades}"
    repository.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=repository, check=True)
    make_tape(repository / "tape", trades)
    shutil.copy(STRATEGY, repository / "strategy.py")
    subprocess.run(["git", "add", "-A"], cwd=repository, check=True)
    options = ["--strategy", "strategy.py", "--tape", "tape"]
    options += ["--slippage-model", "fixed_bps", "--slippage-bps", "5"]
    lrvx, git_bt = str(BIN / "lrvx"), str(BIN / "git-bt")
    commands = {
        "lrvx pack": [lrvx, "bundle", "pack", *options, "-o", "../peer.tar"],
        "pack --runs 1": [git_bt, "pack", *options, "--runs", "1"],
        "pack": [git_bt, "pack", *options],
        "lrvx validate": [lrvx, "bundle", "validate", "../peer.tar"],
        "validate": [git_bt, "validate", "strategy.py", "--tape", "tape"],
    }
    packed = subprocess.run(
        [git_bt, "pack", *options, "--json"], cwd=repository, check=True, capture_output=True
    )
    import json

    commands["validate"] = [git_bt, "validate", json.loads(packed.stdout)["bundle"]]
    samples = {name: Samples() for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            run(command, repository, samples[name])
    pair = samples["lrvx pack"], samples["lrvx validate"]
    return [
        Row(trades, "pack --runs 1", samples["pack --runs 1"], pair[0], VALIDATE[trades]),
        Row(trades, "pack", samples["pack"], pair[0], TWIN[trades]),
        Row(trades, "validate", samples["validate"], pair[1], VALIDATE[trades]),
    ]


def measure_start(rounds: int, work: Path) -> Row:
    """Compare our start-up with that of click alone."""
    ours, peer = Samples(), Samples()
    for _ in range(rounds * 4):
        run([str(BIN / "git-bt"), "--version"], work, ours)
        run([sys.executable, "-c", "import click"], work, peer)
    return Row(None, "git bt --version beside import click", ours, peer, START_UP)


def table(rows: list[Row]) -> str:
    """Lay the rows out as a Markdown table."""
    lines = [
        "| trades | command | ours, s | lrvx, s | ratio | budget | ours, MB | lrvx, MB |",
        "|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        lines.append(
            f"| {row.trades or '–':,} | {row.what} | {row.ours.median:.3f} "
            f"| {row.peer.median:.3f} | {row.ratio:.2f} | {row.budget} "
            f"| {row.ours.peak / 1e6:.0f} | {row.peer.peak / 1e6:.0f} |"
            if row.trades
            else f"| – | {row.what} | {row.ours.median:.3f} | {row.peer.median:.3f} (click) "
            f"| {row.ratio:.2f} | {row.budget} | {row.ours.peak / 1e6:.0f} "
            f"| {row.peer.peak / 1e6:.0f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print the table, and fail when a budget is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--trades", type=int, nargs="+", choices=list(VALIDATE), default=list(VALIDATE)
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    options = parser.parse_args()
    compileall.compile_dir(Path(git_bt.__file__).parent, quiet=1)  # as pip has compiled lrvx
    with tempfile.TemporaryDirectory(prefix="git-bt-benchmark-") as folder:
        work = Path(folder)
        rows = [row for n in options.trades for row in measure(n, options.rounds, work)]
        rows.append(measure_start(options.rounds, work))
    text = table(rows)
    print(text)
    if options.markdown:
        options.markdown.write_text(text)
    missed = [
        f"{r.what} at {r.trades}: {r.ratio:.2f} > {r.budget}" for r in rows if r.ratio > r.budget
    ]
    if missed:
        raise SystemExit("over budget: " + "; ".join(missed))


if __name__ == "__main__":
    main()
