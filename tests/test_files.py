"""The Files view: commit, index and work tree agree where the content is the same."""

import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import GitRepo, make_repo
from git_bt.errors import CannotWork, Usage
from git_bt.files import (
    LEAVES,
    NOWHERE,
    Digests,
    Files,
    commit_files,
    folder_files,
    index_files,
    work_tree_files,
)
from git_bt.model import EXECUTABLE, REGULAR, Member, OnDisk
from git_bt.objects import Objects
from git_bt.repo import Repo

CLEAN = "printf 'cleaned\\n'; cat"


@contextmanager
def views(top: Path) -> Iterator[dict[str, Files]]:
    """Give the three views of a repository."""
    repo = Repo.find(top)
    with Objects(repo) as objects:
        found = {"index": index_files(repo, objects), "work tree": work_tree_files(repo, objects)}
        if repo.resolve("HEAD"):
            found["commit"] = commit_files(repo, objects, "HEAD")
        yield found


def held(files: Files) -> dict[str, tuple[Member, bytes]]:
    """Return what a view holds: digest, size, mode and bytes of each file."""
    result = {}
    for path in files.paths():
        source = files.source(path)
        assert source is not None
        result[path] = (files.member(path), source.read())
    return result


def raw_member(data: bytes, mode: str = REGULAR) -> Member:
    return Member(sha256=hashlib.sha256(data).hexdigest(), size=len(data), mode=mode)


def pointer(data: bytes) -> bytes:
    digest = hashlib.sha256(data).hexdigest()
    return (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(data)}\n"
    ).encode()


# -- the same content, so the same view -----------------------------------------------------------


def plain(repo: GitRepo) -> None:
    repo.write("a.py", "a\n")
    repo.write("b/c/d.bin", bytes(range(256)))
    repo.write("b/empty", "")
    repo.write("ü/名.py", "x")


def autocrlf_true(repo: GitRepo) -> None:
    repo.git("config", "core.autocrlf", "true")
    repo.write("a.py", "a\r\nb\r\n")


def autocrlf_input(repo: GitRepo) -> None:
    repo.git("config", "core.autocrlf", "input")
    repo.write("a.py", "a\r\nb\n")


def text_attribute(repo: GitRepo) -> None:
    repo.write(".gitattributes", "*.py text\n*.dat -text\n*.bat eol=crlf\n*.x text=auto\n")
    for name in ("a.py", "a.dat", "a.bat", "a.x", "sub/b.py"):
        repo.write(name, "a\r\nb\r\n")
    repo.write("sub/.gitattributes", "b.py -text\n")


def binary_under_auto(repo: GitRepo) -> None:
    repo.write(".gitattributes", "* text=auto\n")
    repo.write("a.bin", b"\0\r\n\xff")


def ident(repo: GitRepo) -> None:
    repo.write(".gitattributes", "*.py ident\n")
    repo.write("a.py", "# $Id: abc $\n")


def encoding(repo: GitRepo) -> None:
    repo.write(".gitattributes", "*.u16 working-tree-encoding=UTF-16LE\n")
    repo.write("a.u16", "grüße\n".encode("utf-16-le"))


def clean_filter(repo: GitRepo) -> None:
    repo.git("config", "filter.mine.clean", CLEAN)
    repo.git("config", "filter.mine.smudge", "tail -n +2")
    repo.write(".gitattributes", "*.py filter=mine\n")
    repo.write("a.py", "a\n")


def filter_nobody_configured(repo: GitRepo) -> None:
    repo.write(".gitattributes", "*.py filter=theirs\n")
    repo.write("a.py", "a\n")


def executable(repo: GitRepo) -> None:
    repo.write("run.sh", "#!/bin/sh\n").chmod(0o755)
    repo.write("read.me", "x").chmod(0o644)


def no_file_mode(repo: GitRepo) -> None:
    repo.git("config", "core.fileMode", "false")
    repo.write("run.sh", "#!/bin/sh\n").chmod(0o755)


def links(repo: GitRepo) -> None:
    repo.write("real/a.py", "a\n")
    (repo.path / "link.py").symlink_to("real/a.py")
    (repo.path / "chain.py").symlink_to("link.py")
    (repo.path / "folder").symlink_to("real")
    (repo.path / "real" / "up.py").symlink_to("../folder/a.py")


def hostile_names(repo: GitRepo) -> None:
    for name in ("-dash", "new\nline", 'quo"te', " blank ", "tab\t", "x" * 255, "a:b", "*?["):
        repo.write(name, name)


STATES: list[Callable[[GitRepo], None]] = [
    plain, autocrlf_true, autocrlf_input, text_attribute, binary_under_auto, ident, encoding,
    clean_filter, filter_nobody_configured, executable, no_file_mode, links, hostile_names,
]  # fmt: skip


@pytest.mark.parametrize("make", STATES, ids=lambda make: make.__name__)
@pytest.mark.parametrize("moment", ["new", "added", "touched", "edited"])
def test_views_agree(make: Callable[[GitRepo], None], moment: str, repo: GitRepo) -> None:
    """What is new, added, touched or edited reads as what git stores when it is added."""
    check_agreement(make, moment, repo)


@pytest.mark.parametrize("make", [plain, clean_filter, links], ids=lambda make: make.__name__)
def test_views_agree_under_sha256(make: Callable[[GitRepo], None], tmp_path: Path) -> None:
    """Nothing of it depends on git's own hash."""
    check_agreement(make, "edited", make_repo(tmp_path / "repo", "--object-format=sha256"))


def check_agreement(make: Callable[[GitRepo], None], moment: str, repo: GitRepo) -> None:
    make(repo)
    if moment == "edited":
        after = {p: p.read_bytes() for p in repo.path.rglob("[!.]*") if is_content(p)}
        for path in after:
            path.write_bytes(b"before!\n")
        repo.commit("one")
        for path, data in after.items():
            path.write_bytes(data)
    if moment == "touched":
        repo.commit("one")
        for path in repo.path.iterdir():
            os.utime(path, (1, 1), follow_symlinks=False)
    if moment == "added":
        repo.git("add", "-A")
    with views(repo.path) as found:
        before = held(found["work tree"])
    repo.commit("two")
    with views(repo.path) as found:
        commit, index, tree = (held(found[v]) for v in ("commit", "index", "work tree"))

    assert commit == index == tree == before


def is_content(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and ".git" not in path.parts


def test_crlf_that_the_index_holds_stays(repo: GitRepo) -> None:
    """Git converts no line ends of a file that was committed with them; hash-object would."""
    repo.commit("one", **{"a.py": "a\r\nb\r\n"})
    repo.git("config", "core.autocrlf", "true")
    repo.write("a.py", "a\r\nb\r\nc\r\n")
    with views(repo.path) as found:
        member = found["work tree"].member("a.py")

    assert member == raw_member(b"a\r\nb\r\nc\r\n")


def test_a_filter_that_changed_bytes_is_said(repo: GitRepo) -> None:
    """One notice for each file of which git stores other bytes than ran."""
    clean_filter(repo)
    with views(repo.path) as found:
        files = found["work tree"]
        files.load(files.paths())
        files.member("a.py")

    assert [(n.kind, n.path) for n in files.notices] == [("filtered", "a.py")]


def test_a_required_filter_that_fails_is_one_line(repo: GitRepo) -> None:
    """A clean filter that cannot run stops, as it stops git add."""
    repo.git("config", "filter.mine.clean", "exit 3")
    repo.git("config", "filter.mine.required", "true")
    repo.write(".gitattributes", "*.py filter=mine\n")
    repo.write("a.py", "a\n")
    with views(repo.path) as found, pytest.raises(CannotWork, match="filter"):
        found["work tree"].member("a.py")


def test_looking_writes_nothing(repo: GitRepo) -> None:
    """Reading changed, filtered and new files leaves objects, refs and index as they were."""
    clean_filter(repo)
    autocrlf_true(repo)
    repo.commit("one")
    repo.write("a.py", "changed\r\n")
    repo.write("new.py", "new\r\n")

    def state() -> dict[str, bytes]:
        below = (p for p in (repo.path / ".git").rglob("*") if p.is_file())
        return {str(p): p.read_bytes() for p in below}

    before = state()
    with views(repo.path) as found:
        for files in found.values():
            held(files)

    assert state() == before


# -- what is where --------------------------------------------------------------------------------


def test_untracked_is_seen_and_ignored_only_by_name(repo: GitRepo) -> None:
    """The work tree lists what git status would; an ignored file counts when it is named."""
    repo.commit("one", **{".gitignore": "*.log\nout/\n", "a.py": "a"})
    repo.write("new.py", "n")
    repo.write("x.log", "l")
    repo.write("out/deep.py", "d")
    with views(repo.path) as found:
        tree = found["work tree"]

        assert tree.paths() == (".gitignore", "a.py", "new.py")
        assert tree.member("x.log") == raw_member(b"l")
        assert tree.member("out/deep.py") == raw_member(b"d")
        assert [tree.is_tracked(p) for p in ("a.py", "new.py", "x.log")] == [True, False, False]
        assert found["index"].find("new.py") is None


def test_deleted_files_are_gone(repo: GitRepo) -> None:
    """A file that was removed from disk is in the index and not in the work tree."""
    repo.commit("one", **{"a.py": "a", "b/c.py": "c"})
    (repo.path / "a.py").unlink()
    (repo.path / "b" / "c.py").unlink()
    with views(repo.path) as found:
        assert found["work tree"].paths() == ()
        assert not found["work tree"].is_folder("b")
        assert found["index"].paths() == ("a.py", "b/c.py")


def test_a_partial_commit_shows_its_own_index(repo: GitRepo, tmp_path: Path) -> None:
    """`git commit one-file` hands its hook another index, and that is the one to look at."""
    repo.commit("one", **{"a.py": "1", "b.py": "1"})
    seen = tmp_path / "seen"
    hook = repo.write(
        ".git/hooks/pre-commit",
        f"""#!/bin/sh
exec '{sys.executable}' -c '
from git_bt.repo import Repo
from git_bt.objects import Objects
from git_bt.files import index_files, work_tree_files
repo = Repo.find()
with Objects(repo) as objects:
    for files in (index_files(repo, objects), work_tree_files(repo, objects)):
        for path in files.paths():
            print(path, files.source(path).read().decode())
' > '{seen}'
""",
    )
    hook.chmod(0o755)
    repo.write("a.py", "2")
    repo.write("b.py", "2")
    repo.git("add", "-A")
    repo.write("a.py", "3")
    repo.git("commit", "-q", "-m", "two", "a.py")

    assert seen.read_text().split("\n")[:-1] == ["a.py 3", "b.py 1", "a.py 3", "b.py 2"]


def test_intent_to_add_is_not_in_the_index(any_repo: GitRepo) -> None:
    """A name that `git add -N` announced has no content to commit; an empty file has."""
    any_repo.commit("one", **{"empty.py": ""})
    any_repo.write("soon.py", "s")
    any_repo.git("add", "-N", "soon.py")
    with views(any_repo.path) as found:
        assert found["index"].paths() == ("empty.py",)
        assert found["work tree"].member("soon.py") == raw_member(b"s")


def test_sparse_checkout_reads_what_is_not_on_disk(repo: GitRepo) -> None:
    """Files left out of a sparse checkout are those of the index."""
    repo.commit("one", **{"a/x.py": "x", "b/y.py": "y"})
    repo.git("sparse-checkout", "set", "--sparse-index", "a")
    with views(repo.path) as found:
        assert not (repo.path / "b").exists()
        assert held(found["work tree"]) == held(found["commit"])


def test_submodules_and_nested_repositories_are_no_files(repo: GitRepo, tmp_path: Path) -> None:
    """Another repository's files are not this one's, named or not."""
    other = make_repo(tmp_path / "other")
    other.commit("one", **{"x.py": "x"})
    repo.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other.path), "sub")
    repo.commit("one", **{"a.py": "a"})
    make_repo(repo.path / "nested").commit("one", **{"y.py": "y"})
    repo.write("sub/x.py", "dirty")
    with views(repo.path) as found:
        for files in found.values():
            assert files.paths() == (".gitmodules", "a.py")
            assert files.find("sub/x.py") is files.find("nested/y.py") is files.find("sub") is None
            assert files.find(".git/config") is None


def test_subdirectory_and_linked_worktree(
    repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths are from the top wherever one stands, and a linked worktree shows its own files."""
    repo.commit("one", **{"s/a.py": "a"})
    repo.git("worktree", "add", "-q", str(tmp_path / "w t"), "-b", "other")
    (tmp_path / "w t" / "s" / "a.py").write_text("other")
    monkeypatch.chdir(repo.path / "s")
    with views(Path()) as found:
        assert {files.paths() for files in found.values()} == {("s/a.py",)}
        assert found["work tree"].member("s/a.py") == raw_member(b"a")
    with views(tmp_path / "w t" / "s") as found:
        assert found["work tree"].member("s/a.py") == raw_member(b"other")
        assert found["index"].member("s/a.py") == raw_member(b"a")


def test_conflict_is_named(repo: GitRepo) -> None:
    """The index of a merge in conflict has no bytes for a path; the work tree has."""
    repo.commit("base", **{"a.py": "0\n"})
    repo.git("checkout", "-q", "-b", "side")
    repo.commit("side", **{"a.py": "1\n"})
    repo.git("checkout", "-q", "main")
    repo.commit("main", **{"a.py": "2\n"})
    repo.git("merge", "side", check=False)
    with views(repo.path) as found:
        assert b"<<<<<<<" in found["work tree"].source("a.py").read()  # type: ignore[union-attr]
        with pytest.raises(Usage, match="conflict"):
            found["index"].member("a.py")


def test_names_that_are_not_utf8_are_left_out_and_said(repo: GitRepo) -> None:
    """A listing skips them with a notice; asking for one is refused."""
    (repo.path / os.fsdecode(b"caf\xe9.py")).write_text("x")
    repo.commit("one", **{"a.py": "a"})
    with views(repo.path) as found:
        for files in (*found.values(), folder_files(repo.path)):
            assert files.paths() == ("a.py",)
            assert [n.kind for n in files.notices] == ["path_not_utf8"]
            with pytest.raises(Usage, match="not UTF-8"):
                files.find(os.fsdecode(b"caf\xe9.py"))


def test_bare_repository_has_commits_only(repo: GitRepo, tmp_path: Path) -> None:
    """Of a bare repository the commits can be read, and nothing else."""
    repo.commit("one", **{"a.py": "a"})
    repo.git("clone", "-q", "--bare", ".", str(tmp_path / "bare"))
    found = Repo.find(tmp_path / "bare")
    with Objects(found) as objects:
        assert commit_files(found, objects, "main").member("a.py") == raw_member(b"a")
        with pytest.raises(CannotWork, match="no work tree"):
            work_tree_files(found, objects)
        with pytest.raises(Usage, match="no commit 'nope'"):
            commit_files(found, objects, "nope")


def test_empty_repository(repo: GitRepo) -> None:
    """A repository without a commit has an index and a work tree."""
    with views(repo.path) as found:
        assert {files.paths() for files in found.values()} == {()}
        assert all(files.is_folder(".") and files.is_folder("") for files in found.values())


# -- links ----------------------------------------------------------------------------------------


def test_links_that_cannot_be_followed_say_why(repo: GitRepo) -> None:
    """Out of the root, to nothing, or in a circle: the entry has a fault, reading is refused."""
    repo.write("a.py", "a")
    for name, target in {
        "out.py": "../x.py", "deep/out.py": "../../x.py", "absolute.py": "/etc/passwd",
        "gone.py": "nothing.py", "loop.py": "loop.py",
    }.items():  # fmt: skip
        (repo.path / name).parent.mkdir(exist_ok=True)
        (repo.path / name).symlink_to(target)
    repo.commit("one")
    with views(repo.path) as found:
        for files in (*found.values(), folder_files(repo.path)):
            entries = {p: files.find(p) for p in files.paths()}

            assert {p: e.fault for p, e in entries.items() if e is not None} == {
                "a.py": None, "out.py": LEAVES, "deep/out.py": LEAVES, "absolute.py": LEAVES,
                "gone.py": NOWHERE, "loop.py": NOWHERE,
            }  # fmt: skip
            with pytest.raises(Usage, match=r"link out\.py leads outside"):
                files.member("out.py")


def test_a_folder_reached_by_a_link_is_a_folder(repo: GitRepo) -> None:
    """Files behind a link to a folder have the link's name; the listing of all is without it."""
    links(repo)
    repo.commit("one")
    with views(repo.path) as found:
        for files in (*found.values(), folder_files(repo.path)):
            assert files.is_folder("folder")
            assert files.paths("folder") == ("folder/a.py", "folder/up.py")
            assert files.member("folder/a.py") == raw_member(b"a\n")
            assert files.follow("folder/up.py") == "real/a.py"
            assert "folder" not in files.paths()


# -- git-lfs --------------------------------------------------------------------------------------


def test_an_lfs_pointer_counts_as_its_object(any_repo: GitRepo) -> None:
    """Digest and size are the object's; its bytes come from .git/lfs, the work tree, or nowhere."""
    data = b"tape" * 1000
    digest = hashlib.sha256(data).hexdigest()
    any_repo.commit("one", **{"t.bin": pointer(data), ".gitattributes": "*.bin filter=lfs\n"})
    with views(any_repo.path) as found:
        for files in found.values():
            assert files.member("t.bin") == raw_member(data)
            assert files.source("t.bin") is None
    any_repo.write("t.bin", data)
    with views(any_repo.path) as found:
        for files in found.values():
            assert files.member("t.bin") == raw_member(data)
            assert files.source("t.bin").read() == data  # type: ignore[union-attr]
    (any_repo.path / "t.bin").unlink()
    any_repo.write(f".git/lfs/objects/{digest[:2]}/{digest[2:4]}/{digest}", data)
    with views(any_repo.path) as found:
        source = found["commit"].source("t.bin")

        assert isinstance(source, OnDisk)
        assert source.read() == data


@pytest.mark.parametrize(
    "broken",
    [
        lambda p: p + b"x\n", lambda p: p[:-1], lambda p: p.replace(b"sha256:", b"sha512:"),
        lambda p: p.replace(b"\n", b"\r\n"), lambda p: b"\n" + p, lambda p: p.upper(),
        lambda p: p.replace(b"size 4", b"size 04"),
    ],
)  # fmt: skip
def test_only_a_strict_pointer_is_one(broken: Callable[[bytes], bytes], repo: GitRepo) -> None:
    """The specification allows one encoding; anything else is a file like others."""
    data = broken(pointer(b"data"))
    repo.commit("one", **{"t.bin": data, ".gitattributes": "* -text\n"})
    with views(repo.path) as found:
        assert {files.member("t.bin") for files in found.values()} == {raw_member(data)}


# -- a plain folder -------------------------------------------------------------------------------


def test_folder_view(tmp_path: Path) -> None:
    """A plain folder shows its bytes as they lie there."""
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.py").write_bytes(b"x\r\n")
    (tmp_path / "b" / "x.py").chmod(0o755)
    os.mkfifo(tmp_path / "pipe")
    files = folder_files(tmp_path)

    assert held(files) == {"b/x.py": (raw_member(b"x\r\n", EXECUTABLE), b"x\r\n")}
    assert files.find("pipe") is None
    assert not files.in_git
    with pytest.raises(Usage, match=r"no such file: nope"):
        files.member("nope")


def test_one_process_lists_a_view(repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many files there are, a clean view starts one git process beside the pipe."""
    repo.commit("one", **{f"d{n}/f{n}.py": str(n) for n in range(50)})
    found = Repo.find(repo.path)
    calls: list[str] = []
    original = Repo.git

    def counted(self: Repo, *args: str, **options: object) -> object:
        calls.append(args[0])
        return original(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Repo, "git", counted)
    with Objects(found) as objects:
        for files in (index_files(found, objects), work_tree_files(found, objects)):
            held(files)

    assert calls == ["ls-files", "ls-files"]


# -- digests --------------------------------------------------------------------------------------


def test_digests_are_remembered_by_stat(tmp_path: Path) -> None:
    """A large file is hashed once; another stat, or too fresh a one, hashes again."""
    big = tmp_path / "big"
    big.write_bytes(b"x" * 100_000)
    place = tmp_path / "cache" / "digests.json"
    first = Digests(place)
    truth = first.file(big)
    first.save()

    assert not place.exists()  # written a moment ago: the next write could have the same stat
    time.sleep(1.1)
    second = Digests(place)
    assert second.file(big) == truth
    second.save()
    assert truth[0] in place.read_text()
    place.write_text(place.read_text().replace(truth[0], "0" * 64))
    assert Digests(place).file(big) == ("0" * 64, 100_000)
    os.utime(big)
    assert Digests(place).file(big) == truth


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"file /x": 5}', b"\xff", b'{"a": [1,2]}'])
def test_a_broken_cache_is_no_cache(content: bytes, tmp_path: Path) -> None:
    """Whatever the cache file holds, digests are right."""
    place = tmp_path / "digests.json"
    place.write_bytes(content)
    big = tmp_path / "big"
    big.write_bytes(b"x" * 100_000)

    assert Digests(place).file(big) == (hashlib.sha256(b"x" * 100_000).hexdigest(), 100_000)


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    """What is no regular file is not waited for."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CannotWork, match="not a regular file"):
        Digests(None).file(tmp_path / "pipe")
