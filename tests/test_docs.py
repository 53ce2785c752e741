"""Documentation as a test subject: it is generated, executed, or held against the code."""

import functools
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest

from environments import environment
from git_bt import errors
from git_bt.canonical import MAX_DEPTH, MAX_DIGITS
from git_bt.cli import cli
from git_bt.errors import BtError, ExitCode
from git_bt.model import Verdict
from git_bt.paths import MAX_NAME, MAX_PATH
from git_bt.records import MAX_NOTE_LINE
from git_bt.tables import COLUMNS

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
FORMATS = REFERENCE / "formats"
GOLDEN = ROOT / "tests" / "data" / "golden"
PAGES = sorted(p for p in DOCS.rglob("*.md") if "_build" not in p.parts)
OUTSIDE = [ROOT / n for n in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")]


def name_of(path: Path) -> str:
    """A page by its path from the repository's top, as test id."""
    return str(path.relative_to(ROOT))


@functools.cache
def generator() -> ModuleType:
    """scripts/reference.py as a module."""
    spec = importlib.util.spec_from_file_location("reference", ROOT / "scripts" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def options() -> Iterator[tuple[str, click.Option]]:
    """Every option of every command."""
    for name in NAMES:
        yield from ((name, p) for p in named(name).params if isinstance(p, click.Option))


def named(name: str) -> click.Command:
    """A command by its name, or by its group's and its own."""
    found: click.Command = cli
    for word in name.split():
        assert isinstance(found, click.Group)
        below = found.get_command(click.Context(found), word)
        assert below is not None
        found = below
    return found


NAMES = [
    f"{name} {below}".strip()
    for name in cli.list_commands(click.Context(cli))
    for below in getattr(named(name), "commands", [""])
]
"""Every command; one of a group by both names."""


# -- the generated reference ----------------------------------------------------------------------


def test_reference_is_current() -> None:
    """The man page and the page on commands are what scripts/reference.py would write."""
    assert generator().main(["--check"]) == 0


@pytest.mark.parametrize("name", NAMES)
def test_every_command_explains_itself(name: str) -> None:
    """A command has help, examples that call it, and a section in the reference."""
    (said,) = [c for c in generator().read_commands(cli) if c.name == name]

    assert said.paragraphs
    assert said.examples
    assert all(line.startswith((f"git bt {name}", "    ")) for line in said.examples)
    assert f"\n## git bt {name}\n" in (REFERENCE / "commands.md").read_text()


def test_every_option_has_help() -> None:
    """No option stands in the reference without a sentence."""
    assert [f"{name} {p.opts}" for name, p in options() if not p.help] == []


def test_generator_reads_what_click_knows() -> None:
    """Arguments, metavars, choices, flags, ranges, defaults and examples reach the pages."""

    @click.command("do", epilog="\b\nExamples:\n  git bt do a\\b\n  git bt do -- .x")
    @click.argument("names", metavar="[NAME]...", nargs=-1)
    @click.option("-q", "--quiet", is_flag=True, help="Say little.")
    @click.option("--kind", type=click.Choice(["a", "b"]), help="Which one.")
    @click.option("--runs", type=click.IntRange(1), default=2, show_default=True, help="How often.")
    def do(**values: Any) -> None:
        """Do it.

        All of it,
        at once.
        """

    group = click.Group("git bt", {"do": do}, help="A group.\n\nIt groups.")
    (said,) = generator().read_commands(group)
    man = generator().man_page(group, [said])

    assert said.usage == "git bt do [OPTIONS] [NAME]..."
    assert said.paragraphs == ("Do it.", "All of it, at once.")
    assert [(o.typed, o.help) for o in said.options] == [
        ("-q, --quiet", "Say little."),
        ("--kind [a|b]", "Which one."),
        ("--runs N", "How often. Default: 2."),
    ]
    assert said.examples == ("git bt do a\\b", "git bt do -- .x")
    assert "git bt do a\\eb\n" in man
    assert "| `--kind [a\\|b]` | Which one. |" in generator().commands_page([said])


@pytest.mark.parametrize(
    ("text", "roff"),
    [("a-b", "a\\-b"), ("a\\b", "a\\eb"), (".x", "\\&.x"), ("'x", "\\&\\(aqx"), ("…", "\\[u2026]")],
)
def test_roff_prints_text_as_it_is(text: str, roff: str) -> None:
    """What roff would take for a request, an escape or a hyphen is escaped."""
    assert generator().roff(text) == roff


def test_man_page_renders_without_warnings() -> None:
    """Groff, which man calls, has nothing to complain about, and shows every command."""
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    done = subprocess.run(
        ["groff", "-man", "-Tascii", "-ww", ROOT / "man" / "git-bt.1"],
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert all(f"git bt {name}" in done.stdout for name in NAMES)


# -- pages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [p for p in PAGES if p != DOCS / "index.md"], ids=name_of)
def test_a_page_says_which_need_it_serves(page: Path) -> None:
    """The first line below the heading says what the page is for."""
    heading, _, first = page.read_text().splitlines()[:3]

    assert heading.startswith("# ")
    assert first.startswith(("This page ", "This room ", "*Reference: "))


@pytest.mark.parametrize("page", [*PAGES, *OUTSIDE], ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    """Each relative link names a file or folder, and each anchor a heading of it."""
    text = re.sub(r"^(```+).*?^\1$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        found = page.parent / path if path else page
        if not found.exists() or (anchor and anchor not in anchors(found)):
            broken.append(target)

    assert broken == []


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and MyST make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("name", sorted(p.name for p in GOLDEN.iterdir()))
def test_formats_show_the_golden_files(name: str) -> None:
    """The examples of the reference are the golden files, byte for byte."""
    blocks = [
        block
        for page in FORMATS.glob("*.md")
        for block in re.findall(
            rf"<!-- golden: {re.escape(name)} -->\n```\w+\n(.*?)```", page.read_text(), re.DOTALL
        )
    ]

    assert blocks
    assert {block.encode() for block in blocks} == {(GOLDEN / name).read_bytes()}


def test_every_format_has_its_sections() -> None:
    """Grammar first, then what a reader does and how versions are told."""
    for page in FORMATS.glob("*.md"):
        if page.name in ("index.md", "ids.md"):
            continue
        headings = re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE)

        assert headings[0] == "Grammar", page.name
        assert "Version rule" in headings, page.name


# -- pages against the code -----------------------------------------------------------------------


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    """The tree on the page is that of errors.py, and both are the classes that there are."""
    page = (REFERENCE / "errors.md").read_text()
    drawn = re.search(r"```text\n(BtError.*?)```", page, re.DOTALL)
    assert drawn is not None
    code = "\n".join(line.strip() for line in (errors.__doc__ or "").splitlines())
    classes = {
        c.__name__: int(c.exit_code)
        for c in vars(errors).values()
        if isinstance(c, type) and issubclass(c, BtError) and c is not BtError
    }
    shown = {n: int(code) for n, code in re.findall(r"── (\w+) +(\d+) ", drawn[1])}

    assert "\n".join(line.strip() for line in drawn[1].strip().splitlines()) in code
    assert shown == classes


def test_every_verdict_has_its_line() -> None:
    """Words and exit codes of the page are those of the code, in the same order."""
    rows = generator().read_table("verdicts-and-exit-codes.md")

    assert [(row[0].strip("`"), int(row[2])) for row in rows] == [
        (str(verdict), int(verdict.exit_code)) for verdict in Verdict
    ]


def test_every_exit_code_has_its_line() -> None:
    """The page tells each code, and none that does not exist."""
    items = generator().read_items("verdicts-and-exit-codes.md", "Exit codes")

    assert [int(code) for code, _ in items] == [int(code) for code in ExitCode]


def test_every_key_of_git_config_has_its_line() -> None:
    """What the code reads by `bt.…` stands on the page, and nothing else."""
    source = "".join(p.read_text() for p in (ROOT / "src").rglob("*.py"))
    items = generator().read_items("configuration.md", "Git config")

    assert {name for name, _ in items} == set(re.findall(r"\"(bt\.[a-zA-Z]+)\"", source))


def test_every_finding_of_the_gate_has_its_line() -> None:
    """Each kind that the code can say, the verdicts that it passes on, and no other."""
    modules = ("gate.py", "evidence.py", "declared.py", "commands/gate.py", "commands/paired.py")
    source = "".join((ROOT / "src" / "git_bt" / name).read_text() for name in modules)
    said = re.findall(r"(?:say\(|_warning\(|kind=)\s*\"([a-z-]+)\"", source)
    table = (REFERENCE / "gate.md").read_text().split("\n## Findings\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)

    assert set(rows) == {*said, "failed", "incomplete", "corrupt"}


def test_columns_are_those_of_the_code() -> None:
    """Every table and every column of the code is explained."""
    page = (FORMATS / "tables.md").read_text()

    assert all(f"| `{name}` |" in page for name in COLUMNS)
    assert {c for columns in COLUMNS.values() for c in columns if f"`{c}`" not in page} == set()


def test_limits_are_those_of_the_code() -> None:
    """Numbers that are said are numbers that hold."""
    shown = {
        "canonical-json.md": [f"{MAX_DEPTH} levels", f"| {MAX_DIGITS}, "],
        "index.md": [f"than {MAX_PATH} bytes", f"than {MAX_NAME} bytes"],
        "note-line.md": [f"most {MAX_NOTE_LINE} bytes"],
    }

    assert [
        words
        for page, said in shown.items()
        for words in said
        if words not in (FORMATS / page).read_text()
    ] == []


def test_keys_of_strategy_yaml_are_those_of_the_code() -> None:
    """Every key has its line, every config key of an engine its default."""
    from git_bt.capture.spec import KEYS
    from git_bt.engines import backtesting, backtrader, zipline
    from git_bt.engines.flox import DEFAULTS

    page = (FORMATS / "strategy-yaml.md").read_text()
    first, *sections = page.split("## Config of ")
    assert {key for key in KEYS if f"`{key}`" not in first} == set()
    tables = {s.split("\n")[0]: s.split("\n## ")[0] for s in sections}
    wanted = {"flox": {k: str(v) for k, v in DEFAULTS.items()}}
    wanted |= {
        adapter.NAME: shown_defaults(adapter) for adapter in (backtesting, backtrader, zipline)
    }

    for name, defaults in wanted.items():
        found = re.findall(r"^\| `(\w+)` \| `?([^`|]+?)`? \|", tables[name], re.MULTILINE)
        assert dict(found) == defaults


def shown_defaults(adapter: ModuleType) -> dict[str, str]:
    """The defaults of an adapter as a page shows them."""
    return {key: json.dumps(value).strip('"') for key, (value, _) in adapter.KEYS.items()}


# -- the tutorial ---------------------------------------------------------------------------------
#
# A `console` block of a tutorial is executed: what follows `$ ` is typed, the rest is what comes.
# `…` stands for any text; ids and times are compared by their form only. A block below
# `<!-- file: NAME -->` is written to that file first.


@dataclass(frozen=True)
class Step:
    """A file to write, or a command and what it prints."""

    kind: str
    what: str
    text: str


BLOCK = re.compile(
    r"(?:<!-- file: (\S+) -->\n)?^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL
)


def steps(page: str) -> list[Step]:
    """What a page does, in order."""
    found = []
    for file, language, text in BLOCK.findall(page):
        if file:
            found.append(Step("file", file, text))
        elif language == "console":
            for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, _, output = part.partition("\n")
                while command.endswith("\\"):
                    line, _, output = output.partition("\n")
                    command += "\n" + line.removeprefix("> ")
                found.append(Step("run", command, output))
    return found


def shape(text: str) -> str:
    """Text with ids, times and versions by their form, and without blanks at the ends of lines."""
    text = re.sub(r"\b[0-9a-f]{12,64}\b", "<id>", text)
    text = re.sub(r"\b\d+(\.\d+)? (ms|s)\b", "<time>", text)
    text = re.sub(r"\bflox \d+\.\d+\.\d+\b", "flox <version>", text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def matches(shown: str, came: str) -> bool:
    """Whether what came is what the page shows; `…` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in shape(shown).split("…"))
    return re.fullmatch(pattern, shape(came), re.DOTALL) is not None


TUTORIALS = [
    ROOT / "README.md",
    DOCS / "howto" / "parameter-sweep.md",
    DOCS / "howto" / "share-results.md",
    DOCS / "howto" / "new-month-of-data.md",
    DOCS / "howto" / "backtesting.md",
    DOCS / "howto" / "backtrader.md",
    DOCS / "howto" / "python-engine.md",
    DOCS / "howto" / "command-engine.md",
    DOCS / "howto" / "gate-on-github.md",
    DOCS / "howto" / "gate-on-gitlab.md",
    DOCS / "howto" / "pre-commit-hook.md",
    DOCS / "howto" / "accept-a-changed-result.md",
    DOCS / "howto" / "after-a-squash-merge.md",
    DOCS / "howto" / "engine-upgrade.md",
    *(p for p in (DOCS / "tutorial").glob("*.md") if p.name != "index.md"),
]
HEAVY = [DOCS / "howto" / f"{name}.md" for name in ("vectorbt", "zipline", "nautilus", "pybroker")]


@pytest.mark.parametrize("page", HEAVY, ids=name_of)
def test_the_page_of_a_heavy_engine_works(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the environment that scripts/test --engines makes, active as a user has it."""
    python = environment(page.stem)()
    monkeypatch.setenv("VIRTUAL_ENV", str(Path(python).parents[1]))
    test_the_tutorial_works_as_it_stands(page, tmp_path)


@pytest.mark.parametrize("page", TUTORIALS, ids=name_of)
def test_the_tutorial_works_as_it_stands(page: Path, tmp_path: Path) -> None:
    """Each command of the page, typed in order into one empty folder, gives what the page shows."""
    folder = str(tmp_path)
    session = steps(page.read_text())
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "COLUMNS": "80"}
    for step in session:
        if step.kind == "file":
            target = Path(folder, step.what)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(step.text)
            continue
        script = f'{step.what}\nstatus=$?\npwd > "$HOME/pwd"\nexit $status'
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        folder = Path(os.environ["HOME"], "pwd").read_text().rstrip("\n")

        assert matches(step.text, done.stdout), f"$ {step.what}\n{done.stdout}"

    assert any(step.kind == "run" for step in session)


def test_the_runner_of_tutorials_sees_a_difference() -> None:
    """Ids and times may differ, words may not; files and continued lines are understood."""
    page = (
        "<!-- file: a/b.py -->\n```python\nx = 1\n```\n"
        "```console\n$ git bt pack a \\\n>   --runs 1\npacked 0123456789ab in 0.4 s\n$ true\n```\n"
    )

    assert steps(page) == [
        Step("file", "a/b.py", "x = 1\n"),
        Step("run", "git bt pack a \\\n  --runs 1", "packed 0123456789ab in 0.4 s\n"),
        Step("run", "true", ""),
    ]
    assert matches("packed 0123456789ab in 0.4 s\n", "packed ba9876543210 in 12 s")
    assert matches("a\n…\nz\n", "a\nb\nc\nz\n")
    assert not matches("packed 0123456789ab in 0.4 s\n", "failed ba9876543210 in 12 s")
