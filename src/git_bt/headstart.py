"""Start the child that a command will most likely need, before anything else of ours is imported.

A Python that imports an engine takes as long as all that git-bt does before the run; side by side
they take half. Which one it will be is guessed: what ran last in this repository, else git-bt's
own Python with FLOX. A run takes a child only when it is exactly the one that it would have
started; a wrong guess is ended unused. The child knows nothing of any bundle until it has a job.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path

from git_bt.errors import BtError
from git_bt.harness import Harness

RUNS = {"pack": 2, "validate": 1, "replay": 1}
"""The commands that start with a run, and how many runs at once they make."""

# With these there is no run, or not in the usual interpreter.
_OTHERWISE = ("-h", "--help", "--reuse", "--python", "--engine")
_DEFAULT = ("lrvx", "flox.py")  # the package that shows that an engine is here, its adapter
_MEMORY = "ran"

_waiting: list[Harness] = []


def begin(words: list[str]) -> None:
    """Start children for a command line, the program's name not among its words.

    What goes wrong here will go wrong again, and be told, where the run starts one.
    """
    if not words or words[0] not in RUNS or any(w.split("=")[0] in _OTHERWISE for w in words):
        return
    text = " ".join(words).replace("=", " ")
    runs = 1 if "--runs 1" in text else RUNS[words[0]]
    with suppress(OSError, BtError):
        guess = _remembered() or _own()
        if guess is not None:
            for variation in range(runs):
                _waiting.append(Harness(*guess, variation))


def take(executable: Path, adapter: str, variation: int) -> Harness | None:
    """Return the waiting child that is exactly this one, None where there is none."""
    for harness in tuple(_waiting):
        if harness.fits(executable, adapter, variation):
            with suppress(ValueError):  # another thread took it while this one looked
                _waiting.remove(harness)
                return harness
    return None


def drop() -> None:
    """End the children that no run has taken."""
    while _waiting:
        _waiting.pop().close()


# -- the guess ------------------------------------------------------------------------------------


def remember(cache: Path | None, executable: Path, adapter: str) -> None:
    """Note what runs here, for the next command; a place that cannot be written is left."""
    if cache is None:
        return
    said = os.fsencode(f"{executable}\n{adapter}\n")
    place = cache / _MEMORY
    with suppress(OSError):
        if not place.is_file() or place.read_bytes() != said:
            cache.mkdir(exist_ok=True)
            fresh = place.with_suffix(f".{os.getpid()}")
            fresh.write_bytes(said)
            fresh.replace(place)


def _remembered() -> tuple[Path, str] | None:
    """Return what ran last here: an adapter of ours, on a Python that is looked for anyway.

    The file may come from elsewhere with the repository, so it can choose but not name a program.
    """
    common = _common_dir()
    if common is None:
        return None
    with suppress(OSError, ValueError):
        said = os.fsdecode((common / "bt" / _MEMORY).read_bytes())
        executable, adapter = map(Path, said.splitlines())
        is_ours = adapter.parent == Path(__file__).with_name("engines") and adapter.is_file()
        if is_ours and executable.parent in _folders(common.parent) and executable.is_file():
            return executable, str(adapter)
    return None


def _folders(top: Path) -> list[Path]:
    named = [os.environ.get(name) for name in ("VIRTUAL_ENV", "CONDA_PREFIX")]
    prefixes = [Path(sys.prefix), top / ".venv", top / "venv", *(Path(n) for n in named if n)]
    on_path = os.environ.get("PATH", "").split(os.pathsep)
    return [*(prefix / "bin" for prefix in prefixes), *(Path(f) for f in on_path if f)]


def _own() -> tuple[Path, str] | None:
    package, adapter = _DEFAULT
    sites = [Path(p) for p in sys.path if p.endswith(("site-packages", "dist-packages"))]
    if any((site / package).is_dir() for site in sites):
        return Path(sys.executable), str(Path(__file__).with_name("engines") / adapter)
    return None


def _common_dir() -> Path | None:
    """Return the common git directory around the current folder, without asking git."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        git = folder / ".git"
        if git.is_dir():
            return git
        if git.is_file():
            place = folder / os.fsdecode(git.read_bytes()).removeprefix("gitdir:").strip()
            with suppress(OSError):
                return (place / os.fsdecode((place / "commondir").read_bytes()).strip()).resolve()
            return place
    return None
