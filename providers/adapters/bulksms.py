"""BulkSMS EAPI. Documents: "send_batch" (1/1.0), "get_report" (2/2.0), "get_credits" (1/1.1), "quote_sms" (2/2.0).

How a batch is handed over: one POST of an urlencoded form in ISO-8859-1 that holds a CSV of numbers and texts. BulkSMS
answers at once: ``0|IN_PROGRESS|30430``, the last field being its number for the batch. The same ``stop_dup_id`` within
"the past few hours" is not processed again but answered as the first time, so one is fixed for each batch and a request
whose answer was lost is repeated with it. Lines that BulkSMS does not like it drops without a word: its report per
recipient is compared with what was handed over.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote_plus, unquote_to_bytes

from django import forms

from providers import gsm
from providers.base import (
    Attempt,
    BaseAdapter,
    CampaignSpec,
    Check,
    Guard,
    Interpretation,
    Limits,
    Message,
    Observation,
    Outcome,
    Payload,
    Problem,
    ProviderState,
    Receipt,
    Staged,
)
from providers.errors import Refused, Trouble, Unclear, Unreachable
from providers.fields import CertificateField, SecretField
from providers.transports.http import HttpRemote, HttpTransport, address

SEND_BATCH = "submission/send_batch/1/1.0"
QUOTE = "submission/quote_sms/2/2.0"
REPORT = "status_reports/get_report/2/2.0"
CREDITS = "user/get_credits/1/1.1"

# send_batch, "Possible values for status_code": a word to count, and what it means to people.
FAILURES = {
    22: ("internal_error", "BulkSMS had an internal error; whether anybody was texted is not known."),
    23: ("login_refused", "BulkSMS refused the login. Check user name, password and the region's address."),
    24: ("validation_failed", "BulkSMS says that the data is not valid and took nothing of the batch."),
    25: ("no_credits", "BulkSMS says that there are not enough credits. Top up the account and test the connection."),
    26: ("upstream_credits", "BulkSMS itself is short of credits with a network for the moment."),
    27: ("quota_exceeded", "The account's daily quota with BulkSMS is used up. Try again tomorrow or have it raised."),
    28: ("upstream_quota", "BulkSMS itself has used up a quota with a network for the moment."),
    40: ("temporarily_unavailable", "BulkSMS is temporarily unavailable."),
    201: ("batch_too_large", "BulkSMS says that the batch holds too many messages and took nothing of it."),
}
UNKNOWN = "UNKNOWN"
_IN_PROGRESS, _SCHEDULED = 0, 1
_LOGIN_REFUSED = 23
# Each of these says something about the account, not about the batch.
_ACCOUNT = (23, 25, 27)
# "which might have been resolved after several resend attempts": so many.
_UPSTREAM, _UPSTREAM_ATTEMPTS = (26, 28), 5
# Nothing of the batch was taken.
_REJECTIONS = (24, 201)


class Fate(NamedTuple):
    """What a status means for one recipient: ``result`` is ``""`` where it is not final yet."""

    result: str
    delivery: str
    sentence: str
    opted_out: bool = False


_OPEN = Fate("", "", "")
# get_report, list of status codes. A row error is only what BulkSMS itself refused before any network had it; where a
# network may have had it, it counts as accepted, so that no follow-up texts it again.
STATUSES = {
    0: _OPEN,
    1: _OPEN,
    10: _OPEN,
    11: Fate("accepted", "delivered", "Delivered to the phone."),
    12: _OPEN,
    22: Fate("accepted", "undelivered", "BulkSMS had an internal error with this message."),
    23: Fate("row_error", "", "BulkSMS refused the login for this message."),
    24: Fate("row_error", "", "BulkSMS says that this number or text is not valid."),
    25: Fate("row_error", "", "There were not enough credits for this message."),
    26: Fate("accepted", "undelivered", "BulkSMS was short of credits with the network."),
    27: Fate("row_error", "", "The account's daily quota was used up."),
    28: Fate("accepted", "undelivered", "BulkSMS had used up its quota with the network."),
    29: Fate("row_error", "", "This message was cancelled at BulkSMS."),
    30: Fate("accepted", "undelivered", "BulkSMS took this message as a test and texted nobody."),
    31: Fate("row_error", "", "BulkSMS knows no route to this number."),
    32: Fate("row_error", "", "BulkSMS blocks this number because its owner complained.", opted_out=True),
    33: Fate("row_error", "", "BulkSMS censored this text."),
    40: _OPEN,
    50: Fate("accepted", "undelivered", "The message failed, for no reason that is given."),
    51: Fate("accepted", "undelivered", "The message could not be delivered to the phone."),
    52: Fate("accepted", "undelivered", "The message could not be delivered to the network."),
    53: Fate("accepted", "undelivered", "The message expired before it could be delivered."),
    54: Fate("accepted", "undelivered", "The message failed in the other network."),
    55: Fate("accepted", "undelivered", "The other network blocked the message."),
    56: Fate("accepted", "undelivered", "The other network censored the message."),
    57: Fate(
        "accepted", "undelivered", "The phone could not take the message, for example because its memory is full."
    ),
    60: _OPEN,
    61: _OPEN,
    62: _OPEN,
    63: _OPEN,
    64: _OPEN,
    70: Fate("accepted", "", "The network gave BulkSMS a status that it does not know."),
    201: Fate("row_error", "", "The batch held too many messages."),
}
MISSING = "missing_from_report"

# The provider's own code sample ("character_resolve"): GSM's Greek capitals have bytes of their own.
_GREEK = str.maketrans("ΔΦΓΛΩΠΨΣΘΞ", "\xd0\xde\xac\xc2\xdb\xba\xdd\xca\xd4\xb1")
# assumption: bytes for these are not documented, though GSM has them; what is guessed may arrive as "?" or not at all.
_WITHOUT_A_BYTE = "€\r\f"
_PARTS = 4
_FOREVER = timedelta(days=730)
_SENDER = re.compile(r"[A-Za-z0-9]{1,11}|[0-9]{1,15}")

_REHEARSALS = {
    "succeed": "A rehearsal: BulkSMS checks the batch and texts nobody.",
    "fail": "A rehearsal: BulkSMS checks the batch, says no and texts nobody.",
}

# How long BulkSMS may take to list a batch in a report before its own word at the hand-over counts alone.
_REPORT_PATIENCE = timedelta(minutes=30)
# A report may still be filling: only one that names the same numbers for this long is complete.
_REPORT_SETTLED = timedelta(seconds=60)
_CLOCK_TOLERANCE = timedelta(minutes=5)
# One line is expected, and a page of a stranger on the way is put up with.
_ANSWER_AT_MOST = 100_000
_KEPT_BYTES = 2_000


def _latin_1(value: str) -> None:
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        raise forms.ValidationError("BulkSMS takes characters of ISO-8859-1 only here.") from None


class Adapter(BaseAdapter):
    label = "BulkSMS (HTTPS)"
    transport = HttpTransport
    # assumption: only the 30,000 messages are documented, no size in bytes. Scheduled two years ahead at most.
    limits = Limits(rows=30_000, bytes=10_000_000, alphabet="gsm+ucs2", connections=1, start_ahead=_FOREVER)
    # Well within the "past few hours" for which BulkSMS remembers ids.
    guard = Guard.key(window=timedelta(minutes=60), pause=timedelta(seconds=60))
    # The answer to the hand-over is itself an acceptance; silence means that not even the report page can be reached.
    give_up_after = timedelta(minutes=50)
    accepted_means = (
        "BulkSMS took the batch and lists this number in its report, or gave no report within 30 minutes. "
        "Delivered and undelivered are shown where it says so."
    )
    evidence = "BulkSMS's answer to the hand-over, and its report with a status for each recipient"
    guard_words = (
        "Answers a batch with the same stop_dup_id as the first time for “a few hours”; Baton relies on 60 minutes"
    )
    starts_later = True
    login_hint = "Each account belongs to one regional address: the user name is not known at the others."

    class SettingsForm(forms.Form):
        api_url = forms.CharField(
            label="Address",
            initial="https://bulksms.vsms.net/eapi",
            max_length=200,
            help_text="The address of the account's region, ending in /eapi: bulksms.vsms.net (international), "
            "www.bulksms.co.uk, usa.bulksms.com, bulksms.2way.co.za, bulksms.com.es, bulksms.de, "
            "community.bulksms.co.uk, community.bulksms.com or www.flashsms.co.uk.",
        )
        allow_plain_http = forms.BooleanField(
            label="Allow an address without encryption (http://)",
            required=False,
            help_text="Anybody on the way can then read the password, the numbers and the texts.",
        )
        username = forms.CharField(label="User name", max_length=200, validators=[_latin_1])
        password = SecretField(label="Password", validators=[_latin_1])
        joins_long_texts = forms.BooleanField(
            label="The account may hand over texts of more than one part",
            required=False,
            initial=True,
            help_text="BulkSMS documents this for single messages, not for batches. Switched off, nothing longer than "
            "160 characters is handed over.",
        )
        tls_certificate = CertificateField(
            help_text="PEM text, only where the server's certificate is signed by nobody this machine knows."
        )

        def clean_api_url(self) -> str:
            try:
                return str(address(str(self.cleaned_data["api_url"])))
            except Refused as refused:
                raise forms.ValidationError(refused.sentence) from refused

        def clean(self) -> dict[str, Any]:
            cleaned = super().clean() or self.cleaned_data
            if str(cleaned.get("api_url", "")).startswith("http://") and not cleaned.get("allow_plain_http"):
                self.add_error("api_url", "This address has no encryption. Begin it with https://, or allow it below.")
            return cleaned

    class OptionsForm(forms.Form):
        alphabet = forms.ChoiceField(
            label="Alphabet",
            required=False,
            initial="7bit",
            choices=[("7bit", "GSM, 160 characters a part"), ("16bit", "Unicode, at most 70 characters")],
            help_text="Of every text in the campaign. The characters ^ { } [ ] ~ | \\ are GSM, but BulkSMS warns that "
            "not every network shows them. Unicode depends on the account's routes.",
        )
        max_parts = forms.IntegerField(
            label="Most parts of a text",
            required=False,
            initial=_PARTS,
            min_value=1,
            max_value=20,
            help_text=f"A GSM text that needs more is refused. Blank: {_PARTS}.",
        )
        msg_class = forms.ChoiceField(
            label="Kind",
            required=False,
            initial="2",
            choices=[("2", "Normal text"), ("0", "Flash: shown at once and not kept")],
        )
        want_report = forms.BooleanField(label="Ask the networks for delivery reports", required=False, initial=True)
        routing_group = forms.ChoiceField(
            label="Routing group",
            required=False,
            choices=[("", "The account's own"), ("1", "1"), ("2", "2"), ("3", "3")],
            help_text="Groups routes by cost or quality.",
        )
        source_id = forms.RegexField(
            r"^[ -~]*$",
            label="Source id",
            required=False,
            max_length=20,
            help_text="For your own accounting; BulkSMS gives it back with replies.",
        )
        repliable = forms.ChoiceField(
            label="Replies",
            required=False,
            choices=[("", "As set at BulkSMS"), ("1", "Collected by BulkSMS"), ("0", "Not collected")],
            help_text="Collecting replies replaces the sender by a number of BulkSMS.",
        )
        scheduling_description = forms.CharField(
            label="Description of the schedule",
            required=False,
            max_length=100,
            validators=[_latin_1],
            help_text="Shown at BulkSMS when handed over early. The credits are taken at once, and what is scheduled "
            "there cannot be cancelled.",
        )
        rehearsal = forms.ChoiceField(
            label="Rehearsal",
            required=False,
            choices=[
                ("", "No: text people"),
                ("succeed", "BulkSMS checks the batch, texts nobody and says yes"),
                ("fail", "BulkSMS checks the batch, texts nobody and says no"),
            ],
        )

    def host(self, settings: Mapping[str, Any]) -> str:
        """The whole address: a change from https to http is another host to an approver and to a stored password."""
        return str(settings.get("api_url", ""))

    def measure(self, spec: CampaignSpec, text: str) -> gsm.Measure:
        """With Unicode chosen for the batch, every text is Unicode. No more than one part of it is handed over."""
        if not _is_unicode(spec):
            return super().measure(spec, text)
        units = len(text.encode("utf-16-be", "surrogatepass")) // 2
        return gsm.Measure("ucs2", units, units and (1 if units <= 70 else -(-units // 67)))

    def rehearsal(self, spec: CampaignSpec) -> str:
        """send_batch: ``test_always_succeed`` and ``test_always_fail`` "validate parameters" and text nobody."""
        return _REHEARSALS.get(str(spec.options.get("rehearsal") or ""), "")

    def spec_problems(self, spec: CampaignSpec) -> list[Problem]:
        """send_batch: sender "if alphanumeric, max 11 characters"; "repliable ... is incompatible with the sender".

        assumption: a numeric sender has at most 15 digits, as numbers have.
        """
        found = []
        if spec.sender and not _SENDER.fullmatch(spec.sender):
            found.append(
                Problem(
                    "sender_invalid", "The sender may be up to 11 letters and digits, or up to 15 digits.", "sender"
                )
            )
        if spec.sender and spec.options.get("repliable") == "1":
            found.append(
                Problem(
                    "sender_and_replies",
                    "BulkSMS cannot collect replies to a sender of your own. Leave one of the two empty.",
                    "sender",
                )
            )
        return found

    def problems(self, spec: CampaignSpec, message: Message) -> list[Problem]:
        """send_batch: what does not fit is cut or replaced by BulkSMS without a word, so it is refused here."""
        if not message.text.strip():
            return [Problem("text_empty", "The text is empty.", "text")]
        if _is_unicode(spec):
            return _unicode_problems(message.text)
        return _gsm_problems(spec, message.text)

    def render(self, stem: str, key: int, spec: CampaignSpec, messages: Sequence[Message]) -> Payload:
        """The urlencoded form, in ISO-8859-1, without user name and password; ``stop_dup_id`` is the batch's key."""
        pairs = [("stop_dup_id", str(key).encode("ascii")), *_parameters(spec, messages)]
        if spec.start_at:
            pairs.append(("send_time_unixtime", str(int(spec.start_at.timestamp())).encode("ascii")))
            if description := str(spec.options.get("scheduling_description") or ""):
                pairs.append(("scheduling_description", description.encode("latin-1")))
        if rehearsal := spec.options.get("rehearsal"):
            pairs.append((f"test_always_{rehearsal}", b"1"))
        pairs.append(("batch_data", _batch_data(spec, messages)))
        return Payload(stem, f"{stem}.form", _form(pairs), key)

    def attempt_name(self, payload: Payload, number: int) -> str:
        """Nothing at BulkSMS bears a name of ours; this one tells the attempts apart here."""
        return f"{payload.stem}-a{number}"

    def stage(self, remote: HttpRemote, payload: Payload, attempt_name: str) -> Staged:
        """Nothing goes out. Raises Refused where the account may not hand over texts of more than one part."""
        if _Batch.of(payload.body).has_long_texts and not remote.settings.get("joins_long_texts", True):
            raise Refused(
                "long_texts_refused",
                "The account may not hand over texts of more than one part, and this batch has some. Shorten the text, "
                "or allow them in the account's settings.",
            )
        return Staged()

    def commit(self, remote: HttpRemote, payload: Payload, attempt: Attempt) -> Receipt:
        """send_batch: "Any HTTP status code other than 200 should be considered transient"."""
        form = _credentials(remote) + b"&" + payload.body
        status, body = remote.post(SEND_BATCH, form, is_commit=True, at_most=_ANSWER_AT_MOST)
        answer = _Answer.of(body) if status == 200 else None
        if answer is None:
            raise Unclear(
                "answer_unreadable",
                f"BulkSMS gave no answer that Baton can read (HTTP status {status}).",
                reply=_kept(status, body),
            )
        batch = _Batch.of(payload.body)
        if answer.is_taken:
            # A rehearsed batch is none: its number, if there is one, may be the same each time.
            return Receipt("" if batch.rehearsal else answer.batch_id, body)
        raise _commit_trouble(answer, batch, attempt, body)

    def poll(self, remote: HttpRemote, payload: Payload, attempts: Sequence[Attempt], now: datetime) -> Observation:
        """Fetch the report per recipient; before the start of a scheduled batch there is none.

        send_batch, "Scheduling": "you will not be able to request the status of a scheduled message until after" it.
        """
        batch = _Batch.of(payload.body)
        if batch.rehearsal or (batch.start_at and now < batch.start_at):
            return Observation(now, ())
        replies = tuple(_report(remote, batch_id) for batch_id in _batch_ids(attempts))
        return Observation(now, remote.hosts() if replies else (), replies=replies)

    def interpret(
        self, payload: Payload, attempts: Sequence[Attempt], observations: Sequence[Observation]
    ) -> Interpretation:
        """What the answers to the attempts mean, and then what the reports say of each recipient."""
        if not observations:
            return Interpretation(ProviderState.UNKNOWN)
        batch = _Batch.of(payload.body)
        answers = _answers(attempts)
        if not any(answer.is_taken for answer in answers.values()):
            return _not_taken(batch, attempts, answers)
        if batch.rehearsal:
            said = "Rehearsal: BulkSMS checked the file and nobody was texted."
            return Interpretation(ProviderState.ACCEPTED, "rehearsal", said, tuple(_rehearsed(batch)))
        return _taken(batch, attempts, answers, observations)

    def check(self, remote: HttpRemote, now: datetime) -> list[Check]:
        """Log in, which proves the certificate, and ask for the free credits."""
        status, body = remote.post(CREDITS, _credentials(remote), at_most=_ANSWER_AT_MOST)
        answer = _Answer.of(body) if status == 200 else None
        if answer is None:
            said = f"The server answers, but not like BulkSMS (HTTP status {status}). Check the address."
            return [Check("login", "Login", False, said)]
        if answer.code != 0:
            return [Check("login", "Login", False, _login_sentence(answer, self.login_hint))]
        checks = [
            Check("login", "Login", True, f"Logged in as {remote.settings['username']}."),
            _check_line(remote),
            _check_credits(answer),
        ]
        if remote.server_clock:
            checks.append(_check_clock(remote.server_clock - now))
        return checks

    def quote(self, remote: HttpRemote, spec: CampaignSpec, message: Message) -> str | None:
        """quote_sms, which takes the parameters of a single message: ``0|Quotation issued|1.00``. Raises Trouble."""
        if self.spec_problems(spec) or self.problems(spec, message):
            return None
        text = _encoded(spec, message.text)
        pairs = [*_parameters(spec, [message]), ("message", text), ("msisdn", message.msisdn.encode("ascii"))]
        status, body = remote.post(QUOTE, _credentials(remote) + b"&" + _form(pairs), at_most=_ANSWER_AT_MOST)
        answer = _Answer.of(body) if status == 200 else None
        if answer is None or answer.code != 0 or not re.fullmatch(r"\d+(\.\d+)?", answer.third):
            return None
        credits = Decimal(answer.third)
        return f"{_amount(credits)} {_noun(credits)}"


def _is_unicode(spec: CampaignSpec) -> bool:
    return spec.options.get("alphabet") == "16bit"


def _unicode_problems(text: str) -> list[Problem]:
    """send_batch: 16bit takes "a maximum of 140 octets" a message, and there is no way to join several.

    assumption: a character beyond the basic plane goes as two units, as phones expect.
    """
    try:
        units = len(text.encode("utf-16-be")) // 2
    except UnicodeEncodeError:
        return [Problem("text_broken", "The text holds half a character. Type it anew.", "text")]
    if units > 70:
        return [
            Problem("text_too_long", f"With Unicode BulkSMS takes 70 characters at most; this has {units}.", "text")
        ]
    return []


def _gsm_problems(spec: CampaignSpec, text: str) -> list[Problem]:
    if foreign := gsm.unsupported(text):
        said = (
            f"BulkSMS would put “.” or “?” in place of {' '.join(foreign)}. Write something else or choose the "
            "alphabet Unicode."
        )
        return [Problem("text_not_gsm", said, "text", characters=foreign)]
    if "€" in text:
        said = "BulkSMS does not say how to write € in GSM. Write EUR or choose the alphabet Unicode."
        return [Problem("text_not_gsm", said, "text", characters="€")]
    if lost := "".join(character for character in _WITHOUT_A_BYTE if character in text):
        said = "The text holds a carriage return or a form feed. Use plain line breaks."
        return [Problem("text_has_control", said, "text", characters=lost)]
    parts = gsm.measure(text).parts
    if parts > 1 and not spec.account.get("joins_long_texts", True):
        said = f"The text needs {parts} parts, and the account may not hand over texts of more than one. Shorten it."
        return [Problem("text_too_long", said, "text")]
    most = _most_parts(spec)
    if parts > most:
        said = f"The text needs {parts} parts and the campaign allows {most}. Shorten it or allow more parts."
        return [Problem("text_too_long", said, "text")]
    return []


def _most_parts(spec: CampaignSpec) -> int:
    return int(spec.options.get("max_parts") or _PARTS)


def _parameters(spec: CampaignSpec, messages: Sequence[Message]) -> list[tuple[str, bytes]]:
    """What holds for every message alike, in batches and in quotes.

    send_sms: "If specifying sender, set repliable=0 to be safe". assumption: send_batch takes the parameters that join
    long texts, as its clients do; it does not list them.
    """
    options = spec.options
    pairs = {
        "dca": "16bit" if _is_unicode(spec) else "7bit",
        "msg_class": str(options.get("msg_class") or "2"),
        "want_report": "1" if options.get("want_report", True) else "0",
    }
    parts = 1 if _is_unicode(spec) else max((gsm.measure(message.text).parts for message in messages), default=1)
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


def _encoded(spec: CampaignSpec, text: str) -> bytes:
    if _is_unicode(spec):
        return text.encode("utf-16-be").hex().encode("ascii")
    return text.translate(_GREEK).encode("latin-1")


def _batch_data(spec: CampaignSpec, messages: Sequence[Message]) -> bytes:
    """send_batch: a CSV whose quotes, backslashes and line breaks are escaped by a backslash.

    By hand: Python's csv leaves a line break inside quotes as it is, which the document does not show.
    """
    rows = [b"msisdn,message"]
    for message in messages:
        text = _encoded(spec, message.text)
        escaped = text.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\\n")
        rows.append(b'"%b","%b"' % (message.msisdn.encode("ascii"), escaped))
    return b"\n".join(rows)


def _form(pairs: Sequence[tuple[str, bytes]]) -> bytes:
    return "&".join([f"{name}={quote_plus(value)}" for name, value in pairs]).encode("ascii")


def _credentials(remote: HttpRemote) -> bytes:
    names = ("username", "password")
    return _form([(name, str(remote.settings[name]).encode("latin-1", "replace")) for name in names])


@dataclass(frozen=True)
class _Batch:
    """What a payload says of itself. ``rehearsal`` is ``succeed``, ``fail`` or ``""``."""

    numbers: frozenset[str]
    rehearsal: str
    start_at: datetime | None
    wants_reports: bool
    has_long_texts: bool

    @staticmethod
    @lru_cache(maxsize=1)
    def of(body: bytes) -> "_Batch":
        fields = dict(piece.split(b"=", 1) for piece in body.split(b"&"))
        start = fields.get(b"send_time_unixtime")
        rehearsal = next((word for word in ("succeed", "fail") if f"test_always_{word}".encode() in fields), "")
        # A text cannot look like the beginning of a row: its own quotes have a backslash before them.
        rows = re.findall(rb'(?m)^"(\d+)","', unquote_to_bytes(fields[b"batch_data"].replace(b"+", b" ")))
        return _Batch(
            numbers=frozenset(row.decode("ascii") for row in rows),
            rehearsal=rehearsal,
            start_at=datetime.fromtimestamp(int(start), UTC) if start else None,
            wants_reports=fields.get(b"want_report") != b"0",
            has_long_texts=b"allow_concat_text_sms" in fields,
        )


@dataclass(frozen=True)
class _Answer:
    """BulkSMS's line ``code|words|third``; ``third`` is ``""`` where there is none."""

    code: int
    words: str = ""
    third: str = ""

    @classmethod
    def of(cls, body: bytes) -> "_Answer | None":
        """Read an answer, or return None where it is none: empty, HTML, cut off before the first ``|``.

        A trailing ``|``, blank space, a byte order mark and further lines are put up with.
        """
        text = body.removeprefix(b"\xef\xbb\xbf").decode("latin-1").strip()
        match = re.match(r"(\d{1,6}) *\|([^|\r\n]*)(?:\|([^|\r\n]*))?", text)
        if not match:
            return None
        return cls(int(match[1]), match[2].strip(), (match[3] or "").strip())

    @property
    def is_taken(self) -> bool:
        return self.code in (_IN_PROGRESS, _SCHEDULED)

    @property
    def batch_id(self) -> str:
        """send_batch: "guaranteed to be a positive integer > 0, if present"; else ``""``."""
        return self.third if re.fullmatch(r"0*[1-9][0-9]{0,18}", self.third) else ""


_NOTHING = _Answer(-1)


def _kept(status: int, body: bytes) -> bytes:
    """The beginning of an answer, as evidence; what is no plain 200 never looks like a status line of BulkSMS."""
    head = b"" if status == 200 else b"HTTP %d\n\n" % status
    return head + body[:_KEPT_BYTES]


def _commit_trouble(answer: _Answer, batch: _Batch, attempt: Attempt, body: bytes) -> Trouble:
    """send_batch: 40 is to be tried again, 26 and 28 a few times; "All other errors should be considered fatal"."""
    word, sentence = FAILURES.get(answer.code, (UNKNOWN, f"BulkSMS answered with status {answer.code}, which is new."))
    if answer.code in _ACCOUNT:
        return Refused(word, sentence, account=True, reply=body, holds=True)
    if batch.rehearsal == "fail":
        return Unclear("rehearsal", "Rehearsal: BulkSMS was asked to say no, and did.", reply=body)
    if answer.code == 40 or (answer.code in _UPSTREAM and attempt.number <= _UPSTREAM_ATTEMPTS):
        # "Failure statuses are not recorded": the same id is free again.
        return Unreachable(word, sentence, reply=body)
    if answer.code in _UPSTREAM:
        return Refused(word, f"{sentence} It was tried {attempt.number} times.", reply=body, holds=True)
    return Unclear(word, sentence, reply=body)


def _answers(attempts: Sequence[Attempt]) -> dict[int, _Answer]:
    """The readable answers to the attempts that may have arrived, by number."""
    found = {}
    for attempt in attempts:
        answer = _Answer.of(attempt.receipt.raw) if attempt.may_have_arrived else None
        if answer:
            found[attempt.number] = answer
    return found


def _batch_ids(attempts: Sequence[Attempt]) -> list[str]:
    """BulkSMS's numbers for the batch, each once: one, unless it was taken twice."""
    return list(dict.fromkeys(attempt.receipt.provider_ref for attempt in attempts if attempt.receipt.provider_ref))


def _not_taken(batch: _Batch, attempts: Sequence[Attempt], answers: Mapping[int, _Answer]) -> Interpretation:
    """No attempt was answered with 0 or 1. Where no answer can be read either, the guard permits a repeat."""
    if answers and batch.rehearsal:
        answer = next(iter(answers.values()))
        said = f"Rehearsal: BulkSMS said no (status {answer.code}), and nobody was texted."
        return Interpretation(ProviderState.REJECTED, "rehearsal", said)
    fatal = [answer for answer in answers.values() if answer.code not in _REJECTIONS]
    if fatal:
        unknown = UNKNOWN, f"BulkSMS answered with status {fatal[0].code}, which Baton does not know."
        return Interpretation(ProviderState.UNKNOWN, *FAILURES.get(fatal[0].code, unknown), unclear=True)
    if not answers:
        return Interpretation(ProviderState.ABSENT)
    word, sentence = FAILURES[next(iter(answers.values())).code]
    if sum(attempt.may_have_arrived for attempt in attempts) > len(answers):
        said = f"{sentence} Another attempt got no answer, and may have been taken."
        return Interpretation(ProviderState.UNKNOWN, word, said, unclear=True)
    return Interpretation(ProviderState.REJECTED, word, sentence)


def _rehearsed(batch: _Batch) -> Iterator[Outcome]:
    """So that each recipient's own page says what "accepted" was worth."""
    for msisdn in sorted(batch.numbers):
        yield Outcome(msisdn, "accepted", "rehearsal", "Rehearsal: nobody was texted.")


def _taken(
    batch: _Batch, attempts: Sequence[Attempt], answers: Mapping[int, _Answer], observations: Sequence[Observation]
) -> Interpretation:
    """An attempt was answered with 0 or 1: BulkSMS has the batch, and its reports say the rest."""
    taken_at = min(
        attempt.ended_at or attempt.started_at for attempt in attempts if answers.get(attempt.number, _NOTHING).is_taken
    )
    is_scheduled = any(answer.code == _SCHEDULED for answer in answers.values())
    ids = _batch_ids(attempts)
    reports = _Reports.of(batch, observations)
    alarms = list(_report_alarms(reports))
    if len(ids) > 1:
        alarms.append("BulkSMS took this batch twice, under different numbers: people may have been texted twice.")
    if batch.start_at and taken_at < batch.start_at and not is_scheduled:
        alarms.append("BulkSMS did not wait for the start: it began with this batch at once.")
    alarm = " ".join(alarms)
    if not ids:
        said = "BulkSMS accepted the batch but gave it no number: no report per recipient can be fetched."
        return Interpretation(ProviderState.ACCEPTED, "no_batch_id", said, alarm=alarm)
    since = max(taken_at, batch.start_at) if batch.start_at else taken_at
    is_late = observations[-1].seen_at - since >= _REPORT_PATIENCE
    return _reported(batch, reports, is_scheduled, is_late, alarm)


def _report(remote: HttpRemote, batch_id: str) -> bytes:
    form = _credentials(remote) + b"&" + _form([("batch_id", batch_id.encode("ascii"))])
    status, body = remote.post(REPORT, form)
    answer = _Answer.of(body) if status == 200 else None
    if answer and answer.code == _LOGIN_REFUSED:
        raise Refused(*FAILURES[_LOGIN_REFUSED], account=True)
    return body if answer else _kept(status, body)


#: A status code and the line it stands in: a plain tuple, as there are up to 30,000 in each of many reports.
_Row = tuple[int, int]


@dataclass
class _Reports:
    """What all good reports say together. ``latest`` has the newest statuses of each of our numbers.

    ``missing`` are numbers that a complete report lacked, ``came_late`` those of them that a later one has.
    """

    has_any: bool = False
    latest: dict[str, list[_Row]] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    came_late: set[str] = field(default_factory=set)
    foreign: set[str] = field(default_factory=set)
    has_unreadable: bool = False

    @classmethod
    def of(cls, batch: _Batch, observations: Sequence[Observation]) -> "_Reports":
        found = cls()
        named: frozenset[str] = frozenset()
        replies: tuple[bytes, ...] = ()
        before, since = named, observations[0].seen_at
        for observation in observations:
            if observation.replies != replies:
                replies = observation.replies
                named = found._add(batch, replies)
            if not named:
                continue
            if named != before:
                before, since = named, observation.seen_at
            elif observation.seen_at - since >= _REPORT_SETTLED:
                found.missing |= batch.numbers - named
        found.came_late = found.missing & found.latest.keys()
        found.missing -= found.latest.keys()
        return found

    def _add(self, batch: _Batch, replies: Sequence[bytes]) -> frozenset[str]:
        """Take in what one look brought; return which of our numbers it names."""
        rows: dict[str, list[_Row]] = {}
        for reply in replies:
            answer = _Answer.of(reply)
            if answer is None or answer.code != 0:
                continue
            self.has_any = True
            for msisdn, row in _report_rows(reply):
                rows.setdefault(msisdn, []).append(row)
        if rows.pop("", None):
            self.has_unreadable = True
        named = batch.numbers & rows.keys()
        self.foreign |= rows.keys() - batch.numbers
        self.latest.update((msisdn, found) for msisdn, found in rows.items() if msisdn in named)
        return named


_PLAIN_STATUSES = {str(code): code for code in STATUSES}
_ROW = re.compile(r"\s*\+?(\d{5,20}) *\| *(\d{1,6}) *(?:\||$)")


def _report_rows(reply: bytes) -> Iterator[tuple[str, _Row]]:
    """get_report: a status line, a blank line, and ``msisdn|status_code`` with further fields where asked for.

    A line that cannot be read has ``""`` for its number.
    """
    lines = reply.removeprefix(b"\xef\xbb\xbf").decode("latin-1").splitlines()
    first = next(number for number, line in enumerate(lines) if line.strip())
    for number, line in enumerate(lines[first + 1 :], start=first + 2):
        msisdn, _, status = line.partition("|")
        if msisdn.isdecimal() and status in _PLAIN_STATUSES:
            # Nearly all lines: the pattern below would take longer.
            yield msisdn, (_PLAIN_STATUSES[status], number)
        elif line.strip():
            match = _ROW.match(line)
            yield (match[1], (int(match[2]), number)) if match else ("", (0, number))


def _reported(batch: _Batch, reports: _Reports, is_scheduled: bool, is_late: bool, alarm: str) -> Interpretation:
    """What a taken batch stands at by its reports; ``is_late`` when they have been waited for long enough."""
    if not reports.latest:
        return _without_report(batch, reports, is_scheduled, is_late, alarm)
    outcomes = tuple(_outcomes(reports))
    if len(reports.latest) + len(reports.missing) < len(batch.numbers) and not is_late:
        said = "BulkSMS accepted the batch; its report does not name everybody yet."
        return Interpretation(ProviderState.PROCESSING, "report_filling", said, outcomes, alarm=alarm)
    refused = next((code for code in _ACCOUNT if str(code) in {outcome.code for outcome in outcomes}), None)
    if refused:
        # Every batch after this one would meet the same.
        said = f"BulkSMS accepted the batch and refused messages in it. {FAILURES[refused][1]}"
        return Interpretation(ProviderState.ACCEPTED, FAILURES[refused][0], said, outcomes, alarm=alarm, account=True)
    return Interpretation(ProviderState.ACCEPTED, "reported", "BulkSMS accepted the batch.", outcomes, alarm=alarm)


def _without_report(batch: _Batch, reports: _Reports, is_scheduled: bool, is_late: bool, alarm: str) -> Interpretation:
    if reports.foreign:
        said = "BulkSMS's report of this batch names only numbers that are not in it: what it took is not known."
        return Interpretation(ProviderState.UNKNOWN, "report_of_others", said, unclear=True, alarm=alarm)
    if not is_late:
        if is_scheduled:
            said = "BulkSMS scheduled the batch; it gives a report after the start."
            return Interpretation(ProviderState.TAKEN, "scheduled", said, alarm=alarm)
        return Interpretation(
            ProviderState.TAKEN, "in_progress", "BulkSMS took the batch; its report is awaited.", alarm=alarm
        )
    if reports.has_any and batch.wants_reports:
        said = "BulkSMS took the batch, but its report names nobody in it: it may have dropped every line."
        return Interpretation(ProviderState.UNKNOWN, "report_empty", said, unclear=True, alarm=alarm)
    said = "BulkSMS accepted the batch but gives no report per recipient; whether texts arrived is not known."
    return Interpretation(ProviderState.ACCEPTED, "no_report", said, alarm=alarm)


def _report_alarms(reports: _Reports) -> Iterator[str]:
    if reports.foreign:
        yield f"BulkSMS's report names {len(reports.foreign)} numbers that are not in the batch."
    if reports.came_late:
        yield (
            f"BulkSMS's report now names {len(reports.came_late)} numbers that it had left out: "
            "they were texted after all."
        )
    unknown = sorted({code for rows in reports.latest.values() for code, _ in rows if code not in STATUSES})
    if unknown:
        words = ", ".join(str(code) for code in unknown[:5])
        yield f"BulkSMS's report uses status codes that Baton does not know: {words}."
    if reports.has_unreadable:
        yield "BulkSMS's report has lines that Baton cannot read."


def _outcomes(reports: _Reports) -> Iterator[Outcome]:
    """One outcome for each recipient whose status is final, and for each that a complete report lacks."""
    for msisdn, rows in reports.latest.items():
        code, line = _decisive(rows)
        fate = STATUSES.get(code)
        if fate is None:
            said = f"BulkSMS reports this number with status {code}, which Baton does not know."
            yield Outcome(msisdn, "accepted", UNKNOWN, said, source=REPORT, line=line)
        elif fate.result:
            # Where one part of a text was taken, the others' refusal makes it undelivered, not refused.
            is_split = fate.result == "row_error" and len({STATUSES.get(each) for each, _ in rows}) > 1
            yield Outcome(
                msisdn,
                "accepted" if is_split else fate.result,
                str(code),
                fate.sentence,
                opted_out=fate.opted_out,
                source=REPORT,
                line=line,
                delivery="undelivered" if is_split else fate.delivery,
            )
    for msisdn in sorted(reports.missing):
        said = "BulkSMS dropped this line of the batch without a word: its report does not name the number."
        yield Outcome(msisdn, "row_error", MISSING, said, source=REPORT)


def _decisive(rows: Sequence[_Row]) -> _Row:
    """Of a number's rows the one that decides: first what is unknown, then what is open, failed, delivered.

    assumption: whether a text of several parts has one row or several is not documented.
    """

    def rank(row: _Row) -> int:
        fate = STATUSES.get(row[0])
        if fate is None:
            return 0
        if not fate.result:
            return 1
        return 3 if fate.delivery == "delivered" else 2

    return min(rows, key=rank)


def _login_sentence(answer: _Answer, hint: str) -> str:
    if answer.code == _LOGIN_REFUSED:
        return f"{FAILURES[_LOGIN_REFUSED][1]} {hint}"
    if answer.code in FAILURES:
        return FAILURES[answer.code][1]
    return f"BulkSMS answered with status {answer.code}, which Baton does not know."


def _check_line(remote: HttpRemote) -> Check:
    if not remote.is_encrypted:
        said = (
            "The account's address has no encryption: the password, the texts and the numbers can be read on the way."
        )
        return Check("encryption", "Encryption", None, said, is_warning=True)
    if remote.certificate_ends_at:
        said = f"The certificate is valid until {remote.certificate_ends_at:%Y-%m-%d}."
    else:
        said = "The certificate is valid."
    return Check("certificate", "Certificate", True, said)


def _check_credits(answer: _Answer) -> Check:
    """get_credits: ``0|<balance>``."""
    label = "Free credits"
    if not re.fullmatch(r"-?\d+(\.\d+)?", answer.words):
        return Check("credits", label, None, "BulkSMS did not say how many credits there are.")
    credits = Decimal(answer.words)
    said = f"There {'is' if credits == 1 else 'are'} {_amount(credits)} free {_noun(credits)}."
    if credits <= 0:
        return Check("credits", label, False, f"{said} Top up the account.")
    return Check("credits", label, True, said)


def _amount(credits: Decimal) -> str:
    return f"{int(credits):,}" if credits == int(credits) else f"{credits:,}"


def _noun(credits: Decimal) -> str:
    return "credit" if credits == 1 else "credits"


def _check_clock(difference: timedelta) -> Check:
    seconds = abs(int(difference.total_seconds()))
    if abs(difference) > _CLOCK_TOLERANCE:
        said = f"This machine's clock and BulkSMS's differ by {seconds} seconds. Set this machine's clock."
        return Check("clock", "Clock", False, said)
    return Check("clock", "Clock", True, f"This machine's clock and BulkSMS's differ by {seconds} seconds.")
