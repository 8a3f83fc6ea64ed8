"""The Clickatell adapter."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from providers import gsm
from providers.adapters.clickatell import forms, replies
from providers.adapters.clickatell.batch_log import BatchLog, first_start, oldest_change
from providers.adapters.clickatell.log import MAX_LOG_BYTES, BatchNames, check_clock, is_safe_name, mask_secrets
from providers.adapters.clickatell.log_reader import LogReader
from providers.adapters.clickatell.problems import (
    MAX_LINE_BYTES,
    SENDER,
    gsm_problems,
    lacking_characters,
    longest_line_bytes,
    plain_characters,
    unicode_problems,
)
from providers.adapters.clickatell.reading import History, interpret
from providers.adapters.clickatell.wire import (
    DELAY_TOLERANCE,
    MAX_DELAY_MINUTES,
    SCAN_TOLERANCE,
    can_use_template,
    charset_of,
    credential_lines,
    csv_lines,
    encode_hex,
    max_parts,
    minutes_until_end,
    minutes_until_start,
    parameter_lines,
    template_lines,
    text_lines,
    time_lines,
    to_lines,
    uses_unicode,
    value_columns,
    wire_form,
    write_line,
)
from providers.adapters.clickatell.words import CAUSES, WORDS
from providers.base import (
    Attempt,
    BaseAdapter,
    CampaignSpec,
    Check,
    Interpretation,
    Message,
    Observation,
    ObservedFile,
    Payload,
    Problem,
    ProviderState,
    Receipt,
    Staged,
)
from providers.errors import Refused
from providers.limits import Guard, Limits
from providers.messages import Messages
from providers.transports.files import Entry, is_whole, version_of
from providers.transports.ftp import FtpRemote, FtpTransport


class Adapter(BaseAdapter):
    label = "Clickatell (FTP)"
    transport = FtpTransport
    # "Up to 100 000 messages per file" on one page, 50,000 on another; small files limit the harm of a broken upload.
    limits = Limits(
        rows=5_000,
        bytes=10_000_000,
        alphabet="gsm+ucs2",
        newline_units=2,
        connections=2,
        values=6,
        start_ahead=timedelta(minutes=MAX_DELAY_MINUTES),
    )
    guard = Guard.none()
    # "Using the FTP API": files are deleted 48 hours after their last change.
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
    words = WORDS
    causes = CAUSES
    reply_setup = replies.SETUP
    reply_shapes = replies.SHAPES

    SettingsForm = forms.SettingsForm
    OptionsForm = forms.OptionsForm

    def measure(self, spec: CampaignSpec, text: str) -> gsm.Measure:
        """Count the parts that ``concat`` limits. "Send basic message": line breaks use two character spaces.

        That holds in either alphabet. If the campaign uses Unicode, a text within GSM counts as Unicode too.
        """
        if not uses_unicode(spec):
            return gsm.measure(text, self.limits.newline_units)
        # Substitutes with the right length: two units for each line break, and non-GSM characters for a GSM text.
        paired = text.replace("\n", "\U0001f600")
        return gsm.measure(paired if gsm.unsupported(paired) else "\u4e00" * len(paired))

    def lacking(self, spec: CampaignSpec, text: str) -> str:
        return lacking_characters(spec, text)

    def plain_characters(self, spec: CampaignSpec) -> str:
        return plain_characters(spec)

    def spec_problems(self, spec: CampaignSpec) -> list[Problem]:
        """Return why this campaign cannot go through Clickatell.

        ``from`` is 1 to 16 digits, or up to 11 letters and digits (SMS gateway settings).
        """
        found = []
        if spec.sender and not SENDER.fullmatch(spec.sender):
            found.append(
                Problem(
                    "sender_invalid",
                    "The sender may be up to 11 letters and digits without spaces, or up to 16 digits.",
                    "sender",
                )
            )
        # The start is rounded up to a minute and may be late; a validity of a minute must still fit in before the end.
        shortest = SCAN_TOLERANCE + DELAY_TOLERANCE + timedelta(minutes=2)
        if spec.start_at and spec.end_at and spec.end_at < spec.start_at + shortest:
            minutes = shortest // timedelta(minutes=1)
            sentence = f"The end must be at least {minutes} minutes after the start, which Clickatell may be late for."
            found.append(Problem("end_before_start", sentence, "end_at"))
        return found

    def problems(self, spec: CampaignSpec, message: Message) -> list[Problem]:
        """Return why a file cannot express this message.

        The form of a file depends on all messages in it, so each message must fit every form.
        """
        if not message.text.strip():
            return [Problem("text_empty", "The text is empty.", "text")]
        found = unicode_problems(message) if uses_unicode(spec) else gsm_problems(spec, message)
        if found:
            return found
        parts = self.measure(spec, message.text).parts
        if parts > max_parts(spec):
            found.append(
                Problem(
                    "too_many_parts",
                    f"The text has {parts} parts; {max_parts(spec)} are allowed. Shorten it, or allow more parts.",
                    "text",
                )
            )
        if longest_line_bytes(spec, message) > MAX_LINE_BYTES:
            found.append(
                Problem("line_too_long", "The text makes a line of more than 8,192 bytes. Shorten it.", "text")
            )
        return found

    def render(self, stem: str, key: int, spec: CampaignSpec, messages: Sequence[Message]) -> Payload:
        """Return the file without its credential lines; line breaks are LF.

        If all recipients get the same text, the file has the basic form: ``to:`` lines, then the text last, so that a
        broken upload has no text. Otherwise it has the batch form in its documented order: the template with
        ``#fieldN#`` if it can express every message, else ``text:#field1#`` with the whole text in each ``csv:`` line
        ("Example format 1").

        assumption: an empty value between delimiters is read as empty; this is used only for templates with line
        breaks, which no other form can express. An empty ``text:`` line is an empty line of the text. With Unicode,
        ``#field1#`` is filled in before the text is read as hexadecimal.
        """
        lines = [*time_lines(spec), *parameter_lines(stem, spec)]
        columns = Messages.of(messages)
        is_unicode = uses_unicode(spec)
        if len(set(columns.texts)) == 1:
            lines += to_lines(columns.msisdns)
            lines += text_lines(columns.texts[0], is_unicode)
        elif not is_unicode and can_use_template(spec, columns):
            lines += [write_line("text", line) for line in template_lines(spec.template)]
            lines += csv_lines(columns.msisdns, value_columns(spec, columns))
        else:
            lines.append(write_line("text", "#field1#"))
            texts = [encode_hex(text) for text in columns.texts] if is_unicode else columns.texts
            lines += csv_lines(columns.msisdns, [texts])
        body = "\n".join([*lines, ""]).encode(charset_of(spec))
        return Payload(stem, f"{stem}.txt", body, key)

    def attempt_name(self, payload: Payload, number: int) -> str:
        """Return a name of its own for each attempt. assumption: "a text file" may have any name ending in ``.txt``."""
        return f"{payload.stem}-a{number}.txt"

    def stage(self, remote: FtpRemote, payload: Payload, attempt_name: str) -> Staged:
        """Check the connection without changing anything; record how many bytes the credential lines add."""
        remote.ready()
        return Staged("", remote.host, len(credential_lines(remote.settings)))

    def commit(self, remote: FtpRemote, payload: Payload, attempt: Attempt) -> Receipt:
        if minutes_until_start(payload.body, attempt.started_at) > MAX_DELAY_MINUTES:
            raise Refused(
                "start_too_far",
                "The start is more than 7 days away, which Clickatell does not accept. Wait, or cancel.",
            )
        left = minutes_until_end(payload.body, attempt.started_at)
        if left is not None and left < 1:
            raise Refused(
                "expired",
                "Too little time is left before the end: Clickatell reads files once a minute and counts the validity "
                "in whole minutes. Nothing was handed over.",
            )
        remote.store(attempt.name, credential_lines(remote.settings) + wire_form(payload.body, attempt.started_at))
        return Receipt()

    def poll(self, remote: FtpRemote, payload: Payload, attempts: Sequence[Attempt], now: datetime) -> Observation:
        """List the folder: our own uploads with their sizes, and every other file that is about this batch.

        Our own uploads are never read back, because they contain credentials. Credentials in a log are masked. A file
        that has not changed since the first attempt, or since an earlier poll read it, is not downloaded.
        """
        names = BatchNames.of(payload)
        since = first_start(attempts, now)
        entries = [
            entry for entry in remote.listdir() if is_safe_name(entry.name) and not names.belongs_to_another(entry.name)
        ]
        oldest = oldest_change(attempts, [entry for entry in entries if names.is_upload(entry.name)])
        files = []
        for entry in entries:
            if names.is_upload(entry.name):
                files.append(ObservedFile("", entry.name, entry.size, entry.modified_at, None, remote.host))
            elif names.is_named(entry.name) or oldest is None or not entry.modified_at or entry.modified_at >= oldest:
                file = _kept_log(remote, entry, names, since)
                files += [file] if file else []
        return Observation(now, (remote.host,), tuple(files))

    def interpret(
        self, payload: Payload, attempts: Sequence[Attempt], observations: Sequence[Observation]
    ) -> Interpretation:
        """Interpret the logs and the folder; earlier rules take precedence.

        A line for each number -> accepted. An internal error, or an error without a number beside message ids ->
        unclear. An error about the whole file and no message id -> rejected, or unclear if the whole file arrived and
        the error is not true of it. Lines for some numbers -> processing, and unclear after ``give_up_after``. Message
        ids from an upload that is not known to have arrived whole -> unclear, because a text may have been cut short.
        The whole file in the folder -> taken. Nothing -> absent, which proves nothing.
        """
        if not observations:
            return Interpretation(ProviderState.UNKNOWN)
        log = BatchLog.of(payload, attempts, observations)
        return interpret(payload, log, History.of(payload, attempts, observations), self.give_up_after)

    def reader(self, payload: Payload, attempts: Sequence[Attempt], state: Any = None) -> LogReader:
        return LogReader(payload, attempts, self.give_up_after, state)

    def check(self, remote: FtpRemote, now: datetime) -> list[Check]:
        """Report on the login and the folder. Nothing is uploaded, because any file would be picked up and texted."""
        entries = remote.listdir()
        newest = max((entry.modified_at for entry in entries if entry.modified_at), default=None)
        unchecked = remote.unchecked_listing
        return [
            Check("login", "FTP login", True, f"Logged in as {remote.settings['username']}."),
            # Not a warning, because Clickatell documents only FTP.
            Check(
                "encryption",
                "Encryption",
                None,
                "FTP encrypts nothing: the passwords, the texts and the numbers can be read in transit.",
            ),
            Check("folder", "Folder", True, f"The login's folder can be listed. Files in it: {len(entries)}."),
            *([Check("listing", "Listing", None, unchecked, is_warning=True)] if unchecked else []),
            check_clock(newest, now),
            Check(
                "api_login",
                "API login inside the file",
                None,
                "Only a real message can test it. Make a test handover to a number of your own.",
            ),
        ]

    def survey(self, remote: FtpRemote, now: datetime) -> Observation:
        files = [
            ObservedFile("", entry.name, entry.size, entry.modified_at, None, remote.host) for entry in remote.listdir()
        ]
        return Observation(now, (remote.host,), tuple(files))


def _kept_log(remote: FtpRemote, entry: Entry, names: BatchNames, since: datetime) -> ObservedFile | None:
    """Return a log with what earlier polls kept of it, or what is read now; None if it is not about the batch."""
    read = remote.already_read
    # A name whose bytes are not UTF-8 cannot be stored.
    name = entry.name.encode("utf-8", "replace").decode()
    version = version_of(entry, host=remote.host)
    unrelated = f"{version} {since.isoformat()}"
    if version and unrelated in read.unrelated and not names.is_named(name):
        return None
    size, kept = read.bodies.get(version, (0, None))
    if kept is None:
        body = remote.read(entry.name, MAX_LOG_BYTES)
        if body is None:
            return None
        kept = mask_secrets(body, remote.settings)
        # Masking changes the length; the size must not suggest that the log was cut short.
        size = entry.size + len(kept) - len(body)
        version = version if is_whole(body, entry, MAX_LOG_BYTES) else ""
    file = ObservedFile("", name, size, entry.modified_at, kept, remote.host, version)
    if names.may_be_about(file, since):
        return file
    if version:
        read.unrelated.add(unrelated)
    return None
