"""What is kept of compiled code, without numba: a damaged archive, a lost cache, other versions.

That vectorbt takes it and gives the same rows is in test_heavy.py.
"""

import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from git_bt.engines.compiled import Kept, _file

FILES = {"nb_0/sum-1.py311.nbi": b"index", "nb_0/sum-1.1.nbc": b"compiled"}  # entries of 66 and 62


def of_run(folder: Path) -> Kept:
    """Return the cache of a run whose engine has one folder, with nothing in it."""
    kept = Kept("engine")
    kept.file, kept.folders, kept.place = "engine.zip", frozenset({"nb_0"}), str(folder)
    (folder / "nb_0").mkdir(parents=True)
    return kept


def held(folder: Path) -> dict[str, bytes]:
    return {f"nb_0/{path.name}": path.read_bytes() for path in (folder / "nb_0").iterdir()}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Give what one run kept."""
    kept = of_run(tmp_path / "first")
    kept.lend(str(tmp_path / "kept"))
    for name, data in FILES.items():
        (tmp_path / "first" / name).write_bytes(data)
    kept.keep(str(tmp_path / "kept"))
    return tmp_path / "kept" / "engine.zip"


def test_what_one_run_compiled_is_lent_to_the_next(archive: Path, tmp_path: Path) -> None:
    """Nothing compiled anew, nothing is replaced."""
    kept = of_run(tmp_path / "next")
    kept.lend(str(archive.parent))
    was = archive.stat().st_ino
    kept.keep(str(archive.parent))

    assert held(tmp_path / "next") == FILES
    assert archive.stat().st_ino == was


def test_a_damaged_archive_gives_all_or_nothing(archive: Path, tmp_path: Path) -> None:
    """Each byte is changed: one bit, all bits, and to where one entry hides the next."""
    data = archive.read_bytes()
    kept = of_run(tmp_path / "next")
    for at in range(len(data)):
        for change in (1, 0x3E, 0x42, 0x80, 0xFF):
            archive.write_bytes(data[:at] + bytes([data[at] ^ change]) + data[at + 1 :])
            kept.lend(str(archive.parent))

            found = held(tmp_path / "next")
            assert found in ({}, FILES), (at, change)
            for name in found:
                (tmp_path / "next" / name).unlink()


@pytest.mark.parametrize("when", ["before it is lent", "while it runs"])
def test_a_cache_that_is_gone_stops_no_run(archive: Path, tmp_path: Path, when: str) -> None:
    """What was kept before stays as it is."""
    was = archive.read_bytes()
    kept = of_run(tmp_path / "next")
    if when == "before it is lent":
        shutil.rmtree(tmp_path / "next")
    kept.lend(str(archive.parent))
    shutil.rmtree(tmp_path / "next", ignore_errors=True)
    kept.keep(str(archive.parent))

    assert archive.read_bytes() == was


def test_nothing_is_lent_without_a_module_of_the_engine(archive: Path, tmp_path: Path) -> None:
    """A strategy that dropped it may bring another in its place."""
    kept = of_run(tmp_path / "next")
    kept.names = {"engine.gone": {"sum_nb": len}}
    kept.lend(str(archive.parent))

    assert kept.is_changed
    assert held(tmp_path / "next") == {}


@pytest.mark.parametrize("name", ["engine", "numba", "llvmlite", "numpy"])
def test_another_version_begins_anew(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the engine and of all that compiles it, also when it is installed over the other."""
    for each in ("engine", "numba", "llvmlite", "numpy"):
        module = ModuleType(each)
        module.__file__, module.__version__ = f"/site/{each}.py", "1.0"  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, each, module)
    before = _file("engine")

    assert _file("engine") == before
    monkeypatch.setattr(sys.modules[name], "__version__", "1.1")
    assert _file("engine") != before
