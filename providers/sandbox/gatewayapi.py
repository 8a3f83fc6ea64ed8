"""A pretend GatewayAPI over FTP: judges files as its document says and renames them as it does.

Written from GatewayAPI's document alone ("GatewayAPI FTP"), so that it and the adapter check each other. Where the
document is silent the assumption is named; where two readings are possible this one is the stricter.

Numbers that cause trouble without any set-up, by how they end; either has the whole file rejected:

* ``99911``: its country is not one the account may text (0x0217)
* ``99912``: it is blacklisted (0x0215)
"""

import codecs
import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from providers.sandbox.account import Account
from providers.sandbox.disk import sync_folder, write_durably
from providers.sandbox.faults import Faults
from providers.sandbox.ftp import FtpServer, Rules, certificate_file, ftp_faults, public_certificate, serve_ftp
from providers.sandbox.gsm import not_gsm, parts
from providers.sandbox.ledger import Ledger
from providers.sandbox.sftp import Uploads
from providers.sandbox.site import HOST, Ground, Site

SLUG = "gatewayapi"
READY = ".ready"
PROCESSING = ".processing"
SUCCESS = ".success"
REJECTED = ".rejected"

# GatewayAPI FTP: "Files larger than 30 MB will not be processed"; assumption: a MB is a million bytes, and such a file
# is rejected as one that could not be processed.
LARGEST = 30_000_000
# "the file batch will be retried up to 5 times, with 30 minutes between each attempt"; one look stands for a minute.
RETRIES = 5
POLLS_BETWEEN = 30

# The company's error codes. assumption: these are the causes that a rejected file names; the document shows none.
CAUSES = {
    "internal-error": ("0x0101", "Unknown internal error"),
    "encoding": ("0x0208", "Invalid argument, encoding"),
    "unknown-user": ("0x0210", "Invalid username"),
    "columns": ("0x0220", "Unsupported parameter"),
    "missing-parameter": ("0x0222", "Missing required parameter"),
    "msisdn": ("0x0208", "Invalid argument, msisdn"),
    "message": ("0x0208", "Invalid argument, message"),
    "sender": ("0x0208", "Invalid argument, sender"),
    "too-large": ("0x0206", "Insufficient resources, the file is larger than 30 MB"),
    "different-classes": ("0x0208", "Invalid argument, class must be the same for all messages"),
    "unknown-class": ("0x0218", "Unknown message class"),
    "class-not-configured": ("0x021E", "Message class not configured"),
    "insufficient-credit": ("0x0216", "Insufficient credit"),
    "blacklisted": ("0x0215", "MSISDN blacklisted"),
    "temporary-blacklist": ("0x0214", "Temporary blacklist"),
    "destination": ("0x0217", "Unauthorized destination country"),
    "operator": ("0x021F", "Unauthorized destination operator"),
    "same-recipient": ("0x0310", "Same recipient more than once"),
    "priority": ("0x0311", "Priority not available"),
    "not-enabled": ("0x021D", "SMS not enabled for the account"),
    "frozen": ("0x022A", "Account frozen"),
    "filtered": ("0x0312", "Filtered on content"),
}

_REJECT_FAULTS = {
    "insufficient-credit": "Every file is rejected for want of credit.",
    "unknown-class": "Every file is rejected because its message class is not known.",
    "class-not-configured": "Every file is rejected because its message class is not configured for the account.",
    "different-classes": "Every file is rejected because its messages have different classes.",
    "missing-parameter": "Every file is rejected because something required is missing in it.",
    "columns": "Every file is rejected because of a column that is not known.",
    "msisdn": "Every file is rejected because of a number that is none.",
    "message": "Every file is rejected because of a text.",
    "sender": "Every file is rejected because of its sender.",
    "encoding": "Every file is rejected because its characters cannot be read.",
    "too-large": "Every file is rejected because it is larger than 30 MB.",
    "blacklisted": "Every file is rejected because of a number that is blacklisted.",
    "temporary-blacklist": "Every file is rejected because of a temporary blacklist.",
    "destination": "Every file is rejected because of a number in a country that the account may not text.",
    "operator": "Every file is rejected because of a number whose operator the account may not text.",
    "same-recipient": "Every file is rejected because of a number that is in it twice.",
    "priority": "Every file is rejected because of a priority that is not offered.",
    "unknown-user": "Every file is rejected because the account's user name is not known.",
    "not-enabled": "Every file is rejected because the account may not text at all.",
    "frozen": "Every file is rejected because the account is frozen.",
    "filtered": "Every file is rejected because of what its texts say.",
}

FAULTS = {
    **{f"{SLUG}:reject:{name}": words for name, words in _REJECT_FAULTS.items()},
    f"{SLUG}:reject:unexplained": "Every file is rejected without a cause at its bottom.",
    f"{SLUG}:tail:json": "The cause at the bottom of a rejected file is a JSON object.",
    f"{SLUG}:tail:csv": "The cause at the bottom of a rejected file is a row of CSV.",
    f"{SLUG}:tail:crlf": "The cause at the bottom of a rejected file is several lines that end in CR and LF.",
    f"{SLUG}:tail:glued": "The cause at the bottom of a rejected file does not begin on a line of its own.",
    f"{SLUG}:tail:rewritten": "A rejected file has other line ends than the one that was uploaded.",
    f"{SLUG}:internal-error": "Files in processing fail with an internal error and are tried again, up to five times.",
    f"{SLUG}:stuck-processing": "Files stay in processing.",
    f"{SLUG}:silent": "Files named .ready are not picked up.",
    **ftp_faults(SLUG, {"host-a": "Host a", "host-b": "Host b"}),
}

_COLUMNS = frozenset({"msisdn", "message", "sender", "class", "userref"})
# The message classes of the company's other interface; the document of this one names only "standard".
_CLASSES = frozenset({"standard", "premium", "secret", "charge"})
_MSISDN = re.compile(r"[1-9][0-9]{6,14}")
_SENDER = re.compile(r"[A-Za-z0-9]{1,11}|[0-9]{1,15}")
_TAKEN = re.compile(r"(?P<name>.*)\.\d{8}T\d{6}\.processing", re.DOTALL)
_MARKS = (
    # The longer mark first: that of UTF-16 is how that of UTF-32 begins.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
_EXCEL_FILES = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


@dataclass(frozen=True)
class Text:
    """A message that would be texted; ``parts`` is what it costs in credits."""

    msisdn: str
    sender: str
    text: str
    reference: str
    parts: int


@dataclass(frozen=True)
class Verdict:
    """What becomes of a file: ``texts``, or the ``cause`` (one of CAUSES) of its rejection and a ``detail``."""

    texts: tuple[Text, ...] = ()
    cause: str = ""
    detail: str = ""

    @property
    def cost(self) -> int:
        return sum(text.parts for text in self.texts)


class _Rejection(Exception):
    def __init__(self, cause: str, detail: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.detail = detail


def judge(name: str, body: bytes) -> Verdict:
    """Decide about one file, ``name`` being the one that ends in ``.ready``. Pure.

    assumption: a file is processed as a whole or rejected as a whole; the document speaks of the file only.
    """
    try:
        rows = _rows(name, body)
        columns = _columns(next(rows, []))
        messages = [_message(number, columns, row) for number, row in enumerate(rows, start=2)]
        if not messages:
            raise _Rejection("missing-parameter", "there is no message")
        _check_classes(messages)
        _check_recipients(messages)
        return Verdict(tuple(_text(number, message) for number, message in enumerate(messages, start=2)))
    except _Rejection as rejection:
        return Verdict(cause=rejection.cause, detail=rejection.detail)


def _rows(name: str, body: bytes) -> Iterator[list[str]]:
    if len(body) > LARGEST:
        raise _Rejection("too-large")
    tokens = name.split(".")
    # "You can't upload Excel .xls(x) files"
    if body.startswith(_EXCEL_FILES):
        raise _Rejection("columns", "this is a file of Excel itself")
    text = _decoded(tokens, body)
    delimiter = ";" if "excel" in tokens else ","
    # Lines end in LF or CR LF; a CR alone outside quotes makes csv raise.
    read = csv.reader(io.StringIO(text, newline="\n"), delimiter=delimiter, doublequote=True, strict=True)
    try:
        yield from read
    except csv.Error as trouble:
        raise _Rejection("columns", f"line {read.line_num}: {trouble}") from None


def _decoded(tokens: list[str], body: bytes) -> str:
    # assumption: the words are recognised as parts of the name between dots, written as the document writes them.
    forced = [token for token in ("utf8", "cp1252") if token in tokens]
    if len(forced) > 1:
        raise _Rejection("encoding", "the name asks for two encodings")
    try:
        # assumption: a byte order mark is one for detection; where an encoding is asked for it is a character.
        return body.decode(forced[0] if forced else _detected(body))
    except UnicodeDecodeError:
        raise _Rejection("encoding", f"the file is not {forced[0] if forced else 'readable'}") from None


def _detected(body: bytes) -> str:
    # assumption: what can be read as UTF-8 is UTF-8, also in Excel's format; UTF-16 and UTF-32 bear a mark.
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return encoding
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _columns(header: list[str]) -> list[str]:
    # "column names, which must match exactly"
    unknown = [column for column in header if column not in _COLUMNS]
    if unknown:
        raise _Rejection("columns", "the first row must be the names of the columns, exactly")
    if len(set(header)) < len(header):
        raise _Rejection("columns", "a column is there twice")
    for column in ("msisdn", "message"):
        if column not in header:
            raise _Rejection("missing-parameter", f"there is no column {column}")
    return header


def _message(number: int, columns: list[str], row: list[str]) -> dict[str, str]:
    # assumption: every row has as many cells as there are columns; an empty line is none.
    if len(row) != len(columns):
        raise _Rejection("columns", f"row {number} has {len(row)} cells and not {len(columns)}")
    return dict(zip(columns, row, strict=True))


def _check_classes(messages: list[dict[str, str]]) -> None:
    # "If specified it must be the same for all messages in the file"; an empty cell beside one that is not differs.
    classes = {message.get("class", "") for message in messages}
    if len(classes) > 1:
        raise _Rejection("different-classes")
    if classes - _CLASSES - {""}:
        raise _Rejection("unknown-class")


def _check_recipients(messages: list[dict[str, str]]) -> None:
    # assumption: 0x0310, "same recipient more than once", is meant of the messages of one file.
    numbers = [message["msisdn"] for message in messages if message["msisdn"]]
    if len(set(numbers)) < len(numbers):
        raise _Rejection("same-recipient")


def _text(number: int, message: Mapping[str, str]) -> Text:
    msisdn, text, sender = message["msisdn"], message["message"], message.get("sender", "")
    if not msisdn or not text:
        raise _Rejection("missing-parameter", f"row {number} has no {'message' if msisdn else 'msisdn'}")
    if not _MSISDN.fullmatch(msisdn):
        raise _Rejection("msisdn", f"row {number}")
    if msisdn.endswith("99911"):
        raise _Rejection("destination", f"row {number}")
    if msisdn.endswith("99912"):
        raise _Rejection("blacklisted", f"row {number}")
    if sender and not _SENDER.fullmatch(sender):
        raise _Rejection("sender", f"row {number}")
    # assumption: there is no column for an encoding, so what GSM 03.38 lacks cannot be texted.
    if not_gsm(text):
        raise _Rejection("message", f"row {number} has characters outside GSM 03.38")
    return Text(msisdn, sender, text, message.get("userref", ""), parts(text))


def allows(permission: str, name: str) -> bool:
    """The rules of the FTP servers: "You can't delete or rename files in the .processing stage"."""
    # assumption: nor can anybody write such a file or put another one in its place.
    return permission not in "dfwa" or not name.endswith(PROCESSING)


class Gateway(Account):
    """One account's folder and credit under ``folder``; not to be shared between threads.

    A file is picked up by one look and finished by a later one.
    """

    slug = SLUG

    def __init__(
        self,
        folder: Path,
        account: str,
        ledger: Ledger,
        faults: Faults,
        being_written: Callable[[Path], bool],
        credit: int = 1_000_000,
    ) -> None:
        super().__init__(folder, account, ledger, faults)
        self.home = folder / "home"
        self._being_written = being_written
        self._rejected_path = folder / "rejected.new"
        # Both by name in processing: how often an internal error came, and how many looks the next attempt is away.
        self._failures: Counter[str] = Counter()
        self._waits: Counter[str] = Counter()
        self.home.mkdir(parents=True, exist_ok=True)
        self._begin({"credit": credit})

    def look(self, now: datetime) -> None:
        """Go on with what is in processing, then pick up what is ready, at ``now`` (UTC)."""
        names = sorted(path.name for path in self.home.iterdir())
        for name in names:
            if name.endswith(PROCESSING) and not self._faults.use(f"{SLUG}:stuck-processing"):
                self._go_on(name, now)
        for name in names:
            if name.endswith(READY):
                self._pick_up(name, now)

    def state(self) -> dict[str, Any]:
        """What a person wants to know of this account: credit, files by stage."""
        names = sorted(path.name for path in self.home.iterdir())
        endings = {"ready": READY, "processing": PROCESSING, "success": SUCCESS, "rejected": REJECTED}
        files = {stage: [name for name in names if name.endswith(ending)] for stage, ending in endings.items()}
        files["uploaded"] = [name for name in names if not name.endswith(tuple(endings.values()))]
        return {"username": self.account, "credit": self._credit(), "files": files}

    def _pick_up(self, name: str, now: datetime) -> None:
        # assumption: a file uploaded under its last name at once is left until its upload ends. One that is renamed
        # while somebody is still writing it is taken half-written.
        if self._being_written(self.home / name) or self._faults.use(f"{SLUG}:silent"):
            return
        try:
            (self.home / name).replace(self.home / f"{name.removesuffix(READY)}.{now:%Y%m%dT%H%M%S}{PROCESSING}")
        except FileNotFoundError:
            # The client took it back.
            return
        sync_folder(self.home)

    def _go_on(self, name: str, now: datetime) -> None:
        if self._waits[name] > 1:
            self._waits[name] -= 1
        elif self._faults.use(f"{SLUG}:internal-error"):
            self._failures[name] += 1
            self._waits[name] = POLLS_BETWEEN
            if self._failures[name] > RETRIES:
                # assumption: after the last attempt the file is rejected.
                self._take(name, Verdict(cause="internal-error"), (self.home / name).read_bytes(), now)
        else:
            body = (self.home / name).read_bytes()
            self._take(name, self._verdict(_ready_name(name), body), body, now)

    def _verdict(self, name: str, body: bytes) -> Verdict:
        for cause in _REJECT_FAULTS:
            if self._faults.use(f"{SLUG}:reject:{cause}"):
                return Verdict(cause=cause)
        if f"{SLUG}:reject:unexplained" in self._faults.on():
            return Verdict(cause="internal-error")
        verdict = judge(name, body)
        if verdict.cost > self._credit():
            return Verdict(cause="insufficient-credit")
        return verdict

    def _take(self, name: str, verdict: Verdict, body: bytes, now: datetime) -> None:
        self._failures.pop(name, None)
        self._waits.pop(name, None)
        if verdict.cause:
            tail = self._with_tail(body, verdict)
            # Written outside the client's view, so that nobody ever reads half of it.
            write_durably(self._rejected_path, tail)
        file, sha256 = _ready_name(name), hashlib.sha256(body).hexdigest()
        self._carry_out(
            [
                self._line(now.isoformat(), file, text.msisdn, text.sender, text.text, text.reference, sha256)
                for text in verdict.texts
            ],
            {"credit": self._credit() - verdict.cost},
            name=name,
            is_rejected=bool(verdict.cause),
        )

    def _show(self, deed: Mapping[str, Any]) -> None:
        name, path = deed["name"], self.home / deed["name"]
        if deed["is_rejected"] and self._rejected_path.exists():
            self._rejected_path.replace(path)
        if path.exists():
            last = REJECTED if deed["is_rejected"] else SUCCESS
            path.replace(self.home / f"{name.removesuffix(PROCESSING)}{last}")
        sync_folder(self.home)

    def _with_tail(self, body: bytes, verdict: Verdict) -> bytes:
        """The rejected file. assumption: the cause is one line, a code and words; the document shows no example."""
        if self._faults.use(f"{SLUG}:reject:unexplained"):
            return body
        code, words = CAUSES[verdict.cause]
        cause = f"{words}: {verdict.detail}" if verdict.detail else words
        if self._faults.use(f"{SLUG}:tail:rewritten"):
            body = body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        if self._faults.use(f"{SLUG}:tail:glued"):
            return body.rstrip(b"\r\n") + f"{code} {cause}\n".encode()
        if body and not body.endswith(b"\n"):
            body += b"\n"
        if self._faults.use(f"{SLUG}:tail:json"):
            return body + json.dumps({"code": code, "message": cause}).encode() + b"\n"
        if self._faults.use(f"{SLUG}:tail:csv"):
            return body + f'"{code}","{cause}"\n'.encode()
        if self._faults.use(f"{SLUG}:tail:crlf"):
            return body + f"\r\nThe file was rejected.\r\nError code: {code}\r\n{cause}\r\n".encode()
        return body + f"{code} {cause}\n".encode()

    def _credit(self) -> int:
        return int(self._state()["credit"])


def _ready_name(name: str) -> str:
    taken = _TAKEN.fullmatch(name)
    return f"{taken['name'] if taken else name.removesuffix(PROCESSING)}{READY}"


class GatewayApi(Site):
    """The pretend provider: two FTP servers over one folder for each account, and what looks into the folders."""

    slug = SLUG
    label = "GatewayAPI"
    faults = FAULTS
    # "The moment you rename the file, we start sending it"
    every = 1.0

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        # A server is a thread, and each has uploads of its own.
        self._uploads = {"a": Uploads(), "b": Uploads()}
        self._servers: dict[str, FtpServer] = {}
        self._certificate = certificate_file(ground.data)
        self._gateways = {
            name: Gateway(ground.folder / name, name, ground.ledger, ground.faults, self._being_written, ground.credit)
            for name in ground.passwords
        }

    async def open(self) -> None:
        for host in self._uploads:
            name = f"{SLUG}-{host}"
            self._servers[host] = self.ground.ports.listen(name, self._serving(host))
            self.ground.ports.keep(name, self._servers[host].port)

    async def close(self) -> None:
        for server in self._servers.values():
            server.close()

    def look(self, now: datetime) -> None:
        for gateway in self._gateways.values():
            gateway.look(now)

    def account(self, username: str) -> dict[str, Any]:
        return {
            **self._hosts(),
            "port": self._servers["a"].port,
            "username": username,
            "password": self.ground.passwords[username],
            "use_tls": False,
            "tls_certificate": public_certificate(self._certificate),
        }

    def state(self) -> dict[str, Any]:
        accounts = [gateway.state() for gateway in self._gateways.values()]
        return {"label": self.label, **self._hosts(), "accounts": accounts}

    def _hosts(self) -> dict[str, str]:
        return {f"host_{host}": f"{HOST}:{server.port}" for host, server in self._servers.items()}

    def _being_written(self, path: Path) -> bool:
        return any(uploads.is_open(path) for uploads in self._uploads.values())

    def _serving(self, host: str) -> Callable[[int], FtpServer]:
        def serve(port: int) -> FtpServer:
            return serve_ftp(
                host=HOST,
                port=port,
                provider=SLUG,
                passwords=self.ground.passwords,
                home_of=lambda username: self.ground.folder / username / "home",
                faults=self.ground.faults,
                uploads=self._uploads[host],
                # "You can't create new directories." "You can't modify the file permissions."
                rules=Rules("elradfw", allows),
                door=f"host-{host}",
                certificate=self._certificate,
            )

        return serve
