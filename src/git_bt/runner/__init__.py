"""One strategy, run in a child process: the job goes in, canonical rows come out.

The child is engines/child.py under the user's interpreter. It is started early, so that importing
the engine overlaps whatever the caller still has to prove, and it learns where the bundle's bytes
are only with the job. `job` is what it gets and the environment it sees, `children` one child or
two at once, `outcome` how an end is called and that what it wrote is canonical. Whether the output
is the right one is `compare`. A child process is no sandbox.
"""

from git_bt.runner.children import Child, Twin, start
from git_bt.runner.job import TIMEOUT_S, Job
from git_bt.runner.outcome import file_to_add

__all__ = ["TIMEOUT_S", "Child", "Job", "Twin", "file_to_add", "start"]
