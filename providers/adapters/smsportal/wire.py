"""Bytes out: which texts SMSPortal accepts, and the zip that is handed over. Pure."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from providers import formats, gsm
from providers.base import (
    CampaignSpec,
    Message,
    Payload,
    Problem,
)
from providers.messages import Messages

_SENDER = re.compile(r"[A-Za-z0-9]{1,11}|[0-9]{1,15}")
_LITERAL_FIELD = re.compile(r"@@value\d+@@", re.IGNORECASE)
# assumption: which of the signs in @@@value1@@ begins the field is not documented.
_FIELD_TOUCHED = re.compile(r"@@@value\d+@@|@@value\d+@@@", re.IGNORECASE)
# SMSPortal SFTP, "Start" and "End": YYYY-MM-DD hh:mm in UTC.
_TIME_FORMAT = "%Y-%m-%d %H:%M"


def spec_problems(spec: CampaignSpec) -> list[Problem]:
    """SMSPortal SFTP: SenderID up to 11 alphanumeric characters, or 15 digits; End later than Start."""
    found = []
    if spec.sender and not _SENDER.fullmatch(spec.sender):
        found.append(
            Problem(
                "sender_invalid",
                "The sender may be up to 11 letters and digits without spaces, up to 15 digits, Fixed or FixedR.",
                "sender",
            )
        )
    if spec.start_at and spec.end_at and _format_time(spec.end_at) <= _format_time(spec.start_at):
        found.append(Problem("end_before_start", "The end must be at least one minute after the start.", "end_at"))
    return found


def problems(spec: CampaignSpec, message: Message) -> list[Problem]:
    """SMSPortal SFTP: "Only GSM encoding/charset is supported." """
    found = []
    if not message.text.strip():
        found.append(Problem("text_empty", "The text is empty.", "text"))
    if foreign := gsm.unsupported(message.text):
        shown = " ".join(foreign)
        found.append(
            Problem("text_not_gsm", f"SMSPortal takes GSM characters only; not {shown}", "text", characters=foreign)
        )
    if _LITERAL_FIELD.search(message.text):
        # assumption: whether SMSPortal fills in fields inside a contact's own message is not documented.
        found.append(Problem("text_has_field", "The finished text still contains a field like @@value1@@.", "text"))
    if len(message.customer_id) > 100:
        # assumption: documented for the same vendor's REST API.
        found.append(Problem("customer_id_long", "The customer id is longer than 100 characters.", "customer_id"))
    return found


def render(stem: str, key: int, spec: CampaignSpec, messages: Sequence[Message]) -> Payload:
    """Return a zip with ``<stem>.json`` in it: the line ``version: 7`` and one JSON object, spelt as in the examples.

    SMSPortal's own template with values is used if every text can be expressed with it; otherwise each text is
    rendered here.
    """
    columns = Messages.of(messages)
    is_native = (
        bool(spec.template)
        # ``problems`` sees finished texts only: a template may lack a character that no finished text contains.
        and not gsm.unsupported(spec.template)
        and not _FIELD_TOUCHED.search(spec.template)
        and not _could_be_filled_in(columns)
    )
    head: dict[str, Any] = {}
    if spec.start_at:
        head["start"] = _format_time(spec.start_at)
    if spec.end_at:
        head["end"] = _format_time(spec.end_at)
    if spec.sender:
        head["senderId"] = spec.sender
    head["check_optouts"] = bool(spec.options.get("check_optouts", True))
    if spec.options.get("email"):
        head["email"] = str(spec.options["email"])
    if spec.options.get("max_errors"):
        # The example shows it as a string.
        head["max_errors"] = str(spec.options["max_errors"])
    if is_native:
        head["message_template"] = spec.template
    # SMSPortal SFTP: "version: 7" is on a line of its own before the object.
    written = formats.versioned_json(7, head, "contacts", _contacts(columns, is_native))
    body = formats.zip_of_one(f"{stem}.json", written)
    return Payload(stem, f"{stem}.zip", body, key)


def _could_be_filled_in(columns: Messages) -> bool:
    # assumption: whether SMSPortal fills in fields inside a value or a contact's own message is not documented.
    return any("@@" in "\n".join(column) for column in (columns.own_texts, *columns.values.values()))


def _contacts(columns: Messages, is_native: bool) -> Iterable[str]:
    """Return a JSON object for each recipient: msisdn, customerId if there is one, then message or values."""
    written = formats.json_strings
    pattern, cells = '{"msisdn":%s', [written(columns.msisdns)]
    if all(columns.customer_ids):
        pattern += ',"customerId":%s'
        cells.append(written(columns.customer_ids))
    elif any(columns.customer_ids):
        pattern += "%s"
        pairs = zip(columns.customer_ids, written(columns.customer_ids), strict=True)
        cells.append([f',"customerId":{code}' if customer else "" for customer, code in pairs])
    names = sorted(columns.values)
    values = ',"values":{' + ",".join(f'"{name}":%s' for name in names) + "}" if names else ""
    value_cells = [written(columns.values[name]) for name in names]
    if not is_native:
        pattern += ',"message":%s'
        cells.append(written(columns.texts))
    elif any(columns.own_texts):
        pattern += "%s"
        triples = zip(
            columns.own_texts, written(columns.own_texts), _filled(values, value_cells, len(columns)), strict=True
        )
        cells.append([f',"message":{code}' if own_text else filled for own_text, code, filled in triples])
    else:
        pattern += values
        cells += value_cells
    return _filled(f"{pattern}}}", cells, len(columns))


def _filled(pattern: str, cells: Sequence[Sequence[str]], count: int) -> Iterable[str]:
    """Return ``pattern`` for each row of ``cells``, which are columns; ``count`` times if there are none."""
    return map(pattern.__mod__, zip(*cells, strict=True)) if cells else [pattern] * count


def _format_time(time: datetime) -> str:
    return time.strftime(_TIME_FORMAT)
