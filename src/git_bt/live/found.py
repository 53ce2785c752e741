"""What was found, as plain values; no dataclasses, because importing them is felt."""

from __future__ import annotations


class Note:
    """Something a person should know, that stops nothing; `kind` is a stable word."""

    __slots__ = ("kind", "message", "path")

    def __init__(self, kind: str, message: str, path: str | None = None) -> None:
        self.kind = kind
        self.message = message
        self.path = path

    def __repr__(self) -> str:
        return f"Note({self.kind!r}, {self.message!r}, {self.path!r})"


class Detection:
    """Which file is the strategy, and how sure that is.

    `detected_file` is absolute, None when there is none. `execution_context` is file, notebook,
    interactive, frozen or unknown. `detection_method` is program, main, frames, vscode,
    jupyter_session, kernel_session, executed_cells, only_notebook, executable or none.
    `fallback_used` says that it is not the first method of its context. `cells` is the Python that
    a notebook kernel has executed so far, None elsewhere.
    """

    __slots__ = (
        "cells",
        "confidence",
        "detected_file",
        "detection_method",
        "execution_context",
        "fallback_used",
        "warnings",
    )

    def __init__(
        self,
        detected_file: str | None,
        detection_method: str,
        confidence: float,
        execution_context: str,
        warnings: tuple[Note, ...] = (),
        *,
        fallback_used: bool = False,
        cells: str | None = None,
    ) -> None:
        self.detected_file = detected_file
        self.detection_method = detection_method
        self.confidence = confidence
        self.execution_context = execution_context
        self.fallback_used = fallback_used
        self.warnings = warnings
        self.cells = cells

    def __repr__(self) -> str:
        return (
            f"Detection(detected_file={self.detected_file!r}, method={self.detection_method!r}, "
            f"confidence={self.confidence}, context={self.execution_context!r}, "
            f"warnings={self.warnings!r})"
        )


def uncertain(what: str, path: str | None) -> Note:
    """Return the note of an answer that may be wrong."""
    return Note("detection_uncertain", f"{what}; a strategy.yaml makes it certain", path)
