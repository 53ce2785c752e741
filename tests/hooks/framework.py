"""git-bt as the real pre-commit installs it: once a session, in an environment of its own."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import filelock
import pytest

from conftest import GitRepo, make_repo, take_away

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

    def pre_commit(self, repo: GitRepo, *args: str) -> subprocess.CompletedProcess[str]:
        """Run pre-commit in a repository, with the environment that is made already."""
        return subprocess.run(
            [sys.executable, "-m", "pre_commit", *args],
            cwd=repo.path,
            env=os.environ | {"PRE_COMMIT_HOME": str(self.home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def install(self, repo: GitRepo, *ids: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let a repository's commits run some of our hooks by pre-commit; git-bt is not on PATH."""
        monkeypatch.setenv("PRE_COMMIT_HOME", str(self.home))
        repo.write(".pre-commit-config.yaml", self.config(*ids))
        done = self.pre_commit(repo, "install")
        assert done.returncode == 0, done.stdout


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
    done = product.pre_commit(repo, "install-hooks")
    if done.returncode:
        pytest.skip(f"pre-commit could not install git-bt: {done.stdout[-2000:]}")
