"""Results of a fork: taken for some commits, shown by every command as the word of a stranger."""

from pathlib import Path

import pytest

from conftest import GitRepo
from floxkit import BUY_ONCE
from git_bt.commands.record import record
from projects import CROSS, ONCE, PYTHON, add_strategy, bt, bundle_id, silent


@pytest.fixture
def ours(project: GitRepo, tmp_path: Path) -> tuple[GitRepo, str]:
    """Give a clone that has taken the results of a fork's HEAD, and the fork's address."""
    add_strategy(project, ONCE, BUY_ONCE.replace("1.0", "2.0"))
    bundle_id(project, ONCE, runs=1)
    project.commit("buy more")
    record("HEAD~1", step=silent, cwd=project.path)
    record(step=silent, cwd=project.path)
    url = f"file://{project.path}"
    clone = GitRepo(tmp_path / "ours")
    project.git("clone", "-q", url, str(clone.path))
    assert bt("fetch", url, "HEAD", cwd=clone).code == 0
    return clone, url[-60:]


def test_log_and_show_say_whose_word_it_is(ours: tuple[GitRepo, str]) -> None:
    """In text, in JSON, and in the line that is cited."""
    repo, url = ours
    word = f"by the word of a fork: {url}"
    (commit,) = bt("log", "--json", cwd=repo).json["commits"]
    shown = bt("show", "HEAD", "--json", cwd=repo).json["results"]
    whole = bt("show", f"HEAD:{ONCE}", "--json", cwd=repo).json

    assert [(x["strategy"], x["fork"]) for x in commit["results"]] == [(ONCE, url)]
    assert [(x["strategy"], x["fork"]) for x in shown] == [(ONCE, url)]
    assert (whole["fork"], whole["runs"], whole["strategies"]) == (url, [], [ONCE])
    assert f"taken from   {url}, a fork" in bt("show", f"HEAD:{ONCE}", cwd=repo).out
    for words in (("log",), ("show", "HEAD"), ("show", "--cite", f"HEAD:{ONCE}")):
        assert word in " ".join(bt(*words, cwd=repo).out.split())


def test_status_does_not_take_it_for_known(ours: tuple[GitRepo, str]) -> None:
    """It says what to run; what is changed is still told to be held against a fork's bundle."""
    repo, url = ours
    states = {x["strategy"]: x for x in bt("status", "--json", cwd=repo).json["strategies"]}
    text = " ".join(bt("status", cwd=repo).out.split())

    assert (states[ONCE]["state"], states[ONCE]["fork"]) == ("fork", url)
    assert (states[CROSS]["state"], states[CROSS]["fork"]) == ("new", None)
    assert f"by the word of a fork: {url}" in text
    assert f"hint: git bt validate {ONCE}" in text
    add_strategy(repo, ONCE, BUY_ONCE.replace("1.0", "3.0"))
    (changed,) = bt("status", ONCE, "--json", cwd=repo).json["strategies"]
    assert (changed["state"], changed["fork"]) == ("changed", url)


def test_what_was_run_here_is_ours(ours: tuple[GitRepo, str]) -> None:
    """A run that gives the same is recorded as our own, beside the line of the fork."""
    repo, url = ours
    ran = bt("validate", ONCE, "--record", "--python", PYTHON, "--json", cwd=repo)
    assert (ran.code, ran.json["bundles"][0]["verdict"]) == (0, "reproduced")
    bt("record", cwd=repo)
    (commit,) = bt("log", "--json", cwd=repo).json["commits"]
    (shown,) = bt("show", "HEAD", "--json", cwd=repo).json["results"]
    (state,) = bt("status", ONCE, "--json", cwd=repo).json["strategies"]

    assert {(x["strategy"], x["fork"]) for x in commit["results"]} == {(ONCE, None), (ONCE, url)}
    assert (shown["kind"], shown["fork"]) == ("measured", None)
    assert (state["state"], state["fork"]) == ("known", None)
    assert bt("show", f"HEAD:{ONCE}", "--json", cwd=repo).json["fork"] is None
