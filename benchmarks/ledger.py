"""Measure the ledger at 1 000, 10 000 and 100 000 results, beside `git notes`, in one run.

    python benchmarks/ledger.py [--results 1000 10000 100000] [--rounds 5] [--markdown FILE]

A hundred strategies; every commit changes one of them and has its result. The newest thousand
have a commit of the store and one of the notes each, as `git bt record` writes them, the older
ones a hundred to a commit. Beside them lie the same lines as plain git notes.

The sizes take turns within a round, so that a busy machine slows all of them; every command is a
fresh process; the figures are medians. Exits with 1 when a budget is missed: at 100 000 results an
append may take 1.5 times the time and twice the bytes of one at 1 000, and `git bt log -n 20` 1.5
times the time.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from git_bt import notes
from git_bt.canonical import environment_id, sha256
from git_bt.installed import distributions
from git_bt.interpreters import Wanted, find_interpreter, load_adapter
from git_bt.ledger import Ledger
from git_bt.model import Bundle, Data, Manifest, Member, NoteLine, RunRecord, Verdict
from git_bt.objects import Objects
from git_bt.records import (
    encode_manifest,
    encode_note_line,
    encode_run,
    inputs_of,
    make_bundle,
    run_id,
)
from git_bt.repo import Repo
from git_bt.store import Store
from git_bt.store_layout import MANIFEST, REF, place

BIN = Path(sys.executable).parent
STRATEGIES = 100
SINGLE = 1_000  # of the newest results: a commit each
BATCH = 100
APPENDS = 20  # whose bytes are counted
PLAIN = "refs/notes/plain"
YAML = "entry_point: strategy.py\nengine: flox\ntape: ../../tapes/t\n"
TAPE = b"no engine reads this tape\n"
FILLS = "seq,ts_ns,symbol,side,price,quantity,fee\n0,1700000000000000000,1,buy,{}.5,1.0,0.0\n"
WHEN_S = 1_700_000_000
BUDGETS = {"append": 1.5, "bytes of an append": 2.0, "log -n 20": 1.5}


# -- results that look as real ones do ------------------------------------------------------------


class Maker:
    """Makes the bundle and the run of the result of a number, in the environment of now."""

    def __init__(self) -> None:
        adapter = load_adapter("flox")
        found = find_interpreter(adapter, Wanted(), {})
        installed = distributions(found.site_dirs)
        self.config = adapter.complete({})
        self.engine = found.engine
        self.python = found.version
        self.packages = {name: installed[name] for name in ("lrvx", "numpy")}
        self.environment = environment_id(found.version, found.engine.version, self.packages)

    def result(self, number: int) -> tuple[Bundle, RunRecord, NoteLine]:
        name, text = strategy(number)
        data = {
            "config.json": b"{}\n",
            "output/fills.csv": FILLS.format(number).encode(),
            "output/summary.json": b"{}\n",
            f"strategy/{name}/strategy.py": text.encode(),
            "tape/a.lrvx": TAPE,
        }
        members = {path: Member(sha256=sha256(d), size=len(d)) for path, d in data.items()}
        blank = Manifest(
            engine=self.engine, inputs="0" * 64, entry_point=f"{name}/strategy.py",
            config=self.config, members=members,
        )  # fmt: skip
        manifest = Manifest(
            engine=self.engine, inputs=inputs_of(blank), entry_point=f"{name}/strategy.py",
            config=self.config, members=members,
        )  # fmt: skip
        bundle = make_bundle(manifest, {path: Data(d) for path, d in data.items()})
        run = RunRecord(
            bundle=bundle.id, inputs=manifest.inputs, environment=self.environment, strategy=name,
            verdict=Verdict.REPRODUCED, kind="pack", when_ns=(WHEN_S + number) * 10**9,
            elapsed_ms=900, runs=2, isolation="process", engine=self.engine, python=self.python,
            platform="linux-x86_64", packages=self.packages,
            author="A U Thor <author@example.com>",
        )  # fmt: skip
        line = NoteLine(
            strategy=name, inputs=run.inputs, bundle=bundle.id, run=run_id(run),
            verdict=run.verdict, kind="measured",
        )  # fmt: skip
        return bundle, run, line


def strategy(number: int) -> tuple[str, str]:
    """Return the strategy that a commit changes, and its text."""
    return f"strategies/s{number % STRATEGIES:02}", f"SIZE = {number}\n"


# -- a repository of many results -----------------------------------------------------------------


def git(where: Path, *words: str, stdin: bytes | None = None) -> str:
    done = subprocess.run(
        ["git", "-C", str(where), *words], input=stdin, check=True, capture_output=True
    )
    return done.stdout.decode().strip()


def build(where: Path, results: int, maker: Maker) -> None:
    """Make a repository with so many results, and a bare one that it shares them with."""
    git(where.parent, "init", "-q", "-b", "main", str(where))
    git(where, "config", "gc.auto", "0")
    marks = where / ".git" / "marks"
    feed(where, history(results), f"--export-marks={marks}")
    commits = [line.split()[1] for line in sorted(marks.read_text().splitlines(), key=mark_of)]
    feed(where, ledger(commits[1:], maker))
    git(where, "reset", "-q", "--hard", "main")
    bare = where.with_name(where.name + ".git")
    git(where.parent, "clone", "-q", "--bare", str(where), str(bare))
    git(where, "remote", "add", "origin", str(bare))
    for ref in (REF, notes.REF, PLAIN):
        git(where, "push", "-q", "origin", f"{ref}:{ref}")


def mark_of(line: str) -> int:
    return int(line.split()[0][1:])


def feed(where: Path, script: Iterator[bytes], *options: str) -> None:
    command = ["git", "-C", str(where), "fast-import", "--quiet", "--force", *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for piece in script:
            process.stdin.write(piece)
    if process.returncode:
        raise SystemExit("git fast-import failed")


def history(results: int) -> Iterator[bytes]:
    yield head("refs/heads/main", 0, "begin", mark=1)
    yield inline("tapes/t/a.lrvx", TAPE)
    for number in range(STRATEGIES):
        name, _ = strategy(number)
        yield inline(f"{name}/strategy.yaml", YAML.encode())
        yield inline(f"{name}/strategy.py", b"SIZE = -1\n")
    for number in range(results):
        name, text = strategy(number)
        yield head("refs/heads/main", number, f"change {name}", mark=number + 2)
        yield inline(f"{name}/strategy.py", text.encode())


def ledger(commits: list[str], maker: Maker) -> Iterator[bytes]:
    """Store, notes and plain notes, the lines as `git bt` and as `git notes` would have them."""
    at = 0
    while at < len(commits):
        count = 1 if at >= len(commits) - SINGLE else BATCH
        made = [(maker.result(n), commits[n]) for n in range(at, min(at + count, len(commits)))]
        said = "".join(f"bundle {bundle.id}\n" for (bundle, _, _), _ in made)
        yield head(REF, at, f"add {len(made)} bundles\n\n{said}")
        for (bundle, run, _), _ in made:
            yield from stored(bundle, run)
        for ref in (notes.REF, PLAIN):
            yield head(ref, at, f"add {len(made)} results")
            for (_, _, line), commit in made:
                yield inline(notes.place(commit), encode_note_line(line))
        at += len(made)


def stored(bundle: Bundle, run: RunRecord) -> Iterator[bytes]:
    folder, digest = place("bundles", bundle.id), run_id(run)
    yield inline(f"{folder}/{MANIFEST}", encode_manifest(bundle.manifest))
    for path, source in bundle.content.items():
        yield inline(f"{folder}/{path}", source.read())
    yield inline(place("runs", digest), encode_run(run))
    yield inline(f"{place('inputs', run.inputs)}/{run.environment}/{digest}", b"")


def head(ref: str, number: int, message: str, mark: int | None = None) -> bytes:
    marked = f"mark :{mark}\n" if mark else ""
    who = f"A U Thor <author@example.com> {WHEN_S + number} +0000"
    text = message.encode()
    return f"commit {ref}\n{marked}committer {who}\ndata {len(text)}\n".encode() + text + b"\n"


def inline(path: str, data: bytes) -> bytes:
    return b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data)


# -- what is measured -----------------------------------------------------------------------------


@dataclass
class Place:
    """One repository, and the seconds of each operation over the rounds."""

    where: Path
    results: int
    seconds: dict[str, list[float]] = field(default_factory=dict)
    bytes: float = 0.0
    appended: int = 0

    def median(self, what: str) -> float:
        return statistics.median(self.seconds[what])

    def time(self, what: str, *command: str) -> None:
        started = time.perf_counter()
        done = subprocess.run(command, cwd=self.where, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - started
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}: {done.returncode}\n{done.stderr}")
        inside = done.stdout.strip() if "--inside" in command else ""
        self.seconds.setdefault(what, []).append(float(inside) if inside else seconds)

    def round(self, middle: str) -> None:
        bt, me = str(BIN / "git-bt"), [sys.executable, __file__, "--inside"]
        self.appended += 1
        number = str(self.results + self.appended)
        self.time("append", *me, "append", number)
        self.time("git notes append", "git", "notes", f"--ref={PLAIN}", "append", "-m", number)
        self.time("show one commit", bt, "show", middle)
        self.time("git notes show", "git", "notes", f"--ref={PLAIN}", "show", middle)
        self.time("log -n 20", bt, "log", "-n", "20")
        self.time("git log --notes -n 20", "git", "log", f"--notes={PLAIN}", "-n", "20")
        self.time("status", bt, "status")
        self.time("record, nothing new", bt, "record", "HEAD~1")
        self.time("fetch, nothing new", bt, "fetch")
        self.time(
            "git fetch, nothing new", "git", "fetch", "-q", "origin", f"{PLAIN}:{PLAIN}-there"
        )
        (self.where / ".git" / "bt" / "packed.json").unlink(missing_ok=True)
        self.time("baseline, nothing tied, first", *me, "baseline", "0")
        self.time("baseline, nothing tied, again", *me, "baseline", "0")


def inside(what: str, number: int, maker: Maker | None = None) -> float:
    """Do one thing in a process of its own, and return its seconds without the start-up."""
    repo = Repo.find()
    with Objects(repo) as objects:
        store = Store(repo, objects)
        started = time.perf_counter()
        if what == "append":
            bundle, run, line = (maker or Maker()).result(number)
            commit = repo.git("rev-parse", "HEAD").text
            started = time.perf_counter()
            store.save(bundles=[bundle], runs=[run], notes={commit: [line]})
        else:
            assert len(Ledger(store).packed) == STRATEGIES
        return time.perf_counter() - started


def bytes_of_appends(at: Place) -> float:
    """Append some results, and return the bytes that each adds once everything is packed.

    That is what a push of them sends: deltas against what is there already.
    """
    before = git(at.where, "rev-parse", REF, notes.REF).split()
    for number in range(APPENDS):
        append = str(at.results + 1000 + number)
        command = [sys.executable, __file__, "--inside", "append", append]
        subprocess.run(command, cwd=at.where, check=True, capture_output=True)
    after = git(at.where, "rev-parse", REF, notes.REF).split()
    asked = "\n".join([*after, *(f"^{oid}" for oid in before), ""]).encode()
    pack = subprocess.run(
        ["git", "pack-objects", "--revs", "--thin", "--stdout", "--delta-base-offset", "-q"],
        cwd=at.where, input=asked, check=True, capture_output=True,
    )  # fmt: skip
    return len(pack.stdout) / APPENDS


def table(places: list[Place]) -> str:
    """Lay the medians out as a Markdown table; the ratio is of the largest to the smallest."""
    sizes = " | ".join(f"{each.results:,}, ms" for each in places)
    lines = [f"| | {sizes} | ratio | budget |", f"|---|{'---:|' * (len(places) + 2)}"]
    for what in places[0].seconds:
        found = [each.median(what) for each in places]
        shown = " | ".join(f"{1000 * value:.0f}" for value in found)
        lines.append(f"| {what} | {shown} | {found[-1] / found[0]:.2f} | {BUDGETS.get(what, '')} |")
    found = [each.bytes for each in places]
    shown = " | ".join(f"{value:,.0f} B" for value in found)
    what = "bytes of an append"
    lines.append(f"| {what}, packed | {shown} | {found[-1] / found[0]:.2f} | {BUDGETS[what]} |")
    return "\n".join(lines) + "\n"


def measure(sizes: list[int], rounds: int, work: Path) -> list[Place]:
    maker = Maker()
    places = []
    for results in sizes:
        started = time.monotonic()
        made = Place(where=work / f"results-{results}", results=results)
        build(made.where, results, maker)
        print(f"{results} results: made in {time.monotonic() - started:.0f} s", file=sys.stderr)
        places.append(made)
    middles = [git(p.where, "rev-parse", f"HEAD~{p.results // 2}") for p in places]
    for number in range(rounds + 1):
        for each, middle in zip(places, middles, strict=True):
            each.round(middle)
            if number == 0:  # the first one fills caches
                each.seconds.clear()
    for each in places:
        each.bytes = bytes_of_appends(each)
    return places


def main() -> None:
    """Measure, print the table, and fail when a budget is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    parser.add_argument("--inside", nargs=2, metavar=("WHAT", "NUMBER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print(inside(options.inside[0], int(options.inside[1])))
        return
    with tempfile.TemporaryDirectory(prefix="git-bt-benchmark-") as folder:
        places = measure(sorted(options.results), options.rounds, Path(folder))
    text = table(places)
    print(text)
    if options.markdown:
        options.markdown.write_text(text)
    first, last = places[0], places[-1]
    ratios = {what: last.median(what) / first.median(what) for what in ("append", "log -n 20")}
    ratios["bytes of an append"] = last.bytes / first.bytes
    missed = [f"{w}: {r:.2f} > {BUDGETS[w]}" for w, r in ratios.items() if r > BUDGETS[w]]
    if missed:
        raise SystemExit("over budget: " + "; ".join(missed))


if __name__ == "__main__":
    main()
