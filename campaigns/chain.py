"""The chain of a campaign and its follow-ups, in which nobody is texted twice.

A chain is a first campaign, its root, and every follow-up of it or of another follow-up. Test handovers belong to
none.
"""

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from campaigns.lifecycle import OPEN, lock_campaign
from campaigns.models import Attempt, Batch, Campaign, Recipient, RecipientOutcome
from campaigns.querysets import RecipientQuerySet
from campaigns.statuses import ACTIVE, BatchStatus, CampaignStatus, RecipientResult
from contacts.pseudonyms import MARK
from providers.base import NOT_ARRIVED


def root_of(campaign: Campaign) -> int:
    """The id of the first campaign of the chain: the campaign's own if it follows none."""
    return campaign.chain_root_id or campaign.pk


def chain_of(campaign: Campaign) -> QuerySet[Campaign]:
    """The campaigns of the chain, ``campaign`` among them; only itself for a test handover."""
    root = root_of(campaign)
    return Campaign.objects.filter(Q(pk=root) | Q(chain_root=root))


def other_campaigns(campaign: Campaign) -> list[int]:
    """The ids of the other campaigns of the chain; ``[]`` for a test handover, and while nothing follows."""
    root = root_of(campaign)
    followers = Campaign.objects.filter(chain_root_id=root).order_by().values_list("pk", flat=True)
    return sorted({root, *followers} - {campaign.pk})


def lock_chain(campaign: Campaign) -> Campaign:
    """Lock the row of the chain's root until the transaction ends, then the campaign's own; return the latter.

    The gate and the settling of evidence take it, so a gate sees everything about the chain that was settled before.
    Take it before any lock of a batch's row, and after the lock of the opt-outs.
    """
    if campaign.chain_root_id:
        lock_campaign(campaign.chain_root_id)
    return lock_campaign(campaign.pk)


def why_not_freeze(campaign: Campaign) -> str:
    """The sentence why no other follow-up of the chain may be active beside ``campaign`` now; ``""`` if one may."""
    active = Campaign.objects.filter(chain_root=root_of(campaign), status__in=ACTIVE).exclude(pk=campaign.pk)
    other = active.first()
    if other is None:
        return ""
    return (
        f"“{other}” already texts people of this campaign again ({other.get_status_display().lower()}). Wait until it"
        " has finished, or cancel it."
    )


def may_have_been_reached() -> Q:
    """The condition of included recipients who were texted, may have been, or still can be, in their own campaign.

    The others were certainly not reached and never will be: their row or file was rejected, or no attempt can have
    carried them and the campaign or the batch is cancelled. Both are final. With an alarm about a file, the provider
    contradicts itself or a person, so nobody in it counts as not reached.
    """
    outcomes = RecipientOutcome.objects.filter(recipient=OuterRef(OuterRef("pk")))
    here = outcomes.filter(batch=OuterRef("pk"))
    elsewhere = outcomes.exclude(batch=OuterRef("pk"))
    arrived = Attempt.objects.filter(batch=OuterRef("pk")).exclude(ending__in=NOT_ARRIVED)
    is_theirs = ~Exists(here) & ~Exists(elsewhere)
    reaches: Any = (
        ~Q(alarm="")
        | Exists(here.filter(result=RecipientResult.ACCEPTED))
        # A row error is final once its batch is: an open one may be handed over again with the same bytes.
        | Q(status__in=OPEN) & ~Exists(elsewhere)
        | Q(status=BatchStatus.ACCEPTED) & is_theirs
        | Q(status=BatchStatus.CANCELLED) & is_theirs & Exists(arrived)
    )
    theirs = Batch.objects.filter(campaign=OuterRef("campaign"), number=OuterRef("batch_number")).filter(reaches)
    is_waiting = Q(batch_number=None) & ~Q(campaign__status=CampaignStatus.CANCELLED)
    return Q(excluded_reason="") & (is_waiting | Q(Exists(theirs)))


def is_reached_elsewhere(campaign: Campaign) -> Exists | None:
    """The condition of rows whose ``msisdn`` another campaign of the chain reached or may reach; None if there is
    no other campaign."""
    others = other_campaigns(campaign)
    if not others:
        return None
    found: Any = Recipient.objects.filter(campaign__in=others, msisdn=OuterRef("msisdn"))
    return Exists(found.filter(may_have_been_reached()))


def reached_elsewhere(campaign: Campaign, recipients: RecipientQuerySet) -> RecipientQuerySet:
    """Those of ``recipients`` of ``campaign`` whom another campaign of the chain reached or may reach."""
    condition = is_reached_elsewhere(campaign)
    return recipients.none() if condition is None else recipients.filter(condition)


def not_reached(campaign: Campaign) -> RecipientQuerySet:
    """The included recipients whom neither ``campaign`` nor another of its chain reached or may still reach.

    Without those who were erased: nobody can text them again.
    """
    included = Recipient.objects.included().filter(campaign=campaign).exclude(may_have_been_reached())
    included = included.exclude(msisdn__startswith=MARK)
    condition = is_reached_elsewhere(campaign)
    return included if condition is None else included.exclude(condition)
