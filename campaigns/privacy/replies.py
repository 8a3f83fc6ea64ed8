"""Erases replies: the sender, the text and the provider's bytes. That there was one, when and what was done stays."""

from datetime import datetime

from django.db.models import QuerySet

from campaigns.models import Reply
from campaigns.statuses import ReplyAction
from contacts.pseudonyms import pseudonym

#: Replies erased in one transaction.
CHUNK = 1_000


def due_replies(before: datetime) -> QuerySet[Reply]:
    """Replies that were recorded before ``before`` (UTC) and are not erased yet. Those that nobody has read stay."""
    return _old(before).exclude(action=ReplyAction.TO_READ)


def count_unread(before: datetime) -> int:
    """How many replies stay although they were recorded before ``before`` (UTC), because nobody has read them."""
    return _old(before).filter(action=ReplyAction.TO_READ).count()


def _old(before: datetime) -> QuerySet[Reply]:
    return Reply.objects.filter(recorded_at__lt=before, erased_at=None)


def erase_replies(rows: QuerySet[Reply], now: datetime) -> int:
    """Erase replies; return how many. One that nobody has read counts as read: there is nothing left to read."""
    erased = 0
    while chunk := list(rows.filter(erased_at=None).order_by("pk").defer("raw")[:CHUNK]):
        for row in chunk:
            row.msisdn = pseudonym(row.msisdn) if row.msisdn else ""
            row.phone, row.text, row.raw, row.erased_at = "", "", b"", now
            if row.action == ReplyAction.TO_READ:
                row.action, row.acted_at = ReplyAction.READ, now
        fields = ["msisdn", "phone", "text", "raw", "erased_at", "action", "acted_at"]
        Reply.objects.bulk_update(chunk, fields, batch_size=200)
        erased += len(chunk)
    return erased
