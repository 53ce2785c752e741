"""The door to git: finding a repository, running git on it, and what goes wrong."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import GitRepo, make_repo
from git_bt import repo as room
from git_bt.errors import CannotWork, Usage
from git_bt.git_process import Result, cannot_write, environment, failure
from git_bt.repo import Repo, commit_all, create


def fake_git(folder: Path, script: str) -> str:
    """Write a program named git, and return a PATH on which it is alone."""
    folder.mkdir()
    program = folder / "git"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(folder)


# -- finding --------------------------------------------------------------------------------------


def test_a_repository_is_found_from_a_subdirectory(any_repo: GitRepo) -> None:
    """Top and git directory are absolute, wherever in the work tree one stands."""
    folder = any_repo.path / "a" / "b"
    folder.mkdir(parents=True)
    found = Repo.find(folder)

    assert found.top == any_repo.path
    assert found.git_dir == found.common_dir == any_repo.path / ".git"
    assert found.hash_name == any_repo.git("rev-parse", "--show-object-format")


def test_the_current_directory_is_the_default(in_repo: GitRepo) -> None:
    """Without a start, the search begins where the process stands."""
    assert Repo.find() == Repo.find(in_repo.path)


def test_a_linked_worktree_shares_the_common_directory(repo: GitRepo, tmp_path: Path) -> None:
    """A linked worktree has its own top and git directory."""
    repo.commit("one")
    repo.git("worktree", "add", "-q", str(tmp_path / "linked"))
    found = Repo.find(tmp_path / "linked")

    assert found.top == tmp_path / "linked"
    assert found.git_dir == repo.path / ".git" / "worktrees" / "linked"
    assert found.cache_dir == repo.path / ".git" / "bt"
    assert found.resolve("HEAD") == Repo.find(repo.path).resolve("main")


def test_a_bare_repository_has_no_top(tmp_path: Path) -> None:
    """A bare repository is found, and git works on it."""
    make_repo(tmp_path / "bare.git", "--bare")
    found = Repo.find(tmp_path / "bare.git")

    assert (found.top, found.git_dir) == (None, tmp_path / "bare.git")
    assert found.git("rev-parse", "--is-bare-repository").text == "true"


def test_a_path_of_any_letters_is_found(tmp_path: Path) -> None:
    """Blanks and letters beyond ASCII in the path are nothing special."""
    make_repo(tmp_path / "à b'\"")

    assert Repo.find(tmp_path / "à b'\"").top == tmp_path / "à b'\""


def test_no_repository_is_said_with_a_hint(tmp_path: Path) -> None:
    """Outside of any repository the hint is git init."""
    with pytest.raises(CannotWork, match="no git repository at") as caught:
        Repo.find(tmp_path)

    assert caught.value.hint == "git init"


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A start that does not exist is an error that names it."""
    with pytest.raises(CannotWork, match=r"no such directory: .*nowhere"):
        Repo.find(tmp_path / "nowhere")


def test_a_current_directory_that_is_gone_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Standing in a directory that somebody removed is no traceback."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()

    with pytest.raises(CannotWork, match="the current directory is gone"):
        Repo.find()


def test_a_path_with_a_newline_is_refused(tmp_path: Path) -> None:
    """Git's answer could not be told apart; the message says so."""
    make_repo(tmp_path / "a\nb")

    with pytest.raises(CannotWork, match="has a newline in it"):
        Repo.find(tmp_path / "a\nb")


def test_a_file_is_no_place_to_start(tmp_path: Path) -> None:
    """A start that is a file is refused with its name."""
    (tmp_path / "file").touch()

    with pytest.raises(CannotWork, match=r"cannot run git in .*file"):
        Repo.find(tmp_path / "file")


def test_missing_git_is_said(
    repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without git on PATH the hint is to install it."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(CannotWork, match="git is not on PATH"):
        Repo.find(repo.path)


def test_an_old_git_is_refused(
    repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A git before 2.38 is refused with its version."""
    real = shutil.which("git")
    script = f'[ "$1" = version ] && echo git version 2.37.9 || exec {real} "$@"'
    monkeypatch.setenv("PATH", fake_git(tmp_path / "bin", script))

    with pytest.raises(CannotWork, match=r"git version 2\.37\.9 is too old"):
        Repo.find(repo.path)


def test_a_repository_of_another_user_is_refused_as_git_does(repo: GitRepo) -> None:
    """Git's word about dubious ownership becomes one line and a hint."""
    if os.getuid() != 0:
        pytest.skip("only root can give a directory away")
    for place in (repo.path, repo.path / ".git"):
        os.chown(place, 12345, 12345)

    with pytest.raises(CannotWork, match="belongs to another user") as caught:
        Repo.find(repo.path)

    assert "safe.directory" in str(caught.value.hint)


def test_a_repository_that_git_cannot_read_is_said(repo: GitRepo) -> None:
    """A broken configuration is git's own line."""
    (repo.path / ".git" / "config").write_text("[core\n")

    with pytest.raises(CannotWork, match="bad config line 1"):
        Repo.find(repo.path)


# -- the environment ------------------------------------------------------------------------------


def test_the_variables_of_a_hook_are_not_passed_on(
    repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIT_DIR and GIT_INDEX_FILE of a hook name another repository than the one found."""
    other = make_repo(tmp_path / "other")
    other.commit("theirs", theirs="1")
    repo.commit("ours", ours="1")
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.path / ".git" / "index"))
    found = Repo.find(repo.path)

    assert found.git("ls-files").text == "ours"
    assert found.git("log", "--format=%s").text == "ours"


def test_the_index_of_a_hook_is_read_when_asked(
    repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With keep_index, the index is the one that git gave to its hook."""
    repo.commit("one", a="1")
    index = tmp_path / "index"
    shutil.copy(repo.path / ".git" / "index", index)
    repo.commit("two", b="1")
    monkeypatch.setenv("GIT_INDEX_FILE", str(index))
    found = Repo.find(repo.path)

    assert found.git("ls-files", keep_index=True).text == "a"
    assert found.git("ls-files").text == "a\nb"


def test_the_place_that_the_user_names_holds(
    repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`git --git-dir=… bt` acts on that repository, as git does."""
    monkeypatch.setenv("GIT_DIR", str(repo.path / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(repo.path))
    monkeypatch.chdir(tmp_path)

    assert Repo.find().top == repo.path


def test_what_a_user_sets_for_himself_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Configuration, identity, ssh and trace stay; places and indexes go."""
    kept = ("GIT_CONFIG_COUNT", "GIT_AUTHOR_NAME", "GIT_SSH_COMMAND", "GIT_TRACE", "GIT_ASKPASS")
    gone = ("GIT_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_QUARANTINE_PATH",
            "GIT_NAMESPACE", "GIT_PREFIX", "GIT_REFLOG_ACTION")  # fmt: skip
    for name in (*kept, *gone):
        monkeypatch.setenv(name, "0")
    env = environment()

    assert [name for name in kept if name not in env] == []
    assert [name for name in gone if name in env] == []
    assert (env["LC_ALL"], env["GIT_OPTIONAL_LOCKS"], env["GIT_TERMINAL_PROMPT"]) == ("C", "0", "0")


def test_no_program_of_the_repository_is_run(repo: GitRepo, tmp_path: Path) -> None:
    """Hooks and the file system monitor of a hostile repository stay unheard."""
    mark = tmp_path / "ran"
    script = fake_git(tmp_path / "bin", f"touch {mark}") + "/git"
    repo.commit("one", a="1")
    hook = repo.path / ".git" / "hooks" / "reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    shutil.copy(script, hook)
    repo.git("config", "core.fsmonitor", script)
    found = Repo.find(repo.path)
    found.git("status", "--porcelain")
    found.git("update-ref", "refs/bt/x", "HEAD")

    assert not mark.exists()
    repo.git("status", check=False)
    assert mark.exists(), "the trap itself works"


def test_a_replaced_object_is_not_believed(repo: GitRepo) -> None:
    """`refs/replace` does not change what an id names."""
    one, two = repo.commit("one", a="1"), repo.commit("two", a="2")
    repo.git("replace", two, one)

    assert repo.git("log", "-1", "--format=%s", two) == "one"
    assert Repo.find(repo.path).git("log", "-1", "--format=%s", two).text == "two"


# -- what git says --------------------------------------------------------------------------------


def test_a_failure_is_gits_own_first_line(repo: GitRepo) -> None:
    """A refusal of git is one line that names the command."""
    with pytest.raises(CannotWork, match=r"^git cat-file: Not a valid object name nope$"):
        Repo.find(repo.path).git("cat-file", "-t", "nope")


def test_a_trace_does_not_hide_the_failure(repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """With GIT_TRACE the line of the failure is found among those of the trace."""
    monkeypatch.setenv("GIT_TRACE", "1")

    with pytest.raises(CannotWork, match=r"^git cat-file: Not a valid object name nope$"):
        Repo.find(repo.path).git("cat-file", "-t", "nope")


def test_an_unchecked_failure_is_a_result(repo: GitRepo) -> None:
    """Without check the exit code and both outputs come back."""
    result = Repo.find(repo.path).git("cat-file", "-t", "nope", check=False)

    assert (result.code, result.out) == (128, b"")
    assert result.err.startswith(b"fatal: ")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("error: file write error: No space left on device", "the disk is full"),
        ("fatal: cannot mkdir x: Read-only file system", "the file system is read-only"),
        ("error: insufficient permission for adding an object", "no permission to write"),
        ("", "git x: exit code 7, and no word why"),
    ],
)
def test_common_causes_are_said_plainly(said: str, expected: str) -> None:
    """A full disk, a read-only one and missing rights have words of their own."""
    assert failure("x", Result(7, b"", said.encode())).message.startswith(expected)


def test_input_reaches_git(any_repo: GitRepo) -> None:
    """Bytes for standard input arrive unchanged."""
    found = Repo.find(any_repo.path)
    oid = found.git("hash-object", "-w", "--stdin", stdin=b"\0\r\n\xff").text

    assert found.git("cat-file", "blob", oid).out == b"\0\r\n\xff"


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, "the disk is full: /x"),
        (errno.EROFS, "the file system is read-only: /x"),
        (errno.EACCES, "no permission to write: /x"),
        (errno.ENOTDIR, "cannot write /x: Not a directory"),
    ],
)
def test_our_own_files_fail_in_the_same_words(number: int, expected: str) -> None:
    """A lock or cache that cannot be written says why."""
    error = OSError(number, os.strerror(number))

    assert cannot_write(Path("/x"), error).message == expected


# -- configuration, revisions, identity -----------------------------------------------------------


def test_configuration_is_read_once(repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values with newlines, several values, a key without one; names fold as git's do."""
    repo.git("config", "bt.tapes", "one\ntwo")
    repo.git("config", "--add", "bt.tapes", "three")
    repo.git("config", "remote.Origin.url", "x")
    with (repo.path / ".git" / "config").open("a") as config:
        config.write("[bt]\n\tquick\n\tempty =\n")
    found = Repo.find(repo.path)

    assert found.config_all("BT.Tapes") == ("one\ntwo", "three")
    assert found.config("bt.tapes") == "three"
    assert found.config("bt.quick") == "true"
    assert found.config("bt.empty") == ""
    assert found.config("remote.Origin.URL") == "x"
    assert found.config("remote.origin.url") is None
    monkeypatch.setattr(Repo, "git", None)
    assert found.config("bt.nothing") is None


def test_an_empty_configuration_is_read_once_too(repo: GitRepo) -> None:
    """A key that is nowhere gives None and no values."""
    found = Repo.find(repo.path)

    assert (found.config("a.b"), found.config_all("a.b")) == (None, ())


@pytest.mark.parametrize(
    ("text", "expected"), [("10", 10), ("10k", 10240), ("2M", 2 << 20), ("1g", 1 << 30), ("-1", -1)]
)
def test_numbers_have_gits_units(repo: GitRepo, text: str, expected: int) -> None:
    """k, m and g multiply by 1024, as in git."""
    repo.git("config", "bt.tapeLimit", text)

    assert Repo.find(repo.path).config_int("bt.tapeLimit", 7) == expected


def test_a_number_that_is_none_is_a_usage_error(repo: GitRepo) -> None:
    """A bad number names its key; an absent one is the default."""
    repo.git("config", "bt.tapeLimit", "many")
    found = Repo.find(repo.path)

    assert found.config_int("bt.other", 7) == 7
    with pytest.raises(Usage, match=r"git config bt\.tapeLimit: 'many'"):
        found.config_int("bt.tapeLimit", 7)


def test_revisions_resolve_to_commits(any_repo: GitRepo) -> None:
    """Branches, tags and prefixes are peeled; what names no commit is None."""
    oid = any_repo.commit("one", a="1")
    any_repo.git("tag", "-a", "-m", "x", "v1")
    found = Repo.find(any_repo.path)

    assert [found.resolve(r) for r in ("HEAD", "v1", "main", oid[:8])] == [oid] * 4
    none = ("", "nope", "--all", "-x", "HEAD:a", "HEAD^{tree}", "a\0b", "main..main", "0" * 40)
    assert [r for r in none if found.resolve(r) is not None] == []


def test_the_author_is_gits(repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name and address are those that git would write into a commit."""
    found = Repo.find(repo.path)

    assert found.author() == "A U Thor <author@example.com>"
    for name in ("NAME", "EMAIL"):
        monkeypatch.delenv(f"GIT_AUTHOR_{name}")
    repo.git("config", "user.useConfigOnly", "true")
    assert Repo.find(repo.path).author() == "unknown"


# -- GitPython ------------------------------------------------------------------------------------


def test_a_repository_is_created_with_branch_main(tmp_path: Path) -> None:
    """A new directory becomes a repository whose branch is main."""
    made = create(tmp_path / "a" / "b")

    assert made.top == tmp_path / "a" / "b"
    assert made.git("symbolic-ref", "HEAD").text == "refs/heads/main"


def test_everything_is_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """New files are in the commit; a hook's variables do not lead it astray."""
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    made = create(tmp_path / "here")
    (tmp_path / "here" / "file").write_text("1")
    oid = commit_all(made, "first line\n\nmore")

    assert made.git("ls-tree", "--name-only", oid).text == "file"
    assert made.git("log", "-1", "--format=%an|%B", oid).text.strip() == (
        "A U Thor|first line\n\nmore"
    )
    assert os.environ["GIT_DIR"] == str(tmp_path / "elsewhere")


def test_a_commit_needs_no_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where git knows nobody, git-bt is the author."""
    for name in list(os.environ):
        if name.startswith(("GIT_AUTHOR", "GIT_COMMITTER")):
            monkeypatch.delenv(name)
    config = tmp_path / "config"
    config.write_text("[user]\n\tuseConfigOnly = true\n[commit]\n\tgpgSign = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    made = create(tmp_path / "here")
    oid = commit_all(made, "one")

    assert made.git("log", "-1", "--format=%an <%ae>", oid).text == "git-bt <git-bt@invalid>"


def test_gitpythons_errors_are_translated(tmp_path: Path) -> None:
    """What GitPython raises becomes one line of ours."""
    made = create(tmp_path / "here")
    (tmp_path / "here" / ".git" / "index.lock").touch()

    with pytest.raises(CannotWork, match=r"index\.lock"):
        commit_all(made, "one")


def test_a_file_cannot_become_a_repository(tmp_path: Path) -> None:
    """A place that is a file is refused in our words."""
    (tmp_path / "file").write_text("")

    with pytest.raises(CannotWork):
        create(tmp_path / "file")


def test_gitpython_is_not_imported_before_it_is_needed(in_repo: GitRepo) -> None:
    """Finding a repository does not pay for GitPython."""
    script = "import sys; from git_bt.repo import Repo; Repo.find(); print('git' in sys.modules)"
    python = Path(room.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": str(python)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "False"
