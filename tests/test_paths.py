"""Path rules: what no file system can hold safely is refused, and git's own fsck agrees."""

import itertools
import tracemalloc
import unicodedata
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from conftest import GitRepo
from git_bt.errors import Corrupt
from git_bt.paths import MAX_NAME, MAX_PATH, check_path, check_paths, fold

GOOD = [
    "s.py",
    "utils/indicators.py",
    ".gitignore",
    ".gitattributes",
    ".github/x",
    "git",
    "gitx~1",
    "a.git",
    "naïve/Ωμέγα.csv",
    " leading and trailing ",
    "tab\tand\nnewline",
    "-option",
    "...",
    "ab:c",
    "n" * MAX_NAME,
    "/".join(["n" * 15] * 256),
]
BAD = {
    "": "is empty or absolute",
    "/etc/passwd": "is empty or absolute",
    "a//b": "leaves its root, or has an empty part",
    "a/": "leaves its root, or has an empty part",
    ".": "leaves its root, or has an empty part",
    "a/./b": "leaves its root, or has an empty part",
    "..": "leaves its root, or has an empty part",
    "a/../../b": "leaves its root, or has an empty part",
    "a\\b": "has a backslash or NUL",
    "a\0b": "has a backslash or NUL",
    "\udcff": "is not UTF-8",
    "n" * (MAX_NAME + 1): f"has a name longer than {MAX_NAME} bytes",
    "é" * (MAX_NAME // 2 + 1): f"has a name longer than {MAX_NAME} bytes",
    "/".join(["n" * 15] * 257): f"is longer than {MAX_PATH} bytes",
    "C:/x": "names a drive",
    "c:x": "names a drive",
    "a/D:": "names a drive",
}
DOT_GIT = [
    ".git",
    "a/.git/hooks/pre-commit",
    ".GIT",
    ".Git/config",
    "git~1",
    "GIT~12",
    ".git ",
    ".git...",
    ".git . .",
    ".git:x",
    ".git::$INDEX_ALLOCATION",
    ".git ::$INDEX_ALLOCATION",
    "git~1 .:stream",
    ".git:\nx",
    ".g\u200cit",
    "\ufeff.git",
    ".gi\u202et",
    ".git\u206f/x",
]
DOT_GITMODULES = [
    ".gitmodules",
    ".GITMODULES",
    ".gitmodules .",
    ".gitmodules::$DATA",
    "gitmod~1",
    "GITMOD~4",
    "gi7eba~1",
    "gi7eb~10",
    ".gitm\u200dodules",
]


@pytest.mark.parametrize("path", GOOD, ids=ascii)
def test_usual_and_odd_names_pass(path: str) -> None:
    """A path is git's bytes: blanks, newlines, accents and a leading dash are names like others."""
    assert check_path(path) is None


@pytest.mark.parametrize("path", BAD, ids=lambda p: ascii(p)[:40])
def test_unsafe_paths_are_refused_with_the_reason(path: str) -> None:
    """Each rule has its own words, and the message stays one short line."""
    with pytest.raises(Corrupt) as caught:
        check_path(path)

    assert caught.value.message.endswith(BAD[path])
    assert len(caught.value.message) < 300


@pytest.mark.parametrize("path", DOT_GIT + DOT_GITMODULES, ids=ascii)
def test_git_is_refused_in_any_disguise(path: str) -> None:
    """Case, NTFS short names and streams, trailing dots and HFS's ignorable characters."""
    with pytest.raises(Corrupt, match="names git's own files"):
        check_path(path)


def test_what_git_refuses_is_refused(repo: GitRepo) -> None:
    """Every path that git keeps out of an index, with both its protections on, is refused."""
    pieces = itertools.product(
        ["", "a/", "./", "../", "/", "\u200c"],
        [".git", ".GiT", "git~1", "git", ".", ".."],
        ["", ".", " ", ":", "::$INDEX_ALLOCATION", " . :x", "\ufeff", "x", "/"],
    )
    paths = ["".join(piece) for piece in pieces]
    blob = repo.git("hash-object", "-w", "--stdin", stdin=b"")
    repo.git(
        *("-c", "core.protectNTFS=true", "-c", "core.protectHFS=true"),
        *("update-index", "-z", "--index-info"),
        stdin=b"".join(f"100644 {blob}\t{path}\0".encode() for path in paths),
    )
    accepted = set(repo.git("ls-files", "-z").split("\0"))
    refused = [path for path in paths if path not in accepted and not is_refused(path)]

    assert refused == []
    assert len(accepted) > 10


def is_refused(path: str) -> bool:
    try:
        check_path(path)
    except Corrupt:
        return True
    return False


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12))
def test_what_passes_can_be_written_and_found(text: str) -> None:
    """A path that passes stays below its root, part by part."""
    assume(not is_refused(text))
    parts = Path(text).parts

    assert "/".join(parts) == text
    assert not {".", "..", ""} & set(parts)


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["a.py", "A.py"], "paths 'a.py' and 'A.py' are one on some file systems"),
        (["é", "e\u0301"], r"paths '\xe9' and 'e\u0301' are one on some file systems"),
        (["straße", "STRASSE"], "paths 'straße' and 'STRASSE' are one on some file systems"),
        (["x/a", "X/a"], "paths 'x/a' and 'X/a' are one on some file systems"),
        (["a", "a"], "paths 'a' and 'a' are one on some file systems"),
        (["a", "a/b"], "path 'a' is a file and the folder of 'a/b'"),
        (["a", "a-b", "a.b", "a/b/c"], "path 'a' is a file and the folder of 'a/b/c'"),
        (["a/b/c", "A"], "path 'A' is a file and the folder of 'a/b/c'"),
        (["ok", "../x"], "path '../x' leaves its root, or has an empty part"),
    ],
)
def test_paths_that_meet_are_refused(paths: list[str], message: str) -> None:
    """Two paths that some file system takes for one, or for file and folder, cannot be together."""
    with pytest.raises(Corrupt) as caught:
        check_paths(paths)

    assert caught.value.message == message


def test_folders_may_differ_in_case_when_files_do_not_meet() -> None:
    """Distinct files are accepted; only what would be overwritten is refused."""
    assert check_paths(["x/a", "x/b", "y/a", "ß", "s"]) is None


def test_deep_paths_take_no_more_memory_than_their_text() -> None:
    """An archive of 9 MB with 2000 paths of 2000 folders each must not take 8 GB."""
    paths = [f"{i}/" + "a/" * 1900 + "a" for i in range(100)]
    tracemalloc.start()
    check_paths(paths)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 10 * sum(map(len, paths))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
def test_folding_twice_changes_nothing(text: str) -> None:
    """The folded form is a key: folding it again gives itself."""
    assert fold(fold(text)) == fold(text)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
def test_folding_forgets_case_and_composition(text: str) -> None:
    """Decomposed text, and text in case-folded form, have the key of the text."""
    assert fold(unicodedata.normalize("NFD", text)) == fold(text)
    assert fold(text.casefold()) == fold(text)
