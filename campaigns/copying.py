"""Copying a campaign: a new draft with the same settings, for the people who are on its lists today."""

from datetime import datetime
from itertools import chain, count
from typing import Any

from django.db import transaction

from campaigns.lifecycle import record_event, require_permission
from campaigns.models import Campaign, CampaignExclusion, CampaignList
from contacts.errors import Refusal

#: What a copy and a follow-up take over as it is.
COPIED = (
    "account_id", "template_id", "template_version", "text", "text_labels", "confirmed_literals", "letters",
    "sender", "options", "window", "parts_ceiling", "cost_ceiling", "pace", "patience",
)  # fmt: skip
#: What only a copy takes over: it chooses its people again, and a follow-up does not.
_COPIED_WITH_PEOPLE = ("not_texted_for_days", "canary", "canary_waits_for")
_SOURCE = ("contact_list_id", "segment_id", "of_campaign_id")


def copy_campaign(campaign: Campaign, user: Any, now: datetime) -> Campaign:
    """Return a new draft with the settings, sources and exclusions of ``campaign``, whatever its status.

    No recipient is copied, and a start or an end in the past is left out. Raises Refusal for a test handover, for a
    follow-up, which has no lists to choose people from, and without the permission to add campaigns.
    """
    require_permission(user, "campaigns.add_campaign")
    if campaign.kind == Campaign.Kind.TEST:
        raise Refusal("test", "A test handover cannot be copied. Copy the campaign that it tests.")
    if campaign.follows_id:
        raise Refusal("follow_up", "A follow-up has no lists and cannot be copied. Copy the first campaign instead.")
    start_at = campaign.start_at if campaign.start_at and campaign.start_at > now else None
    end_at = campaign.end_at if campaign.end_at and campaign.end_at > now else None
    with transaction.atomic():
        copy = Campaign.objects.create(
            name=free_name(campaign.name, "copy"),
            created_by=user,
            start_at=start_at,
            end_at=end_at,
            is_early=campaign.is_early and start_at is not None,
            **{name: getattr(campaign, name) for name in (*COPIED, *_COPIED_WITH_PEOPLE)},
        )
        CampaignList.objects.bulk_create(
            CampaignList(campaign=copy, position=row.position, **{name: getattr(row, name) for name in _SOURCE})
            for row in campaign.campaignlist_set.all()
        )
        CampaignExclusion.objects.bulk_create(
            CampaignExclusion(campaign=copy, **{name: getattr(row, name) for name in _SOURCE})
            for row in campaign.exclusions.all()
        )
        copy.editors.add(user)
        record_event(copy, "copied", f"Copied from “{campaign}” (campaign {campaign.pk}).", user=user)
    return copy


def free_name(name: str, word: str) -> str:
    """``October promo (copy)``, and for further ones ``(copy 2)``; cut to what the column holds."""
    endings = chain([f" ({word})"], (f" ({word} {number})" for number in count(2)))
    names = (name[: 100 - len(ending)] + ending for ending in endings)
    return next(wanted for wanted in names if not Campaign.objects.filter(name=wanted).exists())
