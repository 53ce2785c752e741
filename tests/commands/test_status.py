"""Status: what is known of each strategy, in the work tree and the index, and at what cost."""

import json
import shutil
from pathlib import Path

import pytest

from conftest import GitRepo, make_repo
from floxkit import BUY_ONCE, make_venv
from git_bt.commands import glance
from git_bt.commands.record import record
from git_bt.commands.status import status
from git_bt.commands.tape_pin import pin_tape
from git_bt.errors import CannotWork
from git_bt.looking import StrategyState
from git_bt.model import TapeState
from projects import CROSS, ONCE, PYTHON, add_strategy, bt, bundle_id, silent


def states(repo: GitRepo, *names: str, cwd: Path | None = None) -> dict[str, StrategyState]:
    found = status(names, cwd=cwd or repo.path)
    return {state.strategy: state for state in found.strategies}


def words(repo: GitRepo, *names: str) -> dict[str, str]:
    return {name: state.state for name, state in states(repo, *names).items()}


@pytest.fixture
def recorded(project: GitRepo) -> GitRepo:
    """Give the project with its results tied, and the interpreter that ran them named."""
    project.git("config", "bt.python", PYTHON)
    record(step=silent, cwd=project.path)
    return project


def edit(repo: GitRepo, name: str, old: str, new: str) -> None:
    place = repo.path / name / "strategy.py"
    place.write_text(place.read_text().replace(old, new))


def test_everything_is_known(recorded: GitRepo) -> None:
    """The bundle of the run is named, and the tape is git's own."""
    found = states(recorded)

    assert list(found) == [CROSS, ONCE]
    assert {state.state for state in found.values()} == {"known"}
    assert {state.tape_state for state in found.values()} == {TapeState.TRACKED}
    assert found[ONCE].bundle == bundle_id(recorded, ONCE)
    assert found[ONCE].staged is None


def test_nothing_is_told_twice(recorded: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time no strategy is read or captured: for that there must be nothing new."""
    first = states(recorded)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("read again")

    for name in ("read_strategy", "capture", "inputs_of"):
        monkeypatch.setattr(glance, name, refuse)
    assert states(recorded) == first
    recorded.commit("words", README="x")
    assert states(recorded) == first
    edit(recorded, ONCE, "1.0", "1.5")
    with pytest.raises(AssertionError, match="read again"):
        states(recorded)


def test_a_change_is_seen_and_its_undoing_too(recorded: GitRepo) -> None:
    """By bytes: an edit, the same edit once more, back again."""
    edit(recorded, ONCE, "1.0", "1.5")
    changed = states(recorded)[ONCE]
    again = states(recorded)[ONCE]
    edit(recorded, ONCE, "1.5", "1.25")
    other = states(recorded)[ONCE]
    edit(recorded, ONCE, "1.25", "1.0")
    back = states(recorded)[ONCE]

    assert changed == again
    assert changed.staged is None
    assert (changed.state, other.state, back.state) == ("changed", "changed", "known")
    assert len({changed.inputs, other.inputs, back.inputs}) == 3
    assert changed.bundle == back.bundle
    assert changed.hint == f"git bt validate {ONCE}, then git bt pack {ONCE}"


def test_every_file_of_a_strategy_counts(recorded: GitRepo) -> None:
    """An imported module that is new, its change, and one that is ignored by git."""
    edit(recorded, ONCE, "import lrvx", "import lrvx, helper")
    recorded.write(f"{ONCE}/helper.py", "X = 1\n")
    recorded.write(".gitignore", "helper.py\n")
    one = states(recorded)[ONCE].inputs
    recorded.write(f"{ONCE}/helper.py", "X = 2\n")
    two = states(recorded)[ONCE].inputs
    recorded.write(f"{ONCE}/helper.py", "X = 1\n")

    assert len({one, two, states(recorded)[CROSS].inputs}) == 3
    assert states(recorded)[ONCE].inputs == one


def test_the_index_is_another_matter(recorded: GitRepo) -> None:
    """What is staged and then changed again is said; untracked is not staged; removed is."""
    edit(recorded, ONCE, "1.0", "1.5")
    bundle_id(recorded, ONCE)
    recorded.git("add", "-A")
    edit(recorded, ONCE, "1.5", "1.25")
    add_strategy(recorded, "strategies/new", BUY_ONCE)
    shutil.rmtree(recorded.path / CROSS)
    found = states(recorded)

    assert found[ONCE].state == "changed"
    assert found[ONCE].staged is not None
    assert found[ONCE].staged.state == "known"
    assert (found["strategies/new"].state, found["strategies/new"].staged) == ("new", None)
    assert found[CROSS].state == "removed"
    assert found[CROSS].staged is None


def test_a_pin_that_is_staged_is_staged(recorded: GitRepo) -> None:
    """The index has another pin than HEAD, and the work tree another tape than both."""
    recorded.git("rm", "-q", "-r", "--cached", "tapes/three")
    pin_tape("tapes/three", cwd=recorded.path)
    recorded.commit("pinned", **{".gitignore": "/tapes/three/\n"})
    place = recorded.path / "tapes/three/a.lrvx"
    before = place.read_bytes()
    shutil.copy(recorded.path / "tapes/walk/a.lrvx", place)
    pin_tape("tapes/three", cwd=recorded.path)
    recorded.git("add", "-A")
    place.write_bytes(before)
    found = states(recorded)[ONCE]

    assert (found.state, found.tape_state) == ("known", TapeState.CHANGED)
    assert found.staged is not None
    assert found.staged.state == "changed"
    assert found.staged.inputs != found.inputs


def test_a_new_strategy_is_new(recorded: GitRepo) -> None:
    """Nothing to be judged against: pack it."""
    add_strategy(recorded, "strategies/new", BUY_ONCE.replace("1.0", "3.0"))
    found = states(recorded)["strategies/new"]

    assert (found.state, found.hint) == ("new", "git bt pack strategies/new")


def test_outputs_that_stand_against_each_other(recorded: GitRepo) -> None:
    """Hidden input: a conflict until one is accepted."""
    flag = recorded.path.parent / "flag"
    edit(recorded, ONCE, "1.0", f"2.0 if __import__('os').path.exists({str(flag)!r}) else 4.0")
    bundle_id(recorded, ONCE)
    flag.touch()
    bundle_id(recorded, ONCE)
    found = states(recorded)[ONCE]

    assert found.state == "conflict"
    assert "stand" not in found.message
    assert found.message.count(" and ") == 1


def test_another_environment_is_said(recorded: GitRepo, tmp_path: Path) -> None:
    """The engine of another version: which, and that a run would tell."""
    prefix = tmp_path / "other"
    site = make_venv(prefix, "numpy")
    (site / "lrvx").mkdir()
    (site / "lrvx-0.11.99.dist-info").mkdir()
    recorded.git("config", "bt.python", str(prefix / "bin" / "python"))
    found = states(recorded)[ONCE]
    (site / "lrvx-0.11.99.dist-info").rmdir()
    place = recorded.path / ONCE / "strategy.yaml"
    place.write_text(f"{place.read_text()}python: {prefix}\n")
    none = states(recorded)[ONCE]

    assert found.state == none.state == "environment"
    assert [(c.name, c.here) for c in found.environment if c.name == "lrvx"] == [
        ("lrvx", "0.11.99")
    ]
    assert found.hint == f"git bt validate {ONCE}"
    assert "cannot run engine flox" in none.message


def test_a_result_that_has_not_come(recorded: GitRepo, tmp_path: Path) -> None:
    """The notes name it, the store lacks it."""
    clone = make_repo(tmp_path / "clone")
    clone.git("fetch", "-q", str(recorded.path), "main", "+refs/notes/bt:refs/notes/bt")
    clone.git("checkout", "-q", "-b", "here", "FETCH_HEAD")
    found = states(clone)[ONCE]

    assert (found.state, found.hint) == ("unfetched", "git bt fetch")


def test_what_cannot_be_read_hides_nothing(recorded: GitRepo) -> None:
    """A broken file, an unknown engine, a missing tape: each says so, the others are judged."""
    recorded.write("a/strategy.yaml", "entry_point: [\n")
    recorded.write("b/strategy.yaml", "entry_point: s.py\nengine: nonesuch\ntape: ../tapes/three\n")
    recorded.write("b/s.py", "")
    recorded.write("c/strategy.yaml", "entry_point: s.py\ntape: ../tapes/none\n")
    recorded.write("c/s.py", "")
    recorded.write("d/strategy.yaml", "entry_point: s.py\n")
    recorded.write("d/s.py", "")
    recorded.write("e/strategy.yaml", "entry_point: s.py\nengine: flox\n")
    recorded.write("e/s.py", "")
    found = states(recorded)

    assert {name: state.state for name, state in found.items()} == {
        "a": "unreadable", "b": "unreadable", "c": "incomplete", "e": "incomplete",
        CROSS: "known", ONCE: "known",
    }  # fmt: skip
    assert found["b"].message == "unknown engine 'nonesuch'"
    assert "no tape at" in found["c"].message


@pytest.mark.parametrize("state", list(TapeState))
def test_each_state_of_a_tape(state: TapeState, recorded: GitRepo) -> None:
    """Tracked, pinned, changed since, missing, unpinned: told apart, the strategy judged."""
    place = recorded.path / "tapes/three"
    if state is not TapeState.TRACKED:
        recorded.git("rm", "-q", "-r", "--cached", "tapes/three")
        recorded.commit("untracked", **{".gitignore": "/tapes/three/\n"})
    if state not in (TapeState.TRACKED, TapeState.UNPINNED):
        pin_tape("tapes/three", cwd=recorded.path)
        recorded.commit("pinned")
    if state is TapeState.CHANGED:
        shutil.copy(recorded.path / "tapes/walk/a.lrvx", place / "a.lrvx")
    if state is TapeState.MISSING:
        shutil.rmtree(place)
    found = states(recorded)[ONCE]

    assert (found.tape, found.tape_state) == ("tapes/three", state)
    assert found.state == ("changed" if state is TapeState.CHANGED else "known")
    assert ("tape tapes/three" in bt("status", cwd=recorded).out) == (
        state in (TapeState.CHANGED, TapeState.MISSING, TapeState.UNPINNED)
    )


def test_the_program_shows_it(recorded: GitRepo) -> None:
    """One line each and a summary; by name, from anywhere; JSON."""
    said = bt("status", cwd=recorded)
    value = bt("status", "--json", "once", cwd=recorded.path / "strategies").json

    assert said.code == 0
    assert said.out.splitlines()[0].startswith(f"✓ known  {CROSS} (")
    assert said.out.endswith("2 strategies: 2 known\n")
    assert [s["strategy"] for s in value["strategies"]] == [ONCE]
    assert value["head"] == recorded.git("rev-parse", "HEAD")
    assert words(recorded, "strategies") == words(recorded, ".") == words(recorded)
    assert bt("status", "tapes", cwd=recorded).out.startswith("no strategies here")


def test_an_entry_file_without_a_strategy_yaml(recorded: GitRepo) -> None:
    """It is a strategy once it was packed: known, changed, gone; its tape was an option of pack."""
    recorded.commit("alone", **{"alone.py": BUY_ONCE})
    assert "alone.py" not in states(recorded)
    packed = bundle_id(recorded, "alone.py", tape="tapes/three", engine="flox", runs=1)
    known = states(recorded)["alone.py"]
    recorded.write("alone.py", BUY_ONCE.replace("1.0", "4.0"))
    changed = states(recorded)["alone.py"]
    (recorded.path / "alone.py").unlink()
    removed = states(recorded)["alone.py"]
    recorded.git("rm", "-q", "--cached", "alone.py")

    assert (known.state, known.bundle, known.tape_state) == ("known", packed, None)
    assert (changed.state, changed.bundle) == ("changed", packed)
    assert changed.hint == "git bt validate alone.py"
    assert removed.state == "removed"
    assert "alone.py" not in states(recorded)


def test_without_a_commit_and_without_a_work_tree(repo: GitRepo, tmp_path: Path) -> None:
    """An unborn branch has strategies; a bare repository has none to speak of."""
    add_strategy(repo, "s", BUY_ONCE)
    repo.write("tapes/three/a.lrvx", b"x")
    bare = make_repo(tmp_path / "bare", "--bare")

    assert words(repo) == {"s": "new"}
    with pytest.raises(CannotWork, match="no work tree"):
        status(cwd=bare.path)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"code": 1}'])
def test_a_broken_memory_is_forgotten(text: str, recorded: GitRepo) -> None:
    """Whatever stands there; what is of our form but wrong in a fact, too."""
    before = states(recorded)
    place = recorded.path / ".git/bt/status.json"
    kept = json.loads(place.read_text())
    place.write_text(text)
    assert states(recorded) == before
    kept["facts"] = {key: {"x": 1} for key in kept["facts"]}
    place.write_text(json.dumps(kept))
    assert states(recorded) == before
    place.unlink()
    place.mkdir()

    assert states(recorded) == before
    assert not list(place.parent.glob("status.json.*"))
