"""What a team wants of hooks and gate: `[tool.git-bt]` of pyproject.toml, git config over it.

The table is that of the pyproject.toml at the top of a view, so that a gate can read it from the
base and a hook from the index. Git config is the machine's own word and wins. What belongs to one
strategy (engine, tolerance, interpreter) is `strategy.yaml`'s.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from git_bt.comparison import Metrics
from git_bt.errors import Usage
from git_bt.files import Files
from git_bt.repo import Repo

FILE = "pyproject.toml"
TABLE = "[tool.git-bt]"
METRICS = tuple(field.name.rstrip("_") for field in fields(Metrics))
"""The metrics that `max-drop` can name, as `--json` names them."""

_LESS_IS_BETTER = frozenset({"fees", "max_drawdown", "volatility"})
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxDrop:
    """How much worse a metric may get: by an amount of its own unit, or by a fraction of before."""

    metric: str
    amount: float
    relative: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What hooks and gate insist on; the defaults are those of a repository that says nothing."""

    on_change: str = "record"  # record | stop
    time_budget: float = 5.0  # seconds that the runs of a commit may take; 0: no limit
    require_result: bool = True
    require_accepted: bool = True
    every_commit: bool = False
    environment: str = "say"  # say | fail
    max_drop: tuple[MaxDrop, ...] = ()


def read_policy(files: Files, repo: Repo) -> Policy:
    """Return the policy that a view's pyproject.toml and the repository's git config give.

    Args:
        files: the view: index, work tree, or the base of a gate.
        repo: whose git config counts.

    Raises:
        Usage: an unknown key, a wrong value, or a file that is no TOML.
    """
    return decode_policy(_table(files), repo.config_section("bt"))


def _table(files: Files) -> Mapping[str, Any]:
    if files.find(FILE) is None:
        return {}
    source = files.source(FILE)
    if source is None:
        raise Usage(f"{FILE} is a git-LFS pointer, and its object is not here")
    data = source.read()
    if b"git-bt" not in data:
        return {}
    import tomllib

    try:
        document = tomllib.loads(data.decode())
    except ValueError as e:  # not UTF-8, or not TOML: the message says where
        raise Usage(f"{FILE}: {e}") from e
    tool = document.get("tool", {})
    table = tool.get("git-bt", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise Usage(f"{FILE}: {TABLE} must be a table")
    return table


# -- decoding -------------------------------------------------------------------------------------


def decode_policy(
    table: Mapping[str, Any], settings: Mapping[str, Sequence[str]] | None = None
) -> Policy:
    """Return the policy of a table with git's settings over it.

    Args:
        table: `[tool.git-bt]`, as TOML gives it.
        settings: key in lower case (`bt.onchange`) to its values, as git lists them. One that is
            not ours is another command's, unless it is nearly the name of one.

    Raises:
        Usage: an unknown key or a wrong value; the hint names the nearest known key.
    """
    policy = Policy()
    for key, value in table.items():
        where = f"{FILE}: {TABLE} {key}"
        if key not in _KEYS:
            raise Usage(f"{where}: unknown key", hint=_nearest(key, _KEYS))
        policy = replace(policy, **{_field(key): _KEYS[key].of_toml(value, where)})
    return _overlaid(policy, settings or {})


def _overlaid(policy: Policy, settings: Mapping[str, Sequence[str]]) -> Policy:
    by_setting = {kind.setting.lower(): key for key, kind in _KEYS.items()}
    shown = {key.setting.lower(): key.setting for key in _KEYS.values()}
    for setting, values in settings.items():
        key = by_setting.get(setting)
        if key is None:
            near = _near(setting, shown)
            if near:
                raise Usage(
                    f"git config {setting}: unknown key",
                    hint=f"did you mean {shown[near]}? git config --unset {setting}",
                )
            continue
        kind = _KEYS[key]
        value = kind.of_git(values, f"git config {kind.setting}")
        policy = replace(policy, **{_field(key): value})
    return policy


def _field(key: str) -> str:
    return key.replace("-", "_")


def _near(word: str, known: Iterable[str]) -> str | None:
    import difflib

    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=0.75)), None)


def _nearest(word: str, known: Iterable[str]) -> str:
    near = _near(word.replace("_", "-").lower(), known)
    return f"did you mean {near}?" if near else f"known are {', '.join(known)}"


@dataclass(frozen=True, slots=True)
class _Key:
    """One key: what git calls it, and how its value is read from either place."""

    setting: str
    of_toml: Callable[[Any, str], Any]
    of_git: Callable[[Sequence[str], str], Any]


def _switch_of_toml(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise Usage(f"{where}: {value!r:.80} is neither true nor false")
    return value


def _switch_of_git(values: Sequence[str], where: str) -> bool:
    word = values[-1].lower()
    if word not in _TRUE + _FALSE:
        raise Usage(f"{where}: {word!r:.80} is neither true nor false")
    return word in _TRUE


def _switch(setting: str) -> _Key:
    return _Key(setting, _switch_of_toml, _switch_of_git)


def _choice(setting: str, *words: str) -> _Key:
    def read(value: Any, where: str) -> str:
        if value not in words:
            raise Usage(f"{where}: {value!r:.80} is not {' or '.join(words)}")
        return str(value)

    return _Key(setting, read, lambda values, where: read(values[-1].lower(), where))


def _seconds_of_toml(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Usage(f"{where}: {value!r:.80} is no number of seconds", hint="0 sets no limit")
    if not 0 <= value < math.inf:  # nan is neither
        raise Usage(f"{where}: {value!r:.80} is no number of seconds", hint="0 sets no limit")
    return float(value)


def _seconds_of_git(values: Sequence[str], where: str) -> float:
    try:
        return _seconds_of_toml(float(values[-1]), where)
    except ValueError as e:
        raise Usage(
            f"{where}: {values[-1]!r:.80} is no number of seconds", hint="0 sets no limit"
        ) from e


# -- max-drop -------------------------------------------------------------------------------------


def is_too_far(limit: MaxDrop, before: float | None, after: float | None) -> bool:
    """Tell whether a metric got worse by more than is allowed.

    Of `fees`, `max_drawdown` and `volatility` more is worse, of all others less is. What could not
    be said before has nothing to drop from; what can be said no more has dropped too far.
    """
    if before is None:
        return False
    if after is None:
        return True
    drop = after - before if limit.metric in _LESS_IS_BETTER else before - after
    return drop > (abs(before) * limit.amount if limit.relative else limit.amount)


def _drop(metric: str, value: Any, where: str) -> MaxDrop:
    if metric not in METRICS:
        raise Usage(f"{where}: unknown metric {metric!r:.80}", hint=_nearest_metric(metric.strip()))
    text, relative = value, False
    if isinstance(value, str) and value.strip().endswith("%"):
        text, relative = value.strip()[:-1], True
    try:
        amount = math.nan if isinstance(text, bool) else float(text)
    except (TypeError, ValueError):
        amount = math.nan
    if not 0 <= amount < math.inf:
        raise Usage(
            f"{where}: {metric}: {value!r:.80} is no amount",
            hint='a number in the unit of the metric, or a part of it such as "10%"',
        )
    return MaxDrop(metric=metric, amount=amount / 100 if relative else amount, relative=relative)


def _nearest_metric(word: str) -> str:
    near = _near(word.replace("-", "_").replace(" ", "_").lower(), METRICS)
    return f"did you mean {near}?" if near else f"known are {', '.join(METRICS)}"


def _drops_of_toml(value: Any, where: str) -> tuple[MaxDrop, ...]:
    if not isinstance(value, dict):
        raise Usage(f"{where}: it must be a table of metrics", hint="such as {sharpe = 0.2}")
    return tuple(_drop(metric, amount, where) for metric, amount in sorted(value.items()))


def _drops_of_git(values: Sequence[str], where: str) -> tuple[MaxDrop, ...]:
    found = {}
    for value in values:
        metric, _, amount = value.strip().partition(" ")
        found[metric] = _drop(metric, amount, where)
    return tuple(found[metric] for metric in sorted(found))


_KEYS = {
    "on-change": _choice("bt.onChange", "record", "stop"),
    "time-budget": _Key("bt.timeBudget", _seconds_of_toml, _seconds_of_git),
    "require-result": _switch("bt.requireResult"),
    "require-accepted": _switch("bt.requireAccepted"),
    "every-commit": _switch("bt.everyCommit"),
    "environment": _choice("bt.environment", "say", "fail"),
    "max-drop": _Key("bt.maxDrop", _drops_of_toml, _drops_of_git),
}
