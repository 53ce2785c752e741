"""Tape pin: what it writes, when it refuses, and what pack and validate make of a pinned tape."""

import os
import shutil
from pathlib import Path

import pytest

from conftest import GitRepo
from floxkit import BUY_ONCE
from git_bt.capture.pin import decode_pin
from git_bt.commands.tape_pin import pin_tape
from git_bt.errors import CannotWork, Corrupt, Incomplete, Usage
from git_bt.model import Verdict
from projects import ONCE, bt, bundle_id, packed, validated

TAPE = "tapes/three"


@pytest.fixture
def loose(project: GitRepo) -> GitRepo:
    """Give the project with a tape that git does not track, ignored."""
    project.git("rm", "-q", "-r", "--cached", TAPE)
    project.commit("the tape is too large", **{".gitignore": f"/{TAPE}/\n"})
    return project


def elsewhere(repo: GitRepo) -> Path:
    """Move the tape to a folder that only bt.tapes knows."""
    shelf = repo.path.parent / "shelf"
    shelf.mkdir()
    shutil.move(repo.path / TAPE, shelf / "other-name")
    repo.git("config", "bt.tapes", str(shelf))
    return shelf / "other-name"


def test_a_pin_names_every_file(loose: GitRepo) -> None:
    """Written once; again it says the same, and leaves the file alone."""
    first = pin_tape(TAPE, cwd=loose.path)
    place = loose.path / f"{TAPE}.tape"
    pin = decode_pin(place.read_bytes(), "pin")
    before = place.stat()
    again = pin_tape(TAPE, cwd=loose.path)

    assert pin.name == "three"
    assert list(pin.members) == ["a.lrvx"]
    assert (first.written, again.written) == (True, False)
    assert (first.files, first.size) == (1, (loose.path / TAPE / "a.lrvx").stat().st_size)
    assert first.notices == ()
    assert place.stat() == before
    assert not list(place.parent.glob(".*"))


def test_the_program_pins(loose: GitRepo) -> None:
    """From any folder, with text or JSON; errors name the command by both words."""
    said = bt("tape", "pin", "three", cwd=loose.path / "tapes")
    value = bt("tape", "pin", "--json", TAPE, cwd=loose).json
    wrong = bt("tape", "pin", "--json", "nowhere", cwd=loose)

    assert said.code == 0
    assert said.out.startswith(f"pinned {TAPE}, 1 file, ")
    assert said.out.endswith(f"next: git add {TAPE}.tape\n")
    assert (value["path"], value["written"]) == (f"{TAPE}.tape", False)
    assert wrong.code == 3
    assert wrong.json["command"] == "tape pin"


def test_a_single_file_is_pinned_too(loose: GitRepo) -> None:
    """The pin stands beside the file, and is that of a folder with this one file."""
    report = pin_tape(f"{TAPE}/a.lrvx", cwd=loose.path)

    assert report.path == f"{TAPE}/a.lrvx.tape"
    assert report.files == 1
    assert report.notices[0].kind == "pin_ignored"


def test_what_needs_no_pin_is_refused(project: GitRepo, tmp_path: Path) -> None:
    """Tracked, outside, the top, nothing there, or not in a repository."""
    (tmp_path / "outside").mkdir()

    with pytest.raises(Usage, match="git tracks tapes/three"):
        pin_tape(TAPE, cwd=project.path)
    with pytest.raises(Usage, match="outside the repository"):
        pin_tape(str(tmp_path / "outside"), cwd=project.path)
    with pytest.raises(Usage, match="no tape of a work tree"):
        pin_tape(".", cwd=project.path)
    with pytest.raises(Incomplete, match="no tape at"):
        pin_tape("nowhere", cwd=project.path)
    with pytest.raises(CannotWork, match="no git repository"):
        pin_tape("outside", cwd=tmp_path)


def test_what_git_would_do_with_both_is_said(loose: GitRepo) -> None:
    """A tape that git would take, and a pin that it would not."""
    loose.write(".gitignore", "*.tape\n")
    kinds = [notice.kind for notice in pin_tape(TAPE, cwd=loose.path).notices]

    assert kinds == ["tape_not_ignored", "pin_ignored"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_pin_that_cannot_be_written_is_said(loose: GitRepo) -> None:
    """The folder is read-only: one line, nothing left behind."""
    (loose.path / "tapes").chmod(0o555)
    with pytest.raises(CannotWork, match="cannot write"):
        pin_tape(TAPE, cwd=loose.path)
    (loose.path / "tapes").chmod(0o755)


def test_a_broken_pin_is_written_anew(loose: GitRepo) -> None:
    """Pinning reads the tape, whatever stands in the old pin."""
    loose.write(f"{TAPE}.tape", "<<<<<<< ours\n")

    with pytest.raises(Corrupt, match=r"three\.tape"):
        packed(loose, ONCE)
    assert pin_tape(TAPE, cwd=loose.path).written
    assert bundle_id(loose, ONCE)


# -- pack and validate ----------------------------------------------------------------------------


def test_a_pinned_tape_gives_the_same_bundle(loose: GitRepo) -> None:
    """Tracked, unpinned or pinned: the id is the same; only unpinned is remarked on."""
    unpinned = packed(loose, ONCE)
    pin_tape(TAPE, cwd=loose.path)
    pinned = packed(loose, ONCE)

    assert unpinned.bundle == pinned.bundle is not None
    assert [n.kind for n in unpinned.notices] == ["tape_unpinned"]
    assert pinned.notices == ()


def test_a_pinned_tape_is_found_by_its_digests(loose: GitRepo) -> None:
    """Not at its place, but in a folder of bt.tapes, under another name."""
    before = bundle_id(loose, ONCE)
    pin_tape(TAPE, cwd=loose.path)
    elsewhere(loose)

    assert bundle_id(loose, ONCE) == before
    assert validated(loose, ONCE)[0].verdict is Verdict.REPRODUCED


def test_a_pinned_tape_that_is_nowhere_is_incomplete(loose: GitRepo) -> None:
    """The message names the tape and says that it is pinned."""
    pin_tape(TAPE, cwd=loose.path)
    shutil.rmtree(loose.path / TAPE)
    (found,) = validated(loose, ONCE)

    assert found.verdict is Verdict.INCOMPLETE
    assert found.message == f"the pinned tape {TAPE} is not here, and no other place has it"
    assert found.hint is not None
    assert "bt.tapes" in found.hint


def test_a_tape_that_changed_since_it_was_pinned_is_remarked_on(loose: GitRepo) -> None:
    """The work tree runs on what lies there."""
    pin_tape(TAPE, cwd=loose.path)
    shutil.copy(loose.path / "tapes/walk/a.lrvx", loose.path / TAPE / "a.lrvx")
    report = packed(loose, ONCE)

    assert report.bundle is not None
    assert [n.kind for n in report.notices] == ["tape_changed"]


def test_a_strategy_that_is_new_on_a_new_tape_is_not_remarked_on(project: GitRepo) -> None:
    """What the next `git add -A` takes along will be tracked."""
    shutil.copytree(project.path / TAPE, project.path / "tapes/new")
    project.write("strategies/new/strategy.py", BUY_ONCE)
    project.write(
        "strategies/new/strategy.yaml", "entry_point: strategy.py\ntape: ../../tapes/new\n"
    )

    assert packed(project, "strategies/new").notices == ()
    assert bt("pack", "strategies/new", "--json", cwd=project).json["notices"] == []
