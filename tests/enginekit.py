"""Builders for tests of engines that run the user's own function or program."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from floxkit import tape_at
from git_bt.canonical import sha256
from git_bt.interpreters import Interpreter, Wanted, find_interpreter, load_adapter
from git_bt.model import EXECUTABLE, Data, Member, Outcome
from git_bt.runner import Job, start

GOOG = "date,close\n2024-01-02,10\n2024-01-03,12\n2024-01-04,11\n"


def job(
    files: Mapping[str, str],
    tape: Path,
    *,
    entry_point: str | None = None,
    config: Mapping[str, Any] | None = None,
    command: Sequence[str] | None = None,
    build: Sequence[str] | None = None,
    executable: Sequence[str] = (),
    **more: Any,
) -> Job:
    """Return a job of some files by name and text, the first one the entry point."""
    content = {path: Data(text.encode()) for path, text in files.items()}
    modes = {path: {"mode": EXECUTABLE} for path in executable}
    return Job(
        members={
            path: Member(sha256=sha256(s.data), size=len(s.data), **modes.get(path, {}))
            for path, s in content.items()
        },
        content=content,
        entry_point=entry_point or next(iter(files)),
        tape=tape_at(tape),
        config=config or {},
        command=None if command is None else tuple(command),
        build=None if build is None else tuple(build),
        **more,
    )


def run(engine: str, job: Job, interpreter: Interpreter | None = None) -> Outcome:
    """Run a job in one child."""
    adapter = load_adapter(engine)
    with start(interpreter or find_interpreter(adapter, Wanted(), {}), adapter) as child:
        return child.run(job)
