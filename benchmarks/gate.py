"""Measure a gate over many bundles: every strategy touched, with one job and with two.

    python benchmarks/gate.py [--bundles 20] [--rounds 3] [--markdown FILE]

The branch adds a word to each strategy, so base and head of each run afresh: twice as many runs as
bundles. Beside it the same gate where nothing changed, which runs nothing. Every command is a fresh
process; those that are compared take turns within a round, and the figures are medians.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from git_bt.commands.demo import demo
from git_bt.commands.pack import pack
from git_bt.commands.record import record

GIT_BT = str(Path(sys.executable).parent / "git-bt")


def silent(text: str) -> None:
    """Say nothing."""


def git(folder: Path, *args: str) -> None:
    """Run git with an identity."""
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", *who, *args], cwd=folder, check=True, capture_output=True)


def repository(folder: Path, count: int) -> Path:
    """Make a repository whose branch touches every strategy; both sides are packed and recorded."""
    demo(str(folder), step=silent)
    git(folder, "checkout", "-q", ".")
    first = folder / "strategies/ema_cross"
    for number in range(1, count):
        place = folder / f"strategies/s{number:03d}"
        place.mkdir()
        for file in first.iterdir():
            (place / file.name).write_bytes(file.read_bytes())
    names = [f"strategies/{path.name}" for path in sorted((folder / "strategies").iterdir())]
    for branch, word in (("main", ""), ("touched", "\n# a word\n")):
        git(folder, "checkout", "-q", "-B", branch)
        for name in names:
            code = folder / name / "strategy.py"
            code.write_text(code.read_text() + word)
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "--allow-empty", "-m", branch)
        for name in names:
            pack(name, runs=1, python=sys.executable, step=silent, cwd=folder)
        record(step=silent, cwd=folder)
    return folder


def timed(folder: Path, *args: str) -> float:
    """Return the seconds of one gate, which must pass."""
    words = [GIT_BT, "gate", "--base", "main", "--python", sys.executable, *args]
    started = time.perf_counter()
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--bundles", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--markdown", metavar="FILE")
    options = parser.parse_args()
    kinds = {
        "every strategy touched, jobs 1": ("--jobs", "1"),
        "every strategy touched, jobs 2": ("--jobs", "2"),
        "nothing changed": ("--head", "main"),
    }
    took: dict[str, list[float]] = {kind: [] for kind in kinds}
    with tempfile.TemporaryDirectory() as place:
        folder = repository(Path(place, "repo"), options.bundles)
        for _ in range(options.rounds):
            for kind, words in kinds.items():
                took[kind].append(timed(folder, *words))
    first = statistics.median(next(iter(took.values())))
    lines = ["| gate of bundles | what | s | of jobs 1 |", "|--:|---|--:|--:|"]
    for kind, seconds in took.items():
        middle = statistics.median(seconds)
        lines.append(f"| {options.bundles} | {kind} | {middle:.2f} | {middle / first:.2f} |")
    print("\n".join(lines))
    if options.markdown:
        Path(options.markdown).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
