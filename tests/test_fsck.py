"""Damage of every kind, and what fsck says of it."""

import random
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from conftest import GitRepo, make_repo
from git_bt.canonical import sha256
from git_bt.errors import ExitCode
from git_bt.fsck import fsck
from git_bt.objects import Objects
from git_bt.records import run_id, snapshot_id
from git_bt.repo import Repo
from git_bt.reports import FsckReport, Problem
from git_bt.store import Store
from git_bt.store_layout import REF, place
from git_bt.sweep_chunks import encode_chunk
from git_bt.sweep_records import sweep_id
from store_cases import ENVIRONMENT, bundle_of, run_of, snapshot_of, swept_of

GIT = ("git", "-c", "core.fsmonitor=false")


@dataclass
class Place:
    """A repository whose store holds bundles, a snapshot and a run record for each bundle."""

    path: Path
    bundles: list[str]
    members: dict[str, str]  # a member's object to the one bundle that has it

    def fsck(self) -> FsckReport:
        repo = Repo.find(self.path)
        with Objects(repo) as objects:
            return fsck(repo, objects)

    def problems(self) -> tuple[Problem, ...]:
        return self.fsck().problems

    def git(self, *args: str, stdin: bytes = b"") -> str:
        done = subprocess.run([*GIT, *args], cwd=self.path, input=stdin, capture_output=True)
        return done.stdout.decode(errors="replace").strip()

    def loose(self, oid: str) -> Path:
        path = self.path / ".git" / "objects" / oid[:2] / oid[2:]
        path.chmod(0o644)
        return path

    def put(self, path: str, data: bytes | None, mode: str = "100644") -> None:
        """Write into the store past all checks; None takes a path away."""
        repo = Repo.find(self.path)
        index = {"GIT_INDEX_FILE": str(self.path / ".git" / "index-of-test")}
        repo.git("read-tree", REF, env=index)
        if data is None:
            repo.git("rm", "-r", "-q", "--cached", path, env=index)
        else:
            oid = repo.git("hash-object", "-w", "--stdin", stdin=data).text
            repo.git("update-index", "--add", "--cacheinfo", f"{mode},{oid},{path}", env=index)
        tree = repo.git("write-tree", env=index).text
        new = repo.git("commit-tree", tree, "-p", REF, "-m", "x").text
        repo.git("update-ref", REF, new)


def fill(path: Path, count: int) -> Place:
    """Make the store of a repository."""
    repo = Repo.find(path)
    bundles = [bundle_of(n) for n in range(count)]
    with Objects(repo) as objects:
        store = Store(repo, objects)
        for number, bundle in enumerate(bundles):
            store.save(bundles=[bundle], runs=[run_of(bundle, number)])
        store.save(captured=[snapshot_of(99)])
        members = {}
        for bundle in bundles:
            content = store.bundle(bundle.id).content
            members[content["output/fills.csv"].oid] = bundle.id  # type: ignore[attr-defined]
    return Place(path, [bundle.id for bundle in bundles], members)


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Place]:
    """Make the stores once that the tests damage copies of."""
    top = tmp_path_factory.mktemp("templates")
    counts = {"sha1": 3, "sha256": 3, "one": 2}
    forms = {name: name if name.startswith("sha") else "sha1" for name in counts}
    made = {name: make_repo(top / name, f"--object-format={forms[name]}") for name in counts}
    return {name: fill(made[name].path, count) for name, count in counts.items()}


def copied(template: Place, to: Path) -> Place:
    shutil.copytree(template.path, to)
    return replace(template, path=to)


@pytest.fixture(params=["sha1", "sha256"])
def filled(request: pytest.FixtureRequest, templates: dict[str, Place], tmp_path: Path) -> Place:
    """Give a store of three bundles, once of each object format."""
    return copied(templates[request.param], tmp_path / "repo")


@pytest.fixture
def one(templates: dict[str, Place], tmp_path: Path) -> Place:
    """Give a store of two bundles."""
    return copied(templates["one"], tmp_path / "repo")


def test_a_whole_store_has_no_problems(filled: Place) -> None:
    """Everything is counted, and the exit code is 0."""
    report = filled.fsck()

    assert (report.bundles, report.snapshots, report.runs, report.problems) == (3, 1, 3, ())
    assert report.exit_code == ExitCode.OK
    reached = filled.git("rev-list", "--objects", REF).splitlines()
    assert report.objects == len(reached)


def test_no_store_is_no_problem(repo: GitRepo) -> None:
    """A repository that git-bt never wrote to is whole."""
    found = Repo.find(repo.path)
    with Objects(found) as objects:
        assert fsck(found, objects).problems == ()


# -- objects --------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", [None, b"", b"garbage"], ids=["gone", "empty", "garbled"])
def test_a_broken_member_breaks_its_bundle_only(filled: Place, damage: bytes | None) -> None:
    """The object is named, and the one bundle that needs it."""
    oid, bundle = next(iter(filled.members.items()))
    if damage is None:
        filled.loose(oid).unlink()
    else:
        filled.loose(oid).write_bytes(damage)
    report = filled.fsck()

    assert [(p.kind, p.name, p.bundles) for p in report.problems] == [("object", oid, (bundle,))]
    assert report.exit_code == ExitCode.CANNOT_JUDGE


def test_a_broken_member_of_all_breaks_all(filled: Place) -> None:
    """A shared object is named once, with every bundle."""
    oid = filled.git("rev-parse", f"{REF}:{place('bundles', filled.bundles[0])}/config.json")
    filled.loose(oid).unlink()

    assert [(p.name, p.bundles) for p in filled.problems()] == [
        (oid, tuple(sorted(filled.bundles)))
    ]


@pytest.mark.parametrize("folder", ["", "v1", "v1/bundles", "own", "own/strategy"])
def test_a_broken_tree_names_what_is_behind_it(filled: Place, folder: str) -> None:
    """The last bundle is in no older tree, and is named all the same."""
    digest = filled.bundles[-1]
    path = folder.replace("own", place("bundles", digest))
    oid = filled.git("rev-parse", f"{REF}:{path}")
    filled.loose(oid).unlink()
    problems = filled.problems()
    lost = {oid: bundles for p in problems if (oid := p.name) and (bundles := p.bundles)}

    assert oid in [p.name for p in problems if p.kind == "object"]
    expected = (digest,) if folder.startswith("own") else tuple(sorted(filled.bundles))
    assert lost[oid] == expected


def test_a_broken_object_of_old_is_found(filled: Place) -> None:
    """Old commits and trees are searched too: a push would need them."""
    old_tree, old_commit = (filled.git("rev-parse", f"{REF}~2{x}") for x in ("^{tree}", ""))
    filled.loose(old_tree).unlink()
    assert [(p.kind, p.name) for p in filled.problems()] == [("object", old_tree)]
    filled.loose(old_commit).write_bytes(b"")

    assert {p.name for p in filled.problems()} == {old_commit}


def test_a_shallow_store_is_whole(one: Place, tmp_path: Path) -> None:
    """Parents that a shallow fetch left out are not missing."""
    shallow = make_repo(tmp_path / "shallow")
    shallow.git("fetch", "-q", "--depth=1", f"file://{one.path}", f"{REF}:{REF}")
    found = Repo.find(shallow.path)
    with Objects(found) as objects:
        report = fsck(found, objects)

    assert (report.bundles, report.problems) == (2, ())


# -- refs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "garbage\n", "1" * 40 + "\n", "ref: refs/heads/none\n"])
def test_a_broken_ref_is_found(one: Place, text: str) -> None:
    """A ref that git cannot read, and one that leads nowhere."""
    (one.path / ".git" / REF).write_text(text)

    assert [p for p in one.problems() if p.kind in ("ref", "object")] != []


def test_a_ref_that_is_gone_is_missed(one: Place) -> None:
    """What was announced here is remembered; the message says how it was."""
    tip = one.git("rev-parse", REF)
    one.git("update-ref", "-d", REF)
    (problem,) = one.problems()

    assert (problem.kind, problem.name) == ("ref", REF)
    assert tip in problem.message


def test_a_ref_that_went_back_is_missed(one: Place) -> None:
    """A store that lost its newest commit is not taken for whole."""
    tip = one.git("rev-parse", REF)
    one.git("update-ref", REF, f"{REF}~1")

    assert [(p.kind, p.name) for p in one.problems()] == [("ref", REF)]
    assert tip in one.problems()[0].message


@pytest.mark.parametrize("text", [b"", b"\xff\n", b"nothing\n"])
def test_a_broken_memory_is_no_problem(one: Place, text: bytes) -> None:
    """The note of the last announced commit helps, and no more."""
    (one.path / ".git" / "bt" / "tip").write_bytes(text)

    assert one.problems() == ()


def test_unreadable_packed_refs_are_a_find(one: Place) -> None:
    """When git dies of its refs, that is the answer, not an error of ours."""
    one.git("pack-refs", "--all")
    (one.path / ".git" / "packed-refs").write_text("garbage\n")

    assert [(p.kind, p.name) for p in one.problems()] == [("ref", REF)]


# -- what the objects say -------------------------------------------------------------------------


def kinds(filled: Place) -> list[tuple[str, tuple[str, ...]]]:
    return [(p.kind, p.bundles) for p in filled.problems()]


def test_a_changed_manifest_is_found(one: Place) -> None:
    """Its bytes do not give the id."""
    digest = one.bundles[0]
    one.put(f"{place('bundles', digest)}/manifest.json", b"{}\n")

    assert kinds(one) == [("manifest", (digest,))]


def test_a_missing_manifest_is_found(one: Place) -> None:
    """A folder without one is no bundle."""
    digest = one.bundles[0]
    one.put(f"{place('bundles', digest)}/manifest.json", None)

    assert kinds(one) == [("manifest", (digest,))]


def test_a_manifest_of_a_newer_version_is_named(one: Place) -> None:
    """What this git-bt does not know is a problem with a reason."""
    data = b'{"version":2}\n'
    one.put(f"{place('bundles', sha256(data))}/manifest.json", data)
    (problem,) = one.problems()

    assert "version 2 is not known" in problem.message


@pytest.mark.parametrize(
    ("name", "data", "mode"),
    [
        ("output/fills.csv", b"seq\n9\n", "100644"),
        ("output/fills.csv", bundle_of(0).content["output/fills.csv"].read(), "100755"),
        ("output/more.csv", b"", "100644"),
        ("strategy/run.sh", b"#!/bin/sh\n", "120000"),
    ],
    ids=["bytes", "mode", "stray", "link"],
)
def test_a_member_that_is_not_the_manifests_is_found(
    one: Place, name: str, data: bytes, mode: str
) -> None:
    """Other bytes, another mode, a file too many."""
    digest = one.bundles[0]
    one.put(f"{place('bundles', digest)}/{name}", data, mode)

    assert [(p.kind, p.name, p.bundles) for p in one.problems()] == [
        ("member", f"{place('bundles', digest)}/{name}", (digest,))
    ]


def test_a_bundle_that_was_taken_out_is_missed(one: Place) -> None:
    """Each commit says what it added."""
    digest = one.bundles[0]
    one.put(place("bundles", digest), None)

    assert ("layout", (digest,)) in kinds(one)


def test_changed_run_records_and_snapshots_are_found(one: Place) -> None:
    """Each under its own kind and name."""
    run = run_id(run_of(bundle_of(0), 0))
    snapshot = snapshot_id(snapshot_of(99).snapshot)
    one.put(place("runs", run), b"{}\n")
    one.put(f"{place('snapshots', snapshot)}/strategy/lib/math.py", b"changed")
    one.put(f"{place('snapshots', snapshot)}/snapshot.json", b"{}\n")
    assert {(p.kind, p.name) for p in one.problems()} == {
        ("run", place("runs", run)),
        ("snapshot", place("snapshots", snapshot)),
    }
    one.put(place("snapshots", snapshot), None)
    one.put(f"{place('snapshots', snapshot)}/other", b"")

    assert "snapshot" in {p.kind for p in one.problems()}


def test_inputs_and_run_records_are_held_against_each_other(one: Place) -> None:
    """Entries without a record, in a wrong place, with bytes; records without an entry."""
    bundle = bundle_of(0)
    run = run_id(run_of(bundle, 0))
    base = place("inputs", bundle.manifest.inputs)
    one.put(f"{base}/{ENVIRONMENT}/{'1' * 64}", b"")
    assert [p.kind for p in one.problems()] == ["inputs"]
    one.put(f"{base}/{ENVIRONMENT}/{'1' * 64}", None)
    one.put(f"{place('inputs', '2' * 64)}/{ENVIRONMENT}/{run}", b"")
    assert [p.kind for p in one.problems()] == ["inputs"]
    one.put(place("inputs", "2" * 64), None)
    one.put(f"{base}/{ENVIRONMENT}/{run}", b"full")
    assert [p.kind for p in one.problems()] == ["inputs"]
    one.put(f"{base}/{ENVIRONMENT}/{run}", None)
    assert kinds(one) == [("inputs", (bundle.id,))]
    one.put(f"{base}/{ENVIRONMENT}", b"")

    assert [p.kind for p in one.problems()] == ["inputs", "inputs"]


@pytest.mark.parametrize(
    "path",
    ["v2/x", "README", "v1/other/x", "v1/bundles/ab/cd/short/x", "v1/runs/ab/cd/x.json/y"],
)
def test_what_does_not_belong_is_found(one: Place, path: str) -> None:
    """Strange names in the store are problems of the layout."""
    one.put(path, b"")

    assert [p.kind for p in one.problems()] == ["layout"]


@pytest.fixture
def swept(one: Place) -> Place:
    """Give a store with a sweep as well."""
    repo = Repo.find(one.path)
    with Objects(repo) as objects:
        Store(repo, objects).save(captured=[snapshot_of(1)], sweeps=[swept_of(1)])
    return one


def test_a_sweep_is_looked_at(swept: Place) -> None:
    """Whole, and counted."""
    report = swept.fsck()

    assert (report.sweeps, report.problems) == (1, ())


CHUNK = encode_chunk(swept_of(1).runs[:1])


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("sweep.json", None, "is missing"),
        ("sweep.json", b"{}\n", "do not give this id"),
        (f"{sha256(b'a,b')}.csv", b"a,b", "columns must begin"),
        (f"{'ab' * 32}.csv", CHUNK, "do not give this id"),
        (f"{sha256(CHUNK)}.csv", CHUNK[:-1], "do not give this id"),
        (f"environments/{'ab' * 32}.json", b"{}\n", "do not give this id"),
        ("notes.txt", b"", "does not belong here"),
    ],
)
def test_a_broken_sweep_is_found(swept: Place, name: str, data: bytes | None, says: str) -> None:
    """Each of its files by its name."""
    swept.put(f"{place('sweeps', sweep_id(swept_of(1).sweep))}/{name}", data)
    (problem,) = swept.problems()

    assert problem.kind == "sweep"
    assert says in problem.message


def test_a_sweep_without_its_code_is_found(swept: Place) -> None:
    """The snapshot that it names is not in the store."""
    swept.put(place("snapshots", swept_of(1).sweep.snapshot or ""), None)

    assert [(p.kind, p.message[:20]) for p in swept.problems()] == [
        ("sweep", "there is no snapshot")
    ]


# -- every byte -----------------------------------------------------------------------------------


def reading(path: Path, oids: list[str]) -> object:
    """Return all that git reads of the store: the ref, and each object that it should reach."""
    ref = subprocess.run([*GIT, "for-each-ref", REF], cwd=path, capture_output=True)
    asked = "".join(f"{oid}\n" for oid in oids).encode()
    read = subprocess.run([*GIT, "cat-file", "--batch"], cwd=path, input=asked, capture_output=True)
    return (ref.returncode, ref.stdout, read.returncode, read.stdout)


def files_of_store(path: Path) -> list[Path]:
    """Return every file that holds objects or refs of the store."""
    git = path / ".git"
    found = [p for p in (git / "objects").rglob("*") if p.is_file()]
    return sorted([*found, *(p for p in (git / REF, git / "packed-refs") if p.is_file())])


def flip(place_: Path, at: int, mask: int) -> None:
    place_.chmod(stat.S_IRUSR | stat.S_IWUSR)
    with place_.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ mask]))


def missed_flips(place_: Place, spots: Iterator[tuple[Path, int, int]]) -> tuple[list[str], int]:
    """Flip bytes one at a time; return what fsck misses, and how many flips git's reading shows."""
    oids = [line.split()[0] for line in place_.git("rev-list", "--objects", REF).splitlines()]
    before = reading(place_.path, oids)
    missed, counted = [], 0
    for file, at, mask in spots:
        flip(file, at, mask)
        if reading(place_.path, oids) != before:
            counted += 1
            if not place_.problems():
                missed.append(f"{file.relative_to(place_.path)}[{at}] ^ {mask:#x}")
        flip(file, at, mask)
    assert place_.problems() == ()
    return missed, counted


@pytest.mark.parametrize("packed", [False, True], ids=["loose", "packed"])
def test_flipped_bytes_are_found(one: Place, *, packed: bool) -> None:
    """A sample of bytes of every kind of file: whatever changes what git reads is found."""
    place_ = one
    if packed:
        place_.git("gc", "-q", "--prune=now")
    dice = random.Random(7)
    files = files_of_store(place_.path)
    chosen = [dice.choice(files) for _ in range(25)] + files[-1:] * 5
    spots = ((f, dice.randrange(f.stat().st_size), 1 << dice.randrange(8)) for f in chosen)
    missed, counted = missed_flips(place_, spots)

    assert missed == []
    assert counted >= 5


def test_an_empty_blob_that_cannot_be_read_is_found(one: Place) -> None:
    """Git announces its size, and then cannot give its no bytes."""
    one.git("gc", "-q", "--prune=now")
    (pack,) = (one.path / ".git" / "objects" / "pack").glob("*.pack")
    rows = [line.split() for line in one.git("verify-pack", "-v", str(pack)).splitlines()]
    (start,) = [int(row[4]) for row in rows if row[1:3] == ["blob", "0"]]
    flip(pack, start + 1, 0x20)

    assert any("ends before its 0 bytes" in problem.message for problem in one.problems())


@dataclass(frozen=True)
class Region:
    """Bytes of one file that hold one object, or something else of git's."""

    file: Path
    start: int
    end: int


def heights(place_: Place, oids: list[str]) -> dict[str, int]:
    """Return how far above the blobs each object is: of two at one height, none names the other."""
    below: dict[str, list[str]] = {}
    for oid in oids:
        kind = place_.git("cat-file", "-t", oid)
        text = "" if kind == "blob" else place_.git("cat-file", "-p", oid)
        below[oid] = [w for w in text.split() if w in oids] if kind != "blob" else []
    found: dict[str, int] = {}

    def height(oid: str) -> int:
        if oid not in found:
            found[oid] = 1 + max(map(height, below[oid]), default=-1)
        return found[oid]

    return {oid: height(oid) for oid in oids}


def regions(place_: Place, oids: list[str]) -> list[list[Region]]:
    """Return every byte of the store once; regions of one list are flipped at the same time."""
    high = heights(place_, oids)
    groups: dict[object, list[Region]] = {}
    rest: list[Region] = []
    for file in files_of_store(place_.path):
        size = file.stat().st_size
        oid = file.parent.name + file.name
        if file.suffix == ".pack":
            shown = place_.git("verify-pack", "-v", str(file)).splitlines()
            rows = [line.split() for line in shown if line[:40] in high]
            held = sorted((int(row[4]), int(row[3]), row[0]) for row in rows)
            for start, length, name in held:
                groups.setdefault(high[name], []).append(Region(file, start, start + length))
            rest.append(Region(file, 0, held[0][0]))
            rest.append(Region(file, held[-1][0] + held[-1][1], size))
        elif oid in high:
            groups.setdefault(high[oid], []).append(Region(file, 0, size))
        else:
            rest.append(Region(file, 0, size))
    return [*groups.values(), *([region] for region in rest)]


def answers(path: Path, oids: list[str]) -> dict[str, bytes | None]:
    """Return what git reads of each object, None where it gives up at it."""
    found: dict[str, bytes | None] = {}
    left = list(oids)
    while left:
        asked = "".join(f"{oid}\n" for oid in left).encode()
        read = subprocess.run(
            [*GIT, "cat-file", "--batch"], cwd=path, input=asked, capture_output=True
        ).stdout
        at = 0
        while left:
            head = read[at:].split(b"\n", 1)[0].split()
            if len(head) == 2:
                end = at + len(head[0]) + len(head[1]) + 2
            elif len(head) == 3 and head[2].isdigit():
                end = read.find(b"\n", at) + 1 + int(head[2]) + 1
            else:
                end = len(read) + 1
            if end > len(read):  # it ended here: ask for the rest anew
                found[left.pop(0)] = None
                break
            found[left.pop(0)] = read[at:end]
            at = end
    return found


def missed_at_once(place_: Place, dice: random.Random) -> tuple[list[str], int]:
    """Flip a bit of every byte of the store, one a region at a time; return as `missed_flips`.

    Objects of one height are flipped together, and each whose reading changes must be named; where
    one is not, or no object but a ref changes, each flip is looked at alone.
    """
    oids = [line.split()[0] for line in place_.git("rev-list", "--objects", REF).splitlines()]
    before, ref = answers(place_.path, oids), place_.git("for-each-ref", REF)
    missed, counted = [], 0
    for group in regions(place_, oids):
        for step in range(max(region.end - region.start for region in group)):
            spots = [
                (region.file, region.start + step, 1 << dice.randrange(8))
                for region in group
                if region.start + step < region.end
            ]
            for spot in spots:
                flip(*spot)
            now = answers(place_.path, oids)
            changed = [oid for oid in oids if now[oid] != before[oid]]
            is_ref = place_.git("for-each-ref", REF) != ref
            said = " ".join(p.message for p in place_.problems()) if changed or is_ref else ""
            for spot in spots:
                flip(*spot)
            counted += len(changed) or is_ref
            is_found = bool(said) if len(spots) == 1 else all(oid in said for oid in changed)
            if (is_ref and len(spots) > 1) or not is_found:
                missed += missed_flips(place_, iter(spots))[0]
    return missed, counted


@pytest.mark.slow
@pytest.mark.parametrize("packed", [False, True], ids=["loose", "packed"])
def test_every_flipped_byte_is_found(repo: GitRepo, *, packed: bool) -> None:
    """A bit of every byte of every file of a store of ten bundles."""
    place_ = fill(repo.path, 10)
    if packed:
        place_.git("gc", "-q", "--prune=now")
    missed, counted = missed_at_once(place_, random.Random(7))

    assert missed == []
    assert counted > 1000
