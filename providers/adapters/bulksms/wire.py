"""The bytes that go to BulkSMS, and the texts that those bytes cannot express."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from providers import gsm
from providers.base import CampaignSpec, Problem
from providers.messages import Messages
from providers.transports.http import HttpRemote

SEND_BATCH = "submission/send_batch/1/1.0"
QUOTE = "submission/quote_sms/2/2.0"
REPORT = "status_reports/get_report/2/2.0"
CREDITS = "user/get_credits/1/1.1"
# The provider's own code sample ("character_resolve"): the bytes for GSM's Greek capitals.
_GREEK_LETTERS = "ΔΦΓΛΩΠΨΣΘΞ"
_GREEK = str.maketrans(_GREEK_LETTERS, "\xd0\xde\xac\xc2\xdb\xba\xdd\xca\xd4\xb1")
# GSM has these characters, but BulkSMS documents no bytes for them. assumption: guessed bytes may arrive as "?" or not
# at all.
_WITHOUT_A_BYTE = "€\r\f"
DEFAULT_PARTS = 4
# RFC 3986 2.3: the characters that a form shows as they are.
_UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~"
# An answer is one line; this also leaves room for an error page from a proxy.
MAX_ANSWER_BYTES = 100_000


def uses_unicode(spec: CampaignSpec) -> bool:
    return spec.options.get("alphabet") == "16bit"


def unicode_problems(text: str) -> list[Problem]:
    """Return why BulkSMS cannot text this in Unicode.

    send_batch: 16bit takes "a maximum of 140 octets" per message, and several messages cannot be joined.
    assumption: a character beyond the basic plane is sent as two units, as phones expect.
    """
    try:
        units = len(text.encode("utf-16-be")) // 2
    except UnicodeEncodeError:
        return [Problem("text_broken", "The text contains half of a character. Type that character again.", "text")]
    if units > 70:
        return [
            Problem(
                "text_too_long", f"With Unicode, BulkSMS takes at most 70 characters; this text has {units}.", "text"
            )
        ]
    return []


def lacking_characters(spec: CampaignSpec, text: str) -> str:
    """Return the characters of ``text`` that have no byte in the campaign's alphabet, each once."""
    if uses_unicode(spec):
        return ""
    return gsm.unsupported(text) + "".join(character for character in _WITHOUT_A_BYTE if character in text)


def gsm_problems(spec: CampaignSpec, text: str) -> list[Problem]:
    if foreign := gsm.unsupported(text):
        sentence = (
            f"BulkSMS would replace {' '.join(foreign)} with “.” or “?”. Use other characters, or choose the "
            "alphabet Unicode."
        )
        return [Problem("text_not_gsm", sentence, "text", characters=foreign)]
    if "€" in text:
        sentence = "BulkSMS does not say how to write € in GSM. Write EUR, or choose the alphabet Unicode."
        return [Problem("text_not_gsm", sentence, "text", characters="€")]
    if lost := "".join(character for character in _WITHOUT_A_BYTE if character in text):
        sentence = "The text contains a carriage return or a form feed. Use plain line breaks."
        return [Problem("text_has_control", sentence, "text", characters=lost)]
    parts = gsm.measure(text).parts
    if parts > 1 and not spec.account.get("joins_long_texts", True):
        sentence = f"The text needs {parts} parts, and the account only allows texts of one part. Shorten it."
        return [Problem("text_too_long", sentence, "text")]
    most = _max_parts(spec)
    if parts > most:
        sentence = f"The text needs {parts} parts and the campaign allows {most}. Shorten it, or allow more parts."
        return [Problem("text_too_long", sentence, "text")]
    return []


def _max_parts(spec: CampaignSpec) -> int:
    return int(spec.options.get("max_parts") or DEFAULT_PARTS)


def form_fields(spec: CampaignSpec, texts: Sequence[str]) -> list[tuple[str, bytes]]:
    """Return the parameters that apply to every message with these finished texts, in batches and in quotes.

    send_sms: "If specifying sender, set repliable=0 to be safe". assumption: send_batch takes the parameters that join
    long texts, as published clients send them; its document does not list them.
    """
    options = spec.options
    pairs = {
        "dca": "16bit" if uses_unicode(spec) else "7bit",
        "msg_class": str(options.get("msg_class") or "2"),
        "want_report": "1" if options.get("want_report", True) else "0",
    }
    parts = 1 if uses_unicode(spec) else max(gsm.count_parts(texts, gsm.measure), default=1)
    if parts > 1:
        pairs |= {"allow_concat_text_sms": "1", "concat_text_sms_max_parts": str(parts)}
    if spec.sender:
        pairs |= {"sender": spec.sender, "repliable": "0"}
    elif options.get("repliable"):
        pairs["repliable"] = str(options["repliable"])
    for name in ("routing_group", "source_id"):
        if options.get(name):
            pairs[name] = str(options[name])
    return [(name, value.encode("latin-1")) for name, value in pairs.items()]


def encode_text(spec: CampaignSpec, text: str) -> bytes:
    if uses_unicode(spec):
        return text.encode("utf-16-be").hex().encode("ascii")
    return text.translate(_GREEK).encode("latin-1")


def write_batch_data(spec: CampaignSpec, messages: Messages) -> bytes:
    """Return the CSV of a batch. send_batch: quotes, backslashes and line breaks are escaped with a backslash.

    Written by hand because Python's csv does not escape a line break inside quotes, and the document shows no such
    line break.
    """
    texts = messages.texts
    if uses_unicode(spec):
        texts = [text.encode("utf-16-be").hex() for text in texts]
    joined = "".join(texts)
    if any(letter in joined for letter in _GREEK_LETTERS):
        texts = [text.translate(_GREEK) for text in texts]
    # The backslash first, because the others are escaped with it.
    for character in '\\"\n':
        if character in joined:
            texts = [text.replace(character, "\\" + character) for text in texts]
    rows = map('"%s","%s"'.__mod__, zip(messages.msisdns, texts, strict=True))
    return "\n".join(["msisdn,message", *rows]).encode("latin-1")


def encode_form(pairs: Sequence[tuple[str, bytes]]) -> bytes:
    return b"&".join([b"%b=%b" % (name.encode("ascii"), _quote_plus(value)) for name, value in pairs])


def _quote_plus(value: bytes) -> bytes:
    """Return what ``urllib.parse.quote_plus`` does, which takes longer for a batch than everything else together."""
    left = value.translate(None, _UNRESERVED + b" %")
    value = value.replace(b"%", b"%25")
    while left:
        reserved = left[:1]
        value = value.replace(reserved, b"%%%02X" % reserved[0])
        left = left.translate(None, reserved)
    return value.replace(b" ", b"+")


def encode_credentials(remote: HttpRemote) -> bytes:
    names = ("username", "password")
    return encode_form([(name, str(remote.settings[name]).encode("latin-1", "replace")) for name in names])


@dataclass(frozen=True)
class ParsedPayload:
    """What a payload contains, read back from its bytes. ``rehearsal`` is ``succeed``, ``fail`` or ``""``."""

    numbers: frozenset[str]
    rehearsal: str
    start_at: datetime | None
    wants_reports: bool
    has_long_texts: bool

    @staticmethod
    @lru_cache(maxsize=1)
    def of(body: bytes) -> "ParsedPayload":
        fields = dict(piece.split(b"=", 1) for piece in body.split(b"&"))
        start = fields.get(b"send_time_unixtime")
        rehearsal = next((word for word in ("succeed", "fail") if f"test_always_{word}".encode() in fields), "")
        # A text cannot look like the beginning of a row, because the quotes in it are escaped.
        rows = re.findall(rb'(?m)^"(\d+)","', unquote_to_bytes(fields[b"batch_data"].replace(b"+", b" ")))
        return ParsedPayload(
            numbers=frozenset(row.decode("ascii") for row in rows),
            rehearsal=rehearsal,
            start_at=datetime.fromtimestamp(int(start), UTC) if start else None,
            wants_reports=fields.get(b"want_report") != b"0",
            has_long_texts=b"allow_concat_text_sms" in fields,
        )
