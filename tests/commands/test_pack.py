"""Pack: what is run, what is stored, and what is refused."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from conftest import GitRepo
from floxkit import BUY_ONCE, on_trade, write_tape
from git_bt.commands.diff import diff
from git_bt.commands.pack import pack
from git_bt.errors import BtError, CannotWork, Incomplete, Usage
from git_bt.model import Verdict
from git_bt.reports import PackReport
from projects import (
    CROSS,
    CROSSING,
    FLOX,
    FOREVER,
    ONCE,
    PYTHON,
    RAISES,
    RANDOM,
    add_strategy,
    all_runs,
    bundle_id,
    bundle_ids,
    manifest,
    packed,
    silent,
    stored,
    validated,
    walk,
    yaml_of,
)

CLOCK = on_trade("self.market_buy((time.time_ns() % 1000) / 1000 + 0.001)", head="import time")
SET_ORDER = on_trade("self.market_buy({'a': 0.1, 'b': 0.2, 'c': 0.3}[list({'a', 'b', 'c'})[0]])")
SHOWS_ITS_PLACE = on_trade("self.market_buy(len(os.getcwd()) / 1000)", head="import os")


def test_a_pack_says_what_it_made(project: GitRepo) -> None:
    """Ids, engine, metrics and the verdict of two equal runs."""
    said: list[str] = []

    report = packed(project, CROSS, step=said.append)

    assert report.verdict is Verdict.REPRODUCED
    assert (report.strategy, report.runs, report.comparison) == (CROSS, 2, None)
    assert report.engine.name == "flox"
    assert report.metrics is not None
    assert report.metrics.trade_count == 3000
    assert report.metrics.fill_count > 10
    assert bundle_ids(project).count(report.bundle or "") == 1
    assert said == [f"running {CROSS} on flox", f"storing {CROSS}"]


def test_the_same_inputs_are_the_same_bundle(project: GitRepo) -> None:
    """Packing again, from another folder, with one run or two, adds a run record and no bundle."""
    before = bundle_ids(project)

    again = packed(project, "once", cwd=project.path / "strategies")
    once = packed(project, ONCE, runs=1)

    assert again.bundle == once.bundle
    assert (again.runs, once.runs) == (2, 1)
    assert bundle_ids(project) == before


def test_nothing_of_it_is_in_the_tree(project: GitRepo) -> None:
    """No file, no index entry, no branch: only refs/bt/store moved."""
    refs = project.git("for-each-ref", "--format=%(refname)", "refs").split()

    assert project.git("status", "--porcelain") == ""
    assert refs == ["refs/bt/store", "refs/heads/main"]


def test_a_bundle_outlives_gc(project: GitRepo) -> None:
    """What is packed is reachable, also from an otherwise empty history."""
    before = {digest: stored(project, digest) for digest in bundle_ids(project)}
    project.git("gc", "-q", "--prune=now")

    assert {digest: stored(project, digest) for digest in bundle_ids(project)} == before
    assert [v.verdict for v in validated(project)] == [Verdict.REPRODUCED] * 2


# -- tapes ----------------------------------------------------------------------------------------


def test_a_tracked_tape_is_its_blobs(project: GitRepo) -> None:
    """The store's tree names the blob of the branch; the tape is in git once."""
    digest = bundle_id(project, CROSS)
    oid = project.git("rev-parse", "HEAD:tapes/walk/a.lrvx")
    place = f"v1/bundles/{digest[:2]}/{digest[2:4]}/{digest[4:]}/tape/a.lrvx"

    assert project.git("rev-parse", f"refs/bt/store:{place}") == oid


@pytest.fixture
def loose(project: GitRepo) -> GitRepo:
    """Give a project whose strategy reads an untracked tape above the limit."""
    project.write(".gitignore", "loose\n")
    write_tape(project.path / "loose", walk(500))
    project.write(f"{CROSS}/strategy.yaml", yaml_of("../../loose"))
    project.git("config", "bt.tapeLimit", "1k")
    return project


def test_a_large_loose_tape_is_not_copied_in(loose: GitRepo) -> None:
    """Its digest is in the manifest, so the id is the one of a bundle that holds it."""
    digest = bundle_id(loose, CROSS)

    assert [p for p in stored(loose, digest) if p.startswith("tape/")] == []
    assert "tape/a.lrvx" in manifest(loose, digest).manifest.members
    loose.git("config", "bt.tapeLimit", "1m")
    loose.git("update-ref", "-d", "refs/bt/store")
    assert bundle_id(loose, CROSS) == digest
    assert "tape/a.lrvx" in stored(loose, digest)


def test_a_tape_that_is_not_in_the_store_is_found(loose: GitRepo, tmp_path: Path) -> None:
    """Where the strategy names it, then below bt.tapes; gone, the bundle cannot be judged."""
    digest = bundle_id(loose, CROSS)
    (here,) = validated(loose, digest)
    (loose.path / "loose").rename(tmp_path / "moved")
    (gone,) = validated(loose, digest)
    loose.git("config", "--add", "bt.tapes", str(tmp_path))
    (there,) = validated(loose, digest)

    assert [here.verdict, there.verdict] == [Verdict.REPRODUCED] * 2
    assert gone.verdict is Verdict.INCOMPLETE
    assert "a.lrvx" in gone.message
    assert "bt.tapes" in (gone.hint or "")


def test_another_tape_of_the_same_name_and_size_is_not_it(loose: GitRepo) -> None:
    """A place counts by its bytes."""
    digest = bundle_id(loose, CROSS)
    segment = loose.path / "loose/a.lrvx"
    data = bytearray(segment.read_bytes())
    data[-1] ^= 1
    segment.write_bytes(data)
    (found,) = validated(loose, digest)

    assert found.verdict is Verdict.INCOMPLETE


def test_a_tape_may_be_one_file(project: GitRepo) -> None:
    """It counts as a folder of one: the same bundle."""
    report = packed(project, ONCE, tape="tapes/three/a.lrvx")

    assert report.bundle == packed(project, ONCE).bundle


def test_a_pointer_without_its_object_is_incomplete(project: GitRepo) -> None:
    """A git-LFS pointer counts as the object it names, which is not here."""
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'ab' * 32}\nsize 4096\n"
    project.commit("pointer", **{"tapes/three/a.lrvx": pointer})

    with pytest.raises(Incomplete) as error:
        packed(project, ONCE)

    assert "a.lrvx" in error.value.message


@pytest.mark.parametrize(
    ("name", "data", "verdict"),
    [
        ("a.lrvx", b"no tape at all", Verdict.CORRUPT),
        ("a.lrvx", b"", Verdict.CORRUPT),
        ("a.csv", b"1,2,3\n", Verdict.CORRUPT),
    ],
)
def test_what_is_no_tape_gets_one_line(
    project: GitRepo, name: str, data: bytes, verdict: Verdict
) -> None:
    """The engine's own validator says so before anything is run."""
    project.write(f"bad/{name}", data)
    report = packed(project, ONCE, tape="bad")

    assert (report.verdict, report.bundle) == (verdict, None)
    assert report.message
    assert "\n" not in report.message


# -- config ---------------------------------------------------------------------------------------


MODELS = {
    "none": {},
    "fixed_ticks": {"slippage_ticks": 3},
    "fixed_bps": {"slippage_bps": 5.0},
    "volume_impact": {"impact_coeff": 0.25},
}


@pytest.mark.parametrize("model", MODELS)
def test_options_are_the_config_of_strategy_yaml(project: GitRepo, model: str) -> None:
    """Flags and file say the same thing: the same bundle."""
    flags = packed(project, CROSS, config={"slippage_model": model, **MODELS[model]})
    words = ", ".join(f"{k}: {v}" for k, v in {"slippage_model": model, **MODELS[model]}.items())
    add_strategy(project, CROSS, CROSSING, tape="walk", more=f"config: {{{words}}}\n")

    assert flags.bundle == bundle_id(project, CROSS)


def test_numbers_are_the_same_however_written(project: GitRepo) -> None:
    """5 and 5.0 are one; a default spelled out is the default."""
    a = packed(project, ONCE, config={"slippage_model": "fixed_bps", "slippage_bps": 5})
    b = packed(
        project,
        ONCE,
        config={"slippage_model": "fixed_bps", "slippage_bps": 5.0, "tick_size": 0.01},
    )

    assert a.bundle == b.bundle


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"slippage_model": "magic"}, "slippage_model"),
        ({"slippage_modle": "none"}, "did you mean slippage_model?"),
        ({"tick_size": 0}, "tick_size"),
        ({"slippage_bps": -1}, "slippage_bps"),
        ({"symbol_name": ""}, "symbol_name"),
    ],
)
def test_a_config_that_the_engine_does_not_take_is_refused(
    project: GitRepo, config: dict[str, object], said: str
) -> None:
    """Before anything is run, with the key's name."""
    with pytest.raises(Usage, match=said.replace("?", r"\?")):
        packed(project, ONCE, config=config)


# -- strategies that cannot be recorded -----------------------------------------------------------


@pytest.mark.parametrize(
    "text", [RANDOM, CLOCK, SET_ORDER, SHOWS_ITS_PLACE], ids=["random", "clock", "set", "place"]
)
def test_what_differs_from_itself_is_not_recorded(project: GitRepo, text: str) -> None:
    """Randomness, the clock, the order of a set, the folder: the second run shows each."""
    before = bundle_ids(project)
    add_strategy(project, ONCE, text)
    report = packed(project, ONCE)

    assert (report.verdict, report.bundle) == (Verdict.NONDETERMINISTIC, None)
    assert report.comparison is not None
    assert report.comparison.differences[0].path.startswith("fills[0].")
    assert bundle_ids(project) == before


def failure_of(project: GitRepo, text: str, **options: object) -> PackReport:
    """Pack a strategy that cannot be recorded."""
    before = bundle_ids(project)
    add_strategy(project, ONCE, text)
    report = packed(project, ONCE, **options)

    assert report.verdict is Verdict.FAILED
    assert report.bundle is None
    assert bundle_ids(project) == before
    return report


def test_a_strategy_that_raises_is_not_recorded(project: GitRepo) -> None:
    """The exception and its place are named, as the user knows the file."""
    report = failure_of(project, RAISES)

    assert report.message.startswith("RuntimeError: no more (strategies/once/strategy.py:")
    assert "raise RuntimeError" in report.tail


def test_an_endless_strategy_is_stopped(project: GitRepo, temp: Path) -> None:
    """At --timeout, with what to do, and nothing is left of it."""
    report = failure_of(project, FOREVER, timeout_s=0.7)

    assert report.message == "still running after 0.7 s"
    assert report.hint == "allow more time with --timeout SECONDS"
    assert list(temp.iterdir()) == []


@pytest.mark.parametrize("end", ["sys.exit(0)", "os._exit(0)", "os.kill(os.getpid(), 9)"])
def test_an_early_end_is_no_result(project: GitRepo, end: str) -> None:
    """Exit code 0 is not success."""
    report = failure_of(project, f"import os, sys\n{end}\n" + BUY_ONCE)

    assert report.message


def test_a_syntax_error_is_one_line(project: GitRepo) -> None:
    """Capture reads the file before the engine does; either way there is one line."""
    add_strategy(project, ONCE, "def broken(:\n")
    try:
        message = packed(project, ONCE).message
    except Usage as e:
        message = e.message

    assert "strategy.py" in message
    assert "\n" not in message


# -- modules --------------------------------------------------------------------------------------


HELPED = on_trade("self.market_buy(helper.QTY)", head="import helper")


def test_local_modules_are_packed_without_a_list(project: GitRepo) -> None:
    """What the entry point imports is found by reading it."""
    add_strategy(project, ONCE, HELPED)
    project.write(f"{ONCE}/helper.py", "QTY = 2.0\n")

    digest = bundle_id(project, ONCE)

    assert f"strategy/{ONCE}/helper.py" in stored(project, digest)


def test_a_missing_module_names_the_file_to_add(project: GitRepo) -> None:
    """A list of files is taken by its word; what it leaves out is named."""
    add_strategy(project, ONCE, HELPED, more="files: [strategy.py]\n")
    project.write(f"{ONCE}/helper.py", "QTY = 2.0\n")
    report = packed(project, ONCE)

    assert report.verdict is Verdict.FAILED
    assert "helper" in report.message
    assert report.hint == "add helper.py to files: in strategy.yaml"
    add_strategy(project, ONCE, HELPED, more="files: [strategy.py, helper.py]\n")
    assert packed(project, ONCE).verdict is Verdict.REPRODUCED


def test_a_missing_module_above_the_strategy_is_named_from_it(project: GitRepo) -> None:
    """What `files:` takes is relative to its strategy.yaml, also for a file further up."""
    add_strategy(project, ONCE, HELPED, more="files: [strategy.py]\n")
    project.write("helper.py", "QTY = 2.0\n")
    report = packed(project, ONCE)

    assert report.hint == "add ../../helper.py to files: in strategy.yaml"
    add_strategy(project, ONCE, HELPED, more="files: [strategy.py, ../../helper.py]\n")
    assert packed(project, ONCE).verdict is Verdict.REPRODUCED


@pytest.fixture
def editable(project: GitRepo, lean: Path) -> tuple[GitRepo, Path]:
    """Give a project whose helper package is also installed editable, and that interpreter."""
    (site,) = lean.glob("lib/python3*/site-packages")
    (site / "__editable__.pth").write_text(f"{project.path}\n")
    project.write("helper/__init__.py", "QTY = 2.0\n")
    add_strategy(project, ONCE, HELPED)
    yield project, lean / "bin" / "python"
    (site / "__editable__.pth").unlink()


def test_an_editable_install_does_not_hide_the_snapshot(editable: tuple[GitRepo, Path]) -> None:
    """The package of the snapshot runs: changing the work tree's copy changes no verdict."""
    project, python = editable
    digest = bundle_id(project, ONCE, python=str(python))
    project.write("helper/__init__.py", "QTY = 3.0\n")
    by_id, changed = validated(project, digest, ONCE, python=str(python))

    assert "strategy/helper/__init__.py" in stored(project, digest)
    assert by_id.verdict is Verdict.REPRODUCED
    assert changed.verdict is Verdict.DIVERGED


def test_a_module_of_the_work_tree_is_a_failure(editable: tuple[GitRepo, Path]) -> None:
    """When the snapshot lacks it, the work tree's copy runs nowhere: it is named instead."""
    project, python = editable
    project.write(f"{ONCE}/strategy.yaml", yaml_of("../../tapes/three", "files: [strategy.py]\n"))
    report = packed(project, ONCE, python=str(python))

    assert report.verdict is Verdict.FAILED
    assert (
        report.message
        == "module helper was loaded from helper/__init__.py in the work tree, not the snapshot"
    )


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "kind", "said"),
    [
        ("strategies/none", {}, Usage, "strategies/none"),
        ("/elsewhere/strategy.py", {}, Usage, "outside the repository"),
        (ONCE, {"engine": "turtle"}, Usage, "unknown engine 'turtle'"),
        (ONCE, {"tape": "tapes/none"}, Incomplete, "tapes/none"),
        (ONCE, {"python": "no-such-python"}, Incomplete, "no-such-python"),
    ],
)
def test_what_cannot_be_packed_says_why(
    project: GitRepo, name: str, options: dict[str, object], kind: type[BtError], said: str
) -> None:
    """Each error is of its kind, and names what was typed."""
    with pytest.raises(kind, match=said) as error:
        packed(project, name, **options)

    assert error.value.hint or kind is Usage


def test_a_strategy_needs_a_tape(project: GitRepo) -> None:
    """The hint says how to name one."""
    project.write(f"{ONCE}/strategy.yaml", "entry_point: strategy.py\nengine: flox\n")

    with pytest.raises(Usage) as error:
        packed(project, ONCE)

    assert error.value.message == f"{ONCE} names no tape"
    assert "--tape" in (error.value.hint or "")


def test_pack_needs_a_repository(tmp_path: Path) -> None:
    """Outside of one there is nowhere to put a bundle."""
    with pytest.raises(CannotWork, match="no git repository"):
        pack("strategy.py", step=silent, cwd=tmp_path)


def test_an_interpreter_without_git_bt_packs(project: GitRepo, lean: Path) -> None:
    """Only the engine must be there; the bundle is the same one."""
    assert bundle_id(project, ONCE, python=str(lean)) == bundle_id(project, ONCE)


def test_an_entry_file_needs_no_yaml(project: GitRepo) -> None:
    """A single file is a strategy when it is named; its tape comes by option."""
    project.write("lone.py", BUY_ONCE)
    report = packed(project, "lone.py", tape="tapes/three")

    assert (report.verdict, report.strategy) == (Verdict.REPRODUCED, "lone.py")


def test_pack_exports_too(project: GitRepo, tmp_path: Path) -> None:
    """-o writes the archive that export would."""
    report = packed(project, ONCE, export_to=str(tmp_path / "once.tar"))
    (found,) = validated(tmp_path, "once.tar")

    assert report.exported == str(tmp_path / "once.tar")
    assert (found.bundle, found.verdict) == (report.bundle, Verdict.REPRODUCED)


# -- beside lrvx ----------------------------------------------------------------------------------


@pytest.mark.skipif(not FLOX.is_dir(), reason="shared/cases is not beside this checkout")
@pytest.mark.parametrize("name", ["clock", "set_order"])
def test_shared_strategies_that_differ_are_refused(project: GitRepo, name: str) -> None:
    """The sample of strategies that are not deterministic."""
    project.write(f"{ONCE}/strategy.py", (FLOX / "strategies" / f"{name}.py").read_bytes())

    assert packed(project, ONCE).verdict is Verdict.NONDETERMINISTIC


PACK_BY_LRVX = """
import json, sys
from pathlib import Path
from lrvx.bundle import pack_bundle
for model, params in json.loads(sys.argv[3]).items():
    config = {"slippage_model": model, "slippage_params": params}
    strategy, tape = Path(sys.argv[1]), Path(sys.argv[2])
    pack_bundle(strategy=strategy, tape=tape, output=Path(model + ".tar"), config=config)
"""
PARAMS = {
    "none": {},
    "fixed_ticks": {"ticks": 3, "tick_size": 0.01},
    "fixed_bps": {"bps": 5.0},
    "volume_impact": {"impact_coeff": 0.25},
}


@pytest.fixture(scope="module")
def of_lrvx(template: GitRepo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of bundles that lrvx itself packed, one for each slippage model."""
    folder = tmp_path_factory.mktemp("of-lrvx")
    where = [template.path / CROSS / "strategy.py", template.path / "tapes/walk"]
    subprocess.run(
        [PYTHON, "-c", PACK_BY_LRVX, *map(str, where), json.dumps(PARAMS)],
        cwd=folder,
        env=os.environ | {"TMPDIR": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
    )
    return folder


@pytest.mark.parametrize("model", MODELS)
def test_each_slippage_model_fills_as_lrvx_does(
    project: GitRepo, of_lrvx: Path, model: str
) -> None:
    """Our bundle of the same strategy, tape and model has the fills of lrvx's own, and it ours."""
    ours = bundle_id(project, CROSS, config={"slippage_model": model, **MODELS[model]})
    theirs = str(of_lrvx / f"{model}.tar")
    (judged,) = validated(project, theirs)

    assert judged.verdict is Verdict.REPRODUCED
    found = diff(theirs, ours, cwd=project.path, all_differences=True)
    assert found.comparison.verdict is Verdict.REPRODUCED, found.comparison


def test_slippage_moves_the_fills(project: GitRepo) -> None:
    """Ticks and basis points do; volume_impact needs a book, which a tape of trades has not."""
    turnover = {}
    for model, options in MODELS.items():
        report = packed(project, CROSS, runs=1, config={"slippage_model": model, **options})
        assert report.metrics is not None
        turnover[model] = report.metrics.turnover

    assert turnover["none"] == turnover["volume_impact"]
    assert len(set(turnover.values())) == 3


def test_a_folder_that_is_missing_is_said_before_anything_runs(project: GitRepo) -> None:
    """An export that cannot be written must not cost a run, nor hide the bundle's id."""
    before = len(all_runs(project))
    with pytest.raises(Usage, match=r"no folder for no/such/x\.tar"):
        packed(project, CROSS, export_to="no/such/x.tar")

    assert len(all_runs(project)) == before
