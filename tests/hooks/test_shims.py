"""The native hooks as files: beside others, upgraded, taken away; without git-bt on PATH."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from conftest import GitRepo
from git_bt.commands.init import init
from git_bt.commands.shims import MARK, NATIVE, is_ours, shim
from git_bt.errors import CannotWork, Usage
from git_bt.repo import Repo
from hooks.kit import commit, git, on_path
from hooks.test_commits import REFACTORED, stage
from projects import ONCE, bt


def hooks(repo: GitRepo) -> Path:
    return repo.path / ".git/hooks"


def how(repo: GitRepo, *, undo: bool = False) -> dict[str, str]:
    """Install or take away, and return what was done to each hook."""
    report = init(hooks=not undo, undo=undo, cwd=repo.path)
    return {hook.name: hook.how for hook in report.hooks}


def script(place: Path, text: str, mode: int = 0o755) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"#!/bin/sh\n{text}\n")
    place.chmod(mode)
    return place


def test_every_hook_is_installed_and_taken_away(repo: GitRepo) -> None:
    """Executable, known as ours; a second time there is nothing to do, and undo leaves nothing."""
    before = {p.name for p in hooks(repo).iterdir()}
    assert set(how(repo).values()) == {"installed"}
    for name in NATIVE:
        assert is_ours(hooks(repo) / name)
        assert (hooks(repo) / name).stat().st_mode & stat.S_IXUSR
    assert set(how(repo).values()) == {"kept"}
    assert set(how(repo, undo=True).values()) == {"removed"}

    assert {p.name for p in hooks(repo).iterdir()} == before
    assert how(repo, undo=True) == {}


def test_only_its_own_hooks_are_upgraded(repo: GitRepo) -> None:
    """An older text of ours is written anew; a foreign hook is kept, called first, and put back."""
    script(hooks(repo) / "pre-commit", f"{MARK} an older text\nexit 7")
    foreign = script(hooks(repo) / "pre-push", "echo theirs").read_text()
    done = how(repo)

    assert (done["pre-commit"], done["pre-push"], done["post-commit"]) == (
        "upgraded", "chained", "installed",
    )  # fmt: skip
    assert (hooks(repo) / "pre-push.before-git-bt").read_text() == foreign
    assert how(repo, undo=True)["pre-push"] == "restored"
    assert (hooks(repo) / "pre-push").read_text() == foreign
    assert not (hooks(repo) / "pre-commit").exists()


def test_two_hooks_of_before_are_not_thrown_away(repo: GitRepo) -> None:
    """Somebody wrote over ours: both are his, and neither is lost."""
    script(hooks(repo) / "pre-commit", "exit 0")
    how(repo)
    script(hooks(repo) / "pre-commit", "exit 1")
    with pytest.raises(CannotWork, match=r"pre-commit\.before-git-bt is there already"):
        how(repo)

    assert (hooks(repo) / "pre-commit").read_text() == "#!/bin/sh\nexit 1\n"
    assert (hooks(repo) / "pre-commit.before-git-bt").read_text() == "#!/bin/sh\nexit 0\n"


def test_the_folder_that_git_uses_is_used(repo: GitRepo) -> None:
    """core.hooksPath of this repository, with no path of this machine when it is in the tree."""
    repo.git("config", "core.hooksPath", ".githooks")
    how(repo)
    text = (repo.path / ".githooks/pre-commit").read_text()

    assert is_ours(repo.path / ".githooks/pre-commit")
    assert "bt=git-bt\n" in text
    assert not (hooks(repo) / "pre-commit").exists()


@pytest.mark.parametrize("scope", ["--local", "--global"])
def test_no_hook_is_written_for_nobody_or_for_all(
    repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scope: str
) -> None:
    """/dev/null runs none; a global folder would run them in every repository."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    place = "/dev/null" if scope == "--local" else str(tmp_path / "all")
    repo.git("config", scope, "core.hooksPath", place)
    with pytest.raises(Usage, match=r"core\.hooksPath is ") as raised:
        how(repo)

    assert raised.value.hint
    assert not (tmp_path / "all").exists()
    assert how(repo, undo=True) == {}


def test_a_worktree_installs_for_all(repo: GitRepo, tmp_path: Path) -> None:
    """Hooks lie in the common git directory."""
    repo.commit("one", a="1")
    repo.git("worktree", "add", "-q", str(tmp_path / "linked"))
    init(hooks=True, cwd=tmp_path / "linked")

    assert is_ours(hooks(repo) / "pre-commit")


def test_the_hook_of_before_runs_first(hooked: GitRepo) -> None:
    """With git's arguments and input; its no is a no, and then ours does not run."""
    init(undo=True, cwd=hooked.path)
    script(hooks(hooked) / "pre-commit", 'echo "theirs: $#"; exit "${THEIRS:-0}"')
    script(hooks(hooked) / "post-rewrite", 'echo "theirs: $1 $(wc -l)"')
    init(hooks=True, cwd=hooked.path)
    stage(hooked, REFACTORED)
    os.environ["THEIRS"] = "3"
    try:
        refused = commit(hooked)
    finally:
        del os.environ["THEIRS"]
    said = commit(hooked)
    amended = git(hooked, "commit", "-q", "--amend", "-m", "reworded")

    assert (refused.code, refused.text) == (1, "theirs: 0\n")
    assert said.code == 0
    assert said.text.startswith("theirs: 0\n✓ code changed, results identical")
    assert "theirs: amend 1\n" in amended.text
    assert f"tied to {hooked.git('rev-parse', 'HEAD')[:12]}: {ONCE}" in amended.text


def test_without_git_bt_on_path(hooked: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """A GUI's PATH: the program that installed the hook is used; where it is gone, one line."""
    monkeypatch.setenv("PATH", "/usr/local/bin:/usr/bin:/bin")
    stage(hooked, REFACTORED)
    there = commit(hooked)
    for name in ("pre-commit", "post-commit"):
        (hooks(hooked) / name).write_text(shim(name, "/nowhere/git-bt"))
    gone = commit(hooked, **{"README.md": "one"})

    assert "results identical" in there.text
    assert gone.code == 0
    assert gone.text == "".join(
        f"git-bt is not on PATH: {name} was left out, and the results were not looked at\n"
        for name in ("pre-commit", "post-commit")
    )


def test_the_shims_are_sound_shell(tmp_path: Path) -> None:
    """Every sh can read them; a path with blanks and quotes is one word."""
    for name in NATIVE:
        text = shim(name, "/a b/it's/git-bt")
        done = subprocess.run(["sh", "-n"], input=text, capture_output=True, text=True)

        assert (done.returncode, done.stderr) == (0, "")
        assert f" hook {name} " in text
        assert "@" not in text.replace('"$@"', "")


def test_the_program_installs_and_says_so(repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both together are a mistake."""
    on_path(monkeypatch)
    said = bt("init", "--hooks", "--json", cwd=repo)
    both = bt("init", "--hooks", "--undo", cwd=repo)

    assert [hook["name"] for hook in said.json["hooks"]] == list(NATIVE)
    assert both.code == 2
    assert Repo.find(repo.path).config("notes.displayRef") is not None
