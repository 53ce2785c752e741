"""Run git-bt as `python -m git_bt`."""

from git_bt.cli import main

main()
