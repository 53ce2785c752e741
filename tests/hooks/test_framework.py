"""The same hooks behind the real pre-commit, in the environment that it makes for git-bt."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import filelock
import pytest

from conftest import GitRepo, make_repo, take_away
from floxkit import BUY_ONCE
from hooks.kit import Said, commit, git, lines_of, refs
from hooks.test_commits import BROKEN, REFACTORED, TWICE, queue, stage
from projects import CROSS, ONCE, PYTHON, add_strategy

ROOT = Path(__file__).resolve().parents[2]
HOOKS = ("pre-commit", "pre-merge-commit", "post-commit", "post-rewrite", "post-merge", "pre-push")
CONFIG = """\
default_install_hook_types: [{types}]
repos:
  - repo: {repo}
    rev: {rev}
    hooks:
{hooks}"""


@dataclass(frozen=True)
class Product:
    """A clone of this work tree as a repository that pre-commit installs from, and its home."""

    repo: Path
    rev: str
    home: Path

    def config(self, *ids: str) -> str:
        """The text of a .pre-commit-config.yaml with some of our hooks."""
        listed = "".join(f"      - id: {name}\n" for name in ids)
        return CONFIG.format(types=", ".join(HOOKS), repo=self.repo, rev=self.rev, hooks=listed)


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Product:
    """Let pre-commit install git-bt once for all tests of a session, and all its workers."""
    base = tmp_path_factory.getbasetemp()
    top = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "pre-commit"
    with pytest.MonkeyPatch.context() as monkeypatch, filelock.FileLock(f"{top}.lock"):
        take_away(monkeypatch, tmp_path_factory.mktemp("home"), base)
        repo = top / "git-bt"
        if not (top / "installed").exists():
            _copy(repo)
        rev = GitRepo(repo).git("rev-parse", "HEAD")
        product = Product(repo, rev, top / "home")
        if not (top / "installed").exists():
            _install(product, top / "user")
            (top / "installed").touch()
    return product


def _copy(to: Path) -> None:
    """Copy what git knows of this work tree, changed or not, into a repository of one commit."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True,
    ).stdout.decode()  # fmt: skip
    needed = ("src/", "hooks/", "man/", "completions/", "docs/reference/schemas/")
    for name in listed.split("\0")[:-1]:
        if name.startswith(needed) or "/" not in name:
            target = to / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
    make_repo(to).commit("the product")


def _install(product: Product, user: Path) -> None:
    repo = make_repo(user)
    repo.write(".pre-commit-config.yaml", product.config("bt-validate"))
    done = _pre_commit(product, repo, "install-hooks")
    if done.returncode:
        pytest.skip(f"pre-commit could not install git-bt: {done.stdout[-2000:]}")


def _pre_commit(product: Product, repo: GitRepo, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pre_commit", *args],
        cwd=repo.path,
        env=os.environ | {"PRE_COMMIT_HOME": str(product.home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def framed(project: GitRepo, product: Product, monkeypatch: pytest.MonkeyPatch) -> GitRepo:
    """Give a repository whose commits run our hooks by pre-commit; git-bt is not on PATH."""
    monkeypatch.setenv("PRE_COMMIT_HOME", str(product.home))
    project.git("config", "bt.python", PYTHON)
    project.git("config", "bt.timeBudget", "0")  # the machine may be slow
    config = product.config("bt-check", "bt-validate", "bt-record", "bt-push")
    project.commit("hooks", **{".pre-commit-config.yaml": config})
    done = _pre_commit(product, project, "install")
    assert done.returncode == 0, done.stdout
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


def test_a_change_is_run_recorded_and_tied(framed: GitRepo) -> None:
    """Identical, then changed, then new, in the project's interpreter and not in pre-commit's."""
    stage(framed, REFACTORED)
    identical = commit(framed)
    first = lines_of(framed)[ONCE]
    stage(framed, TWICE)
    add_strategy(framed, "strategies/größe", BUY_ONCE)
    framed.git("add", "-A")
    changed = commit(framed)

    assert (identical.code, changed.code) == (0, 0)
    assert "✓ code changed, results identical" in identical.text
    assert f"tied to {framed.git('rev-parse', 'HEAD~1')[:12]}: {ONCE}" in identical.text
    assert "? results changed" in changed.text
    assert "✓ new  strategies/größe (" in changed.text
    assert lines_of(framed).keys() == {ONCE, "strategies/größe"}
    assert lines_of(framed)[ONCE].bundle != first.bundle


def test_a_failure_stops_the_commit(framed: GitRepo) -> None:
    """pre-commit shows our words, and git stops."""
    before, head = refs(framed), framed.git("rev-parse", "HEAD")
    stage(framed, BROKEN)
    said = commit(framed)

    assert said.code == 1
    assert f"✗ failed  {ONCE}" in said.text
    assert "the commit stops for 1 strategy" in said.text
    assert (refs(framed), framed.git("rev-parse", "HEAD")) == (before, head)


def test_a_partial_commit_and_unstaged_changes(framed: GitRepo) -> None:
    """pre-commit sets aside what is not staged, and puts it back."""
    framed.write(f"{CROSS}/strategy.py", BROKEN)
    framed.write(f"{ONCE}/strategy.py", REFACTORED)
    said = git(framed, "commit", "-q", "-m", "one of two", f"{ONCE}/strategy.py")

    assert said.code == 0
    assert "results identical" in said.text
    assert lines_of(framed).keys() == {ONCE}
    assert (framed.path / f"{CROSS}/strategy.py").read_text() == BROKEN


def test_amend_rebase_and_merge_are_tied_anew(framed: GitRepo, tmp_path: Path) -> None:
    """pre-commit keeps git's list of rewritten commits for itself; they are found without it."""
    framed.git("checkout", "-q", "-b", "work")
    for number in (2, 3):
        stage(framed, BUY_ONCE.replace("1.0", f"{number}.0"))
        commit(framed)
    git(framed, "commit", "-q", "--amend", "-m", "reworded")
    assert lines_of(framed)[ONCE].kind == "inherited"
    old = [lines_of(framed, f"HEAD~{n}")[ONCE].bundle for n in range(2)]
    framed.git("checkout", "-q", "main")
    commit(framed, **{"README.md": "one"})
    assert git(framed, "rebase", "-q", "main", "work").code == 0
    assert [lines_of(framed, f"HEAD~{n}")[ONCE].bundle for n in range(2)] == old
    framed.git("checkout", "-q", "main")
    merged = git(framed, "merge", "-q", "--no-ff", "--no-edit", "work")

    assert merged.code == 0
    assert lines_of(framed)[ONCE].bundle == old[0]


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


def test_the_first_commit_and_a_linked_worktree(
    product: Product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither HEAD nor the main work tree is needed."""
    monkeypatch.setenv("PRE_COMMIT_HOME", str(product.home))
    repo = make_repo(tmp_path / "fresh")
    repo.git("config", "bt.python", PYTHON)
    repo.write(".pre-commit-config.yaml", product.config("bt-validate", "bt-record"))
    assert _pre_commit(product, repo, "install").returncode == 0
    repo.write("old/strategy.yaml", "files: [old.py]\nentry_point: old.py\n")
    repo.write("old/old.py", "x = 1\n")
    repo.git("add", "-A")
    first = commit(repo)
    tree = tmp_path / "linked"
    repo.git("worktree", "add", "-q", str(tree), "-b", "work")
    (tree / "old/old.py").write_text("x = 2\n")
    second = git(repo, "commit", "-qam", "in the other tree", cwd=tree)

    assert (first.code, second.code) == (0, 0)
    assert "Failed" not in first.text + second.text


def test_bt_check_runs_nothing(framed: GitRepo, temp: Path) -> None:
    """What a server may do that runs no code: broken yaml is found, a broken strategy is not."""
    stage(framed, BROKEN)
    fine = _run(framed, "bt-check")
    framed.write(f"{ONCE}/strategy.yaml", "entry_point: [\n")
    framed.git("add", "-A")
    wrong = _run(framed, "bt-check")

    assert fine.code == 0
    assert wrong.code == 1
    assert f"✗ unreadable  {ONCE}" in wrong.text


def _run(repo: GitRepo, hook: str) -> Said:
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "run", hook, "--hook-stage", "manual"],
        cwd=repo.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return Said(done.returncode, done.stdout)
