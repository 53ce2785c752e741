"""The command line: options, echo, exit codes; the only user of click."""

from git_bt.cli.main import cli, main

__all__ = ["cli", "main"]
