"""Show the main job in a small repository made for it."""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from git_bt import engines
from git_bt.commands.pack import pack
from git_bt.commands.validate import validate
from git_bt.commands.workspace import Step
from git_bt.errors import CannotWork, Usage
from git_bt.interpreters import Interpreter, Wanted, find_interpreter, load_adapter
from git_bt.paths import expanded
from git_bt.repo import commit_all, create
from git_bt.reports import DemoReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What a demo shows: a strategy in engines/ENGINE_demo, its tape, and the line it changes."""

    engine: str
    strategy: str
    tape: str
    bars: str  # in a sentence
    change: tuple[str, str]
    subject: str  # of the commit

    @property
    def parts(self) -> Path:
        """The folder of its files."""
        return Path(engines.__file__).parent / f"{self.engine}_demo"


DEMOS: Mapping[str, Demo] = {
    demo.engine: demo
    for demo in (
        Demo(
            engine="flox",
            strategy="strategies/ema_cross",
            tape="tapes/btcusdt-1m",
            bars="BTC/USDT minute bars",
            change=("SLOW = 0.02", "SLOW = 0.021"),
            subject="Cross two averages of BTC/USDT",
        ),
        Demo(
            engine="backtesting",
            strategy="strategies/sma_cross",
            tape="tapes/GOOG.csv",
            bars="daily GOOG bars",
            change=("slow = 20", "slow = 21"),
            subject="Cross two averages of GOOG",
        ),
    )
}


def demo(
    directory: str, *, engine: str = "flox", step: Step, cwd: Path | None = None
) -> DemoReport:
    """Make a repository, pack, commit, validate, change one line, and validate again.

    Args:
        directory: made when it is not there, else it must be empty.
        engine: one of DEMOS.
        step: told what is being done.
        cwd: where the command works.

    Raises:
        Usage: the directory is not empty, or there is no demo of the engine.
        Incomplete: no interpreter here has the engine.
    """
    if engine not in DEMOS:
        raise Usage(f"no demo of engine {engine!r}", hint=f"there is one of {' and '.join(DEMOS)}")
    shown = DEMOS[engine]
    top = (cwd or Path.cwd()) / expanded(directory)
    if top.exists() and (not top.is_dir() or any(top.iterdir())):
        raise Usage(f"{directory} is there and not empty", hint="git bt demo NEW-FOLDER")
    interpreter = find_interpreter(load_adapter(engine), Wanted(project_root=cwd or Path.cwd()))
    step(f"making a repository with a strategy and a tape of real {shown.bars}")
    repo = create(top)
    _write_project(shown, top, interpreter)
    python = str(interpreter.executable)
    packed = pack(shown.strategy, python=python, step=step, cwd=top)
    commit = commit_all(repo, shown.subject)
    (reproduced,) = validate([shown.strategy], python=python, step=step, cwd=top).bundles
    entry = top / shown.strategy / "strategy.py"
    entry.write_text(entry.read_text(encoding="utf-8").replace(*shown.change), encoding="utf-8")
    (diverged,) = validate([shown.strategy], python=python, step=step, cwd=top).bundles
    return DemoReport(
        directory=directory,
        packed=packed,
        reproduced=reproduced,
        diverged=diverged,
        commit=commit,
        changed_line=shown.change,
        next=(
            f"cd {directory}",
            "git diff",
            f"git bt validate {shown.strategy} --all-differences",
            f"git bt show {shown.strategy}",
            "git restore .",
            "git bt validate",
        ),
    )


def _write_project(shown: Demo, top: Path, interpreter: Interpreter) -> None:
    target = top / shown.strategy
    target.mkdir(parents=True)
    for name in ("strategy.py", "strategy.yaml"):
        shutil.copyfile(shown.parts / name, target / name)
    made = subprocess.run(
        [interpreter.executable, "-s", str(shown.parts / "make_tape.py"), str(top / shown.tape)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        said = made.stderr.strip().splitlines()
        raise CannotWork(
            f"{interpreter.executable} cannot make the demo's tape: {said[-1] if said else ''}",
            hint=load_adapter(shown.engine).INSTALL,
        )
