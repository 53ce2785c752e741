"""Which interpreter runs a strategy, and where adapters come from."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from floxkit import lean, make_venv
from git_bt import interpreters
from git_bt.errors import Incomplete, Usage
from git_bt.installed import distributions
from git_bt.interpreters import (
    Wanted,
    engine_names,
    examine,
    find_interpreter,
    load_adapter,
)

__all__ = ["lean"]
FLOX = load_adapter("flox")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """Give a virtual environment without any engine."""
    make_venv(tmp_path / "bare")
    return tmp_path / "bare"


@pytest.fixture
def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be started any more."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError(f"started {args}")

    monkeypatch.setattr(interpreters.subprocess, "run", refuse)


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


# -- the order ------------------------------------------------------------------------------------


def test_git_bts_own_is_the_last_resort(no_processes: None) -> None:
    """Without anything else the Python that runs us is taken, and examined in this process."""
    found = find_interpreter(FLOX, Wanted(), {})

    assert found.executable == Path(sys.executable)
    assert found.found_by == "git-bt's own"
    assert found.engine.version == "0.11.0"


def test_the_order_of_the_search(lean: Path, tmp_path: Path) -> None:
    """Each place comes before those after it."""
    root = tmp_path / "project"
    environ: dict[str, str] = {}
    wanted: dict[str, Path | str] = {}
    seen = []

    def look() -> None:
        seen.append(find_interpreter(FLOX, Wanted(**wanted), environ).found_by)  # type: ignore[arg-type]

    look()
    environ["PATH"] = f"{lean / 'bin'}"
    look()
    environ["CONDA_PREFIX"] = str(lean)
    look()
    environ["VIRTUAL_ENV"] = str(lean)
    look()
    root.mkdir()
    wanted["project_root"] = root
    (root / "venv").symlink_to(lean)
    look()
    (root / ".venv").symlink_to(lean)
    look()
    wanted["configured"] = str(lean / "bin" / "python")
    look()
    wanted["declared"] = ".venv"
    look()
    wanted["option"] = str(lean)
    look()

    assert seen == [
        "git-bt's own",
        "PATH",
        "$CONDA_PREFIX",
        "$VIRTUAL_ENV",
        "venv of the project",
        ".venv of the project",
        "git config bt.python",
        "python: of strategy.yaml",
        "--python",
    ]


@pytest.mark.parametrize("kind", ["file", "folder", "command", "relative"])
def test_a_python_is_named_as_people_do(
    kind: str, lean: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file, an environment's folder, a command of PATH, a path from here."""
    monkeypatch.chdir(lean.parent)
    text = {
        "file": str(lean / "bin" / "python"),
        "folder": str(lean),
        "command": "python3",
        "relative": "venv/bin/python",
    }[kind]
    found = find_interpreter(FLOX, Wanted(option=text), {"PATH": str(lean / "bin")})

    assert found.executable.parent == lean / "bin"
    assert found.found_by == "--python"


@pytest.mark.parametrize("place", ["option", "declared"])
def test_one_that_was_asked_for_must_have_the_engine(place: str, bare: Path) -> None:
    """There is no falling through to another; the hint installs it there."""
    with pytest.raises(Incomplete, match=r"python .* cannot run engine flox: has no") as e:
        find_interpreter(FLOX, Wanted(**{place: str(bare)}), {})

    assert e.value.hint == f"{bare / 'bin' / 'python'} -m pip install lrvx"


@pytest.mark.parametrize("place", ["option", "declared"])
def test_one_that_was_asked_for_must_be_there(place: str) -> None:
    """A name that leads nowhere is an error."""
    with pytest.raises(Incomplete, match=r"nowhere .* is no Python"):
        find_interpreter(FLOX, Wanted(**{place: "nowhere"}), {})


def test_others_without_the_engine_are_passed_over(bare: Path) -> None:
    """Neither the project's environment nor a configured one stops the search."""
    (bare.parent / ".venv").symlink_to(bare)
    wanted = Wanted(project_root=bare.parent, configured="nowhere")

    assert find_interpreter(FLOX, wanted, {}).found_by == "git-bt's own"


def test_the_error_lists_what_was_looked_at(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each interpreter with the reason why not, and what to install."""
    old = script(
        tmp_path / "old" / "python3",
        """echo '{"version": "3.8.18", "executable": "/old/python", "path": []}'""",
    )
    broken = script(tmp_path / "broken" / "python", "exit 3")
    environ = {"VIRTUAL_ENV": str(bare), "PATH": f"{old.parent}::{broken.parent}"}
    monkeypatch.setattr(interpreters, "_examine_self", lambda: examine(bare / "bin" / "python"))
    with pytest.raises(Incomplete) as caught:
        find_interpreter(FLOX, Wanted(), environ)

    assert caught.value.message == (
        "no Python here has engine flox; looked at "
        f"{bare / 'bin' / 'python'} ($VIRTUAL_ENV): has no lrvx or flox-py; "
        f"{old} (PATH): is Python 3.8.18, git-bt needs 3.9 or newer; "
        f"{broken} (PATH): does not run as a Python; "
        f"{sys.executable} (git-bt's own): has no lrvx or flox-py"
    )
    assert caught.value.hint == "pip install 'git-bt[flox]'"


@pytest.mark.parametrize("mark", ["pipx_metadata.json", "uv-receipt.toml", ".install_state_v2"])
def test_a_private_environment_of_ours_is_no_virtual_env(
    mark: str, lean: Path, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What pipx, uv or pre-commit made for git-bt alone is not what the user works in."""
    (bare / mark).touch()
    monkeypatch.setattr(sys, "prefix", str(bare))
    environ = {"VIRTUAL_ENV": str(bare), "PATH": f"{bare / 'bin'}:{lean / 'bin'}"}
    found = find_interpreter(FLOX, Wanted(), environ)

    assert found.executable.parent == lean / "bin"


# -- looking --------------------------------------------------------------------------------------


def test_an_interpreter_is_asked_once(lean: Path, tmp_path: Path) -> None:
    """The second look starts no process, also from a cache file that was spoiled before."""
    python = lean / "bin" / "python"
    (tmp_path / "interpreters.json").write_text("[")
    first = examine(python, tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interpreters.subprocess, "run", None)
        second = examine(python, tmp_path)

    assert first == second
    assert first.executable == python


def test_new_packages_and_start_up_files_are_noticed(bare: Path, tmp_path: Path) -> None:
    """A .pth that adds a folder of packages changes the answer; versions are read every time."""
    python = bare / "bin" / "python"
    cache = tmp_path / "cache"
    before = examine(python, cache)
    other = tmp_path / "more" / "site-packages"
    (other / "Some_Thing.x-1.2.dist-info").mkdir(parents=True)
    (before.site_dirs[0] / "more.pth").write_text(str(other))
    after = examine(python, cache)
    (other / "Some_Thing.x-1.2.dist-info").rename(other / "some_thing.x-1.3.dist-info")

    assert other not in before.site_dirs
    assert other in after.site_dirs
    assert distributions(examine(python, cache).site_dirs)["some-thing-x"] == "1.3"


def test_a_shim_stands_for_another_python(lean: Path, tmp_path: Path) -> None:
    """pyenv's python is a script: what it starts is what a run starts."""
    shim = script(tmp_path / "shims" / "python3", f'exec {lean / "bin" / "python"} "$@"')
    found = find_interpreter(FLOX, Wanted(), {"PATH": str(shim.parent)})

    assert found.executable == lean / "bin" / "python"


def test_looking_runs_nothing_of_the_folder(
    lean: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A json.py in the current folder is not imported by the question."""
    (tmp_path / "json.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)

    assert examine(lean / "bin" / "python").version.startswith("3.")


def test_a_read_only_cache_does_no_harm(lean: Path, tmp_path: Path) -> None:
    """A cache may always be missing."""
    (tmp_path / "file").touch()

    assert examine(lean / "bin" / "python", tmp_path / "file").site_dirs


# -- adapters -------------------------------------------------------------------------------------


def test_engines_are_found_by_entry_points() -> None:
    """Ours is among them, by its own name."""
    assert "flox" in engine_names()
    assert load_adapter("flox").NAME == "flox"


@pytest.mark.parametrize("name", ["nothing", "../flox", "child", "flox_demo", ""])
def test_an_unknown_engine_is_refused(name: str) -> None:
    """With the names of those there are; a file of ours that is no adapter is none either."""
    with pytest.raises(Usage, match=r"unknown engine|is no adapter") as caught:
        load_adapter(name)

    assert repr(name) in caught.value.message


def test_another_package_brings_an_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution with an entry point is enough."""
    info = tmp_path / "other-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[git_bt.engines]\nother = other_bt\n")
    (tmp_path / "other_bt.py").write_text('NAME = "other"\nDISTRIBUTIONS = ()\nINSTALL = ""\n')
    monkeypatch.syspath_prepend(tmp_path)

    assert "other" in engine_names()
    assert load_adapter("other").__file__ == str(tmp_path / "other_bt.py")
    assert find_interpreter(load_adapter("other"), Wanted(), {}).engine.version.startswith("3.")


def test_adapters_import_without_their_engine(bare: Path) -> None:
    """The parent and a child of an old Python may import an adapter: standard library only."""
    engines = Path(interpreters.__file__).parent / "engines"
    adapters = [load_adapter(name).__file__ for name in engine_names()]
    code = f"import sys, json; sys.path.insert(0, {str(engines)!r}); import child, loaded\n"
    code += f"print(json.dumps([child.load_adapter(path).NAME for path in {adapters!r}]))"
    done = subprocess.run(
        [bare / "bin" / "python", "-I", "-c", code], capture_output=True, check=True
    )

    assert json.loads(done.stdout) == list(engine_names())
