"""The hook that we offer to pre-commit, and the hooks that we run on ourselves."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from git_bt.commands.hook import HOOKS as COMMANDS

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("command", "file"),
    [
        ("validate-manifest", ".pre-commit-hooks.yaml"),
        ("validate-config", ".pre-commit-config.yaml"),
    ],
)
def test_pre_commit_accepts_the_file(command: str, file: str) -> None:
    """The real pre-commit finds nothing to complain about."""
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", command, ROOT / file], capture_output=True, text=True
    )

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


HOOKS = {
    "bt-validate": ("pre-commit", ["pre-commit", "pre-merge-commit", "manual"]),
    "bt-record": ("post-commit", ["post-commit", "post-rewrite", "post-merge"]),
    "bt-push": ("pre-push", ["pre-push"]),
    "bt-check": ("check", ["pre-commit", "pre-merge-commit", "manual"]),
}


def test_four_hooks_are_offered() -> None:
    """Each looks at the whole repository once, at its own stages, and needs nothing but git-bt."""
    offered = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    shape = ("always_run", "pass_filenames", "require_serial", "verbose", "language")

    assert {
        h["id"]: (h["entry"].removeprefix("git-bt hook "), h["stages"]) for h in offered
    } == HOOKS
    assert {name for name, _ in HOOKS.values()} <= set(COMMANDS)
    for hook in offered:
        assert [hook[key] for key in shape] == [True, False, True, True, "python"]
        assert "additional_dependencies" not in hook
