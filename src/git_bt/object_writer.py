"""Writing git objects: blobs and one commit through one fast-import.

Nothing here moves a ref that anybody sees: that is `publish.py`.
"""

import re
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from git_bt.errors import CannotWork
from git_bt.git_process import Result, failure
from git_bt.model import Oid
from git_bt.objects import TreeEntry, blob_oid, pipes, start
from git_bt.repo import Repo

DURABLE = (
    *("-c", "core.fsync=objects,derived-metadata,reference"),
    *("-c", "core.fsyncMethod=batch"),
)
"""Options of git calls that write what is announced: on the disk before it is said."""


class Writer:
    """Blobs and one commit through one `git fast-import`, held by a ref that nobody looks at.

    Feed blobs, then call `commit`, which ends the process; leaving without it leaves no ref.
    Everything is on the disk before the ref is: one batched fsync, whatever the number of blobs.

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
        who, text = b"git-bt <git-bt@invalid> %d +0000" % when_s, message.encode()
        head = b"commit %s\nmark :1\ncommitter %s\n" % (self.ref.encode(), who)
        self._feed(head, b"data %d\n" % len(text), text, b"\n")
        if parent is not None:
            self._feed(b"from %s\n" % parent.encode())
        for path, entry in files.items():
            mode = entry.mode.zfill(6)
            self._feed(f"M {mode} {entry.oid} ".encode(), _quoted(path), b"\n")
        out = self._end(b"\nget-mark :1\ndone\n")
        return Oid(out.decode().strip())

    def _feed(self, *pieces: bytes) -> None:
        into, _ = pipes(self._process)
        try:
            into.writelines(pieces)
        except BrokenPipeError:
            self._end(b"")

    def _end(self, last: bytes) -> bytes:
        process = self._process
        out, err = process.communicate(last or None)
        if process.returncode:
            self._remove(re.findall(r"/(tmp_pack_\w+)", err.decode(errors="replace")))
            # It leaves a report of the crash in the git directory; what matters of it is in `err`.
            report = self.repo.git_dir / f"fast_import_crash_{process.pid}"
            report.unlink(missing_ok=True)
            raise failure("fast-import", Result(process.returncode, out, err))
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
