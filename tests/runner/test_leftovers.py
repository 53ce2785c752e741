"""Nothing of a run stays: no process, no file, however it or git-bt ends."""

import contextlib
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from floxkit import (
    BUY_ONCE,
    is_running,
    job_of,
    on_trade,
    output_of,
    own,
    run,
)
from git_bt.interpreters import load_adapter
from git_bt.processes import MARK, Folder
from git_bt.runner import start


@pytest.fixture(autouse=True)
def private_temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test a temporary folder of its own: other tests run at the same time."""
    folder = tmp_path / "temp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))


def here() -> tuple[set[str], set[int]]:
    """Return this test's temporary folders, and the processes that carry the mark of one."""
    mark = f"{MARK}={tempfile.gettempdir()}/".encode()
    folders = {p.name for p in Path(tempfile.gettempdir()).glob("git-bt-*")}
    marked = set()
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if any(name.startswith(mark) for name in entry.read_bytes().split(b"\0")):
                marked.add(int(entry.parent.name))
    return folders, marked


def is_gone(pid: int) -> bool:
    """Wait a little for a process to be gone."""
    deadline = time.monotonic() + 5
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_running(pid)


def daemon_text(pids: Path, then: str) -> str:
    """Return a strategy that starts a process in a session of its own, with no environment."""
    return on_trade(
        f"""\
if self.n == 1:
    import os, sys
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            open({str(pids)!r}, "w").write(str(os.getpid()))
            os.write(write, b"1")
            os.execve("/bin/sleep", ["sleep", "600"], {{}})
        os._exit(0)
    os.read(read, 1)
{then}"""
    )


@pytest.mark.parametrize(
    ("then", "kind"),
    [
        ("self.market_buy(1.0)", None),
        ("raise ValueError", "raised"),
        ("import os; os._exit(0)", "no-result"),
        ("import os; os.kill(os.getpid(), 11)", "killed"),
        ("while True: pass", "timeout"),
    ],
)
def test_no_descendant_survives(then: str, kind: str | None, tape: Path, tmp_path: Path) -> None:
    """A daemon in a new session, with an empty environment, is killed at every kind of end."""
    pids = tmp_path / "pid"
    timeout_s = 2.0 if kind == "timeout" else 60.0
    outcome = run(job_of(daemon_text(pids, then), tape, timeout_s=timeout_s))

    assert (outcome.failure.kind if outcome.failure else None) == kind
    assert not is_running(int(pids.read_text()))


def test_threads_do_not_hold_a_run_up(tape: Path) -> None:
    """A thread that never ends does not keep the result back."""
    head = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()"

    assert output_of(run(job_of(on_trade("self.market_buy(1.0)", head), tape)))


def test_a_child_without_a_job_leaves_nothing() -> None:
    """Starting early costs nothing when the bytes turn out to be wrong."""
    before = here()
    with start(own(), load_adapter("flox")) as child:
        assert here() != before
        child.stop()
    after = here()

    assert after == before


PARENT = """
import sys, tempfile
from pathlib import Path
sys.path[:0] = [{tests!r}]
tempfile.tempdir = {tmp!r}
from floxkit import job_of, run_twin
text = Path({text!r}).read_text()
try:
    run_twin(job_of(text, Path({tape!r})))
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_to_git_bt_ends_the_run(number: int, tape: Path, tmp_path: Path) -> None:
    """Stopped or killed, nothing runs on; what a kill leaves, the next start sweeps."""
    temporary = tmp_path / "theirs"
    temporary.mkdir()
    pids = tmp_path / "pid"
    text = tmp_path / "s.py"
    text.write_text(daemon_text(pids, "while True: pass"))
    tests = str(Path(__file__).parents[1])
    script = PARENT.format(tests=tests, tmp=str(temporary), text=str(text), tape=str(tape))
    parent = subprocess.Popen([sys.executable, "-c", script])
    deadline = time.monotonic() + 20
    while not (pids.exists() and pids.read_text()) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    parent.send_signal(number)
    try:
        parent.wait(20)
    finally:
        parent.kill()

    assert is_gone(int(pids.read_text()))
    assert parent.returncode == (-9 if number == signal.SIGKILL else 130)
    if number == signal.SIGKILL:
        assert list(temporary.iterdir()) != []
        tempfile.tempdir = str(temporary)
        Folder().remove()
    assert list(temporary.iterdir()) == []


def test_folders_of_the_living_are_not_swept() -> None:
    """A folder whose lock is held stays, though its name says a process that is no more."""
    first = Folder()
    gone = subprocess.Popen(["true"])
    gone.wait()
    renamed = first.path.with_name(f"git-bt-{gone.pid}-x")
    first.path.rename(renamed)
    second = Folder()
    is_kept = renamed.is_dir()
    first.remove()
    second.remove()
    Folder().remove()

    assert is_kept
    assert not renamed.exists()


def test_read_only_leftovers_are_removed(tape: Path) -> None:
    """A run that takes away its own permissions leaves no folder behind either."""
    text = "import os\nos.mkdir('d'); open('d/f', 'w').close(); os.chmod('d', 0o500)\n" + BUY_ONCE

    assert output_of(run(job_of(text, tape)))


def test_a_thousand_nested_folders_are_removed(tape: Path) -> None:
    """Deeper than Python's rmtree and any path can go."""
    text = "import os\nfor _ in range(2500): os.mkdir('d'); os.chdir('d')\n" + BUY_ONCE

    assert output_of(run(job_of(text, tape)))


@pytest.mark.parametrize("then", ["", "import os; os._exit(0)"])
def test_a_run_that_removes_its_own_folder_changes_nothing_above_it(then: str, tape: Path) -> None:
    """Cleaning up what is gone already touches neither the modes nor the files beside it."""
    above = Path(tempfile.gettempdir())
    above.chmod(0o1777)
    text = f"import shutil; shutil.rmtree('../..', ignore_errors=True)\n{then}\n" + BUY_ONCE
    outcome = run(job_of(text, tape))

    assert outcome.failure is not None
    assert stat.S_IMODE(above.stat().st_mode) == 0o1777


def test_a_link_in_place_of_an_old_folder_is_not_followed(tmp_path: Path) -> None:
    """Another user of the temporary folder may put one there."""
    (tmp_path / "kept").mkdir()
    gone = subprocess.Popen(["true"])
    gone.wait()
    link = Path(tempfile.gettempdir()) / f"git-bt-{gone.pid}-x"
    link.symlink_to(tmp_path)
    Folder().remove()
    is_kept = (tmp_path / "kept").is_dir()
    link.unlink()

    assert is_kept


def test_a_daemon_outlives_no_killed_supervisor(tape: Path, tmp_path: Path) -> None:
    """Then the second line kills what stands in the run's folder, whatever its environment."""
    pids = tmp_path / "pid"
    then = "import time; os.kill(os.getppid(), 9); time.sleep(9)"
    outcome = run(job_of(daemon_text(pids, then), tape))

    assert outcome.failure is not None
    assert outcome.failure.kind == "killed"
    assert not is_running(int(pids.read_text()))
