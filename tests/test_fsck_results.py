"""Fsck of the notes: which lines are damage, and which are only remarked on."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from conftest import GitRepo
from git_bt.errors import ExitCode
from git_bt.fsck import fsck
from git_bt.model import Bundle, NoteLine, Verdict
from git_bt.notes import REF, place
from git_bt.objects import Objects
from git_bt.records import encode_note_line, run_id
from git_bt.repo import Repo
from git_bt.reports import FsckReport
from git_bt.store import Store
from store_cases import bundle_of, run_of


@pytest.fixture
def store(any_repo: GitRepo) -> Iterator[Store]:
    """Give a store with two bundles and a result on each of two commits."""
    repo = Repo.find(any_repo.path)
    with Objects(repo) as objects:
        store = Store(repo, objects)
        for number in range(2):
            commit = any_repo.commit(f"commit {number}")
            save(store, number, commit)
        yield store


def save(store: Store, number: int, commit: str) -> None:
    bundle = bundle_of(number)
    store.save(bundles=[bundle], runs=[run_of(bundle)], notes={commit: [line_of(bundle)]})


def line_of(bundle: Bundle, **values: object) -> NoteLine:
    run = run_of(bundle)
    line = NoteLine(
        strategy=run.strategy, inputs=run.inputs, bundle=bundle.id, run=run_id(run),
        verdict=run.verdict, kind="measured",
    )  # fmt: skip
    return replace(line, **values)  # type: ignore[arg-type]


def searched(store: Store) -> FsckReport:
    with Objects(store.repo) as objects:
        return fsck(store.repo, objects)


def add(repo: GitRepo, text: str, commit: str = "HEAD") -> None:
    """Write a line as somebody does who knows git and not git-bt."""
    repo.git("notes", "--ref=bt", "append", "-m", text, commit)


def test_results_that_name_what_is_there_are_whole(store: Store, any_repo: GitRepo) -> None:
    """They are counted, and so is every object of the notes, old ones included."""
    report = searched(store)
    reached = any_repo.git("rev-list", "--objects", "refs/bt/store", REF).splitlines()

    assert (report.results, report.problems, report.remarks) == (2, (), ())
    assert report.objects == len(reached)
    assert report.exit_code == ExitCode.OK


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        ("looks good to me", "1 line that git-bt did not write"),
        ("[1, 2]", "1 line that git-bt did not write"),
        ('{"reviewed": true}', "1 line that git-bt did not write"),
        ('{"v":2,"bundle":"x"}', "1 line of another version"),
    ],
)
def test_what_is_no_result_is_no_damage(
    store: Store, any_repo: GitRepo, text: str, remark: str
) -> None:
    """Notes are git's: a review, and a line of a git-bt to come, are remarked on."""
    add(any_repo, text)
    report = searched(store)

    assert (report.results, report.problems) == (2, ())
    assert report.remarks == (f"{remark} in {REF}",)


@pytest.mark.parametrize("end", [30, 200])
def test_half_a_result_is_damage(store: Store, any_repo: GitRepo, end: int) -> None:
    """A line that was cut, and one of ours with a field that is not right."""
    good = encode_note_line(line_of(bundle_of(7))).decode()
    add(any_repo, good[:end])
    add(any_repo, good.replace('"reproduced"', '"splendid"'))
    problems = searched(store).problems
    head = any_repo.git("rev-parse", "HEAD")

    assert [(p.kind, p.name) for p in problems] == [("note", head[:12])] * 2
    assert all(
        p.message.startswith('has a result that cannot be read: {"bundle"') for p in problems
    )
    assert searched(store).exit_code == ExitCode.CANNOT_JUDGE


def test_a_result_names_what_is_not_there(store: Store, any_repo: GitRepo) -> None:
    """The bundle, or the run; of a fork's the run was not taken, and that is right."""
    other, known = bundle_of(5), bundle_of(1)
    add(any_repo, encode_note_line(line_of(other)).decode())
    add(any_repo, encode_note_line(line_of(known, run="a" * 64)).decode())
    add(any_repo, encode_note_line(line_of(known, run="b" * 64, origin="a fork")).decode())
    problems = searched(store).problems

    assert sorted((p.message, p.bundles) for p in problems) == [
        (f"names bundle {other.id[:12]}, which is not in the store: git bt fetch", (other.id,)),
        ("names run aaaaaaaaaaaa, which is not in the store: git bt fetch", (known.id,)),
    ]
    assert {p.name for p in problems} == {
        f"{any_repo.git('rev-parse', 'HEAD')[:12]}:strategies/ema"
    }


def test_a_result_that_its_run_denies(store: Store, any_repo: GitRepo) -> None:
    """A line that calls a failed run reproduced was written by nobody's git-bt."""
    failed = replace(run_of(bundle_of(1), 9), verdict=Verdict.DIVERGED)
    store.save(runs=[failed])
    add(any_repo, encode_note_line(line_of(bundle_of(1), run=run_id(failed))).decode())
    (problem,) = searched(store).problems

    assert problem.message == (
        f"is not what its run {run_id(failed)[:12]} says: diverged of {bundle_of(1).id[:12]}"
    )


def test_commits_that_are_gone_are_no_damage(store: Store, any_repo: GitRepo) -> None:
    """A rebase leaves results behind; they are found again when the commit is."""
    any_repo.git("commit", "-q", "--amend", "--allow-empty", "-m", "other words")
    any_repo.git("reflog", "expire", "--all", "--expire=now")
    report = searched(store)

    assert report.problems == ()
    assert report.remarks == ("notes on 1 commit that no branch, tag or reflog here leads to",)


def test_notes_without_a_store(store: Store, any_repo: GitRepo, tmp_path: Path) -> None:
    """Plain git brought the notes alone: that is one remark; a store that was lost is damage."""
    clone = GitRepo(tmp_path / "clone")
    any_repo.git("clone", "-q", str(any_repo.path), str(clone.path))
    clone.git("fetch", "-q", "origin", f"{REF}:{REF}")
    found = Repo.find(clone.path)
    with Objects(found) as objects:
        report = fsck(found, objects)
    any_repo.git("update-ref", "-d", "refs/bt/store")

    assert (report.results, report.problems) == (2, ())
    assert report.remarks == ("the results have come without the store: git bt fetch",)
    assert [p.kind for p in searched(store).problems] == ["ref"]


def test_broken_objects_of_the_notes_are_named(store: Store, any_repo: GitRepo) -> None:
    """A note's blob, a folder, a commit; what is behind a broken one is not called missing."""
    head = any_repo.git("rev-parse", "HEAD")
    for name in (f"{REF}:{place(head)}", f"{REF}:{head[:2]}", f"{REF}^{{tree}}", f"{REF}~1"):
        oid = any_repo.git("rev-parse", name)
        path = any_repo.path / ".git/objects" / oid[:2] / oid[2:]
        path.chmod(0o644)
        good = path.read_bytes()
        path.write_bytes(b"garbage")
        problems = searched(store).problems
        path.write_bytes(good)

        assert [(p.kind, p.name) for p in problems] == [("object", oid)], name
    (any_repo.path / ".git" / REF).write_text("garbage\n")
    assert [(p.kind, p.name) for p in searched(store).problems] == [("ref", REF)]


def test_a_broken_store_is_not_said_twice(store: Store, any_repo: GitRepo) -> None:
    """Results whose bundles lie behind a broken folder are not called lost."""
    oid = any_repo.git("rev-parse", "refs/bt/store:v1")
    path = any_repo.path / ".git/objects" / oid[:2] / oid[2:]
    path.chmod(0o644)
    path.write_bytes(b"")

    assert [(p.kind, p.name) for p in searched(store).problems] == [("object", oid)]
