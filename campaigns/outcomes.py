"""The outcome of each recipient of a campaign: the filter, and the words for the table and the export."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from campaigns.models import Batch, Campaign, Recipient, RecipientOutcome
from campaigns.querysets import IS_WAITING, between
from campaigns.tables import EXCLUDED_WORDS, OUTCOME_OF_BATCH
from contacts.browsing import with_beginning

#: Recipients that a database puts in order at once, and the ranges of numbers in which it finds them.
_FEW_ROWS = 50_000
_FEW_RANGES = 20


def current_generations(batches: Iterable[Batch]) -> dict[int, Batch]:
    """The generation of each number that counts. A number whose generations are all superseded has none."""
    return {batch.number: batch for batch in batches if batch.status != Batch.Status.SUPERSEDED}


def filtered(campaign: Campaign, batches: Sequence[Batch], wanted: Mapping[str, Any]) -> QuerySet[Recipient]:
    """The recipients that match ``wanted``, the cleaned data of RecipientFilter; all of them where it is empty."""
    rows = _numbered(campaign, wanted)
    if wanted.get("batch"):
        rows = rows.filter(excluded_reason="", batch_number=wanted["batch"])
    if wanted.get("code"):
        of_cause = RecipientOutcome.objects.filter(recipient=OuterRef("pk"), code=wanted["code"])
        numbers = [
            batch.number
            for batch in batches
            if batch.reason == wanted["code"] and batch.status != Batch.Status.SUPERSEDED
        ]
        rows = rows.filter(Exists(of_cause) | Q(batch_number__in=numbers) | Q(excluded_reason=wanted["code"]))
    if wanted.get("outcome"):
        rows = _with_outcome(campaign, rows, batches, wanted["outcome"])
    return rows


def narrowed(campaign: Campaign, batches: Sequence[Batch], wanted: Mapping[str, Any]) -> QuerySet[Recipient]:
    """Recipients among whom all those are that match ``wanted``: the fewest that an index gives in order."""
    rows = _numbered(campaign, wanted)
    code, outcome = wanted.get("code"), wanted.get("outcome")
    if wanted.get("batch"):
        return rows.filter(between(batch for batch in batches if batch.number == wanted["batch"]))
    if code in Recipient.Excluded.values:
        return rows.filter(excluded_reason=code)
    has_file = any(OUTCOME_OF_BATCH.get(batch.status) == outcome for batch in batches)
    if not code and outcome == without_file(campaign) and not has_file:
        return rows.filter(msisdn__gt=campaign.nobody_waits_up_to)
    if not code and outcome not in ("row_error", "rejected", "needs_decision"):
        return rows
    of_code = [
        batch
        for batch in batches
        if (not code or batch.reason == code or any(cause[1] == code for cause in batch.causes))
        and (not outcome or OUTCOME_OF_BATCH.get(batch.status) == outcome or _has_result(batch, outcome))
    ]
    if sum(batch.rows for batch in of_code) > _FEW_ROWS or len(of_code) > _FEW_RANGES:
        return rows
    return rows.filter(between(of_code)) if of_code else rows.none()


def _numbered(campaign: Campaign, wanted: Mapping[str, Any]) -> QuerySet[Recipient]:
    """All recipients, or those whose number begins as the wanted one does, in any notation: an index finds them."""
    rows: QuerySet[Recipient] = campaign.recipients.all()
    if not any(map(str.isdigit, wanted.get("number") or "")):
        return rows
    starting = with_beginning(rows, wanted["number"], settings.DEFAULT_COUNTRY)
    return rows.none() if starting is None else starting


def _has_result(batch: Batch, outcome: str) -> bool:
    return any(cause[0] == outcome for cause in batch.causes)


def _with_outcome(
    campaign: Campaign, rows: QuerySet[Recipient], batches: Sequence[Batch], outcome: str
) -> QuerySet[Recipient]:
    if outcome == "excluded":
        return rows.exclude(excluded_reason="")
    numbers = [n for n, batch in current_generations(batches).items() if OUTCOME_OF_BATCH[batch.status] == outcome]
    own = RecipientOutcome.objects.filter(recipient=OuterRef("pk"))
    fits: Q = Q(batch_number__in=numbers) & ~Q(Exists(own))
    if outcome in RecipientOutcome.Result.values:
        fits |= Q(Exists(own.filter(result=outcome)))
    if outcome == without_file(campaign):
        fits |= IS_WAITING
    return rows.filter(fits)


def without_file(campaign: Campaign) -> str:
    """The outcome of the included recipients of a campaign who are in no file."""
    return "cancelled" if campaign.status == Campaign.Status.CANCELLED else "waiting"


def own_outcomes(rows: Sequence[Recipient]) -> dict[int, RecipientOutcome]:
    """The latest thing that the provider reported about each of ``rows``, by the id of the recipient."""
    found = RecipientOutcome.objects.filter(recipient__in=[row.pk for row in rows]).order_by("id")
    return {outcome.recipient_id: outcome for outcome in found}


def add_outcomes(campaign: Campaign, batches: Sequence[Batch], rows: Sequence[Recipient]) -> Sequence[Recipient]:
    """Set ``outcome`` and ``detail`` on each row, with one query for all of them."""
    current = current_generations(batches)
    outcomes = own_outcomes(rows)
    for row in rows:
        outcome, detail = state_of(campaign, row, outcomes.get(row.pk), current.get(row.batch_number or 0))
        row.outcome, row.detail = outcome, detail  # type: ignore[attr-defined]
    return rows


def state_of(campaign: Campaign, row: Recipient, own: RecipientOutcome | None, batch: Batch | None) -> tuple[str, str]:
    """The outcome of a recipient, and why. ``own``: what the provider reported; ``batch``: the current generation."""
    if row.excluded_reason:
        return "excluded", EXCLUDED_WORDS[row.excluded_reason]
    if own is not None:
        delivery = own.get_delivery_display() if own.delivery else ""
        words = own.sentence or own.code
        # "Delivered to the phone. Delivered" says it twice.
        return own.result, words if delivery.lower() in words.lower() else f"{words} {delivery}".strip()
    if batch is None:
        return without_file(campaign), ""
    outcome = OUTCOME_OF_BATCH[batch.status]
    return outcome, batch.sentence if outcome in ("rejected", "needs_decision", "cancelled") else ""
