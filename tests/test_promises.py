"""What is promised of the store, against kill -9, many writers at once, and broken disks.

Each has a small sample that always runs, and the figures of the issue under `slow`.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import GitRepo, make_repo
from floxkit import BUY_ONCE
from git_bt.commands.fsck import fsck
from git_bt.model import Verdict
from projects import (
    ONCE,
    PYTHON,
    add_strategy,
    bt,
    bundle_ids,
    project,
    silent,
    temp,
    template,
    validated,
)

__all__ = ["project", "temp", "template"]  # pytest finds these states here

PACK = (PYTHON, "-m", "git_bt", "pack", "--json", "--python", PYTHON)


def other(number: int) -> str:
    """Return the text of a strategy that is another one for each number."""
    return BUY_ONCE.replace("1.0", f"{number + 3}.0")


def start(repo: GitRepo, name: str, *options: str) -> subprocess.Popen[str]:
    """Start a pack; what it announces is what it prints."""
    return subprocess.Popen(
        [*PACK, name, *options],
        cwd=repo.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def announced(out: str) -> str | None:
    """Return the bundle that a pack said it stored, None when it was cut short before."""
    try:
        bundle: str = json.loads(out)["bundle"]
    except ValueError:
        return None
    return bundle


# -- kill -9 --------------------------------------------------------------------------------------


def kill_many(repo: GitRepo, temp: Path, times: int) -> tuple[int, list[str]]:
    """Kill packs at random moments; return how many had announced a bundle, and complaints."""
    moments = random.Random(times)
    started = time.monotonic()
    add_strategy(repo, ONCE, other(-1))
    known = {announced(start(repo, ONCE).communicate()[0])}
    whole = time.monotonic() - started
    complaints = []
    for number in range(times):
        add_strategy(repo, ONCE, other(number))
        process = start(repo, ONCE)
        time.sleep(moments.uniform(0, whole * 1.2))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        known.add(announced(process.communicate()[0]))
        then = bt("pack", ONCE, "--json", "--python", PYTHON, cwd=repo)
        if then.code == 0:
            known.add(then.json["bundle"])
        else:
            complaints.append(then.err)
            Path(then.err.rstrip().rpartition("rm ")[2]).unlink()  # as the hint says
        report = fsck(step=silent, cwd=repo.path)

        assert report.problems == (), f"after kill {number}"
        assert known - {None} <= set(bundle_ids(repo)), f"after kill {number}"
    return len(known - {None}), complaints


def check_after_kills(repo: GitRepo, temp: Path, times: int) -> None:
    """Hold what a store must be after many kills against what it is."""
    before = len(bundle_ids(repo))
    packs, complaints = kill_many(repo, temp, times)

    assert all("its process has most likely died" in said for said in complaints), complaints
    assert packs >= times + 1 - len(complaints)
    assert len(bundle_ids(repo)) == before + packs
    assert repo.git("for-each-ref", "refs/bt-tmp") == ""
    repo.git("fsck", "--strict", "--no-dangling")
    assert [p.name for p in temp.iterdir() if p.name.startswith("git-bt-")] == []
    assert list((repo.path / ".git").rglob("*.lock")) == []
    print(f"{times} kills, {packs} announced, {len(complaints)} locks explained")


def test_a_killed_pack_loses_nothing(project: GitRepo, temp: Path) -> None:
    """Four kills; every bundle whose id was printed is there, and the next command works."""
    check_after_kills(project, temp, 4)


@pytest.mark.slow
def test_fifty_killed_packs_lose_nothing(project: GitRepo, temp: Path) -> None:
    """The figure of the issue."""
    check_after_kills(project, temp, 50)


def test_what_a_killed_process_held_is_swept(project: GitRepo) -> None:
    """Temporary refs and their lock files of a process that is no more, never of a living one."""
    dead = subprocess.Popen(["true"])
    dead.wait()
    folder = project.path / ".git/refs/bt-tmp"
    tip = project.git("rev-parse", "refs/bt/store")
    names = [f"{dead.pid}-aa", f"{dead.pid}-bb", f"{os.getppid()}-cc"]
    for name in names:
        project.git("update-ref", f"refs/bt-tmp/{name}", tip)
    for name in (f"{dead.pid}-aa.lock", f"{dead.pid}-dd.lock"):
        (folder / name).touch()
    assert bt("pack", ONCE, "--python", PYTHON, cwd=project).code == 0

    assert [p.name for p in folder.iterdir()] == [names[-1]]


# -- many at once ---------------------------------------------------------------------------------


def pack_at_once(repo: GitRepo, processes: int, each: int) -> list[str | None]:
    """Let processes pack at once, each several strategies one after the other."""
    scripts = []
    for process in range(processes):
        words = []
        for number in range(each):
            name = f"strategies/p{process}n{number}"
            add_strategy(repo, name, other(process * each + number))
            words.append(" ".join([*PACK, name, "--runs", "1"]) + " | tr -d '\\n'; echo")
        scripts.append("\n".join(words))
    running = [
        subprocess.Popen(
            ["bash", "-c", script],
            cwd=repo.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for script in scripts
    ]
    ends = [process.communicate() for process in running]

    assert [err for _, err in ends] == [""] * processes
    return [announced(line) for out, _ in ends for line in out.splitlines()]


def check_many_at_once(repo: GitRepo, processes: int, each: int) -> None:
    """Hold the store against what many writers said they stored."""
    before = set(bundle_ids(repo))
    found = pack_at_once(repo, processes, each)
    report = fsck(step=silent, cwd=repo.path)

    assert len(set(found)) == processes * each
    assert set(bundle_ids(repo)) == before | set(found)
    assert report.problems == ()
    assert report.bundles == len(before) + processes * each
    assert repo.git("for-each-ref", "refs/bt-tmp") == ""


def test_writers_at_once_lose_nothing(project: GitRepo) -> None:
    """Three processes, two packs each: six bundles."""
    check_many_at_once(project, 3, 2)


@pytest.mark.slow
def test_eight_writers_of_four_make_32_bundles(project: GitRepo) -> None:
    """The figure of the issue; with linked worktrees the lock is the same one."""
    check_many_at_once(project, 8, 4)


# -- flipped bytes --------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def ten(tmp_path_factory: pytest.TempPathFactory, template: GitRepo) -> GitRepo:
    """Give a store of ten real bundles and nothing else."""
    repo = make_repo(tmp_path_factory.mktemp("ten") / "repo")
    source = GitRepo(tmp_path_factory.mktemp("source") / "repo")
    template.git("clone", "-q", str(template.path), str(source.path))
    for number in range(10):
        add_strategy(source, ONCE, other(number))
        subprocess.run(
            [*PACK, ONCE, "--runs", "1"], cwd=source.path, check=True, capture_output=True
        )
    repo.git("fetch", "-q", str(source.path), "refs/bt/store:refs/bt/store")
    repo.git("config", "gc.auto", "0")
    repo.git("repack", "-q", "-a", "-d")
    (pack,) = (repo.path / ".git/objects/pack").glob("*.pack")
    aside = pack.rename(repo.path / "aside.pack")
    for rest in pack.parent.iterdir():
        rest.chmod(0o644)
        rest.unlink()
    repo.git("unpack-objects", "-q", stdin=aside.read_bytes())
    aside.unlink()
    return repo


def objects(repo: GitRepo) -> list[Path]:
    """Return the files of all loose objects."""
    return sorted((repo.path / ".git/objects").glob("[0-9a-f][0-9a-f]/*"))


def flips(repo: GitRepo, paths: list[Path], step: int) -> Iterator[tuple[str, str]]:
    """Flip one bit of each `step`th byte of objects; yield what git reads, and what we find.

    The answers are "same" or "other", and "whole" or "broken".
    """
    chosen = random.Random(step)
    for path in paths:
        oid = path.parent.name + path.name
        data = path.read_bytes()
        good = repo.git("cat-file", "--batch", stdin=f"{oid}\n".encode())
        path.chmod(0o644)
        for at in range(chosen.randrange(min(step, len(data))), len(data), step):
            broken = bytearray(data)
            broken[at] ^= 1 << chosen.randrange(8)
            path.write_bytes(broken)
            read = subprocess.run(
                ["git", "cat-file", "--batch"],
                cwd=repo.path,
                input=f"{oid}\n".encode(),
                capture_output=True,
            )
            same = read.stdout.decode(errors="surrogateescape").rstrip("\n") == good
            report = fsck(step=silent, cwd=repo.path)
            yield "same" if same else "other", "broken" if report.problems else "whole"
        path.write_bytes(data)


def check_flips(repo: GitRepo, paths: list[Path], step: int) -> None:
    """Hold every flip that changes what git reads against what fsck finds."""
    assert fsck(step=silent, cwd=repo.path).bundles == 10
    found = list(flips(repo, paths, step))
    missed = [pair for pair in found if pair == ("other", "whole")]
    print(f"{len(paths)} objects, {len(found)} flips: {Counter(found)}")

    assert len([pair for pair in found if pair[0] == "other"]) > 10
    assert missed == []
    assert fsck(step=silent, cwd=repo.path).problems == ()


def test_fsck_finds_flipped_bytes(ten: GitRepo) -> None:
    """A sample: one byte of every tenth object of ten bundles."""
    check_flips(ten, objects(ten)[::10], 2000)


@pytest.mark.slow
def test_fsck_finds_every_flipped_byte(ten: GitRepo) -> None:
    """One bit of every seventh byte of every object; each test of a byte is a whole fsck."""
    check_flips(ten, objects(ten), 7)


# -- gc in between --------------------------------------------------------------------------------


def test_gc_while_writers_write_takes_nothing(project: GitRepo) -> None:
    """`git gc` over and over, while bundles are packed; objects move under our feet.

    With --prune=now git itself calls this unsafe: that is tested in between writes.
    """
    stop = project.path / "stop"
    collector = subprocess.Popen(
        ["bash", "-c", "until [ -e stop ]; do git gc -q; done"],
        cwd=project.path,
        stderr=subprocess.DEVNULL,
    )
    try:
        found = pack_at_once(project, 2, 2)
    finally:
        stop.touch()
        collector.wait()
        stop.unlink()

    assert set(found) <= set(bundle_ids(project))
    assert fsck(step=silent, cwd=project.path).problems == ()
    verdicts = {v.verdict for v in validated(project, *[f for f in found if f])}
    assert verdicts == {Verdict.REPRODUCED}
