"""Reading git objects by plumbing, through one batch pipe.

Every object that is read is hashed again: git trusts the file it finds under an id, and a verdict
may not. Parsing stops at trees and commits; what the blobs mean is for others. Writing is
`object_writer.py`.
"""

import hashlib
import os
import select
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Self

from git_bt.errors import CannotWork, Corrupt, Incomplete
from git_bt.git_process import environment
from git_bt.model import Oid
from git_bt.repo import Repo

FOLDER = "40000"
_CHUNK = 1 << 20
_PIPE = 1 << 16
_STALL_MS = 500
_BATCH = 256  # requests of 65 bytes: less than a pipe holds, so that nobody waits for anybody


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One entry of a tree; `mode` as git writes it, a folder is 40000."""

    mode: str
    oid: Oid


@dataclass(frozen=True, slots=True)
class Commit:
    """What we need of a commit."""

    tree: Oid
    parents: tuple[Oid, ...]
    message: str


def object_id(kind: str, data: bytes, hash_name: str) -> Oid:
    """Return the git id of an object."""
    digest = hashlib.new(hash_name, f"{kind} {len(data)}\0".encode(), usedforsecurity=False)
    digest.update(data)
    return Oid(digest.hexdigest())


def blob_oid(data: bytes, hash_name: str) -> Oid:
    """Return the git id of bytes as a blob."""
    return object_id("blob", data, hash_name)


class Objects:
    """The objects of one repository, through one process that is started when first needed.

    Safe to share between threads.
    """

    def __init__(self, repo: Repo) -> None:
        self.repo = repo
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process; the next read starts another."""
        with self._lock:
            self._stop()

    def read(self, oid: Oid) -> tuple[str, bytes]:
        """Return the type and the bytes of an object.

        Raises:
            Corrupt: missing, unreadable, or its bytes do not give its id.
            Incomplete: left out of this partial clone.
        """
        return next(self.read_many((oid,)))

    def read_many(self, oids: Iterable[Oid]) -> Iterator[tuple[str, bytes]]:
        """Yield the type and the bytes of each object, asked for in batches.

        Raises:
            Corrupt: as `read`, at the first that is broken.
        """
        waiting: list[Oid] = []
        for oid in oids:
            waiting.append(oid)
            if len(waiting) == _BATCH:
                yield from self._batch(waiting)
                waiting = []
        yield from self._batch(waiting)

    def blob(self, oid: Oid) -> bytes:
        """Return the bytes of a blob; raises Corrupt as `read`, and for another type."""
        return self._expect("blob", oid)

    def chunks(self, oid: Oid) -> Iterator[bytes]:
        """Yield the bytes of a large blob as git inflates them, by a process of its own.

        They are not hashed again: who asks must have another digest of them.

        Raises:
            Corrupt, Incomplete: as `read`.
        """
        process = start(self.repo, "cat-file", "blob", oid, stderr=subprocess.DEVNULL)
        _, out = pipes(process)
        try:
            while piece := out.read(_CHUNK):
                yield piece
            if process.wait():
                self.blob(oid)  # to say why
                raise Corrupt(f"git cannot read blob {oid}", hint="git bt fsck")
        finally:
            process.kill()
            process.communicate()

    def tree(self, oid: Oid) -> dict[str, TreeEntry]:
        """Return the entries of a tree by name; raises Corrupt as `read`, or when malformed."""
        return parse_tree(oid, self._expect("tree", oid), self.repo.hash_name)

    def commit(self, oid: Oid) -> Commit:
        """Return tree and parents of a commit; raises Corrupt as `read`, or when malformed."""
        return parse_commit(oid, self._expect("commit", oid))

    def commit_tree(self, oid: Oid) -> Oid:
        """Return the tree of a commit."""
        return self.commit(oid).tree

    # -- the pipe ---------------------------------------------------------------------------------

    def _expect(self, kind: str, oid: Oid) -> bytes:
        found, data = self.read(oid)
        if found != kind:
            raise Corrupt(f"object {oid} is a {found}, not a {kind}")
        return data

    def _batch(self, oids: list[Oid]) -> Iterator[tuple[str, bytes]]:
        """Ask for all, then read all: a list, so that the pipe is never left half read."""
        with self._lock:
            try:
                found = self._ask(oids)
            except BaseException:  # Ctrl-C too
                self._stop()  # what stands in the pipe belongs to no question any more
                raise
        yield from found

    def _ask(self, oids: list[Oid]) -> list[tuple[str, bytes]]:
        if not oids:
            return []
        digits = hashlib.new(self.repo.hash_name, usedforsecurity=False).digest_size * 2
        for oid in oids:
            if len(oid) != digits or oid.strip("0123456789abcdef"):
                raise Corrupt(f"{oid!r:.100} is no object id")
        into, out = pipes(self._start())
        with suppress(BrokenPipeError):  # it died; the answer that is missing says so
            into.write("".join(f"{oid}\n" for oid in oids).encode())
            into.flush()
        answers = _Answers(into, out)
        return [self._answer(answers, oid) for oid in oids]

    def _answer(self, answers: "_Answers", oid: Oid) -> tuple[str, bytes]:
        head = answers.line().decode(errors="replace").split()
        # Of an object that a remote has promised, git before 2.45 does not say so: it ends.
        if (not head or head[1:] == ["missing"]) and self._is_left_out(oid):
            raise Incomplete(
                f"object {oid} was left out of this partial clone",
                hint="git bt fetch; for files of a commit: git fetch --refetch --no-filter",
            )
        if head[1:] == ["missing"]:
            raise Corrupt(f"object {oid} is missing", hint="git bt fsck")
        if len(head) != 3 or head[0] != oid or not head[2].isdecimal():
            raise Corrupt(f"object {oid} cannot be read by git", hint="git bt fsck")
        kind, size = head[1], int(head[2])
        answer = answers.exactly(size + 1)  # and a newline: of no bytes it is all that comes
        data = answer[:-1]
        if len(answer) <= size:
            raise Corrupt(f"object {oid} ends before its {size} bytes", hint="git bt fsck")
        if object_id(kind, data, self.repo.hash_name) != oid:
            raise Corrupt(f"object {oid} holds other bytes than its id says", hint="git bt fsck")
        return kind, data

    def _is_left_out(self, oid: Oid) -> bool:
        loose = self.repo.common_dir / "objects" / oid[:2] / oid[2:]
        return self.repo.is_partial() and not loose.exists()

    def _start(self) -> subprocess.Popen[bytes]:
        process = self._process
        if process is None or process.poll() is not None or pipes(process)[0].closed:
            self._stop()
            process = start(self.repo, "cat-file", "--batch", stderr=subprocess.DEVNULL)
            self._process = process
        return process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in pipes(process):
            with suppress(BrokenPipeError):
                pipe.close()
        process.wait()


@dataclass(frozen=True, slots=True)
class Blob:
    """The bytes of a blob of a repository, read and hashed again when asked for."""

    oid: Oid
    objects: Objects

    def read(self) -> bytes:
        """Return all bytes; raises Corrupt when they are missing or changed."""
        return self.objects.blob(self.oid)

    def chunks(self) -> Iterator[bytes]:
        """Yield all bytes piece by piece, not hashed; raises as `Objects.chunks`."""
        return self.objects.chunks(self.oid)


class _Answers:
    """What git answers to a batch of questions.

    Of a loose blob that is cut, git prints fewer bytes than it announced, and then waits for the
    next question as we wait for the rest. So when nothing comes for a while, we say that there are
    no more questions: a git that is merely slow answers what it was asked, any other one ends.
    """

    def __init__(self, questions: IO[bytes], answers: IO[bytes]) -> None:
        self._questions = questions
        self._fd = answers.fileno()
        self._read = bytearray()
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)

    def line(self) -> bytes:
        """Return the next line, cut where the answers end."""
        while (at := self._read.find(b"\n")) < 0:
            if not self._more(_PIPE):
                at = len(self._read)
                break
        return self._take(at + 1)

    def exactly(self, size: int) -> bytes:
        """Return so many bytes, fewer where the answers end; the size may be a lie."""
        while len(self._read) < size and self._more(size - len(self._read)):
            pass
        return self._take(size)

    def _take(self, size: int) -> bytes:
        taken = bytes(memoryview(self._read)[:size])
        del self._read[:size]
        return taken

    def _more(self, size: int) -> bool:
        if not self._poll.poll(_STALL_MS):
            with suppress(BrokenPipeError):
                self._questions.close()
        piece = os.read(self._fd, min(max(size, _PIPE), _CHUNK))
        self._read += piece
        return bool(piece)


def parse_tree(oid: Oid, data: bytes, hash_name: str) -> dict[str, TreeEntry]:
    """Return the entries of a tree's bytes.

    Raises:
        Corrupt: cut, a name that is not UTF-8, empty or has a slash, or stands twice.
    """
    width = hashlib.new(hash_name, usedforsecurity=False).digest_size
    entries: dict[str, TreeEntry] = {}
    at = 0
    while at < len(data):
        blank, nul = data.find(b" ", at), data.find(b"\0", at)
        end = nul + 1 + width
        if not at < blank < nul or end > len(data):
            raise Corrupt(f"tree {oid} is malformed at byte {at}")
        try:
            name = data[blank + 1 : nul].decode()
        except UnicodeDecodeError as e:
            raise Corrupt(
                f"tree {oid} has a name that is not UTF-8: {data[blank + 1 : nul]!r}"
            ) from e
        if not name or "/" in name or name in entries:
            raise Corrupt(f"tree {oid} has a bad or doubled name {name!r}")
        mode = data[at:blank].decode(errors="replace")
        entries[name] = TreeEntry(mode, Oid(data[nul + 1 : end].hex()))
        at = end
    return entries


def find_entry(oid: Oid, data: bytes, name: str, hash_name: str) -> TreeEntry | None:
    """Return one entry as `parse_tree` has it, without making the others.

    Raises:
        Corrupt: the tree is malformed before that entry.
    """
    width = hashlib.new(hash_name, usedforsecurity=False).digest_size
    wanted = f" {name}".encode()
    at = 0
    while at < len(data):
        nul = data.find(b"\0", at)
        end = nul + 1 + width
        if nul < 0 or end > len(data):
            raise Corrupt(f"tree {oid} is malformed at byte {at}")
        blank = nul - len(wanted)
        if data.endswith(wanted, at, nul) and data.find(b" ", at) == blank:
            mode = data[at:blank].decode(errors="replace")
            return TreeEntry(mode, Oid(data[nul + 1 : end].hex()))
        at = end
    return None


def parse_commit(oid: Oid, data: bytes) -> Commit:
    """Return tree, parents and message of a commit's bytes; raises Corrupt when malformed."""
    top, _, message = data.decode(errors="replace").partition("\n\n")
    head = [line.partition(" ")[::2] for line in top.split("\n")]
    if head[0][0] != "tree":
        raise Corrupt(f"commit {oid} is malformed: it names no tree")
    parents = tuple(Oid(value) for key, value in head if key == "parent")
    return Commit(Oid(head[0][1]), parents, message)


def start(repo: Repo, *args: str, stderr: int) -> subprocess.Popen[bytes]:
    """Start git with pipes for its input and output; raises CannotWork when that fails."""
    try:
        return subprocess.Popen(
            repo.command(*args),
            cwd=repo.cwd,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
    except OSError as e:
        raise CannotWork(f"cannot run git {args[0]} in {repo.cwd}: {e.strerror}") from e


def pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    """Return standard input and output of a process that was started with both."""
    if process.stdin is None or process.stdout is None:
        raise ValueError("the process has no pipes")
    return process.stdin, process.stdout
