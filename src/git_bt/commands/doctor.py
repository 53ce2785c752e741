"""Look for what endangers results here, and say how to mend it.

Nothing is written and no remote is asked. Bytes are `fsck`'s: this looks at settings, locks, refs
and versions.
"""

import os
import platform
import shlex
import time
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from importlib.metadata import version
from pathlib import Path

from git_bt import sync
from git_bt.commands.engines import engines
from git_bt.commands.workspace import Step, open_workspace
from git_bt.errors import BtError, Corrupt
from git_bt.model import Oid
from git_bt.publish import GIT_PATIENCE_S, announced, left_behind, lock_files, memory, read_refs
from git_bt.repo import Repo
from git_bt.sharing import Check, DoctorReport, Health

DANGER, NOTE, FINE = Health


def doctor(*, step: Step, cwd: Path | None = None) -> DoctorReport:
    """Return every check of this repository and this machine.

    Args:
        step: says what is being done.
        cwd: where the command works.
    """
    with open_workspace(cwd) as workspace:
        assert workspace.repo is not None
        step("looking at the repository")
        checks = [*_versions(workspace.repo)]
        checks += repository_checks(workspace.repo)
    step("looking for engines")
    return DoctorReport(checks=(*checks, *_engines(cwd)))


def repository_checks(repo: Repo) -> list[Check]:
    """Return the checks of one repository, what is in danger first."""
    found = [*_refspecs(repo), *_mirrors(repo), *_rewriting(repo), *_locks(repo), *_shallow(repo)]
    try:
        tips = read_refs(repo, *sync.REFS)
    except Corrupt as e:
        found.append(Check(name="refs", state=DANGER, message=e.message, mend=e.hint))
    else:
        found += [_stored(repo, tips), *_partial(repo, tips), *_remotes(repo, tips)]
    return sorted(found, key=lambda check: list(Health).index(check.state))


def _versions(repo: Repo) -> Iterator[Check]:
    git = repo.git("version").text.removeprefix("git version ")
    message = f"git {git}, Python {platform.python_version()}, git-bt {version('git-bt')}"
    yield Check(name="versions", state=FINE, message=message)


# -- settings -------------------------------------------------------------------------------------


def _covered(pattern: str) -> list[str]:
    """Return which of our refs a name or pattern of a refspec takes in."""
    begins, star, ends = pattern.partition("*")
    if not star:
        return [ref for ref in sync.REFS if ref == pattern]
    return [
        ref
        for ref in sync.REFS
        if ref.startswith(begins) and ref.endswith(ends) and len(ref) >= len(begins + ends)
    ]


def _refspecs(repo: Repo) -> Iterator[Check]:
    """Look for refspecs that let plain git move our refs."""
    clean = True
    for remote in repo.git("remote").text.splitlines():
        for way in ("fetch", "push"):
            key = f"remote.{remote}.{way}"
            for spec in repo.config_all(key):
                check = _refspec(way, key, spec)
                if check is not None:
                    clean = False
                    yield check
    if clean:
        yield Check(
            name="refspecs", state=FINE, message="plain git fetch and push leave results be"
        )


def _refspec(way: str, key: str, spec: str) -> Check | None:
    source, _, target = spec.lstrip("+").partition(":")
    refs = [] if spec.startswith("^") else _covered(target or (source if way == "push" else ""))
    if not refs:
        return None
    if spec.startswith("+"):
        state = DANGER
        does = "overwrites what was not pushed" if way == "fetch" else "overwrites what others have"
    else:
        state, does = NOTE, "fails whenever two people have added results"
    return Check(
        name="refspec",
        state=state,
        message=f"{key} is {spec}: a plain git {way} {does} ({', '.join(refs)})",
        mend=f"git config --fixed-value --unset {shlex.quote(key)} {shlex.quote(spec)}",
    )


def _mirrors(repo: Repo) -> Iterator[Check]:
    for remote in repo.git("remote").text.splitlines():
        key = f"remote.{remote}.mirror"
        if (repo.config(key) or "false").lower() in ("true", "yes", "on", "1"):
            yield Check(
                name="mirror",
                state=DANGER,
                message=f"{key} is set: a plain git push overwrites what others have",
                mend=f"git config --unset {shlex.quote(key)}",
            )


def _rewriting(repo: Repo) -> Iterator[Check]:
    """Look for git copying notes to rewritten commits, whose content may be another."""
    inherited = os.environ.get("GIT_NOTES_REWRITE_REF", "").split(":")
    patterns = [("notes.rewriteRef", p) for p in repo.config_all("notes.rewriteRef")]
    patterns += [("GIT_NOTES_REWRITE_REF", p) for p in inherited if p]
    bad = [(where, p) for where, p in patterns if fnmatchcase(sync.NOTES, p)]
    for where, pattern in bad:
        quoted = shlex.quote(pattern)
        unset = f"git config --fixed-value --unset-all notes.rewriteRef {quoted}"
        yield Check(
            name="rewriting",
            state=DANGER,
            message=f"{where} is {pattern}: git ties old results to amended and rebased commits",
            mend=unset if where.startswith("notes") else "unset GIT_NOTES_REWRITE_REF",
        )
    if not bad:
        yield Check(name="rewriting", state=FINE, message="git copies no results to other commits")


# -- refs and locks -------------------------------------------------------------------------------


def _stored(repo: Repo, tips: Mapping[str, Oid]) -> Check:
    """Look whether what was announced is still there."""
    last, tip = announced(repo), tips.get(sync.STORE)
    if last is None or (tip is not None and sync.is_behind(repo, last, tip)):
        said = "nothing is stored yet" if tip is None else f"{sync.STORE} is at {tip[:12]}"
        return Check(name="refs", state=FINE, message=said)
    now = "is gone" if tip is None else f"is at {tip[:12]}, which does not hold what was stored"
    return Check(
        name="refs",
        state=DANGER,
        message=f"{sync.STORE} {now}; git-bt last wrote {last[:12]}",
        mend=f"git update-ref {sync.STORE} {last}, then git bt fetch; "
        f"if it was meant: rm {shlex.quote(str(memory(repo)))}",
    )


def _locks(repo: Repo) -> Iterator[Check]:
    tracked = read_refs(repo, sync.TRACKING)
    for place in lock_files(repo, [*sync.REFS, *tracked]):
        try:
            age = time.time() - place.stat().st_mtime
        except OSError:
            continue  # it has gone: somebody was at work
        if age > GIT_PATIENCE_S:
            yield Check(
                name="lock",
                state=DANGER,
                message=f"{place} is {age:.0f} s old: no result can be stored",
                mend=f"when no git command runs here: rm {shlex.quote(str(place))}",
            )
    left = left_behind(repo)
    if left:
        yield Check(
            name="temporary",
            state=NOTE,
            message=f"{len(left)} temporary refs of processes that have died",
            mend="the next write removes them",
        )


# -- clones and remotes ---------------------------------------------------------------------------


def _shallow(repo: Repo) -> Iterator[Check]:
    if (repo.common_dir / "shallow").exists():
        yield Check(
            name="shallow",
            state=NOTE,
            message="this clone is shallow: results on older commits cannot be found",
            mend="git fetch --unshallow",
        )


def _partial(repo: Repo, tips: Mapping[str, Oid]) -> Iterator[Check]:
    if not repo.is_partial():
        return
    try:
        missing = len(sync.left_out(repo, tips.values()))
    except BtError as e:
        yield Check(name="partial", state=DANGER, message=e.message, mend="git bt fsck")
        return
    if missing:
        message = f"this clone is partial and lacks {missing} objects of results"
        yield Check(name="partial", state=DANGER, message=message, mend="git bt fetch")
    else:
        message = "this clone is partial, and every object of results is here"
        yield Check(name="partial", state=FINE, message=message)


def _remotes(repo: Repo, ours: Mapping[str, Oid]) -> Iterator[Check]:
    """Say how ours and what was last seen of remotes stand to each other."""
    names = repo.git("remote").text.splitlines()
    for name in names:
        seen = sync.seen(repo, sync.choose(repo, name))
        theirs_new = [r for r, oid in seen.items() if not _holds(repo, ours.get(r), oid)]
        ours_new = [r for r, oid in ours.items() if not _holds(repo, seen.get(r), oid)]
        if theirs_new:
            message = f"results of {name} were seen and not merged"
            yield Check(name="remote", state=NOTE, message=message, mend=f"git bt fetch {name}")
        elif ours_new and (seen or len(names) == 1):
            message = f"results here are not at {name}, as far as was last seen"
            yield Check(name="remote", state=NOTE, message=message, mend=f"git bt push {name}")
        elif seen:
            message = f"{name} has every result, as far as was last seen"
            yield Check(name="remote", state=FINE, message=message)


def _holds(repo: Repo, tip: Oid | None, commit: Oid) -> bool:
    return tip is not None and sync.is_behind(repo, commit, tip)


# -- this machine ---------------------------------------------------------------------------------


def _engines(cwd: Path | None) -> Iterator[Check]:
    looked_for = engines(cwd=cwd).engines
    for engine in looked_for:
        if engine.version is not None:
            message = f"{engine.name} {engine.version} in {engine.python} ({engine.found_by})"
            yield Check(name="engine", state=FINE, message=message)
    missing = [engine.name for engine in looked_for if engine.version is None]
    if missing:
        message = f"in no interpreter that was looked at: {', '.join(missing)}"
        mend = "git bt engines says how to get those that you want"
        yield Check(name="engine", state=NOTE, message=message, mend=mend)
