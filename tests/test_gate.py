"""Findings of the gate from evidence alone: what counts as agreement, and what excuses nothing."""

from dataclasses import replace

import pytest

from git_bt.canonical import encode_json
from git_bt.errors import Incomplete
from git_bt.evidence import UNCHANGED, Evidence, Recorded
from git_bt.gate import judge
from git_bt.gating import Acceptance, Effect, Gated, Level
from git_bt.model import Failure, Outcome, Output, Verdict
from git_bt.policy import Policy
from git_bt.tables import COLUMNS, encode_table

A, B = "a" * 64, "b" * 64
SLOW = Failure(kind="timeout", message="ran out of time")
RAISED = Failure(kind="raised", message="ValueError")
NOT_HERE = Incomplete("bundle aaaaaaaaaaaa, a result, is not here", hint="git bt fetch")


def output(price: float) -> Output:
    """Return an output of one fill."""
    row = (0, 1_700_000_000_000_000_000, "X", "buy", price, 1.0, 0.0)
    return {
        "fills.csv": encode_table(COLUMNS["fills.csv"], [row]),
        "summary.json": encode_json({"trade_count": 1, "symbols": {}}),
    }


def ran(price: float) -> Outcome:
    """Return a run that gave that output."""
    return Outcome(output=output(price), failure=None, environment=None, elapsed_s=0.1)


def ended(failure: Failure) -> Outcome:
    """Return a run that gave none."""
    return Outcome(output=None, failure=failure, environment=None, elapsed_s=0.1)


def closing(found: Gated) -> list[str]:
    """Return the kinds of findings that close the gate."""
    return [f.kind for f in found.findings if f.level in (Level.NO, Level.UNJUDGED)]


CHANGED = Evidence(
    strategy="s", state="changed", tolerances={}, inputs=A, inputs_before=B, outcome=ran(2.0),
    recorded=(Recorded(bundle=A, output=output(2.0)),), before=ran(1.0),
)  # fmt: skip
ACCEPTANCE = Acceptance(
    bundle=A, run=B, author="a", reason="meant", when_ns=1, replaces=None
)  # fmt: skip


def test_one_fill_that_moves_needs_an_acceptance() -> None:
    """The evidence that the other tests vary: with an acceptance it passes, without it does not."""
    assert closing(judge(CHANGED, Policy())) == ["not-accepted"]
    assert closing(judge(replace(CHANGED, acceptance=ACCEPTANCE), Policy())) == []


@pytest.mark.parametrize("failure", [SLOW, RAISED], ids=["slow", "raised"])
def test_a_second_run_that_gives_nothing_agrees_with_nothing(failure: Failure) -> None:
    """Nothing is recorded: one run that ended and one that did not are no two that agree."""
    evidence = replace(CHANGED, recorded=(), before=ran(2.0), again=ended(failure))
    found = judge(evidence, Policy(require_result=False))

    assert (found.verdict, closing(found)) == (Verdict.NONDETERMINISTIC, ["nondeterministic"])
    assert failure.message in found.findings[0].message
    assert closing(judge(replace(evidence, again=ran(2.0)), Policy(require_result=False))) == []


def test_a_spent_acceptance_excuses_no_base_that_could_not_be_run() -> None:
    """It was of an earlier change: whether this one changes anything, nobody can say."""
    evidence = replace(
        CHANGED, before=None, before_fault=Incomplete("no tape"), acceptance=ACCEPTANCE
    )
    assert closing(judge(evidence, Policy())) == []

    found = judge(replace(evidence, is_spent=True), Policy())
    assert (found.effect, closing(found)) == (Effect.UNKNOWN, ["incomplete"])


def test_a_result_of_base_that_did_not_come_here_is_not_passed_over() -> None:
    """Unchanged inputs on another engine: without the recorded output nothing is proved."""
    evidence = replace(
        CHANGED, state=UNCHANGED, inputs_before=A, before=None, recorded=(),
        recorded_fault=NOT_HERE, again=ran(2.0),
    )  # fmt: skip
    assert closing(judge(evidence, Policy())) == ["result-not-here"]
    assert closing(judge(replace(evidence, recorded_fault=None), Policy())) == []


def test_what_passed_once_is_not_broken_before() -> None:
    """It fails here, and its recorded result is not here: it did not fail on base."""
    never = replace(
        CHANGED, state=UNCHANGED, inputs_before=A, before=None, recorded=(), outcome=ended(RAISED)
    )
    assert closing(judge(never, Policy())) == []
    assert closing(judge(replace(never, recorded_fault=NOT_HERE), Policy())) == ["failed"]
