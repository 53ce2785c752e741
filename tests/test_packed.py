"""What was packed last: remembered as far as the store only grew, and never wrong."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from conftest import GitRepo
from git_bt.model import RunRecord, Verdict
from git_bt.objects import Objects
from git_bt.packed import last_packed
from git_bt.records import run_id
from git_bt.repo import Repo
from git_bt.store import Store
from store_cases import bundle_of, run_of


@pytest.fixture
def store(any_repo: GitRepo) -> Iterator[Store]:
    """Give the store of an empty repository, once of each object format."""
    repo = Repo.find(any_repo.path)
    with Objects(repo) as objects:
        yield Store(repo, objects)


def save(store: Store, *runs: RunRecord) -> None:
    store.save(bundles=[bundle_of(n) for n in range(3)], runs=runs)


def run(strategy: str, when_ns: int, number: int = 0, **values: object) -> RunRecord:
    return replace(run_of(bundle_of(number), when_ns), strategy=strategy, **values)  # type: ignore[arg-type]


def found(store: Store) -> dict[str, int]:
    """Return the time of the run that counts by strategy, as a process sees it that comes anew."""
    with Objects(store.repo) as objects:
        return {n: r.when_ns for n, (_, r) in last_packed(Store(store.repo, objects)).items()}


def test_an_empty_store_has_packed_nothing(store: Store) -> None:
    """And nothing is written by asking."""
    assert found(store) == {}
    assert not store.repo.cache_dir.exists()


def test_the_newest_that_packed_or_accepted_counts(store: Store) -> None:
    """Neither what failed nor a validation; of equal times, the same one everywhere."""
    save(
        store,
        run("a", 3),
        run("a", 9, kind="validate"),
        run("a", 8, verdict=Verdict.FAILED),
        run("b", 2),
        run("b", 5, kind="accept"),
        run("c", 7, kind="validate"),
    )

    assert found(store) == {"a": 3, "b": 5}
    same = [run("d", 1, number) for number in range(3)]
    save(store, *same)
    last = max(same, key=lambda r: (r.bundle, run_id(r)))
    assert last_packed(store)["d"] == (run_id(last), last)


def test_what_came_since_is_all_that_is_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time nothing, then the one that came; the answer is that of reading all."""
    save(store, *(run("a", n) for n in range(1, 200)))
    assert found(store) == {"a": 199}
    read: list[int] = []
    real = Objects.read_many

    def counted(self: Objects, oids: object) -> object:
        asked = list(oids)  # type: ignore[call-overload]
        read.append(len(asked))
        return real(self, asked)

    monkeypatch.setattr(Objects, "read_many", counted)
    assert found(store) == {"a": 199}
    assert sum(read) < 10
    monkeypatch.undo()
    save(store, run("a", 150, 1), run("b", 1), run("a", 300))
    monkeypatch.setattr(Objects, "read_many", counted)
    read.clear()
    assert found(store) == {"a": 300, "b": 1}
    assert sum(read) < 40


def test_a_store_that_was_taken_back_is_read_anew(store: Store) -> None:
    """What is gone must not count any more, even when git has forgotten the tree."""
    save(store, run("a", 1))
    before = store.repo.git("rev-parse", "refs/bt/store").text
    save(store, run("a", 2))
    assert found(store) == {"a": 2}
    store.repo.git("update-ref", "refs/bt/store", before)
    assert found(store) == {"a": 1}
    save(store, run("a", 5))
    assert found(store) == {"a": 5}
    store.repo.git("update-ref", "refs/bt/store", before)
    store.repo.git("reflog", "expire", "--all", "--expire=now")
    store.repo.git("gc", "--quiet", "--prune=now")

    assert found(store) == {"a": 1}


def test_a_broken_memory_is_forgotten(store: Store) -> None:
    """Whatever stands there, also what is written well and says something wrong."""
    save(store, run("a", 1), run("a", 2), run("b", 3))
    expected = found(store)
    place = store.repo.cache_dir / "packed.json"
    good = json.loads(place.read_bytes())
    wrong = [
        good | {"runs": {"a": good["runs"]["b"]}},
        good | {"runs": {"a": [good["runs"]["a"][0], good["runs"]["b"][1]]}},
        good | {"runs": {"a": ["x", "y"]}},
        good | {"runs": []},
        good | {"tree": 1},
        good | {"tree": "f" * len(good["tree"])},
        good | {"version": 0},
        [],
        "",
    ]
    for text in (b"", b"{", b"\xff", *(json.dumps(value).encode() for value in wrong)):
        place.write_bytes(text)
        assert found(store) == expected
    assert json.loads(place.read_bytes()) == good
