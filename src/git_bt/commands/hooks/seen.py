"""Whether a commit touches anything that a result hangs on, without reading a strategy.

Remembered of the last look at the whole index: a tree of git, what the index held otherwise, every
path that a strategy hangs on, and what was found. Git says which paths differ from that tree now;
when none of them matters, and store, tapes outside of git and interpreters are as they were, what
was found holds still. Losing the memory costs time and nothing else.
"""

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import git_bt
from git_bt.errors import BtError
from git_bt.installed import distributions
from git_bt.interpreters import Interpreter, Wanted, find_interpreter, load_adapter
from git_bt.repo import Repo

MEMORY = "hook.json"
STORE = "refs/bt/store"
_VERSION = 1
_MOST = 2_000  # paths that differ from the tree; beyond, a look at all of it is not slower
_EMPTY = {
    "sha1": "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "sha256": "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
_LINK, _ABSENT = "120000", "000000"
Change = tuple[str, str, str, str]
"""A path that differs from a tree: path, mode before, mode now, blob now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found: how many strategies are known, and on other versions than those here."""

    known: int
    environment: int


def changes(repo: Repo, tree: str) -> list[Change] | None:
    """Return what the index holds otherwise than a tree, None where git cannot say."""
    words = ("diff-index", "--cached", "-z", "--no-renames", "--no-ext-diff", tree)
    done = repo.git(*words, check=False, keep_index=True)
    return None if done.code else _parsed(done.out)


def changes_between(repo: Repo, before: str, after: str) -> list[Change] | None:
    """Return what a commit or tree holds otherwise than another, None where git cannot say."""
    words = ("diff-tree", "-r", "-z", "--no-renames", "--no-ext-diff", before, after)
    done = repo.git(*words, check=False)
    return None if done.code else _parsed(done.out)


def _parsed(out: bytes) -> list[Change] | None:
    fields = out.decode(errors="surrogateescape").split("\0")
    found = []
    for head, path in zip(fields[0::2], fields[1::2], strict=False):
        old, new, _, oid, status = head[1:].split(" ")
        if status[0] not in "ADMT":
            return None  # a conflict
        found.append((path, old, new, oid))
    return found


def empty_tree(repo: Repo) -> str:
    """Return the id of the tree that holds nothing, which git knows unasked."""
    return _EMPTY[repo.hash_name]


class Seen:
    """The memory of one repository."""

    def __init__(self, repo: Repo) -> None:
        self.repo = repo
        self._place = repo.cache_dir / MEMORY
        self._kept = self._read()

    def still(self) -> Found | None:
        """Return what was found last, when it holds of the index as it is now."""
        kept = self._kept
        if not kept:
            return None
        differing = changes(self.repo, kept["tree"])
        if differing is None or len(differing) > _MOST:
            return None
        if self._matters(differing) or not self._is_as_it_was():
            return None
        return Found(known=kept["known"], environment=kept["environment"])

    def is_untouched(self, before: str | None, commit: str) -> bool:
        """Tell whether no strategy of a commit is another than in the one before."""
        kept = self._kept
        if not kept:
            return False
        since = changes_between(self.repo, kept["tree"], commit)
        own = changes_between(self.repo, before or empty_tree(self.repo), commit)
        if since is None or own is None or max(len(since), len(own)) > _MOST:
            return False
        return not self._matters(since) and not self._matters(own, overlaid=False)

    def keep(
        self,
        found: Found,
        names: Iterable[str],
        folders: Iterable[str],
        tapes: Iterable[Path],
        engines: Mapping[tuple[str, str, str | None], Interpreter | BtError],
    ) -> None:
        """Remember what was found of the index as it is now.

        Args:
            found: what there was to say.
            names: every path that a strategy hangs on.
            folders: folders in which every path matters.
            tapes: tapes on disk that git does not know.
            engines: the interpreters that were chosen, by engine, project root and `python:`.
        """
        head = self.repo.resolve("HEAD")
        tree = f"{head}^{{tree}}" if head else empty_tree(self.repo)
        if head:
            tree = self.repo.git("rev-parse", "--verify", tree).text
        differing = changes(self.repo, tree)
        if differing is None or len(differing) > _MOST:
            return
        self._write(
            {
                "version": _VERSION,
                "code": _code(),
                "tree": tree,
                "overlay": {path: f"{mode} {oid}" for path, _, mode, oid in differing},
                "names": "\0".join(("", *sorted(set(names)), "")),
                "folders": "\0".join(("", *sorted(set(folders)), "")),
                "store": self._store(),
                "tapes": {str(place): _stamps(place) for place in tapes},
                "engines": [[*key, _said(chosen)] for key, chosen in engines.items()],
                "known": found.known,
                "environment": found.environment,
            }
        )

    def forget(self) -> None:
        """Forget what was found."""
        with suppress(OSError):
            self._place.unlink(missing_ok=True)

    # -- what matters

    def _matters(self, differing: Iterable[Change], *, overlaid: bool = True) -> bool:
        overlay: dict[str, str] = dict(self._kept["overlay"]) if overlaid else {}
        names, folders = self._kept["names"], self._kept["folders"]
        for path, old, mode, oid in differing:
            if overlay.pop(path, None) == f"{mode} {oid}":
                continue  # it was so when we looked
            if _LINK in (old, mode) or _touches(path, names, folders):
                return True
        # What stood beside the tree then and is as in the tree now has changed since, too.
        return any(_touches(path, names, folders) for path in overlay)

    def _is_as_it_was(self) -> bool:
        kept = self._kept
        if kept["store"] != self._store():
            return False
        for engine, root, python, said in kept["engines"]:
            if _said(self._engine(engine, root, python)) != said:
                return False
        return all(_stamps(Path(place)) == stamps for place, stamps in kept["tapes"].items())

    def _engine(self, name: str, root: str, python: str | None) -> Interpreter | BtError:
        wanted = Wanted(
            declared=python,
            configured=self.repo.config("bt.python"),
            project_root=(self.repo.top or self.repo.cwd) / root,
            cache=self.repo.cache_dir,
        )
        try:
            return find_interpreter(load_adapter(name), wanted)
        except BtError as e:
            return e

    def _store(self) -> str:
        return self.repo.git("rev-parse", "--verify", "--quiet", STORE, check=False).text

    # -- the file

    def _read(self) -> dict[str, Any]:
        with suppress(OSError, ValueError):
            found = json.loads(self._place.read_bytes())
            if isinstance(found, dict) and found.get("version") == _VERSION:
                return found if found.get("code") == _code() else {}
        return {}

    def _write(self, value: dict[str, Any]) -> None:
        fresh = self._place.with_name(f"{self._place.name}.{os.getpid()}")
        with suppress(OSError):
            self._place.parent.mkdir(parents=True, exist_ok=True)
            try:
                fresh.write_text(json.dumps(value, separators=(",", ":")))
                fresh.replace(self._place)
            finally:
                fresh.unlink(missing_ok=True)


def _touches(path: str, names: str, folders: str) -> bool:
    """Tell whether a path is one that matters, above one, in such a folder, or a new strategy."""
    if path.rpartition("/")[2] == "strategy.yaml":
        return True
    if f"\0{path}\0" in names or f"\0{path}/" in names:
        return True
    above = path
    while above:
        above = above.rpartition("/")[0]
        if f"\0{above}\0" in folders:
            return True
    return False


def _said(chosen: Interpreter | BtError) -> list[Any]:
    """Return all of an interpreter that a result's environment hangs on, or why there is none."""
    if isinstance(chosen, BtError):
        return [chosen.message]
    installed = sorted(distributions(chosen.site_dirs).items())
    return [str(chosen.executable), chosen.version, chosen.engine.version, [*map(list, installed)]]


def _stamps(place: Path) -> list[list[Any]]:
    """Return what changes when a tape on disk does."""
    if not place.is_dir():
        return [_stamp(place)]
    paths = [Path(where) / name for where, _, names in os.walk(place) for name in names]
    return [_stamp(path) for path in sorted(paths)]


def _stamp(path: Path) -> list[Any]:
    try:
        s = path.stat()
    except OSError:
        return [str(path)]
    return [str(path), s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino]


def _code() -> list[int]:
    """Return what changes when our code does: another version may judge otherwise."""
    top = Path(git_bt.__file__).parent
    stats = [f.stat() for folder in _CODE for f in os.scandir(top / folder) if f.is_file()]
    return [len(stats), sum(s.st_size for s in stats), max(s.st_mtime_ns for s in stats)]


_CODE = ("", "capture", "commands", "commands/hooks", "engines", "files")
