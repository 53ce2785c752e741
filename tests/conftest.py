"""Every test gets an empty home, a git without anybody's configuration, and a clock that ticks."""

import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings

CASES = Path(__file__).resolve().parents[2] / "shared" / "cases"
EPOCH = 1_700_000_000

settings.register_profile("any machine", deadline=None)  # a busy one is no defect
settings.load_profile("any machine")

# A shell that starts us in the background has us ignore Ctrl-C, and so all that we start; nohup
# the hang-up.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def hermetic(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Give every test an environment of its own."""
    take_away(monkeypatch, tmp_path_factory.mktemp("home"), tmp_path_factory.getbasetemp())


def take_away(monkeypatch: pytest.MonkeyPatch, home: Path, ceiling: Path) -> None:
    """Take away what a developer's machine adds: GIT_*, home, system config, locale, time zone.

    And the shims of pyenv, asdf and the like: each is another program in each folder, and starts
    bash a dozen times to find out which. Fixtures of a session call it themselves: they stand
    before any test's environment.
    """
    path = os.environ["PATH"].split(os.pathsep)
    monkeypatch.setenv("PATH", os.pathsep.join(p for p in path if Path(p).name != "shims"))
    for name in list(os.environ):
        if name.startswith(("GIT_", "PYTHON", "VIRTUAL_ENV", "CONDA_")) and name != "PYTHONPATH":
            monkeypatch.delenv(name)
    for name, value in {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "A U Thor",
        "GIT_AUTHOR_EMAIL": "author@example.com",
        "GIT_COMMITTER_NAME": "C O Mitter",
        "GIT_COMMITTER_EMAIL": "committer@example.com",
        "GIT_CEILING_DIRECTORIES": str(ceiling),
        "GIT_TERMINAL_PROMPT": "0",
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
    }.items():
        monkeypatch.setenv(name, value)


@dataclass
class GitRepo:
    """A real repository in a temporary directory whose commits are 60 s apart."""

    path: Path
    ticks: int = field(default=0)

    def git(self, *args: str, stdin: bytes | None = None, check: bool = True) -> str:
        """Run git here and return what it prints, without the last newline."""
        stamp = f"@{EPOCH + 60 * self.ticks} +0000"
        env = os.environ | {"GIT_AUTHOR_DATE": stamp, "GIT_COMMITTER_DATE": stamp}
        done = subprocess.run(
            ["git", *args], cwd=self.path, env=env, input=stdin, capture_output=True
        )
        if check and done.returncode:
            raise AssertionError(f"git {args}: {done.returncode}\n{done.stderr.decode()}")
        return done.stdout.decode(errors="surrogateescape").rstrip("\n")

    def write(self, path: str, data: bytes | str) -> Path:
        """Write a file of the work tree."""
        target = self.path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data.encode() if isinstance(data, str) else data)
        return target

    def commit(self, message: str, **files: bytes | str) -> str:
        """Write files, add everything, commit, and return the commit's id."""
        for path, data in files.items():
            self.write(path, data)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        self.ticks += 1
        return self.git("rev-parse", "HEAD")


def make_repo(path: Path, *options: str) -> GitRepo:
    """Make an empty repository with branch main at a path."""
    path.mkdir(parents=True, exist_ok=True)
    repo = GitRepo(path)
    repo.git("init", "-q", "-b", "main", *options)
    return repo


@pytest.fixture(params=["sha1", "sha256"])
def any_repo(request: pytest.FixtureRequest, tmp_path: Path) -> GitRepo:
    """Give an empty repository, once of each object format."""
    return make_repo(tmp_path / "repo", f"--object-format={request.param}")


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    """Give an empty repository with branch main."""
    return make_repo(tmp_path / "repo")


@pytest.fixture
def in_repo(repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> GitRepo:
    """Give an empty repository, and stand in it."""
    monkeypatch.chdir(repo.path)
    return repo
