"""The command engine: real programs in several languages, and hostile ones."""

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from conftest import GitRepo
from enginekit import GOOG, job, run
from floxkit import failure_of, is_running, output_of
from git_bt.engines.command_output import read_folder
from git_bt.engines.refusal import Refused
from git_bt.model import Failure, Outcome, Verdict
from projects import all_runs, bundle_id, validated

DAY = 86_400 * 10**9
JAN_2 = 1_704_153_600 * 10**9
HEADER = "time,symbol,side,price,quantity\n"
ROW = "2024-01-02,X,buy,10,1\n"
SH = ("/bin/sh", "s.sh", "{tape}", "{out}", "{config}")


@pytest.fixture(scope="session")
def goog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a tape of three bars."""
    path = tmp_path_factory.mktemp("tape") / "goog.csv"
    path.write_text(GOOG)
    return path


def shell(text: str, tape: Path, argv: Sequence[str] = SH, **more: Any) -> Outcome:
    """Run a shell script: $1 is the tape, $2 the folder, $3 the config."""
    return run("command", job({"s.sh": text}, tape, command=argv, **more))


def failed(text: str, tape: Path, argv: Sequence[str] = SH, **more: Any) -> Failure:
    """Run a shell script that must fail."""
    return failure_of(shell(text, tape, argv, **more))


# -- languages ------------------------------------------------------------------------------------

AWK = """\
BEGIN { FS = ","; file = out "/fills.csv"; print "date,symbol,side,price,quantity" > file }
NR > 2 && ($2 > last) != up { up = !up; print $1 ",GOOG," (up ? "buy" : "sell") "," $2 ",1" > file }
{ last = $2 }
"""

C = """\
#include <stdio.h>
#include <string.h>
#include "rows.h"
int main(int argc, char **argv) {
    char path[4096], day[16];
    double price, last = 0;
    snprintf(path, sizeof path, "%s/fills.csv", argv[2]);
    FILE *tape = fopen(argv[1], "r"), *out = fopen(path, "w");
    if (!tape || !out || fscanf(tape, "%*s") == 1) return 1;
    fputs(HEADER, out);
    for (int i = 0; fscanf(tape, " %10[^,],%lf", day, &price) == 2; i++, last = price)
        if (i) fprintf(out, "%s,GOOG,%s,%.17g,0.1,0.25\\n", day, price > last ? "B" : "S", price);
    return fclose(out);
}
"""
ROWS_H = '#define HEADER "date,symbol,side,price,quantity,commission\\n"\n'


def test_a_strategy_in_awk(goog: Path) -> None:
    """What awk prints is read, and written as canonical rows."""
    argv = ("awk", "-v", "out={out}", "-f", "cross.awk", "{tape}")
    output = output_of(run("command", job({"cross.awk": AWK}, goog, command=argv)))

    assert output == {
        "fills.csv": b"seq,ts_ns,symbol,side,price,quantity,fee\n"
        b"0,1704240000000000000,GOOG,buy,12.0,1.0,0.0\n"
        b"1,1704326400000000000,GOOG,sell,11.0,1.0,0.0\n"
    }


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_a_strategy_in_c_is_built_and_run(goog: Path) -> None:
    """From its sources, in the run's own copy."""
    files = {"src/cross.c": C, "src/rows.h": ROWS_H}
    build = ("cc", "-O2", "-Wall", "-Werror", "-o", "cross", "cross.c")
    argv = ("./cross", "{tape}", "{out}")
    output = output_of(run("command", job(files, goog, command=argv, build=build)))

    assert output["fills.csv"].decode().splitlines()[1:] == [
        "0,1704240000000000000,GOOG,buy,12.0,0.1,0.25",
        "1,1704326400000000000,GOOG,sell,11.0,0.1,0.25",
    ]


# -- what it ran on -------------------------------------------------------------------------------


def test_another_compiler_is_said_beside_the_verdict(
    in_repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bytes are others: the result is known still, and whoever runs it is told."""
    tool = tmp_path / "bin" / "tool"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\ncp made.sh cross\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    text = f"#!/bin/sh\nprintf '{HEADER}{ROW}' > \"$1\"/fills.csv\n"
    in_repo.write("s/made.sh", text).chmod(0o755)
    in_repo.write("goog.csv", GOOG)
    in_repo.write(
        "s/strategy.yaml",
        "entry_point: made.sh\nengine: command\ntape: ../goog.csv\n"
        'build: [tool]\ncommand: [./cross, "{out}"]\n',
    )
    bundle_id(in_repo, "s")
    (run_before,) = all_runs(in_repo)
    tool.write_text("#!/bin/sh\n# 2\ncp made.sh cross\n")
    (found,) = validated(in_repo, "s")
    (reused,) = validated(in_repo, "s", reuse=True)

    before = {"program:tool": run_before.packages["program:tool"]}
    assert run_before.packages == before
    assert re.fullmatch("sha256:[0-9a-f]{12}", before["program:tool"])
    assert (found.verdict, [c.name for c in found.environment]) == (
        Verdict.REPRODUCED, ["program:tool"],
    )  # fmt: skip
    assert reused.reused


def test_every_output_is_taken(goog: Path) -> None:
    """Five files; orders are counted anew, and JSON is made canonical."""
    text = f"""\
cd "$2"
printf '{HEADER}{ROW}' > fills.csv
printf 'ts,id,symbol,side,type,qty\\n1,b7,X,buy,MARKET,1\\n2,a1,X,sell,limit,1\\n' > orders.csv
printf 'ts,id,symbol,type\\n1,a1,X,limit\\n3,b7,X,cancel\\n' > signals.csv
printf 'date,value\\n2024-01-03,2\\n2024-01-02,1\\n' > equity.csv
printf '{{ "b": 1.50, "a": [1] }}' > summary.json
"""
    output = output_of(shell(text, goog))

    assert output["equity.csv"] == b"ts_ns,equity\n%d,1.0\n%d,2.0\n" % (JAN_2, JAN_2 + DAY)
    assert output["summary.json"] == b'{"a":[1],"b":1.5}\n'
    assert output["signals.csv"].splitlines()[1:] == [
        b"0,1,1,X,,limit,,,,,,,", b"1,3,2,X,,cancel,,,,,,,",
    ]  # fmt: skip
    assert output["orders.csv"].splitlines()[1:] == [
        b"0,1,2,X,buy,MARKET,,1.0,,,", b"1,2,1,X,sell,limit,,1.0,,,",
    ]  # fmt: skip


def test_the_program_gets_tape_config_and_its_own_copy(goog: Path, tmp_path: Path) -> None:
    """The tape as a file, the config as JSON, and cwd in the entry point's folder of a copy."""
    text = """\
test -f "$1" && test "$(cat "$3")" = '{"n":5,"s":"ü"}' && test -f other.txt || exit 7
case "$PWD" in */files/deep) ;; *) exit 8;; esac
test -z "$(ls -A "$HOME")" && test -z "$(cat)" || exit 9
printf 'ts,equity\\n1,1\\n' > "$2/equity.csv"
"""
    (tmp_path / "one").mkdir()
    shutil.copy(goog, tmp_path / "one/goog.csv")
    files = {"deep/s.sh": text, "deep/other.txt": ""}
    outputs = [
        output_of(run("command", job(files, tape, command=SH, config={"s": "ü", "n": 5})))
        for tape in (goog, tmp_path / "one")
    ]

    assert outputs[0] == outputs[1] == {"equity.csv": b"ts_ns,equity\n1,1.0\n"}


def test_only_the_three_names_in_braces_are_filled_in(goog: Path) -> None:
    """Awk's own braces stay."""
    program = '{print "ts,equity" > (out "/equity.csv"); print "1,2" > (out "/equity.csv"); exit}'
    argv = ("awk", "-v", "out={out}", program, "{tape}")

    assert output_of(shell("", goog, argv))["equity.csv"] == b"ts_ns,equity\n1,2.0\n"


# -- programs that are not there, or fail ---------------------------------------------------------


@pytest.mark.parametrize("key", ["command", "build"])
@pytest.mark.parametrize("word", ["no-such-program", "/no/such/program"])
def test_a_program_that_is_not_here_is_incomplete(goog: Path, key: str, word: str) -> None:
    """Nothing can be said of the strategy, and the hint says what to do."""
    argvs = {"command": ("true",), "build": None} | {key: (word, "x")}
    found = failure_of(run("command", job({"s": ""}, goog, **argvs)))  # type: ignore[arg-type]

    assert found.verdict is Verdict.INCOMPLETE
    assert found.message.startswith(f"{key}: there is no {word}")
    assert found.hint == "install it, or name it by its path"


def test_a_script_whose_interpreter_is_not_here_is_incomplete(goog: Path) -> None:
    """The program of its first line is what is missing."""
    files = {"s": "#!/no/such/shell\n"}
    found = failure_of(run("command", job(files, goog, command=["./s"], executable=["s"])))

    assert found.verdict is Verdict.INCOMPLETE
    assert found.message == "command: the program that the first line of ./s names is not here"


@pytest.mark.parametrize(
    ("text", "executable", "word", "words"),
    [
        ("#!/bin/sh\n", [], "./s", "command: cannot start ./s: permission denied"),
        ("echo no first line\n", ["s"], "./s", "command: cannot start ./s: exec format error"),
        ("#!/bin/sh\n", ["s"], "s", "command: s is no program on PATH"),
        ("", [], "./t", "command: there is no ./t in the snapshot"),
    ],
)
def test_a_file_that_cannot_be_started_failed(
    goog: Path, text: str, executable: list[str], word: str, words: str
) -> None:
    """It is the strategy's own, so the strategy is wrong."""
    found = failure_of(
        run("command", job({"s": text}, goog, command=[word], executable=executable))
    )

    assert (found.verdict, found.message) == (Verdict.FAILED, words)


def test_a_program_that_is_not_captured_is_to_be_listed(goog: Path, tmp_path: Path) -> None:
    """The hint names the file as strategy.yaml would."""
    (tmp_path / "tree/deep").mkdir(parents=True)
    (tmp_path / "tree/deep/t.sh").write_text("")
    given = job(
        {"deep/s": ""}, goog, command=["./t.sh"], work_tree=tmp_path / "tree", listed_from="deep"
    )

    assert failure_of(run("command", given)).hint == "add t.sh to files: in strategy.yaml"


def test_a_program_of_the_work_tree_is_refused(goog: Path, tmp_path: Path) -> None:
    """It is in no bundle, so another clone could not run it."""
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "bt").symlink_to("/bin/true")
    (tree / "real").write_text("#!/bin/sh\n")
    (tree / "real").chmod(0o755)
    found = failure_of(run("command", job({"s": ""}, goog, command=[str(tree / "real")],
                                          work_tree=tree)))  # fmt: skip

    assert found.kind == "work-tree-module"
    assert "lies in the work tree, not in the snapshot" in found.message


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("echo why >&2; exit 3", "raised", "command: /bin/sh ended with exit code 3: why"),
        ("kill -SEGV $$", "killed", "command: /bin/sh was killed by SIGSEGV"),
    ],
)
def test_a_program_that_ends_badly_failed(goog: Path, text: str, kind: str, words: str) -> None:
    """Whatever it had written before."""
    found = failed(f"printf '{HEADER}{ROW}' > $2/fills.csv\n{text}\n", goog)

    assert (found.kind, found.verdict, found.message) == (kind, Verdict.FAILED, words)
    assert ("why" in found.tail) is (kind == "raised")


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_a_failing_build_shows_what_the_compiler_said(goog: Path) -> None:
    """The command is not run."""
    build = ("cc", "-o", "bt", "bt.c")
    found = failure_of(run("command", job({"bt.c": "int main( {"}, goog, command=["./bt"],
                                          build=build)))  # fmt: skip

    assert found.verdict is Verdict.FAILED
    assert found.message.startswith("build: cc ended with exit code 1: ")
    assert "error" in found.tail


def test_a_build_that_makes_nothing_is_named(goog: Path) -> None:
    """It ended well, and the program is not there."""
    found = failure_of(run("command", job({"s": ""}, goog, command=["./bt"], build=["true"])))

    assert (found.verdict, found.message) == (Verdict.FAILED, "command: the build made no ./bt")


def test_a_program_without_end_is_stopped(goog: Path) -> None:
    """With all that it started, also in sessions of their own."""
    found = failed("setsid sleep 600 & sleep 600", goog, timeout_s=1.0)

    assert found.kind == "timeout"


def test_what_a_program_leaves_running_is_ended_before_its_rows_are_read(
    goog: Path, tmp_path: Path
) -> None:
    """A writer in the background cannot change them any more."""
    text = f"""\
printf '{HEADER}{ROW}' > "$2/fills.csv"
setsid sh -c 'echo $$ > {tmp_path}/pid; sleep 0.3; while :; do echo junk >> "$0/fills.csv"; done' \\
    "$2" &
while [ ! -s {tmp_path}/pid ]; do sleep 0.01; done
"""
    output = output_of(shell(text, goog))

    assert output["fills.csv"].count(b"\n") == 2
    assert not is_running(int((tmp_path / "pid").read_text()))


# -- what it writes -------------------------------------------------------------------------------


def read(folder: Path, **files: str | bytes) -> dict[str, Any]:
    """Read a folder with these files, whose names are without suffix but for summary_json."""
    for name, data in files.items():
        path = folder / name.replace("_", ".")
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_folder(str(folder))


@pytest.mark.parametrize(
    "text",
    [
        HEADER + ROW,
        (HEADER + ROW).replace("\n", "\r\n"),
        "\ufeff" + HEADER + ROW,
        (HEADER + ROW).rstrip(),
        HEADER + "\n" + ROW + "\n\n",
        "quantity, price ,SIDE,symbol,ts_ns\n1, 1e1,BUY,X," + str(JAN_2) + "\n",
        'time,symbol,side,price,quantity,order_id,note\n2024-01-02,"X",buy,10,1,b7,"a, b\nc"\n',
    ],
    ids=["plain", "CRLF", "BOM", "no last newline", "empty lines", "other order", "extra columns"],
)
def test_a_csv_file_is_read_as_programs_write_them(tmp_path: Path, text: str) -> None:
    """Line ends, a byte order mark, another order and further columns are no matter."""
    assert read(tmp_path, fills_csv=text) == {"fills": [(JAN_2, "X", "buy", 10.0, 1.0, 0.0)]}


def test_times_without_order_are_put_in_order(tmp_path: Path) -> None:
    """A program may go symbol by symbol."""
    text = HEADER + "3,B,buy,1,1\n1,B,sell,1,1\n2,A,buy,1,1\n1,A,buy,1,1\n"
    rows = read(tmp_path, fills_csv=text)["fills"]

    assert [(row[0], row[1]) for row in rows] == [(1, "B"), (1, "A"), (2, "A"), (3, "B")]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"fills_csv": HEADER + ROW + "2024-01-02,X,buy,nan,1\n"},
         "fills.csv line 3: price 'nan' is no finite number"),
        ({"fills_csv": HEADER + "\n2024-01-02,X,buy,10,ten\n"},
         "fills.csv line 3: quantity 'ten' is no number"),
        ({"fills_csv": HEADER + "yesterday,X,buy,10,1\n"}, "fills.csv line 2: ts_ns 'yesterday'"),
        ({"fills_csv": HEADER + "2024-01-02,X,hold,10,1\n"}, "fills.csv line 2: side 'hold'"),
        ({"fills_csv": HEADER + ROW + "2024-01-02,X\n"}, "fills.csv line 3: 2 fields, the header"),
        ({"fills_csv": "time,symbol,price,price\n"}, "fills.csv line 1: column 'price' stands tw"),
        ({"fills_csv": "time,symbol\n"}, "fills has no column side; it has time, symbol"),
        ({"fills_csv": "2024-01-02,X,buy,10,1\n"}, "fills has no column ts_ns; it has 2024-01-02"),
        ({"fills_csv": ""}, "fills.csv is empty; its first line must name the columns"),
        ({"fills_csv": b"\x7fELF\x02\xff\xfe\x00\x00"}, "fills.csv is no UTF-8 text"),
        ({"fills_csv": HEADER + "2024-01-02,X\0Y,buy,10,1\n"}, "fills.csv line 2: "),
        ({"fills_csv": HEADER + '2024-01-02,"X"Y,buy,10,1\n'}, "fills.csv line 2: "),
        ({"fills_csv": HEADER + "1," + "X" * 200_000 + ",buy,10,1\n"}, "fills.csv line 2: field"),
        ({"fill_csv": HEADER}, "the program wrote 'fill.csv' into {out}, known are fills.csv"),
        ({"summary_json": "[1]"}, "summary.json must be an object, is a list"),
        ({"summary_json": '{"a": NaN}'}, "summary.json: NaN is not JSON"),
        ({"summary_json": "{"}, "summary.json: Expecting"),
        ({"summary_json": b"\xff"}, "summary.json: "),
        ({"summary_json": "[" * 100_000}, "summary.json: "),
    ],
)  # fmt: skip
def test_a_bad_line_is_named(tmp_path: Path, files: Mapping[str, str | bytes], words: str) -> None:
    """By file, line and field, in one line."""
    with pytest.raises(Refused) as caught:
        read(tmp_path, **files)

    assert caught.value.bt_kind == "bad-output"
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)


def test_nothing_written_is_no_result(tmp_path: Path) -> None:
    """A program that ended well proves nothing."""
    with pytest.raises(Refused, match=r"wrote none of fills\.csv") as caught:
        read(tmp_path)

    assert caught.value.bt_kind == "no-result"


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A link may lead anywhere, and reading a pipe may never end."""
    made = {
        "link": lambda path: path.symlink_to("/etc/passwd"),
        "pipe": os.mkfifo,
        "folder": lambda path: path.mkdir(),
    }
    for name, make in made.items():
        folder = tmp_path / name
        folder.mkdir()
        make(folder / "fills.csv")
        with pytest.raises(Refused, match=r"fills\.csv is no file"):
            read(folder)


def test_a_very_large_output_is_read(tmp_path: Path) -> None:
    """A hundred thousand rows are no matter."""
    text = HEADER + "".join(f"{n},X,buy,10,1\n" for n in range(100_000))

    assert len(read(tmp_path, fills_csv=text)["fills"]) == 100_000
