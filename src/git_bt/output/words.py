"""Single values as words: ids, times, numbers, sizes, and text that is safe on a terminal.

Names, paths, messages and what a strategy printed come from strangers: every one goes through
`plain` before it is shown, or an escape sequence in it would speak to the terminal.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from git_bt.model import EngineVersion

ID_DIGITS = 12
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# C0, DEL, C1, line separators, marks that turn the reading direction, lone surrogates.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_IN_ASCII = {"→": "->", "✓": "ok", "✗": "!!", "…": "...", "×": "x", "–": "-"}


def plain(text: str) -> str:
    r"""Return text on one line with every control character spelled out (ESC is \x1b)."""
    return _UNSAFE.sub(_spelled, text)


def plain_lines(text: str) -> list[str]:
    """Return the lines of a text, each safe, tabs as blanks, no blank ones at the end."""
    lines = text.replace("\r\n", "\n").split("\n")
    safe = [plain(line.expandtabs(4)) for line in lines]
    while safe and not safe[-1].strip():
        safe.pop()
    return safe


def _spelled(match: re.Match[str]) -> str:
    char = match.group()
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    code = ord(char)
    return named.get(char) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def fit_encoding(text: str, encoding: str) -> str:
    """Return text that an encoding can hold: signs by their ASCII names, the rest spelled out."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        for sign, name in _IN_ASCII.items():
            text = text.replace(sign, name)
        return text.encode(encoding, "backslashreplace").decode(encoding)
    return text


def short(digest: str | None) -> str:
    """Return an id as people see it: its first 12 digits."""
    return "-" if digest is None else plain(digest[:ID_DIGITS])


def engine(version: EngineVersion | None) -> str:
    """Return an engine with its version, such as `flox 0.11.0`."""
    return "-" if version is None else plain(f"{version.name} {version.version}")


def iso_time(ns: int) -> str:
    """Return a time in ns since the epoch as ISO 8601 in UTC, with all nine digits.

    What no calendar holds (before year 1, after 9999) is said as `<ns> ns`.
    """
    seconds, rest = divmod(ns, 10**9)
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return f"{ns} ns"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest:09d}Z".rjust(30, "0")


def minute(ns: int | None) -> str:
    """Return a time to the minute, `2026-11-21 07:15`, in UTC."""
    return "-" if ns is None else iso_time(ns)[:16].replace("T", " ")


def number(value: float | None) -> str:
    """Return a number with at most ten significant digits, without an exponent where possible."""
    if value is None:
        return "-"
    if isinstance(value, int):
        return str(value)
    if value == 0:
        return "0"
    if not 1e-6 <= abs(value) < 1e15:
        return f"{value:.6g}"
    places = max(0, 9 - math.floor(math.log10(abs(value))))
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(fraction: float | None) -> str:
    """Return a fraction in percent, two places."""
    return "-" if fraction is None else f"{100 * fraction:.2f} %"


def size(count: int) -> str:
    """Return bytes in the unit that keeps the number short."""
    if count < 1024:
        return f"{count} B"
    amount = float(count)
    for unit in ("KiB", "MiB", "GiB"):
        amount /= 1024
        if amount < 1024 or unit == "GiB":
            break
    return f"{amount:.1f} {unit}"


def seconds(value: float) -> str:
    """Return a duration in seconds, shorter the longer it is."""
    return f"{value:.2f} s" if value < 10 else f"{value:.0f} s"


def count(amount: int, noun: str, plural: str | None = None) -> str:
    """Return a count with its noun in the right number."""
    return f"{amount} {noun if amount == 1 else plural or noun + 's'}"


def value(found: Any, longest: int = 60) -> str:
    """Return one value of a row or a config, as it would be typed."""
    if found is None:
        return "nothing"
    if found == "":
        return '""'
    if isinstance(found, bool | list | tuple | Mapping):
        found = json.dumps(found, ensure_ascii=False, default=str)
    return clip(plain(found if isinstance(found, str) else repr(found)), longest)


def clip(text: str, longest: int) -> str:
    """Return text cut at its end to at most this many characters, the cut marked."""
    return text if len(text) <= longest else text[: max(1, longest - 1)] + "…"


def clip_left(text: str, longest: int) -> str:
    """Return text cut at its beginning: of a path the end tells more."""
    return text if len(text) <= longest else "…" + text[len(text) - max(1, longest - 1) :]


def joined(words: Iterable[str], last: str = "and") -> str:
    """Return words as an English list: a, b and c."""
    *rest, end = words
    return f"{', '.join(rest)} {last} {end}" if rest else end
