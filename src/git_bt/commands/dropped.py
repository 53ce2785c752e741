"""What the processes of a command left behind for us (`live/drop.py`), as our own values.

Every file here was written by a stranger's process: a line that cannot be read is skipped and said.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from git_bt.canonical import sha256
from git_bt.capture.running import capture_running
from git_bt.live.found import Detection, Note
from git_bt.live.places import project_root
from git_bt.model import Captured, Data, Member, Notice

ROWS = ("fills.csv", "equity.csv", "summary.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One kind of code that ran, and what it ran on. `root` is None where no file was found.

    `started` is what `live.program.started` told of the program, None likewise.
    """

    captured: Captured
    root: Path | None
    context: str
    confidence: float
    argv: tuple[str, ...]
    cwd: Path
    environment: Mapping[str, Any]
    started: Mapping[str, Any] | None

    @property
    def entry_point(self) -> str | None:
        """The entry point from the root, None without one."""
        return self.captured.snapshot.entry_point or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of the engine; `rows` is the folder of its rows, where they were kept.

    `process` is unlike for any two processes.
    """

    code: Code
    process: str
    engine: str
    started_ns: int
    elapsed_ns: int
    params: Mapping[str, Any]
    metrics: Mapping[str, Any]
    error: str | None
    rows: Path | None


@dataclass(slots=True)
class Dropped:
    """Everything that a command left; `had_recording`: it recorded runs of its own."""

    runs: list[Run] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    had_python: bool = False
    had_recording: bool = False


def make_drop(folder: Path) -> Path:
    """Make the folder that processes write into."""
    for name in ("files", "rows"):
        (folder / name).mkdir(parents=True)
    return folder


def read_drop(folder: Path) -> Dropped:
    """Return what was left, in the order of each process."""
    found = Dropped(
        had_python=any(folder.glob("python-*")), had_recording=any(folder.glob("recorded-*"))
    )
    known: dict[str, Code] = {}
    for path in sorted(folder.glob("*.jsonl")):
        codes: dict[int, Code] = {}
        for line in path.read_bytes().splitlines():
            try:
                _read(folder, path.stem, json.loads(line), codes, known, found)
            except (ValueError, KeyError, TypeError) as e:
                message = f"a line of {path.name} cannot be read: {type(e).__name__}"
                found.notices.append(Notice(kind="detection_failed", message=message))
    noticed = (notice for code in known.values() for notice in code.captured.notices)
    found.notices += dict.fromkeys(noticed)
    return found


def _read(
    folder: Path,
    process: str,
    value: dict[str, Any],
    codes: dict[int, Code],
    known: dict[str, Code],
    found: Dropped,
) -> None:
    if value["kind"] == "code":
        key = json.dumps({k: v for k, v in value.items() if k != "code"}, sort_keys=True)
        codes[value["code"]] = known[key] = known.get(key) or _code(folder, value)
        return
    rows = value["rows"]
    found.runs.append(
        Run(
            code=codes[value["code"]],
            process=process,
            engine=str(value["engine"]),
            started_ns=int(value["started_ns"]),
            elapsed_ns=int(value["elapsed_ns"]),
            params=dict(value["params"]),
            metrics=dict(value["metrics"]),
            error=None if value["status"] == "ok" else str(value["error"]),
            rows=None if rows is None else folder / "rows" / Path(rows).name,
        )
    )


def _code(folder: Path, value: dict[str, Any]) -> Code:
    warnings = tuple(Note(*warning) for warning in value["warnings"])
    detection = Detection(
        value["file"],
        value["method"],
        value["confidence"],
        value["context"],
        warnings,
        cells=value["cells"],
    )
    root = None if value["file"] is None else Path(project_root(value["file"]))
    captured = capture_running(detection, mode="imports", with_loaded=False, cwd=Path(value["cwd"]))
    if root is not None:
        captured = _as_it_was(folder, captured, root, value["files"])
    return Code(
        captured=captured,
        root=root,
        context=detection.execution_context,
        confidence=detection.confidence,
        argv=tuple(map(str, value["argv"])),
        cwd=Path(value["cwd"]),
        environment=value["environment"],
        started=value["started"],
    )


def _as_it_was(folder: Path, captured: Captured, root: Path, kept: Mapping[str, str]) -> Captured:
    """Put the bytes that were there when the run began in the place of what lies there now."""
    members, content = dict(captured.snapshot.files), dict(captured.content)
    notices = list(captured.notices)
    for name, digest in kept.items():
        place = Path(name)
        if not place.is_relative_to(root):
            continue
        path = place.relative_to(root).as_posix()
        if captured.snapshot.method == "yaml" and path not in members:
            continue
        data = (folder / "files" / Path(digest).name).read_bytes()
        if sha256(data) != digest:
            raise ValueError(f"the bytes kept of {path} are not those of its digest")
        if path in members and members[path].sha256 != digest:
            message = f"{path} was changed while the command ran; what began to run is captured"
            notices.append(Notice(kind="source_changed_since_load", message=message, path=path))
        mode = members[path].mode if path in members else Member(sha256="", size=0).mode
        members[path] = Member(sha256=digest, size=len(data), mode=mode)
        content[path] = Data(data)
    snapshot = replace(captured.snapshot, files=dict(sorted(members.items())))
    return Captured(snapshot=snapshot, content=content, notices=tuple(notices))
