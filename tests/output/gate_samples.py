"""Answers of gate, one of each ending, for every form that they are shown in."""

from git_bt.comparison import Comparison, Difference, Metrics, PackageChange
from git_bt.gating import (
    Acceptance,
    Effect,
    Finding,
    Gated,
    GateReport,
    InputChange,
    Level,
)
from git_bt.model import EngineVersion, Verdict

A, B, C = "3f2a9c81d0e4" + "0" * 52, "77aa01b2c3d4" + "1" * 52, "c0ffee" + "2" * 58
BASE, HEAD, START = "1a2b3c4d5e6f" + "0" * 28, "9f8e7d6c5b4a" + "0" * 28, "0a1b2c3d4e5f" + "0" * 28
WHEN = 1_795_245_300_000_000_000
FLOX = EngineVersion(name="flox", version="0.11.0")
BEFORE = Metrics(
    trade_count=10_000, fill_count=406, total_filled_quantity=8.11, turnover=405_377.25, fees=0.0,
    pnl=-12.345678901234, return_=None, max_drawdown=31.25, volatility=1234.5, sharpe=-2.34567,
)  # fmt: skip
AFTER = Metrics(
    trade_count=10_000, fill_count=405, total_filled_quantity=8.09, turnover=404_377.0, fees=0.0,
    pnl=1.5, return_=None, max_drawdown=30.0, volatility=1200.0, sharpe=0.25,
)  # fmt: skip
CHANGED = Comparison(
    verdict=Verdict.DIVERGED,
    differences=(
        Difference(
            path="fills[17].price", row=17, ts_ns=1_700_000_018_000_000_123, expected=49981.11,
            actual=49981.12, detail="1 tick, 1.4e9 ulps",
        ),
    ),
    more={"fills.price": 200, "fills.quantity": 187, "fills.rows": 1},
)  # fmt: skip
POLICY = {
    "on-change": "record", "time-budget": 5.0, "require-result": True, "require-accepted": True,
    "every-commit": False, "environment": "say", "max-drop": {"sharpe": 0.2, "pnl": "10%"},
}  # fmt: skip


def say(kind: str, level: Level, message: str, strategy: str, hint: str | None = None) -> Finding:
    """Return a finding about a strategy's file."""
    return Finding(
        kind=kind, level=level, message=message, strategy=strategy, hint=hint,
        path=f"{strategy}/strategy.yaml",
    )  # fmt: skip


UNACCEPTED = Gated(
    strategy="strategies/ema", state="changed", how="ran", verdict=Verdict.REPRODUCED,
    effect=Effect.CHANGED, inputs=A, inputs_before=B, recorded=C,
    changes=(
        InputChange(what="code", name="strategies/ema/strategy.py", before=A, after=B),
        InputChange(what="config", name="slippage_bps", before=5, after=6),
    ),
    before=BEFORE, after=AFTER, comparison=CHANGED, engine=FLOX, elapsed_s=0.41,
    findings=(
        say("not-accepted", Level.NO, "the output changed, and nobody accepted it",
            "strategies/ema", 'git bt accept strategies/ema -m "WHY", then git bt push'),
        say("tolerance-changed", Level.WARNING,
            "the tolerance changes: exact → equity rtol 1e-09; judged by base's",
            "strategies/ema"),
    ),
)  # fmt: skip
ACCEPTED = Gated(
    strategy="strategies/breakout", state="renamed", renamed_from="strategies/old", how="ran",
    verdict=Verdict.WITHIN_TOLERANCE, effect=Effect.CHANGED, inputs=A, inputs_before=B, recorded=C,
    before=BEFORE, after=AFTER, comparison=CHANGED, engine=FLOX, elapsed_s=12.0,
    environment=(PackageChange(name="lrvx", recorded="0.10.0", here="0.11.0"),),
    acceptance=Acceptance(
        bundle=C, run=A, author="A U Thor <author@example.com>", reason="fees as of July",
        when_ns=WHEN, replaces=B,
    ),
    findings=(say("renamed", Level.NOTE, "was strategies/old", "strategies/breakout"),),
)  # fmt: skip
FAILED = Gated(
    strategy="strategies/slow", state="changed", how="ran", verdict=Verdict.FAILED, inputs=A,
    inputs_before=B, engine=FLOX, elapsed_s=600.0,
    tail='  File "slow.py", line 3\nKeyboardInterrupt: \x1b[31mboom\n',
    findings=(
        say("failed", Level.NO, "still running after 600 s", "strategies/slow",
            "allow more time with --timeout SECONDS"),
    ),
)  # fmt: skip
MISSING = Gated(
    strategy="strategies/grid", state="new", verdict=Verdict.INCOMPLETE, inputs=A,
    findings=(
        say("incomplete", Level.UNJUDGED, "no tape at tapes/btc", "strategies/grid",
            "name it with --tape PATH, or fetch it"),
    ),
)  # fmt: skip
KNOWN = Gated(
    strategy="strategies/once", state="unchanged", how="known", verdict=Verdict.REPRODUCED,
    effect=Effect.SAME, inputs=A, inputs_before=A, recorded=B,
)  # fmt: skip
REFACTORED = Gated(
    strategy="strategies/mean", state="changed", how="ran", verdict=Verdict.REPRODUCED,
    effect=Effect.SAME, inputs=A, inputs_before=B, recorded=C, before=BEFORE, after=BEFORE,
    changes=(InputChange(what="code", name="lib/averages.py", before=None, after=B),),
    engine=FLOX, elapsed_s=0.3,
)  # fmt: skip
GONE = Gated(
    strategy="strategies/gone", state="removed",
    findings=(say("removed", Level.WARNING, "head has it no more", "strategies/gone"),),
)  # fmt: skip
LOOSENED = Finding(
    kind="policy-changed", level=Level.WARNING, path="pyproject.toml",
    message="the policy changes: require-accepted: true → false; judged by base's",
)  # fmt: skip


def report(*strategies: Gated, findings: tuple[Finding, ...] = ()) -> GateReport:
    """Return an answer about some strategies."""
    return GateReport(
        base=BASE, head=HEAD, merge_base=START, commits=3, policy=POLICY, strategies=strategies,
        findings=findings,
    )  # fmt: skip


GATES = {
    "gate": report(
        ACCEPTED, UNACCEPTED, GONE, MISSING, REFACTORED, KNOWN, FAILED, findings=(LOOSENED,)
    ),
    "gate_pass": report(REFACTORED, KNOWN),
    "gate_unjudged": report(MISSING),
    "gate_nothing": report(),
}
