"""The static capture cases of shared/cases/capture: lists, imports, project roots."""

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from capture.programs import RUNS, execute, notebook, run
from conftest import CASES, GitRepo, make_repo
from git_bt.capture.snapshot import capture
from git_bt.capture.strategy import read_strategy
from git_bt.errors import Usage
from git_bt.files import Files, commit_files, folder_files, index_files, work_tree_files
from git_bt.objects import Objects
from git_bt.repo import Repo

ALL = [yaml.safe_load(path.read_text()) for path in sorted(CASES.glob("capture/*.yaml"))]
STATIC = [case for case in ALL if case["mode"] in ("yaml", "yaml-via-run", "imports")]
LISTS = [
    case for case in STATIC if case["mode"] != "imports" and "error_kind" not in case["expect"]
]
ROOTS = [case for case in ALL if case["mode"] == "root"]
VIEWS = ("folder", "work tree", "index", "commit")


def plant(case: dict[str, Any], top: Path) -> None:
    """Write a case's tree; paths that start with ../ lie beside the project."""
    for name, content in case["tree"].items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            path.write_bytes(content.encode())
        elif "base64" in content:
            path.write_bytes(base64.b64decode(content["base64"]))
        else:
            path.symlink_to(content["symlink"])


@contextmanager
def look(view: str, repo: GitRepo) -> Iterator[Files]:
    """Give one of the four views of a repository; the folder's knows nothing of git."""
    if view == "folder":
        shutil.rmtree(repo.path / ".git")
        yield folder_files(repo.path)
        return
    repo.commit("one") if view == "commit" else repo.git("add", "-A")
    found = Repo.find(repo.path)
    with Objects(found) as objects:
        if view == "work tree":
            yield work_tree_files(found, objects)
        elif view == "index":
            yield index_files(found, objects)
        else:
            yield commit_files(found, objects, "HEAD")


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("case", STATIC, ids=lambda case: case["id"])
def test_case(case: dict[str, Any], view: str, tmp_path: Path) -> None:
    """Each case captures what it must, with the warnings it must, from every view."""
    repo = make_repo(tmp_path / "project")
    plant(case, repo.path)
    mode = "imports" if case["mode"] == "imports" else "entry_point"
    expect = case["expect"]
    entry, root = case["entry_point"], case["project_root"]
    with look(view, repo) as files:
        if "error_kind" in expect:
            with pytest.raises(Usage, match="entry point not found"):
                read_strategy(files, entry, root=root)
            return
        captured = capture(files, read_strategy(files, entry, root=root), mode=mode)
    names = captured.snapshot.files.keys()

    if "captured" in expect:
        assert sorted(names) == sorted(expect["captured"])
    assert names >= set(expect.get("captured_at_least", ()))
    assert not names & set(expect.get("must_not_capture", ()))
    assert sorted(n.kind for n in captured.notices) == sorted(expect["warning_kinds"])
    assert captured.content.keys() == names


@pytest.mark.parametrize("case", LISTS, ids=lambda case: case["id"])
def test_a_list_counts_through_the_run_call(case: dict[str, Any], tmp_path: Path) -> None:
    """What the running strategy captures of itself; whatever is wrong with the list, it runs."""
    top = tmp_path / "project"
    top.mkdir()
    plant(case, top)
    (top / case["project_root"] / "pyproject.toml").touch()
    entry = top / case["entry_point"]
    entry.write_text(f"{RUNS}\nraise SystemExit\n{entry.read_text()}")
    (found,) = run(["python", case["entry_point"]], top)
    expect = case["expect"]

    if "captured" in expect:
        assert sorted(found["files"]) == sorted(expect["captured"])
    assert found["files"].keys() >= set(expect.get("captured_at_least", ()))
    assert not found["files"].keys() & set(expect.get("must_not_capture", ()))
    assert sorted(found["noticed"]) == sorted(expect["warning_kinds"])


@pytest.mark.parametrize("case", ROOTS, ids=lambda case: case["id"])
def test_project_root(case: dict[str, Any], tmp_path: Path) -> None:
    """The project root is the nearest marked folder, else the entry's own."""
    plant(case, tmp_path)

    found = read_strategy(folder_files(tmp_path), case["entry_point"]).root

    assert found == case["expect"]["project_root"]


DETECT = [case for case in ALL if case["mode"] == "detect"]
BOOKS = {"<runs>": RUNS, "<other>": "x = 1", "<other, newest mtime>": "x = 2"}


def run_case(case: dict[str, Any], top: Path) -> dict[str, Any]:
    """Run a case's command, a notebook in a real kernel; return what its engine found."""
    books = {
        path: text for path, text in case["tree"].items() if isinstance(text, str) and text in BOOKS
    }
    plant(case | {"tree": {p: t for p, t in case["tree"].items() if p not in books}}, top)
    for path, kind in books.items():
        notebook(top / path, BOOKS[kind])
    words = case["run"]
    if words[0] == "execute-notebook":
        cwd = top / words[3] if words[2:3] == ["--kernel-cwd"] else (top / words[1]).parent
        cwd.mkdir(exist_ok=True)
        (found,) = execute(top / words[1], top, cwd)
    else:
        (found,) = run(words, top, stdin=RUNS)
    return found


@pytest.mark.parametrize("case", DETECT, ids=lambda case: case["id"])
def test_detection(case: dict[str, Any], tmp_path: Path) -> None:
    """The file that is found by the running strategy is the one that it must be."""
    top = tmp_path / "project"
    top.mkdir()
    found = run_case(case, top)
    expect = case["expect"]
    named = [] if found["file"] is None else [str(Path(found["file"]).relative_to(top))]

    if "captured" in expect:
        assert named == expect["captured"]
    assert set(named) >= set(expect.get("captured_at_least", ()))
    assert not {*named, *found["files"]} & set(expect.get("must_not_capture", ()))
    assert found["context"] == expect["execution_context"]
    assert found["kinds"] == expect["warning_kinds"]
