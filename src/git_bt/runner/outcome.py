"""How a run ended: its output when that is canonical, else what to call the failure.

Nothing here waits or kills. What the child says in done.json is believed only with its nonce, and
what it wrote only when our own encoder would have written the same bytes.
"""

import errno
import os
import re
import signal
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from git_bt.canonical import decode_json, encode_json, sha256
from git_bt.errors import Corrupt
from git_bt.model import EngineVersion, Environment, Output
from git_bt.tables import COLUMNS, check_table

TAIL_LINES = 20
TAIL_BYTES = 8192
MAX_DONE = 1 << 20
FAILURE = ("kind", "message")
RAN_ON = ("python", "platform")
CRASHES = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSYS", "SIGTRAP")
TAIL_WIDTH = 500
TRACE = re.compile(r"run\.floxrun/(manifest\.json|[a-z]+-\d{6}\.bin)")


def how_it_ended(code: int) -> dict[str, str]:
    """Return kind, message and hint of an end without done.json."""
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = "the strategy, or somebody outside, sent that signal"
        if name == "SIGKILL":
            hint = "out of memory?"
        elif name in CRASHES:
            hint = "a crash in native code"
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
        value = decode_json(_read_end(path, MAX_DONE), "done.json")
    except (OSError, Corrupt):
        return None
    if not isinstance(value, dict) or value.get("nonce") != nonce:
        return None
    failure, ran_on = value.get("failure"), value.get("environment")
    is_sound = failure is None or _is_told(failure, FAILURE)
    if not is_sound or not isinstance(ran_on, dict) or not _is_told(ran_on.get("packages"), ()):
        return None
    return value if _is_told({**ran_on, "packages": None}, RAN_ON) else None


def _is_told(value: Any, keys: Iterable[str]) -> bool:
    """Tell whether a value is an object of texts that has these keys; others may be None."""
    return isinstance(value, dict) and all(
        isinstance(value.get(key), str)
        for key in (*keys, *(key for key, said in value.items() if said is not None))
    )


def _read_end(path: Path, size: int) -> bytes:
    """Return the last bytes of a file; the run may have put anything in its place.

    Raises:
        OSError: not there, or a pipe, a device, a link.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "no regular file", str(path))
        os.lseek(fd, max(0, os.fstat(fd).st_size - size), os.SEEK_SET)
        return os.read(fd, size)
    finally:
        os.close(fd)


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
    try:
        paths = sorted(_regular_files(folder))
    except OSError as e:
        raise Corrupt(f"the run's output cannot be read: {e.strerror}") from e
    for path in paths:
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
        check_table(data, name)
    elif name == "summary.json" and encode_json(decode_json(data, name)) != data:
        raise Corrupt(f"{name}: not in canonical form")


def _regular_files(folder: Path, *, below: str = "") -> Iterator[Path]:
    for path in folder.iterdir():
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode) and not below:  # deeper ones hold no output
            yield from _regular_files(path, below=path.name)
        elif stat.S_ISREG(mode):
            yield path
        else:
            raise Corrupt(f"the run wrote {path.name!r:.100}, which is no file")


_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")


def one_line(text: str) -> str:
    """Return what a strategy said, or is called, as one line without control characters."""
    return " ".join(_ESCAPES.sub("", text).split())


def read_tail(path: Path) -> str:
    """Return the last lines that a run printed, without colours and control characters."""
    try:
        text = _read_end(path, TAIL_BYTES).decode(errors="replace")
    except OSError:
        return ""
    lines = _ESCAPES.sub("", text).splitlines()[-TAIL_LINES:]
    return "\n".join(line[:TAIL_WIDTH] for line in lines)
