"""What hook answers.

Plain data as in `reports.py`, which holds what the other commands answer; those are imported for
the types only, because a commit waits for each import.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from git_bt.errors import ExitCode

if TYPE_CHECKING:
    from git_bt.comparison import Difference, Metrics
    from git_bt.model import Verdict
    from git_bt.reports import TiedCommit
    from git_bt.sharing import Amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooked:
    """What a hook found of one strategy.

    `state`: known, environment (known on other versions than those here), conflict, identical,
    within-tolerance, extended, changed, new, captured (there is nothing to run), queued,
    incomplete, unreadable, failed, nondeterministic, corrupt, notice.
    `bundle` is what was recorded, or is known; `previous` what it was judged against. `commit` is
    set where it is not about the commit that is being made.
    """

    strategy: str
    state: str
    inputs: str | None = None
    bundle: str | None = None
    previous: str | None = None
    before: "Metrics | None" = None
    after: "Metrics | None" = None
    verdict: "Verdict | None" = None
    differences: "tuple[Difference, ...]" = ()
    more: Mapping[str, int] = field(default_factory=dict)
    elapsed_s: float = 0.0
    stops: bool = False
    commit: str | None = None
    message: str = ""
    hint: str | None = None
    tail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookReport:
    """The answer of hook.

    `known` counts the strategies of which there is nothing to say. `pushed` is what went to
    `remote` at pre-push, None when nothing was to go; `message` says why results stayed here.
    """

    hook: str
    known: int = 0
    strategies: tuple[Hooked, ...] = ()
    tied: "tuple[TiedCommit, ...]" = ()
    remote: str | None = None
    pushed: "Amount | None" = None
    message: str = ""
    hint: str | None = None

    @property
    def is_silent(self) -> bool:
        """Whether there is nothing to say."""
        return not (self.strategies or self.tied or self.pushed or self.message)

    @property
    def exit_code(self) -> ExitCode:
        """The exit code: not 0 stops what git was about to do."""
        stopping = [each for each in self.strategies if each.stops]
        if any(each.state == "corrupt" for each in stopping):
            return ExitCode.CANNOT_JUDGE
        return ExitCode.DIFFERS if stopping else ExitCode.OK
