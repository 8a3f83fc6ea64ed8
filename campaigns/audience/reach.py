"""Whether and when the frozen recipients of a campaign may be texted at all: its allowed hours against its times."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from campaigns.audience.windows import Group, Window, is_open, next_opening, parse
from campaigns.audience.zones import group_of
from campaigns.models import Campaign
from campaigns.querysets import RecipientQuerySet
from contacts.errors import Refusal


def count_groups(window: Window, recipients: RecipientQuerySet) -> Counter[Group]:
    """How many of ``recipients`` are in each group; reads every number once, streamed."""
    return Counter(group_of(window, msisdn) for msisdn in recipients.values_list("msisdn", flat=True).iterator(2000))


def stored_groups(groups: Counter[Group]) -> list[list[Any]]:
    """``groups`` as they are stored in a campaign: [[country, [zone, ...], count], ...]."""
    return [[group.country, list(group.zones), count] for group, count in sorted(groups.items(), key=repr)]


def read_groups(stored: Iterable[Any]) -> Counter[Group]:
    """The inverse of ``stored_groups``."""
    return Counter({Group(country, tuple(zones)): count for country, zones, count in stored})


def refuse_early_portions(campaign: Campaign) -> None:
    """Raise Refusal if a campaign whose files the provider holds is to be handed over in portions."""
    parse(campaign.window)
    if campaign.is_early and (campaign.pace or campaign.canary):
        raise Refusal(
            "early_in_portions",
            "Uploading now hands over every file at once. Leave out the limit per hour and the first recipients, or "
            "let Baton hold the files until the start.",
        )


def frozen_groups(campaign: Campaign, now: datetime) -> dict[str, Any]:
    """What a freeze adds to the counts of a campaign with allowed hours. Raises Refusal if nobody could be texted."""
    window = parse(campaign.window)
    if window is None:
        return {}
    groups = count_groups(window, campaign.recipients.included())
    refuse_unreachable(campaign, groups, now)
    return {"groups": stored_groups(groups)}


def refuse_unreachable(campaign: Campaign, groups: Counter[Group], now: datetime) -> None:
    """Raise Refusal if nobody of ``groups`` could be texted from the start to the end, or, where the provider holds the
    files, if the start is outside somebody's allowed hours."""
    window = parse(campaign.window)
    if window is None or not groups:
        return
    if campaign.is_early:
        start_at = campaign.start_at or now
        outside = sum(count for group, count in groups.items() if not is_open(window, group, start_at))
        if outside:
            raise Refusal(
                "start_outside_window",
                f"For {outside:,} recipients the start is outside the allowed hours, and the provider would text them "
                "at the start. Choose another start, or let Baton hold the files until it.",
            )
    elif unreachable(campaign, groups, max(now, campaign.start_at or now)) == groups.total():
        raise Refusal(
            "window_never_opens",
            "Nobody could be texted: the allowed hours do not come before the end. Choose a later end or other hours.",
        )


def unreachable(campaign: Campaign, groups: Counter[Group], start_at: datetime) -> int:
    """How many of ``groups`` have no allowed hours between ``start_at`` and the campaign's end."""
    window = parse(campaign.window)
    if window is None:
        return 0
    count = 0
    for group, size in groups.items():
        opening = next_opening(window, group, start_at)
        if opening is None or (campaign.end_at and max(opening[0], start_at) >= campaign.end_at):
            count += size
    return count
