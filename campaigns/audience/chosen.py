"""The contacts that a row of a campaign's sources chooses: of a list, of a segment, or whom a campaign texted."""

from collections.abc import Sequence

from django.db.models import Exists, Q, QuerySet

from campaigns.audience.exclusion import SAME_NUMBER
from campaigns.models import CampaignList, Recipient
from contacts import segments
from contacts.models import Contact


def chosen_contacts(row: CampaignList) -> QuerySet[Contact]:
    """The contacts that one row chooses. Raises Refusal if the conditions of its segment are damaged."""
    contacts = row.contact_list.contacts.all()
    if row.segment:
        contacts = contacts.filter(segments.query_of(row.segment.conditions))
    if row.of_campaign_id:
        texted = Recipient.objects.included().filter(campaign=row.of_campaign_id, list_id=row.contact_list_id)
        contacts = contacts.filter(Exists(texted.filter(**SAME_NUMBER)))
    return contacts


def on_any(rows: Sequence[CampaignList]) -> Q:
    """The condition that one of ``rows`` chooses a contact with the number of a row outside; an empty Q for no rows."""
    whole = [row.contact_list_id for row in rows if not row.segment and not row.of_campaign_id]
    found = Q(Exists(Contact.objects.filter(list__in=whole, **SAME_NUMBER))) if whole else Q()
    for row in rows:
        if row.segment or row.of_campaign_id:
            found |= Q(Exists(chosen_contacts(row).filter(**SAME_NUMBER)))
    return found
