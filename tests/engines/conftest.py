"""The states that tests here share."""

from floxkit import lean, tape, walk

__all__ = ["lean", "tape", "walk"]
