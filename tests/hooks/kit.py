"""Repositories whose commits run the hooks, and what a commit says."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import EPOCH, GitRepo
from git_bt.commands.init import init
from git_bt.model import NoteLine, RunRecord
from git_bt.notes import REF, Notes
from git_bt.objects import Objects
from git_bt.publish import read_refs
from git_bt.repo import Repo
from projects import PYTHON, all_runs

BIN = Path(PYTHON).parent


FRAME = re.compile(r"\S.*\.\.\.(Passed|Failed)|- (hook id|duration|exit code): .*|\[INFO\] .*|")


@dataclass(frozen=True)
class Said:
    """How a git command ended, and all that it and its hooks printed."""

    code: int
    text: str

    @property
    def ours(self) -> str:
        """What is left without the lines that pre-commit sets around it."""
        lines = self.text.splitlines(keepends=True)
        return "".join(line for line in lines if not FRAME.fullmatch(line.rstrip("\n")))


def on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put git-bt on PATH, as an installation does."""
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")


def settle(repo: GitRepo) -> None:
    """Let runs have the Python that runs the tests, and the time that a busy machine needs."""
    repo.git("config", "bt.python", PYTHON)
    repo.git("config", "bt.timeBudget", "0")


def install_native(repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a repository's commits run the native hooks, with git-bt on PATH."""
    on_path(monkeypatch)
    init(hooks=True, cwd=repo.path)


def git(repo: GitRepo, *args: str, cwd: Path | None = None, text: str | None = None) -> Said:
    """Run git with its hooks; they see the same clock as commits of the tests."""
    stamp = f"@{EPOCH + 60 * repo.ticks} +0000"
    repo.ticks += 1
    env = os.environ | {"GIT_AUTHOR_DATE": stamp, "GIT_COMMITTER_DATE": stamp}
    done = subprocess.run(
        ["git", *args],
        cwd=cwd or repo.path,
        env=env,
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert "Traceback" not in done.stdout.replace("| Traceback", ""), done.stdout
    assert "a bug in git-bt" not in done.stdout, done.stdout
    return Said(done.returncode, done.stdout)


def commit(repo: GitRepo, *args: str, cwd: Path | None = None, **files: str) -> Said:
    """Write files, stage them, and commit what is staged."""
    for path, text in files.items():
        repo.write(path, text)
        repo.git("add", "--", path)
    return git(repo, "commit", "-q", "-m", "a commit", *args, cwd=cwd)


def lines_of(repo: GitRepo, revision: str = "HEAD") -> dict[str, NoteLine]:
    """Return the results that are tied to a commit, by strategy."""
    found = Repo.find(repo.path)
    oid = found.resolve(revision)
    assert oid is not None
    with Objects(found) as objects:
        lines = Notes(objects, read_refs(found, REF).get(REF)).of(oid)
    return {line.strategy: line for line in lines}


def runs_of(repo: GitRepo, strategy: str) -> list[RunRecord]:
    """Return the run records of a strategy, the newest first."""
    return [run for run in all_runs(repo) if run.strategy == strategy]


def state(repo: GitRepo) -> tuple[str, str, str]:
    """Return what no hook may change: index, work tree, branches."""
    return (
        repo.git("ls-files", "-s"),
        repo.git("status", "--porcelain=v2", "--untracked-files=all"),
        repo.git("for-each-ref", "refs/heads", "refs/tags"),
    )


def refs(repo: GitRepo) -> str:
    """Return store and notes as they stand."""
    return repo.git("for-each-ref", "refs/bt", "refs/notes", "refs/bt-tmp")
