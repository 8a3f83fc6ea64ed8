"""The BulkSMS adapter."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from providers import gsm
from providers.adapters.bulksms import forms
from providers.adapters.bulksms import replies as pushes
from providers.adapters.bulksms.answers import Answer, batch_ids_of, commit_error, kept_bytes
from providers.adapters.bulksms.checks import (
    check_clock,
    check_credits,
    check_encryption,
    credits_in_words,
    login_sentence,
)
from providers.adapters.bulksms.reading import Reader
from providers.adapters.bulksms.reports import fetch_report
from providers.adapters.bulksms.wire import (
    CREDITS,
    MAX_ANSWER_BYTES,
    QUOTE,
    SEND_BATCH,
    ParsedPayload,
    encode_credentials,
    encode_form,
    encode_text,
    form_fields,
    gsm_problems,
    lacking_characters,
    unicode_problems,
    uses_unicode,
    write_batch_data,
)
from providers.adapters.bulksms.words import CAUSES, REHEARSALS, WORDS
from providers.base import (
    Attempt,
    BaseAdapter,
    CampaignSpec,
    Check,
    Interpretation,
    Message,
    Observation,
    Payload,
    Problem,
    ProviderState,
    Receipt,
    Staged,
)
from providers.errors import Refused, Unclear
from providers.limits import Guard, Limits
from providers.messages import Messages
from providers.replies import PushedReply
from providers.transports.http import HttpRemote, HttpTransport

_MAX_DELAY = timedelta(days=730)
_SENDER = re.compile(r"[A-Za-z0-9]{1,11}|[0-9]{1,15}")


class Adapter(BaseAdapter):
    label = "BulkSMS (HTTPS)"
    transport = HttpTransport
    # assumption: the document limits a batch to 30,000 messages but gives no size in bytes. A batch can be scheduled up
    # to two years ahead.
    limits = Limits(rows=30_000, bytes=10_000_000, alphabet="gsm+ucs2", connections=1, start_ahead=_MAX_DELAY)
    # Well within the "past few hours" for which BulkSMS remembers a stop_dup_id.
    guard = Guard.key(window=timedelta(minutes=60), pause=timedelta(seconds=60))
    # The answer to the hand-over is itself an acceptance, so silence means that not even a report can be fetched.
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

    words = WORDS
    causes = CAUSES
    reply_setup = pushes.SETUP

    SettingsForm = forms.SettingsForm
    OptionsForm = forms.OptionsForm

    def read_reply(self, fields: Mapping[str, str]) -> PushedReply | None:
        return pushes.read(fields)

    def host(self, settings: Mapping[str, Any]) -> str:
        """Return the whole address: for approvals and stored passwords, http is a different host than https."""
        return str(settings.get("api_url", ""))

    def measure(self, spec: CampaignSpec, text: str) -> gsm.Measure:
        """Count every text as Unicode if the campaign uses Unicode. Such a text may have only one part."""
        if not uses_unicode(spec):
            return super().measure(spec, text)
        units = len(text.encode("utf-16-be", "surrogatepass")) // 2
        return gsm.Measure("ucs2", units, units and (1 if units <= 70 else -(-units // 67)))

    def lacking(self, spec: CampaignSpec, text: str) -> str:
        return lacking_characters(spec, text)

    def plain_characters(self, spec: CampaignSpec) -> str:
        return gsm.BASIC

    def rehearsal(self, spec: CampaignSpec) -> str:
        """send_batch: ``test_always_succeed`` and ``test_always_fail`` "validate parameters" and text nobody."""
        return REHEARSALS.get(str(spec.options.get("rehearsal") or ""), "")

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
        """send_batch: BulkSMS silently truncates or replaces what does not fit, so it is refused here."""
        if not message.text.strip():
            return [Problem("text_empty", "The text is empty.", "text")]
        if uses_unicode(spec):
            return unicode_problems(message.text)
        return gsm_problems(spec, message.text)

    def render(self, stem: str, key: int, spec: CampaignSpec, messages: Sequence[Message]) -> Payload:
        """Return the urlencoded form in ISO-8859-1, without the login; ``stop_dup_id`` is the batch's key."""
        columns = Messages.of(messages)
        pairs = [("stop_dup_id", str(key).encode("ascii")), *form_fields(spec, columns.texts)]
        if spec.start_at:
            pairs.append(("send_time_unixtime", str(int(spec.start_at.timestamp())).encode("ascii")))
            if description := str(spec.options.get("scheduling_description") or ""):
                pairs.append(("scheduling_description", description.encode("latin-1")))
        if rehearsal := spec.options.get("rehearsal"):
            pairs.append((f"test_always_{rehearsal}", b"1"))
        pairs.append(("batch_data", write_batch_data(spec, columns)))
        return Payload(stem, f"{stem}.form", encode_form(pairs), key)

    def attempt_name(self, payload: Payload, number: int) -> str:
        """Return a name that only distinguishes the attempts in Baton; BulkSMS never sees it."""
        return f"{payload.stem}-a{number}"

    def stage(self, remote: HttpRemote, payload: Payload, attempt_name: str) -> Staged:
        """Send nothing. Raises Refused if a text has several parts and the account may not hand those over."""
        if ParsedPayload.of(payload.body).has_long_texts and not remote.settings.get("joins_long_texts", True):
            raise Refused(
                "long_texts_refused",
                "The account may not hand over texts of more than one part, and this batch has some. Shorten the text, "
                "or allow them in the account's settings.",
            )
        return Staged()

    def commit(self, remote: HttpRemote, payload: Payload, attempt: Attempt) -> Receipt:
        """send_batch: "Any HTTP status code other than 200 should be considered transient"."""
        form = encode_credentials(remote) + b"&" + payload.body
        status, body = remote.post(SEND_BATCH, form, is_commit=True, at_most=MAX_ANSWER_BYTES)
        answer = Answer.of(body) if status == 200 else None
        if answer is None:
            raise Unclear(
                "answer_unreadable",
                f"BulkSMS gave no answer that Baton can read (HTTP status {status}).",
                reply=kept_bytes(status, body),
            )
        batch = ParsedPayload.of(payload.body)
        if answer.is_taken:
            # A rehearsal creates no batch: its id, if it has one, may be the same each time.
            return Receipt("" if batch.rehearsal else answer.batch_id, body)
        raise commit_error(answer, batch, attempt, body)

    def poll(self, remote: HttpRemote, payload: Payload, attempts: Sequence[Attempt], now: datetime) -> Observation:
        """Fetch the report per recipient. There is none before the start of a scheduled batch.

        send_batch, "Scheduling": "you will not be able to request the status of a scheduled message until after" it.
        """
        batch = ParsedPayload.of(payload.body)
        if batch.rehearsal or (batch.start_at and now < batch.start_at):
            return Observation(now, ())
        replies = tuple(fetch_report(remote, batch_id) for batch_id in batch_ids_of(attempts))
        return Observation(now, remote.hosts() if replies else (), replies=replies)

    def interpret(
        self, payload: Payload, attempts: Sequence[Attempt], observations: Sequence[Observation]
    ) -> Interpretation:
        """Interpret the answers to the attempts first, then the reports per recipient."""
        if not observations:
            return Interpretation(ProviderState.UNKNOWN)
        reader = Reader(payload, attempts)
        for observation in observations:
            reader.add(observation)
        return reader.interpret()

    def reader(self, payload: Payload, attempts: Sequence[Attempt], state: Any = None) -> Reader:
        return Reader(payload, attempts, state)

    def check(self, remote: HttpRemote, now: datetime) -> list[Check]:
        """Log in, which also checks the certificate, and ask for the credit balance."""
        status, body = remote.post(CREDITS, encode_credentials(remote), at_most=MAX_ANSWER_BYTES)
        answer = Answer.of(body) if status == 200 else None
        if answer is None:
            sentence = (
                f"A server answers at this address, but not like BulkSMS (HTTP status {status}). Check the address."
            )
            return [Check("login", "Login", False, sentence)]
        if answer.code != 0:
            return [Check("login", "Login", False, login_sentence(answer, self.login_hint))]
        checks = [
            Check("login", "Login", True, f"Logged in as {remote.settings['username']}."),
            check_encryption(remote),
            check_credits(answer),
        ]
        if remote.server_clock:
            checks.append(check_clock(remote.server_clock - now))
        return checks

    def quote(self, remote: HttpRemote, spec: CampaignSpec, message: Message) -> str | None:
        """Ask quote_sms, which takes a single message and answers ``0|Quotation issued|1.00``. Raises Trouble."""
        if self.spec_problems(spec) or self.problems(spec, message):
            return None
        text = encode_text(spec, message.text)
        pairs = [*form_fields(spec, [message.text]), ("message", text), ("msisdn", message.msisdn.encode("ascii"))]
        status, body = remote.post(
            QUOTE, encode_credentials(remote) + b"&" + encode_form(pairs), at_most=MAX_ANSWER_BYTES
        )
        answer = Answer.of(body) if status == 200 else None
        if answer is None or answer.code != 0 or not re.fullmatch(r"\d+(\.\d+)?", answer.third):
            return None
        return credits_in_words(Decimal(answer.third))
