"""The run without git-bt, as a user has it."""

import sys
from pathlib import Path

from strategy import run

found = run(Path(sys.argv[1]), {"fast": 10, "slow": 20})
print(len(found["fills"]), found["equity"][-1])
