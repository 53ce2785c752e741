"""Capture of projects by somebody who wants a traceback: each gets a clear word, and the rest.

Every way in has the same cases: the entry point alone, its imports, a strategy.yaml with patterns;
and what was captured comes back by `git bt restore`. Forms of import are in `test_imports.py`, the
keys of strategy.yaml in `test_strategy.py`.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import GitRepo
from git_bt.capturing import CaptureReport
from git_bt.commands.capture import capture
from git_bt.commands.restore import restore
from git_bt.errors import BtError
from projects import bt

HEAD = "entry_point: main.py\n"
ODD = [
    "new\nline.py",
    "quotes\"'.py",
    "-x.py",
    "x" * 252 + ".py",
    "tab\t$(id);`id`.py",
    "*.py",
    " \u202e.py",
]
MODES = ("entry_point", "imports", "yaml")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a project outside git with an entry point."""
    (tmp_path / "p").mkdir()
    (tmp_path / "p/pyproject.toml").write_text("")
    (tmp_path / "p/main.py").write_text("X = 1\n")
    return tmp_path / "p"


def looked(folder: Path, entry: str = "main.py", mode: str = "imports") -> CaptureReport:
    """Capture outside git, which stores nothing."""
    return capture(entry, mode=mode, dry_run=True, cwd=folder)


def kinds(report: CaptureReport) -> list[str]:
    return [notice.kind for notice in report.notices]


# -- strategy.yaml --------------------------------------------------------------------------------


def listing(*items: str) -> str:
    return HEAD + "files:\n" + "".join(f"  - {item}\n" for item in items)


BOMB = "a: &a [x, x]\n" + "".join(f"k{n}: &k{n} [*a, *a]\n" for n in range(30))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (BOMB, ["config_parse_error"]),
        (HEAD + "files: *nowhere\n", ["config_parse_error"]),
        (HEAD + "files: !!python/object/apply:os.system [id]\n", ["config_parse_error"]),
        (HEAD + "files: !include other.yaml\n", ["config_parse_error"]),
        (HEAD + HEAD, ["config_parse_error"]),
        (HEAD + "files: " + "[" * 9999, ["config_parse_error"]),
        (HEAD + "---\nfiles: []\n", ["config_parse_error"]),
        (HEAD + "# " + "x" * 10_000_000, ["config_unreadable"]),
        (bytes(range(256)) * 9, ["config_unreadable"]),
        (b"\xef\xbb\xbf" + HEAD.encode(), []),
        (HEAD.encode("utf-16"), ["config_unreadable"]),
        (HEAD.encode("utf-16-le"), ["config_parse_error"]),
        (HEAD.encode() + b"files: [a\0b.py]\n", ["config_parse_error"]),
        (listing(r'"a\0b.py"', r'"a\nb.py"'), ["listed_file_missing"] * 2),
        (listing("/etc/passwd", '"/etc/*"', "//etc/passwd"), ["path_escapes_root"] * 3),
        (listing("../x.py", '"../**"', "..", "a/../../y.py"), ["path_escapes_root"] * 4),
        (listing("~/x.py", '"~root/*"'), ["listed_file_missing"] * 2),
        (listing('"[".py"', '"a["', '"**/[z-a].py"', '"***"'), ["config_parse_error"]),
        (listing('"["', '"a["', '"**/[z-a].py"', '"a/***"'), ["listed_file_missing"] * 4),
        (listing("x" * 300 + ".py", "/".join(["d" * 200] * 30)), ["listed_file_missing"] * 2),
        (listing(*(f"f{n}.py" for n in range(9000))), ["listed_file_missing"] * 9000),
    ],
    ids=range(21),
)
def test_a_hostile_strategy_yaml_is_said(
    data: str | bytes, expected: list[str], folder: Path
) -> None:
    """With its kind and its place; the entry point is captured all the same."""
    (folder / "strategy.yaml").write_bytes(data if isinstance(data, bytes) else data.encode())
    report = looked(folder)

    assert kinds(report) == expected
    assert list(report.files) == ["main.py"]
    assert all(notice.path for notice in report.notices)


def make_folder(path: Path) -> None:
    path.mkdir()
    (path / "x").write_text("")


def make_cycle(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize("make", [make_folder, make_cycle, os.mkfifo])
@pytest.mark.parametrize("in_git", [True, False])
def test_what_is_no_file_is_no_strategy_yaml(
    make: Callable[[Path], None], folder: Path, repo: GitRepo, *, in_git: bool
) -> None:
    """A folder and a link to itself are said; a pipe is not opened, which would wait for ever."""
    place = repo.path if in_git else folder
    (place / "main.py").write_text("X = 1\n")
    make(place / "strategy.yaml")
    report = looked(place)

    assert list(report.files) == ["main.py"]
    assert kinds(report) == ([] if make is os.mkfifo else ["config_unreadable"])


@pytest.mark.parametrize("in_git", [True, False])
def test_patterns_stay_out_of_git_and_of_circles(
    folder: Path, repo: GitRepo, *, in_git: bool
) -> None:
    """A link to a folder above is not walked, a broken one is said once."""
    place = repo.path if in_git else folder
    (place / ".git").mkdir(exist_ok=True)
    (place / ".git/config.py").write_text("SECRET = 1\n")
    (place / "sub").mkdir()
    (place / "sub/up").symlink_to("..")
    (place / "sub/a.py").symlink_to("b.py")
    (place / "sub/b.py").symlink_to("a.py")
    (place / "sub/k.py").write_text("")
    (place / "main.py").write_text("X = 1\n")
    text = listing('"**/*.py"', '".git/**"', '".git/*"', '"**/.git/*"', ".git/config.py")
    (place / "strategy.yaml").write_text(text)
    report = looked(place)

    assert list(report.files) == ["main.py", "sub/k.py"]
    assert sorted({n.path for n in report.notices if n.path}) == [
        "**/.git/*", ".git/*", ".git/**", ".git/config.py", "sub/a.py", "sub/b.py",
    ]  # fmt: skip
    assert set(kinds(report)) == {"listed_file_missing"}


@pytest.mark.parametrize("entry", ["/etc/passwd", "../../x.py", '"a\\0.py"', '"a\\n.py"', "."])
def test_an_entry_point_elsewhere_is_one_line(entry: str, folder: Path) -> None:
    """It is named, and nothing is read."""
    (folder / "strategy.yaml").write_text(f"entry_point: {entry}\n")
    with pytest.raises(BtError) as error:
        looked(folder, ".")

    assert "\n" not in error.value.message


# -- names ----------------------------------------------------------------------------------------


def lay(repo: GitRepo, mode: str) -> tuple[str, list[str]]:
    """Write a project of odd names; return its entry point and what is to be captured of it."""
    if mode == "entry_point":
        repo.write(ODD[0], "X = 1\n")
        return ODD[0], [ODD[0]]
    for name in ODD:
        repo.write(f"-d\n'/{name}", f"X = {len(name)}\n")
    long = "m" * 252
    repo.write(f"-d\n'/{long}.py", "Y = 1\n")
    repo.write("-d\n'/main.py", f"import {long}\n")
    if mode == "imports":
        return "-d\n'/main.py", [f"-d\n'/{long}.py", "-d\n'/main.py"]
    repo.write("-d\n'/strategy.yaml", listing('"**/*.py"'))
    return "-d\n'/main.py", [f"-d\n'/{name}" for name in (*ODD, f"{long}.py", "main.py")]


@pytest.mark.parametrize("mode", MODES)
def test_odd_names_are_captured_and_come_back(mode: str, repo: GitRepo, tmp_path: Path) -> None:
    """Newline, quotes, a dash in front, 255 bytes: the same bytes under the same names."""
    entry, expected = lay(repo, mode)
    report = capture(entry, mode="imports" if mode == "yaml" else mode, cwd=repo.path)
    restore(report.snapshot, str(tmp_path / "back"), cwd=repo.path)

    assert sorted(report.files) == sorted(expected)
    assert report.method == mode
    for name in expected:
        assert (tmp_path / "back" / name).read_bytes() == (repo.path / name).read_bytes()


@pytest.mark.parametrize("mode", MODES)
def test_a_name_that_is_not_utf8_is_said(mode: str, folder: Path) -> None:
    """As the entry point it is an error; beside it, the rest is taken."""
    name = os.fsdecode(b"\xff.py")
    (folder / name).write_text("Y = 1\n")
    (folder / "strategy.yaml").write_text(listing('"*.py"') if mode == "yaml" else HEAD)
    report = looked(folder, mode="imports" if mode == "yaml" else mode)

    assert list(report.files) == ["main.py"]
    with pytest.raises(BtError, match="not UTF-8"):
        looked(folder, name)


@pytest.mark.parametrize("name", ["ma\0in.py", "x" * 300 + ".py", "", "\n", "gone/../../../x.py"])
def test_an_entry_that_cannot_be_is_one_line(name: str, folder: Path) -> None:
    """Whatever was typed."""
    with pytest.raises(BtError) as error:
        looked(folder, name)

    assert "\n" not in error.value.message


def test_a_hostile_name_cannot_speak_to_the_terminal(folder: Path) -> None:
    """What is printed of it is plain."""
    (folder / "strategy.yaml").write_text(listing(r'"\e[2J\nerror: all is lost.py"'))
    done = bt("capture", "main.py", "--dry-run", cwd=folder)

    assert done.code == 0
    assert "\x1b" not in done.out + done.err
    assert not any(line.startswith("error") for line in (done.out + done.err).splitlines())


# -- size, permission, time -----------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["imports", "yaml"])
def test_ten_thousand_files_in_a_circle(mode: str, repo: GitRepo, tmp_path: Path) -> None:
    """By their imports, which come back to the first; by a pattern; and restored."""
    for n in range(10_000):
        repo.write(f"p/m{n}.py", f"import m{(n + 1) % 10_000}\nN = {n}\n")
    repo.write("p/main.py", "import m0\n")
    if mode == "yaml":
        repo.write("p/strategy.yaml", listing('"*.py"'))
    report = capture("p/main.py", mode="imports", cwd=repo.path)
    restore(report.snapshot, str(tmp_path / "back"), cwd=repo.path)

    assert (report.method, len(report.files), report.notices) == (mode, 10_001, ())
    assert len(list((tmp_path / "back/p").iterdir())) == 10_001


@pytest.mark.parametrize("mode", MODES)
def test_an_unreadable_file_is_said(
    mode: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is taken; the entry point itself is an error. Root may read all, so we refuse."""
    read = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == unreadable:
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    (folder / "main.py").write_text("import helper\n")
    (folder / "helper.py").write_text("")
    if mode == "yaml":
        (folder / "strategy.yaml").write_text(listing('"*.py"'))
    unreadable = "helper.py"
    report = looked(folder, mode="imports" if mode == "yaml" else mode)
    unreadable = "main.py"

    assert list(report.files) == ["main.py"]
    assert kinds(report) == ([] if mode == "entry_point" else ["source_undecodable"])
    with pytest.raises(BtError, match="Permission denied"):
        looked(folder, mode="imports" if mode == "yaml" else mode)


@pytest.mark.parametrize("mode", MODES)
def test_a_file_that_changes_while_it_is_read_is_said(
    mode: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is stored is what was read."""
    read = Path.read_bytes
    (folder / "main.py").write_text("import helper\n")
    (folder / "helper.py").write_text("")
    if mode == "yaml":
        (folder / "strategy.yaml").write_text(listing('"*.py"'))

    def write_meanwhile(path: Path) -> bytes:
        data = read(path)
        if path.name == "main.py":
            path.write_bytes(data + b"K = 2\n")
        return data

    monkeypatch.setattr(Path, "read_bytes", write_meanwhile)
    report = looked(folder, mode="imports" if mode == "yaml" else mode)

    assert kinds(report) == ["source_changed_since_load"]
    assert report.files["main.py"].size == len("import helper\n")


# -- where the project begins ---------------------------------------------------------------------


def test_without_a_marker_the_folder_of_the_entry_is_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to `/` there is none."""
    monkeypatch.setattr("git_bt.live.places.MARKERS", ("no such marker",))
    (tmp_path / "a").mkdir()
    (tmp_path / "a/main.py").write_text("import b\n")
    (tmp_path / "b.py").write_text("")
    report = looked(tmp_path, "a/main.py")

    assert report.project_root == "a"
    assert list(report.files) == ["main.py"]


@pytest.mark.parametrize("marker", [".git", "pyproject.toml", "setup.py"])
def test_the_nearest_marker_counts_whatever_is_in_it(marker: str, folder: Path) -> None:
    """A `.git` file of a worktree or a submodule that leads nowhere, a broken pyproject.toml."""
    (folder / "sub").mkdir()
    (folder / "sub" / marker).write_text("gitdir: ../nowhere\n[broken")
    (folder / "sub/main.py").write_text("import top\n")
    (folder / "top.py").write_text("")
    report = looked(folder, "sub/main.py")

    assert report.project_root == "sub"
    assert list(report.files) == ["main.py"]


def test_in_a_linked_worktree_and_in_a_submodule(repo: GitRepo, tmp_path: Path) -> None:
    """Their `.git` is a file; each is a project of its own, with a store behind it."""
    repo.commit("one", **{"main.py": "import helper\n", "helper.py": ""})
    repo.git("worktree", "add", "-q", str(tmp_path / "tree"))
    repo.git(
        "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(tmp_path / "tree"),
        "inner",
    )  # fmt: skip
    for place in (tmp_path / "tree", repo.path / "inner"):
        report = capture("main.py", mode="imports", cwd=place)

        assert list(report.files) == ["helper.py", "main.py"]
        assert restore(report.snapshot, str(tmp_path / f"{place.name}-back"), cwd=place)


@pytest.mark.parametrize("root", ["nowhere", "main.py", "a\0b"])
def test_a_project_root_that_is_none_is_one_line(root: str, folder: Path) -> None:
    """Whatever was typed."""
    with pytest.raises(BtError) as error:
        capture("main.py", project_root=root, dry_run=True, cwd=folder)

    assert "\n" not in error.value.message
