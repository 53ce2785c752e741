"""Which Python runs a strategy, and where the engine's adapter is.

The interpreter is the first of a fixed list that has the engine; one that was asked for by name
and lacks it is an error. Whether it has it is read from its dist-info folders: nothing of the
engine is imported here. One process asks a foreign interpreter for its paths, and the answer is
kept until the interpreter or one of its site-packages changes; versions are never kept.
"""

import contextlib
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, cast

from git_bt.errors import BtError, Incomplete, Usage
from git_bt.installed import distributions, stamp
from git_bt.model import EngineVersion
from git_bt.paths import expanded

GROUP = "git_bt.engines"
OLDEST = (3, 9)
PROBE_S = 30.0


# -- adapters -------------------------------------------------------------------------------------


class Adapter(Protocol):
    """What the parent uses of an adapter module; the whole contract is in engines/__init__.py."""

    __name__: str
    __file__: str
    NAME: str
    DISTRIBUTIONS: tuple[str, ...]
    INSTALL: str
    complete: Callable[[Mapping[str, Any]], dict[str, Any]]


def load_adapter(name: str) -> Adapter:
    """Return the adapter of an engine.

    Our own are imported by their name; only another's is looked up in the entry points, because
    that reads every distribution's metadata (27 ms for the import alone).

    Raises:
        Usage: there is no such engine.
    """
    if re.fullmatch(r"[a-z][a-z0-9_]*", name) and (_own_folder() / f"{name}.py").is_file():
        return _checked(importlib.import_module(f"git_bt.engines.{name}"), name)
    module = _entry_points().get(name)
    if module is None:
        known = ", ".join(engine_names())
        raise Usage(f"unknown engine {name!r}", hint=f"engines here: {known}")
    try:
        return _checked(importlib.import_module(module), name)
    except ImportError as e:
        raise Usage(f"the adapter of engine {name!r} cannot be imported: {e}") from e


def engine_names() -> tuple[str, ...]:
    """Return the names of all engines that have an adapter here, sorted."""
    return tuple(sorted(_entry_points()))


def _entry_points() -> dict[str, str]:
    from importlib.metadata import entry_points

    return {point.name: point.module for point in entry_points(group=GROUP)}


def _own_folder() -> Path:
    return Path(__file__).with_name("engines")


def _checked(module: ModuleType, name: str) -> Adapter:
    if getattr(module, "NAME", None) != name or not module.__file__:
        raise Usage(f"{module.__name__} is no adapter of engine {name!r}")
    return cast("Adapter", module)


# -- interpreters ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A Python that has the engine. `site_dirs` are the folders that its packages lie in."""

    executable: Path
    version: str
    engine: EngineVersion
    found_by: str
    site_dirs: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for (a file, an environment's folder, or a command), and where to look."""

    option: str | None = None  # --python
    declared: str | None = None  # python: of strategy.yaml, relative to project_root
    configured: str | None = None  # git config bt.python
    project_root: Path | None = None
    cache: Path | None = None  # folder of the cache file


@dataclass(frozen=True, slots=True, kw_only=True)
class _Examined:
    """What an interpreter says of itself."""

    executable: Path
    version: str
    site_dirs: tuple[Path, ...]


def find_interpreter(
    adapter: Adapter, wanted: Wanted, environ: Mapping[str, str] | None = None
) -> Interpreter:
    """Return the first interpreter that has the engine.

    Raises:
        Incomplete: none has it (the message lists what was looked at), or the one asked for does
            not.
    """
    environ = os.environ if environ is None else environ
    looked: list[str] = []
    seen: set[Path] = set()
    for found_by, executable, is_asked in _candidates(wanted, environ):
        if executable in seen:
            continue
        seen.add(executable)
        reason, found = _try(adapter, executable, found_by, wanted.cache)
        if found is not None:
            return found
        looked.append(f"{executable} ({found_by}): {reason}")
        if is_asked:
            raise Incomplete(
                f"{executable} ({found_by}) cannot run engine {adapter.NAME}: {reason}",
                hint=_install(adapter, executable),
            )
    raise Incomplete(
        f"no Python here has engine {adapter.NAME}; looked at " + "; ".join(looked),
        hint=adapter.INSTALL,
    )


def candidates(wanted: Wanted, environ: Mapping[str, str] | None = None) -> list[Path]:
    """Return every executable that `find_interpreter` may ask, in its order; none is run here."""
    found = []
    for _, executable, is_asked in _candidates(wanted, os.environ if environ is None else environ):
        found.append(executable)
        if is_asked:
            break
    return found


def _try(
    adapter: Adapter, executable: Path, found_by: str, cache: Path | None
) -> tuple[str, Interpreter | None]:
    try:
        examined = examine(executable, cache)
    except BtError as e:
        return e.message, None
    if tuple(int(n) for n in examined.version.split(".")[:2]) < OLDEST:
        return f"is Python {examined.version}, git-bt needs 3.9 or newer", None
    installed = distributions(examined.site_dirs)
    version = next((installed[d] for d in adapter.DISTRIBUTIONS if d in installed), None)
    if adapter.DISTRIBUTIONS and version is None:
        return f"has no {' or '.join(adapter.DISTRIBUTIONS)}", None
    return "", Interpreter(
        executable=examined.executable,
        version=examined.version,
        engine=EngineVersion(name=adapter.NAME, version=version or _own_version(adapter, examined)),
        found_by=found_by,
        site_dirs=examined.site_dirs,
    )


def _own_version(adapter: Adapter, examined: _Examined) -> str:
    """Return the version of an engine without a distribution: its own, else the Python's X.Y."""
    minor = ".".join(examined.version.split(".")[:2])
    return getattr(adapter, "VERSION", minor)


def _install(adapter: Adapter, executable: Path) -> str:
    package = adapter.DISTRIBUTIONS[0] if adapter.DISTRIBUTIONS else adapter.NAME
    return f"{executable} -m pip install {package}"


# -- where to look --------------------------------------------------------------------------------


def _candidates(wanted: Wanted, environ: Mapping[str, str]) -> Iterator[tuple[str, Path, bool]]:
    """Yield how it was found, the executable, and whether it was asked for by name."""
    base = wanted.project_root or Path.cwd()
    for what, text, folder in (
        ("--python", wanted.option, Path.cwd()),
        ("python: of strategy.yaml", wanted.declared, base),
    ):
        if text is not None:
            if (named := _named(text, folder, environ)) is None:
                raise Incomplete(f"{text} ({what}) is no Python", hint="name an executable file")
            yield what, named, True
    if wanted.configured is not None:
        configured = _named(wanted.configured, base, environ)
        if configured is not None:
            yield "git config bt.python", configured, False
    for what, prefix in _prefixes(wanted.project_root, environ):
        if (found := _python_of(prefix)) is not None:
            yield what, found, False
    yield from _on_path(environ)
    yield "git-bt's own", Path(sys.executable), False


def _prefixes(root: Path | None, environ: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    if root is not None:
        yield from ((f"{name} of the project", root / name) for name in (".venv", "venv"))
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        if environ.get(variable) and Path(environ[variable]) != _private_prefix():
            yield f"${variable}", Path(environ[variable])


def _on_path(environ: Mapping[str, str]) -> Iterator[tuple[str, Path, bool]]:
    private = _private_prefix()
    for folder in environ.get("PATH", "").split(os.pathsep):
        if folder and (private is None or Path(folder) != private / "bin"):
            for name in ("python3", "python"):
                if os.access(found := Path(folder) / name, os.X_OK) and found.is_file():
                    yield "PATH", found.absolute(), False


def _named(text: str, base: Path, environ: Mapping[str, str]) -> Path | None:
    """Return the executable that a user named: a file, an environment's folder, or a command."""
    path = base / expanded(text)
    if path.is_dir():
        return _python_of(path)
    if path.is_file():
        return path.absolute()
    command = None if os.sep in text else shutil.which(text, path=environ.get("PATH"))
    return None if command is None else Path(command).absolute()


def _python_of(prefix: Path) -> Path | None:
    for name in ("bin/python", "bin/python3", "Scripts/python.exe"):
        if (found := prefix / name).is_file():
            return found.absolute()
    return None


def _private_prefix() -> Path | None:
    """Return git-bt's own environment where a tool made it for git-bt alone."""
    prefix = Path(sys.prefix)
    marks = ("pipx_metadata.json", "uv-receipt.toml", ".install_state_v1", ".install_state_v2")
    is_private = prefix.name.startswith("py_env-") or any((prefix / m).exists() for m in marks)
    return prefix if is_private else None


# -- what an interpreter is -----------------------------------------------------------------------

_PROBE = """\
import sys, os, json
print(json.dumps({
    "version": "%d.%d.%d" % tuple(sys.version_info[:3]),
    "executable": sys.executable,
    "path": [p for p in sys.path if p and os.path.isdir(p)],
}))
"""


def examine(executable: Path, cache: Path | None = None) -> _Examined:
    """Return an interpreter's version and the folders that its packages lie in.

    Args:
        executable: the Python; a virtual environment's own link, not what it points to.
        cache: folder of the cache file; None asks anew.

    Raises:
        Incomplete: it cannot be run.
    """
    if executable == Path(sys.executable):
        return _examine_self()
    memory = _read_cache(cache)
    kept = memory.get(str(executable))
    if not isinstance(kept, dict) or kept.get("state") != _state(executable, kept.get("path", [])):
        kept = _ask(executable)
        kept["state"] = _state(executable, kept["path"])
        _write_cache(cache, {**memory, str(executable): kept})
    # A shim means another Python elsewhere, and is slow: what it stands for is run.
    real = Path(kept["executable"]) if _is_script(executable) else executable
    site_dirs = tuple(Path(p) for p in kept["path"] if _is_site(p))
    return _Examined(executable=real, version=kept["version"], site_dirs=site_dirs)


def _is_site(path: str) -> bool:
    return Path(path).name in ("site-packages", "dist-packages")


def _examine_self() -> _Examined:
    import site

    version = ".".join(str(n) for n in sys.version_info[:3])
    user = site.getusersitepackages()  # a run is started with -s
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    paths = [p for p in sys.path if _is_site(p) and p != user and p not in given]
    site_dirs = tuple(Path(p) for p in paths)
    return _Examined(executable=Path(sys.executable), version=version, site_dirs=site_dirs)


def _ask(executable: Path) -> dict[str, Any]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    try:
        done = subprocess.run(
            [str(executable), "-I", "-c", _PROBE],
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_S,
            check=True,
        )
        said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as e:
        raise Incomplete("does not run as a Python") from e
    return said


def _state(executable: Path, paths: list[str]) -> list[Any]:
    """Return what changes when the interpreter or its packages do (a .pth file counts)."""
    watched = [executable, executable.parent.parent / "pyvenv.cfg"]
    watched += [Path(p) for p in paths if _is_site(p)]
    chosen = [os.environ.get(name) for name in ("PYENV_VERSION", "ASDF_PYTHON_VERSION")]
    if _is_script(executable):  # a shim of pyenv or asdf chooses by these
        here = Path.cwd()
        homes = [Path.home(), Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))]
        names = (".python-version", ".tool-versions", "version")
        watched += [folder / name for folder in (here, *here.parents, *homes) for name in names]
    return [*(stamp(p) for p in watched), chosen]


def _is_script(path: Path) -> bool:
    """Tell whether it is a shim, which may mean another Python in another folder."""
    try:
        with path.open("rb") as f:
            return f.read(2) == b"#!"
    except OSError:
        return True


def _cache_file(cache: Path) -> Path:
    return cache / "interpreters.json"


def _read_cache(cache: Path | None) -> dict[str, Any]:
    try:
        value = json.loads(_cache_file(cache).read_bytes()) if cache is not None else {}
    except (OSError, ValueError):
        return {}  # a cache may always be lost
    return value if isinstance(value, dict) else {}


def _write_cache(cache: Path | None, memory: Mapping[str, Any]) -> None:
    if cache is None:
        return
    new = _cache_file(cache).with_suffix(f".{os.getpid()}")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        new.write_text(json.dumps(memory))
        new.replace(_cache_file(cache))
    except OSError:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
