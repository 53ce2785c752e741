"""The metrics of a bundle, whoever made it; those of the store are remembered."""

import json
from contextlib import suppress
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import git_bt
from git_bt.bundle import output_of
from git_bt.caches import keep
from git_bt.canonical import sha256
from git_bt.comparison import Metrics
from git_bt.errors import BtError
from git_bt.flox_layout import foreign_expected, is_foreign
from git_bt.metrics import legacy_metrics, metrics_of
from git_bt.model import Bundle
from git_bt.store import Store

_CODE = ("metrics.py", "canonical.py", "tables.py", "flox_layout/expected.py")
_KEPT = 10_000


def metrics_of_bundle(bundle: Bundle) -> Metrics | None:
    """Return what the expected output says, None where there is none.

    Raises:
        Corrupt: the output cannot be read.
    """
    if is_foreign(bundle):
        return legacy_metrics(foreign_expected(bundle))
    output = output_of(bundle)
    return None if output is None else metrics_of(output)


class Measured:
    """Metrics by bundle id, remembered in a file of the common git directory.

    They follow from the id and our formulas. Losing the file costs time and nothing else; other
    formulas forget all of it.

    Args:
        store: whose bundles they are.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._place = store.repo.cache_dir / "metrics.json"
        self._changed = False

    def of(self, bundle: str) -> Metrics | None:
        """Return the metrics of a bundle, None where it is not here, or cannot be read."""
        found = self._known["metrics"].get(bundle)
        if found is None:
            try:
                metrics = metrics_of_bundle(self.store.bundle(bundle))
            except BtError:
                return None  # looking at history goes on; fsck and show say what is wrong
            if metrics is None:
                return None
            found = self._known["metrics"][bundle] = list(asdict(metrics).values())
            self._changed = True
        return Metrics(**dict(zip(Metrics.__slots__, found, strict=True)))

    def save(self) -> None:
        """Write what is new; a place that cannot be written is left as it is."""
        if not self._changed:
            return
        known = self._known
        known["metrics"] = dict(list(known["metrics"].items())[-_KEPT:])
        keep(self._place, json.dumps(known, separators=(",", ":")))
        self._changed = False

    @cached_property
    def _known(self) -> dict[str, Any]:
        nothing: dict[str, Any] = {"code": _code(), "metrics": {}}
        with suppress(OSError, ValueError, AttributeError, KeyError, TypeError):
            found = json.loads(self._place.read_bytes())
            kept = {k: v for k, v in found["metrics"].items() if _is_metrics(v)}
            if found.get("code") == nothing["code"]:
                return {"code": found["code"], "metrics": kept}
        return nothing


def _is_metrics(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == len(Metrics.__slots__)
        and all(v is None or (isinstance(v, int | float) and v is not True) for v in value)
    )


def _code() -> str:
    top = Path(git_bt.__file__).parent
    return sha256(b"".join((top / name).read_bytes() for name in _CODE))
