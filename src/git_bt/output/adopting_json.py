"""The JSON of what adopt answers; its pieces are in `pieces_json.py`."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from git_bt.adopting import AdoptReport
from git_bt.output.json import to_json
from git_bt.output.pieces_json import Json


def _adopt(found: AdoptReport) -> Json:
    return {
        "strategy": found.strategy,
        "path": found.path,
        "text": found.text,
        "completed": found.completed,
        "guesses": [asdict(guess) for guess in found.guesses],
        "packed": to_json(found.packed),
    }


CONVERT: dict[type, tuple[str, Callable[[Any], Json]]] = {AdoptReport: ("adopt", _adopt)}
