"""Which files are the strategy, and which data is its tape.

`code` asks from inside a run; `strategy` finds and reads strategies, `snapshot` captures one,
`tape` its market data, `imports` knows what a module needs. Nothing is imported before it is asked
for: a run starts before all of it is needed.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own costs 10 ms
if TYPE_CHECKING:
    from typing import Any

    from git_bt.capture.code import StrategyCodeCapture

__all__ = ["StrategyCodeCapture"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from git_bt.capture import code

        return getattr(code, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
