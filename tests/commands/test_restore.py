"""Restore: exactly what ran, and nothing that is there is lost."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import GitRepo
from floxkit import on_trade
from git_bt.commands.export import export
from git_bt.commands.restore import restore
from git_bt.errors import CannotWork, Corrupt, Incomplete, Usage
from git_bt.records import snapshot_id
from git_bt.store_layout import place
from projects import CROSS, ONCE, add_strategy, bt, bundle_id, stored


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


@pytest.mark.parametrize("force", [False, True])
def test_nothing_is_written_through_a_linked_folder(
    project: GitRepo, tmp_path: Path, force: bool
) -> None:
    """It would land outside the folder that was named; the folder itself may be a link."""
    elsewhere = tmp_path / "elsewhere"
    for folder in (elsewhere, tmp_path / "new"):
        folder.mkdir()
    (tmp_path / "new/strategies").symlink_to(elsewhere)
    with pytest.raises(Usage, match="new/strategies is a link"):
        restore(ONCE, str(tmp_path / "new"), force=force, cwd=project.path)

    assert list(elsewhere.iterdir()) == []
    (tmp_path / "linked").symlink_to(elsewhere)
    assert restore(ONCE, str(tmp_path / "linked"), force=force, cwd=project.path).files


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


# -- code that was captured -----------------------------------------------------------------------


def snapshot(repo: GitRepo, *, flush: bool = True, runs: int = 1) -> str:
    """Record runs of a strategy with a helper, and return the id of its code."""
    from commands.test_sweep import captured, record
    from git_bt.commands.sweep import ls

    files = {"sub/main.py": "import helper\nX = helper.X\n", "sub/helper.py": "X = 5\n"}
    record(repo, *[({}, {})] * runs, files=files)
    if flush:
        ls(cwd=repo.path)
    return snapshot_id(captured(files, "sub/helper.py").snapshot)


@pytest.mark.parametrize("flush", [True, False])
def test_captured_code_is_restored_and_can_be_imported(
    repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flush: bool
) -> None:
    """By the first digits of its id, also when its run is still in the spool."""
    digest = snapshot(repo, flush=flush)
    report = restore(digest[:8], str(tmp_path / "out"), cwd=repo.path)
    code = "import main; print(main.X)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "out/sub", capture_output=True, text=True
    )

    assert (report.bundle, report.snapshot) == (None, digest)
    assert report.files == ("sub/helper.py", "sub/main.py")
    assert (tmp_path / "out/sub/main.py").read_text() == "import helper\nX = helper.X\n"
    assert done.stdout == "5\n"


def test_a_torn_spool_is_said(repo: GitRepo, tmp_path: Path) -> None:
    """Who looks for code in the spool takes in its runs, and one of them is lost."""
    digest = snapshot(repo, flush=False, runs=2)
    (file,) = (repo.path / ".git/bt/spool").glob("*.spool")
    file.write_bytes(file.read_bytes()[:-9])
    report = restore(digest, str(tmp_path / "out"), cwd=repo.path)

    assert report.snapshot == digest
    assert [notice.kind for notice in report.notices] == ["spool_torn"]


def test_a_sweep_stands_for_its_code(repo: GitRepo, tmp_path: Path) -> None:
    """By its id; as the program says it."""
    from git_bt.commands.sweep import ls

    digest = snapshot(repo)
    (head,) = ls(cwd=repo.path).sweeps
    answer = bt("restore", head.id[:10], str(tmp_path / "out"), "--json", cwd=repo)

    assert answer.json["snapshot"] == digest
    assert "restored snapshot" in bt("restore", digest, str(tmp_path / "b"), cwd=repo).out


def test_code_has_no_tape(repo: GitRepo, tmp_path: Path) -> None:
    """Asking for it is a mistake."""
    with pytest.raises(Usage, match="is code and has no tape"):
        restore(snapshot(repo), str(tmp_path / "out"), tape=True, cwd=repo.path)


def test_an_id_of_nothing_is_said(repo: GitRepo, tmp_path: Path) -> None:
    """Whatever it might have been of."""
    with pytest.raises(Usage, match="no bundle or snapshot or sweep 0000"):
        restore("0000", str(tmp_path / "out"), cwd=repo.path)


def test_captured_code_that_is_broken_is_not_restored(repo: GitRepo, tmp_path: Path) -> None:
    """Nothing is written."""
    digest = snapshot(repo)
    path = f"{place('snapshots', digest)}/strategy/sub/main.py"
    oid = repo.git("rev-parse", f"refs/bt/store:{path}")
    found = next((repo.path / ".git/objects").glob(f"{oid[:2]}/{oid[2:]}"), None)
    if found is None:  # in a pack
        repo.git("unpack-objects", "-q", stdin=b"", check=False)
        pytest.skip("the object is in a pack")
    found.chmod(0o644)
    found.write_bytes(b"")

    with pytest.raises(Corrupt):
        restore(digest, str(tmp_path / "out"), cwd=repo.path)
    assert not (tmp_path / "out").exists()
