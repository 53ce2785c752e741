"""Pins: the file beside a tape that names its bytes in git, and what a view makes of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.test_tape import member, open_view, read
from conftest import GitRepo
from git_bt.canonical import encode_json, tape_sha256
from git_bt.capture.pin import Pin, decode_pin, encode_pin, read_pin
from git_bt.capture.tape import read_tape
from git_bt.errors import Corrupt, Incomplete
from git_bt.model import OnDisk, TapeState

TAPE = {"a.bin": member(b"a"), "deep/b.bin": member(b"b")}
IGNORED = ".gitignore"


def pinned(repo: GitRepo, state: TapeState = TapeState.PINNED) -> None:
    """Commit the pin of an ignored tape t, and bring what lies on disk into a state."""
    repo.write("t/a.bin", b"a")
    repo.write("t/deep/b.bin", b"b")
    pin = encode_pin(Pin(name="t", members=TAPE))
    repo.commit("one", **{"t.tape": pin, IGNORED: "/t/\n"})
    if state is TapeState.CHANGED:
        repo.write("t/a.bin", b"x")
    if state is TapeState.MISSING:
        for name in TAPE:
            (repo.path / "t" / name).unlink()
        (repo.path / "t" / "deep").rmdir()


@given(
    st.text("abc", min_size=1),
    st.dictionaries(st.text("abc/.é", min_size=1), st.binary(max_size=4).map(member), min_size=1),
)
def test_a_pin_reads_back(name: str, members: Any) -> None:
    """Every tape reads back, and one tape has one spelling."""
    data = encode_pin(Pin(name=name, members=members))

    assert decode_pin(data, "x.tape") == Pin(name=name, members=members)
    assert json.loads(data)["sha256"] == tape_sha256(members)


def value(**changes: Any) -> dict[str, Any]:
    """Return a pin's JSON value with changes; None takes a key away."""
    found = json.loads(encode_pin(Pin(name="t", members=TAPE))) | changes
    return {k: v for k, v in found.items() if v is not None}


DIGEST = "0" * 64


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "line 1"),
        (b"[]\n", "no pin"),
        (encode_json(value(version=None)), "no pin"),
        (encode_json(value(version=True)), "no pin"),
        (encode_json(value(version=2)), "version 2 is not known"),
        (encode_json(value(name=None)), "name and files"),
        (encode_json(value(files={})), "name and files"),
        (encode_json(value(files={"a": 1})), "sha256 of 'a'"),
        (encode_json(value(files={"a": {"sha256": "A" * 64, "size": 1}})), "sha256 of 'a'"),
        (encode_json(value(files={"a": {"sha256": DIGEST, "size": -1}})), "size of 'a'"),
        (encode_json(value(files={"a": {"sha256": DIGEST, "size": True}})), "size of 'a'"),
        (encode_json(value(files={"a": {"sha256": DIGEST, "size": 1, "x": 1}})), "its total"),
        (encode_json(value(sha256=DIGEST)), "its total"),
        (encode_json(value(size=3)), "its total"),
        (encode_json(value(more=1)), "its form"),
        (json.dumps(value()).encode(), "its form"),
        (encode_pin(Pin(name="t", members=TAPE)) * 2, "line 2"),
    ],
)
def test_a_pin_that_is_not_ours_is_refused(data: bytes, said: str) -> None:
    """Another version, another spelling, a total that does not follow: named, never guessed at."""
    with pytest.raises(Corrupt, match=said):
        decode_pin(data, "t.tape")


@pytest.mark.parametrize("state", [TapeState.PINNED, TapeState.CHANGED, TapeState.MISSING])
@pytest.mark.parametrize("view", ["index", "commit"])
def test_a_commits_tape_is_its_pins(view: str, state: TapeState, repo: GitRepo) -> None:
    """Whatever lies on disk, the members are the pin's; the bytes only where they are the same."""
    pinned(repo, state)
    found = read(repo, "t", view)

    assert dict(found.members) == TAPE
    assert found.state is state
    assert (found.place is not None) == (state is TapeState.PINNED)
    assert sorted(found.content) == (sorted(TAPE) if state is TapeState.PINNED else [])


@pytest.mark.parametrize("state", [TapeState.PINNED, TapeState.CHANGED, TapeState.MISSING])
def test_the_work_trees_tape_is_what_lies_there(state: TapeState, repo: GitRepo) -> None:
    """A pin says whether it is the one that was pinned, and what it was when it is not here."""
    pinned(repo, state)
    found = read(repo, "t")
    here = TAPE | {"a.bin": member(b"x")} if state is TapeState.CHANGED else TAPE

    assert dict(found.members) == here
    assert found.state is state
    assert all(isinstance(source, OnDisk) for source in found.content.values())


def test_a_folder_without_a_file_counts_as_missing(repo: GitRepo) -> None:
    """A mount point that is not mounted, or a link that leads nowhere, holds no tape."""
    pinned(repo, TapeState.MISSING)
    empty = read(repo, "t").state
    (repo.path / "t").rmdir()
    (repo.path / "t").symlink_to("/nowhere/at/all")

    assert empty is read(repo, "t").state is TapeState.MISSING


def test_tracked_stands_above_a_pin(repo: GitRepo) -> None:
    """A tape that git has needs no pin, and a wrong one beside it changes nothing."""
    repo.commit("one", **{"t/a.bin": "a", "t.tape": "no pin at all"})

    assert read(repo, "t").state is TapeState.TRACKED
    assert read(repo, "t", "commit").members == {"a.bin": member(b"a")}


def test_without_a_pin_it_is_unpinned(repo: GitRepo, tmp_path: Path) -> None:
    """Beside git, or outside of the repository: only what lies on disk says what it is."""
    repo.commit("one", **{IGNORED: "/t/\n"})
    repo.write("t/a.bin", "a")
    outside = tmp_path / "o"
    outside.mkdir()
    (outside / "a.bin").write_bytes(b"a")
    (tmp_path / "o.tape").write_bytes(b"not looked at")

    assert read(repo, "t").state is TapeState.UNPINNED
    assert read(repo, "t", "commit").state is TapeState.UNPINNED
    assert read(repo, str(outside)).state is TapeState.UNPINNED
    with pytest.raises(Incomplete, match="no tape at"):
        read(repo, "nowhere")


def test_a_pin_that_is_new_counts_in_the_work_tree_only(repo: GitRepo) -> None:
    """What is not committed is not the commit's."""
    pinned(repo)
    repo.git("rm", "-q", "--cached", "t.tape")
    repo.commit("two", **{IGNORED: "/t/\n/t.tape\n"})

    assert read(repo, "t").state is TapeState.PINNED
    assert read(repo, "t", "index").state is TapeState.UNPINNED


def test_a_renamed_pin_is_refused(repo: GitRepo) -> None:
    """A copied or renamed pin is the pin of another tape."""
    pinned(repo)
    repo.write("u/a.bin", "a")
    repo.git("mv", "t.tape", "u.tape")

    with pytest.raises(Corrupt, match=r"u\.tape: it is the pin of a tape named 't'"):
        read(repo, "u")


def test_a_pin_that_is_a_link_out_or_a_pointer_is_none(repo: GitRepo) -> None:
    """A link that cannot be followed pins nothing; a pin stored in LFS says so."""
    pinned(repo)
    (repo.path / "t.tape").unlink()
    (repo.path / "t.tape").symlink_to("/etc/hostname")
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{DIGEST}\nsize 5\n"

    assert read(repo, "t").state is TapeState.UNPINNED
    (repo.path / "t.tape").unlink()
    repo.write("t.tape", pointer)
    with open_view(repo.path) as files, pytest.raises(Corrupt, match="git-LFS"):
        read_pin(files, "t")


def test_unsafe_members_of_a_pin_are_refused(repo: GitRepo) -> None:
    """A pin comes from a stranger's commit: its paths are checked as a tape's are."""
    repo.commit("one", **{"t.tape": encode_pin(Pin(name="t", members={"../x": member(b"x")}))})

    with open_view(repo.path, "commit") as files, pytest.raises(Exception, match="leaves its root"):
        read_tape(files, "t", top=repo.path, cwd=repo.path)
