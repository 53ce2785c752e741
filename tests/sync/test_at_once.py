"""Clones that push to one remote at once, and pushes that are killed: exact counts."""

import multiprocessing
import os
import random
import signal
import time
from contextlib import ExitStack
from multiprocessing.context import ForkContext
from pathlib import Path

import pytest

from git_bt.fsck import fsck
from store_cases import bundle_of
from sync.clones import Peer, at, clone, make_remote, refs_of

FORK: ForkContext = multiprocessing.get_context("fork")


def work(path: Path, first: int, count: int) -> None:
    """Store a result and push it, again and again."""
    with at(path) as peer:
        for number in range(first, first + count):
            peer.add(number)
            peer.push()


def run_at_once(paths: list[Path], count: int) -> None:
    """Let each clone push so many results, all at the same time."""
    processes = [
        FORK.Process(target=work, args=(path, count * index, count))
        for index, path in enumerate(paths)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()

    assert [process.exitcode for process in processes] == [0] * len(paths)


def open_all(paths: list[Path], stack: ExitStack) -> list[Peer]:
    return [stack.enter_context(at(path)) for path in paths]


@pytest.mark.parametrize(
    ("clones", "count"),
    [pytest.param(3, 2, id="3x2"), pytest.param(4, 10, id="4x10", marks=pytest.mark.slow)],
)
def test_no_push_is_lost(tmp_path: Path, clones: int, count: int) -> None:
    """Each clone has every result after one more fetch, and all are on identical refs."""
    remote = make_remote(tmp_path)
    paths = [clone(remote, f"clone-{n}") for n in range(clones)]
    run_at_once(paths, count)
    wanted = {bundle_of(number).id for number in range(clones * count)}
    with ExitStack() as stack:
        peers = open_all(paths, stack)
        for peer in peers:
            peer.fetch()

        assert [len(peer.results()) for peer in peers] == [clones * count] * clones
        for peer in peers:
            assert peer.refs == refs_of(remote)
            assert peer.results() == set(peer.store.bundle_ids()) == wanted
            assert fsck(peer.repo, peer.objects).problems == ()


def killed_at_random(path: Path, count: int, announced: Path) -> None:
    """Push until killed; what was pushed is written down after the push has returned."""
    with at(path) as peer, announced.open("a") as said:
        for number in range(count):
            bundle = peer.add(number)
            peer.push()
            said.write(f"{bundle.id}\n")
            said.flush()


@pytest.mark.parametrize("rounds", [2, pytest.param(25, marks=pytest.mark.slow)])
def test_a_killed_push_loses_nothing(tmp_path: Path, rounds: int) -> None:
    """Remote and clone have both refs or none of a push; the next push goes on from there."""
    remote, announced = make_remote(tmp_path), tmp_path / "announced"
    path = clone(remote, "a")
    for _ in range(rounds):
        process = FORK.Process(target=killed_at_random, args=(path, 1000, announced))
        process.start()
        time.sleep(random.SystemRandom().uniform(0.05, 0.6))
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        with at(remote) as there:
            known = set(announced.read_text().split()) if announced.exists() else set()

            assert known <= there.results() <= set(there.store.bundle_ids())
            assert fsck(there.repo, there.objects).problems == ()
    with at(path) as peer:
        peer.add(5000)
        peer.push()

        assert peer.refs == refs_of(remote)
        assert fsck(peer.repo, peer.objects).problems == ()
