"""One YAML document as nodes that know their line and column; the only user of yaml.

Scalars are those of YAML 1.2's core schema, so that `1e-9` is a number, and `NO`, `14:30:00` and
`2024-01-02` are text. Anchors, aliases, tags and doubled keys are refused: a reader must see what
a file says, and a small file must not unfold into a large one.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
_MAX_DIGITS = 40
_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: Mapping[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **{s + w: float(s + "inf") for s in ("", "+", "-") for w in (".inf", ".Inf", ".INF")},
}  # fmt: skip


class Unreadable(ValueError):
    """The bytes are too many, or not UTF-8."""


class Malformed(ValueError):
    """The text is no document of ours; the message says where."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it stands; lines and columns count from 1.

    `value` is a scalar, a list of nodes, or a mapping of text to nodes.
    """

    value: Any
    line: int
    column: int
    key: "Node | None" = None  # of a mapping's value: where its key stands

    @property
    def place(self) -> str:
        """The place in words."""
        return f"line {self.line}, column {self.column}"

    def plain(self) -> Any:
        """Return the value without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def read_document(data: bytes) -> Node:
    """Return the one document in YAML bytes; nothing at all is a null.

    Raises:
        Unreadable: more than MAX_BYTES, or not UTF-8.
        Malformed: not YAML, or YAML that is refused.
    """
    if len(data) > MAX_BYTES:
        raise Unreadable(f"{len(data)} bytes, more than {MAX_BYTES}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1
        raise Unreadable(f"line {line}: not UTF-8 (byte {data[e.start]:#04x})") from e
    import yaml

    try:
        return _read(yaml.parse(text, Loader=_loader()))
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        said = e.problem or e.context or ""
        if "nesting depth" in said:  # libyaml has a limit of its own, and looks far ahead
            said = f"nested deeper than {MAX_DEPTH}"
        raise Malformed(f"{where}{said}") from e
    except yaml.YAMLError as e:
        raise Malformed(str(e).splitlines()[0]) from e


@cache
def _loader() -> Any:
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _read(events: Iterator[Any]) -> Node:
    reader = _Reader(events)
    next(events)  # the stream starts
    event = next(events)
    if type(event).__name__ == "StreamEndEvent":
        return Node(None, 1, 1)
    root = reader.node(next(events), 1)
    next(events)  # the document ends
    after = next(events)
    if type(after).__name__ != "StreamEndEvent":
        raise _malformed(after, "a second document")
    return root


class _Reader:
    """Builds nodes from the parser's events."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events

    def node(self, event: Any, depth: int, key: Node | None = None) -> Node:
        if depth > MAX_DEPTH:
            raise _malformed(event, f"nested deeper than {MAX_DEPTH}")
        kind = type(event).__name__
        if kind == "AliasEvent":
            raise _malformed(event, f"the alias *{event.anchor} is not allowed, write it out")
        if event.anchor is not None:
            raise _malformed(event, f"the anchor &{event.anchor} is not allowed")
        if event.tag is not None:
            raise _malformed(event, f"the tag {event.tag} is not allowed")
        value: Any
        if kind == "ScalarEvent":
            value = _scalar(event) if event.implicit[0] else event.value
        elif kind == "SequenceStartEvent":
            value = self._list(depth)
        else:
            value = self._mapping(depth)
        line, column = _place(event)
        return Node(value, line, column, key)

    def _list(self, depth: int) -> list[Node]:
        found = []
        while type(event := next(self._events)).__name__ != "SequenceEndEvent":
            found.append(self.node(event, depth + 1))
        return found

    def _mapping(self, depth: int) -> dict[str, Node]:
        found: dict[str, Node] = {}
        while type(event := next(self._events)).__name__ != "MappingEndEvent":
            key = self.node(event, depth + 1)
            if not isinstance(key.value, str):
                raise _malformed(event, "a key must be text, put it in quotes")
            if key.value in found:
                raise _malformed(event, f"the key {key.value!r:.60} stands twice")
            found[key.value] = self.node(next(self._events), depth + 1, key)
        return found


def _scalar(event: Any) -> object:
    """Return a plain scalar by the core schema of YAML 1.2."""
    text: str = event.value
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text) or _BASED.fullmatch(text):
        if len(text) > _MAX_DIGITS:
            raise _malformed(event, "a number of too many digits, put it in quotes")
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _place(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _malformed(event: Any, message: str) -> Malformed:
    line, column = _place(event)
    return Malformed(f"line {line}, column {column}: {message}")
