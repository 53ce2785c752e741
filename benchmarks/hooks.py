"""Measure what a commit waits for: the hook where nothing changed, and a whole `git commit`.

    python benchmarks/hooks.py [--strategies 1 10 100 1000] [--rounds 7] [--markdown FILE]

Beside `python -c "import click"`, which is what a program of this kind cannot be faster than, and
beside pre-commit with a hook that does nothing. Every command is a fresh process; peers take turns
within a round, so that a busy machine slows both; the figures are medians. Exits with 1 when the
budget of docs/explanation/speed-of-hooks.md is missed. The gate has `benchmarks/gate.py` beside it.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from git_bt.bundle import build_bundle, output_of
from git_bt.capture.snapshot import capture
from git_bt.capture.strategy import find_strategies, read_strategy
from git_bt.capture.tape import read_tape
from git_bt.commands.demo import demo
from git_bt.commands.init import init
from git_bt.commands.plan import Grant, engine_of_strategy
from git_bt.commands.workspace import open_workspace

BIN = Path(sys.executable).parent
PYTHON, GIT_BT = sys.executable, str(BIN / "git-bt")
BUDGET = 3.0  # times `import click`, with 100 strategies
CONFIG = """\
repos:
  - repo: local
    hooks: [{id: nothing, name: nothing, entry: 'true', language: system, always_run: true}]
"""


@dataclass
class Row:
    """One command beside another, over the rounds."""

    strategies: int
    what: str
    peer: str
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        return statistics.median(self.ours) / statistics.median(self.theirs)

    def line(self) -> str:
        ours, theirs = (1000 * statistics.median(v) for v in (self.ours, self.theirs))
        return (
            f"| {self.strategies:,} | {self.what} | {ours:.0f} | {self.peer} | {theirs:.0f} "
            f"| {self.ratio:.2f} |"
        )


def timed(command: list[str], cwd: Path) -> float:
    """Return the seconds that a command takes; one that fails ends the benchmark."""
    env = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    started = time.perf_counter()
    subprocess.run(command, cwd=cwd, env=env, capture_output=True, check=True)
    return time.perf_counter() - started


def repository(folder: Path, count: int) -> Path:
    """Make a repository with strategies that are all known: one really runs, the others cite it."""
    demo(str(folder), step=lambda text: None)
    run = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*run, "checkout", "-q", "."], cwd=folder, check=True)
    subprocess.run(["git", "config", "bt.python", PYTHON], cwd=folder, check=True)
    for key, value in (("user.name", "a"), ("user.email", "a@b")):
        subprocess.run(["git", "config", key, value], cwd=folder, check=True)
    first = folder / "strategies/ema_cross"
    for number in range(1, count):
        place = folder / f"strategies/s{number:04d}"
        place.mkdir()
        for file in first.iterdir():
            (place / file.name).write_bytes(file.read_bytes())
    (folder / ".pre-commit-config.yaml").write_text(CONFIG)
    subprocess.run(["git", "add", "-A"], cwd=folder, check=True)
    subprocess.run([*run, "commit", "-qm", "all"], cwd=folder, check=True)
    know_all(folder)
    return folder


def know_all(folder: Path) -> None:
    """Store a bundle and a run record of every strategy, with the output of the one that ran."""
    with open_workspace(folder) as workspace:
        store = workspace.need_store()
        record = next(run for _, run in store.runs() if run.kind == "pack")
        output = output_of(store.bundle(record.bundle))
        bundles, runs = [], []
        for name in find_strategies(workspace.files):
            strategy = read_strategy(workspace.files, name)
            captured = capture(workspace.files, strategy)
            bundle = build_bundle(
                snapshot=captured.snapshot,
                content=captured.content,
                tape=read_tape(workspace.files, strategy, top=workspace.top, cwd=workspace.cwd),
                engine=record.engine,
                config=engine_of_strategy(workspace, strategy, Grant()).config,
                output=output,
            )
            bundles.append(bundle)
            runs.append(
                replace(
                    record,
                    bundle=bundle.id,
                    inputs=bundle.manifest.inputs,
                    strategy=name,
                )
            )
        store.save(bundles=bundles, runs=runs)


def hook_rows(folder: Path, count: int, rounds: int) -> list[Row]:
    """Measure the hook alone, then whole commits with and without it."""
    click = Row(count, "git bt hook pre-commit", 'python -c "import click"')
    empty = Row(count, "git bt hook pre-commit", "pre-commit, an empty hook")
    commit = Row(count, "git commit with hooks", "git commit without")
    program = folder.parent / "import_click.py"
    program.write_text("import click\n")
    hooks = [GIT_BT, "hook", "pre-commit"]
    framework = [PYTHON, "-m", "pre_commit", "run"]
    change = ["git", "commit", "-q", "--allow-empty", "-m", "nothing"]
    timed(hooks, folder)  # the one look at everything
    timed(framework, folder)
    for _ in range(rounds):
        ours = timed(hooks, folder)
        click.ours.append(ours)
        empty.ours.append(ours)
        click.theirs.append(timed([PYTHON, str(program)], folder))
        empty.theirs.append(timed(framework, folder))
    for _ in range(rounds):
        init(hooks=True, cwd=folder)
        commit.ours.append(timed(change, folder))
        init(undo=True, cwd=folder)
        commit.theirs.append(timed(change, folder))
    return [click, empty, commit]


Section = Callable[[Path, int, int], list[Row]]
SECTIONS: list[Section] = [hook_rows]
"""What is measured of a repository with so many strategies, in so many rounds."""


def main() -> int:
    """Measure, print a table, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--strategies", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    lines = ["| strategies | what | ms | beside | ms | ratio |", "|---:|---|---:|---|---:|---:|"]
    missed = False
    for count in options.strategies:
        with tempfile.TemporaryDirectory(prefix="git-bt-bench-") as name:
            folder = repository(Path(name) / "repo", count)
            for section in SECTIONS:
                for row in section(folder, count, options.rounds):
                    print(row.line(), flush=True)
                    lines.append(row.line())
                    missed |= count <= 100 and "click" in row.peer and row.ratio > BUDGET
    if options.markdown:
        options.markdown.write_text("\n".join(lines) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
