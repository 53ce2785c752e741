"""`git bt capture`: what it answers, stores and leaves alone."""

import json
import os
from pathlib import Path

import pytest

from conftest import GitRepo
from git_bt.capture.running import capture_entry
from git_bt.commands.capture import capture
from git_bt.errors import CannotWork, Usage
from git_bt.objects import Objects
from git_bt.repo import Repo
from git_bt.store import Store
from projects import bt

TREE = {
    "pyproject.toml": "",
    "s/main.py": "import helper\n",
    "s/helper.py": "",
    "s/data.json": "{}",
}


@pytest.fixture
def project(repo: GitRepo) -> GitRepo:
    for name, text in TREE.items():
        repo.write(name, text)
    repo.commit("a project")
    return repo


def plant(top: Path) -> None:
    for name, text in TREE.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text)


def test_a_capture_is_stored_as_a_snapshot(project: GitRepo) -> None:
    """The answer names the snapshot; the store holds its files, byte for byte."""
    done = bt("capture", "s/main.py", "--mode", "imports", "--json", cwd=project)
    answer = done.json
    found = Repo.find(project.path)
    with Objects(found) as objects:
        stored = Store(found, objects).snapshot(answer["snapshot"])
        main = stored.content["s/main.py"].read()

    assert done.code == 0
    assert answer["project_root"] == "."
    assert (answer["method"], answer["entry_point"]) == ("imports", "s/main.py")
    assert [f["path"] for f in answer["files"]] == ["s/helper.py", "s/main.py"]
    assert answer["warnings"] == []
    assert main == b"import helper\n"


def test_the_entry_point_alone_is_the_default(project: GitRepo) -> None:
    """As in RustyBT: no module, unless a strategy.yaml lists it."""
    assert list(capture("s/main.py", cwd=project.path).files) == ["s/main.py"]

    project.write("s/strategy.yaml", "files: [data.json, gone.py]\n")
    report = capture("s/main.py", mode="imports", cwd=project.path)

    assert list(report.files) == ["s/data.json", "s/main.py"]
    assert [notice.kind for notice in report.notices] == ["listed_file_missing"]


def test_a_key_of_the_run_does_not_hide_the_code(project: GitRepo) -> None:
    """What cannot be run can be captured: the list of files counts, the key is said."""
    project.write("s/strategy.yaml", "files: [data.json]\nconfig: 5\nengine: [flox]\n")
    report = capture("s/main.py", cwd=project.path)
    running = capture_entry(
        str(project.path), str(project.path / "s/main.py"), mode="imports", with_loaded=False
    )

    assert list(report.files) == list(running.snapshot.files) == ["s/data.json", "s/main.py"]
    for notices in (report.notices, running.notices):
        assert [notice.kind for notice in notices] == ["config_parse_error"] * 2
        assert notices[1].message.startswith("s/strategy.yaml: line 2, column 9: config must be")


def test_what_git_ignores_is_loaded_and_what_another_repository_has_is_said(
    project: GitRepo,
) -> None:
    """An ignored folder without __init__ counts; a file of a submodule is not lost unsaid."""
    project.write(".gitignore", "gen/\n")
    project.write("gen/made.py", "")
    project.git("init", "-q", "shared")
    project.write("shared/lib.py", "")
    project.write("s/other.py", "import gen.made\nfrom shared import lib\n")
    report = capture("s/other.py", mode="imports", cwd=project.path)
    project.write("s/strategy.yaml", "files: [../shared/lib.py]\n")
    listed = capture("s/other.py", cwd=project.path)

    assert list(report.files) == ["gen/made.py", "s/other.py"]
    assert [(n.kind, n.path) for n in report.notices] == [("file_outside_root", "shared/lib.py")]
    assert [n.kind for n in listed.notices] == ["listed_file_missing"]
    assert listed.notices[0].message.endswith("is listed, but lies in a repository of its own")
    with pytest.raises(Usage, match=r"shared/lib\.py lies in a repository of its own"):
        capture("shared/lib.py", cwd=project.path)


def test_a_tilde_that_is_nobodys_home_is_a_name(project: GitRepo) -> None:
    """A file may be called so, and a folder."""
    for name in ("~.py", "~no such user~/s.py"):
        project.write(name, "")

        assert capture(name, cwd=project.path).entry_point == name


def test_a_dry_run_needs_no_repository(tmp_path: Path) -> None:
    """It stores nothing, inside git and outside."""
    plant(tmp_path / "p")
    done = bt("capture", "main.py", "--dry-run", "--json", cwd=tmp_path / "p" / "s")

    assert done.code == 0
    assert done.json["project_root"] == ".."
    assert [f["path"] for f in done.json["files"]] == ["s/main.py"]
    assert not done.json["stored"]
    with pytest.raises(CannotWork, match="no git repository"):
        capture("main.py", cwd=tmp_path / "p" / "s")


def test_a_dry_run_writes_no_object(project: GitRepo) -> None:
    """Looking writes no ref and no object."""
    before = project.git("count-objects", "-v")
    capture("s/main.py", dry_run=True, cwd=project.path)

    assert project.git("count-objects", "-v") == before
    assert project.git("for-each-ref", "refs/bt") == ""


def test_the_project_root_can_be_named(project: GitRepo, tmp_path: Path) -> None:
    """Paths are relative to it; what lies outside is refused in one line."""
    plant(tmp_path / "plain")
    inside = capture("s/main.py", project_root="s", cwd=project.path)
    outside = capture("s/main.py", project_root="s", dry_run=True, cwd=tmp_path / "plain")

    assert (inside.entry_point, inside.project_root) == ("main.py", "s")
    assert (outside.entry_point, outside.project_root) == ("main.py", "s")
    with pytest.raises(Usage, match="outside the project root"):
        capture("pyproject.toml", project_root="s", cwd=project.path)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gone.py"], "entry point not found: gone.py"),
        (["s"], "no strategy.yaml in s"),
        (["s/main.py", "--mode", "all"], "'all' is not one of"),
        (["s/main.py", "--project-root", "gone"], "no such folder: gone"),
    ],
)
def test_what_is_not_there_is_one_line(words: list[str], message: str, project: GitRepo) -> None:
    """A wrong word ends with 2."""
    done = bt("capture", *words, cwd=project)

    assert done.code == 2
    assert message in done.err


def test_a_file_of_another_project_is_stored_here(project: GitRepo, tmp_path: Path) -> None:
    """The store is that of the folder one stands in."""
    plant(tmp_path / "other")
    report = capture(str(tmp_path / "other" / "s" / "main.py"), cwd=project.path)

    assert report.is_stored
    assert report.entry_point == "s/main.py"
    assert report.project_root == os.path.relpath(tmp_path / "other", project.path)


def test_the_answer_to_a_person_names_the_next_step(project: GitRepo) -> None:
    """Files with sizes, what was noticed, and the snapshot."""
    project.write("s/main.py", "import sys\nsys.path.insert(0, 'x')\n")
    done = bt("capture", "s/main.py", "--mode", "imports", cwd=project)

    assert "captured s/main.py, with the local modules it loads: 1 file" in done.out
    assert "note: s/main.py:2" in done.out
    assert "git bt restore" in done.out


# -- hostile -------------------------------------------------------------------------------------

NAMES = ["a\nb.py", "a'b\".py", "-rf.py", "a\tb.py", "$(x).py", "é.py", "x" * 252 + ".py", "*.py"]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_hostile_names_are_captured_as_they_are(name: str, repo: GitRepo, tmp_path: Path) -> None:
    """Newline, quotes, a leading dash, 255 bytes: stored, listed and restored under that name."""
    repo.write(name, "K = 1\n")
    done = bt("capture", "--json", "--", name, cwd=repo)
    answer = done.json
    found = Repo.find(repo.path)
    with Objects(found) as objects:
        content = Store(found, objects).snapshot(answer["snapshot"]).content

        assert [f["path"] for f in answer["files"]] == [name]
        assert content[name].read() == b"K = 1\n"


@pytest.mark.parametrize(
    ("name", "message"),
    [(os.fsdecode(b"\xff.py"), "is not UTF-8"), ("a\\b.py", "has a backslash")],
    ids=["not UTF-8", "backslash"],
)
def test_names_that_no_other_machine_could_hold_are_refused(
    name: str, message: str, repo: GitRepo
) -> None:
    """One line says which, and that renaming helps."""
    (repo.path / name).write_text("")
    with pytest.raises(Usage, match=message) as raised:
        capture(name, cwd=repo.path)

    assert raised.value.hint == "rename it"


def test_other_files_of_hostile_names_do_not_disturb(repo: GitRepo) -> None:
    """A pattern takes what can be stored, and leaves the rest out."""
    repo.write("s.py", "")
    repo.write("a\\b.txt", "")
    (repo.path / os.fsdecode(b"\xff.txt")).write_text("")
    repo.write("ok.txt", "")
    repo.write("strategy.yaml", "files: ['*.txt']\n")
    report = capture("s.py", cwd=repo.path)

    assert list(report.files) == ["ok.txt", "s.py"]
    assert [notice.kind for notice in report.notices] == ["listed_file_missing"]


def test_a_project_of_ten_thousand_files(repo: GitRepo) -> None:
    """Only what is loaded is read; a cycle of modules ends."""
    for n in range(100):
        (repo.path / f"p{n}").mkdir()
        for m in range(100):
            (repo.path / f"p{n}" / f"m{m}.py").write_text("")
    repo.write("p0/m0.py", "import p1.m1\n")
    repo.write("p1/m1.py", "import p0.m0\n")
    repo.write("s.py", "import p0.m0\n")
    report = capture("s.py", mode="imports", cwd=repo.path)

    assert list(report.files) == ["p0/m0.py", "p1/m1.py", "s.py"]


def test_an_unreadable_file_is_said_and_the_rest_is_taken(
    project: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may read everything, so the refusal is the only thing here that is not real."""
    read = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "helper.py":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    project.write("s/helper.py", "K = 1\n")
    report = capture("s/main.py", mode="imports", cwd=project.path)

    assert list(report.files) == ["s/main.py"]
    assert [(n.kind, n.path) for n in report.notices] == [("source_undecodable", "s/helper.py")]
    assert "Permission denied" in report.notices[0].message


def test_a_file_that_changes_while_it_is_read_is_said(
    project: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is stored is what was read, and a warning says that it has changed since."""
    read = Path.read_bytes

    def write_meanwhile(path: Path) -> bytes:
        data = read(path)
        if path.name == "main.py":
            path.write_bytes(data + b"K = 2\n")
        return data

    project.write("s/main.py", "K = 1\n")
    monkeypatch.setattr(Path, "read_bytes", write_meanwhile)
    report = capture("s/main.py", cwd=project.path)

    assert [n.kind for n in report.notices] == ["source_changed_since_load"]
    assert report.files["s/main.py"].size == len("K = 1\n")


def test_the_json_is_one_object_in_ascii(project: GitRepo) -> None:
    """A hostile name cannot speak to the terminal."""
    project.write("é\x1b[31m.py", "")
    done = bt("capture", "--json", "é\x1b[31m.py", cwd=project)

    assert done.out.isascii()
    assert json.loads(done.out)["entry_point"] == "é\x1b[31m.py"
