"""The search of the notes: whether every result can be read, and names what the store holds.

Notes are git's, and anybody may write there: what is no result of ours is remarked on and no
damage, nor are results on commits that a rebase has left behind. A line of ours that cannot be
read is damage, and so is one that names a bundle or a run that is not what the line says.
"""

from git_bt.canonical import decode_json
from git_bt.errors import Corrupt
from git_bt.fields import VERSION
from git_bt.fsck.search import Search
from git_bt.model import NoteLine, Oid
from git_bt.notes import REF, Notes
from git_bt.records import decode_note
from git_bt.store_layout import place

_NEWER = "of another version"
_TYPED = "that git-bt did not write"
_SHOWN = 60  # characters


def check_results(search: Search, tip: Oid, *, has_store: bool) -> None:
    """Read the notes and all that they were, and hold each result against the store.

    Args:
        search: that has been through the store.
        tip: what refs/notes/bt points to.
        has_store: False where only the notes have come here; that is remarked on, once.
    """
    search.reach(search.chain(tip))
    try:
        found = Notes(search.objects, tip).found().notes
    except Corrupt as e:
        if not search.broken:  # what is broken below has been named already
            search.report("note", REF, e.message)
        return
    others: dict[str, int] = {}
    for commit in sorted(found):
        for entry in found[commit].values():
            for raw in (search.document(entry) or b"").split(b"\n"):
                what = _line(search, commit, raw, has_store=has_store)
                if what:
                    others[what] = others.get(what, 0) + 1
    search.remarks += [f"{_lines(n)} {what} in {REF}" for what, n in sorted(others.items())]
    if search.results and not has_store:
        search.remarks.append("the results have come without the store: git bt fetch")
    _left_behind(search, [Oid(commit) for commit in found])


def _line(search: Search, commit: str, raw: bytes, *, has_store: bool) -> str | None:
    """Check one line of a note; return how to call one that is no result of ours."""
    if not raw.strip():
        return None
    lines = decode_note(raw)
    if lines:
        search.results += 1
        message = _fault(search, lines[0]) if has_store else None
        if message:
            name = f"{commit[:12]}:{lines[0].strategy}"
            search.report("note", name, message, lines[0].bundle)
        return None
    try:
        value = decode_json(raw, "note")
    except Corrupt:
        if not raw.startswith(b"{"):
            return _TYPED
    else:
        if not isinstance(value, dict) or type(value.get("v")) is not int:
            return _TYPED
        if value["v"] != VERSION:
            return _NEWER
    shown = raw[:_SHOWN].decode(errors="replace")
    search.report("note", commit[:12], f"has a result that cannot be read: {shown}")
    return None


def _fault(search: Search, line: NoteLine) -> str | None:
    """Return what is not as a result says; the run of a fork's was never taken here."""
    if line.bundle not in search.bundles:
        return _lacking(search, "bundles", line.bundle)
    if line.run not in search.runs:
        return _lacking(search, "runs", line.run) if line.origin is None else None
    run = search.runs[line.run]
    said = (line.bundle, line.inputs, line.verdict)
    if run is not None and (run.bundle, run.inputs, run.verdict) != said:
        return f"is not what its run {line.run[:12]} says: {run.verdict} of {run.bundle[:12]}"
    return None


def _lacking(search: Search, kind: str, digest: str) -> str | None:
    if search.is_cut(place(kind, digest)):
        return None  # the broken folder before it has been named
    return f"names {kind.removesuffix('s')} {digest[:12]}, which is not in the store: git bt fetch"


def _left_behind(search: Search, commits: list[Oid]) -> None:
    """Remark on commits that no ref leads to: rewritten ones, and what a shallow clone lacks."""
    reached = search.repo.git("rev-list", "--all", "--reflog", check=False)
    if reached.code:
        return  # a broken branch is no matter of ours
    left = set(commits) - set(reached.text.split())
    if left:
        on = "1 commit" if len(left) == 1 else f"{len(left)} commits"
        search.remarks.append(f"notes on {on} that no branch, tag or reflog here leads to")


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"
