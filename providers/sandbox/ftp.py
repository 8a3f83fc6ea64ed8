"""The sandbox's FTP server: password login, a home folder for each account, and faults on request.

A connection is unencrypted until the client asks for TLS (AUTH TLS). A client that dies in the middle of an upload
leaves a file that looks complete, as on every FTP server.
"""

import hmac
import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from pyftpdlib.authorizers import AuthenticationFailed, DummyAuthorizer
from pyftpdlib.filesystems import AbstractedFS
from pyftpdlib.handlers import DTPHandler, FTPHandler, TLS_DTPHandler, TLS_FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer

from providers.sandbox.faults import Faults
from providers.sandbox.uploads import Uploads

# Log errors inside the server, not what each connection does.
logging.getLogger("pyftpdlib").setLevel(logging.ERROR)

#: All of pyftpdlib's permissions: list, read, store, append, delete, rename, make folders, change times and modes.
EVERYTHING = "elradfmwMT"
# Seconds between two checks of whether the server is to stop.
_TURN = 0.02

_FAULTS = {
    "refuse-login": "Every FTP login is refused.",
    "drop-connection": "The FTP connection breaks in the middle of an upload.",
    "drop-at-close": "The FTP connection breaks after the last byte, before the upload is confirmed.",
    "drop-after-rename": "A rename over FTP succeeds, and the connection breaks before it is confirmed.",
    "slow": "Every upload over FTP is slow.",
    "stale-listing": "File listings over FTP show the state at the previous listing.",
    "no-size": "The FTP server does not report file sizes.",
    "no-tls": "The FTP server refuses encryption.",
    "no-mlsd": "The FTP server has no machine-readable file listings.",
}
_SERVER_FAULTS = {
    "down": "closes every connection at once.",
    "hangs": "accepts connections and never answers.",
    "refuses": "answers that it is not available (421).",
}
# The commands that the server does not know, and the fault under which it does not.
_MISSING = {"SIZE": "no-size", "MLSD": "no-mlsd", "MLST": "no-mlsd", "AUTH": "no-tls"}


def ftp_faults(provider: str, servers: Mapping[str, str]) -> dict[str, str]:
    """Return the faults of a provider's FTP servers by name, with what each does.

    ``servers`` maps the name of each server to its label: for the provider ``acme``, ``{"host-a": "Host a"}`` makes
    ``acme:host-a-down``, and an empty name makes ``acme:down``.
    """
    known = {f"{provider}:{name}": words for name, words in _FAULTS.items()}
    for server, label in servers.items():
        for name, words in _SERVER_FAULTS.items():
            known[f"{provider}:{_server_fault(server, name)}"] = f"{label} {words}"
    return known


def _server_fault(server: str, name: str) -> str:
    return f"{server}-{name}" if server else name


def _anything(permission: str, name: str) -> bool:
    return True


@dataclass(frozen=True)
class Rules:
    """What a provider's FTP server lets its accounts do.

    ``permissions`` are pyftpdlib's letters. ``allows(permission, path)`` decides for each file, ``path`` being relative
    to the home folder: ``d`` delete, ``f`` rename (the old and the new name), ``w`` store, ``a`` append, ``r`` read.
    """

    permissions: str = EVERYTHING
    allows: Callable[[str, str], bool] = _anything


@dataclass
class _Shared:
    """The state that all connections of one server share."""

    provider: str
    server: str
    faults: Faults
    uploads: Uploads
    lists: dict[tuple[str, str], list[Any]] = field(default_factory=dict)

    def fault(self, name: str) -> bool:
        return self.faults.use(f"{self.provider}:{name}")


class _Authorizer(DummyAuthorizer):
    def __init__(
        self, shared: _Shared, rules: Rules, passwords: Mapping[str, str], home_of: Callable[[str], Path]
    ) -> None:
        super().__init__()
        self._shared = shared
        self._rules = rules
        self._homes = {name: str(home_of(name).resolve()) for name in passwords}
        for name, password in passwords.items():
            self.add_user(name, password, self._homes[name], perm=rules.permissions)

    def validate_authentication(self, username: str, password: str, handler: Any) -> None:
        known = self.user_table.get(username, {}).get("pwd")
        if self._shared.fault("refuse-login") or known is None or not _is_same(known, password):
            raise AuthenticationFailed("Login incorrect.")

    def has_perm(self, username: str, perm: str, path: str | None = None) -> bool:
        if not super().has_perm(username, perm, path):
            return False
        return path is None or self._rules.allows(perm, os.path.relpath(path, self._homes[username]))


def _is_same(known: str, given: str) -> bool:
    return hmac.compare_digest(known.encode(), given.encode(errors="replace"))


class _Upload:
    """A file that is being written; it counts as open until it is closed, however that happens."""

    def __init__(self, file: IO[bytes], path: str, uploads: Uploads, drop: Callable[[], None] | None) -> None:
        self._file = file
        self._path = path
        self._uploads = uploads
        self._drop = drop
        self._is_dropped = False
        self.name = file.name

    @property
    def closed(self) -> bool:
        return self._file.closed

    def write(self, body: bytes) -> int:
        if self._is_dropped:
            return len(body)
        if self._drop:
            self._is_dropped = True
            self._drop()
            body = body[: len(body) // 2]
        self._file.write(body)
        # Whatever has arrived is visible to every reader at once.
        self._file.flush()
        return len(body)

    def seek(self, offset: int) -> int:
        return self._file.seek(offset)

    def close(self) -> None:
        if not self._file.closed:
            self._file.close()
            self._uploads.end(self._path)

    # If the data connection never comes, pyftpdlib drops the upload without closing its file.
    __del__ = close


class _Folders(AbstractedFS):
    """One client's view of its home folder; nothing outside it exists."""

    def open(self, filename: str, mode: str) -> Any:
        if mode == "rb":
            return super().open(filename, mode)
        channel = self.cmd_channel
        shared: _Shared = channel.shared
        drop = channel.break_off if shared.fault("drop-connection") else None
        path = os.path.realpath(filename)
        # Marked before it exists, so that no scan ever finds the file unmarked.
        shared.uploads.begin(path)
        try:
            file = super().open(path, mode)
        except BaseException:
            shared.uploads.end(path)
            raise
        return _Upload(file, path, shared.uploads, drop)

    def chdir(self, path: str) -> None:
        # pyftpdlib's own chdir changes the folder of the whole process, and so of every other server in it.
        os.listdir(path)
        self.cwd = self.fs2ftp(path)

    def listdir(self, path: str) -> list[str]:
        return self._listed("names", path, super().listdir(path))

    def format_list(self, basedir: str, listing: list[str], ignore_err: bool = True) -> Iterator[bytes]:
        return iter(self._listed("list", basedir, super().format_list(basedir, listing, ignore_err)))

    def format_mlsx(
        self, basedir: str, listing: list[str], perms: str, facts: list[str], ignore_err: bool = True
    ) -> Iterator[bytes]:
        lines = super().format_mlsx(basedir, listing, perms, facts, ignore_err)
        # Errors are passed on only for a single file (MLST), which is not a listing.
        return iter(self._listed("facts", basedir, lines)) if ignore_err else lines

    def _listed(self, kind: str, path: str, lines: Iterable[Any]) -> list[Any]:
        shared: _Shared = self.cmd_channel.shared
        if shared.fault("stale-listing") and (kind, path) in shared.lists:
            return list(shared.lists[kind, path])
        shared.lists[kind, path] = list(lines)
        return list(shared.lists[kind, path])


class _Slowness:
    """A data connection that pauses after each piece while uploads are slow."""

    cmd_channel: Any
    _is_slow = False
    _rest: Any = None

    def enable_receiving(self, type: str, cmd: str) -> None:
        self._is_slow = self.cmd_channel.shared.fault("slow")
        super().enable_receiving(type, cmd)  # type: ignore[misc]

    def recv(self, size: int) -> bytes:
        piece: bytes = super().recv(size)  # type: ignore[misc]
        if piece and self._is_slow:
            loop, pause = self.cmd_channel.ioloop, self.cmd_channel.shared.faults.slow_seconds
            self.del_channel()  # type: ignore[attr-defined]
            self._rest = loop.call_later(pause, self.add_channel, events=loop.READ)  # type: ignore[attr-defined]
        return piece

    def close(self) -> None:
        if self._rest and not self._rest.cancelled:
            self._rest.cancel()
        super().close()  # type: ignore[misc]


class _Transfer(_Slowness, DTPHandler):
    pass


class _TlsTransfer(_Slowness, TLS_DTPHandler):
    pass


class _Talk:
    """What both control connections, plain and TLS, do differently from pyftpdlib's."""

    shared: _Shared
    banner = "Ready."
    abstracted_fs = _Folders
    auth_failed_timeout = 0
    _breaks_off_at = ""

    def handle(self) -> None:
        shared = self.shared
        if shared.fault(_server_fault(shared.server, "down")):
            self.close()  # type: ignore[attr-defined]
        elif shared.fault(_server_fault(shared.server, "refuses")):
            self.respond("421 Service not available.")
            self.close_when_done()  # type: ignore[attr-defined]
        elif not shared.fault(_server_fault(shared.server, "hangs")):
            super().handle()  # type: ignore[misc]

    def break_off(self) -> None:
        """Break the connection as soon as the current call has returned."""
        self.ioloop.call_later(0, self.close)  # type: ignore[attr-defined]

    def respond(self, resp: str, *more: Any, **named: Any) -> None:
        if self._breaks_off_at and resp.startswith(self._breaks_off_at):
            self.break_off()
        else:
            super().respond(resp, *more, **named)  # type: ignore[misc]

    def process_command(self, cmd: str, *more: Any, **named: Any) -> None:
        missing = _MISSING.get(cmd, "")
        if missing and self.shared.fault(missing):
            self.respond(f"502 {cmd} is not implemented.")
        else:
            super().process_command(cmd, *more, **named)  # type: ignore[misc]

    def ftp_STOR(self, file: str, mode: str = "w") -> Any:
        self._breaks_off_at = "226" if self.shared.fault("drop-at-close") else ""
        return super().ftp_STOR(file, mode)  # type: ignore[misc]

    def ftp_RNTO(self, path: str) -> Any:
        self._breaks_off_at = "250" if self.shared.fault("drop-after-rename") else ""
        return super().ftp_RNTO(path)  # type: ignore[misc]


# assumption: the server does not choose names itself (STOU); no document mentions it.
def _without_stou(commands: Mapping[str, Any]) -> dict[str, Any]:
    return {name: command for name, command in commands.items() if name != "STOU"}


class _Handler(_Talk, FTPHandler):
    dtp_handler = _Transfer
    proto_cmds = _without_stou(FTPHandler.proto_cmds)


class _TlsHandler(_Talk, TLS_FTPHandler):
    dtp_handler = _TlsTransfer
    proto_cmds = _without_stou(TLS_FTPHandler.proto_cmds)


class FtpServer:
    """One FTP server on one port, in a thread of its own. Created by ``serve_ftp``."""

    def __init__(self, address: tuple[str, int], handler: type[FTPHandler]) -> None:
        self._loop = IOLoop()
        self._server = FTPServer(address, handler, ioloop=self._loop)
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        port: int = self._server.address[1]
        return port

    def close(self) -> None:
        """Stop listening and break every connection."""
        self._is_ending.set()
        self._thread.join()

    def _serve(self) -> None:
        while not self._is_ending.is_set():
            due = self._loop.sched.poll()
            self._loop.poll(_TURN if due is None else min(due, _TURN))
        self._server.close_all()


def serve_ftp(
    *,
    host: str,
    port: int,
    provider: str,
    passwords: Mapping[str, str],
    home_of: Callable[[str], Path],
    faults: Faults,
    uploads: Uploads,
    rules: Rules | None = None,
    server: str = "",
    certificate: Path | None = None,
) -> FtpServer:
    """Listen on ``host`` and ``port`` (0 = any free one) until the server is closed. Raises OSError.

    ``home_of`` returns the folder that an account sees as its root; it must exist. ``uploads`` records which files are
    being written; each server thread needs its own. ``server`` is the server's name in ``ftp_faults``. With a
    ``certificate``, a file made by ``certificate_file``, a client may ask for TLS.
    """
    shared = _Shared(provider, server, faults, uploads)
    authorizer = _Authorizer(shared, rules or Rules(), passwords, home_of)
    common = {"shared": shared, "authorizer": authorizer}
    if certificate:
        handler = type("Handler", (_TlsHandler,), {**common, "certfile": str(certificate)})
    else:
        handler = type("Handler", (_Handler,), common)
    return FtpServer((host, port), handler)
