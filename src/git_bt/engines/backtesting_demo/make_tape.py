"""Copy the demo's tape from the daily GOOG bars that backtesting.py ships.

Runs under the interpreter that has backtesting: `python make_tape.py FILE`. The package is found
and not imported, which would take seconds.
"""

import importlib.util
import shutil
import sys
from pathlib import Path

BARS = "test/GOOG.csv"


def main(tape: Path) -> None:
    """Copy the bars to a new file."""
    spec = importlib.util.find_spec("backtesting")
    assert spec is not None
    assert spec.origin is not None
    tape.parent.mkdir(parents=True)
    shutil.copyfile(Path(spec.origin).parent / BARS, tape)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
