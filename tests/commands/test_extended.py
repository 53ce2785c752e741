"""A new month of data, on the real engine: extended, restated, looking ahead, and the untold."""

import shutil

import lrvx
import numpy as np
import pytest

from conftest import GitRepo
from floxkit import START, on_trade, write_tape
from git_bt.comparison import Validation
from git_bt.model import Verdict
from projects import CROSS, PYTHON, add_strategy, bt, bundle_id, validated, walk


def append(repo: GitRepo, prices: list[float], name: str = "b.lrvx") -> None:
    """Let the engine record trades behind the end of the tape `walk`, into the same folder."""
    n = len(prices)
    before = set((repo.path / "tapes/walk").iterdir())
    times = START + (3000 + np.arange(n, dtype=np.int64)) * 1_000_000
    writer = lrvx.DataWriter(str(repo.path / "tapes/walk"))
    writer.write_trades(
        times,
        times,
        np.array(prices),
        np.ones(n),
        np.arange(n, dtype=np.uint64),
        np.ones(n, dtype=np.uint32),
        np.ones(n, dtype=np.uint8),
    )
    writer.close()
    (segment,) = set((repo.path / "tapes/walk").iterdir()) - before
    segment.rename(segment.with_name(name))


def judged(repo: GitRepo, name: str = CROSS, **options: object) -> Validation:
    return validated(repo, name, **options)[0]


def test_new_data_at_the_end_is_extended(project: GitRepo) -> None:
    """The verdict says up to when it is identical, and how many fills are new; pack goes on."""
    append(project, [100.0, 140.0, 60.0, 140.0] * 20)
    found = judged(project)

    assert (found.verdict, found.differences, found.more) == (Verdict.EXTENDED, (), {})
    assert found.message.startswith("identical to 2023-11-14T22:13:22.999000000Z, ")
    assert found.message.endswith(" new fills")
    assert found.hint == f"to go on from here: git bt pack {CROSS}"

    bundle_id(project, CROSS)
    assert judged(project).verdict is Verdict.REPRODUCED


def test_the_program_says_it(project: GitRepo) -> None:
    """Exit 0, one line more, and JSON with the same word."""
    append(project, [100.0])
    said = bt("validate", CROSS, "--python", PYTHON, cwd=project)
    value = bt("validate", CROSS, "--python", PYTHON, "--json", cwd=project).json

    assert said.code == 0
    assert "✓ extended" in said.out
    assert "    identical to 2023-11-14T22:13:22.999000000Z, 1 new fill\n" in said.out
    assert value["bundles"][0]["verdict"] == "extended"
    assert value["exit"] == 0


def test_a_restated_value_has_diverged(project: GitRepo) -> None:
    """One price of the past is another: the file is named, the first difference has its time."""
    prices = walk(3000)
    prices[1500] += 25
    tape = project.path / "tapes/walk"
    shutil.rmtree(tape)
    write_tape(tape, prices)
    append(project, [100.0, 140.0])
    found = judged(project)

    assert found.verdict is Verdict.DIVERGED
    assert found.message == "the history changed: a.lrvx of the tape has other bytes"
    assert found.differences[0].ts_ns is not None
    assert found.differences[0].path.startswith("fills[")


def test_a_segment_that_is_gone_is_named(project: GitRepo) -> None:
    """Even when other data came."""
    append(project, [100.0, 140.0])
    (project.path / "tapes/walk/a.lrvx").unlink()

    assert judged(project).message == "the history changed: a.lrvx of the tape is gone"


def test_a_segment_that_the_engine_reads_first_is_named(project: GitRepo) -> None:
    """Its times are new, its name is not: the engine goes by names."""
    append(project, [100.0, 140.0] * 20, name="0.lrvx")
    found = judged(project)

    assert found.verdict is Verdict.DIVERGED
    assert found.message == "the tape has a new file that is read before old ones: 0.lrvx"


def test_look_ahead_is_told_from_history(project: GitRepo) -> None:
    """The old data is untouched, yet an old fill is another: it knew what came later."""
    text = on_trade(
        "if self.n == 1:\n    self.market_buy(float(SIZE))",
        head=f"import glob, os\nSIZE = len(glob.glob({str(project.path / 'tapes/walk/*.lrvx')!r}))",
    )
    add_strategy(project, "strategies/peeks", text, tape="walk")
    bundle_id(project, "strategies/peeks")
    append(project, [100.0, 140.0])
    found = judged(project, "strategies/peeks")

    assert found.verdict is Verdict.DIVERGED
    assert "only grew after 2023-11-14T22:13:22.999000000Z" in found.message
    assert "looks ahead" in found.message
    assert found.differences[0].path == "fills[0].quantity"


def test_code_that_changed_is_judged_up_to_the_old_end(project: GitRepo) -> None:
    """A comment more extends; another rule does not."""
    append(project, [100.0, 140.0])
    place = project.path / CROSS / "strategy.py"
    code = place.read_text()
    place.write_text(code + "# a word\n")
    same = judged(project).verdict
    place.write_text(code.replace("0.05", "0.06"))
    other = judged(project).verdict

    assert (same, other) == (Verdict.EXTENDED, Verdict.DIVERGED)


@pytest.mark.parametrize("name", ["notes.txt", "0.lrvx"])
def test_what_is_not_known_to_be_new_data_is_no_extension(name: str, project: GitRepo) -> None:
    """A file that says nothing of its time, or a segment from before the old end."""
    append(project, [100.0, 140.0])
    if name == "notes.txt":
        project.write("tapes/walk/notes.txt", "x")
        why = "does not say when it begins"
    else:
        shutil.copy(project.path / "tapes/three/a.lrvx", project.path / "tapes/walk/0.lrvx")
        why = "begins before the old end"
    found = judged(project)

    assert found.verdict is Verdict.DIVERGED
    assert why in found.message
    assert name in found.message


def test_a_bundle_is_judged_on_its_own_tape(project: GitRepo) -> None:
    """Only a strategy of the work tree can have grown."""
    bundle = bundle_id(project, CROSS)
    append(project, [100.0, 140.0])

    assert judged(project, bundle).verdict is Verdict.REPRODUCED
