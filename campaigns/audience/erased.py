"""What cannot be frozen because numbers that it would have to know were erased: see docs/privacy.md."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db.models import Exists, OuterRef, Q

from campaigns.chain import chain_of
from campaigns.models import Batch, Campaign, CampaignPerson, Recipient
from contacts.errors import Refusal
from contacts.pseudonyms import MARK, pseudonym

#: Numbers that one query looks up.
CHUNK = 500


def refuse_erased(campaign: Campaign, now: datetime) -> None:
    """Raise Refusal ``erased`` if a rule of the campaign needs numbers that were erased.

    These are the recipients of a campaign that is chosen or excluded, those texted in the last days, and those of the
    chain, in which nobody may be texted twice.
    """
    sources = (campaign.campaignlist_set, campaign.exclusions)
    for rows in sources:
        row: Any = rows.filter(of_campaign__recipients_erased_at__isnull=False).first()
        if row:
            sentence = f"The numbers of “{row.of_campaign}” were erased, so its recipients cannot be chosen or skipped."
            raise Refusal("erased", f"{sentence} Remove it from the recipients.")
    if campaign.not_texted_for_days and _texted_by_erased(now - timedelta(days=campaign.not_texted_for_days)):
        raise Refusal(
            "erased",
            f"The numbers of a campaign of the last {campaign.not_texted_for_days:,} days were erased, so Baton no"
            " longer knows everybody who was texted in them. Choose fewer days.",
        )
    if campaign.people.filter(msisdn__startswith=MARK).exists():
        raise Refusal("erased", "A person of this draft was erased. Create it again without that person.")
    if not campaign.chain_root_id:
        return
    erased = chain_of(campaign).filter(recipients_erased_at__isnull=False).first()
    if erased:
        raise Refusal("erased", f"The numbers of “{erased}” were erased, so its people cannot be texted again.")
    if problems := list(_corrected_to_erased(campaign)):
        campaign.problems = problems
        raise Refusal("erased", "A corrected number belongs to a person who was erased. Remove it from the draft.")


def erased_in_chain(campaign: Campaign, msisdns: Iterable[str]) -> Iterator[str]:
    """Those of ``msisdns`` (digits) whose person was erased as a recipient of another campaign of the chain."""
    with_erased = chain_of(campaign).exclude(pk=campaign.pk).exclude(kept_digest="")
    ids = list(with_erased.values_list("pk", flat=True))
    if not ids:
        return
    rows = Recipient.objects.filter(campaign__in=ids)
    rest = iter(msisdns)
    while chunk := list(islice(rest, CHUNK)):
        by_pseudonym = {pseudonym(msisdn): msisdn for msisdn in chunk}
        found = rows.filter(msisdn__in=by_pseudonym).values_list("msisdn", flat=True)
        yield from (by_pseudonym[one] for one in found)


def _corrected_to_erased(campaign: Campaign) -> Iterator[dict[str, str]]:
    corrected = CampaignPerson.objects.filter(campaign=campaign, is_corrected=True)
    for msisdn in erased_in_chain(campaign, corrected.values_list("msisdn", flat=True).iterator()):
        yield {"msisdn": msisdn, "code": "erased", "sentence": "This person was erased and may have been texted."}


def _texted_by_erased(moment: datetime) -> bool:
    """Whether a campaign whose numbers were erased may have handed something over at ``moment`` or later."""
    is_late = Q(first_intent_at__gte=moment) | Q(campaign__is_early=True, campaign__start_at__gte=moment)
    files = Batch.objects.filter(is_late, campaign=OuterRef("pk"), first_intent_at__isnull=False)
    return Campaign.objects.filter(Exists(files), recipients_erased_at__isnull=False).exists()
