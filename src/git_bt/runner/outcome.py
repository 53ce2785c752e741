"""How a run ended: its output when that is canonical, else what to call the failure.

Nothing here waits or kills. What the child says in done.json is believed only with its nonce, and
what it wrote only when our own encoder would have written the same bytes.
"""

import os
import re
import signal
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from git_bt.canonical import COLUMNS, decode_json, decode_table, encode_json, sha256
from git_bt.errors import Corrupt
from git_bt.model import EngineVersion, Environment, Output

TAIL_LINES = 20
TAIL_BYTES = 8192
TRACE = re.compile(r"run\.floxrun/(manifest\.json|[a-z]+-\d{6}\.bin)")


def how_it_ended(code: int) -> dict[str, str]:
    """Return kind, message and hint of an end without done.json."""
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = "out of memory?" if name == "SIGKILL" else "a crash in native code"
        return {"kind": "killed", "message": f"killed by {name}", "hint": hint}
    return {
        "kind": "no-result",
        "message": f"ended with exit code {code} and without a result",
        "hint": "a strategy must not end the process",
    }


def file_to_add(
    told: Mapping[str, Any], entry_point: str, files: Path, exists: Callable[[str], bool]
) -> str | None:
    """Return the path of the missing module or data file that the project has, else None.

    Args:
        told: what the child says: `module`, a dotted name, or `file`, an absolute path.
        entry_point: path from the project root.
        files: where the snapshot stood.
        exists: tells whether the project has a path.
    """
    if isinstance(told.get("file"), str):
        path = Path(told["file"])
        if not path.is_relative_to(files):
            return None
        found = path.relative_to(files).as_posix()
        return found if exists(found) else None
    if not isinstance(told.get("module"), str):
        return None
    name = told["module"].replace(".", "/")
    folder = Path(entry_point).parent.as_posix()
    for base in dict.fromkeys((folder, ".", "src")):
        prefix = "" if base == "." else f"{base}/"
        for candidate in (f"{name}.py", f"{name}/__init__.py", name):
            if exists(prefix + candidate):
                return prefix + candidate + ("/**" if candidate == name else "")
    return None


def read_done(path: Path, nonce: str) -> Mapping[str, Any] | None:
    """Return what the child said last, or None where it is not the child's word."""
    try:
        value = decode_json(path.read_bytes(), "done.json")
    except (OSError, Corrupt):
        return None
    return value if isinstance(value, dict) and value.get("nonce") == nonce else None


def read_environment(said: Mapping[str, Any] | None, engine: EngineVersion) -> Environment | None:
    """Return what a run ran on, from what the child said."""
    if not said:
        return None
    return Environment(
        python=said["python"],
        engine=engine,
        packages=said["packages"],
        platform=said["platform"],
    )


def read_output(folder: Path, known: Mapping[str, str]) -> Output:
    """Return what a run wrote, by path below its output folder, proved to be canonical.

    Args:
        folder: where the run wrote.
        known: sha256 by name of what was proved before (42,000 rows take 0.2 s).

    Raises:
        Corrupt: a file that no engine may give, or one that is not canonical.
    """
    output: dict[str, bytes] = {}
    for path in sorted(_regular_files(folder)):
        name = path.relative_to(folder).as_posix()
        if name not in COLUMNS and name != "summary.json" and not TRACE.fullmatch(name):
            raise Corrupt(f"the run wrote {name!r:.100}, which is no output")
        data = path.read_bytes()
        if known.get(name) != sha256(data):
            _prove(name, data)
        output[name] = data
    if not output:
        raise Corrupt("the run wrote no output")
    return output


def _prove(name: str, data: bytes) -> None:
    if name in COLUMNS:
        decode_table(data, name)
    elif name == "summary.json" and encode_json(decode_json(data, name)) != data:
        raise Corrupt(f"{name}: not in canonical form")


def _regular_files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            yield from _regular_files(path)
        elif stat.S_ISREG(mode):
            yield path
        else:
            raise Corrupt(f"the run wrote {path.name!r:.100}, which is no file")


_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")


def read_tail(path: Path) -> str:
    """Return the last lines that a run printed, without colours and control characters."""
    try:
        with path.open("rb") as f:
            f.seek(max(0, f.seek(0, os.SEEK_END) - TAIL_BYTES))
            text = f.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(_ESCAPES.sub("", text).splitlines()[-TAIL_LINES:])
