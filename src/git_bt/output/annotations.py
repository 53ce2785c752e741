"""The findings of gate as workflow commands, which GitHub shows beside the files of a change.

GitHub takes ten of a kind from a step and drops the rest without a word, so there are ten, the most
severe first, and the last one counts what is left out. Whatever else is printed by a step could
hold such a command, in a name or in what a run printed: `fence` keeps it from being read.
"""

import secrets

from git_bt.gating import Finding, GateReport, Level
from git_bt.output import words

SHOWN = 10
_COMMANDS = {Level.NO: "error", Level.UNJUDGED: "error", Level.WARNING: "warning"}
_LONGEST = 1000


def annotations(report: GateReport) -> list[str]:
    """Return at most ten workflow commands, each on one line; notes are none."""
    told = [each for each in report.all_findings if each.level in _COMMANDS]
    if len(told) <= SHOWN:
        return [_command(each) for each in told]
    shown = told[: SHOWN - 1]
    left = words.count(len(told) - len(shown), "finding")
    return [*map(_command, shown), f"::notice title=git bt gate::and {left} more, in the summary"]


def fence() -> tuple[str, str]:
    """Return a line that stops the reading of workflow commands, and the one that ends that."""
    token = secrets.token_hex(16)
    return f"::stop-commands::{token}", f"::{token}::"


def _command(finding: Finding) -> str:
    title = "git bt gate" + (f": {finding.strategy}" if finding.strategy else "")
    named = {"file": finding.path, "title": title}
    shown = ",".join(f"{name}={_property(value)}" for name, value in named.items() if value)
    text = finding.message + (f"\nNext: {finding.hint}" if finding.hint else "")
    lines = "\n".join(words.plain(line) for line in text.split("\n"))
    return f"::{_COMMANDS[finding.level]} {shown}::{_data(words.clip(lines, _LONGEST))}"


def _data(text: str) -> str:
    """Escape as the runner's toolkit does (actions/toolkit, packages/core/src/command.ts)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(words.clip(words.plain(text), 200)).replace(":", "%3A").replace(",", "%2C")
