"""Reads one file and decides what becomes of each message in it."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from providers.sandbox.clickatell.codes import MAGIC
from providers.sandbox.gsm import BASIC, EXTENDED, chained, septets

# using-the-ftp-api: "each line <= 8192 bytes", "up to 100 000 messages per file", deleted 48 hours after the last
# modification.
LONGEST_LINE = 8192
MOST_MESSAGES = 100_000
# assumption: the page gives no default for a file; the default of an account is three parts.
CONCAT = 3
MOST_PARTS = 35
LONGEST_DELAY = 10080
_LINE_END = re.compile(rb"\r\n|\r|\n")
_LOGIN = re.compile(rb"\A(?:(?:api_id|user|password):[^\r\n]*(?:\r\n|\r|\n))*")
_FIELD = re.compile(r"#field([1-9][0-9]{0,3})#", re.IGNORECASE)
_MSISDN = re.compile(r"[1-9][0-9]{6,14}")
_SENDER = re.compile(r"[0-9]{1,16}|[A-Za-z0-9]{1,11}")
_UNICODE = re.compile(r"(?:[0-9a-fA-F]{4})*")
_REPEATED = ("to", "text", "csv")
_ONCE = (
    "api_id", "user", "password", "from", "climsgid", "concat", "deliv_time", "validity", "callback", "deliv_ack",
    "escalate", "max_credits", "queue", "req_feat", "mo", "msg_type", "unicode", "delimiter",
)  # fmt: skip
# The smallest and the largest whole number that each parameter may have.
_BOUNDS = {
    "concat": (1, MOST_PARTS),
    "validity": (1, 99_999),
    "callback": (0, 7),
    "deliv_ack": (0, 1),
    "escalate": (0, 1),
    "max_credits": (0, 99_999),
    "queue": (1, 3),
    "req_feat": (0, 2**31),
    "mo": (0, 1),
    "unicode": (0, 1),
}


@dataclass(frozen=True)
class Login:
    """The API credentials that a file must contain; they are not the FTP login."""

    api_id: str
    user: str
    password: str


@dataclass(frozen=True)
class MessageResult:
    """The result for one message: texted if ``code`` is empty, else one of CODES. ``parts`` is its cost."""

    msisdn: str
    text: str
    parts: int
    code: str = ""


@dataclass(frozen=True)
class FileResult:
    """The result for one file: ``error`` is one of CODES if the whole file is refused. ``delay`` is in minutes."""

    error: str = ""
    detail: str = ""
    sender: str = ""
    reference: str = ""
    delay: int = 0
    results: tuple[MessageResult, ...] = ()

    @property
    def texted(self) -> tuple[MessageResult, ...]:
        return tuple(result for result in self.results if not result.code)

    @property
    def cost(self) -> int:
        return sum(result.parts for result in self.texted)


class _WholeFile(Exception):
    """The whole file is refused with one of CODES."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


class _OneMessage(Exception):
    """One message is refused with one of CODES."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def check_file(
    body: bytes, login: Login, *, opted_out: Collection[str], credit: int, charset: str = "latin-1"
) -> FileResult:
    """Return the result for one file. Pure.

    ``credit`` is the balance in message parts, ``opted_out`` the msisdns that may not be texted.
    assumption: the document names no charset; this gateway reads ISO-8859-1.
    """
    try:
        lines = _lines(body, charset)
        once = _once(lines)
        _check_login(once, login)
        _check_values(once)
        wanted = _wanted(lines, once)
    except _WholeFile as error:
        return FileResult(error.code, error.detail)
    results, left = [], credit
    for msisdn, text in wanted:
        result = _result(msisdn, text, once, opted_out, left)
        if not result.code:
            left -= result.parts
        results.append(result)
    return FileResult(
        sender=once.get("from", ""),
        reference=once.get("climsgid", ""),
        delay=int(once.get("deliv_time", "0")),
        results=tuple(results),
    )


def _lines(body: bytes, charset: str) -> list[tuple[str, str]]:
    found = []
    for line in _LINE_END.split(body):
        if len(line) > LONGEST_LINE:
            raise _WholeFile("100", "a line is longer than 8192 bytes")
        if not line.strip():
            continue
        key, colon, value = line.decode(charset, "replace").partition(":")
        # assumption: a line that is not a parameter is malformed data; an unknown parameter is invalid.
        if not colon:
            raise _WholeFile("100", "a line has no colon")
        name = key.strip().lower()
        if name not in _REPEATED and name not in _ONCE:
            raise _WholeFile("101", "a parameter is unknown")
        # The page of 2007 shows a space after the colon, the reference shows none: one space is not part of the value.
        found.append((name, value.removeprefix(" ")))
    return found


def without_login(body: bytes) -> bytes:
    """Return a file without the credential lines at its top."""
    return _LOGIN.sub(b"", body, count=1)


def first_part(body: bytes) -> bytes:
    """Return a file as it is while it is being uploaded: up to the middle of a recipient's line, and never the last.

    The document does not say that the gateway waits for the end of an upload. If the last line were cut, the log would
    name everybody, and nothing would show it unless the log is older than the end of the upload (docs/handover.md).
    """
    lines = body.split(b"\n")
    recipients = [place for place, line in enumerate(lines) if line.startswith((b"csv:", b"to:"))]
    if not recipients:
        return body[: len(body) // 2]
    last = recipients[(len(recipients) - 1) // 2]
    number, delimiter, values = lines[last].partition(_delimiter(lines))
    return b"\n".join([*lines[:last], number + delimiter + values[: len(values) // 2]])


def _delimiter(lines: Sequence[bytes]) -> bytes:
    return next((line[-1:] for line in lines if line.startswith(b"delimiter:")), b",")


def _once(lines: Sequence[tuple[str, str]]) -> dict[str, str]:
    once: dict[str, str] = {}
    for name, value in lines:
        if name in _REPEATED:
            continue
        # assumption: a parameter that is given twice is invalid.
        if name in once:
            raise _WholeFile("101", f"{name} is given twice")
        once[name] = value if name == "delimiter" else value.strip()
    return once


def _check_login(once: Mapping[str, str], login: Login) -> None:
    if once.get("api_id") != login.api_id:
        raise _WholeFile("108")
    if (once.get("user"), once.get("password")) != (login.user, login.password):
        raise _WholeFile("001")


def _check_values(once: Mapping[str, str]) -> None:
    for name, (least, most) in _BOUNDS.items():
        if name in once and not _is_whole(once[name], least, most):
            raise _WholeFile("101", f"{name} must be a number from {least} to {most}")
    if not _is_whole(once.get("deliv_time", "0"), 0, LONGEST_DELAY):
        raise _WholeFile("120")
    if once.get("msg_type", "SMS_TEXT") not in ("SMS_TEXT", "SMS_FLASH"):
        raise _WholeFile("101", "msg_type is unknown")
    # climsgid: "alphanumeric <=32".
    if not re.fullmatch(r"[A-Za-z0-9]{0,32}", once.get("climsgid", "")):
        raise _WholeFile("101", "climsgid must be at most 32 letters and digits")
    if not _SENDER.fullmatch(once.get("from", "1")):
        raise _WholeFile("106")


def _is_whole(text: str, least: int, most: int) -> bool:
    return bool(re.fullmatch(r"[0-9]{1,10}", text)) and least <= int(text) <= most


def _wanted(lines: Sequence[tuple[str, str]], once: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the number and the text, as written, of each message."""
    numbers = [value.strip() for name, value in lines if name == "to"]
    rows = [value for name, value in lines if name == "csv"]
    texts = [value for name, value in lines if name == "text"]
    # assumption: a file cannot mix the two forms.
    if bool(numbers) == bool(rows):
        raise _WholeFile("101", "a file has either to or csv lines")
    if len(numbers) + len(rows) > MOST_MESSAGES:
        raise _WholeFile("100", "a file has at most 100 000 messages")
    if not texts:
        raise _WholeFile("107")
    # "Several text: lines = a newline between them".
    text = "\n".join(texts)
    if numbers:
        return [(number, text) for number in numbers]
    delimiter = once.get("delimiter", ",")
    if len(delimiter) != 1:
        raise _WholeFile("101", "delimiter must be one character")
    wanted = []
    for row in rows:
        number, *values = row.split(delimiter)
        wanted.append((number.strip(), _filled(text, values)))
    return wanted


def _filled(template: str, values: Sequence[str]) -> str:
    # assumption: a field without a value is empty.
    def value(field: re.Match[str]) -> str:
        number = int(field[1])
        return values[number - 1] if number <= len(values) else ""

    return _FIELD.sub(value, template)


def _result(
    msisdn: str, written: str, once: Mapping[str, str], opted_out: Collection[str], credit: int
) -> MessageResult:
    is_unicode = once.get("unicode") == "1"
    try:
        if not _MSISDN.fullmatch(msisdn):
            raise _OneMessage("105")
        for ending, code in MAGIC.items():
            if msisdn.endswith(ending):
                raise _OneMessage(code)
        if msisdn in opted_out:
            raise _OneMessage("122")
        text = _from_unicode(written) if is_unicode else _shown(written)
        if not text.strip("\n"):
            raise _OneMessage("107")
        parts = parts_of(text, is_unicode)
        if parts > int(once.get("concat", CONCAT)):
            raise _OneMessage("113")
        # assumption: messages are texted until the credit is used up; the rest are refused.
        if parts > credit:
            raise _OneMessage("301")
    except _OneMessage as error:
        return MessageResult(msisdn, "", 0, error.code)
    return MessageResult(msisdn, text, parts)


def _from_unicode(written: str) -> str:
    try:
        lines = [line.strip() for line in written.split("\n")]
        if not all(_UNICODE.fullmatch(line) for line in lines):
            raise _OneMessage("116")
        return "\n".join(bytes.fromhex(line).decode("utf-16-be") for line in lines)
    except UnicodeDecodeError:
        raise _OneMessage("116") from None


def _shown(text: str) -> str:
    # assumption: a character that GSM lacks arrives as a question mark, which the ledger shows.
    return "".join(character if character in BASIC or character in EXTENDED else "?" for character in text)


def parts_of(text: str, is_unicode: bool) -> int:
    """Return how many SMS parts a text takes; a line break counts as two characters, as the reference says.

    160 septets alone and 153 each in a chain, or 70 and 67 UTF-16 units; a character of two is never split.
    """
    if is_unicode:
        costs, alone, each = [len(character.encode("utf-16-be")) // 2 for character in text], 70, 67
    else:
        costs, alone, each = septets(text), 160, 153
    return chained([2 if character == "\n" else cost for character, cost in zip(text, costs, strict=True)], alone, each)
