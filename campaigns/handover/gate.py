"""The gate: the last check before a commit. The intent is stored in the same transaction."""

from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from campaigns.audience.approval import is_as_approved
from campaigns.chain import lock_chain
from campaigns.handover import journal
from campaigns.handover.batches import why_rebuild
from campaigns.handover.limits import (
    EXPIRED,
    PUT_OFF,
    TOO_LATE,
    WINDOW_CLOSED,
    WINDOW_INVALID,
    Verdict,
    verdict_on,
)
from campaigns.handover.progress import no_progress_sentence
from campaigns.lifecycle import StaleTransition, transition
from campaigns.models import Attempt, Batch, Campaign
from campaigns.results.evidence import BytesDiffer, payload_of
from contacts.suppression import OPT_OUT_LOCK
from providers.base import Staged

UNAPPROVED = "This campaign is no longer what was approved. Nothing is handed over."


def next_attempt(batch: Batch) -> int:
    """A number that no attempt of this batch has had, according to the database and every journal."""
    stored = batch.attempts.order_by("-number").values_list("number", flat=True).first() or 0
    return max(stored, journal.last_attempt(batch.stem)) + 1


def gate(batch: Batch, staged: Staged, name: str, now: datetime, *, repeated: bool = False) -> Attempt | None:
    """Check everything a last time and store the intent, in one transaction; return the attempt, or None if refused.

    A first gate moves ``uploading`` to ``committing``. A repeated one checks everything again except who has left since
    (``why_rebuild``), for which the first intent counts. If a first gate is refused, the batch was moved as the reason
    requires, except if somebody left: then it is still ``uploading``, and the caller rebuilds it.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                # First and on its own: every opt-out is committed before this, or waits until the intent is.
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [OPT_OUT_LOCK])
        # Evidence about the chain is settled before this, or waits until the intent is stored.
        campaign = lock_chain(batch.campaign)
        verdict = _verdict(batch, campaign, now, repeated)
        if verdict.code:
            if not repeated:
                _apply_refusal(batch, campaign, verdict, now)
            return None
        if not repeated and why_rebuild(campaign, batch):
            return None
        if repeated and not still_committing(batch).exists():
            raise StaleTransition(batch)
        attempt = Attempt.objects.create(
            batch=batch,
            number=next_attempt(batch),
            name=name,
            host=staged.host or batch.account.host,
            staged_name=staged.name,
            staged_host=staged.host,
            staged_size=staged.size,
            started_at=now,
        )
        # The commit is not made later than this.
        batch.expires_at = verdict.expires_at
        if not repeated:
            fields: dict[str, Any] = {"uploaded_at": now} if staged.name else {}
            fields["expires_at"] = verdict.expires_at
            first = batch.first_intent_at or now
            # Due at once: if this worker dies, the next one polls.
            transition(batch, Batch.Status.COMMITTING, first_intent_at=first, due_at=now, **fields)
        return attempt


def _verdict(batch: Batch, campaign: Campaign, now: datetime, repeated: bool) -> Verdict:
    if campaign.status != Campaign.Status.RUNNING:
        return Verdict("not_running", f"The campaign is {campaign.get_status_display().lower()}.")
    # For a repeated commit, the first intent counts here too.
    if not repeated and (too_late := no_progress_sentence(campaign, now)):
        return Verdict("no_progress", too_late)
    if not is_as_approved(campaign):
        return Verdict("approval_differs", UNAPPROVED)
    verdict = verdict_on(batch, campaign, now)
    if verdict.code:
        return verdict
    if verdict.expires_at and now >= verdict.expires_at:
        return Verdict(EXPIRED, TOO_LATE)
    try:
        payload_of(batch)
    except BytesDiffer as error:
        return Verdict(error.code, error.sentence)
    return verdict


def _apply_refusal(batch: Batch, campaign: Campaign, refusal: Verdict, now: datetime) -> None:
    code, sentence = refusal.code, refusal.sentence
    if campaign.status == Campaign.Status.CANCELLED:
        transition(batch, Batch.Status.CANCELLED, reason="campaign_cancelled", sentence=sentence, due_at=None)
    elif code in PUT_OFF and refusal.due_at:
        transition(batch, Batch.Status.PREPARED, reason=code, sentence=sentence, **refusal.fields)
    elif code in (EXPIRED, WINDOW_CLOSED, WINDOW_INVALID, "bytes_differ"):
        transition(batch, Batch.Status.HELD, reason=code, sentence=sentence, due_at=None)
    else:
        transition(batch, Batch.Status.PREPARED, reason=code, sentence=sentence, due_at=now)
        if code in ("approval_differs", "no_progress"):
            transition(campaign, Campaign.Status.PAUSED, reason=code, sentence=sentence)


def still_committing(batch: Batch) -> QuerySet[Batch]:
    """The batch as a queryset, which is empty once another worker has moved it."""
    return Batch.objects.filter(pk=batch.pk, status=Batch.Status.COMMITTING)
