"""What an existing strategy is, guessed by reading: engine, entry point, files, tape.

Nothing is run. A guess is made only where there is one candidate; of several the user chooses, and
is told which there are. The engine follows from what a file imports and from what it defines: a
class or a function that the engine runs.
"""

import ast
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from git_bt.capture.strategy import find_strategies, read_strategy
from git_bt.errors import BtError, Usage
from git_bt.files import Files
from git_bt.model import EXECUTABLE

PACKAGES = {
    "lrvx": "flox",
    "flox_py": "flox",
    "backtesting": "backtesting",
    "backtrader": "backtrader",
    "vectorbt": "vectorbt",
    "zipline": "zipline",
    "rustybt": "zipline",
}
"""Package that a strategy imports to the engine that runs it."""

FUNCTIONS = {"zipline": "initialize", "vectorbt": "build", "python": "run"}
"""The function that an engine calls, of those that run one; the others run a subclass."""

_SEGMENTS = (".lrvx", ".flox", ".floxlog")
_SHEETS = (".csv", ".parquet", ".pq", ".csv.gz")
_ANY = (*_SHEETS, *_SEGMENTS)
_ENDINGS = {"flox": _SEGMENTS, "python": _ANY, "command": _ANY}  # the others read bars
_DATA = ("tape", "tapes", "data", "market_data")
_DEEP = 3  # folders above a strategy that are looked in, and below a folder of data
_MOST = 5  # candidates that a message names


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A guess, and what it was made from."""

    value: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file that can be run, from the top of the view, and the engine that runs it."""

    path: str
    engine: Guess
    texts: tuple[str, ...]  # what may be paths: constants of its source


# -- entry point and engine -----------------------------------------------------------------------


def guess_entry(files: Files, path: str, engine: str | None = None) -> Entry:
    """Return the one file at a path that an engine runs.

    Args:
        files: the view.
        path: a folder or a file, from the top.
        engine: the engine, where the user says it.

    Raises:
        Usage: there is none, or there are several.
    """
    if files.find(path) is not None:
        found = _read(files, path)
        entry = _entry(path, found, engine, is_named=True)
        if entry is None:
            raise Usage(
                f"{path} imports no engine that is known, and defines nothing that one runs",
                hint="git bt adopt PATH --engine NAME; git bt engines lists the names",
            )
        return entry
    if not files.is_folder(path):
        raise Usage(f"no such file or folder: {path or '.'}")
    candidates = [p for p in files.paths("" if path == "." else path) if _is_source(files, p)]
    read = {p: _read(files, p) for p in candidates}
    entries = [e for p in candidates if (e := _entry(p, read[p], engine, is_named=False))]
    nearest = min((e.path.count("/") for e in entries), default=0)
    entries = [e for e in entries if e.path.count("/") == nearest]
    if len(entries) == 1:
        return entries[0]
    if entries:
        raise Usage(
            f"{path}: several files can be the entry point: {_listed(e.path for e in entries)}",
            hint=f"git bt adopt {entries[0].path}, in a folder for each",
        )
    raise Usage(
        f"{path}: no file there imports an engine that is known, and defines what it runs",
        hint="git bt adopt FILE --engine NAME; git bt engines lists the names",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """What a source shows without being run."""

    packages: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()  # package of each base of a class, by what was imported
    functions: Mapping[str, tuple[str, ...]]  # name to arguments
    texts: tuple[str, ...] = ()
    program: bool = False  # it is no Python, and can be run


def _is_source(files: Files, path: str) -> bool:
    entry = files.find(path)
    if entry is None or entry.fault:
        return False
    name = posixpath.basename(path)
    if name.startswith(("test_", "conftest", "setup.py", "__")):
        return False
    return name.endswith(".py") or (entry.mode == EXECUTABLE and "." not in name)


def _read(files: Files, path: str) -> _Source:
    source = files.source(path)
    data = source.read() if source is not None else b""
    entry = files.find(path)
    if not path.endswith(".py"):
        is_program = entry is not None and entry.mode == EXECUTABLE
        return _Source(functions={}, program=is_program)
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError):
        return _Source(functions={})
    return _seen(tree)


def _seen(tree: ast.Module) -> _Source:
    names: dict[str, str] = {}  # local name to top package
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                names[alias.asname or top] = top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = node.module.split(".")[0]
    functions = {
        node.name: tuple(a.arg for a in (*node.args.posonlyargs, *node.args.args))
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    }
    return _Source(
        packages=tuple(dict.fromkeys(names.values())),
        bases=tuple(_bases(tree, names)),
        functions=functions,
        texts=tuple(
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ),
    )


def _bases(tree: ast.Module, names: Mapping[str, str]) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            for base in node.bases:
                left = base
                while isinstance(left, ast.Attribute):
                    left = left.value
                if isinstance(left, ast.Name) and left.id in names:
                    yield names[left.id]


def _entry(path: str, seen: _Source, engine: str | None, *, is_named: bool) -> Entry | None:
    if engine is not None:
        wanted = is_named or _defines(seen, engine)
        why = "as you said"
        found = Guess(value=engine, why=why) if wanted else None
    else:
        found = _engine(seen, is_named=is_named)
    return None if found is None else Entry(path=path, engine=found, texts=seen.texts)


def _engine(seen: _Source, *, is_named: bool) -> Guess | None:
    if "run" in seen.functions and seen.functions["run"][:2] == ("tape", "config"):
        return Guess(value="python", why="it defines run(tape, config)")
    for package in seen.packages:
        engine = PACKAGES.get(package)
        if engine is not None and _defines(seen, engine):
            return Guess(value=engine, why=f"it imports {package}")
    if is_named:
        imported = [p for p in seen.packages if p in PACKAGES]
        if imported:
            return Guess(value=PACKAGES[imported[0]], why=f"it imports {imported[0]}")
        if seen.program:
            return Guess(value="command", why="it is a program")
    return None


def _defines(seen: _Source, engine: str) -> bool:
    """Tell whether a source has what an engine runs: a function of its name, or a subclass."""
    if engine == "command":
        return seen.program
    if engine in FUNCTIONS:
        return FUNCTIONS[engine] in seen.functions
    return any(PACKAGES.get(base) == engine for base in seen.bases)


# -- files ----------------------------------------------------------------------------------------


def guess_files(files: Files, entry: Entry, captured: Iterable[str]) -> tuple[str, ...]:
    """Return files that the strategy's own texts name, beside those that it imports, from the top.

    Args:
        files: the view.
        entry: the entry point.
        captured: what it imports, from the top.
    """
    captured = set(captured)
    named: dict[str, None] = {}
    for path in sorted({*captured, entry.path}):
        if path.endswith(".py"):
            named |= dict.fromkeys(_named(files, path, _read(files, path).texts))
    fits = (p for p in named if p not in captured and not p.endswith((*_SEGMENTS, *_SHEETS)))
    return tuple(p for p in fits if not p.endswith((".py", ".tape")))


def _named(files: Files, path: str, texts: Iterable[str]) -> Iterator[str]:
    """Yield the files that texts of a source name, from its folder or from the top."""
    folder = posixpath.dirname(path)
    for text in texts:
        if not _may_be_path(text):
            continue
        for base in (folder, ""):
            full = posixpath.normpath(posixpath.join(base, text))
            if not full.startswith(("..", "/")) and files.find(full) is not None:
                yield full
                break


def _may_be_path(text: str) -> bool:
    return 0 < len(text) < 200 and not any(c in text for c in "\n\0*?") and "." in text


# -- tape -----------------------------------------------------------------------------------------


def guess_tape(files: Files, entry: Entry) -> Guess:
    """Return the one tape that a strategy can mean, from the top.

    Raises:
        Usage: there is none, or there are several.
    """
    for why, found in _tapes(files, entry):
        if len(found) == 1:
            return Guess(value=found[0], why=why)
        if found:
            raise Usage(
                f"several tapes may be meant: {_listed(found)}",
                hint=f"git bt adopt {entry.path} --tape {found[0]}",
            )
    raise Usage(
        f"no tape for {entry.path}: no file of market data is named in it or lies beside it",
        hint=f"git bt adopt {entry.path} --tape PATH; data that a package brings, or that code"
        " makes, is written to a file first, such as GOOG.to_csv(PATH)",
    )


def _tapes(files: Files, entry: Entry) -> Iterator[tuple[str, list[str]]]:
    yield "its source names it", sorted(_tapes_in_texts(files, entry))
    yield "another strategy has it", sorted(set(_tapes_of_others(files, entry.engine.value)))
    folder = posixpath.dirname(entry.path)
    for _ in range(_DEEP + 1):
        found = [posixpath.join(folder, name) for name in _DATA]
        found = [place for place in found if files.is_folder(place)]
        beside = [*_sheets_in(files, folder, entry)] if folder else []
        candidates = sorted({t for place in found for t in _below(files, place, entry)} | {*beside})
        yield f"it lies in {folder or 'the top'}", candidates
        if not folder:
            break
        folder = posixpath.dirname(folder)
    if _ENDINGS.get(entry.engine.value) == _SEGMENTS:  # a sheet may be anything, a segment is none
        segments = {posixpath.dirname(p) for p in files.paths("") if p.endswith(_SEGMENTS)}
        yield "it is the only one here", sorted(segments - {""})


def _tapes_in_texts(files: Files, entry: Entry) -> set[str]:
    folder = posixpath.dirname(entry.path)
    found = set()
    for text in entry.texts:
        if not 0 < len(text) < 200 or any(c in text for c in "\n\0*?"):
            continue
        for base in (folder, ""):
            full = posixpath.normpath(posixpath.join(base, text))
            if full in (".", "") or full.startswith(("..", "/")):
                continue
            is_sheet = files.find(full) is not None and _fits(full, entry)
            if is_sheet or (files.is_folder(full) and _holds(files, full, entry)):
                found.add(full)
                break
    return found


def _tapes_of_others(files: Files, engine: str) -> Iterator[str]:
    for name in find_strategies(files):
        try:
            strategy = read_strategy(files, name)
        except BtError:
            continue
        if strategy.engine == engine and strategy.tape is not None:
            yield strategy.tape


def _below(files: Files, place: str, entry: Entry) -> Iterator[str]:
    """Yield the tapes in a folder of data: the lowest folders that hold some, or single files."""
    inside = [p for p in files.paths(place) if _fits(p, entry)]
    for path in inside:
        if path[len(place) :].count("/") <= _DEEP:
            parent = posixpath.dirname(path)
            yield path if parent == place and path.endswith(_SHEETS) else parent


def _sheets_in(files: Files, folder: str, entry: Entry) -> list[str]:
    return [p for p in files.paths(folder) if posixpath.dirname(p) == folder and _fits(p, entry)]


def _holds(files: Files, folder: str, entry: Entry) -> bool:
    return any(_fits(path, entry) for path in files.paths(folder))


def _fits(path: str, entry: Entry) -> bool:
    return path.endswith(_ENDINGS.get(entry.engine.value, _SHEETS))


def _listed(found: Iterable[str]) -> str:
    names = list(found)
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more
