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

from git_bt.files.view import is_utf8
from git_bt.model import Notice

_IMPORT = ("name", "globals", "locals", "fromlist", "level")
_IMPORT_CALLS = {
    **dict.fromkeys(("__import__", "builtins.__import__", "importlib.__import__"), _IMPORT),
    "importlib.import_module": ("name", "package"),
    "pkgutil.resolve_name": ("name",),
    "runpy.run_module": ("mod_name",),
}
_FILE_CALLS = {
    "runpy.run_path": ("path_name",),
    "importlib.util.spec_from_file_location": ("name", "location"),
    "importlib.machinery.SourceFileLoader": ("fullname", "path"),
    "imp.load_source": ("name", "pathname"),
}
_LOADERS = _IMPORT_CALLS.keys() | _FILE_CALLS.keys()
_FOLDER_CALLS = {
    *("sys.path." + verb for verb in ("append", "extend", "insert")), "site.addsitedir",
}  # fmt: skip
_CALLERS = (
    b"import_module", b"__import__", b"resolve_name", b"runpy", b"spec_from_file", b"load_source",
    b"addsitedir", b"SourceFileLoader", b"path",
)  # fmt: skip
_QUESTIONS = ("isinstance", "issubclass", "hasattr")
"""Functions that load nothing by what they are given."""
_OWN_PACKAGE = ("__package__", "__name__", "__spec__.parent")


@dataclass(frozen=True, slots=True)
class Reference:
    """One import: `level` dots, a dotted module, and the names taken from it (`*` for all)."""

    module: tuple[str, ...]
    names: tuple[str, ...] = ()
    level: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """A file that is loaded by its path, and what is to be said where no such file is found."""

    path: str
    notice: Notice


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one source refers to. `exports` is its `__all__`, as far as that is constant."""

    references: tuple[Reference, ...] = ()
    places: tuple[Place, ...] = ()
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
    exports = _exports(tree)
    if not any(word in data for word in _CALLERS):
        return Parsed(tuple(references), exports=exports)
    calls = _Calls(path, _aliases(tree))  # few files, and looking into all expressions is slow
    calls.read(tree)
    references += calls.references
    return Parsed(tuple(references), tuple(calls.places), exports, tuple(calls.notices))


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
    """Return the words in whatever makes `__all__`: a name too many is no file, and costs nothing.

    It may be assigned, added to and extended, also where that is guarded.
    """
    values: list[ast.expr] = []
    for node in _statements(tree):
        if isinstance(node, ast.Assign) and any(_is_all(target) for target in node.targets):
            values.append(node.value)
        elif isinstance(node, ast.AnnAssign | ast.AugAssign) and _is_all(node.target):
            values += [node.value] if node.value is not None else []
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            function = node.value.func
            is_more = isinstance(function, ast.Attribute) and _is_all(function.value)
            values += node.value.args if is_more else []
    constants = (n for v in values for n in ast.walk(v) if isinstance(n, ast.Constant))
    words = (word for n in constants if isinstance(n.value, str) for word in n.value.split())
    return tuple(dict.fromkeys(words))


def _is_all(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "__all__"


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
        self.places: list[Place] = []
        self.notices: list[Notice] = []

    def read(self, tree: ast.Module) -> None:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                self._call(node, self._dotted(node.func))
                if not (isinstance(node.func, ast.Name) and node.func.id in _QUESTIONS):
                    self._hand_on(*node.args, *(k.value for k in node.keywords))
            elif isinstance(node, ast.AugAssign) and self._dotted(node.target) == "sys.path":
                self.notices.append(self._said(node, "sys.path is changed, which is not followed"))
            elif isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr):
                self._hand_on(node.value)

    def _hand_on(self, *values: ast.expr | None) -> None:
        for value in values:
            name = self._dotted(value)
            if value is not None and name in _LOADERS:
                what = f"{name} is handed on, and what it loads is not followed"
                self.notices.append(self._said(value, what))

    def _call(self, node: ast.Call, name: str) -> None:
        if name in _IMPORT_CALLS:
            self._import(node, name, _arguments(node, _IMPORT_CALLS[name]))
        elif name in _FILE_CALLS or name in _FOLDER_CALLS:
            notice = self._said(node, f"{name}() names a place that is not followed")
            names = _FILE_CALLS.get(name, ())
            place = _constant(_arguments(node, names).get(names[-1])) if names else None
            if place is not None:
                self.places.append(Place(place, notice))
            else:
                self.notices.append(notice)

    def _dotted(self, node: ast.expr | None) -> str:
        parts = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        own = node.id if node.id.startswith("__") else ""  # of every module
        return ".".join([self.aliases.get(node.id, own), *reversed(parts)])

    def _import(self, node: ast.Call, function: str, given: dict[str, ast.expr]) -> None:
        text = _constant(next(iter(given.values()), None))
        package, names = given.get("package"), _words(given.get("fromlist"))
        anchor = _constant(package)
        is_own = package is None or self._dotted(package) in _OWN_PACKAGE
        is_placed = text is None or text[:1] != "." or is_own or anchor is not None
        if text is None or names is None or not is_placed:
            what = "the module's name is computed, so it is not followed"
            self.notices.append(self._said(node, what))
            return
        name = text.partition(":")[0].lstrip(".")
        level = len(text) - len(text.lstrip(".")) or _level(given.get("level"))
        module = tuple(name.split(".")) if name else ()
        if level and anchor is not None:
            parts = anchor.split(".")
            module, level = (*parts[: len(parts) - level + 1], *module), 0
        if function == "runpy.run_module":
            names = ("__main__",)
        if module or level:
            self.references.append(Reference(module, names, level))

    def _said(self, node: ast.expr | ast.stmt, what: str) -> Notice:
        message = f"{self.path}:{node.lineno}: {what}; list the file in strategy.yaml"
        return Notice(kind="dynamic_import", message=message, path=self.path)


def _arguments(node: ast.Call, names: tuple[str, ...]) -> dict[str, ast.expr]:
    """Return what a call gives of these parameters, in their order."""
    given = dict(zip(names, node.args, strict=False))
    given |= {k.arg: k.value for k in node.keywords if k.arg is not None}
    return {name: given[name] for name in names if name in given}


def _constant(node: ast.expr | None) -> str | None:
    """Return a text that is written out, if in parts, and that a path can hold."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) and is_utf8(node.value) else None
    parts: list[ast.expr] = []
    if isinstance(node, ast.JoinedStr):
        parts = node.values
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = [node.left, node.right]
    texts = [text for part in parts if (text := _constant(part)) is not None]
    return "".join(texts) if parts and len(texts) == len(parts) else None


def _words(node: ast.expr | None) -> tuple[str, ...] | None:
    """Return a list of texts; nothing for no list, None for one that is computed."""
    if node is None or (isinstance(node, ast.Constant) and not node.value):
        return ()
    if not isinstance(node, ast.List | ast.Tuple):
        return None
    words = [word for item in node.elts if (word := _constant(item)) is not None]
    return tuple(words) if len(words) == len(node.elts) else None


def _level(node: ast.expr | None) -> int:
    value = node.value if isinstance(node, ast.Constant) else 0
    return value if isinstance(value, int) else 0
