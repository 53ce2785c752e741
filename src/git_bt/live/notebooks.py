"""Which notebook a kernel runs, and the cells that it has executed.

A kernel does not know its file. Whoever started it may have said it: VS Code in a variable of the
user's namespace, Jupyter Server in JPY_SESSION_NAME, or in the list of its sessions. Otherwise the
notebooks in the kernel's folder are held against the cells that were executed; the only one that
has them all is it. Two are never guessed between. What ran is the executed cells, so those are
captured too.
"""

from __future__ import annotations

import json
import os
from functools import partial

from git_bt.live.found import Detection, Note, uncertain

TYPE_CHECKING = False  # typing's own costs 10 ms
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Say = Callable[..., None]

TIMEOUT_S = 1.0
_MAX_NOTEBOOK = 64 << 20


def detect_notebook(shell: Any, say: Say) -> Detection:
    """Return the notebook of an IPython kernel's shell."""
    cwd = os.getcwd()
    say("notebook_detection_starting", cwd=cwd)
    raw, cells = executed(shell)
    for method, look in (
        ("vscode", partial(_of_vs_code, shell)),
        ("jupyter_session", _of_session_name),
        ("kernel_session", partial(_of_servers, shell, say)),
    ):
        path = look()
        say("notebook_looked_up", method=method, path=path)
        if path is not None:
            return _named(path, method, raw, cells)
    return _in_folder(cwd, raw, cells, say)


def executed(shell: Any) -> tuple[list[str], str]:
    """Return the cells as they were typed, and as the Python that ran, joined to one source."""
    history = getattr(shell, "history_manager", None)
    raw = [cell for cell in getattr(history, "input_hist_raw", ()) if cell]
    parsed = [cell.rstrip("\n") for cell in getattr(history, "input_hist_parsed", ()) if cell]
    return raw, "".join(f"# In[{n}]:\n{cell}\n\n" for n, cell in enumerate(parsed, 1))


# -- who may have said it -------------------------------------------------------------------------


def _of_vs_code(shell: Any) -> str | None:
    return _existing(getattr(shell, "user_ns", {}).get("__vsc_ipynb_file__"))


def _of_session_name() -> str | None:
    return _existing(os.environ.get("JPY_SESSION_NAME"))


def _of_servers(shell: Any, say: Say) -> str | None:
    """Ask the Jupyter servers of this user on this machine which notebook the kernel belongs to."""
    kernel = _kernel_id(shell)
    if kernel is None:
        return None
    for url, token, root in _servers():
        try:
            sessions = _get(f"{url}api/sessions", token)
        except (OSError, ValueError) as e:
            say("notebook_server_silent", url=url, error=str(e))
            continue
        for session in sessions if isinstance(sessions, list) else ():
            if session.get("kernel", {}).get("id") == kernel:
                name = session.get("path") or session.get("notebook", {}).get("path")
                return _existing(os.path.join(root, name)) if isinstance(name, str) else None
    return None


def _kernel_id(shell: Any) -> str | None:
    """Return the kernel's id: it names its connection file, `kernel-<id>.json`."""
    try:
        name = os.path.basename(shell.kernel.parent.connection_file)
    except (AttributeError, TypeError):
        return None
    stem = name.removesuffix(".json")
    return stem[len("kernel-") :] if stem.startswith("kernel-") else None


def _servers() -> list[tuple[str, str, str]]:
    """Return URL, token and root folder of each server that has left a note of itself."""
    folder = os.environ.get("JUPYTER_RUNTIME_DIR") or os.path.join(
        os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share"),
        "jupyter",
        "runtime",
    )
    found = []
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
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
    import urllib.request

    if not url.startswith(("http://", "https://")):
        raise ValueError(f"not a web address: {url:.80}")
    request = urllib.request.Request(url, headers={"Authorization": f"token {token}"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        return json.load(answer)


def _existing(name: Any) -> str | None:
    if not isinstance(name, str) or not name.endswith(".ipynb"):
        return None
    path = os.path.abspath(name)
    return path if os.path.isfile(path) else None


# -- what lies there ------------------------------------------------------------------------------


def _named(path: str, method: str, raw: list[str], cells: str) -> Detection:
    """Return a notebook that somebody named; its saved cells may be others than the executed."""
    if _holds(path, raw):
        return Detection(path, method, 1.0, "notebook", cells=cells)
    message = f"{os.path.basename(path)} as it is saved lacks cells that ran; the executed cells "
    note = Note("source_changed_since_load", message + "are captured beside it", path)
    return Detection(path, method, 0.8, "notebook", (note,), cells=cells)


def _in_folder(cwd: str, raw: list[str], cells: str, say: Say) -> Detection:
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
        among = ", ".join(os.path.basename(path) for path in same or paths)
        note = Note("ambiguous_notebook", f"the kernel may run any of {among:.300}", cwd)
    else:
        note = Note("detection_failed", f"no notebook in {cwd}, and nobody named one", cwd)
    return Detection(None, "none", 0.0, "notebook", (note,), fallback_used=True, cells=cells)


def _holds(path: str, raw: list[str]) -> bool:
    """Tell whether a saved notebook has every cell that was executed, letter by letter."""
    try:
        if os.path.getsize(path) > _MAX_NOTEBOOK:
            return False
        with open(path, encoding="utf-8") as file:
            cells = json.load(file)["cells"]
        sources = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
        saved = {(text if isinstance(text, str) else "".join(text)).rstrip() for text in sources}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False
    return {cell.rstrip() for cell in raw} <= saved
