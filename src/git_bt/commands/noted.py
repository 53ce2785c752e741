"""Which commits have a result of some inputs: a search of all notes that reads few of them.

The beginnings of the inputs ids below each folder of the notes tree are remembered by the folder's
id, in a file of the common git directory; losing it costs time and nothing else. A beginning that
fits by chance opens a folder too many, and no more.
"""

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from git_bt.caches import keep
from git_bt.commands.workspace import Workspace
from git_bt.model import NoteLine, Oid
from git_bt.notes import Notes
from git_bt.objects import FOLDER

_DIGITS = 16
_INPUTS = re.compile(rb'"inputs"\s*:\s*"([0-9a-f]{%d})' % _DIGITS)
_VERSION = 1
_MEMORY = "noted.json"


def results_of(
    notes: Notes, inputs: Iterable[str], place: Path | None
) -> dict[Oid, tuple[NoteLine, ...]]:
    """Return the results of every commit that has one of some inputs.

    Args:
        notes: as they are.
        inputs: full inputs ids.
        place: the file that remembers; None reads all.
    """
    wanted = sorted(set(inputs))
    if not wanted:
        return {}
    known = _read(place)
    new: dict[str, str] = {}
    names = []
    for name, entry in notes.root().items():
        if entry.mode != FOLDER:
            names.append(name)
            continue
        text = known.get(entry.oid)
        new[entry.oid] = text = _beginnings(notes, name) if text is None else text
        if any(word[:_DIGITS] in text for word in wanted):
            names.append(name)
    if new != known:
        keep(place, json.dumps({"version": _VERSION, "folders": new}))
    return notes.having(wanted, names)


def remembered(workspace: Workspace, inputs: Iterable[str]) -> dict[Oid, tuple[NoteLine, ...]]:
    """Return the same of the notes of a workspace, remembered where its caches lie."""
    place = None if workspace.cache is None else workspace.cache / _MEMORY
    return results_of(workspace.ledger.notes, inputs, place)


def _beginnings(notes: Notes, name: str) -> str:
    """Return the beginnings of all inputs ids below a folder, one after the other."""
    found = notes.found((name,)).notes
    oids = sorted({entry.oid for places in found.values() for entry in places.values()})
    texts = (data for _, data in notes.objects.read_many(oids))
    return " ".join(sorted({word.decode() for data in texts for word in _INPUTS.findall(data)}))


def _read(place: Path | None) -> dict[str, str]:
    with suppress(OSError, ValueError):
        found = json.loads(place.read_bytes()) if place is not None else None
        if isinstance(found, dict) and found.get("version") == _VERSION:
            folders = found.get("folders")
            if isinstance(folders, dict) and all(isinstance(t, str) for t in folders.values()):
                return dict(folders)
    return {}
