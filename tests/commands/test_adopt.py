"""Adopt: what is guessed of existing strategies, what is refused, and that the run is real."""

from pathlib import Path

import pytest

from conftest import GitRepo
from floxkit import BUY_ONCE, write_tape
from git_bt.adopting import AdoptReport
from git_bt.capture.guess import guess_entry, guess_files, guess_tape
from git_bt.capture.guess_config import guess_config
from git_bt.commands.adopt import adopt
from git_bt.errors import Usage
from git_bt.files import folder_files
from git_bt.model import Verdict
from projects import PYTHON, RANDOM, bt, silent

SOURCES = {
    "flox": "from lrvx import Strategy\nclass S(Strategy): pass\n",
    "backtesting": "import backtesting as b\nclass S(b.Strategy): pass\n",
    "backtrader": "import backtrader as bt\nclass S(bt.Strategy): pass\n",
    "vectorbt": "import vectorbt as vbt\ndef build(data): pass\n",
    "zipline": "from zipline.api import order\ndef initialize(context): pass\n",
    "python": "def run(tape, config): pass\n",
}
BARS = "Date,Open,High,Low,Close,Volume\n2024-01-01,1,1,1,1,1\n"


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return folder


def adopted(repo: GitRepo, name: str, **options: object) -> AdoptReport:
    return adopt(name, **{"python": PYTHON, "step": silent, "cwd": repo.path} | options)  # type: ignore[arg-type]


# -- engine and entry point -----------------------------------------------------------------------


@pytest.mark.parametrize("engine", SOURCES)
def test_the_engine_follows_from_the_source(tmp_path: Path, engine: str) -> None:
    """By what it imports and what it defines; helpers and tests beside it are no entry point."""
    write(
        tmp_path,
        **{
            "s/main.py": SOURCES[engine],
            "s/indicators.py": "import numpy\n",
            "s/test_main.py": SOURCES[engine],
            "s/broken.py": "def (",
        },
    )
    found = guess_entry(folder_files(tmp_path), "s")

    assert (found.path, found.engine.value) == ("s/main.py", engine)
    assert guess_entry(folder_files(tmp_path), "s/main.py").engine.value == engine


def test_a_program_is_a_command(tmp_path: Path) -> None:
    """A file that can be run and is no Python; only when it is named or alone."""
    program = write(tmp_path, **{"s/run": "#!/bin/sh\n"}) / "s/run"
    program.chmod(0o755)

    assert guess_entry(folder_files(tmp_path), "s/run").engine.value == "command"


@pytest.mark.parametrize(
    ("files", "path", "said"),
    [
        ({"s/a.py": SOURCES["flox"], "s/b.py": SOURCES["flox"]}, "s",
         "several files .*: s/a.py, s/b.py"),
        ({"s/a.py": "x = 1\n"}, "s", "no file there imports an engine"),
        ({"s/a.py": "x = 1\n"}, "s/a.py", "imports no engine that is known"),
        ({"s/a.py": "x = 1\n"}, "gone", "no such file or folder: gone"),
    ],
)  # fmt: skip
def test_no_guess_where_there_is_a_choice(
    tmp_path: Path, files: dict[str, str], path: str, said: str
) -> None:
    """The candidates are named; the user chooses."""
    write(tmp_path, **files)
    with pytest.raises(Usage, match=said):
        guess_entry(folder_files(tmp_path), path)


# -- tape and files -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "tape", "why"),
    [
        ({"s/a.py": SOURCES["backtesting"] + "P = 'x/d.csv'\n", "s/x/d.csv": BARS,
          "data/e.csv": BARS},
         "s/x/d.csv", "its source names it"),
        ({"s/a.py": SOURCES["backtesting"], "data/e.csv": BARS, "data/ticks/1.lrvx": ""},
         "data/e.csv", "it lies in the top"),
        ({"s/a.py": SOURCES["backtesting"], "data/daily/A.csv": BARS, "data/daily/B.csv": BARS},
         "data/daily", "it lies in the top"),
        ({"s/a.py": SOURCES["flox"], "tapes/btc/1.lrvx": "", "tapes/bars.csv": BARS},
         "tapes/btc", "it lies in the top"),
        ({"s/a.py": SOURCES["flox"], "tapes/b/1.lrvx": "", "tapes/c/1.lrvx": "",
          "o/o.py": "", "o/strategy.yaml": "entry_point: o.py\nengine: flox\ntape: ../tapes/c\n"},
         "tapes/c", "another strategy has it"),
        ({"s/a.py": SOURCES["flox"], "market/btc/1.lrvx": "", "market/btc/2.lrvx": ""},
         "market/btc", "it is the only one here"),
    ],
)  # fmt: skip
def test_the_tape_is_the_one_that_can_be_meant(
    tmp_path: Path, files: dict[str, str], tape: str, why: str
) -> None:
    """Named in the source, else another strategy's, else the only one of its kind nearby."""
    write(tmp_path, **files)
    view = folder_files(tmp_path)
    found = guess_tape(view, guess_entry(view, "s"))

    assert (found.value, found.why) == (tape, why)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"data/a.csv": BARS, "data/b/c.csv": BARS},
         "several tapes may be meant: data/a.csv, data/b"),
        ({"data/1.lrvx": ""}, "no tape for s/a.py"),
        ({"market/a.csv": BARS}, "no tape for s/a.py"),
    ],
)  # fmt: skip
def test_no_tape_is_taken_of_several_or_of_another_kind(
    tmp_path: Path, files: dict[str, str], said: str
) -> None:
    """--tape says which."""
    write(tmp_path, **{"s/a.py": SOURCES["backtesting"]}, **files)
    view = folder_files(tmp_path)
    with pytest.raises(Usage, match=said) as raised:
        guess_tape(view, guess_entry(view, "s"))

    assert "--tape" in (raised.value.hint or "")


def test_files_that_its_texts_name_belong_to_it(tmp_path: Path) -> None:
    """A parameter file that is opened by name, from its folder; data and modules aside."""
    text = SOURCES["flox"] + "P = open('config/p.json'); Q = 'data/d.csv'; R = 'no.json'; S = '.'\n"
    write(tmp_path, **{"s/a.py": text, "s/config/p.json": "{}", "s/data/d.csv": BARS})
    view = folder_files(tmp_path)

    assert guess_files(view, guess_entry(view, "s"), ["s/a.py"]) == ("s/config/p.json",)


# -- all of it ------------------------------------------------------------------------------------


@pytest.fixture
def plain(repo: GitRepo) -> GitRepo:
    """Give a repository with a strategy that git-bt has never seen."""
    repo.write("strategies/ema/ema.py", BUY_ONCE + "\nimport json\nP = 'params.json'\n")
    repo.write("strategies/ema/params.json", "{}")
    (repo.path / "data").mkdir()
    write_tape(repo.path / "data/btc", [100.0, 100.5, 101.0])
    return repo


def test_a_strategy_is_adopted(plain: GitRepo) -> None:
    """Its strategy.yaml is written, it ran twice, and it is known from now on."""
    found = adopted(plain, "strategies/ema")

    assert (plain.path / "strategies/ema/strategy.yaml").read_text() == found.text
    assert found.text == (
        "entry_point: ema.py\nengine: flox\ntape: ../../data/btc\nfiles: [ema.py, params.json]\n"
    )
    assert (found.packed.verdict, found.packed.runs) == (Verdict.REPRODUCED, 2)
    assert [s["state"] for s in bt("status", "--json", cwd=plain).json["strategies"]] == ["known"]


def test_the_program_says_what_it_guessed(plain: GitRepo) -> None:
    """From the folder itself, and again: the file is there."""
    said = bt("adopt", ".", "--python", PYTHON, cwd=plain.path / "strategies/ema")
    again = bt("adopt", "strategies/ema", cwd=plain)

    assert said.code == 0
    assert "wrote strategies/ema/strategy.yaml" in said.out
    assert "it imports lrvx" in said.out
    assert "2 runs gave the same output" in said.out
    assert again.code == 2
    assert again.err == (
        "error: strategies/ema/strategy.yaml names engine and tape already\n"
        "hint: git bt pack strategies/ema\n"
    )


OLD = """\
# what RustyBT keeps of each run
files:   # relative to this file
  - ema.py
  - params.json
"""


def test_an_old_file_of_rustybt_is_completed(plain: GitRepo) -> None:
    """Install, init, adopt, commit: its bytes stay, engine, entry point and tape come behind."""
    place = plain.write("strategies/ema/strategy.yaml", OLD.replace("\n", "\r\n").rstrip())
    said = bt("adopt", "strategies/ema", "--python", PYTHON, "--json", cwd=plain).json

    more = "entry_point: ema.py\nengine: flox\ntape: ../../data/btc\n"
    assert place.read_bytes().decode() == (OLD + more).replace("\n", "\r\n")
    assert (said["completed"], said["text"], said["packed"]["runs"]) == (True, more, 2)
    assert [guess["what"] for guess in said["guesses"]] == ["engine", "entry_point", "tape"]
    states = bt("status", "--json", cwd=plain).json["strategies"]
    assert [(s["strategy"], s["state"]) for s in states] == [("strategies/ema", "known")]


@pytest.mark.parametrize(
    ("yaml", "name", "added"),
    [
        ("entry_point: ema.py\nconfig: {slippage_model: none}\n", "strategies/ema/ema.py",
         "engine: flox\ntape: ../../data/btc\nfiles: [ema.py, params.json]\n"),
        ("entry_point: strategies/ema/ema.py\nfiles: []\n", ".",
         "engine: flox\ntape: data/btc\n"),
        ("tape: ../../data/btc\nfiles: [ema.py]", "strategies/ema/strategy.yaml",
         "\nentry_point: ema.py\nengine: flox\n"),
        ("tape: ../../data/btc\n", "strategies/ema",
         "entry_point: ema.py\nengine: flox\nfiles: [ema.py, params.json]\n"),
        ("# to do\n", "strategies",
         "entry_point: ema.py\nengine: flox\ntape: ../../data/btc\nfiles: [ema.py, params.json]\n"),
        ("", "strategies/ema/ema.py",
         "entry_point: ema.py\nengine: flox\ntape: ../../data/btc\nfiles: [ema.py, params.json]\n"),
    ],
    ids=["no files", "at the top", "no engine", "tape alone", "a comment", "empty"],
)  # fmt: skip
def test_what_a_file_says_is_not_said_again(
    plain: GitRepo, yaml: str, name: str, added: str
) -> None:
    """Only keys that it lacks are guessed; paths are relative to it."""
    folder = "" if name == "." else "strategies/ema/"
    place = plain.write(f"{folder}strategy.yaml", yaml)
    report = adopted(plain, name)

    assert place.read_text() == yaml + added
    assert report.packed.verdict is Verdict.REPRODUCED


@pytest.mark.parametrize(
    ("yaml", "options", "said"),
    [
        ("{files: [ema.py]}\n", {}, "cannot be completed at its end"),
        ("files: [ema.py]\nengine:\n", {}, "cannot be completed at its end"),
        ("entry_point: other.py\n", {}, "strategy.yaml is there already, of strategies/ema/other"),
        ("files: [ema.py]\ntape: x\n", {"tape": "data/btc"}, "names its tape already: x"),
        ("files: [ema.py]\nengine: flox\n", {"engine": "python"}, "its engine already: flox"),
        ("entry_point: gone.py\nengine: flox\ntape: x\n", {}, "names engine and tape already"),
        ("files: [ema.py]\ncommand: [./x]\ntape: x\n", {}, "names engine and tape already"),
        ("files: [\n", {}, "strategy.yaml: line 2"),
        ("tape: x\nentrypoint: ema.py\n", {}, "it holds tape, entrypoint; did you mean 'entry_po"),
        ("{}\n", {}, "cannot be completed at its end"),
    ],
    ids=[
        "braces", "null", "other entry", "two tapes", "two engines", "complete, gone", "complete",
        "malformed", "misspelt", "empty braces",
    ],
)  # fmt: skip
def test_what_cannot_be_completed_stays_as_it_is(
    plain: GitRepo, yaml: str, options: dict[str, str], said: str
) -> None:
    """One line says why; nothing ran, and no byte was written."""
    place = plain.write("strategies/ema/strategy.yaml", yaml)
    if "tape" in options:
        options = {"tape": str(plain.path / options["tape"])}
    with pytest.raises(Usage, match=said):
        adopted(plain, "strategies/ema/ema.py", **options)

    assert place.read_text() == yaml


def test_a_link_is_not_completed(plain: GitRepo) -> None:
    """What it leads to would be written, which may be another strategy's."""
    shared = plain.write("shared.yaml", "files: [ema.py]\n")
    (plain.path / "strategies/ema/strategy.yaml").symlink_to("../../shared.yaml")
    with pytest.raises(Usage, match=r"strategies/ema/strategy.yaml is a link to shared.yaml"):
        adopted(plain, "strategies/ema")

    assert shared.read_text() == "files: [ema.py]\n"


PROGRAM = """\
#!/bin/sh
printf 'time,symbol,side,quantity,price\\n2024-01-01T00:00:00Z,A,buy,1,1\\n' > "$2/fills.csv"
"""


def test_what_has_a_command_is_one(repo: GitRepo) -> None:
    """Though its file imports an engine, which the command may use or not."""
    yaml = "entry_point: s.py\ncommand: [./run, '{tape}', '{out}']\n"
    repo.write("data/a.csv", BARS)
    repo.write("s/s.py", SOURCES["backtesting"])
    repo.write("s/run", PROGRAM).chmod(0o755)
    place = repo.write("s/strategy.yaml", yaml + "files: [s.py, run]\n")
    report = adopted(repo, "s", tape=str(repo.path / "data/a.csv"))

    added = "engine: command\ntape: ../data/a.csv\n"
    assert place.read_text() == f"{yaml}files: [s.py, run]\n{added}"
    assert report.packed.verdict is Verdict.REPRODUCED


def test_a_folder_above_is_the_strategy_that_is_found(repo: GitRepo) -> None:
    """The file that its strategy.yaml names is looked at, not the one that can be run."""
    yaml = "entry_point: m.py\n"
    place = repo.write("two/sub/strategy.yaml", yaml)
    repo.write("two/sub/m.py", "x = 1\n")
    repo.write("two/sub/z.py", SOURCES["python"])
    with pytest.raises(Usage, match=r"two/sub/m.py imports no engine"):
        adopted(repo, "two")

    assert place.read_text() == yaml


def test_what_is_not_deterministic_is_said(plain: GitRepo) -> None:
    """The file stays, so that it can be mended; nothing is recorded."""
    plain.write("strategies/ema/ema.py", RANDOM)
    said = bt("adopt", "strategies/ema/ema.py", "--python", PYTHON, cwd=plain)

    assert said.code == 1
    assert "nondeterministic" in said.out
    assert "next: mend strategies/ema/strategy.yaml or the strategy" in said.out
    assert (plain.path / "strategies/ema/strategy.yaml").exists()


def test_a_tape_outside_the_repository_is_named_as_it_is(plain: GitRepo, tmp_path: Path) -> None:
    """--tape wins over every guess; a name that YAML would misread is quoted."""
    write_tape(tmp_path / "yes: no", [100.0, 101.0])
    found = adopted(plain, "strategies/ema", tape=str(tmp_path / "yes: no"))

    assert f'tape: "{tmp_path}/yes: no"\n' in found.text
    assert found.packed.verdict is Verdict.REPRODUCED


def test_nothing_is_written_where_a_word_is_wrong(plain: GitRepo) -> None:
    """An engine or a tape that does not exist is said first."""
    for options in ({"engine": "nope"}, {"tape": "nowhere"}):
        with pytest.raises(Usage):
            adopted(plain, "strategies/ema", **options)

    assert not (plain.path / "strategies/ema/strategy.yaml").exists()


# -- settings -------------------------------------------------------------------------------------

SCRIPT = """\
from backtesting import Backtest, Strategy
from backtesting.test import GOOG

CASH = 5_000


class Buy(Strategy):
    size = 1

    def init(self): pass

    def next(self):
        if not self.position:
            self.buy(size=self.size)


if __name__ == "__main__":
    bt = Backtest(GOOG, Buy, cash=CASH, commission=.002, exclusive_orders=True, spreed=1e-05)
    print(bt.run(size=2))
"""


@pytest.mark.parametrize(
    ("text", "config", "unread"),
    [
        (SCRIPT, {"commission": 0.002, "exclusive_orders": True, "spreed": 1e-05,
                  "params": {"size": 2}}, ("cash",)),
        ("b.Backtest(d, S, commission=(1, 0.01)).run(**best)", {"commission": [1, 0.01]}, ("**",)),
        ("Backtest(d, S, cash=1)\nBacktest(d, S, cash=2)", {}, ()),
        ("run(x=1)", {}, ()),
    ],
    ids=["script", "chained", "two", "none"],
)  # fmt: skip
def test_settings_are_read_from_the_one_call(
    tmp_path: Path, text: str, config: dict[str, object], unread: tuple[str, ...]
) -> None:
    """Plain values are taken; what the script works out is named; of two calls neither counts."""
    write(tmp_path, **{"s/a.py": text})
    found = guess_config(folder_files(tmp_path), "s/a.py", "backtesting")

    assert (found.config, found.unread) == (config, unread)


def test_a_script_is_adopted_with_its_settings(repo: GitRepo) -> None:
    """Without its commission the bundle would say another profit than the script prints."""
    days = (f"2024-01-{day:02d},{day},{day + 1},{day - 1},{day},100" for day in range(10, 30))
    bars = "\n".join(["Date,Open,High,Low,Close,Volume", *days]) + "\n"
    repo.commit("script", **{"s/a.py": SCRIPT, "tapes/GOOG.csv": bars})
    report = adopted(repo, "s", tape=str(repo.path / "tapes/GOOG.csv"))

    assert report.text.splitlines()[-1] == (
        "config: {commission: 0.002, exclusive_orders: true, params: {size: 2}}"
    )
    said = [(g.value, g.why.split(",")[0]) for g in report.guesses if g.what == "config"]
    assert said[1] == ("cash, spreed", "not read")
    assert report.packed.verdict is Verdict.REPRODUCED
    assert report.packed.metrics is not None
    assert report.packed.metrics.fees
