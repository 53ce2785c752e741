"""Tar archives, knowing nothing of what is in them.

`reading` refuses whatever could mean two things or reach outside; `writing` gives the same bytes
for the same members, on any machine and any Python. Python's tarfile is not used: reading, it stops
quietly at a bad header and does without an end; writing, its bytes are those of its version.
"""

from git_bt.archive.entries import Entries, Entry, chunks, entry
from git_bt.archive.reading import open_archive
from git_bt.archive.stream import Limits
from git_bt.archive.writing import write_archive

__all__ = ["Entries", "Entry", "Limits", "chunks", "entry", "open_archive", "write_archive"]
