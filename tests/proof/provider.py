"""A provider simulated in memory: three ways to hand over, one for each guard, and a ledger of what it texted.

Every step of a hand-over is a point (``provider:commit:half``) where a listener may raise an error, end the process,
or let other jobs and people act.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django import forms
from django.utils import timezone

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
from providers.errors import Refused, Unreachable
from providers.limits import Guard, GuardKind, Limits
from providers.points import reach

#: How long the provider recognises a key, and how long Baton relies on that.
REMEMBERS = timedelta(minutes=40)
RELIED_ON = timedelta(minutes=20)
#: The progress of a file, by its folder; a listing never proves less than an earlier one.
_COMES_AFTER = {"staged": 0, "in": 1, "working": 2, "errors": 3, "processed": 3}


@dataclass(frozen=True)
class Take:
    """One file the provider texted from: its stem, its bytes, and who was texted what."""

    stem: str
    body: bytes
    texted: tuple[tuple[str, str], ...]
    is_whole: bool


@dataclass(frozen=True)
class Entry:
    """One file in the provider's folders; ``said`` is what the provider wrote about it.

    ``is_read_early`` is whether the provider read it before its upload had ended, although that ended well.
    """

    name: str
    folder: str
    body: bytes
    said: bytes = b""
    is_whole: bool = True
    is_read_early: bool = False


class Provider:
    """The provider itself: folders, a memory for keys, faults, and the ledger of everybody it texted."""

    def __init__(self, *, keeps_keys: bool) -> None:
        self.ledger: list[Take] = []
        self.entries: dict[str, Entry] = {}
        self.keys: dict[int, datetime] = {}
        self.keeps_keys = keeps_keys
        self.dropped = 0
        self.behave()

    def behave(self) -> None:
        """Answer at once, show everything, take everything."""
        self.is_down = False
        self.is_slow = False
        self.reads_early = False
        self.answer = "accept"
        self.shown: list[Entry] | None = None

    def listing(self) -> list[Entry]:
        """What a poll is shown: the folders as they are, or as they were when the listing became stale."""
        return list(self.entries.values()) if self.shown is None else self.shown

    def arrive(self, name: str, key: int, body: bytes, *, is_whole: bool = True) -> None:
        """Take a file in. Without a memory for keys even a truncated one is processed."""
        now = timezone.now()
        is_read_early = self.keeps_keys and self.reads_early and is_whole
        if self.keeps_keys and not is_read_early:
            if not is_whole:
                self.entries[name] = Entry(name, "errors", body, b"corrupt")
                return
            known = self.keys.get(key)
            if known is not None and now - known < REMEMBERS:
                self.dropped += 1
                self.entries[name] = Entry(name, "errors", body, b"duplicate")
                return
            self.keys[key] = now
        self.entries[name] = Entry(name, "in", body, is_whole=is_whole, is_read_early=is_read_early)
        if not self.is_slow:
            self.work()

    def waiting(self, stem: str = "") -> list[Entry]:
        """The files, of one batch or all, that were taken in and not yet processed."""
        found = [entry for entry in self.entries.values() if entry.folder in ("in", "working")]
        return [entry for entry in found if not stem or stem_of(entry.name) == stem]

    def begin_work(self) -> None:
        """Show that processing of the waiting files has begun."""
        for entry in self.waiting():
            self.entries[entry.name] = replace(entry, folder="working")

    def work(self) -> None:
        """Process the waiting files: text or refuse them, as ``answer`` says. Half a file is texted too."""
        for entry in self.waiting():
            if entry.is_read_early:
                self.entries[entry.name] = replace(entry, folder="errors", said=b"corrupt")
                continue
            rows = rows_of(entry.body)
            if entry.is_whole and self.answer == "reject":
                self.entries[entry.name] = replace(entry, folder="errors", said=b"rejected")
                continue
            said = b""
            if self.answer in ("row_error", "opted_out") and entry.is_whole and len(rows) > 1:
                said = f"{self.answer} {rows[0][0]}".encode()
                rows = rows[1:]
            if rows:
                self.ledger.append(Take(stem_of(entry.name), entry.body, tuple(rows), entry.is_whole))
            self.entries[entry.name] = replace(entry, folder="processed", said=said)


def stem_of(name: str) -> str:
    """The stem in a remote name."""
    return name.split(".")[0]


def rows_of(body: bytes) -> list[tuple[str, str]]:
    """The number and the text of each whole row of a file."""
    rows = [line.partition("\t") for line in body.decode().split("\n")[:-1]]
    return [(number, text) for number, _, text in rows]


#: The providers that answer now, by the host of an account's settings.
answering: dict[str, Provider] = {}


@dataclass
class Remote:
    """An open connection to the simulated provider."""

    settings: Mapping[str, Any]
    provider: Provider

    def hosts(self) -> tuple[str, ...]:
        return (str(self.settings["host"]),)


class Transport:
    """Opens a connection to the provider that answers under a host's name."""

    @staticmethod
    @contextmanager
    def connect(settings: Mapping[str, Any]) -> Iterator[Remote]:
        """Raises Unreachable while the provider is down."""
        provider = answering[settings["host"]]
        reach("provider:connect")
        if provider.is_down:
            raise Unreachable("no_line", "The provider could not be reached.")
        yield Remote(settings, provider)


class ProofAdapter(BaseAdapter):
    """What the three ways have in common; ``interpret`` trusts positive evidence only."""

    label = "Proof"
    transport = Transport
    limits: ClassVar[Limits] = Limits(rows=2, bytes=100_000, connections=2)
    give_up_after = timedelta(hours=2)

    class SettingsForm(forms.Form):
        host = forms.CharField()
        username = forms.CharField()

    class OptionsForm(forms.Form):
        pass

    def problems(self, spec: CampaignSpec, message: Message) -> list[Problem]:
        return []

    def render(self, stem: str, key: int, spec: CampaignSpec, messages: Sequence[Message]) -> Payload:
        reach("provider:render")
        body = "".join(f"{message.msisdn}\t{message.text}\n" for message in messages).encode()
        return Payload(stem=stem, name=f"{stem}.txt", body=body, key=key)

    def attempt_name(self, payload: Payload, number: int) -> str:
        return f"{payload.stem}.{number}.txt"

    def arrived_name(self, payload: Payload, attempt: Attempt) -> str:
        """The name of an attempt's file at the provider once it has arrived."""
        return attempt.name

    def stage(self, remote: Remote, payload: Payload, attempt_name: str) -> Staged:
        reach("provider:stage:begin")
        return Staged()

    def commit(self, remote: Remote, payload: Payload, attempt: Attempt) -> Receipt:
        reach("provider:commit:begin")
        name = self.arrived_name(payload, attempt)
        try:
            reach("provider:commit:half")
        except BaseException:
            # A connection may break within a row, or after the last byte of a row.
            half = payload.body[: len(payload.body) // 2 + 1]
            remote.provider.arrive(name, payload.key, half, is_whole=False)
            raise
        remote.provider.arrive(name, payload.key, payload.body)
        reach("provider:commit:end")
        return Receipt(provider_ref=f"taken-{attempt.name}", raw=b"OK")

    def poll(self, remote: Remote, payload: Payload, attempts: Sequence[Attempt], now: datetime) -> Observation:
        reach("provider:poll:begin")
        files = tuple(
            ObservedFile(entry.folder, entry.name, len(entry.body), None, entry.said or None, remote.hosts()[0])
            for entry in remote.provider.listing()
            if stem_of(entry.name) == payload.stem
        )
        reach("provider:poll:end")
        return Observation(now, remote.hosts(), files)

    def interpret(
        self, payload: Payload, attempts: Sequence[Attempt], observations: Sequence[Observation]
    ) -> Interpretation:
        seen: dict[str, ObservedFile] = {}
        for observation in observations:
            for file in observation.files:
                if file.name not in seen or _COMES_AFTER[file.folder] >= _COMES_AFTER[seen[file.name].folder]:
                    seen[file.name] = file
        arrived = {name: seen[name] for name in {self.arrived_name(payload, one) for one in attempts} if name in seen}
        for file in arrived.values():
            if file.folder != "errors" and file.size != len(payload.body):
                return Interpretation(
                    ProviderState.UNKNOWN, "size_differs", "Only a part of it is there.", unclear=True
                )
        for file in arrived.values():
            if file.folder == "processed":
                return Interpretation(ProviderState.ACCEPTED, outcomes=_outcomes(file))
        for folder, state in (("working", ProviderState.PROCESSING), ("in", ProviderState.TAKEN)):
            if any(file.folder == folder for file in arrived.values()):
                return Interpretation(state)
        rejected = [file for file in arrived.values() if file.body == b"rejected"]
        if rejected:
            silent = [
                one
                for one in attempts
                if self.arrived_name(payload, one) not in arrived and one.ending not in ("refused", "unreachable")
            ]
            if silent:
                return Interpretation(
                    ProviderState.UNKNOWN, "some_rejected", "Only one of its files was rejected.", unclear=True
                )
            return Interpretation(ProviderState.REJECTED, "rejected", "The provider refused the whole file.")
        possible = [self.arrived_name(payload, one) for one in attempts if one.may_have_arrived]
        if possible and all(name in arrived and arrived[name].body == b"corrupt" for name in possible):
            return Interpretation(ProviderState.ABSENT, "dropped_unread", "It was dropped unread.", dropped=True)
        return self.read_absent(attempts, observations)

    def read_absent(self, attempts: Sequence[Attempt], observations: Sequence[Observation]) -> Interpretation:
        """What it means that a poll shows no arrival."""
        return Interpretation(ProviderState.UNKNOWN)

    def check(self, remote: Remote, now: datetime) -> list[Check]:
        return []


def _outcomes(file: ObservedFile) -> tuple[Outcome, ...]:
    if not file.body:
        return ()
    code, msisdn = file.body.decode().split(" ")
    return (Outcome(msisdn, Result.ROW_ERROR, code, "Refused.", code == "opted_out", file.name, 1),)


class KeyAdapter(ProofAdapter):
    """The provider remembers a key for a while and drops a repeat with it."""

    guard = Guard.key(window=RELIED_ON)


class RenameAdapter(ProofAdapter):
    """The bytes are staged under a name of their own; a rename of that one source hands them over."""

    guard = Guard.rename()

    def arrived_name(self, payload: Payload, attempt: Attempt) -> str:
        return f"{payload.stem}.ready"

    def stage(self, remote: Remote, payload: Payload, attempt_name: str) -> Staged:
        reach("provider:stage:begin")
        folders = remote.provider.entries
        folders[attempt_name] = Entry(attempt_name, "staged", payload.body[: len(payload.body) // 2])
        reach("provider:stage:half")
        folders[attempt_name] = Entry(attempt_name, "staged", payload.body)
        reach("provider:stage:end")
        return Staged(attempt_name, remote.hosts()[0], len(payload.body))

    def commit(self, remote: Remote, payload: Payload, attempt: Attempt) -> Receipt:
        reach("provider:commit:begin")
        source = remote.provider.entries.pop(attempt.staged.name, None)
        if source is None:
            raise Refused("rename_source_missing", "The staged file is gone.")
        remote.provider.arrive(self.arrived_name(payload, attempt), payload.key, source.body)
        reach("provider:commit:end")
        return Receipt(raw=b"250")

    def read_absent(self, attempts: Sequence[Attempt], observations: Sequence[Observation]) -> Interpretation:
        pinned = attempts[-1].staged
        for file in observations[-1].files:
            if pinned.name and (file.folder, file.name, file.size) == ("staged", pinned.name, pinned.size):
                return Interpretation(ProviderState.STAGED)
        return Interpretation(ProviderState.UNKNOWN)


class NoneAdapter(ProofAdapter):
    """Nothing prevents a repeat from texting twice."""

    guard = Guard.none()

    def attempt_name(self, payload: Payload, number: int) -> str:
        return payload.name


ADAPTERS: dict[GuardKind, type[ProofAdapter]] = {
    GuardKind.KEY: KeyAdapter,
    GuardKind.RENAME: RenameAdapter,
    GuardKind.NONE: NoneAdapter,
}
