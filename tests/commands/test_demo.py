"""The demo: what a stranger sees first."""

from pathlib import Path

import click
import pytest

from conftest import GitRepo, take_away
from git_bt.cli import cli
from git_bt.commands.demo import DEMOS, demo
from git_bt.errors import ExitCode, Usage
from git_bt.model import Verdict
from git_bt.reports import DemoReport
from projects import PYTHON, silent, validated

STRATEGY, TAPE, CHANGE = DEMOS["flox"].strategy, DEMOS["flox"].tape, DEMOS["flox"].change


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DemoReport]:
    """Run the demo once."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        take_away(monkeypatch, tmp_path_factory.mktemp("home"), tmp_path_factory.getbasetemp())
        monkeypatch.setenv("PATH", str(Path(PYTHON).parent), prepend=":")
        top = tmp_path_factory.mktemp("demo")
        return top / "shown", demo("shown", step=silent, cwd=top)


def test_the_demo_packs_commits_validates_and_breaks(shown: tuple[Path, DemoReport]) -> None:
    """Its three steps give what they are to show, and the divergence is named."""
    _, report = shown

    assert report.exit_code is ExitCode.OK
    assert report.packed.metrics is not None
    assert (report.packed.metrics.trade_count, report.packed.metrics.fill_count) == (2000, 37)
    assert report.diverged.differences
    assert report.packed.bundle == report.reproduced.bundle == report.diverged.bundle


def test_the_demo_leaves_a_repository_to_go_on_in(shown: tuple[Path, DemoReport]) -> None:
    """One commit, one changed line, and the commands that it says to type work."""
    top, report = shown
    repo = GitRepo(top)

    assert repo.git("rev-parse", "HEAD") == report.commit
    assert repo.git("status", "--porcelain") == f"M {STRATEGY}/strategy.py".rjust(
        len(STRATEGY) + 15
    )
    assert [line for line in repo.git("diff").splitlines() if line[:2] in ("-S", "+S")] == [
        f"-{CHANGE[0]}",
        f"+{CHANGE[1]}",
    ]
    assert [v.verdict for v in validated(repo)] == [Verdict.DIVERGED]
    repo.git("stash", "-q")
    assert [v.verdict for v in validated(repo)] == [Verdict.REPRODUCED]
    repo.git("stash", "pop", "-q")


def test_the_demo_is_the_same_everywhere(
    shown: tuple[Path, DemoReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tape is made of the bars that lrvx ships: the same bytes, the same bundle."""
    monkeypatch.setenv("PATH", str(Path(PYTHON).parent), prepend=":")
    (tmp_path / "empty").mkdir()
    again = demo("empty", step=silent, cwd=tmp_path)
    _, first = shown

    assert again.packed.bundle == first.packed.bundle
    segment = f"{TAPE}/1776606960000000000.lrvx"
    assert (tmp_path / "empty" / segment).read_bytes() == (shown[0] / segment).read_bytes()


def test_the_demo_touches_no_folder_of_yours(tmp_path: Path) -> None:
    """One that is not empty, or a file, is refused; nothing is written."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine").write_text("mine\n")
    (tmp_path / "file").write_text("mine\n")
    for name in ("full", "file"):
        with pytest.raises(Usage, match="is there and not empty"):
            demo(name, step=silent, cwd=tmp_path)

    assert [p.name for p in (tmp_path / "full").iterdir()] == ["mine"]


def test_the_demo_needs_no_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh machine's git knows nobody."""
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{name}_NAME")
        monkeypatch.delenv(f"GIT_{name}_EMAIL")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.useConfigOnly")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "true")
    report = demo("new", step=silent, cwd=tmp_path)

    assert report.exit_code is ExitCode.OK
    assert GitRepo(tmp_path / "new").git("log", "-1", "--format=%an", report.commit) == "git-bt"


def test_the_demo_of_backtesting_shows_the_same_three_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the daily bars that the installed package ships."""
    monkeypatch.setenv("PATH", str(Path(PYTHON).parent), prepend=":")
    report = demo("new", engine="backtesting", step=silent, cwd=tmp_path)

    assert report.exit_code is ExitCode.OK
    assert report.packed.engine.name == "backtesting"
    assert report.packed.metrics is not None
    assert report.packed.metrics.fill_count == 187
    assert (tmp_path / "new/tapes/GOOG.csv").stat().st_size > 90_000
    assert GitRepo(tmp_path / "new").git("diff", "--shortstat").startswith(" 1 file changed, 1 ins")


def test_the_option_names_every_demo(tmp_path: Path) -> None:
    """And nothing else; the command itself says so too."""
    command = cli.get_command(click.Context(cli), "demo")
    assert command is not None
    (option,) = [p for p in command.params if p.name == "engine"]

    assert isinstance(option.type, click.Choice)
    assert list(option.type.choices) == list(DEMOS)
    with pytest.raises(Usage, match="no demo of engine 'backtrader'"):
        demo("new", engine="backtrader", step=silent, cwd=tmp_path)
