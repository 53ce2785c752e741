"""Reading objects with proof, and writing them through fast-import."""

import os
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import GitRepo, make_repo
from git_bt.errors import CannotWork, Corrupt
from git_bt.model import REGULAR, Oid
from git_bt.object_writer import Writer
from git_bt.objects import (
    FOLDER,
    Blob,
    Objects,
    TreeEntry,
    blob_oid,
    find_entry,
    object_id,
    parse_commit,
    parse_tree,
)
from git_bt.repo import Repo

DATA = (b"", b"a\n", b"\0\xff\r\n", b"x" * 3_000_000)
WHEN_S = 1_700_000_000


@pytest.fixture
def objects(any_repo: GitRepo) -> Iterator[Objects]:
    """Give the objects of an empty repository, once of each object format."""
    with Objects(Repo.find(any_repo.path)) as found:
        yield found


def put(objects: Objects, data: bytes, kind: str = "blob") -> Oid:
    """Write an object with git itself, unchecked."""
    args = ("hash-object", "-t", kind, "-w", "--stdin", "--literally")
    return Oid(objects.repo.git(*args, stdin=data).text)


def loose(objects: Objects, oid: Oid) -> Path:
    """Return the file of a loose object, made writable."""
    path = objects.repo.common_dir / "objects" / oid[:2] / oid[2:]
    path.chmod(0o644)
    return path


# -- reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", DATA, ids=len)
def test_blobs_are_read_as_git_wrote_them(objects: Objects, data: bytes) -> None:
    """Bytes come back unchanged, under the id that we compute ourselves."""
    oid = put(objects, data)

    assert oid == blob_oid(data, objects.repo.hash_name)
    assert objects.read(oid) == ("blob", data)
    assert Blob(oid, objects).read() == data
    assert b"".join(Blob(oid, objects).chunks()) == data


def test_trees_and_commits_are_parsed(any_repo: GitRepo, objects: Objects) -> None:
    """Names, modes, parents and messages are git's own."""
    one = any_repo.commit("one", **{"é ü": "1", "sub/deep": "2"})
    two = Oid(any_repo.commit("two\n\nbody"))
    commit = objects.commit(two)
    tree = objects.tree(commit.tree)

    assert commit.tree == objects.commit_tree(two) == any_repo.git("rev-parse", "HEAD^{tree}")
    assert (commit.parents, commit.message) == ((one,), "two\n\nbody\n")
    assert tree["é ü"] == TreeEntry(REGULAR, blob_oid(b"1", objects.repo.hash_name))
    assert list(objects.tree(tree["sub"].oid)) == ["deep"]
    assert tree["sub"].mode == FOLDER


def test_many_objects_come_in_the_order_asked(objects: Objects) -> None:
    """More objects than one batch holds, some of them twice."""
    lines = "".join(f"blob\ndata <<E\n{n}\nE\n" for n in range(600))
    objects.repo.git("fast-import", "--quiet", stdin=lines.encode())
    data = [f"{n % 600}\n".encode() for n in range(1000)]
    oids = [blob_oid(d, objects.repo.hash_name) for d in data]

    assert list(objects.read_many(oids)) == [("blob", d) for d in data]


def test_an_object_of_another_type_is_refused(objects: Objects) -> None:
    """A blob is no tree."""
    oid = put(objects, b"a")

    with pytest.raises(Corrupt, match=f"object {oid} is a blob, not a tree"):
        objects.tree(oid)


def test_a_missing_object_is_named_and_the_next_is_read(objects: Objects) -> None:
    """After a miss the pipe is in step again."""
    there, missing = put(objects, b"a"), blob_oid(b"b", objects.repo.hash_name)

    with pytest.raises(Corrupt, match=f"object {missing} is missing"):
        list(objects.read_many([there, missing, there]))
    with pytest.raises(Corrupt, match=f"object {missing} is missing"):
        list(objects.chunks(missing))
    assert objects.blob(there) == b"a"


@pytest.mark.parametrize(
    "oid", ["", "HEAD", "main", "0" * 39, "A" * 40, "a\n" + "0" * 38, "é" * 40]
)
def test_what_is_no_id_never_reaches_git(objects: Objects, oid: str) -> None:
    """Names and parts of ids are refused: only whole ids are asked for."""
    with pytest.raises(Corrupt, match="is no object id"):
        objects.read(Oid(oid))


def test_an_object_under_a_wrong_name_is_refused(objects: Objects) -> None:
    """Git believes a file of another object's content; we do not."""
    oid, other = put(objects, b"right\n"), put(objects, b"wrong\n")
    loose(objects, oid).write_bytes(loose(objects, other).read_bytes())
    shown = objects.repo.git("cat-file", "blob", oid, check=False)

    assert shown.out == b"wrong\n", "git itself is misled"
    with pytest.raises(Corrupt, match=f"object {oid} holds other bytes"):
        objects.blob(oid)


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"garbage",
        zlib.compress(b"blob 6\0short"),
        zlib.compress(b"blob 2\0longer"),
        zlib.compress(b"blob 99999999999999\0x"),
        zlib.compress(b"blob -1\0x"),
        zlib.compress(b"what 1\0x"),
        zlib.compress(b"x" * 5000),
    ],
    ids=range(8),
)
def test_a_garbled_object_is_refused_and_never_hangs(objects: Objects, broken: bytes) -> None:
    """Whatever stands in the file, the answer is Corrupt with the id, and the next read works."""
    oid, good = put(objects, b"right\n"), put(objects, b"good\n")
    loose(objects, oid).write_bytes(broken)

    with pytest.raises(Corrupt, match=f"object {oid}"):
        objects.blob(oid)
    with suppress(Corrupt):
        assert b"".join(objects.chunks(oid)) != b"right\n", "and so whoever hashes them will see"
    assert objects.blob(good) == b"good\n"


def test_a_killed_process_is_started_again(objects: Objects) -> None:
    """When git dies under us, the next read starts another."""
    oid = put(objects, b"a")
    objects.read(oid)
    assert objects._process is not None
    objects._process.kill()
    objects._process.wait()

    assert objects.blob(oid) == b"a"


def test_objects_written_later_are_seen(objects: Objects) -> None:
    """The process finds what was written, packed and pruned after it started."""
    first = put(objects, b"first")
    objects.read(first)
    second = put(objects, b"second")
    objects.repo.git("update-ref", "refs/bt/x", first)
    objects.repo.git("update-ref", "refs/bt/y", second)
    assert objects.blob(second) == b"second"
    objects.repo.git("gc", "-q", "--prune=now")

    assert not list((objects.repo.common_dir / "objects").glob("??/*"))
    assert [objects.blob(oid) for oid in (first, second)] == [b"first", b"second"]


def test_threads_share_one_process(objects: Objects) -> None:
    """Reads of several threads do not mix."""
    data = [f"{n}\n".encode() * (n + 1) for n in range(50)]
    oids = [put(objects, d) for d in data]
    wrong: list[int] = []

    def look(start: int) -> None:
        for n in range(start, start + 200):
            if objects.blob(oids[n % 50]) != data[n % 50]:
                wrong.append(n)

    threads = [threading.Thread(target=look, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_nothing_is_started_before_the_first_read(repo: GitRepo) -> None:
    """Opening and closing costs no process; closing ends the one that was started."""
    with Objects(Repo.find(repo.path)) as objects:
        assert objects._process is None
        oid = put(objects, b"a")
        objects.read(oid)
        process = objects._process

    assert process is not None
    assert process.returncode is not None


# -- parsing --------------------------------------------------------------------------------------


def raw(mode: bytes, name: bytes) -> bytes:
    return mode + b" " + name + b"\0" + b"\1" * 20


@pytest.mark.parametrize(
    "data",
    [
        raw(b"100644", b"a")[:-1],
        raw(b"100644", b"a") + b"x",
        raw(b"100644", b""),
        raw(b"100644", b"a/b"),
        raw(b"100644", b"\xff"),
        raw(b"", b"a"),
        raw(b"100644", b"a") + raw(b"100755", b"a"),
        b"100644",
    ],
)
def test_a_malformed_tree_is_refused(data: bytes) -> None:
    """Cut trees and names that cannot be are Corrupt."""
    with pytest.raises(Corrupt, match="tree 1234"):
        parse_tree(Oid("1234"), data, "sha1")


@given(st.binary(max_size=80))
def test_any_bytes_are_a_tree_or_corrupt(data: bytes) -> None:
    """Nothing but Corrupt comes out of parsing; what is accepted is said again by the entries."""
    with suppress(Corrupt):
        parse_commit(Oid("1234"), data)
    entries = {}
    with suppress(Corrupt):
        entries = parse_tree(Oid("1234"), data, "sha1")
    again = [f"{e.mode} {n}\0".encode() + bytes.fromhex(e.oid) for n, e in entries.items()]

    assert not entries or b"".join(again) == data


def test_a_commit_without_a_tree_is_refused() -> None:
    """A commit begins with its tree."""
    with pytest.raises(Corrupt, match="commit 1234 is malformed"):
        parse_commit(Oid("1234"), b"parent x\n\n")


# -- writing --------------------------------------------------------------------------------------

NAMES = ["plain", "é ü", "tab\tnewline\n", 'quote"back\\slash', "-dash", "\x7f", "100644 a"]


def test_what_is_written_is_in_the_tree(any_repo: GitRepo, objects: Objects) -> None:
    """Blobs, executables, whole trees, blobs that git has; any name; on top of a parent."""
    hash_name = objects.repo.hash_name
    base = Oid(any_repo.commit("base", **{"kept/a": "1", "kept/b": "2"}))
    kept = objects.tree(objects.commit_tree(base))["kept"]
    with Writer(objects.repo, "refs/bt-tmp/1") as writer:
        files = {name: TreeEntry(REGULAR, writer.blob(name.encode())) for name in NAMES}
        files["deep/er/x.sh"] = TreeEntry("100755", writer.blob(b"x"))
        files["again"] = TreeEntry(REGULAR, writer.blob(b"x"))
        files["have"] = TreeEntry(REGULAR, blob_oid(b"1", hash_name))
        files["copy"] = kept
        new = writer.commit(files, parent=base, message="äöü\n\nbody", when_s=WHEN_S)
    commit = objects.commit(new)
    tree = objects.tree(commit.tree)

    assert objects.repo.git("rev-parse", "refs/bt-tmp/1").text == new
    assert (commit.parents, commit.message) == ((base,), "äöü\n\nbody")
    assert {n: objects.blob(tree[n].oid) for n in NAMES} == {n: n.encode() for n in NAMES}
    assert tree["kept"] == tree["copy"] == kept
    assert objects.tree(objects.tree(tree["deep"].oid)["er"].oid)["x.sh"].mode == "100755"
    assert any_repo.git("fsck", "--full", "--strict", "--no-dangling") == ""
    assert any_repo.git("log", "-1", "--format=%an <%ae> %at %ce", new) == (
        f"git-bt <git-bt@invalid> {WHEN_S} git-bt@invalid"
    )


def test_equal_writes_are_equal_commits(tmp_path: Path) -> None:
    """Identity and clock come from nowhere but the call."""

    def write(name: str) -> Oid:
        repo = Repo.find(make_repo(tmp_path / name).path)
        with Writer(repo, "refs/bt-tmp/1") as writer:
            files = {"a": TreeEntry(REGULAR, writer.blob(b"a"))}
            return writer.commit(files, parent=None, message="x", when_s=WHEN_S)

    assert write("one") == write("two")


def test_leaving_without_a_commit_leaves_nothing(any_repo: GitRepo, objects: Objects) -> None:
    """No ref, no pack, no report of a crash."""
    with Writer(objects.repo, "refs/bt-tmp/1") as writer:
        for _ in range(20):
            writer.blob(os.urandom(100_000))

    assert any_repo.git("for-each-ref") == ""
    assert not list(any_repo.path.glob(".git/objects/**/tmp_*"))
    assert not list(any_repo.path.glob(".git/fast_import_crash_*"))
    assert any_repo.git("fsck", "--full") == ""


def test_a_blob_that_is_not_there_is_refused(any_repo: GitRepo, objects: Objects) -> None:
    """Git refuses a tree that names nothing; no ref and no report of a crash are left."""
    nothing = blob_oid(b"nothing", objects.repo.hash_name)
    with (
        Writer(objects.repo, "refs/bt-tmp/1") as writer,
        pytest.raises(CannotWork, match="git fast-import: "),
    ):
        writer.commit({"a": TreeEntry(REGULAR, nothing)}, parent=None, message="x", when_s=WHEN_S)

    assert any_repo.git("for-each-ref") == ""
    assert not list(any_repo.path.glob(".git/fast_import_crash_*"))


def test_a_writer_that_dies_is_an_error(objects: Objects) -> None:
    """When git is killed, feeding it says so."""
    writer = Writer(objects.repo, "refs/bt-tmp/1")
    writer._process.kill()

    with pytest.raises(CannotWork, match="fast-import"), writer:  # noqa: PT012
        for n in range(20):
            writer.blob(os.urandom(100_000))
            time.sleep(0.01 * (n < 3))


def test_a_writer_that_died_before_it_read_is_an_error(objects: Objects) -> None:
    """What it was fed lies in our buffer, and only the end finds out."""
    writer = Writer(objects.repo, "refs/bt-tmp/1")
    writer._process.kill()
    os.waitid(os.P_PID, writer._process.pid, os.WEXITED | os.WNOWAIT)
    files = {"a": TreeEntry(REGULAR, writer.blob(b"a"))}

    with pytest.raises(CannotWork, match="fast-import"), writer:
        writer.commit(files, parent=None, message="x", when_s=WHEN_S)


@given(st.binary(max_size=200))
def test_object_ids_are_gits(data: bytes) -> None:
    """The id is a hash over type, size and bytes."""
    import hashlib

    expected = hashlib.sha256(b"blob %d\0" % len(data) + data).hexdigest()

    assert blob_oid(data, "sha256") == object_id("blob", data, "sha256") == expected


@pytest.mark.parametrize("hash_name", ["sha1", "sha256"])
@given(st.data())
def test_an_entry_is_found_as_in_the_parsed_tree(hash_name: str, data: st.DataObject) -> None:
    """Whatever stands beside it: digests of any bytes, and names that end like an entry."""
    width = {"sha1": 20, "sha256": 32}[hash_name]
    name = st.text("ab0 1", min_size=1, max_size=12) | st.sampled_from(["100644 ab", "ab 40000 ab"])
    mode = st.sampled_from(["100644", "100755", "120000", "40000"])
    digest = st.binary(min_size=width, max_size=width)
    looks_alike = name.map(lambda n: f" {n}\0".encode().ljust(width, b"\0")[:width])
    entries = data.draw(st.dictionaries(name, st.tuples(mode, digest | looks_alike)))
    tree = b"".join(
        f"{mode} {name}\0".encode() + digest for name, (mode, digest) in sorted(entries.items())
    )
    oid = Oid("0" * 2 * width)
    parsed = parse_tree(oid, tree, hash_name)

    for each in (data.draw(name), *entries):
        assert find_entry(oid, tree, each, hash_name) == parsed.get(each)
    if tree:
        with pytest.raises(Corrupt, match="malformed at byte"):
            find_entry(oid, tree[:-1], "not there", hash_name)
