"""Completion, in the real shells: what stands on the line, and what is offered for it."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMPLETIONS = Path(__file__).resolve().parents[1] / "completions"
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
LINES = [
    ("git-bt va", {"validate"}),
    ("git-bt ex", {"export"}),
    ("git-bt pack --ta", {"--tape"}),
    ("git-bt export x --for l", {"lrvx"}),
    ("git-bt show ", set()),
]


def shell(name: str) -> str:
    """The path of a shell, or skip."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def bash(line: str, function: str) -> set[str]:
    """What a completion function offers for a line, as bash sets it up."""
    words = line.split(" ")
    script = f"""
        source "$1"; shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${{#COMP_LINE}}
        {function}
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        [shell("bash"), "-c", script, "bash", COMPLETIONS / "git-bt.bash", *words],
        env=os.environ | {"PATH": PATH},
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stderr) == (0, "")
    return set(done.stdout.splitlines()) - {""}


@pytest.mark.parametrize(("line", "offered"), LINES)
def test_bash_completes_git_bt(line: str, offered: set[str]) -> None:
    """The function that is registered for `git-bt` offers commands, options and choices."""
    assert bash(line, "_git_bt_main") == offered


@pytest.mark.parametrize("options", ["", "-C . ", "--no-pager "])
@pytest.mark.parametrize(("line", "offered"), LINES)
def test_bash_completes_behind_git(line: str, offered: set[str], options: str) -> None:
    """Git's completion calls _git_bt, which offers the same, each with a blank behind it."""
    line = line.replace("git-bt", f"git {options}bt")

    assert bash(line, "_git_bt") == {f"{word} " for word in offered}


def test_bash_completes_through_gits_own_completion() -> None:
    """`git bt va<TAB>` reaches us through the completion that git ships."""
    places = ["/usr/share/bash-completion/completions/git", "/etc/bash_completion.d/git"]
    git = next((p for p in places if Path(p).exists()), None)
    if git is None:
        pytest.skip("git's completion for bash is not installed")

    assert bash("git bt va", f"source {git}; __git_wrap__git_main") == {"validate "}


@pytest.mark.parametrize(("line", "offered"), LINES[:-1])
def test_fish_completes_git_bt(line: str, offered: set[str], tmp_path: Path) -> None:
    """Fish offers commands, options and choices, and their help."""
    script = f"set -p fish_complete_path {COMPLETIONS}; complete -C '{line}'"
    done = subprocess.run(
        [shell("fish"), "-c", script],
        env=os.environ | {"PATH": PATH},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert done.stderr == ""
    assert {answer.split("\t")[0] for answer in done.stdout.splitlines()} == offered


def test_fish_completes_behind_git(tmp_path: Path) -> None:
    """Fish's own completion of git asks for that of git-bt."""
    fish = shell("fish")
    found = subprocess.run([fish, "--version"], capture_output=True, text=True).stdout.split()[-1]
    if tuple(map(int, found.split(".")[:2])) < (3, 7):
        pytest.skip(f"fish {found} completes `git git-bt`, not `git bt`, for a program git-bt")
    script = f"set -p fish_complete_path {COMPLETIONS}; complete -C 'git bt va'"
    env = os.environ | {"PATH": PATH}
    done = subprocess.run(
        [fish, "-c", script], env=env, cwd=tmp_path, capture_output=True, text=True
    )

    assert [answer.split("\t")[0] for answer in done.stdout.splitlines()] == ["validate"]


@pytest.mark.parametrize("line", ["git-bt va", "git bt va"])
def test_zsh_completes_both_spellings(line: str) -> None:
    """Zsh completes `git-bt`, and `git bt` through its own completion of git."""
    zsh = shell("zsh")
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover  the child becomes zsh
        os.execve(zsh, [zsh, "-f", "-i"], os.environ | {"PATH": PATH, "TERM": "dumb"})
    start = f"fpath=({COMPLETIONS} $fpath); autoload -Uz compinit; compinit -u -D; echo rea''dy\n"
    os.write(terminal, start.encode())
    started = read_until(terminal, "ready\r\n")
    os.write(terminal, f"{line}\t".encode())
    completed = read_until(terminal, "validate ")
    os.close(terminal)
    os.waitpid(pid, 0)

    assert "ready" in started
    assert "validate " in completed


def read_until(terminal: int, text: str, seconds: float = 20.0) -> str:
    """What a terminal shows until a text comes, or the time is over."""
    end = time.monotonic() + seconds
    shown = b""
    while text not in shown.decode(errors="replace") and time.monotonic() < end:
        if select.select([terminal], [], [], 0.1)[0]:
            shown += os.read(terminal, 65536)
    return shown.decode(errors="replace")
