"""SMSPortal "SFTP to SMS", JSON version 7. Document: "SMSPortal SFTP" (docs.smsportal.com/docs/sftp).

Both of its protocols are spoken: SFTP, which it recommends, and FTP.

How a file is handed over: a zip holding one ``.json`` is created in Send_SMS, picked up within 5 seconds, and put into
Processed or Errors. The name of the inner file is unique for 48 hours with SMSPortal, the zip's need not be: so the
inner name is fixed for the batch, and a repeated hand-over of it is dropped by SMSPortal (``File.DuplicateFound``).
"""

import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django import forms

from providers import formats, gsm, reports
from providers.base import (
    Attempt,
    BaseAdapter,
    CampaignSpec,
    Check,
    Ending,
    Guard,
    Interpretation,
    Limits,
    Message,
    Observation,
    ObservedFile,
    Outcome,
    Payload,
    Problem,
    ProviderState,
    Receipt,
)
from providers.errors import Refused
from providers.fields import HostField, SecretField
from providers.transports.files import Entry, is_plain
from providers.transports.ftp import FtpRemote, FtpTransport
from providers.transports.sftp import SftpRemote, SftpTransport, fingerprint

# SMSPortal SFTP, "Error Codes": the complete list.
WORDS = {
    "InsufficientCredits": "SMSPortal says there are not enough credits for this file. Top up the account.",
    "IncorrectScheduledDate": "SMSPortal says the end is earlier than the start.",
    "MSISDN.NoNetworkFound": "No network is known for this number.",
    "MSISDN.Optout": "This number has opted out with SMSPortal.",
    "RequiredParameter.Missing": "SMSPortal misses something it requires in the file.",
    "File.InvalidVersion": "SMSPortal says the version of the file is missing or wrong.",
    "File.ParseError": "SMSPortal could not read some fields of the file.",
    "File.DuplicateFound": "SMSPortal has already processed a file of this name and dropped this one.",
    "File.Corrupt": "SMSPortal could not read the file.",
    "EmptySend.NoValidMessages": "SMSPortal found nobody in the file to text, for example because all have opted out.",
    "InternalServerError": "SMSPortal had an internal error; how many were texted is not known.",
}
UNKNOWN = "UNKNOWN"
# Of the eleven those that say "the MSISDN", so one recipient and no more; said without a number they do not tell whom.
_OF_ONE = {"MSISDN.NoNetworkFound", "MSISDN.Optout"}

Remote = SftpRemote | FtpRemote
SFTP, FTP = "sftp", "ftp"
# SMSPortal SFTP, "Login & Authentication".
_PORTS = {SFTP: 22, FTP: 21}

SEND, PROCESSED, ERRORS = "Send_SMS", "Processed", "Errors"
_FOLDER_SETTINGS = {SEND: "send_folder", PROCESSED: "processed_folder", ERRORS: "errors_folder"}

# Reports are read up to this many bytes.
_READ_AT_MOST = 1_000_000
# No file's name holds this.
_NOBODY = "/"
# Clocks that differ by less agree.
_CLOCK_TOLERANCE = timedelta(minutes=2)
# A fault report may appear after the file it speaks of: this long an unexplained entry in Errors is waited for.
_REPORT_PATIENCE = timedelta(seconds=60)

_CODE = re.compile(r"\b(?:" + "|".join(re.escape(code) for code in WORDS) + r")\b", re.IGNORECASE)
_BY_LOWER = {code.lower(): code for code in WORDS}
# A word of one of SMSPortal's families that its list does not have.
_UNLISTED = re.compile(r"\b(?:MSISDN|RequiredParameter|File|EmptySend)\.[A-Z]\w+")
_NUMBER = re.compile(r"(?<!\d)(?:\+|00)?(\d{7,15})(?!\d)")
_SENDER = re.compile(r"[A-Za-z0-9]{1,11}|[0-9]{1,15}")
_LITERAL_FIELD = re.compile(r"@@value\d+@@", re.IGNORECASE)
_MOMENT = "%Y-%m-%d %H:%M"


class Adapter(BaseAdapter):
    label = "SMSPortal"
    transport = SftpTransport
    # assumption: no size is documented; 10,000 contacts a file bound what one file can do. Start at most 3 months
    # ahead is documented for the same vendor's REST API.
    limits = Limits(
        rows=10_000, bytes=10_000_000, alphabet="gsm", connections=2, values=6, start_ahead=timedelta(days=90)
    )
    # Half of the 48 hours for which SMSPortal remembers names.
    guard = Guard.key(window=timedelta(hours=24), pause=timedelta(seconds=60))
    give_up_after = timedelta(minutes=15)
    accepted_means = (
        "SMSPortal processed the file and reported no fault for this number. Whether a text arrived it does not say."
    )
    evidence = "The file's way through Send_SMS, Processed and Errors, and fault reports beside it"
    guard_words = "Drops a file of the same inner name for 48 hours; Baton relies on 24"
    starts_later = True
    login_hint = (
        "For accounts made after 6 June 2023 the channel must first be switched on under “API Keys” in the "
        "SMSPortal control panel."
    )

    class SettingsForm(forms.Form):
        # assumption: FTPS is not documented, so it is not offered.
        protocol = forms.ChoiceField(
            label="Protocol",
            choices=[(SFTP, "SFTP (recommended)"), (FTP, "FTP")],
            initial=SFTP,
            required=False,
            help_text="FTP encrypts nothing: the password, the texts and the numbers can be read on the way.",
        )
        host = HostField(label="Host", initial="ftp.smsportal.com", scheme="sftp")
        port = forms.IntegerField(
            label="Port",
            required=False,
            min_value=1,
            max_value=65535,
            help_text="Blank for the usual one: 22 for SFTP, 21 for FTP.",
        )
        username = forms.CharField(label="User name", max_length=200, help_text="Your SMSPortal user name.")
        password = SecretField(label="Password")
        # The document does not say whether the folders lie right under the login's home.
        base_folder = forms.CharField(
            label="Base folder",
            required=False,
            max_length=200,
            help_text="Where the three folders lie; blank for home.",
        )
        send_folder = forms.CharField(label="Folder for new files", initial=SEND, max_length=100)
        processed_folder = forms.CharField(label="Folder for processed files", initial=PROCESSED, max_length=100)
        errors_folder = forms.CharField(label="Folder for failed files", initial=ERRORS, max_length=100)

        def clean(self) -> dict[str, Any]:
            cleaned = super().clean() or self.cleaned_data
            if "port" not in cleaned or "protocol" not in cleaned:
                return cleaned
            protocol = cleaned["protocol"] = cleaned["protocol"] or SFTP
            port = cleaned["port"] = cleaned["port"] or _PORTS[protocol]
            if port != _PORTS[protocol] and port in _PORTS.values():
                self.add_error(
                    "port",
                    f"Port {port} is not the one for {protocol.upper()}. Enter {_PORTS[protocol]}, or leave it blank.",
                )
            return cleaned

    class OptionsForm(forms.Form):
        email = forms.EmailField(
            label="E-mail for the file's status",
            required=False,
            help_text="SMSPortal writes there whether it processed each file. Blank: the account's own address.",
        )
        check_optouts = forms.BooleanField(
            label="Let SMSPortal drop its own opt-outs as well", required=False, initial=True
        )
        max_errors = forms.IntegerField(
            label="Most errors in a file",
            required=False,
            min_value=1,
            max_value=10_000,
            help_text="With more errors than this SMSPortal gives the whole file up. Blank: no limit.",
        )

    def host(self, settings: Mapping[str, Any]) -> str:
        """``name:port``, and with FTP that it is FTP.

        So a stored password is asked for again before it travels unencrypted, and campaigns are approved again.
        """
        host = super().host(settings)
        return f"{host} (FTP)" if _is_ftp(settings) else host

    def transport_for(self, settings: Mapping[str, Any]) -> Any:
        """SMSPortal SFTP: "22 for SFTP (recommended), 21 for FTP"; settings that name none mean SFTP."""
        return FtpTransport if _is_ftp(settings) else SftpTransport

    def spec_problems(self, spec: CampaignSpec) -> list[Problem]:
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

    def problems(self, spec: CampaignSpec, message: Message) -> list[Problem]:
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

    def render(self, stem: str, key: int, spec: CampaignSpec, messages: Sequence[Message]) -> Payload:
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

    def attempt_name(self, payload: Payload, number: int) -> str:
        """SMSPortal SFTP: "The .zip file names don't need to be unique"; each attempt has its own, to be told apart."""
        return f"{payload.stem}-a{number}.zip"

    def commit(self, remote: Remote, payload: Payload, attempt: Attempt) -> Receipt:
        remote.create(_path(remote, SEND, attempt.name), payload.body)
        return Receipt()

    def poll(self, remote: Remote, payload: Payload, attempts: Sequence[Attempt], now: datetime) -> Observation:
        """List the three folders for the batch's stem, whatever was put before or after it, and read the reports."""
        files = []
        host = remote.hosts()[0]
        # In the direction in which files move, so that one on its way is seen at least once.
        for folder in (SEND, PROCESSED, ERRORS):
            for entry in remote.listdir(_path(remote, folder), payload.stem):
                if not _bears(entry.name, payload.stem):
                    continue
                body = None
                if folder != SEND and not entry.name.lower().endswith(".zip"):
                    body = remote.read(_path(remote, folder, entry.name), _READ_AT_MOST)
                files.append(ObservedFile(folder, entry.name, entry.size, entry.modified_at, body, host))
        return Observation(now, remote.hosts(), tuple(files))

    def interpret(
        self, payload: Payload, attempts: Sequence[Attempt], observations: Sequence[Observation]
    ) -> Interpretation:
        """What the folders mean; the rules stand in the order in which they win.

        Processed wins. An entry in Errors speaks only for the attempt whose zip name it bears; one with the inner name
        only for an only attempt.
        """
        if not observations:
            return Interpretation(ProviderState.UNKNOWN)
        evidence = _Evidence.of(payload, attempts, observations)
        if evidence.processed:
            return _accepted(evidence)
        if any(evidence.is_whole(number) for number in evidence.waiting):
            return Interpretation(
                ProviderState.TAKEN, "waiting", "The file lies in Send_SMS and waits to be picked up."
            )
        if evidence.waiting:
            return Interpretation(
                ProviderState.UNKNOWN,
                "waiting_after_break",
                "The file lies in Send_SMS, but its upload was interrupted and it may be incomplete.",
            )
        if evidence.has_nameless_error:
            return _unclear(
                evidence,
                "errors_by_inner_name",
                "Errors holds the file under its inner name only, and several attempts were made: "
                "it cannot be told which one failed.",
            )
        if evidence.failures:
            return _failed(evidence)
        return Interpretation(ProviderState.ABSENT)

    def check(self, remote: Remote, now: datetime) -> list[Check]:
        """Login and host key are proven by the open remote; here the three folders are looked at.

        assumption: SMSPortal may pick up any file, so none is made to read the server's clock; over SFTP a fresh file
        that is there already tells it.
        """
        checks = [
            Check("login", "Login", True, f"Logged in as {remote.settings['username']}."),
            _check_line(remote),
        ]
        newest: list[datetime] = []
        for folder in (SEND, PROCESSED, ERRORS):
            check, entries = _check_folder(remote, folder)
            checks.append(check)
            newest += [entry.modified_at for entry in entries if entry.modified_at]
        return [*checks, _check_clock(max(newest, default=None), now)]

    def survey(self, remote: Remote, now: datetime) -> Observation:
        host = remote.hosts()[0]
        files = [
            ObservedFile(folder, entry.name, entry.size, entry.modified_at, None, host)
            for folder in (SEND, PROCESSED, ERRORS)
            for entry in remote.listdir(_path(remote, folder))
        ]
        return Observation(now, remote.hosts(), tuple(files))


def _is_ftp(settings: Mapping[str, Any]) -> bool:
    return settings.get("protocol") == FTP


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


def _path(remote: Remote, folder: str, name: str = "") -> str:
    base = str(remote.settings.get("base_folder") or "").rstrip("/")
    own_name = str(remote.settings.get(_FOLDER_SETTINGS[folder]) or folder).strip("/")
    return "/".join(piece for piece in (base, own_name, name) if piece)


def _bears(name: str, stem: str) -> bool:
    return stem in name and is_plain(name)


def _check_line(remote: Remote) -> Check:
    if isinstance(remote, FtpRemote):
        return Check(
            "encryption",
            "Encryption",
            None,
            "FTP encrypts nothing: the password, the texts and the numbers can be read on the way. "
            "SMSPortal recommends SFTP.",
            is_warning=True,
        )
    key = fingerprint(str(remote.settings["host_key"]))
    return Check("host_key", "Host key", True, f"The server's key is the confirmed one: {key}.")


def _check_folder(remote: Remote, folder: str) -> tuple[Check, list[Entry]]:
    path = _path(remote, folder)
    code, label = f"folder_{_FOLDER_SETTINGS[folder]}", f"Folder {folder}"
    try:
        # Over FTP each name may have to be asked about; over SFTP their times tell the server's clock for nothing.
        entries = remote.listdir(path, _NOBODY if isinstance(remote, FtpRemote) else "")
    except Refused as trouble:
        if trouble.code not in ("folder_missing", "folder_forbidden"):
            raise
        sentence = f"{trouble.sentence} Check the folder's name in the account's settings."
        return Check(code, label, False, sentence), []
    return Check(code, label, True, f"{path} is there."), entries


def _check_clock(newest: datetime | None, now: datetime) -> Check:
    if newest is None or now - newest > _CLOCK_TOLERANCE:
        return Check("clock", "Clock", None, "SMSPortal's clock cannot be read without writing a file there.")
    if newest - now <= _CLOCK_TOLERANCE:
        return Check("clock", "Clock", True, "SMSPortal's clock and this machine's agree.")
    minutes = round((newest - now).total_seconds() / 60)
    return Check(
        "clock",
        "Clock",
        False,
        f"SMSPortal's clock is at least {minutes:,} minutes ahead of this machine's. Check this machine's clock: "
        "starts and quiet hours go by it.",
    )


@dataclass(frozen=True)
class _Fault:
    """A word found in a report: about one of our numbers, or about none of them (``msisdn`` is ``""``).

    One about none is about the whole file, unless it is in ``_OF_ONE``: then it does not tell whom.
    """

    code: str
    raw: str
    msisdn: str
    source: str
    line: int


@dataclass(frozen=True)
class _Evidence:
    """All that was ever seen of a batch, by attempt; attempt 0 stands for entries that bear only the inner name."""

    attempts: dict[int, Attempt]
    processed: dict[int, list[_Fault]]
    failures: dict[int, list[_Fault]]
    failed_since: dict[int, datetime]
    waiting: frozenset[int]
    seen_at: datetime
    cut_short: tuple[str, ...]
    strange: tuple[str, ...]

    @property
    def has_nameless_error(self) -> bool:
        return 0 in self.failures

    @property
    def all_failures(self) -> list[_Fault]:
        """What was said in Errors, of whichever attempt."""
        return [fault for faults in self.failures.values() for fault in faults]

    def is_whole(self, number: int) -> bool:
        """Whether the server confirmed every byte of this attempt."""
        attempt = self.attempts.get(number)
        return attempt is not None and attempt.ending is Ending.DONE

    @classmethod
    def of(cls, payload: Payload, attempts: Sequence[Attempt], observations: Sequence[Observation]) -> "_Evidence":
        # What was refused, or never got as far as a file, left nothing behind.
        possible = {attempt.number: attempt for attempt in attempts if attempt.may_have_arrived}
        places: dict[str, dict[int, list[_Fault]]] = {PROCESSED: {}, ERRORS: {}}
        failed_since: dict[int, datetime] = {}
        cut_short, strange = [], []
        for observation, file in _newest_first(observations):
            if file.folder not in places:
                continue
            number = _attempt_of(file.name, payload.stem, possible)
            faults = places[file.folder].setdefault(number, [])
            if file.folder == ERRORS:
                failed_since[number] = min(observation.seen_at, failed_since.get(number, observation.seen_at))
            if file.body is None or _is_our_own(file.body):
                continue
            found, unknown = _parse_report(file, payload)
            faults.extend(found)
            strange.extend(unknown)
            if file.size > len(file.body):
                cut_short.append(file.name)
        last = observations[-1]
        waiting = [_attempt_of(file.name, payload.stem, possible) for file in last.files if file.folder == SEND]
        return cls(
            possible,
            places[PROCESSED],
            places[ERRORS],
            failed_since,
            frozenset(waiting),
            last.seen_at,
            tuple(cut_short),
            tuple(strange),
        )


def _newest_first(observations: Sequence[Observation]) -> Iterator[tuple[Observation, ObservedFile]]:
    """Each entry once, with its newest content, and with the time it was first seen."""
    newest: dict[tuple[str, str], ObservedFile] = {}
    first: dict[tuple[str, str], Observation] = {}
    for observation in observations:
        for file in observation.files:
            place = (file.folder, file.name)
            first.setdefault(place, observation)
            known = newest.get(place)
            newest[place] = replace(file, body=known.body) if known and file.body is None else file
    for place, file in newest.items():
        yield first[place], file


def _attempt_of(name: str, stem: str, possible: dict[int, Attempt]) -> int:
    match = re.search(re.escape(stem) + r"-a(\d{1,6})(?!\d)", name)
    if match:
        return int(match[1])
    return next(iter(possible)) if len(possible) == 1 else 0


def _accepted(evidence: _Evidence) -> Interpretation:
    numbers = sorted(evidence.processed)
    faults = [fault for number in numbers for fault in evidence.processed[number]]
    # A report on the same attempt may lie in Errors; one that bears only the inner name can speak of no other file.
    faults += [fault for number in {*numbers, 0} for fault in evidence.failures.get(number, [])]
    alarms = []
    if len([number for number in numbers if number]) > 1:
        alarms.append("SMSPortal processed this file more than once: people may have been texted twice.")
    harmless = {"File.ParseError", "File.DuplicateFound"}
    contradicting = {fault.code for fault in faults if not fault.msisdn} - harmless
    if contradicting:
        words = ", ".join(sorted(contradicting))
        alarms.append(f"The file is in Processed, yet a report about it says {words}.")
    alarms += _report_alarms(evidence)
    return Interpretation(
        ProviderState.ACCEPTED,
        "processed",
        "SMSPortal put the file into Processed.",
        _outcomes(faults),
        alarm=" ".join(alarms),
    )


def _failed(evidence: _Evidence) -> Interpretation:
    verdicts = {number: _verdict(evidence, number) for number in evidence.failures}
    codes = set(verdicts.values())
    alarm = " ".join(_report_alarms(evidence))
    if "InternalServerError" in codes:
        return _unclear(evidence, "InternalServerError", WORDS["InternalServerError"], alarm)
    if "File.ParseError" in codes:
        return _unclear(
            evidence,
            "File.ParseError",
            "SMSPortal could not read some fields of the file, and it is not in Processed: "
            "whether the others were texted is not known.",
            alarm,
        )
    if UNKNOWN in codes:
        return _unclear(
            evidence,
            UNKNOWN,
            "SMSPortal put the file into Errors, and no report says why in words that Baton knows.",
            alarm,
        )
    if about_one := sorted(codes & _OF_ONE):
        sentence = (
            "SMSPortal put the file into Errors, and the report speaks only of single recipients "
            f"({', '.join(about_one)}): what became of the others is not known."
        )
        if any(fault.code in _OF_ONE and not fault.msisdn for fault in evidence.all_failures):
            sentence += " At least one of them Baton does not recognise."
        return _unclear(evidence, about_one[0], sentence, alarm)
    interrupted = {number for number, code in verdicts.items() if _is_interruption(evidence, number, code)}
    unexplained = set(evidence.attempts) - set(verdicts)
    if "" in codes and not any(evidence.is_whole(number) for number in evidence.attempts):
        # An interrupted upload may turn out to have been dropped, which permits another; until that is told, none.
        return Interpretation(
            ProviderState.UNKNOWN,
            "errors_waiting",
            "SMSPortal put the file into Errors; its report is awaited.",
            waits=True,
        )
    if "" in codes or (unexplained and len(interrupted) < len(verdicts)):
        return Interpretation(
            ProviderState.PROCESSING, "errors_waiting", "SMSPortal put the file into Errors; its report is awaited."
        )
    reasons = {
        number: code for number, code in verdicts.items() if number not in interrupted and code != "File.DuplicateFound"
    }
    if "File.DuplicateFound" in codes:
        reasons = {number: code for number, code in reasons.items() if code != "File.Corrupt"}
    if reasons:
        code = reasons[max(reasons)]
        # The next file would be refused alike.
        is_account = code == "InsufficientCredits"
        return Interpretation(
            ProviderState.REJECTED, code, WORDS[code], _outcomes(evidence.all_failures), alarm=alarm, account=is_account
        )
    if "File.DuplicateFound" in codes:
        return _duplicate(evidence)
    return Interpretation(
        ProviderState.ABSENT, "File.Corrupt", "The interrupted upload arrived incomplete and SMSPortal dropped it."
    )


def _verdict(evidence: _Evidence, number: int) -> str:
    """The one word on an attempt in Errors: a code, UNKNOWN, or ``""`` while its report may still come.

    One of ``_OF_ONE`` when, for as long as a report is waited for, nothing was said but of single recipients: that is
    no word on the file, whether it named them or not.
    """
    faults = evidence.failures[number]
    words = [fault.code for fault in faults if not fault.msisdn and fault.code not in _OF_ONE]
    for grave in ("InternalServerError", "File.ParseError", UNKNOWN):
        if grave in words:
            return grave
    if words:
        # The plainest cause last: a duplicate or corrupt file says nothing about what else may be wrong.
        return sorted(words, key=lambda code: code in ("File.DuplicateFound", "File.Corrupt"))[0]
    if evidence.seen_at - evidence.failed_since[number] < _REPORT_PATIENCE:
        return ""
    return next((fault.code for fault in faults if fault.code in _OF_ONE), UNKNOWN)


def _is_interruption(evidence: _Evidence, number: int, code: str) -> bool:
    attempt = evidence.attempts.get(number)
    return code == "File.Corrupt" and (attempt is None or attempt.ending is not Ending.DONE)


def _duplicate(evidence: _Evidence) -> Interpretation:
    if len(evidence.attempts) <= 1:
        return _unclear(
            evidence,
            "File.DuplicateFound",
            "SMSPortal says it has processed a file of this name already, yet Baton handed it over only once.",
            "SMSPortal knows a file of this name from somewhere else.",
        )
    return _unclear(
        evidence,
        "File.DuplicateFound",
        "SMSPortal says it has processed a file of this name already, yet none of the attempts is in Processed.",
    )


def _certain(evidence: _Evidence) -> tuple[Outcome, ...]:
    """What holds for a recipient whatever became of the file: they were not texted, and may have opted out.

    SMSPortal SFTP: "could not be completed", "will not be sent to this address". Any other word beside a number, such
    as InternalServerError or one that Baton does not know, leaves open whether it was texted, and settles nobody.
    """
    return _outcomes([fault for fault in evidence.all_failures if fault.code in _OF_ONE])


def _unclear(evidence: _Evidence, reason: str, sentence: str, alarm: str = "") -> Interpretation:
    return Interpretation(ProviderState.UNKNOWN, reason, sentence, _certain(evidence), unclear=True, alarm=alarm)


def _report_alarms(evidence: _Evidence) -> list[str]:
    alarms = []
    if evidence.cut_short:
        alarms.append("A fault report is longer than Baton reads: some faults may be missing from the results.")
    if evidence.strange:
        words = ", ".join(sorted(set(evidence.strange))[:5])
        alarms.append(f"A fault report uses words that Baton does not know: {words}.")
    return alarms


def _outcomes(faults: Sequence[_Fault]) -> tuple[Outcome, ...]:
    """One outcome for each number; the first known word wins over UNKNOWN."""
    best: dict[str, _Fault] = {}
    for fault in faults:
        known = best.get(fault.msisdn)
        if fault.msisdn and (known is None or (known.code == UNKNOWN and fault.code != UNKNOWN)):
            best[fault.msisdn] = fault
    return tuple(
        Outcome(
            msisdn=fault.msisdn,
            result="row_error",
            code=fault.code,
            sentence=WORDS.get(
                fault.code, f"SMSPortal reports this number with a word Baton does not know: {fault.raw}"
            ),
            opted_out=fault.code == "MSISDN.Optout",
            source=fault.source,
            line=fault.line,
        )
        for fault in best.values()
    )


def _is_our_own(body: bytes) -> bool:
    """Whether this is the file that was handed over, unpacked, and no report: it holds all our numbers."""
    start = body[:20_000].decode("utf-8-sig", "replace").lower()
    return start.lstrip().startswith("version") and '"contacts"' in start


@lru_cache(maxsize=1)
def _spellings(body: bytes) -> dict[str, str]:
    """The numbers that were handed over by how a report may spell them.

    assumption: the document does not show how a report writes numbers: as they were handed over, or with 0 in place of
    the country code where only one of them ends so (South African numbers have nine digits after it).
    """
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        content = archive.read(archive.namelist()[0])
    document = json.loads(content.partition(b"\n")[2])
    numbers = {contact["msisdn"] for contact in document["contacts"]}
    endings = Counter(number[-9:] for number in numbers)
    national = {f"0{number[-9:]}": number for number in numbers if endings[number[-9:]] == 1}
    return national | {number: number for number in numbers}


def _parse_report(file: ObservedFile, payload: Payload) -> tuple[list[_Fault], list[str]]:
    """Return the faults of a report and the words in it that look like codes and are none.

    assumption: the shape of the fault report is not documented. A known code beside a number of ours is that number's
    fault, one without a number is the file's unless it is about one recipient.
    """
    spellings = _spellings(payload.body)
    faults: list[_Fault] = []
    strange: list[str] = []
    for piece in reports.pieces(file.body or b""):
        found_numbers = _NUMBER.findall(piece.number_words)
        msisdn = next((spellings[found] for found in found_numbers if found in spellings), "")
        codes = [_BY_LOWER[found.lower()] for found in _CODE.findall(piece.words)]
        unlisted = [found for found in _UNLISTED.findall(piece.words) if found.lower() not in _BY_LOWER]
        if unlisted or (piece.is_fault and msisdn and not codes):
            strange += unlisted or [piece.words[:60]]
            codes.append(UNKNOWN)
        # One number has one fate: its first known word.
        for code in codes[:1] if msisdn else codes:
            faults.append(_Fault(code, piece.words.strip()[:200], msisdn, file.name, piece.line))
    return faults, strange
