"""What is known: outputs that stand, the environment of now, the result that counts."""

from dataclasses import replace

import pytest

from conftest import GitRepo
from git_bt.canonical import environment_id, sha256
from git_bt.ledger import (
    Baseline,
    Ledger,
    Run,
    chosen,
    environment_now,
    first_parents,
    output_key,
    standing,
)
from git_bt.model import EngineVersion, NoteLine, Oid, RunRecord, Verdict
from git_bt.objects import Objects
from git_bt.records import run_id
from git_bt.repo import Repo
from git_bt.store import Store
from store_cases import bundle_of, run_of

A, B, C = ("a" * 64, "b" * 64, "c" * 64)
BASE = run_of(bundle_of())


def run(bundle: str, when_ns: int, **values: object) -> Run:
    """Make a run of a bundle at a time; its id is its time."""
    record = replace(BASE, bundle=bundle, when_ns=when_ns, **values)  # type: ignore[arg-type]
    return f"{when_ns:064x}", record


def accept(bundle: str, when_ns: int, replaces: str | None) -> Run:
    return run(bundle, when_ns, kind="accept", replaces=replaces)


def stands(*runs: Run, keys: dict[str, str | None] | None = None) -> list[str]:
    """Return the bundles of the outputs that stand; each bundle has an output of its own."""
    return [claim.bundle for claim in standing(runs, lambda b: (keys or {}).get(b, b))]


# -- outputs --------------------------------------------------------------------------------------


def test_one_output_stands_alone() -> None:
    """However often it was run, with whichever verdict beside it."""
    assert stands() == []
    assert stands(run(A, 1), run(A, 2)) == [A]
    assert stands(run(A, 1), run(A, 2, verdict=Verdict.DIVERGED)) == [A]
    assert stands(run(A, 1, verdict=Verdict.FAILED)) == []


def test_two_outputs_are_a_conflict_until_one_is_accepted() -> None:
    """The oldest comes first; whoever is accepted stands alone."""
    assert stands(run(B, 2), run(A, 1)) == [A, B]
    assert stands(run(A, 1), run(B, 2), accept(B, 3, A)) == [B]
    assert stands(run(A, 1), run(B, 2), accept(A, 3, B)) == [A]
    assert stands(run(A, 1), run(B, 2), run(C, 3), accept(B, 4, A)) == [B, C]


def test_what_was_accepted_can_be_taken_back() -> None:
    """And a third output is a conflict again, not the expected one by default."""
    there_and_back = (run(A, 1), run(B, 2), accept(B, 3, A), accept(A, 4, B))

    assert stands(*there_and_back) == [A]
    assert stands(*there_and_back, run(C, 5)) == [A, C]
    assert stands(*there_and_back, run(B, 6)) == [A]


def test_the_same_output_of_two_engines_is_no_conflict() -> None:
    """Two bundles, one output: it is told apart by what a verdict looks at."""
    (claim,) = standing([run(B, 2), run(A, 1)], lambda _: "one")

    assert (claim.bundle, claim.bundles) == (A, {A, B})
    assert [digest for digest, _ in claim.runs] == [f"{2:064x}", f"{1:064x}"]
    assert stands(run(A, 1), run(B, 2), keys={B: None}) == [A]
    assert stands(run(A, 1), accept(B, 2, A), keys={A: "x", B: "x"}) == [A]


def test_an_output_is_what_a_verdict_looks_at() -> None:
    """Neither code nor the engine's own trace; a bundle without output has none."""
    bundle = bundle_of()
    trace = bundle_of(files={"output/run.floxrun/x": b"trace"})
    other = bundle_of(files={"output/fills.csv": b"other"})
    bare = replace(bundle.manifest, members={})

    assert output_key(bundle.manifest) == output_key(trace.manifest) != output_key(other.manifest)
    assert output_key(bare) is None


# -- the environment ------------------------------------------------------------------------------

INSTALLED = {"lrvx": "0.11.0", "numpy": "2.0", "unrelated": "1"}


def ran(when_ns: int, python: str = "3.11.7", **packages: str) -> RunRecord:
    return replace(
        BASE, when_ns=when_ns, python=python, packages=packages,
        engine=EngineVersion(name="flox", version="0.11.0"),
    )  # fmt: skip


def now(*runs: RunRecord, engine: str = "0.11.0") -> str | None:
    return environment_now(runs, "3.11.9", engine, INSTALLED)


def test_the_environment_is_what_the_last_run_loaded_in_the_versions_of_now() -> None:
    """Only of this Python X.Y; a package that is gone is left out."""
    assert now() is None
    assert now(ran(1, "3.12.0", lrvx="0.11.0")) is None
    assert now(ran(1, lrvx="0.11.0")) == environment_id("3.11.0", "0.11.0", {"lrvx": "0.11.0"})
    assert now(ran(1, lrvx="0.10.0", gone="1")) == environment_id(
        "3.11.0", "0.11.0", {"lrvx": "0.11.0"}
    )
    assert now(ran(1, lrvx="0.11.0"), engine="0.12.0") == environment_id(
        "3.11.0", "0.12.0", {"lrvx": "0.11.0"}
    )


def test_a_record_that_loaded_more_counts_whenever_it_was() -> None:
    """A clock that was set back must not hide that numpy is loaded now."""
    wide = ran(1, lrvx="0.11.0", numpy="2.0")
    narrow = ran(9, lrvx="0.11.0")

    assert now(narrow, wide) == now(wide)
    assert now(narrow, replace(wide, packages={"lrvx": "0.11.0", "numpy": "1.0"})) == now(narrow)


# -- the result of a commit -----------------------------------------------------------------------


def line(bundle: str, kind: str = "measured", **values: str) -> NoteLine:
    known = {"strategy": "s", "inputs": A, "run": "0" * 64, "verdict": Verdict.REPRODUCED}
    return NoteLine(**(known | {"bundle": bundle, "kind": kind} | values))  # type: ignore[arg-type]


def test_of_several_results_the_accepted_one_counts() -> None:
    """Then what was found first of the newest inputs, measured before inherited, ours first."""
    when = {A: 1, B: 2, C: 3}

    def pick(*lines: NoteLine) -> str | None:
        found = chosen(lines, lambda x: when[x.bundle])
        return None if found is None else found.bundle

    assert pick() is None
    assert pick(line(A), line(B, "accepted", replaces=A)) == B
    assert pick(line(C), line(A, "accepted"), line(B, "accepted")) == B
    assert pick(line(A), line(B)) == A
    assert pick(line(A, "inherited"), line(B)) == B
    assert pick(line(A), line(B, inputs=B)) == B
    assert pick(line(A, origin="a fork"), line(B)) == B
    assert pick(line(A, origin="a fork")) == A


# -- the baseline ---------------------------------------------------------------------------------


def baseline(repo: GitRepo, strategy: str = "strategies/ema") -> Baseline | None:
    found = Repo.find(repo.path)
    with Objects(found) as objects:
        return Ledger(Store(found, objects)).baseline(strategy, found.resolve("HEAD"))


def save(repo: GitRepo, number: int, when_ns: int, commit: str | None = None) -> str:
    """Store a bundle with a run, and tie it to a commit; return the bundle."""
    found = Repo.find(repo.path)
    bundle = bundle_of(number, files={"output/fills.csv": b"%d" % number})
    record = run_of(bundle, when_ns=when_ns)
    tied = NoteLine(
        strategy=record.strategy, inputs=record.inputs, bundle=bundle.id, run=run_id(record),
        verdict=record.verdict, kind="measured",
    )  # fmt: skip
    with Objects(found) as objects:
        Store(found, objects).save(
            bundles=[bundle], runs=[record], notes={} if commit is None else {commit: [tied]}
        )
    return bundle.id


def test_the_baseline_is_the_nearest_first_parent(repo: GitRepo) -> None:
    """Not the newest run, not the second parent; without results the newest bundle."""
    one = repo.commit("one")
    assert baseline(repo) is None
    newest = save(repo, 1, when_ns=900)
    found = baseline(repo)
    assert found is not None
    assert (found.bundle, found.commit, found.line) == (newest, None, None)

    tied = save(repo, 2, when_ns=5, commit=one)
    repo.git("checkout", "-q", "-b", "side")
    side = repo.commit("side")
    save(repo, 3, when_ns=990, commit=side)
    repo.git("checkout", "-q", "main")
    repo.commit("two")
    repo.git("merge", "-q", "--no-ff", "--no-edit", "side")
    found = baseline(repo)
    assert found is not None
    assert (found.bundle, found.commit) == (tied, one)
    assert found.run is not None
    assert found.run[1].when_ns == 5
    assert baseline(repo, "another") is None


def test_a_result_whose_run_has_not_come_is_still_the_baseline(repo: GitRepo) -> None:
    """Notes may arrive before the store: what is missing is said by whoever needs it."""
    head = repo.commit("one")
    save(repo, 1, when_ns=1, commit=head)
    repo.git("update-ref", "-d", "refs/bt/store")
    found = baseline(repo)

    assert found is not None
    assert (found.bundle, found.run) == (
        bundle_of(1, files={"output/fills.csv": b"1"}).id,
        None,
    )


@pytest.mark.parametrize("length", [1, 2, 32, 33, 160, 161])
def test_all_ancestors_are_walked(repo: GitRepo, length: int) -> None:
    """Each once, whatever the chunks are that git is asked for."""
    script = "".join(
        f"commit refs/heads/main\ncommitter x <x> {n} +0000\ndata 1\nx\n" for n in range(length)
    )
    repo.git("fast-import", "--quiet", stdin=script.encode())
    head = Oid(repo.git("rev-parse", "main"))

    found = [oid for part in first_parents(Repo.find(repo.path), head) for oid in part]
    assert found == repo.git("rev-list", "main").split()


def test_conflicts_are_told_by_strategy(repo: GitRepo) -> None:
    """Two outputs of the same inputs, and nothing else."""
    found = Repo.find(repo.path)
    with Objects(found) as objects:
        store = Store(found, objects)
        bundles = [bundle_of(1, files={"output/fills.csv": text}) for text in (b"1", b"2")]
        assert len({b.manifest.inputs for b in bundles}) == 1
        runs = [run_of(b, when_ns=n) for n, b in enumerate(bundles)]
        store.save(bundles=[*bundles, bundle_of(2)], runs=[*runs, run_of(bundle_of(2))])
        (conflict,) = Ledger(store).conflicts()
        environment = runs[0].environment
        known = Ledger(store).known(runs[0].inputs, environment)

    assert conflict.strategies == ("strategies/ema",)
    assert [claim.bundle for claim in conflict.claims] == [b.id for b in bundles]
    assert known is not None
    assert known[1].bundle == bundles[1].id
    assert sha256(b"") != conflict.inputs == bundles[0].manifest.inputs
