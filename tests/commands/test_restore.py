"""Restore: exactly what ran, and nothing that is there is lost."""

import shutil
from pathlib import Path

import pytest

from conftest import GitRepo
from floxkit import on_trade
from git_bt.commands.export import export
from git_bt.commands.restore import restore
from git_bt.errors import CannotWork, Incomplete, Usage
from projects import CROSS, ONCE, add_strategy, bundle_id, stored


@pytest.fixture
def with_tool(project: GitRepo) -> str:
    """Pack a strategy with an executable file; return the bundle's id."""
    add_strategy(project, ONCE, on_trade("self.market_buy(1.0)"), more="files: [tool.sh]\n")
    project.write(f"{ONCE}/tool.sh", "#!/bin/sh\n").chmod(0o755)
    return bundle_id(project, ONCE)


def test_the_files_are_those_that_ran(project: GitRepo, with_tool: str, tmp_path: Path) -> None:
    """Bytes and modes, below a folder that is made; the work tree has moved on."""
    shutil.rmtree(project.path / "strategies")
    report = restore(with_tool[:8], str(tmp_path / "a/b"), cwd=project.path)
    expected = {p: d for p, d in stored(project, with_tool).items() if p.startswith("strategy/")}

    assert report.files == (f"{ONCE}/strategy.py", f"{ONCE}/tool.sh")
    for path in report.files:
        assert (tmp_path / "a/b" / path).read_bytes() == expected[f"strategy/{path}"]
    modes = [(tmp_path / "a/b" / path).stat().st_mode & 0o777 for path in report.files]
    assert modes == [0o644, 0o755]


def test_restoring_twice_changes_nothing(project: GitRepo, tmp_path: Path) -> None:
    """What is there with the same content is not in the way."""
    restore(ONCE, str(tmp_path / "out"), cwd=project.path)

    assert restore(ONCE, str(tmp_path / "out"), cwd=project.path).files


def test_nothing_is_replaced_unasked(project: GitRepo, with_tool: str, tmp_path: Path) -> None:
    """Refused before the first file is written; --force replaces."""
    mine = tmp_path / "out" / ONCE / "tool.sh"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine\n")
    with pytest.raises(Usage) as error:
        restore(with_tool, str(tmp_path / "out"), cwd=project.path)

    assert error.value.message == f"{mine} is there with other content"
    assert "--force" in (error.value.hint or "")
    assert list(mine.parent.iterdir()) == [mine]
    restore(with_tool, str(tmp_path / "out"), force=True, cwd=project.path)
    assert mine.read_text() == "#!/bin/sh\n"


def test_force_replaces_a_link_and_not_what_it_points_to(project: GitRepo, tmp_path: Path) -> None:
    """A file outside of the folder is not ours."""
    outside = tmp_path / "outside"
    outside.write_text("mine\n")
    link = tmp_path / "out" / ONCE / "strategy.py"
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    with pytest.raises(Usage):
        restore(ONCE, str(tmp_path / "out"), cwd=project.path)
    restore(ONCE, str(tmp_path / "out"), force=True, cwd=project.path)

    assert outside.read_text() == "mine\n"
    assert not link.is_symlink()


def test_the_tape_comes_when_asked_for(project: GitRepo, tmp_path: Path) -> None:
    """Below tape/, byte for byte."""
    report = restore(CROSS, "out", tape=True, cwd=project.path)

    assert "tape/a.lrvx" in report.files
    tape = (project.path / "tapes/walk/a.lrvx").read_bytes()
    assert (project.path / "out/tape/a.lrvx").read_bytes() == tape


def test_a_tape_that_is_nowhere_stops_only_who_asks_for_it(
    project: GitRepo, tmp_path: Path
) -> None:
    """The code is in the store in any case."""
    project.git("config", "bt.tapeLimit", "0")
    shutil.copytree(project.path / "tapes/three", tmp_path / "loose")
    (tmp_path / "loose/more.txt").write_text("another tape")
    digest = bundle_id(project, ONCE, tape=str(tmp_path / "loose"))
    shutil.rmtree(tmp_path / "loose")

    assert restore(digest, "out", cwd=project.path).files == (f"{ONCE}/strategy.py",)
    with pytest.raises(Incomplete):
        restore(digest, "other", tape=True, cwd=project.path)
    assert not (project.path / "other").exists()


def test_an_archive_is_restored_without_a_repository(project: GitRepo, tmp_path: Path) -> None:
    """Where there is no store, the tar is all that is needed."""
    export(ONCE, to=str(tmp_path / "once.tar"), cwd=project.path)

    assert restore("once.tar", "out", tape=True, cwd=tmp_path).files == (
        f"{ONCE}/strategy.py",
        "tape/a.lrvx",
    )
    with pytest.raises(CannotWork):
        restore("abcdef", "out2", cwd=tmp_path)


def test_a_file_in_the_place_of_the_folder_is_an_error(project: GitRepo) -> None:
    """And stays as it is."""
    project.write("out", "mine\n")
    with pytest.raises((OSError, Usage, CannotWork)):
        restore(ONCE, "out", cwd=project.path)

    assert (project.path / "out").read_text() == "mine\n"
