"""What a range of commits would have its own judge do otherwise: a finding for each, no more.

Base's words hold. So what is read here decides nothing; a reviewer is to see it.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from git_bt.gating import Finding, Level
from git_bt.model import Strategy, Tolerances
from git_bt.policy import Policy


def declared_changes(before: Strategy, after: Strategy, path: str) -> tuple[Finding, ...]:
    """Return what a strategy.yaml would have its own judge do otherwise; base's words hold.

    Args:
        before: as base has it.
        after: as head has it.
        path: of head's strategy.yaml.
    """
    found = []
    if dict(before.compare) != dict(after.compare):
        old, new = shown_tolerances(before.compare), shown_tolerances(after.compare)
        message = f"the tolerance changes: {old} → {new}; judged by base's"
        found.append(_warning("tolerance-changed", message, after.name, path))
    if before.python != after.python:
        old, new = before.python or "none", after.python or "none"
        message = f"the interpreter changes: {old} → {new}; base's is used"
        found.append(_warning("interpreter-changed", message, after.name, path))
    return tuple(found)


def declared_new(after: Strategy, path: str) -> tuple[Finding, ...]:
    """Return what a new strategy declares for its own judge: base has no word on it."""
    found = []
    if after.compare:
        message = f"it brings its own tolerance: {shown_tolerances(after.compare)}"
        found.append(_warning("tolerance-changed", message, after.name, path))
    if after.python is not None:
        message = f"it brings its own interpreter: {after.python}"
        found.append(_warning("interpreter-changed", message, after.name, path))
    return tuple(found)


def policy_changes(before: Policy, after: Policy) -> tuple[Finding, ...]:
    """Return a finding for each key of the policy that the range changes."""
    old, new = shown_policy(before), shown_policy(after)
    return tuple(
        Finding(
            kind="policy-changed",
            level=Level.WARNING,
            message=f"the policy changes: {name}: {_word(old[name])} → {_word(new[name])};"
            " judged by base's",
            path="pyproject.toml",
        )
        for name in old
        if old[name] != new[name]
    )


def shown_policy(policy: Policy) -> dict[str, Any]:
    """Return a policy by the words that a user writes."""
    found: dict[str, Any] = {
        each.name.replace("_", "-"): getattr(policy, each.name) for each in fields(policy)
    }
    found["max-drop"] = {
        limit.metric: f"{100 * limit.amount:g}%" if limit.relative else limit.amount
        for limit in policy.max_drop
    }
    return found


def shown_tolerances(tolerances: Tolerances) -> str:
    """Return tolerances as strategy.yaml has them, on one line."""
    words = []
    for name, tolerance in sorted(tolerances.items()):
        parts = [f"{n} {getattr(tolerance, n):g}" for n in ("rtol", "atol")]
        words.append(f"{name} " + " ".join(p for p in parts if not p.endswith(" 0")))
    return ", ".join(words) or "exact"


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {v}" for k, v in value.items()) or "none"
    return str(value)


def _warning(kind: str, message: str, strategy: str, path: str | None) -> Finding:
    return Finding(kind=kind, level=Level.WARNING, message=message, strategy=strategy, path=path)
