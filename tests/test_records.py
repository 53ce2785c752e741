"""Manifest, snapshot, run record and note line: what is written is read, the rest is refused."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_bt.canonical import encode_json, sha256
from git_bt.errors import Corrupt
from git_bt.model import (
    EXECUTABLE,
    REGULAR,
    EngineVersion,
    Manifest,
    Member,
    NoteLine,
    RunRecord,
    Snapshot,
    Tolerance,
    Verdict,
)
from git_bt.records import (
    MAX_NOTE_LINE,
    below,
    bundle_id,
    decode_manifest,
    decode_note,
    decode_run,
    decode_snapshot,
    encode_manifest,
    encode_note_line,
    encode_run,
    encode_snapshot,
    inputs_of,
    make_bundle,
    run_id,
    snapshot_id,
)

A, B, C, D = ("abcd"[i] * 64 for i in range(4))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64)
MEMBERS = st.builds(
    Member,
    sha256=DIGESTS,
    size=st.integers(0, 2**50),
    mode=st.sampled_from([REGULAR, EXECUTABLE]),
)
ENGINES = st.builds(EngineVersion, name=TEXT, version=TEXT)
CONFIGS = st.dictionaries(
    TEXT,
    TEXT | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    max_size=4,
).filter(lambda config: all(type(v) is not int or len(str(v)) <= 40 for v in config.values()))
ARGV = st.none() | st.lists(TEXT, min_size=1, max_size=3).map(tuple)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    """Manifests that agree with themselves."""
    members = draw(
        st.dictionaries(
            st.tuples(st.sampled_from(["strategy/", "tape/", "output/", "foreign/"]), TEXT).map(
                "".join
            ),
            MEMBERS,
            max_size=6,
        )
    )
    loose = Manifest(
        engine=draw(ENGINES),
        inputs="",
        entry_point=draw(TEXT),
        config=draw(CONFIGS),
        members=members,
        command=draw(ARGV),
        build=draw(ARGV),
    )
    return dataclasses.replace(loose, inputs=inputs_of(loose))


RUNS = st.builds(
    RunRecord,
    bundle=DIGESTS,
    inputs=DIGESTS,
    environment=DIGESTS,
    strategy=TEXT,
    verdict=st.sampled_from(Verdict),
    kind=st.sampled_from(["pack", "validate", "accept"]),
    when_ns=st.integers(0, 2**63),
    elapsed_ms=st.integers(0, 2**40),
    runs=st.integers(1, 9),
    isolation=TEXT,
    engine=ENGINES,
    python=TEXT,
    platform=TEXT,
    packages=st.dictionaries(TEXT, TEXT, max_size=3),
    author=TEXT,
    compare=st.dictionaries(
        st.sampled_from(["price", "equity"]),
        st.builds(Tolerance, rtol=st.floats(0, 1), atol=st.floats(0, 1)),
        max_size=2,
    ),
    reason=st.none() | TEXT,
    replaces=st.none() | DIGESTS,
)
SNAPSHOTS = st.builds(
    Snapshot,
    entry_point=TEXT,
    method=st.sampled_from(["yaml", "imports", "entry_point"]),
    files=st.dictionaries(TEXT, MEMBERS, max_size=4),
)
LINES = st.builds(
    NoteLine,
    strategy=TEXT.filter(lambda t: len(json.dumps(t, ensure_ascii=False).encode()) < 40),
    inputs=DIGESTS,
    bundle=DIGESTS,
    run=DIGESTS,
    verdict=st.sampled_from(Verdict),
    kind=st.sampled_from(["measured", "inherited", "accepted"]),
)


# -- round trips ----------------------------------------------------------------------------------


@given(manifests())
def test_manifests_come_back(manifest: Manifest) -> None:
    """A manifest survives its bytes, and its id is their digest."""
    data = encode_manifest(manifest)

    assert decode_manifest(data) == manifest
    assert bundle_id(manifest) == sha256(data)
    assert make_bundle(manifest, {}).id == sha256(data)


@given(SNAPSHOTS)
def test_snapshots_come_back(snapshot: Snapshot) -> None:
    """A snapshot survives its bytes, and its id is their digest."""
    data = encode_snapshot(snapshot)

    assert decode_snapshot(data) == snapshot
    assert snapshot_id(snapshot) == sha256(data)


@given(RUNS)
def test_run_records_come_back(run: RunRecord) -> None:
    """A run record survives its bytes, and its id is their digest."""
    data = encode_run(run)

    assert decode_run(data) == run
    assert run_id(run) == sha256(data)


@given(st.lists(LINES, max_size=4))
def test_note_lines_come_back(lines: list[NoteLine]) -> None:
    """A note is its lines, one after the other."""
    assert decode_note(b"".join(encode_note_line(line) for line in lines)) == tuple(lines)


# -- what is refused ------------------------------------------------------------------------------

MEMBER = {"sha256": A, "size": 1}
MANIFEST = Manifest(
    engine=EngineVersion(name="flox", version="0.11.0"),
    inputs="",
    entry_point="s.py",
    config={"slippage_bps": 5},
    members={
        "strategy/s.py": Member(sha256=A, size=1, mode=EXECUTABLE),
        "tape/t": Member(sha256=B, size=2),
        "output/fills.csv": Member(sha256=C, size=3),
    },
)
MANIFEST = dataclasses.replace(MANIFEST, inputs=inputs_of(MANIFEST))
SNAPSHOT = Snapshot(entry_point="s.py", method="yaml", files={"s.py": Member(sha256=A, size=1)})
RUN = RunRecord(
    bundle=A,
    inputs=B,
    environment=C,
    strategy="s",
    verdict=Verdict.REPRODUCED,
    kind="pack",
    when_ns=1,
    elapsed_ms=2,
    runs=2,
    isolation="process",
    engine=EngineVersion(name="flox", version="0.11.0"),
    python="3.11.7",
    platform="linux-x86_64",
    packages={"numpy": "2.4.6"},
    author="A U Thor <author@example.com>",
)
LINE = NoteLine(
    strategy="s", inputs=A, bundle=B, run=C, verdict=Verdict.REPRODUCED, kind="measured"
)

Decoder = Callable[[bytes, str], object]
FORMATS: dict[str, tuple[bytes, Decoder]] = {
    "manifest": (encode_manifest(MANIFEST), decode_manifest),
    "snapshot": (encode_snapshot(SNAPSHOT), decode_snapshot),
    "run": (encode_run(RUN), decode_run),
}


def edited(data: bytes, **changes: Any) -> bytes:
    """Canonical bytes with some keys changed; `...` takes a key away."""
    value = json.loads(data) | changes
    return encode_json({k: v for k, v in value.items() if v is not ...})


def refusal(kind: str, data: bytes) -> Corrupt:
    """The error of reading bytes as one of the formats."""
    with pytest.raises(Corrupt) as caught:
        FORMATS[kind][1](data, "x")
    return caught.value


@pytest.mark.parametrize(
    ("kind", "key"),
    [(kind, key) for kind, (data, _) in FORMATS.items() for key in json.loads(data)],
)
@pytest.mark.parametrize("value", [..., None, True, 1.5])
def test_each_field_must_be_there_and_of_its_type(kind: str, key: str, value: Any) -> None:
    """A missing field, null, a boolean for a number: each is refused by the field's name."""
    error = refusal(kind, edited(FORMATS[kind][0], **{key: value}))

    assert error.message.startswith(f"x: {key!r} must be ")


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("version", [0, 2, 999])
def test_other_versions_are_refused_by_name(kind: str, version: int) -> None:
    """A newer version is named, with what to do; it is never read as if it were ours."""
    error = refusal(kind, edited(FORMATS[kind][0], version=version))

    assert error.message == f"x: version {version} is not known to this git-bt, which reads 1"
    assert error.hint == "upgrade git-bt: pip install -U git-bt"


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("data", [b"[]\n", b'"x"\n', b"1\n", b"null\n"])
def test_only_objects_are_records(kind: str, data: bytes) -> None:
    """A list, a text, a number and null are no record."""
    assert refusal(kind, data).message.startswith("x: must be an object, is ")


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        ("manifest", {"inputs": "AB"}, "x: 'inputs' must be a sha256 in lower-case hex"),
        ("manifest", {"inputs": "A" * 64}, "x: 'inputs' must be a sha256 in lower-case hex"),
        ("manifest", {"inputs": A + "\n"}, "x: 'inputs' must be a sha256 in lower-case hex"),
        ("manifest", {"inputs": D}, "x: the inputs id does not follow from files, tape and config"),
        ("manifest", {"config": {}}, "x: the inputs id does not follow from files"),
        ("manifest", {"entry_point": "t.py"}, "x: the inputs id does not follow from files"),
        ("manifest", {"unknown": 1}, "x: not in canonical form"),
        ("manifest", {"engine": {"name": "flox", "version": "1", "x": 1}}, "x: not in canonical"),
        ("manifest", {"engine": {"name": "flox"}}, "x: 'version' must be text"),
        ("manifest", {"engine": "flox"}, "x: 'engine' must be an object"),
        ("manifest", {"command": []}, "x: 'command' must be a list of strings"),
        ("manifest", {"command": ["a", 1]}, "x: 'command' must be a list of strings"),
        ("manifest", {"build": "make"}, "x: 'build' must be a list"),
        ("manifest", {"members": {"p": []}}, "x: must be an object, is list"),
        ("manifest", {"members": {"p": {"sha256": A}}}, "x: 'size' must be a whole number"),
        ("manifest", {"members": {"p": MEMBER | {"size": -1}}}, "x: size -1 of 'p'"),
        ("manifest", {"members": {"p": MEMBER | {"size": True}}}, "x: 'size' must be a whole"),
        ("manifest", {"members": {"p": MEMBER | {"mode": "120000"}}}, "x: mode '120000' of 'p'"),
        ("manifest", {"members": {"p": MEMBER | {"mode": REGULAR}}}, "x: not in canonical form"),
        ("snapshot", {"unknown": 1}, "x: not in canonical form"),
        ("snapshot", {"files": {"s.py": MEMBER | {"x": 1}}}, "x: not in canonical form"),
        ("run", {"verdict": "fine"}, "x: unknown verdict 'fine'"),
        ("run", {"bundle": "a"}, "x: 'bundle' must be a sha256 in lower-case hex"),
        ("run", {"reason": 1}, "x: 'reason' must be text"),
        ("run", {"replaces": None}, "x: 'replaces' must be text"),
        ("run", {"packages": {"numpy": 2}}, "x: 'packages' must map names to versions"),
        ("run", {"compare": {"price": 1}}, "x: must be an object, is int"),
        ("run", {"compare": {"price": {"rtol": "1"}}}, "x: a tolerance must be numbers"),
        ("run", {"compare": {"price": {"rtol": -1}}}, "x: a tolerance must be numbers"),
        ("run", {"compare": {"price": {"atol": True}}}, "x: a tolerance must be numbers"),
    ],
)
def test_what_contradicts_the_grammar_is_refused(
    kind: str, changes: dict[str, Any], message: str
) -> None:
    """Each fault has one line that names the field or the path."""
    assert refusal(kind, edited(FORMATS[kind][0], **changes)).message.startswith(message)


@pytest.mark.parametrize("kind", ["manifest", "snapshot"])
@pytest.mark.parametrize("spoil", [lambda d: d[:-1], lambda d: d + b"\n", lambda d: b" " + d])
def test_what_gives_an_id_must_be_canonical(kind: str, spoil: Callable[[bytes], bytes]) -> None:
    """Manifest and snapshot are read only in the bytes that our encoder writes."""
    assert refusal(kind, spoil(FORMATS[kind][0])).message == "x: not in canonical form"


def test_unknown_keys_of_a_run_record_are_left_out() -> None:
    """A later git-bt of the same version may say more about a run; we read what we know."""
    data = edited(encode_run(RUN), cpu="?", compare={"price": {"rtol": 0.5, "mode": "x"}})

    assert decode_run(data) == dataclasses.replace(RUN, compare={"price": Tolerance(rtol=0.5)})


def test_a_wrong_manifest_in_right_form_is_told_by_its_own_name() -> None:
    """Without a name the messages speak of manifest.json."""
    with pytest.raises(Corrupt, match=r"^manifest\.json: "):
        decode_manifest(b"{}")


# -- notes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"v": True},
        {"v": 1.0},
        {"v": ...},
        {"inputs": "a"},
        {"verdict": "fine"},
        {"kind": None},
        {"strategy": ...},
        {"replaces": 1},
    ],
)
def test_strange_note_lines_are_skipped(changes: dict[str, Any]) -> None:
    """Unknown versions and broken lines hide neither the line before nor the one after."""
    good = encode_note_line(LINE)

    assert decode_note(good + edited(good, **changes) + good) == (LINE, LINE)


@pytest.mark.parametrize("junk", [b"", b"\n\n", b"text of another tool\n", b"\xff\n", b"[1]\n"])
def test_text_of_others_in_a_note_is_skipped(junk: bytes) -> None:
    """A note may hold what somebody typed; results are found all the same."""
    assert decode_note(junk + encode_note_line(LINE)) == (LINE,)


def test_unknown_keys_of_a_note_line_are_left_out() -> None:
    """A line of our version with a key more is read."""
    assert decode_note(edited(encode_note_line(LINE), extra=1)) == (LINE,)


def test_a_note_line_has_no_time_and_names_what_it_replaces() -> None:
    """Equal results are equal bytes, so that merging by lines is a union."""
    line = dataclasses.replace(LINE, kind="accepted", replaces=D)
    value = json.loads(encode_note_line(line))

    assert value == {
        "v": 1,
        "strategy": "s",
        "inputs": A,
        "bundle": B,
        "run": C,
        "verdict": "reproduced",
        "kind": "accepted",
        "replaces": D,
    }


def test_long_note_lines_are_refused() -> None:
    """A line of MAX_NOTE_LINE bytes is written, one byte more is not."""
    room = MAX_NOTE_LINE - len(encode_note_line(LINE)) + 1
    longest = dataclasses.replace(LINE, strategy="s" * room)

    assert len(encode_note_line(longest)) == MAX_NOTE_LINE
    with pytest.raises(Corrupt, match=f"a note line of {MAX_NOTE_LINE + 1} bytes"):
        encode_note_line(dataclasses.replace(LINE, strategy="s" * (room + 1)))


# -- members --------------------------------------------------------------------------------------


def test_output_and_foreign_members_are_no_inputs() -> None:
    """The inputs id depends on what lies below strategy/ and tape/, not on what came out."""
    more = {
        **MANIFEST.members,
        "output/x": Member(sha256=D, size=0),
        "foreign/y": Member(sha256=D, size=0),
    }
    changed = dataclasses.replace(MANIFEST, members=more)

    assert inputs_of(changed) == MANIFEST.inputs
    assert bundle_id(changed) != bundle_id(MANIFEST)


def test_below_takes_the_prefix_away() -> None:
    """Only what starts with the prefix is kept, by its path inside."""
    assert below({"tape/a": 1, "tape/b/c": 2, "tapes/a": 3, "a": 4}, "tape/") == {"a": 1, "b/c": 2}
