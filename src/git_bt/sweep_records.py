"""Sweeps and their runs, as bytes and back: one canonical JSON object a sweep, and one a run.

A run has two forms with the same content. In the spool it is a line of canonical JSON, whose
sha256 is the run's id; in the store it is a row of a chunk, which `sweep_chunks.py` writes.
Nothing that follows from the rest is stored: neither ids nor ranks. Grammar: docs/reference/
formats/sweep.md and spool.md. How lines get into the spool is `spool.py`.
"""

import math
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from git_bt.canonical import decode_json, encode_json, sha256
from git_bt.errors import Corrupt
from git_bt.fields import VERSION, as_object, check_version, find_text, get_digest, get_field

Scalar = str | int | float | bool | None
"""A parameter or a metric; floats may be NaN or infinite."""
Scalars = Mapping[str, Scalar]

STATUSES = ("ok", "failed")
WORDS = "argv"
"""The parameter that the words of a program's command line are, which tell its starts apart."""
MAX_TEXT = 4096
"""Characters of a text in a row."""
_HEAD = 200

_WRITER = re.compile(r"[0-9a-f]{16}")
_BEYOND = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What runs of a sweep have in common; its canonical bytes give the sweep's id.

    `snapshot` is the id of the code that ran, None where none could be captured. `engine` is its
    name, `tape` a path from the repository's top and `tape_sha256` what lay there, where they are
    known.
    """

    name: str
    snapshot: str | None = None
    engine: str | None = None
    tape: str | None = None
    tape_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the runs of a process ran on; `packages` are the distributions it had loaded.

    Where they are known: `argv` of the program, `commit` of its repository, whether the work tree
    `is_dirty`, and its `diff` against that commit, which is left out when it is large. `cwd`, where
    the program worked, and `root`, of its project, are paths from the repository's top; `is_alone`
    tells whether it would run again by itself; `module` is its name where `python -m` started a
    module of a package.
    """

    python: str
    platform: str
    packages: Mapping[str, str]
    argv: tuple[str, ...] | None = None
    commit: str | None = None
    is_dirty: bool | None = None
    diff: str | None = None
    root: str | None = None
    cwd: str | None = None
    is_alone: bool | None = None
    module: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRun:
    """One run of a sweep.

    `writer` and `seq` make it unlike any other: 16 random digits a process, and a count in it.
    `environment` is the id of its surroundings, `bundle` of the bundle that it was packed as.
    """

    sweep: str
    writer: str
    seq: int
    started_ns: int
    elapsed_ns: int
    status: str  # ok | failed
    params: Scalars = field(default_factory=dict)
    metrics: Scalars = field(default_factory=dict)
    error: str | None = None
    environment: str | None = None
    bundle: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """A sweep, the runs of it that are known, and what they ran on by its id."""

    sweep: Sweep
    runs: tuple[SweepRun, ...]
    environments: Mapping[str, Surroundings] = field(default_factory=dict)


def with_words(params: Scalars, argv: Sequence[str]) -> Scalars:
    """Return what a run was given by its program, and the words that this was started with.

    Args:
        params: the engine's.
        argv: of the program, its own name first. Of words that are longer than a row may hold,
            their beginning counts and the sha256 of them all.
    """
    return {WORDS: _quoted(argv), **params} if len(argv) > 1 else params


def without_words(params: Scalars, argv: Sequence[str]) -> Scalars:
    """Return what a run was given without the words of its program."""
    if params.get(WORDS) != _quoted(argv):
        return params
    return {name: value for name, value in params.items() if name != WORDS}


def _quoted(argv: Sequence[str]) -> str:
    text = shlex.join(argv[1:])
    return text if len(text) <= MAX_TEXT else f"{text[:_HEAD]}… sha256:{sha256(text.encode())}"


# -- sweep and surroundings -----------------------------------------------------------------------


def encode_sweep(sweep: Sweep) -> bytes:
    """Encode a sweep; the sha256 of these bytes is its id."""
    value = {
        "version": VERSION,
        "name": sweep.name,
        "snapshot": sweep.snapshot,
        "engine": sweep.engine,
        "tape": sweep.tape,
        "tape_sha256": sweep.tape_sha256,
    }
    return encode_json({key: item for key, item in value.items() if item is not None})


def decode_sweep(data: bytes, what: str = "sweep.json") -> Sweep:
    """Decode a sweep; raises Corrupt: not canonical, a wrong field, or a newer version."""
    value = as_object(decode_json(data, what), what)
    check_version(value, what)
    sweep = Sweep(
        name=get_field(value, "name", str, what),
        snapshot=get_digest(value, "snapshot", what) if "snapshot" in value else None,
        engine=find_text(value, "engine", what),
        tape=find_text(value, "tape", what),
        tape_sha256=get_digest(value, "tape_sha256", what) if "tape_sha256" in value else None,
    )
    if encode_sweep(sweep) != data:
        raise Corrupt(f"{what}: not in canonical form")
    return sweep


def sweep_id(sweep: Sweep) -> str:
    """Return the id of a sweep: the sha256 of its canonical bytes."""
    return sha256(encode_sweep(sweep))


def encode_surroundings(found: Surroundings) -> bytes:
    """Encode surroundings; the sha256 of these bytes is their id."""
    value = {
        "version": VERSION,
        "python": found.python,
        "platform": found.platform,
        "packages": dict(found.packages),
        "argv": None if found.argv is None else list(found.argv),
        "commit": found.commit,
        "dirty": found.is_dirty,
        "diff": found.diff,
        "root": found.root,
        "cwd": found.cwd,
        "alone": found.is_alone,
        "module": found.module,
    }
    return encode_json({key: item for key, item in value.items() if item is not None})


def decode_surroundings(data: bytes, what: str = "environment") -> Surroundings:
    """Decode surroundings; raises Corrupt as `decode_sweep`."""
    value = as_object(decode_json(data, what), what)
    check_version(value, what)
    packages: dict[str, Any] = get_field(value, "packages", dict, what)
    if not all(isinstance(version, str) for version in packages.values()):
        raise Corrupt(f"{what}: 'packages' must map names to versions")
    found = Surroundings(
        python=get_field(value, "python", str, what),
        platform=get_field(value, "platform", str, what),
        packages=packages,
        argv=tuple(map(str, get_field(value, "argv", list, what))) if "argv" in value else None,
        commit=find_text(value, "commit", what),
        is_dirty=get_field(value, "dirty", bool, what) if "dirty" in value else None,
        diff=find_text(value, "diff", what),
        root=find_text(value, "root", what),
        cwd=find_text(value, "cwd", what),
        is_alone=get_field(value, "alone", bool, what) if "alone" in value else None,
        module=find_text(value, "module", what),
    )
    if encode_surroundings(found) != data:
        raise Corrupt(f"{what}: not in canonical form")
    return found


# -- a run in the spool ---------------------------------------------------------------------------


def encode_sweep_run(run: SweepRun) -> bytes:
    """Encode a run as the spool holds it; the sha256 of these bytes is its id."""
    value: dict[str, Any] = {
        "version": VERSION,
        "sweep": run.sweep,
        "writer": run.writer,
        "seq": run.seq,
        "started_ns": run.started_ns,
        "elapsed_ns": run.elapsed_ns,
        "status": run.status,
        "params": {key: _boxed(item) for key, item in run.params.items()},
        "metrics": {key: _boxed(item) for key, item in run.metrics.items()},
    }
    if run.error is not None:
        value["error"] = run.error
    if run.environment is not None:
        value["environment"] = run.environment
    if run.bundle is not None:
        value["bundle"] = run.bundle
    return encode_json(value)


def decode_sweep_run(data: bytes, what: str = "run") -> SweepRun:
    """Decode a run of the spool; raises Corrupt as `decode_sweep`."""
    value = as_object(decode_json(data, what), what)
    check_version(value, what)
    run = SweepRun(
        sweep=get_digest(value, "sweep", what),
        writer=get_field(value, "writer", str, what),
        seq=get_field(value, "seq", int, what),
        started_ns=get_field(value, "started_ns", int, what),
        elapsed_ns=get_field(value, "elapsed_ns", int, what),
        status=get_field(value, "status", str, what),
        params=_unboxed(value, "params", what),
        metrics=_unboxed(value, "metrics", what),
        error=find_text(value, "error", what),
        environment=find_text(value, "environment", what),
        bundle=find_text(value, "bundle", what),
    )
    check_run(run, what)
    if encode_sweep_run(run) != data:
        raise Corrupt(f"{what}: not in canonical form")
    return run


def sweep_run_id(run: SweepRun) -> str:
    """Return the id of a run of a sweep: the sha256 of its bytes in the spool."""
    return sha256(encode_sweep_run(run))


def run_order(run: SweepRun) -> tuple[int, str, int]:
    """Return what runs are ordered by: when they began; no two share writer and count."""
    return run.started_ns, run.writer, run.seq


def check_run(run: SweepRun, what: str) -> None:
    """Refuse a run that none of ours could be; raises Corrupt."""
    if run.status not in STATUSES:
        raise Corrupt(f"{what}: unknown status {run.status!r:.40}")
    if not _WRITER.fullmatch(run.writer) or min(run.seq, run.started_ns, run.elapsed_ns) < 0:
        raise Corrupt(f"{what}: its writer is not 16 digits of hex, or a number is negative")
    found = {"environment": run.environment, "bundle": run.bundle}
    for key in [key for key, item in found.items() if item is not None]:
        get_digest(found, key, what)


def _boxed(value: Scalar) -> Any:
    """JSON has no NaN and no infinity: they stand in an object, which nothing else does."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    return value


def _unboxed(value: Mapping[str, Any], key: str, what: str) -> dict[str, Scalar]:
    found: dict[str, Any] = get_field(value, key, dict, what)
    return {name: _unbox(item, f"{what}: {key}.{name}") for name, item in found.items()}


def _unbox(item: Any, what: str) -> Scalar:
    if isinstance(item, dict):
        word = item.get("float")
        if len(item) == 1 and word in _BEYOND:
            return _BEYOND[word]
        raise Corrupt(f"{what} must be text, a number, true, false or null")
    if isinstance(item, list):
        raise Corrupt(f"{what} must be text, a number, true, false or null")
    scalar: Scalar = item
    return scalar
