"""Results between repositories: fetch, merge and push of refs/bt/store and refs/notes/bt."""

from git_bt.sync.exchange import Exchange, Pushed, Sent, fetch, push
from git_bt.sync.merging import NOTES, REFS, STORE, Move, additions, is_behind, merge, preview
from git_bt.sync.news import new_ids, new_results, new_sweeps
from git_bt.sync.remote import TRACKING, Remote, choose, seen
from git_bt.sync.whole import left_out

__all__ = [
    "NOTES",
    "REFS",
    "STORE",
    "TRACKING",
    "Exchange",
    "Move",
    "Pushed",
    "Remote",
    "Sent",
    "additions",
    "choose",
    "fetch",
    "is_behind",
    "left_out",
    "merge",
    "new_ids",
    "new_results",
    "new_sweeps",
    "preview",
    "push",
    "seen",
]
