"""Programs that run a strategy in every way there is, and say what capture finds."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat

ENGINE = """
import json, os, sys
from git_bt.capture import StrategyCodeCapture

def run_algorithm(*args, **named):
    capturer = StrategyCodeCapture()
    found = capturer.detect_entry_point(framework={"engine"})
    captured = capturer.capture(found)
    said = {
        "file": found.detected_file,
        "method": found.detection_method,
        "confidence": found.confidence,
        "context": found.execution_context,
        "fallback": found.fallback_used,
        "kinds": [note.kind for note in found.warnings],
        "entry": captured.snapshot.entry_point,
        "files": {n: s.read().decode(errors="replace") for n, s in captured.content.items()},
        "noticed": [notice.kind for notice in captured.notices],
    }
    with open(os.environ["FOUND"], "a") as file:
        file.write(json.dumps(said) + "\\n")
"""
EXECUTE = """
import sys, nbformat
from nbclient import NotebookClient
path, cwd = sys.argv[1:]
book = nbformat.read(path, as_version=4)
NotebookClient(book, timeout=120, resources={"metadata": {"path": cwd}}).execute()
"""
RUNS = "from engine import run_algorithm\nrun_algorithm()"


def run(
    words: list[str],
    cwd: Path,
    *,
    stdin: str = "",
    env: dict[str, str] | None = None,
    check: bool = True,
) -> list[dict[str, Any]]:
    """Run a command in a project, and return what each call of the engine found."""
    beside = with_engine(cwd)
    words = [sys.executable if word == "python" else word for word in words]
    done = subprocess.run(
        words,
        cwd=cwd,
        env=os.environ | beside | (env or {}),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert not check or done.returncode == 0, done.stderr
    return taken(beside)


def with_engine(project: Path) -> dict[str, str]:
    """Write the engine beside a project, and return what makes a program there find it."""
    beside = project.parent / f"{project.name}-engine"
    beside.mkdir(exist_ok=True)
    (beside / "engine.py").write_text(ENGINE)
    (beside / "found.jsonl").unlink(missing_ok=True)
    return {
        "FOUND": str(beside / "found.jsonl"),
        "PYTHONPATH": str(beside),
        "IPYTHONDIR": str(beside / "ipython"),
    }


def taken(beside: dict[str, str]) -> list[dict[str, Any]]:
    """Take away what each call of the engine has found so far."""
    found = Path(beside["FOUND"])
    lines = found.read_text().splitlines() if found.exists() else []
    found.unlink(missing_ok=True)
    return [json.loads(line) for line in lines]


def notebook(path: Path, *cells: str) -> None:
    """Write a notebook of code cells."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(book, path)


def execute(path: Path, project: Path, cwd: Path | None = None, **env: str) -> list[dict[str, Any]]:
    """Execute a notebook in a real kernel that stands in a folder."""
    words = ["python", "-c", EXECUTE, str(path), str(cwd or path.parent)]
    return run(words, project, env=env)
