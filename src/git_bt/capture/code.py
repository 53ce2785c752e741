"""The strategy's code, asked for from inside the run: RustyBT's interface, every promise kept.

The question which file it is goes to `live.detection`; here are the levels of the log, and the way
from that file to a snapshot. Whatever goes wrong on the way is a warning: a run never fails because
its code could not be captured.
"""

from __future__ import annotations

from git_bt.capture.levels import LEVELS, Log
from git_bt.live.detection import detect
from git_bt.live.engines import NAMES
from git_bt.live.found import Detection

TYPE_CHECKING = False  # typing's own costs 10 ms
if TYPE_CHECKING:
    from collections.abc import Collection

    from git_bt.model import Captured

MODES = ("entry_point", "imports")


class StrategyCodeCapture:
    """Finds the strategy of the run that calls it, and captures it.

    Args:
        log_level: DEBUG, INFO, WARNING or ERROR; None takes it from the environment or the
            project's `.env` (`levels.py`), else INFO.
        code_capture_mode: entry_point (only that file) or imports (with the local modules it
            loads). A strategy.yaml beside the entry point stands above both.

    Raises:
        ValueError: an unknown level or mode, naming those that there are.
    """

    def __init__(
        self, log_level: str | None = None, code_capture_mode: str = "entry_point"
    ) -> None:
        if code_capture_mode not in MODES:
            raise ValueError(
                f"unknown code_capture_mode {code_capture_mode!r:.60}; there are {', '.join(MODES)}"
            )
        self.code_capture_mode = code_capture_mode
        self._log = Log(log_level)
        self._said: set[tuple[object, ...]] = set()
        self._diagnose = self._log.debug if self._log.level <= LEVELS["DEBUG"] else None

    @property
    def log_level(self) -> str:
        """The level in force."""
        return next(word for word, number in LEVELS.items() if number == self._log.level)

    def detect_entry_point(self, framework: Collection[str] = ()) -> Detection:
        """Return which file is the strategy that runs now.

        Args:
            framework: top-level packages whose frames are not the user's, or the name of one; the
                known engines always are among them.
        """
        named = (framework,) if isinstance(framework, str) else framework
        theirs = NAMES.union(named) if named else NAMES
        found = detect(theirs, depth=2, say=self._diagnose)
        if self._log.level < LEVELS["ERROR"]:
            self._tell(found)
        return found

    def _tell(self, found: Detection) -> None:
        if found.detected_file is not None:
            self._say_once(
                "INFO",
                "notebook_file_detected"
                if found.execution_context == "notebook"
                else "entry_point_detected",
                path=found.detected_file,
                method=found.detection_method,
                confidence=found.confidence,
            )
        for note in found.warnings:
            self._say_once("WARNING", note.kind, message=note.message, path=note.path)

    def _say_once(self, level: str, event: str, **fields: object) -> None:
        """Say something that is so for each run of a sweep."""
        said = (event, *fields.values())
        if said not in self._said:
            self._said.add(said)
            self._log.say(level, event, **fields)

    def capture(self, found: Detection | None = None) -> Captured:
        """Capture the strategy: its files as they lie on disk now, and what was noticed.

        Args:
            found: the entry point; None detects it.

        Returns:
            The snapshot with its bytes. Without an entry point it holds what the nearest
            strategy.yaml lists; without that too no file, and its warnings say why.
        """
        from git_bt.capture.running import capture_running

        found = found or detect(NAMES, depth=2, say=self._diagnose)
        captured = capture_running(found, mode=self.code_capture_mode)
        if self._diagnose is not None:
            for path, member in captured.snapshot.files.items():
                self._diagnose("file_captured", path=path, size=member.size, sha256=member.sha256)
        self._log.say(
            "INFO", "code_captured", files=len(captured.content), method=captured.snapshot.method
        )
        for notice in captured.notices:
            self._say_once("WARNING", notice.kind, message=notice.message, path=notice.path)
        return captured
