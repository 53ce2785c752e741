"""What a command works on: where it was called, the repository there, its store, its files.

The repository is looked for once; `.tar` files can be judged without one. The scratch folder is
removed when the command ends, also after Ctrl-C and SIGTERM.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from git_bt.commands.git_state import lies_in
from git_bt.errors import CannotWork, Usage
from git_bt.objects import Objects
from git_bt.paths import expanded
from git_bt.repo import Repo, user_settings, whole_number

if TYPE_CHECKING:
    from git_bt.files import Files
    from git_bt.ledger import Ledger
    from git_bt.model import Oid
    from git_bt.store import Store

Step = Callable[[str], None]
"""Says what is being done, to somebody who waits."""

View = Callable[[Repo, Objects], "Files"]
"""Gives the files that a command works on: those of the index, or of a commit."""


@dataclass(frozen=True)
class Workspace:
    """The surroundings of one command; `view` gives other files than the work tree's.

    Without a repository `why_not` says why: there is none, git refuses it, git is not there.
    """

    cwd: Path
    closing: ExitStack
    repo: Repo | None
    objects: Objects | None
    view: View | None = None
    why_not: CannotWork | None = None

    @cached_property
    def scratch(self) -> Path:
        """A folder that is removed when the command ends; most make none."""
        import tempfile

        folder = tempfile.TemporaryDirectory(
            prefix=f"git-bt-{os.getpid()}-", ignore_cleanup_errors=True
        )
        return Path(self.closing.enter_context(folder))

    @cached_property
    def store(self) -> "Store | None":
        """The store, None without a repository; imported when asked for: a run need not wait."""
        from git_bt.store import Store

        if self.repo is None or self.objects is None:
            return None
        return Store(self.repo, self.objects)

    def need_store(self) -> "Store":
        """Return the store.

        Raises:
            CannotWork: there is no repository here, or none that git would open.
        """
        if self.why_not is not None:
            raise self.why_not
        assert self.store is not None
        return self.store

    @cached_property
    def ledger(self) -> "Ledger":
        """What is known in the store and the notes; raises CannotWork without a repository."""
        from git_bt.ledger import Ledger

        return Ledger(self.need_store())

    @cached_property
    def head(self) -> "Oid | None":
        """The commit that is checked out, None where there is none yet."""
        return None if self.repo is None else self.repo.resolve("HEAD")

    @cached_property
    def files(self) -> "Files":
        """The work tree as a view, or the current folder where there is none; listed once.

        Where the workspace was opened with a view, it is that.
        """
        from git_bt.files import folder_files, work_tree_files

        if self.view is not None and self.repo is not None and self.objects is not None:
            return self.view(self.repo, self.objects)
        if self.repo is None or self.objects is None or self.repo.top is None:
            return folder_files(self.cwd)
        return work_tree_files(self.repo, self.objects)

    @property
    def top(self) -> Path:
        """The folder that names of strategies are relative to."""
        return self.repo.top if self.repo is not None and self.repo.top else self.cwd

    def path_from_top(self, argument: str) -> str:
        """Return a path that a user typed, relative to the top, `.` for the top itself.

        Raises:
            Usage: it lies outside the repository.
        """
        place = self.place_of(argument)
        if Path(place).is_absolute():
            raise Usage(f"{argument} is outside the repository at {self.top}")
        return place

    def place_of(self, argument: str) -> str:
        """Return a path that a user typed: from the top when it is inside, absolute otherwise.

        It may be typed through a link to the repository.
        """
        real = self.top.resolve()
        path = lies_in(real, Path(os.path.normpath(self.cwd / expanded(argument))))
        for top in (self.top, real):
            if path.is_relative_to(top):
                return path.relative_to(top).as_posix()
        return str(path)

    def config(self, key: str) -> str | None:
        """Return a value of git's configuration; without a repository, of the user's."""
        values = self.config_all(key)
        return values[-1] if values else None

    def config_all(self, key: str) -> tuple[str, ...]:
        """Return every value of a key, the one that counts last."""
        if self.repo is not None:
            return self.repo.config_all(key)
        return tuple(self._user_settings.get(key.lower(), ()))

    def config_int(self, key: str, default: int) -> int:
        """Return a whole number of git's configuration; raises Usage where it is none."""
        value = self.config(key)
        return default if value is None else whole_number(key, value)

    @cached_property
    def _user_settings(self) -> dict[str, list[str]]:
        return user_settings()

    @property
    def cache(self) -> Path | None:
        """Where caches lie, None without a repository."""
        return None if self.repo is None else self.repo.cache_dir

    @cached_property
    def author(self) -> str:
        """Return who works here."""
        return "unknown" if self.repo is None else self.repo.author()


@contextmanager
def open_workspace(
    cwd: Path | None = None, *, needs_repository: bool = True, view: View | None = None
) -> Iterator[Workspace]:
    """Open the surroundings of a command, and close them.

    Args:
        cwd: where the command works; None is the current directory.
        needs_repository: False: go on without one.
        view: gives the files to work on; None is the work tree's.

    Raises:
        CannotWork: no repository where one is needed.
    """
    repo, why_not = _repository(cwd, needs_repository=needs_repository)
    here = (cwd or Path.cwd()).absolute()
    with ExitStack() as closing:
        objects = None if repo is None else closing.enter_context(Objects(repo))
        yield Workspace(here, closing, repo, objects, view, why_not)


def _repository(
    cwd: Path | None, *, needs_repository: bool
) -> tuple[Repo | None, CannotWork | None]:
    try:
        return Repo.find(cwd), None
    except CannotWork as e:
        if needs_repository:
            raise
        return None, e
