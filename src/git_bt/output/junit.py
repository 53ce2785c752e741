"""The answer of gate as JUnit XML, which GitLab, Jenkins, Azure and others show by themselves.

One test a strategy: a `no` is a failure, what could not be judged an error, and what was not run
because it is known a test that passed in no time. Findings that belong to no strategy are a test
of their own. The schema is the common one (testsuites, testsuite, testcase, failure, error).
"""

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from git_bt.gating import Finding, Gated, GateReport, Level
from git_bt.output import words
from git_bt.output.gating import accepted_words, input_words, ran_words

_NO_XML = re.compile("[\ufffe\uffff]|[\U0001fffe-\U0001ffff]")
_SUITE = "git bt gate"


def junit(report: GateReport) -> str:
    """Return the answer as one XML document."""
    suites = ElementTree.Element("testsuites", name=_SUITE)
    suite = ElementTree.SubElement(suites, "testsuite", name=_SUITE)
    for gated in report.strategies:
        _strategy(suite, gated)
    if report.findings:
        case = _case(suite, "rules", 0.0)
        _findings(case, report.findings)
    for each in (suites, suite):
        each.set("tests", str(len(suite)))
        each.set("failures", str(len(suite.findall("testcase/failure"))))
        each.set("errors", str(len(suite.findall("testcase/error"))))
        each.set("time", f"{sum(g.elapsed_s for g in report.strategies):.3f}")
    ElementTree.indent(suites)
    body = ElementTree.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _strategy(suite: ElementTree.Element, gated: Gated) -> None:
    at = f" at {words.short(gated.commit)}" if gated.commit else ""
    case = _case(suite, f"{_safe(gated.strategy)}{at}", gated.elapsed_s)
    _findings(case, gated.findings)
    said = [ran_words(gated), *input_words(gated.changes)]
    if gated.acceptance is not None:
        said.append(accepted_words(gated.acceptance))
        said += [f"reason: {gated.acceptance.reason}"] if gated.acceptance.reason else []
    told = [f for f in gated.findings if f.level in (Level.WARNING, Level.NOTE)]
    said += [f"{finding.level}: {finding.message}" for finding in told]
    said += words.plain_lines(gated.tail)
    ElementTree.SubElement(case, "system-out").text = "\n".join(_safe(line) for line in said)


def _case(suite: ElementTree.Element, name: str, elapsed_s: float) -> ElementTree.Element:
    return ElementTree.SubElement(
        suite, "testcase", classname=_SUITE, name=name, time=f"{elapsed_s:.3f}"
    )


def _findings(case: ElementTree.Element, findings: Sequence[Finding]) -> None:
    """Put the first finding that closes the gate into a test, the others into its text."""
    closing = [f for f in findings if f.level in (Level.NO, Level.UNJUDGED)]
    if not closing:
        return
    first = min(closing, key=lambda f: f.level is not Level.NO)
    tag = "failure" if first.level is Level.NO else "error"
    found = ElementTree.SubElement(case, tag, type=_safe(first.kind), message=_safe(first.message))
    lines = []
    for each in closing:
        lines.append(each.message)
        lines += [f"hint: {each.hint}"] if each.hint else []
    found.text = "\n".join(_safe(line) for line in lines)


def _safe(text: str) -> str:
    """Return text that an XML document can hold, on one line."""
    return _NO_XML.sub("\ufffd", words.plain(text))
