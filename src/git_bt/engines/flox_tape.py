"""A FLOX tape as the engine reads it, after the engine's own validator agreed.

FLOX packs and replays a tape that is cut, or of which a byte is flipped, without a word; here each
segment is held against its checksums first. Standard library only, Python ≥ 3.9.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from .refusal import Refused

SEGMENTS = (".lrvx", ".floxlog")
POINTER = b"version https://git-lfs"
FIRST_NS = -(2**63)  # no event is earlier
LARGE = 1 << 23  # bytes of a tape that takes longer to read than a thread to start

Job = dict[str, Any]


def read_tape(flox: Any, job: Job) -> Any:
    """Return the tape's trades as the engine reads them, after its own validator agreed.

    Raises:
        Refused: tape-missing (no tape, an LFS pointer) or tape-corrupt.
    """
    folder, segments = _segments(job)
    reported, trades = _checked(flox, folder, segments)
    if reported == 0:
        raise Refused("tape-corrupt", f"the tape {_shown(job)} holds no trades")
    if len(trades) == 0:
        # Engines before 0.11 look for the old suffix only; the bytes are the same.
        trades = _trades(flox, _linked(job, segments, ".floxlog"), segments)
    if len(trades) != reported:
        raise Refused(
            "tape-corrupt",
            f"the tape {_shown(job)} holds {reported} trades, the engine read {len(trades)}",
        )
    ids = trades["symbol_id"]
    if (ids != ids[0]).any():
        found = sorted(set(ids.tolist()))
        raise Refused(
            "tape-corrupt",
            f"the tape {_shown(job)} holds {len(found)} symbols ({_some(found)}), "
            "FLOX replays one a run",
            "record a tape of one symbol",
        )
    return trades


def _checked(flox: Any, folder: str, segments: list[str]) -> tuple[int, Any]:
    """Return how many trades the validator finds, and the trades.

    The validator has the word, also where reading fails. Both let go of the interpreter's lock,
    so that a large tape is read while it is checked.
    """

    def check() -> int:
        return sum(_check_segment(flox, path) for path in segments)

    if sum(map(os.path.getsize, segments)) < LARGE:
        return check(), _trades(flox, folder, segments)
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as aside:
        checked = aside.submit(check)
        try:
            trades = _trades(flox, folder, segments)
        finally:
            reported = checked.result()
    return reported, trades


def _trades(flox: Any, folder: str, segments: list[str]) -> Any:
    """Return all trades of a folder: the same from the first moment on, in a third of the time."""
    reader = flox.DataReader(folder)
    if len(segments) == 1 and hasattr(reader, "read_trades_from"):
        return reader.read_trades_from(FIRST_NS)
    return reader.read_trades()


def _segments(job: Job) -> tuple[str, list[str]]:
    """Return the folder that the engine shall read, and the segments in it."""
    if job["tape"] is None or not os.path.exists(job["tape"]):
        raise Refused("tape-missing", "there is no tape", "name one with --tape or `tape:`")
    tape = _in_unicode(job)
    if not os.path.isdir(tape):
        _refuse_pointer(tape)
        if not tape.endswith(SEGMENTS):
            raise Refused("tape-corrupt", f"{_shown(job)} is no FLOX tape (*.lrvx)")
        return _linked(job, [tape], os.path.splitext(tape)[1]), [tape]
    names = sorted(os.listdir(tape))
    if not names:
        raise Refused("tape-missing", f"the tape {_shown(job)} is an empty folder")
    paths = [os.path.join(tape, n) for n in names if n.endswith(SEGMENTS)]
    if not paths:
        why = f"the tape {_shown(job)} has no segment (*.lrvx), only {_some(names)}"
        raise Refused("tape-corrupt", why)
    return tape, paths


def _in_unicode(job: Job) -> str:
    """Return the tape's path, through a link where it is no Unicode: the engine takes text."""
    tape = str(job["tape"])
    try:
        tape.encode()
    except UnicodeEncodeError:
        link = os.path.join(os.path.dirname(job["out"]), "tape" + os.path.splitext(tape)[1])
        os.symlink(tape, link)
        return link
    return tape


def _check_segment(flox: Any, path: str) -> int:
    """Return how many trades the engine's validator finds in a segment."""
    _refuse_pointer(path)
    try:
        found = flox.validate(path)
    except (MemoryError, RuntimeError) as e:  # a length that was altered: room for it is asked for
        found = {"valid": False, "issues": [{"severity": 0, "message": f"cannot be checked: {e}"}]}
    if not found["valid"]:
        issues = sorted(found["issues"], key=lambda issue: -int(issue["severity"]))
        why = issues[0]["message"] if issues else "the engine's validator refuses it"
        raise Refused("tape-corrupt", f"tape segment {os.path.basename(path)}: {why}")
    return int(found["trades_found"])


def _refuse_pointer(path: str) -> None:
    with open(path, "rb") as f:
        if f.read(len(POINTER)) == POINTER:
            raise Refused(
                "tape-missing",
                f"tape segment {os.path.basename(path)} is a git-LFS pointer, not the tape itself",
                "fetch it: git lfs pull",
            )


def _linked(job: Job, segments: list[str], suffix: str) -> str:
    """Return a folder of this run in which the segments have another suffix."""
    folder = os.path.join(os.path.dirname(job["out"]), "segments")
    os.mkdir(folder)
    for path in segments:
        stem = os.path.splitext(os.path.basename(path))[0]
        os.symlink(path, os.path.join(folder, stem + suffix))
    return folder


def _shown(job: Job) -> str:
    return os.path.basename(str(job["tape"]))


def _some(values: Sequence[Any]) -> str:
    shown = ", ".join(str(v) for v in values[:8])
    return shown + (f" and {len(values) - 8} more" if len(values) > 8 else "")
