"""Two JSON values, walked at once."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple, TypeGuard

from git_bt.canonical import encode_json
from git_bt.compare.found import Found, surplus_row, with_counts
from git_bt.compare.numbers import is_number, tolerated
from git_bt.model import Tolerances, Value

_FIRST_KEYS = {"fills": 0, "orders": 1, "signals": 2, "equity": 3}


class Place(NamedTuple):
    """Where a walk stands."""

    path: str = ""
    field: str = ""
    name: str = ""
    row: int | None = None
    ts_ns: int | None = None

    def key(self, key: str) -> "Place":
        """Return the place of a key; one that is no plain word is quoted."""
        plain = key.replace("_", "a").isalnum()
        step = key if plain else f"[{encode_json(key).decode().rstrip()}]"
        dot = "." if plain and self.path else ""
        return self._replace(
            path=f"{self.path}{dot}{step}", field=f"{self.field}{dot}{step}", name=key
        )

    def item(self, index: int, ts_ns: int | None) -> "Place":
        """Return the place of a list's item; the outermost list gives the row."""
        path = f"{self.path}[{index}]"
        if self.row is not None:
            return self._replace(path=path)
        return self._replace(path=path, row=index, ts_ns=ts_ns)


class Walk(NamedTuple):
    """A walk over two JSON values at once."""

    tolerances: Tolerances
    times: Sequence[int]
    by_value: bool

    def values(self, at: Place, expected: Any, actual: Any) -> Iterator[Found]:
        """Yield what differs below a place."""
        if isinstance(expected, Mapping) and isinstance(actual, Mapping):
            yield from self._objects(at, expected, actual)
        elif _is_list(expected) and _is_list(actual):
            yield from self._lists(at, expected, actual)
        elif not self._same(expected, actual):
            covered = tolerated(at.name, expected, actual, self.tolerances)
            yield Found(*at, _scalar(expected), _scalar(actual), covered)

    def _objects(
        self, at: Place, expected: Mapping[str, Any], actual: Mapping[str, Any]
    ) -> Iterator[Found]:
        keys = sorted({*expected, *actual}, key=lambda k: (_FIRST_KEYS.get(k, 9), k))
        for key in keys:
            place = at.key(key)
            if key not in actual:
                yield Found(*place, _scalar(expected[key]), None, note="key is missing")
            elif key not in expected:
                yield Found(*place, None, _scalar(actual[key]), note="key is new")
            else:
                yield from self.values(place, expected[key], actual[key])

    def _lists(self, at: Place, expected: Sequence[Any], actual: Sequence[Any]) -> Iterator[Found]:
        timed = at.name == "fills" and at.row is None
        times = self.times if timed else ()
        common = min(len(expected), len(actual))
        items = chain.from_iterable(
            self.values(at.item(i, times[i] if i < len(times) else None), e, a)
            for i, (e, a) in enumerate(zip(expected, actual, strict=False))
        )
        surplus = (
            surplus_row(
                at.path, i, times[i] if i < len(times) else None, _compact(v), missing=missing
            )
            for missing, values in ((True, expected), (False, actual))
            for i, v in enumerate(values[common:], start=common)
        )
        counts = len(expected), len(actual)
        yield from with_counts(chain(items, surplus), at.path, at.field, *counts)

    def _same(self, expected: Any, actual: Any) -> bool:
        if self.by_value and is_number(expected) and is_number(actual):
            return expected == actual
        return type(expected) is type(actual) and repr(expected) == repr(actual)


def _is_list(value: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple)


def _scalar(value: Any) -> Value:
    if value is None or isinstance(value, str | int | float):
        return value
    return _compact(value)


def _compact(value: Any) -> str:
    return encode_json(value).decode().rstrip("\n")
