"""Which strategies a tree holds, and what one of them is: its strategy.yaml made into a Strategy.

Everything is looked up in a Files view, so a commit, the index and the work tree are read alike.
Nothing is captured here; the tape is only named.
"""

import os
import posixpath
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from git_bt.capture.listing import is_foreign, leaves, listed_files
from git_bt.capture.spec import NAME, Spec, read_spec
from git_bt.errors import BtError, Usage
from git_bt.files import Files
from git_bt.model import Notice, Strategy

_MARKERS = ("pyproject.toml", "setup.py", ".git")


def find_strategies(files: Files) -> tuple[str, ...]:
    """Return the name of every folder that holds a strategy.yaml, `.` for the top, sorted."""
    folders = (posixpath.split(path) for path in files.paths())
    return tuple(sorted(folder or "." for folder, name in folders if name == NAME))


def read_strategy(
    files: Files,
    path: str,
    *,
    overrides: Mapping[str, Any] | None = None,
    root: str | None = None,
    lenient: bool = False,
) -> Strategy:
    """Return the strategy that a path names.

    Args:
        files: the view that it is looked up in.
        path: from the top of the view: a folder with strategy.yaml, that file, or an entry file. A
            strategy.yaml beside an entry file counts, unless it names another one.
        overrides: values of strategy.yaml's keys that stand above the file's; None is no value.
            `config` is laid over the file's, key by key; `tape` is taken as it is.
        root: the project root from the top; None looks for it.
        lenient: only its code is wanted: keys that say how it runs stop nothing.

    Raises:
        Usage: no such strategy, no entry point, or a strategy.yaml that cannot be understood.
    """
    path = _from_top(path)
    given = {k: v for k, v in (overrides or {}).items() if v is not None}
    if files.find(path) is not None and posixpath.basename(path) == NAME:
        path = posixpath.dirname(path)
    if files.is_folder(path):
        spec, entry = _named_by_folder(files, path, given, lenient=lenient)
        name, folder = path or ".", path
    else:
        folder = posixpath.dirname(path)
        spec, entry = _beside(files, path, lenient=lenient), path
        name = path if spec.entry_point is None else folder or "."
    _check_entry(files, entry)
    top = _project_root(files, entry, folder) if root is None else _from_top(root)
    listed, notices = listed_files(files, spec.files, folder, top)
    return Strategy(
        name=name,
        root=top or ".",
        entry_point=_below(entry, top),
        engine=given.get("engine", spec.engine),
        files=None if listed is None else tuple(sorted({_below(p, top) for p in (*listed, entry)})),
        tape=given.get("tape", _tape(files, folder, spec.tape)),
        config={**spec.config, **given.get("config", {})},
        compare=given.get("compare", spec.compare),
        python=given.get("python", spec.python),
        command=given.get("command", spec.command),
        build=given.get("build", spec.build),
        notices=(*spec.notices, *notices),
    )


def read_code(files: Files, folder: str) -> Strategy | None:
    """Return a strategy that has nothing to run, by its code alone; None of one that has.

    That is what every strategy.yaml of RustyBT is: a list of files, without engine and tape. The
    first module of the list stands for the entry point where none is named.

    Raises:
        Usage: its strategy.yaml cannot be understood.
    """
    path = _from_top(folder)
    spec = _read(files, posixpath.join(path, NAME))
    if spec.engine is not None or spec.tape is not None or spec.fault is not None:
        return None
    entry = _likely(spec)
    if entry is None:
        return None
    return read_strategy(files, folder, overrides={"entry_point": entry})


def likely_entry(files: Files, folder: str) -> str | None:
    """Return the entry point that the strategy.yaml of a folder names, or the first it lists."""
    return _likely(_read(files, posixpath.join(_from_top(folder), NAME), lenient=True))


def find_spec(files: Files, folder: str) -> Spec | None:
    """Return what the strategy.yaml of a folder says, which need not be whole; None without one.

    Raises:
        Usage: it cannot be understood.
    """
    path = posixpath.join(_from_top(folder), NAME)
    if files.find(path) is None:
        return None
    spec = _read(files, path, is_open=True)
    if spec.fault is not None:
        raise Usage(spec.fault.message)
    return spec


def _named_by_folder(
    files: Files, folder: str, given: Mapping[str, Any], *, lenient: bool
) -> tuple[Spec, str]:
    """Read the strategy.yaml of a folder, which must be whole: it says what is to be run."""
    path = posixpath.join(folder, NAME)
    if files.find(path) is None:
        raise Usage(
            f"no {NAME} in {folder or '.'}",
            hint=f"name an entry file, or git bt adopt {folder or '.'}",
        )
    spec = _read(files, path, lenient=lenient)
    if spec.fault is not None and spec.fault.kind != "config_files_not_list":
        is_open = _read(files, path, is_open=True).fault is None
        hint = f"git bt adopt {folder or '.'} completes it, or add a line: entry_point: FILE"
        raise Usage(spec.fault.message, hint=hint if is_open else None)
    entry = given.get("entry_point", spec.entry_point)
    if entry is None:
        likely = _likely(spec) or "my_strategy.py"
        raise Usage(f"{path} names no entry point", hint=f"add a line: entry_point: {likely}")
    full = posixpath.normpath(posixpath.join(folder, entry))
    if leaves(full):
        raise Usage(f"{path}: the entry point {entry} leaves the repository")
    return spec, full


def _beside(files: Files, entry: str, *, lenient: bool) -> Spec:
    """Read the strategy.yaml beside an entry file; one that cannot be read stops nothing."""
    folder = posixpath.dirname(entry)
    path = posixpath.join(folder, NAME)
    if files.find(path) is None and not files.is_folder(path):
        return Spec()
    if files.find(entry) is None:
        return Spec()  # the missing entry is what is to be said
    spec = _read(files, path, lenient=lenient)
    named = spec.entry_point
    if named is not None and posixpath.normpath(posixpath.join(folder, named)) != entry:
        return Spec()
    return spec


def _read(files: Files, path: str, *, is_open: bool = False, lenient: bool = False) -> Spec:
    if files.is_folder(path):
        fault = Notice(kind="config_unreadable", message=f"{path} is a folder", path=path)
        return Spec(notices=(fault,), fault=fault)
    try:
        source = files.source(path)
    except BtError as e:
        fault = Notice(kind="config_unreadable", message=f"{path}: {e}", path=path)
        return Spec(notices=(fault,), fault=fault)
    data = source.read() if source is not None else b""
    return read_spec(data, path, is_open=is_open, lenient=lenient)


def _check_entry(files: Files, entry: str) -> None:
    found = files.find(entry)
    if found is None and is_foreign(files, entry):
        raise Usage(
            f"the entry point {entry} lies in a repository of its own", hint="work in that one"
        )
    if found is None:
        what = "is a folder" if files.is_folder(entry) else "not found"
        raise Usage(f"entry point {what}: {entry}")
    if found.fault is not None:
        raise Usage(f"the entry point {entry} is a link that {found.fault}")


def _likely(spec: Spec) -> str | None:
    modules = (f for f in spec.files or () if f.endswith(".py") and not set(f) & set("*?["))
    return spec.entry_point or next(modules, None)


# -- paths ----------------------------------------------------------------------------------------


def _from_top(path: str) -> str:
    """Return a path from the top in its short form, the top itself as nothing."""
    short = posixpath.normpath(path)
    if leaves(short):
        raise Usage(f"{path} is outside the repository")
    return "" if short == "." else short


def _below(path: str, root: str) -> str:
    if root and not path.startswith(root + "/"):
        raise Usage(f"{path} is outside the project root {root}")
    return path[len(root) + 1 :] if root else path


def _project_root(files: Files, entry: str, folder: str) -> str:
    """Return the nearest folder above the entry that a project file or git marks."""
    place = posixpath.dirname(entry)
    while True:
        marks = [posixpath.join(place, marker) for marker in _MARKERS]
        if any(files.find(mark) is not None or files.is_folder(mark) for mark in marks):
            return place
        if not place:
            break
        place = posixpath.dirname(place)
    if files.in_git:
        return ""
    return posixpath.dirname(entry) if posixpath.dirname(entry).startswith(folder) else folder


def _tape(files: Files, folder: str, tape: str | None) -> str | None:
    """Return a tape, written relative to strategy.yaml, from the top; absolute when outside."""
    if tape is None:
        return None
    path = os.path.normpath(os.path.join(folder, tape))  # noqa: PTH118 a text, not yet a place
    if not leaves(path):
        return path
    if files.top is None:
        return path
    place = os.path.normpath(files.top / path)
    top = str(files.top)
    inside = place.startswith(top.rstrip("/") + "/")
    return Path(place).relative_to(top).as_posix() if inside else place
