"""Several runs at once, of which none outlives the command.

A job is run once, however many ask for it: what a commit gives is what the next one begins with.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from git_bt.commands.plan import Engine
from git_bt.runner import Child, start

T = TypeVar("T")


class Crew:
    """Runs functions in threads; Ctrl-C ends the children that they started.

    Args:
        jobs: how many at once.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._live: list[Child] = []
        self._is_over = threading.Event()

    def all(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Return what each function returns, in their order; the first error of one is raised."""
        if self._jobs == 1 or len(tasks) <= 1:
            return [task() for task in tasks]
        from concurrent.futures import ThreadPoolExecutor, wait

        with ThreadPoolExecutor(max_workers=self._jobs) as pool:
            try:
                futures = [pool.submit(task) for task in tasks]
                left = set(futures)
                while left:  # a signal that comes just before a wait does not end it
                    left = wait(left, timeout=1).not_done
                return [future.result() for future in futures]
            except BaseException:
                # Ctrl-C reaches this thread only: end the others' children, start no more.
                self._is_over.set()
                pool.shutdown(wait=False, cancel_futures=True)
                for child in list(self._live):
                    child.stop()
                raise

    @contextmanager
    def child(self, engine: Engine, *, variation: int = 0) -> Iterator[Child]:
        """Start a child that ends with the crew."""
        with start(engine.interpreter, engine.adapter, variation=variation) as child:
            self._live.append(child)
            try:
                if self._is_over.is_set():
                    raise KeyboardInterrupt  # it was started while the others were ended
                yield child
            finally:
                self._live.remove(child)
