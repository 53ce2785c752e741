"""The nouns of git-bt as frozen dataclasses, and the verdicts.

Flat data only: no method here reads a file, starts a process or computes an id. Stored bytes and
ids are `canonical.py` and `records.py`; where bytes come from is a `Source`.

Paths are POSIX, relative, valid UTF-8, never normalised. Times are integer nanoseconds since the
epoch (UTC). Sizes are bytes. Digests are lower-case sha256 in hex.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, NewType, Protocol

from git_bt.errors import ExitCode

Oid = NewType("Oid", str)
"""A git object id in hex: 40 digits, or 64 in a sha256 repository."""

Value = str | int | float | None
"""One field of a row."""

REGULAR = "100644"
EXECUTABLE = "100755"


class Verdict(StrEnum):
    """What a validation found; the words and exit codes are promised to users."""

    REPRODUCED = "reproduced"
    WITHIN_TOLERANCE = "within-tolerance"
    EXTENDED = "extended"
    DIVERGED = "diverged"
    NONDETERMINISTIC = "nondeterministic"
    FAILED = "failed"
    INCOMPLETE = "incomplete"
    CORRUPT = "corrupt"

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of a command that ends with this verdict."""
        if self in (Verdict.INCOMPLETE, Verdict.CORRUPT):
            return ExitCode.CANNOT_JUDGE
        if self in (Verdict.DIVERGED, Verdict.NONDETERMINISTIC, Verdict.FAILED):
            return ExitCode.DIFFERS
        return ExitCode.OK


# -- bytes and where they are ---------------------------------------------------------------------


class Source(Protocol):
    """Where the bytes of a file are; they are read only when asked for."""

    def read(self) -> bytes:
        """Return all bytes."""
        ...

    def chunks(self) -> Iterator[bytes]:
        """Yield all bytes piece by piece: a tape may be larger than memory."""
        ...


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes in memory."""

    data: bytes

    def read(self) -> bytes:
        """Return all bytes."""
        return self.data

    def chunks(self) -> Iterator[bytes]:
        """Yield all bytes at once."""
        yield self.data


@dataclass(frozen=True, slots=True)
class OnDisk:
    """Bytes of a file on disk, exactly as they lie there."""

    path: Path

    def read(self) -> bytes:
        """Return all bytes."""
        return self.path.read_bytes()

    def chunks(self) -> Iterator[bytes]:
        """Yield all bytes, a megabyte at a time."""
        with self.path.open("rb") as file:
            while piece := file.read(1 << 20):
                yield piece


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file of a strategy, a tape or a bundle, known by its digest."""

    sha256: str
    size: int
    mode: str = REGULAR


Members = Mapping[str, Member]
"""Path to member."""

Content = Mapping[str, Source]
"""Path to bytes. A path of the members that is missing here is known by digest only."""


# -- what a strategy is ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something a person should know, that stops nothing; `kind` is a stable word."""

    kind: str
    message: str
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far a number may be from the expected one: |a - e| <= atol + rtol * |e|."""

    rtol: float = 0.0
    atol: float = 0.0


Tolerances = Mapping[str, Tolerance]
"""Field (price, quantity, fee or equity) to tolerance; a field not named is exact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """What is to be captured and run, from strategy.yaml and the options of the command.

    `name` is the path from the repository's top (`.` for the top itself); `root` is the project
    root, from the top (`.` likewise); `entry_point` and `files` are relative to `root`. `tape` is
    relative to the top where it lies inside the repository, else absolute. `files` None means: the
    entry point and the local modules it imports.
    """

    name: str
    root: str
    entry_point: str
    engine: str | None = None
    files: tuple[str, ...] | None = None
    tape: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    compare: Tolerances = field(default_factory=dict)
    python: str | None = None
    command: tuple[str, ...] | None = None
    build: tuple[str, ...] | None = None
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The strategy's files as they were, and how they were found."""

    entry_point: str
    method: str  # yaml | imports | entry_point
    files: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """A snapshot together with its bytes and what was noticed on the way."""

    snapshot: Snapshot
    content: Content
    notices: tuple[Notice, ...] = ()


class TapeState(StrEnum):
    """How a commit knows a tape, and whether what lies on disk is what it knows."""

    TRACKED = "tracked"  # by git's own blobs, or LFS pointers
    PINNED = "pinned"  # by its `.tape` file, and the bytes here are those
    CHANGED = "changed"  # pinned, and the bytes here are others
    MISSING = "missing"  # pinned, and not here
    UNPINNED = "unpinned"  # by nothing: only what lies on disk now


@dataclass(frozen=True, slots=True, kw_only=True)
class Tape:
    """The market data of a run: members by path inside the tape.

    `place` is the file or directory on disk when the bytes there are exactly the members';
    then a run reads it in place. Otherwise the content is written out for the run. `state` is None
    where nobody asked git.
    """

    members: Members
    content: Content
    place: Path | None = None
    state: TapeState | None = None


# -- bundle ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineVersion:
    """An engine by its adapter's name and its distribution's version."""

    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a bundle is: every member by digest. Its canonical bytes give the bundle id.

    Members lie under strategy/, tape/, output/ and foreign/, plus config.json. `command` and
    `build` are argument vectors of engines that run programs.
    """

    engine: EngineVersion
    inputs: str
    entry_point: str
    config: Mapping[str, Any]
    members: Members
    command: tuple[str, ...] | None = None
    build: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A manifest and the bytes of its members, as far as they are at hand."""

    id: str
    manifest: Manifest
    content: Content


# -- runs -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What a run ran on. `packages` are the distributions that the run loaded."""

    python: str  # full version, 3.11.7
    engine: EngineVersion
    packages: Mapping[str, str]
    platform: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a run gave no result.

    `kind`: raised, timeout, memory, killed, no-result, work-tree-module, tape-changed, bad-output
    (verdict failed); tape-corrupt (corrupt); tape-missing, engine-missing (incomplete).
    """

    kind: str
    message: str
    hint: str | None = None
    tail: str = ""  # the last lines that the run printed

    @property
    def verdict(self) -> Verdict:
        """The verdict that follows from this failure."""
        if self.kind == "tape-corrupt":
            return Verdict.CORRUPT
        if self.kind in ("tape-missing", "engine-missing"):
            return Verdict.INCOMPLETE
        return Verdict.FAILED


Output = Mapping[str, bytes]
"""What a run gave: file name below output/ (fills.csv, summary.json, …) to canonical bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of one run: its output, or why there is none."""

    output: Output | None
    failure: Failure | None
    environment: Environment | None
    elapsed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One execution of a bundle: who, when, where, on what, with which verdict."""

    bundle: str
    inputs: str
    environment: str
    strategy: str
    verdict: Verdict
    kind: str  # pack | validate | accept
    when_ns: int
    elapsed_ms: int
    runs: int
    isolation: str
    engine: EngineVersion
    python: str
    platform: str
    packages: Mapping[str, str]
    author: str
    compare: Tolerances = field(default_factory=dict)
    reason: str | None = None
    replaces: str | None = None

    @property
    def is_test(self) -> bool:
        """Whether it held an output against another: all do, but a pack of one run."""
        return self.kind != "pack" or self.runs > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteLine:
    """One result in the notes of a commit.

    `origin` is where it was taken from when that was not a repository we share with: a fork.
    """

    strategy: str
    inputs: str
    bundle: str
    run: str
    verdict: Verdict
    kind: str  # measured | inherited | accepted
    replaces: str | None = None
    origin: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeLine:
    """The code of a strategy that has nothing to run, in the notes of a commit."""

    strategy: str
    snapshot: str
    kind: str = "captured"
