"""GatewayAPI "FTP API": CSV files over FTP. Documents: "FTP API" and "Error code index" (gatewayapi.com/docs).

How a file is handed over: it is uploaded under a name that nothing picks up and then renamed to one that ends in
``.ready``; the rename starts the texting. GatewayAPI renames it on: to a timestamped ``.processing``, and then to
``.success``, or to ``.rejected`` with the cause at its bottom. Two servers, a and b, see the same files. An uploaded
file can be renamed once only: that is what keeps a repeated hand-over from texting twice.
"""

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
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
from providers.errors import Refused, Trouble, Unclear, Unreachable
from providers.fields import CertificateField, HostField, SecretField
from providers.transports.files import is_plain
from providers.transports.ftp import FtpRemote, FtpTransport

# GatewayAPI, "Error code index", "API Errors", as far as a file can meet them; then what a cause in words is about.
WORDS = {
    "0x0210": "GatewayAPI does not know the user name.",
    "0x0214": "GatewayAPI keeps a number from being texted for a while.",
    "0x0215": "GatewayAPI has a number of the file on its blacklist.",
    "0x0216": "GatewayAPI says there is not enough credit for this file. Top up the account.",
    "0x0217": "GatewayAPI may not text the country of a number of the file for this account.",
    "0x0218": "GatewayAPI does not know the message class of the file.",
    "0x021D": "GatewayAPI has not switched on texting for this account.",
    "0x021E": "GatewayAPI has not set up the message class of the file for this account.",
    "0x021F": "GatewayAPI may not text the operator of a number of the file for this account.",
    "0x0220": "GatewayAPI does not take one of the columns of the file.",
    "0x0222": "GatewayAPI misses a column that it requires in the file.",
    "0x022A": "GatewayAPI has frozen the account.",
    "0x0310": "GatewayAPI says a number is in the file more than once.",
    "0x0311": "GatewayAPI does not offer this priority.",
    "0x0312": "GatewayAPI filtered the text because of what it says.",
    "columns": "GatewayAPI could not read the file: something is wrong with its columns.",
    "class": "GatewayAPI does not take the message class of the file.",
    "sender": "GatewayAPI does not take the sender of the file.",
    "encoding": "GatewayAPI could not read the characters of the file.",
    "credit": "GatewayAPI says there is not enough credit for this file. Top up the account.",
    "size": "GatewayAPI says the file is too large.",
}
UNKNOWN = "UNKNOWN"
# What is wrong with the file as a whole. assumption: nothing of a file rejected for such a cause was queued.
_ABOUT_THE_FILE = frozenset(
    {"0x0216", "0x0218", "0x021E", "0x0220", "0x0222", "columns", "class", "sender", "encoding", "credit", "size"}
)
# Those that every further file would meet as well.
_ABOUT_THE_ACCOUNT = frozenset({"0x0210", "0x0216", "0x021D", "0x022A", "credit"})
_ABOUT_A_NUMBER = {
    "0x0215": "GatewayAPI has this number on its blacklist.",
    "0x0217": "GatewayAPI may not text the country of this number for this account.",
    "0x021F": "GatewayAPI may not text the operator of this number for this account.",
}
# assumption: how a cause is worded is not documented; a line that names a subject and says it is wrong is taken at it.
_SUBJECTS = {
    "columns": r"columns?|headers?",
    "class": r"class(?:es)?",
    "sender": r"senders?",
    "encoding": r"encoding|charset|character set|utf-?8|cp1252|decod\w+",
    "credit": r"credits?|balance|funds",
    "size": r"file ?size|size of the file|too (?:large|big)|larger than|\d+ ?MB",
}
_IS_ABOUT = {code: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for code, words in _SUBJECTS.items()}
_IS_WRONG = re.compile(
    r"\b(?:unknown|invalid|missing|insufficient|no|not|cannot|can't|unsupported|differ\w*|mixed|mismatch\w*|must|too|larger|"
    r"exceed\w*|unable|fail\w*|wrong|bad|required|malformed|illegal|low|error)\b",
    re.IGNORECASE,
)
# Beside any of these a known cause says no longer that nothing was queued: a row that is named was reached.
_LEAVES_OPEN = re.compile(
    r"\b(?:internal|temporar\w+|partial\w*|partly|some|remaining|the rest|queued|time[ d]*-?out|try again|unexpected|"
    r"unknown error)\b"
    r"|\b(?:rows|lines)\b\D{0,12}\d|\b(?:row|line)\b(?:\s*(?:no\.?|number))?\s*[#:]?\s*(?!0*1\b)\d"
    r"|\b(?:after|processed|accepted|already)\W+(?!0x)\d|\d\s+(?:\w+\s+){0,3}(?:accepted|processed|delivered|already)\b",
    re.IGNORECASE,
)
# "Error code index": codes that end in 06, "Insufficient Resources", and 08, "Invalid Argument", mean something else in
# each context; what, only the words beside them say.
_LEFT_TO_WORDS = ("06", "08")
_CODE = re.compile(r"\b0x([0-9a-f]{4})\b", re.IGNORECASE)
_NUMBER = re.compile(r"(?<!\d)(?:\+|00)?(\d{7,15})(?!\d)")
_MANY_DIGITS = re.compile(r"\d{5,}")

# One of these, after the stem and wherever the timestamp stands, says how far the file is.
# assumption: the exact name is not documented, so the last of them counts, in any case of letters.
_STATE = re.compile(r"\.(ready|processing|rejected|success)(?![a-z])")

# assumption: a space is not alphanumeric; GatewayAPI's other documents allow it, and say that phones often hide it.
_SENDER = re.compile(r"[A-Za-z0-9]{1,11}|[0-9]{1,15}")
_CLASS = re.compile(r"^[A-Za-z0-9_.-]{1,40}\Z")
_REFERENCE = re.compile(r"[!-~]{0,64}")

_SCRATCH = "baton-test-"
# Of a rejected file the bottom is kept, this many bytes.
_KEEP = 1_000_000
_LONGEST_CAUSE = 4000
# The cause may be written after the rename: this long a rejected file without one is waited for.
_CAUSE_PATIENCE = timedelta(seconds=60)


@dataclass(frozen=True)
class Dialect:
    """One documented way to write the CSV: what the name ends in, and how rows become bytes."""

    ending: str
    charset: str
    delimiter: str
    row_end: str


# GatewayAPI FTP: LF is recommended for unix and CR LF for excel. assumption: nothing says how .excel and a charset go
# together, so they never do; and nothing speaks of a byte order mark, so there is none.
DIALECTS = {
    "utf8": Dialect("utf8.ready", "utf-8", ",", "\n"),
    "cp1252": Dialect("cp1252.ready", "cp1252", ",", "\n"),
    "excel": Dialect("excel.ready", "cp1252", ";", "\r\n"),
}


class GatewayFtp(FtpTransport):
    """FTP to the account's two servers: the first that answers."""

    @staticmethod
    @contextmanager
    def connect(settings: Mapping[str, Any]) -> Iterator[FtpRemote]:
        """As ``FtpTransport.connect``, with ``hosts`` made of ``host_a``, ``host_b`` and ``port``."""
        with FtpTransport.connect({**settings, "hosts": servers(settings)}) as remote:
            yield remote


class Adapter(BaseAdapter):
    label = "GatewayAPI (FTP)"
    transport = GatewayFtp
    # GatewayAPI FTP: "Files larger than 30 MB will not be processed, we recommend ... 10.000 rows each."
    # assumption: what becomes of characters outside GSM is not documented for files, so none are handed over.
    limits = Limits(rows=10_000, bytes=25_000_000, alphabet="gsm", newline_units=1, connections=2)
    guard = Guard.rename()
    # GatewayAPI FTP: after internal errors "retried up to 5 times, with 30 minutes between each attempt".
    give_up_after = timedelta(hours=3)
    accepted_means = (
        "GatewayAPI processed the file and queued its messages for delivery. Whether a text arrived it does not say."
    )
    evidence = (
        "The file's name (.ready, .processing, .success, .rejected), and the cause at the bottom of a rejected file"
    )
    guard_words = "An uploaded file can be renamed once only; Baton repeats the rename of that very file, or asks"
    login_hint = (
        "FTP has credentials of its own, in GatewayAPI's dashboard under Settings, and is switched on by its support."
    )

    class SettingsForm(forms.Form):
        host_a = HostField(label="Server a", initial="a.ftp.gatewayapi.com", scheme="ftp", takes_port=True)
        host_b = HostField(
            label="Server b",
            initial="b.ftp.gatewayapi.com",
            scheme="ftp",
            takes_port=True,
            required=False,
            help_text="Used by itself when server a does not answer. Blank when there is only one.",
        )
        port = forms.IntegerField(label="Port", initial=21, min_value=1, max_value=65535)
        username = forms.CharField(label="User name", max_length=200, help_text="Of the FTP credentials.")
        password = SecretField(label="Password")
        # The document says FTP and no word of encryption.
        use_tls = forms.BooleanField(
            label="Encrypt the connection (FTPS)",
            required=False,
            help_text="GatewayAPI documents plain FTP only. Switch this on if its servers take AUTH TLS.",
        )
        tls_certificate = CertificateField(
            help_text="PEM, only when the servers' certificate is not signed by a public authority."
        )

        def clean(self) -> dict[str, Any]:
            cleaned = super().clean() or self.cleaned_data
            both = servers(cleaned)
            if len(both) == 2 and both[0] == both[1]:
                self.add_error("host_b", "This is server a again. Leave it blank when there is only one.")
            return cleaned

    class OptionsForm(forms.Form):
        message_class = forms.RegexField(
            label="Message class",
            regex=_CLASS,
            required=False,
            max_length=40,
            initial="",
            empty_value="",
            help_text="standard, premium, or another that GatewayAPI gave you. Blank: its default, standard.",
            error_messages={"invalid": "A class is one word of letters, digits and the signs - _ . like standard."},
        )
        encoding = forms.ChoiceField(
            label="File encoding",
            required=False,
            initial="utf8",
            choices=[
                ("utf8", "UTF-8 (.utf8.ready)"),
                ("cp1252", "Windows-1252 (.cp1252.ready)"),
                ("excel", "Excel's, with semicolons (.excel.ready)"),
            ],
            help_text="All texts can be written in UTF-8. The others lack the Greek capitals.",
        )

    def host(self, settings: Mapping[str, Any]) -> str:
        """The servers, and whether the line is encrypted.

        So a stored password is asked for again before it travels unencrypted, and campaigns are approved again.
        """
        hosts = ", ".join(servers(settings))
        return f"{hosts} (FTPS)" if settings.get("use_tls") else hosts

    def spec_problems(self, spec: CampaignSpec) -> list[Problem]:
        """GatewayAPI FTP: sender "Up to 11 alphanumeric characters, or 15 digits"; one class; nothing about a start."""
        found = []
        if spec.sender and not _SENDER.fullmatch(spec.sender):
            found.append(_sender_problem(spec.sender))
        if message_class(spec) and not _CLASS.fullmatch(message_class(spec)):
            found.append(
                Problem("class_invalid", "The message class is one word, for example standard.", "message_class")
            )
        if spec.start_at:
            found.append(
                Problem(
                    "start_unsupported",
                    "GatewayAPI starts at once and cannot hold a file back: do not hand over early.",
                    "start_at",
                )
            )
        return found

    def problems(self, spec: CampaignSpec, message: Message) -> list[Problem]:
        """assumption: only GSM characters go by file. GatewayAPI FTP: "CR+LF (\\r\\n) is two chars in the SMS"."""
        found = []
        if not message.text.strip():
            found.append(Problem("text_empty", "The text is empty.", "text"))
        if foreign := gsm.unsupported(message.text):
            shown = " ".join(foreign)
            sentence = f"GatewayAPI's files take GSM characters only; not {shown}"
            found.append(Problem("text_not_gsm", sentence, "text", characters=foreign))
        if "\r" in message.text:
            sentence = "The text has a carriage return, which would be texted as a character. Use plain line breaks."
            found.append(Problem("text_has_cr", sentence, "text"))
        lacking = _lacking(message.text, dialect_of(spec).charset)
        if not foreign and lacking:
            shown = " ".join(lacking)
            sentence = f"The chosen file encoding lacks {shown}. Choose UTF-8, or another text."
            found.append(Problem("text_not_cp1252", sentence, "text", characters=lacking))
        if not foreign and not lacking and spec.options.get("encoding") == "excel" and _is_ambiguous(message.text):
            sentence = "GatewayAPI would take the accented letters of this text for other ones. Choose UTF-8."
            found.append(Problem("text_ambiguous", sentence, "text"))
        if not _REFERENCE.fullmatch(message.reference):
            # assumption: no limit of userref is documented.
            found.append(Problem("reference_long", "The reference is longer than 64 plain characters.", "reference"))
        return found

    def render(self, stem: str, key: int, spec: CampaignSpec, messages: Sequence[Message]) -> Payload:
        """GatewayAPI FTP: a CSV with exact column names first, quotes doubled; empty columns are left out as a whole.

        ``class`` "must be the same for all messages in the file", so it stands in every row or in none.
        """
        dialect = dialect_of(spec)
        fixed = {"sender": spec.sender, "class": message_class(spec)}
        used = {column: value for column, value in fixed.items() if value}
        text = io.StringIO(newline="")
        rows = csv.writer(
            text, delimiter=dialect.delimiter, quoting=csv.QUOTE_ALL, doublequote=True, lineterminator=dialect.row_end
        )
        rows.writerow(["userref", "msisdn", *used, "message"])
        rows.writerows([message.reference, message.msisdn, *used.values(), message.text] for message in messages)
        return Payload(stem, f"{stem}.csv.{dialect.ending}", text.getvalue().encode(dialect.charset), key)

    def attempt_name(self, payload: Payload, number: int) -> str:
        """GatewayAPI FTP: "the file must end with ".ready" in order for processing to start"; this name does not."""
        return f"{payload.stem}-a{number}.csv"

    def stage(self, remote: FtpRemote, payload: Payload, attempt_name: str) -> Staged:
        """Upload under the inert name and compare the size. Raises Unreachable, or Refused as the server says."""
        try:
            remote.store(attempt_name, payload.body)
        except Unclear as trouble:
            # Nothing is texted from this name, however much of it arrived.
            raise Unreachable(trouble.code, "The connection broke while the file was being uploaded.") from trouble
        size = remote.size(attempt_name)
        if size is None:
            # Who takes files before they are renamed would take, and text, each further upload as well.
            raise Refused(
                "upload_vanished",
                "The uploaded file was gone before it was renamed. Is this GatewayAPI? Look there whether anybody was "
                "texted before you go on.",
                account=True,
                holds=True,
            )
        if size != len(payload.body):
            raise Unreachable("upload_incomplete", "The file arrived with another size; it is uploaded again.")
        return Staged(attempt_name, remote.host, size)

    def commit(self, remote: FtpRemote, payload: Payload, attempt: Attempt) -> Receipt:
        """Rename the pinned source: the document has it that from this moment on it is worked off.

        A refusal counts only while the source lies there untouched. One that is gone was used up by a rename whose end
        is not known, or by somebody else: unclear, look.
        """
        try:
            remote.rename(attempt.staged.name, payload.name)
        except Refused as trouble:
            if _is_there(remote, attempt.staged):
                raise Refused(
                    "rename_refused",
                    "The server refuses to rename the uploaded file, which lies there untouched.",
                    reply=trouble.reply,
                ) from trouble
            raise Unclear(
                "source_gone", "The uploaded file is no longer there under its waiting name.", reply=trouble.reply
            ) from trouble
        return Receipt()

    def poll(self, remote: FtpRemote, payload: Payload, attempts: Sequence[Attempt], now: datetime) -> Observation:
        """List what bears the stem and read what was rejected; on both servers unless the last rename was confirmed."""
        is_confirmed = bool(attempts) and attempts[-1].ending is Ending.DONE
        return _seen(
            remote, lambda each: _sighted(each, payload.stem, self.limits.bytes + _KEEP), now, not is_confirmed
        )

    def interpret(
        self, payload: Payload, attempts: Sequence[Attempt], observations: Sequence[Observation]
    ) -> Interpretation:
        """What the names mean; the rules stand in the order in which they win.

        ``.success`` once seen stays accepted. ``.rejected`` counts only while no server shows the file waiting or in
        processing. Any such name on any server wins over the source on another.
        """
        if not observations:
            return Interpretation(ProviderState.UNKNOWN)
        evidence = _Evidence.of(payload, observations)
        if evidence.succeeded:
            return _accepted(evidence)
        if evidence.rejected and not evidence.is_under_way:
            return _rejected(payload, evidence)
        if "processing" in evidence.states or evidence.rejected:
            return Interpretation(
                ProviderState.PROCESSING,
                "processing",
                "GatewayAPI is processing the file; after internal errors up to 5 times more, 30 minutes apart.",
                alarm=_revived(evidence),
            )
        if "ready" in evidence.states:
            return Interpretation(ProviderState.TAKEN, "ready", "GatewayAPI has the file and will begin with it.")
        if evidence.strange:
            return Interpretation(
                ProviderState.UNKNOWN,
                UNKNOWN,
                f"GatewayAPI shows the file as {evidence.strange}, which Baton does not know.",
            )
        return _source(payload, attempts, observations[-1])

    def check(self, remote: FtpRemote, now: datetime) -> list[Check]:
        """Login, both servers, certificate, folder; and the clock and a rename, by an inert scratch file.

        GatewayAPI FTP: only a file that ends in ``.ready`` is processed. The scratch file bears none of the words that
        mean anything there and is removed again.
        """
        checks = [
            Check("login", "Login", True, f"Logged in as {remote.settings['username']}."),
            *[_check_server(remote, label) for label in remote.hosts()],
        ]
        checks.append(_check_line(remote))
        remote.listdir(bearing=_SCRATCH)
        checks.append(Check("folder", "Folder", True, "The folder can be listed."))
        return checks + _check_scratch(remote, now)

    def survey(self, remote: FtpRemote, now: datetime) -> Observation:
        """The folder as each server that answers shows it."""
        return _seen(remote, _listed, now)


def servers(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the account's servers as ``name:port``, server a first; a port within a name wins over the common one."""
    names = [str(settings.get(field) or "") for field in ("host_a", "host_b")]
    port = settings.get("port") or 21
    return tuple(name if ":" in name else f"{name}:{port}" for name in names if name)


def message_class(spec: CampaignSpec) -> str:
    """Return the class of every row, or ``""`` for no such column."""
    return str(spec.options.get("message_class") or "")


def dialect_of(spec: CampaignSpec) -> Dialect:
    """Return the dialect that the campaign chose; UTF-8 where it chose none."""
    return DIALECTS[str(spec.options.get("encoding") or "utf8")]


def _sender_problem(sender: str) -> Problem:
    replaced = "".join(dict.fromkeys(letter for letter in sender if letter.isalpha() and not letter.isascii()))
    if replaced:
        shown = " ".join(replaced)
        sentence = f"GatewayAPI would replace {shown} in the sender by other letters. Use a to z, A to Z and digits."
    else:
        sentence = "The sender may be up to 11 letters and digits without spaces, or up to 15 digits."
    return Problem("sender_invalid", sentence, "sender", characters=replaced)


def _is_ambiguous(text: str) -> bool:
    """Whether the text's Windows-1252 bytes are UTF-8 as well.

    GatewayAPI FTP: the encoding is detected where the name says none, and the Excel dialect's name says none. One text
    whose bytes are no UTF-8 settles it for the file, and every text of a file is asked.
    """
    if text.isascii():
        return False
    try:
        text.encode("cp1252").decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _lacking(text: str, charset: str) -> str:
    """The characters of ``text`` that ``charset`` lacks, each once."""
    kept = text.encode(charset, "ignore").decode(charset)
    return "" if kept == text else "".join(dict.fromkeys(letter for letter in text if letter not in kept))


def _is_there(remote: FtpRemote, staged: Staged) -> bool:
    """Whether the source of a refused rename lies there untouched: then the refusal is one, and nothing was renamed."""
    try:
        return remote.size(staged.name) == staged.size
    except Trouble:
        return False


def _seen(
    remote: FtpRemote, see: Callable[[FtpRemote], list[ObservedFile]], now: datetime, on_each: bool = True
) -> Observation:
    """What ``see`` finds on the connected server, and with ``on_each`` on every other that answers.

    One server is enough to look through; what another would say is then not known.
    """
    files, hosts = see(remote), [remote.host]
    for label in remote.hosts() if on_each else ():
        if label not in hosts:
            with suppress(Trouble), remote.on(label) as other:
                files += see(other)
                hosts.append(label)
    return Observation(now, tuple(hosts), tuple(files))


def _listed(remote: FtpRemote, bearing: str = "") -> list[ObservedFile]:
    entries = remote.listdir(bearing=bearing)
    return [ObservedFile("", entry.name, entry.size, entry.modified_at, None, remote.host) for entry in entries]


def _sighted(remote: FtpRemote, stem: str, at_most: int) -> list[ObservedFile]:
    files = [file for file in _listed(remote, stem) if _bears(file.name, stem)]
    return [_with_bottom(remote, file, at_most) if _state(file.name, stem) == "rejected" else file for file in files]


def _with_bottom(remote: FtpRemote, file: ObservedFile, at_most: int) -> ObservedFile:
    whole = remote.read(file.name, at_most)
    if whole is None or len(whole) >= at_most:
        # Of a file longer than is read the bottom is not known.
        return file
    return replace(file, size=len(whole), body=whole[-_KEEP:])


def _bears(name: str, stem: str) -> bool:
    return stem.lower() in name.lower() and is_plain(name)


def _state(name: str, stem: str) -> str:
    """``ready``, ``processing``, ``rejected`` or ``success``; ``""`` for a name that says none of them."""
    _, _, rest = name.lower().partition(stem.lower())
    return (_STATE.findall(rest) or [""])[-1]


@dataclass(frozen=True)
class _Evidence:
    """All that was ever seen of a batch, by what its names say.

    ``states``, ``succeeded`` (names) and ``rejected`` are of all sightings. Of the latest are ``is_rejected_now``,
    ``strange`` (a name that says nothing known), and the servers that show so: ``succeeded_on``, ``under_way_on``.
    """

    states: frozenset[str]
    succeeded: frozenset[str]
    rejected: ObservedFile | None
    rejected_since: datetime
    seen_at: datetime
    succeeded_on: frozenset[str]
    under_way_on: frozenset[str]
    is_rejected_now: bool
    strange: str

    @property
    def is_under_way(self) -> bool:
        return bool(self.under_way_on)

    @classmethod
    def of(cls, payload: Payload, observations: Sequence[Observation]) -> "_Evidence":
        latest = observations[-1]
        states, succeeded = set(), set()
        rejected: ObservedFile | None = None
        rejected_since = latest.seen_at
        for observation in observations:
            for file in observation.files:
                state = _state(file.name, payload.stem)
                states.add(state)
                if state == "success":
                    succeeded.add(file.name.lower())
                elif state == "rejected":
                    rejected_since = min(rejected_since, observation.seen_at)
                    # The newest content; a later look that could not read it takes nothing away.
                    rejected = file if rejected is None or file.body is not None else rejected
        now = [(_state(file.name, payload.stem), file) for file in latest.files]
        inert = re.compile(re.escape(payload.stem) + r"-a\d+\.csv", re.IGNORECASE)
        return cls(
            frozenset(states),
            frozenset(succeeded),
            rejected,
            rejected_since,
            latest.seen_at,
            frozenset(file.host for state, file in now if state == "success"),
            frozenset(file.host for state, file in now if state in ("ready", "processing")),
            any(state == "rejected" for state, _ in now),
            next((file.name for state, file in now if not state and not inert.fullmatch(file.name)), ""),
        )


def _accepted(evidence: _Evidence) -> Interpretation:
    alarms = []
    if len(evidence.succeeded) > 1:
        alarms.append("GatewayAPI shows this file as processed more than once: people may have been texted twice.")
    if evidence.rejected:
        alarms.append(
            "GatewayAPI showed this file as rejected as well as processed. It counts as accepted; "
            "look there what became of it before anybody is texted again."
        )
    # Two servers may disagree for a moment; one that shows both has two files.
    if evidence.succeeded_on & evidence.under_way_on:
        alarms.append("GatewayAPI has processed this file and is processing it again: people may be texted twice.")
    return Interpretation(
        ProviderState.ACCEPTED,
        "success",
        "GatewayAPI processed the file and queued its messages.",
        alarm=" ".join(alarms),
    )


def _revived(evidence: _Evidence) -> str:
    if evidence.rejected and not evidence.is_rejected_now:
        return (
            "GatewayAPI had rejected this file and is processing it again: somebody renamed it there. "
            "Its recipients may be texted after all."
        )
    return ""


def _source(payload: Payload, attempts: Sequence[Attempt], latest: Observation) -> Interpretation:
    """Whether the one pinned source lies untouched on every server that answered. No other name was seen."""
    arrivable = [attempt for attempt in attempts if attempt.may_have_arrived]
    pinned = {attempt.staged for attempt in arrivable or attempts[-1:]}
    staged = next(iter(pinned)) if len({source.name for source in pinned}) == 1 else Staged()
    seen = [file for file in latest.files if staged.name and file.name == staged.name]
    if not seen:
        return Interpretation(ProviderState.ABSENT if latest.hosts else ProviderState.UNKNOWN)
    whole = {file.host for file in seen if file.size == staged.size == len(payload.body)}
    if whole == {file.host for file in seen} == set(latest.hosts):
        return Interpretation(
            ProviderState.STAGED, "staged", "The uploaded file lies at GatewayAPI and was not renamed."
        )
    return Interpretation(
        ProviderState.UNKNOWN,
        "servers_disagree",
        "GatewayAPI's servers do not agree: the uploaded file is not whole, or not on each of them.",
    )


@dataclass(frozen=True)
class _Tail:
    """What stands below our rows. ``line`` is the number of its first line in the file, 0 where it is not known."""

    text: str
    is_certain: bool
    line: int = 0

    @classmethod
    def of(cls, raw: bytes, is_certain: bool, line: int = 0) -> "_Tail":
        text = _decode(raw)
        return cls(text, is_certain, line) if len(text) <= _LONGEST_CAUSE else cls(text[-_LONGEST_CAUSE:], False)


def _rejected(payload: Payload, evidence: _Evidence) -> Interpretation:
    file = evidence.rejected
    tail = _tail(payload.body, file) if file and file.body is not None else _Tail("", False)
    if not file or not tail.text.strip():
        if evidence.seen_at - evidence.rejected_since < _CAUSE_PATIENCE:
            return Interpretation(
                ProviderState.PROCESSING, "rejected_waiting", "GatewayAPI rejected the file; its cause is awaited."
            )
        return _unclear(UNKNOWN, "GatewayAPI rejected the file and gives no cause that Baton can read.")
    said = _without_texts(tail.text, payload)
    outcomes = _outcomes(said, tail, file.name, payload) if tail.is_certain else ()
    shown = _shown(said, tail.is_certain)
    codes = _causes(said)
    names_a_number = any(number in _handed_over(payload).numbers for number in _NUMBER.findall(said))
    leaves_open = any(_LEAVES_OPEN.search(line) for line in said.splitlines())
    reason = next((code for code in codes if code in WORDS), UNKNOWN)
    is_account = tail.is_certain and not _ABOUT_THE_ACCOUNT.isdisjoint(codes)
    is_plain = tail.is_certain and not leaves_open and not names_a_number
    if codes and is_plain and all(code in _ABOUT_THE_FILE for code in codes):
        said = f"{WORDS[reason]} It says: {shown}"
        return Interpretation(ProviderState.REJECTED, reason, said, outcomes, account=is_account)
    sentences = [
        "GatewayAPI rejected the file, and whether part of it was texted is not known.",
        "" if tail.is_certain else "Where its cause begins cannot be told.",
        WORDS.get(reason, ""),
        f"It says: {shown}",
    ]
    return _unclear(reason, " ".join(sentence for sentence in sentences if sentence), outcomes, is_account)


def _unclear(
    reason: str, sentence: str, outcomes: tuple[Outcome, ...] = (), is_account: bool = False
) -> Interpretation:
    return Interpretation(ProviderState.UNKNOWN, reason, sentence, outcomes, unclear=True, account=is_account)


def _tail(uploaded: bytes, file: ObservedFile) -> _Tail:
    """What GatewayAPI added: the file minus what was uploaded, else what stands below our last line.

    assumption: the form of the cause is not documented, nor that it begins on a line of its own, nor whether the rows
    above it stay byte for byte. ``file.body`` may hold the bottom only.
    """
    body = file.body or b""
    missing = max(file.size - len(body), 0)
    rest = uploaded[missing:].rstrip(b"\r\n")
    for whole, ours in ((body, rest), (_unix(body), _unix(rest))):
        if ours and whole.startswith(ours):
            return _Tail.of(whole[len(ours) :], True, uploaded.rstrip(b"\r\n").count(b"\n") + 1)
    own = [line for line in _unix(uploaded).split(b"\n") if line.strip()]
    lines = _unix(body).split(b"\n")
    known = frozenset(own)
    for index in reversed(range(len(lines))):
        if lines[index] in known:
            # Below another line than our last one may stand rows of ours that were changed on the way.
            is_last = lines[index] == own[-1]
            return _Tail.of(b"\n".join(lines[index + 1 :]), is_last, 0 if missing else index + 2)
    return _Tail.of(b"\n".join(lines[-20:]), False)


def _unix(body: bytes) -> bytes:
    return body.replace(b"\r\n", b"\n")


def _decode(tail: bytes) -> str:
    try:
        return tail.decode("utf-8-sig")
    except UnicodeDecodeError:
        return tail.decode("cp1252", "replace")


@dataclass(frozen=True)
class _HandedOver:
    numbers: frozenset[str]
    texts: frozenset[str]


@lru_cache(maxsize=1)
def _handed_over(payload: Payload) -> _HandedOver:
    dialect = next(dialect for dialect in DIALECTS.values() if payload.name.endswith(dialect.ending))
    text = io.StringIO(payload.body.decode(dialect.charset), newline="")
    rows = list(csv.DictReader(text, delimiter=dialect.delimiter))
    return _HandedOver(frozenset(row["msisdn"] for row in rows), frozenset(row["message"] for row in rows))


def _without_texts(tail: str, payload: Payload) -> str:
    """The tail without texts of ours that it quotes: what we wrote to people is no word of GatewayAPI's."""
    quoted = [text for text in _handed_over(payload).texts if len(text) > 5]
    forms_of_texts = {form for text in quoted for form in (text, text.replace('"', '""')) if form in tail}
    for form in sorted(forms_of_texts, key=len, reverse=True):
        # Lines keep their numbers.
        tail = tail.replace(form, "…" + "\n" * form.count("\n"))
    return tail


def _shown(said: str, is_certain: bool) -> str:
    """The cause for people, short and without a phone number; its bottom where it is not known where it begins."""
    words = " ".join(_MANY_DIGITS.sub("…", said).split())
    if len(words) > 200:
        words = f"{words[:200]}…" if is_certain else f"…{words[-200:]}"
    return f"“{words}”"


def _causes(said: str) -> list[str]:
    """Every cause in the order of appearance, codes before words; a line without a telling code by what it is about."""
    codes, words = [], []
    for line in said.splitlines():
        named = [f"0x{digits.upper()}" for digits in _CODE.findall(line)]
        telling = [code for code in named if code[-2:] not in _LEFT_TO_WORDS]
        codes += telling
        if not telling and (named or _IS_WRONG.search(line)):
            words += [subject for subject, pattern in _IS_ABOUT.items() if pattern.search(line)]
    return codes + words


def _outcomes(said: str, tail: _Tail, source: str, payload: Payload) -> tuple[Outcome, ...]:
    """A number of ours beside one code that is about a number: that number's fault and nobody else's."""
    found: dict[str, Outcome] = {}
    for index, line in enumerate(said.split("\n")):
        codes = {f"0x{digits.upper()}" for digits in _CODE.findall(line)}
        numbers = set(_NUMBER.findall(line)) & _handed_over(payload).numbers
        if len(codes) == 1 and codes <= _ABOUT_A_NUMBER.keys() and len(numbers) == 1:
            (code,), (msisdn,) = codes, numbers
            number = tail.line + index if tail.line else 0
            found[msisdn] = Outcome(
                msisdn, "row_error", code, _ABOUT_A_NUMBER[code], opted_out=code == "0x0215", source=source, line=number
            )
    return tuple(found.values())


def _check_line(remote: FtpRemote) -> Check:
    if remote.settings.get("use_tls"):
        return Check("certificate", "Certificate", True, "The connection is encrypted and the certificate is trusted.")
    # No warning: GatewayAPI documents nothing else.
    return Check(
        "encryption",
        "Encryption",
        None,
        "FTP encrypts nothing: the password, the texts and the numbers can be read on the way.",
    )


def _check_server(remote: FtpRemote, label: str) -> Check:
    code = f"server_{label}"
    if label == remote.host:
        return Check(code, f"Server {label}", True, "It answers and takes the login.")
    try:
        with remote.on(label) as other:
            other.ready()
    except Refused as trouble:
        return Check(code, f"Server {label}", False, trouble.sentence)
    except Trouble as trouble:
        said = f"{trouble.sentence} Files go through the other server meanwhile."
        return Check(code, f"Server {label}", None, said, is_warning=True)
    return Check(code, f"Server {label}", True, "It answers and takes the login.")


def _check_scratch(remote: FtpRemote, now: datetime) -> list[Check]:
    """What only a file of our own can show: the server's clock and whether the login may rename."""
    name = f"{_SCRATCH}{hashlib.sha256(now.isoformat().encode()).hexdigest()[:8]}.tmp"
    renamed = f"{name}2"
    try:
        remote.store(name, b"Baton tests the connection. This file may be deleted.\n")
        clock = remote.server_clock(name)
        remote.rename(name, renamed)
    except (Refused, Unclear) as trouble:
        return [Check("rename", "Rename", False, trouble.sentence)]
    finally:
        removed = [_remove(remote, left) for left in (name, renamed)]
    sentence = "A scratch file was uploaded, renamed and removed."
    if not any(removed):
        sentence = f"A scratch file was uploaded and renamed. {renamed} could not be removed; it does no harm."
    return [_check_clock(clock, now), Check("rename", "Rename", True, sentence)]


def _remove(remote: FtpRemote, name: str) -> bool:
    try:
        return remote.delete(name)
    except Trouble:
        return False


def _check_clock(clock: datetime | None, now: datetime) -> Check:
    if clock is None:
        return Check("clock", "Clock", None, "The server does not say its time.")
    minutes = round((clock - now).total_seconds() / 60)
    if not minutes:
        return Check("clock", "Clock", True, "The server's clock is right.")
    way = "ahead of" if minutes > 0 else "behind"
    return Check(
        "clock",
        "Clock",
        True,
        f"The server's clock is {abs(minutes)} minutes {way} ours. Only the times in file names differ by it.",
    )
