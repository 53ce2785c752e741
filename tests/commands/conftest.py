"""The states that tests of commands share."""

from floxkit import lean
from projects import project, temp, template

__all__ = ["lean", "project", "temp", "template"]
