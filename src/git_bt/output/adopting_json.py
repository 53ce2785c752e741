"""The JSON of what adopt answers; pieces and promises are in `json.py`."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from git_bt.adopting import AdoptReport
from git_bt.output.json import to_json

Json = dict[str, Any]


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
