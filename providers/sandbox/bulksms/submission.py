"""Reads one send_batch request."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from providers.sandbox.bulksms.batch_data import rows
from providers.sandbox.bulksms.codes import DELIVERED, DROPPED, MAGIC, Failed
from providers.sandbox.bulksms.texts import seven_bit, truncate

# "current maximum size: 30,000 messages"
LARGEST_BATCH = 30_000
LARGEST_STOP_DUP_ID = 2147483647
# "Messages can be scheduled a maximum of two years in advance."
FURTHEST = timedelta(days=730)
MSISDN = re.compile(r"[1-9][0-9]{6,14}")
_UNICODE = re.compile(r"(?:[0-9a-fA-F]{4}){1,70}")
_OCTETS = re.compile(r"(?:[0-9a-fA-F]{2}){1,140}")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}")
# Message settings that a column of the CSV may override for its row.
_ROW_SETTINGS = ("sender", "msg_class", "dca", "routing_group", "source_id", "repliable")


@dataclass(frozen=True)
class Text:
    """A message that was accepted; ``parts`` is its cost, ``status`` its final status in reports."""

    msisdn: str
    sender: str
    text: str
    source_id: str
    parts: int
    status: int


@dataclass(frozen=True)
class Submission:
    """What a request asks for; ``due_at`` (UTC) is None if it is to be texted at once."""

    texts: tuple[Text, ...]
    due_at: datetime | None
    stop_dup_id: int
    is_test: bool
    fails: bool

    @property
    def cost(self) -> int:
        return sum(text.parts for text in self.texts)


def read_submission(fields: Mapping[str, str], now: datetime) -> Submission:
    """Read one send_batch request made at ``now`` (UTC). Pure. Raises Failed."""
    data = fields.get("batch_data", "")
    if not data:
        raise Failed(24, "mandatory field batch_data is missing")
    found = rows(data)
    header = [name.strip().lower() for name in next(found, None) or []]
    # assumption: the header row is required, and unknown columns are ignored.
    if "msisdn" not in header or "message" not in header:
        raise Failed(24, "batch_data must begin with a row that names the columns msisdn and message")
    lines = list(found)
    if len(lines) > LARGEST_BATCH:
        raise Failed(201)
    max_parts = parts_allowed(fields)
    settings = {name: fields.get(name, "") for name in _ROW_SETTINGS}
    if settings["repliable"] == "1" and settings["sender"]:
        # "The repliable parameter is incompatible with the sender parameter"; assumption: both together fail.
        raise Failed(24, "repliable and sender cannot both be given")
    texts = tuple(text for line in lines if (text := _text(header, line, settings, max_parts)))
    if not texts:
        raise Failed(24, "batch_data holds no message that can be read")
    return Submission(
        texts=texts,
        due_at=_due(fields, now),
        stop_dup_id=whole_number(fields.get("stop_dup_id", ""), 1, LARGEST_STOP_DUP_ID),
        is_test=fields.get("test_always_succeed") == "1" or fields.get("test_always_fail") == "1",
        fails=fields.get("test_always_fail") == "1",
    )


def _text(header: list[str], line: list[str] | None, defaults: Mapping[str, str], max_parts: int) -> Text | None:
    if line is None or len(line) != len(header):
        return None
    row = dict(zip(header, line, strict=True))
    # A column overrides the parameter unless its cell is empty.
    given = {name: row.get(name) or default for name, default in defaults.items()}
    msisdn, message = row["msisdn"].strip(), row["message"]
    if not MSISDN.fullmatch(msisdn) or msisdn.endswith(DROPPED) or (given["repliable"] == "1" and given["sender"]):
        return None
    if given["dca"] == "16bit":
        text, parts = _sixteen_bit(message), 1
    elif given["dca"] == "8bit":
        # Pictures and ringtones: the ledger holds their octets in hexadecimal.
        text, parts = message if _OCTETS.fullmatch(message) else "", 1
    else:
        # "invalid values for fields will be ignored": any other alphabet means the default.
        text, parts = truncate(seven_bit(message), max_parts)
    if not text:
        return None
    status = next((code for ending, code in MAGIC.items() if msisdn.endswith(ending)), DELIVERED)
    return Text(msisdn, _sender(given["sender"]), text, given["source_id"][:20], parts, status)


def _sixteen_bit(message: str) -> str:
    # "a message containing only hexadecimal octets, to a maximum of 140 octets"; anything else makes the line invalid.
    if not _UNICODE.fullmatch(message):
        return ""
    try:
        return bytes.fromhex(message).decode("utf-16-be")
    except UnicodeDecodeError:
        return ""


def _sender(sender: str) -> str:
    # "if alphanumeric, max 11 characters"; assumption: a number has at most 15 digits.
    return sender[:15] if sender.isdigit() else sender[:11]


def parts_allowed(fields: Mapping[str, str]) -> int:
    """Return the maximum number of SMS parts per text that a request allows."""
    # send_sms: without allow_concat_text_sms a text has at most 160 characters. assumption: send_batch knows both
    # parameters as well, and the maximum is 2 if concat_text_sms_max_parts is not given.
    if fields.get("allow_concat_text_sms") != "1":
        return 1
    return whole_number(fields.get("concat_text_sms_max_parts", ""), 1, 255) or 2


def _due(fields: Mapping[str, str], now: datetime) -> datetime | None:
    unix = fields.get("send_time_unixtime") or fields.get("send_time_seconds") or ""
    moment = fields.get("send_time", "")
    due = now
    # "invalid values for fields will be ignored": a time that cannot be read means immediately.
    if seconds := whole_number(unix, 1, 2**40):
        due = datetime.fromtimestamp(seconds, UTC)
    elif _MOMENT.fullmatch(moment):
        try:
            # assumption: the account's time zone is UTC.
            due = datetime.strptime(moment, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        except ValueError:
            due = now
    if due > now + FURTHEST:
        raise Failed(24, "messages can be scheduled a maximum of two years in advance")
    # "If you specify a date/time in the past, your message will be sent immediately".
    return due if due > now else None


def whole_number(text: str, least: int, most: int) -> int:
    """Return the number in ``text``, or 0 if it is not a number or out of bounds."""
    number = int(text) if re.fullmatch(r"[0-9]{1,15}", text) else 0
    return number if least <= number <= most else 0
