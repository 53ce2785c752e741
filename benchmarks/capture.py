"""Measure what capturing a strategy costs: detection, one run of a sweep, bytes, a whole sweep.

    python benchmarks/capture.py [--rounds 5] [--runs 10000] [--processes 4] [--markdown FILE]

Times of a call are those of its own thread on the processor, which other people's work on the
machine does not lengthen, as medians over fresh processes; that of the whole sweep is by the clock.
Bytes are those of the files below .git/objects, beside copying the same files once a run. The
budgets are those of docs/explanation/speed.md. Exits with 1 when a budget is missed, or when a run
of the sweep is missing or there twice.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from git_bt.commands.capture import capture

MICRO = 1e-6

DETECT = """\
import json, sys, time
from git_bt.capture import StrategyCodeCapture
capture = StrategyCodeCapture(log_level="ERROR")
def measure():
    times = []
    for _ in range(201):
        started = time.thread_time()
        capture.detect_entry_point()
        times.append(time.thread_time() - started)
    print(json.dumps([times[0], sorted(times[1:])[100]]))
def deeper(frames):
    deeper(frames - 1) if frames else measure()
deeper(int(sys.argv[1]))
"""
RUN = """\
import json, time
import git_bt
times = []
for n in range(2001):
    started = time.thread_time()
    with git_bt.recording("cost", params={"fast": n, "slow": 2.5}) as run:
        run.log(sharpe=n / 3, trades=n)
    times.append(time.thread_time() - started)
print(json.dumps([times[0], sorted(times[1:])[1000], sorted(times[1:])[1980]]))
"""
SWEEP = """\
import multiprocessing, sys
import git_bt
def one(n):
    with git_bt.recording("grid", params={"fast": n // 100, "slow": n % 100}) as run:
        run.log(sharpe=n / 7, pnl=float(n), trades=n)
if __name__ == "__main__":
    with multiprocessing.Pool(int(sys.argv[2])) as pool:
        pool.map(one, range(int(sys.argv[1])), chunksize=50)
"""


@dataclass(frozen=True)
class Row:
    """One figure, and what it may be."""

    what: str
    figure: float
    unit: str
    budget: float | None = None

    @property
    def is_met(self) -> bool:
        return self.budget is None or self.figure <= self.budget


def repository(place: Path) -> Path:
    """Make a repository with a strategy of five modules, about 10 KB."""
    place.mkdir()
    subprocess.run(["git", "init", "-q", str(place)], check=True)
    names = ("indicators", "risk", "sizing", "orders")
    for name in names:
        lines = [
            f"def {name}_{n}(x):\n    return x * {n} + {hash_of(name, n)}\n" for n in range(40)
        ]
        (place / f"{name}.py").write_text("".join(lines))
    head = "".join(f"import {name}\n" for name in names)
    body = "".join(f"SETTING_{n} = {hash_of('strategy', n)}\n" for n in range(60))
    (place / "strategy.py").write_text(head + body)
    return place


def hash_of(name: str, number: int) -> int:
    """Return a number that looks like one a person chose, the same every time."""
    return sum(map(ord, name)) * (number + 7) * 7919 % 100_003


def child(code: str, *args: str, cwd: Path) -> list[float]:
    """Run a script in a fresh process, and return the numbers that it prints."""
    script = cwd / "measured.py"
    script.write_text(code)
    done = subprocess.run(
        [sys.executable, str(script), *args], cwd=cwd, check=True, capture_output=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def object_bytes(place: Path) -> int:
    """Return the size of all objects, loose and packed."""
    files = (place / ".git" / "objects").rglob("*")
    return sum(path.stat().st_size for path in files if path.is_file())


def detection(work: Path, rounds: int) -> list[Row]:
    rows = []
    for frames in (0, 50, 200):
        found = [child(DETECT, str(frames), cwd=work) for _ in range(rounds)]
        first, later = (statistics.median(values) / MICRO for values in zip(*found, strict=True))
        rows.append(Row(f"`detect_entry_point()`, {frames} frames, first call", first, "µs", 1000))
        budget = 20 if frames == 200 else None
        rows.append(Row(f"`detect_entry_point()`, {frames} frames, later", later, "µs", budget))
    return rows


def one_run(work: Path, rounds: int) -> list[Row]:
    found = [child(RUN, cwd=work) for _ in range(rounds)]
    first, later, slow = (statistics.median(values) / MICRO for values in zip(*found, strict=True))
    return [
        Row("one recorded run, the first of its process", first / 1000, "ms"),
        Row("one recorded run, later", later, "µs", 1000),
        Row("one recorded run, later, 99 of 100 below", slow, "µs"),
    ]


def captures(work: Path) -> list[Row]:
    """Capture one strategy again and again, and look at what that takes."""
    rows = []
    for mode, files in (("entry_point", ["strategy.py"]), ("imports", None)):
        place = repository(work / mode)
        before = object_bytes(place)
        sources = [place / name for name in files] if files else list(place.glob("*.py"))
        copied = sum(path.stat().st_size for path in sources)
        size = {}
        for count in range(1, 101):
            capture("strategy.py", mode=mode, cwd=place)
            size[count] = object_bytes(place) - before
        for count in (1, 10, 100):
            rows.append(Row(f"mode {mode}, {count} × captured", size[count], "bytes"))
            rows.append(Row(f"mode {mode}, {count} × copied", copied * count, "bytes"))
        rows.append(Row(f"mode {mode}, 100 captures beside one", size[100] / size[1], "×", 1.1))
    return rows


def whole_sweep(work: Path, runs: int, processes: int) -> list[Row]:
    place = repository(work / "sweep")
    (place / "grid.py").write_text(SWEEP)
    before = object_bytes(place)
    started = time.perf_counter()
    subprocess.run([sys.executable, "grid.py", str(runs), str(processes)], cwd=place, check=True)
    took = time.perf_counter() - started
    answer = subprocess.run(
        [sys.executable, "-m", "git_bt", "sweep", "show", "grid", "--json"],
        cwd=place, check=True, capture_output=True,
    )  # fmt: skip
    size = object_bytes(place) - before
    head = json.loads(answer.stdout)["sweep"]
    wrong = abs(head["runs"] - runs) + abs(head["settings"] - runs)
    name = f"sweep of {runs} runs by {processes} processes"
    return [
        Row(f"{name}, until the command has ended", took, "s"),
        Row(f"{name}, objects in the store", size, "bytes"),
        Row(f"{name}, a run", size / runs, "bytes"),
        Row(f"{name}, runs lost or doubled", wrong, "runs", 0),
    ]


def table(rows: list[Row]) -> str:
    lines = ["| what | figure | budget |", "|---|---:|---:|"]
    for row in rows:
        budget = "" if row.budget is None else f"{row.budget:,g} {row.unit}"
        missed = "" if row.is_met else " (missed)"
        digits = 0 if row.unit in ("bytes", "runs") else 1 if row.figure >= 10 else 2
        lines.append(f"| {row.what} | {row.figure:,.{digits}f} {row.unit} | {budget}{missed} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        del os.environ[name]
    work = Path(tempfile.mkdtemp(prefix="git-bt-benchmark-"))
    try:
        measured = repository(work / "measured")
        rows = detection(measured, options.rounds) + one_run(measured, options.rounds)
        rows += captures(work) + whole_sweep(work, options.runs, options.processes)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(table(rows))
    if options.markdown:
        options.markdown.write_text(table(rows) + "\n")
    sys.exit(0 if all(row.is_met for row in rows) else 1)


if __name__ == "__main__":
    main()
