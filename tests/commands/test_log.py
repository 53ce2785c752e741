"""Log: commits with results on real notes, each beside the result before it; pager and colour."""

import importlib
import json
import os
import pty
import select
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import GitRepo, make_repo, take_away
from git_bt.commands.accept import accept
from git_bt.commands.commits import walk
from git_bt.commands.log import log
from git_bt.commands.measure import Measured
from git_bt.commands.record import record
from git_bt.errors import CannotWork, Usage
from git_bt.looking import LoggedResult, LogReport
from git_bt.objects import Objects
from git_bt.repo import Repo
from git_bt.store import Store
from projects import CROSS, ONCE, PYTHON, bt, bundle_id, silent


def recorded(repo: GitRepo) -> None:
    """Tie what is known to HEAD."""
    record(step=silent, cwd=repo.path)


def change(repo: GitRepo, name: str, old: str, new: str) -> str:
    """Change a strategy, pack it, commit, record; return the bundle."""
    place = repo.path / name / "strategy.py"
    place.write_text(place.read_text().replace(old, new))
    bundle = bundle_id(repo, name)
    repo.commit(f"{old} is {new}")
    recorded(repo)
    return bundle


@pytest.fixture(scope="session")
def three(template: GitRepo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitRepo]:
    """Make the repository that `history` copies."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        take_away(monkeypatch, tmp_path_factory.mktemp("home"), tmp_path_factory.getbasetemp())
        place = tmp_path_factory.mktemp("three") / "repo"
        shutil.copytree(template.path, place)
        yield made(GitRepo(place, ticks=template.ticks))


@pytest.fixture
def history(three: GitRepo, tmp_path: Path) -> GitRepo:
    """Give a project with results on three commits, and one commit without any."""
    shutil.copytree(three.path, tmp_path / "history")
    return GitRepo(tmp_path / "history", ticks=three.ticks)


def made(project: GitRepo) -> GitRepo:
    """Make the history."""
    recorded(project)
    change(project, CROSS, "0.05", "0.06")
    project.commit("words", README="x\n")
    recorded(project)
    change(project, ONCE, "1.0", "2.0")
    return project


def logged(repo: GitRepo, *words: str, behind: tuple[str, ...] = (), **options: Any) -> LogReport:
    return log(words, behind, cwd=repo.path, **options)


def shape(report: LogReport) -> list[tuple[str, list[str]]]:
    """Return subjects and names of strategies."""
    return [(c.subject, [r.strategy for r in c.results]) for c in report.commits]


def only(report: LogReport) -> Iterator[LoggedResult]:
    return (result for commit in report.commits for result in commit.results)


def test_commits_with_results_newest_first(history: GitRepo) -> None:
    """A commit that changed no inputs is not there."""
    report = logged(history)

    assert shape(report) == [
        ("1.0 is 2.0", [ONCE]),
        ("0.05 is 0.06", [CROSS]),
        ("two strategies", [CROSS, ONCE]),
    ]
    assert not report.more
    assert {result.kind for result in only(report)} == {"measured"}
    assert (report.commits[0].author, report.commits[0].when_s) == ("A U Thor", 1_700_000_180)


def test_each_stands_beside_the_one_before_it(history: GitRepo) -> None:
    """That of the same strategy, also when it lies behind the last commit shown."""
    newest, *_ = only(logged(history, count=1))
    first = [result for result in only(logged(history)) if result.strategy == ONCE][1]

    assert logged(history, count=1).more
    assert newest.previous == first.bundle
    assert newest.before == first.metrics is not None
    assert newest.metrics is not None
    assert newest.metrics.total_filled_quantity == 2 * (first.metrics.total_filled_quantity or 0)
    assert (first.previous, first.before) == (None, None)


@pytest.mark.parametrize(
    ("words", "behind", "subjects"),
    [
        ((), (CROSS,), ["0.05 is 0.06", "two strategies"]),
        ((CROSS,), (), ["0.05 is 0.06", "two strategies"]),
        (("HEAD~1",), (), ["0.05 is 0.06", "two strategies"]),
        (("HEAD~1", CROSS), (), ["0.05 is 0.06", "two strategies"]),
        (("HEAD~2..HEAD",), (), ["1.0 is 2.0"]),
        (("HEAD~3..",), (ONCE,), ["1.0 is 2.0"]),
        (("HEAD..HEAD",), (), []),
        ((), ("strategies/none",), []),
    ],
)
def test_ranges_and_strategies(
    words: tuple[str, ...], behind: tuple[str, ...], subjects: list[str], history: GitRepo
) -> None:
    """As git log takes them; without `--` a revision comes first."""
    report = logged(history, *words, behind=behind)

    assert [commit.subject for commit in report.commits] == subjects
    assert all(not behind or r.strategy in behind for r in only(report))


@pytest.mark.parametrize(
    "words", [("nowhere",), ("HEAD", "nowhere"), ("--all",), ("-x",), ("a\0b",), ("",)]
)
def test_a_word_that_names_nothing_is_refused(words: tuple[str, ...], history: GitRepo) -> None:
    """No option of git's gets through."""
    with pytest.raises(Usage):
        logged(history, *words)


def test_accepted_and_inherited_are_said(history: GitRepo) -> None:
    """After an amended message the results are those of before."""
    history.git("commit", "-q", "--amend", "-m", "better words")
    recorded(history)
    (newest, *_) = logged(history).commits

    assert newest.subject == "better words"
    assert [result.kind for result in newest.results] == ["inherited"]


def test_what_was_measured_and_then_accepted_is_shown_once(history: GitRepo) -> None:
    """As accepted, beside the result of the commit before; another output is another line."""
    bundle = change(history, ONCE, "2.0", "3.0")
    accept([ONCE], reason="thrice the size", step=silent, cwd=history.path)
    lines = history.git("notes", "--ref=bt", "show", "HEAD").splitlines()
    (newest, *older) = logged(history).commits
    (result,) = newest.results

    assert [json.loads(line)["bundle"] for line in lines] == [bundle] * 2
    assert (result.kind, result.bundle) == ("accepted", bundle)
    assert result.previous == result.replaces == older[0].results[0].bundle


def test_a_bundle_that_is_not_here_hides_nothing(history: GitRepo, tmp_path: Path) -> None:
    """Notes may come before the store: the result is shown, its metrics are not."""
    clone = make_repo(tmp_path / "clone")
    url = str(history.path)
    clone.git("fetch", "-q", url, "main", "+refs/notes/bt:refs/notes/bt")
    clone.git("checkout", "-q", "-b", "here", "FETCH_HEAD")
    report = logged(clone)

    assert shape(report) == shape(logged(history))
    assert {result.metrics for result in only(report)} == {None}
    assert "the bundle is not here: git bt fetch" in bt("log", cwd=clone).out


def test_nothing_to_list_is_no_error(repo: GitRepo, project: GitRepo) -> None:
    """No commit yet, no notes, or no result in the range."""
    assert logged(repo) == logged(project) == LogReport(commits=(), more=False)
    assert bt("log", cwd=repo).out.startswith("no results on these commits\n")
    assert bt("log", "--json", cwd=project).json["commits"] == []


def test_the_program_logs(history: GitRepo) -> None:
    """Text and JSON, with the words behind -- taken as strategies."""
    said = bt("log", "-n", "2", "--", ONCE, cwd=history)
    value = bt("log", "--json", "-n", "1", cwd=history).json

    assert said.code == 0
    assert said.out.count("commit ") == 2
    assert f"{CROSS} (" not in said.out
    assert "  fills 1, " in said.out
    assert (value["more"], len(value["commits"])) == (True, 1)
    assert bt("log", "--", "--json", cwd=history).out.startswith("no results")


def test_metrics_are_remembered(history: GitRepo) -> None:
    """By bundle id; a file that is broken, or of other formulas, is read past."""
    before = logged(history)
    place = history.path / ".git/bt/metrics.json"
    kept = json.loads(place.read_text())
    stamp = place.stat()
    again = logged(history)

    assert again == before
    assert place.stat() == stamp
    assert len(kept["metrics"]) == 4
    for text in ("{", "[]", '{"code": 1}', json.dumps(kept | {"code": "x"}), '{"metrics": []}'):
        place.write_text(text)
        assert logged(history) == before
    kept["metrics"] = {key: [True] * 10 for key in kept["metrics"]}
    place.write_text(json.dumps(kept))
    assert logged(history) == before


def test_a_cache_that_cannot_be_written_stops_nothing(history: GitRepo) -> None:
    """A folder stands in its place."""
    place = history.path / ".git/bt/metrics.json"
    place.mkdir(parents=True)
    found = Repo.find(history.path)
    with Objects(found) as objects:
        measured = Measured(Store(found, objects))
        for result in only(logged(history)):
            assert measured.of(result.bundle) == result.metrics
        measured.save()

    assert not list(place.parent.glob("metrics.json.*"))


def test_a_walk_that_git_refuses_is_said(history: GitRepo) -> None:
    """A revision that is none fails; one that is left early leaves no process."""
    found = Repo.find(history.path)
    with pytest.raises(CannotWork, match="rev-list"):
        list(walk(found, "nowhere"))
    commits = walk(found, "HEAD")
    next(commits)
    commits.close()  # type: ignore[attr-defined]

    assert len(list(walk(found, "HEAD"))) == 4


def test_a_long_history_is_walked_to_its_last_result(
    history: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Far back, all notes are listed once: commits without one are passed over, then it ends."""
    module = importlib.import_module("git_bt.commands.log")
    whole = logged(history)
    for number in range(1, 6):
        monkeypatch.setattr(module, "_LOOK_UP", number)
        assert logged(history) == whole
        assert shape(logged(history, count=1)) == shape(whole)[:1]
    monkeypatch.setattr(module, "_LOOK_BEHIND", 0)
    newest, *_ = only(logged(history, count=1))

    assert newest.previous is None


# -- on a terminal --------------------------------------------------------------------------------


def on_terminal(cwd: GitRepo, *args: str, env: dict[str, str]) -> str:
    """Run the program with a terminal as standard output, and return what came."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [PYTHON, "-m", "git_bt", *args],
        cwd=cwd.path,
        env={k: v for k, v in os.environ.items() if k != "NO_COLOR"} | {"TERM": "xterm"} | env,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs)
    data = b""
    while select.select([ours], [], [], 20)[0]:
        try:
            piece = os.read(ours, 4096)
        except OSError:
            break
        if not piece:
            break
        data += piece
    process.wait()
    os.close(ours)
    return data.decode().replace("\r\n", "\n")


def test_a_terminal_gets_gits_pager(history: GitRepo) -> None:
    """GIT_PAGER, with less told to leave short answers; an answer in JSON is never paged."""
    paged = on_terminal(history, "log", env={"GIT_PAGER": "sed s/^/$LESS:/"})
    as_json = on_terminal(history, "log", "--json", env={"GIT_PAGER": "sed s/^/x/"})

    assert all(line.startswith("FRX:") for line in paged.splitlines())
    assert as_json.startswith("{")


@pytest.mark.parametrize("pager", ["cat", "", "no-such-pager-anywhere", "head -c 1 >/dev/null"])
def test_no_pager_or_a_bad_one_is_no_harm(pager: str, history: GitRepo) -> None:
    """`git --no-pager` says cat; one that cannot be started is done without."""
    shown = on_terminal(history, "log", env={"GIT_PAGER": pager})

    assert (shown == "") == pager.startswith("head")
    assert "Traceback" not in shown


@pytest.mark.parametrize(
    ("config", "env", "painted"),
    [
        ({}, {}, True),
        ({"color.ui": "false"}, {}, False),
        ({"color.ui": "always"}, {}, True),
        ({"color.pager": "false"}, {}, False),
        ({}, {"NO_COLOR": "1"}, False),
        ({"color.ui": "always"}, {"NO_COLOR": "1"}, False),
    ],
)
def test_colour_is_gits(
    config: dict[str, str], env: dict[str, str], painted: bool, history: GitRepo
) -> None:
    """color.ui and color.pager hold, and NO_COLOR stands above them."""
    for key, value in config.items():
        history.git("config", key, value)
    shown = on_terminal(history, "log", env={"GIT_PAGER": "cat"} | env)

    assert ("\x1b[" in shown) == painted


def test_git_paginate_keeps_the_colour(history: GitRepo) -> None:
    """`git -p bt log` runs the pager itself, and says so."""
    env = {"GIT_PAGER_IN_USE": "true", "NO_COLOR": "", "TERM": "xterm"}

    assert "\x1b[" in bt("log", cwd=history, env=env).out
