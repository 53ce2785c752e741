"""The states that tests here share."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from floxkit import lean, tape, walk
from projects import project, template

__all__ = ["lean", "project", "tape", "template", "walk"]


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give each test a temporary folder of its own, which must be empty at its end."""
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield

    assert list(place.iterdir()) == []
