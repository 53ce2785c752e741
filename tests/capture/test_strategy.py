"""strategy.yaml: every key, every malformed shape, and which strategy a path names."""

import fnmatch
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import GitRepo
from git_bt.capture.document import MAX_BYTES, MAX_DEPTH, Malformed, Unreadable, read_document
from git_bt.capture.listing import is_match
from git_bt.capture.snapshot import capture
from git_bt.capture.spec import Spec, read_spec
from git_bt.capture.strategy import find_strategies, read_strategy
from git_bt.errors import Usage
from git_bt.files import Files, folder_files, work_tree_files
from git_bt.model import Strategy, Tolerance
from git_bt.objects import Objects
from git_bt.repo import Repo

ENTRY = "entry_point: s.py\n"


def spec(text: str | bytes) -> Spec:
    return read_spec(text.encode() if isinstance(text, str) else text, "x/strategy.yaml")


def kinds(text: str | bytes) -> list[str]:
    return [notice.kind for notice in spec(text).notices]


def folder(top: Path, tree: dict[str, str | bytes]) -> Files:
    for name, text in tree.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder_files(top)


# -- the document ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-9", 1e-9), ("1E3", 1000.0), (".5", 0.5), ("5.", 5.0), ("-1.5", -1.5), ("+7", 7),
        ("010", 10), ("0o17", 15), ("0x1F", 31), ("-0", 0), ("true", True), ("FALSE", False),
        ("null", None), ("~", None), ("", None), ("Null", None), ("NO", "NO"), ("yes", "yes"),
        ("on", "on"), ("14:30:00", "14:30:00"), ("2024-01-02", "2024-01-02"), ("1_000", "1_000"),
        ("0b11", "0b11"), ("tRUE", "tRUE"), ("'5'", "5"), ('"true"', "true"), ("1.2.3", "1.2.3"),
        ("e5", "e5"), (".", "."), ("<<", "<<"), ("=", "="), ("1 2", "1 2"), ("٣", "٣"),
        ("|\n    a\n    b", "a\nb\n"), ("'2024'", "2024"),
    ],
)  # fmt: skip
def test_scalars_are_those_of_yaml_1_2(text: str, value: Any) -> None:
    """Numbers, words and text follow the core schema, not YAML 1.1."""
    found = read_document(f"a: {text}\n".encode()).plain()["a"]

    assert (found, type(found)) == (value, type(value))


@given(st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text("abcdef", min_size=1, max_size=3), inner, max_size=3),
    max_leaves=8,
))  # fmt: skip
def test_json_is_yaml(value: Any) -> None:
    """Whatever JSON says, the document says."""
    text = json.dumps({"a": value}, ensure_ascii=False)

    assert read_document(text.encode()).plain() == {"a": value}


def test_a_key_of_ours_is_not_taken_for_a_misspelt_one() -> None:
    """What is missing is said, and only what nobody knows gets a suggestion."""
    said = [fault.message for t in ("tape: t", "entrypoint: a.py") if (fault := spec(t).fault)]

    assert said == [
        "x/strategy.yaml: neither files nor entry_point; it holds tape",
        "x/strategy.yaml: neither files nor entry_point; it holds entrypoint; "
        "did you mean 'entry_point'?",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x 1\nb: *x", "line 1, column 4: the anchor &x"),
        ("b: *x", "line 1, column 4: the alias *x"),
        ("a: 1\n\na: 2", "line 3, column 1: the key 'a' stands twice"),
        ("a: !!python/object/apply:os.system [id]", "line 1, column 4: the tag"),
        ("a: !x 1", "line 1, column 4: the tag"),
        ("5: a", "line 1, column 1: a key must be text"),
        ("? [a]\n: b", "column 3: a key must be text"),
        ("a: [", "line 2, column 1"), ("a:\n\t- b", "line 2"),
        ("a: 1\n---\nb: 2", "line 2, column 1: a second"),
        ("%YAML 1.2\n%YAML 1.2\n--- a", "line 2"),
        ("a: " + "[" * (MAX_DEPTH + 1), f"nested deeper than {MAX_DEPTH}"),
        ("[" * 100_000, "nested deeper"), ("a: " + "9" * 5000, "too many digits"),
        ("a: \0", "control characters"), ("a: 'x", "line 1"), ("a: b: c", "line 1, column 5"),
    ],
)  # fmt: skip
def test_refused_documents_say_where(text: str, message: str) -> None:
    """What is not YAML, and what is refused of it, is named by line and column."""
    with pytest.raises(Malformed) as raised:
        read_document(text.encode())

    assert message in str(raised.value)


def test_size_and_encoding_are_bounded() -> None:
    """A file above 1 MiB, or not UTF-8, is not read; a byte order mark is."""
    with pytest.raises(Unreadable, match="more than 1048576"):
        read_document(b"#" * (MAX_BYTES + 1))
    with pytest.raises(Unreadable, match="line 2: not UTF-8"):
        read_document(b"a: 1\nb: \xe9")

    assert read_document(b"#" * MAX_BYTES).value is None
    assert read_document(b"\xef\xbb\xbfa: 1").plain() == {"a": 1}


# -- the keys -------------------------------------------------------------------------------------


def test_every_key() -> None:
    """A full strategy.yaml is read whole, without a notice."""
    found = spec(
        """
files: [my_strategy.py, utils/indicators.py]
entry_point: my_strategy.py
engine: flox
tape: ../../tapes/btc
config: {slippage_model: fixed_bps, slippage_bps: 5, nested: {a: [1, .5, null]}}
compare: {equity: {rtol: 1e-9}, price: {atol: 1, rtol: 0}}
python: .venv/bin/python
command: [./run, "--fast"]
build: [make]
"""
    )

    assert found == Spec(
        files=("my_strategy.py", "utils/indicators.py"),
        entry_point="my_strategy.py",
        engine="flox",
        tape="../../tapes/btc",
        config={
            "slippage_model": "fixed_bps", "slippage_bps": 5, "nested": {"a": [1, 0.5, None]},
        },
        compare={"equity": Tolerance(rtol=1e-9), "price": Tolerance(atol=1.0)},
        python=".venv/bin/python",
        command=("./run", "--fast"),
        build=("make",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["config_not_mapping"]), ("- a.py", ["config_not_mapping"]),
        ("a.py", ["config_not_mapping"]), ("other: 1", ["config_files_key_missing"]),
        ("{}", ["config_files_key_missing"]), ("files: a.py", ["config_files_not_list"]),
        ("files:", ["config_files_not_list"]), ("files: {a: b}", ["config_files_not_list"]),
        ("files: [1, true, [a], {b: c}, '']", ["config_entry_not_string"] * 5),
        ("files: [", ["config_parse_error"]), ("files: []\nfiles: []", ["config_parse_error"]),
        (b"files: [a.py] # \xe9", ["config_unreadable"]), (ENTRY + "x: 1", ["config_unknown_key"]),
        ("files: []", []), (ENTRY, []),
    ],
)  # fmt: skip
def test_malformed_shapes_are_notices(text: str | bytes, expected: list[str]) -> None:
    """What an old file may get wrong stops nothing; each has its kind."""
    assert kinds(text) == expected


def test_unknown_keys_name_the_nearest() -> None:
    """A key nobody knows is said with line, column, and what was likely meant."""
    (notice,) = spec(ENTRY + "tapes: x\n").notices

    assert notice.path == "x/strategy.yaml"
    assert notice.message == (
        "x/strategy.yaml: line 2, column 1: unknown key 'tapes'; did you mean 'tape'?"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("entry_point: 5", "line 1, column 14: entry_point must be text, is a number"),
        (ENTRY + "engine: [a]", "line 2, column 9: engine must be text, is a list"),
        (ENTRY + "tape: true", "tape must be text, is true or false"),
        (ENTRY + 'python: ""', "python must be text, is empty text"),
        (ENTRY + 'python: "a\\nb"', "python must be one line of text"),
        (ENTRY + "config: 5", "config must be a mapping of names to values, is a number"),
        (ENTRY + "config: {a: [.inf]}", "line 2, column 14: config holds a number that is not"),
        (ENTRY + "config: {a: 1e999}", "not finite"),
        (ENTRY + "command: ls -l", "line 2, column 10: command must be a list of words, is text"),
        (ENTRY + "build: []", "build must be a list of words"),
        (ENTRY + "command: [ls, 5]", "line 2, column 15: command must hold text only"),
        (ENTRY + "compare: [a]", "compare must be a mapping"),
        (ENTRY + "compare: {side: {rtol: 1}}", "column 11: compare knows price, quantity, fee,"),
        (ENTRY + "compare: {price: 1}", "line 2, column 18: compare takes rtol and atol"),
        (ENTRY + "compare: {price: {}}", "compare takes rtol and atol"),
        (ENTRY + "compare: {price: {tol: 1}}", "compare takes rtol and atol, not 'tol'"),
        (ENTRY + "compare: {fee: {rtol: -1}}", "rtol must be a finite number, 0 or more"),
        (ENTRY + "compare: {fee: {atol: .nan}}", "line 2, column 23: compare atol must be"),
        (ENTRY + "compare: {fee: {rtol: true}}", "rtol must be a finite number"),
        (ENTRY + "compare: {fee: {rtol: '1'}}", "rtol must be a finite number"),
    ],
)  # fmt: skip
def test_our_keys_are_strict(text: str, message: str) -> None:
    """A wrong value of a key that old files do not have stops, with line and column."""
    with pytest.raises(Usage) as raised:
        spec(text)

    assert message in str(raised.value)
    assert str(raised.value).startswith("x/strategy.yaml: line ")


# -- which strategy -------------------------------------------------------------------------------


def test_find_strategies(tmp_path: Path) -> None:
    """Every folder with a strategy.yaml is one, the top included."""
    names = ("strategy.yaml", "a/strategy.yaml", "a/b/strategy.yaml", "c/strategy.yml", "d/s.py")
    files = folder(tmp_path, dict.fromkeys(names, ""))

    assert find_strategies(files) == (".", "a", "a/b")


@pytest.mark.parametrize("path", ["s/x", "s/x/", "./s/x", "s/x/strategy.yaml", "s/x/main.py"])
def test_three_ways_to_name_one_strategy(path: str, in_repo: GitRepo) -> None:
    """The folder, its strategy.yaml and the entry file it names are the same strategy."""
    in_repo.commit(
        "one",
        **{"s/x/strategy.yaml": "entry_point: main.py\ntape: ../../t\n", "s/x/main.py": "x = 1"},
    )
    repo = Repo.find()
    with Objects(repo) as objects:
        found = read_strategy(work_tree_files(repo, objects), path)

    assert found == Strategy(name="s/x", root=".", entry_point="s/x/main.py", tape="t")


def test_a_single_file_is_a_strategy(tmp_path: Path) -> None:
    """An entry file without a strategy.yaml, or beside another's, goes by its own path."""
    files = folder(
        tmp_path,
        {"setup.py": "", "a/s.py": "", "b/s.py": "", "b/strategy.yaml": "entry_point: t.py"},
    )

    assert read_strategy(files, "a/s.py") == Strategy(name="a/s.py", root=".", entry_point="a/s.py")
    assert read_strategy(files, "b/s.py") == Strategy(name="b/s.py", root=".", entry_point="b/s.py")


def test_the_top_is_a_strategy(tmp_path: Path) -> None:
    """A strategy.yaml at the top has the name `.`."""
    files = folder(tmp_path, {"strategy.yaml": ENTRY, "s.py": ""})

    assert [read_strategy(files, p).name for p in (".", "s.py", "strategy.yaml")] == [".", ".", "."]


def test_old_files_without_entry_point(tmp_path: Path) -> None:
    """RustyBT's list counts for any entry beside it; by folder, the entry must be said."""
    files = folder(tmp_path, {"strategy.yaml": "files: [h.py]", "s.py": "", "h.py": ""})

    assert read_strategy(files, "s.py").files == ("h.py", "s.py")
    assert read_strategy(files, "s.py").name == "s.py"
    assert read_strategy(files, ".", overrides={"entry_point": "s.py"}).entry_point == "s.py"
    with pytest.raises(Usage, match="names no entry point"):
        read_strategy(files, ".")


@pytest.mark.parametrize(
    ("text", "is_open"), [("tape: t", True), ("", True), ("foo: 1", False), ("tape: [", False)]
)
def test_a_file_that_names_no_code_says_what_to_do(
    tmp_path: Path, text: str, is_open: bool
) -> None:
    """What `git bt adopt` would complete is sent there; what it would refuse is not."""
    files = folder(tmp_path, {"s/strategy.yaml": text, "s/s.py": ""})
    with pytest.raises(Usage) as refused:
        read_strategy(files, "s")
    hint = "git bt adopt s completes it, or add a line: entry_point: FILE" if is_open else None

    assert refused.value.hint == hint


def test_a_broken_file_stops_the_folder_and_not_the_entry(tmp_path: Path) -> None:
    """By its folder a strategy is what its file says; by its entry it can do without."""
    files = folder(tmp_path, {"strategy.yaml": ENTRY + "a: [", "s.py": "import h", "h.py": ""})
    with pytest.raises(Usage, match=r"strategy\.yaml: line 3"):
        read_strategy(files, ".")
    captured = capture(files, read_strategy(files, "s.py"), mode="entry_point")

    assert [n.kind for n in captured.notices] == ["config_parse_error"]
    assert sorted(captured.snapshot.files) == ["s.py"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nope", "entry point not found: nope"), ("nope/strategy.yaml", "entry point not found"),
        ("empty", "no strategy.yaml in empty"), ("../x", "outside"), ("/etc/passwd", "outside"),
        ("gone", "entry point not found: gone/s.py"), ("up", "leaves the repository"),
        ("folder", "entry point is a folder: folder/sub"), ("linked", "is a link that leads"),
    ],
)  # fmt: skip
def test_what_is_no_strategy(path: str, message: str, tmp_path: Path) -> None:
    """A path that names nothing to run is refused in one line."""
    files = folder(
        tmp_path / "top",
        {
            "empty/x.py": "", "gone/strategy.yaml": ENTRY, "linked/strategy.yaml": ENTRY,
            "up/strategy.yaml": "entry_point: ../../s.py", "folder/sub/x.py": "",
            "folder/strategy.yaml": "entry_point: sub",
        },
    )  # fmt: skip
    (tmp_path / "top" / "linked" / "s.py").symlink_to("../../s.py")
    with pytest.raises(Usage) as raised:
        read_strategy(files, path)

    assert message in str(raised.value)


def test_overrides_stand_above_the_file(tmp_path: Path) -> None:
    """Options replace keys, config key by key; what is None is no option."""
    files = folder(
        tmp_path,
        {"strategy.yaml": ENTRY + "engine: a\ntape: t\nconfig: {x: 1, y: 2}\n", "s.py": ""},
    )
    found = read_strategy(
        files, ".", overrides={"engine": "flox", "tape": None, "config": {"y": 3}, "python": "py"}
    )

    assert (found.engine, found.tape, found.config, found.python) == (
        "flox", "t", {"x": 1, "y": 3}, "py"
    )  # fmt: skip


def test_the_nearest_marker_is_the_project_root(in_repo: GitRepo) -> None:
    """pyproject.toml or setup.py, whichever is nearer; in git, else the repository's top."""
    in_repo.commit(
        "one", **{"p/setup.py": "", "p/q/pyproject.toml": "", "p/q/r/s.py": "", "p/s.py": ""}
    )
    in_repo.commit("two", **{"o/s.py": ""})
    repo = Repo.find()
    with Objects(repo) as objects:
        files = work_tree_files(repo, objects)
        roots = [read_strategy(files, path).root for path in ("p/q/r/s.py", "p/s.py", "o/s.py")]

        assert roots == ["p/q", "p", "."]
        assert read_strategy(files, "p/s.py", root=".").entry_point == "p/s.py"
        with pytest.raises(Usage, match="outside the project root p"):
            read_strategy(files, "o/s.py", root="p")


def test_tapes_are_relative_to_the_file(tmp_path: Path) -> None:
    """Inside the repository a tape is named from the top, outside by its whole path."""
    top = tmp_path / "top"

    def tape(value: str) -> str | None:
        files = folder(top, {"s/strategy.yaml": f"{ENTRY}tape: '{value}'\n", "s/s.py": ""})
        return read_strategy(files, "s").tape

    assert tape("t") == "s/t"
    assert tape("../t/./u/") == "t/u"
    assert tape("../../t") == str(tmp_path / "t")
    assert tape(str(top / "t")) == "t"
    assert tape("/data/t") == "/data/t"


# -- the list -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("items", "expected", "notices"),
    [
        ("[a.py, ./a.py, lib/../a.py, a.py]", ["a.py"], []), ("[]", [], []),
        ("['lib/*.py']", ["lib/b.py"], []),
        ("['lib/**/*']", ["lib/b.py", "lib/data.json", "lib/deep/c.py"], []),
        ("['**/[a-c].py']", ["a.py", "lib/b.py", "lib/deep/c.py"], []),
        ("['lib/**']", ["lib/b.py", "lib/data.json", "lib/deep/c.py"], []),
        ("['lib/**/c.py', 'lib/.hidden.py']", ["lib/.hidden.py", "lib/deep/c.py"], []),
        ("['?.py', 'lib/[!a].py']", ["a.py", "lib/b.py"], []), ("['odd[1].py']", ["odd[1].py"], []),
        ("['x*.py', a.py]", ["a.py"], ["listed_file_missing"]),
        ("[no.py, ./no.py, no.py]", [], ["listed_file_missing"]),
        ("[lib]", [], ["listed_path_is_directory"]), ("[lib/]", [], ["listed_path_is_directory"]),
        ("['lib\\b.py']", [], ["listed_file_missing"]),
        ("[../x.py, /etc/passwd, ../*.py]", [], ["path_escapes_root"] * 3),
        ("[gone.py, out.py]", [], ["listed_file_missing", "file_outside_root"]),
        ("[strategy.yaml]", ["strategy.yaml"], []),
    ],
)  # fmt: skip
def test_list(items: str, expected: list[str], notices: list[str], tmp_path: Path) -> None:
    """Names and patterns are found; what is missing, outside or a folder is said."""
    tree = ("a.py", "lib/b.py", "lib/data.json", "lib/deep/c.py", "lib/.hidden.py", "odd[1].py")
    names = (*tree, "../x.py", "lib/__pycache__/b.cpython-311.pyc", "s.py")
    files = folder(
        tmp_path / "top", {**dict.fromkeys(names, ""), "strategy.yaml": f"{ENTRY}files: {items}"}
    )
    (tmp_path / "top" / "gone.py").symlink_to("nothing.py")
    (tmp_path / "top" / "out.py").symlink_to("../x.py")
    found = read_strategy(files, ".")

    assert set(found.files or ()) - {"s.py"} == set(expected)
    assert "s.py" in (found.files or ())
    assert [notice.kind for notice in found.notices] == notices


def test_a_link_out_of_the_project_but_not_the_repository_is_taken(tmp_path: Path) -> None:
    """Its content is in the repository, so it is captured under the link's name, and said."""
    files = folder(
        tmp_path,
        {
            "p/setup.py": "",
            "p/s.py": "",
            "x.py": "shared",
            "p/strategy.yaml": ENTRY + "files: [l.py]",
        },
    )
    (tmp_path / "p" / "l.py").symlink_to("../x.py")
    captured = capture(files, read_strategy(files, "p"))

    assert captured.content["l.py"].read() == b"shared"
    assert [notice.kind for notice in captured.notices] == ["file_outside_root"]


def test_paths_that_meet_are_refused(tmp_path: Path) -> None:
    """Two files that are one where case does not count cannot be in one snapshot."""
    files = folder(
        tmp_path, {"s.py": "", "a.py": "", "A.py": "", "strategy.yaml": ENTRY + "files: ['*.py']"}
    )
    with pytest.raises(Usage, match=r"'A\.py' and 'a\.py' are one"):
        capture(files, read_strategy(files, "."))


SEGMENT = st.text("ab*?[]!-", min_size=1, max_size=4)


@given(st.lists(SEGMENT, min_size=1, max_size=3), st.lists(SEGMENT, min_size=1, max_size=3))
def test_patterns_match_name_by_name(pattern: list[str], path: list[str]) -> None:
    """Without ** a pattern matches what fnmatch does, name by name."""
    parts = [part.replace("**", "*a") for part in pattern]
    expected = len(parts) == len(path) and all(map(fnmatch.fnmatchcase, path, parts))

    assert is_match("/".join(parts), "/".join(path)) == expected


def test_many_wildcards_take_no_time() -> None:
    """A pattern cannot be made that takes longer than its length times the path's."""
    assert not is_match("/".join(["**", "a"] * 200), "/".join(["a"] * 1000 + ["b"]))
