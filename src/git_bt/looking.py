"""What the commands answer that look at commits and at the work tree: log, status, tape pin.

Plain data as in `reports.py`, which holds what the other commands answer.
"""

from dataclasses import dataclass

from git_bt.errors import ExitCode
from git_bt.model import Metrics, Notice, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class TapePinReport:
    """The answer of tape pin."""

    tape: str  # from the top of the repository
    path: str  # of the pin, likewise
    files: int
    size: int
    sha256: str
    written: bool  # False: the pin said all this already
    notices: tuple[Notice, ...] = ()
    exit_code: ExitCode = ExitCode.OK


# -- log ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedResult:
    """One result on a commit, and the one before it in the list of commits.

    `metrics` are None where the bundle is not here; `previous` is None where there is none within
    what was looked at.
    """

    strategy: str
    inputs: str
    bundle: str
    run: str
    verdict: Verdict
    kind: str  # measured | inherited | accepted
    replaces: str | None
    metrics: Metrics | None
    previous: str | None  # its bundle
    before: Metrics | None  # its metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedCommit:
    """One commit that has results."""

    commit: str
    when_s: int  # of the author
    author: str
    subject: str
    results: tuple[LoggedResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReport:
    """The answer of log, in the order of git log. `more`: older commits have results too."""

    commits: tuple[LoggedCommit, ...]
    more: bool
    exit_code: ExitCode = ExitCode.OK
