"""FLOX's bundle layout: reading what FLOX or we wrote, and writing it.

`fields` holds the words and the config, `expected` the expected_output.json, `trace` the binary
trace, `reading` and `writing` whole bundles. Archives are `archive`'s, running is `runner`'s.
"""

from git_bt.flox_layout.expected import expected_of, expected_output, read_expected
from git_bt.flox_layout.reading import foreign_expected, foreign_trace, is_foreign, read_flox
from git_bt.flox_layout.trace import actual_trace, expected_trace, read_trace
from git_bt.flox_layout.writing import flox_entries

__all__ = [
    "actual_trace",
    "expected_of",
    "expected_output",
    "expected_trace",
    "flox_entries",
    "foreign_expected",
    "foreign_trace",
    "is_foreign",
    "read_expected",
    "read_flox",
    "read_trace",
]
