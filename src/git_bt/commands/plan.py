"""From a strategy, or from a bundle, to a job for a child process.

What is decided here is the same for pack, validate and replay: the adapter, the complete config
and the interpreter. No expected output goes into a job.
"""

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from git_bt import headstart
from git_bt.bundle import OUTPUT, snapshot_of, strategy_content, tape_of
from git_bt.canonical import normalise
from git_bt.commands.workspace import Workspace
from git_bt.errors import Corrupt, Usage
from git_bt.interpreters import Adapter, Interpreter, Wanted, find_interpreter, load_adapter
from git_bt.model import Bundle, Captured, Strategy, Tape
from git_bt.records import below
from git_bt.runner import Job

DEFAULT_ENGINE = "flox"
PROGRAM = "command"  # the engine that runs what `command:` says
KEPT = "engines"  # of the folder of caches: what engines keep, a folder for each


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What the user grants one run: an interpreter (None: look for one) and seconds."""

    python: str | None = None
    timeout_s: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What runs a strategy, and its config with every default filled in."""

    adapter: Adapter
    interpreter: Interpreter
    config: Mapping[str, Any]


def engine_of_strategy(workspace: Workspace, strategy: Strategy, grant: Grant) -> Engine:
    """Return what runs a strategy of the work tree.

    Raises:
        Usage: unknown engine, or a config that the engine does not take.
        Incomplete: no interpreter has the engine.
    """
    adapter, config = declared(strategy)
    root = workspace.top / strategy.root
    return Engine(
        adapter=adapter,
        interpreter=interpreter_of(workspace, adapter, grant, root, strategy.python),
        config=config,
    )


def engine_of_bundle(workspace: Workspace, bundle: Bundle, grant: Grant) -> Engine:
    """Return what runs a bundle's own code; `python:` of a bundle from elsewhere is not followed.

    Raises:
        Corrupt: the config is not one that the engine takes.
        Incomplete: the engine is unknown here, or no interpreter has it.
    """
    manifest = bundle.manifest
    adapter = load_adapter(manifest.engine.name)
    try:
        config = _complete(adapter, manifest.config, manifest.command)
    except ValueError as e:
        raise Corrupt(f"manifest.json: {e}") from e
    return Engine(
        adapter=adapter,
        interpreter=interpreter_of(workspace, adapter, grant, workspace.top, None),
        config=config,
    )


def engine_name(strategy: Strategy) -> str:
    """Return the engine that a strategy names, or means when it names none."""
    return strategy.engine or (DEFAULT_ENGINE if strategy.command is None else PROGRAM)


def declared(strategy: Strategy) -> tuple[Adapter, dict[str, Any]]:
    """Return the adapter of a strategy, and its config with every default filled in.

    Raises:
        Usage: unknown engine, or a config or command that the engine does not take.
    """
    adapter = load_adapter(engine_name(strategy))
    try:
        return adapter, _complete(adapter, strategy.config, strategy.command)
    except ValueError as e:
        raise Usage(f"{strategy.name}: {e}") from e


def _complete(
    adapter: Adapter, config: Mapping[str, Any], command: Sequence[str] | None
) -> dict[str, Any]:
    """Return a complete config whose numbers are as a bundle holds them: a run sees no other.

    Raises:
        ValueError: a config or command that the engine does not take.
    """
    if adapter.NAME == PROGRAM and command is None:
        raise ValueError('engine command needs command: [./backtest, --out, "{out}"]')
    if adapter.NAME != PROGRAM and command is not None:
        raise ValueError(f"command: is for engine command, not for engine {adapter.NAME}")
    complete: dict[str, Any] = normalise(adapter.complete(config))
    return complete


def interpreter_of(
    workspace: Workspace, adapter: Adapter, grant: Grant, root: Path, declared: str | None
) -> Interpreter:
    """Return the interpreter of an engine; `declared` is what strategy.yaml says of it.

    Raises:
        Usage: the one that was asked for by name lacks the engine, or is none.
        Incomplete: no interpreter has it.
    """
    found = find_interpreter(adapter, wanted_by(workspace, grant, root, declared))
    headstart.remember(workspace.cache, found.executable, adapter.__file__)
    return found


def wanted_by(workspace: Workspace, grant: Grant, root: Path, declared: str | None) -> Wanted:
    """Return which interpreters are to be looked at."""
    return Wanted(
        option=grant.python,
        declared=declared,
        configured=workspace.config("bt.python"),
        project_root=root,
        cache=workspace.cache,
    )


def job_of_strategy(
    workspace: Workspace,
    strategy: Strategy,
    engine: Engine,
    grant: Grant,
    *,
    market: Tape | None = None,
) -> tuple[Job, Captured, Tape]:
    """Capture a strategy and its tape from the workspace's files, and return the job with both.

    Args:
        workspace: where they lie.
        strategy: what to capture.
        engine: what runs it.
        grant: what the user grants the run.
        market: the tape of a strategy that names none.

    Raises:
        Usage: no tape is named, or a file cannot be captured.
        Incomplete: the tape is not there.
    """
    from git_bt.capture.snapshot import capture
    from git_bt.capture.tape import read_tape
    from git_bt.commands.tapes import at_hand, tape_notices

    if strategy.tape is None and market is None:
        raise Usage(
            f"{strategy.name} names no tape",
            hint=f"--tape PATH, tape: in strategy.yaml, or git bt adopt {strategy.name}",
        )
    files = workspace.files
    captured = capture(files, strategy)
    if strategy.tape is not None:
        market = read_tape(files, strategy, top=workspace.top, cwd=workspace.cwd)
        notices = tape_notices(files, market, strategy.tape)
        captured = replace(captured, notices=(*captured.notices, *notices))
        market = at_hand(workspace, market, strategy.tape)
    job = Job(
        members=captured.snapshot.files,
        content=captured.content,
        entry_point=captured.snapshot.entry_point,
        tape=market,
        config=engine.config,
        command=strategy.command,
        build=strategy.build,
        work_tree=workspace.top,
        root=strategy.root,
        listed_from=_listed_from(strategy),
        timeout_s=grant.timeout_s,
        cache=kept_by(workspace, engine),
    )
    assert market is not None
    return job, captured, market


def _listed_from(strategy: Strategy) -> str:
    """Return the folder of the strategy.yaml, there or to be written, from the project root."""
    entry = posixpath.join(strategy.root, strategy.entry_point)
    folder = (
        posixpath.dirname(entry) if strategy.name == posixpath.normpath(entry) else strategy.name
    )
    return posixpath.relpath(folder or ".", strategy.root)


def job_of_bundle(
    workspace: Workspace, bundle: Bundle, engine: Engine, grant: Grant, *, is_recorded: bool
) -> Job:
    """Return the job of a bundle whose bytes are proved.

    What an engine compiles of it is kept for the next run where the store has a record of a run
    of it (`is_recorded`), made here or fetched. Of an archive, and of what was imported and not
    run, nothing is kept.
    """
    return Job(
        members=snapshot_of(bundle).files,
        content=strategy_content(bundle),
        entry_point=bundle.manifest.entry_point,
        tape=tape_of(bundle),
        config=engine.config,
        command=bundle.manifest.command,
        build=bundle.manifest.build,
        work_tree=None if workspace.repo is None else workspace.repo.top,
        timeout_s=grant.timeout_s,
        known=known_output(bundle),
        cache=kept_by(workspace, engine) if is_recorded else None,
    )


def kept_by(workspace: Workspace, engine: Engine) -> Path | None:
    """Return the folder where an engine may keep what it can find out again."""
    return None if workspace.cache is None else workspace.cache / KEPT / engine.adapter.NAME


def known_output(bundle: Bundle) -> dict[str, str]:
    """Return the digests of a bundle's output: the same bytes need not be proved canonical again.

    They stay in this process; a run never sees what is expected of it.
    """
    return {p: m.sha256 for p, m in below(bundle.manifest.members, OUTPUT).items()}
