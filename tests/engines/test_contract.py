"""Every engine through the same suite, with the real packages: what an adapter must hold."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import GitRepo, make_repo, take_away
from contract import EXITS, LOOPS, PEEKS, PRINTS, RAISES, RANDOM, TRADES, Described, Spoiled
from described import ENGINES
from git_bt.commands.pack import pack
from git_bt.errors import BtError, Incomplete, Usage
from git_bt.interpreters import load_adapter
from git_bt.model import Verdict
from projects import bt, bundle_ids, silent, stored, validated

SPOILED = [(e, name) for e in ENGINES for name in e.spoiled]


@pytest.fixture(scope="session", params=ENGINES, ids=lambda e: e.engine)
def described(request: pytest.FixtureRequest) -> Described:
    """Give each engine's description."""
    found: Described = request.param
    return found


@pytest.fixture(scope="session")
def python(described: Described) -> str:
    """Give the interpreter that has the engine."""
    return described.python() if described.python else sys.executable


@pytest.fixture(scope="session")
def first(
    described: Described, python: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[GitRepo, str]:
    """Make the repository that `repo` copies, and give the bundle's id of the one that trades."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        take_away(monkeypatch, tmp_path_factory.mktemp("home"), tmp_path_factory.getbasetemp())
        made = make_repo(tmp_path_factory.mktemp(described.engine) / "repo")
        described.write_tape(made.path / described.tape)
        add(made, described, TRADES)
        made.commit("one strategy")
        report = pack(TRADES, python=python, step=silent, cwd=made.path)
        assert report.bundle is not None, report
        return made, report.bundle


@pytest.fixture
def repo(first: tuple[GitRepo, str], tmp_path: Path) -> GitRepo:
    """Give a repository with the tape and one packed strategy."""
    shutil.copytree(first[0].path, tmp_path / "repo")
    return GitRepo(tmp_path / "repo", ticks=first[0].ticks)


def add(repo: GitRepo, engine: Described, kind: str, config: Any = None) -> None:
    """Write a strategy of a kind."""
    text = engine.texts[kind].replace("@TAPE@", str(repo.path / engine.tape))
    repo.write(f"{kind}/{engine.entry_point}", text)
    full = dict(engine.config if config is None else config)
    repo.write(
        f"{kind}/strategy.yaml",
        f"entry_point: {engine.entry_point}\nengine: {engine.engine}\ntape: ../{engine.tape}\n"
        f"config: {full!r}\n".replace("True", "true").replace("False", "false")
        + engine.more,
    )


def rows(repo: GitRepo, bundle: str) -> dict[str, bytes]:
    """Return the tables and the summary of a bundle."""
    content = stored(repo, bundle)
    return {p: data for p, data in content.items() if p.endswith(".csv") or "summary" in p}


def judged(repo: GitRepo, kind: str, python: str, **options: Any) -> tuple[Verdict, str]:
    """Pack a strategy, and return the verdict with what is said."""
    try:
        report = pack(kind, **{"python": python, "step": silent, "cwd": repo.path, **options})
    except BtError as e:
        verdict = Verdict.INCOMPLETE if isinstance(e, Incomplete) else Verdict.CORRUPT
        return verdict, e.message
    assert "\n" not in report.message
    return report.verdict, report.message


# -- the same -------------------------------------------------------------------------------------


def test_it_trades(first: tuple[GitRepo, str], described: Described) -> None:
    """Two runs, the second varied, gave the same output, and the strategy did something."""
    content = stored(*first)
    summary = content["output/summary.json"].decode()

    assert content["output/fills.csv"].count(b"\n") > 3
    assert str(first[0].path.parent) not in summary
    assert "0x" not in summary


def test_the_same_id_elsewhere(
    first: tuple[GitRepo, str], described: Described, python: str, tmp_path: Path
) -> None:
    """Another process, hash seed, time zone, locale, umask, home and directory: one bundle id."""
    made = make_repo(tmp_path / "other place" / "répertoire")
    tape = first[0].path / described.tape  # FLOX writes the clock into a new one
    copy = shutil.copytree if tape.is_dir() else shutil.copyfile
    copy(tape, made.path / described.tape)
    add(made, described, TRADES)
    env = {"PYTHONHASHSEED": "77", "TZ": "Asia/Kathmandu", "LC_ALL": "C", "HOME": str(tmp_path)}
    said = bt("pack", TRADES, "--python", python, "--json", cwd=made, env=env).json

    assert said["bundle"] == first[1]


def test_it_validates(repo: GitRepo, first: tuple[GitRepo, str], python: str) -> None:
    """From the bundle's own bytes, and from the work tree."""
    own, here = validated(repo, first[1], TRADES, python=python)

    assert (own.verdict, here.verdict) == (Verdict.REPRODUCED, Verdict.REPRODUCED)


def test_printing_does_not_matter(
    repo: GitRepo, first: tuple[GitRepo, str], described: Described, python: str
) -> None:
    """The output of a strategy that prints is the one of its silent twin."""
    add(repo, described, PRINTS)
    judged(repo, PRINTS, python, runs=1)
    (other,) = set(bundle_ids(repo)) - {first[1]}
    quiet, loud = rows(repo, first[1]), rows(repo, other)

    assert quiet == loud


# -- not the same, or nothing ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "verdict", "words"),
    [
        (RAISES, Verdict.FAILED, "boom, as told"),
        (LOOPS, Verdict.FAILED, "still running after 2 s"),
        (EXITS, Verdict.FAILED, "the strategy ended the run"),
        (RANDOM, Verdict.NONDETERMINISTIC, ""),
    ],
)
def test_a_strategy_that_gives_no_result_is_not_recorded(
    kind: str, verdict: Verdict, words: str, repo: GitRepo, described: Described, python: str
) -> None:
    """Each has its verdict and its line, and leaves the store as it was."""
    add(repo, described, kind)
    before = bundle_ids(repo)
    runs = 2 if kind == RANDOM else 1
    found, said = judged(repo, kind, python, runs=runs, timeout_s=2.0 if kind == LOOPS else 600.0)

    assert found is verdict
    assert words in said
    assert bundle_ids(repo) == before


@pytest.mark.parametrize(("engine", "name"), SPOILED, ids=lambda v: getattr(v, "engine", v))
def test_a_tape_that_cannot_be_run_is_one_line(
    engine: Described, name: str, tmp_path: Path
) -> None:
    """Corrupt or incomplete, with the file and where in it."""
    spoiled: Spoiled = engine.spoiled[name]
    repo = make_repo(tmp_path / "repo")
    engine.write_tape(repo.path / engine.tape)
    add(repo, engine, TRADES)
    spoiled.spoil(repo.path / engine.tape)
    python = engine.python() if engine.python else sys.executable
    found, said = judged(repo, TRADES, python, runs=1)

    assert found is spoiled.verdict
    assert spoiled.words in said


def test_a_wrong_config_key_is_refused_before_anything_runs(
    repo: GitRepo, described: Described
) -> None:
    """A usage error that names the nearest key, also where the engine is not installed."""
    if described.wrong_config is None:
        pytest.skip(f"{described.engine} hands every key to the user's code")
    config, words = described.wrong_config
    add(repo, described, TRADES, config)
    with pytest.raises(Usage) as caught:
        pack(TRADES, step=silent, cwd=repo.path, python="/nowhere/python")

    assert words in caught.value.message


def test_a_python_without_the_engine_is_incomplete(
    repo: GitRepo, described: Described, bare: Path
) -> None:
    """It is named, with what to type."""
    if not described.is_installed:
        pytest.skip(f"{described.engine} is no package")
    with pytest.raises(Incomplete) as caught:
        pack(TRADES, step=silent, cwd=repo.path, python=str(bare))

    assert f"cannot run engine {described.engine}" in caught.value.message
    assert str(caught.value.hint).startswith(str(bare))
    assert load_adapter(described.engine).INSTALL


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a Python that has no package at all."""
    prefix = tmp_path_factory.mktemp("bare") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(prefix)], check=True)
    return prefix / "bin" / "python"


# -- a tape that is another one -------------------------------------------------------------------


def test_more_data_at_the_end_is_extended(repo: GitRepo, described: Described, python: str) -> None:
    """The rows up to the old end are the old ones, whatever an engine does when a tape ends."""
    described.grow(repo.path / described.tape)
    (found,) = validated(repo, TRADES, python=python)

    assert found.verdict is Verdict.EXTENDED, found
    assert found.message.startswith("identical to 20")


def test_a_strategy_that_looks_ahead_is_told_from_one_that_does_not(
    repo: GitRepo, described: Described, python: str
) -> None:
    """The old data is untouched, yet an old row is another."""
    add(repo, described, PEEKS)
    judged(repo, PEEKS, python, runs=1)
    described.grow(repo.path / described.tape)
    (found,) = validated(repo, PEEKS, python=python)

    assert found.verdict is Verdict.DIVERGED
    assert "looks ahead" in found.message


def test_data_of_the_past_that_changed_is_said(
    repo: GitRepo, described: Described, python: str
) -> None:
    """The file is named; what differs has its time."""
    described.restate(repo.path / described.tape)
    (found,) = validated(repo, TRADES, python=python)

    assert found.verdict is Verdict.DIVERGED
    assert found.message.startswith("the history changed: ")
    assert found.differences
