"""Bytes out: which texts SMSPortal takes, and the zip that is handed over. Pure."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from providers import formats, gsm
from providers.base import (
    CampaignSpec,
    Message,
    Payload,
    Problem,
)

_SENDER = re.compile(r"[A-Za-z0-9]{1,11}|[0-9]{1,15}")
_LITERAL_FIELD = re.compile(r"@@value\d+@@", re.IGNORECASE)
_MOMENT = "%Y-%m-%d %H:%M"


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
    if spec.start_at and spec.end_at and _moment(spec.end_at) <= _moment(spec.start_at):
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
        # assumption: whether SMSPortal fills fields inside a contact's own message is not documented.
        found.append(Problem("text_has_field", "The finished text still holds a field like @@value1@@.", "text"))
    if len(message.customer_id) > 100:
        # assumption: documented for the same vendor's REST API.
        found.append(Problem("customer_id_long", "The customer id is longer than 100 characters.", "customer_id"))
    return found


def render(stem: str, key: int, spec: CampaignSpec, messages: Sequence[Message]) -> Payload:
    """A zip holding ``<stem>.json``: the line ``version: 7`` and one JSON object in the examples' spelling.

    The native template with values is used when every text can be said with it, else each text is rendered.
    """
    is_native = bool(spec.template) and not any(_is_delicate(message) for message in messages)
    head: dict[str, Any] = {}
    if spec.start_at:
        head["start"] = _moment(spec.start_at)
    if spec.end_at:
        head["end"] = _moment(spec.end_at)
    if spec.sender:
        head["senderId"] = spec.sender
    head["check_optouts"] = bool(spec.options.get("check_optouts", True))
    if spec.options.get("email"):
        head["email"] = str(spec.options["email"])
    if spec.options.get("max_errors"):
        # The example has it as a text.
        head["max_errors"] = str(spec.options["max_errors"])
    if is_native:
        head["message_template"] = spec.template
    contacts = [_contact(message, is_native) for message in messages]
    body = formats.zip_of_one(f"{stem}.json", formats.versioned_json(7, head, "contacts", contacts))
    return Payload(stem, f"{stem}.zip", body, key)


def _is_delicate(message: Message) -> bool:
    # assumption: whether SMSPortal looks for fields inside a value or an own message is not documented.
    return "@@" in message.own_text or any("@@" in value for value in message.values.values())


def _contact(message: Message, is_native: bool) -> dict[str, Any]:
    contact: dict[str, Any] = {"msisdn": message.msisdn}
    if message.customer_id:
        contact["customerId"] = message.customer_id
    if not is_native:
        contact["message"] = message.text
    elif message.own_text:
        contact["message"] = message.own_text
    elif message.values:
        contact["values"] = dict(sorted(message.values.items()))
    return contact


def _moment(moment: datetime) -> str:
    return moment.strftime(_MOMENT)
