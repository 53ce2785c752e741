"""Validate: each verdict, several at once, and what is said beside a verdict."""

import json
import os
import shutil
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from conftest import GitRepo
from floxkit import BUY_ONCE, on_trade, write_tape
from git_bt.archive import entry, open_archive, write_archive
from git_bt.commands.candidates import Candidates
from git_bt.commands.export import export
from git_bt.commands.show import show
from git_bt.commands.validate import validate
from git_bt.errors import CannotWork, ExitCode, Usage
from git_bt.model import Tolerance, Verdict
from git_bt.repo import Repo
from projects import (
    CROSS,
    CROSSING,
    FOREVER,
    ONCE,
    PYTHON,
    RAISES,
    RANDOM,
    add_strategy,
    all_runs,
    bundle_id,
    packed,
    silent,
    validated,
    walk,
    yaml_of,
)


def test_everything_is_validated_without_a_name(project: GitRepo) -> None:
    """Every strategy of the work tree, in the order of their names, also from below."""
    found = validated(project, cwd=project.path / "strategies")

    assert [(v.name, v.verdict) for v in found] == [
        (CROSS, Verdict.REPRODUCED),
        (ONCE, Verdict.REPRODUCED),
    ]


def test_a_bundle_is_named_by_id_strategy_or_archive(project: GitRepo, tmp_path: Path) -> None:
    """Each says what was typed, which bundle that is, and which strategy."""
    digest = bundle_id(project, ONCE)
    export(digest, to=str(tmp_path / "once.tar"), cwd=project.path)
    names = (digest, digest[:4], ONCE, str(project.path / ONCE), str(tmp_path / "once.tar"))
    found = validated(project, *names, jobs=1)

    assert [v.name for v in found] == list(names)
    assert {(v.bundle, v.verdict) for v in found} == {(digest, Verdict.REPRODUCED)}
    assert found[2].strategy == ONCE


def test_validate_writes_nothing(project: GitRepo) -> None:
    """No ref and no object; only --record does."""
    before = project.git("for-each-ref"), project.git("count-objects", "-v")
    validated(project)

    assert (project.git("for-each-ref"), project.git("count-objects", "-v")) == before


def test_record_stores_a_run_of_each_verdict(project: GitRepo) -> None:
    """Also of one that failed, under the inputs that ran: it is no failure of the bundle."""
    digest = bundle_id(project, ONCE)
    validated(project, digest, record=True)
    add_strategy(project, ONCE, BUY_ONCE.replace("1.0", "2.0"))
    validated(project, ONCE, record=True)
    add_strategy(project, ONCE, RAISES)
    validated(project, ONCE, record=True)
    of_bundle = [(run.kind, run.verdict) for _, run in show(digest, cwd=project.path).runs]
    everything = all_runs(project)

    assert of_bundle[0] == ("validate", Verdict.REPRODUCED)
    assert {verdict for _, verdict in of_bundle} == {Verdict.REPRODUCED}
    assert [(run.kind, run.verdict) for run in everything[:3]] == [
        ("validate", Verdict.FAILED),
        ("validate", Verdict.DIVERGED),
        ("validate", Verdict.REPRODUCED),
    ]
    assert {run.bundle for run in everything[:3]} == {digest}
    assert len({run.inputs for run in everything[:3]}) == 3
    add_strategy(project, ONCE, BUY_ONCE)
    assert [v.bundle for v in validated(project, ONCE)] == [digest]


# -- verdicts -------------------------------------------------------------------------------------


def test_a_changed_strategy_diverges(project: GitRepo) -> None:
    """The first difference is named, the others are counted; all are shown on request."""
    add_strategy(project, CROSS, CROSSING.replace("(0.01)", "(0.02)"), tape="walk")
    (brief,) = validated(project, CROSS)
    (full,) = validated(project, CROSS, all_differences=True)

    assert brief.verdict is full.verdict is Verdict.DIVERGED
    first = brief.differences[0]
    assert (first.path, first.row) == ("fills[0].quantity", 0)
    assert (first.expected, first.actual) == (0.01, 0.02)
    assert full.more == {}
    assert len(full.differences) == len(brief.differences) + sum(brief.more.values())


def test_the_bundle_of_a_changed_strategy_still_holds(project: GitRepo) -> None:
    """A bundle runs its own code, whatever the work tree says."""
    digest = bundle_id(project, CROSS)
    shutil.rmtree(project.path / "strategies")
    (found,) = validated(project, digest)

    assert found.verdict is Verdict.REPRODUCED


def test_a_strategy_that_begins_to_differ_from_itself(project: GitRepo) -> None:
    """It has not diverged: it never held still."""
    add_strategy(project, ONCE, RANDOM)
    (found,) = validated(project, ONCE)

    assert found.verdict is Verdict.NONDETERMINISTIC
    assert found.differences


def test_a_strategy_that_raises_has_failed(project: GitRepo) -> None:
    """With its exception in one line, and the last lines of the run."""
    add_strategy(project, ONCE, RAISES)
    (found,) = validated(project, ONCE)

    assert found.verdict is Verdict.FAILED
    assert found.message.startswith("RuntimeError: no more")
    assert found.tail


def test_a_tolerance_is_taken_where_it_is_declared(project: GitRepo) -> None:
    """Of price, and only of price; what it takes is still said."""
    add_strategy(project, CROSS, CROSSING, tape="walk", more="config: {slippage_model: none}\n")
    slipped = "config: {slippage_model: fixed_bps, slippage_bps: 0.001}\n"
    add_strategy(project, CROSS, CROSSING, tape="walk", more=slipped)
    (exact,) = validated(project, CROSS)
    near = slipped + "compare: {price: {rtol: 1e-6}}\n"
    add_strategy(project, CROSS, CROSSING, tape="walk", more=near)
    (within,) = validated(project, CROSS)
    add_strategy(project, CROSS, CROSSING.replace("(0.01)", "(0.02)"), tape="walk", more=near)
    (beyond,) = validated(project, CROSS)

    assert exact.verdict is Verdict.DIVERGED
    assert within.verdict is Verdict.WITHIN_TOLERANCE
    assert within.differences[0].path == "fills[0].price"
    assert beyond.verdict is Verdict.DIVERGED


def test_the_tolerance_of_a_bundle_is_the_one_it_was_packed_with(project: GitRepo) -> None:
    """It is in the run record, for the bundle's id says nothing of it."""
    plain = bundle_id(project, ONCE)
    more = "compare: {price: {atol: 0.5}}\n"
    add_strategy(project, ONCE, BUY_ONCE, more=more)
    tolerant = packed(project, ONCE)
    runs = show(plain, cwd=project.path).runs

    assert tolerant.bundle == plain
    assert runs[0][1].compare == {"price": Tolerance(atol=0.5)}


def test_another_tape_is_another_result(project: GitRepo) -> None:
    """Neither reproduced nor a failure: the rows differ."""
    add_strategy(project, CROSS, CROSSING, tape="three")
    (found,) = validated(project, CROSS)

    assert found.verdict is Verdict.DIVERGED


def test_a_strategy_that_was_never_packed_is_incomplete(project: GitRepo) -> None:
    """With what to type."""
    add_strategy(project, "strategies/new", BUY_ONCE)
    (found,) = validated(project, "strategies/new")

    assert found.verdict is Verdict.INCOMPLETE
    assert found.message == "strategies/new has no bundle to be judged against"
    assert found.hint == "git bt pack strategies/new"


def test_a_missing_tape_is_incomplete(project: GitRepo) -> None:
    """The strategy names one that is gone."""
    project.write(f"{ONCE}/strategy.yaml", yaml_of("../../tapes/gone"))
    (found,) = validated(project, ONCE)

    assert found.verdict is Verdict.INCOMPLETE
    assert "tapes/gone" in found.message


def test_a_missing_engine_is_incomplete(project: GitRepo, tmp_path: Path) -> None:
    """With what to type to install it there."""
    bare = tmp_path / "bare"
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", str(bare)], check=True)
    (found,) = validated(project, ONCE, python=str(bare))

    assert found.verdict is Verdict.INCOMPLETE
    assert "has no lrvx" in found.message
    assert found.hint == f"{bare}/bin/python -m pip install lrvx"


def test_a_tampered_archive_is_corrupt(project: GitRepo, tmp_path: Path) -> None:
    """One byte of the strategy; nothing is run."""
    archive = tmp_path / "once.tar"
    export(ONCE, to=str(archive), cwd=project.path)
    data = archive.read_bytes()
    archive.write_bytes(data.replace(b"market_buy(1.0)", b"market_buy(2.0)", 1))
    (found,) = validated(tmp_path, "once.tar")

    assert (found.verdict, found.bundle) == (Verdict.CORRUPT, None)
    assert found.engine is None


# -- beside the verdict ---------------------------------------------------------------------------


def test_another_engine_version_is_said_and_decides_nothing(
    project: GitRepo, lean: Path, tmp_path: Path
) -> None:
    """The recorded version and the one here, when the output is the same."""
    older = tmp_path / "older"
    shutil.copytree(lean, older, symlinks=True)
    (site,) = older.glob("lib/python3*/site-packages")
    (info,) = site.glob("lrvx-*.dist-info")
    info.rename(site / "lrvx-0.10.9.dist-info")
    digest = bundle_id(project, ONCE, python=str(lean))
    (found,) = validated(project, digest, python=str(older))

    assert found.verdict is Verdict.REPRODUCED
    assert found.engine is not None
    assert found.engine.version == "0.10.9"
    changed = {c.name: (c.recorded, c.here) for c in found.environment}
    assert changed["lrvx"][1] == "0.10.9"


def test_the_same_environment_says_nothing(project: GitRepo) -> None:
    """No line where there is nothing to say."""
    (found,) = validated(project, ONCE)

    assert found.environment == ()
    assert found.notices == ()


# -- several --------------------------------------------------------------------------------------


def test_one_that_hangs_or_breaks_does_not_hide_the_others(
    project: GitRepo, tmp_path: Path, temp: Path
) -> None:
    """All are judged, in the order of the arguments; the worst gives the exit code."""
    add_strategy(project, "strategies/hangs", BUY_ONCE)
    add_strategy(project, "strategies/raises", BUY_ONCE)
    bundle_id(project, "strategies/hangs", runs=1)
    bundle_id(project, "strategies/raises", runs=1)
    add_strategy(project, "strategies/hangs", FOREVER)
    add_strategy(project, "strategies/raises", RAISES)
    add_strategy(project, "strategies/new", BUY_ONCE)
    (tmp_path / "bad.tar").write_bytes(b"no archive")
    names = ["strategies/hangs", str(tmp_path / "bad.tar"), ONCE, "strategies/raises"]
    names += ["strategies/new", CROSS]
    report = validate(names, jobs=3, timeout_s=8, python=PYTHON, step=silent, cwd=project.path)

    assert [b.name for b in report.bundles] == names
    assert [str(b.verdict) for b in report.bundles] == [
        "failed",
        "corrupt",
        "reproduced",
        "failed",
        "incomplete",
        "reproduced",
    ]
    assert report.bundles[0].message == "still running after 8 s"
    assert report.exit_code == ExitCode.CANNOT_JUDGE
    assert list(temp.iterdir()) == []


def test_a_path_that_this_file_system_cannot_hold_does_not_hide_the_others(
    project: GitRepo, tmp_path: Path
) -> None:
    """Beneath a temporary folder a path of 4090 bytes is too long for Linux."""
    export(bundle_id(project, ONCE), to=str(tmp_path / "once.tar"), cwd=project.path)
    work = tmp_path / "work"
    work.mkdir()
    once = open_archive(tmp_path / "once.tar", work)
    value = json.loads(once["manifest.json"].source.read())
    del value["git_bt"]
    members = {p: e for p, e in once.items() if p.startswith(("strategy/", "tape/", "expected_"))}
    members["manifest.json"] = entry(json.dumps(value).encode())
    members["strategy/" + "/".join(["x" * 200] * 20) + "/" + "x" * 59] = entry(b"")
    write_archive(tmp_path / "deep.tar", members)
    found = validated(project, str(tmp_path / "deep.tar"), ONCE)

    assert [v.verdict for v in found] == [Verdict.INCOMPLETE, Verdict.REPRODUCED]
    assert found[0].message == "cannot be judged here: File name too long"


def test_one_bundle_has_one_timeout(project: GitRepo) -> None:
    """The second run, to tell diverged from nondeterministic, gets what the first one left."""
    project.write(f"{ONCE}/strategy.py", on_trade("time.sleep(0.5)", "import time"))
    (found,) = validated(project, ONCE, timeout_s=2.9)  # one run takes 1.5 s and a bit
    (candidate,) = Candidates(Repo.find(project.path).cache_dir).all()

    assert found.verdict == Verdict.DIVERGED
    assert candidate.runs == 1  # the second was not let end


@pytest.mark.parametrize("broken", ["engine: [\n", "entry_point: gone.py\n", "a: 1\na: 2\n"])
def test_a_broken_strategy_yaml_does_not_hide_the_others(project: GitRepo, broken: str) -> None:
    """It cannot be judged, by name; the others are, with and without names."""
    project.write(f"{ONCE}/strategy.yaml", broken)
    by_name = validated(project, ONCE, CROSS)
    every = validated(project)

    assert [v.verdict for v in by_name] == [Verdict.INCOMPLETE, Verdict.REPRODUCED]
    assert {v.name: v.verdict for v in every} == {
        ONCE: Verdict.INCOMPLETE,
        CROSS: Verdict.REPRODUCED,
    }
    assert by_name[0].message
    assert "\n" not in by_name[0].message


def test_many_at_once_are_each_their_own(project: GitRepo) -> None:
    """The same bundle eight times, four at a time."""
    found = validated(project, *[CROSS, ONCE] * 4, jobs=4)

    assert [v.name for v in found] == [CROSS, ONCE] * 4
    assert {v.verdict for v in found} == {Verdict.REPRODUCED}


def test_an_interrupt_ends_all_children(project: GitRepo, temp: Path) -> None:
    """Also those that were about to start when it came."""
    names = []
    for number in range(4):
        name = f"strategies/loop{number}"
        add_strategy(project, name, BUY_ONCE)
        bundle_id(project, name, runs=1)
        add_strategy(project, name, FOREVER)
        names.append(name)

    def interrupt(text: str) -> None:
        if text.endswith("loop3"):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        validate(names, jobs=4, timeout_s=60, python=PYTHON, step=interrupt, cwd=project.path)

    assert [t.name for t in threading.enumerate() if "ThreadPool" in t.name] == []
    assert list(temp.iterdir()) == []


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gone.tar", "no such file: gone.tar"),
        ("0123456789", "no bundle"),
        ("strategies/none", "strategies/none"),
        ("../outside", "outside the repository"),
    ],
)
def test_a_name_that_means_nothing_stops_before_anything_runs(
    project: GitRepo, name: str, said: str
) -> None:
    """A typing error is no verdict."""
    with pytest.raises(Usage, match=said):
        validated(project, ONCE, name)


def test_what_is_no_regular_file_is_called_what_it_is(tmp_path: Path) -> None:
    """Nobody waits for a pipe's writer, and nobody is sent to look for a repository."""
    (tmp_path / "folder.tar").mkdir()
    os.mkfifo(tmp_path / "pipe")
    found = validated(tmp_path, "folder.tar", "pipe", os.devnull)

    assert [v.verdict for v in found] == [Verdict.INCOMPLETE] * 3
    assert [v.message.rpartition(" is ")[2] for v in found] == [
        "a folder, not an archive",
        "no regular file, not an archive",
        "no regular file, not an archive",
    ]


def test_an_ambiguous_id_lists_what_it_may_be(project: GitRepo) -> None:
    """Enough bundles, and four digits are not enough; here: none at all, or too few digits."""
    with pytest.raises(Usage):
        validated(project, "abc")


def test_nothing_to_validate_is_no_error(repo: GitRepo) -> None:
    """An empty repository has no strategy that does not hold."""
    assert validated(repo) == ()


def test_without_a_repository_only_archives_are_judged(project: GitRepo, tmp_path: Path) -> None:
    """Neither all, nor an id, nor a strategy."""
    export(ONCE, to=str(tmp_path / "once.tar"), cwd=project.path)
    (found,) = validated(tmp_path, "once.tar")

    assert found.verdict is Verdict.REPRODUCED
    for names in ((), ("0123456789ab",), ("strategies/once",)):
        with pytest.raises(CannotWork, match="no git repository"):
            validated(tmp_path, *names)


def test_git_notices_no_tape_that_is_only_grown(project: GitRepo) -> None:
    """A tape that has more at its end and gives the same rows up to there is another matter."""
    (segment,) = (project.path / "tapes/walk").iterdir()
    segment.unlink()
    (project.path / "tapes/walk").rmdir()
    write_tape(project.path / "tapes/walk", walk(3100))
    (found,) = validated(project, CROSS)

    assert found.verdict in (Verdict.EXTENDED, Verdict.DIVERGED)


def test_prints_do_not_disturb(project: GitRepo) -> None:
    """What a strategy prints is not part of the answer."""
    add_strategy(
        project, ONCE, on_trade("print('x' * 100_000)\nif self.n == 1: self.market_buy(1.0)")
    )
    (found,) = validated(project, ONCE)

    assert found.verdict is Verdict.REPRODUCED


def test_an_entry_file_is_validated_as_it_was_packed(project: GitRepo) -> None:
    """Without a strategy.yaml the bundle knows tape and config: they were options of pack."""
    project.write("alone.py", CROSSING)
    config = {"slippage_model": "fixed_bps", "slippage_bps": 5}
    digest = bundle_id(project, "alone.py", tape="tapes/walk", config=config)
    (same,) = validated(project, "alone.py")
    project.write("alone.py", CROSSING.replace("(0.01)", "(0.02)"))
    (changed,) = validated(project, "alone.py")

    assert (same.verdict, same.bundle) == (Verdict.REPRODUCED, digest)
    assert changed.verdict is Verdict.DIVERGED


def test_a_name_that_means_nothing_says_so(project: GitRepo) -> None:
    """The message says what it could have been, and where to look."""
    with pytest.raises(Usage, match="nope is no bundle, archive or strategy here") as caught:
        validated(project, "nope")

    assert caught.value.hint == "git bt ls"
