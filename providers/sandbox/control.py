"""The sandbox's control server on loopback: JSON over HTTP for tests, the demo and a page that shows the sandbox.

* ``GET /health``: ``{"ok": true}``
* ``GET /state``: the state and fault names of each sandbox provider, the faults that are on, the ledger
* ``GET /faults``: ``{"known": {name: sentence}, "on": {name: times left or null}}``
* ``POST /faults`` with ``{"name", "times"}``: switch one on, for ``times`` uses or until cleared
* ``DELETE /faults`` or ``/faults/<name>``: switch all or one off
* ``GET /ledger``: ``{"path", "count"}``
"""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from providers.sandbox.faults import Faults, UnknownFault
from providers.sandbox.ledger import Ledger

LOOPBACK = ("127.0.0.1", "localhost", "::1")
LARGEST_REQUEST = 64 * 1024


class ControlServer:
    """Listens on 127.0.0.1; each ``GET /state`` calls ``state``. Raises OSError when the port is in use."""

    def __init__(self, port: int, faults: Faults, ledger: Ledger, state: Callable[[], dict[str, Any]]) -> None:
        handler = type("Handler", (_Handler,), {"faults": faults, "ledger": ledger, "state": staticmethod(state)})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    faults: Faults
    ledger: Ledger
    state: Callable[[], dict[str, Any]]

    def do_GET(self) -> None:
        path = self._path()
        if path == "/health":
            self._answer(200, {"ok": True})
        elif path == "/state":
            self._answer(200, {**self.state(), "faults": self.faults.on(), "ledger": self._ledger()})
        elif path == "/faults":
            self._answer(200, {"known": self.faults.known, "on": self.faults.on()})
        elif path == "/ledger":
            self._answer(200, self._ledger())
        elif path:
            self._answer(404, {"error": "There is no such address."})

    def do_POST(self) -> None:
        path = self._path()
        if not path:
            return
        if path != "/faults":
            self._answer(404, {"error": "There is no such address."})
            return
        try:
            asked = json.loads(self.rfile.read(min(int(self.headers.get("Content-Length", 0)), LARGEST_REQUEST)))
            times = asked.get("times")
            self.faults.set(str(asked["name"]), None if times is None else int(times))
        except UnknownFault as error:
            self._answer(404, {"error": str(error)})
        except (ValueError, KeyError, TypeError, AttributeError):
            self._answer(400, {"error": 'Send {"name": "provider:fault", "times": 1}, or leave times out.'})
        else:
            self._answer(200, {"on": self.faults.on()})

    def do_DELETE(self) -> None:
        path = self._path()
        if not path:
            return
        if path != "/faults" and not path.startswith("/faults/"):
            self._answer(404, {"error": "There is no such address."})
            return
        self.faults.clear(path.removeprefix("/faults").removeprefix("/"))
        self._answer(200, {"on": self.faults.on()})

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def _path(self) -> str:
        # A web page must not control the sandbox through somebody's browser, even by a host name that resolves to here.
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        if host not in LOOPBACK or "Origin" in self.headers:
            self._answer(403, {"error": "The sandbox accepts requests from this machine only."})
            return ""
        return unquote(urlsplit(self.path).path)

    def _ledger(self) -> dict[str, Any]:
        return {"path": str(self.ledger.path), "count": self.ledger.count}

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
