"""The child that is started before it is known: a guess that costs nothing but time."""

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conftest import GitRepo
from floxkit import is_running
from git_bt import headstart
from git_bt.harness import SCRIPT, Harness
from git_bt.model import Verdict
from git_bt.runner import children
from projects import ONCE, bt, bundle_id, packed, validated

FLOX = str(SCRIPT.with_name("flox.py"))


@pytest.fixture(autouse=True)
def nothing_waits() -> Iterator[None]:
    """End what a test has started; conftest looks that nothing is left."""
    yield
    headstart.drop()


@pytest.fixture
def here(project: GitRepo, monkeypatch: pytest.MonkeyPatch) -> GitRepo:
    """Stand in the project."""
    monkeypatch.chdir(project.path)
    return project


def no_other(*_: object) -> Harness:
    raise AssertionError("another child was started")


@pytest.mark.parametrize(
    ("line", "runs"),
    [
        ("pack strategies/once", 2),
        ("pack strategies/once --runs 2", 2),
        ("pack strategies/once --runs 1", 1),
        ("pack --runs=1 strategies/once", 1),
        ("validate", 1),
        ("replay 3f9a", 1),
        ("validate --reuse", 0),
        ("validate --python=python3", 0),
        ("pack x --engine backtesting", 0),
        ("pack -h", 0),
        ("show 3f9a", 0),
        ("status pack", 0),
        ("", 0),
    ],
)
def test_what_runs_first_is_started(line: str, runs: int, here: GitRepo) -> None:
    """As many children as the command runs at once, and none where it may run nothing."""
    headstart.begin(line.split())

    assert [h.variation for h in headstart._waiting] == list(range(runs))


def test_a_run_takes_the_child_that_waits(here: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both of a pack, and the one of a validation; no other is started."""
    packed(here, ONCE)  # remembers what runs here
    for line in (f"pack {ONCE}", f"validate {ONCE}"):
        headstart.begin(line.split())
        with monkeypatch.context() as patch:
            patch.setattr(children, "Harness", no_other)
            if line.startswith("pack"):
                assert packed(here, ONCE).verdict == Verdict.REPRODUCED
            else:
                assert [v.verdict for v in validated(here, ONCE)] == [Verdict.REPRODUCED]

        assert headstart._waiting == []


def test_a_wrong_guess_is_ended_unused(here: GitRepo, tmp_path: Path) -> None:
    """A run takes no child of another engine, Python or variation; what is left goes."""
    executable = Path(sys.executable)
    headstart.begin(["validate"])
    (waiting,) = headstart._waiting
    pid = waiting.process._popen.pid
    other = tmp_path / "python"
    other.symlink_to(executable)

    assert headstart.take(executable, str(SCRIPT.with_name("python.py")), 0) is None
    assert headstart.take(executable, FLOX, 1) is None
    assert headstart.take(other, FLOX, 0) is None
    assert is_running(pid)

    headstart.drop()

    assert not is_running(pid)


def test_two_runs_at_once_take_one_child(here: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """`validate` judges in several threads: one has the child, the other none."""
    both = threading.Barrier(2)
    fits = Harness.fits

    def together(self: Harness, executable: Path, adapter: str, variation: int) -> bool:
        both.wait(timeout=60)
        return fits(self, executable, adapter, variation)

    headstart.begin(["validate"])
    (waiting,) = headstart._waiting
    monkeypatch.setattr(Harness, "fits", together)
    with ThreadPoolExecutor(max_workers=2) as pool:
        asked = [pool.submit(headstart.take, waiting.executable, FLOX, 0) for _ in range(2)]
        taken = [ask.result() for ask in asked]
    waiting.close()

    assert sorted(taken, key=bool) == [None, waiting]


def test_a_command_that_fails_leaves_nothing(here: GitRepo) -> None:
    """The child had begun when the name proved to be wrong."""
    temp = {"TMPDIR": tempfile.gettempdir()}

    assert bt("validate", "no-such-thing", cwd=here, env=temp).code == 2
    assert bt("pack", cwd=here, env=temp).code == 2


def test_what_ran_last_is_remembered(here: GitRepo, tmp_path: Path) -> None:
    """Python and adapter of the last run, in a linked work tree and in folders below too."""
    bundle_id(here, ONCE)
    said = (Path(sys.executable), FLOX)

    assert headstart._remembered() == said

    headstart.remember(here.path / ".git" / "bt", Path(sys.executable), str(SCRIPT))

    assert headstart._remembered() == (Path(sys.executable), str(SCRIPT))


@pytest.mark.parametrize("damage", [b"\xab\xff", b"\0" * 64, b"", b"one\ntwo\nthree\n"])
def test_a_damaged_memory_is_written_anew(tmp_path: Path, damage: bytes) -> None:
    """Losing it costs a start; a path that is not UTF-8 is remembered as it is."""
    memory = tmp_path / "ran"
    memory.write_bytes(damage)
    executable = Path(os.fsdecode(b"/odd \xff/python"))
    headstart.remember(tmp_path, executable, FLOX)

    assert memory.read_bytes() == os.fsencode(f"{executable}\n{FLOX}\n")


def test_a_damaged_memory_guesses_nothing(here: GitRepo) -> None:
    """And stops no command: what runs is found anyway."""
    bundle_id(here, ONCE)
    (here.path / ".git" / "bt" / "ran").write_bytes(b"\xab\xff")

    assert headstart._remembered() is None
    assert [v.verdict for v in validated(here, ONCE)] == [Verdict.REPRODUCED]


def test_it_is_found_from_everywhere(
    here: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a folder below, and from a linked work tree; outside of a repository there is none."""
    here.commit("all")
    here.git("worktree", "add", "-q", str(tmp_path / "linked"))
    for place in (here.path / "strategies", tmp_path / "linked"):
        monkeypatch.chdir(place)

        assert headstart._common_dir() == here.path / ".git"

    monkeypatch.chdir(tmp_path)

    assert headstart._common_dir() is None


@pytest.mark.parametrize(
    "text",
    [
        f"/bin/sh\n{FLOX}\n",
        f"{sys.executable}\n/tmp/flox.py\n",
        f"{sys.executable}\n{SCRIPT.with_name('none.py')}\n",
        f"{sys.executable}\n",
        "\0\n\0\n",
        "",
    ],
)
def test_the_memory_names_no_program(
    text: str, here: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that came with the repository can choose among what is looked for anyway."""
    monkeypatch.setenv("PATH", "/usr/bin")
    place = here.path / ".git" / "bt"
    place.mkdir(exist_ok=True)
    (place / "ran").write_text(text)

    assert headstart._remembered() is None
