"""What a partial clone left out of the results, and getting it before it is needed.

`git fetch --no-filter` sends all that is new, but not a blob that the remote believes is here
because a commit of the branch names it: a tracked tape. Git would get such a blob unasked, one at
a time, whenever it is looked at; here all of them are asked for at once.
"""

from collections.abc import Iterable
from contextlib import suppress

from git_bt.errors import Incomplete
from git_bt.git_process import cannot_write
from git_bt.model import Oid
from git_bt.publish import read_refs
from git_bt.repo import Repo
from git_bt.sync.merging import REFS
from git_bt.sync.remote import Remote, Step, cannot, get_objects, seen

_ROUNDS = 16  # a tree that comes may name others; ours are not as deep
_MARK = "whole"


def left_out(repo: Repo, tips: Iterable[Oid]) -> list[Oid]:
    """Return the objects behind some commits that are not here; none unless the clone is partial.

    What was found whole before is not walked again.
    """
    if not repo.is_partial():
        return []
    known = [f"^{tip}" for tip in _known(repo)]
    asked = "".join(f"{word}\n" for word in [*tips, *known])
    found = repo.git("rev-list", "--objects", "--missing=print", "--stdin", stdin=asked.encode())
    return [Oid(line[1:]) for line in found.text.splitlines() if line.startswith("?")]


def complete(repo: Repo, remote: Remote, *, step: Step) -> int:
    """Get every object behind our refs, and those last seen of a remote; return how many.

    Raises:
        Incomplete: the remote does not give them.
    """
    if not repo.is_partial():
        return 0
    tips = {*read_refs(repo, *REFS).values(), *seen(repo, remote).values()}
    count = 0
    for _ in range(_ROUNDS):
        missing = left_out(repo, tips)
        if not missing:
            _mark(repo, tips)
            return count
        step(f"fetching {len(missing)} objects that this partial clone left out")
        done = get_objects(repo, remote, missing, step=step)
        if done.code:
            error = cannot("get objects from", remote, done)
            raise Incomplete(
                f"{len(missing)} objects were left out of this partial clone: {error.message}",
                hint="git bt fetch from the remote that was cloned",
            )
        count += len(missing)
    raise Incomplete(f"{remote.name} gives objects that name ever more others")


def _known(repo: Repo) -> list[Oid]:
    """Return commits that were whole when we last looked, as far as they are here."""
    try:
        marked = (repo.cache_dir / _MARK).read_text().split()
    except (OSError, UnicodeDecodeError):
        return []
    return [Oid(oid) for oid in marked if repo.resolve(oid) is not None]


def _mark(repo: Repo, tips: Iterable[Oid]) -> None:
    target = repo.cache_dir / _MARK
    try:
        target.parent.mkdir(exist_ok=True)
        target.write_text("".join(f"{tip}\n" for tip in sorted(tips)))
    except OSError as e:
        with suppress(OSError):
            target.unlink()
        raise cannot_write(target, e) from e
