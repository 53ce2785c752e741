"""Make a repository show its results in plain `git log`, install hooks, and take both back.

Nothing is required to start: refs come to be when something is stored. So this writes one line of
the repository's own configuration, and remembers that it did: what a user set himself stays.
"""

import json
from contextlib import suppress
from pathlib import Path

from git_bt.commands.doctor import repository_checks
from git_bt.commands.shims import install, remove
from git_bt.commands.workspace import open_workspace
from git_bt.errors import CannotWork
from git_bt.repo import Repo
from git_bt.sharing import Health, InitReport, Setting

# A pattern, though it names one ref: of a plain name git warns as long as there is no such ref.
SHOWN = Setting(key="notes.displayRef", value="refs/notes/b[t]")
_MEMORY = "init.json"


def init(*, undo: bool = False, hooks: bool = False, cwd: Path | None = None) -> InitReport:
    """Set what makes results visible, or take back exactly what was set.

    Args:
        undo: take it back, the hooks too; results stay.
        hooks: put git-bt's hooks in place.
        cwd: where the command works.

    Raises:
        Usage: hooks are asked for where git runs none, or those of all repositories.
        CannotWork: the configuration, or a hook, cannot be written.
    """
    with open_workspace(cwd) as workspace:
        assert workspace.repo is not None
        repo = workspace.repo
        files = remove(repo) if undo else install(repo) if hooks else ()
        removed = _take_back(repo) if undo else ()
        written = () if undo else _write(repo)
        checks = repository_checks(Repo.find(cwd))
        return InitReport(
            undo=undo,
            written=written,
            removed=removed,
            hooks=files,
            checks=tuple(check for check in checks if check.state is Health.DANGER),
        )


def _write(repo: Repo) -> tuple[Setting, ...]:
    if SHOWN.value in repo.config_all(SHOWN.key):
        return ()
    memory = repo.cache_dir / _MEMORY
    try:
        memory.parent.mkdir(exist_ok=True)
        memory.write_text(json.dumps([[SHOWN.key, SHOWN.value]]) + "\n")
    except OSError as e:
        raise CannotWork(f"cannot write {memory}: {e.strerror}") from e
    try:
        repo.git("config", "--local", "--add", SHOWN.key, SHOWN.value)
    except CannotWork:
        memory.unlink(missing_ok=True)
        raise
    return (SHOWN,)


def _take_back(repo: Repo) -> tuple[Setting, ...]:
    memory = repo.cache_dir / _MEMORY
    removed = []
    for setting in _remembered(memory):
        words = ("--fixed-value", "--unset-all", setting.key, setting.value)
        done = repo.git("config", "--local", *words, check=False)
        if done.code == 0:
            removed.append(setting)
    try:
        memory.unlink(missing_ok=True)
    except OSError as e:
        raise CannotWork(f"cannot write {memory}: {e.strerror}") from e
    return tuple(removed)


def _remembered(memory: Path) -> tuple[Setting, ...]:
    with suppress(OSError, ValueError, TypeError):
        return tuple(Setting(key=k, value=v) for k, v in json.loads(memory.read_text()))
    return ()
