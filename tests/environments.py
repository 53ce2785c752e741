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


def git_bt_alone(place: Path) -> Path:
    """Make a folder with git-bt and what it imports, for the path of a Python that has none."""
    place.mkdir()
    for name in ("git_bt", "filelock", "yaml", "git", "gitdb", "smmap"):
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        (place / name).symlink_to(Path(spec.origin).parent)
    return place
