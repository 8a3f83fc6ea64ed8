"""Sends the e-mails of notices, never in a transaction: one e-mail for all notices of a person that are due.

An e-mail has no phone number and no text of a campaign: it may be read on any screen. Where the mail server fails, it
is tried again later. A worker that dies after the server took an e-mail, and before that is stored, sends it twice.
"""

import logging
import smtplib
from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.urls import reverse

from campaigns import timing
from campaigns.models import Notice
from contacts.outgoing import without_numbers
from providers.locks import hold

logger = logging.getLogger(__name__)

#: Notices in one e-mail; further ones go into the next.
IN_ONE_MAIL = 50
#: The mail server refuses this e-mail, but may take others.
_OF_ONE_MAIL = (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError, ValueError)


def due(now: datetime) -> QuerySet[Notice]:
    """The notices whose e-mail is due."""
    return Notice.objects.filter(
        mailed_at=None, mail_after__lte=now, created_at__gt=now - timing.GIVE_UP_MAIL_AFTER
    ).order_by()


def send_due(clock: timing.Clock) -> int:
    """Send the e-mails that are due, for at most ``timing.DRAIN_FOR``; return how many were sent.

    Does nothing while another worker sends them.
    """
    sent, until = 0, clock() + timing.DRAIN_FOR
    with hold("mail-notices") as lock:
        if lock is None:
            return 0
        try:
            with get_connection() as connection:
                while clock() < until and (notice := due(clock()).select_related("user").first()):
                    sent += _send_to(notice.user, connection, clock())
        except (OSError, smtplib.SMTPException) as error:
            logger.warning("E-mails could not be sent: %s", type(error).__name__)
            # The server is away for everybody, so nobody's e-mail is tried at once.
            _postpone(list(due(clock())), clock())
    return sent


def _send_to(user: User, connection: BaseEmailBackend, now: datetime) -> int:
    """Send one person the e-mail of the notices that are due; return the number of e-mails sent.

    Raises OSError or SMTPException if the server cannot be used.
    """
    notices = list(due(now).filter(user=user).order_by("id")[:IN_ONE_MAIL])
    _postpone(notices, now)
    rows = Notice.objects.filter(pk__in=[notice.pk for notice in notices], mailed_at=None)
    if user.email and user.is_active:
        try:
            email_of(user, notices, connection).send()
        except _OF_ONE_MAIL as error:
            logger.warning("The e-mail to user %s was refused: %s", user.pk, type(error).__name__)
            return 0
        rows.update(mailed_at=now)
        return 1
    rows.update(mailed_at=now)
    return 0


def _postpone(notices: Sequence[Notice], now: datetime) -> None:
    """Set the time of the next try, before the one that begins now."""
    for notice in notices:
        notice.mail_after = now + timing.mail_pause(now - notice.created_at)
    Notice.objects.bulk_update(notices, ["mail_after"])


def email_of(user: User, notices: Sequence[Notice], connection: BaseEmailBackend | None = None) -> EmailMessage:
    """The e-mail that tells ``user`` of ``notices``."""
    lines = [(without_numbers(notice.sentence), f"{settings.BASE_URL}{notice.path}") for notice in notices]
    # A header is one line.
    subject = " ".join(lines[0][0].split()) if len(lines) == 1 else f"{len(lines)} notices from Baton"
    choice = settings.BASE_URL + reverse("campaigns:notice_choice")
    body = render_to_string("campaigns/notice_mail.txt", {"user": user, "lines": lines, "choice_url": choice})
    return EmailMessage(subject, body, to=[user.email], connection=connection)
