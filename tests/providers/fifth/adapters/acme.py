"""Acme: tab-separated files on an FTP server that Acme reads every few minutes.

A file counts once its name no longer ends in ``.part``. Acme moves each file it has read into ``taken`` and puts the
lines it refuses beside it in ``<name>.refused``, one number and one word a line.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django import forms

from providers import gsm, time_limits
from providers.base import (
    Attempt,
    BaseAdapter,
    CampaignSpec,
    Check,
    Interpretation,
    Message,
    Observation,
    ObservedFile,
    Outcome,
    Payload,
    Problem,
    ProviderState,
    Receipt,
    Result,
    Staged,
)
from providers.fields import HostField, SecretField
from providers.limits import Guard, Limits
from providers.transports.ftp import FtpRemote, FtpTransport

WORDS = {"barred": "Acme texts nobody at this number.", "stop": "This number has opted out with Acme."}
TAKEN = "taken"


class Adapter(BaseAdapter):
    label = "Acme (FTP)"
    transport = FtpTransport
    limits = Limits(rows=1_000, bytes=1_000_000, alphabet="gsm")
    guard = Guard.rename()
    give_up_after = timedelta(hours=1)
    accepted_means = "Acme took the file."
    evidence = "The file in the folder taken, and a list of refused lines"
    guard_words = "A file that was renamed cannot be renamed again"

    class SettingsForm(forms.Form):
        host = HostField(label="Host", initial="ftp.acme.example", scheme="ftp")
        port = forms.IntegerField(label="Port", initial=21)
        username = forms.CharField(label="User name", max_length=200)
        password = SecretField(label="Password")
        connect_seconds = time_limits.connect_field()
        greeting_seconds = time_limits.greeting_field("10")
        reply_seconds = time_limits.reply_field()

    class OptionsForm(forms.Form):
        is_urgent = forms.BooleanField(label="Urgent", required=False)

    def problems(self, spec: CampaignSpec, message: Message) -> list[Problem]:
        found = []
        if not message.text.strip():
            found.append(Problem("text_empty", "The text is empty."))
        if foreign := gsm.unsupported(message.text):
            found.append(Problem("text_not_gsm", f"Acme takes GSM characters only; not {foreign}", "text", foreign))
        if {"\t", "\n"} & set(message.text):
            found.append(Problem("text_has_tab", "Acme takes one line without tabs."))
        return found

    def render(self, stem: str, key: int, spec: CampaignSpec, messages: Sequence[Message]) -> Payload:
        lines = [f"{message.msisdn}\t{message.text}\n" for message in messages]
        return Payload(stem, f"{stem}.tsv", "".join(lines).encode(), key)

    def attempt_name(self, payload: Payload, number: int) -> str:
        return f"{payload.stem}-a{number}.part"

    def stage(self, remote: FtpRemote, payload: Payload, attempt_name: str) -> Staged:
        remote.store(attempt_name, payload.body)
        return Staged(attempt_name, remote.host, len(payload.body))

    def commit(self, remote: FtpRemote, payload: Payload, attempt: Attempt) -> Receipt:
        remote.rename(attempt.staged.name, payload.name)
        return Receipt()

    def poll(self, remote: FtpRemote, payload: Payload, attempts: Sequence[Attempt], now: datetime) -> Observation:
        files = []
        for folder in ("", TAKEN):
            for entry in remote.listdir(folder, payload.stem):
                body = remote.read(f"{folder}/{entry.name}", 1_000_000) if entry.name.endswith(".refused") else None
                files.append(ObservedFile(folder, entry.name, entry.size, entry.modified_at, body, remote.host))
        return Observation(now, (remote.host,), tuple(files))

    def interpret(
        self, payload: Payload, attempts: Sequence[Attempt], observations: Sequence[Observation]
    ) -> Interpretation:
        if not observations:
            return Interpretation(ProviderState.UNKNOWN)
        files = {file.name: file for file in observations[-1].files}
        file = files.get(payload.name)
        if file and file.folder == TAKEN:
            refused = files.get(f"{payload.name}.refused")
            lines = refused.body.decode().splitlines() if refused and refused.body else []
            outcomes = [
                Outcome(msisdn, Result.ROW_ERROR, word, WORDS.get(word, word), word == "stop", refused.name, number)
                for number, (msisdn, word) in enumerate((line.split("\t") for line in lines), start=1)
                if refused
            ]
            return Interpretation(ProviderState.ACCEPTED, "taken", "Acme took the file.", tuple(outcomes))
        if file:
            return Interpretation(ProviderState.TAKEN, "waiting", "The file waits for Acme.")
        if any(file.name.endswith(".part") and file.size == len(payload.body) for file in files.values()):
            return Interpretation(ProviderState.STAGED)
        return Interpretation(ProviderState.ABSENT)

    def check(self, remote: FtpRemote, now: datetime) -> list[Check]:
        remote.listdir(TAKEN)
        return [Check("folder", "Folder", True, f"The folder {TAKEN} is there.")]
