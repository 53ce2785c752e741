"""A remote: which one, what was last seen of it, and git processes that talk to it.

What was seen lies in refs/bt-remote/<remote>/; nothing is written into the user's configuration,
and none of his refspecs, hooks or tags takes part. Git's wording decides nothing: it is shown to
people, and after a failure the remote is looked at.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from git_bt.canonical import sha256
from git_bt.errors import CannotWork, Usage
from git_bt.git_process import Result, environment, git_at_hand
from git_bt.model import Oid
from git_bt.object_writer import DURABLE
from git_bt.publish import read_refs
from git_bt.repo import Repo
from git_bt.sync.merging import NOTES, REFS, STORE

TRACKING = "refs/bt-remote/"
Step = Callable[[str], None]
"""Says what is being done, to somebody who waits."""

# `--refmap=` keeps a configured `+refs/notes/*:refs/notes/*` from overwriting notes of ours.
_FETCH = (
    *DURABLE,
    "fetch",
    *("--progress", "--refmap=", "--no-tags", "--no-prune", "--no-filter"),
    *("--no-write-fetch-head", "--no-auto-maintenance", "--no-write-commit-graph"),
    *("--no-show-forced-updates", "--recurse-submodules=no"),
)
_CHECKED = ("-c", "fetch.fsckObjects=true")
_LEAF = {STORE: "store", NOTES: "notes"}
_GRACE_S = 5.0
_PROGRESS = re.compile(r"(?:remote: )?([A-Z][a-z]+ing[a-z ]*: +\d+% \(\d+/\d+\))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A remote as git is told it (`address`) and as people read it (`name`)."""

    name: str
    address: str
    key: str  # the part of the names of tracking refs
    configured: bool

    def tracking(self, ref: str) -> str:
        """Return the ref that holds what was last seen of one of ours."""
        return f"{TRACKING}{self.key}/{_LEAF[ref]}"


def without_secrets(text: str) -> str:
    """Return text in which no URL shows a user or a password."""
    return re.sub(r"(?<=://)[^/@\s']*@", "", text)


# -- which ----------------------------------------------------------------------------------------


def choose(repo: Repo, argument: str | None = None, *, cwd: Path | None = None) -> Remote:
    """Return the remote to exchange results with.

    Args:
        repo: the repository.
        argument: name of a remote, a URL, or the path of a repository; None takes the upstream
            of the branch, then origin, then the only one.
        cwd: what a path is relative to.

    Raises:
        Usage: there is no such remote, or none to choose.
    """
    names = repo.git("remote").text.splitlines()
    if argument is not None:
        return _named(argument) if argument in names else _elsewhere(repo, argument, names, cwd)
    for name in (_upstream(repo), "origin", names[0] if len(names) == 1 else None):
        if name in names:
            return _named(name)
    if not names:
        raise Usage("this repository has no remote", hint="git remote add origin URL")
    raise Usage(f"which remote? there are {', '.join(names)}", hint=f"git bt fetch {names[0]}")


def _named(name: str) -> Remote:
    return Remote(name=name, address=name, key=name, configured=True)


def _upstream(repo: Repo) -> str | None:
    branch = repo.git("symbolic-ref", "--quiet", "--short", "HEAD", check=False).text
    return repo.config(f"branch.{branch}.remote") if branch else None


def _elsewhere(repo: Repo, argument: str, names: Iterable[str], cwd: Path | None) -> Remote:
    path = (cwd or Path.cwd()) / argument
    if path.exists():
        return at_url(str(path.absolute()))
    if not re.search(r"[:/]", argument) or argument.startswith("-"):
        known = ", ".join(names)
        raise Usage(
            f"no remote {argument!r:.80}" + (f"; there are {known}" if known else ""),
            hint="git remote -v",
        )
    return at_url(argument)


def at_url(url: str) -> Remote:
    """Return a remote that has no name here."""
    key = f"url-{sha256(url.encode())[:16]}"
    return Remote(name=without_secrets(url), address=url, key=key, configured=False)


def pushed_to(repo: Repo, remote: Remote) -> Remote:
    """Return where a push to a remote goes: `pushurl` may name another repository."""
    if not remote.configured:
        return remote
    place = repo.git("remote", "get-url", "--push", "--end-of-options", remote.name).text
    fetched = repo.git("remote", "get-url", "--end-of-options", remote.name).text
    return remote if place == fetched else at_url(place)


# -- talking --------------------------------------------------------------------------------------


def talk(repo: Repo, *args: str, step: Step, stdin: bytes = b"") -> Result:
    """Run a git process that may use the network, telling its progress.

    It is ended together with us; how it went is in the result.
    """
    with git_at_hand(), tempfile.TemporaryFile() as asked:
        asked.write(stdin)
        asked.seek(0)
        process = subprocess.Popen(
            repo.command(*args),
            cwd=repo.cwd,
            env=environment(network=True),
            stdin=asked,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            said = _listen(process, step)
            out = b"" if process.stdout is None else process.stdout.read()
            return Result(process.wait(), out, said)
        finally:
            _end(process)


def _listen(process: subprocess.Popen[bytes], step: Step) -> bytes:
    """Return what it says on stderr without its progress, which is passed on."""
    said, rest = bytearray(), b""
    if process.stderr is None:
        return b""
    fd = process.stderr.fileno()
    while piece := os.read(fd, 1 << 14):
        *lines, rest = re.split(rb"[\r\n]+", rest + piece)
        for line in lines:
            told = _PROGRESS.match(line.decode(errors="replace"))
            if told:
                step(told[1])
            else:
                said += line + b"\n"
    return bytes(said + rest)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()  # git removes its lock files then
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
        process.kill()
        process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def cannot(verb: str, remote: Remote, result: Result) -> CannotWork:
    """Return the error of a remote that cannot be talked to, in one line."""
    lines = [line for line in result.err.decode(errors="replace").splitlines() if line.strip()]
    first = re.sub(r"^(fatal|error|remote): *", "", lines[0]).strip() if lines else ""
    said = result.complaint if first in ("", result.complaint) else f"{first}: {result.complaint}"
    return CannotWork(
        f"cannot {verb} {remote.name}: {without_secrets(said)}",
        hint=f"nothing was lost; see whether git reaches it: git ls-remote {remote.name}",
    )


# -- looking --------------------------------------------------------------------------------------


def seen(repo: Repo, remote: Remote) -> dict[str, Oid]:
    """Return what was last seen of a remote, by the name that the ref has there."""
    found = read_refs(repo, *(remote.tracking(ref) for ref in REFS))
    return {ref: found[remote.tracking(ref)] for ref in REFS if remote.tracking(ref) in found}


def look(repo: Repo, remote: Remote, *, step: Step) -> dict[str, Oid]:
    """Fetch what a remote has into the tracking refs, and return it by the name it has there.

    A ref that the remote lacks is left out.

    Raises:
        CannotWork: the remote cannot be reached, or will not give.
    """
    # Where objects were left out git's check would miss them, though they are promised.
    checked = () if repo.is_partial() else _CHECKED
    wanted: Iterable[str] = REFS
    for attempt in (1, 2):
        specs = [f"+{ref}:{remote.tracking(ref)}" for ref in wanted]
        step(f"fetching from {remote.name}")
        done = talk(repo, *checked, *_FETCH, "--end-of-options", remote.address, *specs, step=step)
        if done.code == 0:
            break
        if attempt == 2:
            raise cannot("fetch from", remote, done)
        # Most often it lacks one of the two, which git treats as an error.
        wanted = _advertised(repo, remote, step)
        _forget(repo, [remote.tracking(ref) for ref in REFS if ref not in wanted])
        if not wanted:
            break
    return seen(repo, remote)


def _advertised(repo: Repo, remote: Remote, step: Step) -> list[str]:
    done = talk(repo, "ls-remote", "--refs", "--end-of-options", remote.address, *REFS, step=step)
    if done.code:
        raise cannot("fetch from", remote, done)
    names = {line.partition("\t")[2] for line in done.text.splitlines()}
    return [ref for ref in REFS if ref in names]


def _forget(repo: Repo, refs: Sequence[str]) -> None:
    """Delete tracking refs."""
    script = "".join(f"delete {ref}\n" for ref in read_refs(repo, *refs))
    if script:
        repo.git("update-ref", "--stdin", stdin=script.encode())


def remember(repo: Repo, remote: Remote, tips: dict[str, Oid]) -> None:
    """Note what a remote has now, after it took what we pushed."""
    script = "".join(f"update {remote.tracking(ref)} {oid}\n" for ref, oid in tips.items())
    repo.git("update-ref", "--stdin", stdin=script.encode())


def get_objects(repo: Repo, remote: Remote, oids: Iterable[Oid], *, step: Step) -> Result:
    """Fetch single objects that a partial clone lacks."""
    return talk(
        repo,
        *("-c", "fetch.negotiationAlgorithm=noop"),
        *_FETCH,
        "--stdin",
        "--end-of-options",
        remote.address,
        step=step,
        stdin="".join(f"{oid}\n" for oid in oids).encode(),
    )
