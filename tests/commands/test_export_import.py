"""Export and import: the same bytes out, the same id in, nothing that is not sound."""

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from conftest import GitRepo, make_repo
from floxkit import BUY_ONCE, write_tape
from git_bt.commands.export import export
from git_bt.commands.import_ import import_archives
from git_bt.commands.show import show
from git_bt.errors import CannotWork, Corrupt, ExitCode, Incomplete, Usage
from git_bt.model import Verdict
from git_bt.output.json import to_json
from projects import (
    CROSS,
    CROSSING,
    FLOX,
    ONCE,
    PYTHON,
    add_strategy,
    bundle_id,
    bundle_ids,
    checked,
    packed,
    stored,
    validated,
    walk,
)


def members(archive: Path) -> dict[str, bytes]:
    """Return the files of a tar."""
    with tarfile.open(archive) as tar:
        found = {m.name: tar.extractfile(m) for m in tar.getmembers() if m.isfile()}
        return {name: file.read() for name, file in found.items() if file is not None}


def lrvx(verb: str, archive: Path, scratch: Path) -> subprocess.CompletedProcess[str]:
    """Give a bundle to lrvx's own command."""
    program = Path(PYTHON).with_name("lrvx")
    return subprocess.run(
        [str(program), "bundle", verb, str(archive)],
        capture_output=True,
        text=True,
        env=os.environ | {"TMPDIR": str(scratch)},
    )


# -- export ---------------------------------------------------------------------------------------


def test_the_same_bundle_is_the_same_file(project: GitRepo, tmp_path: Path) -> None:
    """By id and by strategy, into whichever file, before and after gc."""
    first = export(ONCE, to=str(tmp_path / "a.tar"), cwd=project.path)
    project.git("gc", "-q", "--prune=now")
    second = export(first.bundle, to="b.tar", cwd=project.path)

    assert (tmp_path / "a.tar").read_bytes() == (project.path / "b.tar").read_bytes()
    assert (first.sha256, first.size) == (second.sha256, second.size)
    assert first.size == (tmp_path / "a.tar").stat().st_size


def test_a_file_is_named_after_the_bundle(project: GitRepo) -> None:
    """Its first twelve digits, where the user stands."""
    where = project.path / "strategies"
    report = export(ONCE.removeprefix("strategies/"), cwd=where)

    assert (where / f"{report.bundle[:12]}.tar").is_file()


def test_two_clones_at_different_paths_make_the_same(project: GitRepo, tmp_path: Path) -> None:
    """The same id and the same archive, also in a sha256 repository."""
    made = set()
    for place, options in (("one", ()), ("a/deeper/two", ()), ("three", ("sha256",))):
        clone = tmp_path / place
        if options:
            repo = make_repo(clone, "--object-format=sha256")
            for folder in ("strategies", "tapes"):
                shutil.copytree(project.path / folder, clone / folder)
            repo.commit("the same")
        else:
            project.git("clone", "-q", str(project.path), str(clone))
            repo = GitRepo(clone)
        digest = bundle_id(repo, CROSS)
        made.add((digest, export(digest, to=f"{tmp_path}/{len(made)}.tar", cwd=clone).sha256))

    assert len(made) == 1


@pytest.mark.skipif(not FLOX.is_dir(), reason="shared/cases is not beside this checkout")
def test_the_shared_strategy_makes_406_fills_in_every_clone(tmp_path: Path) -> None:
    """ema_cross.py on tape_10k_lrvx with fixed_bps 5; lrvx itself agrees with the export."""
    source = make_repo(tmp_path / "source")
    source.write("ema_cross.py", (FLOX / "strategies/ema_cross.py").read_bytes())
    shutil.copytree(FLOX / "tapes/tape_10k_lrvx", source.path / "tapes/tape_10k_lrvx")
    source.commit("shared")
    made = []
    for place in ("one", "a/deeper/two"):
        source.git("clone", "-q", str(source.path), str(tmp_path / place))
        repo = GitRepo(tmp_path / place)
        config = {"slippage_model": "fixed_bps", "slippage_bps": 5.0}
        report = packed(repo, "ema_cross.py", tape="tapes/tape_10k_lrvx", config=config)
        assert report.metrics is not None
        assert report.metrics.fill_count == 406
        out = export(report.bundle or "", to="ema.tar", cwd=repo.path)
        made.append((out.bundle, out.sha256))

    assert made[0] == made[1]
    digest = made[0][0]
    export(digest, to="for-lrvx.tar", layout="lrvx", cwd=tmp_path / "one")
    judged = lrvx("validate", tmp_path / "one/for-lrvx.tar", tmp_path)
    assert judged.returncode == 0, judged.stdout + judged.stderr


def test_lrvx_validates_what_is_exported_for_it(project: GitRepo, tmp_path: Path) -> None:
    """Exit code 0 for a strategy of one file; and the fills are the recorded ones."""
    for name in (ONCE, CROSS):
        archive = tmp_path / f"{Path(name).name}.tar"
        export(name, to=str(archive), layout="lrvx", cwd=project.path)
        judged = lrvx("validate", archive, tmp_path)

        assert judged.returncode == 0, judged.stdout + judged.stderr


def test_what_lrvx_will_not_find_is_said(project: GitRepo) -> None:
    """It loads one file; with more, the receiver would be the first to know."""
    add_strategy(project, "strategies/two", "from helper import x\n" + BUY_ONCE)
    project.write("strategies/two/helper.py", "x = 1\n")
    bundle_id(project, "strategies/two", runs=1)
    report = export("strategies/two", to="two.tar", layout="lrvx", cwd=project.path)

    assert [notice.message for notice in report.notices] == [
        "lrvx loads strategies/two/strategy.py alone and may not find strategies/two/helper.py"
    ]
    assert export("strategies/two", to="two.tar", cwd=project.path).notices == ()
    assert export(ONCE, to="once.tar", layout="lrvx", cwd=project.path).notices == ()


def test_what_is_exported_for_lrvx_comes_back_as_the_same_bundle(
    project: GitRepo, tmp_path: Path
) -> None:
    """The layout is the archive's, not the bundle's."""
    out = export(CROSS, to=str(tmp_path / "x.tar"), layout="lrvx", cwd=project.path)
    repo = make_repo(tmp_path / "other")
    report = import_archives([str(tmp_path / "x.tar")], cwd=repo.path)

    assert [b.bundle for b in report.bundles] == [out.bundle]


def test_a_bundle_whose_tape_is_gone_is_not_exported(project: GitRepo, tmp_path: Path) -> None:
    """Half a bundle would be no bundle; and no half of a file is left."""
    project.git("config", "bt.tapeLimit", "0")
    write_tape(tmp_path / "loose", walk(20))
    digest = bundle_id(project, ONCE, tape=str(tmp_path / "loose"))
    shutil.rmtree(tmp_path / "loose")
    with pytest.raises(Incomplete):
        export(digest, to="x.tar", cwd=project.path)

    assert not (project.path / "x.tar").exists()


def test_an_export_that_cannot_be_written_leaves_nothing(project: GitRepo) -> None:
    """No folder is made, no part of a file is left."""
    with pytest.raises(Usage, match="no such folder"):
        export(ONCE, to="no/such/folder/x.tar", cwd=project.path)
    with pytest.raises(Usage, match="is a folder"):
        export(ONCE, to="tapes", cwd=project.path)

    assert project.git("status", "--porcelain") == ""


# -- import ---------------------------------------------------------------------------------------


def test_an_import_gives_the_id_back(project: GitRepo, tmp_path: Path) -> None:
    """With every byte; importing again adds nothing; it validates there."""
    out = export(CROSS, to=str(tmp_path / "x.tar"), cwd=project.path)
    repo = make_repo(tmp_path / "other")
    report = import_archives(["../x.tar"], cwd=repo.path)
    again = import_archives(["../x.tar", "../x.tar"], cwd=repo.path)

    assert [(b.bundle, b.foreign) for b in report.bundles] == [(out.bundle, False)]
    assert [b.bundle for b in again.bundles] == [out.bundle] * 2
    assert bundle_ids(repo) == [out.bundle]
    assert stored(repo, out.bundle) == stored(project, out.bundle)
    repo.git("gc", "-q", "--prune=now")
    assert [v.verdict for v in validated(repo, out.bundle)] == [Verdict.REPRODUCED]
    assert export(out.bundle, to="y.tar", cwd=repo.path).sha256 == out.sha256


@pytest.fixture(scope="module")
def foreign(template: GitRepo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a bundle that lrvx itself packed."""
    folder = tmp_path_factory.mktemp("foreign")
    shutil.copytree(template.path / "tapes/walk", folder / "walk")
    (folder / "strategy.py").write_text(CROSSING)
    words = "bundle pack --strategy strategy.py --tape walk -o theirs.tar"
    subprocess.run(
        [str(Path(PYTHON).with_name("lrvx")), *words.split()],
        cwd=folder,
        env=os.environ | {"TMPDIR": str(folder)},
        capture_output=True,
        check=True,
    )
    return folder / "theirs.tar"


def test_a_foreign_bundle_keeps_its_bytes(foreign: Path, repo: GitRepo, tmp_path: Path) -> None:
    """Imported, validated, exported: each member is as lrvx wrote it, and lrvx takes it."""
    (found,) = import_archives([str(foreign)], cwd=repo.path).bundles
    (judged,) = validated(repo, found.bundle or "")
    out = export(found.bundle or "", to=str(tmp_path / "back.tar"), cwd=repo.path)

    assert found.foreign
    assert judged.verdict is Verdict.REPRODUCED
    assert members(tmp_path / "back.tar") == members(foreign)
    assert lrvx("validate", tmp_path / "back.tar", tmp_path).returncode == 0
    (again,) = import_archives([out.path], cwd=repo.path).bundles
    assert again.bundle == found.bundle


def test_a_foreign_bundle_is_judged_without_a_repository(foreign: Path, tmp_path: Path) -> None:
    """Nothing is imported for it."""
    (judged,) = validated(tmp_path, str(foreign))

    assert judged.verdict is Verdict.REPRODUCED


def test_one_archive_that_is_not_sound_does_not_hide_the_others(
    project: GitRepo, foreign: Path, tmp_path: Path
) -> None:
    """Each gets its line, in order; the exit code is the worst; what is sound is stored."""
    export(ONCE, to=str(tmp_path / "good.tar"), cwd=project.path)
    (tmp_path / "text.tar").write_text("no archive")
    cut = (tmp_path / "good.tar").read_bytes()[:-1500]
    (tmp_path / "cut.tar").write_bytes(cut)
    (tmp_path / "folder.tar").mkdir()
    repo = make_repo(tmp_path / "other")
    names = [
        str(tmp_path / n) for n in ("text.tar", "good.tar", "cut.tar", "gone.tar", "folder.tar")
    ]
    report = import_archives([*names, str(foreign)], cwd=repo.path)

    assert [b.bundle is not None for b in report.bundles] == [
        False,
        True,
        False,
        False,
        False,
        True,
    ]
    assert [int(b.exit) for b in report.bundles] == [3, 0, 3, 2, 2, 0]
    assert all(b.message for b in report.bundles if b.bundle is None)
    assert all(str(tmp_path) not in b.message for b in report.bundles[:1])
    assert report.exit_code is ExitCode.CANNOT_JUDGE
    assert len(bundle_ids(repo)) == 2
    assert checked(to_json(report))["exit"] == 3


def test_import_needs_a_repository(foreign: Path, tmp_path: Path) -> None:
    """There is nowhere to put it; validate needs none."""
    with pytest.raises(CannotWork, match="no git repository"):
        import_archives([str(foreign)], cwd=tmp_path)


def test_export_of_what_was_never_packed_says_so(project: GitRepo) -> None:
    """By strategy, and by an id that is none."""
    add_strategy(project, "strategies/new", CROSSING)
    with pytest.raises(Incomplete, match="has no bundle"):
        export("strategies/new", cwd=project.path)
    with pytest.raises(Usage, match="no bundle"):
        export("abcdef", cwd=project.path)


# -- how much an archive may hold -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("bt.archiveMembers", "3", "more than 3 members"),
        ("bt.archiveSize", "1k", "is more than is allowed"),
    ],
)
@pytest.mark.parametrize("inside", [True, False])
def test_limits_are_git_config(
    project: GitRepo,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    key: str,
    value: str,
    words: str,
    inside: bool,
) -> None:
    """The repository's, or the user's where there is none; the hint says how to allow more."""
    path = export(ONCE, to=str(tmp_path / "a.tar"), cwd=project.path).path
    if inside:
        project.git("config", key, value)
    else:
        monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
        monkeypatch.setenv("GIT_CONFIG_KEY_0", key)
        monkeypatch.setenv("GIT_CONFIG_VALUE_0", value)

    with pytest.raises(Corrupt, match=words) as caught:
        show(str(path), cwd=project.path if inside else tmp_path)

    assert f"git -c {key}=" in (caught.value.hint or "")


def test_a_limit_that_is_no_number_is_usage(project: GitRepo, tmp_path: Path) -> None:
    """In git's own units, or refused by name."""
    path = export(ONCE, to=str(tmp_path / "a.tar"), cwd=project.path).path
    project.git("config", "bt.archiveSize", "4 GiB")

    with pytest.raises(Usage, match=r"git config bt\.archiveSize: '4 GiB' is not a whole number"):
        show(str(path), cwd=project.path)
