"""RQ's way in. A job is a nudge, the row is the truth: losing a job loses nothing, doubling one does nothing twice."""

import logging
from collections import Counter
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.db import InterfaceError, OperationalError
from django.db.models import Q
from django.utils import timezone
from rq.timeouts import BaseTimeoutException

import contacts.jobs
from campaigns import timing
from campaigns.audience import approval
from campaigns.audience import freeze as audience_freeze
from campaigns.handover import batches, drain, restore
from campaigns.handover.progress import no_progress_sentence
from campaigns.lifecycle import Row, StaleTransition, batch_lock_name, campaign_lock_name, transition
from campaigns.models import Batch, Campaign
from campaigns.results import balance, poll, settle
from contacts import queues
from contacts.errors import Refusal
from contacts.queues import Job, job
from providers.locks import LockLost, hold, is_free
from providers.models import Account

logger = logging.getLogger(__name__)


@job("campaigns")
def freeze(campaign_id: int) -> None:
    """Freeze a campaign that is ``freezing``."""
    with hold(campaign_lock_name(campaign_id)) as lock:
        if lock is None:
            return
        try:
            audience_freeze.freeze(campaign_id, timezone.now(), lock)
        except (BaseTimeoutException, OperationalError, InterfaceError, LockLost):
            # It stays freezing, and the sweep begins it again.
            raise
        except Exception as error:
            said = f"Baton stumbled over it ({type(error).__name__}); see its log."
            # Where the lock is lost it may have stumbled over the freeze of whoever has it now.
            with suppress(LockLost):
                audience_freeze.give_up_freeze(campaign_id, said, lock=lock)
            raise


@job("campaigns")
def create_batches(campaign_id: int) -> None:
    """Cut what waits of a campaign that is due, and have it handed over."""
    with hold(campaign_lock_name(campaign_id)) as lock:
        if lock is None:
            return
        try:
            batches.create_batches(campaign_id, timezone.now())
        except Refusal as refusal:
            campaign = Campaign.objects.get(pk=campaign_id)
            if campaign.status == Campaign.Status.RUNNING:
                transition(campaign, Campaign.Status.PAUSED, reason=refusal.code, sentence=refusal.sentence)
    campaign = Campaign.objects.get(pk=campaign_id)
    settle.close_if_done(campaign_id, timezone.now())
    queues.enqueue_once(hand_over, campaign.account_id)


@job("handover")
def hand_over(account_id: int) -> None:
    """Hand over what is due of an account, for a minute at most, and come again for the rest."""
    # A nudge may have waited in the queue while Baton was off: the sweep would come too late.
    _pause_without_progress(timezone.now(), account=account_id)
    drain.drain(account_id, timezone.now, timezone.now() + timing.DRAIN_FOR)
    touched = Campaign.objects.filter(account=account_id, status__in=(Campaign.Status.RUNNING, Campaign.Status.PAUSED))
    for campaign_id in touched.values_list("pk", flat=True):
        settle.close_if_done(campaign_id, timezone.now())
    if drain.due_batches(Account.objects.get(pk=account_id), timezone.now()):
        queues.enqueue_once(hand_over, account_id)


@job("results")
def collect(account_id: int) -> None:
    """Look at what came back of an account's batches."""
    poll.collect(account_id, timezone.now, timezone.now() + timing.DRAIN_FOR)


@job("campaigns")
def audit(campaign_id: int) -> None:
    """Count a campaign anew and recompute its digest; a difference is a red alarm."""
    campaign = Campaign.objects.get(pk=campaign_id)
    alarm = balance.audit(campaign).mismatch
    if not alarm and campaign.audience_digest and approval.audience_digest(campaign) != campaign.audience_digest:
        alarm = "The frozen recipients are not those that were frozen."
    Campaign.objects.filter(pk=campaign_id).update(audited_at=timezone.now(), alarm=alarm)


def sweep(now: datetime) -> dict[str, int]:
    """Find what waits and nudge it again; settle what only the clock decides. Returns how many nudges of each job."""
    enqueued: Counter[str] = Counter(contacts.jobs.sweep())
    _correct_times_ahead(now)
    _hold_late_starts(now)
    _expire_approvals(now)
    _pause_without_progress(now)
    _cancel_leftovers()
    wanted: list[tuple[Job, int]] = []
    for campaign in Campaign.objects.filter(status=Campaign.Status.FREEZING):
        if is_free(campaign_lock_name(campaign.pk)):
            wanted.append((freeze, campaign.pk))
    for campaign in Campaign.objects.filter(
        Q(status=Campaign.Status.RUNNING) | Q(status=Campaign.Status.APPROVED, effective_start_at__lte=now)
    ):
        if campaign.status == Campaign.Status.APPROVED or campaign.recipients.waiting().exists():
            wanted.append((create_batches, campaign.pk))
    for campaign in Campaign.objects.filter(status__in=(Campaign.Status.RUNNING, Campaign.Status.PAUSED)):
        settle.close_if_done(campaign.pk, now)
    wanted += [(hand_over, account.pk) for account in accounts_with_due_batches(now)]
    wanted += [(collect, pk) for pk in set(Batch.objects.due_for_poll(now).values_list("account_id", flat=True))]
    unaudited = Q(audited_at=None) | Q(audited_at__lt=now - timing.AUDIT_EVERY)
    finished = Q(
        status__in=(Campaign.Status.CLOSED, Campaign.Status.CANCELLED), audited_at__gt=now - timing.AUDIT_ENDED_EVERY
    )
    for campaign in Campaign.objects.filter(unaudited).exclude(counts={}).exclude(finished)[:20]:
        wanted.append((audit, campaign.pk))
    for each, pk in wanted:
        enqueued[each.__name__] += queues.enqueue_once(each, pk)
    return {name: count for name, count in enqueued.items() if count}


def accounts_with_due_batches(now: datetime) -> list[Account]:
    """Accounts for which something could be handed over, or looked after, right now."""
    ready = Q(batches__status=Batch.Status.PREPARED, batches__campaign__status=Campaign.Status.RUNNING, stopped_at=None)
    left = Q(batches__status__in=(Batch.Status.UPLOADING, Batch.Status.COMMITTING))
    accounts = Account.objects.filter(Q(batches__due_at__lte=now) & (ready | left)).distinct()
    return [account for account in accounts if drain.due_batches(account, now)]


def _correct_times_ahead(now: datetime) -> None:
    """What was put off by a clock that has been set back since would wait for as long as that clock was ahead."""
    waiting = Batch.objects.filter(status__in=(Batch.Status.PREPARED, Batch.Status.UPLOADING, Batch.Status.COMMITTING))
    waiting.filter(due_at__gt=now + timing.LONGEST_DUE_PAUSE).update(due_at=now)
    Batch.objects.filter(poll_at__gt=now + timing.LONGEST_UNTIL_A_POLL).update(poll_at=now)


def _hold_late_starts(now: datetime) -> None:
    for campaign in Campaign.objects.filter(Q(status=Campaign.Status.APPROVED, effective_start_at__lte=now)):
        if campaign.effective_start_at and now > campaign.effective_start_at + campaign.patience:
            late = timing.duration_in_words(now - campaign.effective_start_at)
            _try_transition(campaign, Campaign.Status.HELD, "start_missed", f"Its start was missed by {late}.")


def _expire_approvals(now: datetime) -> None:
    for campaign in Campaign.objects.filter(status=Campaign.Status.APPROVED, approval_expires_at__lt=now):
        fields: dict[str, Any] = {"approved_by": None, "approved_at": None, "is_self_approved": False}
        _try_transition(
            campaign, Campaign.Status.FROZEN, "approval_expired", "The approval expired; approve it again.", **fields
        )


def _pause_without_progress(now: datetime, **of: Any) -> None:
    """A running campaign none of whose due batches passed the gate for too long is paused and asked about.

    ``of`` narrows which campaigns are looked at.
    """
    for campaign in Campaign.objects.filter(status=Campaign.Status.RUNNING, **of).select_related("account"):
        # What a dead worker left behind before the gate is as late as what nobody began.
        due = campaign.batches.filter(
            status__in=(Batch.Status.PREPARED, Batch.Status.UPLOADING), due_at__lt=now
        ).exists()
        if not due and not campaign.recipients.waiting().exists():
            continue
        if sentence := no_progress_sentence(campaign, now):
            _try_transition(campaign, Campaign.Status.PAUSED, "no_progress", sentence)


def _cancel_leftovers() -> None:
    """Batches that a worker put back while their campaign was being cancelled."""
    for batch in Batch.objects.filter(
        campaign__status=Campaign.Status.CANCELLED,
        status__in=(Batch.Status.PREPARED, Batch.Status.HELD, Batch.Status.UPLOADING),
    ):
        if is_free(batch_lock_name(batch.pk)):
            try:
                restore.cancel_unless_journalled(
                    batch, timezone.now(), reason="campaign_cancelled", sentence="The campaign was cancelled."
                )
            except StaleTransition:
                logger.info("batch %s moved meanwhile", batch.pk)


def _try_transition(row: Row, to: str, reason: str, sentence: str, **fields: Any) -> None:
    try:
        transition(row, to, reason=reason, sentence=sentence, **fields)
    except StaleTransition:
        logger.info("%s %s moved meanwhile", type(row).__name__, row.pk)
