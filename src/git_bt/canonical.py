"""Values to canonical bytes and back: JSON, and the digests over it.

One value has one encoding, so equal meaning is equal bytes and a digest of them is an id. Reading
is strict: what our own encoder would not have written is refused with its place. Which fields a
manifest or a note has is `records.py`, the tables of an output are `tables.py`; here is only the
grammar (docs/reference/formats/).
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from git_bt.errors import Corrupt
from git_bt.model import Members

MAX_DEPTH = 64
MAX_DIGITS = 40
PROGRAM = "program:"  # before the name of what is no distribution among packages


def sha256(data: bytes) -> str:
    """Return the lower-case hex sha256 of bytes."""
    return hashlib.sha256(data).hexdigest()


# -- JSON -----------------------------------------------------------------------------------------


def encode_json(value: Any) -> bytes:
    """Encode a value as canonical JSON: sorted keys, no blanks, UTF-8, one newline at the end.

    Raises:
        Corrupt: the value holds NaN, an infinity, or text that is not Unicode.
    """
    try:
        text = json.dumps(
            value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
        return (text + "\n").encode()
    except ValueError as e:
        raise Corrupt(f"cannot be written as JSON: {e}") from e


def decode_json(data: bytes, what: str) -> Any:
    """Decode JSON strictly, whoever wrote it.

    Args:
        data: UTF-8 bytes, without a byte order mark.
        what: how messages name the bytes, such as a file name.

    Raises:
        Corrupt: not UTF-8 or not JSON, a duplicate key, NaN or an infinity, a number too large to
            hold, or nesting deeper than MAX_DEPTH.
    """
    strict = _Strict(what)
    try:
        value = json.loads(
            data.decode(),
            object_pairs_hook=strict.pairs,
            parse_int=strict.whole,
            parse_float=strict.real,
            parse_constant=strict.constant,
        )
        _check_value(value, what, depth=0)
    except UnicodeDecodeError as e:
        raise Corrupt(f"{what}: not UTF-8 at byte {e.start}") from e
    except json.JSONDecodeError as e:
        raise Corrupt(f"{what}: line {e.lineno}, column {e.colno}: {e.msg}") from e
    except RecursionError as e:
        raise Corrupt(f"{what}: nested deeper than {MAX_DEPTH}") from e
    return value


@dataclass(frozen=True, slots=True)
class _Strict:
    """The hooks that make Python's JSON reader refuse what JSON does not pin down."""

    what: str

    def pairs(self, items: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in items:
            if key in found:
                raise Corrupt(f"{self.what}: key {key!r:.60} stands twice")
            found[key] = value
        return found

    def whole(self, text: str) -> int:
        digits = len(text.removeprefix("-"))
        if digits > MAX_DIGITS:
            raise Corrupt(f"{self.what}: number of {digits} digits")
        return int(text)

    def real(self, text: str) -> float:
        number = float(text)
        if not math.isfinite(number):
            raise Corrupt(f"{self.what}: number {text[:MAX_DIGITS]} is too large")
        return number

    def constant(self, word: str) -> NoReturn:
        raise Corrupt(f"{self.what}: {word} is not JSON")


def _check_value(value: Any, what: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Corrupt(f"{what}: nested deeper than {MAX_DEPTH}")
    if isinstance(value, str):
        if not value.isascii():
            _check_text(value, what)
    elif isinstance(value, list):
        for item in value:
            _check_value(item, what, depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key, what)
            _check_value(item, what, depth + 1)


def _check_text(text: str, what: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as e:
        raise Corrupt(f"{what}: half of a surrogate pair in {text!r:.40}") from e


def normalise(value: Any) -> Any:
    """Make equal numbers equal: a float that is whole becomes an int (5.0 is 5, -0.0 is 0).

    Used on a config before it enters an id. Floats of 2**53 and more stay: they are not exact.
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, Mapping):
        return {key: normalise(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [normalise(item) for item in value]
    return value


# -- ids ------------------------------------------------------------------------------------------


def tape_sha256(members: Members) -> str:
    """Return FLOX's digest of a directory; a single file counts as a directory of one.

    sha256 over `path NUL hex-sha256 LF` of each file, in the order of pathlib: by path components,
    so that `a/b` stands before `a-x` (lrvx.bundle._sha256_dir).
    """
    digest = hashlib.sha256()
    for path in sorted(members, key=lambda p: p.split("/")):
        digest.update(path.encode() + b"\0" + members[path].sha256.encode() + b"\n")
    return digest.hexdigest()


def inputs_id(
    *,
    engine: str,
    entry_point: str,
    files: Members,
    tape: str,
    config: Mapping[str, Any],
    command: Sequence[str] | None = None,
    build: Sequence[str] | None = None,
) -> str:
    """Return the id of what goes into a run.

    Args:
        engine: the adapter's name; its version is no input.
        entry_point: path from the project root.
        files: the strategy's files by path from the project root.
        tape: digest of the tape, see `tape_sha256`.
        config: complete with the adapter's defaults; numbers are normalised here.
        command: argument vector of an engine that runs a program.
        build: argument vector of its build step.
    """
    value: dict[str, Any] = {
        "engine": engine,
        "entry_point": entry_point,
        "files": {p: {"mode": m.mode, "sha256": m.sha256} for p, m in files.items()},
        "tape": tape,
        "config": normalise(config),
    }
    if command is not None:
        value["command"] = list(command)
    if build is not None:
        value["build"] = list(build)
    return sha256(encode_json(value))


def environment_id(python: str, engine_version: str, packages: Mapping[str, str]) -> str:
    """Return the id of what a run ran on: python X.Y, the engine, the loaded distributions."""
    short = ".".join(python.split(".")[:2])
    loaded = distributions_of(packages)
    return sha256(encode_json({"python": short, "engine": engine_version, "packages": loaded}))


def distributions_of(packages: Mapping[str, str]) -> dict[str, str]:
    """Return packages without the programs that a run started.

    A program is known by its bytes, which are others on every machine: that a result is known of
    an environment must not hang on them.
    """
    return {name: v for name, v in packages.items() if not name.startswith(PROGRAM)}
