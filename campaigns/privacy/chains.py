"""Which campaigns no longer need their numbers and files, so that they may be erased."""

from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from campaigns.lifecycle import OPEN
from campaigns.models import Batch, Campaign, Event
from campaigns.statuses import CampaignStatus

ENDED = (CampaignStatus.CLOSED, CampaignStatus.CANCELLED)


def ended_chains(before: datetime, now: datetime) -> QuerySet[Campaign]:
    """The first campaigns of the chains that ended before ``before`` (UTC) with all of their campaigns.

    None of their files is open or still polled. A chain is erased as a whole, because its campaigns look up each
    other's numbers to text nobody twice. A draft of a follow-up has not ended.
    """
    members = Campaign.objects.filter(Q(pk=OuterRef("pk")) | Q(chain_root=OuterRef("pk")))
    of_chain = Q(campaign=OuterRef("pk")) | Q(campaign__chain_root=OuterRef("pk"))
    ended_later = Event.objects.filter(of_chain, to_status__in=ENDED, at__gte=before)
    return Campaign.objects.filter(chain_root=None, created_at__lt=before).exclude(
        Exists(members.exclude(status__in=ENDED)) | Exists(ended_later) | Exists(busy_batches(of_chain, now))
    )


def busy_batches(of: Q, now: datetime) -> QuerySet[Batch]:
    """The batches that meet ``of`` and may still change, or are still polled."""
    polled: Any = Q(poll_at__isnull=False) & Q(poll_until__gt=now)
    return Batch.objects.filter(Q(status__in=OPEN) | polled).filter(of)
