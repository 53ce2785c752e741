"""Reading a spool: the runs of its files, and what could not be understood.

Nothing here trusts a line: its sha256 proves that it is whole, its version that it is known. What
is not, is skipped and said, and the lines around it count all the same. Writing is `spool.py`.
"""

from base64 import b64decode
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from git_bt.canonical import decode_json, sha256
from git_bt.errors import BtError, Corrupt
from git_bt.fields import VERSION, as_object, check_version, get_field
from git_bt.model import Captured, Data, Notice
from git_bt.paths import check_paths
from git_bt.records import decode_snapshot, snapshot_id
from git_bt.spool import KINDS
from git_bt.sweep_records import (
    Surroundings,
    Sweep,
    SweepRun,
    decode_surroundings,
    decode_sweep,
    decode_sweep_run,
)


@dataclass(frozen=True, slots=True)
class Spooled:
    """What spool files hold, each by its id."""

    codes: dict[str, Captured] = field(default_factory=dict)
    sweeps: dict[str, Sweep] = field(default_factory=dict)
    environments: dict[str, Surroundings] = field(default_factory=dict)
    runs: dict[str, SweepRun] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)


def read_spool(data: bytes, what: str, into: Spooled) -> bool:
    """Read a spool file, and put what it holds to what was read before.

    Args:
        data: the bytes of the file; its process may still be at work.
        what: how notices name it.
        into: takes runs and notices.

    Returns:
        Whether this is a spool at all: one line of it is what its sha256 says, or it is empty.
    """
    skipped: Counter[str] = Counter()
    whole = 0
    for line in _lines(data):
        kind, _, rest = line.partition(b" ")
        digest, _, document = rest.partition(b" ")
        if sha256(document).encode() != digest:
            skipped["torn" if not line.endswith(b"\n") else "unreadable"] += 1
            continue
        whole += 1
        try:
            _take(kind.decode(errors="replace"), digest.decode(), document, into)
        except _Unknown:
            skipped["unknown"] += 1
        except BtError:
            skipped["unreadable"] += 1
    into.notices.extend(_said(skipped, what))
    return whole > 0 or not data


class _Unknown(Exception):
    """A line of a later git-bt."""


_MESSAGES = {
    "torn": "the last line is torn: its process was killed in the middle of a run",
    "unreadable": "{} cannot be read and {} skipped: the disk was full, or the file is damaged",
    "unknown": "{} of a kind or version that this git-bt does not know {} skipped: upgrade git-bt",
}


def _said(skipped: Counter[str], what: str) -> Iterator[Notice]:
    for kind, count in sorted(skipped.items()):
        counted = ("1 line", "was") if count == 1 else (f"{count} lines", "were")
        message = f"{what}: " + _MESSAGES[kind].format(*counted)
        yield Notice(kind=f"spool_{kind}", message=message, path=what)


def _lines(data: bytes) -> Iterator[bytes]:
    """Yield the lines with their newlines; a blank one parts what a full disk cut short."""
    for line in data.split(b"\n")[:-1]:
        if line:
            yield line + b"\n"
    last = data.rpartition(b"\n")[2]
    if last:
        yield last


def _take(kind: str, digest: str, document: bytes, into: Spooled) -> None:
    value = as_object(decode_json(document, kind), kind)
    if kind not in KINDS or get_field(value, "version", int, kind) > VERSION:
        raise _Unknown
    check_version(value, kind)
    if kind == "code":
        captured = _code(value)
        into.codes[snapshot_id(captured.snapshot)] = captured
    elif kind == "sweep":
        into.sweeps[digest] = decode_sweep(document)
    elif kind == "environment":
        into.environments[digest] = decode_surroundings(document)
    else:
        into.runs[digest] = decode_sweep_run(document)


def _code(value: dict[str, Any]) -> Captured:
    """Return a snapshot with its bytes, each proved against its digest."""
    snapshot = decode_snapshot(get_field(value, "snapshot", str, "code").encode())
    check_paths(snapshot.files)
    texts: dict[str, Any] = get_field(value, "content", dict, "code")
    try:
        content = {path: b64decode(text, validate=True) for path, text in texts.items()}
    except (ValueError, TypeError) as e:
        raise Corrupt(f"code: {e}") from e
    proved = {path: (sha256(data), len(data)) for path, data in content.items()}
    if proved != {path: (m.sha256, m.size) for path, m in snapshot.files.items()}:
        raise Corrupt("code: its bytes are not those of its snapshot")
    return Captured(snapshot=snapshot, content={path: Data(data) for path, data in content.items()})
