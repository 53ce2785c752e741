"""How much capture says: where the level comes from, and that it really filters."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from git_bt.capture import StrategyCodeCapture
from git_bt.capture.levels import VARIABLES, Log

OURS, RUSTYBT = VARIABLES
PROGRAM = """
import sys
{before}
from git_bt.capture import StrategyCodeCapture
found = StrategyCodeCapture({level}){call}
"""


def said(
    project: Path,
    *,
    before: str = "",
    level: str = "",
    after: str = ".detect_entry_point()",
    **env: str,
) -> str:
    """Run a program, and return what it says on stderr."""
    (project / "s.py").write_text(PROGRAM.format(before=before, level=level, call=after))
    done = subprocess.run(
        [sys.executable, "s.py"], cwd=project, env=os.environ | env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "sub").mkdir()
    return tmp_path


def test_the_nearest_word_counts(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parameter, our variable, RustyBT's, then the project's .env, then INFO."""
    monkeypatch.chdir(project / "sub")
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    assert StrategyCodeCapture().log_level == "INFO"
    (project / ".env").write_text(f"# x\nA=1\nexport {RUSTYBT}='warning' # why\n")
    assert StrategyCodeCapture().log_level == "WARNING"
    (project / ".env").write_text(f"{RUSTYBT}=WARNING\n{OURS}=ERROR\n")
    assert StrategyCodeCapture().log_level == "ERROR"
    monkeypatch.setenv(RUSTYBT, "DEBUG")
    assert StrategyCodeCapture().log_level == "DEBUG"
    monkeypatch.setenv(OURS, "WARNING")
    assert StrategyCodeCapture().log_level == "WARNING"

    assert StrategyCodeCapture(log_level="INFO").log_level == "INFO"


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff{}=DEBUG", "A=1\r\n{}=DEBUG\r\n", "export\t{}=debug", '  {} = "DEBUG"\t# why',
        "{}=ERROR\n{}=DEBUG", "#{}=LOUD\n{}='DEBUG'",
    ],
)  # fmt: skip
def test_a_dotenv_is_read_as_it_is_written(
    text: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By editors of every system, with quotes, blanks and comments."""
    monkeypatch.chdir(project)
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    (project / ".env").write_bytes(text.replace("{}", RUSTYBT).encode())

    assert StrategyCodeCapture().log_level == "DEBUG"


def test_a_pipe_for_a_dotenv_holds_up_nobody(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some keepers of secrets make one."""
    monkeypatch.chdir(project)
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    os.mkfifo(project / ".env")

    assert StrategyCodeCapture().log_level == "INFO"


@pytest.mark.parametrize("where", ["parameter", OURS, RUSTYBT, ".env"])
def test_an_unknown_level_is_an_error(
    where: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it comes from, it is named with the levels that there are."""
    monkeypatch.chdir(project)
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    if where == ".env":
        (project / ".env").write_text(f"{OURS}=LOUD\n")
    elif where != "parameter":
        monkeypatch.setenv(where, "LOUD")

    with pytest.raises(ValueError, match=r"LOUD.*DEBUG, INFO, WARNING, ERROR") as raised:
        StrategyCodeCapture("LOUD" if where == "parameter" else None)
    assert where in str(raised.value) or where == "parameter"


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("DEBUG", ["DEBUG", "INFO", "WARNING", "ERROR"]),
        ("INFO", ["INFO", "WARNING", "ERROR"]),
        ("WARNING", ["WARNING", "ERROR"]),
        ("ERROR", ["ERROR"]),
    ],
)
def test_a_level_hides_what_is_below_it(
    level: str, shown: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Records below the level do not reach the log at all."""
    log = Log(level)
    with caplog.at_level(logging.DEBUG):
        for word in ("DEBUG", "INFO", "WARNING", "ERROR"):
            log.say(word, "event", path="x")

    assert [record.levelname for record in caplog.records] == shown
    assert caplog.records[-1].getMessage() == "event: path=x"


def test_debug_shows_the_way_of_the_detection(project: Path) -> None:
    """A level that was asked for is shown where the program has set up no logging."""
    debug = said(project, level="log_level='DEBUG'", after=".capture()")
    place = project / "s.py"

    assert [line.partition(":")[0] for line in debug.splitlines()] == [
        "DEBUG - programs_looked_for", "DEBUG - main_looked_at", "DEBUG - file_captured",
        "INFO - code_captured",
    ]  # fmt: skip
    assert f"main_looked_at: file={place}, is_installed=False" in debug
    assert "file_captured: path=s.py, size=" in debug
    assert said(project, **{OURS: "INFO"}).startswith("INFO - entry_point_detected: path=")


def test_frames_are_among_the_diagnostics(project: Path) -> None:
    """Which files ran, where no script was started."""
    (project / "s.py").write_text(
        PROGRAM.format(before="", level="'DEBUG'", call=".detect_entry_point()")
    )
    done = subprocess.run(
        [sys.executable, "-c", "import s"], cwd=project, capture_output=True, text=True, check=True
    )

    assert f"DEBUG - frames_looked_at: files=['{project / 's.py'}']" in done.stderr


def test_a_record_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever a file is called."""
    with caplog.at_level(logging.DEBUG):
        Log("INFO").say("INFO", "event", path="a\nb", count=1)

    assert caplog.messages == ["event: path='a\\nb', count=1"]


def test_silent_unless_there_is_something_to_say(project: Path) -> None:
    """By default a program that has no logging sees warnings only, and a good run has none."""
    setup = "import logging; logging.basicConfig(level=logging.INFO)"

    assert said(project) == ""
    assert said(project, level="log_level='WARNING'") == ""
    assert "entry_point_detected" in said(project, before=setup)


def test_what_is_so_for_each_run_is_said_once(project: Path) -> None:
    """Detected twice and captured twice, as in a sweep, it is one line."""
    program = (
        "from git_bt.capture import StrategyCodeCapture as C; c = C()\n"
        "for _ in range(2): c.capture(c.detect_entry_point()); c.capture()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project, capture_output=True, text=True, check=True
    )

    assert done.stderr.count("detection_failed") == 1


def test_warnings_carry_their_kind(project: Path) -> None:
    """The stable word stands first, in the log as in --json."""
    program = "from git_bt.capture import StrategyCodeCapture as C; C().detect_entry_point()"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project, capture_output=True, text=True, check=True
    )

    assert done.stderr.startswith("detection_failed: message=the code was typed")
