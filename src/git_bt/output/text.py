"""Reports as text for people: `render`, one entry a report.

What differs is never cut short without saying so, a difference is one line however long (so that
it can be searched for), everything else fits the width; names are cut for it on a terminal only.
All text of strangers goes through `plain`. Colour and width are decided by the caller.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any

from git_bt import capturing as c
from git_bt import gating as g
from git_bt import hooking as h
from git_bt import looking as k
from git_bt import reports as r
from git_bt import sharing as s
from git_bt.output import capturing, gating, holdings, hooking, looking, sharing, tying, verdicts
from git_bt.output.style import Style, color_wanted
from git_bt.output.words import fit_encoding, iso_time, plain

__all__ = ["color_wanted", "iso_time", "plain", "render"]

_RENDER: Mapping[type, Callable[[Any, Style], list[str]]] = {
    r.PackReport: verdicts.pack,
    r.ValidateReport: verdicts.validate,
    r.ReplayReport: verdicts.replay,
    r.DemoReport: verdicts.demo,
    r.ListReport: holdings.ls,
    r.ShowReport: holdings.show,
    r.DiffReport: holdings.diff,
    r.ExportReport: holdings.export,
    r.ImportReport: holdings.import_,
    r.RestoreReport: holdings.restore,
    r.FsckReport: holdings.fsck,
    r.EnginesReport: holdings.engines,
    r.RecordReport: tying.record,
    r.AcceptReport: tying.accept,
    g.GateReport: gating.gate,
    h.HookReport: hooking.hook,
    k.TapePinReport: looking.tape_pin,
    s.FetchReport: sharing.fetch,
    s.PushReport: sharing.push,
    s.InitReport: sharing.init,
    s.DoctorReport: sharing.doctor,
    k.LogReport: looking.log,
    k.StatusReport: looking.status,
    k.CommitReport: looking.commit,
    k.ConflictsReport: looking.conflicts,
    c.CaptureReport: capturing.capture,
}


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
    text = "".join(f"{line}\n" for line in _RENDER[type(report)](report, style))
    return fit_encoding(text, encoding or getattr(sys.stdout, "encoding", None) or "utf-8")
