"""The result of a campaign in one line, for the pages that list several campaigns."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import F, Q, Sum
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Coalesce

from campaigns.models import Batch, Campaign
from campaigns.results.balance import Balance

#: Above this share of recipients without a text a finished campaign is shown as failed rather than as accepted.
MOSTLY_FINE = 0.05


@dataclass(frozen=True)
class Summary:
    """How many recipients of a campaign were accepted, failed or were cancelled, and what to call that.

    ``kind`` is a kind of chip. ``words`` is "" while the campaign may still text somebody.
    """

    accepted: int = 0
    failed: int = 0
    cancelled: int = 0
    kind: str = ""
    words: str = ""

    @property
    def short(self) -> str:
        """``words`` without numbers, for where the numbers stand beside them."""
        head, _, rest = self.words.partition(": ")
        if rest and self.cancelled:
            if not self.accepted:
                return f"{head}: nobody was texted"
            return f"{head}: many got no text" if self.kind == "rejected" else f"{head}: some got no text"
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
            cancelled=_total(remainder, Batch.Status.CANCELLED),
        )
    }
    none = {"accepted": 0, "failed": 0, "cancelled": 0}
    found = {pk: counts.get(pk, none) for pk in rows}
    return {
        pk: summarize(campaign, found[pk]["accepted"], found[pk]["failed"], found[pk]["cancelled"])
        for pk, campaign in rows.items()
    }


def of_books(campaign: Campaign, books: Balance) -> Summary:
    """The summary of ``campaign`` from its ``books``."""
    return summarize(campaign, books.outcomes["accepted"], books.failed, books.by_outcome["cancelled"])


def summarize(campaign: Campaign, accepted: int, failed: int, cancelled: int) -> Summary:
    """The summary of ``campaign`` with these counts of recipients."""
    kind, words = _kind_and_words(campaign, accepted, failed, cancelled)
    return Summary(accepted, failed, cancelled, kind, words)


def _kind_and_words(campaign: Campaign, accepted: int, failed: int, cancelled: int) -> tuple[str, str]:
    if campaign.status == Campaign.Status.CANCELLED:
        return "excluded", "Cancelled"
    if campaign.status != Campaign.Status.CLOSED:
        return "", ""
    without_text = failed + cancelled
    total = accepted + without_text
    if not accepted and not failed:
        return "excluded", "Finished: nobody was texted"
    if not without_text:
        return "accepted", f"Finished: all {total:,} accepted" if total > 1 else "Finished: accepted"
    kind = "accepted" if without_text <= total * MOSTLY_FINE else "rejected"
    if cancelled:
        return kind, f"Finished: {accepted:,} accepted, {without_text:,} of {total:,} got no text"
    if kind == "accepted":
        return kind, f"Finished: {accepted:,} accepted, {failed:,} failed"
    return kind, f"Finished: {failed:,} of {total:,} failed"


def _total(remainder: CombinedExpression, status: str) -> Coalesce:
    """The recipients without an outcome of their own in batches of this status."""
    return Coalesce(Sum(remainder, filter=Q(status=status)), 0)
