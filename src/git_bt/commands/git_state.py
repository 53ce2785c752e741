"""What git knows of a work tree at a moment: commit, whether it is dirty, and what differs."""

from typing import Any

from git_bt.repo import Repo

MAX_DIFF = 1 << 20
"""Bytes of a diff that are kept; a larger one is left out, and the tree still said to be dirty."""


def git_state(repo: Repo) -> dict[str, Any]:
    """Return `commit`, `is_dirty` and `diff` of a work tree; nothing before its first commit."""
    head = None if repo.top is None else repo.resolve("HEAD")
    if head is None:
        return {}
    options = ("--no-ext-diff", "--no-textconv", "--binary")
    out = repo.git("diff", *options, "HEAD", check=False).out
    new = repo.git("ls-files", "-o", "--exclude-standard", "-z", check=False).out
    diff = out.decode(errors="backslashreplace") if len(out) <= MAX_DIFF else None
    return {"commit": str(head), "is_dirty": bool(out or new), "diff": diff or None}
