"""Run a user's command as it is; capture the code and the result of each backtest that it makes.

Nothing of the command changes: its terminal, its exit code, its files. The processes below it find
our hooks on PYTHONPATH (`live/start`), and leave word in a folder of ours; what they left is read
when the command has ended. Its runs go to the spool, and the one run of a command whose tape is
known becomes a bundle too.
"""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from git_bt import live
from git_bt.bundle import build_bundle
from git_bt.canonical import tape_sha256
from git_bt.capturing import CodeThatRan, RunReport
from git_bt.commands.dropped import ROWS, Code, Dropped, Run, make_drop, read_drop
from git_bt.commands.git_state import git_state, lies_in, place_of_program
from git_bt.commands.programs import Program, as_script, find_top
from git_bt.commands.recording import for_store, run_record
from git_bt.commands.workspace import Workspace, open_workspace
from git_bt.engines.script import NAME, VERSION
from git_bt.errors import BtError, Usage
from git_bt.files.view import is_utf8
from git_bt.live.start.sitecustomize import ENGINES, VARIABLE
from git_bt.model import Bundle, EngineVersion, Environment, Tape, Verdict
from git_bt.paths import expanded
from git_bt.records import snapshot_id
from git_bt.spool import FOLDER, Spool
from git_bt.sweep_records import Surroundings, Sweep, with_words


def run(argv: Sequence[str], *, tape: str | None = None, cwd: Path | None = None) -> RunReport:
    """Run a command and capture what it runs.

    Args:
        argv: the command and its arguments.
        tape: path of the market data that it reads; with it, its one run is packed as a bundle.
        cwd: where the command works.

    Raises:
        Usage: no such command, or no such tape: nothing was run.
        CannotWork: no repository.
    """
    with open_workspace(cwd) as workspace:
        market = None if tape is None else _tape(workspace, tape)
        known = {} if workspace.repo is None else git_state(workspace.repo)
        folder = make_drop(workspace.scratch / "drop")
        code = _start(argv, folder, workspace.cwd)
        dropped = read_drop(folder)
        report = RunReport(
            command=tuple(argv),
            exit_code=code,
            codes=tuple(_codes(dropped)),
            notices=tuple(dropped.notices),
        )
        try:
            return _store(workspace, report, dropped, known, tape, market)
        except BtError as e:
            return replace(report, message=f"nothing is stored: {e.message}", hint=e.hint)


def _store(
    workspace: Workspace,
    report: RunReport,
    dropped: Dropped,
    known: Mapping[str, Any],
    tape: str | None,
    market: Tape | None,
) -> RunReport:
    if not dropped.runs:
        message, hint = _nothing(report.command, dropped)
        return replace(report, message=message, hint=hint)
    bundle = None
    only = dropped.runs[0] if len(dropped.runs) == 1 else None
    if tape is not None and market is not None:
        plan = _plan(workspace, dropped.runs, tape, market)
        if isinstance(plan, str):
            report = replace(report, message=f"not packed: {plan}")
        else:
            bundle = _pack(workspace, plan, market)
            report = replace(report, bundle=bundle.id)
    elif only is not None and only.rows is not None and _is_startable(workspace, only.code):
        report = replace(report, hint="--tape PATH packs the run as a bundle")
    spool = Spool(workspace.need_store().repo.cache_dir / FOLDER)
    on = {} if tape is None or market is None else _said_of(workspace, tape, market)
    places = {
        key: place_of_program(workspace.top, code.started)
        for key, code in _distinct(dropped).items()
    }
    for _, runs in groupby(dropped.runs, key=lambda each: each.process):
        for each in runs:
            around = {**known, **places[id(each.code)]}
            _record(spool, each, around, on, None if bundle is None else bundle.id)
        spool.close()  # a writer is a process: promote counts its runs
    return report


# -- the command ----------------------------------------------------------------------------------


_ITS_OWN = (signal.SIGINT, signal.SIGQUIT)  # a terminal sends them to the command as well
_FORWARDED = (signal.SIGTERM, signal.SIGHUP)


def _start(argv: Sequence[str], folder: Path, cwd: Path) -> int:
    """Run the command to its end and return its exit code, 128 and the signal's number."""
    start = str(Path(live.__file__).parent / "start")
    path = os.environ.get("PYTHONPATH")
    env = os.environ | {
        VARIABLE: str(folder),
        "PYTHONPATH": f"{start}{os.pathsep}{path}" if path else start,
    }
    try:
        process = subprocess.Popen(argv, cwd=cwd, env=env)
    except FileNotFoundError as e:
        raise Usage(f"no such command: {argv[0]}", hint=_hint(argv[0])) from e
    except OSError as e:
        raise Usage(f"cannot start {argv[0]}: {e.strerror}", hint=_hint(argv[0])) from e
    before = {number: signal.getsignal(number) for number in (*_ITS_OWN, *_FORWARDED)}
    for number in _ITS_OWN:
        signal.signal(number, signal.SIG_IGN)
    for number in _FORWARDED:
        if before[number] != signal.SIG_IGN:  # as below nohup
            signal.signal(number, lambda which, _: process.send_signal(which))
    try:
        code = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def _hint(word: str) -> str:
    return f"git bt run -- python {word}" if word.endswith(".py") else "git bt run -- COMMAND …"


def _nothing(command: Sequence[str], dropped: Dropped) -> tuple[str, str]:
    """Say why nothing was captured, and what else can be done."""
    if dropped.had_recording:
        return "the command recorded runs of its own, by git-bt in its program", "git bt sweep ls"
    if not dropped.had_python:
        return (
            f"nothing was captured: {command[0]} started no Python that can be watched",
            "python -E, -I and -S cannot be; a program of another language is engine command in "
            "a strategy.yaml",
        )
    known = ", ".join(name for name in ENGINES if name != "flox_py")
    return (
        f"nothing was captured: the command ran no backtest of {known}",
        "record runs of any other code: with git_bt.recording(NAME): …",
    )


# -- what came of it ------------------------------------------------------------------------------


def _codes(dropped: Dropped) -> list[CodeThatRan]:
    """Count runs by what ran, whichever processes they were in."""
    snapshots = {key: _snapshot(code) for key, code in _distinct(dropped).items()}
    found: dict[tuple[object, ...], list[Run]] = {}
    for each in dropped.runs:
        code = each.code
        what = (snapshots[id(code)], code.entry_point, each.engine, code.context, code.confidence)
        found.setdefault(what, []).append(each)
    return [
        CodeThatRan(
            snapshot=snapshots[id(runs[0].code)],
            entry_point=runs[0].code.entry_point,
            engine=runs[0].engine,
            context=runs[0].code.context,
            confidence=runs[0].code.confidence,
            runs=len(runs),
            failed=sum(each.error is not None for each in runs),
        )
        for runs in found.values()
    ]


def _distinct(dropped: Dropped) -> dict[int, Code]:
    """Return each code once, by its identity: thousands of runs share a few."""
    return {id(each.code): each.code for each in dropped.runs}


def _snapshot(code: Code) -> str | None:
    return None if code.entry_point is None else snapshot_id(code.captured.snapshot)


def _said_of(workspace: Workspace, tape: str, market: Tape) -> dict[str, str]:
    """Return what a sweep says of its tape; a path outside the repository is one machine's."""
    place = Path(workspace.place_of(tape))
    path = {} if place.is_absolute() else {"tape": place.as_posix()}
    return {**path, "tape_sha256": tape_sha256(market.members)}


def _record(
    spool: Spool, each: Run, known: Mapping[str, Any], on: Mapping[str, str], bundle: str | None
) -> None:
    code = each.code
    name = code.entry_point or each.engine
    has_words = code.started is not None and code.started["has_words"]
    spool.record(
        Sweep(name=name.removesuffix(".py"), snapshot=_snapshot(code), engine=each.engine, **on),
        started_ns=each.started_ns,
        elapsed_ns=each.elapsed_ns,
        status="ok" if each.error is None else "failed",
        params=with_words(each.params, code.argv) if has_words else each.params,
        metrics=each.metrics,
        error=each.error,
        code=code.captured if code.entry_point is not None else None,
        surroundings=Surroundings(**code.environment, argv=code.argv, **known),
        bundle=bundle,
    )


# -- a bundle of it -------------------------------------------------------------------------------


def _tape(workspace: Workspace, tape: str) -> Tape:
    from git_bt.capture.tape import read_tape

    return read_tape(workspace.files, tape, top=workspace.top, cwd=workspace.cwd)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """A run that can be a bundle: how its program starts again, and what must move together."""

    run: Run
    rows: Path
    program: Program
    tape: Path
    top: Path


def _plan(workspace: Workspace, runs: Sequence[Run], tape: str, market: Tape) -> _Plan | str:
    """Return what is to be packed, or why nothing can be."""
    if len(runs) != 1:
        return (
            f"the command made {len(runs)} backtests, and a bundle holds one; see git bt sweep ls"
        )
    (only,) = runs
    if only.error is not None:
        return f"the backtest failed: {only.error}"
    program = _program(workspace, only.code)
    if isinstance(program, str):
        return program
    if only.rows is None:
        return f"the rows of {only.engine} could not be read"
    place = _lies_at(workspace, tape)
    top = find_top(program, place, workspace.top)
    if top is None:
        return "tape and strategy do not lie in one project, so that they cannot move together"
    if not all(is_utf8(str(each.relative_to(top))) for each in (program.root, program.cwd)):
        return "the path of the folder that it ran in is not UTF-8"
    if _tape(workspace, tape).members != market.members:
        return "the tape was changed while the command ran"
    return _Plan(run=only, rows=only.rows, program=program, tape=place, top=top)


_IN_NO_PROGRAM = {
    "notebook": "code of a notebook",
    "interactive": "code of a prompt, of -c or of standard input",
    "frozen": "a frozen application",
}


def _program(workspace: Workspace, code: Code) -> Program | str:
    """Return how a program was started, or why it would not run again by itself."""
    if code.entry_point is None:
        return "no file was captured as its entry point"
    if code.context in _IN_NO_PROGRAM:
        return f"{_IN_NO_PROGRAM[code.context]} cannot be run again by itself"
    if code.root is None or code.started is None or not code.started["is_alone"]:
        return (
            f"the backtest of {code.entry_point} ran below a test runner, in a worker process or "
            "by another launcher, and cannot be run again by itself"
        )
    module = code.started["module"]
    root, cwd = (lies_in(workspace.top, place) for place in (code.root, code.cwd))
    return Program(root=root, cwd=cwd, argv=code.argv[1:], module=module)


def _is_startable(workspace: Workspace, code: Code) -> bool:
    return isinstance(_program(workspace, code), Program)


def _lies_at(workspace: Workspace, tape: str) -> Path:
    place = Path(os.path.normpath(workspace.cwd / expanded(tape)))
    return lies_in(workspace.top, place)


def _pack(workspace: Workspace, plan: _Plan, market: Tape) -> Bundle:
    """Store a run as the bundle of an engine that runs the program again."""
    only, rows = plan.run, plan.rows
    captured, config = as_script(plan.program, only.code.captured, plan.tape, plan.top)
    engine = EngineVersion(name=NAME, version=VERSION)
    bundle = build_bundle(
        snapshot=captured.snapshot,
        content=captured.content,
        tape=market,
        engine=engine,
        config=config,
        output={name: (rows / name).read_bytes() for name in _there(rows)},
    )
    repo, store = workspace.need_store().repo, workspace.need_store()
    record = run_record(
        bundle,
        Environment(**only.code.environment, engine=engine),
        author=workspace.author,
        strategy=_strategy(workspace, only.code),
        kind="pack",
        verdict=Verdict.REPRODUCED,
        elapsed_s=only.elapsed_ns / 1e9,
        runs=1,
        compare={},
    )
    store.save(bundles=(for_store(repo, bundle),), captured=(captured,), runs=(record,))
    return bundle


def _there(rows: Path) -> list[str]:
    return [name for name in ROWS if (rows / name).is_file()]


def _strategy(workspace: Workspace, code: Code) -> str:
    """Return the name of a strategy: its entry point from the repository's top."""
    entry = code.entry_point or ""
    place = lies_in(workspace.top, code.root or workspace.top) / entry
    inside = place.is_relative_to(workspace.top)
    return place.relative_to(workspace.top).as_posix() if inside else entry
