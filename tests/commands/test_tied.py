"""COMMIT:STRATEGY: the result that belongs to a commit, and never one that does not."""

import shutil
from pathlib import Path

import pytest

from conftest import GitRepo, make_repo
from git_bt.commands.locate import fetch, locate
from git_bt.commands.record import record
from git_bt.commands.tape_pin import pin_tape
from git_bt.commands.tied import results_at
from git_bt.commands.workspace import open_workspace
from git_bt.errors import BtError, Incomplete, Usage
from git_bt.model import Oid, Verdict
from projects import CROSS, ONCE, PYTHON, bt, bundle_id, silent, validated


def bundle_at(repo: GitRepo, name: str, cwd: Path | None = None) -> str:
    """Return the bundle that a word names."""
    with open_workspace(cwd or repo.path) as workspace:
        return fetch(workspace, locate(workspace, name)).bundle.id


def fault_of(repo: GitRepo, name: str) -> BtError:
    with pytest.raises(BtError) as caught:
        bundle_at(repo, name)
    return caught.value


def change(repo: GitRepo, new: str) -> str:
    """Change a number of a strategy and commit it."""
    place = repo.path / CROSS / "strategy.py"
    place.write_text(place.read_text().replace("0.05", new))
    return repo.commit(f"now {new}")


def test_a_result_of_a_commit_is_named(project: GitRepo) -> None:
    """On the commit itself, by any revision; from the top, or from where one stands."""
    first = bundle_id(project, CROSS)
    record(step=silent, cwd=project.path)
    change(project, "0.06")
    second = bundle_id(project, CROSS)
    record(step=silent, cwd=project.path)

    assert bundle_at(project, f"HEAD:{CROSS}") == second != first
    assert bundle_at(project, f"HEAD~1:{CROSS}") == first
    assert bundle_at(project, f"{project.git('rev-parse', 'HEAD~1')}:{CROSS}/") == first
    assert bundle_at(project, "main:./cross", project.path / "strategies") == second


def test_unchanged_inputs_have_the_result_of_before(project: GitRepo) -> None:
    """Neither commit has a note of its own: the ancestor's counts, and so does a mere run."""
    bundle = bundle_id(project, CROSS)
    project.commit("words", README="x")

    assert bundle_at(project, f"HEAD:{CROSS}") == bundle
    record("HEAD~1", step=silent, cwd=project.path)
    assert bundle_at(project, f"HEAD:{CROSS}") == bundle


def test_other_inputs_have_no_result(project: GitRepo) -> None:
    """An ancestor's result is not shown on a commit with other code."""
    record(step=silent, cwd=project.path)
    commit = change(project, "0.07")
    fault = fault_of(project, f"HEAD:{CROSS}")

    assert isinstance(fault, Incomplete)
    assert fault.message == f"commit {commit[:12]}: {CROSS} has no result"


def test_outputs_that_stand_against_each_other_are_no_result(project: GitRepo) -> None:
    """The tree of two conflicting runs names neither."""
    place = project.path / ONCE / "strategy.py"
    flag = project.path.parent / "flag"
    size = f"2.0 if os.path.exists({str(flag)!r}) else 1.0"
    place.write_text("import os\n" + place.read_text().replace("1.0", size))
    project.commit("hidden input")
    bundle_id(project, ONCE)
    flag.touch()
    bundle_id(project, ONCE)

    assert "stand against each other" in fault_of(project, f"HEAD:{ONCE}").message


def test_an_unpinned_tape_ties_to_head_only(project: GitRepo) -> None:
    """Of an older commit nobody can say what its tape held; of a pinned one everybody can."""
    project.git("rm", "-q", "-r", "--cached", "tapes/three")
    project.commit("unpinned", **{".gitignore": "/tapes/three/\n"})
    bundle = bundle_id(project, ONCE)
    at_head = bundle_at(project, f"HEAD:{ONCE}")
    pin_tape("tapes/three", cwd=project.path)
    project.commit("pinned")
    project.commit("words", README="x")

    assert at_head == bundle
    assert "does not say what the tape" in fault_of(project, f"HEAD~2:{ONCE}").message
    assert bundle_at(project, f"HEAD~1:{ONCE}") == bundle
    shutil.rmtree(project.path / "tapes/three")
    assert bundle_at(project, f"HEAD:{ONCE}") == bundle


def test_words_that_name_nothing(project: GitRepo) -> None:
    """No commit, no strategy there, outside; without a result nothing is run."""
    for name in (f"nowhere:{ONCE}", f":{ONCE}", "HEAD:none", "HEAD:../x", "HEAD:./../../x"):
        assert isinstance(fault_of(project, name), Usage), name
    assert isinstance(fault_of(project, "HEAD:strategies"), Usage)
    assert isinstance(fault_of(project, "HEAD:"), Usage)


def test_a_result_whose_bundle_has_not_come(project: GitRepo, tmp_path: Path) -> None:
    """Notes without the store: fetch is what to do."""
    record(step=silent, cwd=project.path)
    clone = make_repo(tmp_path / "clone")
    clone.git("fetch", "-q", str(project.path), "main", "+refs/notes/bt:refs/notes/bt")
    clone.git("checkout", "-q", "-b", "here", "FETCH_HEAD")
    fault = fault_of(clone, f"HEAD:{ONCE}")

    assert (fault.message.endswith("is not here"), fault.hint) == (True, "git bt fetch")


def test_every_command_takes_it(project: GitRepo) -> None:
    """Validate runs the bundle's own code, whatever the work tree holds."""
    record(step=silent, cwd=project.path)
    change(project, "0.06")
    (found,) = validated(project, f"HEAD~1:{CROSS}")
    incomplete = validated(project, f"HEAD:{CROSS}", f"HEAD~1:{CROSS}")

    assert (found.verdict, found.strategy) == (Verdict.REPRODUCED, CROSS)
    assert [v.verdict for v in incomplete] == [Verdict.INCOMPLETE, Verdict.REPRODUCED]
    assert bt("show", f"HEAD~1:{CROSS}", cwd=project).code == 0
    assert bt("export", f"HEAD~1:{CROSS}", "-o", "x.tar", cwd=project).code == 0
    assert bt("replay", f"HEAD~1:{CROSS}", "--python", PYTHON, cwd=project).code == 0


def test_all_results_of_a_commit(project: GitRepo) -> None:
    """Those of strategies that have one."""
    record(step=silent, cwd=project.path)
    commit = change(project, "0.06")
    with open_workspace(project.path) as workspace:
        found = [result.strategy for result in results_at(workspace, Oid(commit))]
        before = results_at(workspace, Oid(project.git("rev-parse", "HEAD~1")))

    assert found == [ONCE]
    assert [(r.strategy, r.origin) for r in before] == [
        (CROSS, before[0].commit),
        (ONCE, before[0].commit),
    ]
