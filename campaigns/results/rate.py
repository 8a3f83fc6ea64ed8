"""How fast a campaign is handed over, and how long it still takes."""

from datetime import datetime, timedelta

from django.db.models import Sum

from campaigns.models import Batch, Campaign
from campaigns.results.balance import Balance


def rate_of(campaign: Campaign, books: Balance, now: datetime) -> str:
    """``1,200 handed over per minute, 4 min left``; "" while nothing runs or it is not known yet.

    Also "" for a campaign with allowed hours, a pace or first recipients: it waits on purpose, so a rate predicts
    nothing.
    """
    if campaign.is_staggered:
        return ""
    handed, since = books.settled + books.with_provider, campaign.started_at
    if campaign.status != Campaign.Status.RUNNING or not since or not books.still_here:
        return ""
    if campaign.resumed_at:
        # Nothing was handed over while it was paused.
        since = campaign.resumed_at
        lately = campaign.batches.filter(handed_over_at__gte=since).exclude(status=Batch.Status.SUPERSEDED)
        handed = lately.aggregate(rows=Sum("rows"))["rows"] or 0
    if not handed:
        return ""
    minutes = max((now - since) / timedelta(minutes=1), 0.1)
    rate = handed / minutes
    return f"{rate:,.0f} handed over per minute, {_left(books.still_here / rate)} left"


def _left(minutes: float) -> str:
    if minutes < 1:
        return "less than a minute"
    if minutes < 120:
        return f"{minutes:,.0f} min"
    return f"{minutes / 60:,.0f} hours"
