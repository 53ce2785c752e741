"""What was captured can be restored into an empty folder, and imported there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from git_bt.capture.running import capture_entry
from git_bt.model import Captured

TREES: dict[str, tuple[str, dict[str, str | bytes]]] = {
    "one file": ("s.py", {"s.py": "K = 1"}),
    "packages": (
        "pkg/run.py",
        {
            "pyproject.toml": "", "pkg/__init__.py": "", "pkg/run.py": "from .deep import leaf",
            "pkg/deep/__init__.py": "from . import leaf", "pkg/deep/leaf.py": "K = 1",
            "pkg/unused.py": "1 / 0",
        },
    ),
    "src layout": (
        "src/own/run.py",
        {
            "pyproject.toml": "", "src/own/__init__.py": "", "src/own/run.py": "import own.util",
            "src/own/util.py": "import ns.mod", "src/ns/mod.py": "",
        },
    ),
    "names of the standard library and encodings": (
        "s.py",
        {
            "s.py": "import statistics, lat, bom", "statistics.py": "K = 1",
            "lat.py": "# coding: latin-1\nx = 'é'".encode("latin-1"),
            "bom.py": b"\xef\xbb\xbfx = 1",
        },
    ),
    "listed": (
        "s.py",
        {
            "s.py": "import json\nP = json.load(open('config/p.json'))\n"
            "for name in ('config/q.yaml', 'notes.txt', 'table.bin'): open(name).close()",
            "config/p.json": "{}", "config/q.yaml": "a: 1", "notes.txt": "é",
            "table.bin": b"\0\xff",
            "strategy.yaml": "files: ['config/*', notes.txt, table.bin]",
        },
    ),
    "a hostile name": ("a\n'b\".py", {"a\n'b\".py": "K = 1"}),
}  # fmt: skip


def plant(top: Path, captured: dict[str, str | bytes]) -> None:
    for name, text in captured.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(text if isinstance(text, bytes) else text.encode())


def restore(captured: Captured, folder: Path) -> None:
    plant(folder, {name: source.read() for name, source in captured.content.items()})


@pytest.mark.parametrize("name", TREES)
def test_a_restored_capture_runs_alone(name: str, tmp_path: Path) -> None:
    """In an empty folder, where nothing else of the project can help."""
    entry, tree = TREES[name]
    plant(tmp_path / "project", tree)
    root = tmp_path / "project"
    captured = capture_entry(str(root), str(root / entry), mode="imports", with_loaded=False)
    restore(captured, tmp_path / "copy")
    folder = tmp_path / "copy"
    places = os.pathsep.join([str(folder), str(folder / "src")])
    program = f"import runpy; runpy.run_path({entry!r})"
    if entry.startswith(("pkg", "src")):
        module = entry.removeprefix("src/").removesuffix(".py").replace("/", ".")
        program = f"import {module}"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": places, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "pkg/unused.py" not in captured.content
