"""Reads one file and decides whether it is rejected."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from providers.sandbox.gsm import not_gsm, parts

# GatewayAPI FTP: "Files larger than 30 MB will not be processed"; assumption: a MB is a million bytes, and such a file
# is rejected as one that could not be processed.
LARGEST = 30_000_000
_COLUMNS = frozenset({"msisdn", "message", "sender", "class", "userref"})
# The message classes of the company's other interface; the document of this one names only "standard".
_CLASSES = frozenset({"standard", "premium", "secret", "charge"})
_MSISDN = re.compile(r"[1-9][0-9]{6,14}")
_SENDER = re.compile(r"[A-Za-z0-9]{1,11}|[0-9]{1,15}")
_MARKS = (
    # The longer mark first: the mark of UTF-32 begins with the mark of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
_EXCEL_FILES = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


@dataclass(frozen=True)
class Text:
    """A message that would be texted; ``parts`` is its cost in credits."""

    msisdn: str
    sender: str
    text: str
    reference: str
    parts: int


@dataclass(frozen=True)
class FileResult:
    """The result for one file: its ``texts``, or the ``cause`` (one of CAUSES) and ``detail`` of its rejection."""

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


def check_file(name: str, body: bytes) -> FileResult:
    """Return the result for one file; ``name`` is the name that ends in ``.ready``. Pure.

    assumption: a file is accepted as a whole or rejected as a whole; the document only speaks of whole files.
    """
    try:
        rows = _rows(name, body)
        columns = _columns(next(rows, []))
        messages = [_message(number, columns, row) for number, row in enumerate(rows, start=2)]
        if not messages:
            raise _Rejection("missing-parameter", "there is no message")
        _check_classes(messages)
        _check_recipients(messages)
        return FileResult(tuple(_text(number, message) for number, message in enumerate(messages, start=2)))
    except _Rejection as rejection:
        return FileResult(cause=rejection.cause, detail=rejection.detail)


def _rows(name: str, body: bytes) -> Iterator[list[str]]:
    if len(body) > LARGEST:
        raise _Rejection("too-large")
    tokens = name.split(".")
    # "You can't upload Excel .xls(x) files"
    if body.startswith(_EXCEL_FILES):
        raise _Rejection("columns", "this is a file of Excel itself")
    text = _decoded(tokens, body)
    delimiter = ";" if "excel" in tokens else ","
    # Lines end in LF or CR LF; csv raises on a CR alone outside quotes.
    read = csv.reader(io.StringIO(text, newline="\n"), delimiter=delimiter, doublequote=True, strict=True)
    try:
        yield from read
    except csv.Error as error:
        raise _Rejection("columns", f"line {read.line_num}: {error}") from None


def _decoded(tokens: list[str], body: bytes) -> str:
    # assumption: these words count only as a whole part between dots of the name, in lower case as in the document.
    forced = [token for token in ("utf8", "cp1252") if token in tokens]
    if len(forced) > 1:
        raise _Rejection("encoding", "the name asks for two encodings")
    try:
        # assumption: a byte order mark is used only for detection; with a requested encoding it is a character.
        return body.decode(forced[0] if forced else _detected(body))
    except UnicodeDecodeError:
        raise _Rejection("encoding", f"the file is not {forced[0] if forced else 'readable'}") from None


def _detected(body: bytes) -> str:
    # assumption: any file that is valid UTF-8 is UTF-8, also in Excel's format; UTF-16 and UTF-32 need a mark.
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
    # assumption: every row has as many cells as there are columns, so an empty line is an error.
    if len(row) != len(columns):
        raise _Rejection("columns", f"row {number} has {len(row)} cells and not {len(columns)}")
    return dict(zip(columns, row, strict=True))


def _check_classes(messages: list[dict[str, str]]) -> None:
    # "If specified it must be the same for all messages in the file"; an empty cell counts as different.
    classes = {message.get("class", "") for message in messages}
    if len(classes) > 1:
        raise _Rejection("different-classes")
    if classes - _CLASSES - {""}:
        raise _Rejection("unknown-class")


def _check_recipients(messages: list[dict[str, str]]) -> None:
    # assumption: 0x0310, "same recipient more than once", applies to the messages of one file.
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
    # assumption: there is no column for an encoding, so characters outside GSM 03.38 cannot be texted.
    if not_gsm(text):
        raise _Rejection("message", f"row {number} has characters outside GSM 03.38")
    return Text(msisdn, sender, text, message.get("userref", ""), parts(text))
