"""The Pythons of heavy engines, as scripts/test --engines makes them, and git-bt for them."""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

import pytest

PLACE = Path(__file__).parents[1] / ".venv-engines"
CHOSEN = os.environ.get("GIT_BT_TEST_ENGINES", "").split(",")


def environment(name: str) -> Callable[[], str]:
    """Return what gives the Python of an environment, or skips the test and says how to have it."""

    def python() -> str:
        found = PLACE / name / "bin" / "python"
        if name not in CHOSEN:
            pytest.skip(f"scripts/test --engines {name}")
        if not (PLACE / name / "installed").is_file():
            pytest.skip(f"{name} was not installed: scripts/test --engines {name} says why")
        return str(found)

    return python


GIT_BT = ("git_bt", "filelock", "yaml", "git", "gitdb", "smmap")


def packages(folder: Path, *names: str) -> Path:
    """Make a folder that has some of our packages and nothing else, for the path of a Python."""
    folder.mkdir()
    for name in names:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        place = Path(spec.origin).parent
        for each in (place, place.with_name(f"{name}.libs")):
            if each.exists():
                (folder / each.name).symlink_to(each)
    return folder
