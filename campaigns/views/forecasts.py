"""What pages show about a campaign's waiting and its last file."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.http import HttpRequest

from campaigns.audience.check import usable_text_of
from campaigns.audience.sources import draft_recipients
from campaigns.handover import waiting
from campaigns.models import Campaign
from contacts.errors import Refusal

#: Numbers of a draft whose allowed hours are looked up for its forecast.
SAMPLED = 2_000


def waiting_context(request: HttpRequest, campaign: Campaign, count: int, now: datetime) -> dict[str, Any]:
    """What ``_waiting.html`` shows; ``count``: how many recipients are in no file yet."""
    is_active = campaign.status in (
        Campaign.Status.FROZEN,
        Campaign.Status.APPROVED,
        Campaign.Status.HELD,
        Campaign.Status.RUNNING,
    )
    may_change = request.user.has_perm("campaigns.change_campaign")
    return {
        "waiting_for": waiting.waiting_for(campaign, count, now),
        "may_continue": may_change and waiting.may_continue(campaign, count),
        "last_sentence": last_of(campaign, count, now) if is_active else "",
    }


def last_of(campaign: Campaign, count: int, now: datetime) -> str:
    """When the last file of a frozen campaign goes, as a sentence; "" if all go at once or nobody waits."""
    if not campaign.is_spread or not count:
        return ""
    found = waiting.forecast_of(campaign, waiting.groups_left(campaign, count), now)
    return waiting.last_sentence(found, now, waiting.is_held_back(campaign))


def last_of_draft(campaign: Campaign, included: int, now: datetime, first_msisdns: Sequence[str] | None = None) -> str:
    """When the last file of a draft for so many recipients would go, as a sentence; "" if that is not known.

    ``first_msisdns``: the numbers (digits) of its first recipients, if they were read already.
    """
    if not campaign.is_spread or not included:
        return ""
    if campaign.window and first_msisdns is None:
        try:
            found = draft_recipients(campaign, usable_text_of(campaign), 0, SAMPLED)
            first_msisdns = [recipient.msisdn for recipient in found]
        except Refusal:
            return ""
    groups = waiting.groups_of_sample(campaign, list(first_msisdns or ())[:SAMPLED], included)
    return waiting.last_sentence(waiting.forecast_of(campaign, groups, now), now, waiting.is_held_back(campaign))
