"""Bytes are proved on their way in, and on their way out."""

import dataclasses
from pathlib import Path

import pytest

from floxkit import BUY_ONCE, failure_of, job_of, make_venv, own, run, tape_at
from git_bt.canonical import sha256
from git_bt.errors import Corrupt, Incomplete
from git_bt.interpreters import Wanted, find_interpreter, load_adapter
from git_bt.model import Data, Member
from git_bt.runner import Job, Twin, start
from git_bt.runner.job import LARGE


def refuse(job: Job, error: type[Exception], words: str) -> None:
    for make in (start, Twin):
        with make(own(), load_adapter("flox")) as child, pytest.raises(error, match=words):
            child.run(job)


def test_bytes_are_proved_before_anything_runs(tape: Path) -> None:
    """A file that is not its member's is refused, and one that is not at hand, and a bad path."""
    job = job_of({"s.py": BUY_ONCE, "x.py": "1"}, tape)
    wrong = {**job.content, "x.py": job.content["s.py"]}

    refuse(dataclasses.replace(job, content=wrong), Corrupt, "x.py: its bytes are not those")
    refuse(dataclasses.replace(job, content={}), Incomplete, "the bytes of s.py are not at hand")
    members = {**job.members, "../x.py": job.members["x.py"]}
    refuse(dataclasses.replace(job, members=members), Corrupt, "'../x.py'")
    refuse(dataclasses.replace(job, entry_point="y.py"), Incomplete, "entry point y.py is not")


def test_a_written_out_tape_is_proved(tape: Path) -> None:
    """So is the tape when it is written out."""
    full = tape_at(tape, in_place=False)
    spoiled = dataclasses.replace(full, content={"a.lrvx": Data(b"x")})

    size = LARGE + 1
    large = dataclasses.replace(
        full,
        members={"a.lrvx": Member(sha256=sha256(b""), size=size)},
        content={"a.lrvx": Data(bytes(size))},
    )

    refuse(job_of(BUY_ONCE, spoiled), Corrupt, "tape/a.lrvx: its bytes are not those of")
    refuse(job_of(BUY_ONCE, large), Corrupt, "tape/a.lrvx: its bytes are not those of")


def test_a_tape_that_changes_under_a_run_is_a_failure(tape: Path, tmp_path: Path) -> None:
    """What was proved is not what was read."""
    place = tmp_path / "t"
    place.mkdir()
    (place / "a.lrvx").write_bytes((tape / "a.lrvx").read_bytes())
    text = f"open({str(place / 'a.lrvx')!r}, 'ab').write(b'x')\n" + BUY_ONCE
    failure = failure_of(run(job_of(text, place)))

    assert failure.kind == "tape-changed"


@pytest.mark.parametrize(
    ("write", "words"),
    [
        ("open('../out/evil.csv', 'w')", "the run wrote 'evil.csv', which is no output"),
        ("open('../out/equity.csv', 'w')", "equity.csv: line 1: the columns must be ts_ns,equity"),
        ("open('../out/equity.csv','w').write('ts_ns,equity\\n1,2\\n')", "equity.csv: not in can"),
        ("open('../out/equity.csv','w').write('ts_ns,equity\\n1,x\\n')", "equity.csv: line 2: "),
        (
            "os.symlink('/etc/passwd', '../out/equity.csv')",
            "the run wrote 'equity.csv', which is",
        ),
        ("os.mkfifo('../out/equity.csv')", "the run wrote 'equity.csv', which is no file"),
    ],
)
def test_output_that_is_not_canonical_is_a_failure(write: str, words: str, tape: Path) -> None:
    """File and line are named."""
    failure = failure_of(run(job_of(f"import os\n{write}\n" + BUY_ONCE, tape)))

    assert failure.kind == "bad-output"
    assert failure.message.startswith(words)


def test_a_forged_end_is_no_result(tape: Path) -> None:
    """A strategy that writes done.json itself does not know the nonce."""
    text = (
        'open("../done.json", "w").write(\'{"nonce": "", "failure": null, "environment": null}\')\n'
        "import os; os._exit(0)"
    )

    assert failure_of(run(job_of(text, tape))).kind == "no-result"


NONCE = """\
import os, sys
frame = sys._getframe()
while "nonce" not in frame.f_locals: frame = frame.f_back
nonce = frame.f_locals["nonce"]
"""


@pytest.mark.parametrize(
    "rest",
    [
        "",
        ', "failure": 5, "environment": []',
        ', "failure": null, "environment": {"python": 1, "platform": "x", "packages": {}}',
        ', "failure": null, "environment": {"python": "1", "platform": "x", "packages": [1]}',
        ', "failure": {"kind": [1], "message": 7}, "environment": null',
    ],
)
def test_a_forged_end_of_another_shape_is_no_result(rest: str, tape: Path) -> None:
    """One that found the nonce in the harness's memory still has to say what the harness says."""
    write = f"open('../done.json', 'w').write('{{\"nonce\": \"%s\"{rest}}}' % nonce)"
    failure = failure_of(run(job_of(f"{NONCE}\n{write}; os._exit(0)", tape)))

    assert failure.kind == "no-result"


@pytest.mark.parametrize("name", ["done.json", "printed"])
@pytest.mark.parametrize(
    "put", ["os.mkfifo({})", "os.symlink('/dev/zero', {})", "os.mkdir({})", "os.link('s.py', {})"]
)
def test_anything_may_stand_where_a_file_of_ours_should(name: str, put: str, tape: Path) -> None:
    """A pipe would keep us waiting, a device would fill our memory."""
    text = (
        f"import os\np = '../{name}'\nif os.path.exists(p): os.unlink(p)\n"
        f"{put.format('p')}\nos._exit(0)"
    )

    assert failure_of(run(job_of(text, tape))).kind == "no-result"


def test_an_engine_that_cannot_be_imported_is_named(tape: Path, tmp_path: Path) -> None:
    """A dist-info without its package: incomplete, naming the interpreter."""
    site = make_venv(tmp_path / "venv", "lrvx")
    interpreter = find_interpreter(load_adapter("flox"), Wanted(option=str(tmp_path / "venv")))
    failure = failure_of(run(job_of(BUY_ONCE, tape), interpreter))

    assert failure.kind == "engine-missing"
    assert "cannot import the engine: " in failure.message
    assert str(site.parents[2]) in failure.message
