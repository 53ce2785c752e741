"""Notebooks of a real Jupyter server, in kernels with git-bt: scripts/test --engines jupyter."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from jupyter_client.blocking import BlockingKernelClient

from capture.programs import RUNS, notebook, taken, with_engine
from conftest import take_away
from environments import environment

TOKEN = "only-for-tests"
HASHED = "from jupyter_server.auth import passwd; print(passwd('secret', algorithm='sha1'))"


@dataclass
class Server:
    """A server that runs, and the way to it that a browser has."""

    url: str
    root: Path
    runtime: Path
    beside: dict[str, str]
    headers: dict[str, str]
    cookies: CookieJar
    web: urllib.request.OpenerDirector

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send JSON to the server's interface, and return what it answers."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, self.headers, method=method)
        with self.web.open(request, timeout=60) as answer:
            return json.loads(answer.read() or "null")

    def open(self, path: str, **more: Any) -> Any:
        """Open a notebook as JupyterLab does, and return the session with its kernel's id."""
        said = {"path": path, "type": "notebook", "name": path.rpartition("/")[2]}
        return self.ask("POST", "api/sessions", said | {"kernel": {"name": "project"}} | more)

    def execute(self, session: Any, *cells: str) -> list[dict[str, Any]]:
        """Execute cells in a session's kernel, and return what each call of the engine found."""
        file = self.runtime / f"kernel-{session['kernel']['id']}.json"
        client = BlockingKernelClient(connection_file=str(file))
        client.load_connection_file()
        client.start_channels(hb=False)  # on a busy machine it takes a late answer for a death
        try:
            client.wait_for_ready(timeout=120)
            for cell in cells:
                answer = client.execute_interactive(cell, timeout=120, output_hook=lambda _: None)
                assert answer["content"]["status"] == "ok", answer["content"]
        finally:
            client.stop_channels()
        return taken(self.beside)


@contextmanager
def serving(place: Path, *options: str, token: str = TOKEN) -> Iterator[Server]:
    """Run a server whose root is place/project, and whose kernels are of the tests' Python."""
    project, data = place / "project", place / "data"
    project.mkdir()
    (project / "pyproject.toml").touch()
    spec = data / "kernels" / "project" / "kernel.json"
    spec.parent.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec.write_text(json.dumps({"argv": argv, "display_name": "project", "language": "python"}))
    beside = with_engine(project)
    places = {"DATA": data, "CONFIG": place / "config", "RUNTIME": place / "runtime"}
    words = ["-m", "jupyter_server", "--no-browser", "--allow-root", "--ServerApp.port=0"]
    words += [f"--ServerApp.root_dir={project}", f"--IdentityProvider.token={token}", *options]
    with (place / "log").open("w") as log:
        process = subprocess.Popen(
            [environment("jupyter")(), *words],
            cwd=place,
            env=os.environ | beside | {f"JUPYTER_{k}_DIR": str(v) for k, v in places.items()},
            stdout=log,
            stderr=log,
        )
    note = place / "runtime" / f"jpserver-{process.pid}.json"
    try:
        deadline = time.monotonic() + 120
        while not (note.exists() and note.stat().st_size):
            assert process.poll() is None, (place / "log").read_text()
            assert time.monotonic() < deadline, (place / "log").read_text()
            time.sleep(0.1)
        cookies = CookieJar()
        yield Server(
            url=json.loads(note.read_text())["url"],
            root=project,
            runtime=place / "runtime",
            beside=beside,
            headers={"Authorization": f"token {token}"} if token else {},
            cookies=cookies,
            web=urllib.request.build_opener(
                urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(cookies)
            ),
        )
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run one server for all tests, with a token as it makes one itself."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        take_away(monkeypatch, tmp_path_factory.mktemp("home"), tmp_path_factory.getbasetemp())
        with serving(tmp_path_factory.mktemp("jupyter")) as server:
            yield server


@pytest.fixture
def server(jupyter: Server) -> Iterator[Server]:
    """Give the server without a notebook, and end the kernels that a test starts."""
    yield jupyter
    for kernel in jupyter.ask("GET", "api/kernels"):
        jupyter.ask("DELETE", f"api/kernels/{kernel['id']}")
    shutil.rmtree(jupyter.root / "sub")


def books(server: Server, *names: str) -> list[Path]:
    """Write notebooks of the same cells below the folder sub."""
    paths = [server.root / "sub" / name for name in names]
    for path in paths:
        notebook(path, RUNS)
    return paths


def test_the_servers_session_names_the_notebook(server: Server) -> None:
    """In a subfolder, beside a notebook of the same cells."""
    _, b = books(server, "a.ipynb", "b.ipynb")
    (found,) = server.execute(server.open("sub/b.ipynb"), RUNS)

    assert (found["file"], found["method"]) == (str(b), "kernel_session")
    assert (found["context"], found["confidence"], found["kinds"]) == ("notebook", 1.0, [])
    assert found["files"].keys() == {"sub/b.ipynb", "sub/b_executed.py"}


def test_each_kernel_has_its_own_notebook(server: Server) -> None:
    """Two notebooks of one folder and the same cells, open at once."""
    paths = books(server, "a.ipynb", "b.ipynb")
    sessions = [server.open(f"sub/{path.name}") for path in paths]
    found = [server.execute(session, RUNS)[0]["file"] for session in sessions]

    assert found == [str(path) for path in paths]


def test_a_renamed_notebook_is_found_though_another_has_its_name_now(server: Server) -> None:
    """The kernel's own variable keeps the first name, the server's list has the new one."""
    (a,) = books(server, "a.ipynb")
    session = server.open("sub/a.ipynb")
    (before,) = server.execute(session, RUNS)
    server.ask("PATCH", "api/contents/sub/a.ipynb", {"path": "sub/renamed.ipynb"})
    server.ask("PATCH", f"api/sessions/{session['id']}", {"path": "sub/renamed.ipynb"})
    books(server, "a.ipynb")
    (after,) = server.execute(session, RUNS)

    assert before["file"] == str(a)
    assert (after["file"], after["method"]) == (str(a.with_name("renamed.ipynb")), "kernel_session")
    assert after["files"].keys() == {"sub/renamed.ipynb", "sub/renamed_executed.py"}


def test_a_console_beside_the_notebook_changes_nothing(server: Server) -> None:
    """JupyterLab's console of a notebook is a session of its own with the same kernel."""
    (a,) = books(server, "a.ipynb")
    kernel = {"id": server.open("sub/a.ipynb")["kernel"]["id"]}
    console = server.open("sub/console-1-7f3e", type="console", kernel=kernel)
    (found,) = server.execute(console, RUNS)

    assert (found["file"], found["method"]) == (str(a), "kernel_session")


def test_one_kernel_of_two_notebooks_is_ambiguous(server: Server) -> None:
    """Cells tell the two apart; where both have them all, none is taken."""
    a, _ = books(server, "a.ipynb", "b.ipynb")
    session = server.open("sub/a.ipynb")
    server.open("sub/b.ipynb", kernel={"id": session["kernel"]["id"]})
    (same,) = server.execute(session, RUNS)
    notebook(a, RUNS, "only = 'in a'")
    (other,) = server.execute(session, "only = 'in a'", RUNS)

    assert (same["file"], same["kinds"]) == (None, ["ambiguous_notebook"])
    assert (other["file"], other["confidence"]) == (str(a), 1.0)


def test_unsaved_cells_are_said(server: Server) -> None:
    """A browser saves now and then; what ran is captured beside what is saved."""
    (a,) = books(server, "a.ipynb")
    (found,) = server.execute(server.open("sub/a.ipynb"), "x = 'not saved'", RUNS)

    assert (found["file"], found["confidence"]) == (str(a), 0.8)
    assert found["kinds"] == ["source_changed_since_load"]
    assert "x = 'not saved'" in found["files"]["sub/a_executed.py"]


def test_a_proxy_is_not_asked(server: Server) -> None:
    """It would get the server's token, and knows no local address of this machine."""
    (a,) = books(server, "a.ipynb")
    proxy = "import os; os.environ['http_proxy'] = 'http://127.0.0.1:9'"
    notebook(a, proxy, RUNS)
    (found,) = server.execute(server.open("sub/a.ipynb"), proxy, RUNS)

    assert (found["file"], found["method"]) == (str(a), "kernel_session")


def test_a_cell_that_runs_a_sweep_asks_once(server: Server) -> None:
    """Neither server nor notebook is read for each run of a loop."""
    (a,) = books(server, "a.ipynb")
    counting = (
        "import urllib.request as web\nasked = []\nbuild = web.build_opener\n"
        "web.build_opener = lambda *words: asked.append(1) or build(*words)"
    )
    sweep = f"{RUNS}\nfor _ in range(9): run_algorithm()\nassert len(asked) == 1, asked"
    notebook(a, counting, sweep)
    found = server.execute(server.open("sub/a.ipynb"), counting, sweep)

    assert [call["file"] for call in found] == [str(a)] * 10


def test_a_server_with_a_password_leaves_the_variable(tmp_path: Path) -> None:
    """Nobody but a browser gets in, so JPY_SESSION_NAME names the notebook."""
    hashed = subprocess.run(
        [environment("jupyter")(), "-c", HASHED], capture_output=True, text=True, check=True
    ).stdout.strip()
    option = f"--PasswordIdentityProvider.hashed_password={hashed}"
    with serving(tmp_path, option, token="") as server:
        log_in(server)
        a, _ = books(server, "a.ipynb", "b.ipynb")
        (found,) = server.execute(server.open("sub/a.ipynb"), RUNS)

    assert (found["file"], found["method"]) == (str(a), "jupyter_session")
    assert (found["confidence"], found["kinds"]) == (1.0, [])


def log_in(server: Server) -> None:
    """Give the password as the form of the login page does."""
    server.web.open(f"{server.url}login").close()
    (xsrf,) = [cookie.value for cookie in server.cookies if cookie.name == "_xsrf"]
    form = urlencode({"password": "secret", "_xsrf": xsrf}).encode()
    server.web.open(f"{server.url}login", form).close()
    server.headers["X-XSRFToken"] = xsrf or ""
