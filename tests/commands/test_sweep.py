"""Sweeps as users see them: list, show, rank, promote, merge."""

import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from conftest import GitRepo
from git_bt.canonical import sha256
from git_bt.commands.promote import promote
from git_bt.commands.sweep import best, ls, show
from git_bt.errors import Incomplete, Usage
from git_bt.fsck import fsck
from git_bt.model import Captured, Data, Member, Snapshot, Verdict
from git_bt.objects import Objects
from git_bt.records import snapshot_id
from git_bt.repo import Repo
from git_bt.spool import Spool, find_spool
from git_bt.sweep_records import Surroundings, Sweep, SweepRun, sweep_run_id
from git_bt.sweeping import PromoteReport
from projects import PYTHON, all_runs, bt, silent

CODE = """\
import helper
def run(tape, config):
    config = dict(config)
    return {"metrics": {"sharpe": helper.ratio(**config), "rows": len(tape.read_text().split())}}
"""
HELPER = "def ratio(fast, slow=20, *, scale=1):\n    return scale * fast / slow\n"
YAML = "entry_point: ratio.py\nfiles: [helper.py]\nengine: python\ntape: ../tape.csv\n"
FILES = {"grid/ratio.py": CODE, "grid/helper.py": HELPER}
AROUND = Surroundings(python="3.11.7", platform="linux-x86_64", packages={"numpy": "2.4.6"})


def captured(files: dict[str, str], entry: str) -> Captured:
    """Return a snapshot of some texts."""
    data = {path: text.encode() for path, text in files.items()}
    members = {p: Member(sha256=sha256(d), size=len(d)) for p, d in data.items()}
    return Captured(
        snapshot=Snapshot(entry_point=entry, method="imports", files=members),
        content={p: Data(d) for p, d in data.items()},
    )


def record(
    repo: GitRepo,
    *rows: tuple[dict[str, Any], dict[str, Any]],
    name: str = "grid",
    status: str = "ok",
    files: dict[str, str] | None = None,
    **more: Any,
) -> list[SweepRun]:
    """Leave runs of a sweep in the spool of a repository."""
    folder = find_spool(repo.path)
    assert folder is not None
    spool = Spool(folder)
    code = captured(files or FILES, min(files or {"grid/ratio.py": ""}))
    sweep = Sweep(name=name, snapshot=snapshot_id(code.snapshot), **more)
    found = [
        spool.record(
            sweep, started_ns=1_700_000_000_000_000_000 + n, elapsed_ns=10**9, status=status,
            params=params, metrics=metrics, code=code, surroundings=AROUND,
            error=None if status == "ok" else "ValueError: no",
        )
        for n, (params, metrics) in enumerate(rows)
    ]  # fmt: skip
    spool.close()
    return found


def grid(repo: GitRepo, **more: Any) -> list[SweepRun]:
    """Leave the runs of three settings."""
    settings = [(1, 10), (5, 20), (3, 30)]
    rows = [({"fast": f, "slow": s}, {"sharpe": f / s, "rows": 3}) for f, s in settings]
    return record(repo, *rows, **more)


@pytest.fixture
def swept(repo: GitRepo) -> GitRepo:
    """Give a repository with a strategy, its tape, and the runs of three settings."""
    for path, text in {**FILES, "grid/strategy.yaml": YAML, "tape.csv": "1\n2\n3\n"}.items():
        repo.write(path, text)
    repo.commit("strategy")
    grid(repo)
    return repo


def promoted(repo: GitRepo, run: SweepRun | str, **options: Any) -> PromoteReport:
    """Promote a run with the Python that runs the tests."""
    name = run if isinstance(run, str) else sweep_run_id(run)[:12]
    return promote(name, **({"python": PYTHON, "step": silent, "cwd": repo.path} | options))


def best_run(repo: GitRepo) -> str:
    """Return the id of the best setting's run."""
    return best("sharpe", cwd=repo.path).runs[0].id


# -- looking --------------------------------------------------------------------------------------


def test_sweeps_are_listed(swept: GitRepo) -> None:
    """The one that ran last comes first; a command that reads moves the spool in."""
    record(swept, ({"a": 1}, {}), name="later", status="failed")
    one, two = sorted(ls(cwd=swept.path).sweeps, key=lambda head: head.name)

    assert (one.name, one.runs, one.settings, one.metrics) == ("grid", 3, 3, ("rows", "sharpe"))
    assert (two.name, two.failed) == ("later", 1)
    assert not list((swept.path / ".git/bt/spool").glob("*.spool"))


def test_a_run_of_the_year_1970_is_the_first(repo: GitRepo) -> None:
    """A clock that stands at zero gives a time like any other, in a list as in one sweep."""
    spool = Spool(repo.path / ".git/bt/spool")
    for started_ns in (0, 5):
        spool.record(
            Sweep(name="clock"), started_ns=started_ns, elapsed_ns=1, status="ok",
            params={}, metrics={},
        )  # fmt: skip
    spool.close()
    (head,) = ls(cwd=repo.path).sweeps

    assert (head.first_ns, head.last_ns) == (0, 5)
    assert show(cwd=repo.path).head == head


def test_a_sweep_is_shown(swept: GitRepo) -> None:
    """By name, by id, or the last one: parameters, metrics, failures, surroundings."""
    record(swept, ({"fast": 7, "slow": "x"}, {}), status="failed")
    record(swept, ({"fast": 1, "slow": 10}, {"sharpe": math.nan}))
    report = show("grid", cwd=swept.path)
    fast, slow = report.parameters
    rows, sharpe = report.metrics

    assert show(report.head.id[:6], cwd=swept.path) == show(cwd=swept.path) == report
    assert (fast.distinct, fast.least, fast.greatest) == (4, 1, 7)
    assert (slow.least, slow.shown) == (None, (10, 20, 30, "x"))
    assert (sharpe.numbers, sharpe.lowest, sharpe.median, sharpe.highest) == (3, 0.1, 0.1, 0.25)
    assert rows.numbers == 3
    assert report.errors == (("ValueError: no", 1),)
    assert report.unsteady == 1
    assert report.environments == ((AROUND, 5),)


def test_the_best_come_first(swept: GitRepo) -> None:
    """As many as asked for, of all that were ranked."""
    record(swept, ({"fast": 9}, {"sharpe": math.nan}), ({"fast": 8}, {}))
    report = best("sharpe", "grid", number_of=2, cwd=swept.path)
    low = best("sharpe", "grid", number_of=1, lowest=True, cwd=swept.path)

    assert [(r.rank, r.value, r.params) for r in report.runs] == [
        (1, 0.25, {"fast": 5, "slow": 20}),
        (2, 0.1, {"fast": 1, "slow": 10}),
    ]
    assert (report.of, report.unranked) == (3, 2)
    assert low.runs[0].value == 0.1


def test_of_two_sweeps_of_one_name_the_last_counts(swept: GitRepo) -> None:
    """The code was edited between them, and that is said."""
    record(swept, ({"a": 1}, {"sharpe": 9}), files={"grid/ratio.py": "other"})
    record(swept, ({"a": 2}, {"sharpe": 8}), files={"grid/ratio.py": "other"})
    report = best("sharpe", "grid", cwd=swept.path)

    assert len(ls(cwd=swept.path).sweeps) == 2
    assert report.of in (2, 3)
    assert [notice.kind for notice in report.notices] == ["sweep_names_equal"]


def test_what_is_not_there_is_said(swept: GitRepo, tmp_path: Path) -> None:
    """No sweep at all, none of that name, no such metric."""
    empty = GitRepo(tmp_path / "empty")
    shutil.copytree(swept.path, empty.path)
    shutil.rmtree(empty.path / ".git/bt")
    with pytest.raises(Incomplete, match="no sweep is recorded here"):
        show(cwd=empty.path)
    with pytest.raises(Usage, match="no sweep other"):
        show("other", cwd=swept.path)
    with pytest.raises(Usage, match="has a metric sortino") as error:
        best("sortino", cwd=swept.path)

    assert error.value.hint == "there are: rows, sharpe"
    assert ls(cwd=empty.path).sweeps == ()


def test_the_program_answers(swept: GitRepo, tmp_path: Path) -> None:
    """Every command, as text and as JSON that keeps to its schema."""
    grid(swept)
    away = tmp_path / "away"
    shutil.copytree(swept.path / ".git/bt/spool", away)

    assert bt("sweep", "ls", cwd=swept).out.splitlines()[1].endswith("grid")
    assert bt("sweep", "ls", "--json", cwd=swept).json["sweeps"][0]["runs"] == 6
    assert "3 settings" in bt("sweep", "show", cwd=swept).out
    assert bt("sweep", "show", "grid", "--json", cwd=swept).json["sweep"]["settings"] == 3
    answer = bt("sweep", "best", "--metric", "sharpe", "-n", "1", "--json", cwd=swept).json
    assert answer["runs"][0]["params"] == {"fast": 5, "slow": 20}
    assert bt("sweep", "merge", str(away), cwd=swept).out == "0 new runs from 1 file\n"
    assert bt("sweep", "merge", str(away), "--json", cwd=swept).json["runs"] == 0
    assert bt("sweep", "best", "--metric", "none", cwd=swept).code == 2


# -- promoting ------------------------------------------------------------------------------------


def test_a_run_is_promoted(swept: GitRepo) -> None:
    """Its code, its parameters, twice; the bundle keeps its rank."""
    shutil.rmtree(swept.path / "grid")  # what ran is in the store
    swept.write("grid/strategy.yaml", YAML)
    swept.write("grid/ratio.py", "def run(tape, config): raise RuntimeError\n")
    swept.write("grid/helper.py", "")
    report = promoted(swept, best_run(swept), metric="sharpe")
    (run,) = all_runs(swept)
    shown = bt("show", report.bundle or "", cwd=swept).out

    assert (report.verdict, report.rank) == (Verdict.REPRODUCED, "rank 1 of 3 by sharpe")
    assert [(c.name, c.agrees) for c in report.checks] == [("rows", True), ("sharpe", True)]
    assert run.strategy == "grid"
    assert run.reason == f"{report.rank}: run {report.run} of sweep grid {report.sweep}"
    assert "rank 1 of 3 by sharpe" in " ".join(shown.split())
    assert bt("validate", report.bundle or "", "--python", PYTHON, cwd=swept).code == 0


def test_the_program_promotes(swept: GitRepo) -> None:
    """As JSON that keeps to its schema."""
    answer = bt("sweep", "promote", best_run(swept)[:8], "--json", "--python", PYTHON, cwd=swept)

    assert answer.code == 0, answer.err
    assert (answer.json["verdict"], answer.json["rank"]) == ("reproduced", None)


def test_a_run_that_gives_other_metrics_is_not_stored(swept: GitRepo) -> None:
    """Its rank would be that of something else."""
    (run,) = record(swept, ({"fast": 6, "slow": 20}, {"sharpe": 9.5, "rows": 3, "own": 1}))
    report = promoted(swept, run, metric="sharpe")

    assert (report.verdict, report.bundle) == (Verdict.DIVERGED, None)
    assert [(c.name, c.agrees) for c in report.checks] == [
        ("own", None), ("rows", True), ("sharpe", False),
    ]  # fmt: skip
    assert "other metrics than the row: sharpe" in report.message
    assert all_runs(swept) == []


def test_a_run_that_raises_is_not_stored(swept: GitRepo) -> None:
    """With the engine's own words."""
    (run,) = record(swept, ({"fast": 1, "slow": 0}, {"sharpe": 1}))
    report = promoted(swept, run)

    assert report.verdict is Verdict.FAILED
    assert "ZeroDivisionError" in report.message + report.tail
    assert all_runs(swept) == []


def test_metrics_that_the_run_does_not_give_are_said(swept: GitRepo) -> None:
    """It is stored: nothing speaks against it."""
    (run,) = record(swept, ({"fast": 1, "slow": 10}, {"own": 1}))
    report = promoted(swept, run)

    assert report.bundle is not None
    assert "no metric of the row could be compared" in report.message


def test_config_of_strategy_yaml_that_the_run_did_not_set_counts(swept: GitRepo) -> None:
    """The row stands above it."""
    swept.write("grid/strategy.yaml", YAML + "config: {scale: 2, fast: 99}\n")
    (run,) = record(swept, ({"fast": 1, "slow": 10}, {"sharpe": 0.2}))

    assert promoted(swept, run).verdict is Verdict.REPRODUCED


def test_options_say_what_is_not_known(swept: GitRepo) -> None:
    """Engine and tape; without a strategy.yaml nothing else does."""
    (swept.path / "grid/strategy.yaml").unlink()
    with pytest.raises(Incomplete, match="engine of sweep grid is not known"):
        promoted(swept, best_run(swept))
    with pytest.raises(Incomplete, match="tape of sweep grid is not known"):
        promoted(swept, best_run(swept), engine="python")
    report = promoted(swept, best_run(swept), engine="python", tape="tape.csv")

    assert report.verdict is Verdict.REPRODUCED
    assert report.strategy == "grid/ratio.py"


def test_what_the_sweep_says_of_engine_and_tape_counts(swept: GitRepo) -> None:
    """As `git bt run` records them."""
    (swept.path / "grid/strategy.yaml").unlink()
    (run,) = record(
        swept, ({"fast": 1, "slow": 10}, {"sharpe": 0.1}), engine="python", tape="tape.csv"
    )

    assert promoted(swept, run).verdict is Verdict.REPRODUCED


def test_the_script_of_a_sweep_is_not_its_strategy(swept: GitRepo) -> None:
    """The entry point of strategy.yaml is run, when the sweep's code has it."""
    files = {**FILES, "grid/a_sweep.py": "raise RuntimeError\n"}
    (run,) = record(swept, ({"fast": 1, "slow": 10}, {"sharpe": 0.1}), files=files)
    (bare,) = record(swept, ({"a": 1}, {}), files={"grid/a_sweep.py": "raise RuntimeError\n"})

    assert promoted(swept, run).verdict is Verdict.REPRODUCED
    with pytest.raises(Incomplete, match=r"has no grid/ratio\.py: it is grid/a_sweep\.py"):
        promoted(swept, bare)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"status": "failed"}, "failed: ValueError: no"),
        ({"params": {"x": math.inf}}, "parameter x is inf"),
        ({"rank": True}, "has no number under sharpe"),
    ],
)
def test_what_cannot_be_promoted_is_said(
    swept: GitRepo, options: dict[str, Any], says: str
) -> None:
    """In one line, before anything runs."""
    params = options.get("params", {"n": 1})
    metric = "sharpe" if "rank" in options else None
    (run,) = record(swept, (params, {"sharpe": "text"}), status=options.get("status", "ok"))

    with pytest.raises(Usage, match=says):
        promoted(swept, run, metric=metric)


def test_a_run_is_named_by_its_id(swept: GitRepo) -> None:
    """Nothing else, and enough of it."""
    for name, says in (("best", "is no id of a run"), ("0000000000", "no run 0000000000")):
        with pytest.raises(Usage, match=says):
            promoted(swept, name)


def test_a_sweep_goes_to_other_clones(swept: GitRepo, tmp_path: Path) -> None:
    """Two clones sweep, push and fetch: both have all runs, and gc takes nothing."""
    swept.git("init", "-q", "--bare", str(tmp_path / "remote.git"))
    swept.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    swept.git("push", "-q", "origin", "main")
    swept.git("clone", "-q", str(tmp_path / "remote.git"), str(tmp_path / "other"))
    other = GitRepo(tmp_path / "other")
    record(other, ({"fast": 2, "slow": 10}, {"sharpe": 0.2, "rows": 3}))
    for repo in (swept, other, swept):
        pushed = bt("push", cwd=repo)
        assert pushed.code == 0, pushed.err
    assert bt("fetch", cwd=other).code == 0
    for repo in (swept, other):
        repo.git("gc", "-q", "--prune=now")
        report = best("sharpe", "grid", cwd=repo.path)
        found = Repo.find(repo.path)
        with Objects(found) as objects:
            assert fsck(found, objects).problems == ()

        assert [r.value for r in report.runs] == [0.25, 0.2, 0.1, 0.1]
