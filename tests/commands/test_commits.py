"""Show and diff of commits, the cited line that finds its way back, and ls --conflicts."""

from pathlib import Path

import pytest

from commands.test_log import history, recorded, three
from conftest import GitRepo, make_repo
from git_bt.commands.accept import accept
from git_bt.commands.conflicts import conflicts
from git_bt.commands.diff import diff
from git_bt.commands.show import show
from git_bt.errors import Incomplete, Usage
from git_bt.looking import CommitReport
from git_bt.model import Verdict
from git_bt.reports import ShowReport
from projects import CROSS, ONCE, bt, bundle_id, silent

__all__ = ["history", "three"]


def of_commit(repo: GitRepo, name: str) -> CommitReport:
    report = show(name, cwd=repo.path)
    assert isinstance(report, CommitReport)
    return report


def of_bundle(repo: GitRepo, name: str) -> ShowReport:
    report = show(name, cwd=repo.path)
    assert isinstance(report, ShowReport)
    return report


# -- show -----------------------------------------------------------------------------------------


def test_a_commit_shows_every_result_that_belongs_to_it(history: GitRepo) -> None:
    """Those tied to it, and those of an ancestor whose inputs are the same."""
    report = of_commit(history, "HEAD")
    origins = {r.strategy: r.origin for r in report.results}

    assert report.subject == "1.0 is 2.0"
    assert origins == {
        CROSS: history.git("rev-parse", "HEAD~2"), ONCE: history.git("rev-parse", "HEAD"),
    }  # fmt: skip
    assert all(r.record is not None and r.metrics is not None for r in report.results)
    assert {r.kind for r in report.results} == {"measured"}


def test_a_commit_without_results(history: GitRepo, repo: GitRepo) -> None:
    """It is named, and what to do; a run that was never tied is shown as such."""
    repo.commit("nothing here")
    place = history.path / ONCE / "strategy.py"
    place.write_text(place.read_text().replace("2.0", "5.0"))
    bundle = bundle_id(history, ONCE)
    history.commit("packed, not recorded")
    (untied,) = [r for r in of_commit(history, "HEAD").results if r.strategy == ONCE]

    assert of_commit(repo, "HEAD").results == ()
    assert "no results" in bt("show", "HEAD", cwd=repo).out
    assert (untied.bundle, untied.verdict, untied.origin) == (bundle, None, None)
    assert "? not tied" in bt("show", "HEAD", cwd=history).out


def test_a_bundle_knows_its_commits(history: GitRepo) -> None:
    """By id, or as COMMIT:STRATEGY; with the environment that it ran on."""
    first = of_bundle(history, f"HEAD~3:{ONCE}")
    said = bt("show", f"HEAD~3:{ONCE}", cwd=history).out

    assert first.commits == (history.git("rev-parse", "HEAD~3"),)
    assert first == of_bundle(history, first.bundle)
    assert "\nenvironment\n" in said
    assert "lrvx 0." in said


def test_a_cited_line_finds_its_way_back(history: GitRepo) -> None:
    """One line with everything in full; show takes it as it is."""
    line = bt("show", "--cite", f"HEAD:{CROSS}", cwd=history).out.rstrip("\n")
    report = of_bundle(history, line)

    assert "\n" not in line
    assert line.startswith(f"{CROSS}, commit {history.git('rev-parse', 'HEAD')}, git-bt bundle ")
    assert report.bundle in line
    assert ", reproduced on flox " in line
    assert bt("show", line, cwd=history).code == 0
    assert report.cite == of_bundle(history, report.bundle).cite


def test_what_cannot_be_cited_is_said(history: GitRepo, tmp_path: Path) -> None:
    """A commit has several results; an archive is cited by its bundle alone."""
    whole = bt("show", "--cite", "HEAD", cwd=history)
    bt("export", f"HEAD:{ONCE}", "-o", str(tmp_path / "x.tar"), cwd=history)
    alone = bt("show", "--cite", str(tmp_path / "x.tar"), cwd=tmp_path)
    value = bt("show", "--cite", "--json", f"HEAD:{ONCE}", cwd=history).json

    assert (whole.code, "not cited whole" in whole.err) == (2, True)
    assert alone.out.startswith("strategy.py, git-bt bundle ") or "git-bt bundle " in alone.out
    assert value["cite"].startswith(f"{ONCE}, commit ")


def test_words_that_name_nothing_stay_what_they_were(history: GitRepo, tmp_path: Path) -> None:
    """The message is about bundles; outside of a repository nothing is a commit."""
    with pytest.raises(Usage):
        show("nowhere", cwd=history.path)
    with pytest.raises(Usage, match="no bundle"):
        show("abcdef0", cwd=history.path)
    with pytest.raises(Usage):
        show("", cwd=history.path)
    assert bt("show", "HEAD", cwd=tmp_path).code == 128
    assert bt("show", "--json", "HEAD", cwd=history).json["schema"] == "git-bt/show-commit/1"


def test_notes_without_a_store_are_shown(history: GitRepo, tmp_path: Path) -> None:
    """What the notes say is said, and what to fetch."""
    clone = make_repo(tmp_path / "clone")
    clone.git("fetch", "-q", str(history.path), "main", "+refs/notes/bt:refs/notes/bt")
    clone.git("checkout", "-q", "-b", "here", "FETCH_HEAD")
    results = of_commit(clone, "HEAD").results

    assert {(r.record, r.metrics) for r in results} == {(None, None)}
    assert "git bt fetch" in bt("show", "HEAD", cwd=clone).out


# -- diff -----------------------------------------------------------------------------------------


def test_the_results_of_two_commits_differ(history: GitRepo) -> None:
    """Named, or the only one that differs; the code by git's own diff."""
    named = diff("HEAD~1", "HEAD", ONCE, cwd=history.path)
    meant = diff("HEAD~1", "HEAD", cwd=history.path)
    again = diff(f"HEAD~1:{ONCE}", f"HEAD:{ONCE}", cwd=history.path)

    assert named == meant == again
    assert named.comparison.verdict is Verdict.DIVERGED
    assert "-            self.market_buy(1.0)" in named.code
    assert diff("HEAD~1", "HEAD", CROSS, cwd=history.path).equal
    assert diff("HEAD~3", "HEAD~2", "cross", cwd=history.path / "strategies").equal is False


def test_two_commits_do_not_always_say_whose(history: GitRepo) -> None:
    """Several differ, or none; a commit beside a bundle; no result at all."""
    bundle = of_bundle(history, f"HEAD:{ONCE}").bundle

    with pytest.raises(Usage, match=f"several strategies differ: {CROSS}, {ONCE}"):
        diff("HEAD~3", "HEAD", cwd=history.path)
    with pytest.raises(Usage, match=f"no result differs: {CROSS}, {ONCE}"):
        diff("HEAD", "HEAD", cwd=history.path)
    with pytest.raises(Usage, match="HEAD is a commit"):
        diff("HEAD", bundle, cwd=history.path)
    with pytest.raises(Usage, match="HEAD is a commit"):
        diff(bundle, "HEAD", cwd=history.path)
    with pytest.raises(Usage, match="no commit 'nowhere'"):
        diff("nowhere", "HEAD", ONCE, cwd=history.path)


def test_two_commits_without_a_result_in_common(repo: GitRepo) -> None:
    """What is missing is said."""
    repo.commit("one")
    with pytest.raises(Incomplete, match="no strategy has a result on both"):
        diff("HEAD", "HEAD", cwd=repo.path)


def test_the_program_takes_commits(history: GitRepo) -> None:
    """With a strategy behind them, from anywhere; exit 1 when they differ."""
    said = bt("diff", "HEAD~1", "HEAD", "once", cwd=history.path / "strategies")

    assert said.code == 1
    assert "fills[0].quantity" in said.out
    assert bt("diff", "HEAD~1", "HEAD", CROSS, cwd=history).code == 0
    assert bt("diff", "--json", "HEAD~3", "HEAD", cwd=history).code == 2


# -- ls --conflicts -------------------------------------------------------------------------------


def test_conflicts_are_listed_until_one_is_accepted(history: GitRepo) -> None:
    """Both outputs, the older first; filtered by strategy; gone when settled."""
    flag = history.path.parent / "flag"
    place = history.path / ONCE / "strategy.py"
    text = place.read_text().replace(
        "2.0", f"2.0 if __import__('os').path.exists({str(flag)!r}) else 4.0"
    )
    place.write_text(text)
    first = bundle_id(history, ONCE)
    history.commit("hidden input")
    recorded(history)
    none = conflicts(cwd=history.path).conflicts
    flag.touch()
    second = bundle_id(history, ONCE)
    (row,) = conflicts(cwd=history.path).conflicts

    assert none == ()
    assert row.strategies == (ONCE,)
    assert [output.bundle for output in row.outputs] == [first, second]
    assert [output.runs for output in row.outputs] == [1, 1]
    assert conflicts((CROSS,), cwd=history.path).conflicts == ()
    assert len(conflicts((ONCE,), cwd=history.path).conflicts) == 1
    said = bt("ls", "--conflicts", cwd=history).out
    assert said.startswith(f"✗ conflict  {ONCE}, inputs ")
    assert f"git bt diff {first[:12]} {second[:12]}" in said
    assert len(bt("ls", "--conflicts", "--json", cwd=history).json["conflicts"]) == 1

    accept((ONCE,), step=silent, cwd=history.path)
    assert conflicts(cwd=history.path).conflicts == ()
    assert bt("ls", "--conflicts", cwd=history).out == "✓ no conflicts\n"
    assert [r.kind for c in [of_commit(history, "HEAD")] for r in c.results] == [
        "measured", "accepted",
    ]  # fmt: skip
