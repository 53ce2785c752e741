"""Programs that call their engine themselves: what is stored of them, and run again.

That an untouched one becomes a bundle, and all else of `git bt run`, is in `test_run.py`.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from capture.programs import EXECUTE, notebook
from conftest import GitRepo, make_repo
from git_bt.canonical import tape_sha256
from git_bt.commands.promote import promote
from git_bt.errors import BtError
from git_bt.model import EngineVersion, Verdict
from git_bt.sweep_records import SweepRun, Swept, sweep_run_id, without_words
from git_bt.sweeping import PromoteReport
from projects import PYTHON, bt, manifest, silent
from scriptkit import AUTO, BARS, HELPER, LRVX, STRATEGIES, Packed, project, ran, stored

__all__ = ["project"]
TAPE = ("--tape", "data/bars.csv")


def only(repo: GitRepo) -> tuple[Swept, SweepRun]:
    """Return the one run that was recorded, and its sweep."""
    ((swept, _),) = stored(repo)
    (row,) = swept.runs
    return swept, row


def promoted(repo: GitRepo, row: SweepRun, tape: str | None = "data/bars.csv") -> PromoteReport:
    """Promote a run with the Python that runs the tests."""
    return promote(sweep_run_id(row), tape=tape, python=PYTHON, step=silent, cwd=repo.path)


@pytest.mark.parametrize("engine", STRATEGIES)
def test_a_run_without_a_tape_becomes_a_bundle_later(
    engine: str, project: GitRepo, packed: Packed
) -> None:
    """Started again as it was, its relative paths are right, and it is what --tape packs."""
    ran(project, "python", f"{engine}_strategy.py")
    _, row = only(project)
    report = promoted(project, row)

    assert report.verdict is Verdict.REPRODUCED, report
    assert report.checks
    assert {check.agrees for check in report.checks} == {True}
    assert report.engine == EngineVersion(name="script", version="2")
    assert report.bundle is not None
    assert f"packed as bundle {report.bundle[:12]}" in packed(engine)[1].err


def test_the_row_names_its_tape(project: GitRepo) -> None:
    """By path and content, also where nothing could be packed; of another place by content."""
    project.write("lrvx_strategy.py", LRVX + "    backtest(0.002)\n")
    done = ran(project, "python", "lrvx_strategy.py", before=(*TAPE, "--output", "run.json"))
    ((swept, _),) = stored(project)
    shown = bt("sweep", "show", "--json", cwd=project).json["sweep"]

    assert "not packed" in done.err
    assert swept.sweep.tape == shown["tape"] == "data/bars.csv"
    ran(project, "python", "backtrader_strategy.py", before=TAPE)
    _, row = next(
        (swept, run)
        for swept, _ in stored(project)
        for run in swept.runs
        if swept.sweep.engine == "backtrader"
    )
    assert row.bundle is not None
    members = manifest(project, row.bundle).manifest.members
    tape = {p.removeprefix("tape/"): m for p, m in members.items() if p.startswith("tape/")}
    assert swept.sweep.tape_sha256 == shown["tape_sha256"] == tape_sha256(tape)


def test_a_tape_elsewhere_is_named_by_its_content_alone(project: GitRepo, tmp_path: Path) -> None:
    """Its path is one machine's."""
    shutil.copy(project.path / "data/bars.csv", tmp_path / "bars.csv")
    ran(project, "python", "lrvx_strategy.py", before=("--tape", str(tmp_path / "bars.csv")))
    swept, row = only(project)

    assert swept.sweep.tape is None
    assert swept.sweep.tape_sha256 is not None
    assert promoted(project, row).verdict is Verdict.REPRODUCED  # the same bytes, in the project


def test_another_tape_than_the_sweeps_is_refused(project: GitRepo, tmp_path: Path) -> None:
    """In one line with both digests, before anything runs."""
    shutil.copy(project.path / "data/bars.csv", tmp_path / "bars.csv")
    ran(project, "python", "lrvx_strategy.py", before=("--tape", str(tmp_path / "bars.csv")))
    _, row = only(project)
    project.write("data/bars.csv", BARS + "2024-03-01,100,103,98,100,1000\n")

    with pytest.raises(BtError, match=r"data/bars\.csv is another tape than the sweep had"):
        promoted(project, row)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("lrvx_strategy.py",), "is one of 2 that one start of the program made"),
        (("backtesting_strategy.py", "optimize"), "in a worker process or by another launcher"),
    ],
    ids=["one start", "workers"],
)
def test_one_of_several_is_not_started_again(
    words: tuple[str, ...], why: str, project: GitRepo
) -> None:
    """A bundle holds one; `best` does not lead there, and the line says what to do."""
    project.write("lrvx_strategy.py", LRVX + "    backtest(0.002)\n")
    ran(project, "python", *words)
    ((swept, _),) = stored(project)
    metric = sorted(swept.runs[0].metrics)[0]
    ranked = bt("sweep", "best", "--metric", metric, cwd=project)
    done = bt("sweep", "promote", sweep_run_id(swept.runs[0])[:12], *TAPE, cwd=project)
    said = " ".join(done.err.split())

    assert done.code == 2
    assert why in said
    assert "hint: start it for that setting alone: git bt run --tape PATH -- python " in said
    assert "promote" not in ranked.out
    assert "next: git bt run --tape PATH -- python " in ranked.out


@pytest.mark.parametrize("way", ["another file", "another engine", "a recording around it"])
def test_the_runs_of_a_process_are_counted_together(way: str, project: GitRepo) -> None:
    """Also where its lines begin a new file, or its backtests are of two sweeps."""
    before = "import git_bt.spool as s; s._LONGEST = 1\n" if way == "another file" else ""
    after = {
        "another file": "    backtest(0.002)\n",
        "another engine": "    import runpy\n"
        "    runpy.run_path('backtrader_strategy.py', run_name='__main__')\n",
        "a recording around it": "    with git_bt.recording('mine') as run: run.log(x=1)\n",
    }[way]
    auto = AUTO.replace("()", "(code_capture_mode='imports')")
    project.write("both.py", auto + before + LRVX + after)
    subprocess.run([PYTHON, "both.py"], cwd=project.path, check=True, stdout=subprocess.DEVNULL)
    files = len(list((project.path / ".git/bt/spool").glob("*.spool")))
    heads = bt("sweep", "ls", "--json", cwd=project).json["sweeps"]
    best = bt("sweep", "best", "both", "--metric", "total_trades", "--json", cwd=project)
    done = bt(
        "sweep", "promote", best.json["runs"][0]["id"][:12], *TAPE, "--python", PYTHON, cwd=project
    )

    assert sum(head["runs"] for head in heads) == 2
    assert files == 0  # the end of the process moved all of them
    if way == "a recording around it":
        assert done.code == 0, done.err
    else:
        assert "is one of 2 that one start of the program made" in " ".join(done.err.split())


def test_a_strategy_of_its_own_is_promoted_from_a_loop(project: GitRepo) -> None:
    """As the refusal says: its strategy.yaml names engine and tape, the row its parameters."""
    strategy, _, _ = STRATEGIES["backtesting"].partition("if __name__")
    lines = strategy.replace("from helper import EVERY", "").replace("= EVERY", "= 4").splitlines()
    own = "\n".join(line for line in lines if "frame" not in line)
    project.write("own/strategy.py", own)
    project.write(
        "own/strategy.yaml",
        "engine: backtesting\nentry_point: strategy.py\ntape: ../data/bars.csv\n"
        "config: {cash: 10000, commission: 0.001}\n",
    )
    project.write(
        "loop.py",
        "import pandas as pd\nfrom backtesting import Backtest\nfrom own.strategy import Every\n"
        "frame = pd.read_csv('data/bars.csv', index_col=0, parse_dates=True)\n"
        "frame.columns = [name.title() for name in frame.columns]\n"
        "for n in (4, 5): Backtest(frame, Every, cash=10_000, commission=0.001).run(every=n)\n",
    )
    ran(project, "python", "loop.py", "--its", "words")
    ((swept, _),) = stored(project)
    name = sweep_run_id(swept.runs[1])
    with pytest.raises(BtError, match="is one of 2") as refused:
        promote(name, tape="data/bars.csv", python=PYTHON, step=silent, cwd=project.path)
    report = promote(name, strategy="own", python=PYTHON, step=silent, cwd=project.path)

    assert "--strategy PATH" in (refused.value.hint or "")
    assert report.verdict is Verdict.REPRODUCED, report
    assert (report.params["every"], report.params["argv"]) == (5, "--its words")
    yaml = (project.path / "own/strategy.yaml").read_text()  # at the top it is found by itself
    project.write("strategy.yaml", yaml.replace("strategy.py", "own/strategy.py"))
    ranked = bt("sweep", "best", "--metric", "# Trades", cwd=project)
    assert "next: git bt sweep promote " in ranked.out


def test_starts_of_one_command_are_counted_apart(project: GitRepo) -> None:
    """Each made one backtest, so each can be started again."""
    ran(project, "sh", "-c", f"{PYTHON} lrvx_strategy.py; {PYTHON} lrvx_strategy.py")
    ((swept, _),) = stored(project)

    assert len(swept.runs) == 2
    assert {promoted(project, row).verdict for row in swept.runs} == {Verdict.REPRODUCED}
    ranked = bt("sweep", "best", "--metric", "total_trades", cwd=project)
    assert "next: git bt sweep promote " in ranked.out


@pytest.mark.parametrize("way", ["run", "autocapture"])
def test_a_programs_words_are_its_setting(way: str, project: GitRepo) -> None:
    """A sweep by arguments: each start is ranked, and the best is started with its own."""
    text = LRVX.replace("print(backtest()", "import sys; print(backtest(float(sys.argv[1]))")
    auto = AUTO.replace("()", "(code_capture_mode='imports')") if way == "autocapture" else ""
    project.write("fees.py", auto + text)
    sweep = f"for fee in 0.01 0 0.001; do {PYTHON} fees.py $fee; done"
    if way == "run":
        ran(project, "sh", "-c", sweep)
    else:
        subprocess.run(["sh", "-c", sweep], cwd=project.path, check=True, stdout=subprocess.DEVNULL)
    shown = bt("sweep", "show", "--json", cwd=project).json
    words = ("--metric", "final_capital")
    ranked = bt("sweep", "best", *words, "--json", cwd=project).json["runs"]
    best = ranked[0]["id"][:12]
    promoted = bt(
        "sweep", "promote", best, *words, *TAPE, "--python", PYTHON, "--json", cwd=project
    )

    assert (shown["sweep"]["runs"], shown["sweep"]["settings"], shown["unsteady"]) == (3, 3, 0)
    assert [each["runs"] for each in shown["environments"]] == [3]
    assert [row["params"]["argv"] for row in ranked] == ["0", "0.001", "0.01"]
    assert promoted.code == 0, promoted.err
    assert promoted.json["rank"] == "rank 1 of 3 by final_capital"
    assert manifest(project, promoted.json["bundle"]).manifest.config["argv"] == ["0"]


@pytest.mark.parametrize("cpus", [1, 2])
@pytest.mark.parametrize("way", ["run", "autocapture"])
def test_workers_have_the_words_of_their_program(way: str, cpus: int, project: GitRepo) -> None:
    """Two starts of one grid are twice as many settings, wherever each was run."""
    text = STRATEGIES["backtrader"].replace(
        "addstrategy(Every, every=5)", "optstrategy(Every, every=[4, 5])"
    )
    main, _, _ = text.partition("    cerebro.run()")
    cash = (
        f"    import sys; cerebro.broker.setcash(float(sys.argv[1])); cerebro.run(maxcpus={cpus})\n"
    )
    project.write("grid.py", (AUTO if way == "autocapture" else "") + main + cash)
    before = ["-m", "git_bt", "run", "--", PYTHON] if way == "run" else []
    for words in ("1000", "2000"):
        subprocess.run([PYTHON, *before, "grid.py", words], cwd=project.path, check=True)
    ((swept, _),) = stored(project)
    ranked = bt("sweep", "best", "--metric", "value", "--json", cwd=project).json["runs"]

    settings = {(row.params["every"], row.params["argv"]) for row in swept.runs}
    assert settings == {(every, words) for every in (4, 5) for words in ("1000", "2000")}
    assert len(ranked) == 4


@pytest.mark.parametrize("way", ["run", "autocapture"])
def test_words_of_any_kind_and_length_are_a_setting(way: str, project: GitRepo) -> None:
    """No run is lost for them, none is merged with another, and no row grows with them."""
    text = LRVX.replace("from helper import EVERY", "EVERY = 4\nimport sys\nsys.argv.append(5)")
    project.write("words.py", (AUTO if way == "autocapture" else "") + text)
    before = ["-m", "git_bt", "run", "--", PYTHON] if way == "run" else []
    long = "x" * 100_000
    for word in (b"\xff", long, long + "y"):
        subprocess.run([PYTHON, *before, "words.py", word], cwd=project.path, check=True)
    ((swept, _),) = stored(project)
    first, *others = [str(row.params["argv"]) for row in swept.runs]

    assert first == "'\\udcff' 5"
    assert len(set(others)) == 2
    assert {len(words) for words in others} == {200 + len("… sha256:") + 64}
    assert [swept.environments[row.environment or ""].is_alone for row in swept.runs] == [False] * 3
    for row in swept.runs:
        argv = swept.environments[row.environment or ""].argv
        assert argv is not None
        assert "argv" not in without_words(row.params, argv)


@pytest.mark.parametrize("way", ["run", "autocapture"])
def test_words_that_a_program_sets_are_those_of_the_run(way: str, project: GitRepo) -> None:
    """A driver may set them before each: what promote takes away is what was added."""
    main, _, _ = LRVX.replace("from helper import EVERY", "EVERY = 4").partition("if __name__")
    driver = "import sys\nfor sys.argv[1:] in (['a'], ['b', 'c'], []): backtest()\n"
    project.write("driver.py", (AUTO if way == "autocapture" else "") + main + driver)
    before = ["-m", "git_bt", "run", "--", PYTHON] if way == "run" else []
    subprocess.run([PYTHON, *before, "driver.py"], cwd=project.path, check=True)
    ((swept, _),) = stored(project)
    arounds = [swept.environments[row.environment or ""].argv or () for row in swept.runs]

    assert [row.params.get("argv") for row in swept.runs] == ["a", "b c", None]
    assert [argv[1:] for argv in arounds] == [("a",), ("b", "c"), ()]
    given = [without_words(row.params, argv) for row, argv in zip(swept.runs, arounds, strict=True)]
    assert all("argv" not in params for params in given)


def test_a_kernel_has_no_words_of_its_program(project: GitRepo) -> None:
    """Those of a notebook's name a file of the session: each would be a setting of its own."""
    notebook(project.path / "a.ipynb", "from lrvx_strategy import backtest", "backtest()")
    ran(project, "python", "-c", EXECUTE, "a.ipynb", str(project.path))
    _, row = only(project)

    assert "argv" not in row.params


@pytest.mark.parametrize("flag", ["-I", "-E"])
def test_autocapture_records_where_run_cannot_watch(flag: str, project: GitRepo) -> None:
    """The variable of `git bt run` is inherited, its hooks are not."""
    project.write("auto.py", AUTO + LRVX.replace("from helper import EVERY", "EVERY = 4"))
    done = ran(project, "python", flag, "auto.py")
    swept, row = only(project)

    assert "the command recorded runs of its own" in done.err
    assert (swept.sweep.name, row.status) == ("auto", "ok")


def test_a_module_of_a_package_is_started_as_such(project: GitRepo) -> None:
    """Its relative imports need `python -m`, in the bundle too."""
    project.write("pkg/__init__.py", "")
    project.write("pkg/helper.py", HELPER)
    project.write("pkg/run.py", LRVX.replace("from helper", "from .helper"))
    done = ran(project, "python", "-m", "pkg.run", before=TAPE)
    _, row = only(project)

    assert row.bundle is not None, done.err
    assert manifest(project, row.bundle).manifest.config["module"] == "pkg.run"
    assert bt("validate", row.bundle, "--python", PYTHON, cwd=project).code == 0


@pytest.mark.parametrize("way", ["test runner", "worker"])
def test_what_cannot_be_started_by_itself_is_not_packed(way: str, project: GitRepo) -> None:
    """Its bundle would never reproduce; nor is it promoted, and a line says why."""
    project.write("test_it.py", "from lrvx_strategy import backtest\ndef test_it(): backtest()\n")
    project.write(
        "workers.py",
        "import multiprocessing as mp\nfrom lrvx_strategy import backtest\n"
        "if __name__ == '__main__':\n    p = mp.get_context('spawn').Process(target=backtest)\n"
        "    p.start(); p.join()\n",
    )
    runner = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py")
    words = {"test runner": runner, "worker": ("workers.py",)}[way]
    done = ran(project, "python", *words, before=TAPE, PYTHONPATH=str(project.path))
    _, row = only(project)

    assert "cannot be run again by itself" in " ".join(done.err.split())
    assert row.bundle is None
    with pytest.raises(BtError, match="cannot be run again by itself"):
        promoted(project, row)


def test_a_nested_project_is_started_from_where_it_was(tmp_path: Path) -> None:
    """Project, working folder and tape are three places of one repository."""
    repo = make_repo(tmp_path / "repo")
    repo.write("strategies/one/pyproject.toml", "")
    repo.write("strategies/one/helper.py", HELPER)
    repo.write("strategies/one/run.py", LRVX.replace("if __name__", "import sys\nif __name__"))
    repo.write("data/bars.csv", BARS)
    repo.commit("one")
    ran(repo, "python", "strategies/one/run.py", "--fast", "3")
    _, row = only(repo)
    report = promoted(repo, row)

    assert report.verdict is Verdict.REPRODUCED, report
    assert report.bundle is not None
    config = manifest(repo, report.bundle).manifest.config
    assert config["argv"] == ["--fast", "3"]
    assert (config["cwd"], config["tape"]) == (".", "data/bars.csv")


@pytest.mark.parametrize("engine", STRATEGIES)
def test_what_autocapture_recorded_is_started_again(engine: str, project: GitRepo) -> None:
    """Its own hooks stand aside, also below `git bt run`."""
    auto = AUTO.replace("()", "(code_capture_mode='imports')")
    project.write("auto.py", auto + STRATEGIES[engine])
    subprocess.run([PYTHON, "auto.py"], cwd=project.path, check=True, capture_output=True)
    _, row = only(project)
    report = promoted(project, row)
    done = ran(project, "python", "auto.py", before=TAPE)

    assert report.verdict is Verdict.REPRODUCED, report
    assert {check.agrees for check in report.checks} == {True}
    assert f"packed as bundle {(report.bundle or '')[:12]}" in done.err


@pytest.mark.parametrize("way", ["run", "autocapture"])
def test_a_folder_that_is_not_utf8_costs_its_place_alone(way: str, project: GitRepo) -> None:
    """The run is recorded with its code; no record could say where to start it again."""
    folder = os.fsdecode(os.fsencode(project.path) + b"/\xff")
    os.mkdir(folder)  # noqa: PTH102
    text = LRVX.replace("data/bars.csv", "../data/bars.csv")
    project.write("one.py", (AUTO if way == "autocapture" else "") + text)
    below = ["-m", "git_bt", "run", "--tape", "../data/bars.csv", "--", PYTHON]
    words = [PYTHON, *(below if way == "run" else []), "../one.py", folder]
    done = subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True)
    swept, row = only(project)
    around = swept.environments[row.environment or ""]
    ranked = bt("sweep", "best", "--metric", "total_trades", cwd=project)

    assert "next: git bt run --tape PATH -- python " in ranked.out
    assert ("not packed: " in done.stderr) == (way == "run"), done.stderr
    assert swept.sweep.snapshot is not None
    assert (around.root, around.cwd) == (None, None)
    assert around.argv is not None
    assert around.argv[1].endswith("\\udcff")


def test_a_link_to_the_repository_is_the_repository(project: GitRepo, tmp_path: Path) -> None:
    """Program and tape may be named through it: the bundle and its place are the same."""
    link = tmp_path / "link"
    link.symlink_to(project.path)
    ran(project, "python", "lrvx_strategy.py", before=TAPE)
    linked = ("--tape", str(link / "data/bars.csv"))
    ran(project, "python", str(link / "lrvx_strategy.py"), before=linked)
    ((swept, _),) = stored(project)
    one, two = swept.runs
    around = swept.environments[two.environment or ""]

    assert one.bundle is not None
    assert one.bundle == two.bundle
    assert (around.root, around.cwd) == (".", ".")
