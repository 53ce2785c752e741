"""Values to canonical bytes and back: JSON, tables as CSV, and the digests over them.

One value has one encoding, so equal meaning is equal bytes and a digest of them is an id. Reading
is strict: what our own encoder would not have written is refused with its place. Which fields a
manifest or a note has is `records.py`; here are only the grammars (docs/reference/formats/).
"""

import csv
import hashlib
import io
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, cast

from git_bt.comparison import Table
from git_bt.errors import Corrupt
from git_bt.model import Members, Value

MAX_DEPTH = 64
MAX_DIGITS = 40
PROGRAM = "program:"  # before the name of what is no distribution among packages

INTEGER_COLUMNS = frozenset({"seq", "ts_ns", "order"})
FLOAT_COLUMNS = frozenset(
    {
        "price", "quantity", "fee", "equity", "trigger_price", "trailing_offset", "trailing_bps",
        "new_price", "new_quantity",
    }
)  # fmt: skip
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "fills.csv": ("seq", "ts_ns", "symbol", "side", "price", "quantity", "fee"),
    "orders.csv": (
        "seq", "ts_ns", "order", "symbol", "side", "type", "price", "quantity", "trigger_price",
        "trailing_offset", "trailing_bps",
    ),
    "signals.csv": (
        "seq", "ts_ns", "order", "symbol", "side", "type", "price", "quantity", "trigger_price",
        "trailing_offset", "trailing_bps", "new_price", "new_quantity",
    ),
    "equity.csv": ("ts_ns", "equity"),
}  # fmt: skip
"""The columns of each table that a run may give."""


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


# -- tables ---------------------------------------------------------------------------------------


def encode_table(columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> bytes:
    """Encode rows as canonical CSV: header, newlines, floats by repr, None as nothing.

    Raises:
        Corrupt: a float is NaN or infinite, or a text has a carriage return (which releases of
            Python quote differently) or is not Unicode.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    try:
        return text.getvalue().encode()
    except UnicodeEncodeError as e:
        raise Corrupt("a table cannot hold half of a surrogate pair") from e


def _cell(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Corrupt(f"a table cannot hold {value!r}")
        return repr(value)
    if isinstance(value, str) and "\r" in value:
        raise Corrupt(f"a table cannot hold {value!r:.60}")
    return str(value)


def decode_table(data: bytes, name: str) -> Table:
    """Decode the canonical CSV of one output.

    Args:
        data: the bytes.
        name: the file's name, a key of COLUMNS.

    Raises:
        Corrupt: other columns, a field that does not parse, or bytes that the encoder would not
            have written; the line is named.
    """
    columns = COLUMNS[name]
    cells = _plain_cells(columns, data)
    if cells is not None:
        values = map(_values, _kinds(columns), cells)
        return Table(columns=columns, rows=tuple(zip(*values, strict=True)))
    try:
        reader = csv.reader(io.StringIO(data.decode(), newline=""), strict=True)
        lines = list(reader)
    except (UnicodeDecodeError, csv.Error) as e:
        raise Corrupt(f"{name}: {e}") from e
    if not lines or tuple(lines[0]) != columns:
        raise Corrupt(f"{name}: line 1: the columns must be {','.join(columns)}")
    rows = _typed(columns, lines[1:])
    if rows is None or b"\r" in data or _written(columns, rows) != data:
        raise _fault(columns, lines, name)
    return Table(columns=columns, rows=rows)


def check_table(data: bytes, name: str) -> None:
    """Refuse what `decode_table` refuses, without making its rows.

    Raises:
        Corrupt: see there.
    """
    if _plain_cells(COLUMNS[name], data) is None:
        decode_table(data, name)


def _plain_cells(columns: Sequence[str], data: bytes) -> list[list[str]] | None:
    """Return the cells, by column, of a canonical table that needs no quotes; None: parse it.

    A quarter of the time that parsing it and writing it again takes.
    """
    head, _, body = data.partition(b"\n")
    if head != ",".join(columns).encode() or b'"' in body or b"\r" in body:
        return None
    try:
        *lines, end = body.decode().split("\n")
    except UnicodeDecodeError:
        return None
    if end or not data.endswith(b"\n"):
        return None
    if {line.count(",") for line in lines} - {len(columns) - 1}:
        return None
    flat = ",".join(lines).split(",") if lines else []
    cells = [flat[at :: len(columns)] for at in range(len(columns))]
    return cells if all(map(_is_canonical, _kinds(columns), cells)) else None


def _is_canonical(kind: Callable[[str], Value], cells: list[str]) -> bool:
    if kind is str:
        return True
    sample = cells[:64]
    if "" in cells or len(set(sample)) < len(sample) // 2:  # few distinct cells: each once
        cells = list(set(cells) - {""})
    try:
        values = list(map(kind, cells))
    except ValueError:
        return False
    is_finite = kind is int or all(map(math.isfinite, cast("list[float]", values)))
    return is_finite and list(map(repr, values)) == cells


def _values(kind: Callable[[str], Value], cells: list[str]) -> Sequence[Value]:
    if kind is not str and "" in cells:
        return [kind(cell) if cell else None for cell in cells]
    return cells if kind is str else list(map(kind, cells))


def _kinds(columns: Sequence[str]) -> list[Callable[[str], Value]]:
    return [int if c in INTEGER_COLUMNS else float if c in FLOAT_COLUMNS else str for c in columns]


def _typed(columns: Sequence[str], body: list[list[str]]) -> tuple[tuple[Value, ...], ...] | None:
    """Convert column by column, which is faster than cell by cell; None: this is no table."""
    if not body:
        return ()
    if set(map(len, body)) != {len(columns)}:
        return None
    typed: list[Sequence[Value]] = []
    for kind, cells in zip(_kinds(columns), zip(*body, strict=True), strict=True):
        full = [cell for cell in cells if cell] if "" in cells else cells
        try:
            column = list(map(kind, full))
        except ValueError:
            return None
        if kind is float and not all(map(math.isfinite, cast("list[float]", column))):
            return None
        if kind is not str and len(full) != len(cells):
            present = iter(column)
            column = [next(present) if cell else None for cell in cells]
        typed.append(cells if kind is str else column)
    return tuple(zip(*typed, strict=True))


def _written(columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> bytes:
    """Return what `encode_table` writes of rows that need no checks."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode()


def _fault(columns: Sequence[str], lines: list[list[str]], name: str) -> Corrupt:
    """Say where a table is not one: only now is it worth looking at each cell."""
    for number, cells in enumerate(lines[1:], start=2):
        where = f"{name}: line {number}"
        if len(cells) != len(columns):
            return Corrupt(f"{where}: {len(cells)} fields, not {len(columns)}")
        for kind, cell in zip(_kinds(columns), cells, strict=True):
            try:
                _cell(cell if kind is str else kind(cell) if cell else None)
            except (ValueError, Corrupt) as e:
                return Corrupt(f"{where}: {e}")
    return Corrupt(f"{name}: not in canonical form (floats by repr, \\n at each line's end)")


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
