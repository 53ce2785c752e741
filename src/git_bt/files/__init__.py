"""Files: one view, path → bytes, over a commit, the index, the work tree, or a plain folder.

Capture, ids and hooks read only through it, so they agree: of the work tree it gives what
`git add` would store, a git-LFS pointer counts as the object it names, and a link that stays
inside the root counts as the file it leads to. Submodules are no files. A view lists its files
with one git process when it is first asked, and remembers what it read: it is one moment's view.
"""

from pathlib import Path

from git_bt.errors import CannotWork, Usage
from git_bt.files.digests import Digests
from git_bt.files.folder import Folder
from git_bt.files.view import LEAVES, NOWHERE, Entry, Files, Stamp, stamp_of
from git_bt.files.views import Commit, Index, WorkTree
from git_bt.objects import Objects
from git_bt.repo import Repo

__all__ = [
    "LEAVES",
    "NOWHERE",
    "Digests",
    "Entry",
    "Files",
    "Stamp",
    "commit_files",
    "folder_files",
    "index_files",
    "stamp_of",
    "work_tree_files",
]


def commit_files(repo: Repo, objects: Objects, revision: str) -> Files:
    """Return the files of a commit.

    Raises:
        Usage: there is no such commit.
    """
    oid = repo.resolve(revision)
    if oid is None:
        raise Usage(f"no commit {revision!r}", hint="git log --oneline")
    return Commit(repo, objects, oid)


def index_files(repo: Repo, objects: Objects) -> Files:
    """Return the files of the index; in a hook, of the index that the hook was given."""
    return Index(repo, objects)


def work_tree_files(repo: Repo, objects: Objects) -> Files:
    """Return the files of the work tree, tracked or not, ignored ones only by name.

    Raises:
        CannotWork: the repository is bare.
    """
    if repo.top is None:
        raise CannotWork("a bare repository has no work tree", hint="name a commit or a bundle")
    return WorkTree(repo, objects, repo.top)


def folder_files(path: Path) -> Files:
    """Return the files of a folder, as they lie there, without asking git."""
    return Folder(path.absolute())
