"""What people decide: approve, pause, cancel, release a held batch, decide an unclear batch."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from campaigns import timing
from campaigns.audience.approval import approval_hash, refuse_unapproved
from campaigns.audience.freeze import delete_recipients
from campaigns.audience.reach import read_groups, refuse_unreachable
from campaigns.handover import canary
from campaigns.handover.batches import supersede
from campaigns.handover.limits import expires_at_of, is_too_late
from campaigns.handover.restore import cancel_unless_journalled
from campaigns.lifecycle import (
    StaleTransition,
    batch_lock_name,
    campaign_lock_name,
    lock_campaign,
    record_event,
    require_permission,
    transition,
)
from campaigns.models import Batch, Campaign, Recipient
from campaigns.results.evidence import evidence_fingerprint
from campaigns.results.schedule import last_poll
from campaigns.results.uploaded_log import UploadedLog, accept_named
from campaigns.statuses import DECIDED, PAUSED_BY_USER, SENT_BACK
from contacts.errors import Refusal
from providers.locks import LockLost, hold

#: The decisions about an unclear batch, and the words to choose from.
DECISIONS = {
    "handed_over": "It was handed over: keep polling for its result",
    "accepted": "The provider took all of it",
    "rejected": "Nobody was texted: it was rejected as a whole",
    "again": "Nobody was texted: hand it over again",
    "partly": "Part of it was texted: upload the provider's log and hand over the rest again",
    "cancel": "Cancel it: it will not be handed over again",
}


def why_not_approve(campaign: Campaign, user: Any) -> str:
    """The sentence why ``user`` may not approve ``campaign``; ``""`` if they may."""
    if campaign.kind == Campaign.Kind.TEST:
        return "A test handover starts by itself."
    if not user.has_perm("campaigns.approve_campaign"):
        return "Your role does not approve campaigns."
    if is_own(campaign, user) and not settings.SELF_APPROVAL:
        return "You submitted or edited this campaign, so somebody else has to approve it."
    return ""


def is_own(campaign: Campaign, user: Any) -> bool:
    """Whether ``user`` froze or edited the campaign."""
    return campaign.frozen_by_id == user.pk or campaign.editors.filter(pk=user.pk).exists()


def approve(campaign: Campaign, user: Any, seen_hash: str, now: datetime) -> None:
    """Approve what was frozen, exactly as ``user`` saw it. A campaign that starts "now" starts at this moment.

    Raises Refusal if the user froze or edited it, if it changed since the page was loaded, or if its start or end has
    passed.
    """
    why_not = why_not_approve(campaign, user)
    if why_not:
        raise Refusal("not_allowed", why_not)
    if campaign.status != Campaign.Status.FROZEN:
        raise Refusal("not_frozen", f"{campaign} is not waiting for approval.")
    if not seen_hash or seen_hash != campaign.approval_hash or approval_hash(campaign) != seen_hash:
        raise Refusal("approval_differs", "The campaign changed after this page was loaded. Check it again.")
    start_at = campaign.start_at or now
    if start_at < now - campaign.patience:
        raise Refusal("start_passed", "The start has passed. Change the campaign and choose a new one.")
    _require_end_after(campaign, max(start_at, now))
    refuse_unreachable(campaign, read_groups(campaign.counts.get("groups", [])), now)
    transition(
        campaign,
        Campaign.Status.APPROVED,
        user=user,
        approved_by=user,
        approved_at=now,
        is_self_approved=is_own(campaign, user),
        approval_expires_at=max(now + settings.APPROVAL_LASTS, start_at + campaign.patience),
        effective_start_at=now if campaign.is_early else start_at,
    )


def reject(campaign: Campaign, user: Any, why: str) -> None:
    """Send a frozen campaign back to draft with a reason. Its recipients are deleted, its history is kept."""
    require_permission(user, "campaigns.approve_campaign")
    if campaign.status != Campaign.Status.FROZEN:
        raise Refusal("not_frozen", f"{campaign} is not waiting for approval.")
    _back_to_draft(campaign, user, SENT_BACK, _require_reason(why))


def change(campaign: Campaign, user: Any) -> None:
    """Return a campaign to draft for changes, before its first batch is created. Its recipients are deleted."""
    require_permission(user, "campaigns.change_campaign")
    changeable = (Campaign.Status.FROZEN, Campaign.Status.APPROVED, Campaign.Status.HELD)
    if campaign.status not in changeable or campaign.kind == Campaign.Kind.TEST:
        raise Refusal("not_changeable", f"{campaign} can no longer be changed.")
    _back_to_draft(campaign, user, "changed", "Returned to draft for changes.")


#: Whoever has one of these may stop a campaign, and let one continue that a user stopped.
_TO_STOP = ("campaigns.change_campaign", "campaigns.approve_campaign")


def may_stop(user: Any) -> bool:
    """Whether ``user`` may stop a campaign: operators write the text, and approvers answer for it."""
    return any(map(user.has_perm, _TO_STOP))


def pause(campaign: Campaign, user: Any) -> None:
    """Stop handing over. Files already with the provider stay there."""
    require_permission(user, *_TO_STOP)
    if campaign.status != Campaign.Status.RUNNING:
        raise Refusal("not_running", f"{campaign} is not running.")
    transition(campaign, Campaign.Status.PAUSED, user=user, reason=PAUSED_BY_USER, sentence="Paused by a user.")


def resume(campaign: Campaign, user: Any, now: datetime) -> None:
    """Continue handing over. A campaign that Baton paused by itself can only be resumed by an approver."""
    by_hand = campaign.reason == PAUSED_BY_USER
    require_permission(user, *(_TO_STOP if by_hand else ("campaigns.approve_campaign",)))
    if campaign.status != Campaign.Status.PAUSED:
        raise Refusal("not_paused", f"{campaign} is not paused.")
    refuse_unapproved(campaign)
    transition(campaign, Campaign.Status.RUNNING, user=user, resumed_at=now, batches_due_at=None)


def release_canary(campaign: Campaign, user: Any, now: datetime) -> None:
    """Let the recipients who wait behind the first ones follow. Raises Refusal if nobody waits for that."""
    require_permission(user, "campaigns.change_campaign")
    with transaction.atomic():
        fresh = lock_campaign(campaign.pk)
        if fresh.status not in (Campaign.Status.RUNNING, Campaign.Status.PAUSED) or not canary.others_wait(fresh):
            raise Refusal("no_canary", f"Nobody waits behind the first recipients of {campaign}.")
        count = Recipient.objects.waiting_of(fresh).count()
        refuse_unapproved(fresh)
        Campaign.objects.filter(pk=fresh.pk).update(canary_released_at=now, resumed_at=now, batches_due_at=None)
        record_event(fresh, "canary_released", f"Continued with the remaining {count:,} recipients.", user=user)
    campaign.refresh_from_db()


def cancel(campaign: Campaign, user: Any) -> None:
    """Cancel a campaign: nothing more is handed over. Results of files with the provider are still collected."""
    require_permission(user, "campaigns.change_campaign")
    if campaign.status in (Campaign.Status.CLOSED, Campaign.Status.CANCELLED):
        raise Refusal("ended", f"{campaign} has already ended.")
    with transaction.atomic():
        before = campaign.status
        transition(campaign, Campaign.Status.CANCELLED, user=user)
        for batch in campaign.batches.filter(status__in=(Batch.Status.PREPARED, Batch.Status.HELD)).select_related(
            "account"
        ):
            # A batch that a worker has claimed is cancelled at its gate, or by the sweep once it is prepared again.
            with suppress(StaleTransition), transaction.atomic():
                cancel_unless_journalled(batch, timezone.now(), user=user, reason="campaign_cancelled")
    if before == Campaign.Status.FREEZING:
        delete_recipients(campaign)


def confirm_start(campaign: Campaign, user: Any, start_at: datetime | None, now: datetime) -> None:
    """Confirm a new start of a held campaign (``None`` means now).

    When handed over early, the start is part of what was approved, so the campaign must be approved again. The same
    holds if its approval has expired.
    """
    require_permission(user, "campaigns.approve_campaign")
    if campaign.status != Campaign.Status.HELD:
        raise Refusal("not_held", f"{campaign} is not held.")
    effective_start_at = start_at or now
    if effective_start_at < now - campaign.patience:
        raise Refusal("start_passed", "The start is in the past. Choose a later one.")
    _require_end_after(campaign, max(effective_start_at, now))
    if campaign.is_early:
        sentence = "The start changed, and it is part of what was approved. Approve the campaign again."
        _approve_again(campaign, user, effective_start_at, sentence)
    elif campaign.approval_expires_at and campaign.approval_expires_at < now:
        _approve_again(
            campaign, user, start_at, "The start changed, but the approval had expired. Approve the campaign again."
        )
    else:
        expires_at = max(campaign.approval_expires_at or now, effective_start_at + campaign.patience)
        transition(
            campaign,
            Campaign.Status.APPROVED,
            user=user,
            effective_start_at=effective_start_at,
            approval_expires_at=expires_at,
        )


def _approve_again(campaign: Campaign, user: Any, start_at: datetime | None, sentence: str) -> None:
    campaign.start_at = start_at
    transition(
        campaign,
        Campaign.Status.FROZEN,
        user=user,
        start_at=start_at,
        approval_hash=approval_hash(campaign),
        approved_by=None,
        approved_at=None,
        is_self_approved=False,
        sentence=sentence,
    )


def release(batch: Batch, user: Any, why: str, now: datetime) -> None:
    """Hand a held batch over after all. Raises Refusal after the campaign's end."""
    require_permission(user, "campaigns.release_batch")
    if batch.status != Batch.Status.HELD:
        raise Refusal("not_held", f"{batch} is not held.")
    if is_too_late(batch, now):
        raise Refusal("expired", "The time for handing it over has passed. It can only be cancelled.")
    numbers = list(Recipient.objects.of_batch(batch).values_list("msisdn", flat=True))
    with transaction.atomic():
        lock_campaign(batch.campaign_id)
        transition(
            batch,
            Batch.Status.PREPARED,
            user=user,
            reason="released",
            sentence=_require_reason(why),
            due_at=now,
            expires_at=expires_at_of(batch.campaign, numbers, now),
        )
        _restart_patience(batch.campaign, now)


def cancel_batch(batch: Batch, user: Any, why: str) -> None:
    """Cancel a held batch: its recipients are not texted."""
    require_permission(user, "campaigns.release_batch")
    if batch.status != Batch.Status.HELD:
        raise Refusal("not_held", f"{batch} is not held.")
    cancel_unless_journalled(batch, timezone.now(), user=user, reason="cancelled", sentence=_require_reason(why))


def decide(
    batch: Batch, user: Any, decision: str, why: str, now: datetime, log: UploadedLog | None = None, *, seen: str
) -> None:
    """Decide an unclear batch, with a reason. Only *again* and *partly* make a new generation.

    *partly* needs ``log``: the recipients it names are accepted, the others form the next generation. In a cancelled
    campaign, those who would be handed over again are cancelled. ``seen`` is the ``evidence_fingerprint`` from before
    the evidence was shown. Raises Refusal, also when more is known since, and while a worker holds the batch.
    """
    require_permission(user, "campaigns.decide_batch")
    why = _require_reason(why)
    if decision not in DECISIONS:
        raise Refusal("unknown_decision", "Choose one of the decisions.")
    with hold(batch_lock_name(batch.pk)) as lock, hold(campaign_lock_name(batch.campaign_id)) as campaign_lock:
        if lock is None or campaign_lock is None:
            raise Refusal("busy", "Baton is working on this batch right now. Try again in a moment.")
        batch.refresh_from_db()
        if batch.status != Batch.Status.UNCLEAR:
            raise Refusal("not_unclear", f"{batch} no longer needs a decision.")
        if seen != evidence_fingerprint(batch):
            changed = (
                f"The evidence about {batch} changed after this page was loaded. Check it again before you decide."
            )
            raise Refusal("evidence_changed", changed)
        _carry_out(batch, user, decision, f"{DECISIONS[decision]}. {why}", now, log)


def _carry_out(batch: Batch, user: Any, decision: str, sentence: str, now: datetime, log: UploadedLog | None) -> None:
    if decision == "again":
        _hand_over_rest(batch, user, sentence, now)
    elif decision == "partly":
        with transaction.atomic():
            lock_campaign(batch.campaign_id)
            accept_named(batch, user, log, now, everybody=DECISIONS["accepted"])
            _hand_over_rest(batch, user, sentence, now)
    elif decision == "cancel":
        transition(
            batch,
            Batch.Status.CANCELLED,
            user=user,
            reason=DECIDED,
            sentence=sentence,
            due_at=None,
            settled_at=now,
        )
    elif decision == "handed_over":
        transition(
            batch,
            Batch.Status.HANDED_OVER,
            user=user,
            reason=DECIDED,
            sentence=sentence,
            handed_over_at=now,
            poll_at=now + timing.FIRST_POLL_AFTER,
            poll_until=None,
        )
    else:
        transition(
            batch,
            decision,
            user=user,
            reason=DECIDED,
            sentence=sentence,
            settled_at=now,
            handed_over_at=batch.handed_over_at or now,
            poll_until=last_poll(batch, now),
        )
    if decision in ("again", "partly", "cancel"):
        # If the provider accepts it after all, an alarm tells people.
        poll_at = now + timing.FIRST_POLL_AFTER_GIVING_UP
        Batch.objects.filter(pk=batch.pk).update(poll_at=poll_at, poll_until=last_poll(batch, now))


def decide_many(
    batches: Iterable[Batch],
    user: Any,
    decision: str,
    why: str,
    now: datetime,
    log: UploadedLog | None = None,
    *,
    seen: Mapping[int, str],
) -> dict[Batch, str]:
    """Make the same decision about several unclear batches; return those refused, each with the sentence why.

    ``seen`` has the ``evidence_fingerprint`` by batch id. A batch that is not in it is refused.
    """
    refused = {}
    for batch in batches:
        try:
            decide(batch, user, decision, why, now, log, seen=seen.get(batch.pk, ""))
        except Refusal as refusal:
            refused[batch] = refusal.sentence
    return refused


def _hand_over_rest(batch: Batch, user: Any, sentence: str, now: datetime) -> None:
    if batch.campaign.status == Campaign.Status.CANCELLED:
        transition(
            batch, Batch.Status.CANCELLED, user=user, reason=DECIDED, sentence=sentence, due_at=None, settled_at=now
        )
        return
    if is_too_late(batch, now):
        raise Refusal("expired", "The time for handing it over has passed. It can only be cancelled.")
    supersede(batch, now, reason=DECIDED, sentence=sentence, user=user)
    _restart_patience(batch.campaign, now)


def _restart_patience(campaign: Campaign, now: datetime) -> None:
    """Count patience from now, so that a batch a person has just released does not count as late."""
    Campaign.objects.filter(pk=campaign.pk).update(resumed_at=now)


def _back_to_draft(campaign: Campaign, user: Any, reason: str, sentence: str) -> None:
    with hold(campaign_lock_name(campaign.pk)) as lock:
        if lock is None:
            raise Refusal("busy", "Baton is working on this campaign right now. Try again in a moment.")
        transition(
            campaign,
            Campaign.Status.DRAFT,
            user=user,
            reason=reason,
            sentence=sentence,
            counts={},
            audience_digest="",
            approval_hash="",
            approved_by=None,
            approved_at=None,
            approval_expires_at=None,
            is_self_approved=False,
            effective_start_at=None,
            canary_released_at=None,
            frozen_by=None,
            frozen_at=None,
        )
        # Recipients that remain because the lock was lost are deleted by the next freeze.
        with suppress(LockLost):
            delete_recipients(campaign, lock)


def _require_end_after(campaign: Campaign, start: datetime) -> None:
    if campaign.end_at and campaign.end_at <= start:
        raise Refusal("end_passed", "The end is before the start. Change the campaign and choose a later end.")


def _require_reason(why: str) -> str:
    why = why.strip()
    if not why:
        raise Refusal("no_reason", "Enter a reason. It is kept in the history.")
    return why
