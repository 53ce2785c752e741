"""The tape: in git, beside git, as pointers; by digest, read in place where that is the same."""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import CASES, GitRepo, make_repo
from git_bt.canonical import tape_sha256
from git_bt.capture.tape import read_tape
from git_bt.errors import CannotWork, Incomplete, Usage
from git_bt.files import Files, commit_files, folder_files, index_files, work_tree_files
from git_bt.model import Member, OnDisk, Strategy, Tape
from git_bt.objects import Blob, Objects
from git_bt.repo import Repo

TAPE = CASES / "flox" / "tapes" / "tape_3_lrvx"


@contextmanager
def open_view(top: Path, view: str = "work tree") -> Iterator[Files]:
    repo = Repo.find(top)
    with Objects(repo) as objects:
        if view == "commit":
            yield commit_files(repo, objects, "HEAD")
        else:
            yield {"work tree": work_tree_files, "index": index_files}[view](repo, objects)


def read(repo: GitRepo, tape: str | Strategy, view: str = "work tree") -> Tape:
    with open_view(repo.path, view) as files:
        return read_tape(files, tape, top=repo.path, cwd=repo.path)


def member(data: bytes) -> Member:
    return Member(sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def pointer(data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(data)}\n"


@pytest.mark.skipif(not TAPE.is_dir(), reason="shared/cases is not here")
def test_the_digest_is_the_engines_own(repo: GitRepo, tmp_path: Path) -> None:
    """Names and bytes of a tape give FLOX's tape_sha256, tracked or not."""
    from lrvx.bundle import _sha256_dir

    for path in TAPE.iterdir():
        repo.write(f"t/{path.name}", path.read_bytes())
        repo.write(f"t/sub-a/{path.name}", b"1")
        repo.write(f"t/sub/{path.name}", b"2")
    before = read(repo, "t")
    repo.commit("one")
    after = read(repo, "t")

    assert tape_sha256(before.members) == tape_sha256(after.members) == _sha256_dir(repo.path / "t")
    assert before.members == after.members


@pytest.mark.parametrize("view", ["work tree", "index", "commit"])
def test_a_tracked_tape_is_its_blobs(view: str, any_repo: GitRepo) -> None:
    """Its bytes come from git, and it is read in place while the disk holds the same."""
    any_repo.commit("one", **{"t/a.bin": "a", "t/b/c.bin": "c"})
    found = read(any_repo, "t", view)

    assert found.members == {"a.bin": member(b"a"), "b/c.bin": member(b"c")}
    assert all(isinstance(source, Blob) for source in found.content.values())
    assert found.place == any_repo.path / "t"


@pytest.mark.parametrize("change", ["edited", "added", "ignored", "removed", "gone"])
def test_a_commits_tape_is_the_commits(change: str, repo: GitRepo) -> None:
    """Whatever lies on disk, the commit's tape stays; it is only not read in place."""
    repo.commit("one", **{"t/a.bin": "a", "t/b.bin": "b", ".gitignore": "*.tmp\n"})
    match change:
        case "edited":
            repo.write("t/a.bin", "x")
        case "added":
            repo.write("t/c.bin", "x")
        case "ignored":
            repo.write("t/x.tmp", "x")
        case "removed":
            (repo.path / "t/b.bin").unlink()
        case "gone":
            repo.git("rm", "-q", "-r", "--cached", "t")
            (repo.path / "t/a.bin").unlink()
    found = read(repo, "t", "commit")

    assert found.members == {"a.bin": member(b"a"), "b.bin": member(b"b")}
    assert found.place is None


def test_the_work_trees_tape_is_what_git_add_would_store(repo: GitRepo) -> None:
    """New files of a tracked tape count, ignored ones do not."""
    repo.commit("one", **{"t/a.bin": "a", ".gitignore": "*.tmp\n"})
    repo.write("t/b.bin", "b")
    repo.write("t/c.tmp", "c")
    found = read(repo, "t")

    assert found.members == {"a.bin": member(b"a"), "b.bin": member(b"b")}
    assert found.place is None
    (repo.path / "t" / "c.tmp").unlink()
    assert read(repo, "t").place == repo.path / "t"


@pytest.mark.parametrize("where", ["new", "ignored", "outside"])
def test_a_tape_beside_git_is_read_from_disk(where: str, repo: GitRepo, tmp_path: Path) -> None:
    """Untracked, ignored or elsewhere: the folder as it lies there, in place."""
    place = tmp_path / "data" / "t" if where == "outside" else repo.path / "t"
    repo.commit("one", **{".gitignore": "/t\n" if where == "ignored" else ""})
    (place / "deep").mkdir(parents=True)
    (place / "deep" / ".x").write_bytes(b"x")
    (place / "a.bin").write_bytes(b"a\r\n")
    (place / "a.bin").chmod(0o755)
    found = read(repo, Strategy(name="s", root=".", entry_point="s.py", tape=str(place)))

    assert found.members == {"a.bin": member(b"a\r\n"), "deep/.x": member(b"x")}
    assert found.content["a.bin"] == OnDisk(place / "a.bin")
    assert found.place == place


@pytest.mark.parametrize("tracked", [True, False])
def test_a_single_file_is_a_folder_of_one(tracked: bool, repo: GitRepo) -> None:
    """Its only member has the file's name, and the place is the file."""
    repo.write("data/t.bin", "t")
    if tracked:
        repo.commit("one")
    found = read(repo, "data/t.bin")

    assert found.members == {"t.bin": member(b"t")}
    assert found.place == repo.path / "data" / "t.bin"


def test_an_lfs_tape_counts_as_its_objects(repo: GitRepo) -> None:
    """Pointers give digest and size; without the objects the content is missing."""
    repo.commit("one", **{"t/a.bin": pointer(b"data"), ".gitattributes": "*.bin filter=lfs\n"})
    found = read(repo, "t")

    assert (found.members, found.content, found.place) == ({"a.bin": member(b"data")}, {}, None)
    repo.write("t/a.bin", b"data")
    found = read(repo, "t", "commit")
    assert (found.members, found.place) == ({"a.bin": member(b"data")}, repo.path / "t")
    assert found.content["a.bin"].read() == b"data"


def test_converted_line_ends_are_not_read_in_place(repo: GitRepo) -> None:
    """Where git stores other bytes than lie on disk, the stored ones are the tape."""
    repo.git("config", "core.autocrlf", "true")
    repo.commit("one", **{"t/meta.json": "{}\r\n"})
    found = read(repo, "t")

    assert (found.members, found.place) == ({"meta.json": member(b"{}\n")}, None)


def test_a_path_is_from_where_one_stands(repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """A typed path is relative to the current directory, a strategy's to the top."""
    repo.commit("one", **{"s/t/a": "a", "t/b": "b"})
    with open_view(repo.path) as files:
        typed = read_tape(files, "t", top=repo.path, cwd=repo.path / "s")
        named = read_tape(
            files,
            Strategy(name="s", root=".", entry_point="s.py", tape="t"),
            top=repo.path,
            cwd=repo.path / "s",
        )

    assert (typed.members.keys(), named.members.keys()) == ({"a"}, {"b"})


def test_a_link_to_a_tape_is_followed(repo: GitRepo, tmp_path: Path) -> None:
    """The tape itself may be a link, to a folder in git or elsewhere."""
    repo.commit("one", **{"tapes/a/x": "x"})
    (repo.path / "current").symlink_to("tapes/a")
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "y").write_bytes(b"y")
    (repo.path / "away").symlink_to(tmp_path / "far")
    inside, outside = read(repo, "current"), read(repo, "away")

    assert (inside.members, inside.place) == ({"x": member(b"x")}, repo.path / "tapes" / "a")
    assert isinstance(inside.content["x"], Blob)
    assert (outside.members, outside.place) == ({"y": member(b"y")}, tmp_path / "far")


@pytest.mark.parametrize("tracked", [True, False])
def test_links_inside_a_tape_are_refused(tracked: bool, repo: GitRepo) -> None:
    """FLOX's own pack stores such a link, and the bundle can never be validated."""
    repo.write("t/a", "a")
    repo.write("b", "b")
    (repo.path / "t" / "l").symlink_to("../b")
    if tracked:
        repo.commit("one")
    with pytest.raises(Usage, match=r"tape .*t: l is a link"):
        read(repo, "t")


def test_what_is_no_tape(repo: GitRepo) -> None:
    """Missing, empty, a pipe, names that cannot be: one clear line each."""
    for name in ("empty", "pipe", "hollow/inner", "cases"):
        (repo.path / name).mkdir(parents=True)
    os.mkfifo(repo.path / "pipe" / "p")
    repo.write("hollow/a", "a")
    repo.write("cases/a", "a")
    repo.write("cases/A", "a")
    (repo.path / "dangling").symlink_to("gone")
    for path, kind, message in (
        ("gone", Incomplete, f"no tape at {repo.path / 'gone'}"),
        ("dangling", Incomplete, f"no tape at {repo.path / 'dangling'}"),
        ("empty", Usage, "is empty"),
        ("pipe", Usage, "'p' is no file"),
        ("pipe/p", Usage, "'p' is no file"),
        ("hollow", Usage, "the folder inner is empty"),
        ("cases", Usage, "are one on some file systems"),
    ):
        with pytest.raises(kind, match=message):
            read(repo, path)
    with pytest.raises(Usage, match="s names no tape"):
        read(repo, Strategy(name="s", root=".", entry_point="s.py"))


def test_outside_git(tmp_path: Path) -> None:
    """Without a repository a tape is what lies on disk."""
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "a").write_bytes(b"a")
    found = read_tape(folder_files(tmp_path), "t", top=None, cwd=tmp_path)

    assert (found.members, found.place) == ({"a": member(b"a")}, tmp_path / "t")


def test_in_a_linked_worktree(repo: GitRepo, tmp_path: Path) -> None:
    """The tape of a linked worktree is its own."""
    repo.commit("one", **{"t/a": "a"})
    repo.git("worktree", "add", "-q", str(tmp_path / "other"))
    other = GitRepo(tmp_path / "other")
    other.write("t/a", "b")

    assert read(other, "t").members == {"a": member(b"b")}
    assert read(repo, "t").members == {"a": member(b"a")}


@pytest.mark.parametrize("tracked", [True, False])
def test_large_tapes_are_hashed_once(tracked: bool, tmp_path: Path) -> None:
    """The second look at an unchanged tape reads none of its bytes."""
    repo = make_repo(tmp_path / "repo")
    data = os.urandom(200_000)
    repo.write("t/a", data)
    if tracked:
        repo.commit("one")
    else:
        repo.commit("one", **{".gitignore": "t"})
    time.sleep(1.1)
    first = read(repo, "t")
    cache = repo.path / ".git" / "bt" / "digests.json"
    known = hashlib.sha256(data).hexdigest()
    assert known in cache.read_text()
    cache.write_text(cache.read_text().replace(known, "f" * 64))
    second = read(repo, "t")

    assert first.members == {"a": member(data)}
    assert second.members["a"].sha256 == "f" * 64
    repo.write("t/a", data[:-1])
    assert read(repo, "t").members == {"a": member(data[:-1])}


def test_an_unreadable_cache_folder_stops_nothing(repo: GitRepo) -> None:
    """Where the cache cannot be written, everything is hashed again."""
    repo.write("t/a", b"x" * 100_000)
    repo.write(".git/bt", "a file where the folder should be")
    time.sleep(1.1)

    assert read(repo, "t").members == {"a": member(b"x" * 100_000)}


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_no_permission_is_one_line(repo: GitRepo) -> None:
    """A tape that may not be read is said."""
    repo.write("t/a", "a").chmod(0)
    with pytest.raises(CannotWork, match="Permission denied"):
        read(repo, "t")
