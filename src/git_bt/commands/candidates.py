"""Outputs that diverged, kept so that `diff` can show them and `accept` can take them.

One folder an inputs id below `<common git directory>/bt/candidates/`, never in a ref: the output
as the run gave it, and what it ran on. Strategy and tape are not kept, the work tree or the store
has them. What is kept is bounded in number and size; the oldest goes first, and losing one costs
another run.
"""

import os
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from git_bt.canonical import decode_json, encode_json, sha256
from git_bt.errors import BtError, Corrupt
from git_bt.model import EngineVersion, Environment, Output
from git_bt.paths import check_paths

VERSION = 1
MOST = 64  # candidates
LIMIT = 256 * 1024 * 1024  # bytes of all together
_HEAD = "candidate.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An output that is not the expected one, of these inputs, and what it ran on."""

    strategy: str
    inputs: str
    expected: str  # the bundle that it diverged from
    environment: Environment
    elapsed_ms: int
    runs: int
    output: Output


class Candidates:
    """The candidates of one repository.

    Args:
        cache: where caches lie; None keeps nothing.
    """

    def __init__(self, cache: Path | None) -> None:
        self._top = None if cache is None else cache / "candidates"

    def keep(self, candidate: Candidate) -> bool:
        """Keep an output instead of the one of the same inputs; return whether it was kept."""
        size = sum(len(data) for data in candidate.output.values())
        if self._top is None or size > LIMIT:
            return False
        fresh = self._top / f".{candidate.inputs}.{os.getpid()}-{time.monotonic_ns()}"
        try:
            _write(fresh, candidate)
            self._drop(candidate.inputs)
            fresh.rename(self._top / candidate.inputs)
            self._bound()
        except OSError:  # a full disk must not hide a verdict
            shutil.rmtree(fresh, ignore_errors=True)
            return False
        return True

    def find(self, inputs: str) -> Candidate | None:
        """Return the candidate of an inputs id, None where there is none.

        Raises:
            Corrupt: what is kept is not what was written.
        """
        if self._top is None or not (self._top / inputs / _HEAD).is_file():
            return None
        try:
            return _read(self._top / inputs, inputs)
        except OSError as e:
            raise Corrupt(f"candidate {inputs[:12]} cannot be read: {e.strerror}") from e
        except (KeyError, TypeError, AttributeError) as e:
            raise Corrupt(f"candidate {inputs[:12]} is malformed: {e}") from e

    def all(self) -> list[Candidate]:
        """Return all that can be read, by the names of their strategies."""
        found = []
        for name in self._names():
            with suppress(BtError):
                candidate = self.find(name)
                found += [candidate] if candidate is not None else []
        return sorted(found, key=lambda each: (each.strategy, each.inputs))

    def drop(self, inputs: str) -> None:
        """Forget a candidate that was accepted."""
        with suppress(OSError):
            self._drop(inputs)

    def _drop(self, inputs: str) -> None:
        if self._top is None or not (self._top / inputs).exists():
            return
        # Out of the way in one step: a reader finds all of it or nothing.
        gone = self._top / f".{inputs}.{os.getpid()}-{time.monotonic_ns()}.gone"
        (self._top / inputs).rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    def _names(self) -> list[str]:
        try:
            places = [] if self._top is None else list(self._top.iterdir())
        except OSError:
            return []
        return sorted(place.name for place in places if len(place.name) == 64)

    def _bound(self) -> None:
        """Drop the oldest until the rest is within bounds, and what a dead process left."""
        top = self._top
        assert top is not None
        aged = sorted(self._names(), key=lambda name: -_age(top / name))
        sizes = {name: _size(top / name) for name in aged}
        while len(aged) > MOST or sum(sizes[name] for name in aged) > LIMIT:
            self.drop(aged.pop(0))
        for left in top.glob(".*"):
            if _age(left) > 3600:
                shutil.rmtree(left, ignore_errors=True)


def _age(place: Path) -> float:
    try:
        return time.time() - place.stat().st_mtime
    except OSError:
        return 0.0


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _write(folder: Path, candidate: Candidate) -> None:
    for name, data in candidate.output.items():
        place = folder / "output" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    head: dict[str, Any] = {
        "version": VERSION,
        "strategy": candidate.strategy,
        "inputs": candidate.inputs,
        "expected": candidate.expected,
        "environment": {
            **asdict(candidate.environment),
            "packages": dict(candidate.environment.packages),
        },
        "elapsed_ms": candidate.elapsed_ms,
        "runs": candidate.runs,
        "output": {name: sha256(data) for name, data in candidate.output.items()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _HEAD).write_bytes(encode_json(head))


def _read(folder: Path, inputs: str) -> Candidate:
    what = f"candidate {inputs[:12]}"
    head = decode_json((folder / _HEAD).read_bytes(), what)
    if head["version"] != VERSION or head["inputs"] != inputs:
        raise Corrupt(f"{what}: it is of another version, or of other inputs")
    check_paths(head["output"])
    output = {name: (folder / "output" / name).read_bytes() for name in head["output"]}
    for name, digest in head["output"].items():
        if sha256(output[name]) != digest:
            raise Corrupt(f"{what}: {name} has changed", hint="run git bt validate again")
    return Candidate(
        strategy=head["strategy"],
        inputs=inputs,
        expected=head["expected"],
        environment=_environment(head["environment"]),
        elapsed_ms=head["elapsed_ms"],
        runs=head["runs"],
        output=output,
    )


def _environment(value: Mapping[str, Any]) -> Environment:
    return Environment(
        python=value["python"],
        engine=EngineVersion(**value["engine"]),
        packages=dict(value["packages"]),
        platform=value["platform"],
    )
