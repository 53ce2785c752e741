"""Which file is the strategy, in every way that one can be started."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from capture.programs import RUNS, execute, notebook, run
from git_bt.capture import StrategyCodeCapture
from git_bt.live import proof
from git_bt.live.notebooks import detect_notebook

CALL = RUNS + "\n"
MAIN = "from engine import run_algorithm\nif __name__ == '__main__':\n    "
WRAPPED = "from runner import go\ngo()\n"
RUNNER = "from engine import run_algorithm\ndef go():\n    run_algorithm()\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    top = tmp_path / "project"
    top.mkdir()
    (top / "pyproject.toml").touch()
    return top


def plant(top: Path, tree: dict[str, str]) -> None:
    for name, text in tree.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


SCRIPTS: dict[str, tuple[list[str], dict[str, str], str]] = {
    "script": (["s.py"], {"s.py": CALL}, "s.py"),
    "script by another folder": (["./sub/../s.py"], {"sub/x": "", "s.py": CALL}, "s.py"),
    "nested calls": (
        ["s.py"],
        {
            "s.py": "from engine import run_algorithm\ndef a():\n    b()\n"
            "def b():\n    run_algorithm()\na()"
        },
        "s.py",
    ),
    "module of a package": (
        ["-m", "pkg.mod"], {"pkg/__init__.py": "", "pkg/mod.py": CALL}, "pkg/mod.py",
    ),
    "package with __main__": (["-m", "pkg"], {"pkg/__main__.py": CALL}, "pkg/__main__.py"),
    "folder": (["app"], {"app/__main__.py": CALL}, "app/__main__.py"),
    "alias": (["s.py"], {"s.py": "from engine import run_algorithm as go\ngo()"}, "s.py"),
    "partial in a thread": (
        ["s.py"],
        {
            "s.py": "import threading\nfrom functools import partial\n"
            "from engine import run_algorithm\n"
            "t = threading.Thread(target=partial(run_algorithm))\nt.start(); t.join()"
        },
        "s.py",
    ),
    "at exit": (
        ["s.py"],
        {"s.py": "import atexit\nfrom engine import run_algorithm\natexit.register(run_algorithm)"},
        "s.py",
    ),
    "without its __file__": (["s.py"], {"s.py": "del __file__\n" + CALL}, "s.py"),
    "forked worker": (
        ["s.py"],
        {
            "s.py": "import multiprocessing as mp\nfrom engine import run_algorithm\n"
            "p = mp.get_context('fork').Process(target=run_algorithm)\np.start(); p.join()"
        },
        "s.py",
    ),
    "spawned worker of a module": (
        ["-m", "pkg.mod"],
        {
            "pkg/__init__.py": "",
            "pkg/mod.py": f"import multiprocessing as mp\n{MAIN}p = mp.get_context('spawn')"
            ".Process(target=run_algorithm)\n    p.start(); p.join()",
        },
        "pkg/mod.py",
    ),
    "wrapper module": (["s.py"], {"s.py": WRAPPED, "runner.py": RUNNER}, "s.py"),
    "wrapper that runs when it is imported": (
        ["s.py"], {"s.py": "import runner", "runner.py": CALL}, "s.py",
    ),
    "importlib by name": (
        ["s.py"],
        {"s.py": "import importlib\nimportlib.import_module('runner')", "runner.py": CALL},
        "s.py",
    ),
    "runpy of a path": (
        ["s.py"], {"s.py": "import runpy\nrunpy.run_path('p.py')", "p.py": CALL}, "p.py",
    ),
    "runpy of a module": (
        ["s.py"], {"s.py": "import runpy\nrunpy.run_module('p')", "p.py": CALL}, "p.py",
    ),
    "a loader of a registered module": (
        ["s.py"],
        {
            "s.py": "import importlib.util as u, sys\n"
            "s = u.spec_from_file_location('dyn', 'p.py')\nm = u.module_from_spec(s)\n"
            "sys.modules['dyn'] = m\ns.loader.exec_module(m)",
            "p.py": WRAPPED, "runner.py": RUNNER,
        },
        "p.py",
    ),
    "profiler": (["-m", "cProfile", "-o", os.devnull, "s.py"], {"s.py": CALL}, "s.py"),
    "folder named like an engine": (
        ["zipline/s.py"], {"zipline/s.py": CALL}, "zipline/s.py",
    ),
    "below lib/python": (
        ["lib/python3.11/s.py"], {"lib/python3.11/s.py": CALL}, "lib/python3.11/s.py",
    ),
    "below site-packages": (
        ["site-packages/p/s.py"], {"site-packages/p/s.py": CALL}, "site-packages/p/s.py",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_script_is_found(name: str, project: Path) -> None:
    """However a program starts, its file is found, its bytes are proved, and nothing is warned."""
    words, tree, expected = SCRIPTS[name]
    plant(project, tree)
    (found,) = run(["python", *words], project)

    assert found["file"] == str(project / expected)
    assert (found["context"], found["confidence"], found["kinds"]) == ("file", 1.0, [])
    assert found["files"].keys() == {expected}


def test_in_pytest_the_test_is_the_strategy(project: Path) -> None:
    """Pytest is no strategy, and neither is a conftest: the test's file is."""
    plant(
        project,
        {
            "tests/conftest.py": "import engine, pytest\n@pytest.fixture\ndef go():\n"
            "    return engine.run_algorithm\n",
            "tests/test_it.py": "from runner import go as wrapped\ndef test_it(go):\n    go()\n"
            "    wrapped()\n",
            "runner.py": RUNNER,
        },
    )
    words = ["python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    found = run(words, project, env={"PYTHONPATH": f"{project}:{project}-engine"})

    assert [call["file"] for call in found] == [str(project / "tests/test_it.py")] * 2
    assert found[0]["method"] == "frames"
    assert found[0]["confidence"] == 0.9
    assert found[0]["kinds"] == []


def test_code_that_came_by_value_is_of_the_module_it_came_from(project: Path) -> None:
    """As in the workers of joblib, and in a doctest: its globals say where it is from."""
    example = '"""\n>>> from engine import run_algorithm\n>>> _ = run_algorithm()\n"""\n'
    plant(project, {"m.py": example})
    (found,) = run(["python", "-m", "doctest", "m.py"], project)

    assert found["file"] == str(project / "m.py")
    assert (found["method"], found["confidence"], found["context"]) == ("frames", 0.8, "file")
    assert found["kinds"] == []


def test_a_pool_started_by_code_is_no_prompt(project: Path) -> None:
    """Its workers are started with -c, and something installed calls what runs: pytest-xdist."""
    plant(project, {"test_it.py": "import engine\ndef test_it():\n    engine.run_algorithm()\n"})
    words = ["python", "-m", "pytest", "-q", "-n", "1", "-p", "no:cacheprovider", "test_it.py"]
    (found,) = run(words, project)

    assert found["file"] == str(project / "test_it.py")
    assert (found["context"], found["confidence"], found["kinds"]) == ("file", 0.9, [])


def test_a_console_script_is_no_strategy(project: Path) -> None:
    """Of a program in the environment's bin/, the outermost file of the project counts."""
    plant(
        project,
        {"pkg/cli.py": "from engine import run_algorithm\ndef main():\n    run_algorithm()"},
    )
    start = "import sys; sys.path.insert(0, '.'); from pkg.cli import main; main()"
    launcher = Path(sys.executable).parent / f"git-bt-test-{os.getpid()}"
    launcher.write_text(start)
    try:
        (found,) = run(["python", str(launcher)], project)
    finally:
        launcher.unlink()

    assert found["file"] == str(project / "pkg/cli.py")
    assert found["context"] == "file"


def test_a_symlinked_script_keeps_its_name(project: Path) -> None:
    """The content is stored under the name that was called."""
    plant(project, {"actual.py": CALL})
    (project / "s.py").symlink_to("actual.py")
    (found,) = run(["python", "s.py"], project)

    assert found["file"] == str(project / "s.py")
    assert found["files"] == {"s.py": CALL}
    assert found["noticed"] == []


def test_a_link_into_a_project_counts_as_what_it_leads_to(project: Path, tmp_path: Path) -> None:
    """A link in another folder leads to the project whose modules it loads."""
    plant(project, {"actual.py": CALL})
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "go").symlink_to(project / "actual.py")
    (found,) = run(["python", "../bin/go"], project)

    assert found["file"] == str(project / "actual.py")
    assert found["files"] == {"actual.py": CALL}


@pytest.mark.parametrize(
    ("words", "stdin"),
    [
        (["-c", CALL], ""), (["-"], CALL), ([], CALL), (["-i"], CALL),
        (["-c", f"exec({CALL!r})"], ""),
    ],
    ids=["-c", "stdin", "bare stdin", "prompt", "exec in -c"],
)  # fmt: skip
def test_what_is_typed_is_in_no_file(words: list[str], stdin: str, project: Path) -> None:
    """A prompt, -c and standard input are interactive; the warning says what to do."""
    found = run(["python", *words], project, stdin=stdin)[0]

    assert (found["file"], found["confidence"]) == (None, 0.0)
    assert (found["context"], found["kinds"]) == ("interactive", ["detection_failed"])
    assert found["files"] == {}


@pytest.mark.parametrize(
    ("listing", "files"),
    [
        ("entry_point: rules.py\nfiles: [p.json]\n", {"rules.py", "p.json"}),
        ("files: ['*.json', rules.py]\n", {"rules.py", "p.json"}),
        ("files: [p.json]\n", set()),
        ("files: 5\n", set()),
    ],
)
def test_what_is_in_no_file_is_what_strategy_yaml_lists(
    listing: str, files: set[str], project: Path
) -> None:
    """The nearest one, and what ran is not in it; one without a module to begin with is said."""
    plant(project, {"strategy.yaml": listing, "rules.py": "", "p.json": "{}"})
    plant(project, {"sub/x": ""})
    words = ["python", "-c", f"import os; os.chdir('sub')\n{CALL}"]
    (found,) = run(words, project)

    assert (found["file"], found["kinds"]) == (None, ["detection_failed"])
    assert found["files"].keys() == files
    assert found["entry"] == ("rules.py" if files else "")
    assert found["noticed"] == (["detection_uncertain"] if files else ["detection_failed"] * 2)


def test_a_strategy_yaml_that_lists_nothing_is_another_strategys(project: Path) -> None:
    """It says how its own entry point runs, and what was typed is in no file still."""
    plant(project, {"strategy.yaml": "entry_point: rules.py\nengine: flox\n", "rules.py": ""})
    (found,) = run(["python", "-c", CALL], project)

    assert (found["files"], found["noticed"]) == ({}, ["detection_failed"])


def test_a_module_called_from_a_prompt_is_a_guess(project: Path) -> None:
    """Best effort, and said so: the outermost file."""
    plant(project, {"runner.py": RUNNER})
    (found,) = run(["python", "-c", WRAPPED], project)

    assert found["file"] == str(project / "runner.py")
    assert found["confidence"] == 0.6
    assert (found["context"], found["kinds"]) == ("interactive", ["detection_uncertain"])
    assert found["fallback"]


def test_a_script_before_a_prompt_is_a_script(project: Path) -> None:
    """While `python -i s.py` runs s.py, that is what runs."""
    plant(project, {"s.py": CALL})
    (found,) = run(["python", "-i", "s.py"], project)

    assert (found["file"], found["context"]) == (str(project / "s.py"), "file")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("exec('from engine import run_algorithm; run_algorithm()')", "s.py"),
        ("exec(open('p.txt').read(), {})", "s.py"),
        ("exec(compile(open('p.txt').read(), 'p.txt', 'exec'))", "p.txt"),
    ],
)
def test_text_that_is_executed_is_uncertain(text: str, name: str, project: Path) -> None:
    """The script counts, or the file whose name the text was given; and it is said."""
    plant(project, {"s.py": text, "p.txt": CALL})
    (found,) = run(["python", "s.py"], project)

    assert found["file"] == str(project / name)
    assert found["confidence"] == 0.7
    assert found["kinds"] == ["detection_uncertain"]


@pytest.mark.parametrize("options", [[], ["--compress"]])
def test_an_archive_is_its_own_source(options: list[str], project: Path) -> None:
    """Of an application that `python -m zipapp` makes, the archive is what ran."""
    plant(project, {"app/mine.py": "from engine import run_algorithm as main"})
    words = [sys.executable, "-m", "zipapp", "app", "-m", "mine:main", *options]
    subprocess.run(words, cwd=project, check=True)
    shutil.rmtree(project / "app")
    (found,) = run(["python", "app.pyz"], project)

    assert (found["file"], found["confidence"]) == (str(project / "app.pyz"), 1.0)
    assert (found["context"], found["kinds"], found["noticed"]) == ("file", [], [])
    assert found["files"].keys() == {"app.pyz"}


def test_byte_code_counts_as_its_source_when_they_agree(project: Path) -> None:
    """A .pyc whose source compiles to what runs is that source, else it stands for itself."""
    plant(project, {"s.py": CALL})
    compiled = "import py_compile; py_compile.compile('s.py', cfile='s.pyc', dfile='s.py')"
    subprocess.run([sys.executable, "-c", compiled], cwd=project, check=True)
    (same,) = run(["python", "s.pyc"], project)
    plant(project, {"s.py": CALL + "K = 2\n"})
    (edited,) = run(["python", "s.pyc"], project)
    (project / "s.py").unlink()
    (alone,) = run(["python", "s.pyc"], project)

    assert (same["file"], same["confidence"], same["kinds"]) == (str(project / "s.py"), 0.9, [])
    for found in (edited, alone):
        assert (found["file"], found["confidence"]) == (str(project / "s.pyc"), 0.7)
        assert found["kinds"] == ["detection_uncertain"]


def test_byte_code_is_no_edited_source_that_it_ran(project: Path) -> None:
    """What was proved of the file when it ran by itself says nothing of the byte code."""
    text = "import runpy\nif __name__ == '__main__':\n    runpy.run_path('s.py')\n" + CALL
    plant(project, {"s.py": text})
    compiled = "import py_compile; py_compile.compile('s.py', cfile='s.pyc', dfile='s.py')"
    subprocess.run([sys.executable, "-c", compiled], cwd=project, check=True)
    plant(project, {"s.py": text + "K = 2\n"})
    nested, byte_code = run(["python", "s.pyc"], project)

    assert (nested["file"], nested["method"]) == (str(project / "s.py"), "program")
    assert (byte_code["file"], byte_code["confidence"]) == (str(project / "s.pyc"), 0.7)


def test_a_frozen_application_is_said(project: Path) -> None:
    """The source counts where it lies beside it, else the executable."""
    frozen = "import sys\nsys.frozen = True\nsys.executable = sys.argv[1]\n"
    plant(project, {"s.py": frozen + CALL, "app": "#!"})
    (beside,) = run(["python", "s.py", str(project / "app")], project)
    text = f"{frozen}sys.modules['__main__'].__file__ = 'gone.py'\n{CALL}"
    (alone,) = run(["python", "-c", text, str(project / "app")], project)

    assert (beside["file"], beside["confidence"]) == (str(project / "s.py"), 0.8)
    assert (alone["file"], alone["confidence"]) == (str(project / "app"), 0.8)
    assert (alone["context"], alone["kinds"]) == ("frozen", ["detection_uncertain"])


# -- the proof ------------------------------------------------------------------------------------


def test_rewritten_with_the_same_code_is_no_change(project: Path) -> None:
    """A file that was touched after it was loaded still compiles to what runs."""
    plant(project, {"s.py": "import os, time; time.sleep(0.02); os.utime(__file__)\n" + CALL})
    (found,) = run(["python", "s.py"], project)

    assert (found["confidence"], found["kinds"]) == (proof.SAME_CODE, [])


@pytest.mark.parametrize(
    "change",
    [
        "open(__file__, 'a').write('K = 2\\n')",
        "os.remove(__file__)",
        "open(__file__, 'w').write('(')",
    ],
)
def test_a_changed_source_is_said(change: str, project: Path) -> None:
    """Other code, no code and no file: what is there is not what ran."""
    plant(project, {"s.py": f"import os, time; time.sleep(0.02); {change}\n{CALL}"})
    (found,) = run(["python", "s.py"], project)

    assert found["confidence"] == proof.CHANGED
    assert found["kinds"] == ["source_changed_since_load"]


def test_a_changed_module_is_said(project: Path) -> None:
    """In the mode imports, every loaded module is held against its byte code."""
    plant(
        project,
        {
            "s.py": "import time, m\ntime.sleep(0.05)\nopen('m.py', 'w').write('K = 22')\n"
            "from git_bt.capture import StrategyCodeCapture\n"
            "c = StrategyCodeCapture(code_capture_mode='imports').capture()\n"
            "print([(n.kind, n.path) for n in c.notices], list(c.content))\n",
            "m.py": "K = 1",
        },
    )
    done = subprocess.run(
        [sys.executable, "s.py"], cwd=project, capture_output=True, text=True, check=True
    )

    assert done.stdout == "[('source_changed_since_load', 'm.py')] ['m.py', 's.py']\n"


def test_what_is_loaded_is_captured_though_no_source_names_it(project: Path) -> None:
    """A module whose name is computed is found in sys.modules."""
    plant(
        project,
        {
            "s.py": "import importlib\nfor n in ['one']:\n    importlib.import_module('pkg.' + n)\n"
            "from git_bt.capture import StrategyCodeCapture\n"
            "c = StrategyCodeCapture(code_capture_mode='imports').capture()\n"
            "print(*sorted(c.content))\n",
            "pkg/one.py": "", "pkg/two.py": "",
        },
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "s.py"], cwd=project, capture_output=True, text=True, check=True
    )

    assert done.stdout == "pkg/one.py s.py\n"


# -- notebooks ------------------------------------------------------------------------------------


def test_vs_codes_variable_names_the_notebook(project: Path) -> None:
    """It stands in the user's namespace, and above what lies there."""
    notebook(project / "a.ipynb", f"__vsc_ipynb_file__ = {str(project / 'a.ipynb')!r}", RUNS)
    notebook(project / "b.ipynb", f"__vsc_ipynb_file__ = {str(project / 'a.ipynb')!r}", RUNS)
    (found,) = execute(project / "a.ipynb", project)

    assert (found["file"], found["method"]) == (str(project / "a.ipynb"), "vscode")
    assert (found["confidence"], found["kinds"]) == (1.0, [])


def test_cells_of_a_module_count_as_a_notebook(project: Path) -> None:
    """VS Code's interactive window names the module that they are sent from; they are captured."""
    named = f"__file__ = {str(project / 's.py')!r}"
    plant(project, {"s.py": f"# %%\n{named}\n# %%\n{RUNS}\n# %%\nnever = 'sent'\n"})
    notebook(project.parent / "interactive.ipynb", named, RUNS, "x = 'not in it'", RUNS)
    saved, edited = execute(project.parent / "interactive.ipynb", project, project)

    assert (saved["file"], saved["context"]) == (str(project / "s.py"), "notebook")
    assert (saved["method"], saved["confidence"], saved["kinds"]) == ("vscode", 1.0, [])
    assert saved["files"].keys() == {"s.py", "s_executed.py"}
    assert "never" not in saved["files"]["s_executed.py"]
    assert (edited["confidence"], edited["kinds"]) == (0.8, ["source_changed_since_load"])


@pytest.mark.parametrize("known", ["to VS Code", "by its cells"])
def test_a_file_that_a_notebook_sets_does_not_stand_for_it(known: str, project: Path) -> None:
    """Code that wants `__file__` makes people set it in a cell."""
    book = project / "book.ipynb"
    plant(project, {"lib.py": "answer = 42\n"})
    named = f"__vsc_ipynb_file__ = {str(book)!r}" if known == "to VS Code" else "pass"
    notebook(book, f"__file__ = {str(project / 'lib.py')!r}", named, RUNS)
    (found,) = execute(book, project)

    assert (found["file"], found["kinds"]) == (str(book), [])
    assert found["method"] == ("vscode" if known == "to VS Code" else "executed_cells")


def test_a_module_that_a_kernel_runs_itself_is_a_script(project: Path) -> None:
    """Spyder's runfile compiles it under its name, in the kernel's own namespace."""
    plant(project, {"s.py": CALL})
    path = str(project / "s.py")
    cell = f"__file__ = {path!r}\nexec(compile(open(__file__).read(), __file__, 'exec'))"
    notebook(project / "a.ipynb", cell)
    (found,) = execute(project / "a.ipynb", project)

    assert (found["file"], found["context"], found["kinds"]) == (path, "file", [])
    assert found["files"].keys() == {"s.py"}


@pytest.mark.parametrize(
    "name", ["Untitled-1.ipynb", r"c:\Users\me\Untitled-1.ipynb", "/not/here/Untitled-1.ipynb", 5]
)
def test_a_path_of_vs_code_that_is_not_here_is_left(
    name: object, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notebook that was never saved has no folder; a window may be on another machine."""
    notebook(project / "Untitled-1.ipynb", "x = 1")
    monkeypatch.chdir(project)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    history = SimpleNamespace(input_hist_raw=["", RUNS], input_hist_parsed=["", RUNS])
    shell = SimpleNamespace(user_ns={"__vsc_ipynb_file__": name}, history_manager=history)
    found = detect_notebook(shell, lambda *_, **__: None)

    assert (found.detection_method, found.confidence) == ("only_notebook", 0.5)


def test_jupyters_session_name_names_the_notebook(project: Path) -> None:
    """JPY_SESSION_NAME is the path of the notebook; unsaved cells are said."""
    notebook(project / "a.ipynb", "x = 'not saved'")
    notebook(project / "b.ipynb", RUNS)
    name = str(project / "a.ipynb")
    (found,) = execute(project / "b.ipynb", project, JPY_SESSION_NAME=name)

    assert (found["file"], found["method"]) == (name, "jupyter_session")
    assert (found["confidence"], found["kinds"]) == (0.8, ["source_changed_since_load"])
    assert RUNS in found["files"]["a_executed.py"]


def test_the_executed_cells_are_captured_as_python(project: Path) -> None:
    """Magics become calls, the cell that runs now is there, and the file compiles."""
    notebook(project / "a.ipynb", "%time x = 1", RUNS, "later = 1")
    (found,) = execute(project / "a.ipynb", project)
    cells = found["files"]["a_executed.py"]

    assert found["files"].keys() == {"a.ipynb", "a_executed.py"}
    assert found["entry"] == "a.ipynb"
    assert "run_line_magic('time', 'x = 1')" in cells
    assert "later" not in cells
    compile(cells, "a_executed.py", "exec")


def test_two_notebooks_of_the_same_cells_are_ambiguous(project: Path) -> None:
    """Nothing is guessed; the executed cells are captured all the same."""
    for name in ("a", "b"):
        notebook(project / f"{name}.ipynb", RUNS)
    (found,) = execute(project / "a.ipynb", project)

    assert (found["file"], found["kinds"]) == (None, ["ambiguous_notebook"])
    assert found["files"].keys() == {"notebook_executed.py"}
    assert found["entry"] == "notebook_executed.py"


def test_a_strategy_yaml_makes_a_notebook_certain(project: Path) -> None:
    """Whichever of them runs: what it lists and the cells that ran are captured, all there is."""
    for name in ("a", "b"):
        notebook(project / f"{name}.ipynb", RUNS)
    plant(project, {"strategy.yaml": "files: [rules.py, a.ipynb]\n", "rules.py": ""})
    (found,) = execute(project / "a.ipynb", project)

    assert (found["entry"], found["noticed"]) == ("rules.py", [])
    assert found["files"].keys() == {"rules.py", "a.ipynb", "notebook_executed.py"}


def test_the_only_notebook_may_be_another(project: Path, tmp_path: Path) -> None:
    """The only notebook in the kernel's folder that lacks the cells is said to be uncertain."""
    notebook(project / "only.ipynb", "x = 1")
    notebook(tmp_path / "elsewhere" / "a.ipynb", RUNS)
    (found,) = execute(tmp_path / "elsewhere" / "a.ipynb", project, project)

    assert (found["file"], found["kinds"]) == (
        str(project / "only.ipynb"), ["detection_uncertain"],
    )  # fmt: skip
    assert found["confidence"] == 0.5


def test_a_script_run_by_a_kernel_is_a_script(project: Path) -> None:
    """`%run s.py` runs that file, not the notebook."""
    plant(project, {"s.py": CALL})
    notebook(project / "a.ipynb", "%run s.py")
    (found,) = execute(project / "a.ipynb", project)

    assert (found["file"], found["context"]) == (str(project / "s.py"), "file")


class Sessions(BaseHTTPRequestHandler):
    """A Jupyter server's list of sessions, as /api/sessions answers it."""

    kernel = ""

    def do_GET(self) -> None:
        allowed = self.headers["Authorization"] == "token secret"
        kernels: list[Any] = [None, {"id": "another"}, {"id": self.kernel}]
        answer = [
            {"path": f"sub/{name}.ipynb", "kernel": kernel}
            for name, kernel in zip("cba", kernels, strict=True)
        ]
        self.send_response(200 if allowed and self.path == "/api/sessions" else 403)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server(project: Path, tmp_path: Path) -> Iterator[Path]:
    """Run a server that knows one kernel, and return the folder with its note of itself."""
    Sessions.kernel = "0a1b-2c"
    with HTTPServer(("127.0.0.1", 0), Sessions) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        note = {"url": f"http://127.0.0.1:{http.server_port}/", "token": "secret"}
        folder = tmp_path / "runtime"
        folder.mkdir()
        (folder / "jpserver-1.json").write_text(json.dumps(note | {"root_dir": str(project)}))
        (folder / "jpserver-2.json").write_text("no json")
        yield folder
        http.shutdown()
        thread.join()


def test_a_jupyter_server_is_asked_for_the_kernels_session(
    project: Path, server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody told the kernel, the list of the server's sessions names its notebook."""
    notebook(project / "sub" / "a.ipynb", RUNS)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    parent = SimpleNamespace(connection_file=str(server / "kernel-0a1b-2c.json"))
    history = SimpleNamespace(input_hist_raw=["", RUNS], input_hist_parsed=["", RUNS])
    shell = SimpleNamespace(
        user_ns={}, kernel=SimpleNamespace(parent=parent), history_manager=history
    )
    said = []
    found = detect_notebook(shell, lambda event, **fields: said.append((event, fields)))

    assert said == [
        ("notebook_detection_starting", {"cwd": str(Path.cwd())}),
        ("notebook_looked_up", {"method": "vscode", "path": None}),
        ("notebook_looked_up", {"method": "kernel_session", "paths": [found.detected_file]}),
    ]
    assert found.detected_file == str(project / "sub" / "a.ipynb")
    assert (found.detection_method, found.confidence) == ("kernel_session", 1.0)


# -- the rest -------------------------------------------------------------------------------------


def test_nothing_heavy_is_imported(project: Path) -> None:
    """Detection loads neither yaml, git, IPython, logging, typing nor our own values."""
    plant(
        project,
        {
            "s.py": "import sys\nfrom git_bt.capture import StrategyCodeCapture\n"
            "StrategyCodeCapture().detect_entry_point()\n"
            "print({'yaml', 'git', 'IPython', 'logging', 'typing', 'dataclasses', 'inspect',"
            " 'git_bt.model'} & sys.modules.keys())"
        },
    )
    done = subprocess.run(
        [sys.executable, "-I", "s.py"], cwd=project, capture_output=True, text=True, check=True
    )

    assert done.stdout == "set()\n"


def test_a_framework_may_be_one_name(project: Path) -> None:
    """Its letters are no packages."""
    tree = {
        "mine/__init__.py": "from git_bt.capture import StrategyCodeCapture as C\n"
        "def run(): print(C().detect_entry_point('mine').detected_file)\n",
    }
    plant(project, tree)
    words = [sys.executable, "-c", "import mine; mine.run()"]
    done = subprocess.run(words, cwd=project, capture_output=True, text=True, check=True)

    assert done.stdout == "None\n"


def test_an_unknown_mode_names_the_valid_ones() -> None:
    """A wrong word is an error at once."""
    with pytest.raises(ValueError, match="there are entry_point, imports"):
        StrategyCodeCapture(code_capture_mode="all")


def test_the_guides_example_works(project: Path) -> None:
    """RustyBT's API sample, with our package's name, finds its own file."""
    plant(
        project,
        {
            "s.py": "from git_bt.capture import StrategyCodeCapture\n"
            'capturer = StrategyCodeCapture(log_level="ERROR")\n'
            "result = capturer.detect_entry_point()\n"
            "if result.detected_file:\n"
            '    print(f"Entry point: {result.detected_file}")\n'
            '    print(f"Detection method: {result.detection_method}")\n'
            '    print(f"Confidence: {result.confidence}")\n'
            "else:\n"
            '    print("Entry point detection failed")\n'
        },
    )
    done = subprocess.run(
        [sys.executable, "s.py"], cwd=project, capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines() == [
        f"Entry point: {project / 's.py'}",
        "Detection method: main",
        "Confidence: 1.0",
    ]
