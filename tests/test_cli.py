"""The program as a user calls it: help, errors, exit codes, JSON, places, ends."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import click
import pytest

import git_bt
from conftest import CASES, GitRepo, make_repo
from floxkit import BUY_ONCE
from git_bt.cli.main import COMMANDS, cli
from projects import (
    CROSS,
    FOREVER,
    ONCE,
    PYTHON,
    RAISES,
    RANDOM,
    Ran,
    add_strategy,
    bt,
    bundle_id,
    bundle_ids,
    checked,
    project,
    temp,
    template,
)

__all__ = ["project", "temp", "template"]  # pytest finds these states here

GIT_BT = str(Path(PYTHON).with_name("git-bt"))


def leaves(group: click.Group, *words: str) -> dict[str, click.Command]:
    """Return every command below a group by the words that name it."""
    found: dict[str, click.Command] = {}
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if isinstance(command, click.Group):
            found |= leaves(command, *words, name)
        else:
            found[" ".join([*words, name])] = command
    return found


VERBS = leaves(cli)


@pytest.fixture(autouse=True)
def on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the program beside git, so that `git bt` finds it and engines are found quickly."""
    monkeypatch.setenv("PATH", str(Path(PYTHON).parent), prepend=os.pathsep)


# -- help -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", VERBS)
def test_every_command_helps(name: str) -> None:
    """A sentence, the arguments, examples; every option has help; within 80 columns."""
    command = VERBS[name]
    context = click.Context(command, info_name=name, parent=click.Context(cli, info_name="git bt"))
    text = command.get_help(context)

    assert command.help
    assert re.search(rf"^ *Examples:\n +git bt {name}\b", text, re.MULTILINE)
    assert max(map(len, text.splitlines())) <= 80
    for option in command.params:
        assert isinstance(option, click.Argument) or getattr(option, "help", ""), option.name


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_goes_to_stdout(word: str, tmp_path: Path) -> None:
    """Of the whole and of a command, with exit code 0, outside of any repository."""
    whole, one = bt(word, cwd=tmp_path), bt("pack", word, cwd=tmp_path)

    assert (whole.code, one.code, whole.err, one.err) == (0, 0, "", "")
    assert all(re.search(rf"^  {name} ", whole.out, re.M) for name in COMMANDS)
    assert one.out.startswith("Usage: git bt pack")


def test_every_command_takes_json() -> None:
    """And writes it to a file on request; in `run`, standard output is the user's command's."""
    for name, command in VERBS.items():
        flags = {flag for option in command.params for flag in option.opts}

        assert {"--json", "--output"} - ({"--json"} if name == "run" else set()) <= flags, name


def test_without_a_command_the_help_is_shown(tmp_path: Path) -> None:
    """Which is a usage error, as for git."""
    ran = bt(cwd=tmp_path)

    assert ran.code == 2
    assert "Usage: git bt" in ran.out + ran.err


@pytest.mark.parametrize(
    "words",
    [
        ("pcak",),
        ("pack",),
        ("pack", "a", "--strategy", "b"),
        ("pack", "a", "--runs", "3"),
        ("validate", "--jobs", "0"),
        ("validate", "--timeout", "0"),
        ("validate", "--timeout", "nan"),
        ("show",),
        ("show", "a", "b"),
        ("export", "a", "--for", "nobody"),
        ("import",),
        ("ls", "--nonsense"),
    ],
)
def test_words_that_are_no_command_are_usage(words: tuple[str, ...], tmp_path: Path) -> None:
    """Exit code 2, one line of what is wrong, nothing on stdout."""
    ran = bt(*words, cwd=tmp_path)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.splitlines()[-1].startswith("Error: ")


# -- the error border -----------------------------------------------------------------------------


def error_of(ran: Ran, code: int) -> list[str]:
    """Return the lines of an error, which begin with `error:` and `hint:`."""
    lines = ran.err.splitlines()
    assert (ran.code, ran.out) == (code, ""), ran
    assert lines[0].startswith("error: "), ran.err
    assert all(line.startswith("hint: ") for line in lines[1:]), ran.err
    return lines


def test_each_kind_of_error_has_its_code(project: GitRepo, tmp_path: Path) -> None:
    """Usage 2, corrupt and incomplete 3, cannot work 128."""
    (tmp_path / "bad.tar").write_text("text")
    add_strategy(project, "strategies/new", BUY_ONCE)

    assert error_of(bt("show", "abcdef", cwd=project), 2)[0] == "error: no bundle abcdef"
    assert error_of(bt("show", "../bad.tar", cwd=project), 3)
    assert error_of(bt("show", "strategies/new", cwd=project), 3) == [
        "error: strategies/new has no bundle to be judged against",
        "hint: git bt pack strategies/new",
    ]
    outside = error_of(bt("ls", cwd=tmp_path), 128)
    assert outside == [f"error: no git repository at {tmp_path}", "hint: git init"]


def test_an_error_is_an_object_too(project: GitRepo, tmp_path: Path) -> None:
    """With --json on stdout, with --output in the file, beside the lines on stderr."""
    ran = bt("show", "abcdef", "--json", "--output", "answer.json", cwd=project)
    written = json.loads((project.path / "answer.json").read_text())

    assert ran.code == 2
    assert ran.err.startswith("error: no bundle abcdef")
    assert ran.json == checked(written)
    assert ran.json == {
        "schema": "git-bt/error/1",
        "command": "show",
        "message": "no bundle abcdef",
        "hint": "git bt ls",
        "exit": 2,
    }


def test_a_bug_is_one_line_and_a_file(project: GitRepo, temp: Path) -> None:
    """Exit code 70; the traceback is in the file that the hint names."""
    code = (
        "import git_bt.commands.ls as module\n"
        "def broken(*a, **k): raise ZeroDivisionError('first\\nsecond \\x1b[31m')\n"
        "module.ls = broken\n"
        "from git_bt.cli import main\nmain()\n"
    )
    ran = bt("ls", cwd=project, program=(PYTHON, "-c", code))
    error, hint = error_of(ran, 70)
    report = Path(hint.rpartition(" ")[2])

    assert error == "error: a bug in git-bt: ZeroDivisionError: first second \\x1b[31m"
    assert report.parent == temp
    text = report.read_text()
    assert "Traceback (most recent call last)" in text
    assert "command: ['ls']" in text


def test_a_bug_where_no_file_can_be_written_is_a_line_still(project: GitRepo) -> None:
    """Nothing is worse than a traceback about a traceback."""
    code = (
        "import tempfile\n"
        "import git_bt.commands.ls as module\n"
        "def broken(*a, **k): raise ZeroDivisionError\n"
        "module.ls = broken\n"
        "def full(*a, **k): raise OSError(28, 'No space left on device')\n"
        "tempfile.NamedTemporaryFile = full\n"
        "from git_bt.cli import main\nmain()\n"
    )
    ran = bt("ls", cwd=project, program=(PYTHON, "-c", code))

    assert error_of(ran, 70)[1] == (
        "hint: please report it; no file could be written: No space left on device"
    )


def test_names_from_elsewhere_do_not_reach_the_terminal_raw(project: GitRepo) -> None:
    """Control characters and bytes that are no text are spelled out."""
    ran = bt("show", "a\x1b[31m\udcff", cwd=project)

    assert "\x1b" not in ran.err
    assert ran.code == 2


# -- where output goes ----------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("ls",), ("ls", "--json"), ("show", CROSS), ("-h",)])
def test_a_reader_that_goes_away_is_no_error_of_ours(
    project: GitRepo, words: tuple[str, ...]
) -> None:
    """As in `git bt ls | head -0`."""
    command = f"'{PYTHON}' -m git_bt {' '.join(words)} | head -c0; exit ${{PIPESTATUS[0]}}"
    ran = bt(cwd=project, program=("bash", "-c", command))

    assert ran.err == ""
    assert ran.code == 0 or words == ("-h",)


def test_a_verdict_outlives_its_reader(project: GitRepo) -> None:
    """`git bt validate | head -0` fails when the strategy does."""
    add_strategy(project, ONCE, RAISES)
    command = f"'{PYTHON}' -m git_bt validate --json --output a.json | head -c0"
    ran = bt(cwd=project, program=("bash", "-c", command + "; exit ${PIPESTATUS[0]}"))

    assert (ran.code, ran.err) == (1, "")
    assert checked(json.loads((project.path / "a.json").read_text()))["exit"] == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("words", ["ls", "ls --json", "-h"])
def test_a_full_disk_under_stdout_is_one_line(project: GitRepo, words: str) -> None:
    """Exit code 128: the answer was not given."""
    ran = bt(cwd=project, program=("bash", "-c", f"'{PYTHON}' -m git_bt {words} >/dev/full"))

    assert ran.code == 128
    assert ran.err.splitlines()[0].lower().endswith("no space left on device")


def test_a_closed_stdout_changes_no_exit_code(project: GitRepo) -> None:
    """Cron and daemons start programs so."""
    ran = bt(cwd=project, program=("bash", "-c", f"'{PYTHON}' -m git_bt validate >&- 2>&-"))

    assert ran.code == 0


def test_output_that_cannot_be_written_is_an_error(project: GitRepo) -> None:
    """Also when the answer itself was an error."""
    good = error_of(bt("ls", "--output", "/no/such/x.json", cwd=project), 128)
    bad = bt("show", "abcdef", "--output", "/no/such/x.json", cwd=project)

    assert good == ["error: cannot write /no/such/x.json: No such file or directory"]
    assert bad.code == 2
    assert bad.err.splitlines() == ["error: no bundle abcdef", "hint: git bt ls", *good]


def test_output_goes_to_a_file_beside_the_text(project: GitRepo) -> None:
    """The text for whoever looks on, the object for the next program."""
    ran = bt("validate", ONCE, "--output", "a.json", cwd=project)

    assert "reproduced" in ran.out
    assert checked(json.loads((project.path / "a.json").read_text()))["exit"] == 0


def in_terminal(*words: str, cwd: Path, env: dict[str, str]) -> str:
    """Run the program on a terminal and return what it shows there."""
    main, side = pty.openpty()
    process = subprocess.Popen(
        [PYTHON, "-m", "git_bt", *words], cwd=cwd, env=env, stdout=side, stderr=side
    )
    os.close(side)
    shown = b""
    try:
        while piece := os.read(main, 4096):
            shown += piece
    except OSError:  # how Linux says that the other side is closed
        pass
    process.wait()
    os.close(main)
    return shown.decode()


def test_colours_are_for_terminals_that_want_them(project: GitRepo) -> None:
    """On a terminal; not in a pipe; never with NO_COLOR."""
    env = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | {"TERM": "xterm-256color"}
    wanted = in_terminal("ls", cwd=project.path, env=env)
    unwanted = in_terminal("ls", cwd=project.path, env=env | {"NO_COLOR": "1"})
    piped = subprocess.run(
        [PYTHON, "-m", "git_bt", "ls"], cwd=project.path, env=env, capture_output=True, text=True
    )

    assert "\x1b[" in wanted
    assert "\x1b[" not in unwanted
    assert "\x1b[" not in piped.stdout


def test_names_are_cut_on_a_terminal_only(project: GitRepo) -> None:
    """A program that reads a table must find the whole name, however narrow the screen."""
    name = "strategies/" + "momentum/" * 6 + "last"
    add_strategy(project, name, BUY_ONCE)
    bundle_id(project, name, runs=1)
    env = os.environ | {"TERM": "xterm-256color", "COLUMNS": "80"}
    shown = in_terminal("ls", cwd=project.path, env=env)
    piped = bt("ls", cwd=project, env={"COLUMNS": "80"}).out

    assert "…" in shown
    assert name not in shown
    assert name in piped
    assert "…" not in piped


def test_progress_is_on_a_terminal_only(project: GitRepo) -> None:
    """In a pipe stderr is silent; on a terminal what is left in the end is the answer."""
    env = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"}
    shown = in_terminal("validate", ONCE, cwd=project.path, env=env)

    assert "reproduced" in shown
    assert bt("validate", ONCE, cwd=project).err == ""


def test_prints_of_a_strategy_do_not_disturb_json(project: GitRepo) -> None:
    """Stdout is one object and nothing else."""
    add_strategy(project, ONCE, "print('module noise')\n" + BUY_ONCE)

    assert bt("pack", ONCE, "--json", cwd=project).json["verdict"] == "reproduced"


# -- JSON -----------------------------------------------------------------------------------------


def test_every_answer_keeps_to_its_schema(project: GitRepo, tmp_path: Path) -> None:
    """Each command once, as JSON; `json` holds it against the schema that it names."""
    add_strategy(project, "strategies/new", BUY_ONCE)
    add_strategy(project, "strategies/random", RANDOM)
    add_strategy(project, "strategies/raises", RAISES)
    (tmp_path / "bad.tar").write_text("text")
    digest = bundle_id(project, CROSS)
    codes = {}
    for words in (
        f"pack {ONCE} -o ../once.tar",
        "pack strategies/random",
        "pack strategies/raises",
        "validate",
        f"validate {digest} ../once.tar ../bad.tar",
        f"validate {ONCE} --all-differences --record",
        f"replay {ONCE}",
        f"replay {ONCE} --timeout 0.001",
        f"show {digest}",
        "show ../once.tar",
        "ls",
        f"diff {ONCE} {CROSS} --all-differences",
        f"diff {ONCE} ../once.tar",
        f"export {CROSS} -o ../cross.tar --for lrvx",
        "import ../cross.tar ../bad.tar",
        f"restore {ONCE} ../out --tape",
        "fsck",
        "engines",
        "demo ../demo",
        "show abcdef",
    ):
        ran = bt(*words.split(), "--json", cwd=project)
        name, _, command = ran.json["schema"].partition("/")
        command, _, version = command.partition("/")
        codes[words] = ran.code

        assert (name, version) == ("git-bt", "1")
        assert command == ("error" if words == "show abcdef" else words.split()[0])
        assert ran.json["exit"] == ran.code

    expected = {
        "pack strategies/random": 1,
        "pack strategies/raises": 1,
        "validate": 3,  # three of them were never packed
        f"validate {digest} ../once.tar ../bad.tar": 3,
        f"replay {ONCE} --timeout 0.001": 1,
        f"diff {ONCE} {CROSS} --all-differences": 1,
        "import ../cross.tar ../bad.tar": 3,
        "show abcdef": 2,
    }
    assert codes == dict.fromkeys(codes, 0) | expected


def test_the_object_of_pack_has_the_promised_keys(project: GitRepo) -> None:
    """Those of the issue, in JSON; -o FILE.json takes the object instead of the archive."""
    ran = bt("pack", ONCE, "--json", "-o", "answer.json", cwd=project)

    assert ran.json == json.loads((project.path / "answer.json").read_text())
    assert ran.json["exported"] is None
    assert ran.json.keys() >= {
        "schema", "bundle", "inputs", "environment", "snapshot", "strategy", "engine", "metrics",
        "verdict", "elapsed_s", "exported",
    }  # fmt: skip
    assert ran.json["metrics"].keys() >= {"trade_count", "fill_count", "total_filled_quantity"}


# -- where it is called ---------------------------------------------------------------------------


def test_it_is_a_command_of_git(project: GitRepo) -> None:
    """`git bt`, also from below, by -C, and by an alias of the user's."""
    below = project.path / "strategies"
    by_git = bt("ls", "--json", cwd=below, program=("git", "bt"))
    by_path = bt("ls", "--json", cwd="/", program=("git", "-C", str(project.path), "bt"))  # type: ignore[arg-type]
    by_module = bt("ls", "--json", cwd=project)
    by_script = bt("ls", "--json", cwd=project, program=(GIT_BT,))

    assert by_git.json == by_path.json == by_module.json == by_script.json
    assert len(by_git.json["bundles"]) == 2


def test_git_dir_is_followed_as_by_git(project: GitRepo, tmp_path: Path) -> None:
    """`git --git-dir=… bt` names the repository."""
    words = (f"--git-dir={project.path}/.git", f"--work-tree={project.path}", "bt")
    ran = bt("ls", "--json", cwd=tmp_path, program=("git", *words))

    assert len(ran.json["bundles"]) == 2


def test_archives_are_judged_outside_of_a_repository(project: GitRepo, tmp_path: Path) -> None:
    """Everything that needs a store says so."""
    bt("export", CROSS, "-o", str(tmp_path / "x.tar"), cwd=project)
    for words in (
        "validate x.tar",
        "replay x.tar",
        "show x.tar",
        "diff x.tar x.tar",
        "restore x.tar o",
    ):
        assert bt(*words.split(), cwd=tmp_path).code == 0, words
    assert bt("restore", "x.tar", "out", cwd=tmp_path).code == 0
    for words in ("validate", "ls", "fsck", "import x.tar", "pack out", "show abcdef"):
        assert error_of(bt(*words.split(), cwd=tmp_path), 128)[1:] == ["hint: git init"], words


def test_a_bare_repository_has_a_store(project: GitRepo, tmp_path: Path) -> None:
    """Bundles come in as archives or by push; there is no work tree to pack from."""
    bt("export", ONCE, "-o", str(tmp_path / "once.tar"), cwd=project)
    project.git("clone", "-q", "--bare", str(project.path), str(tmp_path / "bare.git"))
    bare = GitRepo(tmp_path / "bare.git")
    assert bt("import", "../once.tar", cwd=bare).code == 0
    (digest,) = bundle_ids(bare)

    assert [bt(w, digest, cwd=bare).code for w in ("validate", "show", "replay", "export")] == [
        0
    ] * 4
    assert bt("ls", cwd=bare).code == bt("fsck", cwd=bare).code == 0
    assert bt("validate", cwd=bare).code in (0, 128)
    assert bt("pack", ONCE, cwd=bare).code in (2, 128)


def test_a_linked_worktree_shares_the_store(project: GitRepo, tmp_path: Path) -> None:
    """What is packed in one is in the other; each runs its own files."""
    project.git("worktree", "add", "-q", str(tmp_path / "linked"))
    linked = GitRepo(tmp_path / "linked")
    add_strategy(linked, ONCE, BUY_ONCE.replace("1.0", "2.0"))
    here, there = bt("validate", ONCE, cwd=project), bt("validate", ONCE, cwd=linked)
    bt("pack", ONCE, cwd=linked)

    assert (here.code, there.code) == (0, 1)
    assert len(bundle_ids(project)) == len(bundle_ids(linked)) == 3


def test_a_sha256_repository_gives_the_same_ids(project: GitRepo, tmp_path: Path) -> None:
    """Ids do not depend on git's own hash."""
    repo = make_repo(tmp_path / "sha256", "--object-format=sha256")
    for folder in ("strategies", "tapes"):
        shutil.copytree(project.path / folder, repo.path / folder)
    repo.commit("the same")

    assert {bt("pack", n, "--json", cwd=repo).json["bundle"] for n in (ONCE, CROSS)} == set(
        bundle_ids(project)
    )
    assert bt("validate", cwd=repo).code == bt("fsck", cwd=repo).code == 0


def test_a_hooks_variables_name_no_other_repository(project: GitRepo, tmp_path: Path) -> None:
    """A pre-commit hook that validates runs in its own repository, with its own index."""
    hook = project.path / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nexec '{GIT_BT}' validate {ONCE}\n")
    hook.chmod(0o755)
    project.commit("fine", note="1")
    add_strategy(project, ONCE, RAISES)
    refused = subprocess.run(
        ["git", "commit", "-q", "-am", "broken"], cwd=project.path, capture_output=True, text=True
    )

    assert refused.returncode == 1
    assert "failed" in refused.stdout + refused.stderr


def test_a_directory_that_is_gone_is_one_line(tmp_path: Path) -> None:
    """As when a branch was switched below a shell."""
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f"rmdir '{gone}'; '{PYTHON}' -m git_bt ls"
    ran = bt(cwd=gone, program=("bash", "-c", script))

    assert ran.code == 128
    assert ran.err.splitlines()[-2:] == [
        "error: the current directory is gone",
        "hint: cd to one that exists",
    ]


# -- interrupts -----------------------------------------------------------------------------------


MARKS = "import os\nopen(os.environ['TMPDIR'] + '/ran', 'w')\n"


@pytest.fixture
def endless(project: GitRepo) -> GitRepo:
    """Give a project whose strategies were packed, and now never end."""
    for name in ("strategies/a", "strategies/b"):
        add_strategy(project, name, BUY_ONCE)
        bundle_id(project, name, runs=1)
        add_strategy(
            project, name, "import os\nopen(os.environ['TMPDIR'] + '/ran', 'w')\n" + FOREVER
        )
    return project


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=["INT", "TERM", "HUP"]
)
@pytest.mark.parametrize(
    "words", ["validate strategies/a", "validate strategies/a strategies/b", "pack strategies/a"]
)
def test_an_interrupt_leaves_nothing_behind(
    endless: GitRepo, temp: Path, number: signal.Signals, words: str
) -> None:
    """Exit code 130, one word, and no process, folder, lock or ref that was not there."""
    refs = endless.git("for-each-ref")
    process = subprocess.Popen(
        [PYTHON, "-m", "git_bt", *words.split()],
        cwd=endless.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wanted = words.count("strategies")
    deadline = time.monotonic() + 20
    while len([*temp.rglob("ran")]) < wanted and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate(timeout=20)

    assert (process.returncode, out, err) == (130, "", "interrupted\n")
    assert list(temp.iterdir()) == []
    listing = subprocess.run(["ps", "-wweo", "args"], capture_output=True, text=True).stdout
    assert str(temp) not in listing
    assert endless.git("for-each-ref") == refs


def test_more_interrupts_do_not_stop_what_the_first_one_began(endless: GitRepo, temp: Path) -> None:
    """People press Ctrl-C twice, and the terminal that they close hangs up."""
    for _ in range(5):
        process = subprocess.Popen(
            [PYTHON, "-m", "git_bt", "pack", "strategies/a"],
            cwd=endless.path,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 60
        while not [*temp.rglob("ran")] and time.monotonic() < deadline:
            time.sleep(0.01)
        for number in (signal.SIGINT, signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            process.send_signal(number)
            time.sleep(0.01)
        _, err = process.communicate(timeout=60)

        assert (process.returncode, err) == (130, "interrupted\n")
        assert list(temp.iterdir()) == []
    assert bt("pack", CROSS, cwd=endless).code == 0  # no lock is in the way


def test_an_interrupt_before_the_command_is_no_difference(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """While a command is imported or its words are read, exit code 130 too, and the same word."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(type(cli), "get_command", interrupted)
    with pytest.raises(SystemExit) as ended:
        cli.main(["ls"], prog_name="git bt")

    assert ended.value.code == 130
    assert capsys.readouterr() == ("", "interrupted\n")


# -- start-up -------------------------------------------------------------------------------------

HEAVY = {
    "git", "yaml", "rich", "numpy", "ctypes", "tarfile", "lrvx", "filelock", "concurrent.futures",
    "importlib.metadata", "email",
}  # fmt: skip


def imported(words: list[str], cwd: Path) -> set[str]:
    """Return the modules that a command imports, by -X importtime."""
    done = subprocess.run(
        [PYTHON, "-X", "importtime", "-m", "git_bt", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
    )
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "|" in line}


def heavy(words: list[str], cwd: Path) -> set[str]:
    """Return which of the heavy modules a command imports beyond what Python itself does."""
    site = {
        line.rpartition("|")[2].strip()
        for line in subprocess.run(
            [PYTHON, "-X", "importtime", "-c", "import click"], capture_output=True, text=True
        ).stderr.splitlines()
    }
    return (imported(words, cwd) & HEAVY) - site


def test_starting_imports_nothing_heavy(project: GitRepo) -> None:
    """Neither the help, nor the version, nor a usage error waits for what it does not need."""
    assert heavy(["-h"], project.path) == set()
    assert heavy(["validate", "-h"], project.path) == set()
    assert heavy(["--version"], project.path) <= {"importlib.metadata", "email"}


def test_looking_imports_nothing_heavy(project: GitRepo) -> None:
    """Reading the store needs neither GitPython nor yaml, tar, rich or numpy."""
    digest = bundle_ids(project)[0]
    for words in (["ls"], ["show", digest], ["fsck"], ["diff", digest, digest]):
        found = heavy(words, project.path)

        assert found & {"git", "yaml", "rich", "numpy", "ctypes", "tarfile", "lrvx"} == set(), words


def test_the_version_is_the_distributions(tmp_path: Path) -> None:
    """One line."""
    ran = bt("--version", cwd=tmp_path)

    assert re.fullmatch(r"git-bt \d+\.\d+\.\d+\S*\n", ran.out)
    assert git_bt.__doc__


@pytest.mark.skipif(not CASES.is_dir(), reason="shared/cases is not beside this checkout")
def test_the_shared_strategy_by_options_alone(tmp_path: Path, project: GitRepo) -> None:
    """The line that the issue types, with files from elsewhere copied in."""
    flox = CASES / "flox"
    shutil.copy(flox / "strategies/ema_cross.py", project.path)
    tape = str(flox / "tapes/tape_10k_lrvx")
    words = ["--strategy", "ema_cross.py", "--tape", tape, "--engine", "flox"]
    words += ["--slippage-model", "fixed_bps", "--slippage-bps", "5", "-o", "ema.tar", "--json"]
    ran = bt("pack", *words, cwd=project)

    assert (ran.code, ran.json["metrics"]["fill_count"]) == (0, 406)
    assert (project.path / "ema.tar").is_file()
