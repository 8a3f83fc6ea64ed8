"""What a campaign can choose and exclude, as the options of a select: lists, their segments, recipients of campaigns.

A key names one option: ``12`` is a list, ``s5`` a segment, ``c7-12`` those of list 12 who were recipients of campaign
7, and ``c7`` all recipients of campaign 7, who can only be excluded.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from django.db.models import Exists, OuterRef, Prefetch, QuerySet

from campaigns.models import Campaign, CampaignExclusion, CampaignList, Recipient
from contacts.models import ContactList, Segment

#: ``(group, [(key, label)])``
Groups = list[tuple[str, list[tuple[str, str]]]]

#: Only so many campaigns are offered, the latest first, besides those that are chosen already.
OFFERED = 50

_KEY = re.compile(r"(?P<list>\d{1,18})|s(?P<segment>\d{1,18})|c(?P<campaign>\d{1,18})(?:-(?P<of_list>\d{1,18}))?")


def key_of(row: CampaignList | CampaignExclusion) -> str:
    """The key of a row, saved or not."""
    if row.segment_id:
        return f"s{row.segment_id}"
    if row.of_campaign_id:
        return f"c{row.of_campaign_id}" + (f"-{row.contact_list_id}" if row.contact_list_id else "")
    return str(row.contact_list_id)


def source_of(key: str) -> CampaignList | None:
    """The unsaved row that a key chooses; None if it names nothing that exists."""
    found = _found(key)
    if found is None or found.get("contact_list") is None:
        return None
    return CampaignList(**found)


def exclusion_of(key: str) -> CampaignExclusion | None:
    """The unsaved row that a key excludes; None if it names nothing that exists."""
    found = _found(key)
    if found is None:
        return None
    # A segment or a campaign is excluded as a whole.
    if found["segment"] or found["of_campaign"]:
        found["contact_list"] = None
    return CampaignExclusion(**found)


def sources_to_choose(campaign: Campaign, chosen: Sequence[str]) -> Groups:
    """What a campaign can choose. ``chosen``: the keys that are offered in any case."""
    texted = [
        (f"c{other.pk}-{row.pk}", f"Recipients of {other}" + (f" on {row}" if len(lists) > 1 else ""))
        for other, lists in _with_lists(_campaigns(campaign, chosen))
        for row in lists
    ]
    return _groups(list(_lists_and_segments()), texted)


def exclusions_to_choose(campaign: Campaign, chosen: Sequence[str]) -> Groups:
    """What a campaign can exclude; ``chosen`` as in ``sources_to_choose``."""
    texted = [(f"c{other.pk}", f"Recipients of {other}") for other in _campaigns(campaign, chosen)]
    return _groups(list(_lists_and_segments()), texted)


def _found(key: str) -> dict[str, ContactList | Segment | Campaign | None] | None:
    match = _KEY.fullmatch(key)
    if match is None:
        return None
    pks = {name: int(value) for name, value in match.groupdict().items() if value}
    list_pk = pks.get("list", pks.get("of_list", 0))
    contact_list = ContactList.objects.filter(pk=list_pk).first()
    segment = Segment.objects.select_related("list").filter(pk=pks.get("segment", 0)).first()
    of_campaign = Campaign.objects.filter(pk=pks.get("campaign", 0)).first()
    if sum(bool(row) for row in (contact_list, segment, of_campaign)) != len(pks):
        return None
    return {
        "contact_list": segment.list if segment else contact_list,
        "segment": segment,
        "of_campaign": of_campaign,
    }


def _lists_and_segments() -> Iterator[tuple[str, str]]:
    for row in ContactList.objects.prefetch_related("segments"):
        yield str(row.pk), row.name
        for segment in row.segments.all():
            yield f"s{segment.pk}", f"{row.name}: {segment.name}"


def _campaigns(campaign: Campaign, chosen: Iterable[str]) -> list[Campaign]:
    """The other campaigns that have recipients: the latest, and those chosen already."""
    matches = [match for key in chosen if (match := _KEY.fullmatch(key))]
    pks = [int(match["campaign"]) for match in matches if match["campaign"]]
    has_recipients = Exists(Recipient.objects.included().filter(campaign=OuterRef("pk")))
    others: QuerySet[Campaign] = Campaign.objects.filter(kind=Campaign.Kind.REGULAR).exclude(pk=campaign.pk)
    others = others.select_related("chain_root")
    offered = {row.pk: row for row in others.filter(has_recipients).order_by("-pk")[:OFFERED]}
    offered |= {row.pk: row for row in others.filter(pk__in=pks) if row.pk not in offered}
    return list(offered.values())


def _with_lists(campaigns: Sequence[Campaign]) -> Iterator[tuple[Campaign, list[ContactList]]]:
    """Each campaign with the lists whose contacts it may have texted; a follow-up has those of its chain's root."""
    roots = {row.pk: row.chain_root_id or row.pk for row in campaigns}
    rows = CampaignList.objects.select_related("contact_list").order_by("position")
    found = Campaign.objects.filter(pk__in=roots.values()).prefetch_related(Prefetch("campaignlist_set", rows))
    lists = {root.pk: [row.contact_list for row in root.campaignlist_set.all()] for root in found}
    for campaign in campaigns:
        yield campaign, list(dict.fromkeys(lists[roots[campaign.pk]]))


def _groups(lists: list[tuple[str, str]], texted: list[tuple[str, str]]) -> Groups:
    groups = [("Lists and segments", lists), ("Recipients of a campaign", texted)]
    return [(group, options) for group, options in groups if options]
