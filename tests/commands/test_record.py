"""Record: what each way to rewrite history carries over, and what it must not."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from conftest import EPOCH, GitRepo, take_away
from floxkit import BUY_ONCE, write_tape
from git_bt.canonical import sha256
from git_bt.capture.strategy import read_strategy
from git_bt.commands.inputs import Memory, inputs_in_commit, inputs_of
from git_bt.commands.noted import results_of
from git_bt.commands.record import record
from git_bt.commands.tape_pin import pin_tape
from git_bt.errors import ExitCode, Usage
from git_bt.files import commit_files
from git_bt.model import NoteLine, Oid, Verdict
from git_bt.notes import REF, Notes
from git_bt.objects import Objects
from git_bt.publish import read_refs
from git_bt.records import encode_note_line
from git_bt.repo import Repo
from git_bt.reports import RecordReport, Tied
from git_bt.store import Store
from projects import (
    CROSS,
    ONCE,
    PYTHON,
    add_strategy,
    all_runs,
    bt,
    bundle_id,
    silent,
    validated,
    yaml_of,
)
from store_cases import results_of as all_results

TWICE = BUY_ONCE.replace("1.0", "2.0")
LINE = NoteLine(
    strategy="é", inputs="", bundle="b" * 64, run="c" * 64, verdict=Verdict.REPRODUCED,
    kind="measured",
)  # fmt: skip
THRICE = BUY_ONCE.replace("1.0", "3.0")


def recorded(repo: GitRepo, revision: str = "HEAD") -> RecordReport:
    return record(revision, step=silent, cwd=repo.path)


def states(report: RecordReport) -> dict[str, tuple[str, str | None]]:
    """Return state and kind of each strategy of the last commit."""
    return {each.strategy: (each.state, each.kind) for each in report.commits[-1].strategies}


def one(report: RecordReport, strategy: str) -> Tied:
    (found,) = [x for x in report.commits[-1].strategies if x.strategy == strategy]
    return found


def notes(repo: GitRepo) -> dict[Oid, tuple[NoteLine, ...]]:
    found = Repo.find(repo.path)
    with Objects(found) as objects:
        return all_results(objects, read_refs(found, REF).get(REF))


def misplaced(repo: GitRepo) -> list[tuple[Oid, NoteLine]]:
    """Return the results whose commit's tree gives other inputs, computed without any memory."""
    found = Repo.find(repo.path)
    wrong = []
    with Objects(found) as objects:
        for commit, lines in notes(repo).items():
            files = commit_files(found, objects, commit)
            for line in lines:
                strategy = read_strategy(files, line.strategy)
                there = inputs_of(files, strategy, top=repo.path, cwd=repo.path)
                wrong += [(commit, line)] if there.id != line.inputs else []
    return wrong


@pytest.fixture(scope="session")
def tied_once(template: GitRepo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitRepo]:
    """Make the repository that `tied` copies."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        take_away(monkeypatch, tmp_path_factory.mktemp("home"), tmp_path_factory.getbasetemp())
        place = tmp_path_factory.mktemp("tied") / "repo"
        shutil.copytree(template.path, place)
        repo = GitRepo(place, ticks=template.ticks)
        recorded(repo)
        add_strategy(repo, ONCE, TWICE)
        bundle_id(repo, ONCE, runs=1)
        repo.commit("buy twice as much")
        recorded(repo)
        yield repo


@pytest.fixture
def tied(tied_once: GitRepo, tmp_path: Path) -> GitRepo:
    """Give two commits with results: both strategies, then one that was changed."""
    shutil.copytree(tied_once.path, tmp_path / "tied")
    repo = GitRepo(tmp_path / "tied", ticks=tied_once.ticks)
    repo.git("status", "--short")
    return repo


# -- the rewrites ---------------------------------------------------------------------------------


def amend_message(repo: GitRepo) -> None:
    repo.git("commit", "-q", "--amend", "-m", "in other words")


def amend_content(repo: GitRepo) -> None:
    add_strategy(repo, ONCE, THRICE)
    repo.git("commit", "-q", "-a", "--amend", "--no-edit")


def amend_another_file(repo: GitRepo) -> None:
    repo.write("README", "no strategy")
    repo.git("add", "README")
    repo.git("commit", "-q", "--amend", "--no-edit")


def move_base(repo: GitRepo, **files: str | bytes) -> None:
    """Put a commit with some files under HEAD."""
    repo.git("checkout", "-q", "-b", "base", "HEAD~1")
    repo.commit("the base moves", **files)
    repo.git("rebase", "-q", "base", "main")


def rebase(repo: GitRepo) -> None:
    move_base(repo, README="no strategy")


def rebase_on_another_tape(repo: GitRepo) -> None:
    repo.git("checkout", "-q", "-b", "base", "HEAD~1")
    shutil.rmtree(repo.path / "tapes" / "three")
    write_tape(repo.path / "tapes" / "three", [100.0, 100.5, 102.0])
    repo.commit("the tape was wrong")
    repo.git("rebase", "-q", "base", "main")


def squash(repo: GitRepo) -> None:
    repo.commit("a second one", README="text")
    repo.git("reset", "-q", "--soft", "HEAD~2")
    repo.git("commit", "-q", "-m", "both in one")


def cherry_pick(repo: GitRepo) -> None:
    repo.git("checkout", "-q", "-b", "release", "HEAD~1")
    repo.commit("released", VERSION="1")
    repo.git("cherry-pick", "main")


def revert(repo: GitRepo) -> None:
    repo.git("revert", "--no-edit", "HEAD")


def merge(repo: GitRepo) -> None:
    repo.git("checkout", "-q", "-b", "other", "HEAD~1")
    repo.commit("meanwhile", README="text")
    repo.git("merge", "-q", "--no-ff", "--no-edit", "main")


def squash_merge(repo: GitRepo) -> None:
    repo.git("checkout", "-q", "-b", "other", "HEAD~1")
    repo.commit("meanwhile", README="text")
    repo.git("merge", "-q", "--squash", "main")
    repo.git("commit", "-q", "-m", "squashed on the server")


def merge_of_both_sides(repo: GitRepo) -> None:
    """One side changes the strategy, the other one its config: nobody has run both."""
    repo.git("checkout", "-q", "-b", "other", "HEAD~1")
    more = "config: {slippage_model: fixed_bps, slippage_bps: 5}\n"
    repo.write(f"{ONCE}/strategy.yaml", yaml_of("../../tapes/three", more))
    repo.commit("slippage")
    repo.git("merge", "-q", "--no-ff", "--no-edit", "main")


def filter_branch(repo: GitRepo) -> None:
    repo.git("filter-branch", "-f", "--msg-filter", "sed s/^/rewritten:/", "HEAD")


def filter_repo(repo: GitRepo, *options: str) -> None:
    """Rewrite with the real tool, told to keep its hands off refs that are no branch."""
    tool = (PYTHON, "-m", "git_filter_repo", "--force", "--quiet", "--refs", "refs/heads/main")
    done = subprocess.run([*tool, *options], cwd=repo.path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def filter_messages(repo: GitRepo) -> None:
    filter_repo(repo, "--message-callback", 'return b"rewritten: " + message')


def filter_file_out(repo: GitRepo) -> None:
    """Take a file out that was in all commits from the first one with the strategy."""
    repo.write("SECRET", "password")
    repo.git("add", "SECRET")
    repo.git("commit", "-q", "--amend", "--no-edit")
    filter_repo(repo, "--invert-paths", "--path", "SECRET")
    repo.git("commit", "-q", "--amend", "-m", "without the secret")


REWRITES: dict[str, tuple[Callable[[GitRepo], None], tuple[str, str | None], str]] = {
    "amend the message": (amend_message, ("tied", "inherited"), "the tree is the same"),
    "amend the content": (amend_content, ("must-run", None), "nobody ran this code"),
    "amend another file": (amend_another_file, ("tied", "inherited"), "no input is touched"),
    "rebase": (rebase, ("tied", "inherited"), "the base touched no input"),
    "rebase onto another tape": (rebase_on_another_tape, ("must-run", None), "not on this tape"),
    "squash": (squash, ("tied", "inherited"), "the last tree counts"),
    "cherry-pick": (cherry_pick, ("tied", "inherited"), "all inputs came along"),
    "revert": (revert, ("tied", "inherited"), "the inputs are those of the first commit again"),
    "merge": (merge, ("tied", "inherited"), "the other side touched no input"),
    "squash merge": (squash_merge, ("tied", "inherited"), "a new commit, the same inputs"),
    "merge of both sides": (merge_of_both_sides, ("must-run", None), "nobody ran both together"),
    "filter-branch": (filter_branch, ("tied", "inherited"), "only the message is another one"),
    "filter-repo, messages": (filter_messages, ("tied", "inherited"), "the trees are the same"),
    "filter-repo, a file": (filter_file_out, ("tied", "inherited"), "it was no input"),
}


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", REWRITES)
def test_a_rewrite_carries_what_has_the_same_inputs(
    tied: GitRepo, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says what must run where it carries nothing; never a result that does not belong."""
    monkeypatch.setenv("FILTER_BRANCH_SQUELCH_WARNING", "1")
    rewrite, expected, _why = REWRITES[name]
    before = notes(tied)
    rewrite(tied)
    report = recorded(tied)

    assert one(report, ONCE).state == expected[0], report
    assert states(report)[ONCE] == expected
    assert states(report)[CROSS] == ("unchanged", None)
    assert misplaced(tied) == []
    after = notes(tied)
    assert {c: lines for c, lines in after.items() if c in before} == before
    if expected[1] == "inherited":
        found = one(report, ONCE)
        (line,) = after[Oid(tied.git("rev-parse", "HEAD"))]
        assert found.origin in before
        assert (line.run, line.bundle) in {
            (x.run, x.bundle) for x in before[Oid(found.origin or "")]
        }
        assert [v.verdict for v in validated(tied, ONCE)] == [Verdict.REPRODUCED]


def test_a_rewrite_of_all_refs_is_noticed(tied: GitRepo) -> None:
    """Without --refs, filter-repo rewrites the store as well: that is said, and how to mend it."""
    refs = {ref: tied.git("rev-parse", ref) for ref in ("refs/bt/store", "refs/notes/bt")}
    for ref, oid in refs.items():
        tied.git("update-ref", f"refs/bt-remote/origin/{ref.rpartition('/')[2]}", oid)
    command = [PYTHON, "-m", "git_filter_repo", "--force", "--quiet", "--path", "strategies"]
    subprocess.run(command, cwd=tied.path, check=True, capture_output=True)
    fsck, doctor = bt("fsck", cwd=tied), bt("doctor", cwd=tied)

    assert tied.git("rev-parse", "--verify", "-q", "refs/bt/store", check=False) == ""
    assert (fsck.code, "is gone; it was" in fsck.out) == (3, True)
    assert (doctor.code, "mend: " in doctor.out) == (3, True)


def test_recording_again_changes_nothing(tied: GitRepo) -> None:
    """The same refs, and the same answer but for what was written."""
    amend_message(tied)
    first = recorded(tied)
    refs = tied.git("for-each-ref")
    again = recorded(tied)

    assert tied.git("for-each-ref") == refs
    assert states(first)[ONCE] == ("tied", "inherited")
    assert states(again)[ONCE] == ("known", "inherited")


def test_a_range_is_recorded_from_its_oldest_commit(project: GitRepo) -> None:
    """The first one measured it, the later ones inherit from there."""
    for text in (TWICE, BUY_ONCE, TWICE):
        add_strategy(project, ONCE, text)
        project.commit("again")
    add_strategy(project, ONCE, TWICE)
    bundle_id(project, ONCE, runs=1)
    report = recorded(project, "HEAD~3..HEAD")
    kinds = [
        (each.state, each.kind, each.origin)
        for c in report.commits
        for each in c.strategies
        if each.strategy == ONCE
    ]
    first, second, third = (c.commit for c in report.commits)

    assert kinds == [
        ("tied", "measured", None),
        ("tied", "measured", None),
        ("tied", "inherited", first),
    ]
    assert third == project.git("rev-parse", "HEAD")
    assert second != first
    assert {x.state for c in report.commits for x in c.strategies if x.strategy == CROSS} == {
        "unchanged"
    }
    assert misplaced(project) == []


def test_a_rewritten_branch_is_recorded_as_a_range(
    tied: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every commit gets what its old self had; the root has no parent to be compared with."""
    monkeypatch.setenv("FILTER_BRANCH_SQUELCH_WARNING", "1")
    before = [notes(tied)[Oid(oid)] for oid in tied.git("rev-list", "HEAD").split()]
    filter_branch(tied)
    recorded(tied, "HEAD~1")
    recorded(tied, "HEAD~1..HEAD")
    after = [notes(tied)[Oid(oid)] for oid in tied.git("rev-list", "HEAD").split()]

    assert [[(x.strategy, x.run) for x in lines] for lines in after] == [
        [(x.strategy, x.run) for x in lines] for lines in before
    ]
    assert {x.kind for lines in after for x in lines} == {"inherited"}


def test_the_first_commit_ties_every_strategy(project: GitRepo) -> None:
    """It has no parent; what was not packed must run."""
    add_strategy(project, "strategies/new", BUY_ONCE.replace("1.0", "7.0"))
    project.git("add", "-A")
    project.git("commit", "-q", "--amend", "--no-edit")
    report = recorded(project)

    assert states(report) == {
        CROSS: ("tied", "measured"),
        ONCE: ("tied", "measured"),
        "strategies/new": ("must-run", None),
    }
    assert one(report, "strategies/new").hint == "git bt pack strategies/new"
    assert report.exit_code is ExitCode.OK


def test_the_commit_counts_and_not_the_work_tree(project: GitRepo) -> None:
    """A strategy that was changed and not committed gets the result of what was committed."""
    add_strategy(project, ONCE, THRICE)
    (project.path / CROSS / "strategy.yaml").unlink()
    report = recorded(project)

    assert states(report) == {CROSS: ("tied", "measured"), ONCE: ("tied", "measured")}


def test_a_strategy_that_cannot_be_read_hides_no_other(project: GitRepo) -> None:
    """It is named, and the exit code says that something could not be looked at."""
    project.commit("broken", **{"strategies/bad/strategy.yaml": "entry_point: [1\n"})
    report = recorded(project, "HEAD")

    assert states(report)["strategies/bad"] == ("unreadable", None)
    assert states(report)[ONCE] == ("unchanged", None)
    assert report.exit_code is ExitCode.CANNOT_JUDGE


@pytest.mark.parametrize("word", ["nothing", "a..b", "HEAD...HEAD", "--all", "HEAD\0"])
def test_what_names_no_commit_is_refused(project: GitRepo, word: str) -> None:
    """Whatever it looks like."""
    with pytest.raises(Usage):
        recorded(project, word)


def test_a_clock_that_jumps_back_changes_no_baseline(
    tied: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is nearer in history counts, however old its run says it is."""
    monkeypatch.setattr("git_bt.commands.recording.time.time_ns", lambda: 1)
    add_strategy(tied, ONCE, THRICE)
    digest = bundle_id(tied, ONCE, runs=1)
    tied.commit("buy three times as much")
    recorded(tied)

    assert [v.bundle for v in validated(tied, ONCE)] == [digest]
    assert min(run.when_ns for run in all_runs(tied)) == 1 < EPOCH


# -- tapes ----------------------------------------------------------------------------------------


@pytest.fixture
def loose(repo: GitRepo) -> GitRepo:
    """Give a repository whose only tape is ignored by git."""
    write_tape(repo.path / "data" / "tape", [100.0, 100.5, 101.0])
    repo.write("s/strategy.py", BUY_ONCE)
    repo.write("s/strategy.yaml", yaml_of("../data/tape"))
    repo.commit("a strategy", **{".gitignore": "/data/tape/\n"})
    bundle_id(repo, "s", runs=1)
    return repo


def test_an_unpinned_tape_ties_to_the_commit_being_made_only(loose: GitRepo) -> None:
    """And the report says so; an older commit may have had another tape."""
    loose.commit("another file", README="text")
    head = one(recorded(loose), "s")
    older = one(recorded(loose, "HEAD~1"), "s")

    assert (head.state, head.kind) == ("tied", "measured")
    assert "not pinned" in head.message
    assert (older.state, older.hint) == ("unpinned", "git bt tape pin TAPE, and commit the pin")
    assert list(notes(loose)) == [loose.git("rev-parse", "HEAD")]
    loose.commit("a third", README="more")
    assert states(recorded(loose)) == {"s": ("unchanged", None)}


def test_a_pinned_tape_ties_every_commit(loose: GitRepo) -> None:
    """The pin says what the tape holds, also when it is gone."""
    pin_tape("data/tape", cwd=loose.path)
    loose.commit("pinned")
    first = recorded(loose)
    loose.commit("another", README="text")
    loose.git("commit", "-q", "--amend", "-m", "other words")
    shutil.rmtree(loose.path / "data" / "tape")

    assert states(first) == {"s": ("tied", "measured")}
    assert one(first, "s").message == ""
    assert states(recorded(loose)) == {"s": ("unchanged", None)}
    assert states(recorded(loose, "HEAD~1")) == {"s": ("known", "measured")}


def test_another_pin_is_another_input(loose: GitRepo) -> None:
    """The strategy must run on the new tape."""
    pin_tape("data/tape", cwd=loose.path)
    loose.commit("pinned")
    recorded(loose)
    shutil.rmtree(loose.path / "data" / "tape")
    write_tape(loose.path / "data" / "tape", [100.0, 100.5, 99.0])
    pin_tape("data/tape", cwd=loose.path)
    loose.commit("a new tape")

    assert states(recorded(loose)) == {"s": ("must-run", None)}


def test_a_single_file_is_tied_as_it_was_packed(repo: GitRepo) -> None:
    """Its tape and engine were words of a command, so only the commit being made gets it."""
    write_tape(repo.path / "tape", [100.0, 100.5, 101.0])
    repo.commit("one", **{"alone.py": BUY_ONCE})
    bundle_id(repo, "alone.py", tape="tape", engine="flox", runs=1)
    found = one(recorded(repo), "alone.py")

    assert (found.state, found.kind) == ("tied", "measured")
    repo.commit("two", **{"alone.py": TWICE})
    assert states(recorded(repo)) == {"alone.py": ("must-run", None)}
    assert one(recorded(repo, "HEAD~1"), "alone.py").state == "unpinned"


# -- the memory of inputs -------------------------------------------------------------------------


def test_a_remembered_inputs_id_is_the_computed_one(tied: GitRepo) -> None:
    """In every commit; and a file that comes to stand before another one is noticed."""
    found = Repo.find(tied.path)
    tied.write(f"{ONCE}/strategy.py", "import helper\n" + TWICE)
    tied.commit("an import", **{"helper.py": "A = 1\n"})
    tied.commit("nearer", **{f"{ONCE}/helper.py": "A = 2\n"})
    tied.commit("farther", **{"helper.py": "A = 3\n"})
    tied.commit("elsewhere", README="text")
    place = found.cache_dir / "inputs.json"
    ids: dict[str, list[str]] = {"cold": [], "warm": [], "none": []}
    for name in ids:
        memory = Memory(None if name == "none" else place)
        with Objects(found) as objects:
            for commit in tied.git("rev-list", "HEAD").split():
                files = commit_files(found, objects, commit)
                memory = Memory(None) if name == "none" else memory
                where = {"top": tied.path, "cwd": tied.path, "memory": memory}
                ids[name].append(inputs_in_commit(files, ONCE, **where).id)  # type: ignore[arg-type]
        memory.save()

    assert ids["cold"] == ids["warm"] == ids["none"]
    elsewhere, farther, nearer, an_import, *_ = ids["none"]
    assert elsewhere == farther == nearer != an_import


def test_a_memory_that_is_broken_is_forgotten(tied: GitRepo) -> None:
    """Losing it costs time and nothing else."""
    place = Repo.find(tied.path).cache_dir / "inputs.json"
    expected = recorded(tied)
    for junk in (b"", b"[]", b"{", b'{"code":1,"questions":2,"ids":3}', b"\xff"):
        place.write_bytes(junk)
        assert recorded(tied) == expected


@pytest.mark.parametrize("flat", [False, True])
def test_the_search_of_notes_finds_all_with_a_memory_and_without(
    repo: GitRepo, flat: bool, tmp_path: Path
) -> None:
    """Also lines that somebody spelled otherwise, notes of git's own, and after a change."""
    commits = [Oid(repo.commit(f"commit {n}")) for n in range(30)]
    found = Repo.find(repo.path)
    lines = {}
    with Objects(found) as objects:
        for number, commit in enumerate(commits):
            lines[commit] = replace(LINE, inputs=sha256(b"%d" % (number % 20)))
        if flat:
            for commit, line in lines.items():
                text = json.dumps(json.loads(encode_note_line(line)), indent=None)
                repo.git("notes", "--ref=bt", "add", "-m", text, commit)
        else:
            Store(found, objects).save(notes={c: [line] for c, line in lines.items()})
        for _ in range(2):
            tip = read_refs(found, REF)[REF]
            for number in (0, 15, 99):
                wanted = sha256(b"%d" % number)
                expected = {c: (x,) for c, x in lines.items() if x.inputs == wanted}
                for place in (None, tmp_path / "memory", tmp_path / "memory"):
                    assert results_of(Notes(objects, tip), [wanted], place) == expected
            lines[commits[0]] = replace(LINE, inputs=sha256(b"99"))
            repo.git("notes", "--ref=bt", "remove", commits[0])
            Store(found, objects).save(notes={commits[0]: [lines[commits[0]]]})


# -- the program ----------------------------------------------------------------------------------


def test_the_program_records(project: GitRepo) -> None:
    """Text for people, one object for programs, and nothing in the work tree."""
    text = bt("record", cwd=project)
    answer = bt("record", "HEAD", "--json", cwd=project).json

    assert text.code == 0
    assert "2 tied" in text.out
    assert [x["state"] for x in answer["commits"][0]["strategies"]] == ["known", "known"]
    assert project.git("status", "--short") == ""
    assert bt("record", "nothing", cwd=project).code == 2
