"""Another release of the engine: flox-py of old and lrvx, real ones, each in its own venv."""

import subprocess
import sys
from pathlib import Path

import pytest

from conftest import GitRepo, make_repo
from floxkit import make_venv, on_trade, write_tape
from projects import CROSS, CROSSING, add_strategy, bt, walk

OLD = "0.8.0"
NUMBERED = "strategies/numbered"
BY_NUMBER = on_trade("""\
if self.n == 1:
    self.market_buy(1.0 + self.market_buy(1.0) % 7)""")
"""Sizes an order by the engine's number of the one before: releases count otherwise."""


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Give two interpreters, the first with flox-py of old, the second with lrvx."""
    top = tmp_path_factory.mktemp("engines")
    site = make_venv(top / "old", "numpy")
    install = ["install", "--quiet", "--no-deps", "--disable-pip-version-check", "--target"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", *install, str(site), f"flox-py=={OLD}"],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.skip(f"flox-py {OLD} cannot be installed here: {done.stderr.strip()[-200:]}")
    make_venv(top / "new", "lrvx", "numpy")
    return str(top / "old"), str(top / "new")


@pytest.fixture
def desks(tmp_path: Path) -> tuple[GitRepo, GitRepo]:
    """Give two clones of one remote with two strategies, nothing packed yet."""
    seed = make_repo(tmp_path / "seed")
    (seed.path / "tapes").mkdir()
    write_tape(seed.path / "tapes" / "three", [100.0, 100.5, 101.0])
    write_tape(seed.path / "tapes" / "walk", walk(300))
    add_strategy(seed, CROSS, CROSSING, tape="walk")
    add_strategy(seed, NUMBERED, BY_NUMBER)
    seed.commit("two strategies")
    seed.git("clone", "-q", "--bare", str(seed.path), str(tmp_path / "shared.git"))
    for name in ("one", "two"):
        seed.git("clone", "-q", f"file://{tmp_path}/shared.git", str(tmp_path / name))
    return GitRepo(tmp_path / "one"), GitRepo(tmp_path / "two")


def pack(repo: GitRepo, python: str) -> dict[str, str]:
    """Pack both strategies in an environment and tie them; return the bundles."""
    repo.git("config", "bt.python", python)
    packed = {
        name: bt("pack", name, "--runs", "1", "--json", cwd=repo) for name in (CROSS, NUMBERED)
    }
    assert bt("record", cwd=repo).code == 0
    return {name: ran.json["bundle"] for name, ran in packed.items()}


def states(repo: GitRepo) -> dict[str, str]:
    found = bt("status", "--json", cwd=repo).json["strategies"]
    return {x["strategy"]: x["state"] for x in found}


def verdicts(repo: GitRepo, *words: str) -> dict[str, str]:
    found = bt("validate", *words, "--json", cwd=repo).json["bundles"]
    return {x["strategy"]: x["verdict"] for x in found}


def conflicts(repo: GitRepo) -> list[tuple[str, set[str]]]:
    found = bt("ls", "--conflicts", "--json", cwd=repo).json["conflicts"]
    return [(*row["strategies"], {x["bundle"] for x in row["outputs"]}) for row in found]


def baseline(repo: GitRepo, strategy: str) -> str:
    found: str = bt("show", strategy, "--json", cwd=repo).json["bundle"]
    return found


def test_an_upgrade_on_one_machine(
    desks: tuple[GitRepo, GitRepo], engines: tuple[str, str]
) -> None:
    """Not known, run, reproduced or diverged, in conflict, accepted: the baseline has moved."""
    repo, (old, new) = desks[0], engines
    first = pack(repo, old)
    assert states(repo) == {CROSS: "known", NUMBERED: "known"}
    repo.git("config", "bt.python", new)
    assert states(repo) == {CROSS: "environment", NUMBERED: "environment"}
    assert verdicts(repo, "--record") == {CROSS: "reproduced", NUMBERED: "diverged"}
    assert states(repo) == {CROSS: "known", NUMBERED: "environment"}
    assert conflicts(repo) == []

    second = bt("pack", NUMBERED, "--runs", "1", "--json", cwd=repo).json["bundle"]
    assert conflicts(repo) == [(NUMBERED, {first[NUMBERED], second})]
    assert states(repo)[NUMBERED] == "conflict"
    assert baseline(repo, NUMBERED) == first[NUMBERED]

    accepted = bt("accept", NUMBERED, "-m", "orders are numbered otherwise", "--json", cwd=repo)
    assert accepted.json["strategies"][0]["replaces"] == first[NUMBERED]
    assert conflicts(repo) == []
    assert baseline(repo, NUMBERED) == second
    assert states(repo) == {CROSS: "known", NUMBERED: "known"}
    assert verdicts(repo) == {CROSS: "reproduced", NUMBERED: "reproduced"}
    assert verdicts(repo, NUMBERED, "--python", old) == {NUMBERED: "diverged"}


def test_two_machines_that_ran_different_releases(
    desks: tuple[GitRepo, GitRepo], engines: tuple[str, str]
) -> None:
    """Merging their stores says what differs; one accepts, and the other one follows."""
    one, two = desks
    here, there = pack(one, engines[0]), pack(two, engines[1])
    assert bt("push", cwd=one).code == 0
    pushed = bt("push", "--json", cwd=two).json
    (found,) = pushed["divergences"]

    assert here[CROSS] != there[CROSS]
    assert (found["strategy"], found["accepted"]) == (NUMBERED, False)
    assert found["differences"][0]["path"] == "fills[1].quantity"
    assert {c["name"] for c in found["environment"]} >= {"flox", "flox-py", "lrvx"}
    both = {here[NUMBERED], there[NUMBERED]}
    assert bt("fetch", cwd=one).code == 0
    for repo in desks:
        assert conflicts(repo) == [(NUMBERED, both)]
        assert states(repo)[CROSS] == "known"
    assert baseline(one, NUMBERED) == baseline(two, NUMBERED)

    accepted = bt("accept", there[NUMBERED], "-m", "the new release", "--json", cwd=two).json
    assert accepted["strategies"][0]["bundle"] == there[NUMBERED]
    assert bt("push", cwd=two).code == bt("fetch", cwd=one).code == 0
    for repo in desks:
        assert conflicts(repo) == []
        assert baseline(repo, NUMBERED) == there[NUMBERED]
    assert verdicts(one, NUMBERED) == {NUMBERED: "diverged"}
    assert verdicts(two, NUMBERED) == {NUMBERED: "reproduced"}
