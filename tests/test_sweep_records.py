"""Runs of a sweep keep every value and its type, in the spool and in the store."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_bt.errors import Corrupt
from git_bt.sweep_chunks import cell_of, decode_chunk, encode_chunk, scalar_of
from git_bt.sweep_records import (
    Scalar,
    Surroundings,
    Sweep,
    SweepRun,
    decode_surroundings,
    decode_sweep,
    decode_sweep_run,
    encode_surroundings,
    encode_sweep,
    encode_sweep_run,
    sweep_run_id,
)

SWEEP = "ab" * 32
TEXTS = st.text(st.characters(exclude_categories=("Cs",)))
KEYS = st.text(st.characters(exclude_categories=("Cs", "Cc")))
WORDS = st.sampled_from(["", "null", "true", "nan", "inf", "-inf", "5", "5.0", "NaN", '"', "a,b\n"])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**38), 10**38), st.floats(), TEXTS, WORDS
)
GROUPS = st.dictionaries(KEYS, SCALARS, max_size=4)
DIGESTS = st.none() | st.sampled_from(["cd" * 32, "01" * 32])
RUNS = st.builds(
    SweepRun,
    sweep=st.just(SWEEP),
    writer=st.sampled_from(["0123456789abcdef", "1234567890123456", "12e4567890123456"]),
    seq=st.integers(0, 10**6),
    started_ns=st.integers(0, 2**63),
    elapsed_ns=st.integers(0, 2**63),
    status=st.sampled_from(["ok", "failed"]),
    params=GROUPS,
    metrics=GROUPS,
    error=st.none() | TEXTS | WORDS,
    environment=DIGESTS,
    bundle=DIGESTS,
)


def same(one: Scalar, two: Scalar) -> bool:
    """Equal in value and type; NaN is itself here, and -0.0 is not 0.0."""
    return type(one) is type(two) and repr(one) == repr(two)


@given(SCALARS)
def test_a_cell_gives_its_value_back(value: Scalar) -> None:
    """Text that looks like a number stays text, and no value is an empty cell."""
    cell = cell_of(value)

    assert cell
    assert "\r" not in cell
    assert same(scalar_of(cell, "cell"), value)


@given(RUNS)
def test_a_run_of_the_spool_gives_itself_back(run: SweepRun) -> None:
    """Encoding what was decoded gives the same bytes, so the id stays."""
    data = encode_sweep_run(run)

    assert encode_sweep_run(decode_sweep_run(data)) == data


@given(st.lists(RUNS, max_size=5))
def test_a_chunk_gives_its_runs_back(runs: list[SweepRun]) -> None:
    """Every run has the id in the store that it had in the spool."""
    found = decode_chunk(encode_chunk(runs), SWEEP)

    assert sorted(map(sweep_run_id, found)) == sorted(map(sweep_run_id, runs))


@given(st.lists(RUNS, max_size=4), st.randoms())
def test_the_order_in_which_runs_come_is_not_in_a_chunk(
    runs: list[SweepRun], random: object
) -> None:
    """The same runs are the same bytes, whoever put them together."""
    mixed = runs.copy()
    random.shuffle(mixed)  # type: ignore[attr-defined]
    unique = {(run.started_ns, run.writer, run.seq) for run in runs}

    assert len(unique) < len(runs) or encode_chunk(mixed) == encode_chunk(runs)


@given(TEXTS, DIGESTS, st.none() | TEXTS, st.none() | TEXTS)
def test_a_sweep_gives_itself_back(
    name: str, snapshot: str | None, engine: str | None, tape: str | None
) -> None:
    """What is absent stays absent."""
    sweep = Sweep(name=name, snapshot=snapshot, engine=engine, tape=tape)

    assert decode_sweep(encode_sweep(sweep)) == sweep


@given(
    TEXTS,
    st.dictionaries(TEXTS, TEXTS),
    st.none() | st.lists(TEXTS).map(tuple),
    st.none() | TEXTS,
    st.none() | st.booleans(),
)
def test_surroundings_give_themselves_back(
    text: str,
    packages: dict[str, str],
    argv: tuple[str, ...] | None,
    diff: str | None,
    is_dirty: bool | None,
) -> None:
    """Python, platform and packages; what git knows where it does, what is absent stays absent."""
    found = Surroundings(
        python=text, platform=text, packages=packages, argv=argv, commit=diff, is_dirty=is_dirty,
        diff=diff, root=diff, cwd=diff, is_alone=is_dirty, module=diff,
    )  # fmt: skip

    assert decode_surroundings(encode_surroundings(found)) == found


HEADER = b"started_ns,elapsed_ns,writer,seq,status,error,environment,bundle"
ROW = b"1,2,0123456789abcdef,0,ok,,,"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"a,b\n",
        HEADER,
        HEADER + b",params.a\n" + ROW + b",\n",  # a column that no row needs
        HEADER + b",other.a\n",
        HEADER + b"\n" + ROW + b",5\n",
        HEADER + b"\n" + ROW.replace(b"ok", b"fine") + b"\n",
        HEADER + b"\n" + ROW.replace(b"1,", b"-1,", 1) + b"\n",
        HEADER + b"\n" + ROW.replace(b"1,", b"1_0,", 1) + b"\n",
        HEADER + b"\n" + ROW.replace(b"0123456789abcdef", b"0123") + b"\n",
        HEADER + b"\n" + ROW[:-1] + b"abc,\n",
        HEADER + b",metrics.a\n" + ROW + b",05\n",
        HEADER + b",metrics.a\n" + ROW + b",[1]\n",
        HEADER + b",metrics.a\n" + ROW + b',"""bare"""\n',
        HEADER + b",metrics.a\n" + ROW + b",1E5\n",
        HEADER + b"\n" + ROW.replace(b"ok,", b"ok,5") + b"\n",
        b"\xff",
    ],
)
def test_what_the_encoder_would_not_write_is_refused(data: bytes) -> None:
    """One set of runs has one encoding."""
    with pytest.raises(Corrupt):
        decode_chunk(data, SWEEP)


def test_nan_is_kept_and_is_no_text() -> None:
    """The metric of a run without trades is often no number, and that is worth knowing."""
    run = SweepRun(
        sweep=SWEEP, writer="0" * 16, seq=0, started_ns=0, elapsed_ns=0, status="ok",
        metrics={"sharpe": math.nan, "text": "nan"}, params={"stop": math.inf},
    )  # fmt: skip
    (found,) = decode_chunk(encode_chunk([run]), SWEEP)

    assert math.isnan(found.metrics["sharpe"])  # type: ignore[arg-type]
    assert found.metrics["text"] == "nan"
    assert found.params["stop"] == math.inf
