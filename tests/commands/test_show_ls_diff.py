"""Show, ls and diff: they look, and write nothing."""

import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import GitRepo, make_repo
from floxkit import BUY_ONCE
from git_bt.commands.diff import diff
from git_bt.commands.export import export
from git_bt.commands.fsck import fsck
from git_bt.commands.import_ import import_archives
from git_bt.commands.ls import ls
from git_bt.commands.show import show
from git_bt.errors import CannotWork, Corrupt, ExitCode, Incomplete, Usage
from git_bt.model import Verdict
from git_bt.output import holdings
from git_bt.output.style import Style
from projects import (
    CROSS,
    CROSSING,
    FLOX,
    ONCE,
    add_strategy,
    bundle_id,
    bundle_ids,
    packed,
    silent,
    validated,
)

# -- show -----------------------------------------------------------------------------------------


def test_show_tells_everything_of_a_bundle(project: GitRepo) -> None:
    """Manifest, metrics, strategies, runs; by id, prefix and strategy alike."""
    report = packed(project, ONCE)
    digest = report.bundle or ""
    for name in (digest, digest[:6], ONCE):
        found = show(name, cwd=project.path)

        assert (found.bundle, found.strategies) == (digest, (ONCE,))
        assert found.manifest.inputs == report.inputs
        assert found.metrics == report.metrics
        assert (found.missing, found.foreign) == ((), False)
        assert len(found.runs) == 2
        assert found.runs[0][1].when_ns >= found.runs[1][1].when_ns


def test_a_run_record_says_who_and_on_what(project: GitRepo) -> None:
    """Author by git's own rules, the engine, the Python, the packages that the run loaded."""
    (_, run), *_ = show(ONCE, cwd=project.path).runs

    assert run.author == "A U Thor <author@example.com>"
    assert (run.kind, run.runs, run.verdict) == ("pack", 2, Verdict.REPRODUCED)
    assert {"lrvx", "numpy"} <= run.packages.keys()
    assert run.isolation


def test_one_bundle_may_be_of_two_strategies(project: GitRepo) -> None:
    """Equal inputs under two names are one bundle only when the paths are equal too."""
    add_strategy(project, "strategies/twin", (project.path / ONCE / "strategy.py").read_text())
    twin = bundle_id(project, "strategies/twin")

    assert show(twin, cwd=project.path).strategies == ("strategies/twin",)
    assert twin != show(ONCE, cwd=project.path).bundle


def test_show_names_what_is_not_at_hand(project: GitRepo, tmp_path: Path) -> None:
    """A tape that was left out is missing here; the rest is shown."""
    project.git("config", "bt.tapeLimit", "0")
    shutil.copytree(project.path / "tapes/three", tmp_path / "loose")
    digest = bundle_id(project, CROSS, tape=str(tmp_path / "loose"))

    assert show(digest, cwd=project.path).missing == ("tape/a.lrvx",)


def test_show_takes_an_archive_anywhere(project: GitRepo, tmp_path: Path) -> None:
    """Inside a repository that has the bundle, its runs are shown too."""
    out = export(ONCE, to=str(tmp_path / "once.tar"), cwd=project.path)
    outside = show("once.tar", cwd=tmp_path)
    inside = show(str(tmp_path / "once.tar"), cwd=project.path)

    assert outside.bundle == inside.bundle == out.bundle
    assert outside.runs == ()
    assert len(inside.runs) == 1


def test_what_cannot_be_shown_says_why(project: GitRepo, tmp_path: Path) -> None:
    """No such id, no such strategy, nothing packed, no archive, no repository."""
    add_strategy(project, "strategies/new", CROSSING)
    (tmp_path / "bad.tar").write_text("text")
    for kind, cwd, name in (
        (Usage, project.path, "abcdef"),
        (Usage, project.path, "abc"),
        (Usage, project.path, "strategies/none"),
        (Incomplete, project.path, "strategies/new"),
        (Corrupt, project.path, str(tmp_path / "bad.tar")),
        (CannotWork, tmp_path, "abcdef"),
    ):
        with pytest.raises(kind):
            show(name, cwd=cwd)


# -- ls -------------------------------------------------------------------------------------------


def test_ls_lists_newest_first(project: GitRepo) -> None:
    """Each bundle once, with its newest record; some only, when asked."""
    packed(project, ONCE)
    rows = ls(cwd=project.path).bundles

    assert [row.strategy for row in rows] == [ONCE, CROSS]
    assert sorted(row.bundle for row in rows) == bundle_ids(project)
    assert all(row.verdict is Verdict.REPRODUCED and row.metrics for row in rows)
    (only,) = ls(["cross"], cwd=project.path / "strategies").bundles
    assert only.strategy == CROSS


def test_ls_tells_the_newest_verdict(project: GitRepo) -> None:
    """A recorded divergence is not hidden behind the pack before it."""
    add_strategy(project, ONCE, CROSSING)
    validated(project, ONCE, record=True)
    rows = {row.strategy: row.verdict for row in ls(cwd=project.path).bundles}

    assert rows == {ONCE: Verdict.DIVERGED, CROSS: Verdict.REPRODUCED}


def test_what_ran_only_once_is_not_called_reproduced(project: GitRepo) -> None:
    """Until it ran again, whoever made it run."""
    add_strategy(project, "strategies/other", BUY_ONCE.replace("1.0", "1.5"))
    once = bundle_id(project, "strategies/other", runs=1)
    (row,) = ls(["strategies/other"], cwd=project.path).bundles
    style = Style(color=False, width=80)
    shown = [*holdings.ls(ls(["strategies/other"], cwd=project.path), style)]
    shown += holdings.show(show(once, cwd=project.path), style)

    assert (row.verdict, row.is_tested) == (Verdict.REPRODUCED, False)
    assert "\n".join(shown).count("run once") == 2
    assert not any("reproduced" in line for line in shown)

    assert bundle_id(project, "strategies/other", runs=1) == once
    (row,) = ls(["strategies/other"], cwd=project.path).bundles

    assert (row.verdict, row.is_tested) == (Verdict.REPRODUCED, True)


@pytest.mark.skipif(not FLOX.is_dir(), reason="shared/cases is not beside this checkout")
def test_ls_lists_what_was_imported_last(project: GitRepo) -> None:
    """It was never run here: no time, no verdict; its metrics are FLOX's."""
    import_archives([str(FLOX / "c_tiny3_floxpy0.6.8.tar")], cwd=project.path)
    *_, row = ls(cwd=project.path).bundles

    assert (row.foreign, row.verdict, row.when_ns, row.strategy) == (True, None, None, None)
    assert row.metrics is not None


def test_an_empty_store_lists_nothing(repo: GitRepo, tmp_path: Path) -> None:
    """Which is no error; no repository is one."""
    assert ls(cwd=repo.path).bundles == ()
    assert fsck(step=silent, cwd=repo.path).problems == ()
    with pytest.raises(CannotWork, match="no git repository"):
        ls(cwd=tmp_path)


def test_a_repository_that_git_will_not_open_is_not_called_none(repo: GitRepo) -> None:
    """Where an archive would do without one, git's own reason is still what is said."""
    (repo.path / ".git" / "config").write_text("[core\n")

    with pytest.raises(CannotWork, match="bad config line 1"):
        show("0123abcd", cwd=repo.path)


# -- diff -----------------------------------------------------------------------------------------


def test_a_bundle_equals_itself(project: GitRepo, tmp_path: Path) -> None:
    """By whatever name; an archive knows of no environment, so none differs."""
    export(ONCE, to=str(tmp_path / "once.tar"), cwd=project.path)
    found = diff(ONCE, str(tmp_path / "once.tar"), cwd=project.path)

    assert found.equal
    assert found.exit_code is ExitCode.OK
    assert (found.code, found.environment, found.config, found.files) == ("", (), (), ())


def test_diff_shows_code_config_files_and_rows(project: GitRepo) -> None:
    """A as expected, B as actual; git's own diff of the code."""
    a = bundle_id(project, CROSS)
    add_strategy(
        project,
        CROSS,
        CROSSING.replace("(0.01)", "(0.02)"),
        tape="walk",
        more="config: {slippage_model: fixed_bps, slippage_bps: 5}\n",
    )
    b = bundle_id(project, CROSS)
    found = diff(a[:8], b[:8], cwd=project.path)

    assert (found.a, found.b, found.exit_code) == (a, b, ExitCode.DIFFERS)
    assert [(c.name, c.a, c.b) for c in found.config] == [
        ("slippage_bps", 0, 5),
        ("slippage_model", "none", "fixed_bps"),
    ]
    assert [c.name for c in found.files] == [f"strategy/{CROSS}/strategy.py"]
    assert found.comparison.verdict is Verdict.DIVERGED
    assert found.comparison.differences[0].path == "fills[0].price"
    assert f"--- a/{CROSS}/strategy.py\n+++ b/{CROSS}/strategy.py\n" in found.code
    changed = [line for line in found.code.splitlines() if line[:2] in ("- ", "+ ")]
    assert [line[:1] + line[-7:] for line in changed] == ["-)(0.01)", "+)(0.02)"]
    assert found.metrics_a != found.metrics_b
    back = diff(b, a, all_differences=True, cwd=project.path)
    assert back.comparison.more == {}
    assert len(back.comparison.differences) > 2


def test_the_same_output_of_other_code_is_a_difference(project: GitRepo) -> None:
    """A comment changes the inputs, not the rows."""
    a = bundle_id(project, ONCE)
    text = (project.path / ONCE / "strategy.py").read_text()
    add_strategy(project, ONCE, text + "# a comment\n")
    found = diff(a, bundle_id(project, ONCE), cwd=project.path)

    assert found.comparison.verdict is Verdict.REPRODUCED
    assert found.exit_code is ExitCode.DIFFERS
    assert "+# a comment" in found.code


def test_a_users_own_diff_settings_change_nothing(
    project: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither an external diff nor colours nor another prefix."""
    a = bundle_id(project, ONCE)
    add_strategy(project, ONCE, CROSSING)
    b = bundle_id(project, ONCE)
    plain = diff(a, b, cwd=project.path).code
    config = tmp_path / "gitconfig"
    config.write_text("[diff]\n external = false\n noprefix = true\n[color]\n ui = always\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "false")

    assert diff(a, b, cwd=project.path).code == plain


def test_archives_are_compared_without_a_repository(project: GitRepo, tmp_path: Path) -> None:
    """Both sides may come from elsewhere."""
    for name in (ONCE, CROSS):
        export(name, to=f"{tmp_path}/{Path(name).name}.tar", cwd=project.path)

    assert not diff("once.tar", "cross.tar", cwd=tmp_path).equal
    with pytest.raises(CannotWork):
        diff("once.tar", "abcdef", cwd=tmp_path)


# -- fsck -----------------------------------------------------------------------------------------


def test_fsck_counts_what_is_there(project: GitRepo) -> None:
    """Two bundles, their snapshots and runs; whole, also packed and from a linked worktree."""
    validated(project, ONCE, record=True)
    project.git("gc", "-q", "--prune=now")
    project.git("worktree", "add", "-q", "../linked")
    report = fsck(step=silent, cwd=project.path.parent / "linked")

    assert report.exit_code is ExitCode.OK
    assert (report.bundles, report.snapshots, report.runs) == (2, 2, 3)


def test_fsck_names_a_broken_object_and_its_bundle(project: GitRepo) -> None:
    """A flipped byte in a loose object; the other bundle is whole."""
    digest = show(CROSS, cwd=project.path).bundle
    place = f"v1/bundles/{digest[:2]}/{digest[2:4]}/{digest[4:]}/output/fills.csv"
    oid = project.git("rev-parse", f"refs/bt/store:{place}")
    loose = project.path / f".git/objects/{oid[:2]}/{oid[2:]}"
    data = bytearray(loose.read_bytes())
    data[-1] ^= 1
    loose.chmod(0o644)
    loose.write_bytes(data)
    report = fsck(step=silent, cwd=project.path)

    assert report.exit_code is ExitCode.CANNOT_JUDGE
    assert [(p.kind, p.name, p.bundles) for p in report.problems] == [("object", oid, (digest,))]
    broken, whole = validated(project, CROSS, ONCE)
    assert (broken.verdict, whole.verdict) == (Verdict.CORRUPT, Verdict.REPRODUCED)


def test_a_store_that_was_fetched_by_hand_is_read(project: GitRepo, tmp_path: Path) -> None:
    """It is git objects behind a ref; nothing else is needed to list, show and validate."""
    other = make_repo(tmp_path / "other")
    other.git("fetch", "-q", str(project.path), "refs/bt/store:refs/bt/store")

    assert len(ls(cwd=other.path).bundles) == 2
    assert [v.verdict for v in validated(other, *bundle_ids(other))] == [Verdict.REPRODUCED] * 2


def test_git_itself_finds_nothing_wrong(project: GitRepo) -> None:
    """Strict checks of git on all that we wrote."""
    done = subprocess.run(
        ["git", "fsck", "--strict", "--no-dangling"],
        cwd=project.path,
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stdout) == (0, "")
