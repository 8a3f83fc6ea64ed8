"""FTP and FTPS over ftplib: passive only, several hosts, limits on every wait, and only three kinds of trouble."""

# ruff: noqa: S321 - some providers document nothing safer; FTPS is offered and SFTP preferred where there is a choice.

import ftplib
import re
import socket
import ssl
import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple, TextIO

from providers.errors import Refused, Trouble, Unclear, Unreachable
from providers.points import reach
from providers.transports.dial import dial, time_limit
from providers.transports.files import Entry, folder_forbidden, folder_missing, login_refused, lost, name_taken

CONNECT_SECONDS = 10.0
GREETING_SECONDS = 10.0
REPLY_SECONDS = 20.0
LOGIN_SECONDS = 40.0
# The end of an upload, and a renaming: what waits longer than this must be looked for.
CLOSING_SECONDS = 60.0
# No single deed takes longer, however slowly the bytes trickle; shorter than any job.
TOTAL_SECONDS = 240.0

_PORT = 21
# A server that never answers a farewell, or leaves the end of TLS unanswered, holds nobody up.
_FAREWELL_SECONDS = 2.0
_CHUNK = 65536
# Far more than 10,000 names.
_LISTING_AT_MOST = 20_000_000

_BAD_COMMAND = ("500", "501", "502", "504")
_STORED = ("226", "250")
_FORBIDDEN = re.compile(r"permission|permitted|denied|privileg|forbid|not allowed", re.IGNORECASE)
# vsftpd says it in a closing 226.
_UNREAD = re.compile(r"failed to open", re.IGNORECASE)
_FULL = re.compile(r"maximum|too many (?:\w+ )?(?:user|client|connect|session)|already connected", re.IGNORECASE)
_WANTS_TLS = re.compile(r"encrypt|\btls\b|\bssl\b", re.IGNORECASE)
_SIZE = re.compile(r"213\s+(\d+)")
_MOMENT = re.compile(r"(\d{14})(?:\.\d+)?$")
_LOST = (OSError, EOFError, ftplib.Error)


class _Host(NamedTuple):
    name: str
    port: int

    @property
    def label(self) -> str:
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"

    @classmethod
    def parse(cls, text: str, port: int) -> "_Host":
        """``text`` is ``name``, ``name:port``, an IPv6 address, or one in brackets with a port."""
        if match := re.fullmatch(r"\[?([^\[\]]+?)\]?:(\d+)", text):
            name, own_port = match[1], int(match[2])
            if text.startswith("[") or ":" not in name:
                return cls(name, own_port)
        return cls(text.strip("[]"), port)


class FtpRemote:
    """An open FTP session in binary mode, at the folder where the login starts. Paths are relative to that folder.

    ``host`` is the connected host as ``name:port``.
    """

    def __init__(self, settings: Mapping[str, Any], line: "_Line") -> None:
        self.settings = settings
        self.host = line.at.label
        self._line = line
        self._has_mlsd = True

    def hosts(self) -> tuple[str, ...]:
        """Every configured host as ``name:port``, connected or not."""
        return tuple(host.label for host in _hosts(self.settings))

    @contextmanager
    def on(self, host_label: str) -> Iterator["FtpRemote"]:
        """Connect once more, to exactly this one of ``hosts()``. Raises what ``FtpTransport.connect`` raises."""
        for host in _hosts(self.settings):
            if host.label == host_label:
                break
        else:
            raise Unreachable("host_removed", f"{host_label} is no longer one of the account's hosts.")
        line = _open(host, self.settings)
        try:
            yield FtpRemote(self.settings, line)
        finally:
            line.leave()

    def listdir(self, folder: str = "", bearing: str = "") -> list[Entry]:
        """Return the files of ``folder`` whose names hold ``bearing``, sub-folders left out.

        Names come without any path, bytes that are no UTF-8 as surrogates. A server without MLSD is asked for size and
        time of each name by itself, which is slow in a full folder unless ``bearing`` narrows it; a size it does not
        tell is 0. Raises Refused (``folder_missing``, ``folder_forbidden``, both with ``account``) or Unreachable.
        """
        with self._talking(), self._inside(folder):
            entries = self._mlsd(bearing) if self._has_mlsd else None
            if entries is None:
                entries = self._nlst(folder, bearing)
        return entries

    def read(self, path: str, at_most: int) -> bytes | None:
        """Return the first ``at_most`` bytes of a file, None when it is gone or forbidden. Raises Unreachable."""
        with self._talking():
            try:
                body, _ = self._line.download(f"RETR {path}", at_most)
            except ftplib.error_perm:
                return None
            except ftplib.error_temp as error:
                if _code(error) == "450":
                    return None
                raise
        return body

    def size(self, path: str) -> int | None:
        """Return a file's size in bytes, None when there is no such file.

        Raises Unreachable, or Refused (``size_unsupported``) when the server cannot say.
        """
        with self._talking():
            try:
                return self._size(path)
            except ftplib.error_perm as error:
                if _code(error) in _BAD_COMMAND:
                    raise Refused("size_unsupported", "The server cannot say how large a file is.") from error
                return None

    def server_clock(self, path: str) -> datetime | None:
        """Return when a file was changed, by the server's clock, in UTC; None when it does not say."""
        with self._talking():
            return self._modified_at(path)

    def store(self, path: str, body: bytes) -> None:
        """Write a file over whatever is there; returns only when the server confirmed the whole of it.

        Raises Refused (``folder_missing``, ``folder_forbidden``, ``upload_refused``, ``passive_refused``) or
        Unreachable when nothing but an empty file can have been made; Unclear for whatever happens later, as a part of
        the file, or all of it, may lie there.
        """
        with self._talking():
            try:
                connection = self._line.open_data(f"STOR {path}")
            except ftplib.error_perm as error:
                raise self._upload_refused(path, error) from error
        try:
            reach("ftp:stor")
            self._line.upload(connection, body)
            reach("ftp:close")
            reply = self._line.closing_reply(CLOSING_SECONDS)
        except _LOST as error:
            raise Unclear(
                "upload_broken",
                "The line broke while the file was being written; it may have arrived.",
                reply=self._line.last_words(),
            ) from error
        if reply[:3] not in _STORED:
            # Also an explicit no: what was written before it may lie there.
            raise Unclear(
                "upload_broken",
                f"The server answered {reply[:3]} at the end of the upload; a part of the file may have arrived.",
                reply=_bytes(reply),
            )

    def create(self, path: str, body: bytes) -> None:
        """Write a new file, as ``SftpRemote.create`` does.

        FTP has no exclusive create: the name is looked up first, and whoever makes the same file in between is
        overwritten. Raises Refused (``name_taken``) and what ``store`` raises.
        """
        if self._is_there(path):
            raise name_taken()
        self.store(path, body)

    def rename(self, source: str, target: str) -> None:
        """Give a file another name; what bears that name already is overwritten by many servers without a word.

        Raises Refused when the server said no (``rename_source_missing`` or ``rename_refused``), Unreachable when the
        line broke before the new name was said, and Unclear when no clean answer came to it.
        """
        with self._talking():
            try:
                self._line.sendcmd(f"RNFR {source}")
            except ftplib.error_perm as error:
                if _code(error) == "550":
                    raise Refused(
                        "rename_source_missing", "The uploaded file is not there any more.", reply=_bytes(str(error))
                    ) from error
                raise _rename_refused(error) from error
        try:
            with self._line.patient(CLOSING_SECONDS):
                self._line.voidcmd(f"RNTO {target}")
        except ftplib.error_perm as error:
            raise _rename_refused(error) from error
        except _LOST as error:
            self._line.cut()
            raise Unclear(
                "rename_broken",
                "The server gave no clean answer to the renaming of the file; it may have happened.",
                reply=_bytes(str(error)) if isinstance(error, ftplib.Error) else b"",
            ) from error

    def delete(self, path: str) -> bool:
        """Delete a file of our own; returns whether the server did. Raises Unreachable."""
        with self._talking():
            try:
                self._line.voidcmd(f"DELE {path}")
            except (ftplib.error_perm, ftplib.error_temp) as error:
                if _code(error) == "421":
                    raise
                return False
        return True

    def ready(self) -> None:
        """Prove that the line is sound, without touching anything. Raises Unreachable."""
        with self._talking(REPLY_SECONDS):
            # Not every server knows NOOP.
            with suppress(ftplib.error_perm):
                self._line.voidcmd("NOOP")
            self._line.voidcmd("TYPE I")

    @contextmanager
    def _talking(self, seconds: float = TOTAL_SECONDS) -> Iterator[None]:
        try:
            with time_limit(self._line.cut, seconds):
                yield
        except _LOST as error:
            if not isinstance(error, ftplib.error_temp) or _code(error) == "421":
                # What it says next could answer an earlier question.
                self._line.cut()
            raise _lost(error) from error

    @contextmanager
    def _inside(self, folder: str) -> Iterator[None]:
        if not folder:
            yield
            return
        try:
            self._line.voidcmd(f"CWD {folder}")
        except ftplib.error_perm as error:
            raise _folder_trouble(folder, str(error)) from error
        try:
            yield
        finally:
            self._line.voidcmd(f"CWD {self._line.home}")

    def _mlsd(self, bearing: str) -> list[Entry] | None:
        try:
            listing, _ = self._listing("MLSD")
        except ftplib.error_perm:
            self._has_mlsd = False
            return None
        entries = []
        for line in _lines(listing):
            facts, _, name = line.partition(" ")
            told = dict(fact.lower().partition("=")[::2] for fact in facts.split(";"))
            name = _bare(name)
            if told.get("type") not in ("dir", "cdir", "pdir") and name and bearing in name:
                size = told.get("size", "")
                entries.append(Entry(name, int(size) if size.isdecimal() else 0, _moment(told.get("modify", ""))))
        return entries

    def _nlst(self, folder: str, bearing: str) -> list[Entry]:
        try:
            listing, reply = self._listing("NLST")
        except (ftplib.error_perm, ftplib.error_temp) as error:
            if _code(error) not in ("450", "550"):
                raise
            if _FORBIDDEN.search(str(error)):
                raise _folder_trouble(folder, str(error)) from error
            # So some servers say that a folder is empty.
            return []
        if _UNREAD.search(reply):
            raise folder_forbidden(folder)
        names = dict.fromkeys(_bare(line) for line in _lines(listing))
        return [entry for name in names if name and bearing in name and (entry := self._entry(folder, name))]

    def _listing(self, command: str) -> tuple[bytes, str]:
        listing, reply = self._line.download(command, _LISTING_AT_MOST)
        if len(listing) == _LISTING_AT_MOST:
            # A name that is missing from half a list would pass for absent.
            raise Unreachable(
                "list_too_long", "The folder holds more files than Baton can list. Have old ones removed."
            )
        return listing, reply

    def _entry(self, folder: str, name: str) -> Entry | None:
        try:
            size = self._size(name)
        except ftplib.error_perm:
            # A name that was listed is evidence, whatever the server says of its size; only folders are left out.
            if self._is_folder(folder, name):
                return None
            size = 0
        return Entry(name, size, self._modified_at(name))

    def _is_folder(self, folder: str, name: str) -> bool:
        try:
            self._line.voidcmd(f"CWD {name}")
        except ftplib.error_perm:
            return False
        # Not CDUP: of a link it leads elsewhere.
        self._line.voidcmd(f"CWD {self._line.home}")
        if folder:
            self._line.voidcmd(f"CWD {folder}")
        return True

    def _size(self, path: str) -> int:
        reply = self._line.sendcmd(f"SIZE {path}")
        if not (told := _SIZE.match(reply)):
            raise ftplib.error_reply(reply)
        return int(told[1])

    def _modified_at(self, path: str) -> datetime | None:
        try:
            return _moment(self._line.sendcmd(f"MDTM {path}")[3:].strip())
        except ftplib.error_perm:
            return None

    def _is_there(self, path: str) -> bool:
        try:
            return self.size(path) is not None
        except Refused:
            folder, _, name = path.rpartition("/")
            return any(entry.name == name for entry in self.listdir(folder, name))

    def _upload_refused(self, path: str, error: ftplib.Error) -> Refused:
        folder = path.rpartition("/")[0]
        with self._inside(folder):
            pass
        if _FORBIDDEN.search(str(error)):
            return folder_forbidden(folder)
        return Refused(
            "upload_refused",
            f"The server refuses to take the file; it answered {_code(error)}.",
            reply=_bytes(str(error)),
        )


class FtpTransport:
    """``settings``: host or hosts, port, username, password, use_tls, tls_certificate, allow_private_hosts.

    ``hosts`` are tried in their order; a host may be ``name:port``. With ``use_tls`` (explicit FTPS) nothing, least of
    all the password, goes out before the server's certificate is verified, against ``tls_certificate`` (PEM) where it
    is given and else against the system's authorities. Files and listings are encrypted too.
    """

    @staticmethod
    @contextmanager
    def connect(settings: Mapping[str, Any]) -> Iterator[FtpRemote]:
        """Log in at the first host that lets us, and yield the open remote.

        Raises Refused with ``account`` set when a host that answered said no and none said yes: ``host_private``,
        ``login_refused``, ``certificate_refused``, ``tls_refused``, ``tls_required``. Raises Unreachable when no host
        answered.
        """
        line = _open_first(settings)
        try:
            yield FtpRemote(settings, line)
        finally:
            line.leave()


class _Line(ftplib.FTP):
    """A control connection. Names travel as UTF-8; bytes that are none survive as surrogates."""

    def __init__(self, at: _Host, connection: socket.socket, allow_private: bool) -> None:
        super().__init__(timeout=REPLY_SECONDS)
        self.at = at
        self.home = "/"
        self._allow_private = allow_private
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
            # It would be a command of its own.
            raise Refused(
                "line_break",
                "A user name, password or folder of the account holds a line break. Enter it again without.",
                account=True,
            )
        reach("ftp:command")
        self.sock.sendall(line.encode("utf-8", "surrogateescape") + b"\r\n")

    def getline(self) -> str:
        line = self.file.readline(self.maxline + 1)
        if not line.endswith("\n"):
            # A reply that was cut short, or has no end, is none.
            raise EOFError
        reach("ftp:reply")
        return line.rstrip("\r\n")

    def greet(self) -> None:
        """Wait for the server's greeting."""
        with self.patient(GREETING_SECONDS):
            self.welcome = self.getresp()
        if not self.welcome.startswith("2"):
            raise ftplib.error_temp(self.welcome)

    @contextmanager
    def patient(self, seconds: float) -> Iterator[None]:
        """Wait for a reply so long, and no longer."""
        self.sock.settimeout(seconds)
        try:
            with time_limit(self.cut, seconds):
                yield
        finally:
            self.sock.settimeout(REPLY_SECONDS)

    def protect(self, context: ssl.SSLContext) -> None:
        """Encrypt the control connection, and from now on every data connection."""
        self.voidcmd("AUTH TLS")
        self._use(context.wrap_socket(self.sock, server_hostname=self.at.name))
        self.voidcmd("PBSZ 0")
        self.voidcmd("PROT P")
        self._context = context

    def open_data(self, command: str) -> socket.socket:
        """Open a data connection for ``command``, after the server's preliminary yes."""
        try:
            _, port = self.makepasv()
        except ftplib.error_perm as error:
            raise Refused(
                "passive_refused", "The server refuses passive transfers, and Baton knows no others.", account=True
            ) from error
        # The address in a PASV answer could lead anywhere: the host that was judged is dialled again.
        self._data = dial(self.sock.getpeername()[0], port, CONNECT_SECONDS, self._allow_private)
        try:
            self._data.settimeout(REPLY_SECONDS)
            reply = self.sendcmd(command)
            if reply.startswith("2"):
                # As ftplib does: some servers say 200 before the 150.
                reply = self.getresp()
            if not reply.startswith("1"):
                raise ftplib.error_reply(reply)
            if self._context:
                self._data = self._protected(self._data, self._context)
        except BaseException:
            self._data.close()
            raise
        return self._data

    def _protected(self, data: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
        # The same session, as servers know by it that both connections are one client's.
        session = getattr(self.sock, "session", None)
        try:
            return context.wrap_socket(data, server_hostname=self.at.name, session=session)
        except ssl.SSLCertVerificationError as error:
            self.cut()
            raise _certificate_refused(self.at, error) from error

    def download(self, command: str, at_most: int) -> tuple[bytes, str]:
        """Return at most so many bytes that ``command`` yields, and the server's closing reply."""
        body = bytearray()
        with self.open_data(command) as connection:
            while len(body) <= at_most and (piece := connection.recv(_CHUNK)):
                body += piece
        if len(body) <= at_most:
            return bytes(body), self.voidresp()
        # Whatever the server thinks of our hanging up is no news. Never ABOR: servers differ in what it does.
        try:
            return bytes(body[:at_most]), self.closing_reply(REPLY_SECONDS)
        except _LOST:
            self.cut()
            return bytes(body[:at_most]), ""

    def upload(self, connection: socket.socket, body: bytes) -> None:
        """Write ``body`` to an open data connection and close it; an unfinished one is reset, never closed.

        A connection that is merely closed makes the server take a part for the whole. With lingering off for the time
        of writing the reset comes also when this process is killed; ``cut`` would close, so the limit is kept here.
        """
        until = time.monotonic() + TOTAL_SECONDS
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with connection:
            view = memoryview(body)
            for offset in range(0, len(body), _CHUNK):
                connection.settimeout(max(0.01, min(REPLY_SECONDS, until - time.monotonic())))
                connection.sendall(view[offset : offset + _CHUNK])
                reach("ftp:block")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
            _end_tls(connection)

    def closing_reply(self, seconds: float) -> str:
        """Return what the server says at the end of a transfer, good or bad."""
        with self.patient(seconds):
            return self.getmultiline()

    def last_words(self) -> bytes:
        """Return what a server that broke a transfer off has to say, if it is there already, and cut the line."""
        reply = ""
        with suppress(*_LOST):
            reply = self.closing_reply(_FAREWELL_SECONDS)
        self.cut()
        return _bytes(reply)

    def cut(self) -> None:
        """Shut both connections at once; may be called from another thread, where closing would be unsafe."""
        for connection in (self._data, self.sock):
            if connection is not None:
                with suppress(OSError):
                    # Of the plain socket: ssl's own shutdown forgets the encryption under a running call.
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def leave(self) -> None:
        """Say goodbye and close."""
        with suppress(*_LOST), time_limit(self.cut, _FAREWELL_SECONDS):
            self.sendcmd("QUIT")
        self.close()


def _hosts(settings: Mapping[str, Any]) -> list[_Host]:
    names = settings.get("hosts") or (settings["host"],)
    return [_Host.parse(str(name), int(settings.get("port") or _PORT)) for name in names]


def _open_first(settings: Mapping[str, Any]) -> "_Line":
    troubles: list[Trouble] = []
    for host in _hosts(settings):
        try:
            return _open(host, settings)
        except Trouble as trouble:
            troubles.append(trouble)
    for refused in troubles:
        if isinstance(refused, Refused):
            raise refused
    if len(troubles) == 1:
        raise troubles[0]
    raise Unreachable("no_host_answers", " ".join(trouble.sentence for trouble in troubles))


def _open(host: _Host, settings: Mapping[str, Any]) -> _Line:
    allow_private = bool(settings.get("allow_private_hosts"))
    context = _tls_context(settings) if settings.get("use_tls") else None
    line = _Line(host, dial(host.name, host.port, CONNECT_SECONDS, allow_private), allow_private)
    try:
        _greet(line)
        with time_limit(line.cut, LOGIN_SECONDS):
            if context:
                _protect(line, context)
            _log_in(line, settings)
    except BaseException:
        line.close()
        raise
    return line


def _greet(line: _Line) -> None:
    try:
        line.greet()
    except (ftplib.error_temp, ftplib.error_perm) as error:
        raise Unreachable(
            "greeting_refused", f"{line.at.label} answers that it takes nobody now ({_code(error)})."
        ) from error
    except _LOST as error:
        raise Unreachable(
            "no_ftp_answer", f"{line.at.name} port {line.at.port} is open but does not answer as an FTP server."
        ) from error


def _tls_context(settings: Mapping[str, Any]) -> ssl.SSLContext:
    certificate = str(settings.get("tls_certificate") or "")
    try:
        context = ssl.create_default_context(cadata=certificate or None)
    except (ssl.SSLError, TypeError, ValueError) as error:
        raise Refused(
            "certificate_unreadable",
            "The certificate in the account's settings cannot be read. Paste it as PEM, from BEGIN to END.",
            account=True,
        ) from error
    if certificate:
        # The certificate that was pasted may be the server's own, signed by whomever.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _protect(line: _Line, context: ssl.SSLContext) -> None:
    try:
        line.protect(context)
    except ssl.SSLCertVerificationError as error:
        raise _certificate_refused(line.at, error) from error
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
        raise _lost(error) from error
    except (ftplib.error_perm, ssl.SSLError) as error:
        raise Refused(
            "tls_refused",
            f"{line.at.label} offers no encryption that Baton accepts. The password was not given away.",
            account=True,
        ) from error
    except _LOST as error:
        raise _lost(error) from error


def _certificate_refused(at: _Host, error: ssl.SSLCertVerificationError) -> Refused:
    return Refused(
        "certificate_refused",
        f"The certificate of {at.label} is not trusted ({error.verify_message.rstrip('.')}). Nothing was given away. "
        "Ask the provider, or paste the certificate that signs it into the account's settings.",
        account=True,
    )


def _log_in(line: _Line, settings: Mapping[str, Any]) -> None:
    try:
        reply = line.sendcmd(f"USER {settings['username']}")
        if reply.startswith("3"):
            reply = line.sendcmd(f"PASS {settings['password']}")
        if not reply.startswith("2"):
            raise ftplib.error_perm(reply)
    except ftplib.error_perm as error:
        raise _login_trouble(line.at, str(error), bool(settings.get("use_tls"))) from error
    except _LOST as error:
        raise _lost(error) from error
    try:
        line.voidcmd("TYPE I")
        with suppress(ftplib.error_perm):
            # assumption: where a server does not know PWD, the login starts at the top.
            line.home = line.pwd() or "/"
    except _LOST as error:
        raise _lost(error) from error


def _login_trouble(at: _Host, reply: str, is_encrypted: bool) -> Trouble:
    if not is_encrypted and _WANTS_TLS.search(reply):
        return Refused(
            "tls_required",
            f"{at.label} lets nobody in without encryption. Switch FTPS on in the account's settings.",
            account=True,
        )
    if _FULL.search(reply):
        return Unreachable("server_full", f"{at.label} takes no more connections at the moment.")
    return login_refused()


def _end_tls(connection: socket.socket) -> None:
    # Some servers never answer the end of TLS; their closing reply on the other connection is what counts.
    if isinstance(connection, ssl.SSLSocket):
        connection.settimeout(_FAREWELL_SECONDS)
        with suppress(OSError, ValueError):
            connection.unwrap()


def _code(error: BaseException) -> str:
    return str(error)[:3]


def _bytes(reply: str) -> bytes:
    return reply.encode("utf-8", "surrogateescape")


def _lines(listing: bytes) -> list[str]:
    return listing.decode("utf-8", "surrogateescape").replace("\r\n", "\n").split("\n")


def _bare(name: str) -> str:
    """The name without the folders that some servers put before it; ``""`` where it could lead elsewhere."""
    last = re.split(r"[/\\]", name)[-1]
    return "" if last in (".", "..") or "\r" in last or "\0" in last else last


def _moment(text: str) -> datetime | None:
    match = _MOMENT.match(text)
    try:
        return datetime.strptime(match[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC) if match else None
    except ValueError:
        return None


def _folder_trouble(folder: str, reply: str) -> Refused:
    return folder_forbidden(folder) if _FORBIDDEN.search(reply) else folder_missing(folder)


def _rename_refused(error: ftplib.Error) -> Refused:
    return Refused(
        "rename_refused",
        f"The server refuses to rename the file; it answered {_code(error)}.",
        reply=_bytes(str(error)),
    )


def _lost(error: BaseException) -> Unreachable:
    if isinstance(error, ftplib.error_temp):
        return Unreachable("busy", f"The server cannot do it now; it answered {_code(error)}.")
    return lost(error)
