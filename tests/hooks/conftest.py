"""The states that tests of hooks share."""

import pytest

from conftest import GitRepo
from hooks.framework import product
from hooks.kit import install_native, settle
from projects import project, temp, template

__all__ = ["hooked", "product", "project", "temp", "template"]


@pytest.fixture
def hooked(project: GitRepo, monkeypatch: pytest.MonkeyPatch) -> GitRepo:
    """Give a repository with two known strategies whose commits run the native hooks."""
    settle(project)
    install_native(project, monkeypatch)
    return project
