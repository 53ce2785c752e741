"""Detection on deep stacks: what was found about the frames far out holds as long as they run."""

import subprocess
import sys
from pathlib import Path

import pytest

from capture.programs import run
from git_bt.live import by_hand

DEEPER = """\
from engine import run_algorithm
def deeper(frames, then):
    deeper(frames - 1, then) if frames else then()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    top = tmp_path / "project"
    top.mkdir()
    (top / "pyproject.toml").touch()
    (top / "deep.py").write_text(DEEPER)
    (top / "p.py").write_text(
        "from deep import deeper, run_algorithm\n"
        "deeper(60, lambda: (run_algorithm(), run_algorithm()))\n"
    )
    return top


def names(found: list[dict[str, object]]) -> list[str]:
    """Return the file that each call of the engine found, and how."""
    return [f"{Path(str(one['file'])).name} by {one['method']}" for one in found]


def test_a_program_started_below_a_deep_stack_is_found(project: Path) -> None:
    """Whatever was found there before, also where it makes a deep stack of its own."""
    (project / "s.py").write_text(
        "import runpy\n"
        "from deep import deeper, run_algorithm\n"
        "def work():\n"
        "    run_algorithm()\n"
        "    run_algorithm()\n"
        "    runpy.run_path('p.py')\n"
        "    run_algorithm()\n"
        "deeper(100, work)\n"
        "run_algorithm()\n"
    )
    main, program = "s.py by main", "p.py by program"

    assert names(run(["python", "s.py"], project)) == [main, main, program, program, main, main]


def test_text_below_a_deep_stack_stays_uncertain(project: Path) -> None:
    """At its second call too, and no longer than it runs."""
    (project / "s.py").write_text(
        "from deep import deeper, run_algorithm\n"
        "text = 'deeper(60, lambda: (run_algorithm(), run_algorithm()))'\n"
        "def work():\n"
        "    run_algorithm()\n"
        "    exec(text, globals())\n"
        "    run_algorithm()\n"
        "deeper(100, work)\n"
    )
    found = run(["python", "s.py"], project)

    assert [one["confidence"] for one in found] == [1.0, 0.7, 0.7, 1.0]


@pytest.mark.parametrize("kind", ["generator", "coroutine"])
def test_what_goes_on_below_another_program_is_that_programs(kind: str, project: Path) -> None:
    """Frames that wait and go on may get other callers."""
    word, wait = ("", "yield from") if kind == "generator" else ("async ", "await")
    (project / "ticks.py").write_text(
        "import types\n"
        "from deep import run_algorithm\n"
        "@types.coroutine\n"
        "def pause():\n"
        "    yield\n"
        f"{word}def wait(frames):\n"
        "    if frames:\n"
        f"        {wait} wait(frames - 1)\n"
        "        return\n"
        "    for _ in range(2):\n"
        "        run_algorithm()\n"
        f"        {wait} pause()\n"
        "ticks = wait(100)\n"
    )
    (project / "q.py").write_text("from ticks import ticks\nticks.send(None)\n")
    (project / "s.py").write_text(
        "import runpy\nfrom ticks import ticks\nticks.send(None)\nrunpy.run_path('q.py')\n"
    )
    assert names(run(["python", "s.py"], project)) == ["s.py by main", "q.py by program"]


# -- debuggers ------------------------------------------------------------------------------------

LOOK = """\
from git_bt.capture import StrategyCodeCapture
look = StrategyCodeCapture(log_level="ERROR").detect_entry_point
def deeper(frames, then):
    if frames:
        deeper(frames - 1, then)
    else:
        then()
"""


def said(project: Path, text: str, stdin: str = "") -> str:
    """Run a script, and return what it printed."""
    (project / "s.py").write_text(LOOK + text)
    return subprocess.run(
        [sys.executable, "s.py"], cwd=project, input=stdin, text=True, check=True,
        capture_output=True,
    ).stdout  # fmt: skip


def test_the_marks_are_there_and_end_with_their_frames(project: Path) -> None:
    """Near frames have none, nor has the stack once it is gone: nothing keeps it alive."""
    text = """\
import gc, sys, weakref
class Data: pass
def marks():
    frame, found = sys._getframe(1), ""
    while frame:
        found += "x" if frame.f_trace is not None else "."
        frame = frame.f_back
    return found
def work():
    data = Data()
    refs.append(weakref.ref(data))
    look()
    print(marks())
def hold(then):
    data = Data()
    refs.append(weakref.ref(data))
    deeper(50, then)
refs = []
hold(work)
print([ref() for ref in refs])
"""
    marks, held = said(project, text).splitlines()

    assert marks == "." * (by_hand.NEAR) + "x" * (54 - by_hand.NEAR)
    assert held == "[None, None]"


def test_below_a_tracer_nothing_is_marked(project: Path) -> None:
    """Its own functions stand there, and where none stands it wants none."""
    text = """\
import sys
def work():
    look()
    frame = sys._getframe()
    while frame:
        print(frame.f_trace)
        frame = frame.f_back
def trace(frame, event, arg): return None
sys.settrace(trace)
deeper(50, work)
"""
    assert set(said(project, text).splitlines()) == {"None"}


@pytest.mark.parametrize("looks", ["look()", "pass"])
def test_a_tracer_that_comes_later_sees_the_same(looks: str, project: Path) -> None:
    """It is asked about no frame that began before it."""
    text = f"""\
import sys
def trace(frame, event, arg):
    print(event, frame.f_code.co_name)
    return trace
def work():
    {looks}
    sys.settrace(trace)
deeper(50, work)
print(sys.gettrace() is trace)
(lambda: None)()
"""
    lines = ["True", "call <lambda>", "line <lambda>", "return <lambda>"]

    assert said(project, text).splitlines()[:4] == lines


STEPPING = """\
import bdb, pdb, sys
class Stepper(bdb.Bdb):
    def user_line(self, frame):
        print("line", frame.f_code.co_name)
        self.set_step()
    def user_return(self, frame, value):
        print("return", frame.f_code.co_name)
        self.set_step()
stepper = Stepper()
stepper.reset()
def inner():
    return 1
def looked(): return LOOK
def work():
    looked()
    BEGIN
    inner()
def outer():
    deeper(50, work)
    return 3
outer()
"""


@pytest.mark.parametrize(
    "begin", ["breakpoint()", "pdb.Pdb().runcall(inner)", "sys.settrace(stepper.trace_dispatch)"]
)
def test_a_debugger_steps_out_through_the_marks(begin: str, project: Path) -> None:
    """What it shows on its way out is what it shows where nothing was looked for."""
    text = STEPPING.replace("BEGIN", begin)
    commands = "return\nstep\n" * 60 + "continue\n"
    marked, unmarked = (said(project, text.replace("LOOK", f), commands) for f in ("look()", "0"))

    assert "outer" in marked or "inner" in marked
    assert marked == unmarked
