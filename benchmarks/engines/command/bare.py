"""The run without git-bt, as a user has it."""

import subprocess
import sys
import tempfile

with tempfile.TemporaryDirectory() as out:
    program = ["awk", "-F", ",", "-v", f"out={out}", "-f", "strategy.awk", sys.argv[1]]
    subprocess.run(program, check=True)
