"""Static imports against what CPython really loads."""

import json
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from git_bt.capture.imports import find_imports
from git_bt.capture.snapshot import capture
from git_bt.capture.strategy import read_strategy
from git_bt.files import folder_files

# Run a script as a run does, and say which files of the project it loaded.
LOADED = """
import json, os, runpy, sys
root, entry = sys.argv[1:]
places = [os.path.dirname(os.path.join(root, entry)), root, os.path.join(root, "src")]
sys.path[:0] = list(dict.fromkeys(os.path.normpath(p) for p in places))
runpy.run_path(os.path.join(root, entry), run_name="__main__")
files = [getattr(m, "__file__", None) or "" for m in list(sys.modules.values())]
print(json.dumps(sorted(os.path.relpath(f, root) for f in files if f.startswith(root + os.sep))))
"""


def plant(top: Path, tree: dict[str, str | bytes]) -> None:
    for name, text in tree.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())


def found(top: Path, entry: str = "strategy.py", root: str = "") -> tuple[list[str], list[str]]:
    """Return the captured paths and the kinds of notices."""
    paths, notices = find_imports(folder_files(top), root, entry)
    return list(paths), [notice.kind for notice in notices]


def loaded(top: Path, entry: str) -> set[str]:
    """Return what CPython loads of the project."""
    args = [sys.executable, "-s", "-P", "-B", "-c", LOADED, str(top), entry]
    done = subprocess.run(args, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


NAMES = ("a", "b", "c")
MODULES = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(".".join)
IMPORTS = st.one_of(
    MODULES.map(lambda m: f"import {m}"),
    MODULES.map(lambda m: f"import {m} as other"),
    st.tuples(MODULES, st.sampled_from([*NAMES, "*"])).map(lambda p: f"from {p[0]} import {p[1]}"),
    st.tuples(st.integers(1, 3), st.sampled_from(["", *NAMES]), st.sampled_from(NAMES)).map(
        lambda p: f"from {'.' * p[0]}{p[1]} import {p[2]}"
    ),
    MODULES.map(lambda m: f"import importlib; importlib.import_module('{m}')"),
    st.sampled_from(NAMES).map(lambda m: f"__import__('{m}.b')"),
)
PATHS = st.one_of(
    MODULES.map(lambda m: m.replace(".", "/") + ".py"),
    MODULES.map(lambda m: m.replace(".", "/") + "/__init__.py"),
    MODULES.map(lambda m: "src/" + m.replace(".", "/") + ".py"),
)


def guarded(lines: list[str]) -> str:
    """Return a module of these imports, of which any may fail."""
    tries = (f"try:\n    {line}\nexcept Exception:\n    pass\n" for line in lines)
    return "__all__ = ['a', 'b']\n" + "".join(tries)


SOURCE = st.lists(IMPORTS, max_size=3).map(guarded)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    tree=st.dictionaries(PATHS, SOURCE, max_size=8),
    entry=st.sampled_from(["strategy.py", "a/strategy.py", "src/a/strategy.py"]),
    text=SOURCE,
)
def test_nothing_that_cpython_loads_is_missed(
    tree: dict[str, str], entry: str, text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever a project looks like: the files loaded by a run are among those captured."""
    top = tmp_path_factory.mktemp("project")
    taken: dict[str, str | bytes] = {entry: text}
    for path, source in tree.items():
        clash = any(p.startswith(path + "/") or path.startswith(p + "/") for p in taken)
        if not clash:
            taken[path] = source
    plant(top, taken)
    captured, _ = found(top, entry)

    assert loaded(top, entry) <= set(captured)
    assert set(captured) <= taken.keys()


def test_the_restored_snapshot_imports_alone(tmp_path: Path) -> None:
    """A capture written into an empty folder loads the same files as the project did."""
    tree: dict[str, str | bytes] = {
        "strategy.py": "import pkg.deep.leaf\nfrom ns import mod\nfrom late import *\nimport own",
        "pkg/__init__.py": "from . import side",
        "pkg/side.py": "",
        "pkg/deep/__init__.py": "",
        "pkg/deep/leaf.py": "from .. import side\nfrom ..side import __name__ as n",
        "ns/mod.py": "import statistics",
        "statistics.py": "",
        "late/__init__.py": "__all__ = ['one']",
        "late/one.py": "",
        "src/own/__init__.py": "",
        "unused.py": "",
    }
    plant(tmp_path / "project", tree)
    files = folder_files(tmp_path / "project")
    captured = capture(files, read_strategy(files, "strategy.py"))
    plant(tmp_path / "copy", {name: s.read() for name, s in captured.content.items()})

    expected = sorted(tree.keys() - {"unused.py"})
    assert sorted(captured.snapshot.files) == expected
    assert loaded(tmp_path / "copy", "strategy.py") == loaded(tmp_path / "project", "strategy.py")
    assert loaded(tmp_path / "copy", "strategy.py") == set(expected) - {"strategy.py"}


@pytest.mark.parametrize(
    "source",
    [
        "if False:\n    import h", "def f():\n    import h",
        "try:\n    import h\nexcept ImportError: ...",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from h import x",
        "class A:\n    import h", "import importlib\nimportlib.import_module('h')",
        "import importlib as i\ni.import_module(name='h')", "__import__('h')",
        "from importlib import import_module as load\nload('h')",
        "import importlib\nimportlib.import_module('.h', 'pkg')",
        "import importlib\nimportlib.import_module('.h', package=__package__)",
        "import importlib\nimportlib.import_module(package='pkg', name='.h')",
        "import importlib\nimportlib.import_module('h', package=other)",
        "import importlib\nimportlib.import_module('pk' + f'g' '.h')",
        "__import__('pkg', fromlist=['h'])", "__import__('pkg', globals(), locals(), ('h',), 0)",
        "__import__('', globals(), fromlist=['h'], level=1)", "__import__('h', None, None, [], 1)",
        "import pkgutil\npkgutil.resolve_name('pkg.h:x')",
        "import runpy\nrunpy.run_module('h')", "import runpy\nrunpy.run_path('h.py')",
        "import importlib.util as u\nu.spec_from_file_location('a', 'pkg/h.py')",
        "from importlib.machinery import SourceFileLoader as L\nL('h', path='./h.py')",
        "\ufeffimport h", "# coding: cp1252\nimport h # \x80".encode("latin-1"),
        "import h\r\nx = 1\r\n", "async def f():\n    import h", "import os, h as k, sys",
        "match 1:\n    case 1:\n        import h", "lambda: __import__('h')",
    ],
)  # fmt: skip
def test_every_form_of_import_counts(source: str | bytes, tmp_path: Path) -> None:
    """Guarded, lazy, typed, constant dynamic; whatever the encoding of the file."""
    plant(tmp_path, {"strategy.py": source, "h.py": "", "pkg/__init__.py": "", "pkg/h.py": ""})
    paths, kinds = found(tmp_path)

    assert {"h.py", "pkg/h.py"} & set(paths)
    assert kinds == []


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("import importlib\nimportlib.import_module(name)", "dynamic_import"),
        ("__import__(f'x{1}')", "dynamic_import"),
        ("__import__('x', fromlist=names)", "dynamic_import"),
        ("__import__('\\ud800')", "dynamic_import"),
        ("import runpy\nrunpy.run_path('\\0')", "dynamic_import"),
        ("import importlib\nimportlib.import_module('.x', name)", "dynamic_import"),
        ("import importlib\nlist(map(importlib.import_module, names))", "dynamic_import"),
        ("import importlib\nread(names, by=importlib.import_module)", "dynamic_import"),
        ("from importlib import import_module\nload = import_module", "dynamic_import"),
        ("import runpy\nrunpy.run_path(name)", "dynamic_import"),
        ("import runpy\nrunpy.run_path('x.py')", "dynamic_import"),
        ("import sys\nsys.path.insert(0, 'lib')", "dynamic_import"),
        ("from sys import path\npath.append('lib')", "dynamic_import"),
        ("import sys\nsys.path += ['lib']", "dynamic_import"),
        ("import importlib.util as u\nu.spec_from_file_location('a', 'b.py')", "dynamic_import"),
        ("def (:", "source_syntax_error"),
        ("x = '\0'", "source_syntax_error"),
        ("(" * 3000, "source_syntax_error"),
        (b"x = '\xe9'", "source_undecodable"),
        ("# coding: klingon\n", "source_undecodable"),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_said(source: str | bytes, kind: str, tmp_path: Path) -> None:
    """A computed import or a source that does not parse is a notice; the file is captured."""
    plant(tmp_path, {"strategy.py": source})

    assert found(tmp_path) == (["strategy.py"], [kind])


@pytest.mark.parametrize(
    "use",
    [
        "isinstance(loader, m.SourceFileLoader)", "isinstance(loader, (str, m.SourceFileLoader))",
        "issubclass(m.SourceFileLoader, object)", "hasattr(m.SourceFileLoader, 'path_stats')",
        "loader is m.SourceFileLoader", "def f(loader: m.SourceFileLoader): pass",
    ],
)  # fmt: skip
def test_a_question_about_a_loader_loads_nothing(use: str, tmp_path: Path) -> None:
    """Only what is given to another function, or gets another name, may load something."""
    plant(tmp_path, {"strategy.py": f"import importlib.machinery as m\nloader = None\n{use}\n"})

    assert found(tmp_path) == (["strategy.py"], [])


@pytest.mark.parametrize(
    "source", ["import sys, time, os, io", "from __future__ import annotations", "x = '\\d'"]
)  # fmt: skip
def test_built_in_modules_are_never_local(source: str, tmp_path: Path) -> None:
    """A local time.py is never what `import time` gives, so it is left out; and no noise."""
    plant(tmp_path, {"strategy.py": source, "time.py": "", "os.py": "", "io.py": "", "sys.py": ""})

    assert found(tmp_path) == (["strategy.py"], [])


@pytest.mark.parametrize(
    "exports",
    [
        "__all__: list[str] = ['a', 'b']", "__all__ = ['a']\n__all__ += ['b']",
        "__all__ = ['a'] + ['b']", "__all__ = 'a b'.split()", "__all__ = [*('a',), *['b']]",
        "__all__ = ['a']\n__all__.append('b')", "__all__ = []\n__all__.extend(('a', 'b'))",
        "try:\n    __all__ = ['a', 'b']\nfinally: ...",
    ],
)  # fmt: skip
def test_a_star_loads_what_all_names(exports: str, tmp_path: Path) -> None:
    """However `__all__` is put together: CPython imports the submodules that it names."""
    tree = {"strategy.py": "from pkg import *", "pkg/a.py": "", "pkg/b.py": "", "pkg/c.py": ""}
    plant(tmp_path, {**tree, "pkg/__init__.py": exports})
    paths, kinds = found(tmp_path)

    assert loaded(tmp_path, "strategy.py") | {"strategy.py"} == set(paths)
    assert paths == ["pkg/__init__.py", "pkg/a.py", "pkg/b.py", "strategy.py"]
    assert kinds == []


def test_a_package_that_is_run_loads_its_main(tmp_path: Path) -> None:
    """`runpy.run_module` of a package runs `__main__`, and what that imports."""
    plant(
        tmp_path,
        {
            "strategy.py": "import runpy\nrunpy.run_module('pkg')",
            "pkg/__init__.py": "", "pkg/__main__.py": "import h", "h.py": "",
        },
    )  # fmt: skip

    assert found(tmp_path)[0] == ["h.py", "pkg/__init__.py", "pkg/__main__.py", "strategy.py"]


@pytest.mark.parametrize("suffix", [".pyc", EXTENSION_SUFFIXES[0], ".so"])
def test_a_compiled_module_is_left_out_and_said(suffix: str, tmp_path: Path) -> None:
    """It belongs to one machine; without a word the restored strategy would lack it."""
    plant(tmp_path, {"strategy.py": "import fast, json", f"fast{suffix}": b"\0"})

    assert found(tmp_path) == (["strategy.py"], ["source_undecodable"])


def test_cycles_and_size(tmp_path: Path) -> None:
    """Modules in a circle and a long chain end."""
    tree: dict[str, str | bytes] = {f"m{n}.py": f"import m{(n + 1) % 500}" for n in range(500)}
    plant(tmp_path, tree | {"strategy.py": "import m0, strategy"})

    assert len(found(tmp_path)[0]) == 501


def test_packages_win_over_modules_and_entry_folder_over_root(tmp_path: Path) -> None:
    """The order of CPython's path finder holds: package, module, namespace; nearest place first."""
    plant(
        tmp_path,
        {
            "s/strategy.py": "import one, two, three.x, four",
            "s/one/__init__.py": "", "s/one.py": "", "two.py": "", "s/two/x.py": "",
            "three/x.py": "", "s/three/y.py": "", "src/four.py": "",
        },
    )  # fmt: skip

    assert found(tmp_path, "s/strategy.py")[0] == [
        "s/one/__init__.py", "s/strategy.py", "src/four.py", "three/x.py", "two.py"
    ]  # fmt: skip


def test_what_lies_outside_the_project_root_is_left_out(tmp_path: Path) -> None:
    """Leading dots that leave the root are said when something is there."""
    plant(
        tmp_path,
        {
            "lib/pyproject.toml": "",
            "lib/s.py": "from .. import up\nfrom .... import x",
            "up.py": "",
        },
    )
    paths, kinds = found(tmp_path, "lib/s.py", "lib")

    assert (paths, kinds) == (["lib/s.py"], ["file_outside_root"])


def test_notebook_cells_are_followed(tmp_path: Path) -> None:
    """Imports in code cells count; IPython's own lines and other cells do not."""
    cells = [
        {"cell_type": "code", "source": ["%matplotlib inline\n", "!ls\n", "import h\n"]},
        {"cell_type": "code", "source": "%%bash\nimport no"},
        {"cell_type": "markdown", "source": "import no"},
    ]
    plant(tmp_path, {"n.ipynb": json.dumps({"cells": cells}), "h.py": "", "no.py": ""})

    assert found(tmp_path, "n.ipynb") == (["h.py", "n.ipynb"], [])
    plant(tmp_path, {"n.ipynb": "no json"})
    assert found(tmp_path, "n.ipynb") == (["n.ipynb"], [])
