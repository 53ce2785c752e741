"""A program that calls its engine itself, as the engine `script` runs it again.

What `git bt run` packs and what `git bt sweep promote` runs again is the same: the code from the
folder that holds program and tape, and how the program was started as config.
"""

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from git_bt.capture.strategy import read_strategy
from git_bt.commands.workspace import Workspace
from git_bt.engines.script import NAME, complete
from git_bt.errors import BtError, Incomplete, Usage
from git_bt.model import Captured, Strategy
from git_bt.store import Store
from git_bt.sweep_records import SweepRun, Swept, sweep_run_id

PROGRAMS = ("lrvx", "rustybt")
"""Engines that are watched in programs, and have no adapter of their own."""

ALONE = "git bt run --tape PATH -- python …"
"""How a bundle is made of a setting that promote cannot start by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """How a program was started: `root` of its project, `cwd`, its words without its own name.

    `module` is its name where `python -m` started a module of a package.
    """

    root: Path
    cwd: Path
    argv: Sequence[str] = ()
    module: str | None = None


def find_top(program: Program, tape: Path, repository: Path) -> Path | None:
    """Return the folder that holds a program and its tape: the project's, else the repository's."""
    for top in (program.root, repository):
        if all(p.is_relative_to(top) for p in (tape, program.cwd, program.root)):
            return top
    return None


def as_script(
    program: Program, captured: Captured, tape: Path, top: Path
) -> tuple[Captured, dict[str, Any]]:
    """Return the code with its paths from `top`, and the config of the engine script.

    Args:
        program: how it was started.
        captured: its code, from the root of its project.
        tape: where the program looks for it.
        top: a folder that holds both.
    """
    prefix = program.root.relative_to(top)
    snapshot = replace(
        captured.snapshot,
        entry_point=(prefix / captured.snapshot.entry_point).as_posix(),
        files={(prefix / p).as_posix(): m for p, m in captured.snapshot.files.items()},
    )
    content = {(prefix / p).as_posix(): source for p, source in captured.content.items()}
    config = complete(
        {
            "argv": list(program.argv),
            "cwd": program.cwd.relative_to(top).as_posix(),
            "module": program.module,
            "tape": tape.relative_to(top).as_posix(),
        }
    )
    return replace(captured, snapshot=snapshot, content=content), config


# -- a run of a sweep -----------------------------------------------------------------------------


def find_strategy(
    workspace: Workspace, swept: Swept, captured: Captured, named: str | None = None
) -> Strategy:
    """Return what the work tree says of a sweep's strategy; its files are the snapshot's."""
    files = tuple(sorted(captured.snapshot.files))
    if named is not None:
        found = read_strategy(workspace.files, workspace.path_from_top(named))
        return replace(found, files=files)
    entry = captured.snapshot.entry_point
    for folder in (swept.sweep.name, posixpath.dirname(entry) or "."):
        if (workspace.top / folder / "strategy.yaml").is_file():
            try:
                return replace(read_strategy(workspace.files, folder), files=files)
            except BtError:
                continue  # its entry file may be gone: then the row has to say it all
    return Strategy(name=entry, root=".", entry_point=entry, files=files)


def find_program(workspace: Workspace, swept: Swept, row: SweepRun) -> Program | None:
    """Return how the program of a run was started, None where nobody watched it.

    Raises:
        Usage: it would not run again by itself, or makes more backtests than the one of a bundle.
    """
    around = swept.environments.get(row.environment or "")
    if around is None or around.root is None or around.cwd is None or around.argv is None:
        return None
    name = f"run {sweep_run_id(row)[:12]}"
    hint = (
        f"start it for that setting alone: {ALONE}; or promote with --strategy PATH, the "
        "strategy's own file beside a strategy.yaml that says engine and tape"
    )
    if not around.is_alone:
        raise Usage(
            f"{name} ran below a test runner, in a worker process or by another launcher, and "
            "cannot be run again by itself",
            hint=hint,
        )
    beside = _made_by(workspace.need_store(), row.writer)
    if beside > 1:
        raise Usage(
            f"{name} is one of {beside} that one start of the program made, and a bundle holds one",
            hint=hint,
        )
    return Program(
        root=workspace.top / around.root,
        cwd=workspace.top / around.cwd,
        argv=around.argv[1:],
        module=around.module,
    )


def _made_by(store: Store, writer: str) -> int:
    """Return how many backtests a process made, on whatever engines; a writer is a process."""
    return sum(
        sum(of == writer for of, _ in store.known_runs(digest, {writer}))
        for digest in store.sweep_ids()
        if store.sweep_alone(digest).engine is not None
    )


def is_startable(workspace: Workspace, swept: Swept, row: SweepRun) -> bool:
    """Tell whether promote, given no option, would not refuse a run for how it was started."""
    try:
        program = find_program(workspace, swept, row)
    except Usage:
        pass
    else:
        if program is not None or swept.sweep.engine not in PROGRAMS:
            return True
    try:
        captured = workspace.need_store().snapshot(swept.sweep.snapshot or "")
        what = find_strategy(workspace, swept, captured)
    except BtError:  # its code is not here: promote says so
        return False
    return (what.engine or what.command) is not None


def program_again(
    workspace: Workspace, program: Program, found: Strategy, captured: Captured
) -> tuple[Strategy, Captured]:
    """Return the strategy that starts a program again on its tape, and its code.

    Raises:
        Incomplete: program and tape lie in no common folder of the repository.
    """
    tape = workspace.top / (found.tape or "")
    top = find_top(program, tape, workspace.top)
    if top is None:
        raise Incomplete(
            f"the tape {found.tape} and the program do not lie in one repository",
            hint="keep the tape inside it, and have the program read it there",
        )
    captured, config = as_script(program, captured, tape, top)
    return (
        replace(
            found,
            engine=NAME,
            entry_point=captured.snapshot.entry_point,
            files=tuple(sorted(captured.snapshot.files)),
            config=config,
        ),
        captured,
    )
