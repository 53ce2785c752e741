"""How git itself would show a long answer on a terminal: in which pager, in colour or not."""

import os
from dataclasses import dataclass
from pathlib import Path

from git_bt.errors import BtError
from git_bt.repo import Repo

_NO = ("never", "false", "no", "off", "0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """What git's configuration and environment say; `pager` is a shell command, None for none."""

    pager: str | None
    color: bool | None  # None: nothing is said


def terminal(*, cwd: Path | None = None) -> Terminal:
    """Return how git would show it here; without a repository, plainly."""
    try:
        repo = Repo.find(cwd)
    except BtError:
        return Terminal(pager=None, color=None)
    said = {"GIT_PAGER": os.environ["GIT_PAGER"]} if "GIT_PAGER" in os.environ else None
    pager = repo.git("var", "GIT_PAGER", check=False, env=said).text
    wanted = [repo.config(key) for key in ("color.ui", "color.pager")]
    color = None
    if wanted[0] == "always":
        color = True
    if any(value is not None and value.lower() in _NO for value in wanted):
        color = False
    return Terminal(pager=None if pager in ("", "cat") else pager, color=color)
