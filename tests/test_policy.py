"""Policy: every key from either place, which one wins, and what a wrong word is told."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from conftest import GitRepo
from git_bt import policy
from git_bt.errors import Usage
from git_bt.files import commit_files, index_files, work_tree_files
from git_bt.objects import Objects
from git_bt.policy import MaxDrop, Policy, decode_policy, is_too_far, read_policy
from git_bt.repo import Repo

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "configuration.md"


def test_nothing_said_is_the_default() -> None:
    """An accepted and recorded result is asked for; a changed one does not stop a commit."""
    assert decode_policy({}) == Policy(
        on_change="record",
        time_budget=5.0,
        require_result=True,
        require_accepted=True,
        every_commit=False,
        environment="say",
        max_drop=(),
    )


def test_every_key_is_read_from_the_table() -> None:
    """TOML gives booleans, numbers and a table; a percentage is a part of what was before."""
    found = decode_policy(
        {
            "on-change": "stop",
            "time-budget": 2,
            "require-result": False,
            "require-accepted": False,
            "every-commit": True,
            "environment": "fail",
            "max-drop": {"sharpe": 0.2, "pnl": "10%"},
        }
    )

    assert found == Policy(
        on_change="stop",
        time_budget=2.0,
        require_result=False,
        require_accepted=False,
        every_commit=True,
        environment="fail",
        max_drop=(
            MaxDrop(metric="pnl", amount=0.1, relative=True),
            MaxDrop(metric="sharpe", amount=0.2),
        ),
    )


def test_git_config_wins() -> None:
    """Git's words are texts; the last of several counts, limits of metrics are one list."""
    found = decode_policy(
        {"on-change": "record", "time-budget": 60, "max-drop": {"pnl": 5}},
        {
            "bt.onchange": ("record", "stop"),
            "bt.timebudget": ("0",),
            "bt.requireresult": ("off",),
            "bt.everycommit": ("true",),
            "bt.maxdrop": ("sharpe 0.2", "pnl 10%"),
            "bt.python": (".venv",),
        },
    )

    assert (found.on_change, found.time_budget) == ("stop", 0.0)
    assert (found.require_result, found.every_commit) == (False, True)
    assert found.max_drop == (
        MaxDrop(metric="pnl", amount=0.1, relative=True),
        MaxDrop(metric="sharpe", amount=0.2),
    )


@pytest.mark.parametrize(
    ("table", "settings", "said", "hint"),
    [
        ({"on-chagne": "stop"}, {}, "pyproject.toml: [tool.git-bt] on-chagne: unknown key",
         "did you mean on-change?"),
        ({"time_budget": 5}, {}, "time_budget: unknown key", "did you mean time-budget?"),
        ({"colour": 1}, {}, "colour: unknown key", "known are on-change, time-budget, "),
        ({"on-change": "halt"}, {}, "on-change: 'halt' is not record or stop", None),
        ({"time-budget": "5"}, {}, "time-budget: '5' is no number of seconds", "0 sets no limit"),
        ({"time-budget": -1}, {}, "time-budget: -1 is no number of seconds", "0 sets no limit"),
        ({"time-budget": float("nan")}, {}, "nan is no number of seconds", "0 sets no limit"),
        ({"time-budget": True}, {}, "True is no number of seconds", "0 sets no limit"),
        ({"require-result": 1}, {}, "require-result: 1 is neither true nor false", None),
        ({"max-drop": 0.2}, {}, "max-drop: it must be a table of metrics", "{sharpe = 0.2}"),
        ({"max-drop": {"sharp": 1}}, {}, "unknown metric 'sharp'", "did you mean sharpe?"),
        ({"max-drop": {"max-drawdown": 1}}, {}, "'max-drawdown'", "did you mean max_drawdown?"),
        ({"max-drop": {"alpha9": 1}}, {}, "unknown metric 'alpha9'", "known are trade_count, "),
        ({"max-drop": {"pnl": "-5%"}}, {}, "pnl: '-5%' is no amount", '"10%"'),
        ({"max-drop": {"pnl": "much"}}, {}, "pnl: 'much' is no amount", '"10%"'),
        ({"max-drop": {"pnl": True}}, {}, "pnl: True is no amount", '"10%"'),
        ({}, {"bt.onchagne": ("stop",)}, "git config bt.onchagne: unknown key",
         "did you mean bt.onChange? git config --unset bt.onchagne"),
        ({}, {"bt.requireresult": ("perhaps",)}, "git config bt.requireResult: 'perhaps'", None),
        ({}, {"bt.timebudget": ("5s",)}, "bt.timeBudget: '5s' is no number", "0 sets no limit"),
        ({}, {"bt.timebudget": ("-3",)}, "bt.timeBudget: -3.0 is no number", "0 sets no limit"),
        ({}, {"bt.maxdrop": ("sharpe",)}, "bt.maxDrop: sharpe: '' is no amount", '"10%"'),
    ],
)  # fmt: skip
def test_a_wrong_word_is_one_line(
    table: Mapping[str, Any], settings: Mapping[str, Sequence[str]], said: str, hint: str | None
) -> None:
    """What is wrong, where, and the nearest known word."""
    with pytest.raises(Usage) as raised:
        decode_policy(table, settings)

    assert said in raised.value.message
    assert "\n" not in raised.value.message
    assert hint is None or hint in (raised.value.hint or "")


@pytest.mark.parametrize(
    ("metric", "amount", "relative", "before", "after", "expected"),
    [
        ("sharpe", 0.2, False, 1.0, 0.8, False),
        ("sharpe", 0.2, False, 1.0, 0.79, True),
        ("sharpe", 0.2, False, 1.0, 3.0, False),
        ("pnl", 0.1, True, -100.0, -109.0, False),
        ("pnl", 0.1, True, -100.0, -111.0, True),
        ("pnl", 0.1, True, 0.0, -0.01, True),
        ("max_drawdown", 1.0, False, 10.0, 11.5, True),
        ("max_drawdown", 1.0, False, 10.0, 2.0, False),
        ("sharpe", 0.2, False, None, -9.0, False),
        ("sharpe", 0.2, False, 1.0, None, True),
    ],
)  # fmt: skip
def test_a_metric_may_get_worse_by_so_much(
    metric: str,
    amount: float,
    relative: bool,
    before: float | None,
    after: float | None,
    expected: bool,
) -> None:
    """Less profit and more drawdown are worse; a part is of the size of what was before."""
    limit = MaxDrop(metric=metric, amount=amount, relative=relative)

    assert is_too_far(limit, before, after) is expected


def test_a_view_says_which_file_counts(repo: GitRepo) -> None:
    """The base, the index and the work tree each give their own; git config wins over each."""
    base = repo.commit("base", **{"pyproject.toml": "[tool.git-bt]\ntime-budget = 1\n"})
    repo.write("pyproject.toml", "[tool.git-bt]\ntime-budget = 2\n")
    repo.git("add", "-A")
    repo.write("pyproject.toml", "[tool.git-bt]\ntime-budget = 3\n")
    found = Repo.find(repo.path)
    with Objects(found) as objects:
        views = (
            commit_files(found, objects, base),
            index_files(found, objects),
            work_tree_files(found, objects),
        )
        budgets = [read_policy(view, found).time_budget for view in views]
        repo.git("config", "bt.timeBudget", "4")

        assert budgets == [1.0, 2.0, 3.0]
        assert read_policy(views[0], Repo.find(repo.path)).time_budget == 4.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool.other]\nx = 1\n", None),
        ("[tool.git-bt\n", "pyproject.toml: "),
        ("tool = 1 # git-bt\n", None),
        ('[tool]\ngit-bt = "yes"\n', "[tool.git-bt] must be a table"),
        (b"x = '\xff' # git-bt\n", "pyproject.toml: "),
    ],
)
def test_a_file_that_is_not_right_is_one_line(
    repo: GitRepo, text: str | bytes, said: str | None
) -> None:
    """A pyproject.toml of somebody else is nothing; one that cannot be read says where."""
    repo.write("pyproject.toml", text)
    found = Repo.find(repo.path)
    with Objects(found) as objects:
        files = work_tree_files(found, objects)
        if said is None:
            assert read_policy(files, found) == Policy()
            return
        with pytest.raises(Usage, match=re.escape(said)):
            read_policy(files, found)


def test_every_key_has_its_line_in_the_reference() -> None:
    """The table on the page has each key with the name git gives it, and nothing else."""
    shown = re.findall(r"^\| `([a-z-]+)` \| `(bt\.\w+)` \|", PAGE.read_text(), re.MULTILINE)

    assert shown == [(key, kind.setting) for key, kind in policy._KEYS.items()]
