"""The states that tests of commands share."""

from floxkit import lean
from projects import project, temp, template
from scriptkit import packed, strategies

__all__ = ["lean", "packed", "project", "strategies", "temp", "template"]
