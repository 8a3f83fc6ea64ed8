"""Reads one file and decides what becomes of each contact in it."""

import io
import json
import re
import zipfile
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from providers.sandbox.gsm import not_gsm, parts
from providers.sandbox.smsportal.codes import CODES

LATEST_VERSION = "7"
# assumption: the document gives no maximum size; a zip that unpacks to more than this is taken for an attack.
LARGEST_INNER = 512 * 1024 * 1024
_VERSION_LINE = re.compile(r"\A\s*version[ \t]*:[ \t]*([^\r\n]*?)[ \t]*(?:\r\n|\r|\n|\Z)", re.IGNORECASE)
_SENDER = re.compile(r"[A-Za-z0-9]{1,11}|[0-9]{1,15}")
_MSISDN = re.compile(r"[0-9]{7,15}")
_FIELD = re.compile(r"@@(value[1-6])@@")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}")
_PARAMETERS = {
    "version", "email", "start", "end", "senderid", "check_optouts", "message_template", "contacts", "max_errors",
}  # fmt: skip
_CONTACT_KEYS = {"msisdn", "customerid", "values", "message"}
_VALUES = {f"value{number}" for number in range(1, 7)}


@dataclass(frozen=True)
class Text:
    """A message that would be texted; ``parts`` is its cost in credits."""

    msisdn: str
    sender: str
    text: str
    reference: str
    parts: int


@dataclass(frozen=True)
class Fault:
    """Why one contact is not texted; ``position`` counts from 1."""

    position: int
    msisdn: str
    customer_id: str
    code: str
    detail: str


@dataclass(frozen=True)
class FileResult:
    """The result for one file. ``error`` is one of CODES, or ``""`` if it is processed; ``name`` is the inner name."""

    name: str
    error: str = ""
    detail: str = ""
    texts: tuple[Text, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def cost(self) -> int:
        return sum(text.parts for text in self.texts)


class _WholeFile(Exception):
    """The whole file is refused with one of CODES."""

    def __init__(self, code: str, detail: str, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.faults = faults


class _OneContact(Exception):
    """One contact is refused with one of CODES."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True)
class _Parameters:
    sender: str
    check_opt_outs: bool
    template: str
    contacts: list[Any]
    max_errors: int | None


def check_file(
    upload: str,
    body: bytes,
    *,
    now: datetime,
    remembered: Collection[str],
    opted_out: Collection[str],
    credit: int,
) -> FileResult:
    """Return the result for one uploaded file. Pure.

    ``upload`` is its name in Send_SMS, ``now`` is in UTC, ``remembered`` holds the lower-case names of the files
    processed in the last 48 hours, ``opted_out`` the msisdns on the account's opt-out list, ``credit`` the balance in
    message parts.
    """
    name = ""
    try:
        name, content = _unpack(upload, body)
        # SMSPortal SFTP: "Unique File Names"; assumption: names that differ only in case are the same.
        if name.lower() in remembered:
            raise _WholeFile("File.DuplicateFound", f"{name} was processed in the last 48 hours.")
        parameters = _read_parameters(_parse(content), now)
        texts, faults = _check_contacts(parameters, opted_out)
        result = FileResult(name, texts=texts, faults=faults)
        if result.cost > credit:
            raise _WholeFile("InsufficientCredits", f"{result.cost} credits are needed, {credit} are left.", faults)
        return result
    except _WholeFile as error:
        return FileResult(name, error.code, error.detail, faults=error.faults)


def _unpack(upload: str, body: bytes) -> tuple[str, bytes]:
    ending = Path(upload).suffix.lower()
    if ending in (".txt", ".json"):
        return upload, body
    if ending != ".zip":
        # assumption: a file with another extension is refused, not ignored.
        raise _WholeFile("File.Corrupt", "Only .zip .txt .json file extensions are allowed.")
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            entries = archive.infolist()
            # assumption: a zip holds one file, at its root.
            if len(entries) != 1 or "/" in entries[0].filename or "\\" in entries[0].filename:
                raise _WholeFile("File.Corrupt", "The zip must hold exactly one file, at its root.")
            entry = entries[0]
            if Path(entry.filename).suffix.lower() not in (".txt", ".json"):
                raise _WholeFile("File.Corrupt", "The file in the zip must be .txt or .json.")
            if entry.file_size > LARGEST_INNER:
                raise _WholeFile("File.Corrupt", "The file in the zip is too large.")
            return entry.filename, archive.read(entry)
    # NotImplementedError: an unsupported compression method; RuntimeError: an encrypted entry.
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        ValueError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise _WholeFile("File.Corrupt", f"The zip cannot be read: {error}") from error


def _parse(content: bytes) -> dict[str, Any]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _WholeFile("File.Corrupt", "The file is not UTF-8.") from error
    line = _VERSION_LINE.match(text)
    # SMSPortal SFTP, "Code Examples": a line "version: 7", then the JSON object.
    version = line.group(1) if line else None
    if line and version != LATEST_VERSION:
        raise _WholeFile("File.InvalidVersion", f"The version must be {LATEST_VERSION}.")
    try:
        document = json.loads(text[line.end() :] if line else text)
    except (ValueError, RecursionError) as error:
        raise _WholeFile("File.Corrupt", f"The JSON cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise _WholeFile("File.Corrupt", "The JSON must be an object.")
    # The table says Message_Template, the examples say message_template: case does not matter.
    body = {key.lower(): value for key, value in document.items()}
    if version is None and str(body.get("version", "")) != LATEST_VERSION:
        raise _WholeFile("File.InvalidVersion", f"The version must be given and must be {LATEST_VERSION}.")
    return body


def _read_parameters(body: Mapping[str, Any], now: datetime) -> _Parameters:
    # assumption: an unknown parameter is a field that cannot be processed, so a misspelling is noticed at once.
    if unknown := sorted(set(body) - _PARAMETERS):
        raise _WholeFile("File.ParseError", f"Unknown parameters: {', '.join(unknown)}.")
    given = {key: value for key, value in body.items() if value is not None}
    _check_email(given.get("email"))
    _check_times(given, now)
    contacts = given.get("contacts")
    if contacts is None or contacts == []:
        raise _WholeFile("RequiredParameter.Missing", "contacts is missing or empty.")
    if not isinstance(contacts, list):
        raise _WholeFile("File.ParseError", "contacts must be a list.")
    template = given.get("message_template", "")
    if not isinstance(template, str):
        raise _WholeFile("File.ParseError", "message_template must be a text.")
    if not template and not all(_own_message(contact) for contact in contacts):
        raise _WholeFile("RequiredParameter.Missing", "message_template is missing and a contact has no message.")
    if foreign := not_gsm(template):
        raise _WholeFile("File.ParseError", f"message_template holds characters outside GSM: {foreign}")
    return _Parameters(
        sender=_sender(given.get("senderid", "Fixed")),
        check_opt_outs=_truth(given.get("check_optouts", True)),
        template=template,
        contacts=contacts,
        max_errors=_max_errors(given.get("max_errors")),
    )


def _check_email(email: Any) -> None:
    if email is not None and not (isinstance(email, str) and re.fullmatch(r"[^@\s]+@[^@\s]+", email)):
        raise _WholeFile("File.ParseError", "email must be one address.")


def _check_times(given: Mapping[str, Any], now: datetime) -> None:
    # assumption: a start in the past means immediately.
    start = _moment("start", given["start"]) if "start" in given else now
    if "end" in given and _moment("end", given["end"]) <= start:
        raise _WholeFile("IncorrectScheduledDate", "end must be later than start.")


def _moment(key: str, value: Any) -> datetime:
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        try:
            return datetime.strptime(value, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
        except ValueError:
            pass
    raise _WholeFile("File.ParseError", f"{key} must be a time like 2016-07-19 11:05.")


def _sender(value: Any) -> str:
    # "Up to 11 alphanumeric characters, or 15 digits"; this also covers Fixed and FixedR.
    if isinstance(value, str) and _SENDER.fullmatch(value):
        return value
    raise _WholeFile("File.ParseError", "senderId must be up to 11 letters and digits, or up to 15 digits.")


def _truth(value: Any) -> bool:
    # The table says True and 'False', the example says true.
    word = str(value).lower()
    if word not in ("true", "false"):
        raise _WholeFile("File.ParseError", "check_optouts must be true or false.")
    return word == "true"


def _max_errors(value: Any) -> int | None:
    if value is None or str(value).lower() == "unlimited":
        return None
    # The example says "1", in quotes.
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,9}", str(value)):
        raise _WholeFile("File.ParseError", "max_errors must be a whole number.")
    return int(value)


def _own_message(contact: Any) -> bool:
    return isinstance(contact, dict) and any(key.lower() == "message" and value for key, value in contact.items())


def _check_contacts(parameters: _Parameters, opted_out: Collection[str]) -> tuple[tuple[Text, ...], tuple[Fault, ...]]:
    texts, faults = [], []
    for position, contact in enumerate(parameters.contacts, start=1):
        try:
            texts.append(_check_contact(parameters, contact, opted_out))
        except _OneContact as error:
            keys = {key.lower(): value for key, value in contact.items()} if isinstance(contact, dict) else {}
            msisdn, customer = str(keys.get("msisdn", "")), str(keys.get("customerid", ""))
            faults.append(Fault(position, msisdn, customer, error.code, error.detail))
    # assumption: opt-outs are removed after the parsing phase that max_errors applies to.
    errors = sum(1 for fault in faults if fault.code != "MSISDN.Optout")
    if parameters.max_errors is not None and errors > parameters.max_errors:
        detail = f"{errors} contacts have errors, max_errors allows {parameters.max_errors}."
        raise _WholeFile("File.ParseError", detail, tuple(faults))
    if not texts:
        raise _WholeFile("EmptySend.NoValidMessages", "No contact is left to text.", tuple(faults))
    return tuple(texts), tuple(faults)


def _check_contact(parameters: _Parameters, contact: Any, opted_out: Collection[str]) -> Text:
    if not isinstance(contact, dict):
        raise _OneContact("File.ParseError", "A contact must be an object.")
    keys = {key.lower(): value for key, value in contact.items() if value is not None}
    if unknown := sorted(set(keys) - _CONTACT_KEYS):
        raise _OneContact("File.ParseError", f"Unknown parameters: {', '.join(unknown)}.")
    msisdn = keys.get("msisdn", "")
    if msisdn == "":
        raise _OneContact("RequiredParameter.Missing", "msisdn is missing or empty.")
    if not isinstance(msisdn, str) or not _MSISDN.fullmatch(msisdn) or msisdn.endswith("99903"):
        raise _OneContact("File.ParseError", "msisdn cannot be processed.")
    if msisdn.endswith("99901"):
        raise _OneContact("MSISDN.NoNetworkFound", CODES["MSISDN.NoNetworkFound"])
    customer_id = keys.get("customerid", "")
    if not isinstance(customer_id, str):
        raise _OneContact("File.ParseError", "customerId must be a text.")
    text = _text(parameters.template, keys)
    if parameters.check_opt_outs and (msisdn in opted_out or msisdn.endswith("99902")):
        raise _OneContact("MSISDN.Optout", CODES["MSISDN.Optout"])
    return Text(msisdn, parameters.sender, text, customer_id, parts(text))


def _text(template: str, keys: Mapping[str, Any]) -> str:
    values, message = keys.get("values", {}), keys.get("message", "")
    if not isinstance(values, dict) or not isinstance(message, str):
        raise _OneContact("File.ParseError", "values must be an object and message a text.")
    by_field = {key.lower(): value for key, value in values.items()}
    if set(by_field) - _VALUES or not all(isinstance(value, str) for value in by_field.values()):
        raise _OneContact("File.ParseError", "values may hold the texts value1 to value6 only.")
    # assumption: fields in a contact's own message are not replaced; a missing value is empty.
    text = message or _FIELD.sub(lambda field: by_field.get(field[1], ""), template)
    if not text:
        raise _OneContact("RequiredParameter.Missing", "The message is empty.")
    if foreign := not_gsm(text):
        raise _OneContact("File.ParseError", f"The message holds characters outside GSM: {foreign}")
    return text
