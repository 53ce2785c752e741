"""Real commits: what each state of a strategy does to a commit, and that it is of that commit.

Each test runs twice: with the native hooks, and with the real pre-commit around the same hooks.
"""

import json
import re
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from commands.test_extended import append
from conftest import GitRepo, make_repo
from floxkit import BUY_ONCE, on_trade, write_tape
from git_bt.commands.accept import accept
from git_bt.commands.hooks.queue import Queue
from git_bt.model import Verdict
from git_bt.repo import Repo
from hooks.framework import Product
from hooks.kit import (
    commit,
    git,
    install_native,
    lines_of,
    refs,
    runs_of,
    settle,
    state,
)
from projects import (
    CROSS,
    ONCE,
    RANDOM,
    add_strategy,
    all_runs,
    silent,
)

REFACTORED = BUY_ONCE.replace("self.n += 1", "self.n = self.n + 1")
TWICE = BUY_ONCE.replace("market_buy(1.0)", "market_buy(2.0)")
BROKEN = on_trade("raise RuntimeError('no more')")
PLAIN = "files: [old.py]\nentry_point: old.py\n"


Install = Callable[[GitRepo], None]


@pytest.fixture(params=["native", "pre-commit"])
def install(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Give each of the two ways in which hooks come to a repository."""
    if request.param == "native":
        return lambda repo: install_native(repo, monkeypatch)
    product: Product = request.getfixturevalue("product")
    return lambda repo: product.install(repo, "bt-validate", "bt-record", monkeypatch=monkeypatch)


@pytest.fixture
def hooked(project: GitRepo, install: Install) -> GitRepo:
    """Give a repository with two known strategies whose commits run the hooks."""
    settle(project)
    install(project)
    if project.git("status", "--porcelain"):
        project.git("add", "-A")
        project.git("commit", "-q", "--no-verify", "-m", "hooks")
    return project


def stage(repo: GitRepo, text: str, name: str = ONCE) -> None:
    """Write a strategy's code and stage it."""
    repo.write(f"{name}/strategy.py", text)
    repo.git("add", "-A")


def queue(repo: GitRepo) -> list[str]:
    """The strategies whose runs were put off."""
    return [entry.strategy for entry in Queue(Repo.find(repo.path).cache_dir).all()]


# -- the table ------------------------------------------------------------------------------------


def test_known_says_and_runs_nothing(hooked: GitRepo) -> None:
    """A commit that touches no strategy is silent, the second time without reading one."""
    before = refs(hooked)
    first = commit(hooked, **{"README.md": "one"})
    memory = (hooked.path / ".git/bt/hook.json").read_text()
    second = commit(hooked, **{"README.md": "two"})

    assert (first.code, first.ours) == (second.code, second.ours) == (0, "")
    assert refs(hooked) == before
    assert (hooked.path / ".git/bt/hook.json").read_text() == memory


def test_identical_is_recorded_by_itself(hooked: GitRepo) -> None:
    """The refactoring proof: other code, the same output, tied to the commit."""
    stage(hooked, REFACTORED)
    said = commit(hooked)
    line = lines_of(hooked)[ONCE]

    assert said.code == 0
    assert f"✓ code changed, results identical  {ONCE} ({line.bundle[:12]}), " in said.text
    assert f"tied to {hooked.git('rev-parse', 'HEAD')[:12]}: {ONCE}" in said.text
    assert (line.verdict, line.kind) == (Verdict.REPRODUCED, "measured")
    assert lines_of(hooked).keys() == {ONCE}
    assert commit(hooked, **{"README.md": "one"}).ours == ""


def test_a_tape_that_grew_is_recorded_by_itself(hooked: GitRepo) -> None:
    """The verdict is extended; new fills are counted."""
    append(hooked, [100.0, 140.0, 60.0, 140.0] * 20)
    hooked.git("add", "-A")
    said = commit(hooked)

    assert said.code == 0
    assert f"✓ tape extended  {CROSS} (" in said.text
    assert "identical to 2023-11-14T22:13:22.999000000Z, " in said.text
    assert lines_of(hooked)[CROSS].verdict is Verdict.EXTENDED


def test_a_changed_output_is_recorded_and_shown(hooked: GitRepo) -> None:
    """Metrics before and after, the first difference, and how to take it as meant."""
    stage(hooked, TWICE)
    said = commit(hooked)
    line = lines_of(hooked)[ONCE]

    assert said.code == 0
    assert f"? results changed  {ONCE} ({line.bundle[:12]}), " in said.text
    assert re.search(r"\n    quantity filled +1 +→ +2\n", said.text)
    assert "fills[0].quantity: expected 1.0 actual 2.0" in said.text
    assert f"git bt accept {ONCE} -m REASON" in said.text
    assert (line.kind, runs_of(hooked, ONCE)[0].runs) == ("measured", 2)


def test_a_changed_output_stops_where_the_policy_says_so(hooked: GitRepo) -> None:
    """Nothing is stored; once it is accepted, the commit goes through and says by whom."""
    hooked.git("config", "bt.onChange", "stop")
    before = refs(hooked)
    stage(hooked, TWICE)
    stopped = commit(hooked)

    assert stopped.code == 1
    assert "✗ results changed" in stopped.text
    assert "the commit stops for 1 strategy" in stopped.text
    assert refs(hooked) == before

    (taken,) = accept([ONCE], reason="twice the size", step=silent, cwd=hooked.path).strategies
    assert taken.bundle is not None
    assert commit(hooked).code == 0
    line = lines_of(hooked)[ONCE]
    assert (line.kind, line.bundle) == ("accepted", taken.bundle)
    assert line.replaces == taken.replaces is not None


def test_a_new_strategy_runs_and_is_recorded(hooked: GitRepo) -> None:
    """Twice, the second time varied, as pack does."""
    add_strategy(hooked, "strategies/new", BUY_ONCE)
    hooked.git("add", "-A")
    said = commit(hooked)

    assert said.code == 0
    assert "✓ new  strategies/new (" in said.text
    assert lines_of(hooked).keys() == {"strategies/new"}
    assert runs_of(hooked, "strategies/new")[0].runs == 2


@pytest.mark.parametrize(
    ("text", "said", "mend"),
    [
        (BROKEN, f"✗ failed  {ONCE}", "RuntimeError: no more"),
        (RANDOM, f"✗ nondeterministic  {ONCE}", "hint: seed random numbers"),
    ],
    ids=["failed", "nondeterministic"],
)
def test_what_cannot_be_recorded_stops_the_commit(
    hooked: GitRepo, text: str, said: str, mend: str
) -> None:
    """Reason and mend; nothing is stored, and what the commit was about stays staged."""
    before, head = refs(hooked), hooked.git("rev-parse", "HEAD")
    stage(hooked, text)
    unchanged = state(hooked)
    stopped = commit(hooked)

    assert stopped.code == 1
    assert said in stopped.text
    assert mend in stopped.text
    assert (refs(hooked), hooked.git("rev-parse", "HEAD")) == (before, head)
    assert state(hooked) == unchanged


def test_a_corrupt_bundle_stops_the_commit(hooked: GitRepo) -> None:
    """What a strategy is judged against is proved before anything runs."""
    stage(hooked, REFACTORED)
    (found,) = [run.bundle for run in all_runs(hooked) if run.strategy == ONCE]
    tree = hooked.git("ls-tree", "-r", "refs/bt/store")
    place = f"{found[:2]}/{found[2:4]}/{found[4:]}/output/fills.csv"
    oid = next(line.split()[2] for line in tree.splitlines() if line.endswith(place))
    loose = hooked.path / ".git/objects" / oid[:2] / oid[2:]
    loose.chmod(0o644)
    loose.write_bytes(loose.read_bytes()[:-9])
    stopped = commit(hooked)

    assert stopped.code == 1
    assert f"✗ corrupt  {ONCE}" in stopped.text


def test_what_is_incomplete_is_said_and_goes_on(hooked: GitRepo) -> None:
    """Its tape is not here: the gate will not let it pass."""
    add_strategy(hooked, "strategies/far", BUY_ONCE, tape="elsewhere")
    hooked.git("add", "-A")
    said = commit(hooked)

    assert said.code == 0
    assert "? cannot be judged here  strategies/far" in said.text
    assert lines_of(hooked) == {}


def test_another_environment_is_one_line_for_all(hooked: GitRepo, tmp_path: Path) -> None:
    """A package has another version: nothing runs, the gate or validate will."""
    commit(hooked, **{"README.md": "one"})
    hooked.git("config", "bt.python", str(_other_environment(tmp_path / "other")))
    before = refs(hooked)
    said = commit(hooked, **{"README.md": "two"})
    again = commit(hooked, **{"README.md": "three"})

    assert said.code == 0
    assert said.ours == again.ours
    assert said.ours.startswith("2 strategies known, on other versions than here: not run;")
    assert len(said.ours.splitlines()) == 2
    assert refs(hooked) == before


def _other_environment(venv: Path) -> Path:
    """Make an environment with this one's packages, and another version of numpy by name."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    site = venv / "lib" / version / "site-packages"
    site.mkdir(parents=True)
    (venv / "bin").mkdir(exist_ok=True)
    (venv / "bin/python").symlink_to(Path(sys.executable).resolve())
    home = Path(sys.executable).resolve().parent
    (venv / "pyvenv.cfg").write_text(f"home = {home}\nversion = {sys.version.split()[0]}\n")
    (site / "theirs.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (site / "numpy-99.0.dist-info").mkdir()
    return venv / "bin/python"


@pytest.mark.parametrize("yaml", [PLAIN, "files:\n  - old.py\n  - lib/more.py\n"])
def test_what_has_nothing_to_run_is_captured_and_tied(hooked: GitRepo, yaml: str) -> None:
    """An old RustyBT file with neither engine nor tape, nor an entry point; once a change."""
    files = {"old/strategy.yaml": yaml, "old/old.py": "x = 1\n", "old/lib/more.py": "y = 1\n"}
    first = commit(hooked, **files)
    other = commit(hooked, **{"README.md": "one"})
    again = commit(hooked, **{"README.md": "two"})
    changed = commit(hooked, **{"old/old.py": "x = 2\n"})
    notes = hooked.git("notes", "--ref=bt", "show", "HEAD")

    assert [s.code for s in (first, other, again, changed)] == [0, 0, 0, 0]
    assert first.ours == f"tied to {hooked.git('rev-parse', 'HEAD~3')[:12]}: old (code)\n"
    assert (other.ours, again.ours) == ("", "")
    assert "old (code)" in changed.text
    assert '"kind":"captured"' in notes
    snapshot = json.loads(notes)["snapshot"]
    place = f"{snapshot[:2]}/{snapshot[2:4]}/{snapshot[4:]}/strategy/old/old.py"
    assert hooked.git("show", f"refs/bt/store:v1/snapshots/{place}") == "x = 2"
    assert lines_of(hooked) == {}


def test_what_cannot_be_read_stops_the_commit_that_breaks_it(hooked: GitRepo) -> None:
    """Later commits, which do not touch it, are told and go on."""
    hooked.write(f"{ONCE}/strategy.yaml", "entry_point: gone.py\nengine: flox\n")
    hooked.git("add", "-A")
    stopped = commit(hooked)
    forced = commit(hooked, "--no-verify")
    later = commit(hooked, **{"README.md": "one"})

    assert (stopped.code, forced.code, later.code) == (1, 0, 0)
    assert f"✗ unreadable  {ONCE}" in stopped.text
    assert f"✗ unreadable  {ONCE}" in later.text
    assert "stops" not in later.text


def test_a_failing_strategy_stops_no_commit_that_does_not_touch_it(hooked: GitRepo) -> None:
    """It was forced in: it is said again, and in nobody's way."""
    stage(hooked, BROKEN)
    commit(hooked, "--no-verify")
    later = commit(hooked, **{"README.md": "one"})

    assert later.code == 0


def test_a_wrong_policy_is_one_line(hooked: GitRepo) -> None:
    """The commit stops, since nobody can tell what was wanted."""
    said = commit(
        hooked, **{"pyproject.toml": '[tool.git-bt]\non-change = "halt"\n', f"{ONCE}/x.py": ""}
    )

    assert said.code == 1
    assert said.ours == (
        "error: pyproject.toml: [tool.git-bt] on-change: 'halt' is not record or stop\n"
    )


# -- what is judged is what is committed ----------------------------------------------------------


def test_a_partial_commit_is_judged_by_what_it_commits(hooked: GitRepo) -> None:
    """`git commit FILE`: the other strategy, broken and staged, is not in it."""
    hooked.write(f"{ONCE}/strategy.py", REFACTORED)
    stage(hooked, BROKEN, CROSS)
    said = git(hooked, "commit", "-q", "-m", "one of two", f"{ONCE}/strategy.py")

    assert said.code == 0
    assert "results identical" in said.text
    assert lines_of(hooked).keys() == {ONCE}


def test_the_index_runs_and_not_the_work_tree(hooked: GitRepo) -> None:
    """What was staged is good; what lies there now would raise, and is not looked at."""
    stage(hooked, REFACTORED)
    hooked.write(f"{ONCE}/strategy.py", BROKEN)
    before = state(hooked)
    said = commit(hooked)

    assert said.code == 0
    assert "results identical" in said.text
    assert (hooked.path / f"{ONCE}/strategy.py").read_text() == BROKEN
    assert state(hooked)[0] == before[0]


def test_the_first_commit(tmp_path: Path, install: Install) -> None:
    """There is no HEAD yet: everything is new."""
    repo = make_repo(tmp_path / "fresh")
    settle(repo)
    install(repo)
    (repo.path / "tapes").mkdir()
    write_tape(repo.path / "tapes/three", [100.0, 100.5, 101.0])
    add_strategy(repo, ONCE, BUY_ONCE)
    repo.git("add", "-A")
    said = commit(repo)

    assert said.code == 0
    assert f"✓ new  {ONCE} (" in said.text
    assert lines_of(repo).keys() == {ONCE}


def test_a_detached_head(hooked: GitRepo) -> None:
    """No branch is needed."""
    hooked.git("checkout", "-q", "--detach")
    stage(hooked, REFACTORED)

    assert commit(hooked).code == 0
    assert lines_of(hooked).keys() == {ONCE}


def test_a_path_that_is_not_ascii(hooked: GitRepo) -> None:
    """Names are UTF-8 wherever they appear."""
    name = "strategies/größe 名"
    add_strategy(hooked, name, BUY_ONCE)
    hooked.git("add", "-A")
    said = commit(hooked)

    assert said.code == 0
    assert f"✓ new  {name} (" in said.text
    assert lines_of(hooked).keys() == {name}


def test_a_deletion_only(hooked: GitRepo) -> None:
    """A strategy that goes needs no run, and the other none either."""
    before = refs(hooked)
    hooked.git("rm", "-rq", ONCE)
    said = commit(hooked)

    assert (said.code, said.ours) == (0, "")
    assert refs(hooked) == before


# -- commits that are made anew -------------------------------------------------------------------


def test_an_amended_commit_has_its_results_again(hooked: GitRepo) -> None:
    """The same inputs, another commit: inherited; other inputs: measured."""
    stage(hooked, REFACTORED)
    commit(hooked)
    bundle = lines_of(hooked)[ONCE].bundle
    git(hooked, "commit", "-q", "--amend", "-m", "reworded")

    assert lines_of(hooked)[ONCE].bundle == bundle
    assert lines_of(hooked)[ONCE].kind == "inherited"

    stage(hooked, TWICE)
    said = git(hooked, "commit", "-q", "--amend", "--no-edit")
    assert "results changed" in said.text
    assert lines_of(hooked)[ONCE].kind == "measured"
    assert lines_of(hooked)[ONCE].bundle != bundle


def test_a_rebase_of_three_commits(hooked: GitRepo) -> None:
    """Each new commit has the result of the old one."""
    hooked.git("checkout", "-q", "-b", "work")
    for number in range(3):
        stage(hooked, BUY_ONCE.replace("1.0", f"{number + 2}.0"))
        assert commit(hooked).code == 0
    old = [lines_of(hooked, f"HEAD~{n}")[ONCE].bundle for n in range(3)]
    hooked.git("checkout", "-q", "main")
    commit(hooked, **{"README.md": "one"})
    said = git(hooked, "rebase", "-q", "main", "work")

    assert said.code == 0
    assert [lines_of(hooked, f"HEAD~{n}")[ONCE].bundle for n in range(3)] == old
    assert {lines_of(hooked, f"HEAD~{n}")[ONCE].kind for n in range(3)} == {"inherited"}
    assert queue(hooked) == []


def test_a_merge_is_judged_and_tied(hooked: GitRepo) -> None:
    """What comes of both sides together is run before the merge is made, and tied to it."""
    text = BUY_ONCE.replace("1.0", "sizes.A * sizes.B").replace(
        "import lrvx", "import lrvx\nimport sizes"
    )
    hooked.write(f"{ONCE}/sizes.py", "A = 1.0\n\n\n\nB = 1.0\n")
    stage(hooked, text)
    assert commit(hooked).code == 0
    hooked.git("checkout", "-q", "-b", "work")
    assert commit(hooked, **{f"{ONCE}/sizes.py": "A = 2.0\n\n\n\nB = 1.0\n"}).code == 0
    hooked.git("checkout", "-q", "main")
    assert commit(hooked, **{f"{ONCE}/sizes.py": "A = 1.0\n\n\n\nB = 3.0\n"}).code == 0
    merged = git(hooked, "merge", "-q", "--no-edit", "work")

    assert merged.code == 0
    assert re.search(r"\n    quantity filled +3 +→ +6\n", merged.text)
    assert f"tied to {hooked.git('rev-parse', 'HEAD')[:12]}: {ONCE}" in merged.text
    assert lines_of(hooked).keys() == {ONCE}


def test_a_linked_worktree(hooked: GitRepo, tmp_path: Path) -> None:
    """Its own index and HEAD, the same store and hooks."""
    tree = tmp_path / "linked"
    hooked.git("worktree", "add", "-q", str(tree), "-b", "work")
    (tree / f"{ONCE}/strategy.py").write_text(REFACTORED)
    said = git(hooked, "commit", "-qam", "in the other tree", cwd=tree)

    assert said.code == 0
    assert "results identical" in said.text
    assert lines_of(hooked, "work").keys() == {ONCE}
    assert hooked.git("status", "--porcelain") == ""
