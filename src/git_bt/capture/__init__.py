"""Which files are the strategy, and which data is its tape."""

from git_bt.capture.imports import missing_module_hint
from git_bt.capture.snapshot import capture
from git_bt.capture.strategy import find_strategies, read_strategy
from git_bt.capture.tape import read_tape

__all__ = ["capture", "find_strategies", "missing_module_hint", "read_strategy", "read_tape"]
