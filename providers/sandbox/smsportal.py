"""A pretend SMSPortal "SFTP to SMS": judges files as its document says and keeps the three folders.

The folders can be reached by SFTP and by FTP, as the document's table of ports says.
Written from SMSPortal's document alone ("SMSPortal SFTP"), so that it and the adapter check each other. Where the
document is silent the assumption is named; where two readings are possible this one is the stricter.

Numbers that cause trouble without any set-up, by how they end:

* ``99901``: no network is known for it (``MSISDN.NoNetworkFound``)
* ``99902``: opted out of the account (``MSISDN.Optout``), unless the file says ``check_optouts`` false
* ``99903``: the contact cannot be processed (``File.ParseError`` for this contact only)

``optouts.txt`` in the account's folder holds more opt-outs, one number a line.
"""

import hashlib
import io
import itertools
import json
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncssh

from providers.sandbox.account import Account, oldest_first
from providers.sandbox.disk import sync_folder, write_durably
from providers.sandbox.faults import Faults
from providers.sandbox.ftp import FtpServer, Rules, certificate_file, ftp_faults, public_certificate, serve_ftp
from providers.sandbox.gsm import not_gsm, parts
from providers.sandbox.ledger import Ledger
from providers.sandbox.sftp import Uploads, host_key, serve_sftp
from providers.sandbox.site import HOST, Ground, Site

SLUG = "smsportal"
FOLDERS = ("Send_SMS", "Processed", "Errors")
# "File name uniqueness is only checked for 48 hours."
NAMES_KEPT = timedelta(hours=48)
LATEST_VERSION = "7"
# assumption: the document names no size; a zip that grows past this is no honest file.
LARGEST_INNER = 512 * 1024 * 1024

# SMSPortal SFTP, "Error Codes": the complete list.
CODES = {
    "InsufficientCredits": "Not enough Credits are available to fulfill the request.",
    "IncorrectScheduledDate": "The specified End Date is earlier than the Start Date.",
    "MSISDN.NoNetworkFound": "The MSISDN specified has no network associated with it. "
    "The send to this number could not be completed.",
    "MSISDN.Optout": "The MSISDN has Opted Out of your service. The message will not be sent to this address.",
    "RequiredParameter.Missing": "A required parameter was either not specified or was empty.",
    "File.InvalidVersion": "The file version was not specified or is invalid. "
    "Consult the API documentation for valid version numbers and formats.",
    "File.ParseError": "Some fields within the file could not be processed. Please view fault report.",
    "File.DuplicateFound": "A file with the same name has already been processed. "
    "The duplicate will not be processed to prevent duplicate sends.",
    "File.Corrupt": "The file was unparsable.",
    "EmptySend.NoValidMessages": "The file either contained no valid messages or the supplied messages could not "
    "be sent (eg. all numbers have already opted out).",
    "InternalServerError": "An internal error has occurred. If the error persists, please contact support.",
}

_FILE_ERRORS = {
    "incorrect-scheduled-date": "IncorrectScheduledDate",
    "required-parameter-missing": "RequiredParameter.Missing",
    "invalid-version": "File.InvalidVersion",
    "parse-error": "File.ParseError",
    "duplicate-found": "File.DuplicateFound",
    "no-valid-messages": "EmptySend.NoValidMessages",
}
_CONTACT_ERRORS = {"no-network-found": "MSISDN.NoNetworkFound", "optout": "MSISDN.Optout"}

FAULTS = {
    **ftp_faults(SLUG, {"ftp": "The FTP server"}),
    "smsportal:error:incorrect-scheduled-date": "Every file is refused because it ends before it starts.",
    "smsportal:error:required-parameter-missing": "Every file is refused because something required is missing in it.",
    "smsportal:error:invalid-version": "Every file is refused because of its version.",
    "smsportal:error:parse-error": "Every file is refused because of a field that cannot be processed.",
    "smsportal:error:duplicate-found": "Every file is refused because its name was processed before.",
    "smsportal:error:no-valid-messages": "Every file is refused because nobody in it can be texted.",
    "smsportal:error:no-network-found": "Every contact is refused because no network has its number; nobody is left.",
    "smsportal:error:optout": "Every contact is refused because it has opted out; nobody is left.",
    "smsportal:insufficient-credits": "Every file is refused for want of credits.",
    "smsportal:internal-error": "Every file fails with an internal error; nobody is texted.",
    "smsportal:internal-error-halfway": "Every file fails with an internal error after half of it was texted.",
    "smsportal:corrupt": "Every file is found corrupt.",
    "smsportal:silent": "Files are not picked up.",
    "smsportal:eager": "Files are picked up while they are still being written.",
    "smsportal:remember-errors": "The name of a readable file that failed is remembered as well.",
    "smsportal:no-report": "No fault report is written.",
    "smsportal:text-report": "Fault reports are plain text instead of JSON.",
    "smsportal:drop-connection": "The connection breaks in the middle of an upload.",
    "smsportal:drop-at-close": "The connection breaks after the last byte, before the upload is confirmed.",
    "smsportal:refuse-login": "Every login is refused.",
    "smsportal:missing-folder": "The folder Send_SMS is not there.",
    "smsportal:slow": "Every piece of an upload takes a while.",
}

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
    """A message the gateway would text; ``parts`` is what it costs in credits."""

    msisdn: str
    sender: str
    text: str
    reference: str
    parts: int


@dataclass(frozen=True)
class Fault:
    """Why one contact (``position`` from 1) is not texted."""

    position: int
    msisdn: str
    customer_id: str
    code: str
    detail: str


@dataclass(frozen=True)
class Verdict:
    """What becomes of a file. ``error`` is one of CODES, or ``""`` when it is processed; ``name`` the inner name."""

    name: str
    error: str = ""
    detail: str = ""
    texts: tuple[Text, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def cost(self) -> int:
        return sum(text.parts for text in self.texts)


class _WholeFile(Exception):
    """The file as a whole is refused with one of CODES."""

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
class _Body:
    sender: str
    check_opt_outs: bool
    template: str
    contacts: list[Any]
    max_errors: int | None


def judge(
    upload: str,
    body: bytes,
    *,
    now: datetime,
    remembered: Collection[str],
    opted_out: Collection[str],
    credit: int,
) -> Verdict:
    """Decide about one file as uploaded. Pure.

    ``upload`` is its name in Send_SMS, ``now`` is in UTC, ``remembered`` holds the lower-case names of the files
    processed in the last 48 hours, ``opted_out`` the msisdns of the account's opt-out list, ``credit`` the balance in
    parts.
    """
    name = ""
    try:
        name, content = _unpack(upload, body)
        # SMSPortal SFTP: "Unique File Names"; assumption: case does not tell two names apart.
        if name.lower() in remembered:
            raise _WholeFile("File.DuplicateFound", f"{name} was processed in the last 48 hours.")
        order = _read_body(_parse(content), now)
        texts, faults = _judge_contacts(order, opted_out)
        verdict = Verdict(name, texts=texts, faults=faults)
        if verdict.cost > credit:
            raise _WholeFile("InsufficientCredits", f"{verdict.cost} credits are needed, {credit} are left.", faults)
        return verdict
    except _WholeFile as trouble:
        return Verdict(name, trouble.code, trouble.detail, faults=trouble.faults)


def _unpack(upload: str, body: bytes) -> tuple[str, bytes]:
    ending = Path(upload).suffix.lower()
    if ending in (".txt", ".json"):
        return upload, body
    if ending != ".zip":
        # assumption: a file with another ending is refused, it is not left lying.
        raise _WholeFile("File.Corrupt", "Only .zip .txt .json file extensions are allowed.")
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            entries = archive.infolist()
            # assumption: one file for each zip, at its root.
            if len(entries) != 1 or "/" in entries[0].filename or "\\" in entries[0].filename:
                raise _WholeFile("File.Corrupt", "The zip must hold exactly one file, at its root.")
            entry = entries[0]
            if Path(entry.filename).suffix.lower() not in (".txt", ".json"):
                raise _WholeFile("File.Corrupt", "The file in the zip must be .txt or .json.")
            if entry.file_size > LARGEST_INNER:
                raise _WholeFile("File.Corrupt", "The file in the zip is too large.")
            return entry.filename, archive.read(entry)
    # NotImplementedError: a compression nobody agreed on; RuntimeError: a password.
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        ValueError,
        NotImplementedError,
        RuntimeError,
    ) as trouble:
        raise _WholeFile("File.Corrupt", f"The zip cannot be read: {trouble}") from trouble


def _parse(content: bytes) -> dict[str, Any]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as trouble:
        raise _WholeFile("File.Corrupt", "The file is not UTF-8.") from trouble
    line = _VERSION_LINE.match(text)
    # SMSPortal SFTP, "Code Examples": a line "version: 7", then the JSON object.
    version = line.group(1) if line else None
    if line and version != LATEST_VERSION:
        raise _WholeFile("File.InvalidVersion", f"The version must be {LATEST_VERSION}.")
    try:
        document = json.loads(text[line.end() :] if line else text)
    except (ValueError, RecursionError) as trouble:
        raise _WholeFile("File.Corrupt", f"The JSON cannot be read: {trouble}") from trouble
    if not isinstance(document, dict):
        raise _WholeFile("File.Corrupt", "The JSON must be an object.")
    # The table says Message_Template where the examples say message_template: case does not matter.
    body = {key.lower(): value for key, value in document.items()}
    if version is None and str(body.get("version", "")) != LATEST_VERSION:
        raise _WholeFile("File.InvalidVersion", f"The version must be given and must be {LATEST_VERSION}.")
    return body


def _read_body(body: Mapping[str, Any], now: datetime) -> _Body:
    # assumption: a parameter nobody knows is a field that could not be processed; a typing mistake shows at once.
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
    return _Body(
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
    # assumption: a start in the past means at once.
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
    # "Up to 11 alphanumeric characters, or 15 digits"; Fixed and FixedR are such words as well.
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


def _judge_contacts(order: _Body, opted_out: Collection[str]) -> tuple[tuple[Text, ...], tuple[Fault, ...]]:
    texts, faults = [], []
    for position, contact in enumerate(order.contacts, start=1):
        try:
            texts.append(_judge_contact(order, contact, opted_out))
        except _OneContact as trouble:
            keys = {key.lower(): value for key, value in contact.items()} if isinstance(contact, dict) else {}
            msisdn, customer = str(keys.get("msisdn", "")), str(keys.get("customerid", ""))
            faults.append(Fault(position, msisdn, customer, trouble.code, trouble.detail))
    # assumption: an opt-out is scrubbing, which comes after the parsing phase that max_errors speaks of.
    errors = sum(1 for fault in faults if fault.code != "MSISDN.Optout")
    if order.max_errors is not None and errors > order.max_errors:
        detail = f"{errors} contacts have errors, max_errors allows {order.max_errors}."
        raise _WholeFile("File.ParseError", detail, tuple(faults))
    if not texts:
        raise _WholeFile("EmptySend.NoValidMessages", "No contact is left to text.", tuple(faults))
    return tuple(texts), tuple(faults)


def _judge_contact(order: _Body, contact: Any, opted_out: Collection[str]) -> Text:
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
    text = _text(order.template, keys)
    if order.check_opt_outs and (msisdn in opted_out or msisdn.endswith("99902")):
        raise _OneContact("MSISDN.Optout", CODES["MSISDN.Optout"])
    return Text(msisdn, order.sender, text, customer_id, parts(text))


def _text(template: str, keys: Mapping[str, Any]) -> str:
    values, message = keys.get("values", {}), keys.get("message", "")
    if not isinstance(values, dict) or not isinstance(message, str):
        raise _OneContact("File.ParseError", "values must be an object and message a text.")
    by_field = {key.lower(): value for key, value in values.items()}
    if set(by_field) - _VALUES or not all(isinstance(value, str) for value in by_field.values()):
        raise _OneContact("File.ParseError", "values may hold the texts value1 to value6 only.")
    # assumption: fields in a contact's own message are not replaced; a value that is missing is empty.
    text = message or _FIELD.sub(lambda field: by_field.get(field[1], ""), template)
    if not text:
        raise _OneContact("RequiredParameter.Missing", "The message is empty.")
    if foreign := not_gsm(text):
        raise _OneContact("File.ParseError", f"The message holds characters outside GSM: {foreign}")
    return text


class Gateway(Account):
    """One account's folders, memory, credit and opt-outs under ``folder``; not to be shared between threads."""

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
        self.opt_outs_path = folder / "optouts.txt"
        self._being_written = being_written
        for name in FOLDERS:
            (self.home / name).mkdir(parents=True, exist_ok=True)
        self.opt_outs_path.touch()
        self._begin({"credit": credit, "names": {}})

    def look(self, now: datetime) -> int:
        """Take what lies in Send_SMS at ``now`` (UTC), oldest first; returns how many files were taken."""
        if self._faults.use("smsportal:silent"):
            return 0
        taken = 0
        for path in oldest_first(self.home / "Send_SMS"):
            # assumption: a file whose upload still has it open is left for the next look, as if it were locked. One
            # whose connection broke is not open any more and is taken half-written.
            if self._being_written(path) and not self._faults.use("smsportal:eager"):
                continue
            try:
                body = path.read_bytes()
            except FileNotFoundError:
                # The client took it back.
                continue
            self._take(path, body, now)
            taken += 1
        return taken

    def state(self) -> dict[str, Any]:
        """What a person wants to know of this account: credit, remembered names, files in each folder."""
        kept = self._state()
        files = {name: sorted(path.name for path in (self.home / name).iterdir()) for name in FOLDERS}
        return {"username": self.account, "credit": kept["credit"], "names": len(kept["names"]), "files": files}

    def _take(self, path: Path, body: bytes, now: datetime) -> None:
        kept = self._state()
        names = {name: at for name, at in kept["names"].items() if now - datetime.fromisoformat(at) < NAMES_KEPT}
        opted_out = {line.strip() for line in self.opt_outs_path.read_text(encoding="utf-8").splitlines()}
        verdict = judge(path.name, body, now=now, remembered=names, opted_out=opted_out, credit=kept["credit"])
        verdict = self._with_faults(verdict)
        is_bad_name = not verdict.name or verdict.error in ("File.Corrupt", "File.DuplicateFound")
        # "Processed: files that have been successfully processed": a file that failed was not processed.
        if not verdict.error or (not is_bad_name and self._faults.use("smsportal:remember-errors")):
            names[verdict.name.lower()] = now.isoformat()
        credit = kept["credit"] - verdict.cost
        into = self.home / ("Errors" if verdict.error else "Processed")
        target = _free_name(into, path.name)
        report_name, report = self._report(target, verdict, credit)
        sha256 = hashlib.sha256(body).hexdigest()
        self._carry_out(
            [
                self._line(now.isoformat(), verdict.name, text.msisdn, text.sender, text.text, text.reference, sha256)
                for text in verdict.texts
            ],
            {"credit": credit, "names": names},
            upload=path.name,
            into=into.name,
            target=target,
            report_name=report_name,
            report=report,
        )

    def _with_faults(self, verdict: Verdict) -> Verdict:
        if self._faults.use("smsportal:corrupt"):
            return Verdict("", "File.Corrupt", CODES["File.Corrupt"])
        if verdict.error:
            return verdict
        if self._faults.use("smsportal:insufficient-credits"):
            return Verdict(verdict.name, "InsufficientCredits", CODES["InsufficientCredits"])
        for name, code in _FILE_ERRORS.items():
            if self._faults.use(f"smsportal:error:{name}"):
                return Verdict(verdict.name, code, CODES[code])
        for name, code in _CONTACT_ERRORS.items():
            if self._faults.use(f"smsportal:error:{name}"):
                return _emptied(verdict, code)
        if self._faults.use("smsportal:internal-error"):
            return Verdict(verdict.name, "InternalServerError", CODES["InternalServerError"])
        if self._faults.use("smsportal:internal-error-halfway"):
            half = verdict.texts[: len(verdict.texts) // 2]
            return Verdict(verdict.name, "InternalServerError", CODES["InternalServerError"], texts=half)
        return verdict

    def _show(self, deed: Mapping[str, Any]) -> None:
        upload, into = self.home / "Send_SMS" / deed["upload"], self.home / deed["into"]
        if deed["report_name"]:
            # Written outside the client's view, so that nobody ever reads half a report.
            outside = self.folder / "report.new"
            write_durably(outside, deed["report"].encode())
            outside.replace(into / deed["report_name"])
        if upload.exists():
            upload.replace(into / deed["target"])
        sync_folder(into)
        sync_folder(upload.parent)

    def _report(self, target: str, verdict: Verdict, credit: int) -> tuple[str, str]:
        # assumption: the document names a fault report and not its shape; these keys are those of the same company's
        # REST error report, and a file without faults gets none.
        if (not verdict.error and not verdict.faults) or self._faults.use("smsportal:no-report"):
            return "", ""
        if self._faults.use("smsportal:text-report"):
            head = f"{verdict.error}: {verdict.detail}" if verdict.error else f"{verdict.name}: processed with faults"
            rows = [f"{fault.msisdn}\t{fault.customer_id}\t{fault.code}\t{fault.detail}" for fault in verdict.faults]
            return f"{target}.report.txt", "\r\n".join([head, *rows]) + "\r\n"
        codes = [fault.code for fault in verdict.faults]
        document = {
            "fileName": verdict.name or target,
            "status": "Failed" if verdict.error else "Processed",
            "errorCode": verdict.error or None,
            "errorMessage": CODES[verdict.error] if verdict.error else None,
            "errorDetail": verdict.detail or None,
            "messages": len(verdict.texts),
            "cost": verdict.cost,
            "remainingBalance": credit,
            "errorReport": {
                "noNetwork": codes.count("MSISDN.NoNetworkFound"),
                "optedOuts": codes.count("MSISDN.Optout"),
                "faults": [
                    {
                        "rawDestination": fault.msisdn,
                        "customerId": fault.customer_id,
                        "position": fault.position,
                        "status": fault.code,
                        "errorMessage": fault.detail,
                    }
                    for fault in verdict.faults
                ],
            },
        }
        return f"{target}.report.json", json.dumps(document, indent=2, ensure_ascii=False)


class SmsPortal(Site):
    """The pretend provider: SFTP and FTP for every account, and what looks into their folders."""

    slug = SLUG
    label = "SMSPortal"
    faults = FAULTS
    # SMSPortal SFTP: "processes new files every 5 seconds".
    every = 5.0

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        # The FTP server is a thread of its own, and has uploads of its own.
        self._uploads = {"sftp": Uploads(), "ftp": Uploads()}
        self._gateways = {
            name: Gateway(ground.folder / name, name, ground.ledger, ground.faults, self._being_written, ground.credit)
            for name in ground.passwords
        }
        self._key = host_key(ground.data)
        self._certificate = certificate_file(ground.data)

    async def open(self) -> None:
        self._server = await self.ground.ports.listen_async("smsportal-sftp", self._serve)
        self._port = self._server.get_port()
        self.ground.ports.keep("smsportal-sftp", self._port)
        self._ftp_server = self.ground.ports.listen("smsportal-ftp", self._serve_ftp)
        self.ground.ports.keep("smsportal-ftp", self._ftp_server.port)

    async def close(self) -> None:
        self._server.close()
        self._ftp_server.close()

    def look(self, now: datetime) -> None:
        for gateway in self._gateways.values():
            gateway.look(now)

    def account(self, username: str) -> dict[str, Any]:
        return {
            "host": HOST,
            "port": self._port,
            "ftp_port": self._ftp_server.port,
            "username": username,
            "password": self.ground.passwords[username],
            "host_key": self._key.export_public_key().decode().strip(),
            "fingerprint": self._key.get_fingerprint(),
            "tls_certificate": public_certificate(self._certificate),
        }

    def state(self) -> dict[str, Any]:
        accounts = [gateway.state() for gateway in self._gateways.values()]
        ports = {"port": self._port, "ftp_port": self._ftp_server.port}
        return {"label": self.label, "host": HOST, **ports, "accounts": accounts}

    async def _serve(self, port: int) -> asyncssh.SSHAcceptor:
        return await serve_sftp(
            host=HOST,
            port=port,
            key=self._key,
            provider=SLUG,
            passwords=self.ground.passwords,
            home_of=self._home_of,
            faults=self.ground.faults,
            uploads=self._uploads["sftp"],
        )

    def _serve_ftp(self, port: int) -> FtpServer:
        return serve_ftp(
            host=HOST,
            port=port,
            provider=SLUG,
            passwords=self.ground.passwords,
            home_of=self._home_of,
            faults=self.ground.faults,
            uploads=self._uploads["ftp"],
            rules=Rules(allows=self._allows),
            door="ftp",
            certificate=self._certificate,
        )

    def _home_of(self, username: str) -> Path:
        return self.ground.folder / username / "home"

    def _being_written(self, path: Path) -> bool:
        return any(uploads.is_open(path) for uploads in self._uploads.values())

    def _allows(self, permission: str, name: str) -> bool:
        # assumption: the three folders stay where they are.
        if name in FOLDERS and permission in "df":
            return False
        return name.split("/")[0] != "Send_SMS" or not self.ground.faults.use("smsportal:missing-folder")


def _emptied(verdict: Verdict, code: str) -> Verdict:
    """The same file with every contact that would be texted refused with ``code``."""
    taken = {fault.position for fault in verdict.faults}
    free = (position for position in itertools.count(1) if position not in taken)
    refused = [
        Fault(position, text.msisdn, text.reference, code, CODES[code])
        for position, text in zip(free, verdict.texts, strict=False)
    ]
    faults = tuple(sorted([*verdict.faults, *refused], key=lambda fault: fault.position))
    return Verdict(verdict.name, "EmptySend.NoValidMessages", CODES["EmptySend.NoValidMessages"], faults=faults)


def _free_name(folder: Path, name: str) -> str:
    # "The .zip file names don't need to be unique": a second one must not hide the first.
    stem, ending = os.path.splitext(name)
    free, number = name, 2
    while (folder / free).exists():
        free, number = f"{stem}-{number}{ending}", number + 1
    return free
