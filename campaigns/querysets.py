"""The questions that several operations ask of recipients and batches."""

from collections.abc import Iterable
from datetime import datetime
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Case, Exists, OuterRef, Q, When

from campaigns.statuses import EXCLUDED_LATER, BatchStatus, CampaignStatus
from contacts.models import Suppression
from providers.models import Account

if TYPE_CHECKING:
    from campaigns.models import Batch, Campaign, Recipient  # noqa: F401 - the base classes below name them


#: Included and in no batch yet: the condition of ``waiting``, for views that combine it with others.
IS_WAITING = Q(excluded_reason="", batch_number=None)


def between(batches: Iterable["Batch"]) -> Q:
    """A condition that all recipients in ``batches``, at least one, meet and an index can find; others may meet it too.

    It is empty if a batch does not say between which numbers its recipients are: see ``campaigns.privacy``.
    """
    ranges = [(batch.first_msisdn, batch.last_msisdn) for batch in batches]
    if any(not last for _, last in ranges):
        return Q()
    return reduce(or_, (Q(msisdn__gte=first, msisdn__lte=last) for first, last in ranges), Q())


class RecipientQuerySet(models.QuerySet["Recipient"]):
    def included(self) -> "RecipientQuerySet":
        """Those who were not excluded, at the freeze or later."""
        return self.filter(excluded_reason="")

    def frozen(self) -> "RecipientQuerySet":
        """Those whom the freeze included; some may have been excluded since."""
        return self.filter(excluded_reason__in=("", *EXCLUDED_LATER))

    def waiting(self) -> "RecipientQuerySet":
        """Those who are included and in no batch yet."""
        return self.filter(IS_WAITING)

    def waiting_of(self, campaign: "Campaign") -> "RecipientQuerySet":
        """Those of ``campaign`` who are included and in no batch yet, without looking at those before the first."""
        return self.filter(IS_WAITING, campaign=campaign.pk, msisdn__gt=campaign.nobody_waits_up_to)

    def has_waiting(self, campaign: "Campaign") -> bool:
        """Whether anybody of ``campaign`` is included and in no batch yet."""
        # In order, because PostgreSQL would otherwise read the table from its beginning instead of the index.
        return bool(self.waiting_of(campaign).order_by("msisdn").values_list("pk")[:1])

    def opted_out(self) -> "RecipientQuerySet":
        """Those who have an active suppression: a join over all of them."""
        active = Suppression.objects.active().filter(msisdn=OuterRef("msisdn"))
        return self.filter(Exists(active))

    def of_batch(self, batch: "Batch") -> "RecipientQuerySet":
        """Those whose texts are in this generation of a batch.

        These are the recipients with its number, except those who got an outcome in an earlier generation.
        """
        numbered = (
            self.included()
            .filter(
                campaign_id=batch.campaign_id,
                batch_number=batch.number,
            )
            .filter(between([batch]))
        )
        if batch.generation == 1:
            return numbered
        return numbered.exclude(outcomes__batch__generation__lt=batch.generation)

    def open_in_batch(self, batch: "Batch") -> "RecipientQuerySet":
        """Those of a batch without an outcome of their own: the batch's status is theirs."""
        return self.of_batch(batch).exclude(pk__in=batch.outcomes.values("recipient_id"))


class BatchQuerySet(models.QuerySet["Batch"]):
    def due(self, account: Account, now: datetime) -> "BatchQuerySet":
        """The account's batches to hand over now: those that were begun, then prepared ones of running campaigns.

        Batches that may already be with the provider come first. Campaigns take turns: the first batch of each comes
        before the second of any. While the account is stopped, no prepared batch is due. A begun batch may still be in
        the hands of a live worker, which only its lock tells.
        """
        wanted = Q(status__in=(BatchStatus.UPLOADING, BatchStatus.COMMITTING))
        if not account.is_stopped:
            wanted |= Q(status=BatchStatus.PREPARED, campaign__status=CampaignStatus.RUNNING)
        is_begun = Case(When(status=BatchStatus.PREPARED, then=0), default=1)
        return self.filter(wanted, account=account, due_at__lte=now).order_by(is_begun.desc(), "number", "campaign_id")

    def due_for_poll(self, now: datetime) -> "BatchQuerySet":
        """Batches to poll now: with the provider, or settled or given up while late news may still come."""
        late = Q(
            status__in=(
                BatchStatus.UNCLEAR,
                BatchStatus.ACCEPTED,
                BatchStatus.REJECTED,
                BatchStatus.SUPERSEDED,
                BatchStatus.CANCELLED,
            ),
            poll_until__gt=now,
        )
        return self.filter(Q(status__in=(BatchStatus.HANDED_OVER, BatchStatus.PROCESSING)) | late, poll_at__lte=now)
