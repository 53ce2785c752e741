"""JSON for machines: every answer against its schema, and the keys that are promised."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from git_bt import adopting, capturing, gating, hooking, looking, reports, sharing, sweeping
from git_bt.output.json import error_json, to_json
from git_bt.output.text import RENDERERS
from output.report_samples import FLOX_METRICS, REPORTS
from output.test_text import poisoned

SCHEMAS = Path(__file__).parents[2] / "docs" / "reference" / "schemas"


def schema(command: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SCHEMAS / f"{command}.json").read_text(encoding="utf-8"))
    return found


def check(value: dict[str, Any]) -> None:
    """Hold an answer against the schema that it names."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    text.encode()
    command = value["schema"].split("/")[1]
    jsonschema.Draft202012Validator(schema(command)).validate(json.loads(text))


@pytest.mark.parametrize("name", REPORTS)
def test_every_answer_keeps_to_its_schema(name: str) -> None:
    """As it is, and with control characters and lone surrogates in every text."""
    value = to_json(REPORTS[name])

    check(value)
    assert value["schema"] == f"git-bt/{name.partition('_')[0]}/1"
    assert value["exit"] == int(REPORTS[name].exit_code)


@pytest.mark.parametrize("name", REPORTS)
def test_no_text_breaks_the_encoding(name: str) -> None:
    """A name that is not Unicode is spelled out."""
    json.dumps(to_json(poisoned(REPORTS[name])), ensure_ascii=False, allow_nan=False).encode()


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.json")), ids=lambda p: p.stem)
def test_a_schema_is_strict_and_explains_itself(path: Path) -> None:
    """Valid 2020-12, no unknown keys, every key required and described."""
    found = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(found)

    assert found["$id"] == f"git-bt/{path.stem}/1"
    for part in objects(found):
        assert part["additionalProperties"] is False
        assert sorted(part["required"]) == sorted(part["properties"])
        for key, value in part["properties"].items():
            assert "description" in value or "$ref" in value, key


def objects(value: Any) -> list[dict[str, Any]]:
    """Return every object schema with named properties."""
    if isinstance(value, list):
        return [o for v in value for o in objects(v)]
    if not isinstance(value, dict):
        return []
    inner = [o for v in value.values() for o in objects(v)]
    return [value, *inner] if value.get("type") == "object" and "properties" in value else inner


def test_each_command_has_a_schema_and_a_text() -> None:
    """A report of reports.py that cannot be shown is a bug of ours."""
    kinds = {
        kind
        for room in (reports, looking, gating, sharing, capturing, hooking, sweeping, adopting)
        for name, kind in vars(room).items()
        if name.endswith("Report") and dataclasses.is_dataclass(kind)
    }

    assert kinds == {type(report) for report in REPORTS.values()}
    assert {kind.__name__ for kind in kinds} == set(RENDERERS)
    assert {p.stem for p in SCHEMAS.glob("*.json")} == {
        *(to_json(report)["schema"].split("/")[1] for report in REPORTS.values()), "error",
    }  # fmt: skip


def test_pack_has_the_promised_keys() -> None:
    """Those of the issue, in its order, then ours."""
    value = to_json(REPORTS["pack"])

    assert list(value)[:11] == [
        "schema", "bundle", "inputs", "environment", "snapshot", "strategy", "engine", "metrics",
        "verdict", "elapsed_s", "exported",
    ]  # fmt: skip
    assert value["engine"] == {"name": "flox", "version": "0.11.0"}
    assert value["metrics"]["total_filled_quantity"] == FLOX_METRICS.total_filled_quantity
    assert list(value["metrics"]) == [
        "trade_count", "fill_count", "total_filled_quantity", "turnover", "fees", "pnl", "return",
        "max_drawdown", "volatility", "sharpe",
    ]  # fmt: skip
    assert value["exported"] is None


def test_validate_has_the_promised_keys() -> None:
    """What is absent is null, never left out."""
    value = to_json(REPORTS["validate_many"])
    good, diverged, *_, corrupt = value["bundles"]

    assert value["exit"] == 3
    assert diverged["differences"][0] == {
        "path": "fills[17].price", "row": 17, "ts_ns": 1_700_000_018_000_000_123,
        "expected": 49981.11, "actual": 49981.12, "detail": "1 tick, 1.4e9 ulps",
    }  # fmt: skip
    assert diverged["more"] == {"fills.price": 200, "fills.quantity": 187, "fills.rows": 1}
    assert diverged["environment"][0] == {"name": "lrvx", "recorded": "0.10.0", "here": "0.11.0"}
    assert (good["message"], corrupt["bundle"], corrupt["engine"]) == (None, None, None)
    assert [b["exit"] for b in value["bundles"]] == [0, 1, 0, 0, 1, 3, 3]


def test_an_error_is_an_object_too() -> None:
    """With the command, the words and the code."""
    value = error_json("pack", "no strategy here", None, 2)

    check(value)
    assert value == {
        "schema": "git-bt/error/1", "command": "pack", "message": "no strategy here",
        "hint": None, "exit": 2,
    }  # fmt: skip


def test_a_number_that_json_cannot_hold_is_text() -> None:
    """A config may hold infinity; the answer is JSON all the same."""
    change = reports.Change(name="limit", a=float("inf"), b=(1, float("nan")))
    value = to_json(dataclasses.replace(REPORTS["diff"], config=(change,)))

    check(value)
    assert value["config"] == [{"name": "limit", "a": "inf", "b": [1, "nan"]}]
