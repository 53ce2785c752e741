"""What runs is the snapshot: not the work tree's modules, and what is missing is named."""

from pathlib import Path

import pytest

from floxkit import BUY_ONCE, failure_of, job_of, make_venv, output_of, own, run
from git_bt.interpreters import Interpreter, Wanted, find_interpreter, load_adapter


@pytest.fixture
def editable(tmp_path: Path) -> tuple[Path, Interpreter]:
    """Give a work tree whose src/ is installed editable into an environment inside it."""
    tree = tmp_path / "tree"
    (tree / "src" / "helper").mkdir(parents=True)
    (tree / "src" / "helper" / "__init__.py").write_text("QTY = 2.0")
    (tree / "src" / "spaced").mkdir()
    (tree / "src" / "spaced" / "part.py").write_text("QTY = 2.0")
    site = make_venv(tree / ".venv", "lrvx", "numpy")
    (site / "editable.pth").write_text(str(tree / "src"))
    wanted = Wanted(project_root=tree)
    return tree, find_interpreter(load_adapter("flox"), wanted, {})


HELPED = "from helper import QTY\n" + BUY_ONCE.replace("1.0", "QTY")


def test_the_environment_of_the_project_is_found(editable: tuple[Path, Interpreter]) -> None:
    """.venv at the project root comes first of what nobody named."""
    assert editable[1].found_by == ".venv of the project"


@pytest.mark.parametrize("start_up", ["", "\nimport helper"])
def test_the_snapshots_copy_wins_over_an_editable_install(
    start_up: str, editable: tuple[Path, Interpreter], tape: Path
) -> None:
    """Also when the interpreter's start-up files have imported the other one already."""
    tree, interpreter = editable
    pth = next(tree.glob(".venv/lib/*/site-packages/editable.pth"))
    pth.write_text(pth.read_text() + start_up + "\n")
    files = {"s.py": HELPED, "src/helper/__init__.py": "QTY = 5.0"}
    output = output_of(run(job_of(files, tape, work_tree=tree), interpreter))

    assert b",5.0," in output["fills.csv"]


def test_a_finder_in_front_does_not_win(editable: tuple[Path, Interpreter], tape: Path) -> None:
    """Editable installs of some build tools push a finder to the front of all others."""
    tree, interpreter = editable
    site = next(tree.glob(".venv/lib/*/site-packages"))
    (site / "front.py").write_text(
        "import sys\nfrom importlib.machinery import PathFinder\n"
        "class F:\n    def find_spec(self, name, path=None, target=None):\n"
        f"        if path is None: return PathFinder.find_spec(name, [{str(tree / 'src')!r}])\n"
        "sys.meta_path.insert(0, F())\n"
    )
    (site / "front.pth").write_text("import front\n")
    files = {"s.py": HELPED, "src/helper/__init__.py": "QTY = 5.0"}
    output = output_of(run(job_of(files, tape, work_tree=tree), interpreter))

    assert b",5.0," in output["fills.csv"]


@pytest.mark.parametrize(
    ("imports", "module", "path"),
    [
        ("from helper import QTY", "helper", "src/helper/__init__.py"),
        ("from spaced.part import QTY", "spaced", "src/spaced"),
    ],
)
def test_a_module_of_the_work_tree_is_a_failure(
    imports: str, module: str, path: str, editable: tuple[Path, Interpreter], tape: Path
) -> None:
    """What ran was not what is stored: the module and the file to add are named."""
    tree, interpreter = editable
    text = f"{imports}\n" + BUY_ONCE
    failure = failure_of(run(job_of(text, tape, work_tree=tree), interpreter))

    assert failure.kind == "work-tree-module"
    assert failure.message == (
        f"module {module} was loaded from {path} in the work tree, not the snapshot"
    )
    assert failure.hint is not None
    assert path in failure.hint


def test_packages_of_an_environment_in_the_work_tree_are_fine(
    editable: tuple[Path, Interpreter], tape: Path
) -> None:
    """The project's own .venv lies in the work tree and is no part of it."""
    tree, interpreter = editable
    outcome = run(job_of(BUY_ONCE, tape, work_tree=tree), interpreter)

    assert output_of(outcome)
    assert outcome.environment is not None
    assert outcome.environment.packages.keys() == {"lrvx", "numpy"}


# -- what is missing ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("import sib", "strats/sib.py"),
        ("import pkg.mod", "pkg/__init__.py"),
        ("from pkg2 import sub", "pkg2/sub.py"),
        ("import lib", "src/lib/__init__.py"),
        ("import ns.a", "ns/**"),
        ("open('data.csv')", "strats/data.csv"),
        ("import os; open(os.path.dirname(__file__) + '/../conf/x.json')", "conf/x.json"),
    ],
)
def test_what_is_missing_and_there_is_named(
    text: str, path: str, tape: Path, tmp_path: Path
) -> None:
    """A module or data file that the project has is the file to add."""
    tree = tmp_path / "tree"
    for name in (
        "p/strats/sib.py", "p/pkg/__init__.py", "p/pkg/mod.py", "p/pkg2/__init__.py",
        "p/pkg2/sub.py", "p/src/lib/__init__.py", "p/ns/a.py", "p/strats/data.csv", "p/conf/x.json",
    ):  # fmt: skip
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).touch()
    files = {"strats/s.py": text, "pkg2/__init__.py": ""}
    job = job_of(files, tape, entry_point="strats/s.py", work_tree=tree, root="p")
    failure = failure_of(run(job))

    assert failure.kind == "raised"
    assert failure.hint == f"add {path} to files: in strategy.yaml"


def test_what_is_missing_and_not_there_is_not_to_be_listed(tape: Path, tmp_path: Path) -> None:
    """Only what the project has can be added; of a module it is said which Python lacks it."""
    said = {
        text: failure_of(run(job_of(text, tape, work_tree=tmp_path))).hint
        for text in ("import nowhere", "open('/nowhere/x')", "open('nowhere')")
    }

    assert said.pop("import nowhere") == f"it ran on {own().executable}; for another: --python PATH"
    assert set(said.values()) == {None}
