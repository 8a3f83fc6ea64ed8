"""Checks an installation from one of its hosts, and says what to do about what is wrong. It changes nothing."""

import os
import smtplib
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import get_connection
from django.db import DatabaseError, connection
from django.db.models import Q
from django.template.defaultfilters import filesizeformat

from campaigns import timing
from campaigns.models import Alarm
from campaigns.monitoring import messages, signs
from campaigns.monitoring.alarms import channels
from campaigns.monitoring.problems import find_problems
from campaigns.statuses import AlarmChannel, AlarmKind
from providers import identity, vault
from providers.keys import OtherInstallation
from providers.models import Account, KeyFingerprint


@dataclass(frozen=True)
class Finding:
    """What one check found: ``level`` is ok, warning or error. ``sentence`` says what to do where it is not ok."""

    level: str
    sentence: str


def examine(now: datetime) -> Iterator[Finding]:
    """Run all checks. Without a database, only those that need none."""
    yield from _settings()
    yield from _files()
    yield from _mail()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        yield Finding("ok", "The database answers.")
        yield from _schema()
        yield from _secrets()
        yield from _people()
        yield from _processes(now)
    except DatabaseError as error:
        yield Finding("error", f"The database does not answer ({type(error).__name__}). Check DATABASE_URL, start it.")


def send_test(now: datetime) -> Iterator[Finding]:
    """Send a test message to each channel that the settings name."""
    test = Alarm(pk=0, kind=AlarmKind.HOST, cause="test", path="/system/", began_at=now, seen_at=now)
    test.sentence = "This is a test of the alarms. Nothing is wrong."
    for channel in channels():
        try:
            messages.send(channel, test, False, now)
        except messages.NotSent as error:
            yield Finding("error", f"{AlarmChannel(channel).label}: the test message was not sent: {error}.")
        else:
            yield Finding("ok", f"{AlarmChannel(channel).label}: the test message was sent.")


def _settings() -> Iterator[Finding]:
    if settings.DEBUG:
        yield Finding("error", "DEBUG is on: error pages show settings and data to everybody. Unset DEBUG.")
    if not settings.SESSION_COOKIE_SECURE:
        yield Finding("warning", "BEHIND_TLS is off: passwords are sent in clear unless people open Baton locally.")
    if settings.EMAIL_URL and "127.0.0.1" in settings.BASE_URL:
        yield Finding("warning", f"Links in emails begin with {settings.BASE_URL}. Set BASE_URL to Baton's address.")
    if channels():
        yield Finding("ok", f"Alarms are sent by {' and '.join(channel.label.lower() for channel in channels())}.")
    else:
        yield Finding(
            "warning", "Alarms reach nobody. Set ALARM_EMAILS and EMAIL_URL, or ALARM_WEBHOOK_URL and its secret."
        )


def _files() -> Iterator[Finding]:
    for path in (settings.DATA, settings.JOURNAL_DIR):
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            yield Finding("error", f"{path} does not exist or cannot be written. Create it, owned by Baton's user.")
    keys = settings.DATA / "keys"
    for path in (settings.DATA, keys, *keys.glob("*")):
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield Finding("error", f"Other users of this machine can read {path}. Run: chmod go-rwx {path}")
    for disk in signs.read_disks():
        left = f"{filesizeformat(disk['free'])} of {filesizeformat(disk['total'])} are free on {disk['path']}."
        is_low = disk["free"] < settings.DISK_LOW_BYTES
        yield Finding("error" if is_low else "ok", f"{left} Make room." if is_low else left)


def _mail() -> Iterator[Finding]:
    if not settings.EMAIL_URL:
        yield Finding("warning", "No mail server is set: notices are shown in Baton only. Set EMAIL_URL.")
        return
    try:
        with get_connection():
            yield Finding("ok", "The mail server accepts the login.")
    except (OSError, smtplib.SMTPException) as error:
        yield Finding("error", f"The mail server cannot be used ({type(error).__name__}). Check EMAIL_URL.")


def _schema() -> Iterator[Finding]:
    if missing := identity.missing_migrations():
        yield Finding("error", f"The database lacks {len(missing)} migrations. Run: python manage.py migrate")
        return
    if not KeyFingerprint.objects.exists():
        yield Finding("warning", "Baton has never been started on this database.")
        return
    try:
        identity.verify()
    except OtherInstallation as error:
        yield Finding("error", str(error))
    except OSError as error:
        yield Finding("error", f"The storage of files does not answer: {error}.")
    else:
        yield Finding("ok", "Schema, keys, journal directory and storage of files belong to this database.")


def _secrets() -> Iterator[Finding]:
    accounts = list(Account.objects.order_by("pk"))
    for account in accounts:
        try:
            vault.decrypt(account.secrets)
        except vault.VaultError as error:
            yield Finding("error", f"{account}: {error} Restore that key, or enter the account's password again.")
            return
    yield Finding("ok", f"The passwords of {len(accounts)} accounts can be decrypted.")


def _people() -> Iterator[Finding]:
    is_administrator = Q(is_superuser=True) | Q(groups__name="administrator")
    if not User.objects.filter(is_administrator, is_active=True).exists():
        yield Finding("error", "There is no active administrator. Open the link that `make run` prints.")


def _processes(now: datetime) -> Iterator[Finding]:
    found = signs.read_signs()
    if all(monitor.is_silent(now) for monitor in found.monitors):
        yield Finding(
            "error", "No monitor runs, so nothing raises an alarm. Start: python manage.py monitor --every 10"
        )
    problems = find_problems(found, now - 2 * timing.SILENT_AFTER, now)
    for problem in problems:
        yield Finding("error", problem.sentence)
    if not problems:
        yield Finding("ok", "Workers, clock and Redis answer, and no account or campaign raises an alarm.")
