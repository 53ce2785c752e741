"""What the gate's judgement of one strategy rests on: runs made here, and what is recorded.

Plain data. `commands/gate` gathers it, `gate.py` reaches the findings.
"""

from dataclasses import dataclass

from git_bt.comparison import Comparison
from git_bt.errors import BtError
from git_bt.gating import Acceptance, Finding, InputChange
from git_bt.model import Outcome, Output, RunRecord, Tolerances

UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A result that somebody recorded: its output, whose bytes are proved, and the run's record.

    `fork` is where it was taken from when that is no remote of ours; then there is no record.
    """

    bundle: str
    output: Output
    run: RunRecord | None = None
    fork: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that the judgement of one strategy rests on.

    `outcome` is head's run here, `again` a second, varied one, `before` that of base's tree.
    `recorded` are the results of head's inputs, `base` is what is recorded for base. The faults
    say why there is no such thing. `extension` compares outputs of which the second tape only
    grew. `is_spent`: the acceptance belongs to an earlier change, which base has already.
    """

    strategy: str
    state: str
    tolerances: Tolerances
    tick_size: float | None = None
    renamed_from: str | None = None
    commit: str | None = None
    inputs: str | None = None
    inputs_before: str | None = None
    path: str | None = None
    outcome: Outcome | None = None
    again: Outcome | None = None
    before: Outcome | None = None
    recorded: tuple[Recorded, ...] = ()
    base: Recorded | None = None
    fault: BtError | None = None
    is_old_fault: bool = False
    before_fault: BtError | None = None
    recorded_fault: BtError | None = None
    extension: Comparison | None = None
    extension_message: str = ""
    acceptance: Acceptance | None = None
    is_spent: bool = False
    changes: tuple[InputChange, ...] = ()
    declared: tuple[Finding, ...] = ()

    @property
    def is_unchanged(self) -> bool:
        """Whether base has the same inputs."""
        return self.state == UNCHANGED
