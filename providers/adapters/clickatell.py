"""Clickatell FTP: one text file of ``key:value`` lines for each batch.

Documents: the page "FTP" (developer solutions), and the archived reference pages "Using the FTP API", "Login
credentials", "Send basic message", "Send templated bulk message" and "API error codes".

How a file is handed over: it is stored in the login's folder, which Clickatell looks through once a minute; a history
log file appears there with the answers. Nothing tells a whole upload from a broken one, and the same file stored again
is texted again: so Baton never repeats one by itself.

The payload is the file without its credential lines; those are put before it in memory while it is stored. The payload
may begin with two lines of Baton's own, because Clickatell counts minutes from when it reads the file, and the payload
is fixed long before: ``deliv_at:`` (the start, UTC) becomes ``deliv_time:`` in minutes from the attempt, rounded up,
and is left out when the start has come; ``valid_until:`` (the end, UTC) becomes ``validity:`` in minutes, rounded down,
where that is shorter than what was ordered or Clickatell's own 1,440.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from django import forms

from providers import gsm
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
    Staged,
)
from providers.errors import Refused
from providers.fields import HostField, SecretField
from providers.transports.ftp import FtpRemote, FtpTransport

UNKNOWN = "UNKNOWN"

# "API error codes", those that apply to files.
WORDS = {
    "001": "Clickatell refuses the user name or password inside the file. Check the API user of the account.",
    "007": "Clickatell refuses this address of ours (IP lockdown). Have it allowed in the Clickatell account.",
    "100": "Clickatell says the data is malformed.",
    "101": "Clickatell says a parameter is missing or invalid.",
    "102": "Clickatell says the user data header is invalid.",
    "105": "Clickatell says this is no valid destination.",
    "106": "Clickatell says the sender is not valid. It must be registered with Clickatell.",
    "107": "Clickatell says the message is empty.",
    "108": "Clickatell says the api_id is invalid or missing. Check the account's settings.",
    "109": "Clickatell says a message id is missing.",
    "113": "Clickatell says the text has more parts than allowed.",
    "114": "Clickatell has no route to this number.",
    "115": "The message expired before Clickatell could deliver it.",
    "116": "Clickatell says the Unicode data is invalid.",
    "120": "Clickatell says the delivery time is invalid.",
    "121": "This destination is blocked with Clickatell.",
    "122": "This number has opted out with Clickatell.",
    "123": "Clickatell says the sender is not valid. It must be registered with Clickatell.",
    "128": "This number is delisted with Clickatell.",
    "130": "The account's limit of messages is reached.",
    "201": "Clickatell says the batch id is invalid.",
    "202": "Clickatell says there is no batch template.",
    "301": "Clickatell says there is no credit left. Top up the account.",
    "302": "Clickatell says the charge is above the most that is allowed.",
    "901": "Clickatell had an internal error; whether this was texted is not known.",
}
# Those that, said without a number, are about one recipient: whom, the log then does not say.
_OF_ONE = {"105", "114", "115", "121", "122", "128"}
# Those that every further file would meet as well.
_NO_CREDIT = "301"
_OF_THE_ACCOUNT = {"001", "007", "108", _NO_CREDIT}
_INTERNAL = "901"
_OPTED_OUT = "122"

# "API error codes", message statuses. Which of them are final: the table of callbacks in the HTTP summary.
STATUSES = {
    "001": "Clickatell does not know this message.",
    "002": "The message is queued with Clickatell.",
    "003": "The message was delivered to the gateway.",
    "004": "The message was received.",
    "005": "There was an error with the message.",
    "006": "The message was cancelled.",
    "007": "The message could not be delivered.",
    "008": "Clickatell has taken the message.",
    "009": "No route was found for the message.",
    "010": "The message expired before it could be delivered.",
    "011": "The message is queued for later.",
    "012": "There was no credit left for the message.",
    "014": "The limit of messages is reached.",
}
_DELIVERED = {"004"}
_UNDELIVERED = {"005", "007", "009", "010", "012"}

# "Using the FTP API": "each line can be up to 8192 bytes". assumption: the line break counts.
_LINE_BYTES = 8192
# "Delivery delay ... of up to 7 days".
_LONGEST_DELAY = 10_080
_USUAL_VALIDITY = 1440
_USUAL_CONCAT = 3
# The last one is no GSM character, so it is in no value.
_DELIMITERS = "|~^;`"
# The folder is looked through once a minute: what Clickatell does with a broken upload it has done after a few.
_LOG_PATIENCE = timedelta(minutes=3)
# Log files are read up to this many bytes.
_READ_AT_MOST = 5_000_000

_FIELD = re.compile(r"@@(value[1-6])@@")
# Wider than #field1# by its half: a value must not make a field together with what stands beside it.
_FIELD_LIKE = re.compile(r"#field\d|field\d+#", re.IGNORECASE)
_SENDER = re.compile(r"[0-9]{1,16}|[A-Za-z0-9]{1,11}")
_BEYOND_LATIN_1 = re.compile("[" + "".join(c for c in gsm.BASIC + gsm.EXTENSION if ord(c) > 0xFF) + "]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_CREDENTIAL = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_TIMED = re.compile(rb"(deliv_at|valid_until|validity):([^\n]*)\n")
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"

# A line of the log is searched for these, wherever in it they stand.
_HEAD = re.compile(r"(?=\b(?:[a-z_]*ID\s*[:=]\s*[0-9a-f]{32}(?![0-9a-f])|ERR\s*:))", re.IGNORECASE)
_ID = re.compile(r"ID\s*[:=]\s*([0-9a-f]{32})(?![0-9a-f])", re.IGNORECASE)
_ERR = re.compile(r"\bERR\s*:\s*(?:(\d{3})(?!\d))?\s*,?\s*(.*)", re.IGNORECASE)
_STATUS = re.compile(r"\bstatus\w*\s*[:=]?\s*(0\d\d)(?!\d)", re.IGNORECASE)
_TO = re.compile(r"\bTo\s*[:=]\s*(?:\+|00)?(\d{5,16})(?!\d)", re.IGNORECASE)
_NUMBER = re.compile(r"(?<!\w)(?:\+|00)?(\d{7,16})(?!\w)")
# What a person wrote may look like any of the above where a log repeats the file.
_ECHO = re.compile(r"\b(?:text|data|csv)\s*:", re.IGNORECASE)
_STEM = re.compile(r"c\d+-b\d+-g\d+-[0-9a-f]{8}")
_OTHER = re.compile(r"c\d+-?b\d+-?g\d+-?[0-9a-f]{8}|[\w-]+\.(?:txt|csv|dat|sms|msg)\b|climsgid\s*[:=]", re.IGNORECASE)
_PASSWORD = re.compile(rb"(password\s*[:=]\s*)[^\s&|,;]+", re.IGNORECASE)


def _without_breaks(value: str) -> None:
    if not value.isprintable():
        raise forms.ValidationError("Use no line break and no other control character.")


def _as_a_line(value: str) -> None:
    if not _CREDENTIAL.fullmatch(value):
        raise forms.ValidationError(
            "Use ASCII characters only, with no line break and no space at either end: it becomes a line of the file."
        )


class Adapter(BaseAdapter):
    label = "Clickatell (FTP)"
    transport = FtpTransport
    # "Up to 100 000 messages per file" on one page, 50,000 on another; small files bound what a broken upload can do.
    limits = Limits(
        rows=5_000,
        bytes=10_000_000,
        alphabet="gsm+ucs2",
        newline_units=2,
        connections=2,
        values=6,
        start_ahead=timedelta(minutes=_LONGEST_DELAY),
    )
    guard = Guard.none()
    # "Using the FTP API": files are deleted 48 hours after they were last changed.
    give_up_after = timedelta(hours=48)
    accepted_means = (
        "Clickatell's log gave this number a message id: it took the text. Whether it arrived is known only where the "
        "log also holds a status."
    )
    evidence = "History log files in the FTP folder, whatever their name, and the size of the file before it is read"
    guard_words = "None: the same file again is texted again, so Baton never repeats one by itself"
    starts_later = True
    login_hint = (
        "The FTP login is your api_id with the FTP password set in the FTP section of “Manage My Products”. It is not "
        "the login of your Clickatell account."
    )

    class SettingsForm(forms.Form):
        host = HostField(
            label="Host",
            initial="ftpupload.clickatell.com",
            scheme="ftp",
            help_text="Clickatell documents plain FTP only: passwords and texts cross the network in the clear.",
        )
        # assumption: no port is documented.
        port = forms.IntegerField(label="Port", initial=21, min_value=1, max_value=65535)
        username = forms.CharField(label="FTP user name (your api_id)", max_length=200, validators=[_without_breaks])
        password = SecretField(label="FTP password", validators=[_without_breaks])
        api_id = forms.CharField(label="api_id", max_length=200, validators=[_as_a_line])
        api_user = forms.CharField(
            label="API user", max_length=200, validators=[_as_a_line], help_text="Your Clickatell user name."
        )
        api_password = SecretField(
            label="API password",
            validators=[_as_a_line],
            help_text="Your Clickatell password. It is put into each file while that is handed over, and kept in none.",
        )

    class OptionsForm(forms.Form):
        unicode = forms.BooleanField(
            label="Unicode",
            required=False,
            help_text="Takes every character, emoji included; each part then holds 70 instead of 160.",
        )
        flash = forms.BooleanField(
            label="Flash", required=False, help_text="Shown at once on the phone, and often not stored there."
        )
        concat = forms.IntegerField(
            label="Most parts of a text",
            required=False,
            initial=_USUAL_CONCAT,
            min_value=1,
            max_value=35,
            help_text="A longer text is refused before anything is handed over. Blank: 3.",
        )
        validity = forms.IntegerField(
            label="Valid for (minutes)",
            required=False,
            min_value=1,
            max_value=_LONGEST_DELAY,
            help_text="How long a text may wait in Clickatell's queue. Blank: 1,440. At least 240 for many recipients.",
        )
        deliv_ack = forms.BooleanField(label="Ask for delivery acknowledgement", required=False)
        callback = forms.ChoiceField(
            label="Callbacks",
            required=False,
            choices=[
                ("", "As set with Clickatell"),
                ("0", "None"),
                ("1", "Intermediate statuses"),
                ("2", "Final statuses"),
                ("3", "Intermediate and final statuses"),
                ("4", "Errors"),
                ("5", "Intermediate statuses and errors"),
                ("6", "Final statuses and errors"),
                ("7", "All"),
            ],
            help_text="What Clickatell reports to the address set in its own control panel.",
        )
        escalate = forms.BooleanField(
            label="Escalate delayed texts to dearer gateways", required=False, help_text="Up to the most credits below."
        )
        # assumption: no range is documented; whole credits are what every reading takes.
        max_credits = forms.IntegerField(
            label="Most credits a text", required=False, min_value=1, max_value=99_999, help_text="Blank: no limit."
        )
        queue = forms.ChoiceField(
            label="Queue",
            required=False,
            choices=[("", "As set with Clickatell"), ("1", "1"), ("2", "2"), ("3", "3")],
            help_text="Clickatell has three queues of different priority.",
        )
        mo = forms.BooleanField(
            label="Use a route that carries replies", required=False, help_text="With a sender made of digits."
        )
        # Asked per campaign and not per account, so that the bytes are fixed and signed with it.
        charset = forms.ChoiceField(
            label="Letters beyond ASCII in the file",
            required=False,
            initial="iso-8859-1",
            choices=[("iso-8859-1", "ISO-8859-1 (no € and no Greek capitals)"), ("utf-8", "UTF-8")],
            help_text="Clickatell does not document which. Choose UTF-8 only where a test handover showed é as é.",
        )

    def measure(self, spec: CampaignSpec, text: str) -> gsm.Measure:
        """What ``concat`` limits. "Send basic message": line breaks use two character spaces, in either alphabet.

        Unicode is asked for as such, also for a text that GSM could say.
        """
        if not _is_unicode(spec):
            return gsm.measure(text, self.limits.newline_units)
        # Characters stand in that count as wanted: a pair for a line break, one unit outside GSM for what GSM has.
        paired = text.replace("\n", "\U0001f600")
        return gsm.measure(paired if gsm.unsupported(paired) else "\u4e00" * len(paired))

    def spec_problems(self, spec: CampaignSpec) -> list[Problem]:
        """``from``: 1 to 16 digits, or up to 11 letters and digits (SMS gateway settings)."""
        found = []
        if spec.sender and not _SENDER.fullmatch(spec.sender):
            found.append(
                Problem(
                    "sender_invalid",
                    "The sender may be up to 11 letters and digits without spaces, or up to 16 digits.",
                    "sender",
                )
            )
        if spec.start_at and spec.end_at and spec.end_at < spec.start_at + timedelta(minutes=1):
            found.append(Problem("end_before_start", "The end must be at least one minute after the start.", "end_at"))
        return found

    def problems(self, spec: CampaignSpec, message: Message) -> list[Problem]:
        """What a file cannot say for certain: which form a file takes hangs on the others in it, so each must do."""
        if not message.text.strip():
            return [Problem("text_empty", "The text is empty.", "text")]
        found = _unicode_problems(message) if _is_unicode(spec) else _plain_problems(spec, message)
        if found:
            return found
        parts = self.measure(spec, message.text).parts
        if parts > _concat(spec):
            found.append(
                Problem(
                    "too_many_parts",
                    f"The text has {parts} parts; {_concat(spec)} are allowed. Shorten it, or allow more parts.",
                    "text",
                )
            )
        if _longest_line(spec, message) > _LINE_BYTES:
            found.append(
                Problem("line_too_long", "The text makes a line of more than 8,192 bytes. Shorten it.", "text")
            )
        return found

    def render(self, stem: str, key: int, spec: CampaignSpec, messages: Sequence[Message]) -> Payload:
        """The file without its credential lines, line breaks LF.

        One text for all: the basic form, ``to:`` lines and the text last, so that a broken upload has no text. Else the
        batch form in its documented order: the template with ``#fieldN#`` where every message can be said with it, or
        ``text:#field1#`` with the whole text in each ``csv:`` line ("Example format 1").

        assumption: an empty value between delimiters is read as empty; it is left to templates with line breaks,
        which no other form can say. An empty ``text:`` line is an empty line of the text. With Unicode ``#field1#`` is
        filled before the text is read as hexadecimal.
        """
        lines = [*_times(spec), *_parameters(stem, spec)]
        texts = {message.text for message in messages}
        is_unicode = _is_unicode(spec)
        if len(texts) == 1:
            lines += [_line("to", message.msisdn) for message in messages]
            lines += _text_lines(messages[0].text, is_unicode)
        elif not is_unicode and _is_native(spec, messages):
            lines += [_line("text", line) for line in _template_lines(spec.template)]
            lines += _csv([[message.msisdn, *_values(spec, message)] for message in messages])
        else:
            lines.append(_line("text", "#field1#"))
            lines += _csv(
                [[message.msisdn, _hex(message.text) if is_unicode else message.text] for message in messages]
            )
        body = "".join([f"{line}\n" for line in lines]).encode(_charset(spec))
        return Payload(stem, f"{stem}.txt", body, key)

    def attempt_name(self, payload: Payload, number: int) -> str:
        """Each attempt has its own name, to be told apart. assumption: "a text file" may have any name in ``.txt``."""
        return f"{payload.stem}-a{number}.txt"

    def stage(self, remote: FtpRemote, payload: Payload, attempt_name: str) -> Staged:
        """Prove the line without touching anything; note how many bytes the credential lines add."""
        remote.ready()
        return Staged("", remote.host, len(_credentials(remote.settings)))

    def commit(self, remote: FtpRemote, payload: Payload, attempt: Attempt) -> Receipt:
        if _minutes_until_start(payload.body, attempt.started_at) > _LONGEST_DELAY:
            raise Refused(
                "start_too_far", "The start is more than 7 days away, which Clickatell does not take. Wait, or cancel."
            )
        remote.store(attempt.name, _credentials(remote.settings) + _wire_form(payload.body, attempt.started_at))
        return Receipt()

    def poll(self, remote: FtpRemote, payload: Payload, attempts: Sequence[Attempt], now: datetime) -> Observation:
        """List the folder: our own uploads by size, and every other file that says something about this batch.

        Our own uploads are never read back: they hold credentials. Where a log repeats those, they are blanked.
        """
        subject = _Subject.of(payload)
        since = _first_start(attempts, now)
        files = []
        for entry in remote.listdir():
            if not _is_plain(entry.name) or subject.belongs_to_another(entry.name):
                continue
            if subject.is_upload(entry.name):
                files.append(ObservedFile("", entry.name, entry.size, entry.modified_at, None, remote.host))
                continue
            body = remote.read(entry.name, _READ_AT_MOST)
            if body is None:
                continue
            kept = _without_secrets(body, remote.settings)
            # What was blanked must not look as if it had been cut short.
            size = entry.size + len(kept) - len(body)
            # Bytes that are no UTF-8 cannot be stored as a name.
            name = entry.name.encode("utf-8", "replace").decode()
            file = ObservedFile("", name, size, entry.modified_at, kept, remote.host)
            if subject.may_be_meant(file, since):
                files.append(file)
        return Observation(now, (remote.host,), tuple(files))

    def interpret(
        self, payload: Payload, attempts: Sequence[Attempt], observations: Sequence[Observation]
    ) -> Interpretation:
        """What the log and the folder mean; the rules stand in the order in which they win.

        A line for each number -> accepted. An internal error, or an error that names nobody beside ids -> unclear.
        An error about the whole file and no id -> rejected. Lines for some -> processing, and unclear in the end.
        Ids from an upload of which nothing shows that all of it arrived -> unclear: a text may have been cut short.
        The file itself, whole -> taken. Nothing -> absent, which proves nothing.
        """
        if not observations:
            return Interpretation(ProviderState.UNKNOWN)
        log = _Log.of(payload, attempts, observations)
        if log.has_words:
            silent_for = observations[-1].seen_at - log.since
            interpretation = _read_log(log, silent_for >= self.give_up_after)
            return _doubted(interpretation, payload, log, attempts, observations)
        return _read_folder(payload, log, observations)

    def check(self, remote: FtpRemote, now: datetime) -> list[Check]:
        """The login is proven by the open remote; nothing is put there, because any file is picked up and texted."""
        entries = remote.listdir()
        newest = max((entry.modified_at for entry in entries if entry.modified_at), default=None)
        return [
            Check("login", "FTP login", True, f"Logged in as {remote.settings['username']}."),
            # No warning: Clickatell documents nothing else.
            Check(
                "encryption",
                "Encryption",
                None,
                "FTP encrypts nothing: the passwords, the texts and the numbers can be read on the way.",
            ),
            Check("folder", "Folder", True, f"The login's folder can be listed; files in it: {len(entries)}."),
            _check_clock(newest, now),
            Check(
                "api_login",
                "API login inside the file",
                None,
                "Only a real message proves it: make a test handover to a number of your own.",
            ),
        ]

    def survey(self, remote: FtpRemote, now: datetime) -> Observation:
        files = [
            ObservedFile("", entry.name, entry.size, entry.modified_at, None, remote.host) for entry in remote.listdir()
        ]
        return Observation(now, (remote.host,), tuple(files))


# -- the file


def _is_unicode(spec: CampaignSpec) -> bool:
    return bool(spec.options.get("unicode"))


def _charset(spec: CampaignSpec) -> str:
    return "utf-8" if spec.options.get("charset") == "utf-8" else "iso-8859-1"


def _concat(spec: CampaignSpec) -> int:
    return int(spec.options.get("concat") or _USUAL_CONCAT)


def _unicode_problems(message: Message) -> list[Problem]:
    found = []
    if "\r" in message.text:
        found.append(_carriage_return())
    if _SURROGATE.search(message.text):
        found.append(Problem("text_broken", "The text holds half of a character. Type that character anew.", "text"))
    return found


def _plain_problems(spec: CampaignSpec, message: Message) -> list[Problem]:
    """What 7-bit text cannot say: characters, line breaks in values, what looks like a field, spaces at the edges."""
    text, found = message.text, []
    if foreign := gsm.unsupported(text):
        sentence = f"Clickatell takes GSM characters only; not {' '.join(foreign)}. Choose Unicode or clean the text."
        found.append(Problem("text_not_gsm", sentence, "text", characters=foreign))
    if _charset(spec) != "utf-8" and (beyond := "".join(dict.fromkeys(_BEYOND_LATIN_1.findall(text)))):
        sentence = f"A file in ISO-8859-1 cannot say {' '.join(beyond)}. Choose Unicode or clean the text."
        found.append(Problem("text_not_in_charset", sentence, "text", characters=beyond))
    if "\r" in text:
        found.append(_carriage_return())
    if "\f" in text:
        found.append(Problem("text_form_feed", "The text holds a form feed. Take it out.", "text"))
    if literal := _FIELD_LIKE.search(text):
        # assumption: no way to write a field's name literally is documented.
        sentence = f"Clickatell would take “{literal[0]}” for a field of its own. Write it in another way."
        found.append(Problem("text_has_field", sentence, "text"))
    found += _break_problems(spec, message)
    # "to: 4483..." and "text:This is" are both in the documents: whether a space at an edge counts is not known.
    if any(line != line.strip(" ") for line in text.split("\n")):
        found.append(
            Problem(
                "text_edge_space",
                "A line of the text begins or ends with a space, which Clickatell may drop. Take it out.",
                "text",
            )
        )
    return found


def _break_problems(spec: CampaignSpec, message: Message) -> list[Problem]:
    """A line break is said by a further ``text:`` line, which the whole file shares: never in a value."""
    text = message.text
    if message.own_text:
        if "\n" in spec.template:
            sentence = "An own text cannot stand in one file with a text of several lines. Choose Unicode."
            return [Problem("own_text_beside_lines", sentence, "own_text")]
    else:
        values = sorted(message.values.items())
        found = [
            Problem("value_line_break", f"{_said(name)} holds a line break. Take it out, or choose Unicode.", name)
            for name, value in values
            if "\n" in value
        ]
        if "\n" in spec.template:
            # Only the template can say several lines, so this value stands by itself between two delimiters.
            found += [
                Problem(
                    "value_edge_space",
                    f"{_said(name)} begins or ends with a space, which Clickatell may drop. Take it out.",
                    name,
                )
                for name, value in values
                if value != value.strip(" ")
            ]
        if found or spec.template:
            return found
    if "\n" in text:
        sentence = "A text of its own with a line break cannot be said. Take the line break out, or choose Unicode."
        return [Problem("text_line_break", sentence, "own_text" if message.own_text else "text")]
    return []


def _carriage_return() -> Problem:
    return Problem("text_carriage_return", "The text holds a carriage return. Take it out.", "text")


def _said(name: str) -> str:
    return f"Value {name.removeprefix('value')}"


def _longest_line(spec: CampaignSpec, message: Message) -> int:
    """The bytes of the longest line that any form would need for this message, its line break counted."""
    text = message.text
    if _is_unicode(spec):
        return len(f"csv:{message.msisdn}|{_hex(text)}\n")
    lines = [f"csv:{message.msisdn}|{line}" for line in text.split("\n")]
    if spec.template and not message.own_text:
        lines.append("csv:" + "|".join([message.msisdn, *_values(spec, message)]))
        lines += [f"text:{line}" for line in _template_lines(spec.template)]
    return max(len(line.encode(_charset(spec))) for line in lines) + 1


def _line(name: str, value: str) -> str:
    # The last gate against a line that nobody meant; whatever gets here has been judged before.
    if "\n" in value or "\r" in value:
        raise ValueError(f"a line break in {name}")
    return f"{name}:{value}"


def _times(spec: CampaignSpec) -> list[str]:
    """The lines that the wire form computes anew; they come first, so that nothing else is taken for one."""
    lines = []
    if spec.start_at:
        lines.append(_line("deliv_at", spec.start_at.astimezone(UTC).strftime(_MOMENT)))
    if spec.end_at:
        lines.append(_line("valid_until", spec.end_at.astimezone(UTC).strftime(_MOMENT)))
    if spec.options.get("validity"):
        lines.append(_line("validity", str(int(spec.options["validity"]))))
    return lines


def _parameters(stem: str, spec: CampaignSpec) -> list[str]:
    options = spec.options
    lines = [_line("climsgid", _climsgid(stem))]
    if spec.sender:
        lines.append(_line("from", spec.sender))
    lines.append(_line("concat", str(_concat(spec))))
    for name in ("callback", "max_credits", "queue"):
        if options.get(name) not in (None, ""):
            lines.append(_line(name, str(options[name])))
    lines += [_line(name, "1") for name in ("deliv_ack", "escalate", "mo") if options.get(name)]
    if options.get("flash"):
        lines.append(_line("msg_type", "SMS_FLASH"))
    if _is_unicode(spec):
        lines.append(_line("unicode", "1"))
    return lines


def _climsgid(stem: str) -> str:
    """``cliMsgId``: "alphanumeric, up to 32". The end of a stem is what makes it unique."""
    return "".join(re.findall("[A-Za-z0-9]", stem))[-32:]


def _text_lines(text: str, is_unicode: bool) -> list[str]:
    """Several ``text:`` lines are joined by line breaks ("Send basic message"); in hex a break is a character."""
    if is_unicode:
        return [_line("text", _hex(text))]
    return [_line("text", line) for line in text.split("\n")]


def _hex(text: str) -> str:
    return text.encode("utf-16-be", "surrogatepass").hex().upper()


def _is_native(spec: CampaignSpec, messages: Sequence[Message]) -> bool:
    """Whether the template says every message, and says it without doubt or as the only form that can."""
    if not spec.template or any(message.own_text for message in messages):
        return False
    if "\n" in spec.template:
        return True
    return all(value == value.strip(" ") != "" for message in messages for value in _values(spec, message))


@lru_cache(maxsize=64)
def _fields(template: str) -> tuple[str, ...]:
    return tuple(sorted(set(_FIELD.findall(template))))


@lru_cache(maxsize=64)
def _template_lines(template: str) -> tuple[str, ...]:
    """``#fieldN#`` is the Nth value after the number ("Send templated bulk message")."""
    places = {name: place for place, name in enumerate(_fields(template), start=1)}
    return tuple(_FIELD.sub(lambda match: f"#field{places[match[1]]}#", template).split("\n"))


def _values(spec: CampaignSpec, message: Message) -> list[str]:
    return [message.values.get(name, "") for name in _fields(spec.template)]


def _csv(rows: Sequence[Sequence[str]]) -> list[str]:
    """The delimiter, which is the comma unless said, and a line for each recipient. No quoting is documented."""
    used = set("".join(value for row in rows for value in row[1:]))
    delimiter = next(candidate for candidate in _DELIMITERS if candidate not in used)
    return [_line("delimiter", delimiter), *(_line("csv", delimiter.join(row)) for row in rows)]


def _credentials(settings: Mapping[str, Any]) -> bytes:
    """The first three lines of a file. Raises Refused when a value could become another line, without saying it."""
    lines = []
    for name, setting in (("api_id", "api_id"), ("user", "api_user"), ("password", "api_password")):
        value = str(settings.get(setting) or "")
        if not _CREDENTIAL.fullmatch(value):
            sentence = f"The account's {setting} cannot stand in a line of the file. Enter it anew."
            raise Refused("credentials_unusable", sentence, account=True)
        lines.append(f"{name}:{value}\n")
    return "".join(lines).encode("ascii")


def _timed(body: bytes) -> tuple[dict[bytes, bytes], bytes]:
    """The timed lines that a body begins with, and the rest."""
    found = {}
    while match := _TIMED.match(body):
        found[match[1]] = match[2]
        body = body[match.end() :]
    return found, body


def _moment(said: bytes) -> datetime:
    return datetime.strptime(said.decode("ascii"), _MOMENT).replace(tzinfo=UTC)


def _minutes_until_start(body: bytes, at: datetime) -> int:
    said = _timed(body)[0].get(b"deliv_at")
    return max(-((at - _moment(said)) // timedelta(minutes=1)), 0) if said else 0


def _wire_form(body: bytes, at: datetime) -> bytes:
    """The body as it is stored by an attempt made at ``at`` (UTC): the absolute times turned into minutes."""
    timed, rest = _timed(body)
    lines = b""
    if minutes := _minutes_until_start(body, at):
        lines += b"deliv_time:%d\n" % min(minutes, _LONGEST_DELAY)
    validity = int(timed.get(b"validity", 0))
    if b"valid_until" in timed:
        left = max((_moment(timed[b"valid_until"]) - at) // timedelta(minutes=1), 1)
        validity = left if left < (validity or _USUAL_VALIDITY) else validity
    if validity:
        lines += b"validity:%d\n" % validity
    return lines + rest


# -- what comes back


def _is_plain(name: str) -> bool:
    # A name from outside becomes part of a path: nothing in it may lead elsewhere.
    return not re.search(r"[\x00-\x1f\x7f/\\]", name)


def _without_secrets(body: bytes, settings: Mapping[str, Any]) -> bytes:
    for name in ("api_password", "password"):
        if secret := str(settings.get(name) or "").encode():
            body = re.sub(rb"(?<![0-9A-Za-z])" + re.escape(secret) + rb"(?![0-9A-Za-z])", b"****", body)
    return _PASSWORD.sub(rb"\1****", body)


def _check_clock(newest: datetime | None, now: datetime) -> Check:
    label = "Clock"
    if newest is None:
        return Check("clock", label, None, "There is no file whose time could be compared.")
    ahead = newest - now
    if ahead > timedelta(minutes=2):
        minutes = int(ahead.total_seconds() // 60)
        return Check("clock", label, False, f"The server's clock is at least {minutes:,} minutes ahead of Baton's.")
    return Check("clock", label, None, f"The newest file there is of {newest:%Y-%m-%d %H:%M} UTC, as far as it tells.")


def _possible(attempts: Sequence[Attempt]) -> dict[int, Attempt]:
    """The attempts that may have arrived, by number."""
    return {attempt.number: attempt for attempt in attempts if attempt.may_have_arrived}


def _first_start(attempts: Sequence[Attempt], otherwise: datetime) -> datetime:
    started = [attempt.started_at for attempt in _possible(attempts).values()]
    # FTP tells times in whole seconds.
    return min(started, default=otherwise).replace(microsecond=0)


@lru_cache(maxsize=1)
def _numbers(body: bytes) -> frozenset[str]:
    """The numbers a payload names."""
    found, delimiter = [], b"\n"
    for line in body.split(b"\n"):
        name, _, value = line.partition(b":")
        if name == b"to":
            found.append(value)
        elif name == b"delimiter":
            delimiter = value
        elif name == b"csv":
            found.append(value.split(delimiter, 1)[0])
    return frozenset(number.decode("ascii") for number in found)


@dataclass(frozen=True)
class _Line:
    """A line of a log that gives an answer. ``msisdn`` is ``""`` where it names nobody."""

    source: str
    number: int
    msisdn: str = ""
    message_id: str = ""
    error: str = ""
    status: str = ""
    words: str = ""


@dataclass(frozen=True)
class _Subject:
    """What a batch is called in a log, and the numbers in it."""

    stem: str
    climsgid: str
    numbers: frozenset[str]

    @classmethod
    def of(cls, payload: Payload) -> "_Subject":
        return cls(payload.stem, _climsgid(payload.stem), _numbers(payload.body))

    def is_upload(self, name: str) -> bool:
        return bool(re.fullmatch(re.escape(self.stem) + r"-a\d+\.txt", name))

    def is_named(self, words: str) -> bool:
        lower = words.lower()
        # A longer word would be another batch's: c11-... holds c1-... but for its edge.
        return any(
            re.search(rf"(?<![0-9a-z]){re.escape(name)}(?![0-9a-z])", lower)
            for name in (self.stem.lower(), self.climsgid.lower())
            if name in lower
        )

    def belongs_to_another(self, name: str) -> bool:
        return bool(_STEM.search(name)) and not self.is_named(name)

    def may_be_meant(self, file: ObservedFile, since: datetime) -> bool:
        """Whether a file names this batch, or is new and names none but numbers of it."""
        if self.is_named(file.name):
            return True
        text = _decode(file.body or b"")
        if self.is_named(text):
            return True
        found = set(_TO.findall(text))
        is_new = file.modified_at is not None and file.modified_at >= since
        return is_new and bool(found) and found <= self.numbers and bool(_HEAD.search(text))

    def lines(self, file: ObservedFile, since: datetime) -> list[_Line]:
        """Every answer in a file that is about this batch.

        assumption: nothing is documented of a log's shape. A line counts when it names this batch itself, or stands in
        a file or below a heading that does, until another upload, or a number that is not ours, is named. A file that
        names no upload counts when it is newer than the hand-over and answers for exactly our numbers, each once.
        """
        text = _decode(file.body or b"")
        if not self.is_named(file.name) and not self.is_named(text):
            return self._nameless(file, text, since)
        found = []
        is_ours = self.is_named(file.name)
        for number, line in enumerate(_split(text), start=1):
            answers = [self._answer(file.name, number, piece) for piece in _pieces(line)]
            is_named = self.is_named(line)
            if is_named and not answers:
                is_ours = True
            elif not is_named and _OTHER.search(line):
                is_ours = False
            if not is_named and any(answer is None for answer in answers):
                is_ours = False
            if is_named or is_ours:
                found += [answer for answer in answers if answer]
        return found

    def _nameless(self, file: ObservedFile, text: str, since: datetime) -> list[_Line]:
        if file.modified_at is None or file.modified_at < since or _OTHER.search(text):
            return []
        found: list[_Line] = []
        told: dict[str, set[str]] = {}
        for number, line in enumerate(_split(text), start=1):
            for piece in _pieces(line):
                answer = self._answer(file.name, number, piece)
                if answer is None:
                    return []
                found.append(answer)
                if answer.message_id or answer.error:
                    told.setdefault(answer.msisdn, set()).add(answer.message_id or answer.error)
        # A later line may tell the status of an id without saying whose it is.
        told[""] = told.get("", set()) - set().union(*(words for msisdn, words in told.items() if msisdn))
        is_exact = not told.pop("") and set(told) == self.numbers and all(len(words) == 1 for words in told.values())
        return found if is_exact else []

    def _answer(self, source: str, number: int, words: str) -> _Line | None:
        """One answer; None where it is for a number that is not ours."""
        message_id, error, status = _ID.search(words), _ERR.search(words), _STATUS.search(words)
        msisdn = ""
        if to := _TO.search(words):
            if to[1] not in self.numbers:
                return None
            msisdn = to[1]
        else:
            beside = {found for found in _NUMBER.findall(_ID.sub(" ", words)) if found in self.numbers}
            msisdn = beside.pop() if len(beside) == 1 else ""
        return _Line(
            source,
            number,
            msisdn,
            message_id[1].lower() if message_id else "",
            "" if error is None else error[1] if error[1] in WORDS else UNKNOWN,
            status[1] if status and not error else "",
            words.strip()[:200],
        )


def _decode(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace")


def _split(text: str) -> list[str]:
    """The lines of a log, without what repeats a text that somebody wrote."""
    lines = re.split(r"\r\n|\r|\n", text)
    return [line[: echo.start()] if (echo := _ECHO.search(line)) else line for line in lines]


def _pieces(line: str) -> Iterator[str]:
    """The answers in a line: the whole line where there is one, for what stands before it may name the number."""
    heads = [match.start() for match in _HEAD.finditer(line)]
    if len(heads) <= 1:
        if heads or (_STATUS.search(line) and (_TO.search(line) or _NUMBER.search(line))):
            yield line
        return
    # Numbers that stand before their answers would be taken for the answer before: then no number is.
    is_after = not _NUMBER.search(line[: heads[0]])
    for start, end in zip(heads, [*heads[1:], len(line)], strict=True):
        yield line[start:end] if is_after else _NUMBER.sub("", line[start:end])


@dataclass
class _Log:
    """All that the log ever said of a batch, and what was seen of its uploads."""

    subject: _Subject
    attempts: dict[int, Attempt]
    since: datetime
    ids: dict[str, list[_Line]] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    errors: dict[str, _Line] = field(default_factory=dict)
    statuses: dict[str, _Line] = field(default_factory=dict)
    nameless_ids: set[str] = field(default_factory=set)
    nameless_errors: list[_Line] = field(default_factory=list)
    known_attempts: set[int] = field(default_factory=set)
    cut_short: bool = False

    @classmethod
    def of(cls, payload: Payload, attempts: Sequence[Attempt], observations: Sequence[Observation]) -> "_Log":
        since = _first_start(attempts, observations[0].seen_at)
        log = cls(_Subject.of(payload), _possible(attempts), since)
        pattern = re.compile(re.escape(payload.stem) + r"-a(\d{1,6})(?!\d)")
        for file in _contents(observations):
            text = _decode(file.body or b"")
            log.known_attempts |= {int(number) for number in pattern.findall(f"{file.name}\n{text}")}
            log.cut_short |= file.size > len(file.body or b"")
            for line in log.subject.lines(file, since):
                log._add(line)
        return log

    @property
    def has_words(self) -> bool:
        """Whether it answers for anybody. That it names an upload proves no more than that one was begun."""
        return bool(self.ids or self.errors or self.nameless_ids or self.nameless_errors)

    @property
    def accepted(self) -> int:
        return len(self.ids) + len(self.nameless_ids)

    @property
    def answers(self) -> int:
        """How much it says: a log for which this has not changed has not grown, whatever it says of others."""
        return self.accepted + len(self.errors) + len(self.nameless_errors)

    @property
    def refused(self) -> list[_Line]:
        """Errors of numbers that have no id: an id was given before, or in another upload, and counts."""
        return [line for msisdn, line in self.errors.items() if msisdn not in self.ids]

    def _add(self, line: _Line) -> None:
        numbers = self.subject.numbers
        msisdn = line.msisdn
        if not msisdn and line.message_id:
            msisdn = self.owners.get(line.message_id, "")
        if not msisdn and len(numbers) == 1 and (line.message_id or line.error in _OF_ONE):
            msisdn = next(iter(numbers))
        if line.error:
            if not msisdn:
                self.nameless_errors.append(line)
            elif self.errors.get(msisdn, line).error in (line.error, UNKNOWN):
                self.errors[msisdn] = replace(line, msisdn=msisdn)
            return
        if line.message_id and not msisdn:
            self.nameless_ids.add(line.message_id)
        elif line.message_id and line.message_id not in self.owners:
            self.owners[line.message_id] = msisdn
            self.nameless_ids.discard(line.message_id)
            self.ids.setdefault(msisdn, []).append(line)
        if line.status and msisdn:
            self.statuses[msisdn] = line

    @property
    def strays(self) -> set[int]:
        """Uploads that the log knows and that Baton took for refused, or for ones that never arrived."""
        return self.known_attempts - set(self.attempts)

    def alarm(self) -> str:
        alarms = []
        if len(self.known_attempts) > 1 or any(len(lines) > 1 for lines in self.ids.values()):
            alarms.append(
                "Clickatell's log knows more than one upload of this file: people may have been texted twice."
            )
        elif self.strays:
            alarms.append("Clickatell's log knows an upload that Baton took for one that never arrived.")
        both = set(self.ids) & set(self.errors)
        if both:
            alarms.append(f"The log gives {len(both):,} of the numbers both a message id and an error.")
        if self.cut_short:
            alarms.append("A log is longer than Baton reads: some answers may be missing from the results.")
        return " ".join(alarms)

    def outcomes(self, *, with_accepted: bool) -> tuple[Outcome, ...]:
        """Row errors, and those with a status; with ``with_accepted`` everybody the log gave an id."""
        found = [_row_error(line) for line in self.refused if line.error != _INTERNAL]
        for msisdn, lines in self.ids.items():
            status = self.statuses.get(msisdn)
            if status and status.status in STATUSES:
                found.append(_accepted(msisdn, status))
            elif with_accepted:
                found.append(_accepted(msisdn, lines[0]))
        return tuple(found)


def _contents(observations: Sequence[Observation]) -> list[ObservedFile]:
    """Each log once with its newest content; one that was begun anew under the same name counts as another."""
    found: dict[str, list[ObservedFile]] = {}
    for observation in observations:
        for file in observation.files:
            if file.body is None:
                continue
            kept = found.setdefault(file.name, [])
            if kept and file.body.startswith(kept[-1].body or b""):
                kept[-1] = file
            elif file.body not in (other.body for other in kept):
                kept.append(file)
    return [file for kept in found.values() for file in kept]


def _row_error(line: _Line) -> Outcome:
    sentence = WORDS.get(line.error, f"Clickatell reports this number with words Baton does not know: {_said_by(line)}")
    return Outcome(
        msisdn=line.msisdn,
        result="row_error",
        code=line.error,
        sentence=sentence,
        opted_out=line.error == _OPTED_OUT,
        source=line.source,
        line=line.number,
    )


def _said_by(line: _Line) -> str:
    """The words of an error, without what may be somebody's number."""
    error = _ERR.search(line.words)
    return _NUMBER.sub("", _TO.sub("", error[0] if error else line.words)).strip()[:100]


def _accepted(msisdn: str, line: _Line) -> Outcome:
    delivery = "delivered" if line.status in _DELIVERED else "undelivered" if line.status in _UNDELIVERED else ""
    sentence = STATUSES.get(line.status, "Clickatell gave this text a message id.")
    return Outcome(
        msisdn=msisdn,
        result="accepted",
        code=line.status,
        sentence=sentence,
        source=line.source,
        line=line.number,
        delivery=delivery,
    )


def _read_log(log: _Log, is_over: bool) -> Interpretation:
    total, refused = len(log.subject.numbers), len(log.refused)
    counts = f"{log.accepted:,} of {total:,} have a message id and {refused:,} an error"
    internal = any(line.error == _INTERNAL for line in [*log.refused, *log.nameless_errors])
    alarm = log.alarm()
    is_settled = len(log.ids) + refused >= total or (log.accepted + refused >= total and not log.nameless_errors)
    if is_settled and not internal:
        outcomes = log.outcomes(with_accepted=False)
        sentence = f"Clickatell's log answers for every number: {counts}."
        if any(line.error == _NO_CREDIT for line in log.refused):
            # What the credit still paid for was texted; the next file would be refused.
            said = f"{WORDS[_NO_CREDIT]} {sentence}"
            return Interpretation(ProviderState.ACCEPTED, _NO_CREDIT, said, outcomes, alarm=alarm, account=True)
        return Interpretation(ProviderState.ACCEPTED, "logged", sentence, outcomes, alarm=alarm)
    outcomes = log.outcomes(with_accepted=True)
    codes = sorted({line.error for line in log.nameless_errors})
    if internal:
        sentence = f"{WORDS[_INTERNAL]} In the log {counts}."
        return Interpretation(ProviderState.UNKNOWN, _INTERNAL, sentence, outcomes, unclear=True, alarm=alarm)
    whole = [code for code in codes if code not in _OF_ONE]
    if whole == [UNKNOWN]:
        sentence = f"Clickatell's log has an error that Baton does not know, and it names nobody. In it {counts}."
        return Interpretation(ProviderState.UNKNOWN, UNKNOWN, sentence, outcomes, unclear=True, alarm=alarm)
    if whole and log.accepted:
        sentence = f"The log has an error that names nobody ({', '.join(codes)}), yet {counts}."
        return Interpretation(
            ProviderState.UNKNOWN,
            whole[0],
            sentence,
            outcomes,
            unclear=True,
            alarm=alarm,
            account=whole[0] in _OF_THE_ACCOUNT,
        )
    if whole and log.strays:
        sentence = f"The log refuses a file ({', '.join(whole)}), but not surely the last upload of it."
        return Interpretation(ProviderState.UNKNOWN, whole[0], sentence, outcomes, unclear=True, alarm=alarm)
    if whole:
        code = next(code for code in whole if code != UNKNOWN)
        return Interpretation(
            ProviderState.REJECTED, code, WORDS[code], outcomes, alarm=alarm, account=code in _OF_THE_ACCOUNT
        )
    if is_over or (codes and log.accepted + refused + len(log.nameless_errors) >= total):
        nobody = f", and {len(log.nameless_errors):,} errors name nobody" if codes else ""
        sentence = f"Clickatell's log does not answer for everybody: {counts}{nobody}."
        return Interpretation(ProviderState.UNKNOWN, "log_incomplete", sentence, outcomes, unclear=True, alarm=alarm)
    sentence = f"Clickatell's log is not complete yet: {counts}."
    return Interpretation(ProviderState.PROCESSING, "log_growing", sentence, outcomes, alarm=alarm)


def _read_folder(payload: Payload, log: _Log, observations: Sequence[Observation]) -> Interpretation:
    """What the uploads themselves say while no log speaks: one that was whole was handed over."""
    by_name = {attempt.name: attempt for attempt in log.attempts.values()}
    seen = [
        (_is_whole(file, payload, by_name[file.name]), observation is observations[-1])
        for observation in observations
        for file in observation.files
        if file.name in by_name
    ]
    if (True, True) in seen:
        return Interpretation(ProviderState.TAKEN, "waiting", "The whole file lies in the folder and waits to be read.")
    if any(is_whole for is_whole, _ in seen):
        return Interpretation(
            ProviderState.TAKEN, "picked_up", "The whole file lay in the folder and has been picked up."
        )
    if any(is_last for _, is_last in seen):
        return Interpretation(
            ProviderState.UNKNOWN,
            "waiting_after_break",
            "A file of this batch lies in the folder, but its size does not show that the whole of it arrived.",
        )
    return Interpretation(ProviderState.ABSENT)


def _doubted(
    interpretation: Interpretation,
    payload: Payload,
    log: _Log,
    attempts: Sequence[Attempt],
    observations: Sequence[Observation],
) -> Interpretation:
    """What the log says, or unclear where nothing shows that the upload it answers for arrived whole.

    A log that is still growing is waited for, so that a person decides about everybody that it will ever name.
    """
    if interpretation.account and not _arrival(payload, log, observations)[0]:
        # A login that was cut off says nothing about the login.
        interpretation = replace(interpretation, account=False)
    is_settled = interpretation.state is ProviderState.ACCEPTED
    is_decided = interpretation.unclear and interpretation.reason != "log_incomplete"
    is_whole, has_part = _arrival(payload, log, observations)
    if interpretation.state is ProviderState.REJECTED and not is_whole:
        return replace(interpretation, sentence=f"{_broken_words(has_part)} {interpretation.sentence}")
    if is_decided or interpretation.state is ProviderState.REJECTED or (is_settled and not log.accepted):
        return interpretation
    if is_whole or not (is_settled or _stands_still(payload, log, attempts, observations)):
        return interpretation
    sentence = f"{_broken_words(has_part)} {_cut_words(payload, log)}"
    reason = "upload_cut" if has_part else "upload_unproven"
    outcomes = log.outcomes(with_accepted=True)
    return Interpretation(ProviderState.UNKNOWN, reason, sentence, outcomes, unclear=True, alarm=log.alarm())


def _arrival(payload: Payload, log: _Log, observations: Sequence[Observation]) -> tuple[bool, bool]:
    """Of the uploads that the log answers for: whether one is known to be whole; whether only a part of one was seen.

    A log that names no upload may answer for any.
    """
    answered = [attempt for number, attempt in log.attempts.items() if number in log.known_attempts]
    meant = answered or list(log.attempts.values())
    if any(attempt.ending is Ending.DONE for attempt in meant):
        return True, False
    by_name = {attempt.name: attempt for attempt in meant if attempt.staged.size}
    seen = [(file, by_name[file.name]) for each in observations for file in each.files if file.name in by_name]
    if any(_is_whole(file, payload, attempt) for file, attempt in seen):
        return True, False
    return False, any(file.size < _wire_size(payload, attempt) for file, attempt in seen)


def _stands_still(
    payload: Payload, log: _Log, attempts: Sequence[Attempt], observations: Sequence[Observation]
) -> bool:
    """Whether the log says no more of this batch than it did some minutes ago."""
    before = [each for each in observations if observations[-1].seen_at - each.seen_at >= _LOG_PATIENCE]
    return bool(before) and _Log.of(payload, attempts, before).answers == log.answers


def _broken_words(has_part: bool) -> str:
    if has_part:
        return "Only a part of the file arrived, and Clickatell read it."
    return "The upload was interrupted, and nothing shows that the whole file arrived; Clickatell read what did."


def _cut_words(payload: Payload, log: _Log) -> str:
    """Whose text may be cut short: in the basic form the one text for all stands last, in the batch form one row."""
    is_batch_form = re.search(rb"^csv:", payload.body, re.MULTILINE) is not None
    whose = "the last" if is_batch_form else "all"
    total, refused = len(log.subject.numbers), len(log.refused)
    counts = f"In its log {log.accepted:,} of {total:,} have a message id and {refused:,} an error"
    others = "" if log.accepted + refused >= total else " Of the others it says nothing."
    return f"{counts}; {whose} of those with an id may have got a text cut short.{others}"


def _wire_size(payload: Payload, attempt: Attempt) -> int:
    return attempt.staged.size + len(_wire_form(payload.body, attempt.started_at))


def _is_whole(file: ObservedFile, payload: Payload, attempt: Attempt) -> bool:
    """Whether every byte of an attempt arrived: the server said so, or shows the size that was to be stored."""
    if attempt.ending is Ending.DONE:
        return True
    # An attempt that was restored from the journal does not say what was staged.
    return bool(attempt.staged.size) and file.size == _wire_size(payload, attempt)
