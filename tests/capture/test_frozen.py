"""Applications that PyInstaller made, with git-bt inside: scripts/test --engines pyinstaller."""

import shutil
import subprocess
from pathlib import Path

import pytest

from capture.programs import RUNS, run, with_engine
from conftest import make_repo, take_away
from environments import GIT_BT, environment, packages
from projects import bt

SCRIPT = f"""\
import sys
if sys.argv[1:]:
    import git_bt
    git_bt.autocapture()
    with git_bt.recording("frozen", params={{"word": sys.argv[1]}}) as run:
        run.log(sharpe=1.5)
{RUNS}
"""
SPEC = """\
found = Analysis(["app.py"], pathex={paths})
code = PYZ(found.pure)
EXE(code, found.scripts, found.binaries, found.datas, name="one-file")
folder = EXE(code, found.scripts, exclude_binaries=True, name="one-folder")
COLLECT(folder, found.binaries, found.datas, name="folder")
"""
FORMS = {"one file": "one-file", "one folder": "folder/one-folder"}


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Freeze the script once in both forms, and return the folder that holds them."""
    python = environment("pyinstaller")()
    with pytest.MonkeyPatch.context() as monkeypatch:
        take_away(monkeypatch, tmp_path_factory.mktemp("home"), tmp_path_factory.getbasetemp())
        place = tmp_path_factory.mktemp("frozen")
        paths = [str(packages(place / "git-bt", *GIT_BT)), with_engine(place / "app")["PYTHONPATH"]]
        (place / "app.py").write_text(SCRIPT)
        (place / "app.spec").write_text(SPEC.format(paths=paths))
        done = subprocess.run(
            [python, "-m", "PyInstaller", "--log-level", "WARN", "app.spec"],
            cwd=place, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return place / "dist"


@pytest.fixture(params=FORMS)
def app(request: pytest.FixtureRequest, frozen: Path, tmp_path: Path) -> Path:
    """Give an application in a project that has nothing of its sources."""
    form = FORMS[request.param]
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").touch()
    if "/" in form:
        shutil.copytree(frozen / "folder", project / "folder", symlinks=True)
    else:
        shutil.copy2(frozen / form, project)
    return project / form


def project_of(app: Path) -> Path:
    return next(p for p in app.parents if (p / "pyproject.toml").exists())


def test_the_executable_stands_for_its_source(app: Path) -> None:
    """It is the strategy, its bytes are captured, and the warning says what it is."""
    project = project_of(app)
    name = app.relative_to(project).as_posix()
    (found,) = run([str(app)], project)

    assert (found["context"], found["file"], found["method"]) == ("frozen", str(app), "executable")
    assert (found["confidence"], found["fallback"]) == (0.8, True)
    assert found["kinds"] == found["noticed"] == ["detection_uncertain"]
    assert (found["entry"], found["files"].keys()) == (name, {name})


@pytest.mark.parametrize("place", ["where it runs", "beside it", "at the project's root"])
def test_the_source_counts_where_it_is_what_was_frozen(
    app: Path, place: str, tmp_path: Path
) -> None:
    """A file of its name that was edited since, or is another one, is not taken for it."""
    project, elsewhere = project_of(app), tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "pyproject.toml").touch()
    cwd = elsewhere if place != "at the project's root" else app.parent
    folder = {"where it runs": elsewhere, "beside it": app.parent}.get(place, project)
    source = folder / "app.py"
    source.write_text(SCRIPT)
    (same,) = run([str(app)], cwd)
    source.write_text(SCRIPT + "LIMIT = 2\n")
    (edited,) = run([str(app)], cwd)

    assert (same["file"], same["method"], same["context"]) == (str(source), "main", "frozen")
    assert (same["confidence"], same["kinds"]) == (0.8, [])
    assert list(same["files"].values()) == [SCRIPT]
    assert (edited["file"], edited["kinds"]) == (str(app), ["detection_uncertain"])


def test_a_strategy_yaml_beside_it_says_the_files(app: Path) -> None:
    """As the warning promises: what is listed, and the executable."""
    (app.parent / "strategy.yaml").write_text("files: [rules.json]\n")
    (app.parent / "rules.json").write_text("{}\n")
    project = project_of(app)
    below = app.parent.relative_to(project)
    (found,) = run([str(app)], project)

    assert found["files"].keys() == {(below / name).as_posix() for name in ("rules.json", app.name)}


def test_its_runs_are_recorded(app: Path) -> None:
    """With the executable as their code, by the library inside of it."""
    project = project_of(app)
    repo = make_repo(project)
    run([str(app), "a word"], project)
    (sweep,) = bt("sweep", "ls", "--json", cwd=repo).json["sweeps"]
    (best,) = bt("sweep", "best", "--metric", "sharpe", "--json", cwd=repo).json["runs"]

    assert (sweep["name"], sweep["runs"], sweep["failed"]) == ("frozen", 1, 0)
    assert (best["value"], best["params"]) == (1.5, {"word": "a word"})
    assert sweep["snapshot"] is not None
