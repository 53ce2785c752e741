"""Two runs at once: what must not matter is varied, and what differs comes to light."""

from pathlib import Path

import pytest

from floxkit import CASES, failure_of, job_of, on_trade, output_of, run_twin, tape_at


def test_twins_of_a_sound_strategy_agree(walk: Path) -> None:
    """Two varied runs of the same inputs give the same bytes, on a tape written out once."""
    ema = (CASES / "strategies" / "ema_cross.py").read_text()
    first, second = run_twin(job_of(ema, tape_at(walk, in_place=False)))

    assert output_of(first) == output_of(second)
    assert first.environment == second.environment


@pytest.mark.parametrize(
    "quantity",
    [
        "{'a': 1.0, 'b': 2.0, 'c': 3.0, 'd': 4.0}[sorted({'a', 'b', 'c', 'd'}, key=hash)[0]]",
        "(time.time_ns() % 1000) / 1000 + 0.001",
        "random.random()",
        "float(os.getcwd().count('/'))",
        "float(time.localtime(0).tm_min + 1)",
        "float(len(os.environ['HOME']))",
        "float(id(object()) % 9973 + 1)",
    ],
)
def test_twins_of_an_unsound_strategy_differ(quantity: str, tape: Path) -> None:
    """Set order, clock, unseeded randomness, paths, time zone and addresses come to light."""
    text = on_trade(f"self.market_buy({quantity})", "import os, random, time")
    first, second = run_twin(job_of(text, tape))

    assert output_of(first) != output_of(second)


def test_twins_that_fail_both_say_so(tape: Path) -> None:
    """A failure of both is found in both."""
    first, second = run_twin(job_of("1/0", tape))

    assert failure_of(first).message == failure_of(second).message
