"""The rooms of design §8: who may import whom. The order of ROOMS is the order of the arrows."""

import ast
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "git_bt"
BASE = {
    "errors", "model", "comparison", "canonical", "tables", "fields", "records", "sweep_records",
    "sweep_chunks", "paths",
}  # fmt: skip
ROOMS: dict[str, set[str]] = {
    "errors": set(),
    "model": {"errors"},
    "comparison": {"model"},
    "reports": {"errors", "model", "comparison"},
    "looking": {"errors", "model", "comparison", "reports"},
    "gating": {"errors", "model", "comparison"},
    "caches": set(),
    "sharing": {"errors", "model", "comparison", "reports"},
    "capturing": {"errors", "model"},
    "hooking": {"errors", "model", "comparison", "reports", "sharing"},
    "adopting": {"errors", "reports"},
    "canonical": {"errors", "model"},
    "tables": {"errors", "model", "comparison"},
    "paths": {"errors"},
    "fields": {"errors"},
    "records": {"errors", "model", "canonical", "fields"},
    "sweep_records": {"errors", "model", "canonical", "fields"},
    "sweep_chunks": {"errors", "canonical", "sweep_records"},
    "spool": BASE,
    "spool_reading": BASE | {"spool"},
    "sweeping": BASE | {"reports"},
    "ranking": BASE,
    "sweep_outlines": BASE | {"ranking", "sweeping"},
    "git_process": {"errors"},
    "repo": {"errors", "model", "git_process"},
    "objects": {"errors", "model", "git_process", "repo"},
    "object_writer": {"errors", "model", "git_process", "repo", "objects"},
    "files": {"errors", "model", "caches", "canonical", "paths", "repo", "objects", "files"},
    "policy": {"errors", "model", "comparison", "repo", "files"},
    "engines": set(),
    "live": {"engines", "live"},
    "capture": BASE | {"files", "live", "capture"},
    "installed": set(),
    "interpreters": BASE | {"engines", "installed"},
    "processes": {"errors"},
    "harness": {"errors", "processes"},
    "headstart": {"errors", "harness"},
    "runner": BASE | {"interpreters", "engines", "processes", "harness", "headstart", "runner"},
    "bundle": BASE,
    "archive": BASE | {"archive"},
    "flox_layout": BASE | {"archive", "bundle", "flox_layout"},
    "compare": BASE | {"compare"},
    "metrics": BASE,
    "publish": {"errors", "model", "git_process", "repo", "object_writer"},
    "store_layout": BASE,
    "notes": BASE | {"objects"},
    "store_reading": BASE | {"repo", "objects", "publish", "store_layout"},
    "store": BASE
    | {"repo", "objects", "object_writer", "publish", "store_layout", "store_reading", "notes"},
    "packed": BASE | {"caches", "objects", "store_layout", "store"},
    "ledger": BASE | {"repo", "objects", "publish", "notes", "store", "packed"},
    "sync": BASE
    | {
        "git_process", "repo", "objects", "object_writer", "publish", "store_layout", "notes",
        "sync",
    },
    "fsck": BASE | {"repo", "objects", "publish", "store_layout", "notes", "reports", "fsck"},
    "declared": BASE | {"gating", "policy"},
    "evidence": BASE | {"gating"},
    "gate": BASE | {"gating", "evidence", "policy", "compare", "metrics"},
    "commands": BASE
    | {
        "caches", "headstart", "spool", "spool_reading", "ranking", "sweep_outlines", "sweeping",
        "repo", "objects", "files", "live", "capture", "installed", "interpreters", "processes",
        "runner", "bundle", "archive", "flox_layout", "compare", "metrics", "publish", "notes",
        "store", "ledger", "sync", "fsck", "reports", "looking", "sharing", "hooking", "adopting",
        "capturing", "engines", "policy",
        "gating", "declared", "evidence", "gate", "commands",
    },
    "recorder": BASE | {"spool", "engines", "live", "capture", "commands"},
    "autocapturing": BASE | {"live", "capture", "repo", "commands", "recorder"},
    "output": {
        "sweep_records", "sweeping", "hooking", "adopting", "comparison",
        "errors", "model", "reports", "looking", "gating", "sharing", "capturing", "output",
    },
    "cli": {
        "errors", "model", "reports", "looking", "gating", "headstart", "commands", "output", "cli",
    },
}  # fmt: skip
ONLY_USER_OF = {"yaml": {"capture"}, "git": {"repo"}, "click": {"cli"}, "rich": {"output"}}


def modules() -> list[Path]:
    return sorted(SRC.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Every module that a file imports, at its top or inside a function."""
    names = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            beside = [node.module] if node.module else [alias.name for alias in node.names]
            found = all(path.with_name(f"{name}.py").is_file() for name in beside)
            allowed = room(path) == "engines" and found
            assert allowed, f"{path}:{node.lineno}: relative import"
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
            if node.module == "git_bt":
                names |= {f"git_bt.{alias.name}" for alias in node.names}
    return names


def room(path: Path) -> str:
    return path.relative_to(SRC).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(SRC)))
def test_imports_point_up_the_list(path: Path) -> None:
    """A module imports only the rooms that the table allows it."""
    if room(path) in ("__init__", "__main__"):
        return
    used = {n.split(".")[1] for n in imported(path) if n.startswith("git_bt.")}

    assert used <= ROOMS[room(path)]


@pytest.mark.parametrize("path", sorted((SRC / "engines").glob("*.py")), ids=lambda p: p.stem)
def test_the_childs_side_is_python_3_9_and_imports_nothing_early(path: Path) -> None:
    """It runs where git-bt is not, in an older Python, and the parent has no engine."""
    tree = ast.parse(path.read_bytes(), feature_version=(3, 9))
    tops = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    early = {a.name for n in tops if isinstance(n, ast.Import) for a in n.names}
    early |= {n.module or "" for n in tops if isinstance(n, ast.ImportFrom) and not n.level}

    assert {name.split(".")[0] for name in early} <= sys.stdlib_module_names
    assert not any(name.startswith("git_bt.") for name in imported(path))


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(SRC)))
def test_each_library_has_one_room(path: Path) -> None:
    """Yaml, GitPython, click and rich are each imported in one room only."""
    tops = {n.split(".")[0] for n in imported(path)}

    assert [x for x, rooms in ONLY_USER_OF.items() if x in tops and room(path) not in rooms] == []


def test_every_room_is_in_the_list() -> None:
    """A new module needs its line in the table, and a line its module."""
    found = {room(p) for p in modules()} - {"__init__", "__main__"}

    assert found <= ROOMS.keys()
