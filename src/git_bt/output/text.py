"""Reports as text for people: `render`, one entry a report.

What differs is never cut short without saying so, a difference is one line however long (so that
it can be searched for), everything else fits the width; names are cut for it on a terminal only.
All text of strangers goes through `plain`. Colour and width are decided by the caller.
"""

import sys
from importlib import import_module
from typing import Any

from git_bt.output.style import Style, color_wanted
from git_bt.output.words import fit_encoding, iso_time, plain

__all__ = ["color_wanted", "iso_time", "plain", "render"]

RENDERERS = {
    "PackReport": "verdicts.pack",
    "ValidateReport": "verdicts.validate",
    "ReplayReport": "verdicts.replay",
    "DemoReport": "verdicts.demo",
    "ListReport": "holdings.ls",
    "ShowReport": "holdings.show",
    "DiffReport": "holdings.diff",
    "ExportReport": "holdings.export",
    "ImportReport": "holdings.import_",
    "RestoreReport": "holdings.restore",
    "FsckReport": "holdings.fsck",
    "EnginesReport": "holdings.engines",
    "RecordReport": "tying.record",
    "AcceptReport": "tying.accept",
    "SweepsReport": "sweeping.ls",
    "SweepReport": "sweeping.show",
    "BestReport": "sweeping.best",
    "PromoteReport": "sweeping.promote",
    "MergedReport": "sweeping.merged",
    "TapePinReport": "looking.tape_pin",
    "FetchReport": "sharing.fetch",
    "PushReport": "sharing.push",
    "InitReport": "sharing.init",
    "DoctorReport": "sharing.doctor",
    "LogReport": "looking.log",
    "StatusReport": "looking.status",
    "CommitReport": "looking.commit",
    "ConflictsReport": "looking.conflicts",
    "GateReport": "gating.gate",
    "HookReport": "hooking.hook",
    "AdoptReport": "adopting.adopt",
    "CaptureReport": "capturing.capture",
    "RunReport": "capturing.run",
}
"""Report to module and function: what another command shows is not imported."""


def render(
    report: Any,
    *,
    width: int = 80,
    color: bool = False,
    all_differences: bool = False,
    cut: bool = True,
    encoding: str | None = None,
) -> str:
    """Return a report as text, newline at the end; nothing where there is nothing to say.

    Args:
        report: one of `reports.py`; another type is a bug of ours.
        width: columns of the terminal.
        color: paint it; see `color_wanted`.
        all_differences: show each difference, and values in full.
        cut: shorten names to the width; False where a program reads, which cuts for itself.
        encoding: of the stream it goes to, stdout's unless said; what it cannot hold (→, ✓, a
            name) is written in ASCII.
    """
    style = Style(color=color, width=width, all_differences=all_differences, cut=cut)
    module, _, function = RENDERERS[type(report).__name__].partition(".")
    lines = getattr(import_module(f"git_bt.output.{module}"), function)(report, style)
    text = "".join(f"{line}\n" for line in lines)
    return fit_encoding(text, encoding or getattr(sys.stdout, "encoding", None) or "utf-8")
