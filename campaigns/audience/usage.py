"""Which numbers of a contact list a campaign is using, so that undoing an import leaves them alone."""

from collections.abc import Collection

from campaigns.models import Campaign, Recipient
from campaigns.statuses import ACTIVE


def in_use(list_id: int, msisdns: Collection[str]) -> set[str]:
    """Those of ``msisdns`` that a campaign has or may get from the list: see contacts.usage.

    While a campaign on the list is being frozen, all of them are, because its recipients are not known yet.
    """
    campaigns = Campaign.objects.filter(lists=list_id, status__in=ACTIVE)
    if campaigns.filter(status=Campaign.Status.FREEZING).exists():
        return set(msisdns)
    recipients = Recipient.objects.filter(campaign__in=campaigns, list_id=list_id, msisdn__in=msisdns)
    return set(recipients.filter(excluded_reason="").values_list("msisdn", flat=True))
