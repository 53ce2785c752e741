"""The search for damage of store and notes: what git's own fsck cannot know.

Git's is not asked: it reads the whole repository, and knows nothing of manifests. `search` reads
objects and the store, `results` holds the notes against it. Nothing is mended here.
"""

from git_bt.errors import BtError, CannotWork, Corrupt
from git_bt.fsck.results import check_results
from git_bt.fsck.search import Search, meant
from git_bt.model import Oid
from git_bt.notes import REF as NOTES
from git_bt.objects import Objects
from git_bt.publish import announced, read_refs
from git_bt.repo import Repo
from git_bt.reports import FsckReport
from git_bt.store_layout import REF

__all__ = ["fsck", "meant"]


def fsck(repo: Repo, objects: Objects) -> FsckReport:
    """Search store and notes for damage.

    Never raises for what it finds: a repository whose refs git cannot read is a find as well.
    """
    last = announced(repo)  # before the refs: a writer may be at work
    search = Search(repo, objects)
    # Notes first: a result is written after what it names, so the store may only be ahead.
    noted, tip = _tip(repo, NOTES), _tip(repo, REF)
    for ref, found in {REF: tip, NOTES: noted}.items():
        if isinstance(found, BtError) and found.message not in {p.message for p in search.problems}:
            search.report("ref", ref, found.message)
    if tip is None and last is not None:
        search.report("ref", REF, f"is gone; it was {last} when git-bt last wrote{meant(repo)}")
    if isinstance(tip, str):
        search.history(tip, last)
    if isinstance(noted, str):
        check_results(search, noted, has_store=isinstance(tip, str))
    return search.result()


def _tip(repo: Repo, ref: str) -> Oid | BtError | None:
    try:
        return read_refs(repo, ref).get(ref)
    except (Corrupt, CannotWork) as e:
        return e
