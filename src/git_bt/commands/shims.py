"""The native hooks: put in place beside those that are there, upgraded, and taken away again.

A hook of ours is known by its second line, whatever version wrote it; no other file is written
over or removed. A hook that was there is kept as `NAME.before-git-bt`, and ours calls it first.
"""

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import git_bt
from git_bt.errors import CannotWork, Usage
from git_bt.paths import expanded
from git_bt.repo import Repo
from git_bt.sharing import HookFile

MARK = "# A hook of git-bt:"
BEFORE = ".before-git-bt"
WITH_INPUT = ("post-rewrite", "pre-push")
NATIVE = ("pre-commit", "pre-merge-commit", "post-commit", "post-rewrite", "post-merge", "pre-push")


def install(repo: Repo) -> tuple[HookFile, ...]:
    """Put every hook of ours in place; return what was done to each.

    Raises:
        Usage: the repository runs no hooks, or those of all repositories.
        CannotWork: the folder cannot be written, or a hook of before is in the way twice.
    """
    folder = hooks_folder(repo)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return tuple(_install(repo, folder, name) for name in NATIVE)
    except OSError as e:
        raise CannotWork(f"cannot write {e.filename or folder}: {e.strerror}") from e


def remove(repo: Repo) -> tuple[HookFile, ...]:
    """Take away every hook of ours, and put back what was there before.

    Raises:
        CannotWork: the folder cannot be written.
    """
    try:
        folder = hooks_folder(repo)
    except Usage:  # where no hook runs, none of ours is
        return ()
    try:
        return tuple(_remove(folder))
    except OSError as e:
        raise CannotWork(f"cannot write {e.filename or folder}: {e.strerror}") from e


def hooks_folder(repo: Repo) -> Path:
    """Return the folder that git runs this repository's hooks from.

    Raises:
        Usage: there is none, or it is that of all repositories of this user.
    """
    asked = repo.git("config", "--local", "--get", "core.hooksPath", check=False)
    if asked.code == 0 and asked.text:
        place = repo.cwd / expanded(asked.text)
        if place == Path(os.devnull):
            raise Usage(
                "core.hooksPath is /dev/null: git runs no hooks here",
                hint="git config --unset core.hooksPath",
            )
        return place
    elsewhere = [v for v in repo.config_all("core.hooksPath") if v != os.devnull]
    if elsewhere:
        raise Usage(
            f"core.hooksPath is {elsewhere[-1]} for all your repositories",
            hint="git config core.hooksPath .git/hooks for this one alone, then again",
        )
    return repo.common_dir / "hooks"


def _install(repo: Repo, folder: Path, name: str) -> HookFile:
    place, before = folder / name, folder / f"{name}{BEFORE}"
    text = shim(name, _program(repo, folder))
    how = "installed"
    if os.path.lexists(place):
        if is_ours(place):
            if place.read_text(errors="replace") == text and os.access(place, os.X_OK):
                return HookFile(name=name, path=str(place), how="kept")
            how = "upgraded"
        else:
            if os.path.lexists(before):
                raise CannotWork(
                    f"{place} is another hook, and {before.name} is there already",
                    hint=f"join the two, then git bt init --hooks: rm {shlex.quote(str(before))}",
                )
            place.rename(before)
            how = "chained"
    fresh = folder / f".{name}.{os.getpid()}"
    try:
        fresh.write_text(text)
        fresh.chmod(0o755)
        fresh.replace(place)
    finally:
        fresh.unlink(missing_ok=True)
    return HookFile(name=name, path=str(place), how=how)


def _remove(folder: Path) -> Iterator[HookFile]:
    for name in NATIVE:
        place, before = folder / name, folder / f"{name}{BEFORE}"
        if not is_ours(place):
            continue
        if os.path.lexists(before):
            before.replace(place)
            yield HookFile(name=name, path=str(place), how="restored")
        else:
            place.unlink()
            yield HookFile(name=name, path=str(place), how="removed")


def is_ours(place: Path) -> bool:
    """Tell whether a file is a hook that some version of git-bt wrote."""
    try:
        lines = place.read_bytes()[:4096].decode(errors="replace").splitlines()
    except OSError:
        return False
    return not place.is_symlink() and len(lines) > 1 and lines[1].startswith(MARK)


def shim(name: str, program: str) -> str:
    """Return the text of a hook.

    Args:
        name: as git calls it.
        program: git-bt where it is not on PATH.
    """
    file = "shim-with-input.sh" if name in WITH_INPUT else "shim.sh"
    text = _shims().joinpath(file).read_text()
    return text.replace("@NAME@", name).replace("@GIT_BT@", shlex.quote(program))


def _shims() -> Path:
    shipped = Path(str(files(git_bt))) / "shims"
    return shipped if shipped.is_dir() else Path(git_bt.__file__).parents[2] / "hooks"


def _program(repo: Repo, folder: Path) -> str:
    """Return git-bt as it runs now, for clients with a PATH of their own.

    Not into a folder of the work tree: what is committed there must fit every machine.
    """
    if repo.top is not None and folder.resolve().is_relative_to(repo.top.resolve()):
        git_dirs = (repo.git_dir.resolve(), repo.common_dir.resolve())
        if not any(folder.resolve().is_relative_to(place) for place in git_dirs):
            return "git-bt"
    beside = Path(sys.executable).with_name("git-bt")
    return str(beside) if beside.is_file() else shutil.which("git-bt") or "git-bt"
