"""Accept, known and conflict: what a new output is worth until somebody says so."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import GitRepo
from floxkit import BUY_ONCE, make_venv, on_trade, write_tape
from git_bt.commands import candidates as kept
from git_bt.commands.accept import accept
from git_bt.commands.candidates import Candidates
from git_bt.commands.record import record
from git_bt.errors import Corrupt, Incomplete, Usage
from git_bt.installed import distributions
from git_bt.ledger import Ledger
from git_bt.model import NoteLine, RunRecord, Verdict
from git_bt.objects import Objects
from git_bt.repo import Repo
from git_bt.reports import Accepted
from git_bt.store import Store
from projects import (
    CROSS,
    ONCE,
    add_strategy,
    all_runs,
    bt,
    bundle_id,
    bundle_ids,
    silent,
    validated,
    yaml_of,
)

S = "s"
TUNED = on_trade("if self.n == 1: self.market_buy(tuner.SIZE)", head="import tuner")


def accepted(repo: GitRepo, *names: str, reason: str | None = None) -> tuple[Accepted, ...]:
    report = accept(names, everything=not names, reason=reason, step=silent, cwd=repo.path)
    return report.strategies


@contextmanager
def ledger_of(repo: GitRepo) -> Iterator[Ledger]:
    found = Repo.find(repo.path)
    with Objects(found) as objects:
        yield Ledger(Store(found, objects))


def conflicts(repo: GitRepo) -> list[tuple[str, ...]]:
    with ledger_of(repo) as ledger:
        return [tuple(claim.bundle for claim in c.claims) for c in ledger.conflicts()]


def lines_at_head(repo: GitRepo) -> tuple[NoteLine, ...]:
    with ledger_of(repo) as ledger:
        return ledger.results(repo.git("rev-parse", "HEAD"))


def candidates(repo: GitRepo) -> list[str]:
    return [c.strategy for c in Candidates(Repo.find(repo.path).cache_dir).all()]


# -- one strategy ---------------------------------------------------------------------------------


def test_a_diverged_output_is_accepted_without_a_run(project: GitRepo) -> None:
    """With metrics before and after, the first difference, the reason, and the result on HEAD."""
    record(step=silent, cwd=project.path)
    old = bundle_id(project, ONCE, runs=1)
    add_strategy(project, ONCE, BUY_ONCE.replace("1.0", "2.0"))
    head = project.commit("buy more")
    assert [v.verdict for v in validated(project, ONCE)] == [Verdict.DIVERGED]
    (found,) = accepted(project, ONCE, reason="we want more")
    newest = all_runs(project)[0]

    assert (found.replaces, found.commit, found.reason) == (old, head, "we want more")
    assert found.before is not None
    assert found.after is not None
    assert found.after.total_filled_quantity == 2 * (found.before.total_filled_quantity or 0)
    assert found.comparison is not None
    assert found.comparison.differences[0].path == "fills[0].quantity"
    assert (newest.kind, newest.reason, newest.replaces) == ("accept", "we want more", old)
    assert (newest.bundle, newest.inputs, newest.runs) == (found.bundle, found.inputs, 2)
    (line,) = [x for x in lines_at_head(project) if x.strategy == ONCE]
    assert (line.kind, line.replaces, line.bundle) == ("accepted", old, found.bundle)
    assert candidates(project) == []
    assert [(v.verdict, v.bundle) for v in validated(project, ONCE)] == [
        (Verdict.REPRODUCED, found.bundle)
    ]


def test_an_accepted_bundle_is_the_one_that_pack_would_make(project: GitRepo) -> None:
    """The same inputs, output and engine: the same id."""
    add_strategy(project, ONCE, BUY_ONCE.replace("1.0", "2.0"))
    validated(project, ONCE)
    (found,) = accepted(project, ONCE)

    assert bundle_id(project, ONCE, runs=1) == found.bundle


def test_what_is_not_committed_is_tied_when_it_is(project: GitRepo) -> None:
    """HEAD has other inputs, so it gets no line; the commit then says who accepted."""
    add_strategy(project, ONCE, BUY_ONCE.replace("1.0", "2.0"))
    validated(project, ONCE)
    (found,) = accepted(project, ONCE)
    assert (found.commit, found.hint) == (None, "commit the files, then: git bt record")
    assert lines_at_head(project) == ()
    project.commit("buy more")
    record(step=silent, cwd=project.path)
    (line,) = lines_at_head(project)

    assert (line.kind, line.bundle, line.run) == ("accepted", found.bundle, found.run)


def test_another_work_tree_is_not_accepted(project: GitRepo) -> None:
    """What was changed after the verdict has given no output yet."""
    add_strategy(project, ONCE, BUY_ONCE.replace("1.0", "2.0"))
    validated(project, ONCE)
    add_strategy(project, ONCE, BUY_ONCE.replace("1.0", "3.0"))

    with pytest.raises(Incomplete, match="no output to accept") as e:
        accepted(project, ONCE)
    assert e.value.hint == f"git bt validate {ONCE}"


def test_all_takes_every_candidate_and_nothing_else(project: GitRepo) -> None:
    """Nothing to accept is no error."""
    assert accepted(project) == ()
    for name in (ONCE, CROSS):
        text = (project.path / name / "strategy.py").read_text()
        text = text.replace("(0.01)", "(0.02)").replace("1.0", "2.0")
        (project.path / name / "strategy.py").write_text(text)
    validated(project)

    assert candidates(project) == [CROSS, ONCE]
    assert [a.strategy for a in accepted(project)] == [CROSS, ONCE]
    assert [v.verdict for v in validated(project)] == [Verdict.REPRODUCED] * 2


def test_a_name_or_all_and_not_both(project: GitRepo) -> None:
    """A word too few must not accept everything."""
    with pytest.raises(Usage, match="--all"):
        accept((), step=silent, cwd=project.path)
    with pytest.raises(Usage, match="--all"):
        accept((ONCE,), everything=True, step=silent, cwd=project.path)


def test_what_reproduces_again_forgets_its_candidate(project: GitRepo) -> None:
    """Accept takes what was seen last."""
    digest = bundle_id(project, ONCE, runs=1)
    with ledger_of(project) as ledger:
        inputs = ledger.store.bundle(digest).manifest.inputs
    folder = Repo.find(project.path).cache_dir
    add_strategy(project, ONCE, BUY_ONCE.replace("1.0", "2.0"))
    validated(project, ONCE)
    (other,) = Candidates(folder).all()
    (folder / "candidates" / other.inputs).rename(folder / "candidates" / inputs)
    add_strategy(project, ONCE, BUY_ONCE)
    validated(project, ONCE)

    assert not (folder / "candidates" / inputs).exists()


# -- candidates -----------------------------------------------------------------------------------


def test_a_changed_candidate_is_not_accepted(project: GitRepo) -> None:
    """Its bytes are proved before anything is stored."""
    add_strategy(project, ONCE, BUY_ONCE.replace("1.0", "2.0"))
    validated(project, ONCE)
    (fills,) = (Repo.find(project.path).cache_dir / "candidates").rglob("fills.csv")
    fills.write_bytes(fills.read_bytes().replace(b"2.0", b"2.5"))
    before = bundle_ids(project)

    with pytest.raises(Corrupt, match=r"fills\.csv has changed"):
        accepted(project, ONCE)
    assert bundle_ids(project) == before


@pytest.mark.parametrize("junk", [b"", b"{}", b"[]", b'{"version":1}', b"\xff"])
def test_a_malformed_candidate_is_no_traceback(project: GitRepo, junk: bytes) -> None:
    """Whatever stands there."""
    add_strategy(project, ONCE, BUY_ONCE.replace("1.0", "2.0"))
    validated(project, ONCE)
    (head,) = (Repo.find(project.path).cache_dir / "candidates").rglob("candidate.json")
    head.write_bytes(junk)

    with pytest.raises(Corrupt, match="candidate"):
        accepted(project, ONCE)
    assert candidates(project) == []


def test_candidates_are_bounded(project: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest goes first; one that is too large is not kept; none of it is in a ref."""
    monkeypatch.setattr(kept, "MOST", 3)
    refs = project.git("for-each-ref")
    for number in range(2, 7):
        add_strategy(project, ONCE, BUY_ONCE.replace("1.0", f"{number}.0"))
        validated(project, ONCE)
    folder = Repo.find(project.path).cache_dir / "candidates"

    assert len(list(folder.iterdir())) == 3
    assert project.git("for-each-ref") == refs
    accepted(project, ONCE)
    monkeypatch.setattr(kept, "LIMIT", 10)
    add_strategy(project, ONCE, BUY_ONCE.replace("1.0", "9.0"))
    validated(project, ONCE)
    with pytest.raises(Incomplete, match="no output to accept"):
        accepted(project, ONCE)


# -- reuse ----------------------------------------------------------------------------------------


def test_a_known_verdict_is_reused(project: GitRepo) -> None:
    """Of a strategy and of a bundle; a changed strategy is run."""
    digest = bundle_id(project, ONCE, runs=1)
    again = validated(project, ONCE, digest, reuse=True)
    add_strategy(project, ONCE, BUY_ONCE.replace("1.0", "2.0"))
    changed = validated(project, ONCE, reuse=True)

    assert [(v.verdict, v.reused, v.bundle) for v in again] == [
        (Verdict.REPRODUCED, True, digest)
    ] * 2
    assert [(v.verdict, v.reused) for v in changed] == [(Verdict.DIVERGED, False)]
    assert [v.reused for v in validated(project, CROSS)] == [False]


def test_a_passing_run_of_changed_inputs_is_known_as_such(project: GitRepo) -> None:
    """A comment changes the inputs, not the output: with --record that is a bundle of its own."""
    old = bundle_id(project, ONCE, runs=1)
    add_strategy(project, ONCE, BUY_ONCE + "\n# a comment\n")
    (unknown,) = validated(project, ONCE, reuse=True)
    (run,) = validated(project, ONCE, record=True)
    newest = all_runs(project)[0]
    (known,) = validated(project, ONCE, reuse=True)

    assert (unknown.reused, unknown.verdict) == (False, Verdict.REPRODUCED)
    assert (run.bundle, newest.kind) == (old, "validate")
    assert newest.bundle != old
    assert (known.reused, known.verdict, known.bundle) == (True, Verdict.REPRODUCED, old)
    project.commit("comment")
    report = record(step=silent, cwd=project.path)
    assert {x.strategy: (x.state, x.bundle) for x in report.commits[0].strategies}[ONCE] == (
        "tied",
        newest.bundle,
    )


# -- an output that was recorded already ----------------------------------------------------------


def test_a_recorded_change_can_be_accepted(project: GitRepo) -> None:
    """Packed and tied, so that nothing diverges: it takes the place of what stood before."""
    record(step=silent, cwd=project.path)
    (first,) = [line.bundle for line in lines_at_head(project) if line.strategy == ONCE]
    project.commit("change", **{f"{ONCE}/strategy.py": on_trade("self.market_buy(2.0)")})
    second = bundle_id(project, ONCE, runs=1)
    record(step=silent, cwd=project.path)
    assert accepted(project, reason="all")[0].replaces == first
    with pytest.raises(Incomplete, match="no output to accept"):
        accepted(project, ONCE)

    assert {(x.kind, x.bundle, x.replaces) for x in lines_at_head(project)} == {
        ("measured", second, None), ("accepted", second, first),
    }  # fmt: skip


def test_all_leaves_older_changes_alone(project: GitRepo) -> None:
    """What another commit brought is accepted by name, not in passing."""
    record(step=silent, cwd=project.path)
    project.commit("change", **{f"{ONCE}/strategy.py": on_trade("self.market_buy(2.0)")})
    second = bundle_id(project, ONCE, runs=1)
    record(step=silent, cwd=project.path)
    project.commit("other")

    assert accepted(project) == ()
    assert [a.bundle for a in accepted(project, ONCE)] == [second]


def test_a_refactoring_has_nothing_to_accept(project: GitRepo) -> None:
    """Other inputs that gave the same output took the place of nothing."""
    record(step=silent, cwd=project.path)
    project.commit("change", **{f"{ONCE}/strategy.py": BUY_ONCE + "\n# a word\n"})
    bundle_id(project, ONCE, runs=1)
    record(step=silent, cwd=project.path)

    assert accepted(project) == ()


# -- another engine -------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Make virtual environments with one package in several versions; 2.0 trades otherwise."""
    found = {}
    for version, size in (("1.0", 1.0), ("1.1", 1.0), ("2.0", 2.0)):
        prefix = tmp_path_factory.mktemp("engines") / version
        install(make_venv(prefix, "lrvx", "numpy"), version, size)
        found[version] = prefix
    return found


def install(site: Path, version: str, size: float) -> None:
    """Install the package that the strategy takes its size from."""
    for left in site.glob("tuner-*.dist-info"):
        shutil.rmtree(left)
    (site / "tuner.py").write_text(f"SIZE = {size}\n")
    info = site / f"tuner-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tuner\nVersion: {version}\n")
    (info / "RECORD").write_text("tuner.py,,\n")


@pytest.fixture
def tuned(repo: GitRepo, engines: dict[str, Path]) -> GitRepo:
    """Give a strategy that was packed on 1.0, committed and recorded."""
    write_tape(repo.path / "tapes" / "three", [100.0, 100.5, 101.0])
    add_strategy(repo, S, TUNED)
    repo.commit("a strategy")
    bundle_id(repo, S, runs=1, python=str(engines["1.0"]))
    record(step=silent, cwd=repo.path)
    return repo


def known(repo: GitRepo, prefix: Path) -> RunRecord | None:
    """Return the run that is known of the strategy in an environment; nothing is started."""
    (site,) = prefix.glob("lib/python3*/site-packages")
    installed = distributions((site,))
    with ledger_of(repo) as ledger:
        base = ledger.baseline(S, Repo.find(repo.path).resolve("HEAD"))
        assert base is not None
        python = base.run[1].python if base.run else ""
        environment = ledger.environment(base.inputs, python, installed["lrvx"], installed)
        found = ledger.known(base.inputs, environment or "")
        return None if found is None else found[1]


def test_an_engine_bump_is_accepted(tuned: GitRepo, engines: dict[str, Path]) -> None:
    """Not known, run, conflict, accepted: the baseline moves and the conflict is closed."""
    old, new = str(engines["1.0"]), str(engines["2.0"])
    (line,) = lines_at_head(tuned)
    assert known(tuned, engines["1.0"]) is not None
    assert known(tuned, engines["2.0"]) is None
    assert [v.reused for v in validated(tuned, S, python=old, reuse=True)] == [True]
    assert [(v.verdict, v.reused) for v in validated(tuned, S, python=new, reuse=True)] == [
        (Verdict.DIVERGED, False)
    ]
    assert conflicts(tuned) == []

    second = bundle_id(tuned, S, python=new, runs=1)
    assert conflicts(tuned) == [(line.bundle, second)]
    assert [v.bundle for v in validated(tuned, S, python=old)] == [line.bundle]
    report = record(step=silent, cwd=tuned.path)
    assert report.commits[0].strategies[0].state == "known"

    (found,) = accepted(tuned, S, reason="the engine was mended")
    assert (found.bundle, found.replaces) == (second, line.bundle)
    assert conflicts(tuned) == []
    assert [(v.verdict, v.bundle) for v in validated(tuned, S, python=new)] == [
        (Verdict.REPRODUCED, second)
    ]
    assert [v.verdict for v in validated(tuned, S, python=old)] == [Verdict.DIVERGED]
    assert known(tuned, engines["2.0"]) is not None
    assert known(tuned, engines["1.0"]) is None
    assert {x.kind for x in lines_at_head(tuned)} == {"measured", "accepted"}


def test_an_upgrade_over_many_strategies_is_accepted_at_once(
    tuned: GitRepo, engines: dict[str, Path]
) -> None:
    """Grouped by what became of them, then all that changed are taken with one word."""
    old, new = str(engines["1.0"]), str(engines["2.0"])
    add_strategy(tuned, "t", TUNED.replace("self.n == 1", "self.n == 2"))
    add_strategy(tuned, "same", BUY_ONCE)
    tuned.commit("two more")
    for name in ("t", "same"):
        bundle_id(tuned, name, runs=1, python=old)
    record(step=silent, cwd=tuned.path)
    ran = bt("validate", "--group", "--python", new, "--json", cwd=tuned)
    groups = {group["group"]: group for group in ran.json["groups"]}
    assert ran.code == 1
    assert {name: group["names"] for name, group in groups.items()} == {
        "identical": ["same"], "changed": ["s", "t"],
    }  # fmt: skip
    assert groups["identical"]["changes"] == {}
    assert groups["changed"]["changes"]["total_filled_quantity"] == {"least": 1.0, "greatest": 1.0}

    found = accepted(tuned, reason="the engine was mended")
    assert [(a.strategy, a.reason) for a in found] == [
        ("s", "the engine was mended"), ("t", "the engine was mended"),
    ]  # fmt: skip
    assert {v.verdict for v in validated(tuned, python=new)} == {Verdict.REPRODUCED}


def test_a_bump_that_changes_nothing_is_no_conflict(
    tuned: GitRepo, engines: dict[str, Path]
) -> None:
    """Another environment with the same output makes it known there."""
    new = str(engines["1.1"])
    assert known(tuned, engines["1.1"]) is None
    assert [v.verdict for v in validated(tuned, S, python=new, record=True)] == [Verdict.REPRODUCED]

    assert known(tuned, engines["1.1"]) is not None
    assert conflicts(tuned) == []
    assert [v.reused for v in validated(tuned, S, python=new, reuse=True)] == [True]


def test_versions_are_those_of_now(
    tuned: GitRepo, tmp_path: Path, engines: dict[str, Path]
) -> None:
    """An upgrade in place is noticed by the name of a folder."""
    prefix = tmp_path / "mine"
    site = make_venv(prefix, "lrvx", "numpy")
    install(site, "1.0", 1.0)
    assert known(tuned, prefix) is not None
    install(site, "2.0", 2.0)
    assert known(tuned, prefix) is None
    install(site, "1.0", 1.0)
    assert known(tuned, prefix) is not None


def test_a_conflict_of_two_machines_is_closed_for_both(
    tuned: GitRepo, engines: dict[str, Path], tmp_path: Path
) -> None:
    """Two stores that are put together disagree; one accepts, and the other one follows."""
    shutil.copytree(tuned.path, tmp_path / "there")
    there = GitRepo(tmp_path / "there", ticks=tuned.ticks)
    first = bundle_ids(tuned)[0]
    second = bundle_id(there, S, python=str(engines["2.0"]), runs=1)
    exchange(there, tuned)
    assert conflicts(tuned) == conflicts(there) == [(first, second)]
    with pytest.raises(Usage, match="no bundle"):
        accepted(tuned, "abcd")
    (found,) = accepted(tuned, second[:12])
    exchange(tuned, there)

    assert found.commit == tuned.git("rev-parse", "HEAD")
    assert conflicts(tuned) == conflicts(there) == []
    with ledger_of(there) as ledger:
        base = ledger.baseline(S, Repo.find(there.path).resolve("HEAD"))
    assert base is not None
    assert base.bundle == second


def exchange(source: GitRepo, target: GitRepo) -> None:
    """Put what one store has into another one."""
    theirs = Repo.find(source.path)
    with Objects(theirs) as objects, ledger_of(target) as ledger:
        store = Store(theirs, objects)
        bundles = [store.bundle(digest) for digest in store.bundle_ids()]
        ledger.store.save(bundles=bundles, runs=[run for _, run in store.runs()])


def test_an_acceptance_can_be_taken_back(tuned: GitRepo, engines: dict[str, Path]) -> None:
    """What was accepted last counts, also when the clock was set back."""
    first = bundle_ids(tuned)[0]
    second = bundle_id(tuned, S, python=str(engines["2.0"]), runs=1)
    accepted(tuned, S)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("git_bt.commands.accept.time.time_ns", lambda: 5)
        (back,) = accepted(tuned, first)

    assert (back.bundle, back.replaces) == (first, second)
    assert conflicts(tuned) == []
    assert [v.bundle for v in validated(tuned, S, python=str(engines["1.0"]))] == [first]
    assert [a.message for a in accepted(tuned, first)] == ["this output is the expected one"]


def test_an_older_clock_does_not_hide_a_package(
    tuned: GitRepo, tmp_path: Path, engines: dict[str, Path]
) -> None:
    """The record that loaded most of what is installed tells, not the one with the latest time."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("git_bt.commands.recording.time.time_ns", lambda: 5)
        validated(tuned, S, python=str(engines["2.0"]), record=True)

    assert known(tuned, engines["2.0"]) is None
    assert known(tuned, engines["1.0"]) is not None


# -- the program ----------------------------------------------------------------------------------


def test_the_program_accepts(project: GitRepo) -> None:
    """A text with both metrics, an object for programs, and exit codes."""
    add_strategy(project, ONCE, BUY_ONCE.replace("1.0", "2.0"))
    project.commit("buy more")
    diverged = bt("validate", ONCE, "--json", cwd=project)
    text = bt("accept", ONCE, "-m", "more", cwd=project)
    again = bt("accept", ONCE, "--json", cwd=project)

    assert diverged.code == 1
    assert (text.code, "quantity filled" in text.out, "reason: more" in text.out) == (0, True, True)
    assert (again.code, again.json["message"].startswith(ONCE)) == (3, True)
    assert bt("accept", cwd=project).code == 2
    assert bt("accept", "--all", "--json", cwd=project).json["strategies"] == []
    assert bt("validate", ONCE, "--reuse", "--json", cwd=project).json["bundles"][0]["reused"]


def test_reasons_of_every_kind_are_kept(project: GitRepo) -> None:
    """Text in any script; an empty one is none."""
    for number, reason in ((2, "wegen des Überlaufs → 📈\n\nsiehe #12"), (3, "")):
        add_strategy(project, ONCE, BUY_ONCE.replace("1.0", f"{number}.0"))
        validated(project, ONCE)
        accepted(project, ONCE, reason=reason)

        assert all_runs(project)[0].reason == (reason or None)


def test_a_strategy_without_a_baseline_has_nothing_to_accept(project: GitRepo) -> None:
    """It is packed instead."""
    project.write("n/strategy.py", BUY_ONCE)
    project.write("n/strategy.yaml", yaml_of("../tapes/three"))

    with pytest.raises(Incomplete, match="no output to accept"):
        accepted(project, "n")


def test_a_change_of_what_was_never_tied_is_accepted(project: GitRepo) -> None:
    """The commit before has no result of its own; the runs of its inputs say what stood."""
    (first,) = [run.bundle for run in all_runs(project) if run.strategy == ONCE]
    project.commit("larger", **{f"{ONCE}/strategy.py": BUY_ONCE.replace("1.0", "2.0")})
    second = bundle_id(project, ONCE)
    record(step=silent, cwd=project.path)
    (taken,) = accept([ONCE], reason="meant", step=silent, cwd=project.path).strategies

    assert (taken.bundle, taken.replaces) == (second, first)
    assert taken.commit == project.git("rev-parse", "HEAD")


@pytest.mark.parametrize("names", [("alone.py",), ()], ids=["by name", "--all"])
def test_an_entry_file_is_accepted_as_it_was_packed(
    names: tuple[str, ...], project: GitRepo
) -> None:
    """Without a strategy.yaml its tape and config are those of the bundle."""
    project.write("alone.py", BUY_ONCE)
    old = bundle_id(project, "alone.py", tape="tapes/three", config={"slippage_model": "none"})
    project.write("alone.py", BUY_ONCE.replace("1.0", "2.0"))
    validated(project, "alone.py")
    (taken,) = accepted(project, *names)
    (after,) = validated(project, "alone.py")

    assert (taken.strategy, taken.replaces) == ("alone.py", old)
    assert (after.verdict, after.bundle) == (Verdict.REPRODUCED, taken.bundle)


def test_an_entry_file_that_has_a_strategy_yaml_by_now_is_accepted_once(project: GitRepo) -> None:
    """Packed by its file, validated, then packed again as a folder's strategy."""
    project.write("s/strategy.py", BUY_ONCE)
    bundle_id(project, "s/strategy.py", tape="tapes/three", config={"slippage_model": "none"})
    project.write("s/strategy.py", BUY_ONCE.replace("1.0", "2.0"))
    validated(project, "s/strategy.py")
    project.write("s/strategy.py", BUY_ONCE)
    project.write("s/strategy.yaml", yaml_of("../tapes/three"))
    bundle_id(project, "s")
    project.write("s/strategy.py", BUY_ONCE.replace("1.0", "2.0"))
    validated(project, "s")

    assert [taken.strategy for taken in accepted(project)] == ["s"]
