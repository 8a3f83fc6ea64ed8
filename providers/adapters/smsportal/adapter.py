"""The SMSPortal adapter: what it promises, and everything that uses the connection."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from providers import gsm
from providers.adapters.smsportal import forms, reading, replies, wire
from providers.adapters.smsportal.forms import FTP
from providers.adapters.smsportal.words import CAUSES, ERRORS, PROCESSED, SEND, WORDS
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
    Receipt,
)
from providers.errors import Refused
from providers.limits import Guard, Limits
from providers.transports.files import Entry, is_plain, is_whole, version_of
from providers.transports.ftp import FtpRemote, FtpTransport
from providers.transports.sftp import SftpRemote, SftpTransport, fingerprint

Remote = SftpRemote | FtpRemote

FOLDER_SETTINGS = {SEND: "send_folder", PROCESSED: "processed_folder", ERRORS: "errors_folder"}

# The longest part of a report that is read, in bytes.
_READ_AT_MOST = 1_000_000
# No file name contains this, so a listing for it is empty.
_MATCHES_NOTHING = "/"
# Clocks that differ by no more than this are taken to agree. A listing may round times to minutes, so less would raise
# false alarms; more would start a campaign noticeably late, because a file gives its start to the minute.
_CLOCK_TOLERANCE = timedelta(minutes=2)


class Adapter(BaseAdapter):
    label = "SMSPortal"
    transport = SftpTransport
    # assumption: no size limit is documented; 10,000 contacts a file limits the damage that one file can do. A start
    # at most 3 months ahead is documented for the same vendor's REST API.
    limits = Limits(
        rows=10_000, bytes=10_000_000, alphabet="gsm", connections=2, values=6, start_ahead=timedelta(days=90)
    )
    # Half of the 48 hours for which SMSPortal remembers file names.
    guard = Guard.key(window=timedelta(hours=24), pause=timedelta(seconds=60))
    give_up_after = timedelta(minutes=15)
    accepted_means = (
        "SMSPortal processed the file and reported no fault for this number. It does not report whether a text arrived."
    )
    evidence = "The folder that holds the file (Send_SMS, Processed or Errors), and the fault reports next to it"
    guard_words = "SMSPortal drops a file with the same inner name for 48 hours; Baton relies on this for 24"
    starts_later = True
    login_hint = (
        "For accounts created after 6 June 2023, first switch on the channel under “API Keys” in the SMSPortal control "
        "panel."
    )
    words = WORDS
    causes = CAUSES
    reply_setup = replies.SETUP
    reply_shapes = replies.SHAPES

    SettingsForm = forms.SettingsForm
    OptionsForm = forms.OptionsForm

    def host(self, settings: Mapping[str, Any]) -> str:
        """``name:port``, followed by ``(FTP)`` when the account uses FTP.

        A change of protocol thus counts as a change of host: the password must be entered again before it travels
        unencrypted, and campaigns must be approved again.
        """
        host = super().host(settings)
        return f"{host} (FTP)" if _is_ftp(settings) else host

    def transport_for(self, settings: Mapping[str, Any]) -> Any:
        """SMSPortal SFTP: "22 for SFTP (recommended), 21 for FTP"; settings without a protocol mean SFTP."""
        return FtpTransport if _is_ftp(settings) else SftpTransport

    def spec_problems(self, spec: CampaignSpec) -> list[Problem]:
        return wire.spec_problems(spec)

    def problems(self, spec: CampaignSpec, message: Message) -> list[Problem]:
        return wire.problems(spec, message)

    def plain_characters(self, spec: CampaignSpec) -> str:
        # The composer leaves out the at sign, so that no value is part of a field.
        return gsm.BASIC

    def render(self, stem: str, key: int, spec: CampaignSpec, messages: Sequence[Message]) -> Payload:
        return wire.render(stem, key, spec, messages)

    def attempt_name(self, payload: Payload, number: int) -> str:
        """SMSPortal SFTP: "The .zip file names don't need to be unique"; each attempt has its own."""
        return f"{payload.stem}-a{number}.zip"

    def commit(self, remote: Remote, payload: Payload, attempt: Attempt) -> Receipt:
        remote.create(_path(remote, SEND, attempt.name), payload.body)
        return Receipt()

    def poll(self, remote: Remote, payload: Payload, attempts: Sequence[Attempt], now: datetime) -> Observation:
        """List the files in the three folders whose names contain the batch's stem, and read the reports.

        A report that has not changed since an earlier poll read it is not downloaded.
        """
        files = []
        host = remote.hosts()[0]
        # In the order in which files move, so that a file that moves meanwhile is seen at least once.
        for folder in (SEND, PROCESSED, ERRORS):
            for entry in remote.listdir(_path(remote, folder), payload.stem):
                if not _contains(entry.name, payload.stem):
                    continue
                if folder != SEND and not entry.name.lower().endswith(".zip"):
                    files.append(_kept_report(remote, folder, entry, host))
                else:
                    files.append(ObservedFile(folder, entry.name, entry.size, entry.modified_at, None, host))
        return Observation(now, remote.hosts(), tuple(files))

    def interpret(
        self, payload: Payload, attempts: Sequence[Attempt], observations: Sequence[Observation]
    ) -> Interpretation:
        return reading.interpret(payload, attempts, observations)

    def reader(self, payload: Payload, attempts: Sequence[Attempt], state: Any = None) -> reading.Reader:
        return reading.Reader(payload, attempts, state)

    def check(self, remote: Remote, now: datetime) -> list[Check]:
        """Check the three folders; that the remote is open already proves the login and the host key.

        assumption: SMSPortal may pick up any file, so Baton creates none to read the server's clock; over SFTP, a
        recent file that is already there shows it.
        """
        checks = [
            Check("login", "Login", True, f"Logged in as {remote.settings['username']}."),
            _check_line(remote),
        ]
        newest: list[datetime] = []
        for folder in (SEND, PROCESSED, ERRORS):
            check, entries = _check_folder(remote, folder)
            checks.append(check)
            if folder == SEND and check.passed:
                checks.append(_check_create(remote))
            newest += [entry.modified_at for entry in entries if entry.modified_at]
        if isinstance(remote, FtpRemote) and (sentence := remote.unchecked_listing):
            checks.append(Check("listing", "Listing", None, sentence, is_warning=True))
        return [*checks, _check_clock(max(newest, default=None), now)]

    def survey(self, remote: Remote, now: datetime) -> Observation:
        host = remote.hosts()[0]
        files = [
            ObservedFile(folder, entry.name, entry.size, entry.modified_at, None, host)
            for folder in (SEND, PROCESSED, ERRORS)
            for entry in remote.listdir(_path(remote, folder))
        ]
        return Observation(now, remote.hosts(), tuple(files))


def _kept_report(remote: Remote, folder: str, entry: Entry, host: str) -> ObservedFile:
    """Return a report with what earlier polls kept of it, or what is read now."""
    version = version_of(entry, folder, host)
    size, body = remote.already_read.bodies.get(version, (entry.size, None))
    if body is None:
        body = remote.read(_path(remote, folder, entry.name), _READ_AT_MOST)
        if body is None or not is_whole(body, entry, _READ_AT_MOST):
            version = ""
    return ObservedFile(folder, entry.name, size, entry.modified_at, body, host, version)


def _is_ftp(settings: Mapping[str, Any]) -> bool:
    return settings.get("protocol") == FTP


def _path(remote: Remote, folder: str, name: str = "") -> str:
    base = str(remote.settings.get("base_folder") or "").rstrip("/")
    own_name = str(remote.settings.get(FOLDER_SETTINGS[folder]) or folder).strip("/")
    return "/".join(piece for piece in (base, own_name, name) if piece)


def _contains(name: str, stem: str) -> bool:
    return stem in name and is_plain(name)


def _check_line(remote: Remote) -> Check:
    if isinstance(remote, FtpRemote):
        return Check(
            "encryption",
            "Encryption",
            None,
            "FTP encrypts nothing: the password, the texts and the numbers can be read on the way. "
            "SMSPortal recommends SFTP.",
            is_warning=True,
        )
    key = fingerprint(str(remote.settings["host_key"]))
    return Check("host_key", "Host key", True, f"The server's key is the confirmed one: {key}.")


def _check_folder(remote: Remote, folder: str) -> tuple[Check, list[Entry]]:
    path = _path(remote, folder)
    code, label = f"folder_{FOLDER_SETTINGS[folder]}", f"Folder {folder}"
    try:
        # Over FTP each file may cost extra requests; over SFTP the files' times show the server's clock at no cost.
        entries = remote.listdir(path, _MATCHES_NOTHING if isinstance(remote, FtpRemote) else "")
    except Refused as trouble:
        if trouble.code not in ("folder_missing", "folder_forbidden"):
            raise
        sentence = f"{trouble.sentence} Check the folder's name in the account's settings."
        return Check(code, label, False, sentence), []
    return Check(code, label, True, f"{path} exists."), entries


def _check_create(remote: Remote) -> Check:
    """Say how new files are created, without creating one."""
    if isinstance(remote, SftpRemote) and remote.creates_exclusively(_path(remote, SEND)):
        sentence = "The server creates a file only if its name is free."
    else:
        sentence = (
            "The server does not check whether a name is free. Baton looks each name up, then creates the file; "
            "every attempt has a new name."
        )
    return Check("create", "New files", True, sentence)


def _check_clock(newest: datetime | None, now: datetime) -> Check:
    if newest is None or now - newest > _CLOCK_TOLERANCE:
        return Check("clock", "Clock", None, "SMSPortal's clock cannot be read without writing a file there.")
    if newest - now <= _CLOCK_TOLERANCE:
        return Check("clock", "Clock", True, "SMSPortal's clock and this machine's agree.")
    minutes = round((newest - now).total_seconds() / 60)
    return Check(
        "clock",
        "Clock",
        False,
        f"SMSPortal's clock is at least {minutes:,} minutes ahead of this machine's. Check this machine's clock: "
        "start times and quiet hours depend on it.",
    )
