"""The hook that we offer to pre-commit, and the hooks that we run on ourselves."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

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


def test_one_hook_is_offered() -> None:
    """bt-validate judges the whole tree once, and needs nothing but git-bt."""
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())

    assert hook["id"] == "bt-validate"
    assert hook["entry"] == "git-bt validate"
    assert "additional_dependencies" not in hook
    assert (hook["always_run"], hook["pass_filenames"], hook["require_serial"]) == (
        True,
        False,
        True,
    )
