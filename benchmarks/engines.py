"""Measure what git-bt adds to an engine: a validation beside the same run without git-bt.

    python benchmarks/engines.py [--engines NAME ...] [--rounds 5] [--markdown FILE]

Both run the strategy of engines/NAME (of backtesting: that of its demo) on the daily GOOG bars that
backtesting.py ships; every run is a fresh process, and they take turns after one of each that does
not count. Judged by the median of seconds on the clock, so nothing else may run: `chrt -f 10` where
it must. Processor seconds of all processes stand beside. An engine that is not installed here is
left out. Exits with 1 when a budget (0.3 s and 5 %) is missed.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from git_bt.commands.demo import DEMOS

HERE = Path(__file__).with_name("engines")
GIT_BT = str(Path(sys.executable).with_name("git-bt"))
HEAVY = Path(__file__).parents[1] / ".venv-engines"  # what scripts/test --engines makes
AWK = 'command: [awk, -F, ",", -v, "out={out}", -f, strategy.awk, "{tape}"]'
YAML = {
    "backtesting": "config: {commission: 0.002, params: {fast: 10, slow: 20}}",
    "backtrader": "config: {commission: 0.002, params: {fast: 10, slow: 20}}",
    "command": AWK,
    "python": "config: {fast: 10, slow: 20}",
    "vectorbt": "config: {fast: 10, slow: 20}",
    "zipline": "config: {params: {fast: 10, slow: 20}}",
}
"""One entry an engine: its line of strategy.yaml; bare.py, and mostly strategy, in engines/NAME."""

SECONDS, PART = 0.3, 0.05


@dataclass
class Samples:
    """Seconds of a command over the rounds: on the clock, and of processors."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """One engine: with git-bt beside without."""

    engine: str
    ours: Samples
    bare: Samples

    @property
    def added(self) -> float:
        return median(self.ours.wall) - median(self.bare.wall)

    @property
    def budget(self) -> float:
        return SECONDS + PART * median(self.bare.wall)


def run(command: list[str], cwd: Path, python: str, into: Samples) -> None:
    """Run a command to its end in the environment of a Python, and note its seconds.

    What numba compiles stays for the next.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=active(python) | {"NUMBA_CACHE_DIR": str(cwd / "compiled")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    into.wall.append(time.perf_counter() - started)
    into.cpu.append(usage.ru_utime + usage.ru_stime)
    if status:
        raise SystemExit(f"{' '.join(command)}: status {status}")


def active(python: str) -> dict[str, str]:
    """Return the surroundings of somebody who has activated an environment."""
    return os.environ | {"VIRTUAL_ENV": str(Path(python).parents[1])}


def python_of(engine: str) -> str | None:
    """Return the interpreter that has an engine."""
    if engine in ("command", "python") or find_spec(engine) is not None:
        return sys.executable
    found = HEAVY / engine / "bin" / "python"
    return str(found) if (HEAVY / engine / "installed").is_file() else None


def measure(engine: str, python: str, rounds: int, work: Path) -> Row:
    """Compare validations of a packed strategy with bare runs of it."""
    repository = work / engine
    folder = repository / engine
    shutil.copytree(HERE / engine, folder)
    if engine in DEMOS:
        shutil.copyfile(DEMOS[engine].parts / "strategy.py", folder / "strategy.py")
    package = find_spec("backtesting")
    assert package is not None
    assert package.origin is not None
    shutil.copyfile(Path(package.origin).parent / "test/GOOG.csv", repository / "GOOG.csv")
    (entry,) = (path.name for path in folder.glob("strategy.*"))
    yaml = f"entry_point: {entry}\nengine: {engine}\ntape: ../GOOG.csv\n{YAML[engine]}\n"
    (folder / "strategy.yaml").write_text(yaml)
    subprocess.run(["git", "init", "-q"], cwd=repository, check=True)
    subprocess.run(["git", "add", "-A"], cwd=repository, check=True)
    packed = [GIT_BT, "pack", engine, "--runs", "1", "--json"]
    said = subprocess.run(
        packed, cwd=repository, env=active(python), check=True, capture_output=True
    )
    bundle = json.loads(said.stdout)["bundle"]
    row = Row(engine, Samples(), Samples())
    for counts in (False, *[True] * rounds):
        bare, ours = (row.bare, row.ours) if counts else (Samples(), Samples())
        run([python, "bare.py", "../GOOG.csv"], folder, python, bare)
        run([GIT_BT, "validate", bundle], repository, python, ours)
    return row


def table(rows: list[Row]) -> str:
    """Lay the rows out as a Markdown table."""
    lines = [
        "| engine | bare, s | validate, s | added, s | budget, s | bare, cpu s | validate, cpu s |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {r.engine} | {median(r.bare.wall):.2f} | {median(r.ours.wall):.2f} | {r.added:.2f} "
        f"| {r.budget:.2f} | {median(r.bare.cpu):.2f} | {median(r.ours.cpu):.2f} |"
        for r in rows
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print the table, and fail when a budget is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engines", nargs="+", choices=list(YAML), default=list(YAML))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="git-bt-benchmark-") as folder:
        for engine in options.engines:
            python = python_of(engine)
            if python is None:
                print(f"left out {engine}: scripts/test --engines {engine}", file=sys.stderr)
            else:
                rows.append(measure(engine, python, options.rounds, Path(folder)))
    text = table(rows)
    print(text)
    if options.markdown:
        options.markdown.write_text(text)
    missed = [f"{r.engine}: {r.added:.2f} > {r.budget:.2f}" for r in rows if r.added > r.budget]
    if missed:
        raise SystemExit("over budget: " + "; ".join(missed))


if __name__ == "__main__":
    main()
