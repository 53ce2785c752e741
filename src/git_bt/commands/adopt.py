"""Make a strategy of what is there: guess, write its strategy.yaml, run it."""

import json
import os
import posixpath
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from git_bt.adopting import AdoptReport, Guessed
from git_bt.capture.guess import Entry, Guess, guess_entry, guess_files, guess_tape
from git_bt.capture.guess_config import CALLS, guess_config
from git_bt.capture.snapshot import capture
from git_bt.capture.strategy import read_strategy
from git_bt.commands.pack import pack
from git_bt.commands.workspace import Step, Workspace, open_workspace
from git_bt.errors import CannotWork, Usage
from git_bt.interpreters import load_adapter


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
    """Write the strategy.yaml of an existing strategy, and pack it.

    Args:
        name: a folder, or an entry file.
        tape: path of the market data; None guesses it.
        engine: name of the engine; None guesses it.
        python: interpreter to run the engine with.
        timeout_s: seconds one run may take.
        step: told what is being done.
        cwd: where the command works.

    Raises:
        Usage: there is a strategy.yaml, or what is there can mean nothing or several things.
        Incomplete: the engine is not here; the strategy.yaml is written all the same.
        CannotWork: no repository, or the file cannot be written.
    """
    with open_workspace(cwd) as workspace:
        workspace.need_store()
        step(f"looking at {name}")
        if engine is not None:
            load_adapter(engine)  # a name that does not exist is said before anything is written
        entry = guess_entry(workspace.files, workspace.path_from_top(name), engine)
        folder = posixpath.dirname(entry.path)
        place = posixpath.join(folder, "strategy.yaml")
        if workspace.files.find(place) is not None:
            raise Usage(f"{place} is there already", hint=f"git bt pack {folder or '.'}")
        found = _tape(workspace, entry, tape)
        config, settings = _config(workspace, entry)
        keys = {**_keys(workspace, entry, folder, found), **({"config": config} if config else {})}
        text = "".join(f"{key}: {_yaml(value)}\n" for key, value in keys.items())
        _write(workspace.top / place, text)
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
        guesses=(
            Guessed(what="engine", value=entry.engine.value, why=entry.engine.why),
            Guessed(what="entry_point", value=entry.path, why=_why_entry(entry, name)),
            Guessed(what="tape", value=found.value, why=found.why),
            *settings,
        ),
        packed=report,
    )


def _why_entry(entry: Entry, name: str) -> str:
    same = posixpath.basename(entry.path) == Path(name).name
    return "as you said" if same else "it alone has what the engine runs"


def _tape(workspace: Workspace, entry: Entry, tape: str | None) -> Guess:
    if tape is None:
        return guess_tape(workspace.files, entry)
    if not (workspace.cwd / Path(tape).expanduser()).exists():
        raise Usage(f"no tape at {tape}", hint="name a file or a folder of market data")
    return Guess(value=workspace.place_of(tape), why="as you said")


def _keys(workspace: Workspace, entry: Entry, folder: str, tape: Guess) -> Mapping[str, Any]:
    """Return the keys of the strategy.yaml; paths are relative to its folder."""
    keys: dict[str, Any] = {
        "entry_point": posixpath.basename(entry.path),
        "engine": entry.engine.value,
    }
    if posixpath.isabs(tape.value):
        keys["tape"] = tape.value
    else:
        keys["tape"] = posixpath.relpath(tape.value, folder or ".")
    if entry.engine.value == "command":
        keys["command"] = [f"./{keys['entry_point']}", "{tape}", "{out}"]
    files = workspace.files
    strategy = read_strategy(files, entry.path)
    root = "" if strategy.root == "." else f"{strategy.root}/"
    imported = [f"{root}{path}" for path in capture(files, strategy).snapshot.files]
    named = guess_files(files, entry, imported)
    if named:
        paths = sorted({*imported, *named})
        keys["files"] = [posixpath.relpath(path, folder or ".") for path in paths]
    return keys


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


def _write(place: Path, text: str) -> None:
    try:
        with place.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as e:
        raise Usage(f"{place} is there already", hint="git bt pack, or remove it") from e
    except OSError as e:
        raise CannotWork(f"cannot write {place}: {e.strerror}") from e
