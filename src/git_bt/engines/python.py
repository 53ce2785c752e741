"""python: a function of the user's file that runs whatever engine it likes and returns the rows.

    def run(tape, config):
        ...
        return {"fills": fills, "equity": equity, "metrics": metrics}

`tape` is a pathlib.Path, `config` the dict of strategy.yaml. Each of the three may be missing, not
all; `symbols` may say where the tape ended. There is no distribution of this engine: its version
is the Python's, and what the run loaded is in its environment. Which shapes and spellings a table
may have is `frames` and `spelling`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .entry import function, load
from .frames import Shapeless, columns, plain
from .given import any_config, tape_path
from .refusal import Refused, nearest
from .rows import TABLES, write
from .spelling import ns, number, one_line, read

NAME = "python"
DISTRIBUTIONS: tuple[str, ...] = ()
INSTALL = "any Python from 3.9 on"

OUTPUTS = ("fills", "equity", "metrics", "symbols")
ENDS = {"last_ts_ns": ns, "last_price": number}


def complete(config: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the config as it is: its keys are the user's.

    Raises:
        ValueError: a key that is no text.
    """
    return any_config(config)


def warm() -> None:
    """Import nothing: which engine it is, the strategy knows."""


def run(job: dict[str, Any]) -> None:
    """Call the user's function and write what it returned.

    Raises:
        Refused: it returned what is no result.
        BaseException: whatever the strategy raised.
    """
    path = job["entry_point"]
    module = load(path)
    call = function(module, "run", path, "tape, config")
    found = outputs(call(tape_path(job["tape"]), job["config"]))
    tables = {name: table(name, found[name]) for name in ("fills", "equity") if name in found}
    write(job["out"], summary={**summary(found), **symbols(found)} or None, **tables)


def outputs(result: Any) -> dict[str, Any]:
    """Return what was returned, by name, without what is None.

    Raises:
        Refused: neither a mapping nor an object of these names, or nothing in it.
    """
    kind = type(result).__name__
    if isinstance(result, Mapping):
        for name in result:
            if name not in OUTPUTS:
                raise Refused("bad-output", f"run returned {name!r}{nearest(name, OUTPUTS)}")
        found = dict(result)
    else:
        found = {name: getattr(result, name, None) for name in OUTPUTS}
    found = {name: value for name, value in found.items() if value is not None}
    if not found:
        what = "nothing" if result is None else f"a {kind} without any of fills, equity, metrics"
        raise Refused(
            "bad-output",
            f"run returned {what}",
            'return {"fills": …, "equity": …, "metrics": …}; one of them may be missing',
        )
    return found


def table(name: str, value: Any) -> list[tuple[Any, ...]]:
    """Return the rows of one table.

    Raises:
        Refused: naming output, row and field.
    """
    try:
        found = columns(value, TABLES[name])
    except Shapeless as e:
        raise Refused("bad-output", f"{name} {e}") from None
    return read(name, found, lambda row: f"{name}[{row}]")


def summary(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what summary.json says of the metrics.

    Raises:
        Refused: naming what JSON cannot hold.
    """
    metrics = found.get("metrics")
    if metrics is None:
        return {}
    if hasattr(metrics, "to_dict"):  # a Series
        metrics = metrics.to_dict()
    if not isinstance(metrics, Mapping):
        kind = type(metrics).__name__
        raise Refused("bad-output", f"metrics is of type {kind}, not a mapping of names to values")
    try:
        return {"metrics": plain(metrics, "metrics")}
    except Shapeless as e:
        raise Refused("bad-output", str(e)) from None


def symbols(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what summary.json says of each symbol: the time and the price of the tape's end.

    Raises:
        Refused: naming the symbol and what is wrong with it.
    """
    given = found.get("symbols")
    if given is None:
        return {}
    told: dict[str, dict[str, Any]] = {}
    shape = '{"GOOG": {"last_ts_ns": …, "last_price": …}}'
    for symbol, ends in given.items() if isinstance(given, Mapping) else [("", None)]:
        if not isinstance(ends, Mapping) or not ends or not ends.keys() <= ENDS.keys():
            raise Refused("bad-output", "symbols is not such a mapping", f"return {shape}")
        try:
            told[str(symbol)] = {key: ENDS[key](value) for key, value in ends.items()}
        except ValueError as e:
            shown = ", ".join(map(one_line, ends.values()))
            raise Refused("bad-output", f"symbols[{symbol!r:.60}]: {shown} {e}") from None
    return {"symbols": told}
