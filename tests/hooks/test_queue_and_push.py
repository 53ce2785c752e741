"""What had no time at the commit: queued, then run before the push, or by validate."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from conftest import GitRepo
from floxkit import BUY_ONCE, on_trade
from git_bt.commands.hooks.queue import Queue, Queued
from git_bt.model import Verdict
from hooks.kit import commit, git, lines_of, refs, state
from hooks.test_commits import BROKEN, REFACTORED, TWICE, queue, stage
from projects import CROSS, ONCE, add_strategy, bt, runs_below

SLOW = on_trade("time.sleep(0.4) if self.n == 1 else None", "import time")


@pytest.fixture
def remote(hooked: GitRepo, tmp_path: Path) -> GitRepo:
    """Give the repository a bare remote that has its first commit, and a budget for no run."""
    hooked.git("init", "-q", "--bare", "-b", "main", str(tmp_path / "remote.git"))
    hooked.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    hooked.git("push", "-q", "--no-verify", "origin", "main")
    hooked.git("config", "bt.timeBudget", "0.001")
    return hooked


def there(repo: GitRepo, *patterns: str) -> list[str]:
    """The refs of the remote."""
    listed = repo.git("ls-remote", "origin", *patterns)
    return [line.split()[1] for line in listed.splitlines()]


def test_what_had_no_time_is_queued_in_one_line(remote: GitRepo) -> None:
    """The commit goes on without a result; the next one does not ask for the run again."""
    stage(remote, REFACTORED)
    said = commit(remote)
    later = commit(remote, **{"README.md": "one"})

    line = f"queued: {ONCE}; run before a push, or now with git bt validate\n"
    assert (said.code, said.text) == (0, line)
    assert (later.code, later.text) == (0, line)
    assert lines_of(remote, "HEAD~1") == {}
    assert queue(remote) == [ONCE]


def test_no_budget_is_no_limit(remote: GitRepo) -> None:
    """0 lets every run end."""
    remote.git("config", "bt.timeBudget", "0")
    stage(remote, REFACTORED)

    assert "results identical" in commit(remote).text
    assert queue(remote) == []


def test_a_run_that_is_cut_off_is_queued(remote: GitRepo, temp: Path) -> None:
    """It began in time, and did not end in time; nothing of it stays."""
    remote.git("config", "bt.timeBudget", "1.5")
    stage(remote, on_trade("time.sleep(60)", "import time"))
    said = commit(remote)

    assert f"queued: {ONCE}" in said.text
    assert queue(remote) == [ONCE]
    assert runs_below(temp) == []


def test_a_push_runs_the_queue_and_takes_the_results_along(remote: GitRepo) -> None:
    """Recorded, tied to the pushed commit, and on the remote."""
    stage(remote, REFACTORED)
    commit(remote)
    said = git(remote, "push", "-q", "origin", "main")
    head = remote.git("rev-parse", "HEAD")[:12]

    assert said.code == 0
    assert f"✓ code changed, results identical  {ONCE} (" in said.text
    assert f") in {head}, " in said.text
    assert f"tied to {head}: {ONCE}" in said.text
    assert " to origin\n" in said.text
    assert lines_of(remote)[ONCE].verdict is Verdict.REPRODUCED
    assert queue(remote) == []
    assert there(remote, "refs/bt/*", "refs/notes/*") == ["refs/bt/store", "refs/notes/bt"]


def test_every_pushed_commit_has_its_run(remote: GitRepo) -> None:
    """Two commits of a branch, each run as that commit holds it, each against the one before."""
    stage(remote, REFACTORED)
    commit(remote)
    stage(remote, TWICE)
    commit(remote)
    said = git(remote, "push", "-q", "origin", "main:topic")

    assert said.code == 0
    assert "results identical" in said.text
    assert "results changed" in said.text
    assert lines_of(remote, "HEAD~1")[ONCE].bundle != lines_of(remote)[ONCE].bundle
    assert queue(remote) == []


def test_a_dry_run_pushes_nothing(remote: GitRepo) -> None:
    """In any spelling that git takes."""
    for words in (["--dry-run"], ["-n"], ["-qn"]):
        assert git(remote, "push", *words, "origin", "main:topic").code == 0

    assert there(remote, "refs/bt/*") == []
    assert git(remote, "push", "-q", "origin", "main:topic").code == 0
    assert there(remote, "refs/bt/*") == ["refs/bt/store"]


def test_a_queued_run_that_fails_stops_the_push(remote: GitRepo) -> None:
    """Reason and mend; neither branch nor results go."""
    stage(remote, BROKEN)
    assert commit(remote).code == 0
    said = git(remote, "push", "-q", "origin", "main:topic")

    assert said.code == 1
    assert f"✗ failed  {ONCE} in {remote.git('rev-parse', 'HEAD')[:12]}" in said.text
    assert "the push stops for 1 strategy" in said.text
    assert there(remote, "refs/heads/topic", "refs/bt/*") == []


def test_a_remote_without_a_name_gets_no_results(remote: GitRepo) -> None:
    """Results go where somebody has agreed to share them; the push itself goes on."""
    url = remote.git("remote", "get-url", "origin")
    said = git(remote, "push", "-q", url, "main:topic")

    assert said.code == 0
    assert said.text == (
        "results were not pushed: they go to a remote by its name only\nhint: git bt push REMOTE\n"
    )
    assert there(remote, "refs/bt/*") == []


def test_a_push_that_only_deletes_runs_nothing(remote: GitRepo) -> None:
    """There is no commit to answer for."""
    git(remote, "push", "-q", "--no-verify", "origin", "main:topic")
    said = git(remote, "push", "-q", "origin", ":topic")

    assert (said.code, said.text) == (0, "")


def test_validate_runs_what_was_queued_and_records_it(remote: GitRepo) -> None:
    """By name or with all others; a new one too, which has no result to be judged against."""
    stage(remote, REFACTORED)
    add_strategy(remote, "strategies/new", BUY_ONCE)
    remote.git("add", "-A")
    commit(remote)
    assert queue(remote) == ["strategies/new", ONCE]
    said = bt("validate", cwd=remote)

    assert said.code == 0
    assert said.out.count("it was queued: recorded now") == 2
    assert lines_of(remote).keys() == {"strategies/new", ONCE}
    assert queue(remote) == []
    assert git(remote, "push", "-q", "origin", "main").code == 0


def test_another_worktree_sees_the_queue(remote: GitRepo, tmp_path: Path) -> None:
    """It lies in the common git directory, and a push from there runs it."""
    stage(remote, REFACTORED)
    commit(remote)
    tree = tmp_path / "linked"
    remote.git("worktree", "add", "-q", "--detach", str(tree))
    said = git(remote, "push", "-q", "origin", "main", cwd=tree)

    assert "results identical" in said.text
    assert queue(remote) == []


def test_ctrl_c_leaves_everything_as_before(hooked: GitRepo, temp: Path) -> None:
    """No commit, no result, no queue, no process; what was staged is staged."""
    hooked.git("config", "bt.timeBudget", "0")
    stage(hooked, on_trade("time.sleep(60)", "import time"))
    stage(hooked, on_trade("time.sleep(60)", "import time"), CROSS)
    before, stored, head = state(hooked), refs(hooked), hooked.git("rev-parse", "HEAD")
    running = subprocess.Popen(
        ["git", "commit", "-q", "-m", "never"],
        cwd=hooked.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while len(runs_below(temp)) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(runs_below(temp)) >= 2
    os.killpg(running.pid, signal.SIGINT)
    running.communicate(timeout=60)

    assert running.returncode != 0
    assert runs_below(temp) == []
    assert (state(hooked), refs(hooked), hooked.git("rev-parse", "HEAD")) == (before, stored, head)
    assert queue(hooked) == []


def test_a_queue_is_bounded_and_forgives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be read is no entry; the same wish is one entry, and a commit is added to it."""
    monkeypatch.setattr("git_bt.commands.hooks.queue.MOST", 20)
    queue = Queue(tmp_path)
    entry = Queued(strategy="a", inputs="1" * 64)
    with_commit = Queued(strategy="a", inputs="1" * 64, commit="2" * 40)
    (tmp_path / "queue").mkdir()
    (tmp_path / "queue" / f"{'3' * 64}.json").write_text("{")

    assert (queue.add(entry), queue.add(entry), queue.add(with_commit)) == (True, False, False)
    assert queue.all() == [with_commit]
    assert not queue.add(entry)
    assert queue.all() == [with_commit]
    for number in range(25):
        queue.add(Queued(strategy="b", inputs=f"{number:064d}"))
    assert len(queue.all()) == 20
    queue.drop("1" * 64)
    assert queue.find("1" * 64) is None
    assert not Queue(None).add(entry)
