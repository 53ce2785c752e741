"""A child before it has a job: its folder, what it sees of the world, its process.

It imports the engine and waits. It imports little itself, for starting one is the first thing
that git-bt does (`headstart.py`). Which Python and engine it must be is `interpreters.py`, what it
is given to run `runner`.
"""

import os
from contextlib import suppress
from pathlib import Path

from git_bt.processes import MARK, Folder, spawn

SCRIPT = Path(__file__).with_name("engines") / "child.py"
THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA", "VECLIB", "BLIS", "RAYON", "POLARS")


class Harness:
    """A started child; whoever has it must close it, or end with it.

    The thread that starts it must outlive it: Linux ends the child with that thread.

    Args:
        executable: the Python to run it with.
        adapter: the file of the engine's adapter.
        variation: 0 for the pins, 1 for other values of what must not matter.

    Raises:
        CannotWork: the process or its folder cannot be made.
    """

    def __init__(self, executable: Path, adapter: str, variation: int = 0) -> None:
        self.executable = executable
        self.adapter = adapter
        self.variation = variation
        self.folder = Folder()
        # The second of two runs lies deeper: a strategy that shows its path differs from itself.
        self.dir = self.folder.path / ("run" if variation == 0 else "varied/deeper/run")
        self.printed = self.dir / "printed"
        try:
            for name in ("home", "tmp", "out", "files"):
                (self.dir / name).mkdir(parents=True)
            self.process = spawn(
                [str(executable), "-s", str(SCRIPT), adapter, str(self.dir)],
                env=environment(self.dir, variation),
                cwd=self.dir,
                printed=self.printed,
            )
        except BaseException:  # Ctrl-C too: nobody else knows of the folder
            self.folder.remove()
            raise

    def fits(self, executable: Path, adapter: str, variation: int) -> bool:
        """Tell whether this is the child that a run asks for: two links may name one Python."""
        if (self.adapter, self.variation) != (adapter, variation):
            return False
        with suppress(OSError):
            same_folder = self.executable.parent == executable.parent
            return same_folder and self.executable.samefile(executable)
        return False

    def close(self) -> None:
        """End the child and all below it, and remove its folder."""
        self.process.stop()
        self.folder.remove()


def environment(run_dir: Path, variation: int) -> dict[str, str]:
    """Return the whole environment of a run: the pins, or with variation 1 their opposites."""
    pins = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(run_dir / "home"),
        "TMPDIR": str(run_dir / "tmp"),
        "TZ": "UTC0" if variation == 0 else "XXX-5:45",
        "LC_ALL": "C.UTF-8" if variation == 0 else "C",
        "PYTHONHASHSEED": str(variation),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        MARK: str(run_dir.parent if variation == 0 else run_dir.parents[2]),
    }
    return pins | {f"{name}_NUM_THREADS": "1" for name in THREADS}
