"""The engine FLOX under both of its names: lrvx, and flox_py of old.

A strategy written for the one runs where only the other is installed, because bundles outlive the
renaming. Standard library only, Python ≥ 3.9.
"""

from __future__ import annotations

import sys
import types
from typing import Any, cast


def engine() -> Any:
    """Return the engine's module: lrvx, or flox_py where only that is installed.

    Raises:
        ImportError: neither can be imported.
    """
    import importlib

    try:
        found = importlib.import_module("lrvx")
    except ModuleNotFoundError as e:
        if e.name != "lrvx":
            raise
        found = importlib.import_module("flox_py")
    for name in ("lrvx", "flox_py"):
        if name not in sys.modules and not _is_installed(name):
            _alias(name, found)
    return found


def _is_installed(name: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(name) is not None


def _alias(name: str, target: Any) -> None:
    """Make a missing package name mean another: its names, its submodules, its error class."""
    twin = types.ModuleType(name, target.__doc__)
    twin.__dict__.update({k: v for k, v in vars(target).items() if not k.startswith("__")})
    twin.__path__ = []
    error = getattr(target, "LrvxError", None) or getattr(target, "FloxError", Exception)
    twin.__dict__.update(LrvxError=error, FloxError=error)
    sys.modules[name] = twin
    sys.meta_path.append(_Alias(name + ".", target.__name__ + "."))


class _Alias:
    """Finds flox_py.tape where only lrvx.tape is, and the native module by either name."""

    def __init__(self, prefix: str, target: str) -> None:
        self.prefix = prefix
        self.target = target
        self.specs: dict[str, Any] = {}

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        from importlib.machinery import ModuleSpec

        return ModuleSpec(name, cast(Any, self)) if name.startswith(self.prefix) else None

    def create_module(self, spec: Any) -> Any:
        import importlib

        rest = spec.name[len(self.prefix) :]
        native = {"_flox_py": "_lrvx", "_lrvx": "_flox_py"}
        real = self.target + native.get(rest, rest)
        try:
            module = importlib.import_module(real)
        except ModuleNotFoundError as e:
            if e.name != real:
                raise
            raise ModuleNotFoundError(f"No module named {spec.name!r}", name=spec.name) from e
        self.specs[spec.name] = module.__spec__
        return module

    def exec_module(self, module: Any) -> None:
        """Give the module its own spec back; it was executed under its real name."""
        module.__spec__ = self.specs.pop(module.__spec__.name)
