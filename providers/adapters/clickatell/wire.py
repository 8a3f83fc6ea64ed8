"""The bytes of a Clickatell file."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from providers.base import CampaignSpec, Message
from providers.errors import Refused
from providers.messages import Messages

# "Delivery delay ... of up to 7 days".
MAX_DELAY_MINUTES = 10_080
# "Delivery may be up to 5 minutes late".
DELAY_TOLERANCE = timedelta(minutes=5)
# Clickatell counts minutes from its scan, once a minute, which may come after an upload of a minute.
SCAN_TOLERANCE = timedelta(minutes=2)
_DEFAULT_VALIDITY = 1440
DEFAULT_PARTS = 3
# The last one is not a GSM character, so no value contains it.
_DELIMITERS = "|~^;`"
_FIELD = re.compile(r"@@(value[1-6])@@")
# A field beside a "#", or beside another field, which is written with "#": where one ends can be read in two ways.
_TOUCHING = re.compile(r"#@@value[1-6]@@|@@value[1-6]@@(?:#|@@value[1-6]@@)")
_HALF_FIELD = re.compile(r"#field", re.IGNORECASE)
CREDENTIAL = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_TIMED = re.compile(rb"(deliv_at|valid_until|validity):([^\n]*)\n")
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"


def uses_unicode(spec: CampaignSpec) -> bool:
    return bool(spec.options.get("unicode"))


def charset_of(spec: CampaignSpec) -> str:
    return "utf-8" if spec.options.get("charset") == "utf-8" else "iso-8859-1"


def max_parts(spec: CampaignSpec) -> int:
    return int(spec.options.get("concat") or DEFAULT_PARTS)


def write_line(name: str, value: str) -> str:
    # The last check against an injected line; ``problems`` has already refused such values.
    if "\n" in value or "\r" in value:
        raise ValueError(f"a line break in {name}")
    return f"{name}:{value}"


def time_lines(spec: CampaignSpec) -> list[str]:
    """Return the lines that ``wire_form`` replaces. They come first, so that no other line is mistaken for one."""
    lines = []
    if spec.start_at:
        lines.append(write_line("deliv_at", spec.start_at.astimezone(UTC).strftime(_MOMENT)))
    if spec.end_at:
        lines.append(write_line("valid_until", spec.end_at.astimezone(UTC).strftime(_MOMENT)))
    if spec.options.get("validity"):
        lines.append(write_line("validity", str(int(spec.options["validity"]))))
    return lines


def parameter_lines(stem: str, spec: CampaignSpec) -> list[str]:
    options = spec.options
    lines = [write_line("climsgid", client_message_id(stem))]
    if spec.sender:
        lines.append(write_line("from", spec.sender))
    lines.append(write_line("concat", str(max_parts(spec))))
    for name in ("callback", "max_credits", "queue"):
        if options.get(name) not in (None, ""):
            lines.append(write_line(name, str(options[name])))
    lines += [write_line(name, "1") for name in ("deliv_ack", "escalate", "mo") if options.get(name)]
    if options.get("flash"):
        lines.append(write_line("msg_type", "SMS_FLASH"))
    if uses_unicode(spec):
        lines.append(write_line("unicode", "1"))
    return lines


def client_message_id(stem: str) -> str:
    """Return the ``cliMsgId``: "alphanumeric, up to 32". The end of a stem is the part that makes it unique."""
    return "".join(re.findall("[A-Za-z0-9]", stem))[-32:]


def text_lines(text: str, is_unicode: bool) -> list[str]:
    """Return the text as ``text:`` lines, which Clickatell joins with line breaks ("Send basic message").

    In hexadecimal a line break is a character like any other, so there is only one line.
    """
    if is_unicode:
        return [write_line("text", encode_hex(text))]
    return [write_line("text", line) for line in text.split("\n")]


def encode_hex(text: str) -> str:
    return text.encode("utf-16-be", "surrogatepass").hex().upper()


def can_use_template(spec: CampaignSpec, messages: Messages) -> bool:
    """Return whether the template can express every message unambiguously, or is the only form that can."""
    if not spec.template or any(messages.own_texts):
        return False
    if "\n" in spec.template:
        # ``problems`` has refused what the template cannot express.
        return True
    columns = value_columns(spec, messages)
    if touches_hash(spec.template) or any(_HALF_FIELD.search("\n".join(column)) for column in columns):
        return False
    return all(all(column) and [value.strip(" ") for value in column] == list(column) for column in columns)


@lru_cache(maxsize=64)
def touches_hash(template: str) -> bool:
    """Return whether ``#`` touches a field: ``##field1#`` could be read as a field named ``#field1``."""
    return bool(_TOUCHING.search(template))


def has_half_field(spec: CampaignSpec, message: Message) -> bool:
    """Return whether a value contains ``#field``, which could form a field together with what follows it."""
    return any(_HALF_FIELD.search(value) for value in field_values(spec, message))


@lru_cache(maxsize=64)
def _fields(template: str) -> tuple[str, ...]:
    return tuple(sorted(set(_FIELD.findall(template))))


@lru_cache(maxsize=64)
def template_lines(template: str) -> tuple[str, ...]:
    """Return the template in lines; ``#fieldN#`` is the Nth value after the number ("Send templated bulk message")."""
    places = {name: place for place, name in enumerate(_fields(template), start=1)}
    return tuple(_FIELD.sub(lambda match: f"#field{places[match[1]]}#", template).split("\n"))


def field_values(spec: CampaignSpec, message: Message) -> list[str]:
    return [message.values.get(name, "") for name in _fields(spec.template)]


def value_columns(spec: CampaignSpec, messages: Messages) -> list[Sequence[str]]:
    """Return the ``field_values`` of all messages, a column for each field."""
    empty = [""] * len(messages)
    return [messages.values.get(name, empty) for name in _fields(spec.template)]


def to_lines(msisdns: Sequence[str]) -> list[str]:
    return _lines("to", msisdns)


def csv_lines(msisdns: Sequence[str], columns: Sequence[Sequence[str]]) -> list[str]:
    """Return a ``delimiter:`` line (the default is a comma) and a ``csv:`` line for each recipient.

    No quoting is documented, so the delimiter is a character that no value contains.
    """
    joined = ["".join(column) for column in columns]
    delimiter = next(candidate for candidate in _DELIMITERS if not any(candidate in values for values in joined))
    rows = map(delimiter.join, zip(msisdns, *columns, strict=True))
    return [write_line("delimiter", delimiter), *_lines("csv", list(rows))]


def _lines(name: str, values: Sequence[str]) -> list[str]:
    """Return ``write_line`` of each value."""
    write_line(name, "".join(values))
    return list(map(f"{name}:%s".__mod__, values))


def credential_lines(settings: Mapping[str, Any]) -> bytes:
    """Return the first three lines of a file. Raises Refused if a value could become a line of its own."""
    lines = []
    for name, setting in (("api_id", "api_id"), ("user", "api_user"), ("password", "api_password")):
        value = str(settings.get(setting) or "")
        if not CREDENTIAL.fullmatch(value):
            sentence = f"The account's {setting} cannot be a line of the file. Enter it again."
            raise Refused("credentials_unusable", sentence, account=True)
        lines.append(f"{name}:{value}\n")
    return "".join(lines).encode("ascii")


def _timed(body: bytes) -> tuple[dict[bytes, bytes], bytes]:
    """Return the time lines at the beginning of a body, by name, and the rest of the body."""
    found = {}
    while match := _TIMED.match(body):
        found[match[1]] = match[2]
        body = body[match.end() :]
    return found, body


def _moment(text: bytes) -> datetime:
    return datetime.strptime(text.decode("ascii"), _MOMENT).replace(tzinfo=UTC)


def minutes_until_start(body: bytes, at: datetime) -> int:
    start = _timed(body)[0].get(b"deliv_at")
    return max(-((at - _moment(start)) // timedelta(minutes=1)), 0) if start else 0


def minutes_until_end(body: bytes, at: datetime) -> int | None:
    """Return how long the texts of an attempt made at ``at`` (UTC) may be valid, in minutes; None without an end.

    If it is less than 1, no validity is short enough.
    assumption: validity counts from the delayed delivery, because with the default of 1,440 minutes a delay of "up to
    7 days" could not work otherwise. If it counts from the scan, texts expire earlier: never after the end.
    """
    end = _timed(body)[0].get(b"valid_until")
    if not end:
        return None
    released_at = at + SCAN_TOLERANCE
    if minutes := minutes_until_start(body, at):
        released_at += timedelta(minutes=minutes) + DELAY_TOLERANCE
    return (_moment(end) - released_at) // timedelta(minutes=1)


def wire_form(body: bytes, at: datetime) -> bytes:
    """Return the body for an attempt made at ``at`` (UTC), with the absolute times turned into minutes."""
    timed, rest = _timed(body)
    lines = b""
    if minutes := minutes_until_start(body, at):
        lines += b"deliv_time:%d\n" % min(minutes, MAX_DELAY_MINUTES)
    validity = int(timed.get(b"validity", 0))
    if (left := minutes_until_end(body, at)) is not None:
        # Less than 1 is never stored.
        left = max(left, 1)
        validity = left if left < (validity or _DEFAULT_VALIDITY) else validity
    if validity:
        lines += b"validity:%d\n" % validity
    return lines + rest
