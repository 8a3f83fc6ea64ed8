"""The first recipients of a campaign, which go before the others: whether the others still wait for them."""

from datetime import datetime

from django.db.models import Max, Sum

from campaigns.lifecycle import OPEN
from campaigns.models import Batch, Campaign
from campaigns.statuses import CanaryRelease

#: If a larger share of the first recipients failed, a person decides whether the others follow.
MOST_FAILED = 0.05


def room(campaign: Campaign) -> int | None:
    """How many recipients may still be put into batches before the others are released; None if all may."""
    if not campaign.canary or campaign.canary_released_at:
        return None
    made = campaign.batches.filter(generation=1).aggregate(total=Sum("rows"))["total"] or 0
    return max(0, campaign.canary - made)


def others_wait(campaign: Campaign) -> bool:
    """Whether all of the first recipients are in batches and the others may not be yet."""
    return room(campaign) == 0


def may_continue(campaign: Campaign) -> bool:
    """Whether the others need no person: the campaign waits for acceptance, and its first files were accepted."""
    return campaign.canary_waits_for == CanaryRelease.ACCEPTANCE and not why_not(campaign)


def accepted_at(campaign: Campaign) -> datetime | None:
    """When the last of the first files was settled; None before."""
    latest: datetime | None = campaign.batches.aggregate(latest=Max("settled_at"))["latest"]
    return latest


def why_not(campaign: Campaign) -> str:
    """Why the others do not follow by themselves, as a sentence; "" if the first files were accepted and few failed."""
    rows = failed = 0
    for batch in campaign.batches.all():
        failed += batch.row_errors
        if batch.status == Batch.Status.SUPERSEDED:
            continue
        if batch.status in OPEN:
            return f"File {batch.number:,} is not accepted yet."
        if batch.status != Batch.Status.ACCEPTED:
            return f"File {batch.number:,} was {batch.get_status_display().lower()}."
        rows += batch.rows
    if failed > MOST_FAILED * rows:
        return f"{failed:,} of the first {rows:,} numbers failed."
    return ""
