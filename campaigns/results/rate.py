"""How fast a campaign is handed over, and how long it still takes."""

from datetime import datetime, timedelta

from campaigns.models import Campaign
from campaigns.results.balance import Balance


def rate_of(campaign: Campaign, books: Balance, now: datetime) -> str:
    """``1,200 handed over per minute, 4 min left``; "" while nothing runs or it is not known yet."""
    handed = books.settled + books.with_provider
    if campaign.status != Campaign.Status.RUNNING or not campaign.started_at or not handed or not books.still_here:
        return ""
    minutes = max((now - campaign.started_at) / timedelta(minutes=1), 0.1)
    rate = handed / minutes
    return f"{rate:,.0f} handed over per minute, {_left(books.still_here / rate)} left"


def _left(minutes: float) -> str:
    if minutes < 1:
        return "less than a minute"
    if minutes < 120:
        return f"{minutes:,.0f} min"
    return f"{minutes / 60:,.0f} hours"
