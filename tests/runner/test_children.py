"""What a run has and sees."""

import dataclasses
import textwrap
from pathlib import Path

import pytest

from floxkit import BUY_ONCE, CASES, failure_of, job_of, on_trade, output_of, own, run
from git_bt.interpreters import Wanted, find_interpreter, load_adapter
from git_bt.model import EngineVersion
from git_bt.runner import start


def test_an_environment_without_git_bt_runs_it(lean: Path) -> None:
    """The user's interpreter needs the engine only, and what it loaded is recorded."""
    interpreter = find_interpreter(load_adapter("flox"), Wanted(option=str(lean)))
    ema = (CASES / "strategies" / "ema_cross.py").read_text()
    config = {"slippage_model": "fixed_bps", "slippage_bps": 5}
    outcome = run(job_of(ema, CASES / "tapes" / "tape_10k_lrvx", config=config), interpreter)
    output = output_of(outcome)

    assert output["fills.csv"].count(b"\n") == 407
    assert outcome.environment is not None
    assert outcome.environment.engine == EngineVersion(name="flox", version="0.11.0")
    assert outcome.environment.packages.keys() == {"lrvx", "numpy"}
    assert outcome.environment.python == interpreter.version
    assert 0 < outcome.elapsed_s < 30


def test_distributions_are_recorded_by_what_was_loaded(tape: Path) -> None:
    """Also those whose module has another name; not those that only start-up files loaded."""
    outcome = run(job_of("import yaml\n" + BUY_ONCE, tape))

    assert outcome.environment is not None
    assert outcome.environment.packages.keys() == {"lrvx", "numpy", "pyyaml"}


def test_git_bt_is_not_there_for_the_strategy(lean: Path, tape: Path) -> None:
    """Nothing of the parent leaks in: not our package, not the folder of the harness."""
    interpreter = find_interpreter(load_adapter("flox"), Wanted(option=str(lean)))
    for module in ("git_bt", "child", "loaded", "flox"):
        failure = failure_of(run(job_of(f"import {module}", tape), interpreter))

        assert failure.message.startswith(f"ModuleNotFoundError: No module named '{module}'")


def test_a_strategy_has_its_files_and_modules(tape: Path) -> None:
    """Siblings, packages below the root and src, data files by folder and by __file__."""
    files = {
        "strats/a/s.py": BUY_ONCE.replace("1.0", "QTY")
        + textwrap.dedent(
            """
            import json, pathlib
            from sibling import A
            from shared.deep import B
            from lib import C
            D = json.load(open("data/params.json"))["d"]
            E = float((pathlib.Path(__file__).parent / "data" / "e.txt").read_text())
            QTY = A + B + C + D + E
            """
        ),
        "strats/a/sibling.py": "A = 1.0",
        "strats/a/data/params.json": '{"d": 1000.0}',
        "strats/a/data/e.txt": "10000",
        "shared/__init__.py": "",
        "shared/deep.py": "B = 10.0",
        "src/lib/__init__.py": "C = 100.0",
    }
    output = output_of(run(job_of(files, tape, entry_point="strats/a/s.py")))

    assert b",buy,100.0,11111.0," in output["fills.csv"]


def test_a_module_of_the_snapshot_wins_over_an_installed_one(tape: Path) -> None:
    """The snapshot stands first on the path, before site-packages."""
    files = {"s.py": "import yaml\n" + BUY_ONCE.replace("1.0", "yaml.X"), "yaml.py": "X = 3.0"}

    assert b",3.0," in output_of(run(job_of(files, tape)))["fills.csv"]


def test_modes_are_kept(tape: Path) -> None:
    """An executable file of the snapshot can be executed, the others not."""
    text = on_trade(
        "import os, subprocess\n"
        "assert not os.access('s.py', os.X_OK)\n"
        "self.market_buy(float(subprocess.check_output(['./tool.sh'])))"
    )
    job = job_of({"s.py": text, "tool.sh": "#!/bin/sh\necho 7"}, tape)
    tool = dataclasses.replace(job.members["tool.sh"], mode="100755")
    output = output_of(run(dataclasses.replace(job, members={**job.members, "tool.sh": tool})))

    assert output["fills.csv"].count(b",7.0,") == 3


def told(text: str, tape: Path, *, variation: int = 0) -> str:
    """Return the text that a strategy computes, by letting it raise it."""
    job = job_of(f"{text}\nraise ValueError(told)", tape)
    with start(own(), load_adapter("flox"), variation=variation) as child:
        return failure_of(child.run(job)).message.removeprefix("ValueError: ")


def test_what_a_run_sees_is_pinned(tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is built from nothing; stdin is empty; flags and limits are set."""
    monkeypatch.setenv("SECRET", "x")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    text = """
import os, sys, resource, time
umask = os.umask(0)
told = repr((sorted(os.environ), os.environ["PYTHONHASHSEED"], os.environ["TZ"],
    os.environ["LC_ALL"], os.listdir(os.environ["HOME"]), oct(umask), sys.stdin.read(),
    sys.flags.no_user_site, sys.dont_write_bytecode, resource.getrlimit(resource.RLIMIT_CORE),
    os.path.basename(os.getcwd()), sys.argv == [__file__], os.environ["OMP_NUM_THREADS"]))
"""
    said = told(text, tape)

    assert "SECRET" not in said
    assert "PYTHONPATH" not in said
    assert "'0', 'UTC0', 'C.UTF-8', [], '0o22', '', 1, True, (0, 0), 'files', True, '1')" in said


def test_the_second_of_two_runs_is_varied(tape: Path) -> None:
    """Hash seed, time zone, locale, umask, home and path differ from the first run's."""
    text = """
import os
told = "|".join((os.environ["PYTHONHASHSEED"], os.environ["TZ"], os.environ["LC_ALL"],
    oct(os.umask(0)), str(os.getcwd().count("/")), os.environ["HOME"]))
"""
    first = told(text, tape).split("|")
    second = told(text, tape, variation=1).split("|")

    assert [a for a, b in zip(first, second, strict=True) if a == b] == []


def test_nothing_is_named_after_an_expected_output(tape: Path) -> None:
    """A strategy that looks around its folder finds what it brought, and its own output folder."""
    text = """
import os
told = " ".join(sorted(name for _, folders, files in os.walk("..") for name in folders + files))
"""
    assert told(text, tape) == "files home job.json out printed s.py tmp (s.py:5 in <module>)"


def test_the_job_holds_nothing_to_compare_with(tape: Path) -> None:
    """Digests of known outputs stay with the parent."""
    job = job_of("told = open('../job.json').read()\nraise ValueError(told)", tape)
    failure = failure_of(run(dataclasses.replace(job, known={"fills.csv": "ab" * 32})))

    assert "abab" not in failure.message
    assert "known" not in failure.message
