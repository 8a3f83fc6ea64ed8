"""The GatewayAPI adapter; each verb is here or delegates to the module that does it."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from providers.adapters.gatewayapi import forms, reading, wire
from providers.adapters.gatewayapi.forms import servers
from providers.adapters.gatewayapi.words import bears, state_of
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
    Payload,
    Problem,
    Receipt,
    Staged,
)
from providers.errors import Refused, Trouble, Unclear, Unreachable
from providers.transports.ftp import FtpRemote, FtpTransport

_SCRATCH = "baton-test-"
# Of a rejected file the bottom is kept, this many bytes.
_KEEP = 1_000_000


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

    SettingsForm = forms.SettingsForm
    OptionsForm = forms.OptionsForm

    def host(self, settings: Mapping[str, Any]) -> str:
        """The servers, and whether the line is encrypted.

        So a stored password is asked for again before it travels unencrypted, and campaigns are approved again.
        """
        hosts = ", ".join(servers(settings))
        return f"{hosts} (FTPS)" if settings.get("use_tls") else hosts

    def spec_problems(self, spec: CampaignSpec) -> list[Problem]:
        """GatewayAPI FTP: sender "Up to 11 alphanumeric characters, or 15 digits"; one class; nothing about a start."""
        return wire.spec_problems(spec)

    def problems(self, spec: CampaignSpec, message: Message) -> list[Problem]:
        """assumption: only GSM characters go by file. GatewayAPI FTP: "CR+LF (\\r\\n) is two chars in the SMS"."""
        return wire.problems(spec, message)

    def render(self, stem: str, key: int, spec: CampaignSpec, messages: Sequence[Message]) -> Payload:
        """GatewayAPI FTP: a CSV with exact column names first, quotes doubled; empty columns are left out as a whole.

        ``class`` "must be the same for all messages in the file", so it stands in every row or in none.
        """
        return wire.render(stem, key, spec, messages)

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
        return reading.interpret(payload, attempts, observations)

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
        remote.listdir(containing=_SCRATCH)
        checks.append(Check("folder", "Folder", True, "The folder can be listed."))
        return checks + _check_scratch(remote, now)

    def survey(self, remote: FtpRemote, now: datetime) -> Observation:
        """The folder as each server that answers shows it."""
        return _seen(remote, _listed, now)


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


def _listed(remote: FtpRemote, containing: str = "") -> list[ObservedFile]:
    entries = remote.listdir(containing=containing)
    return [ObservedFile("", entry.name, entry.size, entry.modified_at, None, remote.host) for entry in entries]


def _sighted(remote: FtpRemote, stem: str, at_most: int) -> list[ObservedFile]:
    files = [file for file in _listed(remote, stem) if bears(file.name, stem)]
    return [_with_bottom(remote, file, at_most) if state_of(file.name, stem) == "rejected" else file for file in files]


def _with_bottom(remote: FtpRemote, file: ObservedFile, at_most: int) -> ObservedFile:
    whole = remote.read(file.name, at_most)
    if whole is None or len(whole) >= at_most:
        # Of a file longer than is read the bottom is not known.
        return file
    return replace(file, size=len(whole), body=whole[-_KEEP:])


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
