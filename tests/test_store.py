"""The store: a contract for both object formats, writers at once, locks, and places that refuse."""

import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.context import ForkContext
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from conftest import GitRepo, make_repo
from git_bt.errors import BtError, CannotWork, Corrupt, Locked, Usage
from git_bt.fsck import fsck
from git_bt.model import Data, Oid, OnDisk
from git_bt.object_writer import Draft, Writer
from git_bt.objects import Blob, Objects, TreeEntry, blob_oid
from git_bt.publish import lock
from git_bt.records import inputs_of, make_bundle, run_id, snapshot_id
from git_bt.repo import Repo
from git_bt.store import Store
from git_bt.store_layout import REF, place
from git_bt.sweep_records import sweep_id
from store_cases import bundle_of, bytes_of, run_of, snapshot_of, swept_of

FORK: ForkContext = multiprocessing.get_context("fork")


@pytest.fixture
def store(any_repo: GitRepo) -> Iterator[Store]:
    """Give the store of an empty repository, once of each object format."""
    yield from open_store(any_repo.path)


@pytest.fixture
def one_store(repo: GitRepo) -> Iterator[Store]:
    """Give the store of an empty repository."""
    yield from open_store(repo.path)


def open_store(path: Path, patience_s: float = 30.0) -> Iterator[Store]:
    found = Repo.find(path)
    with Objects(found) as objects:
        yield Store(found, objects, patience_s=patience_s)


def anew(store: Store) -> Store:
    """Return the same store as another process would see it."""
    return Store(store.repo, store.objects)


def tip(store: Store) -> str:
    return store.repo.git("for-each-ref", "--format=%(objectname)", REF).text


def temporary(store: Store) -> str:
    return store.repo.git("for-each-ref", "refs/bt-tmp/").text


def is_whole(store: Store) -> bool:
    return fsck(store.repo, store.objects).problems == ()


# -- what is saved is read ------------------------------------------------------------------------


def test_a_sweep_comes_back_as_it_was(store: Store) -> None:
    """With its runs and what they ran on; saving it again changes nothing."""
    swept = swept_of(1)
    store.save(captured=[snapshot_of(1)], sweeps=[swept])
    before = tip(store)
    anew(store).save(sweeps=[swept])

    assert anew(store).sweep(sweep_id(swept.sweep)) == swept
    assert anew(store).sweep_ids() == [sweep_id(swept.sweep)]
    assert tip(store) == before
    assert is_whole(store)


def test_a_bundle_comes_back_as_it_was(store: Store) -> None:
    """Manifest, bytes and modes; nothing but the store's ref is left."""
    bundle = bundle_of()
    store.save(bundles=[bundle])
    found = anew(store).bundle(bundle.id)

    assert (found.id, found.manifest) == (bundle.id, bundle.manifest)
    assert bytes_of(found.content) == bytes_of(bundle.content)
    store.verify(found)
    assert store.repo.git("for-each-ref", "--format=%(refname)").text == REF
    assert store.repo.git("fsck", "--full", "--strict", "--no-dangling").out == b""
    assert is_whole(store)


def test_a_snapshot_comes_back_as_it_was(store: Store) -> None:
    """Snapshot and bytes."""
    captured = snapshot_of()
    store.save(captured=[captured])
    found = anew(store).snapshot(snapshot_id(captured.snapshot))

    assert found.snapshot == captured.snapshot
    assert bytes_of(found.content) == bytes_of(captured.content)
    assert is_whole(store)


def test_run_records_are_found_by_bundle_and_by_inputs(store: Store) -> None:
    """Newest first; those of another bundle with the same inputs only by the inputs."""
    bundle = bundle_of()
    other = bundle_of(files={"output/summary.json": b'{"other":1}\n'})
    runs = [run_of(bundle, 1), run_of(bundle, 3), run_of(other, 2), run_of(bundle_of(9), 4)]
    store.save(bundles=[bundle, other], runs=runs)
    seen = anew(store)
    old, new, second, elsewhere = ((run_id(run), run) for run in runs)

    assert other.manifest.inputs == bundle.manifest.inputs
    assert seen.runs() == [elsewhere, new, second, old]
    assert seen.runs_of(bundle=bundle.id) == [new, old]
    assert seen.runs_of(bundle=other.id) == [second]
    assert seen.runs_of(inputs=bundle.manifest.inputs) == [new, second, old]
    assert seen.runs_of(bundle="0" * 64) == seen.runs_of(inputs="0" * 64) == []
    assert seen.run(old[0]) == old[1]
    assert is_whole(store)


def test_an_empty_store_has_nothing(store: Store) -> None:
    """Looking at a repository without a store is no error and writes nothing."""
    before = sorted(store.repo.git_dir.rglob("*"))

    assert (store.bundle_ids(), store.runs(), store.refresh()) == ([], [], None)
    with pytest.raises(Usage, match=r"no bundle 0{64}"):
        store.bundle("0" * 64)
    store.save()
    assert sorted(store.repo.git_dir.rglob("*")) == before


def test_members_without_bytes_are_not_stored(store: Store) -> None:
    """The id is the same; what is missing can be added later."""
    whole = bundle_of()
    part = bundle_of(leave_out=("tape/segment.floxlog",))
    store.save(bundles=[part])
    assert part.id == whole.id
    assert set(anew(store).bundle(part.id).content) == set(part.content)
    assert is_whole(store)
    store.save(bundles=[whole])

    assert bytes_of(anew(store).bundle(whole.id).content) == bytes_of(whole.content)
    assert is_whole(store)


def test_what_is_there_is_not_written_again(store: Store) -> None:
    """Saving twice moves no ref and makes no object; a mix adds what is new."""
    bundle, run, captured = bundle_of(), run_of(bundle_of()), snapshot_of()
    store.save(bundles=[bundle], runs=[run], captured=[captured])
    files = sorted(store.repo.git_dir.rglob("*"))
    before = tip(store)
    anew(store).save(bundles=[bundle, bundle], runs=[run], captured=[captured])
    assert (tip(store), sorted(store.repo.git_dir.rglob("*"))) == (before, files)
    anew(store).save(bundles=[bundle, bundle_of(2)])

    assert anew(store).bundle_ids() == sorted([bundle.id, bundle_of(2).id])
    assert store.repo.git("rev-parse", f"{REF}^").text == before


def test_a_blob_of_the_repository_is_referenced(any_repo: GitRepo, store: Store) -> None:
    """A tracked tape costs no object, and stays when the branch goes."""
    tape = b"tape" * 100
    any_repo.commit("tape", tape=tape)
    oid = blob_oid(tape, store.repo.hash_name)
    source = Blob(oid, store.objects)
    bundle = bundle_of(sources={"tape/segment.floxlog": source})
    store.save(bundles=[bundle])
    any_repo.git("update-ref", "-d", "HEAD")
    any_repo.git("rm", "-q", "--cached", "-r", ".")
    any_repo.git("reflog", "expire", "--expire=now", "--all")
    any_repo.git("gc", "-q", "--prune=now")
    found = anew(store).bundle(bundle.id)

    assert found.content["tape/segment.floxlog"] == source
    store.verify(found)


def test_a_blob_of_another_repository_is_copied(one_store: Store, tmp_path: Path) -> None:
    """Its id means nothing here."""
    for other in open_store(make_repo(tmp_path / "other", "--object-format=sha256").path):
        bundle = bundle_of()
        other.save(bundles=[bundle])
        one_store.save(bundles=[other.bundle(bundle.id)])

    assert bytes_of(anew(one_store).bundle(bundle.id).content) == bytes_of(bundle.content)


def test_a_file_on_disk_is_read_when_it_is_saved(one_store: Store, tmp_path: Path) -> None:
    """A file that has changed or gone since its digest was taken is refused."""
    place_ = tmp_path / "tape"
    bundle = bundle_of(sources={"tape/segment.floxlog": OnDisk(place_)})
    with pytest.raises(Corrupt, match=r"segment\.floxlog: cannot be read"):
        one_store.save(bundles=[bundle])
    place_.write_bytes(b"tape" * 100)
    one_store.save(bundles=[bundle])

    assert bytes_of(anew(one_store).bundle(bundle.id).content) == bytes_of(bundle_of().content)


@pytest.mark.parametrize("changed", [b"tapf" * 100, b"tape" * 99, b""])
def test_bytes_that_are_not_the_members_are_refused(one_store: Store, changed: bytes) -> None:
    """Nothing is announced, the good bundle beside it neither."""
    bad = bundle_of(1, sources={"tape/segment.floxlog": Data(changed)})

    with pytest.raises(Corrupt, match=f"bundle {bad.id[:12]}: tape/segment.floxlog: "):
        one_store.save(bundles=[bundle_of(2), bad])
    assert (tip(one_store), temporary(one_store)) == ("", "")
    assert one_store.bundle_ids() == []


def test_what_contradicts_itself_is_refused(one_store: Store) -> None:
    """A wrong id, bytes of no member, members that lie where none may."""
    good = bundle_of()
    stray = replace(good, content={**good.content, "strategy/more.py": Data(b"")})
    bad = [replace(good, id="0" * 64), stray]
    for path in ("manifest.json", "other/x", "strategy/../x", "strategy/.git/config", "/x"):
        members = {**good.manifest.members, path: good.manifest.members["config.json"]}
        blank = replace(good.manifest, members=members)
        bad.append(make_bundle(replace(blank, inputs=inputs_of(blank)), {}))

    for bundle in bad:
        with pytest.raises(Corrupt):
            one_store.save(bundles=[bundle])
    assert tip(one_store) == ""


# -- what others wrote into the store -------------------------------------------------------------


def put(store: Store, files: dict[str, tuple[str, bytes]]) -> None:
    """Write files into the store past all checks."""
    old = tip(store) or None
    with Writer(store.repo, "refs/bt-tmp/0-x") as writer:
        entries = {p: TreeEntry(mode, writer.blob(data)) for p, (mode, data) in files.items()}
        new = writer.commit(entries, parent=Oid(old) if old else None, message="x", when_s=1)
    store.repo.git("update-ref", REF, new)
    store.repo.git("update-ref", "-d", "refs/bt-tmp/0-x")


@pytest.mark.parametrize(
    ("path", "mode", "said"),
    [
        ("strategy/extra.py", "100644", "is in the store and not in the manifest"),
        ("strategy/signal.py/deep", "100644", "has mode 40000, not 100644"),
        ("more/extra.py", "100644", "is in the store and not in the manifest"),
        ("strategy/signal.py", "100755", "has mode 100755, not 100644"),
        ("strategy/signal.py", "120000", "has mode 120000, not 100644"),
        ("manifest.json", "100644", "its bytes do not give this id"),
        ("manifest.json", "100755", "no manifest.json"),
    ],
)
def test_a_tree_that_is_not_the_manifests_is_refused(
    one_store: Store, path: str, mode: str, said: str
) -> None:
    """What lies beside the members, or has another mode, is Corrupt; fsck names the bundle."""
    bundle = bundle_of()
    one_store.save(bundles=[bundle])
    put(one_store, {f"{place('bundles', bundle.id)}/{path}": (mode, b"changed")})

    with pytest.raises(Corrupt, match=said):
        anew(one_store).bundle(bundle.id)
    problems = fsck(one_store.repo, one_store.objects).problems
    assert {bundle.id} == {digest for problem in problems for digest in problem.bundles}


def test_a_changed_member_is_found_by_verify(one_store: Store) -> None:
    """Reading a bundle trusts the member; verify does not, and names it."""
    bundle = bundle_of()
    one_store.save(bundles=[bundle])
    path = f"{place('bundles', bundle.id)}/output/fills.csv"
    put(one_store, {path: ("100644", b"seq\n9\n" * 20)})
    found = anew(one_store).bundle(bundle.id)

    with pytest.raises(Corrupt, match=f"bundle {bundle.id[:12]}: output/fills.csv: "):
        one_store.verify(found)


def test_a_tree_without_end_is_not_walked(one_store: Store) -> None:
    """A small tree that holds itself many times over is refused at once."""
    bundle = bundle_of()
    one_store.save(bundles=[bundle])
    oid = one_store.repo.git("hash-object", "-w", "--stdin", stdin=b"").text
    line = f"100644 blob {oid}\ta\n".encode()
    for _ in range(40):
        tree = one_store.repo.git("mktree", stdin=line).text
        line = f"040000 tree {tree}\ta\n040000 tree {tree}\tb\n".encode()
    base = f"{place('bundles', bundle.id)}/strategy/signal.py"
    with Writer(one_store.repo, "refs/bt-tmp/0-x") as writer:
        files = {base: TreeEntry("40000", Oid(tree))}
        old = Oid(tip(one_store))
        new = writer.commit(files, parent=old, message="x", when_s=1)
    one_store.repo.git("update-ref", REF, new)

    with pytest.raises(Corrupt, match="has mode 40000"):
        anew(one_store).bundle(bundle.id)


def test_names_and_folders_that_are_none_are_refused(one_store: Store) -> None:
    """A file for a folder, a name that spells no id, an id that is none."""
    put(one_store, {"v1/bundles/ab/cd/short": ("100644", b"")})
    with pytest.raises(Corrupt, match="'v1/bundles/ab/cd/short' is no name of the store"):
        one_store.bundle_ids()
    put(one_store, {place("bundles", "a" * 64): ("100644", b"")})
    with pytest.raises(Corrupt, match="stands in the place of a folder"):
        anew(one_store).bundle("a" * 64)
    with pytest.raises(Usage, match="is no full id"):
        one_store.bundle("abcd")


# -- ids ------------------------------------------------------------------------------------------


def test_a_folder_that_gc_removes_meanwhile_is_written_into_again(
    one_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What git says then is known, and the write begins anew."""
    commits = Writer.commits
    said = "fatal: unable to write file /x/.git/objects/01/5d: No such file or directory"
    fails = [f"import sys; sys.stdin.read(); sys.exit({said!r})"]

    def first_fails(self: Writer, *drafts: Draft) -> list[Oid]:
        if fails:
            self._process.kill()
            self._process.communicate()
            self._process = subprocess.Popen(
                [sys.executable, "-c", fails.pop()],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
        return commits(self, *drafts)

    monkeypatch.setattr(Writer, "commits", first_fails)
    bundle = bundle_of(1)
    one_store.save(bundles=[bundle])

    assert fails == []
    assert anew(one_store).bundle_ids() == [bundle.id]
    assert is_whole(one_store)


def test_prefixes_resolve(store: Store) -> None:
    """Any unique prefix of four or more; each kind apart."""
    bundle, captured = bundle_of(), snapshot_of()
    run = run_of(bundle)
    store.save(bundles=[bundle], captured=[captured], runs=[run])
    seen = anew(store)
    snapshot = snapshot_id(captured.snapshot)

    assert [seen.resolve(bundle.id[:n]) for n in (4, 12, 64)] == [bundle.id] * 3
    assert seen.resolve(run_id(run)[:8], ("runs",)) == run_id(run)
    assert seen.resolve(snapshot[:8], ("bundles", "snapshots")) == snapshot
    with pytest.raises(Usage, match="no bundle "):
        seen.resolve(run_id(run)[:8])


@pytest.mark.parametrize("word", ["abc", "", "ABCDEF12", "xyzw", "main", "a" * 65, "../.."])
def test_what_is_no_prefix_is_a_usage_error(store: Store, word: str) -> None:
    """Too short, too long or no digits."""
    with pytest.raises(Usage, match="is no id"):
        store.resolve(word)


def test_an_ambiguous_prefix_names_the_candidates(one_store: Store) -> None:
    """The ids are shown as far as they differ."""
    ids = [f"{'ab' * 8}{n:048x}" for n in range(8)]
    put(one_store, {f"{place('bundles', i)}/manifest.json": ("100644", b"") for i in ids})

    with pytest.raises(Usage, match=r"bundle abab is ambiguous: .* and 2 more") as caught:
        one_store.resolve("abab")
    assert ids[0] in caught.value.message


def test_a_store_seen_is_looked_at_again_for_a_new_id(one_store: Store) -> None:
    """A bundle that another process added is found by one that has looked before."""
    early = anew(one_store)
    early.bundle_ids()
    bundle = bundle_of()
    one_store.save(bundles=[bundle], runs=[run_of(bundle)])

    assert early.bundle(bundle.id).id == bundle.id


# -- where a repository may be --------------------------------------------------------------------


def test_linked_worktrees_share_the_store(repo: GitRepo, tmp_path: Path) -> None:
    """What one saves the other reads."""
    repo.commit("one")
    repo.git("worktree", "add", "-q", str(tmp_path / "linked"))
    bundle = bundle_of()
    for linked in open_store(tmp_path / "linked"):
        linked.save(bundles=[bundle])

    for main in open_store(repo.path):
        assert main.bundle_ids() == [bundle.id]
    assert (repo.path / ".git" / "bt").is_dir()


@pytest.mark.parametrize("form", ["sha1", "sha256"])
def test_a_bare_repository_has_a_store(tmp_path: Path, form: str) -> None:
    """No work tree is needed."""
    bare = make_repo(tmp_path / "bare.git", "--bare", f"--object-format={form}")
    bundle = bundle_of()
    for store in open_store(bare.path):
        store.save(bundles=[bundle])

        assert bytes_of(anew(store).bundle(bundle.id).content) == bytes_of(bundle.content)
        assert is_whole(store)


def test_a_subdirectory_will_do(any_repo: GitRepo) -> None:
    """The store is that of the whole repository."""
    folder = any_repo.path / "a" / "b"
    folder.mkdir(parents=True)
    bundle = bundle_of()
    for store in open_store(folder):
        store.save(bundles=[bundle])

    for store in open_store(any_repo.path):
        assert store.bundle_ids() == [bundle.id]


def test_packed_refs_and_objects_are_read_and_added_to(store: Store) -> None:
    """After gc and pack-refs, reading and writing go on."""
    first, second = bundle_of(1), bundle_of(2)
    store.save(bundles=[first])
    store.repo.git("gc", "-q", "--prune=now")
    store.repo.git("pack-refs", "--all")
    store.save(bundles=[second])
    store.repo.git("gc", "-q", "--prune=now")
    seen = anew(store)

    assert seen.bundle_ids() == sorted([first.id, second.id])
    for bundle in (first, second):
        store.verify(seen.bundle(bundle.id))
    assert is_whole(store)


def test_reftables_hold_the_store(tmp_path: Path) -> None:
    """The store is used through git only, so that the form of refs does not matter."""
    made = subprocess.run(
        ["git", "init", "-q", "--ref-format=reftable", str(tmp_path / "repo")], capture_output=True
    )
    if made.returncode:
        pytest.skip("this git has no reftables (2.45)")
    for store in open_store(tmp_path / "repo"):
        store.save(bundles=[bundle_of()])

        assert is_whole(store)


def test_a_hostile_environment_does_not_lead_astray(
    one_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inside a hook of another repository the store is still the one of the repository found."""
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(tmp_path))
    one_store.save(bundles=[bundle_of()])

    assert anew(one_store).bundle_ids() == [bundle_of().id]


# -- many at once ---------------------------------------------------------------------------------


def save_some(path: Path, first: int, count: int) -> None:
    for store in open_store(path):
        for number in range(first, first + count):
            bundle = bundle_of(number)
            store.save(bundles=[bundle], runs=[run_of(bundle, number)])


def in_processes(*calls: tuple[Callable[..., None], tuple[object, ...]]) -> list[int | None]:
    """Run calls in a process each, all at once, and return their exit codes."""
    running = [FORK.Process(target=call, args=args) for call, args in calls]
    for process in running:
        process.start()
    for process in running:
        process.join(60)
    return [process.exitcode for process in running]


def test_eight_writers_lose_nothing(any_repo: GitRepo) -> None:
    """8 processes save 4 bundles each at once, while git packs and prunes."""
    codes = in_processes(*[(save_some, (any_repo.path, n * 4, 4)) for n in range(8)])
    any_repo.git("gc", "-q", "--prune=now")

    assert codes == [0] * 8
    for store in open_store(any_repo.path):
        assert len(store.bundle_ids()) == len(store.runs()) == 32
        assert is_whole(store)
        assert temporary(store) == ""


def test_a_ref_that_somebody_else_moves_is_taken_up(
    one_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer without our lock (a fetch) makes the swap fail; both writes are kept."""
    real = Writer.commits
    theirs = {f"{place('bundles', 'a' * 64)}/manifest.json": ("100644", b"")}

    def meddled(writer: Writer, *args: Any, **kwargs: Any) -> Oid:
        monkeypatch.setattr(Writer, "commits", real)
        found = real(writer, *args, **kwargs)
        put(one_store, theirs)
        return found

    monkeypatch.setattr(Writer, "commits", meddled)
    one_store.save(bundles=[bundle_of()])

    assert anew(one_store).bundle_ids() == sorted([bundle_of().id, "a" * 64])
    assert temporary(one_store) == ""


def test_what_another_writer_was_first_with_is_not_written(
    one_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While we waited for the lock, somebody saved the same bundle."""
    other = anew(one_store)
    real = lock

    def late(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr("git_bt.store.lock", real)
        other.save(bundles=[bundle_of()])
        return real(*args, **kwargs)

    monkeypatch.setattr("git_bt.store.lock", late)
    one_store.save(bundles=[bundle_of()])

    assert one_store.repo.git("rev-list", "--count", REF).text == "1"
    assert one_store.bundle_ids() == [bundle_of().id]


def test_a_ref_in_the_way_is_gits_own_line(one_store: Store) -> None:
    """Where refs/bt/store cannot be, git says why, and nothing is left."""
    oid = one_store.repo.git("hash-object", "-w", "--stdin", stdin=b"").text
    one_store.repo.git("update-ref", f"{REF}/below", oid)
    hasty = Store(one_store.repo, one_store.objects, patience_s=0.1)

    with pytest.raises(CannotWork, match=f"'{REF}/below' exists"):
        hasty.save(bundles=[bundle_of()])
    assert temporary(one_store) == ""


def test_left_over_refs_of_the_dead_are_swept(one_store: Store) -> None:
    """A temporary ref of a process that has ended goes with the next write, a live one stays."""
    with FORK.Pool(1) as pool:
        dead = pool.apply(os.getpid)
    bundle = bundle_of(1)
    one_store.save(bundles=[bundle])
    for name in (f"{dead}-abc", f"{os.getppid()}-abc", "strange"):
        one_store.repo.git("update-ref", f"refs/bt-tmp/{name}", REF)
    one_store.save(bundles=[bundle_of(2)])

    assert temporary(one_store).split()[2::3] == [f"refs/bt-tmp/{os.getppid()}-abc"]


# -- killed ---------------------------------------------------------------------------------------


def save_and_tell(path: Path, first: int, told: int) -> None:
    """Save bundles until killed, and tell each when it is announced."""
    os.setsid()
    os.write(told, b"ready\n")
    for store in open_store(path):
        for number in range(first, first + 1000):
            bundle = bundle_of(number)
            store.save(bundles=[bundle], runs=[run_of(bundle, number)])
            os.write(told, f"{bundle.id}\n".encode())


def kill_at_random(path: Path, rounds: int) -> None:
    """Kill a writer and its git processes again and again, then look at what is left."""
    announced: set[str] = set()
    clock = random.Random(20_260_101)
    for number in range(rounds):
        reading, writing = os.pipe()
        process = FORK.Process(target=save_and_tell, args=(path, number * 1000, writing))
        process.start()
        os.close(writing)
        with os.fdopen(reading) as told:
            for _ in range(1 + number % 3):  # in its first save, its second, its third
                announced.add(told.readline().strip())
            time.sleep(clock.random() * 0.04)
            os.killpg(process.pid or 0, signal.SIGKILL)
            process.join()
            announced |= {line.strip() for line in told if line.endswith("\n")}
        unlock(path, number)
    announced.discard("ready")
    for store in open_store(path):
        store.save(bundles=[bundle_of(10**6)])
        ids = set(store.bundle_ids())

        assert announced <= ids
        assert len(announced) >= rounds / 2
        assert is_whole(store)
        assert temporary(store) == ""
        for digest in ids:
            store.verify(store.bundle(digest))


def unlock(path: Path, number: int) -> None:
    """Save something new as a user would: do what the hint of a left-over lock says."""
    for store in open_store(path, patience_s=0.3):
        for _ in range(5):
            try:
                store.save(bundles=[bundle_of(10**7 + number)])  # what is there takes no lock
            except Locked as e:
                Path(str(e.hint).rpartition("rm ")[2].strip("'")).unlink()
            else:
                return
    raise AssertionError("still locked after doing what the hints said")


def test_kill_9_loses_nothing_that_was_announced(any_repo: GitRepo) -> None:
    """A few deaths at random moments; every announced bundle is whole."""
    kill_at_random(any_repo.path, 4)


@pytest.mark.slow
def test_kill_9_fifty_times_loses_nothing(repo: GitRepo) -> None:
    """Fifty deaths at random moments."""
    kill_at_random(repo.path, 50)


# -- locks ----------------------------------------------------------------------------------------


def test_a_writer_that_holds_the_lock_is_named(one_store: Store) -> None:
    """After the wait, the message names the lock, its holder and what to do."""
    one_store.repo.cache_dir.mkdir()
    hasty = Store(one_store.repo, one_store.objects, patience_s=0.05)
    with FileLock(one_store.repo.cache_dir / "lock"):
        with pytest.raises(Locked, match="another git-bt writes to this repository"):
            hasty.save(bundles=[bundle_of()])
        (one_store.repo.cache_dir / "lock.holder").write_text("4711\n")
        with pytest.raises(Locked, match=r"process 4711 has been writing .* for 0 s") as caught:
            hasty.save(bundles=[bundle_of()])

    assert caught.value.hint == "wait until it has ended, or end it: kill 4711"
    hasty.save(bundles=[bundle_of()])
    assert not (one_store.repo.cache_dir / "lock.holder").exists()


@pytest.mark.parametrize("name", [f"{REF}.lock", "packed-refs.lock"])
def test_a_lock_file_left_by_git_is_explained(one_store: Store, name: str) -> None:
    """The message names the file and its age, the hint the command; nothing stays behind."""
    hasty = Store(one_store.repo, one_store.objects, patience_s=0.1)
    one_store.save(bundles=[bundle_of(1)])
    stale = one_store.repo.common_dir / name
    stale.touch()
    os.utime(stale, (time.time() - 300, time.time() - 300))
    one_store.repo.git("config", "core.packedRefsTimeout", "50")

    with pytest.raises(Locked, match=rf"{name} is 30\d s old") as caught:
        hasty.save(bundles=[bundle_of(2)])
    assert caught.value.hint == f"when no git command runs here: rm {stale}"
    assert anew(one_store).bundle_ids() == [bundle_of(1).id]
    stale.unlink()
    one_store.save(bundles=[bundle_of(2)])
    assert temporary(one_store) == ""
    assert len(anew(one_store).bundle_ids()) == 2


def test_a_lock_file_that_goes_is_waited_for(one_store: Store) -> None:
    """A git that holds the ref for a moment does not fail the write."""
    one_store.save(bundles=[bundle_of(1)])
    stale = one_store.repo.common_dir / f"{REF}.lock"
    stale.touch()
    process = FORK.Process(target=lambda: (time.sleep(0.3), stale.unlink()))
    process.start()
    one_store.save(bundles=[bundle_of(2)])
    process.join()

    assert len(anew(one_store).bundle_ids()) == 2


def test_a_broken_ref_is_not_an_empty_store(one_store: Store) -> None:
    """A ref that git cannot read is Corrupt for readers and writers."""
    one_store.save(bundles=[bundle_of(1)])
    (one_store.repo.common_dir / REF).write_text("")

    with pytest.raises(Corrupt, match="refs/bt/store is broken"):
        anew(one_store).bundle_ids()
    with pytest.raises(Corrupt, match="refs/bt/store is broken"):
        one_store.save(bundles=[bundle_of(2)])


# -- places that refuse ---------------------------------------------------------------------------


def as_nobody(path: Path, told: int) -> None:
    """Read, then write, without any rights to write."""
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    os.environ["HOME"] = "/nonexistent"
    try:
        for store in open_store(path):
            found = [store.bundle(digest) for digest in store.bundle_ids()]
            store.verify(found[0])
            os.write(told, b"read\n")
            store.save(bundles=[bundle_of(2)])
    except BtError as e:
        os.write(told, f"{type(e).__name__}: {e.message}\n".encode())


@pytest.fixture
def open_place() -> Iterator[Path]:
    """Give a directory that every user can enter."""
    place_ = Path(tempfile.mkdtemp(dir="/tmp"))
    place_.chmod(0o755)
    yield place_
    shutil.rmtree(place_)


def test_a_read_only_repository_is_read(open_place: Path) -> None:
    """Without rights to write, reading works and writing says why it does not."""
    if os.getuid() != 0:
        pytest.skip("only root can become somebody without rights")
    repo = make_repo(open_place / "repo")
    for store in open_store(repo.path):
        store.save(bundles=[bundle_of(1)])
    for place_ in (repo.path, *repo.path.rglob("*")):
        os.chown(place_, 65534, 65534)
        place_.chmod(place_.stat().st_mode & 0o555 | 0o444)
    reading, writing = os.pipe()
    codes = in_processes((as_nobody, (repo.path, writing)))
    os.close(writing)
    with os.fdopen(reading) as told:
        said = told.read().splitlines()

    assert codes == [0]
    assert said[0] == "read"
    assert said[1].startswith("CannotWork: no permission to write: ")


def test_a_full_disk_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    """Nothing announced, no ref, no report of a crash; it works again when there is room."""
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(small)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        repo = make_repo(small / "repo")
        for store in open_store(repo.path):
            store.save(bundles=[bundle_of(1)])
            noise = random.Random(1).randbytes(2_000_000)
            big = bundle_of(2, files={"tape/a": noise, "tape/b": noise[::-1]})
            with pytest.raises(CannotWork, match="the disk is full"):
                store.save(bundles=[big])
            assert temporary(store) == ""
            assert not list(repo.path.glob(".git/fast_import_crash_*"))
            assert not list(repo.path.glob(".git/objects/**/tmp_*"))
            store.save(bundles=[bundle_of(3)])

            assert store.bundle_ids() == sorted([bundle_of(1).id, bundle_of(3).id])
            assert is_whole(store)
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_broken_object_under_a_new_name_is_found_at_once(one_store: Store) -> None:
    """Git does not mend a broken object by writing it again; so the write is read back."""
    bundle = bundle_of()
    data = bundle.content["strategy/signal.py"].read()
    oid = one_store.repo.git("hash-object", "-w", "--stdin", stdin=data).text
    path = one_store.repo.common_dir / "objects" / oid[:2] / oid[2:]
    path.chmod(0o644)
    path.write_bytes(b"")

    with pytest.raises(Corrupt):
        one_store.save(bundles=[bundle])
    assert (tip(one_store), temporary(one_store)) == ("", "")


def test_the_package_needs_no_engine_or_terminal_to_store() -> None:
    """The store imports nothing that costs."""
    script = (
        "import sys, git_bt.store; "
        "print([m for m in ('git', 'yaml', 'rich', 'click', 'filelock') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert done.stdout.strip() == "[]"
