"""Repositories that share results through a bare one, and small results to share."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from conftest import GitRepo, make_repo
from git_bt import sync
from git_bt.model import Bundle, NoteLine, Oid, Verdict
from git_bt.objects import Objects
from git_bt.publish import read_refs
from git_bt.records import run_id
from git_bt.repo import Repo
from git_bt.store import Store
from store_cases import bundle_of, results_of, run_of


def silent(text: str) -> None:
    """Say nothing of what is being done."""


@dataclass(frozen=True)
class Peer:
    """A repository with its objects open."""

    repo: Repo
    objects: Objects

    @property
    def store(self) -> Store:
        """The store as another process would see it."""
        return Store(self.repo, self.objects)

    @property
    def refs(self) -> dict[str, Oid]:
        """Our two refs."""
        return read_refs(self.repo, *sync.REFS)

    def git(self, *args: str) -> str:
        """Run plain git, as a user does."""
        done = subprocess.run(
            ["git", *args], cwd=self.repo.cwd, capture_output=True, text=True, check=True
        )
        return done.stdout.rstrip("\n")

    def add(self, number: int, commit: str | None = None) -> Bundle:
        """Store a bundle with a run, and tie it to a commit."""
        bundle = bundle_of(number)
        run = run_of(bundle, number)
        line = line_of(bundle, number)
        tied = {commit or self.git("rev-parse", "HEAD"): [line]}
        self.store.save(bundles=[bundle], runs=[run], notes=tied)
        return bundle

    def fetch(self, remote: str | None = None) -> sync.Exchange:
        """Fetch and merge."""
        return sync.fetch(self.objects, sync.choose(self.repo, remote), step=silent)

    def push(self, remote: str | None = None, **options: float) -> sync.Pushed:
        """Merge and push."""
        return sync.push(self.objects, sync.choose(self.repo, remote), step=silent, **options)

    def results(self) -> set[str]:
        """The bundles that are tied to a commit."""
        found = results_of(self.objects, self.refs.get(sync.NOTES))
        return {line.bundle for lines in found.values() for line in lines}


def line_of(bundle: Bundle, number: int) -> NoteLine:
    """Make the line of a result that `Peer.add` writes."""
    return NoteLine(
        strategy="strategies/ema",
        inputs=bundle.manifest.inputs,
        bundle=bundle.id,
        run=run_id(run_of(bundle, number)),
        verdict=Verdict.REPRODUCED,
        kind="measured",
    )


@contextmanager
def at(path: Path) -> Iterator[Peer]:
    """Open a repository."""
    repo = Repo.find(path)
    with Objects(repo) as objects:
        yield Peer(repo, objects)


def make_remote(folder: Path, *, object_format: str = "sha1") -> Path:
    """Make a bare repository with one commit on main; filters are allowed."""
    seed = make_repo(folder / "seed", f"--object-format={object_format}")
    seed.commit("first", file=b"one\n")
    bare = folder / "remote.git"
    subprocess.run(
        ["git", "clone", "-q", "--bare", str(seed.path), str(bare)], check=True, cwd=folder
    )
    for key in ("uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"):
        GitRepo(bare).git("config", key, "true")
    return bare


def clone(bare: Path, name: str, options: Sequence[str] = ()) -> Path:
    """Clone the remote, beside it, as over a network."""
    path = bare.parent / name
    subprocess.run(["git", "clone", "-q", *options, f"file://{bare}", str(path)], check=True)
    return path


def refs_of(bare: Path) -> dict[str, Oid]:
    """The remote's two refs."""
    return read_refs(Repo.find(bare), *sync.REFS)
