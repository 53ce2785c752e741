"""Make the environments of heavy engines: scripts/engines.py NAME[,NAME…]|all|list.

Each is a virtual environment of its own in .venv-engines/, without git-bt, made once and again
when its requirements change. An engine that no Python here can have is told and left out.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
PLACE = TOP / ".venv-engines"
EXTRAS = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]["optional-dependencies"]
# The oldest minor version of Python, and what is installed. nautilus and pybroker have no adapter:
# their worked examples run on the engine python. pandas2 and python313 are other surroundings of
# the light engines, in which the same strategy gives the same bundle. rustybt is for zipline.
# jupyter and pyinstaller are no engines: a strategy is found in what they start.
ENGINES: dict[str, tuple[int, list[str]]] = {
    "vectorbt": (11, EXTRAS["vectorbt"]),
    "zipline": (11, EXTRAS["zipline"]),
    "nautilus": (12, ["nautilus_trader>=1.220"]),
    "pybroker": (11, ["lib-pybroker>=2.0"]),
    "pandas2": (11, [*EXTRAS["backtesting"], *EXTRAS["backtrader"], "pandas<3"]),
    "python313": (13, [*EXTRAS["backtesting"], *EXTRAS["backtrader"]]),
    "jupyter": (11, ["jupyter_server>=2.14", "ipykernel>=6.29"]),
    "pyinstaller": (11, ["pyinstaller>=6.10"]),
    "rustybt": (12, ["rustybt>=0.3"]),
}
LONG = {"rustybt"}  # half an hour until its packages are resolved and built: when named, not by all


def main(words: list[str]) -> int:
    """Make the environments that are named."""
    chosen = words[0].split(",") if words else []
    if chosen == ["all"]:
        chosen = [name for name in ENGINES if name not in LONG]
    if chosen in ([], ["list"]):
        print(" ".join(ENGINES))
        return 0
    unknown = [name for name in chosen if name not in ENGINES]
    if unknown:
        print(f"error: no engine {unknown[0]}; there are {', '.join(ENGINES)}", file=sys.stderr)
        return 2
    for name in chosen:
        make(name, *ENGINES[name])
    return 0


def make(name: str, oldest: int, requirements: list[str]) -> None:
    """Make one environment, unless it is there with the same requirements."""
    stamp = PLACE / name / "installed"
    wanted = "\n".join(requirements)
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    python = find_python(oldest)
    if python is None:
        print(f"left out {name}: it needs Python 3.{oldest} or newer", file=sys.stderr)
        return
    print(f"making .venv-engines/{name}: {', '.join(requirements)}", file=sys.stderr)
    subprocess.run([python, "-m", "venv", "--clear", PLACE / name], check=True)
    pip = [PLACE / name / "bin" / "python", "-m", "pip", "install", "--quiet"]
    done = subprocess.run([*pip, "--disable-pip-version-check", *requirements], check=False)
    if done.returncode:
        print(f"left out {name}: it cannot be installed here", file=sys.stderr)
        return
    stamp.write_text(wanted)


def find_python(oldest: int) -> str | None:
    """Return a Python that is new enough: ours, one on PATH, or one of pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [sys.executable, *(shutil.which(f"python3.{n}") or "" for n in range(oldest, 15))]
    found += map(str, sorted(pyenv.glob("3.*/bin/python")))
    ask = f"import ensurepip, sys, venv; sys.exit(not (3, {oldest}) <= sys.version_info < (3, 15))"
    for python in filter(None, found):
        if subprocess.run([python, "-c", ask], capture_output=True, check=False).returncode == 0:
            return python
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
