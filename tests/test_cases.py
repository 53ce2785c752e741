"""The real and tampered FLOX bundles of shared/cases/flox: each file gets the verdict it must."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import CASES

FLOX = CASES / "flox"
EXPECTED = FLOX / "expected.csv"
ROWS = list(csv.DictReader(EXPECTED.read_text().splitlines())) if EXPECTED.is_file() else []
TIMEOUT_S = 20

pytestmark = pytest.mark.skipif(not ROWS, reason="shared/cases is not beside this checkout")


def processes_in(folder: Path) -> list[str]:
    """Return the command lines of every process that has to do with a folder."""
    listing = subprocess.run(["ps", "-wweo", "pid,args"], capture_output=True, text=True).stdout
    return [line for line in listing.splitlines() if str(folder) in line]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, object]]]:
    """Validate every file in one command, as CI would."""
    temp = tmp_path_factory.mktemp("tmp")
    env = os.environ | {"TMPDIR": str(temp)}
    command = [sys.executable, "-m", "git_bt", "validate", "--json", "--jobs", "2"]
    command += ["--timeout", str(TIMEOUT_S), *(row["file"] for row in ROWS)]
    done = subprocess.run(command, cwd=FLOX, env=env, capture_output=True, text=True)

    assert "Traceback" not in done.stderr
    answer = json.loads(done.stdout)
    assert done.returncode == answer["exit"] == 3
    assert processes_in(temp) == []
    assert list(temp.iterdir()) == []
    return {bundle["name"]: bundle for bundle in answer["bundles"]}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["file"])
def test_each_bundle_gets_its_verdict(
    row: dict[str, str], answers: dict[str, dict[str, object]]
) -> None:
    """The verdict is one of the words that are right, and the exit code agrees."""
    answer = answers[row["file"]]

    assert answer["verdict"] in row["verdicts"].split("|"), answer
    assert (answer["exit"] == 0) == (row["must"] == "ok")
    assert "\n" not in str(answer["message"])


def test_the_first_differing_fill_is_named(answers: dict[str, dict[str, object]]) -> None:
    """One edited price of 406 fills is found, with both values."""
    (first,) = answers["10k_expected_price_edited.tar"]["differences"]  # type: ignore[misc]

    assert first["path"].startswith("fills[")
    assert first["path"].endswith(".price")
    assert first["expected"] != first["actual"]
    assert first["detail"] == "1 tick, 1.4e9 ulps"
