"""Ends without a result: each is a failure that says how it ended."""

from pathlib import Path

import pytest

from floxkit import BUY_ONCE, failure_of, is_running, job_of, on_trade, output_of, run
from git_bt import processes
from git_bt.errors import CannotWork
from git_bt.runner.outcome import how_it_ended


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("1/0", "raised", "ZeroDivisionError: division by zero (s.py:1 in <module>)"),
        ("def f(:", "raised", "SyntaxError: "),
        ("raise KeyboardInterrupt", "raised", "KeyboardInterrupt (s.py:1 in <module>)"),
        ("import sys; sys.exit(0)", "no-result", "the strategy ended the run by sys.exit(0)"),
        ("import os; os._exit(0)", "no-result", "ended with exit code 0 and without a result"),
        ("import os; os._exit(7)", "no-result", "ended with exit code 7 and without a result"),
        ("import ctypes; ctypes.string_at(0)", "killed", "killed by SIGSEGV"),
        ("import os; os.abort()", "killed", "killed by SIGABRT"),
        ("import os; os.kill(os.getpid(), 9)", "killed", "killed by SIGKILL"),
        ("import os; os.kill(os.getppid(), 9)", "killed", "killed by SIGKILL"),
        ("import os; os.execv('/bin/true', ['true'])", "no-result", "ended with exit code 0"),
        ("raise ValueError('a\\nb' * 400)", "raised", "ValueError: a ba ba b"),
        ("raise ValueError('x' * 2_000_000)", "raised", "ValueError: xxx"),
        ("raise ValueError('\\ud800')", "raised", "ValueError: \\ud800"),
        ("class E(Exception):\n  def __str__(s): 1/0\nraise E", "raised", "E: (it cannot say why)"),
        ("import sys; sys.stdout.close(); sys.stderr = None; 1/0", "raised", "ZeroDivisionError"),
    ],
)
def test_an_end_without_a_result_is_a_failure(text: str, kind: str, words: str, tape: Path) -> None:
    """However it ends, there is one line that says so, and never a result."""
    failure = failure_of(run(job_of(text, tape)))

    assert failure.kind == kind
    assert failure.message.startswith(words)
    assert "\n" not in failure.message
    assert len(failure.message) < 600


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (9, "out of memory?"),
        (11, "a crash in native code"),
        (14, "the strategy, or somebody outside, sent that signal"),
        (15, "the strategy, or somebody outside, sent that signal"),
    ],
)
def test_a_signal_says_what_it_most_likely_means(number: int, hint: str) -> None:
    """Only what native code gets for its faults is called a crash of native code."""
    assert how_it_ended(-number)["hint"] == hint


def test_a_run_without_end_is_ended(tape: Path) -> None:
    """The time limit holds, also for one that ignores signals."""
    text = on_trade("while True: pass", "import signal; signal.signal(15, signal.SIG_IGN)")
    failure = failure_of(run(job_of(text, tape, timeout_s=0.7)))

    assert (failure.kind, failure.message) == ("timeout", "still running after 0.7 s")


def test_one_that_stops_its_supervisor_is_ended(
    tape: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second line is ours: the group, and whatever carries the run's mark."""
    monkeypatch.setattr(processes, "GRACE_S", 0.2)
    text = (
        "import os, signal, subprocess\n"
        "daemon = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        "os.kill(os.getppid(), signal.SIGSTOP)\n"
        "print(daemon.pid, flush=True)\n"
        "while True: pass"
    )
    failure = failure_of(run(job_of(text, tape, timeout_s=2.0)))

    assert failure.kind == "timeout"
    assert not is_running(int(failure.tail))


def test_memory_is_limited(tape: Path) -> None:
    """A hog gets MemoryError at the limit and the machine stays."""
    text = on_trade("self.hog = [bytearray(2**26) for _ in range(10**6)]")
    failure = failure_of(run(job_of(text, tape, memory=2**30)))

    assert failure.kind == "memory"
    assert failure.message == "ran out of memory (s.py:9 in <listcomp>)"


def test_printing_disturbs_nothing(tape: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """15 MB of output end in a file; without failure nobody sees them."""
    text = "print('x' * 15_000_000)\n" + BUY_ONCE
    output = output_of(run(job_of(text, tape)))

    assert output["fills.csv"].count(b"\n") == 2
    assert capfd.readouterr() == ("", "")


def test_the_tail_shows_the_last_lines(tape: Path) -> None:
    """Without colours and control characters, with paths as the user knows them."""
    text = "for i in range(99): print(f'\\x1b[31mline {i}\\x1b[0m\\x07')\nprint(__file__)\n1/0"
    tail = failure_of(run(job_of(text, tape))).tail.splitlines()

    assert tail[0] == "line 80"
    assert tail[18:20] == ["line 98", "s.py"]
    assert tail[20:] == [
        '  File "s.py", line 3, in <module>',
        "    1/0",
        "    ~^~",
        "ZeroDivisionError: division by zero",
    ]


def test_a_stopped_supervisor_goes_on_when_time_is_up(
    tape: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is woken to clean up, and needs no killing when the grace time is spent."""
    killed: list[str] = []
    monkeypatch.setattr(processes, "kill_marked", killed.append)
    monkeypatch.setattr(processes, "GRACE_S", 60.0)
    text = on_trade("import os; os.kill(os.getppid(), 19)\nwhile True: pass")
    failure = failure_of(run(job_of(text, tape, timeout_s=0.7)))

    assert failure.kind == "timeout"
    assert killed == []


def test_a_full_disk_is_not_the_strategys_fault(
    tape: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing more can be written, an end without a result says nothing about the run."""
    monkeypatch.setattr(processes, "ENOUGH", 1 << 80)

    assert output_of(run(job_of(BUY_ONCE, tape)))
    with pytest.raises(CannotWork, match="no space left in "):
        run(job_of("import os; os._exit(120)", tape))
