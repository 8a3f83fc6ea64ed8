"""The files of a batch written row by row, as plainly as possible: what the adapters' faster forms must equal."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote_plus

from providers import gsm
from providers.adapters.bulksms import wire as bulksms
from providers.adapters.clickatell import wire as clickatell
from providers.adapters.gatewayapi import wire as gatewayapi
from providers.adapters.smsportal import wire as smsportal
from providers.base import CampaignSpec, Message


def smsportal_json(stem: str, key: int, spec: CampaignSpec, messages: Sequence[Message]) -> bytes:
    """The file inside the zip."""
    is_native = (
        bool(spec.template)
        and not gsm.unsupported(spec.template)
        and not smsportal._FIELD_TOUCHED.search(spec.template)
        and not any("@@" in text for m in messages for text in (m.own_text, *m.values.values()))
    )
    head: dict[str, Any] = {}
    if spec.sender:
        head["senderId"] = spec.sender
    head["check_optouts"] = bool(spec.options.get("check_optouts", True))
    if is_native:
        head["message_template"] = spec.template
    contacts = []
    for message in messages:
        contact: dict[str, Any] = {"msisdn": message.msisdn}
        if message.customer_id:
            contact["customerId"] = message.customer_id
        if not is_native:
            contact["message"] = message.text
        elif message.own_text:
            contact["message"] = message.own_text
        elif message.values:
            contact["values"] = dict(sorted(message.values.items()))
        contacts.append(contact)
    opening = json.dumps(head, separators=(",\n", ": "))[1:-1]
    rows = ",\n".join(json.dumps(contact, separators=(",", ":")) for contact in contacts)
    return f'version: 7\n{{\n{opening},\n"contacts": [\n{rows}\n]\n}}\n'.encode("ascii")


def gatewayapi_csv(stem: str, key: int, spec: CampaignSpec, messages: Sequence[Message]) -> bytes:
    dialect = gatewayapi.dialect_of(spec)
    fixed = {"sender": spec.sender, "class": gatewayapi.message_class(spec)}
    used = {column: value for column, value in fixed.items() if value}
    text = io.StringIO(newline="")
    rows = csv.writer(text, delimiter=dialect.delimiter, quoting=csv.QUOTE_ALL, lineterminator=dialect.row_end)
    rows.writerow(["userref", "msisdn", *used, "message"])
    rows.writerows([message.reference, message.msisdn, *used.values(), message.text] for message in messages)
    return text.getvalue().encode(dialect.charset)


def clickatell_txt(stem: str, key: int, spec: CampaignSpec, messages: Sequence[Message]) -> bytes:
    lines = [*clickatell.time_lines(spec), *clickatell.parameter_lines(stem, spec)]
    is_unicode = clickatell.uses_unicode(spec)
    if len({message.text for message in messages}) == 1:
        lines += [clickatell.write_line("to", message.msisdn) for message in messages]
        lines += clickatell.text_lines(messages[0].text, is_unicode)
    elif not is_unicode and _fits_template(spec, messages):
        lines += [clickatell.write_line("text", line) for line in clickatell.template_lines(spec.template)]
        lines += _csv_lines([[message.msisdn, *clickatell.field_values(spec, message)] for message in messages])
    else:
        lines.append("text:#field1#")
        texts = [clickatell.encode_hex(message.text) if is_unicode else message.text for message in messages]
        lines += _csv_lines([[message.msisdn, text] for message, text in zip(messages, texts, strict=True)])
    return "".join(f"{line}\n" for line in lines).encode(clickatell.charset_of(spec))


def _fits_template(spec: CampaignSpec, messages: Sequence[Message]) -> bool:
    if not spec.template or any(message.own_text for message in messages):
        return False
    if "\n" in spec.template:
        return True
    if clickatell.touches_hash(spec.template) or any(clickatell.has_half_field(spec, m) for m in messages):
        return False
    return all(value == value.strip(" ") != "" for m in messages for value in clickatell.field_values(spec, m))


def _csv_lines(rows: list[list[str]]) -> list[str]:
    used = set("".join(value for row in rows for value in row[1:]))
    delimiter = next(candidate for candidate in clickatell._DELIMITERS if candidate not in used)
    return [f"delimiter:{delimiter}", *(clickatell.write_line("csv", delimiter.join(row)) for row in rows)]


def bulksms_form(stem: str, key: int, spec: CampaignSpec, messages: Sequence[Message]) -> bytes:
    pairs = [("stop_dup_id", str(key).encode()), *bulksms.form_fields(spec, [message.text for message in messages])]
    rows = [b"msisdn,message"]
    for message in messages:
        text = bulksms.encode_text(spec, message.text)
        escaped = text.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\\n")
        rows.append(b'"%b","%b"' % (message.msisdn.encode("ascii"), escaped))
    pairs.append(("batch_data", b"\n".join(rows)))
    return "&".join(f"{name}={quote_plus(value)}" for name, value in pairs).encode("ascii")


SIMPLE_FORMS: dict[str, Callable[[str, int, CampaignSpec, Sequence[Message]], bytes]] = {
    "smsportal": smsportal_json,
    "gatewayapi": gatewayapi_csv,
    "clickatell": clickatell_txt,
    "bulksms": bulksms_form,
}
