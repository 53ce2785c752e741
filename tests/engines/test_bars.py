"""Tapes of bars: every usual spelling gives the same exact numbers, every fault its place."""

import gzip
import math
import random
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from git_bt.engines.bars import frame, ns_of, only, read, summary
from git_bt.engines.refusal import Refused
from git_bt.engines.times import DAY, NoTime, to_ns

GOOD = "Date,Open,High,Low,Close,Volume\n2004-08-19,100.0,104.06,95.96,100.34,22351900\n"
DAY1 = 12_649 * DAY  # 2004-08-19
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 3\n"


def read_of(place: Path, needs: tuple[str, ...] = ("open", "high", "low", "close")) -> Any:
    return read({"tape": str(place)}, needs)


def one(tmp_path: Path, text: str, name: str = "GOOG.csv") -> Any:
    (tmp_path / name).write_text(text)
    (bars,) = read_of(tmp_path / name)
    return bars


# -- times ----------------------------------------------------------------------------------------

NINE_THIRTY = DAY1 + 34_200 * 10**9


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2004-08-19", DAY1),
        ("2004/08/19", DAY1),
        ("2004.08.19", DAY1),
        ("20040819", DAY1),
        (" 2004-08-19 00:00:00 ", DAY1),
        ("2004-08-19T09:30", NINE_THIRTY),
        ("2004-08-19 09:30:00", NINE_THIRTY),
        ("20040819 093000", NINE_THIRTY),
        ("2004-08-19T09:30:00Z", NINE_THIRTY),
        ("2004-08-19 09:30:00 UTC", NINE_THIRTY),
        ("2004-08-19 09:30:00+00:00", NINE_THIRTY),
        ("2004-08-19 05:30:00-04:00", NINE_THIRTY),
        ("2004-08-19T15:00:00+0530", NINE_THIRTY),
        ("2004-08-19 18:30:00.000000001+09", NINE_THIRTY + 1),
        ("2004-08-19 09:30:00.5", NINE_THIRTY + 500_000_000),
        ("1092907800", NINE_THIRTY),
        ("1092907800.5", NINE_THIRTY + 500_000_000),
        ("1092907800000", NINE_THIRTY),
        ("1092907800000000", NINE_THIRTY),
        ("1092907800000000001", NINE_THIRTY + 1),
        ("-1", -(10**9)),
    ],
)
def test_a_time_is_exact(text: str, ns: int) -> None:
    """ISO 8601 with the year first, offsets, and counts of every unit."""
    assert to_ns([text]) == [ns]


@pytest.mark.parametrize(
    "text",
    [
        "", "19/08/2004", "2004-13-01", "2004-02-30", "2004-08-19 24:00", "2004-08-19 9:30",
        "2004-08/19", "yesterday", "nan", "2004-08-19 09:30 EST", "1e9", "9" * 30, "2262-04-12",
        "9999-12-31", "1677-01-01",
    ],
)  # fmt: skip
def test_what_is_no_time_is_not_guessed(text: str) -> None:
    """A day that may stand first, a zone by name, a number beyond 64 bits."""
    with pytest.raises(NoTime) as caught:
        to_ns(["2004-08-19" if not text.isdigit() else "1", text])

    assert caught.value.row == 1


def test_midnights_of_a_zone_are_days() -> None:
    """A daily bar of Tokyo stays on its day, though its midnight is the day before in UTC."""
    daily = ["2004-08-19 00:00:00+09:00", "2004-08-20 00:00:00+09:00"]
    hourly = [*daily, "2004-08-20 01:00:00+09:00"]

    assert to_ns(daily) == [DAY1, DAY1 + DAY]
    assert to_ns(hourly)[0] == DAY1 - 9 * 3600 * 10**9


def test_one_offset_among_none_is_refused() -> None:
    """Which zone the others are in cannot be told."""
    with pytest.raises(NoTime, match="only one names its zone") as caught:
        to_ns(["2004-08-19 09:30", "2004-08-19 09:31Z"])

    assert caught.value.row == 1


@given(
    st.lists(
        st.datetimes(datetime.fromisoformat("1900-01-01"), datetime.fromisoformat("2200-01-01")),
        min_size=1,
        max_size=5,
    ),
    st.integers(-12, 14),
)
def test_any_time_is_what_python_says(times: list[datetime], hours: int) -> None:
    """With an offset that is not a midnight's, to the microsecond."""
    zone = timezone(timedelta(hours=hours))
    aware = [t.replace(second=t.second | 1, tzinfo=zone) for t in times]
    epoch = datetime(1970, 1, 1, tzinfo=UTC)

    assert to_ns([t.isoformat() for t in aware]) == [
        (t - epoch) // timedelta(microseconds=1) * 1000 for t in aware
    ]


# -- one file -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        "Date,Open,High,Low,Close,Volume",
        "date,open,high,low,close,volume",
        ",Open,High,Low,Close,Volume",
        "timestamp,o,h,l,c,v",
        "<DATE>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<TICKVOL>",
        "Datetime,1. open,2. high,3. low,4. close,5. volume",
        "Open Time,Open Price,High Price,Low Price,Close Price,Vol",
    ],
)
def test_columns_are_found_by_any_usual_name(header: str, tmp_path: Path) -> None:
    """Case, blanks, brackets and numbers do not matter."""
    bars = one(tmp_path, GOOD.replace(GOOD.split("\n", maxsplit=1)[0], header))

    assert (bars.symbol, list(bars.times)) == ("GOOG", [DAY1])
    assert {name: list(v) for name, v in bars.columns.items()} == {
        "open": [100.0], "high": [104.06], "low": [95.96], "close": [100.34],
        "volume": [22351900.0],
    }  # fmt: skip


@pytest.mark.parametrize("how", ["semicolon", "tab", "CR LF", "BOM", "gzip", "no last newline"])
def test_files_of_any_make_are_read(how: str, tmp_path: Path) -> None:
    """Separators, line ends, a byte order mark and compression say nothing."""
    data = GOOD.encode()
    data = {
        "semicolon": data.replace(b",", b";"),
        "tab": data.replace(b",", b"\t"),
        "CR LF": data.replace(b"\n", b"\r\n"),
        "BOM": b"\xef\xbb\xbf" + data,
        "gzip": gzip.compress(data),
        "no last newline": data.rstrip(b"\n"),
    }[how]
    place = tmp_path / ("GOOG.csv.gz" if how == "gzip" else "GOOG.csv")
    place.write_bytes(data)
    (bars,) = read_of(place)

    assert bars.symbol == "GOOG"
    assert bars.columns["close"].tolist() == [100.34]


def test_a_date_and_a_time_column_are_one_time(tmp_path: Path) -> None:
    """MetaTrader and others write them apart."""
    bars = one(tmp_path, "Date,Time,Open,High,Low,Close\n2004.08.19,09:30,1,2,0.5,1.5\n")

    assert list(bars.times) == [NINE_THIRTY]
    assert set(bars.columns) == {"open", "high", "low", "close"}


def test_the_unit_of_a_count_may_be_in_its_name(tmp_path: Path) -> None:
    """ts_ms is milliseconds, however small."""
    bars = one(tmp_path, "ts_ms,open,high,low,close\n5,1,1,1,1\n6,1,1,1,1\n")

    assert list(bars.times) == [5_000_000, 6_000_000]
    assert "ts_ms" not in bars.columns


def test_other_columns_of_numbers_are_kept(tmp_path: Path) -> None:
    """A signal with gaps is, a text is not, and nothing is made of a second close."""
    bars = one(
        tmp_path, "Date,Open,High,Low,Close,Adj Close,Signal,Note\n2004-08-19,1,1,1,1,2,,x\n"
    )

    assert bars.columns["Adj Close"].tolist() == [2.0]
    assert math.isnan(bars.columns["Signal"][0])
    assert "Note" not in bars.columns


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_number_loses_a_bit(tmp_path: Path, closes: list[float]) -> None:
    """pandas.read_csv is not so exact by default."""
    rows = "".join(f"{day},1,1,1,{close!r}\n" for day, close in enumerate(closes))
    bars = one(tmp_path, "ts_s,open,high,low,close\n" + rows)

    assert bars.columns["close"].tolist() == closes


LINE = "2004-08-19,1,2,0.5,1.5,7\n"
HEADER = "Date,Open,High,Low,Close,Volume\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is empty"),
        (HEADER, "it has no rows"),
        ("Open,High,Low,Close\n1,1,1,1\n", "no column of times among Open, High, Low, Close"),
        ("Date,Open,High,Low\n2004-08-19,1,1,1\n", "no column Close among Date, Open, High, Low"),
        ("Date,Open,High,Low,Close,close\n2004-08-19,1,1,1,1,1\n", "two columns are called Close"),
        (HEADER + LINE + LINE, "line 3: Date 2004-08-19 stands twice"),
        (HEADER + LINE + "2004-08-18,1,1,1,1,1\n", "line 3: Date 2004-08-18 is earlier than"),
        (HEADER + LINE + "\n\n2004-08-20,1,1,,1,1\n", "line 5: Low is empty, no number"),
        (HEADER + LINE + "2004-08-20,1,1,nan,1,1\n", "line 3: Low is nan, no number"),
        (HEADER + LINE + "2004-08-20,1,inf,1,1,1\n", "line 3: High is inf, no number"),
        (HEADER + LINE + '2004-08-20,"1,0",1,1,1,1\n', "line 3: Open is 1,0, no number"),
        (HEADER + LINE + "2004-08-20,1,1,1,1,\n", "line 3: Volume is empty, no number"),
        (HEADER + LINE + "2004-08-20,1,1\n", "line 3: 3 fields, the header has 6"),
        (HEADER + LINE + "20/08/2004,1,1,1,1,1\n", "line 3: Date '20/08/2004' is no time, write"),
        ('Date,Open\n"x', "it cannot be read|line 2"),
        ("\0\1\2", "it has no rows|cannot be read"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_file_and_line(text: str, words: str, tmp_path: Path) -> None:
    """What an engine would take in silence is one clear line."""
    with pytest.raises(Refused, match=f"^tape file GOOG.csv: .*({words})") as caught:
        one(tmp_path, text)

    assert caught.value.bt_kind == "tape-corrupt"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "data", "kind", "words"),
    [
        ("GOOG.csv", POINTER, "tape-missing", "GOOG.csv is a git-LFS pointer"),
        ("GOOG.parquet", POINTER, "tape-missing", "GOOG.parquet is a git-LFS pointer"),
        ("GOOG.csv", b"Date\xff\xfe\n", "tape-corrupt", "GOOG.csv: it is no text in UTF-8"),
        (
            "GOOG.csv.gz",
            gzip.compress(GOOD.encode(), mtime=0)[:40],
            "tape-corrupt",
            "gz: it cannot be read",
        ),
        ("GOOG.csv.gz", b"plain text", "tape-corrupt", "GOOG.csv.gz: it cannot be read"),
        ("GOOG.parquet", b"PAR1 no more", "tape-corrupt", "GOOG.parquet: it is no parquet"),
        ("GOOG.txt", b"Date", "tape-corrupt", "GOOG.txt is no tape of bars"),
    ],
)
def test_bytes_that_are_no_bars_are_said(
    name: str, data: bytes, kind: str, words: str, tmp_path: Path
) -> None:
    """Pointers are incomplete, everything else corrupt."""
    (tmp_path / name).write_bytes(data)
    with pytest.raises(Refused, match=words) as caught:
        read_of(tmp_path / name)

    assert caught.value.bt_kind == kind


# -- parquet --------------------------------------------------------------------------------------

STAMPS = [datetime.fromisoformat(day) for day in ("2004-08-19T09:30", "2004-08-20T09:30")]


def prices(**more: Any) -> pd.DataFrame:
    return pd.DataFrame({"Open": [1.0, 2.0], "High": 2, "Low": 1, "Close": [1.5, 1.6], **more})


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
@pytest.mark.parametrize("where", ["index", "named index", "column"])
def test_any_index_of_a_parquet_file_is_exact(
    unit: str, zone: str | None, where: str, tmp_path: Path
) -> None:
    """Units differ between releases of pandas, and the time is the same."""
    times = pd.DatetimeIndex(STAMPS).as_unit(unit).tz_localize("UTC")  # type: ignore[arg-type]
    times = times.tz_convert(zone) if zone else times.tz_localize(None)
    table = prices()
    if where == "column":
        table["timestamp"] = times
    else:
        table.index = times.rename("Date" if where == "named index" else None)
    table.to_parquet(tmp_path / "GOOG.parquet")
    (bars,) = read_of(tmp_path / "GOOG.parquet")

    assert list(bars.times) == [NINE_THIRTY, NINE_THIRTY + DAY]
    assert bars.columns["high"].tolist() == [2.0, 2.0]


@pytest.mark.parametrize(
    ("column", "values", "ns"),
    [
        ("date", [date(2004, 8, 19), date(2004, 8, 20)], [DAY1, DAY1 + DAY]),
        ("date", ["2004-08-19", "2004-08-20"], [DAY1, DAY1 + DAY]),
        ("ts_ns", [5, 6], [5, 6]),
        ("Date", pd.DatetimeIndex(["2004-08-19", "2004-08-20"]).tz_localize("Asia/Tokyo"),
         [DAY1, DAY1 + DAY]),
    ],
)  # fmt: skip
def test_times_of_other_kinds_are_read_from_parquet(
    column: str, values: Any, ns: list[int], tmp_path: Path
) -> None:
    """Dates, texts, counts, and midnights of a zone, which are days."""
    prices(**{column: values}).to_parquet(tmp_path / "GOOG.parquet")
    (bars,) = read_of(tmp_path / "GOOG.parquet")

    assert list(bars.times) == ns


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"date": [STAMPS[1], STAMPS[0]]}, "row 1: date 2004-08-19 09:30:00 is earlier"),
        ({"date": [STAMPS[0], None]}, "row 1: date is empty"),
        ({"date": np.array(["2004-08-19", "9999-01-01"], "M8[ms]")}, "row 1: date is beyond"),
        ({"date": STAMPS, "Close": [1.0, None]}, "row 1: Close is nan"),
        ({"date": STAMPS, "Close": ["a", "b"]}, "row 0: Close is a, no number"),
    ],
)
def test_a_fault_in_parquet_is_named_by_its_row(
    more: dict[str, Any], words: str, tmp_path: Path
) -> None:
    """Rows count from 0, as everywhere in git-bt."""
    prices(**more).to_parquet(tmp_path / "GOOG.parquet")
    with pytest.raises(Refused, match=f"^tape file GOOG.parquet: {words}"):
        read_of(tmp_path / "GOOG.parquet")


# -- folders --------------------------------------------------------------------------------------


def write(folder: Path, *paths: str, day: int = 19) -> Path:
    """Write one bar to each file, each a day later than the one before."""
    for later, path in enumerate(paths):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        text = f"Date,Open,High,Low,Close\n2004-08-{day + later},1,1,1,{later + 1}.5\n"
        (folder / path).write_text(text)
    return folder


def test_a_folder_has_a_symbol_a_file(tmp_path: Path) -> None:
    """Sorted by name, whatever the order of the folder; an index and hidden files aside."""
    write(tmp_path, "MSFT.csv", "AAPL.csv")
    (tmp_path / "metadata.json").write_text("{}")
    (tmp_path / ".gitattributes").write_text("*.csv -text\n")

    assert [b.symbol for b in read_of(tmp_path)] == ["AAPL", "MSFT"]


def test_a_folder_of_folders_has_a_symbol_a_folder(tmp_path: Path) -> None:
    """Their files follow one another, and each is told with its times."""
    write(tmp_path, "GOOG/2004-08.csv", "GOOG/2004-09.csv")
    (bars,) = read_of(tmp_path)
    told = summary([bars])

    assert bars.columns["close"].tolist() == [1.5, 2.5]
    assert told["symbols"] == {
        "GOOG": {"bars": 2, "last_price": 2.5, "last_ts_ns": DAY1 + DAY},
    }
    assert told["files"] == {
        "GOOG/2004-08.csv": {"first_ts_ns": DAY1, "last_ts_ns": DAY1},
        "GOOG/2004-09.csv": {"first_ts_ns": DAY1 + DAY, "last_ts_ns": DAY1 + DAY},
    }


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        (["GOOG/2.csv", "GOOG/1.csv"], "tape file GOOG/2.csv begins before GOOG/1.csv ends"),
        (["GOOG.csv", "GOOG/1.csv"], "symbol GOOG twice"),
        (["GOOG.csv", "notes.txt"], "notes.txt is no tape of bars"),
        (["GOOG/1/2.csv"], "1 is no tape of bars"),
    ],
)
def test_a_folder_that_can_be_read_in_two_ways_is_refused(
    paths: list[str], words: str, tmp_path: Path
) -> None:
    """Nothing is left out in silence."""
    with pytest.raises(Refused, match=words) as caught:
        read_of(write(tmp_path, *paths))

    assert caught.value.bt_kind == "tape-corrupt"


def test_parts_must_have_the_same_columns(tmp_path: Path) -> None:
    """Half a column of volume is none."""
    write(tmp_path, "GOOG/1.csv")
    (tmp_path / "GOOG/2.csv").write_text(HEADER + LINE.replace("08-19", "08-20"))
    with pytest.raises(Refused, match=r"GOOG/1.csv and GOOG/2.csv have not the same .*volume"):
        read_of(tmp_path)


@pytest.mark.parametrize("place", ["empty", "gone"])
def test_no_tape_is_said(place: str, tmp_path: Path) -> None:
    """An empty folder is no tape, as for every engine."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(Refused) as caught:
        read_of(tmp_path / place)

    assert caught.value.bt_kind == "tape-missing"


def test_an_engine_of_one_symbol_refuses_two(tmp_path: Path) -> None:
    """And says which there are."""
    bars = read_of(write(tmp_path, "A.csv", "B.csv"))
    with pytest.raises(Refused, match=r"2 symbols \(A, B\), engine backtesting trades one"):
        only(bars, "backtesting")

    assert only(bars[:1], "backtesting").symbol == "A"


# -- frames ---------------------------------------------------------------------------------------


def test_a_frame_is_the_same_under_every_pandas(tmp_path: Path) -> None:
    """Column names with a capital, ns, no zone; CSV and parquet give equal frames."""
    steps = random.Random(5)
    table = prices(Signal=[steps.random(), 2.0]).set_axis(pd.DatetimeIndex(STAMPS, name="time"))
    table.to_parquet(tmp_path / "GOOG.parquet")
    table.to_csv(tmp_path / "GOOG.csv")
    frames = [frame(only(read_of(tmp_path / f"GOOG.{kind}"), "x")) for kind in ("csv", "parquet")]

    pd.testing.assert_frame_equal(*frames, check_exact=True)
    assert list(frames[0].columns) == ["Open", "High", "Low", "Close", "Signal"]
    assert str(frames[0].index.dtype) == "datetime64[ns]"
    assert ns_of(frames[0].index) == [NINE_THIRTY, NINE_THIRTY + DAY]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_go_back_to_ns_from_any_unit(unit: str) -> None:
    """Also from an index with a zone, and from single stamps."""
    index = pd.DatetimeIndex(STAMPS).as_unit(unit)  # type: ignore[arg-type]

    assert ns_of(index) == [NINE_THIRTY, NINE_THIRTY + DAY]
    assert ns_of(index.tz_localize("America/New_York"))[0] == NINE_THIRTY + 4 * 3600 * 10**9
    assert ns_of(list(index)) == [NINE_THIRTY, NINE_THIRTY + DAY]
