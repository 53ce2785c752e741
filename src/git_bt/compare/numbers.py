"""How far two numbers are apart: tolerance, ticks, ulps. Nothing here knows of rows or paths."""

import math
import struct
from decimal import Context, Decimal
from typing import Any, TypeGuard

from git_bt.model import Tolerance, Tolerances

TOLERABLE = frozenset({"price", "quantity", "fee", "equity"})
"""The only fields whose numbers may be within a tolerance."""

# Wide enough that the difference of two doubles as written is exact where it can matter.
_DECIMAL = Context(prec=60)


def is_number(value: Any) -> TypeGuard[int | float]:
    """Tell a number from the rest; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def tolerated(name: str, expected: Any, actual: Any, tolerances: Tolerances) -> bool:
    """Tell whether |a - e| <= atol + rtol * |e|, on the decimals as written.

    In binary 49981.12 - 49981.11 is more than 0.01; nobody who allows 0.01 means that.
    """
    tolerance = tolerances.get(name) if name in TOLERABLE else None
    if tolerance is None or not is_number(expected) or not is_number(actual):
        return False
    if not (math.isfinite(tolerance.rtol) and math.isfinite(tolerance.atol)):
        return False
    return _off(expected, actual) <= _allowed(tolerance, expected)


def _allowed(tolerance: Tolerance, expected: float) -> Decimal:
    relative = _DECIMAL.multiply(_decimal(tolerance.rtol), _decimal(expected).copy_abs())
    return _DECIMAL.add(_decimal(tolerance.atol), relative)


def _off(expected: float, actual: float) -> Decimal:
    return _DECIMAL.subtract(_decimal(actual), _decimal(expected)).copy_abs()


def _decimal(number: float) -> Decimal:
    return Decimal(repr(number))


def ticks(expected: float, actual: float, tick_size: float | None) -> int | None:
    """Return the difference in ticks, None unless it is whole within the numbers' rounding."""
    if not is_number(tick_size) or not math.isfinite(tick_size) or tick_size <= 0:
        return None  # a foreign config may say anything
    off, tick = _off(expected, actual), _decimal(tick_size)
    whole = int(_DECIMAL.to_integral_value(_DECIMAL.divide(off, tick)))
    rest = _DECIMAL.subtract(off, _DECIMAL.multiply(Decimal(whole), tick)).copy_abs()
    rounding = _DECIMAL.multiply(_decimal(max(abs(expected), abs(actual))), Decimal("1e-15"))
    return whole if whole and rest <= rounding < tick else None


def ulps(a: float, b: float) -> int:
    """Return how many doubles lie between two finite ones, counting the last; 0 for equal."""
    return abs(_ordinal(a) - _ordinal(b))


def _ordinal(number: float) -> int:
    bits: int = struct.unpack("<q", struct.pack("<d", number))[0]
    return bits if bits >= 0 else -(bits & 0x7FFF_FFFF_FFFF_FFFF)


def counted(count: int, unit: str) -> str:
    """Say a count: whole up to 9999, then with two digits (1.4e9)."""
    if count < 10_000:
        return f"{count} {unit}{'' if count == 1 else 's'}"
    digits, _, power = f"{count:.1e}".partition("e+")
    return f"{digits.removesuffix('.0')}e{int(power)} {unit}s"


def duration(ns: int) -> str:
    """Say a duration exactly: in ns below 10 µs, else in seconds (0.0015 s)."""
    if ns < 10_000:
        return f"{ns} ns"
    seconds, rest = divmod(ns, 10**9)
    return f"{seconds}.{rest:09d}".rstrip("0").rstrip(".") + " s"
