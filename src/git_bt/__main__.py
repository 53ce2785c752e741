"""The program's entry, also of `python -m git_bt`: what comes before the command line is read."""

import signal
import sys

from git_bt import headstart

TYPE_CHECKING = False  # typing's own costs 5 ms, and the engine's import waits for this module
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn


def main() -> "NoReturn":
    """Run the command line and exit."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        headstart.begin(sys.argv[1:])
        from git_bt.cli import main as run  # click's import: the engine's has begun before it

        run()
    except BaseException:  # it ends the process itself, unless it is interrupted outside a command
        headstart.drop()
        raise


def _terminate(signum: int, frame: "FrameType | None") -> "NoReturn":
    # SIGTERM takes the way of Ctrl-C, so that children, locks and temporary folders go with us.
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
