"""How much capture says in the log, and where that is read from.

The first that says something counts: the parameter, GIT_BT_CAPTURE_LOG_LEVEL, RustyBT's
RUSTYBT_CODE_CAPTURE_LOG_LEVEL, then either of them in the `.env` of the project root. The log is
`logging.getLogger("git_bt.capture")`; `logging` is imported when there is something to say.
"""

from __future__ import annotations

import os
import sys

from git_bt.live.places import project_root

TYPE_CHECKING = False  # typing's own costs 10 ms
if TYPE_CHECKING:
    from typing import Any

LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}
VARIABLES = ("GIT_BT_CAPTURE_LOG_LEVEL", "RUSTYBT_CODE_CAPTURE_LOG_LEVEL")
LOGGER = "git_bt.capture"
_WARNING = LEVELS["WARNING"]


class Log:
    """Says what capture does, from one level on.

    Args:
        level: a word of LEVELS; None looks for one. Where nothing says anything, it is INFO.

    Raises:
        ValueError: a level that there is not, naming those that there are.
    """

    __slots__ = ("level", "wanted")

    def __init__(self, level: str | None = None) -> None:
        found = find_level(level)
        self.wanted = found is not None
        self.level = LEVELS[found or "INFO"]

    def say(self, word: str, event: str, **fields: object) -> None:
        """Log one event with its fields, when its level is high enough.

        A program that has not set up logging sees warnings, and the rest only where a level was
        asked for: then it goes to stderr.
        """
        number = LEVELS[word]
        quiet = number < _WARNING and not self.wanted and "logging" not in sys.modules
        if number < self.level or quiet:
            return
        logger = _logger(self.level if self.wanted else None)
        if logger.isEnabledFor(number):
            text = ", ".join(f"{name}={_in_line(value)}" for name, value in fields.items())
            logger.log(number, f"{event}: {text}" if text else event, extra={"event": event})

    def debug(self, event: str, **fields: object) -> None:
        """Log a diagnostic."""
        self.say("DEBUG", event, **fields)


def _in_line(value: object) -> str:
    text = str(value)
    return text if text.isprintable() else repr(text)


def _logger(level: int | None) -> Any:
    import logging

    logger = logging.getLogger(LOGGER)
    if level is not None:
        logger.setLevel(level)
        if not logger.hasHandlers():
            handler = logging.StreamHandler()
            handler.setFormatter(logging.Formatter("%(levelname)s - %(message)s"))
            logger.addHandler(handler)
    return logger


def find_level(level: str | None) -> str | None:
    """Return the level that was asked for, None when nobody did; raises ValueError as Log."""
    if level is not None:
        return _checked(level, "log_level")
    for name in VARIABLES:
        if os.environ.get(name):
            return _checked(os.environ[name], name)
    path = os.path.join(_root(), ".env")  # noqa: PTH118  pathlib is slower, and this is felt
    return _of_file(path)


def _root() -> str:
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    return project_root(main if isinstance(main, str) else os.path.join(os.getcwd(), "-"))  # noqa: PTH109, PTH118


def _of_file(path: str) -> str | None:
    if not os.path.isfile(path):  # noqa: PTH113  reading a pipe would wait for who writes
        return None
    try:
        with open(path, encoding="utf-8-sig", errors="replace") as file:  # noqa: PTH123
            lines = file.read(1 << 20).splitlines()
    except OSError:
        return None
    found = {}
    for line in lines:
        text = line.replace("\t", " ").strip()
        name, equals, value = text.removeprefix("export ").partition("=")
        if equals and name.strip() in VARIABLES:
            found[name.strip()] = value.partition(" #")[0].strip().strip("'\"")
    for name in VARIABLES:
        if found.get(name):
            return _checked(found[name], f"{path}: {name}")
    return None


def _checked(level: object, where: str) -> str:
    word = level.upper() if isinstance(level, str) else level
    if word not in LEVELS:
        raise ValueError(f"{where}: unknown level {level!r:.60}; there are {', '.join(LEVELS)}")
    return str(word)
