"""The inputs id of a strategy as a view holds it: a commit, the index or the work tree.

Of a commit it is remembered: what the capture asked its view, and a digest of all answers (blob
ids among them). The same questions with the same answers give the same id, on whatever commit;
asking is a few lookups where capturing reads and parses every file.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import git_bt
from git_bt.caches import keep, recall
from git_bt.canonical import inputs_id, sha256, tape_sha256
from git_bt.capture.snapshot import capture
from git_bt.capture.strategy import read_strategy
from git_bt.capture.tape import read_tape
from git_bt.commands.plan import declared
from git_bt.files import Entry, Files
from git_bt.model import Member, Source, Strategy, Tape, TapeState

_CODE = ("canonical.py", "capture/*.py", "files/*.py", "engines/*.py", "commands/inputs.py")
_KEPT = 2_000  # results, and questions of as many strategies


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What goes into a run of a strategy, by its id, and how the view knows the tape."""

    strategy: str
    id: str
    tape: TapeState | None


def inputs_of(
    files: Files, strategy: Strategy, *, top: Path, cwd: Path, tape: Tape | None = None
) -> Inputs:
    """Return the inputs id of a strategy that was read from a view.

    Args:
        files: the view.
        strategy: as the view holds it.
        top: what paths of the view are relative to, on disk.
        cwd: where the user stands.
        tape: its tape, where that is known; else it is looked up.

    Raises:
        Usage: the strategy, its config or its tape is not right.
        Incomplete: its tape is not here, and nothing says what it holds.
    """
    captured = capture(files, strategy)
    found = tape or read_tape(files, strategy, top=top, cwd=cwd)
    adapter, config = declared(strategy)
    digest = inputs_id(
        engine=adapter.NAME,
        entry_point=captured.snapshot.entry_point,
        files=captured.snapshot.files,
        tape=tape_sha256(found.members),
        config=config,
        command=strategy.command,
        build=strategy.build,
    )
    return Inputs(strategy=strategy.name, id=digest, tape=found.state)


# -- what a view was asked ------------------------------------------------------------------------


class Asked:
    """A view that remembers what it was asked; answers are those of the view behind it."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.questions: dict[tuple[str, str], None] = {}
        self.top = files.top
        self.in_git = files.in_git
        self.on_disk = files.on_disk
        self.digests = files.digests
        self.notices = files.notices
        self.stamps = files.stamps

    def paths(self, folder: str = "") -> tuple[str, ...]:
        """Return every file and link below a folder."""
        self.questions["paths", folder] = None
        return self.files.paths(folder)

    def find(self, path: str) -> Entry | None:
        """Return the file of this name."""
        self.questions["find", path] = None
        return self.files.find(path)

    def is_folder(self, path: str) -> bool:
        """Tell whether a path is a folder."""
        self.questions["is_folder", path] = None
        return self.files.is_folder(path)

    def follow(self, path: str) -> str | None:
        """Return where a path leads."""
        self.questions["follow", path] = None
        return self.files.follow(path)

    def is_tracked(self, path: str) -> bool:
        """Tell whether git has a file of this name, or any below it."""
        self.questions["is_tracked", path] = None
        return self.files.is_tracked(path)

    def load(self, paths: Iterable[str]) -> None:
        """Read several files at once."""
        self.files.load(paths)

    def member(self, path: str) -> Member:
        """Return digest, size and mode of a file: they follow from its blob."""
        self.questions["find", path] = None
        return self.files.member(path)

    def source(self, path: str) -> Source | None:
        """Return the bytes of a file: they follow from its blob."""
        self.questions["find", path] = None
        return self.files.source(path)


def answers(files: Files, questions: Iterable[tuple[str, str]]) -> str:
    """Return a digest of what a view answers."""
    text = (f"{what}\0{path}\0{getattr(files, what)(path)!r}\n" for what, path in questions)
    return sha256("".join(text).encode("utf-8", "surrogatepass"))


class Memory:
    """The inputs ids of strategies in commits, remembered in a file of the common git directory.

    Losing it costs time and nothing else. Another version of our code forgets all of it.

    Args:
        place: the file; None remembers for this process only.
    """

    def __init__(self, place: Path | None) -> None:
        self._place = place
        self._changed = False

    def find(self, files: Files, name: str) -> Inputs | None:
        """Return the inputs of a strategy in a commit, None when they are not remembered."""
        for questions in self._known["questions"].get(name, []):
            key = answers(files, ((what, path) for what, path in questions))
            found = self._known["ids"].get(f"{name}\0{key}")
            if found is not None:
                return Inputs(strategy=name, id=found[0], tape=TapeState(found[1]))
        return None

    def keep(self, asked: Asked, found: Inputs) -> None:
        """Remember the inputs of a strategy, unless they hang on what lies on disk."""
        if found.tape not in (TapeState.TRACKED, TapeState.PINNED):
            return
        questions = [list(question) for question in asked.questions]
        known = self._known["questions"].setdefault(found.strategy, [])
        if questions not in known:
            known[:] = [questions, *known[:3]]
        ids = self._known["ids"]
        ids[f"{found.strategy}\0{answers(asked.files, asked.questions)}"] = [
            found.id, found.tape.value,
        ]  # fmt: skip
        while len(ids) > _KEPT:
            del ids[next(iter(ids))]
        self._changed = True

    def save(self) -> None:
        """Write what is new; a place that cannot be written is left as it is."""
        if self._place is None or not self._changed:
            return
        keep(self._place, json.dumps(self._known, separators=(",", ":")))
        self._changed = False

    @cached_property
    def _known(self) -> dict[str, Any]:
        return recall(self._place, {"code": code_digest(), "questions": {}, "ids": {}})


def code_digest() -> str:
    """Return a digest of all code that an inputs id comes from."""
    top = Path(git_bt.__file__).parent
    files = sorted(file for pattern in _CODE for file in top.glob(pattern))
    return sha256(b"".join(file.read_bytes() for file in files))


def inputs_in_commit(files: Files, name: str, *, top: Path, cwd: Path, memory: Memory) -> Inputs:
    """Return the inputs of a strategy that has a strategy.yaml, as a commit holds it.

    Raises as `inputs_of`, and Usage when the strategy cannot be read.
    """
    found = memory.find(files, name)
    if found is None:
        asked = Asked(files)
        found = inputs_of(asked, read_strategy(asked, name), top=top, cwd=cwd)
        if found.tape in (TapeState.CHANGED, TapeState.MISSING):
            found = replace(found, tape=TapeState.PINNED)  # what lies here is no matter of a commit
        memory.keep(asked, found)
    return found
