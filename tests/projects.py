"""Repositories with strategies and tapes, packed once a session and copied for each test."""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from conftest import CASES, GitRepo, make_repo, take_away
from floxkit import BUY_ONCE, on_trade, write_tape
from git_bt.commands.pack import pack
from git_bt.commands.validate import validate
from git_bt.comparison import Validation
from git_bt.model import Bundle, RunRecord
from git_bt.objects import Objects
from git_bt.repo import Repo
from git_bt.reports import PackReport
from git_bt.store import Store

FLOX = CASES / "flox"
SCHEMAS = Path(__file__).parents[1] / "docs" / "reference" / "schemas"
PYTHON = sys.executable

ONCE = "strategies/once"
CROSS = "strategies/cross"
CROSSING = on_trade("""\
if self.n == 1:
    self.fast = self.slow = trade.price
    self.side = 0
self.fast += 0.3 * (trade.price - self.fast)
self.slow += 0.05 * (trade.price - self.slow)
wanted = 1 if self.fast > self.slow else -1
if wanted != self.side:
    self.side = wanted
    (self.market_buy if wanted > 0 else self.market_sell)(0.01)""")
RANDOM = on_trade("self.market_buy(random.random())", head="import random")
FOREVER = on_trade("while True: pass")
RAISES = on_trade("raise RuntimeError('no more')")


def silent(text: str) -> None:
    """Say nothing of what is being done."""


def yaml_of(tape: str, more: str = "", entry: str = "strategy.py") -> str:
    """Return the text of a strategy.yaml."""
    return f"entry_point: {entry}\nengine: flox\ntape: {tape}\n{more}"


def add_strategy(
    repo: GitRepo, name: str, text: str, *, tape: str = "three", more: str = ""
) -> None:
    """Write a strategy's two files; its tape is one of tapes/."""
    up = "../" * len(name.split("/"))
    repo.write(f"{name}/strategy.py", text)
    repo.write(f"{name}/strategy.yaml", yaml_of(f"{up}tapes/{tape}", more))


def packed(repo: GitRepo, name: str, **options: Any) -> PackReport:
    """Pack a strategy with the Python that runs the tests."""
    return pack(name, **({"python": PYTHON, "step": silent, "cwd": repo.path} | options))


def bundle_id(repo: GitRepo, name: str, **options: Any) -> str:
    """Pack a strategy that must hold, and return the bundle's id."""
    report = packed(repo, name, **options)
    assert report.bundle is not None, report
    return report.bundle


def validated(repo: GitRepo | Path, *names: str, **options: Any) -> tuple[Validation, ...]:
    """Validate with the Python that runs the tests."""
    cwd = getattr(repo, "path", repo)
    return validate(names, **({"python": PYTHON, "step": silent, "cwd": cwd} | options)).bundles


def stored(repo: GitRepo, digest: str) -> dict[str, bytes]:
    """Return what the store holds of a bundle, by path."""
    found = Repo.find(repo.path)
    with Objects(found) as objects:
        bundle = Store(found, objects).bundle(digest)
        return {path: source.read() for path, source in bundle.content.items()}


def manifest(repo: GitRepo, digest: str) -> Bundle:
    """Return a bundle of the store; its content cannot be read any more."""
    found = Repo.find(repo.path)
    with Objects(found) as objects:
        return Store(found, objects).bundle(digest)


def bundle_ids(repo: GitRepo) -> list[str]:
    """Return the ids of all bundles of a repository."""
    found = Repo.find(repo.path)
    with Objects(found) as objects:
        return Store(found, objects).bundle_ids()


def all_runs(repo: GitRepo) -> list[RunRecord]:
    """Return every run record of a repository, the newest first."""
    found = Repo.find(repo.path)
    with Objects(found) as objects:
        return [run for _, run in Store(found, objects).runs()]


# -- the program ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ran:
    """How the program ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object on stdout, held against the schema that it names."""
        return checked(json.loads(self.out))


def checked(answer: Any) -> Any:
    """Hold a JSON answer against its schema, and return it."""
    name = answer["schema"].split("/")[1]
    schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(answer)
    return answer


def bt(
    *args: str,
    cwd: Path | GitRepo,
    env: Mapping[str, str] | None = None,
    program: tuple[str, ...] = (PYTHON, "-m", "git_bt"),
) -> Ran:
    """Run the program as a user does; a traceback is a failure whatever was expected."""
    done = subprocess.run(
        [*program, *args],
        cwd=getattr(cwd, "path", cwd),
        env=os.environ | dict(env or {}),
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)


def runs_below(folder: Path) -> list[str]:
    """Return the command lines of processes that run something of a temporary folder."""
    listing = subprocess.run(["ps", "-wweo", "pid,args"], capture_output=True, text=True).stdout
    return [line for line in listing.splitlines() if str(folder) in line and "child.py" in line]


# -- states ---------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitRepo]:
    """Make the repository that `project` copies: two strategies, two tapes, both packed."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        take_away(monkeypatch, tmp_path_factory.mktemp("home"), tmp_path_factory.getbasetemp())
        repo = make_repo(tmp_path_factory.mktemp("template") / "repo")
        tapes = repo.path / "tapes"
        tapes.mkdir()
        write_tape(tapes / "three", [100.0, 100.5, 101.0])
        write_tape(tapes / "walk", walk(3000))
        add_strategy(repo, ONCE, BUY_ONCE)
        add_strategy(repo, CROSS, CROSSING, tape="walk", more="config: {slippage_model: none}\n")
        repo.commit("two strategies")
        for name in (ONCE, CROSS):
            bundle_id(repo, name)
        yield repo


@pytest.fixture
def project(template: GitRepo, tmp_path: Path) -> GitRepo:
    """Give a repository with two packed strategies, committed and clean."""
    shutil.copytree(template.path, tmp_path / "project")
    repo = GitRepo(tmp_path / "project", ticks=template.ticks)
    repo.git("status", "--short")  # the copies' times are others: refresh the index
    return repo


@pytest.fixture
def temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a temporary folder of its own to everything that is started, empty."""
    folder = tmp_path / "temp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def walk(length: int) -> list[float]:
    """Return prices that walk around 100, the same ones every time."""
    steps = random.Random(7)
    prices = [100.0]
    while len(prices) < length:
        prices.append(round(prices[-1] + steps.uniform(-0.3, 0.3), 2))
    return prices
