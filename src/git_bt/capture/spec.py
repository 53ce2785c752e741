"""strategy.yaml: what its keys may hold, and what is said when they hold something else.

`files` is RustyBT's key: old files must never stop a run, so what is wrong with it is a notice.
The other keys are ours: what is wrong with them stops, with line and column. Paths are as they are
written, relative to the file; `strategy.py` makes them those of a Strategy.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from git_bt.capture.document import Malformed, Node, Unreadable, read_document
from git_bt.errors import Usage
from git_bt.model import Notice, Tolerance, Tolerances

T = TypeVar("T")

NAME = "strategy.yaml"
COMPARED = ("price", "quantity", "fee", "equity")
KEYS = ("files", "entry_point", "engine", "tape", "config", "compare", "python", "command", "build")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """The keys of one strategy.yaml. `files` None: there is no list that can be used.

    `fault` is the first notice that says why the file, or its list, cannot be used.
    """

    files: tuple[str, ...] | None = None
    entry_point: str | None = None
    engine: str | None = None
    tape: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    compare: Tolerances = field(default_factory=dict)
    python: str | None = None
    command: tuple[str, ...] | None = None
    build: tuple[str, ...] | None = None
    notices: tuple[Notice, ...] = ()
    fault: Notice | None = None


def read_spec(data: bytes, path: str, *, is_open: bool = False, lenient: bool = False) -> Spec:
    """Return what a strategy.yaml says.

    Args:
        data: its bytes.
        path: how messages name it.
        is_open: it is to be completed: one that is empty, or that holds keys of ours but neither
            files nor entry_point, is no fault.
        lenient: only the code is wanted: a key of ours that cannot be used is a notice.

    Raises:
        Usage: otherwise a key of ours holds something of the wrong kind; with line and column.
    """
    try:
        root = read_document(data)
    except Unreadable as e:
        return _faulty(Notice(kind="config_unreadable", message=f"{path}: {e}", path=path))
    except Malformed as e:
        return _faulty(Notice(kind="config_parse_error", message=f"{path}: {e}", path=path))
    if root.value is None and is_open:
        return Spec()
    if not isinstance(root.value, dict):
        found = "is empty" if root.value is None else f"holds {_word(root.value)}"
        message = f"{path} {found}; it must hold keys such as entry_point: my_strategy.py"
        return _faulty(Notice(kind="config_not_mapping", message=message, path=path))
    return _Keys(path, root.value, lenient=lenient).spec(is_open=is_open)


def added_to(data: bytes, lines: str, path: str) -> bytes:
    """Return what to write behind a strategy.yaml to add keys; no byte of it changes.

    Args:
        data: its bytes.
        lines: the keys, in YAML.
        path: how messages name it.

    Raises:
        Usage: behind what is there, as behind braces, they would not mean the same.
    """
    newline = b"\r\n" if b"\r\n" in data else b"\n"
    more = (newline if data and not data.endswith(b"\n") else b"") + lines.encode().replace(
        b"\n", newline
    )
    try:
        there = read_document(data).plain() or {}
        wanted = {**there, **read_document(lines.encode()).plain()}
        is_good = read_document(data + more).plain() == wanted
    except (Unreadable, Malformed):
        is_good = False
    if not is_good:
        keys = lines.strip().replace("\n", "; ")
        raise Usage(f"{path} cannot be completed at its end", hint=f"write into it: {keys}")
    return more


def _faulty(notice: Notice) -> Spec:
    return Spec(notices=(notice,), fault=notice)


class _Keys:
    """Reads the keys of one file, gathering notices."""

    def __init__(self, path: str, keys: Mapping[str, Node], *, lenient: bool) -> None:
        self.path = path
        self.keys = keys
        self.lenient = lenient
        self.notices: list[Notice] = []

    def spec(self, *, is_open: bool) -> Spec:
        is_ours = is_open and self.keys.keys() <= set(KEYS)
        if not is_ours and not {"files", "entry_point"} & self.keys.keys():
            return _faulty(self._no_files())
        for name, node in self.keys.items():
            if name not in KEYS:
                self._notice(
                    "config_unknown_key", f"unknown key {name!r}{_nearest(name)}", node.key
                )
        files = self._files()
        fault = next((n for n in self.notices if n.kind == "config_files_not_list"), None)
        return Spec(
            files=files,
            entry_point=self._key("entry_point", _text),
            engine=self._key("engine", _text),
            tape=self._key("tape", _text),
            config=self._key("config", _config) or {},
            compare=self._key("compare", _compare) or {},
            python=self._key("python", _text),
            command=self._key("command", _words),
            build=self._key("build", _words),
            notices=tuple(self.notices),
            fault=fault,
        )

    def _no_files(self) -> Notice:
        held = ", ".join(self.keys) or "nothing"
        unknown = [name for name in self.keys if name not in KEYS]
        near = next((_nearest(name) for name in unknown if _nearest(name)), "")
        message = f"{self.path}: neither files nor entry_point; it holds {held:.200}{near}"
        return Notice(kind="config_files_key_missing", message=message, path=self.path)

    def _files(self) -> tuple[str, ...] | None:
        node = self.keys.get("files")
        if node is None:
            return None
        if not isinstance(node.value, list):
            self._notice(
                "config_files_not_list", f"files must be a list, is {_word(node.value)}", node
            )
            return None
        found = []
        for item in node.value:
            if isinstance(item.value, str) and item.value.strip():
                found.append(item.value)
            else:
                message = f"files must hold paths, not {_word(item.value)}"
                self._notice("config_entry_not_string", message, item)
        return tuple(found)

    def _key(self, name: str, read: Callable[[Node], T]) -> T | None:
        node = self.keys.get(name)
        if node is None or node.value is None:
            return None
        try:
            return read(node)
        except _Wrong as e:
            place = e.node if e.node is not None else node
            if self.lenient:
                self._notice("config_parse_error", f"{name} {e}", place)
                return None
            raise Usage(f"{self.path}: {place.place}: {name} {e}") from e

    def _notice(self, kind: str, message: str, node: Node | None) -> None:
        where = f"{node.place}: " if node is not None else ""
        self.notices.append(
            Notice(kind=kind, message=f"{self.path}: {where}{message}", path=self.path)
        )


# -- the values of our keys -----------------------------------------------------------------------


class _Wrong(ValueError):
    """A value of the wrong kind; `node` is where, None for the value of the key itself."""

    def __init__(self, message: str, node: Node | None = None) -> None:
        super().__init__(message)
        self.node = node


def _text(node: Node) -> str:
    if not isinstance(node.value, str) or not node.value.strip():
        raise _Wrong(f"must be text, is {_word(node.value)}")
    if "\0" in node.value or "\n" in node.value:
        raise _Wrong("must be one line of text")
    return node.value


def _words(node: Node) -> tuple[str, ...]:
    if not isinstance(node.value, list) or not node.value:
        raise _Wrong(f"must be a list of words, is {_word(node.value)}")
    for item in node.value:
        if not isinstance(item.value, str):
            raise _Wrong(f"must hold text only, not {_word(item.value)}; put it in quotes", item)
    return tuple(item.value for item in node.value)


def _config(node: Node) -> dict[str, Any]:
    if not isinstance(node.value, dict):
        raise _Wrong(f"must be a mapping of names to values, is {_word(node.value)}")
    _check_finite(node)
    found: dict[str, Any] = node.plain()
    return found


def _check_finite(node: Node) -> None:
    if isinstance(node.value, float) and not math.isfinite(node.value):
        raise _Wrong("holds a number that is not finite", node)
    below = node.value.values() if isinstance(node.value, dict) else node.value
    for item in below if isinstance(node.value, dict | list) else ():
        _check_finite(item)


def _compare(node: Node) -> dict[str, Tolerance]:
    if not isinstance(node.value, dict):
        raise _Wrong(f"must be a mapping such as {{price: {{rtol: 1e-9}}}}, is {_word(node.value)}")
    for name, item in node.value.items():
        if name not in COMPARED:
            raise _Wrong(f"knows {', '.join(COMPARED)}, not {name!r:.60}", item.key)
    return {name: _tolerance(item) for name, item in node.value.items()}


def _tolerance(node: Node) -> Tolerance:
    if not isinstance(node.value, dict) or not node.value:
        raise _Wrong(f"takes rtol and atol, such as {{rtol: 1e-9}}, not {_word(node.value)}", node)
    for name, item in node.value.items():
        if name not in ("rtol", "atol"):
            raise _Wrong(f"takes rtol and atol, not {name!r:.60}", item.key)
        number = item.value
        if type(number) not in (int, float) or not math.isfinite(number) or number < 0:
            raise _Wrong(f"{name} must be a finite number, 0 or more", item)
    return Tolerance(**{name: float(item.value) for name, item in node.value.items()})


def _word(value: object) -> str:
    """Name a kind of value as a user of YAML would."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text" if value.strip() else "empty text"
    return "a list" if isinstance(value, list) else "a mapping"


def _nearest(name: str) -> str:
    import difflib

    near = difflib.get_close_matches(name.lower(), KEYS, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
