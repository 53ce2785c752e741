"""What a strategy of the work tree or the index is, without reading it again when nothing changed.

Remembered are the questions that reading and capturing it asked its view, and for their answers
what came of it. An answer names the blob of a file, or the digest of one that is no blob, so the
same answers mean the same bytes. The tape is looked at each time: it lies outside of git.
"""

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from git_bt.caches import keep, recall
from git_bt.canonical import sha256, tape_sha256
from git_bt.capture.snapshot import capture
from git_bt.capture.strategy import read_strategy
from git_bt.commands.inputs import Asked, answers, code_digest, inputs_of
from git_bt.commands.plan import engine_name
from git_bt.files import Entry, Files
from git_bt.model import Member, Oid, Source, Tape

_KEPT = 2_000
_FACTS = frozenset({"tape", "engine", "root", "python", "runs"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What has to be known of a strategy beside its inputs. `runs`: it names something to run."""

    tape: str | None
    engine: str
    root: str
    python: str | None
    runs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Glanced:
    """A strategy as a view holds it."""

    facts: Facts
    tape: Tape
    inputs: str


class Exact:
    """A view in which a file that is no blob of git is named by the digest of its bytes."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.top = files.top
        self.in_git = files.in_git
        self.on_disk = files.on_disk
        self.digests = files.digests
        self.notices = files.notices
        self.stamps = files.stamps
        self._found: dict[str, Entry | None] = {}

    def find(self, path: str) -> Entry | None:
        """Return the file of this name."""
        if path not in self._found:
            found = self.files.find(path)
            if found is not None and found.oid is None and not found.fault:
                found = replace(found, oid=Oid(f"sha256 {self.files.member(path).sha256}"))
            self._found[path] = found
        return self._found[path]

    def load_loose(self, paths: Iterable[str]) -> None:
        """Read what is no blob of git, at once: each file alone may cost a process."""
        asked = [path for path in paths if path not in self._found]
        found = [(path, self.files.find(path)) for path in asked]
        self.files.load(path for path, e in found if e and e.oid is None and not e.fault)

    def paths(self, folder: str = "") -> tuple[str, ...]:
        """Return every file and link below a folder."""
        return self.files.paths(folder)

    def is_folder(self, path: str) -> bool:
        """Tell whether a path is a folder."""
        return self.files.is_folder(path)

    def follow(self, path: str) -> str | None:
        """Return where a path leads."""
        return self.files.follow(path)

    def is_tracked(self, path: str) -> bool:
        """Tell whether git has a file of this name, or any below it."""
        return self.files.is_tracked(path)

    def load(self, paths: Iterable[str]) -> None:
        """Read several files at once."""
        self.files.load(paths)

    def member(self, path: str) -> Member:
        """Return digest, size and mode of a file."""
        return self.files.member(path)

    def source(self, path: str) -> Source | None:
        """Return the bytes of a file."""
        return self.files.source(path)


class Glances:
    """Strategies at a glance, remembered in a file of the common git directory.

    Losing it costs time and nothing else. Another version of our code forgets all of it.

    Args:
        place: the file; None remembers for this process only.
    """

    def __init__(self, place: Path | None) -> None:
        self._place = place
        self._changed = False
        self._views: dict[int, Exact] = {}

    def look(
        self, files: Files, name: str, tape_at: Callable[[str | None], Tape], *, top: Path
    ) -> Glanced | None:
        """Return what a strategy of a view is, None where it names nothing to run.

        Args:
            files: the view.
            name: of the strategy, which has a strategy.yaml.
            tape_at: returns the tape that a strategy names.
            top: what paths of the view are relative to, on disk.

        Raises:
            Usage: it cannot be read, or what it names is not right.
            Incomplete: its tape is not here, and nothing says what it holds.
        """
        view = self._views.setdefault(id(files), Exact(files))
        key, facts = self._facts(view, name)
        if facts is None:
            asked = Asked(view)
            strategy = read_strategy(asked, name)
            capture(asked, strategy)
            facts = Facts(
                tape=strategy.tape,
                engine=engine_name(strategy),
                root=strategy.root,
                python=strategy.python,
                runs=bool(strategy.engine or strategy.tape),
            )
            key = self._keep(view, name, list(asked.questions), facts)
        if not facts.runs:
            return None
        tape = tape_at(facts.tape)
        place = f"{key} {tape_sha256(tape.members)}"
        inputs = self._known["inputs"].get(place)
        if inputs is None:
            strategy = read_strategy(view, name)
            inputs = inputs_of(view, strategy, top=top, cwd=top, tape=tape).id
            self._known["inputs"][place] = inputs
            self._changed = True
        return Glanced(facts=facts, tape=tape, inputs=inputs)

    def questions(self, files: Files, name: str) -> list[tuple[str, str]]:
        """Return what a view was asked about a strategy that was looked at: all it hangs on."""
        view = self._views.setdefault(id(files), Exact(files))
        for asked in self._known["questions"].get(name, []):
            questions = [(what, path) for what, path in asked]
            if _key(view, name, questions) in self._known["facts"]:
                return questions
        return []

    def save(self) -> None:
        """Write what is new; a place that cannot be written is left as it is."""
        if self._place is None or not self._changed:
            return
        kept = {
            name: dict(list(value.items())[-_KEPT:]) if isinstance(value, dict) else value
            for name, value in self._known.items()
        }
        keep(self._place, json.dumps(kept, separators=(",", ":")))
        self._changed = False

    def _facts(self, view: Exact, name: str) -> tuple[str, Facts | None]:
        for asked in self._known["questions"].get(name, []):
            key = _key(view, name, [(what, path) for what, path in asked])
            found = self._known["facts"].get(key)
            if found is not None:
                return key, Facts(**found)
        return "", None

    def _keep(self, view: Exact, name: str, questions: list[tuple[str, str]], facts: Facts) -> str:
        asked = [list(question) for question in questions]
        known = self._known["questions"].setdefault(name, [])
        if asked not in known:
            known[:] = [asked, *known[:3]]
        key = _key(view, name, questions)
        self._known["facts"][key] = asdict(facts)
        self._changed = True
        return key

    @cached_property
    def _known(self) -> dict[str, Any]:
        nothing = {"code": code_digest(), "questions": {}, "facts": {}, "inputs": {}}
        found = recall(self._place, nothing)
        with suppress(AttributeError):
            if all(each.keys() == _FACTS for each in found["facts"].values()):
                return found
        return nothing


def _key(view: Exact, name: str, questions: list[tuple[str, str]]) -> str:
    """Return a digest of a strategy's name and all that its view answers."""
    view.load_loose(path for what, path in questions if what == "find")
    return sha256(f"{name}\0{answers(view, questions)}".encode())
