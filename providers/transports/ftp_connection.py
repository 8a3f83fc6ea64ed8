"""One FTP connection: commands, replies and data transfers, with a limit on every wait."""

# ruff: noqa: S321 - some providers document nothing safer; FTPS is offered and SFTP preferred where there is a choice.

import ftplib
import re
import socket
import ssl
import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, TextIO

from providers import timing
from providers.errors import Refused
from providers.points import reach
from providers.time_limits import connect_seconds, reply_seconds
from providers.transports.dial import dial, time_limit

#: What ftplib and sockets raise when a command fails or the connection breaks.
FAILURES = (OSError, EOFError, ftplib.Error)

_CHUNK = 65536


class Host(NamedTuple):
    """A server's host name and port."""

    name: str
    port: int

    @property
    def label(self) -> str:
        """``name:port``, with brackets around an IPv6 address."""
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"

    @classmethod
    def parse(cls, text: str, port: int) -> "Host":
        """``text`` is ``name``, ``name:port``, an IPv6 address, or an IPv6 address in brackets with a port."""
        if match := re.fullmatch(r"\[?([^\[\]]+?)\]?:(\d+)", text):
            name, own_port = match[1], int(match[2])
            if text.startswith("[") or ":" not in name:
                return cls(name, own_port)
        return cls(text.strip("[]"), port)


class Aborted(ftplib.error_temp):
    """The server answered 426 after a download whose data connection it had closed properly; ``body`` is the data."""

    def __init__(self, reply: str, body: bytes) -> None:
        super().__init__(reply)
        self.body = body


class Connection(ftplib.FTP):
    """A control connection and its data connections, passive only.

    Names travel as UTF-8; bytes that are not UTF-8 are kept as surrogates. ``settings`` are those of
    ``FtpTransport``; ``reply_seconds`` is how long a reply, or a block of data, may take.
    """

    def __init__(self, at: Host, connection: socket.socket, settings: Mapping[str, Any]) -> None:
        self.reply_seconds = reply_seconds(settings, timing.FTP_REPLY_SECONDS)
        super().__init__(timeout=self.reply_seconds)
        self.at = at
        self.home = "/"
        #: Whether a LIST has shown a file or folder, in a form that Baton can read.
        self.knows_list_form = False
        self._connect_seconds = connect_seconds(settings)
        self._allow_private = bool(settings.get("allow_private_hosts"))
        self._context: ssl.SSLContext | None = None
        self._data: socket.socket | None = None
        self.sock: socket.socket
        self.file: TextIO
        self._use(connection)
        self.af = connection.family

    def _use(self, connection: socket.socket) -> None:
        self.sock = connection
        self.file = connection.makefile("r", encoding="utf-8", errors="surrogateescape")

    def putline(self, line: str) -> None:
        if "\r" in line or "\n" in line:
            # What follows the line break would be a command of its own.
            raise Refused(
                "line_break",
                "A user name, password or folder of the account contains a line break. Enter it again without one.",
                account=True,
            )
        reach("ftp:command")
        self.sock.sendall(line.encode("utf-8", "surrogateescape") + b"\r\n")

    def getline(self) -> str:
        line = self.file.readline(self.maxline + 1)
        if not line.endswith("\n"):
            # A reply that is cut short, or too long, does not count as a reply.
            raise EOFError
        reach("ftp:reply")
        return line.rstrip("\r\n")

    def read_greeting(self, seconds: float) -> None:
        """Wait so long for the server's greeting. Raises one of FAILURES."""
        with self.reply_within(seconds):
            self.welcome = self.getresp()
        if not self.welcome.startswith("2"):
            raise ftplib.error_temp(self.welcome)

    @contextmanager
    def reply_within(self, seconds: float) -> Iterator[None]:
        """Allow this many seconds for the reply that is read in the block."""
        self.sock.settimeout(seconds)
        try:
            with time_limit(self.shut_down, seconds):
                yield
        finally:
            self.sock.settimeout(self.reply_seconds)

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Encrypt the control connection, and every data connection from now on."""
        self.voidcmd("AUTH TLS")
        self._use(context.wrap_socket(self.sock, server_hostname=self.at.name))
        self.voidcmd("PBSZ 0")
        self.voidcmd("PROT P")
        self._context = context

    def open_data(self, command: str) -> socket.socket:
        """Open a data connection for ``command``, once the server has answered that the transfer may begin."""
        port = self._passive_port()
        # The address in a PASV reply could point anywhere, so the host that was already checked is dialled again.
        self._data = dial(self.sock.getpeername()[0], port, self._connect_seconds, self._allow_private)
        try:
            self._data.settimeout(self.reply_seconds)
            reply = self.sendcmd(command)
            if reply.startswith("2"):
                # As ftplib does: some servers reply 200 before the 150.
                reply = self.getresp()
            if not reply.startswith("1"):
                raise ftplib.error_reply(reply)
            if self._context:
                self._data = self._encrypted(self._data, self._context)
        except BaseException:
            self._data.close()
            raise
        return self._data

    def _passive_port(self) -> int:
        """Ask for a port with PASV, and with EPSV where the server knows only that (always over IPv6)."""
        peer = self.sock.getpeername()
        commands = ("PASV", "EPSV") if self.af == socket.AF_INET else ("EPSV",)
        for command in commands:
            try:
                reply = self.sendcmd(command)
            except ftplib.error_perm as error:
                refusal = error
                continue
            # Some servers answer PASV in the form of EPSV.
            return (ftplib.parse229(reply, peer) if reply.startswith("229") else ftplib.parse227(reply))[1]
        raise Refused(
            "passive_refused",
            "The server refuses passive transfers (PASV and EPSV), which are the only kind that Baton uses.",
            account=True,
        ) from refusal

    def _encrypted(self, data: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
        # The same TLS session: that is how servers know that both connections come from one client.
        session = getattr(self.sock, "session", None)
        try:
            return context.wrap_socket(data, server_hostname=self.at.name, session=session)
        except ssl.SSLCertVerificationError as error:
            self.shut_down()
            raise certificate_refused(self.at, error) from error

    def download(self, command: str, at_most: int) -> tuple[bytes, str]:
        """Return at most ``at_most`` bytes of what ``command`` yields, and the server's closing reply.

        Raises Aborted, and what ``open_data`` raises.
        """
        body = bytearray()
        with self.open_data(command) as connection:
            while len(body) <= at_most and (piece := connection.recv(_CHUNK)):
                body += piece
            if len(body) <= at_most:
                # Servers that insist on the end of TLS answer 426 to a download that is merely closed.
                _end_tls(connection)
        if len(body) <= at_most:
            try:
                return bytes(body), self.voidresp()
            except ftplib.error_temp as error:
                if reply_code(error) == "426":
                    raise Aborted(str(error), bytes(body)) from error
                raise
        # Baton hung up early, so the closing reply does not matter. Never ABOR: servers differ in what it does.
        try:
            return bytes(body[:at_most]), self.closing_reply(self.reply_seconds)
        except FAILURES:
            self.shut_down()
            return bytes(body[:at_most]), ""

    def upload(self, connection: socket.socket, body: bytes) -> None:
        """Write ``body`` to an open data connection and close it; an unfinished upload is reset, never closed.

        If the connection were merely closed, the server would take the part for the whole file. SO_LINGER with 0
        seconds while writing means that the connection is also reset when this process is killed. ``shut_down`` would
        close it, so the total is kept here instead.
        """
        until = time.monotonic() + timing.FTP_TOTAL_SECONDS
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with connection:
            view = memoryview(body)
            for offset in range(0, len(body), _CHUNK):
                connection.settimeout(max(0.01, min(self.reply_seconds, until - time.monotonic())))
                connection.sendall(view[offset : offset + _CHUNK])
                reach("ftp:block")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
            _end_tls(connection)

    def closing_reply(self, seconds: float) -> str:
        """Return the server's reply to the end of a transfer, whether good or bad."""
        with self.reply_within(seconds):
            return self.getmultiline()

    def final_reply(self) -> bytes:
        """Return the reply of a server that broke off a transfer, if it is there already, and shut down."""
        reply = ""
        with suppress(*FAILURES):
            reply = self.closing_reply(timing.FTP_FAREWELL_SECONDS)
        self.shut_down()
        return as_bytes(reply)

    def shut_down(self) -> None:
        """Shut both connections at once. Safe to call from another thread, where closing them would not be."""
        for connection in (self._data, self.sock):
            if connection is not None:
                with suppress(OSError):
                    # The plain socket's shutdown: ssl's own drops the encryption under a running call.
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def disconnect(self) -> None:
        """Send QUIT and close."""
        with suppress(*FAILURES), time_limit(self.shut_down, timing.FTP_FAREWELL_SECONDS):
            self.sendcmd("QUIT")
        self.close()


def certificate_refused(at: Host, error: ssl.SSLCertVerificationError) -> Refused:
    """The server's certificate did not verify; nothing was sent to it."""
    return Refused(
        "certificate_refused",
        f"The certificate of {at.label} is not trusted ({error.verify_message.rstrip('.')}). Nothing was sent. "
        "Ask the provider, or paste the certificate that signs it into the account's settings.",
        account=True,
    )


def reply_code(error: BaseException) -> str:
    """The three digits that an FTP reply begins with."""
    return str(error)[:3]


def as_bytes(reply: str) -> bytes:
    """The bytes that a reply was read from."""
    return reply.encode("utf-8", "surrogateescape")


def _end_tls(connection: socket.socket) -> None:
    # Some servers never answer the end of TLS; their closing reply on the control connection is what counts.
    if isinstance(connection, ssl.SSLSocket):
        connection.settimeout(timing.FTP_FAREWELL_SECONDS)
        with suppress(OSError, ValueError):
            connection.unwrap()
