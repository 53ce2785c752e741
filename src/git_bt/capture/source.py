"""What one Python source says about the modules it loads; the file is parsed, never run.

Guarded, lazy and `TYPE_CHECKING` imports count like all others: a file too many in a snapshot
costs nothing, one too few breaks it. Where a name is computed, only a notice can be given.
"""

import ast
import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from git_bt.model import Notice

_IMPORT_CALLS = {
    "__import__", "builtins.__import__", "importlib.__import__", "importlib.import_module",
    "runpy.run_module",
}  # fmt: skip
_PATH_CALLS = {
    "runpy.run_path", "importlib.util.spec_from_file_location", "imp.load_source",
    "importlib.machinery.SourceFileLoader",
    *("sys.path." + verb for verb in ("append", "extend", "insert")), "site.addsitedir",
}  # fmt: skip
_CALLERS = (
    b"import_module", b"__import__", b"runpy", b"spec_from_file", b"load_source", b"addsitedir",
    b"SourceFileLoader", b"path",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reference:
    """One import: `level` dots, a dotted module, and the names taken from it (`*` for all)."""

    module: tuple[str, ...]
    names: tuple[str, ...] = ()
    level: int = 0


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one source refers to. `exports` is its `__all__`, as far as that is constant."""

    references: tuple[Reference, ...] = ()
    exports: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()


@lru_cache(maxsize=1024)  # modules that many strategies share are parsed once
def parse_source(data: bytes, path: str) -> Parsed:
    """Return the imports of a Python file or of a notebook's code cells.

    Args:
        data: the bytes; PEP 263 encodings and a byte order mark count.
        path: how notices name it.
    """
    text = _notebook(data) if path.endswith(".ipynb") else data
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a bad escape is the author's business
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as e:
        return Parsed(notices=(_unparsed(data, path, e),))
    references = [r for node in _statements(tree) for r in _statement(node)]
    notices: list[Notice] = []
    if any(
        word in data for word in _CALLERS
    ):  # few files, and looking into all expressions is slow
        calls = _Calls(path, _aliases(tree))
        calls.read(tree)
        references += calls.references
        notices += calls.notices
    return Parsed(tuple(references), _exports(tree), tuple(notices))


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield every statement, however deep; expressions hold none."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        yield node
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            below = getattr(node, name, ())
            if isinstance(below, list):
                todo += below


def _statement(node: ast.AST) -> Iterator[Reference]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Reference(tuple(alias.name.split(".")))
    elif isinstance(node, ast.ImportFrom):
        module = tuple(node.module.split(".")) if node.module else ()
        yield Reference(module, tuple(alias.name for alias in node.names), node.level)


def _exports(tree: ast.Module) -> tuple[str, ...]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets
        ):
            items = node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else []
            values = [item.value for item in items if isinstance(item, ast.Constant)]
            return tuple(value for value in values if isinstance(value, str))
    return ()


def _unparsed(data: bytes, path: str, error: Exception) -> Notice:
    """Say why a source cannot be parsed: not text, or not Python."""
    import io
    import tokenize

    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError) as e:
        reason = str(e).splitlines()[0]
        message = f"{path} cannot be decoded: {reason}; its imports are not followed"
        return Notice(kind="source_undecodable", message=message, path=path)
    line = f" at line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
    said = error.msg if isinstance(error, SyntaxError) else str(error) or type(error).__name__
    message = f"{path} does not parse{line}: {said}; its imports are not followed"
    return Notice(kind="source_syntax_error", message=message, path=path)


def _notebook(data: bytes) -> str:
    """Return the Python of a notebook's code cells, without IPython's own lines."""
    try:
        cells = json.loads(data)["cells"]
        code = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
        texts = [text if isinstance(text, str) else "".join(text) for text in code]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    whole = [text for text in texts if not text.lstrip().startswith("%%")]
    lines = "\n".join(whole).split("\n")
    return "\n".join("" if line.lstrip()[:1] in ("%", "!", "?") else line for line in lines)


# -- imports by a call ----------------------------------------------------------------------------


def _aliases(tree: ast.Module) -> dict[str, str]:
    """Return what each imported name stands for: `il` for importlib, and so on."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                found[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return found


class _Calls:
    """Finds the calls that import, and what they name."""

    def __init__(self, path: str, aliases: dict[str, str]) -> None:
        self.path = path
        self.aliases = aliases
        self.references: list[Reference] = []
        self.notices: list[Notice] = []

    def read(self, tree: ast.Module) -> None:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = self._dotted(node.func)
                if name in _IMPORT_CALLS:
                    self._import(node)
                elif name in _PATH_CALLS:
                    self._notice(node, f"{name}() names a place that is not followed")
            elif isinstance(node, ast.AugAssign) and self._dotted(node.target) == "sys.path":
                self._notice(node, "sys.path is changed, which is not followed")

    def _dotted(self, node: ast.expr) -> str:
        parts = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        first = self.aliases.get(node.id, node.id if node.id == "__import__" else "")
        return ".".join([first, *reversed(parts)])

    def _import(self, node: ast.Call) -> None:
        first = node.args[0] if node.args else next((k.value for k in node.keywords), None)
        if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
            self._notice(node, "the module's name is computed, so it is not followed")
            return
        name = first.value.lstrip(".")
        level = len(first.value) - len(name)
        package = node.args[1] if len(node.args) > 1 else None
        if level and isinstance(package, ast.Constant) and isinstance(package.value, str):
            parts = package.value.split(".")
            parts = parts[: len(parts) - level + 1]
            self.references.append(Reference((*parts, *name.split("."))))
        elif name:
            self.references.append(Reference(tuple(name.split(".")), level=level))

    def _notice(self, node: ast.expr | ast.stmt, what: str) -> None:
        message = f"{self.path}:{node.lineno}: {what}; list the file in strategy.yaml"
        self.notices.append(Notice(kind="dynamic_import", message=message, path=self.path))
