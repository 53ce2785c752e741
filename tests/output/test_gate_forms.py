"""Gate's answer for summaries, comments, annotations and JUnit: golden, safe, within the limits."""

import dataclasses
import re
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_bt.gating import GateReport, Level
from git_bt.output import words
from git_bt.output.annotations import SHOWN, annotations, fence
from git_bt.output.junit import junit
from git_bt.output.markdown import (
    COMMENT_LIMIT,
    MARKER,
    SUMMARY_LIMIT,
    code,
    comment,
    summary,
    text,
)
from output.gate_samples import FAILED, GATES, KNOWN, UNACCEPTED, report, say
from output.test_text import poisoned

cmarkgfm = pytest.importorskip(
    "cmarkgfm", reason="cmarkgfm, GitHub's own renderer, is not installed"
)

GOLDEN = Path(__file__).parent / "golden"
HOSTILE = (
    "`x` | <img src=x onerror=alert(1)> @octocat #1 GH-2 **b** _i_ [a](http://x) www.evil.test\n"
    "## heading\n- [ ] task\n</details>::error::no %0A \x1b[31m \u202e :smile: $x$ \\| &lt;"
)

MARKS = "`*_[]()<>&|#@!~:/\\-+.=w1 \n$^{}\"'"
OURS = {"state", "how", "kind", "what"}
"""Fields that hold a word of ours."""


def render(page: str) -> str:
    """Render as GitHub does: its own library, raw HTML let through."""
    options = cmarkgfm.Options.CMARK_OPT_UNSAFE
    found: str = cmarkgfm.github_flavored_markdown_to_html(page, options)
    return found


def forms(found: GateReport) -> dict[str, str]:
    """Every form of an answer, by the name of its golden file."""
    return {
        "summary.md": summary(found),
        "comment.md": comment(found),
        "annotations": "\n".join(annotations(found)) + "\n",
        "junit.xml": junit(found),
    }


def hostile(found: GateReport) -> GateReport:
    """An answer in which every stranger's word is hostile."""
    return GateReport(**{
        f.name: _hostile(getattr(found, f.name)) for f in dataclasses.fields(found)
    })  # fmt: skip


def _hostile(value: object) -> object:
    if type(value) is str:
        return value and value + HOSTILE
    if isinstance(value, tuple):
        return tuple(_hostile(v) for v in value)
    if isinstance(value, dict):
        return {k: _hostile(v) for k, v in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [f.name for f in dataclasses.fields(value) if f.name not in OURS]
        return dataclasses.replace(value, **{n: _hostile(getattr(value, n)) for n in names})
    return value


# -- golden ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", forms(GATES["gate"]))
@pytest.mark.parametrize("name", GATES)
def test_a_form_is_golden(name: str, form: str) -> None:
    """After a change that is meant, `write_golden` below writes them anew."""
    expected = (GOLDEN / f"{name}.{form}").read_text(encoding="utf-8")

    assert forms(GATES[name])[form] == expected


def write_golden() -> None:
    """Write every golden form as it is now."""
    for name, found in GATES.items():
        for form, shown in forms(found).items():
            (GOLDEN / f"{name}.{form}").write_text(shown, encoding="utf-8")


# -- Markdown -------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=80), st.text(MARKS, max_size=60)))
def test_a_strangers_text_means_nothing_but_itself(value: str) -> None:
    """As GitHub renders it, in a line, in a table and as code: what is read is what was written."""
    shown = words.plain(value)
    page = f"a {text(value)} z\n\n| h |\n|---|\n| b{text(value)} {code(value)}z |\n"
    html = render(page)
    tags = re.findall(r"<[^>]*>", html)
    said = unescape(re.sub(r"<[^>]*>", "", html)).replace("\u200b", "")

    assert {re.sub(r"[ >].*", "", tag.strip("</")) for tag in tags} <= {
        "p", "table", "thead", "tbody", "tr", "th", "td", "code", "html", "head", "body",
    }  # fmt: skip
    assert " ".join(said.split()) == " ".join(f"a {shown} z h b{shown} {shown}z".split())


def test_nobody_is_mentioned_and_no_issue_is_referred_to() -> None:
    """A host looks for these in what is rendered, wherever it is no code."""
    for page in (summary(hostile(GATES["gate"])), comment(hostile(GATES["gate"]))):
        prose = re.sub(r"<(code|pre)>.*?</\1>", "", render(page), flags=re.DOTALL)

        assert re.findall(r"@\w|#\d|GH-\d", unescape(prose)) == []


def test_a_hostile_page_has_the_shape_of_a_harmless_one() -> None:
    """No heading, no list item, no row and no element more."""
    one, two = render(summary(GATES["gate"])), render(summary(hostile(GATES["gate"])))

    for tag in (
        "<h2",
        "<li",
        "<tr",
        "<td",
        "<img",
        "<a ",
        "</details",
        "<details",
        "<input",
        "<pre",
    ):
        assert one.count(tag) == two.count(tag), tag
    assert summary(hostile(GATES["gate"])).count("## ") == 1


def test_a_page_keeps_within_its_limit_and_says_what_is_missing() -> None:
    """The most severe come first; what is left out is counted."""
    many = [
        dataclasses.replace(UNACCEPTED if i % 2 else FAILED, strategy=f"s/{i:05}", tail="x" * 900)
        for i in range(3000)
    ]
    good = dataclasses.replace(GATES["gate_pass"].strategies[0], strategy="a/good")
    found = report(good, *many)
    short, long = comment(found), summary(found)

    assert len(short.encode()) <= COMMENT_LIMIT < 65_536
    assert len(long.encode()) <= SUMMARY_LIMIT < 1 << 20
    assert short.startswith(MARKER + "\n")
    assert short.count("<details") == short.count("</details>")
    for page in (short, long):
        shown = page.count("<details")
        assert f"…and {3001 - shown} more" in page
        assert "a/good" not in page


def test_a_name_of_many_bytes_keeps_within_the_limit() -> None:
    """Limits are of bytes, and an entity has many."""
    many = [dataclasses.replace(FAILED, strategy=f"{i}" + "`€" * 300) for i in range(200)]

    assert len(comment(report(*many)).encode()) <= COMMENT_LIMIT


# -- annotations ----------------------------------------------------------------------------------


def test_ten_annotations_at_most_the_most_severe_first() -> None:
    """The tenth counts those that are left out; notes are none."""
    findings = tuple(
        say("x", Level.NO if i > 20 else Level.WARNING, f"finding {i}", "s") for i in range(25)
    )
    found = annotations(report(dataclasses.replace(KNOWN, findings=findings)))

    assert len(found) == SHOWN
    assert [line.split("::")[1].split()[0] for line in found] == ["error"] * 4 + ["warning"] * 5 + [
        "notice"
    ]
    assert found[-1].endswith("and 16 findings more, in the summary")


def test_a_hostile_word_makes_no_command() -> None:
    """Each is one line, and its properties end where they should."""
    for line in annotations(hostile(GATES["gate"])):
        command, message = re.fullmatch(r"::(error|warning) ([^:]*)::(.*)", line).group(2, 3)  # type: ignore[union-attr]
        named = [part.partition("=")[0] for part in command.split(",")]

        assert named == ["file", "title"]
        assert "\n" not in message
        assert "%250A" in message


def test_each_fence_has_a_token_of_its_own() -> None:
    """Nobody can write the line that ends it."""
    begin, end = fence()

    assert begin.removeprefix("::stop-commands::") == end.strip(":")
    assert len(end) > 30
    assert fence()[1] != end


# -- JUnit ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GATES)
def test_junit_is_well_formed_whatever_it_holds(name: str) -> None:
    """Also with control characters and what XML forbids."""
    for found in (GATES[name], poisoned(GATES[name]), hostile(GATES[name])):
        root = ElementTree.fromstring(junit(found).encode())
        cases = root.findall("testsuite/testcase")

        assert len(cases) == len(found.strategies) + bool(found.findings)
        assert root.get("tests") == str(len(cases))


def test_junit_tells_a_no_from_what_could_not_be_judged() -> None:
    """A failure is a failure, an error an error."""
    root = ElementTree.fromstring(junit(GATES["gate"]))
    found = {
        str(case.get("name")): [each.tag for each in case if each.tag != "system-out"]
        for case in root.findall("testsuite/testcase")
    }

    assert found["strategies/ema"] == ["failure"]
    assert found["strategies/grid"] == ["error"]
    assert found["strategies/once"] == []
    assert (root.get("failures"), root.get("errors")) == ("2", "1")


if __name__ == "__main__":
    write_golden()
