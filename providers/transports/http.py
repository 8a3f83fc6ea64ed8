"""HTTP over httpx: no retries, no redirects, a limit on every wait, and only the three kinds of trouble in errors."""

import socket
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpcore
import httpx

from providers import timing
from providers.errors import Refused, Trouble, Unclear, Unreachable
from providers.points import reach
from providers.time_limits import REPLY, advice, connect_seconds, reply_seconds
from providers.transports.dial import connect_timeout, dial

# A longer answer counts as no answer.
READ_AT_MOST = 20_000_000

_HEADERS = {
    "User-Agent": "Baton",
    "Accept": "text/plain, */*",
    # An answer that is not compressed cannot expand beyond what was read.
    "Accept-Encoding": "identity",
    "Connection": "close",
}


class HttpRemote:
    """A provider that takes POST requests, each on a new connection and never two at once.

    ``server_clock`` is the provider's own time (UTC) at its last answer, ``certificate_ends_at`` is when its
    certificate expires (UTC); None where they are not known.
    """

    def __init__(self, settings: Mapping[str, Any], client: httpx.Client, network: "_Network") -> None:
        self.settings = settings
        self.server_clock: datetime | None = None
        self._client = client
        self._network = network
        self._url = address(str(settings["api_url"]))

    @property
    def certificate_ends_at(self) -> datetime | None:
        return self._network.certificate_ends_at

    @property
    def is_encrypted(self) -> bool:
        return self._url.scheme == "https"

    def hosts(self) -> tuple[str, ...]:
        return (_label(self._url),)

    def post(
        self, path: str, form: bytes, *, is_commit: bool = False, at_most: int = READ_AT_MOST
    ) -> tuple[int, bytes]:
        """Post a urlencoded ``form`` to ``path`` below the account's address; return HTTP status and the whole body.

        Raises Refused (``host_private``, ``certificate_refused``) or Unreachable as long as no byte of the request has
        been written. A later failure is Unclear for a commit and Unreachable for a query. An answer longer than
        ``at_most`` bytes, or one that is cut short, counts as no answer.
        """
        self._network.begin_request(timing.HTTP_TOTAL_SECONDS)
        url = f"{self._url}/{path}"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        reach("http:request")
        try:
            with self._client.stream("POST", url, content=form, headers=headers) as response:
                reach("http:reply")
                body = _read(response, at_most)
        except httpx.HTTPError as error:
            raise self._trouble(error, is_commit) from error
        reach("http:answer")
        self.server_clock = _parse_date(response.headers.get("Date", ""))
        return response.status_code, body

    def _trouble(self, error: httpx.HTTPError, is_commit: bool) -> Trouble:
        host = _label(self._url)
        # A longer wait for the answer helps neither against a slow write nor when the time for the request is over.
        is_slow = isinstance(error, httpx.ReadTimeout) and not self._network.is_over
        advised = f" {advice(REPLY)}" if is_slow else ""
        if is_commit and self._network.is_written:
            return Unclear("no_answer", f"{host} took the request, but its answer did not arrive in full.{advised}")
        if isinstance(error, httpx.TimeoutException):
            return Unreachable("reply_timeout", f"{host} did not answer in time.{advised}")
        if isinstance(error, _TooLong):
            return Unreachable("answer_too_long", f"The answer of {host} is longer than Baton reads.")
        return Unreachable("line_broken", f"The connection to {host} broke before its answer arrived in full.")


class HttpTransport:
    """``settings``: api_url, allow_plain_http, tls_certificate (PEM, "" for none), connect_seconds, reply_seconds,
    allow_private_hosts.
    """

    @staticmethod
    @contextmanager
    def connect(settings: Mapping[str, Any]) -> Iterator[HttpRemote]:
        """Yield a remote; no socket is opened before its first request.

        Trusts the system's certificate authorities and those in ``tls_certificate``. Raises Refused with
        ``account`` set: ``address_unusable``, ``plain_http_refused``, ``certificate_unreadable``.
        """
        url = address(str(settings["api_url"]))
        if url.scheme == "http" and not settings.get("allow_plain_http"):
            raise Refused(
                "plain_http_refused",
                "The address begins with http://, so anyone on the way can read the password. Use https://, or allow "
                "http:// in the account's settings.",
                account=True,
            )
        network = _Network(bool(settings.get("allow_private_hosts")))
        timeout = httpx.Timeout(
            connect=connect_seconds(settings),
            write=timing.HTTP_WRITE_SECONDS,
            read=reply_seconds(settings, timing.HTTP_REPLY_SECONDS),
            pool=connect_seconds(settings),
        )
        transport = _Transport(tls_context(str(settings.get("tls_certificate") or "")), network)
        with httpx.Client(
            transport=transport, timeout=timeout, follow_redirects=False, trust_env=False, headers=_HEADERS
        ) as client:
            yield HttpRemote(settings, client, network)


def tls_context(certificate: str) -> ssl.SSLContext:
    """Return what verifies certificates: the system's authorities, and those in the PEM text ``certificate``.

    Raises Refused (``certificate_unreadable``).
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate.strip():
        try:
            context.load_verify_locations(cadata=certificate)
        # TypeError: a character outside ASCII.
        except (ssl.SSLError, TypeError, ValueError) as error:
            raise Refused(
                "certificate_unreadable",
                "The certificate in the account's settings cannot be read. Paste it as PEM text, from "
                "-----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----.",
                account=True,
            ) from error
    return context


def address(text: str) -> httpx.URL:
    """Return an account's address, ``https://host[:port]/path`` or ``http://...``, without a slash at its end.

    Raises Refused (``address_unusable``), also for a user name, a question mark or a hash sign in it.
    """
    try:
        url = httpx.URL(text.strip().rstrip("/"))
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("https", "http") or not url.host or any(sign in text for sign in "@?#"):
        raise Refused(
            "address_unusable",
            "The address cannot be used. It must look like https://gateway.example.com/path, without a user name, a "
            "question mark or a hash sign.",
            account=True,
        )
    return url


class _TooLong(httpx.HTTPError):
    """An answer is longer than Baton reads."""


class _Transport(httpx.HTTPTransport):
    def __init__(self, context: ssl.SSLContext, network: "_Network") -> None:
        super().__init__(verify=context, trust_env=False, retries=0)
        # httpx has no argument for the network backend.
        self._pool = httpcore.ConnectionPool(
            ssl_context=context, max_connections=1, max_keepalive_connections=0, retries=0, network_backend=network
        )


class _Network(httpcore.NetworkBackend):
    """Dials for httpx, so that the address that was checked is the one that is dialled, and keeps the deadline."""

    def __init__(self, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._deadline = 0.0
        self.is_written = False
        self.certificate_ends_at: datetime | None = None

    def begin_request(self, seconds: float) -> None:
        """Start the clock of a new request, of which nothing is written yet; all of it gets ``seconds``."""
        self._deadline = time.monotonic() + seconds
        self.is_written = False

    @property
    def is_over(self) -> bool:
        """Whether the time for the request is over."""
        return time.monotonic() >= self._deadline

    def time_left(self, seconds: float | None) -> float:
        """Return how long the next step may take, at most ``seconds``. Raises TimeoutError when no time is left."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left if seconds is None else min(left, seconds)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(dial(host, port, timeout or timing.CONNECT_SECONDS, self._allow_private), self)


class _Stream(httpcore.NetworkStream):
    """A connected socket, plain or encrypted."""

    def __init__(self, connection: socket.socket, network: _Network) -> None:
        self._connection = connection
        self._network = network

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            self._connection.settimeout(self._network.time_left(timeout))
            return self._connection.recv(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout from error
        except OSError as error:
            raise httpcore.ReadError from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        view = memoryview(buffer)
        try:
            while view:
                self._connection.settimeout(self._network.time_left(timeout))
                self._network.is_written = True
                view = view[self._connection.send(view) :]
                reach("http:block")
        except TimeoutError as error:
            raise httpcore.WriteTimeout from error
        except OSError as error:
            raise httpcore.WriteError from error

    def close(self) -> None:
        self._connection.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            self._connection.settimeout(self._network.time_left(timeout))
            encrypted = ssl_context.wrap_socket(self._connection, server_hostname=server_hostname)
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise Refused(
                "certificate_refused",
                f"The certificate of {server_hostname} is not valid: {error.verify_message.rstrip('.')}. "
                "Ask the provider, or paste the certificate that signs it into the account's settings.",
                account=True,
            ) from error
        except TimeoutError as error:
            self.close()
            raise connect_timeout(f"{server_hostname} (TLS)", timeout or timing.CONNECT_SECONDS) from error
        except OSError as error:
            self.close()
            raise Unreachable("tls_failed", f"{server_hostname} answers, but not with encryption (TLS).") from error
        self._network.certificate_ends_at = _ends_at(encrypted.getpeercert())
        return _Stream(encrypted, self._network)


def _read(response: httpx.Response, at_most: int) -> bytes:
    pieces = []
    size = 0
    for piece in response.iter_raw():
        size += len(piece)
        if size > at_most:
            raise _TooLong("too long")
        pieces.append(piece)
    return b"".join(pieces)


def _label(url: httpx.URL) -> str:
    return f"{url.host}:{url.port or (443 if url.scheme == 'https' else 80)}"


def _parse_date(date: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(date)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _ends_at(certificate: Mapping[str, Any] | None) -> datetime | None:
    if not certificate or "notAfter" not in certificate:
        return None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
