"""Which notebook a kernel runs, and the cells that it has executed.

A kernel does not know its file. Whoever started it may have said it: VS Code in a variable of the
user's namespace; Jupyter Server in the list of its sessions, and in JPY_SESSION_NAME, which comes
after the list because it stays when the notebook is renamed. Otherwise the notebooks in the
kernel's folder are held against the cells that were executed; the only one that has them all is it.
Two are never guessed between. What ran is the executed cells, so those are captured too.
"""

from __future__ import annotations

import json
import os

from git_bt.live.found import Detection, Note, uncertain

TYPE_CHECKING = False  # typing's own costs 10 ms
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Say = Callable[..., None]

TIMEOUT_S = 1.0
SUFFIXES = (".ipynb", ".py")
_MAX_NOTEBOOK = 64 << 20

_last: dict[tuple[object, ...], Detection] = {}


def detect_notebook(shell: Any, say: Say) -> Detection:
    """Return the notebook of an IPython kernel's shell; it is looked for once a cell."""
    cwd = os.getcwd()
    raw, cells = executed(shell)
    asked = (id(shell), cwd, tuple(raw))
    found = _last.get(asked)
    if found is None:
        say("notebook_detection_starting", cwd=cwd)
        found = _of_said(shell, raw, cells, say) or _in_folder(shell, cwd, raw, cells, say)
        _last.clear()
        _last[asked] = found
    return found


def executed(shell: Any) -> tuple[list[str], str]:
    """Return the cells as they were typed, and as the Python that ran, joined to one source."""
    history = getattr(shell, "history_manager", None)
    raw = [cell for cell in getattr(history, "input_hist_raw", ()) if cell]
    parsed = [cell.rstrip("\n") for cell in getattr(history, "input_hist_parsed", ()) if cell]
    return raw, "".join(f"# In[{n}]:\n{cell}\n\n" for n, cell in enumerate(parsed, 1))


# -- who may have said it -------------------------------------------------------------------------


def _of_said(shell: Any, raw: list[str], cells: str, say: Say) -> Detection | None:
    """Return the notebook that somebody named; None when nobody did."""
    path = _of_vs_code(shell, raw)
    say("notebook_looked_up", method="vscode", path=path)
    if path is not None:
        return _named(path, "vscode", raw, cells)
    paths = _of_servers(shell, say)
    say("notebook_looked_up", method="kernel_session", paths=paths)
    same = [path for path in paths if _holds(path, raw)] if len(paths) > 1 else paths
    if len(same) == 1:
        return _named(same[0], "kernel_session", raw, cells)
    if paths:
        return _ambiguous(same or paths, cells)
    path = _existing(os.environ.get("JPY_SESSION_NAME"))
    say("notebook_looked_up", method="jupyter_session", path=path)
    return None if path is None else _named(path, "jupyter_session", raw, cells)


def _of_vs_code(shell: Any, raw: list[str]) -> str | None:
    """Return the notebook, or the module whose cells are sent to the interactive window.

    VS Code's own paths: of a kernel elsewhere, or of another system, they are not here. The module
    is in `__file__`, which anybody may set: it counts where it has the cells that ran.
    """
    notebook, module = (_variable(shell, name) for name in ("__vsc_ipynb_file__", "__file__"))
    return notebook or (module if module is not None and _holds(module, raw) else None)


def _variable(shell: Any, name: str) -> str | None:
    return _existing(getattr(shell, "user_ns", {}).get(name))


def _of_servers(shell: Any, say: Say) -> list[str]:
    """Ask the Jupyter servers of this user on this machine which notebooks use the kernel now.

    A server leaves a note of itself where it has its kernels' connection files, which are named
    `kernel-<id>.json`.
    """
    try:
        folder, name = os.path.split(shell.kernel.parent.connection_file)
    except (AttributeError, TypeError):
        return []
    kernel = name.removesuffix(".json").removeprefix("kernel-")
    for url, token, root in _servers(folder):
        try:
            paths = _notebooks_of(_get(f"{url}api/sessions", token), kernel)
        except (OSError, ValueError) as e:
            say("notebook_server_silent", url=url, error=str(e))
            continue
        found = dict.fromkeys(_existing(os.path.join(root, path)) for path in paths)
        if paths:
            return [path for path in found if path is not None]
    return []


def _notebooks_of(sessions: Any, kernel: str) -> list[str]:
    """Return the paths, from the server's root, of sessions that use a kernel."""
    found = []
    for session in sessions if isinstance(sessions, list) else ():
        try:
            if session["kernel"]["id"] == kernel:
                found.append(session.get("path") or session["notebook"]["path"])
        except (AttributeError, KeyError, TypeError):
            continue  # one whose kernel has ended
    return [path for path in found if isinstance(path, str)]


def _servers(folder: str) -> list[tuple[str, str, str]]:
    """Return URL, token and root folder of each server that has left a note, our own first."""
    found = []
    try:
        names = sorted(os.listdir(folder or os.curdir))
    except OSError:
        return []
    names.sort(key=lambda name: not name.endswith(f"-{os.getppid()}.json"))
    for name in names:
        if name.startswith(("jpserver-", "nbserver-")) and name.endswith(".json"):
            try:
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    said = json.load(file)
                root = said.get("root_dir") or said.get("notebook_dir")
                found.append((said["url"], said.get("token", ""), root))
            except (OSError, ValueError, KeyError, AttributeError):
                continue
    return [server for server in found if all(isinstance(part, str) for part in server)]


def _get(url: str, token: str) -> Any:
    """Return what a server answers; no proxy is asked, which would get the token.

    Raises:
        OSError: it does not answer, or refuses.
        ValueError: it answers something else than JSON over HTTP.
    """
    import urllib.request
    from http.client import HTTPException

    if not url.startswith(("http://", "https://")):
        raise ValueError(f"not a web address: {url:.80}")
    request = urllib.request.Request(url, headers={"Authorization": f"token {token}"})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=TIMEOUT_S) as answer:
            return json.load(answer)
    except HTTPException as e:
        raise ValueError(f"not HTTP: {e!r:.80}") from e


def _existing(name: Any) -> str | None:
    """Return the path of a notebook that is here; one never saved has a name and no folder.

    A module whose cells are executed counts as one: VS Code's, or one that Jupytext opens.
    """
    if not isinstance(name, str) or not name.endswith(SUFFIXES) or not os.path.isabs(name):
        return None
    path = os.path.normpath(name)
    return path if os.path.isfile(path) else None


# -- what lies there ------------------------------------------------------------------------------


def _named(path: str, method: str, raw: list[str], cells: str) -> Detection:
    """Return a notebook that somebody named; its saved cells may be others than the executed."""
    if _holds(path, raw):
        return Detection(path, method, 1.0, "notebook", cells=cells)
    message = f"{os.path.basename(path)} as it is saved lacks cells that ran; the executed cells "
    note = Note("source_changed_since_load", message + "are captured beside it", path)
    return Detection(path, method, 0.8, "notebook", (note,), cells=cells)


def _in_folder(shell: Any, cwd: str, raw: list[str], cells: str, say: Say) -> Detection:
    try:
        names = sorted(name for name in os.listdir(cwd) if name.endswith(".ipynb"))
    except OSError:
        names = []
    say("notebook_detection_strategy2", found_notebooks=len(names), notebooks=names)
    paths = [os.path.join(cwd, name) for name in names]
    same = [path for path in paths if _holds(path, raw)]
    if len(same) == 1:
        say("notebook_detected_by_cells", path=same[0])
        return Detection(
            same[0], "executed_cells", 0.9, "notebook", fallback_used=True, cells=cells
        )
    module = _variable(shell, "__file__")  # with cells that are not saved yet
    if module is not None and not same:
        return _named(module, "vscode", raw, cells)
    if len(paths) == 1:
        say("notebook_detected_single_file", path=paths[0])
        what = f"{names[0]} is the only notebook in {cwd}, but lacks cells that ran"
        return Detection(
            paths[0],
            "only_notebook",
            0.5,
            "notebook",
            (uncertain(what, paths[0]),),
            fallback_used=True,
            cells=cells,
        )
    if paths:
        return _ambiguous(same or paths, cells)
    note = Note("detection_failed", f"no notebook in {cwd}, and nobody named one", cwd)
    return _none(note, cells)


def _ambiguous(paths: list[str], cells: str) -> Detection:
    among = ", ".join(os.path.basename(path) for path in paths)
    note = Note("ambiguous_notebook", f"the kernel may run any of {among:.300}", os.getcwd())
    return _none(note, cells)


def _none(note: Note, cells: str) -> Detection:
    return Detection(None, "none", 0.0, "notebook", (note,), fallback_used=True, cells=cells)


def _holds(path: str, raw: list[str]) -> bool:
    """Tell whether a saved notebook has every cell that was executed, letter by letter."""
    try:
        if os.path.getsize(path) > _MAX_NOTEBOOK:
            return False
        with open(path, encoding="utf-8") as file:
            if not path.endswith(".ipynb"):
                text = file.read()
                return all(cell.strip() in text for cell in raw)
            cells = json.load(file)["cells"]
        sources = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
        saved = {(text if isinstance(text, str) else "".join(text)).rstrip() for text in sources}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False
    return {cell.rstrip() for cell in raw} <= saved
