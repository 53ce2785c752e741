"""Bundles by somebody who wants a wrong verdict: each gets the right one, and leaves no trace.

The families are built here from one genuine bundle and judged by one command, as CI would.
"""

import gzip
import hashlib
import io
import json
import lzma
import os
import stat
import subprocess
import sys
import tarfile
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from floxkit import write_tape
from git_bt.canonical import tape_sha256
from git_bt.model import Member

BASE = Path(__file__).parent / "data" / "flox" / "a_tiny3_lrvx0.11.0.tar"
VALIDATE = [sys.executable, "-m", "git_bt", "validate", "--json", "--jobs", "2"]
STRATEGY = "strategy/first_trade_buy.py"
SEGMENT = "expected.lrvxrun/fills-000000.bin"
OK = {"reproduced"}
CUT = {"corrupt", "incomplete"}
FAILED = {"failed"}
DIFFERS = {"diverged"}
UNSOUND = {"diverged", "nondeterministic"}

ENDLESS = ("sleeps", "ignores signals", "stops its parent")
SHORT_S, LONG_S = 2, 300  # nothing but the endless ones may run out of time, however busy we are

Files = dict[str, bytes]
Cases = dict[str, tuple[bytes, set[str]]]


# -- building -------------------------------------------------------------------------------------


def genuine() -> Files:
    """Return the files of a bundle that FLOX wrote: three trades, one fill of 1.0 at 100.0."""
    with tarfile.open(BASE) as archive:
        return {m.name: _read(archive, m) for m in archive.getmembers() if m.isfile()}


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None
    return file.read()


def tar(files: Mapping[str, bytes], *odd: tarfile.TarInfo) -> bytes:
    """Return an archive of files, and of members without content after them."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in odd:
            archive.addfile(info)
    return out.getvalue()


def odd(name: str, kind: bytes, **fields: Any) -> tarfile.TarInfo:
    """Return a member of an odd type."""
    info = tarfile.TarInfo(name)
    info.type = kind
    for key, value in fields.items():
        setattr(info, key, value)
    return info


def edited(files: Files, path: str, **changes: Any) -> Files:
    """Change keys of a JSON member; a change to ... takes the key away."""
    value = json.loads(files[path]) | changes
    left = {key: item for key, item in value.items() if item is not ...}
    return {**files, path: json.dumps(left).encode()}


def proved(files: Files) -> Files:
    """Make the manifest's digests those of the files."""
    tape = {p.removeprefix("tape/"): d for p, d in files.items() if p.startswith("tape/")}
    members = {p: Member(sha256=hashlib.sha256(d).hexdigest(), size=1) for p, d in tape.items()}
    return edited(
        files,
        "manifest.json",
        strategy_sha256=hashlib.sha256(files[STRATEGY]).hexdigest(),
        tape_sha256=tape_sha256(members),
    )


def strategy(body: str = "", *, top: str = "", more: str = "") -> bytes:
    """Return a bundle whose strategy gives the recorded fill, and does something odd as well."""
    text = (
        f"import os, sys, time\nimport lrvx\n{textwrap.dedent(top)}\n"
        "class S(lrvx.Strategy):\n"
        "    n = 0\n"
        "    def on_trade(self, ctx, trade):\n"
        "        self.n += 1\n"
        "        if self.n == 1: self.market_buy(1.0)\n"
        + textwrap.indent(textwrap.dedent(body), " " * 8)
        + "\n"
        + textwrap.indent(textwrap.dedent(more), " " * 4)
        + "\n"
    )
    return source(text.encode())


def source(data: bytes) -> bytes:
    """Return a bundle with another strategy, its digest refreshed."""
    return tar(proved({**genuine(), STRATEGY: data}))


# -- families -------------------------------------------------------------------------------------

RUN = "run = os.path.dirname(os.path.dirname(__file__))\n"
DAEMON = """\
if self.n == 1 and os.fork() == 0:
    os.setsid()
    if os.fork() == 0: os.execve("/bin/sleep", ["sleep", "600"], {})
    os._exit(0)
"""


def strategies() -> Cases:
    """Return what a strategy may do to its process, to our files and to what it is run by."""
    log = "lrvx.set_log_callback(lambda *a: None)\n"
    return {
        "plain": (strategy(), OK),
        "prints": (strategy("print('x' * 10**6)"), OK),
        "raises at import": (strategy(top="raise ValueError"), FAILED),
        "raises late": (strategy("if self.n == 3: raise ValueError"), FAILED),
        "raises in on_stop": (strategy(more="def on_stop(self): 1 / 0"), FAILED),
        "raises with the log off": (strategy(f"{log}type(self).on_trade = lambda *a: 0/0"), FAILED),
        "forges the kind": (
            strategy("class E(Exception): bt_kind = 'tape-corrupt'\nraise E"),
            FAILED,
        ),
        "raises a flood": (strategy("raise ValueError('\\x1b[2J\\n' + 'x' * 10**7)"), FAILED),
        "exits at import": (strategy(top="sys.exit(0)"), FAILED),
        "exits on a tick": (strategy("sys.exit(0)"), FAILED),
        "exits in on_stop": (strategy(more="def on_stop(self): os._exit(0)"), FAILED),
        "exits in a thread": (
            strategy("import threading\nthreading.Thread(target=lambda: os._exit(0)).start()\n"
                     "time.sleep(1)"),
            FAILED,
        ),
        "thread that never ends": (
            strategy("import threading\nthreading.Thread(target=time.sleep, args=(9e6,)).start()"),
            OK,
        ),
        "sleeps": (strategy("time.sleep(1e9)"), FAILED),
        "ignores signals": (
            strategy("import signal\nfor s in (1, 2, 15): signal.signal(s, signal.SIG_IGN)\n"
                     "while True: pass"),
            FAILED,
        ),
        "1 TB": (strategy("bytearray(1 << 40)"), FAILED),
        "recursion": (strategy("def f(): f()\nf()"), FAILED),
        "kills itself": (strategy("os.kill(os.getpid(), 9)"), FAILED),
        "kills its parent": (strategy(f"{DAEMON}os.kill(os.getppid(), 9)\ntime.sleep(1)"), FAILED),
        "stops its parent": (strategy("os.kill(os.getppid(), 19)\nwhile True: pass"), FAILED),
        "daemon": (strategy(DAEMON), OK),
        "closes everything": (strategy("os.closerange(0, 3)"), OK),
        "stands elsewhere": (strategy("os.chdir('/')"), OK),
        "removes itself": (strategy("if self.n == 1: os.unlink(__file__)"), OK),
        "removes all": (
            strategy(f"{RUN}import shutil\nshutil.rmtree(os.path.dirname(run), True)"),
            FAILED,
        ),
        "nests folders": (
            strategy("if self.n == 1:\n  for _ in range(2000): os.mkdir('d'); os.chdir('d')"),
            OK,
        ),
        "patches modules": (
            strategy("import json, csv\njson.dump = json.dumps = csv.writer = None\n"
                     "sys.path.insert(0, None); sys.stdout = sys.stderr = None"),
            OK,
        ),
        "patches the engine": (
            strategy("E = lrvx.SimulatedExecutor\nE.fills = E.fills_list = lambda self: []"),
            DIFFERS | FAILED,
        ),
        "looks for the answer": (
            strategy("import pathlib\nfor p in pathlib.Path(__file__).parents[:3]:\n"
                     "    if [*p.rglob('expected*')]: self.market_buy(1.0)"),
            OK,
        ),
        "forges the end": (
            strategy(f"{RUN}with open(run + '/done.json', 'w') as f: f.write('{{}}')\nos._exit(0)"),
            FAILED,
        ),
        "pipe as the end": (strategy(f"{RUN}os.mkfifo(run + '/done.json')\nos._exit(0)"), FAILED),
        "device as its prints": (
            strategy(f"{RUN}os.unlink(run + '/printed')\n"
                     "os.symlink('/dev/zero', run + '/printed')\nos._exit(0)"),
            FAILED,
        ),
        "writes another output": (
            strategy(f"{RUN}open(run + '/out/a\\nb', 'w').close()"),
            FAILED,
        ),
        "random": (strategy("import random\nself.market_buy(random.random())"), UNSOUND),
        "clock": (strategy("self.market_buy(time.time_ns() % 9973 / 1000 + 1)"), UNSOUND),
        "sells more": (strategy("self.market_sell(1.0)"), DIFFERS),
        "missing sibling": (strategy(top="import helper"), FAILED),
        "no strategy": (source(b"x = 1\n"), FAILED),
        "syntax": (source(b"def f(:\n"), FAILED),
        "not UTF-8": (source(b"x = '\xff'\n"), FAILED),
        "empty": (source(b""), FAILED),
    }  # fmt: skip


VALUES: Mapping[str, Any] = {
    "gone": ..., "null": None, "true": True, "minus": -1, "huge": 10**39, "empty": "", "list": [],
}  # fmt: skip
HARMLESS = {("created_at_ns", "huge"), ("tick_size", "huge")}


def tampered() -> Cases:
    """Return what was edited after FLOX wrote it."""
    files = genuine()
    cases: Cases = {}
    for key in json.loads(files["manifest.json"]):
        for name, value in VALUES.items():
            right = OK if (key, name) in HARMLESS else CUT
            cases[f"{key} {name}"] = tar(edited(files, "manifest.json", **{key: value})), right
    said = json.loads(files["expected_output.json"])
    for key in said:
        for name, value in VALUES.items():
            right = DIFFERS if (key, name) == ("trade_count", "huge") else CUT
            cases[f"{key} {name}"] = (
                tar(edited(files, "expected_output.json", **{key: value})),
                right,
            )
    for path in files:
        cases[f"without {path}"] = tar({p: d for p, d in files.items() if p != path}), CUT
        cases[f"nothing in {path}"] = tar({**files, path: b""}), CUT
    del cases["without config/params.json"]  # as the first releases wrote it
    fill = said["fills"][0]
    for name, changes in {
        "price": {"price": 100.00000000000001},
        "side": {"side": "sell"},
        "quantity": {"quantity": 2.0},
    }.items():
        fills = [{**fill, **changes}]
        total = fills[0]["quantity"]
        value = edited(files, "expected_output.json", fills=fills, total_filled_quantity=total)
        cases[f"fill of another {name}"] = tar(value), DIFFERS
    for name, text in {
        "NaN": b"NaN", "1e999": b"1e999", "400 digits": b"1" * 400, "deep": b"[" * 9999,
    }.items():  # fmt: skip
        data = files["manifest.json"].replace(b"0.01", text)
        cases[f"manifest with {name}"] = tar({**files, "manifest.json": data}), CUT
    flipped = bytearray(files[SEGMENT])
    flipped[100] ^= 1
    cases["flipped trace"] = tar({**files, SEGMENT: bytes(flipped)}), CUT
    digest = json.loads(files["manifest.json"])["strategy_sha256"].upper()
    cases["digest in capitals"] = tar(edited(files, "manifest.json", strategy_sha256=digest)), CUT
    for name in ("../x.py", "/etc/passwd", "a\nb\x1b[2J.py", ".git/x.py"):
        cases[f"entry point {name!r}"] = (
            tar(edited(files, "manifest.json", strategy_filename=name)),
            CUT,
        )
    return cases


def archives() -> Cases:
    """Return what is wrong with the archive itself."""
    files = genuine()
    whole = tar(files)
    cases: Cases = {
        "in order": (whole, OK),
        "in another order": (tar(dict(reversed(files.items()))), OK),
        "gzip": (gzip.compress(whole), OK),
        "cut gzip": (gzip.compress(whole)[:-4], CUT),
        "xz": (lzma.compress(whole), CUT),
        "more behind": (whole + b"x" * 512, CUT),
        "half a block behind": (whole + bytes(100), CUT),
        "nothing": (b"", CUT),
        "text": (b"no archive", CUT),
        "zeros": (bytes(10240), CUT),
        "LFS pointer": (b"version https://git-lfs.github.com/spec/v1\n", CUT),
        "bomb": (gzip.compress(bytes(40 << 20)), CUT),
        "member twice": (tar(files, odd("manifest.json", tarfile.REGTYPE)), CUT),
        "sparse": (
            tar(files, odd("s", tarfile.REGTYPE, pax_headers={"GNU.sparse.major": "1"})),
            CUT,
        ),
        "two files of one name": (tar({**files, "Manifest.json": b""}), CUT),
        "file and folder": (tar({**files, "manifest.json/x": b""}), CUT),
        "deep": (tar({f"{i}{'/a' * 1900}": b"" for i in range(200)}), CUT),
    }
    for name in ("../x", "/tmp/x", "a/../../x", ".git/config", "a\\b", "C:/x", "a//b", "x" * 300):
        cases[f"path {name[:20]}"] = tar({**files, name: b""}), CUT
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, b"Z"):
        cases[f"type {kind!r}"] = tar(files, odd("tape/l", kind, linkname="/etc/passwd")), CUT
    data = len(whole.rstrip(b"\0")) // 512 * 512 + 512
    for at in (1, 511, 512, 700, data // 2, data - 512, data, data + 512):
        cases[f"cut at {at}"] = whole[:at], CUT
    return cases


def tapes(folder: Path) -> Cases:
    """Return tapes that are odd, with digests that are right."""
    files = {p: d for p, d in genuine().items() if not p.startswith(("tape/", "expected.lrvxrun/"))}

    def of(tape: Files) -> bytes:
        return tar(proved({**files, **{f"tape/{name}": data for name, data in tape.items()}}))

    prices = [100.0, 100.5, 101.0]
    plain = (write_tape(folder / "plain", prices) / "a.lrvx").read_bytes()
    packed = (write_tape(folder / "lz4", prices, compression="lz4") / "a.lrvx").read_bytes()
    other = (write_tape(folder / "id", prices, symbols=[7, 7, 7]) / "a.lrvx").read_bytes()
    two = (write_tape(folder / "two", prices, symbols=[1, 2, 1]) / "a.lrvx").read_bytes()
    flipped = bytearray(plain)
    flipped[100] ^= 1
    return {
        "tape of old": (of({"a.floxlog": plain}), OK),
        "tape with other files": (of({"a.lrvx": plain, "notes.txt": b"", "d/x": b"1"}), OK),
        "tape in lz4": (of({"a.lrvx": packed}), OK),
        "tape of symbol 7": (of({"a.lrvx": other}), OK),
        "tape of two symbols": (of({"a.lrvx": two}), CUT),
        "tape twice": (of({"a.lrvx": plain, "b.lrvx": plain}), DIFFERS),
        "cut tape": (of({"a.lrvx": plain[:-60]}), CUT),
        "flipped tape": (of({"a.lrvx": bytes(flipped)}), CUT),
        "no tape": (of({"a.lrvx": b"hello" * 100}), CUT),
        "empty tape": (of({"a.lrvx": b""}), CUT),
        "pointer to a tape": (of({"a.lrvx": b"version https://git-lfs.github.com/spec/v1\n"}), CUT),
        "text as a tape": (of({"a.txt": b"hello"}), CUT),
    }


# -- judging --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[set[str], Any]]:
    """Validate every case, the endless ones apart; give what is right, and the answer."""
    folder, temp = tmp_path_factory.mktemp("hostile"), tmp_path_factory.mktemp("tmp")
    temp.chmod(0o1777)
    made = tmp_path_factory.mktemp("tapes")
    cases = strategies() | tampered() | archives() | tapes(made)
    names = {f"{number:03d}.tar": name for number, name in enumerate(cases)}
    for file, name in names.items():
        (folder / file).write_bytes(cases[name][0])
    endless = [file for file, name in names.items() if name in ENDLESS]
    others = [file for file in names if file not in endless]
    found = {}
    for files, timeout_s, code in ((endless, SHORT_S, 1), (others, LONG_S, 3)):
        done = subprocess.run(
            [*VALIDATE, "--timeout", str(timeout_s), *files],
            cwd=folder, env=os.environ | {"TMPDIR": str(temp)}, capture_output=True, text=True,
        )  # fmt: skip
        assert done.stderr == ""
        assert done.returncode == code
        found |= {answer["name"]: answer for answer in json.loads(done.stdout)["bundles"]}

    assert list(temp.iterdir()) == []
    assert stat.S_IMODE(temp.stat().st_mode) == 0o1777
    assert {p.name for p in folder.iterdir()} == names.keys()
    listing = subprocess.run(["ps", "-wweo", "args"], capture_output=True, text=True).stdout
    assert [line for line in listing.splitlines() if str(temp) in line] == []
    return [(cases[name][1], {**found[file], "name": name}) for file, name in names.items()]


def test_every_case_has_its_verdict(judged: list[tuple[set[str], Any]]) -> None:
    """No false reproduced, no false diverged, and nothing runs whose bytes are not proved."""
    wrong = [
        (answer["name"], answer["verdict"], answer["message"], sorted(right))
        for right, answer in judged
        if answer["verdict"] not in right
    ]

    assert wrong == []


def test_every_message_is_one_short_line_that_says_something(
    judged: list[tuple[set[str], Any]],
) -> None:
    """What goes wrong is named, on one line, without control characters, and so is where."""
    wrong = [
        (answer["name"], answer["message"])
        for _, answer in judged
        if answer["verdict"] in ("failed", "corrupt", "incomplete")
        and not (0 < len(answer["message"]) < 700 and answer["message"].isprintable())
    ]

    assert wrong == []


def test_what_has_no_end_is_stopped_and_nothing_else(judged: list[tuple[set[str], Any]]) -> None:
    """Time runs out for the endless ones alone, and what one printed is not shown without end."""
    stopped = [a["name"] for _, a in judged if "still running" in (a["message"] or "")]
    long = [a["name"] for _, a in judged if len(a["tail"] or "") > 20_000]

    assert sorted(stopped) == sorted(ENDLESS)
    assert long == []
