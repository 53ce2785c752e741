"""What is pre-commit's own around the hooks: its stages, its stash, its push, its server.

What each state of a strategy does to a commit is in test_commits.py, for both ways in.
"""

from pathlib import Path

import pytest

from conftest import GitRepo
from hooks.framework import Product
from hooks.kit import commit, git, lines_of, refs, settle
from hooks.test_commits import BROKEN, REFACTORED, queue, stage
from projects import CROSS, ONCE


@pytest.fixture
def framed(project: GitRepo, product: Product, monkeypatch: pytest.MonkeyPatch) -> GitRepo:
    """Give a repository whose commits run all our hooks by pre-commit."""
    settle(project)
    hooks = ("bt-check", "bt-validate", "bt-record", "bt-push")
    product.install(project, *hooks, monkeypatch=monkeypatch)
    project.git("add", "-A")
    project.git("commit", "-q", "--no-verify", "-m", "hooks")
    return project


def test_what_is_known_passes(framed: GitRepo) -> None:
    """All four hooks run, none has anything to say, and nothing is stored."""
    before = refs(framed)
    said = commit(framed, **{"README.md": "one"})

    assert said.code == 0
    assert "validate backtests" in said.text
    assert "check strategies and bundles" in said.text
    assert "tie backtest results" in said.text
    assert "Failed" not in said.text
    assert refs(framed) == before


def test_a_partial_commit_and_unstaged_changes(framed: GitRepo) -> None:
    """pre-commit sets aside what is not staged, and puts it back."""
    framed.write(f"{CROSS}/strategy.py", BROKEN)
    framed.write(f"{ONCE}/strategy.py", REFACTORED)
    said = git(framed, "commit", "-q", "-m", "one of two", f"{ONCE}/strategy.py")

    assert said.code == 0
    assert "results identical" in said.text
    assert lines_of(framed).keys() == {ONCE}
    assert (framed.path / f"{CROSS}/strategy.py").read_text() == BROKEN


def test_a_push_runs_the_queue_and_pushes_results(framed: GitRepo, tmp_path: Path) -> None:
    """Not in a dry run."""
    framed.git("init", "-q", "--bare", "-b", "main", str(tmp_path / "remote.git"))
    framed.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    framed.git("push", "-q", "--no-verify", "origin", "main")
    framed.git("config", "bt.timeBudget", "0.001")
    stage(framed, REFACTORED)
    queued = commit(framed)
    assert f"queued: {ONCE}" in queued.text
    dry = git(framed, "push", "--dry-run", "origin", "main")
    assert dry.code == 0
    assert "pushed" not in dry.text
    framed.git("config", "bt.timeBudget", "0")
    said = git(framed, "push", "origin", "main")

    assert said.code == 0
    assert queue(framed) == []
    assert lines_of(framed).keys() == {ONCE}
    listed = framed.git("ls-remote", "origin", "refs/bt/*", "refs/notes/*")
    assert len(listed.splitlines()) == 2


def test_bt_check_runs_nothing(framed: GitRepo, product: Product) -> None:
    """What a server may do that runs no code: broken yaml is found, a broken strategy is not."""
    stage(framed, BROKEN)
    fine = product.pre_commit(framed, "run", "bt-check")
    framed.write(f"{ONCE}/strategy.yaml", "entry_point: [\n")
    framed.git("add", "-A")
    wrong = product.pre_commit(framed, "run", "bt-check")

    assert fine.returncode == 0
    assert wrong.returncode == 1
    assert f"✗ unreadable  {ONCE}" in wrong.stdout
