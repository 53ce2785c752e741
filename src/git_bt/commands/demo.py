"""Show the main job in a small repository made for it."""

import shutil
import subprocess
from pathlib import Path

from git_bt import engines
from git_bt.commands.pack import pack
from git_bt.commands.validate import validate
from git_bt.commands.workspace import Step
from git_bt.errors import CannotWork, Usage
from git_bt.interpreters import Interpreter, Wanted, find_interpreter, load_adapter
from git_bt.repo import commit_all, create
from git_bt.reports import DemoReport

PARTS = Path(engines.__file__).parent / "flox_demo"
STRATEGY = "strategies/ema_cross"
TAPE = "tapes/btcusdt-1m"
CHANGE = ("SLOW = 0.02", "SLOW = 0.021")


def demo(directory: str, *, step: Step, cwd: Path | None = None) -> DemoReport:
    """Make a repository, pack, commit, validate, change one line, and validate again.

    Args:
        directory: made when it is not there, else it must be empty.
        step: told what is being done.
        cwd: where the command works.

    Raises:
        Usage: the directory is not empty.
        Incomplete: no interpreter here has lrvx.
    """
    top = (cwd or Path.cwd()) / Path(directory).expanduser()
    if top.exists() and (not top.is_dir() or any(top.iterdir())):
        raise Usage(f"{directory} is there and not empty", hint="git bt demo NEW-FOLDER")
    interpreter = find_interpreter(load_adapter("flox"), Wanted(project_root=cwd or Path.cwd()))
    step("making a repository with a strategy and a tape of real BTC/USDT bars")
    repo = create(top)
    _write_project(top, interpreter)
    python = str(interpreter.executable)
    packed = pack(STRATEGY, python=python, step=step, cwd=top)
    commit = commit_all(repo, "Cross two averages of BTC/USDT")
    (reproduced,) = validate([STRATEGY], python=python, step=step, cwd=top).bundles
    entry = top / STRATEGY / "strategy.py"
    entry.write_text(entry.read_text(encoding="utf-8").replace(*CHANGE), encoding="utf-8")
    (diverged,) = validate([STRATEGY], python=python, step=step, cwd=top).bundles
    return DemoReport(
        directory=directory,
        packed=packed,
        reproduced=reproduced,
        diverged=diverged,
        commit=commit,
        changed_line=CHANGE,
        next=(
            f"cd {directory}",
            "git diff",
            f"git bt validate {STRATEGY} --all-differences",
            f"git bt show {STRATEGY}",
            "git restore .",
            "git bt validate",
        ),
    )


def _write_project(top: Path, interpreter: Interpreter) -> None:
    target = top / STRATEGY
    target.mkdir(parents=True)
    for name in ("strategy.py", "strategy.yaml"):
        shutil.copyfile(PARTS / name, target / name)
    made = subprocess.run(
        [interpreter.executable, "-s", str(PARTS / "make_tape.py"), str(top / TAPE)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        said = made.stderr.strip().splitlines()
        raise CannotWork(
            f"{interpreter.executable} cannot make the demo's tape: {said[-1] if said else ''}",
            hint="pip install 'git-bt[flox]'",
        )
