"""The GatewayAPI adapter: what it promises, and everything that uses the connection."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

from providers.adapters.gatewayapi import forms, reading, replies, wire
from providers.adapters.gatewayapi.forms import servers
from providers.adapters.gatewayapi.words import CAUSES, WORDS, contains, state_of
from providers.base import (
    Attempt,
    BaseAdapter,
    CampaignSpec,
    Check,
    Ending,
    Interpretation,
    Message,
    Observation,
    ObservedFile,
    Payload,
    Problem,
    Receipt,
    Staged,
)
from providers.errors import Refused, Trouble, Unclear, Unreachable
from providers.limits import Guard, Limits
from providers.transports.files import Entry, is_whole, version_of
from providers.transports.ftp import FtpRemote, FtpTransport

_SCRATCH = "baton-test-"
# How much of the bottom of a rejected file is kept, in bytes.
_BOTTOM = 1_000_000


class GatewayFtp(FtpTransport):
    """FTP to whichever of the account's two servers answers first."""

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
    # assumption: what happens to characters outside GSM in files is not documented, so none are handed over.
    limits = Limits(rows=10_000, bytes=25_000_000, alphabet="gsm", newline_units=1, connections=2)
    guard = Guard.rename()
    # GatewayAPI FTP: after internal errors "retried up to 5 times, with 30 minutes between each attempt".
    give_up_after = timedelta(hours=3)
    accepted_means = (
        "GatewayAPI processed the file and queued its messages for delivery. It does not report whether a text arrived."
    )
    evidence = (
        "The file's name (.ready, .processing, .success, .rejected), and the cause at the bottom of a rejected file"
    )
    guard_words = (
        "An uploaded file can be renamed only once; Baton repeats the rename of the same file, or asks a person"
    )
    login_hint = (
        "FTP has its own credentials, in GatewayAPI's dashboard under Settings. GatewayAPI's support must switch it on."
    )
    words = WORDS
    causes = CAUSES
    reply_setup = replies.SETUP
    reply_shapes = replies.SHAPES

    SettingsForm = forms.SettingsForm
    OptionsForm = forms.OptionsForm

    def host(self, settings: Mapping[str, Any]) -> str:
        """The servers, followed by ``(FTPS)`` when the connection is encrypted.

        Switching encryption on or off thus counts as a change of host: the password must be entered again before it
        travels unencrypted, and campaigns must be approved again.
        """
        hosts = ", ".join(servers(settings))
        return f"{hosts} (FTPS)" if settings.get("use_tls") else hosts

    def spec_problems(self, spec: CampaignSpec) -> list[Problem]:
        return wire.spec_problems(spec)

    def problems(self, spec: CampaignSpec, message: Message) -> list[Problem]:
        return wire.problems(spec, message)

    def plain_characters(self, spec: CampaignSpec) -> str:
        return wire.plain_characters(spec)

    def lacking(self, spec: CampaignSpec, text: str) -> str:
        return wire.lacking_characters(spec, text)

    def render(self, stem: str, key: int, spec: CampaignSpec, messages: Sequence[Message]) -> Payload:
        return wire.render(stem, key, spec, messages)

    def attempt_name(self, payload: Payload, number: int) -> str:
        """GatewayAPI FTP: "the file must end with ".ready" in order for processing to start"; this name does not."""
        return f"{payload.stem}-a{number}.csv"

    def stage(self, remote: FtpRemote, payload: Payload, attempt_name: str) -> Staged:
        """Upload under a name that GatewayAPI ignores, and compare the size. Raises Unreachable, or Refused."""
        try:
            remote.store(attempt_name, payload.body)
        except Unclear as trouble:
            # A file of this name is never texted, however much of it arrived.
            raise Unreachable(trouble.code, "The connection broke while the file was being uploaded.") from trouble
        size = remote.size(attempt_name)
        if size is None:
            # A server that takes files before they are renamed would take, and text, every further upload as well.
            raise Refused(
                "upload_vanished",
                "The uploaded file was gone before it was renamed. Is this really GatewayAPI? Check there whether "
                "anybody was texted before you continue.",
                account=True,
                holds=True,
            )
        if size != len(payload.body):
            raise Unreachable("upload_incomplete", "The file arrived with a different size; it will be uploaded again.")
        return Staged(attempt_name, remote.host, size)

    def commit(self, remote: FtpRemote, payload: Payload, attempt: Attempt) -> Receipt:
        """Rename the pinned source. By the document, GatewayAPI starts with the file at that moment.

        A refusal counts as Refused only while the source is still there untouched. If it is gone, an earlier rename
        with an unknown result, or somebody else, has renamed it: that is Unclear, and the next poll shows more.
        """
        try:
            remote.rename(attempt.staged.name, payload.name)
        except Refused as trouble:
            if _is_there(remote, attempt.staged):
                raise Refused(
                    "rename_refused",
                    "The server refuses to rename the uploaded file, which is still there untouched.",
                    reply=trouble.reply,
                ) from trouble
            raise Unclear(
                "source_gone", "The uploaded file is no longer there under its first name.", reply=trouble.reply
            ) from trouble
        return Receipt()

    def poll(self, remote: FtpRemote, payload: Payload, attempts: Sequence[Attempt], now: datetime) -> Observation:
        """List the batch's files and read the rejected ones, on both servers unless the last rename was confirmed.

        A rejected file that has not changed since an earlier poll read it is not downloaded.
        """
        is_confirmed = bool(attempts) and attempts[-1].ending is Ending.DONE
        return _observe(
            remote, lambda each: _files_of_batch(each, payload.stem, self.limits.bytes + _BOTTOM), now, not is_confirmed
        )

    def interpret(
        self, payload: Payload, attempts: Sequence[Attempt], observations: Sequence[Observation]
    ) -> Interpretation:
        return reading.interpret(payload, attempts, observations)

    def reader(self, payload: Payload, attempts: Sequence[Attempt], state: Any = None) -> reading.Reader:
        return reading.Reader(payload, attempts, state)

    def check(self, remote: FtpRemote, now: datetime) -> list[Check]:
        """Check login, both servers, certificate and folder; then, with a scratch file, the clock and a rename.

        GatewayAPI FTP: only a file that ends in ``.ready`` is processed. The name of the scratch file contains none of
        the words that have a meaning there, and the file is removed again.
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
        """The folder as shown by each server that answers."""
        return _observe(remote, _list, now)


def _is_there(remote: FtpRemote, staged: Staged) -> bool:
    """Whether the source of a refused rename is still there untouched, so that nothing was renamed."""
    try:
        return remote.size(staged.name) == staged.size
    except Trouble:
        return False


def _observe(
    remote: FtpRemote, find: Callable[[FtpRemote], list[ObservedFile]], now: datetime, on_each: bool = True
) -> Observation:
    """Return what ``find`` finds on the connected server and, with ``on_each``, on every other that answers.

    Servers that do not answer are left out of the observation's hosts: what they would show is not known.
    """
    files, hosts = find(remote), [remote.host]
    for label in remote.hosts() if on_each else ():
        if label not in hosts:
            with suppress(Trouble), remote.on(label) as other:
                files += find(other)
                hosts.append(label)
    return Observation(now, tuple(hosts), tuple(files))


def _list(remote: FtpRemote) -> list[ObservedFile]:
    return [_unread(remote, entry) for entry in remote.listdir()]


def _unread(remote: FtpRemote, entry: Entry) -> ObservedFile:
    return ObservedFile("", entry.name, entry.size, entry.modified_at, None, remote.host)


def _files_of_batch(remote: FtpRemote, stem: str, at_most: int) -> list[ObservedFile]:
    return [
        _with_bottom(remote, entry, at_most) if state_of(entry.name, stem) == "rejected" else _unread(remote, entry)
        for entry in remote.listdir(containing=stem)
        if contains(entry.name, stem)
    ]


def _with_bottom(remote: FtpRemote, entry: Entry, at_most: int) -> ObservedFile:
    """Return a rejected file with the bottom that earlier polls kept of it, or what is read now."""
    version = version_of(entry, host=remote.host)
    size, bottom = remote.already_read.bodies.get(version, (0, None))
    if bottom is None:
        whole = remote.read(entry.name, at_most)
        if whole is None or len(whole) >= at_most:
            # The file is longer than what was read, so its bottom is not known.
            return _unread(remote, entry)
        size, bottom = len(whole), whole[-_BOTTOM:]
        if not is_whole(whole, entry, at_most):
            version = ""
    return ObservedFile("", entry.name, size, entry.modified_at, bottom, remote.host, version)


def _check_line(remote: FtpRemote) -> Check:
    if remote.settings.get("use_tls"):
        return Check("certificate", "Certificate", True, "The connection is encrypted and the certificate is trusted.")
    # Not a warning: GatewayAPI documents nothing safer.
    return Check(
        "encryption",
        "Encryption",
        None,
        "FTP encrypts nothing: the password, the texts and the numbers can be read on the way.",
    )


def _check_server(remote: FtpRemote, label: str) -> Check:
    code = f"server_{label}"
    if label == remote.host:
        return Check(code, f"Server {label}", True, "It answers and accepts the login.")
    try:
        with remote.on(label) as other:
            other.ready()
    except Refused as trouble:
        return Check(code, f"Server {label}", False, trouble.sentence)
    except Trouble as trouble:
        sentence = f"{trouble.sentence} Until it does, files go through the other server."
        return Check(code, f"Server {label}", None, sentence, is_warning=True)
    return Check(code, f"Server {label}", True, "It answers and accepts the login.")


def _check_scratch(remote: FtpRemote, now: datetime) -> list[Check]:
    """Check what needs a file: the server's clock, and whether the login may rename."""
    name = f"{_SCRATCH}{hashlib.sha256(now.isoformat().encode()).hexdigest()[:8]}.tmp"
    renamed = f"{name}2"
    try:
        remote.store(name, b"Baton tests the connection. This file may be deleted.\n")
        # Each upload's size is compared before it is renamed.
        remote.size(name)
        clock = remote.server_clock(name)
        remote.rename(name, renamed)
    except (Refused, Unclear) as trouble:
        code, label = ("size", "File size") if trouble.code == "size_unsupported" else ("rename", "Rename")
        return [Check(code, label, False, trouble.sentence)]
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
        return Check("clock", "Clock", None, "The server does not report its time.")
    minutes = round((clock - now).total_seconds() / 60)
    if not minutes:
        return Check("clock", "Clock", True, "The server's clock is right.")
    way = "ahead of" if minutes > 0 else "behind"
    return Check(
        "clock",
        "Clock",
        True,
        f"The server's clock is {abs(minutes)} minutes {way} this machine's. Only times in file names are affected.",
    )
