"""Expected against actual output: a verdict, the first differences, how many more by field.

Pure: nothing is run, read or stored here. Outputs of ours are canonical, so *exact* means the
same canonical text: 0.0 and -0.0 differ, and so do 1 and 1.0, because their bytes give another
bundle id. Foreign JSON (`compare_values`) has no canonical form: there numbers are equal by value.

Rows are compared by position, never aligned: after an inserted fill every later row differs, and
the first difference is the one that tells. The engine's own trace (`run.floxrun/`) is not judged.
"""

from git_bt.compare.found import PRICES
from git_bt.compare.numbers import TOLERABLE, ulps
from git_bt.compare.outputs import compare, compare_values, environment_changes

__all__ = ["PRICES", "TOLERABLE", "compare", "compare_values", "environment_changes", "ulps"]
