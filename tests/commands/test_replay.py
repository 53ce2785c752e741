"""Replay: what came beside what was recorded, without a judgement."""

from pathlib import Path

import pytest

from conftest import GitRepo
from floxkit import BUY_ONCE
from git_bt.commands.export import export
from git_bt.commands.replay import replay
from git_bt.errors import CannotWork, Corrupt, ExitCode, Incomplete, Usage
from git_bt.model import Verdict
from git_bt.reports import ReplayReport
from projects import FLOX, FOREVER, ONCE, PYTHON, add_strategy, bundle_id, silent


def replayed(cwd: Path, name: str, **options: object) -> ReplayReport:
    return replay(name, **({"python": PYTHON, "step": silent, "cwd": cwd} | options))  # type: ignore[arg-type]


def test_both_sides_are_shown(project: GitRepo, tmp_path: Path) -> None:
    """By id, strategy and archive alike; a changed work tree changes nothing."""
    digest = bundle_id(project, ONCE)
    export(digest, to=str(tmp_path / "once.tar"), cwd=project.path)
    add_strategy(project, ONCE, BUY_ONCE.replace("1.0", "5.0"))
    for cwd, name in ((project.path, digest), (project.path, ONCE), (tmp_path, "once.tar")):
        report = replayed(cwd, name)

        assert (report.name, report.bundle, report.verdict) == (name, digest, None)
        assert report.expected == report.actual
        assert report.expected is not None
        assert report.expected.fill_count == 1
        assert report.engine == report.recorded_engine
        assert report.exit_code is ExitCode.OK


def test_an_end_without_output_is_a_failure(project: GitRepo) -> None:
    """Replay judges nothing, but a run that did not end is none."""
    report = replayed(project.path, ONCE, timeout_s=0.001)

    assert report.verdict is Verdict.FAILED
    assert report.actual is None
    assert report.expected is not None
    assert report.message == "still running after 0.001 s"
    assert report.exit_code is ExitCode.DIFFERS


@pytest.mark.skipif(not FLOX.is_dir(), reason="shared/cases is not beside this checkout")
def test_a_divergence_is_shown_and_not_judged(tmp_path: Path) -> None:
    """The engine that recorded this bundle dropped stop orders; the one here does not."""
    report = replayed(tmp_path, str(FLOX / "f_stop_floxpy0.6.0_zero_fills.tar"))

    assert report.exit_code is ExitCode.OK
    assert report.expected is not None
    assert report.actual is not None
    assert report.expected.fill_count < report.actual.fill_count


def test_what_cannot_be_replayed_says_why(project: GitRepo, tmp_path: Path) -> None:
    """Nothing there, nothing packed, no repository, no archive."""
    add_strategy(project, "strategies/new", FOREVER)
    (tmp_path / "bad.tar").write_bytes(b"no archive")
    for kind, cwd, name in (
        (Usage, project.path, "abcdef"),
        (Incomplete, project.path, "strategies/new"),
        (CannotWork, tmp_path, "strategies/new"),
        (Usage, tmp_path, "gone.tar"),
        (Corrupt, tmp_path, "bad.tar"),
    ):
        with pytest.raises(kind):
            replayed(cwd, name)
