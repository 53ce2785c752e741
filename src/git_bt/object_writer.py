"""Writing git objects: blobs and a few commits through one fast-import.

Nothing here moves a ref that anybody sees: that is `publish.py`.
"""

import re
import subprocess
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from git_bt.errors import CannotWork
from git_bt.git_process import Result, failure
from git_bt.model import Oid
from git_bt.objects import TreeEntry, blob_oid, pipes, start
from git_bt.repo import Repo

T = TypeVar("T")

DURABLE = (
    *("-c", "core.fsync=objects,derived-metadata,reference"),
    *("-c", "core.fsyncMethod=batch"),
)
"""Options of git calls that write what is announced: on the disk before it is said."""

_ATTEMPTS = 5  # beside a gc without end, one write of seven was lost
_GONE = re.compile(rb"unable to write file .*/objects/.*: No such file or directory")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A commit that is to be written.

    The tree is the first parent's with `files` put into it: path to blob or tree (a folder's mode
    puts a whole tree there), None takes a path away. `ref` is the full name of a temporary ref
    that does not exist; it will hold the commit. `when_s` is in seconds since the epoch.
    """

    ref: str
    files: Mapping[str, TreeEntry | None]
    parents: tuple[Oid, ...]
    message: str
    when_s: int


class Vanished(CannotWork):
    """What was written is not there, or went while it was written.

    A `git gc` at the same time removes a folder of objects that is empty just before git writes
    into it. Git's writer fails, or, where its batched fsync moves objects there, ends with 0 all
    the same (git 2.39). Writing again helps.
    """


def until_it_stays(write: Callable[[], T]) -> T:
    """Write, and write again where that has vanished; return what the function returns.

    Raises:
        BtError: what it raises. What vanishes each time is no work of a gc: its cause is raised.
    """
    for _ in range(_ATTEMPTS - 1):
        with suppress(Vanished):
            return write()
    try:
        return write()
    except Vanished as e:
        raise e.__cause__ or e from None


class Writer:
    """Blobs and commits through one `git fast-import`, held by refs that nobody looks at.

    Feed blobs, then call `commit` or `commits`, which end the process; leaving without it leaves
    no ref. Everything is on the disk before a ref is: one batched fsync, whatever the number of
    blobs.

    Args:
        repo: where to.
        ref: the full name of a temporary ref that does not exist.
    """

    def __init__(self, repo: Repo, ref: str) -> None:
        self.repo = repo
        self.ref = ref
        self._fed: set[Oid] = set()
        self._process = start(
            repo,
            *DURABLE,
            "fast-import",
            "--quiet",
            "--done",
            "--date-format=raw",
            stderr=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.returncode is None:
            litter = self._unfinished()
            self._process.kill()
            with suppress(CannotWork):
                self._end(b"")
            self._remove(litter)

    def blob(self, data: bytes) -> Oid:
        """Write a blob and return its id.

        Raises:
            CannotWork: the disk is full, or git refused.
        """
        oid = blob_oid(data, self.repo.hash_name)
        if oid not in self._fed:
            self._fed.add(oid)
            self._feed(b"blob\ndata %d\n" % len(data), data, b"\n")
        return oid

    def commit(
        self, files: Mapping[str, TreeEntry], *, parent: Oid | None, message: str, when_s: int
    ) -> Oid:
        """Write the parent's tree with files put into it, and return the commit.

        Args:
            files: path to blob or tree; a folder's mode puts a whole tree there.
            parent: the commit before this one; None begins a chain.
            message: the commit message.
            when_s: seconds since the epoch; the author is git-bt.

        Raises:
            CannotWork: the disk is full, or git refused.
        """
        parents = () if parent is None else (parent,)
        draft = Draft(ref=self.ref, files=files, parents=parents, message=message, when_s=when_s)
        return self.commits(draft)[0]

    def commits(self, *drafts: Draft) -> list[Oid]:
        """Write commits, and return their ids in the same order; the author is git-bt.

        Raises:
            Vanished: a `git gc` ran at the same time.
            CannotWork: the disk is full, or git refused.
        """
        for mark, draft in enumerate(drafts, 1):
            self._draft(draft, mark)
        asked = "".join(f"get-mark :{mark}\n" for mark in range(1, len(drafts) + 1))
        out = self._end(f"\n{asked}done\n".encode())
        return [Oid(oid) for oid in out.decode().split()]

    def _draft(self, draft: Draft, mark: int) -> None:
        ref, text = draft.ref.encode(), draft.message.encode()
        who = b"git-bt <git-bt@invalid> %d +0000" % draft.when_s
        head = b"commit %s\nmark :%d\ncommitter %s\n" % (ref, mark, who)
        self._feed(head, b"data %d\n" % len(text), text, b"\n")
        for word, parent in zip(
            ("from", *["merge"] * len(draft.parents)), draft.parents, strict=False
        ):
            self._feed(f"{word} {parent}\n".encode())
        # What goes goes first: a file may come where a folder was.
        for path, entry in sorted(draft.files.items(), key=lambda item: item[1] is not None):
            if entry is None:
                self._feed(b"D ", _quoted(path), b"\n")
            else:
                self._feed(f"M {entry.mode.zfill(6)} {entry.oid} ".encode(), _quoted(path), b"\n")

    def _feed(self, *pieces: bytes) -> None:
        into, _ = pipes(self._process)
        try:
            into.writelines(pieces)
        except BrokenPipeError:
            self._end(b"")

    def _end(self, last: bytes) -> bytes:
        process = self._process
        try:
            out, err = process.communicate(last or None)
        except BrokenPipeError:  # it died while something was still in the buffer
            out, err = process.communicate()
        if process.returncode:
            self._remove(re.findall(r"/(tmp_pack_\w+)", err.decode(errors="replace")))
            # It leaves a report of the crash in the git directory; what matters of it is in `err`.
            report = self.repo.git_dir / f"fast_import_crash_{process.pid}"
            with suppress(OSError):  # a file system that is read-only keeps none
                report.unlink()
            error = failure("fast-import", Result(process.returncode, out, err))
            raise Vanished(error.message) if _GONE.search(err) else error
        return out

    def _unfinished(self) -> list[str]:
        """Return the pack that the process has open, where the system tells."""
        with suppress(OSError):
            links = [str(fd.readlink()) for fd in Path(f"/proc/{self._process.pid}/fd").iterdir()]
            return [link.rpartition("/")[2] for link in links if "/objects/pack/tmp_pack_" in link]
        return []

    def _remove(self, litter: Iterable[str]) -> None:
        """Remove unfinished packs: git leaves them for gc, and on a full disk that is too late."""
        for name in litter:
            with suppress(OSError):
                (self.repo.common_dir / "objects" / "pack" / name).unlink()


def _quoted(path: str) -> bytes:
    """Return a path between quotes as fast-import reads it."""
    return b'"%s"' % re.sub(rb'[\x00-\x1f"\\\x7f]', lambda m: b"\\%03o" % ord(m[0]), path.encode())
