"""Sends the messages of alarms by e-mail and webhook, each until it succeeds or is three days old.

A webhook is signed as the specification "Standard Webhooks" says (https://www.standardwebhooks.com), so that its
receiver can check it with a published library. A message has no phone number.
"""

import base64
import binascii
import hashlib
import hmac
import json
import logging
import smtplib
from datetime import datetime

import httpx
from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Exists, F, OuterRef, QuerySet

from campaigns import timing
from campaigns.models import Alarm, AlarmMessage
from campaigns.statuses import AlarmChannel
from contacts.outgoing import without_numbers

logger = logging.getLogger(__name__)


class NotSent(Exception):
    """The other side did not accept a message; the text says why, without anything of the message."""


def due(now: datetime) -> QuerySet[AlarmMessage]:
    """The messages whose next try is due. The end of an alarm waits for its beginning."""
    beginning = AlarmMessage.objects.filter(
        alarm=OuterRef("alarm"), channel=OuterRef("channel"), is_end=False, sent_at=None, given_up_at=None
    )
    waiting = AlarmMessage.objects.filter(sent_at=None, given_up_at=None, due_at__lte=now)
    return waiting.exclude(Exists(beginning), is_end=True).select_related("alarm").order_by("id")


def send_due(clock: timing.Clock) -> int:
    """Send the messages that are due, for at most ``timing.SEND_ALARMS_FOR``; return how many were sent."""
    sent, until = 0, clock() + timing.SEND_ALARMS_FOR
    while clock() < until and (message := due(clock()).first()):
        sent += _try(message, clock)
    return sent


def _try(message: AlarmMessage, clock: timing.Clock) -> bool:
    now = clock()
    row = AlarmMessage.objects.filter(pk=message.pk)
    row.update(due_at=now + timing.mail_pause(now - message.created_at), tries=F("tries") + 1)
    try:
        send(message.channel, message.alarm, message.is_end, now)
    except NotSent as error:
        logger.warning("The %s about alarm %s was not sent: %s", message.channel, message.alarm_id, error)
        is_too_old = now - message.created_at > timing.GIVE_UP_MAIL_AFTER
        row.update(error=str(error)[:100], given_up_at=now if is_too_old else None)
        return False
    row.update(sent_at=clock(), error="")
    return True


def send(channel: str, alarm: Alarm, is_end: bool, now: datetime) -> None:
    """Send one message now. Raises NotSent."""
    if channel == AlarmChannel.EMAIL:
        _send_email(alarm, is_end)
    else:
        _send_webhook(alarm, is_end, now)


def _send_email(alarm: Alarm, is_end: bool) -> None:
    sentence = without_numbers(alarm.sentence)
    # A header is one line: the first sentence says what is wrong.
    subject = " ".join(f"Baton {'alarm over' if is_end else 'alarm'}: {sentence.split('. ')[0]}".split())[:150]
    words = f"This is over since {alarm.ended_at:%Y-%m-%d %H:%M} UTC:\n\n{sentence}" if is_end else sentence
    body = f"{words}\n\nIt began at {alarm.began_at:%Y-%m-%d %H:%M} UTC.\n{settings.BASE_URL}{alarm.path}\n"
    try:
        EmailMessage(subject, body, to=settings.ALARM_EMAILS).send()
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise NotSent(type(error).__name__) from error


def _send_webhook(alarm: Alarm, is_end: bool, now: datetime) -> None:
    event = "alarm.ended" if is_end else "alarm.began"
    body = json.dumps(
        {
            "type": event,
            "timestamp": now.isoformat(),
            "data": {
                "alarm": alarm.pk,
                "kind": alarm.kind,
                "cause": without_numbers(alarm.cause),
                "sentence": without_numbers(alarm.sentence),
                "url": f"{settings.BASE_URL}{alarm.path}",
                "began_at": alarm.began_at.isoformat(),
                "ended_at": alarm.ended_at.isoformat() if alarm.ended_at else None,
            },
        }
    ).encode()
    # The same at each try, so that the receiver can recognise a repetition.
    message_id = f"alarm_{alarm.pk}_{'ended' if is_end else 'began'}"
    stamp = str(int(now.timestamp()))
    headers = {"content-type": "application/json", "webhook-id": message_id, "webhook-timestamp": stamp}
    try:
        headers["webhook-signature"] = sign(message_id, stamp, body)
        answer = httpx.post(
            settings.ALARM_WEBHOOK_URL, content=body, headers=headers, timeout=timing.WEBHOOK_ANSWER_SECONDS
        )
    except (httpx.HTTPError, httpx.InvalidURL, binascii.Error) as error:
        raise NotSent(type(error).__name__) from error
    if not answer.is_success:
        raise NotSent(f"HTTP {answer.status_code}")


def sign(message_id: str, stamp: str, body: bytes) -> str:
    """The header ``webhook-signature`` of a body: Standard Webhooks, symmetric signatures, version 1."""
    secret = settings.ALARM_WEBHOOK_SECRET
    key = base64.b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else secret.encode()
    signed = f"{message_id}.{stamp}.".encode() + body
    return f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()}"
