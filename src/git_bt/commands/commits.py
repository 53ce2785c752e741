"""Commits for people: what a word of the command line names, when and by whom, in which order."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from git_bt.errors import CannotWork, Corrupt
from git_bt.model import Oid
from git_bt.objects import Objects, pipes, start
from git_bt.repo import Repo

_AUTHOR = re.compile(rb"author (.*) (-?\d{1,18}) [-+]\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What one line about a commit says; the time is the author's, in seconds."""

    author: str
    when_s: int
    subject: str


def heading(objects: Objects, commit: Oid) -> Heading:
    """Return who made a commit, when, and its subject.

    Raises:
        Corrupt: it is broken, or no commit.
    """
    kind, data = objects.read(commit)
    if kind != "commit":
        raise Corrupt(f"object {commit} is a {kind}, not a commit")
    head, _, message = data.partition(b"\n\n")
    found = next((m for line in head.split(b"\n") if (m := _AUTHOR.fullmatch(line))), None)
    name, when = (found[1].partition(b" <")[0], int(found[2])) if found else (b"unknown", 0)
    subject = message.lstrip(b"\n").partition(b"\n")[0]
    return Heading(
        author=name.decode(errors="replace"),
        when_s=when,
        subject=subject.decode(errors="replace"),
    )


def is_range(repo: Repo, word: str) -> bool:
    """Tell whether git takes a word for commits: a revision, A..B, A...B."""
    if not word or "\0" in word:
        return False
    asked = ("rev-list", "--max-count=0", "--end-of-options", word)
    return repo.git(*asked, check=False).code == 0


def walk(repo: Repo, revisions: str) -> Iterator[Oid]:
    """Yield commits as git log lists them, from one process that ends when nobody reads on.

    Args:
        repo: the repository.
        revisions: a revision or a range.

    Raises:
        CannotWork: git cannot list them.
    """
    process = start(repo, "rev-list", "--end-of-options", revisions, stderr=subprocess.PIPE)
    into, out = pipes(process)
    into.close()
    try:
        for line in out:
            yield Oid(line.decode().strip())
        said = process.stderr.read() if process.stderr else b""
        if process.wait():
            first = said.decode(errors="replace").strip().partition("\n")[0]
            raise CannotWork(f"git rev-list: {first.removeprefix('fatal: ')}")
    finally:
        process.kill()
        process.wait()
        out.close()
        if process.stderr:
            process.stderr.close()
