"""The only door to git: one repository, and every git process that is run on it.

A call sees the repository that was found, never the one that a hook's environment names, and no
setting of the repository can make it run a program of somebody else. What is in objects is
`objects.py`; what we keep in refs is `store.py`. GitPython is used in `create` and `commit_all`
only: it cannot read sha256 repositories, and importing it costs more than most commands take.
"""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from git_bt.errors import BtError, CannotWork, Usage
from git_bt.git_process import SAFE, Result, environment, failure, git_at_hand
from git_bt.model import Oid

OLDEST_GIT = (2, 38)
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


@dataclass(frozen=True, slots=True)
class Repo:
    """A git repository: where it is, and how to ask git about it.

    `top` is the top of the work tree, None when there is none. `git_dir` is this worktree's own
    directory, `common_dir` the one that all linked worktrees share; all are absolute.
    """

    top: Path | None
    git_dir: Path
    common_dir: Path
    hash_name: str  # sha1 | sha256
    _config: dict[str, list[str]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def find(cls, start: Path | None = None) -> Self:
        """Return the repository that a directory lies in.

        Args:
            start: the directory; None is the current one, and then GIT_DIR and GIT_WORK_TREE
                hold as they do for git itself.

        Raises:
            CannotWork: no repository, one that git refuses, no git, or a git that is too old.
        """
        env = environment(place=start is None)
        where = _directory(start)
        ask = [
            "git", *SAFE, "rev-parse", "--path-format=absolute", "--show-object-format",
            "--git-dir", "--git-common-dir", "--show-toplevel",
        ]  # fmt: skip
        # Both at once: the version costs nothing beside the other.
        with (
            git_at_hand(),
            subprocess.Popen(["git", "version"], env=env, stdout=subprocess.PIPE) as version,
        ):
            done = subprocess.run(
                ask, cwd=where, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False
            )
            _check_version(version.communicate()[0].decode(errors="replace"))
        found = Result(done.returncode, done.stdout, done.stderr)
        lines = found.text.split("\n") if found.out else []
        if not 3 <= len(lines) <= 4 or (len(lines) == 4 and found.code):
            raise _not_found(where, found, lines)
        hash_name, git_dir, common_dir, *top = lines
        return cls(Path(top[0]) if top else None, Path(git_dir), Path(common_dir), hash_name)

    @property
    def cache_dir(self) -> Path:
        """Where locks, caches and candidates lie; it may not be there yet."""
        return self.common_dir / "bt"

    def command(self, *args: str) -> list[str]:
        """Return the whole argument vector of a git call on this repository."""
        tree = () if self.top is None else (f"--work-tree={self.top}",)
        return ["git", *SAFE, f"--git-dir={self.git_dir}", *tree, *args]

    @property
    def cwd(self) -> Path:
        """Where git processes are run."""
        return self.top or self.git_dir

    def git(
        self,
        *args: str,
        stdin: bytes | None = None,
        check: bool = True,
        env: Mapping[str, str] | None = None,
        keep_index: bool = False,
    ) -> Result:
        """Run git here and wait for it.

        Args:
            args: the command and its arguments; what a user typed comes after --end-of-options.
            stdin: bytes for its standard input; None gives it none.
            check: raise when the exit code is not 0.
            env: variables to add.
            keep_index: read the index that the calling hook was given, not the worktree's own.

        Raises:
            CannotWork: git failed (with `check`), or cannot be started.
        """
        surroundings = environment(keep_index=keep_index) | dict(env or {})
        with git_at_hand():
            done = subprocess.run(
                self.command(*args),
                cwd=self.cwd,
                env=surroundings,
                input=b"" if stdin is None else stdin,
                capture_output=True,
                check=False,
            )
        result = Result(done.returncode, done.stdout, done.stderr)
        if check and result.code:
            raise failure(args[0], result)
        return result

    # -- what git knows ---------------------------------------------------------------------------

    def config_all(self, key: str) -> tuple[str, ...]:
        """Return every value of a key, the one that counts last."""
        return tuple(self._settings().get(_config_key(key), ()))

    def config_section(self, section: str) -> dict[str, tuple[str, ...]]:
        """Return the values of every key of a section, by `section.key` in lower case."""
        prefix = section.lower() + "."
        return {k: tuple(v) for k, v in self._settings().items() if k.startswith(prefix)}

    def _settings(self) -> dict[str, list[str]]:
        if not self._config:
            self._config[""] = []  # read, even when there is nothing
            self._config.update(_settings(self.git("config", "-z", "--list").out))
        return self._config

    def config(self, key: str) -> str | None:
        """Return the value of a key of git's configuration, None when it is not set."""
        values = self.config_all(key)
        return values[-1] if values else None

    def config_int(self, key: str, default: int) -> int:
        """Return a whole number of the configuration; k, m and g multiply by 1024.

        Raises:
            Usage: the value is no such number.
        """
        value = self.config(key)
        return default if value is None else whole_number(key, value)

    def is_partial(self) -> bool:
        """Tell whether a filter left objects out of this clone."""
        left_out = re.compile(r"extensions\.partialclone|remote\..*\.(promisor|partialclonefilter)")
        return any(left_out.fullmatch(key) for key in self._settings())

    def resolve(self, revision: str) -> Oid | None:
        """Return the commit that a revision names, None when it names none."""
        if "\0" in revision:
            return None
        found = self.git(
            "rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}",
            check=False,
        )  # fmt: skip
        return Oid(found.text) if found.code == 0 and found.out else None

    def author(self) -> str:
        """Return who works here as `Name <email>`, `unknown` when git does not know."""
        found = self.git("var", "GIT_AUTHOR_IDENT", check=False)
        name, close, _ = found.out.decode(errors="replace").rpartition(">")
        return name + close if found.code == 0 and close else "unknown"


# -- what may go wrong ----------------------------------------------------------------------------


def _directory(start: Path | None) -> Path:
    try:
        return Path.cwd() if start is None else start.absolute()
    except FileNotFoundError as e:
        raise CannotWork("the current directory is gone", hint="cd to one that exists") from e


def _check_version(text: str) -> None:
    match = re.search(r"(\d+)\.(\d+)", text)
    if match is None or (int(match[1]), int(match[2])) < OLDEST_GIT:
        raise CannotWork(
            f"{text.strip() or 'git without a version'} is too old",
            hint="install git 2.38 or newer",
        )


def _not_found(where: Path, found: Result, lines: list[str]) -> BtError:
    text = found.err.decode(errors="replace")
    if "dubious ownership" in text:
        return CannotWork(
            f"git refuses the repository at {where}: it belongs to another user",
            hint="git config --global --add safe.directory <its path>, when you trust it",
        )
    if "not a git repository" in text and not lines:
        return CannotWork(f"no git repository at {where}", hint="git init")
    if len(lines) > 4:
        return CannotWork(f"the path of the repository at {where} has a newline in it")
    return CannotWork(f"git cannot read the repository at {where}: {found.complaint}")


def user_settings() -> dict[str, list[str]]:
    """Return the values by key where there is no repository: the user's, and those of `git -c`."""
    try:
        with git_at_hand():
            done = subprocess.run(
                ["git", *SAFE, f"--git-dir={os.devnull}", "config", "-z", "--list"],
                env=environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
    except CannotWork:
        return {}  # an archive can be judged without git
    return _settings(done.stdout)


def whole_number(key: str, value: str) -> int:
    """Return a whole number of git's configuration; k, m and g multiply by 1024.

    Raises:
        Usage: the value is no such number.
    """
    match = re.fullmatch(r"([+-]?\d{1,18})([kmg]?)", value.strip().lower())
    if match is None:
        raise Usage(
            f"git config {key}: {value!r} is not a whole number",
            hint=f"git config {key} 10m, or git config --unset {key}",
        )
    return int(match[1]) * _UNITS[match[2]]


def _settings(listed: bytes) -> dict[str, list[str]]:
    """Return the values of each key of `git config -z --list`, the one that counts last."""
    found: dict[str, list[str]] = {}
    for entry in listed.split(b"\0"):
        name, equals, value = entry.decode(errors="surrogateescape").partition("\n")
        # A key without `=` is git's short way to say true.
        found.setdefault(name, []).append(value if equals else "true")
    return found


def _config_key(key: str) -> str:
    section, _, rest = key.partition(".")
    middle, dot, name = rest.rpartition(".")
    return f"{section.lower()}.{middle}{dot}{name.lower()}"


def diff_folders(where: Path, a: str, b: str) -> str:
    """Return git's unified diff of two folders; no repository is needed.

    Args:
        where: the folder that both lie in.
        a: name of the one; the diff shows it.
        b: name of the other.

    Raises:
        CannotWork: git failed.
    """
    words = [
        "--no-index",
        "--no-ext-diff",
        "--no-textconv",
        "--no-color",
        "--no-prefix",
        "--",
        a,
        b,
    ]
    with git_at_hand():
        done = subprocess.run(
            ["git", *SAFE, "diff", *words],
            cwd=where,
            env=environment() | {"GIT_CEILING_DIRECTORIES": str(where.parent)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    result = Result(done.returncode, done.stdout, done.stderr)
    if result.code > 1:  # 1 says that they differ
        raise failure("diff", result)
    return result.text


# -- GitPython ------------------------------------------------------------------------------------


def create(directory: Path) -> Repo:
    """Make a repository with branch main in a directory, which may exist.

    Raises:
        CannotWork: the directory cannot be written, or git is missing.
    """
    with _python_git():
        import git

        git.Repo.init(directory, mkdir=True, initial_branch="main").close()
    return Repo.find(directory)


def commit_all(repo: Repo, message: str) -> Oid:
    """Commit everything in the work tree, without hooks or signature, and return the commit.

    Where git knows no identity the author is `git-bt`: a demo must not ask who you are.

    Raises:
        CannotWork: git refused.
    """
    known = repo.author() != "unknown"
    with _python_git():
        import git

        with git.Repo(repo.top) as there:
            there.git.set_persistent_git_options(c=[*SAFE[1::2], "commit.gpgSign=false"])
            if not known:
                there.git.update_environment(**identity())
            there.git.add("--all")
            there.git.commit("--quiet", "--allow-empty", f"--message={message}")
    oid = repo.resolve("HEAD")
    if oid is None:
        raise CannotWork("git commit left no commit")
    return oid


def identity() -> dict[str, str]:
    """Return the environment that makes git-bt the author and committer."""
    return {
        f"GIT_{role}_{key}": value
        for role in ("AUTHOR", "COMMITTER")
        for key, value in (("NAME", "git-bt"), ("EMAIL", "git-bt@invalid"))
    }


@contextmanager
def _python_git() -> Iterator[None]:
    """Keep a hook's variables from GitPython, and its errors from everybody else."""
    before = dict(os.environ)
    clean = environment()
    try:
        os.environ.clear()
        os.environ.update(clean)
        yield
    except ImportError as e:  # GitPython looks for git when it is imported
        raise CannotWork(f"GitPython cannot be used: {str(e).splitlines()[0]}") from e
    except OSError as e:
        raise CannotWork(f"cannot write {e.filename}: {e.strerror}") from e
    except BtError:
        raise
    except Exception as e:  # GitPython's, told by their module: to name them is to import it
        if not type(e).__module__.startswith("git."):
            raise
        err = getattr(e, "stderr", "") or str(e)
        raise CannotWork(
            f"git: {Result(1, b'', err.strip().strip(chr(39)).encode()).complaint}"
        ) from e
    finally:
        os.environ.clear()
        os.environ.update(before)
