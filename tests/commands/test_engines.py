"""Engines: which there are, and which Python would run each."""

import subprocess
from pathlib import Path

import pytest

from conftest import GitRepo
from git_bt.commands.engines import engines
from git_bt.reports import EngineStatus
from projects import PYTHON


def flox(**options: object) -> EngineStatus:
    (found,) = [e for e in engines(**options).engines if e.name == "flox"]  # type: ignore[arg-type]
    return found


def test_an_engine_is_found_where_it_would_run(repo: GitRepo, lean: Path) -> None:
    """Option, configuration, the project's own environment: in this order."""
    by_option = flox(python=str(lean), cwd=repo.path)
    repo.git("config", "bt.python", str(lean / "bin/python"))
    configured = flox(cwd=repo.path)
    repo.git("config", "--unset", "bt.python")
    (repo.path / ".venv").symlink_to(lean)
    own = flox(cwd=repo.path)

    found = {e.found_by: e.python for e in (by_option, configured, own)}
    assert found == {
        "--python": str(lean / "bin/python"),
        "git config bt.python": str(lean / "bin/python"),
        ".venv of the project": str(repo.path / ".venv/bin/python"),
    }
    assert {e.version for e in (by_option, configured, own)} == {flox(python=PYTHON).version}


def test_an_engine_that_is_nowhere_says_how_to_get_it(tmp_path: Path) -> None:
    """No version and no Python, and no error; no repository is needed either."""
    bare = tmp_path / "bare"
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", str(bare)], check=True)
    found = flox(python=str(bare), cwd=tmp_path)

    assert (found.version, found.python, found.found_by) == (None, None, None)
    assert found.install == "pip install 'git-bt[flox]'"


@pytest.mark.parametrize("name", ["no-such-python", "/no/such/python"])
def test_what_is_no_python_has_no_engine(tmp_path: Path, name: str) -> None:
    """The list is shown all the same."""
    assert flox(python=name, cwd=tmp_path).version is None
