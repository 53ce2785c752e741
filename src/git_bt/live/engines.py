"""The engines that are known by their packages; frames of these are never the user's."""

from __future__ import annotations

NAMES = frozenset(
    {
        "git_bt", "rustybt", "zipline", "backtesting", "backtrader", "lrvx", "flox_py", "vectorbt",
        "nautilus_trader", "bt", "pybroker", "hftbacktest", "qstrader",
    }
)  # fmt: skip
