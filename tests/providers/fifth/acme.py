"""Acme: tab-separated files in a folder that Acme's own machine reads every few minutes.

What it takes it moves into ``taken``; lines it refuses stand in ``<name>.refused``, one number and a word a line.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

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
    ObservedFile,
    Outcome,
    Payload,
    Problem,
    ProviderState,
    Receipt,
    Staged,
)
from providers.errors import Unreachable

WORDS = {"barred": "Acme texts nobody at this number.", "stop": "This number has opted out with Acme."}


class Folder:
    """An open folder."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        self.path = Path(settings["folder"])

    def hosts(self) -> tuple[str, ...]:
        return (str(self.path),)


class FolderTransport:
    @staticmethod
    @contextmanager
    def connect(settings: Mapping[str, Any]) -> Iterator[Folder]:
        folder = Folder(settings)
        if not folder.path.is_dir():
            raise Unreachable("folder_missing", f"The folder {folder.path} is not there.")
        yield folder


class Adapter(BaseAdapter):
    label = "Acme (folder)"
    transport = FolderTransport
    limits = Limits(rows=1_000, bytes=1_000_000, alphabet="gsm")
    guard = Guard.rename()
    give_up_after = timedelta(hours=1)
    accepted_means = "Acme took the file."
    evidence = "The file in the folder taken, and a list of refused lines"
    guard_words = "A file that was moved away cannot be moved again"

    class SettingsForm(forms.Form):
        folder = forms.CharField(label="Folder", max_length=200)
        password = forms.CharField(label="Word of the day", widget=forms.PasswordInput)

    class OptionsForm(forms.Form):
        is_urgent = forms.BooleanField(label="Urgent", required=False)

    def host(self, settings: Mapping[str, Any]) -> str:
        return str(settings.get("folder", ""))

    def login(self, settings: Mapping[str, Any]) -> str:
        return "nobody"

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

    def stage(self, remote: Folder, payload: Payload, attempt_name: str) -> Staged:
        (remote.path / attempt_name).write_bytes(payload.body)
        return Staged(attempt_name, remote.hosts()[0], len(payload.body))

    def commit(self, remote: Folder, payload: Payload, attempt: Attempt) -> Receipt:
        os.rename(remote.path / attempt.staged.name, remote.path / payload.name)
        return Receipt()

    def poll(self, remote: Folder, payload: Payload, attempts: Sequence[Attempt], now: datetime) -> Observation:
        files = [
            ObservedFile(
                path.parent.name,
                path.name,
                path.stat().st_size,
                datetime.fromtimestamp(path.stat().st_mtime, UTC),
                path.read_bytes() if path.name.endswith(".refused") else None,
            )
            for path in sorted(remote.path.rglob(f"{payload.stem}*"))
        ]
        return Observation(now, remote.hosts(), tuple(files))

    def interpret(
        self, payload: Payload, attempts: Sequence[Attempt], observations: Sequence[Observation]
    ) -> Interpretation:
        if not observations:
            return Interpretation(ProviderState.UNKNOWN)
        files = {file.name: file for file in observations[-1].files}
        taken = files.get(payload.name)
        if taken and taken.folder == "taken":
            refused = files.get(f"{payload.name}.refused")
            lines = refused.body.decode().splitlines() if refused and refused.body else []
            outcomes = [
                Outcome(msisdn, "row_error", word, WORDS.get(word, word), word == "stop", refused.name, number)
                for number, (msisdn, word) in enumerate((line.split("\t") for line in lines), start=1)
                if refused
            ]
            return Interpretation(ProviderState.ACCEPTED, "taken", "Acme took the file.", tuple(outcomes))
        if taken:
            return Interpretation(ProviderState.TAKEN, "waiting", "The file waits for Acme.")
        if any(file.name.endswith(".part") and file.size == len(payload.body) for file in files.values()):
            return Interpretation(ProviderState.STAGED)
        return Interpretation(ProviderState.ABSENT)

    def check(self, remote: Folder, now: datetime) -> list[Check]:
        return [Check("folder", "Folder", True, f"{remote.path} is there.")]
