"""docs/reference/capture.md: each promise names a test that is there, each kind is described."""

import ast
import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "capture.md"


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_each_promise_names_a_test_that_is_there() -> None:
    """A row without its test would be a claim."""
    promises = rows("What RustyBT's guide promises")
    named = [re.fullmatch(r"`(tests/\S+\.py)::(test_\w+)`", cell[2]) for cell in promises]

    assert len(promises) >= 30
    assert all(named)
    for found in named:
        assert found is not None
        tree = ast.parse((ROOT / found[1]).read_text(encoding="utf-8"))
        names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert found[2] in names, found[0]


def test_the_kinds_are_those_of_the_schema() -> None:
    """A kind that is shown is described, and the other way round."""
    schema = json.loads((ROOT / "docs/reference/schemas/capture.json").read_text())
    kinds = schema["properties"]["warnings"]["items"]["properties"]["kind"]["enum"]

    assert [cell[0].strip("`") for cell in rows("Warnings")] == kinds
