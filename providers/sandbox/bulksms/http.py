"""Answers the requests of the EAPI, and breaks connections and answers where a fault says so."""

import hashlib
import re
import select
import socket
import ssl
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from providers.sandbox.bulksms.codes import SLUG, STATUSES, Answer, Failed
from providers.sandbox.bulksms.connections import Connections
from providers.sandbox.bulksms.gateway import Gateway
from providers.sandbox.bulksms.submission import MSISDN, parts_allowed
from providers.sandbox.bulksms.texts import seven_bit, truncate
from providers.sandbox.faults import Faults

# assumption: the document gives no size in bytes.
LARGEST_REQUEST = 64 * 1024 * 1024
_LOGIN = re.compile(rb"\A(?:(?:username|password)=[^&]*(?:&|\Z))*")


def without_login(body: bytes) -> bytes:
    """Return the bytes of a request without the login fields at its beginning."""
    return _LOGIN.sub(b"", body, count=1)


class Server(ThreadingHTTPServer):
    """HTTP, or HTTPS if there is a ``context``. Raises OSError when the port is in use."""

    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], context: ssl.SSLContext | None
    ) -> None:
        super().__init__(address, handler)
        self._context = context

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, client = super().get_request()
        if self._context:
            # The connection's own thread does the handshake, so that a silent client does not block the others.
            connection = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, client

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Clients that break the connection are normal here.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection, which may carry several requests one after the other."""

    connections: Connections
    faults: Faults
    protocol_version = "HTTP/1.1"
    timeout = 300
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        # send_batch: "please do not use HTTP GET in production - use only POST": GET is not supported here.
        self._answer(405, "Use POST.", Allow="POST")

    def do_POST(self) -> None:
        body = self._body()
        if body is None:
            return
        endpoint = self._endpoints(body).get(urlsplit(self.path).path)
        if self._fault("down"):
            self._answer(503, "Service unavailable.")
        elif endpoint is None:
            self._answer(404, "There is no such address.")
        elif not self._is_form():
            # The provider's samples: multipart is not supported.
            self._answer_text(Answer(24, "no parameters (use application/x-www-form-urlencoded)").line())
        else:
            endpoint(dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="latin-1")))

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the ledger and the state show what arrived."""

    def finish(self) -> None:
        self.connections.forget(self.connection)
        super().finish()

    def _endpoints(self, body: bytes) -> dict[str, Callable[[dict[str, str]], None]]:
        return {
            "/eapi/submission/send_batch/1/1.0": lambda fields: self._send_batch(fields, body),
            "/eapi/status_reports/get_report/2/2.0": self._get_report,
            "/eapi/user/get_credits/1/1.1": self._get_credits,
            "/eapi/submission/quote_sms/2/2.0": self._quote_sms,
        }

    def _send_batch(self, fields: dict[str, str], body: bytes) -> None:
        if self._fails_before_processing():
            return
        try:
            gateway = self.connections.login(fields)
            with self.connections.only_one(gateway.account, self.connection):
                sha256 = hashlib.sha256(without_login(body)).hexdigest()
                answer = gateway.submit(fields, datetime.now(UTC), sha256)
        except Failed as error:
            answer = Answer(error.code, error.description)
        if not self._fails_after_processing(answer):
            self._answer_text(answer.line())

    def _fails_before_processing(self) -> bool:
        for status, words in ((500, "Internal server error."), (401, "Who is there?"), (404, "Not found.")):
            if self._fault(f"http-{status}"):
                self._answer(status, words)
                return True
        if self._fault("http-302"):
            self._answer(302, "Moved.", Location="/login")
        elif self._fault("hangs-before-processing"):
            self._hang()
        elif self._fault("drop-before-processing"):
            self._drop()
        else:
            return False
        return True

    def _fails_after_processing(self, answer: Answer) -> bool:
        if self._fault("http-502"):
            self._answer(502, "Bad gateway.")
        elif self._fault("drop-before-answer"):
            self._drop()
        elif self._fault("hangs"):
            self._hang()
        elif self._fault("empty-answer"):
            self._answer_text("")
        elif self._fault("html-answer"):
            self._answer(200, "<html><body><h1>Please log in to the network</h1></body></html>", "text/html")
        elif self._fault("truncated-answer"):
            self._answer(200, answer.line(), is_cut=True)
        elif self._fault("no-batch-id"):
            self._answer_text(f"{answer.code}|{answer.description}")
        elif self._fault("trailing-pipe"):
            self._answer_text(f"{answer.line().strip().rstrip('|')}|\n")
        else:
            if self._fault("slow"):
                time.sleep(3)
            return False
        return True

    def _get_report(self, fields: dict[str, str]) -> None:
        if self._fault("report-http-500"):
            self._answer(500, "Internal server error.")
            return
        asked = [name for name in fields.get("optional_fields", "").split(",") if name]
        self._answer_with(fields, lambda gateway: self._report(gateway.report(fields, datetime.now(UTC)), asked))

    def _report(self, found: list[dict[str, str]], asked: list[str]) -> str:
        if self._fault("report-failed"):
            raise Failed(22)
        if self._fault("report-missing-rows"):
            found = found[::2]
        if self._fault("report-empty"):
            found = []
        for code in (*STATUSES, 99):
            if self._fault(f"report-status:{code}"):
                found = [{**row, "status_code": str(code)} for row in found]
        names = ["msisdn", "status_code", *(name for name in asked if found and name in found[0])]
        words = "Results to follow" if self._fault("report-other-words") else "Returns to follow"
        lines = ["|".join(row[name] for name in names) for row in found]
        return "\n".join([f"0|{words}", "", *lines]) + "\n"

    def _get_credits(self, fields: dict[str, str]) -> None:
        def credits(gateway: Gateway) -> str:
            if self._fault("credits-failed"):
                raise Failed(22)
            return f"0|{gateway.credit()}"

        self._answer_with(fields, credits)

    def _quote_sms(self, fields: dict[str, str]) -> None:
        def quote(gateway: Gateway) -> str:
            numbers = [number for number in fields.get("msisdn", "").split(",") if MSISDN.fullmatch(number)]
            message = fields.get("message", "")
            if not numbers or not message:
                raise Failed(24, "mandatory field msisdn or message is missing")
            parts = (
                1 if fields.get("dca") in ("8bit", "16bit") else truncate(seven_bit(message), parts_allowed(fields))[1]
            )
            return f"0|Quotation issued|{parts * len(numbers)}.00"

        self._answer_with(fields, quote)

    def _answer_with(self, fields: dict[str, str], ask: Callable[[Gateway], str]) -> None:
        try:
            gateway = self.connections.login(fields)
            with self.connections.only_one(gateway.account, self.connection):
                text = ask(gateway)
        except Failed as error:
            text = f"{error.code}|{error.description}"
        self._answer_text(text)

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LARGEST_REQUEST:
            self.close_connection = True
            self._answer(413 if length.isdigit() else 411, "Say Content-Length, at most 64 MB.")
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            # The client broke the connection: there is nobody to answer, and half a request is not processed.
            self.close_connection = True
            return None
        return body

    def _is_form(self) -> bool:
        return self.headers.get_content_type() == "application/x-www-form-urlencoded"

    def _answer_text(self, text: str) -> None:
        self._answer(200, text)

    def _answer(
        self, status: int, text: str, content_type: str = "text/plain", *, is_cut: bool = False, **headers: str
    ) -> None:
        body = text.encode("latin-1", "replace")
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if is_cut:
            self.wfile.write(body[: len(body) // 2])
            self._drop()
        else:
            self.wfile.write(body)

    def _drop(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _hang(self) -> None:
        # Until the client closes the connection.
        self.close_connection = True
        select.select([self.connection], [], [], self.timeout)

    def _fault(self, name: str) -> bool:
        return self.faults.use(f"{SLUG}:{name}")
