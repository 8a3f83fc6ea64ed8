"""Who may have been texted since a moment: see contacts.contacted."""

from datetime import datetime

from django.db.models import Exists, OuterRef, Q

from campaigns.models import Batch, Recipient, RecipientOutcome
from campaigns.statuses import CampaignKind

#: Nobody was texted by a batch with one of these: nothing of it arrived, or another generation replaced it.
_TEXTED_NOBODY = (Batch.Status.REJECTED, Batch.Status.SUPERSEDED, Batch.Status.CANCELLED)


def contacted_since(moment: datetime) -> Exists:
    """The condition that a contact's number is in a file that may have been handed over at ``moment`` or later.

    A file whose result is unknown counts, a number that the provider refused does not. A file that the provider holds
    until its start counts from that start.
    """
    is_late = Q(first_intent_at__gte=moment) | Q(campaign__is_early=True, campaign__start_at__gte=moment)
    # A test handover texts the phones of our own people.
    files = Batch.objects.filter(is_late, campaign__kind=CampaignKind.REGULAR, first_intent_at__isnull=False).exclude(
        status__in=_TEXTED_NOBODY
    )
    file = files.filter(campaign=OuterRef("campaign"), number=OuterRef("batch_number"))
    failed = RecipientOutcome.objects.filter(recipient=OuterRef("pk"), result=RecipientOutcome.Result.ROW_ERROR)
    # The campaigns are looked up first, so that the database does not look at every older text of every contact.
    campaigns = list(files.order_by().values_list("campaign", flat=True).distinct())
    texted = Recipient.objects.filter(msisdn=OuterRef("msisdn"), batch_number__isnull=False, campaign__in=campaigns)
    return Exists(texted.filter(Exists(file), ~Exists(failed)))
