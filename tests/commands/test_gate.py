"""Gate: what a range of commits does to its strategies, judged by runs that are made here."""

from dataclasses import replace
from typing import Any

import pytest

from conftest import GitRepo
from floxkit import BUY_ONCE, on_trade
from git_bt.commands.accept import accept
from git_bt.commands.gate import gate
from git_bt.commands.record import record
from git_bt.commands.workspace import open_workspace
from git_bt.errors import ExitCode, Incomplete, Usage
from git_bt.gating import Effect, Gated, GateReport, Level
from git_bt.model import Verdict
from projects import (
    CROSS,
    ONCE,
    PYTHON,
    RAISES,
    RANDOM,
    add_strategy,
    bundle_id,
    silent,
    yaml_of,
)

SELL = on_trade("if self.n == 1: self.market_sell(1.0)")
TWICE = on_trade("if self.n in (1, 2): self.market_buy(1.0)")
SAME = BUY_ONCE + "\n# says the same in more words\n"


def gated(repo: GitRepo, base: str = "main", head: str = "HEAD", **options: Any) -> GateReport:
    """Judge with the Python that runs the tests."""
    known = {"python": PYTHON, "step": silent, "cwd": repo.path, "jobs": 1}
    return gate(base, head, **(known | options))


def only(report: GateReport, name: str = ONCE) -> Gated:
    """Return what is said of one strategy."""
    (found,) = [each for each in report.strategies if each.strategy == name]
    return found


def kinds(report: GateReport | Gated, *levels: Level) -> list[str]:
    """Return the kinds of findings, the most severe first."""
    found = report.all_findings if isinstance(report, GateReport) else report.findings
    return [f.kind for f in found if f.level in (levels or (Level.NO, Level.UNJUDGED))]


def tie(repo: GitRepo, revision: str = "HEAD") -> None:
    """Tie what is known to a commit."""
    record(revision, step=silent, cwd=repo.path)


def take(repo: GitRepo, *names: str, reason: str = "meant") -> None:
    """Accept the output of strategies."""
    accept(names, reason=reason, step=silent, cwd=repo.path)


@pytest.fixture
def branch(project: GitRepo) -> GitRepo:
    """Give a branch off main, whose results are recorded."""
    tie(project)
    project.git("checkout", "-q", "-b", "feature")
    return project


def change(repo: GitRepo, text: str, name: str = ONCE, *, pack: bool = True) -> str:
    """Commit another text of a strategy, packed and recorded; return the bundle."""
    repo.commit("change", **{f"{name}/strategy.py": text})
    bundle = bundle_id(repo, name, runs=1) if pack else ""
    tie(repo)
    return bundle


# -- what a pull request may do -------------------------------------------------------------------


def test_what_is_known_is_not_run(branch: GitRepo) -> None:
    """The same inputs as base, and a run of them in this environment: milliseconds."""
    branch.commit("docs", **{"README.md": "text"})
    report = gated(branch)

    assert [(g.how, g.state, g.effect) for g in report.strategies] == [
        ("known", "unchanged", Effect.SAME)
    ] * 2
    assert (report.commits, report.exit_code) == (1, ExitCode.OK)


def test_all_runs_what_is_known(branch: GitRepo) -> None:
    """Nothing that somebody recorded is believed then."""
    report = gated(branch, everything=True)

    assert {g.how for g in report.strategies} == {"ran"}
    assert report.exit_code is ExitCode.OK


def test_a_refactoring_is_proved(branch: GitRepo) -> None:
    """Other code, the same output: no acceptance is needed."""
    bundle = change(branch, SAME)
    report = gated(branch)
    found = only(report)

    assert (found.state, found.verdict, found.effect) == (
        "changed",
        Verdict.REPRODUCED,
        Effect.SAME,
    )
    assert (found.recorded, found.before) == (bundle, found.after)
    assert [(c.what, c.name) for c in found.changes] == [("code", f"{ONCE}/strategy.py")]
    assert report.exit_code is ExitCode.OK


def test_a_changed_output_needs_an_acceptance(branch: GitRepo) -> None:
    """No, until somebody accepts it: then who and why is shown."""
    change(branch, SELL)
    report = gated(branch)
    found = only(report)
    assert (kinds(report), report.exit_code) == (["not-accepted"], ExitCode.DIFFERS)
    assert (found.verdict, found.effect) == (Verdict.REPRODUCED, Effect.CHANGED)
    assert found.comparison is not None
    assert found.comparison.differences[0].path == "fills[0].side"
    assert found.acceptance is None

    take(branch, ONCE, reason="we sell now")
    report = gated(branch)
    acceptance = only(report).acceptance
    assert acceptance is not None
    assert (acceptance.author, acceptance.reason) == (
        "A U Thor <author@example.com>", "we sell now",
    )  # fmt: skip
    assert (kinds(report), report.exit_code) == ([], ExitCode.OK)


def test_a_changed_strategy_needs_a_result(branch: GitRepo) -> None:
    """It runs all the same, twice, and what is missing is said."""
    branch.commit("change", **{f"{ONCE}/strategy.py": SAME})
    report = gated(branch)

    assert (kinds(report), report.exit_code) == (["no-result"], ExitCode.DIFFERS)
    assert only(report).verdict is Verdict.REPRODUCED


def test_the_work_tree_is_not_looked_at(branch: GitRepo) -> None:
    """What is judged is the commit; an edit that is not committed changes nothing."""
    change(branch, SAME)
    branch.write(f"{ONCE}/strategy.py", RAISES)
    branch.write(f"{CROSS}/strategy.yaml", "nothing: here\n")

    assert gated(branch).exit_code is ExitCode.OK


@pytest.mark.parametrize(
    ("text", "kind"), [(RAISES, "failed"), (RANDOM, "nondeterministic")], ids=["raises", "random"]
)
def test_what_does_not_hold_is_a_no(branch: GitRepo, text: str, kind: str) -> None:
    """A strategy that raises, and one that never gives the same."""
    branch.commit("change", **{f"{ONCE}/strategy.py": text})
    report = gated(branch)

    assert kinds(report)[0] == kind
    assert report.exit_code is ExitCode.DIFFERS


def test_a_new_strategy_needs_no_acceptance(branch: GitRepo) -> None:
    """There is nothing that it changes; its own tolerance is shown."""
    add_strategy(branch, "strategies/new", TWICE, more="compare: {equity: {rtol: 1e-9}}\n")
    branch.commit("new")
    bundle_id(branch, "strategies/new", runs=1)
    tie(branch)
    report = gated(branch)
    found = only(report, "strategies/new")

    assert (found.state, found.effect, report.exit_code) == ("new", Effect.NEW, ExitCode.OK)
    assert kinds(found, Level.WARNING) == ["tolerance-changed"]


def test_a_deleted_strategy_is_shown(branch: GitRepo) -> None:
    """Also one that only loses what there is to run."""
    branch.git("rm", "-rq", ONCE)
    branch.commit("gone", **{f"{CROSS}/strategy.yaml": "entry_point: strategy.py\n"})
    report = gated(branch)

    assert [(g.state, kinds(g, Level.WARNING)) for g in report.strategies] == [
        ("removed", ["removed"]),
    ] * 2
    assert report.exit_code is ExitCode.OK


def test_a_renamed_strategy_is_held_against_its_old_name(branch: GitRepo) -> None:
    """Its tolerance, too, is that of the old name."""
    branch.git("mv", ONCE, "strategies/renamed")
    branch.commit("renamed")
    branch.commit("change", **{"strategies/renamed/strategy.py": SELL})
    bundle_id(branch, "strategies/renamed", runs=1)
    tie(branch)
    report = gated(branch)
    found = only(report, "strategies/renamed")

    assert (found.state, found.renamed_from, found.effect) == ("renamed", ONCE, Effect.CHANGED)
    assert kinds(report) == ["not-accepted"]


def test_two_renamed_at_once_keep_each_its_own_base(branch: GitRepo) -> None:
    """Their strategy.yaml files are the same to the byte: where their code went tells."""
    add_strategy(branch, "strategies/a", BUY_ONCE)
    add_strategy(branch, "strategies/b", TWICE)
    for name in ("a", "b"):
        bundle_id(branch, f"strategies/{name}", runs=1)
    branch.commit("two alike")
    tie(branch)
    branch.git("branch", "-f", "main")
    branch.git("mv", "strategies/a", "strategies/y")
    branch.git("mv", "strategies/b", "strategies/x")
    branch.commit("renamed")
    report = gated(branch, python=PYTHON)
    found = {g.strategy: (g.renamed_from, g.effect) for g in report.strategies if g.renamed_from}

    assert found == {
        "strategies/y": ("strategies/a", Effect.SAME),
        "strategies/x": ("strategies/b", Effect.SAME),
    }


def test_a_renamed_strategy_whose_yaml_is_rewritten_is_none_that_is_new(branch: GitRepo) -> None:
    """A new one needs no acceptance; where git may compare few files, too."""
    branch.git("config", "diff.renameLimit", "1")
    name = "strategies/renamed"
    branch.git("mv", ONCE, name)
    branch.git("mv", f"{name}/strategy.py", f"{name}/main.py")
    more = "compare: {quantity: {rtol: 0.9}}\n" + "".join(f"# {n}\n" * n for n in range(40))
    branch.write(f"{name}/strategy.yaml", yaml_of("../../tapes/three", more, entry="main.py"))
    branch.write(f"{name}/main.py", SAME.replace("1.0", "2.0"))
    branch.write("README.md", "text")
    branch.commit("renamed and changed")
    bundle_id(branch, name, runs=1)
    tie(branch)
    report = gated(branch)
    found = only(report, name)

    assert (found.state, found.renamed_from) == ("renamed", ONCE)
    assert "not-accepted" in kinds(report)


def test_a_strategy_that_had_a_result_is_not_excused_by_a_new_name(branch: GitRepo) -> None:
    """It broke on base in a way that names no file; what passed once is no old fault."""
    branch.git("checkout", "-q", "main")
    broken = yaml_of("../../tapes/three").replace("flox", "nope")
    branch.commit("broken", **{f"{ONCE}/strategy.yaml": broken})
    branch.git("checkout", "-q", "-B", "feature")
    branch.git("mv", ONCE, "strategies/renamed")
    branch.commit("renamed")
    report = gated(branch)

    assert only(report, "strategies/renamed").renamed_from == ONCE
    assert kinds(only(report, "strategies/renamed")) == ["incomplete"]
    assert report.exit_code is ExitCode.CANNOT_JUDGE


# -- base -----------------------------------------------------------------------------------------


def test_what_changed_counts_from_the_merge_base(branch: GitRepo) -> None:
    """What came to base since is no matter of the branch; the rules of today's base hold."""
    change(branch, SAME)
    branch.git("checkout", "-q", "main")
    branch.commit(
        "main goes on", **{f"{CROSS}/strategy.py": RAISES, "pyproject.toml": "[tool.git-bt]\n"
                           "require-result = false\n"}
    )  # fmt: skip
    branch.git("checkout", "-q", "feature")
    report = gated(branch)

    assert report.policy["require-result"] is False
    assert only(report, CROSS).how == "known"
    assert report.exit_code is ExitCode.OK


def test_one_that_is_broken_on_base_blames_nobody(project: GitRepo) -> None:
    """What never passed, and is not touched, closes no gate; what mends it passes."""
    add_strategy(project, "strategies/broken", RAISES)
    project.write("strategies/unreadable/strategy.yaml", "engine: 5\nentry_point: x\n")
    project.commit("broken")
    tie(project)
    project.git("checkout", "-q", "-b", "feature")
    report = gated(project)
    assert kinds(report, Level.WARNING) == ["broken-before", "broken-before"]
    assert report.exit_code is ExitCode.OK

    change(project, BUY_ONCE, "strategies/broken")
    report = gated(project)
    assert kinds(only(report, "strategies/broken"), Level.WARNING) == ["base-broken"]
    assert report.exit_code is ExitCode.OK


def test_a_tape_that_is_nowhere_excuses_nothing(project: GitRepo) -> None:
    """It lacks on base as well, for the same reason; but with it both could be judged."""
    up = "../../tapes/gone"
    project.write("strategies/lost/strategy.py", BUY_ONCE)
    project.write("strategies/lost/strategy.yaml", yaml_of(up))
    project.commit("lost")
    tie(project)
    project.git("checkout", "-q", "-b", "feature")
    project.commit("change", **{"strategies/lost/strategy.py": SELL})
    report = gated(project)

    assert kinds(only(report, "strategies/lost")) == ["incomplete"]
    assert report.exit_code is ExitCode.CANNOT_JUDGE


def test_a_revert_needs_an_acceptance_of_its_own(branch: GitRepo) -> None:
    """What was accepted once, and left, is not accepted for good."""
    change(branch, SELL)
    take(branch, ONCE)
    change(branch, TWICE)
    take(branch, ONCE)
    branch.git("branch", "-f", "main")
    branch.git("checkout", "-q", "HEAD~1", "--", ONCE)
    branch.commit("back")
    tie(branch)
    report = gated(branch)
    assert kinds(report) == ["not-accepted"]

    take(branch, ONCE, reason="back again")
    report = gated(branch)
    assert (kinds(report), report.exit_code) == ([], ExitCode.OK)


def test_what_a_strategy_writes_to_git_decides_nothing(branch: GitRepo) -> None:
    """Head's code loosens the policy and drops results while it is judged: too late."""
    git = ["git", "-C", str(branch.path)]
    words = [["config", f"bt.require{what}", "false"] for what in ("Accepted", "Result")]
    words += [["update-ref", "-d", ref] for ref in ("refs/bt/store", "refs/notes/bt")]
    evil = f"import subprocess\nfor _w in {words}: subprocess.run({git} + _w, check=True)\n{SELL}"
    branch.commit("evil", **{f"{ONCE}/strategy.py": evil})
    report = gated(branch)

    assert branch.git("config", "bt.requireAccepted") == "false"
    assert kinds(only(report)) == ["not-accepted", "no-result"]
    assert report.exit_code is ExitCode.DIFFERS


def test_an_acceptance_whose_bundle_is_not_here_counts_for_nothing(branch: GitRepo) -> None:
    """Its record came, the output that it is of did not: nobody can say what was accepted."""
    bundle = change(branch, SELL)
    with open_workspace(branch.path) as workspace:
        store = workspace.need_store()
        run = next(run for _, run in store.runs() if run.bundle == bundle)
        store.save(runs=(replace(run, bundle="f" * 64, kind="accept", reason="lost"),))
    report = gated(branch)

    assert (kinds(report), report.exit_code) == (["not-accepted"], ExitCode.DIFFERS)


def test_an_acceptance_survives_a_squash(branch: GitRepo) -> None:
    """It is of inputs and output, not of a commit: merge queues make commits of their own."""
    change(branch, SELL)
    take(branch, ONCE)
    change(branch, SELL + "\n# tidied\n")
    branch.git("checkout", "-q", "-b", "queue", "main")
    branch.git("merge", "-q", "--squash", "feature")
    branch.commit("squashed")
    report = gated(branch)

    assert (report.commits, kinds(report), report.exit_code) == (1, [], ExitCode.OK)
    assert only(report).acceptance is not None


@pytest.mark.parametrize(
    ("base", "head", "words"),
    [("nowhere", "HEAD", "--base: no commit"), ("main", "-x", "--head: no commit")],
)
def test_commits_that_are_none(branch: GitRepo, base: str, head: str, words: str) -> None:
    """A word that names nothing is said with its option."""
    with pytest.raises(Usage, match=words):
        gated(branch, base, head)


def test_histories_that_have_nothing_in_common(branch: GitRepo) -> None:
    """In a whole clone that is a mistake, in a shallow one the history is missing."""
    branch.git("checkout", "-q", "--orphan", "other")
    branch.commit("other")
    with pytest.raises(Usage, match="no commit in common"):
        gated(branch)
    (branch.path / ".git" / "shallow").write_text(branch.git("rev-parse", "HEAD") + "\n")
    with pytest.raises(Incomplete, match="shallow clone"):
        gated(branch)


# -- policy ---------------------------------------------------------------------------------------


def rule(repo: GitRepo, text: str) -> None:
    """Make a policy that of base."""
    repo.git("checkout", "-q", "main")
    repo.commit("policy", **{"pyproject.toml": f"[tool.git-bt]\n{text}\n"})
    repo.git("checkout", "-q", "-B", "feature")


def test_a_drop_is_limited(branch: GitRepo) -> None:
    """Absolute or relative, also of what was accepted."""
    rule(branch, 'max-drop = {fill_count = 0, turnover = "50%"}')
    change(branch, on_trade("pass"))
    take(branch, ONCE)
    report = gated(branch)

    assert kinds(report) == ["max-drop", "max-drop"]
    assert "fill_count got worse by more than 0: 1 → 0" in [f.message for f in report.all_findings]


def test_every_commit_of_the_range(branch: GitRepo) -> None:
    """A commit on the way that fails is a no, though head holds."""
    rule(branch, "every-commit = true")
    bad = branch.commit("breaks", **{f"{ONCE}/strategy.py": RAISES})
    change(branch, SAME)
    report = gated(branch)

    assert [(g.commit, kinds(g)) for g in report.strategies if g.findings] == [(bad, ["failed"])]
    assert report.exit_code is ExitCode.DIFFERS


def test_a_new_name_on_the_way_brings_no_words_of_its_own(branch: GitRepo) -> None:
    """Commits behind the renaming are judged by what base calls it, and by base's tolerances."""
    rule(branch, "every-commit = true")
    name = "strategies/renamed"
    branch.git("mv", ONCE, name)
    loose = yaml_of("../../tapes/three", "compare: {quantity: {rtol: 0.9}}\n")
    branch.commit("renamed", **{f"{name}/strategy.yaml": loose})
    bad = branch.commit("more", **{f"{name}/strategy.py": BUY_ONCE.replace("1.0", "1.5")})
    change(branch, SAME, name)
    report = gated(branch)

    assert "not-accepted" in [
        f.kind for g in report.strategies for f in g.findings if g.commit == bad
    ]


def test_without_a_demand_nothing_is_missing(branch: GitRepo) -> None:
    """What is not asked for is said, and closes nothing."""
    rule(branch, "require-accepted = false\nrequire-result = false")
    branch.commit("change", **{f"{ONCE}/strategy.py": SELL})
    report = gated(branch)

    assert report.exit_code is ExitCode.OK
    assert kinds(report, Level.WARNING, Level.NOTE) == ["not-accepted", "no-result"]
    hints = [finding.hint or "" for finding in only(report).findings]
    assert f"git bt validate {ONCE}, then git bt accept {ONCE}" in hints[0]  # it never ran


def test_a_policy_of_base_that_cannot_be_read_stops(branch: GitRepo) -> None:
    """Nothing is judged by guesses; one of head is a no."""
    rule(branch, "require-result = 5")
    with pytest.raises(Usage, match="neither true nor false"):
        gated(branch)
    rule(branch, "require-result = true")
    branch.commit("head", **{"pyproject.toml": "[tool.git-bt]\nrequire-result = 5\n"})
    assert kinds(gated(branch)) == ["policy-unreadable"]
