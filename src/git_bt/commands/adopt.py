"""Make a strategy of what is there: guess, write its strategy.yaml, run it.

One that lists files only, as RustyBT's does, is completed at its end; what stands in it stays.
"""

import json
import os
import posixpath
from pathlib import Path
from typing import Any

from git_bt.adopting import AdoptReport, Guessed
from git_bt.capture.guess import Entry, Guess, guess_entry, guess_files, guess_tape
from git_bt.capture.guess_config import CALLS, guess_config
from git_bt.capture.snapshot import capture
from git_bt.capture.spec import NAME, Spec, added_to
from git_bt.capture.strategy import find_spec, read_strategy
from git_bt.commands.pack import pack
from git_bt.commands.workspace import Step, Workspace, open_workspace
from git_bt.errors import CannotWork, Usage
from git_bt.files import Files
from git_bt.interpreters import load_adapter
from git_bt.paths import expanded


def adopt(
    name: str,
    *,
    tape: str | None = None,
    engine: str | None = None,
    python: str | None = None,
    timeout_s: float = 600.0,
    step: Step,
    cwd: Path | None = None,
) -> AdoptReport:
    """Write or complete the strategy.yaml of an existing strategy, and pack it.

    Args:
        name: a folder, or an entry file.
        tape: path of the market data; None guesses it.
        engine: name of the engine; None guesses it.
        python: interpreter to run the engine with.
        timeout_s: seconds one run may take.
        step: told what is being done.
        cwd: where the command works.

    Raises:
        Usage: its strategy.yaml names engine and tape already or cannot be read, or what is there
            can mean nothing or several things.
        Incomplete: the engine is not here; the strategy.yaml is written all the same.
        CannotWork: no repository, or the file cannot be written.
    """
    with open_workspace(cwd) as workspace:
        workspace.need_store()
        step(f"looking at {name}")
        if engine is not None:
            load_adapter(engine)  # a name that does not exist is said before anything is written
        path = workspace.path_from_top(name)
        entry, folder, spec = _entry(workspace.files, path, tape=tape, engine=engine)
        place = posixpath.join(folder, NAME)
        why = _why_entry(entry, name)
        keys, guesses = _guessed(workspace, entry, why, folder, spec or Spec(), tape)
        text = "".join(f"{key}: {_yaml(value)}\n" for key, value in keys.items())
        _write(workspace.top / place, text, place, is_there=spec is not None)
    top = workspace.top
    report = pack(
        os.path.relpath(top / folder, workspace.cwd),
        python=python,
        timeout_s=timeout_s,
        step=step,
        cwd=cwd,
    )
    return AdoptReport(
        strategy=folder or ".",
        path=place,
        text=text,
        completed=spec is not None,
        guesses=tuple(guesses),
        packed=report,
    )


def _entry(
    files: Files, path: str, *, tape: str | None, engine: str | None
) -> tuple[Entry, str, Spec | None]:
    """Return what runs, the folder of its strategy.yaml, and what that says if it is there."""
    is_folder = files.is_folder(path)
    folder = path if is_folder else posixpath.dirname(path)
    folder = "" if folder == "." else folder
    spec = find_spec(files, folder)
    if spec is None:
        entry = guess_entry(files, path, engine)
        folder = posixpath.dirname(entry.path)
        if find_spec(files, folder) is None:
            return entry, folder, None
        return _entry(files, folder, tape=tape, engine=engine)  # what stands there says what runs
    _check_open(files, spec, posixpath.join(folder, NAME), tape=tape, engine=engine)
    if posixpath.basename(path) == NAME:
        path, is_folder = folder or ".", True
    if spec.entry_point is not None:
        named = posixpath.normpath(posixpath.join(folder, spec.entry_point))
        if not is_folder and path != named:
            raise Usage(
                f"{posixpath.join(folder, NAME)} is there already, of {named}",
                hint=f"give {posixpath.basename(path)} a folder of its own",
            )
        path = named
    engine = engine or spec.engine or ("command" if spec.command else None)
    return guess_entry(files, path, engine), folder, spec


def _check_open(
    files: Files, spec: Spec, place: str, *, tape: str | None, engine: str | None
) -> None:
    """Refuse to complete what is complete or another file, or to say again what it says."""
    if spec.tape is not None and (spec.engine or spec.command) is not None:
        folder = posixpath.dirname(place) or "."
        raise Usage(f"{place} names engine and tape already", hint=f"git bt pack {folder}")
    for key, said, given in (("tape", spec.tape, tape), ("engine", spec.engine, engine)):
        if said is not None and given is not None:
            raise Usage(f"{place} names its {key} already: {said}", hint="change it there")
    found = files.find(place)
    if found is not None and found.link:
        raise Usage(f"{place} is a link to {found.real}", hint="put the file itself there")


def _guessed(
    workspace: Workspace, entry: Entry, why: str, folder: str, said: Spec, tape: str | None
) -> tuple[dict[str, Any], list[Guessed]]:
    """Return the keys that are to be written, and what of them is a guess."""
    keys, guesses = dict[str, Any](), list[Guessed]()
    if said.entry_point is None:
        keys["entry_point"] = posixpath.relpath(entry.path, folder or ".")
    if said.engine is None:
        keys["engine"] = entry.engine.value
        guesses.append(Guessed(what="engine", value=entry.engine.value, why=entry.engine.why))
    if "entry_point" in keys:
        guesses.append(Guessed(what="entry_point", value=entry.path, why=why))
    if said.tape is None:
        found = _tape(workspace, entry, tape)
        is_far = posixpath.isabs(found.value)
        keys["tape"] = found.value if is_far else posixpath.relpath(found.value, folder or ".")
        guesses.append(Guessed(what="tape", value=found.value, why=found.why))
    if said.command is None and entry.engine.value == "command":
        program = posixpath.relpath(entry.path, folder or ".")
        keys["command"] = [f"./{program}", "{tape}", "{out}"]
    if said.files is None and (listed := _files(workspace, entry, folder)):
        keys["files"] = listed
    if not said.config:
        config, settings = _config(workspace, entry)
        keys |= {"config": config} if config else {}
        guesses += settings
    return keys, guesses


def _why_entry(entry: Entry, name: str) -> str:
    same = posixpath.basename(entry.path) == Path(name).name
    return "as you said" if same else "it alone has what the engine runs"


def _tape(workspace: Workspace, entry: Entry, tape: str | None) -> Guess:
    if tape is None:
        return guess_tape(workspace.files, entry)
    if not (workspace.cwd / expanded(tape)).exists():
        raise Usage(f"no tape at {tape}", hint="name a file or a folder of market data")
    return Guess(value=workspace.place_of(tape), why="as you said")


def _files(workspace: Workspace, entry: Entry, folder: str) -> list[str]:
    """Return the files to list, relative to a folder; none where its imports are all."""
    files = workspace.files
    strategy = read_strategy(files, entry.path)
    root = "" if strategy.root == "." else f"{strategy.root}/"
    imported = [f"{root}{path}" for path in capture(files, strategy).snapshot.files]
    named = guess_files(files, entry, imported)
    paths = sorted({*imported, *named}) if named else []
    return [posixpath.relpath(path, folder or ".") for path in paths]


def _config(workspace: Workspace, entry: Entry) -> tuple[dict[str, Any], list[Guessed]]:
    """Return the settings that the entry file states and its engine knows, and what to say."""
    engine = entry.engine.value
    found = guess_config(workspace.files, entry.path, engine)
    adapter = load_adapter(engine)
    config, left = {}, list(found.unread)
    for key, value in found.config.items():
        try:
            adapter.complete({key: value})
        except (Usage, ValueError):
            left.append(key)
        else:
            config[key] = value
    said = []
    if config:
        value = ", ".join(f"{key} {_yaml(value)}" for key, value in config.items())
        said.append(Guessed(what="config", value=value, why=f"its {CALLS[engine]}(…) says so"))
    if left:
        why = "not read, and the engine's own is used: write it to config:"
        said.append(Guessed(what="config", value=", ".join(left), why=why))
    return config, said


def _yaml(value: Any) -> str:
    """Return a plain value so that YAML reads it back; a JSON text is one of YAML."""
    if isinstance(value, list):
        return "[" + ", ".join(_yaml(each) for each in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_yaml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, float):
        text = repr(value)  # YAML takes 1e-05 for a text
        return text if "." in text else text.replace("e", ".0e")
    if not isinstance(value, str) or not value:
        return json.dumps(value)
    plain = value.replace("/", "").replace(".", "").replace("_", "").replace("-", "")
    is_plain = plain.isalnum() and plain.isascii() and not plain.isdigit() and value[0] != "-"
    is_word = value.lower() not in ("true", "false", "null", "yes", "no", "on", "off", "nan")
    return value if is_plain and is_word else json.dumps(value, ensure_ascii=False)


def _write(place: Path, text: str, name: str, *, is_there: bool) -> None:
    try:
        if is_there:
            more = added_to(place.read_bytes(), text, name)
            with place.open("ab") as file:
                file.write(more)
        else:
            with place.open("x", encoding="utf-8") as new:
                new.write(text)
    except FileExistsError as e:
        raise Usage(f"{name} is there already", hint="git bt pack, or remove it") from e
    except OSError as e:
        raise CannotWork(f"cannot write {name}: {e.strerror}") from e
