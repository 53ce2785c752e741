"""The states that tests of hooks share."""

import pytest

from conftest import GitRepo
from git_bt.commands.init import init
from hooks.kit import on_path
from projects import PYTHON, project, temp, template

__all__ = ["hooked", "project", "temp", "template"]


@pytest.fixture
def hooked(project: GitRepo, monkeypatch: pytest.MonkeyPatch) -> GitRepo:
    """Give a repository with two known strategies whose commits run the native hooks."""
    on_path(monkeypatch)
    project.git("config", "bt.python", PYTHON)
    project.git("config", "bt.timeBudget", "0")  # the machine may be slow
    init(hooks=True, cwd=project.path)
    return project
