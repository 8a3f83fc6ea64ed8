"""From an account's settings to an FTP connection that is logged in: hosts, greeting, TLS, user name and password."""

# ruff: noqa: S321 - some providers document nothing safer; FTPS is offered and SFTP preferred where there is a choice.

import ftplib
import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from providers import time_limits, timing
from providers.errors import Refused, Trouble, Unreachable
from providers.transports.dial import dial, time_limit
from providers.transports.files import connection_lost, login_refused
from providers.transports.ftp_connection import FAILURES, Connection, Host, certificate_refused, reply_code

_PORT = 21
_FULL = re.compile(r"maximum|too many (?:\w+ )?(?:user|client|connect|session)|already connected", re.IGNORECASE)
_WANTS_TLS = re.compile(r"encrypt|\btls\b|\bssl\b", re.IGNORECASE)


def hosts(settings: Mapping[str, Any]) -> list[Host]:
    """Return the account's hosts in the order in which they are tried."""
    names = settings.get("hosts") or (settings["host"],)
    return [Host.parse(str(name), int(settings.get("port") or _PORT)) for name in names]


def log_in_at_first(settings: Mapping[str, Any]) -> Connection:
    """Log in at the first host that accepts the login. Raises what ``FtpTransport.connect`` documents."""
    troubles: list[Trouble] = []
    for host in hosts(settings):
        try:
            return log_in_at(host, settings)
        except Trouble as trouble:
            troubles.append(trouble)
    for refused in troubles:
        if isinstance(refused, Refused):
            raise refused
    if len(troubles) == 1:
        raise troubles[0]
    raise Unreachable("no_host_answers", " ".join(trouble.sentence for trouble in troubles))


def log_in_at(host: Host, settings: Mapping[str, Any]) -> Connection:
    """Log in at this host. Raises what ``FtpTransport.connect`` documents."""
    allow_private = bool(settings.get("allow_private_hosts"))
    context = _tls_context(settings) if settings.get("use_tls") else None
    connected = dial(host.name, host.port, time_limits.connect_seconds(settings), allow_private)
    connection = Connection(host, connected, settings)
    try:
        _read_greeting(connection, time_limits.greeting_seconds(settings, timing.FTP_GREETING_SECONDS))
        with time_limit(connection.shut_down, max(timing.FTP_LOGIN_SECONDS, 2 * connection.reply_seconds)) as expired:
            try:
                if context:
                    _start_tls(connection, context)
                _log_in(connection, settings)
            except Unreachable as trouble:
                if expired.is_set():
                    raise connection_lost(TimeoutError()) from trouble
                raise
    except BaseException:
        connection.close()
        raise
    return connection


def lost(error: BaseException) -> Unreachable:
    """Return what a failed FTP command means where it cannot have caused any texting."""
    if isinstance(error, ftplib.error_temp):
        return Unreachable("busy", f"The server cannot do this at the moment; it answered {reply_code(error)}.")
    if isinstance(error, ftplib.error_perm):
        return Unreachable("command_refused", f"The server refused a command; it answered {reply_code(error)}.")
    return connection_lost(error)


def _read_greeting(connection: Connection, seconds: float) -> None:
    try:
        connection.read_greeting(seconds)
    except (ftplib.error_temp, ftplib.error_perm) as error:
        raise Unreachable(
            "greeting_refused",
            f"{connection.at.label} is not accepting connections at the moment ({reply_code(error)}).",
        ) from error
    except FAILURES as error:
        raise Unreachable(
            "no_ftp_answer",
            f"{connection.at.name} port {connection.at.port} is open but does not answer as an FTP server. "
            f"{time_limits.advice(time_limits.GREETING)}",
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
        # The pasted certificate may be the server's own, signed by an authority that is not known here.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _start_tls(connection: Connection, context: ssl.SSLContext) -> None:
    try:
        connection.start_tls(context)
    except ssl.SSLCertVerificationError as error:
        raise certificate_refused(connection.at, error) from error
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
        raise lost(error) from error
    except (ftplib.error_perm, ssl.SSLError) as error:
        raise Refused(
            "tls_refused",
            f"{connection.at.label} offers no encryption that Baton accepts. The password was not sent.",
            account=True,
        ) from error
    except FAILURES as error:
        raise lost(error) from error


def _log_in(connection: Connection, settings: Mapping[str, Any]) -> None:
    try:
        reply = connection.sendcmd(f"USER {settings['username']}")
        if reply.startswith("3"):
            reply = connection.sendcmd(f"PASS {settings['password']}")
        if not reply.startswith("2"):
            raise ftplib.error_perm(reply)
    except ftplib.error_perm as error:
        raise _login_trouble(connection.at, str(error), bool(settings.get("use_tls"))) from error
    except FAILURES as error:
        raise lost(error) from error
    try:
        _use_binary(connection)
        with suppress(ftplib.error_perm):
            # assumption: if a server does not know PWD, the login starts at the top folder.
            connection.home = connection.pwd() or "/"
    except FAILURES as error:
        raise lost(error) from error


def _use_binary(connection: Connection) -> None:
    try:
        connection.voidcmd("TYPE I")
    except ftplib.error_perm as error:
        raise Refused(
            "binary_refused",
            f"The server refuses binary transfers, which are the only kind that Baton uses: it answered "
            f"{reply_code(error)} to TYPE I. Ask the provider to switch them on.",
            account=True,
        ) from error


def _login_trouble(at: Host, reply: str, is_encrypted: bool) -> Trouble:
    if not is_encrypted and _WANTS_TLS.search(reply):
        return Refused(
            "tls_required",
            f"{at.label} requires an encrypted connection. Switch on FTPS in the account's settings.",
            account=True,
        )
    if _FULL.search(reply):
        return Unreachable("server_full", f"{at.label} accepts no more connections at the moment.")
    return login_refused()
