"""Runs that a commit had no time for: one small file each, by inputs id.

They lie in `<common git directory>/bt/queue/`, so that every worktree sees them. An entry is a
wish, not a result: losing one costs nothing but that the run is asked for later, by the gate. It is
dropped when a run of its inputs was recorded, and forgotten after a month.
"""

import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

VERSION = 1
MOST = 1_000
_KEPT_S = 30 * 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """A run that is to be made; `commit` is None of a commit that is not made yet."""

    strategy: str
    inputs: str
    commit: str | None = None


class Queue:
    """The queue of one repository.

    Args:
        cache: where caches lie; None keeps nothing.
    """

    def __init__(self, cache: Path | None) -> None:
        self._folder = None if cache is None else cache / "queue"

    def add(self, entry: Queued) -> bool:
        """Ask for a run; return whether it had not been asked for before."""
        if self._folder is None:
            return False
        place = self._folder / f"{entry.inputs}.json"
        known = self.find(entry.inputs)
        if known is not None and (known == entry or entry.commit is None):
            return False
        fresh = place.with_suffix(f".{os.getpid()}")
        with suppress(OSError):  # a full disk must not stop a commit
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                fresh.write_text(json.dumps({"version": VERSION, **asdict(entry)}) + "\n")
                fresh.replace(place)
            finally:
                fresh.unlink(missing_ok=True)
            self._bound()
        return known is None

    @property
    def is_empty(self) -> bool:
        """Whether no run waits."""
        return not self._names()

    def find(self, inputs: str) -> Queued | None:
        """Return the entry of an inputs id, None where there is none."""
        if self._folder is None:
            return None
        with suppress(OSError, ValueError, KeyError, TypeError):
            found = json.loads((self._folder / f"{inputs}.json").read_bytes())
            if found.pop("version") == VERSION and found["inputs"] == inputs:
                return Queued(**found)
        return None

    def all(self) -> list[Queued]:
        """Return every entry, by the names of the strategies."""
        found = [self.find(name) for name in self._names()]
        return sorted((e for e in found if e is not None), key=lambda e: (e.strategy, e.inputs))

    def drop(self, inputs: str) -> None:
        """Forget a run that was made."""
        if self._folder is not None:
            with suppress(OSError):
                (self._folder / f"{inputs}.json").unlink(missing_ok=True)

    def _names(self) -> list[str]:
        try:
            places = [] if self._folder is None else list(self._folder.glob("*.json"))
        except OSError:
            return []
        return sorted(place.stem for place in places)

    def _bound(self) -> None:
        assert self._folder is not None
        aged = sorted((_modified(place), place) for place in self._folder.iterdir())
        for number, (at, place) in enumerate(aged):
            if len(aged) - number > MOST or time.time() - at > _KEPT_S:
                place.unlink(missing_ok=True)


def _modified(place: Path) -> float:
    try:
        return place.stat().st_mtime
    except OSError:
        return time.time()
