"""The result of a campaign in one line, for the pages that list several campaigns."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import F, Q, Sum
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Coalesce

from campaigns.models import Batch, Campaign

#: Above this share of failures a finished campaign is shown as failed rather than as accepted.
MOSTLY_FINE = 0.05


@dataclass(frozen=True)
class Summary:
    """How many recipients of a campaign were accepted and how many failed, and what to call that.

    ``kind`` is a kind of chip. ``words`` is "" while the campaign may still text somebody.
    """

    accepted: int = 0
    failed: int = 0
    kind: str = ""
    words: str = ""

    @property
    def short(self) -> str:
        """``words`` without numbers, for where the numbers stand beside them."""
        head, _, rest = self.words.partition(": ")
        if not rest or not self.failed:
            return head
        if not self.accepted:
            return f"{head}: all failed" if self.failed > 1 else f"{head}: failed"
        return f"{head}: many failed" if self.kind == "rejected" else f"{head}: some failed"


def of(campaigns: Iterable[Campaign]) -> dict[int, Summary]:
    """The summary of each campaign by its id, in one query over their batches."""
    rows = {campaign.pk: campaign for campaign in campaigns}
    remainder = F("rows") - F("row_errors") - F("accepted_rows")
    counts = {
        row["campaign_id"]: row
        for row in Batch.objects.filter(campaign__in=rows)
        .order_by()
        .values("campaign_id")
        .annotate(
            accepted=Sum("accepted_rows") + _total(remainder, Batch.Status.ACCEPTED),
            failed=Sum("row_errors") + _total(remainder, Batch.Status.REJECTED),
        )
    }
    none = {"accepted": 0, "failed": 0}
    return {
        pk: summarize(campaign, counts.get(pk, none)["accepted"], counts.get(pk, none)["failed"])
        for pk, campaign in rows.items()
    }


def summarize(campaign: Campaign, accepted: int, failed: int) -> Summary:
    """The summary of ``campaign`` with these counts of recipients."""
    if campaign.status == Campaign.Status.CANCELLED:
        return Summary(accepted, failed, "excluded", "Cancelled")
    if campaign.status != Campaign.Status.CLOSED:
        return Summary(accepted, failed)
    total = accepted + failed
    if not total:
        return Summary(accepted, failed, "excluded", "Finished: nobody was texted")
    if not failed:
        words = f"Finished: all {total:,} accepted" if total > 1 else "Finished: accepted"
        return Summary(accepted, failed, "accepted", words)
    if failed <= total * MOSTLY_FINE:
        return Summary(accepted, failed, "accepted", f"Finished: {accepted:,} accepted, {failed:,} failed")
    return Summary(accepted, failed, "rejected", f"Finished: {failed:,} of {total:,} failed")


def _total(remainder: CombinedExpression, status: str) -> Coalesce:
    """The recipients without an outcome of their own in batches of this status."""
    return Coalesce(Sum(remainder, filter=Q(status=status)), 0)
