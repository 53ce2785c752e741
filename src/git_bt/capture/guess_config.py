"""How an existing script sets its engine up, guessed by reading: the `config:` of its strategy.

Only what a call states in so many words is taken: names and sums are the script's to work out, and
nothing is run here. What was left out is told, because the result would be another one without.
"""

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from git_bt.files import Files

CALLS = {"backtesting": "Backtest"}
"""Engines that a script calls with its settings, by the call."""

PARAMS = "params"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuessedConfig:
    """The settings that a script states, and the names of those that it works out."""

    config: dict[str, Any]
    unread: tuple[str, ...] = ()


def guess_config(files: Files, path: str, engine: str) -> GuessedConfig:
    """Return the settings of the one call that sets an engine up; nothing of several or none.

    Args:
        files: the view.
        path: the entry file, from the top.
        engine: the name of its engine.
    """
    source = files.source(path) if engine in CALLS else None
    if source is None:
        return GuessedConfig(config={})
    calls = [node for node in ast.walk(ast.parse(source.read())) if isinstance(node, ast.Call)]
    setups = [call for call in calls if _name(call) == CALLS[engine]]
    if len(setups) != 1:
        return GuessedConfig(config={})
    config, unread = _stated(setups[0].keywords)
    runs = [call for call in calls if _name(call) == "run" and call.keywords]
    if len(runs) == 1:
        params, more = _stated(runs[0].keywords)
        config |= {PARAMS: params} if params else {}
        unread += more
    return GuessedConfig(config=config, unread=tuple(unread))


def _name(call: ast.Call) -> str | None:
    found = call.func
    if isinstance(found, ast.Attribute):
        return found.attr
    return found.id if isinstance(found, ast.Name) else None


def _stated(keywords: Iterable[ast.keyword]) -> tuple[dict[str, Any], list[str]]:
    """Return the plain values, and the names of what is none."""
    stated, unread = {}, []
    for each in keywords:
        try:
            value = ast.literal_eval(each.value)
        except ValueError:
            value = None
        value = list(value) if isinstance(value, tuple) else value
        flat = value if isinstance(value, list) else [value]
        if each.arg and all(isinstance(v, bool | int | float | str) for v in flat):
            stated[each.arg] = value
        else:
            unread.append(each.arg or "**")
    return stated, unread
