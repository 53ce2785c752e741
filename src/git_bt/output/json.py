"""Reports as JSON objects: `schema: git-bt/<command>/1`, every key always there, absent is null.

The schemas are in docs/reference/schemas/, one a command; each answer in the tests is held
against its schema. A key is added without a new number; one that changes or goes needs it.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from git_bt.output.pieces_json import Json


def to_json(report: Any) -> Json:
    """Return the JSON object of a report.

    Args:
        report: one of `reports.py`; another type is a bug of ours.
    """
    command, convert = _convert(type(report))
    value = {"schema": f"git-bt/{command}/1", **convert(report)}
    value["exit"] = int(report.exit_code)
    return {key: _clean(item) for key, item in value.items()}


def error_json(command: str, message: str, hint: str | None, exit: int) -> Json:  # noqa: A002
    """Return the JSON object of a command that could not go on."""
    value = {
        "schema": "git-bt/error/1",
        "command": command,
        "message": message,
        "hint": hint,
        "exit": int(exit),
    }
    return {key: _clean(item) for key, item in value.items()}


def _clean(value: Any) -> Any:
    """Make a value what JSON can hold: no lone surrogates, no NaN, no tuples."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, Mapping):
        return {_clean(str(key)): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value


def _convert(kind: type) -> tuple[str, Callable[[Any], Json]]:
    from git_bt.output import reports_json

    if kind in reports_json.CONVERT:
        return reports_json.CONVERT[kind]
    from git_bt.output import (
        adopting_json,
        capturing_json,
        gating_json,
        hooking_json,
        looking_json,
        sharing_json,
        sweeping_json,
        tying_json,
    )

    found: tuple[Mapping[type, tuple[str, Callable[[Any], Json]]], ...] = (
        adopting_json.CONVERT,
        capturing_json.CONVERT,
        gating_json.CONVERT,
        hooking_json.CONVERT,
        looking_json.CONVERT,
        sharing_json.CONVERT,
        sweeping_json.CONVERT,
        tying_json.CONVERT,
    )
    return next(convert[kind] for convert in found if kind in convert)
