"""The HTTP transport against small real servers, and against broken connections."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from providers import timing
from providers.errors import Refused, Trouble, Unclear, Unreachable
from providers.time_limits import CONNECT, REPLY, advice
from providers.transports import dial, http
from providers.transports.http import HttpTransport, address


class Server(ThreadingHTTPServer):
    """Answers every POST with ``status``, ``body`` and ``headers``, and keeps the requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.body = 200, b"0|fine|1"
        self.headers: dict[str, str] = {}
        self.asked: list[tuple[str, bytes, dict[str, str]]] = []
        self.dialled = 0
        self.delay = 0.0

    def get_request(self) -> tuple[socket.socket, Any]:
        self.dialled += 1
        return super().get_request()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Broken connections are part of the tests."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server
    headers: Any

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, form, {name.lower(): value for name, value in self.headers.items()}))
        time.sleep(self.server.delay)
        self.send_response(self.server.status)
        for name, value in {"Content-Length": str(len(self.server.body)), **self.server.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *words: Any) -> None:
        pass


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(Server()) as running:
        yield running


@contextmanager
def breaking(answer: Callable[[socket.socket], object]) -> Iterator[int]:
    """A server that takes one connection, handles it with ``answer`` and closes it; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                connection, _ = listening.accept()
                with connection:
                    answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.close()
        thread.join(10)


def read_request(connection: socket.socket) -> None:
    received = b""
    while b"a=1" not in received:
        received += connection.recv(65536)


def settings(port: int, scheme: str = "http", **others: Any) -> dict[str, Any]:
    return {
        "api_url": f"{scheme}://127.0.0.1:{port}/eapi",
        "allow_plain_http": True,
        "tls_certificate": "",
        "allow_private_hosts": True,
        **others,
    }


def post(given: dict[str, Any], form: bytes = b"a=1", **others: Any) -> tuple[int, bytes]:
    with HttpTransport.connect(given) as remote:
        return remote.post("submission/x/1/1.0", form, **others)


def trouble(given: dict[str, Any], form: bytes = b"a=1", **others: Any) -> Trouble:
    with pytest.raises(Trouble) as caught:
        post(given, form, **others)
    return caught.value


def test_a_form_is_posted_below_the_address_with_its_length_and_type(server: Server) -> None:
    assert post(settings(server.server_port)) == (200, b"0|fine|1")
    [(path, form, headers)] = server.asked
    assert path == "/eapi/submission/x/1/1.0"
    assert form == b"a=1"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert headers["content-length"] == "3"
    assert headers["host"] == f"127.0.0.1:{server.server_port}"
    assert headers["accept-encoding"] == "identity"


def test_no_socket_is_opened_before_the_first_request(server: Server) -> None:
    with HttpTransport.connect(settings(server.server_port)) as remote:
        assert remote.hosts() == (f"127.0.0.1:{server.server_port}",)
        assert remote.server_clock is None
        assert server.dialled == 0
        remote.post("x", b"a=1")
        remote.post("x", b"a=2")
    assert [form for _, form, _ in server.asked] == [b"a=1", b"a=2"]


@pytest.mark.parametrize("status", [301, 302, 307, 308, 401, 404, 500, 503])
def test_other_statuses_are_handed_on_and_redirects_not_followed(server: Server, status: int) -> None:
    server.status, server.body = status, b"elsewhere"
    server.headers = {"Location": f"http://127.0.0.1:{server.server_port}/other"}
    assert post(settings(server.server_port), is_commit=True) == (status, b"elsewhere")
    assert len(server.asked) == 1


def test_the_providers_clock_is_kept(server: Server) -> None:
    with HttpTransport.connect(settings(server.server_port)) as remote:
        remote.post("x", b"a=1")
        assert remote.server_clock is not None
        assert abs(remote.server_clock - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize("date", ["yesterday", "", "Sat, 99 Nov 2026 07:00:00 GMT"])
def test_an_invalid_date_is_tolerated(date: str) -> None:
    assert http._parse_date(date) is None


def test_proxies_of_the_environment_are_not_used(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert post(settings(server.server_port))[0] == 200


def test_a_long_form_arrives_whole(server: Server) -> None:
    form = b"a=1&b=" + b"x" * 6_000_000
    assert post(settings(server.server_port), form)[0] == 200
    assert server.asked[0][1] == form


def test_private_addresses_are_refused_and_nothing_is_dialled(server: Server) -> None:
    found = trouble(settings(server.server_port, allow_private_hosts=False), is_commit=True)
    assert isinstance(found, Refused)
    assert found.code == "host_private"
    assert found.account
    assert server.dialled == 0


def test_the_address_that_was_checked_is_dialled(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = []
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *others: Any, **more: Any) -> Any:
        judged.append(host)
        if len(judged) > 1:
            raise AssertionError("the name was looked up a second time")
        return real("127.0.0.1", port, *others, **more)

    monkeypatch.setattr(dial.socket, "getaddrinfo", resolve)
    given = settings(server.server_port) | {"api_url": f"http://bulk.example:{server.server_port}/eapi"}
    assert post(given)[0] == 200
    assert judged == ["bulk.example"]
    assert server.asked[0][2]["host"].startswith("bulk.example")


def test_an_unknown_host_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: Any, **__: Any) -> Any:
        raise socket.gaierror("no such name")

    monkeypatch.setattr(dial.socket, "getaddrinfo", resolve)
    found = trouble(settings(1, api_url="http://nobody.example/eapi"), is_commit=True)
    assert isinstance(found, Unreachable)
    assert found.code == "host_unknown"


def test_a_refused_connection_is_unreachable_even_for_a_commit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    found = trouble(settings(port), is_commit=True)
    assert isinstance(found, Unreachable)
    assert found.code == "connect_failed"


def saying(words: bytes) -> Callable[[socket.socket], None]:
    """Read the whole request, answer ``words`` and nothing else."""

    def answer(line: socket.socket) -> None:
        read_request(line)
        line.sendall(words)

    return answer


BREAKS = {
    "nothing": saying(b""),
    "half a head": saying(b"HTTP/1.1 200 OK\r\nContent-"),
    "half a body": saying(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0|IN_PROG"),
    "half a chunk": saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n0|IN_PROG"),
    "something else": saying(b"220 welcome to FTP\r\n"),
}


@pytest.mark.parametrize("answer", BREAKS.values(), ids=BREAKS)
def test_a_connection_that_breaks_after_the_request_is_unclear_for_a_commit_only(
    answer: Callable[[socket.socket], object],
) -> None:
    with breaking(answer) as port:
        found = trouble(settings(port), is_commit=True)
        assert isinstance(found, Unclear)
        assert found.code == "no_answer"
    with breaking(answer) as port:
        assert isinstance(trouble(settings(port)), Unreachable)


def test_a_connection_that_breaks_within_the_request_is_unclear_for_a_commit() -> None:
    with breaking(lambda line: line.recv(10)) as port:
        assert isinstance(trouble(settings(port), b"a=1&" + b"x" * 20_000_000, is_commit=True), Unclear)


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "HTTP_REPLY_SECONDS", 0.2)
    given_up = threading.Event()
    with breaking(lambda line: given_up.wait(30)) as port:
        assert isinstance(trouble(settings(port), is_commit=True), Unclear)
        given_up.set()
    given_up.clear()
    with breaking(lambda line: given_up.wait(30)) as port:
        found = trouble(settings(port))
        assert isinstance(found, Unreachable)
        assert found.code == "reply_timeout"
        given_up.set()


def test_how_long_an_answer_may_take_is_the_accounts_choice(server: Server) -> None:
    server.delay = 0.6
    given = settings(server.server_port, reply_seconds=0.2)
    for is_commit, kind in ((True, Unclear), (False, Unreachable)):
        found = trouble(given, is_commit=is_commit)
        assert isinstance(found, kind)
        assert advice(REPLY) in found.sentence
    assert post(settings(server.server_port, reply_seconds=9), is_commit=True) == (200, b"0|fine|1")


def test_how_long_tls_may_take_is_the_accounts_choice() -> None:
    given_up = threading.Event()
    with breaking(lambda line: given_up.wait(30)) as port:
        found = trouble(settings(port, "https", connect_seconds=0.2), is_commit=True)
        given_up.set()
    assert isinstance(found, Unreachable)
    assert found.code == "connect_timeout"
    assert advice(CONNECT) in found.sentence


def test_a_server_that_trickles_is_given_up_when_the_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "HTTP_TOTAL_SECONDS", 0.5)
    given_up = threading.Event()

    def trickle(line: socket.socket) -> None:
        read_request(line)
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not given_up.wait(0.05):
            line.sendall(b"x")

    with breaking(trickle) as port:
        assert isinstance(trouble(settings(port), is_commit=True), Unclear)
        given_up.set()


def test_a_server_that_stops_reading_is_given_up_when_the_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "HTTP_TOTAL_SECONDS", 0.5)
    given_up = threading.Event()
    with breaking(lambda line: given_up.wait(30)) as port:
        assert isinstance(trouble(settings(port), b"a=1&" + b"x" * 20_000_000, is_commit=True), Unclear)
        given_up.set()


def test_no_wait_is_as_long_as_a_job() -> None:
    assert timing.CONNECT_SECONDS < timing.HTTP_REPLY_SECONDS < timing.HTTP_TOTAL_SECONDS < 240


def test_an_answer_over_the_limit_is_discarded(server: Server) -> None:
    server.body = b"x" * 1001
    assert isinstance(trouble(settings(server.server_port), is_commit=True, at_most=1000), Unclear)
    found = trouble(settings(server.server_port), at_most=1000)
    assert isinstance(found, Unreachable)
    assert found.code == "answer_too_long"
    server.body = b"x" * 1000
    assert post(settings(server.server_port), at_most=1000) == (200, server.body)


def test_plain_http_is_used_only_where_the_account_allows_it(server: Server) -> None:
    found = trouble(settings(server.server_port, allow_plain_http=False))
    assert isinstance(found, Refused)
    assert found.code == "plain_http_refused"
    assert found.account
    assert server.dialled == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bulksms.vsms.net",
        "ftp://bulksms.vsms.net/eapi",
        "https:///eapi",
        "https://user:word@bulksms.vsms.net/eapi",
        "https://bulksms.vsms.net/eapi?username=x",
        "https://bulksms.vsms.net/eapi?",
        "https://bulksms.vsms.net/eapi#top",
        "https://bulksms.vsms.net:port/eapi",
        "https://[::1/eapi",
        "https://bulksms\n.vsms.net/eapi",
    ],
)
def test_invalid_addresses_are_refused(text: str) -> None:
    with pytest.raises(Refused) as caught:
        address(text)
    assert caught.value.code == "address_unusable"
    with pytest.raises(Refused), HttpTransport.connect(settings(1, api_url=text)):
        pass


def test_an_address_loses_the_slash_at_its_end() -> None:
    assert str(address(" https://bulksms.vsms.net/eapi/ ")) == "https://bulksms.vsms.net/eapi"
    with HttpTransport.connect(settings(1, api_url="https://bulksms.vsms.net/eapi")) as remote:
        assert remote.hosts() == ("bulksms.vsms.net:443",)


def certificate(folder: Path, *names: x509.GeneralName) -> tuple[str, Path]:
    """A self-signed certificate for ``names``: its PEM text, and a file with it and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sandbox")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    text = signed.public_bytes(serialization.Encoding.PEM).decode()
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "server.pem"
    path.write_bytes(text.encode() + secret)
    return text, path


@contextmanager
def encrypted(folder: Path, name: x509.GeneralName) -> Iterator[tuple[Server, str]]:
    text, path = certificate(folder, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    server = Server()
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with serving(server):
        yield server, text


def test_https_with_a_certificate_the_account_trusts(tmp_path: Path) -> None:
    with encrypted(tmp_path, x509.IPAddress(ip_address("127.0.0.1"))) as (server, text):
        given = settings(server.server_port, "https", tls_certificate=text)
        with HttpTransport.connect(given) as remote:
            assert remote.is_encrypted
            assert remote.certificate_ends_at is None
            assert remote.post("x", b"a=1" + b"x" * 1_000_000, is_commit=True) == (200, b"0|fine|1")
            assert remote.certificate_ends_at is not None
            assert remote.certificate_ends_at > datetime.now(UTC) + timedelta(days=29)
        assert len(server.asked) == 1


def test_an_unsigned_certificate_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    with encrypted(tmp_path, x509.IPAddress(ip_address("127.0.0.1"))) as (server, _):
        found = trouble(settings(server.server_port, "https"), is_commit=True)
        assert isinstance(found, Refused)
        assert found.code == "certificate_refused"
        assert found.account
        assert server.asked == []


def test_a_certificate_for_another_host_is_refused(tmp_path: Path) -> None:
    with encrypted(tmp_path, x509.DNSName("other.example")) as (server, text):
        found = trouble(settings(server.server_port, "https", tls_certificate=text), is_commit=True)
        assert found.code == "certificate_refused"
        assert server.asked == []


def test_a_server_without_encryption_is_unreachable_over_https(server: Server) -> None:
    found = trouble(settings(server.server_port, "https"), is_commit=True)
    assert isinstance(found, Unreachable)
    assert found.code == "tls_failed"


@pytest.mark.parametrize("certificate", ["-----BEGIN CERTIFICATE-----\nnonsense\n", "é"])
def test_a_certificate_that_cannot_be_read_is_refused(certificate: str) -> None:
    found = trouble(settings(1, "https", tls_certificate=certificate))
    assert isinstance(found, Refused)
    assert found.code == "certificate_unreadable"
    assert found.account
