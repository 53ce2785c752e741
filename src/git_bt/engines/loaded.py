"""Which modules a run loaded: from the work tree by mistake, and from which distributions.

The child loads this file by its path, as it does the adapter; the parent never needs it.
"""

from __future__ import annotations

import os
import re
import sys
from typing import Any

ADAPTER = "_git_bt_adapter"


def strays(job: dict[str, Any]) -> dict[str, Any] | None:
    """Return the failure of a module that came from the work tree instead of the snapshot."""
    for name, path in from_work_tree(job).items():
        shown = os.path.relpath(path, os.path.realpath(job["work_tree"]))
        return {
            "kind": "work-tree-module",
            "message": f"module {name} was loaded from {shown} in the work tree, not the snapshot",
            "stray": path,
        }
    return None


def forget_work_tree(job: dict[str, Any]) -> None:
    """Drop modules of the work tree that start-up files of the interpreter already imported."""
    for name in from_work_tree(job):
        del sys.modules[name]


def from_work_tree(job: dict[str, Any]) -> dict[str, str]:
    """Return the modules that lie in the work tree and in no environment there, with their file."""
    if not job["work_tree"]:
        return {}
    real: dict[str, str] = {}  # a lstat for each part of each path adds up: by folder, once

    def resolved(path: str) -> str:
        folder, name = os.path.split(path)
        if folder not in real:
            real[folder] = os.path.realpath(folder)
        return os.path.join(real[folder], name)

    tree = os.path.realpath(job["work_tree"])
    own = [job["root"], sys.prefix, sys.base_prefix, os.path.dirname(__file__)]
    own = [os.path.realpath(p) for p in own + [p for p in sys.path if is_site(p)]]
    found = {}
    for name, module in list(sys.modules.items()):
        paths = [] if is_harness(name) else [resolved(p) for p in places(module)]
        inside = [p for p in paths if below(p, tree) and not any(below(p, o) for o in own)]
        if inside and len(inside) == len(paths):
            found[name] = inside[0]
    return found


def is_harness(name: str) -> bool:
    """Tell whether a module is the harness, the adapter, or what an adapter imports beside it.

    Where git-bt is installed in the interpreter, they lie in its packages: git-bt's version is no
    part of what a strategy ran on.
    """
    return name in ("__main__", "_git_bt_loaded") or name.split(".")[0] == ADAPTER


def places(module: Any) -> list[str]:
    """Return a module's file, or the folders of a namespace package."""
    try:
        file = getattr(module, "__file__", None)
        if isinstance(file, str):
            return [os.path.abspath(file)]
        return [p for p in getattr(module, "__path__", []) if isinstance(p, str)]
    except Exception:  # lazy module objects raise what they like
        return []


def below(path: str, folder: str) -> bool:
    """Tell whether a path is a folder or lies in it."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def is_site(path: Any) -> bool:
    """Tell whether an entry of sys.path, where anything may stand, is for installed packages."""
    return isinstance(path, str) and os.path.basename(path) in ("site-packages", "dist-packages")


# -- the environment ------------------------------------------------------------------------------


def environment(before: set[str]) -> dict[str, Any]:
    """Return the Python, the platform, and the distributions whose modules the run loaded."""
    u = os.uname()
    return {
        "python": ".".join(str(n) for n in sys.version_info[:3]),
        "platform": f"{u.sysname}-{u.machine}".lower(),
        "packages": packages(before),
    }


def packages(before: set[str]) -> dict[str, str]:
    """Return name and version of each distribution that a module came from after start-up.

    importlib.metadata.packages_distributions needs Python 3.10 and reads every RECORD there is;
    here most distributions are found by their name alone.
    """
    tops: dict[str, set[str]] = {}
    folders = [p for p in sys.path if is_site(p)]
    for name, module in list(sys.modules.items()):
        if name in before or is_harness(name):
            continue
        for path in places(module)[:1]:
            for folder in folders:
                if below(path, folder):
                    top = os.path.relpath(path, folder).split(os.sep)[0]
                    tops.setdefault(folder, set()).add(top)
                    break
    found = {}
    for folder, names in tops.items():
        installed = distributions(folder)
        for top in sorted(names):
            owner = owner_of(folder, top, installed)
            if owner is not None:
                found[owner] = installed[owner][0]
    return found


def distributions(folder: str) -> dict[str, tuple[str, str]]:
    """Return each distribution's version and dist-info folder by normalised name."""
    found = {}
    for entry in os.listdir(folder):
        stem, suffix = os.path.splitext(entry)
        name, dash, version = stem.partition("-")
        if suffix == ".dist-info" and dash:
            found[normal(name)] = (version, entry)
    return found


def normal(name: str) -> str:
    """Normalise a distribution's name as the package index does."""
    return re.sub(r"[-_.]+", "-", name).lower()


def owner_of(folder: str, top: str, installed: dict[str, tuple[str, str]]) -> str | None:
    """Return the distribution that a top-level file or folder of site-packages belongs to."""
    guess = normal(top.split(".")[0])
    order = [guess] if guess in installed else []
    order += [name for name in sorted(installed) if name != guess]
    for name in order:
        if lists(os.path.join(folder, installed[name][1], "RECORD"), top):
            return name
    return None


def lists(record: str, top: str) -> bool:
    """Tell whether a RECORD names a top-level file or folder."""
    try:
        with open(record, "rb") as f:
            data = b"\n" + f.read()
    except OSError:
        return False
    word = b"\n" + top.encode()
    return word + b"/" in data or word + b"," in data
