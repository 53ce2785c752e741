"""The program's entry, also of `python -m git_bt`: what comes before the command line is read."""

import os
import signal
import sys

TYPE_CHECKING = False  # typing's own costs 5 ms, and the engine's import waits for this module
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> "NoReturn":
    """Run the command line and exit."""
    early: list[int] = []
    ends = [number for number in _ENDS if signal.getsignal(number) != signal.SIG_IGN]
    for number in ends:
        signal.signal(number, lambda signum, _: early.append(signum))
    from git_bt import headstart  # here: Ctrl-C during an import would be a traceback

    try:
        headstart.begin(sys.argv[1:])  # to its end: a child half started would stay
        for number in ends:
            signal.signal(number, _interrupt)
        if early:
            raise KeyboardInterrupt
        from git_bt.cli import main as run  # click's import: the engine's has begun before it

        run()
    except KeyboardInterrupt:  # it ends the process itself, unless outside a command
        headstart.drop()
        if sys.stderr is not None:
            sys.stderr.write("interrupted\n")
            sys.stderr.flush()
        os._exit(130)
    except BaseException:
        headstart.drop()
        raise


def _interrupt(signum: int, frame: "FrameType | None") -> "NoReturn":
    # All take the way of Ctrl-C, so that children, locks and temporary folders go with us; a
    # second one would leave them.
    for number in _ENDS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
