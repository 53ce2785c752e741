"""Notes: any fan-out is read, one is written, and what others wrote stays."""

import multiprocessing
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import GitRepo, make_repo
from git_bt.errors import Corrupt
from git_bt.model import NoteLine, Oid, Verdict
from git_bt.notes import REF, Notes, merge_lines, place, union
from git_bt.object_writer import Draft, Writer
from git_bt.objects import Objects, TreeEntry
from git_bt.publish import read_refs
from git_bt.records import MAX_NOTE_LINE, decode_note, encode_note_line, run_id
from git_bt.repo import Repo
from git_bt.store import Store
from store_cases import bundle_of, results_of, run_of


def line_of(number: int = 0, strategy: str = "strategies/ema") -> NoteLine:
    """Make a line, another one for each number."""
    return NoteLine(
        strategy=strategy,
        inputs=f"{number:064x}",
        bundle="b" * 64,
        run="c" * 64,
        verdict=Verdict.REPRODUCED,
        kind="measured",
    )


@pytest.fixture
def store(any_repo: GitRepo) -> Iterator[Store]:
    """Give the store of an empty repository, once of each object format."""
    repo = Repo.find(any_repo.path)
    with Objects(repo) as objects:
        yield Store(repo, objects)


def tip(store: Store, ref: str = REF) -> Oid | None:
    return read_refs(store.repo, ref).get(ref)


def note(store: Store, commit: str) -> tuple[NoteLine, ...]:
    return Notes(store.objects, tip(store)).of(commit)


def listing(store: Store, ref: str = REF) -> list[str]:
    return store.repo.git("ls-tree", "-r", "--name-only", ref).text.splitlines()


def write(store: Store, files: dict[str, bytes | TreeEntry], ref: str = REF) -> Oid:
    """Make a notes tree of any shape, and point a ref to it."""
    with Writer(store.repo, f"{ref}-new") as writer:
        entries = {
            path: data if isinstance(data, TreeEntry) else TreeEntry("100644", writer.blob(data))
            for path, data in files.items()
        }
        new = writer.commit(entries, parent=None, message="x", when_s=1)
    store.repo.git("update-ref", ref, new)
    store.repo.git("update-ref", "-d", f"{ref}-new")
    return new


def places(commit: str) -> list[str]:
    """Return every place where a note may lie: flat, and with one to three folders."""
    flat = [commit]
    for depth in (1, 2, 3):
        pairs = [commit[2 * i : 2 * i + 2] for i in range(depth)]
        flat.append("/".join([*pairs, commit[2 * depth :]]))
    return flat


def test_a_result_comes_back(store: Store, any_repo: GitRepo) -> None:
    """By commit, and with all others; of a commit without one there is none."""
    one, two = any_repo.commit("one"), any_repo.commit("two")
    store.save(notes={one: [line_of(2), line_of(1)]})

    assert note(store, one) == (line_of(1), line_of(2))
    assert note(store, two) == ()
    assert results_of(store.objects, tip(store)) == {one: (line_of(1), line_of(2))}
    assert listing(store) == [place(one)]


def test_no_notes_are_no_results(store: Store) -> None:
    """A repository without the ref has none."""
    assert results_of(store.objects, None) == {}
    assert Notes(store.objects, None).of("a" * 40) == ()


def test_plain_git_shows_the_line(store: Store, any_repo: GitRepo) -> None:
    """`git log --notes=bt` and `git notes show` know them."""
    commit = any_repo.commit("one")
    store.save(notes={commit: [line_of()]})
    text = encode_note_line(line_of()).decode().rstrip()

    assert text in any_repo.git("log", "--notes=bt")
    assert any_repo.git("notes", "--ref=bt", "show", commit) == text


def test_adding_keeps_what_is_there_and_sorts(store: Store, any_repo: GitRepo) -> None:
    """Lines are sorted by bytes and unique, whoever wrote first; adding again changes nothing."""
    one, two = any_repo.commit("one"), any_repo.commit("two")
    store.save(notes={one: [line_of(3)]})
    store.save(notes={one: [line_of(1), line_of(3), line_of(2)], two: [line_of(9)]})
    before = tip(store)
    store.save(notes={one: [line_of(2)]})

    assert note(store, one) == (line_of(1), line_of(2), line_of(3))
    assert note(store, two) == (line_of(9),)
    assert tip(store) == before
    data = Notes(store.objects, before).data(one)
    assert data == merge_lines(data)


@pytest.mark.parametrize("depth", range(4))
def test_a_note_is_read_in_any_fan_out(store: Store, any_repo: GitRepo, depth: int) -> None:
    """Flat, or below one, two, three folders; and moved to ours when something is added."""
    one, two = any_repo.commit("one"), any_repo.commit("two")
    other = "f" * len(one)
    write(store, {places(x)[depth]: encode_note_line(line_of(7)) for x in (one, other)})

    assert note(store, one) == (line_of(7),)
    assert results_of(store.objects, tip(store)) == {one: (line_of(7),), other: (line_of(7),)}
    store.save(notes={one: [line_of(8)], two: [line_of(9)]})
    assert note(store, one) == (line_of(7), line_of(8))
    assert note(store, other) == (line_of(7),)
    if depth in (0, 1):
        assert listing(store) == sorted(place(x) for x in (one, two, other))
    assert any_repo.git("notes", "--ref=bt", "show", one).count("\n") == 1


def test_one_commit_in_all_places_has_the_lines_of_all(store: Store, any_repo: GitRepo) -> None:
    """A tree that two writers mixed is no loss; afterwards there is one note."""
    commit = any_repo.commit("one")
    spread = {where: encode_note_line(line_of(n)) for n, where in enumerate(places(commit))}
    write(store, spread)

    assert note(store, commit) == tuple(line_of(n) for n in range(4))
    store.save(notes={commit: [line_of(9)]})
    assert note(store, commit) == tuple(line_of(n) for n in (0, 1, 2, 3, 9))
    assert listing(store) == [place(commit)]


def test_notes_by_git_itself_are_read_and_kept(store: Store, any_repo: GitRepo) -> None:
    """`git notes append` writes flat trees, blank lines and no order; nothing of it is lost."""
    commits = [any_repo.commit(f"commit {n}") for n in range(40)]
    for number, commit in enumerate(commits):
        line = encode_note_line(line_of(number)).decode().rstrip()
        any_repo.git("notes", "--ref=bt", "append", "-m", line, commit)
        any_repo.git("notes", "--ref=bt", "append", "-m", "looks good to me", commit)

    assert note(store, commits[3]) == (line_of(3),)
    store.save(notes={commits[3]: [line_of(99)]})
    assert results_of(store.objects, tip(store)) == {
        c: (line_of(n), line_of(99)) if n == 3 else (line_of(n),) for n, c in enumerate(commits)
    }
    assert "looks good to me\n" in Notes(store.objects, tip(store)).data(commits[3]).decode()
    assert len(listing(store)) == 40


STRANGE = [
    b'{"v":2,"strategy":"from the future","extra":[1,2]}',
    b"typed by hand \xff\xfe not UTF-8\r",
    b'{"v":1,"strategy":"cut',
    b" " * 3,
    b'{"b":1, "a":2}',
]


def test_lines_of_others_stay_byte_for_byte(store: Store, any_repo: GitRepo) -> None:
    """Another version, another encoding, half a line: kept where they are not understood."""
    commit = any_repo.commit("one")
    write(store, {commit: b"\n".join(STRANGE)})
    store.save(notes={commit: [line_of(1)]})
    lines = Notes(store.objects, tip(store)).data(commit).split(b"\n")

    assert note(store, commit) == (line_of(1),)
    assert set(STRANGE) < set(lines)
    assert lines == [*sorted(lines[:-1]), b""]


def test_a_file_that_is_no_note_stays(store: Store, any_repo: GitRepo) -> None:
    """Git keeps such files in a notes tree, and so do we."""
    commit = any_repo.commit("one")
    write(store, {"README": b"why", "ab/cd/short": b"x", "dir/file": b"y", commit: b"hello\n"})
    store.save(notes={commit: [line_of(1)]})

    assert listing(store) == sorted(["README", "ab/cd/short", "dir/file", place(commit)])


def test_the_longest_path_of_a_strategy_fits(store: Store, any_repo: GitRepo) -> None:
    """A line of the longest name, every byte of it escaped, is written and read."""
    commit = any_repo.commit("one")
    longest = line_of(1, "\x01" * 4096)
    store.save(notes={commit: [longest]})

    assert note(store, commit) == (longest,)
    assert len(encode_note_line(longest)) < MAX_NOTE_LINE
    assert decode_note(b"x" * (MAX_NOTE_LINE + 1) + b"\n" + encode_note_line(line_of())) == (
        line_of(),
    )


def test_store_and_notes_move_together(store: Store, any_repo: GitRepo) -> None:
    """Both or none: a note whose store is refused is not written, and leaves no temporary ref."""
    commit = any_repo.commit("one")
    bundle = bundle_of()
    lock = store.repo.common_dir / "refs" / "notes" / "bt.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    impatient = Store(store.repo, store.objects, patience_s=0.2)
    with pytest.raises(Exception, match="lock"):
        impatient.save(bundles=[bundle], runs=[run_of(bundle)], notes={commit: [line_of()]})

    assert any_repo.git("for-each-ref", "refs/bt", "refs/notes", "refs/bt-tmp") == ""
    lock.unlink()
    impatient.save(bundles=[bundle], runs=[run_of(bundle)], notes={commit: [line_of()]})
    refs = any_repo.git(
        "for-each-ref", "--format=%(refname)", "refs/bt", "refs/notes", "refs/bt-tmp"
    )
    assert refs.split() == ["refs/bt/store", REF]


def test_notes_that_somebody_else_moves_are_taken_up(
    store: Store, any_repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer without our lock makes the swap fail; both refs are read again."""
    commit = any_repo.commit("one")
    store.save(notes={commit: [line_of(1)]})
    real = Writer.commits

    def meddled(writer: Writer, *drafts: Draft) -> list[Oid]:
        monkeypatch.setattr(Writer, "commits", real)
        found = real(writer, *drafts)
        any_repo.git("notes", "--ref=bt", "append", "-m", "in between", commit)
        return found

    monkeypatch.setattr(Writer, "commits", meddled)
    bundle = bundle_of()
    store.save(bundles=[bundle], notes={commit: [line_of(2)]})

    assert note(store, commit) == (line_of(1), line_of(2))
    assert "in between" in any_repo.git("notes", "--ref=bt", "show", commit)
    assert store.bundle_ids() == [bundle.id]
    assert any_repo.git("for-each-ref", "refs/bt-tmp") == ""


def test_a_ref_that_points_to_no_notes_is_named(store: Store, any_repo: GitRepo) -> None:
    """A blob under refs/notes/bt is no reason for a traceback."""
    commit = any_repo.commit("one", file="text")
    any_repo.git("update-ref", REF, any_repo.git("rev-parse", "HEAD:file"))

    with pytest.raises(Corrupt, match="refs/notes/bt points to a blob"):
        note(store, commit)


def test_a_tree_without_end_is_refused(
    store: Store, any_repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """256 folders that are the same folder, nineteen times over, are not walked."""
    any_repo.commit("one")
    oid = any_repo.git("mktree", stdin=b"")
    for _ in range(8):
        lines = "".join(f"040000 tree {oid}\t{n:02x}\n" for n in range(256))
        oid = any_repo.git("mktree", stdin=lines.encode())
    any_repo.git("update-ref", REF, any_repo.git("commit-tree", "-m", "x", oid))
    monkeypatch.setattr("git_bt.notes._MOST_FOLDERS", 2000)

    with pytest.raises(Corrupt, match="more than 2000 folders"):
        results_of(store.objects, tip(store))


# -- union ----------------------------------------------------------------------------------------

NOTE = st.lists(st.sampled_from([b"a", b"b", b"c", b'{"v":1}', b"\xff"]), max_size=4)
SIDE = st.dictionaries(
    st.tuples(st.sampled_from(["11", "1f", "ee"]), st.integers(0, 3)), NOTE, max_size=5
)


@pytest.fixture(scope="module")
def module_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Give one store to all examples of a property."""
    repo = Repo.find(make_repo(tmp_path_factory.mktemp("union")).path)
    with Objects(repo) as objects:
        yield Store(repo, objects)


@settings(deadline=None, max_examples=25)
@given(SIDE, SIDE)
def test_a_union_is_the_same_from_either_side(
    module_store: Store,
    left: dict[tuple[str, int], list[bytes]],
    right: dict[tuple[str, int], list[bytes]],
) -> None:
    """Every line of both, each note once and in one place, whatever the fan-outs were."""
    store = module_store
    trees = []
    for side in (left, right):
        files = {
            places(pair + "0" * 36 + "77")[depth]: b"\n".join(lines) + b"\n"
            for (pair, depth), lines in side.items()
        }
        trees.append(write(store, {"README": b"no note", **files}, ref="refs/notes/side"))
    merged = [merge(store, *pair) for pair in (trees, trees[::-1])]

    assert merged[0] == merged[1]
    found = Notes(store.objects, merged[0])
    for pair in ("11", "1f", "ee"):
        wanted = [
            x for s in (left, right) for (p, _), lines in s.items() if p == pair for x in lines
        ]
        assert merge_lines(found.data(pair + "0" * 36 + "77")) == merge_lines(b"\n".join(wanted))


def merge(store: Store, ours: Oid, theirs: Oid) -> Oid:
    """Return the tree that our notes are with the changes of a union."""
    changes = union(store.objects, ours, theirs)
    with Writer(store.repo, "refs/bt-tmp/0-x") as writer:
        files = {
            path: TreeEntry("100644", writer.blob(new)) if isinstance(new, bytes) else new
            for path, new in changes.items()
        }
        draft = Draft(ref=writer.ref, files=files, parents=(ours,), message="x", when_s=0)
        (new,) = writer.commits(draft)
    store.repo.git("update-ref", "-d", "refs/bt-tmp/0-x")
    return store.objects.commit_tree(new)


def test_a_union_agrees_with_git_notes_merge(store: Store, any_repo: GitRepo) -> None:
    """`git notes merge -s cat_sort_uniq` is the oracle where it works."""
    commits = [any_repo.commit(f"commit {n}") for n in range(6)]
    for side, numbers in (("a", (0, 1, 2, 3)), ("b", (2, 3, 4, 5))):
        for n in numbers:
            text = encode_note_line(line_of(n + 10 * (side == "b" and n == 3))).decode().rstrip()
            any_repo.git("notes", f"--ref={side}", "add", "-m", text, commits[n])
    ours, theirs = (tip(store, f"refs/notes/{side}") for side in "ab")
    assert ours is not None
    assert theirs is not None
    merged = results_of(store.objects, merge(store, ours, theirs))
    any_repo.git("notes", "--ref=a", "merge", "-s", "cat_sort_uniq", "refs/notes/b")

    assert merged == results_of(store.objects, tip(store, "refs/notes/a"))
    assert merged[Oid(commits[3])] == (line_of(3), line_of(13))


def test_only_what_differs_is_looked_at(store: Store, any_repo: GitRepo) -> None:
    """A union of nearly equal notes opens only the folders that differ."""
    commits = [any_repo.commit(f"commit {n}") for n in range(30)]
    store.save(notes={c: [line_of()] for c in commits})
    ours = tip(store)
    store.save(notes={commits[0]: [line_of(1)]})
    theirs = tip(store)

    assert list(union(store.objects, ours, theirs)) == [place(commits[0])]
    assert union(store.objects, theirs, ours) == {}
    assert union(store.objects, ours, ours) == {}


# -- many at once ---------------------------------------------------------------------------------


def ties(path: Path, number: int, count: int, log: Path) -> None:
    """Tie results one after the other, and say each only when it is announced."""
    repo = Repo.find(path)
    head = repo.git("rev-parse", "HEAD").text
    with Objects(repo) as objects, log.open("a") as said:
        store = Store(repo, objects, patience_s=120.0)
        for i in range(count):
            bundle = bundle_of(1000 * number + i)
            run = run_of(bundle, when_ns=1000 * number + i)
            line = NoteLine(
                strategy=f"s{number}", inputs=run.inputs, bundle=bundle.id, run=run_id(run),
                verdict=Verdict.REPRODUCED, kind="measured",
            )  # fmt: skip
            store.save(bundles=[bundle], runs=[run], notes={head: [line]})
            said.write(f"{line.run}\n")
            said.flush()


def check_all(path: Path, wanted: set[str]) -> int:
    """Hold the notes against what was announced, and against the store; return how many."""
    repo = Repo.find(path)
    with Objects(repo) as objects:
        store = Store(repo, objects)
        found = Notes(objects, tip(store)).of(repo.git("rev-parse", "HEAD").text)
        assert wanted <= {line.run for line in found}
        assert {line.run for line in found} <= {digest for digest, _ in store.runs()}
        assert {line.bundle for line in found} <= set(store.bundle_ids())
        return len(found)


def start(path: Path, logs: Path, processes: int, count: int) -> list[multiprocessing.Process]:
    context = multiprocessing.get_context("fork")
    found = [
        context.Process(target=ties, args=(path, n, count, logs / f"{n}")) for n in range(processes)
    ]
    for process in found:
        process.start()
    return found  # type: ignore[return-value]


def announced(logs: Path) -> set[str]:
    return {line for log in logs.iterdir() for line in log.read_text().splitlines()}


@pytest.mark.parametrize(
    ("processes", "count"), [(4, 5), pytest.param(8, 25, marks=pytest.mark.slow)]
)
def test_writers_at_once_lose_nothing(
    repo: GitRepo, tmp_path: Path, processes: int, count: int
) -> None:
    """Every result of every process is on the commit, and what it names in the store."""
    repo.commit("one")
    logs = tmp_path / "logs"
    logs.mkdir()
    for process in start(repo.path, logs, processes, count):
        process.join()
        assert process.exitcode == 0

    assert len(announced(logs)) == processes * count
    assert check_all(repo.path, announced(logs)) == processes * count
    assert repo.git("for-each-ref", "refs/bt-tmp") == ""


def test_gc_while_results_are_tied_takes_nothing(repo: GitRepo, tmp_path: Path) -> None:
    """`git gc` over and over, while two processes write notes: objects move under our feet."""
    repo.commit("one")
    logs = tmp_path / "logs"
    logs.mkdir()
    collector = subprocess.Popen(
        ["bash", "-c", "until [ -e stop ]; do git gc -q; done"],
        cwd=repo.path,
        stderr=subprocess.DEVNULL,
    )
    try:
        for process in start(repo.path, logs, 2, 6):
            process.join()
            assert process.exitcode == 0
    finally:
        (repo.path / "stop").touch()
        collector.wait()

    assert check_all(repo.path, announced(logs)) == len(announced(logs)) == 12
    assert repo.git("fsck", "--no-dangling") == ""


@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_what_was_announced_outlives_kill_9(repo: GitRepo, tmp_path: Path, rounds: int) -> None:
    """Writers die at any moment: what they said is there, and the next one writes on."""
    repo.commit("one")
    logs = tmp_path / "logs"
    logs.mkdir()
    for number in range(rounds):
        running = start(repo.path, logs, 3, 200)
        before = len(announced(logs))
        while len(announced(logs)) < before + 2:
            time.sleep(0.01)
        time.sleep(0.03 * number)
        for process in running:
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            process.join()
    wait_for_lock(repo)
    ties(repo.path, 99, 1, logs / "last")

    assert check_all(repo.path, announced(logs)) >= len(announced(logs)) > 1
    assert repo.git("fsck", "--no-dangling") == ""


def wait_for_lock(repo: GitRepo) -> None:
    """Let a git process that outlived its parent end, or remove the lock file it left."""
    time.sleep(0.3)
    for left in (repo.path / ".git").rglob("*.lock"):
        left.unlink()
