"""Which numbers of a contact list a campaign is using, so that undoing an import leaves them alone."""

from collections.abc import Collection

from django.db.models import Q

from campaigns.models import Campaign, Recipient
from campaigns.statuses import ACTIVE


def in_use(list_id: int, msisdns: Collection[str]) -> set[str]:
    """Those of ``msisdns`` that a campaign has or may get from the list: see contacts.usage.

    While a campaign that chooses or excludes people of the list is being frozen, all of them are, because its
    recipients are not known yet.
    """
    campaigns = Campaign.objects.filter(lists=list_id, status__in=ACTIVE)
    reads_it = Q(lists=list_id) | Q(exclusions__contact_list=list_id) | Q(exclusions__segment__list=list_id)
    if Campaign.objects.filter(reads_it, status=Campaign.Status.FREEZING).exists():
        return set(msisdns)
    # An undo asks for each few thousand numbers; most lists have no such campaign.
    active = list(campaigns.values_list("pk", flat=True))
    if not active:
        return set()
    recipients = Recipient.objects.filter(campaign__in=active, list_id=list_id, msisdn__in=msisdns)
    return set(recipients.filter(excluded_reason="").values_list("msisdn", flat=True))
