"""Reading fields of a decoded JSON object, each of the right type or refused by name.

What the fields mean is `records.py` and `sweep_records.py`; here is only what they have in common.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from git_bt.errors import Corrupt

VERSION = 1
"""The version of every stored document that this git-bt writes and reads."""
DIGEST = re.compile(r"[0-9a-f]{64}")
T = TypeVar("T")

_WORDS: Mapping[type, str] = {
    str: "text", int: "a whole number", dict: "an object", list: "a list", bool: "true or false",
}  # fmt: skip


def as_object(value: Any, what: str) -> dict[str, Any]:
    """Return a value that must be an object; raises Corrupt."""
    if not isinstance(value, dict):
        raise Corrupt(f"{what}: must be an object, is {type(value).__name__}")
    return value


def get_field(value: Mapping[str, Any], key: str, kind: type[T], what: str) -> T:
    """Return a field that must be there and of one type; raises Corrupt."""
    found = value.get(key)
    if type(found) is not kind:  # bool is an int to isinstance, and no number to us
        raise Corrupt(f"{what}: {key!r} must be {_WORDS[kind]}")
    return found


def find_text(value: Mapping[str, Any], key: str, what: str) -> str | None:
    """Return a text that may be missing; raises Corrupt when it is another type."""
    return None if key not in value else get_field(value, key, str, what)


def get_digest(value: Mapping[str, Any], key: str, what: str) -> str:
    """Return a field that must be a sha256 in hex; raises Corrupt."""
    found = get_field(value, key, str, what)
    if not DIGEST.fullmatch(found):
        raise Corrupt(f"{what}: {key!r} must be a sha256 in lower-case hex")
    return found


def check_version(value: Mapping[str, Any], what: str) -> None:
    """Refuse a document of another version, by name; raises Corrupt."""
    version = get_field(value, "version", int, what)
    if version != VERSION:
        raise Corrupt(
            f"{what}: version {version} is not known to this git-bt, which reads {VERSION}",
            hint="upgrade git-bt: pip install -U git-bt",
        )
