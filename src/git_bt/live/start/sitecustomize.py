"""Python runs this file when it starts below `git bt run`: its folder is first on PYTHONPATH.

It leaves word that a Python was here, waits for an engine to be imported, and hands on to the
sitecustomize that would have run without us. Until an engine comes, nothing of git-bt is imported.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

VARIABLE = "GIT_BT_RUN"
ENGINES = ("zipline", "rustybt", "backtesting", "backtrader", "lrvx", "flox_py")
HERE = os.path.dirname(os.path.abspath(__file__))


class Waiting:
    """Finds nothing; when an engine is asked for, the hooks take its place."""

    is_of_run = True

    def __init__(self) -> None:
        self.before = frozenset(sys.modules)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Let the hooks look for an engine, and nobody for anything else."""
        if name not in ENGINES:
            return None
        sys.meta_path.remove(self)
        return load(self.before).find_spec(name, path, target)


def load(before: frozenset[str]) -> Any:
    """Import the hooks, from the git-bt that started this program; return their finder."""
    if "git_bt" not in sys.modules:
        from importlib.util import module_from_spec, spec_from_file_location

        place = os.path.dirname(os.path.dirname(HERE))
        spec = spec_from_file_location(
            "git_bt", os.path.join(place, "__init__.py"), submodule_search_locations=[place]
        )
        if spec is None or spec.loader is None:
            raise ImportError(f"no git-bt at {place}")
        sys.modules["git_bt"] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules["git_bt"])
    from git_bt.live.drop import Drop
    from git_bt.live.hooks import install

    return install(Drop(os.environ[VARIABLE], before))


def start() -> None:
    """Leave word, wait, and hand on."""
    sys.path[:] = [p for p in sys.path if os.path.abspath(p or ".") != HERE]
    folder = os.environ.get(VARIABLE)
    if folder and os.path.isdir(folder) and sys.version_info >= (3, 9):
        with open(os.path.join(folder, f"python-{os.getpid()}"), "w"):
            pass
        sys.meta_path.insert(0, Waiting())
    mine = sys.modules.pop("sitecustomize")
    try:
        import sitecustomize  # noqa: F401  the next one
    except ImportError as e:
        if e.name != "sitecustomize":
            raise
    finally:
        sys.modules.setdefault("sitecustomize", mine)


if __name__ == "sitecustomize":
    start()
