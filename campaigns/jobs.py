"""The RQ jobs and the sweep. A job only wakes a worker up; the database row is authoritative.

Losing a job loses nothing, because the sweep enqueues it again, and running a job twice does nothing twice.
"""

import logging
from collections import Counter
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.core.management import call_command
from django.db import InterfaceError, OperationalError
from django.db.models import Q
from django.utils import timezone
from redis.exceptions import RedisError
from rq.timeouts import BaseTimeoutException

import contacts.jobs
from audit import chain
from campaigns import exporting, notice_mail, notices, test_handover, timing
from campaigns.audience import approval, versions
from campaigns.audience import freeze as audience_freeze
from campaigns.handover import batches, drain, portions, restore
from campaigns.handover.limits import PUT_OFF
from campaigns.handover.progress import no_progress_sentence
from campaigns.lifecycle import Row, StaleTransition, batch_lock_name, campaign_lock_name, transition
from campaigns.models import Batch, Campaign, Erasure, Export
from campaigns.privacy import erasing, purging
from campaigns.results import balance, poll, settle
from contacts import queues
from contacts.errors import Refusal
from contacts.outages import outage_of
from contacts.queues import Job, job
from contacts.snapshots import snapshot
from providers.locks import LockLost, hold, is_free
from providers.models import Account

logger = logging.getLogger(__name__)

#: The cache has this key for a day after a clean-up.
CLEANED_UP = "cleaned-up"


@job("campaigns")
def freeze(campaign_id: int) -> None:
    """Freeze a campaign that is ``freezing``. A test handover then starts by itself."""
    with hold(campaign_lock_name(campaign_id)) as lock:
        if lock is None:
            return
        try:
            audience_freeze.freeze(campaign_id, timezone.now(), lock)
        except (BaseTimeoutException, OperationalError, InterfaceError, LockLost):
            # It stays freezing, and the sweep starts the freeze again.
            raise
        except Exception as error:
            if outage_of(error):
                raise
            sentence = f"It could not be submitted because of an error ({type(error).__name__}). See the log."
            # If the lock is lost, the freeze of the worker that holds it now may have caused the error.
            with suppress(LockLost):
                audience_freeze.give_up_freeze(campaign_id, sentence, lock=lock)
            raise
        test = Campaign.objects.filter(pk=campaign_id, kind=Campaign.Kind.TEST).first()
        if test and test_handover.approve_test(test, timezone.now()):
            queues.enqueue_once(create_batches, campaign_id)


@job("campaigns")
def create_batches(campaign_id: int) -> None:
    """Create the batches of a campaign that is due, and enqueue their hand-over."""
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
    queues.enqueue_once(hand_over, campaign.account.pk)


@job("handover")
def hand_over(account_id: int) -> None:
    """Hand over the due batches of an account for at most a minute, and enqueue this job again for the rest."""
    # The job may have waited in the queue while Baton was off, and then the sweep would come too late.
    _pause_without_progress(timezone.now(), account=account_id)
    worked = drain.drain(account_id, timezone.now, timezone.now() + timing.DRAIN_FOR)
    touched = Campaign.objects.filter(account=account_id, status__in=(Campaign.Status.RUNNING, Campaign.Status.PAUSED))
    for campaign_id in touched.values_list("pk", flat=True):
        settle.close_if_done(campaign_id, timezone.now())
    # If nothing could be worked on, because the other workers use all connections, the sweep enqueues it soon enough.
    if worked and drain.due_batches(Account.objects.get(pk=account_id), timezone.now()):
        queues.enqueue_once(hand_over, account_id)


@job("results")
def collect(account_id: int) -> None:
    """Poll for the results of an account's batches."""
    poll.collect(account_id, timezone.now, timezone.now() + timing.DRAIN_FOR)


@job("campaigns")
def audit(campaign_id: int) -> None:
    """Count a campaign's books again and recompute its digest. A difference is a red alarm."""
    with snapshot():
        campaign = Campaign.objects.get(pk=campaign_id)
        alarm = balance.audit(campaign).mismatch
        if not alarm and not approval.is_as_frozen(campaign):
            alarm = "The recipients changed after submission."
    Campaign.objects.filter(pk=campaign_id).update(audited_at=timezone.now(), alarm=alarm)


@job("imports")
def write_export(export_id: int) -> None:
    """Write the file of an export. If the worker dies, the sweep has it written again from its beginning."""
    try:
        exporting.write(export_id, timezone.now)
    except (BaseTimeoutException, OperationalError, InterfaceError):
        raise
    except Exception as error:
        if not outage_of(error):
            exporting.give_up(export_id, timezone.now())
        raise


@job("imports")
def erase_person(erasure_id: int) -> None:
    """Erase the person of a request everywhere. If the worker dies, the sweep has it begun again."""
    erasing.erase(erasure_id, timezone.now)


@job("imports")
def purge(_: int) -> None:
    """Erase what is older than the retention settings allow."""
    with suppress(Refusal):
        purging.purge(timezone.now)


@job("results")
def mail_notices(_: int) -> None:
    """Send the e-mails of notices that are due."""
    notice_mail.send_due(timezone.now)


def sweep(now: datetime) -> dict[str, int]:
    """Find rows that wait and enqueue their jobs, and make the transitions that depend on the clock alone.

    Returns how many jobs of each name were enqueued.
    """
    enqueued: Counter[str] = Counter(contacts.jobs.sweep())
    _correct_times_ahead(now)
    _hold_late_starts(now)
    _expire_approvals(now)
    _pause_without_progress(now)
    _cancel_leftovers()
    versions.erase_old_numbers()
    wanted: list[tuple[Job, int]] = []
    unfinished_tests = Q(kind=Campaign.Kind.TEST, status__in=(Campaign.Status.DRAFT, Campaign.Status.FROZEN))
    for campaign in Campaign.objects.filter(Q(status=Campaign.Status.FREEZING) | unfinished_tests):
        if is_free(campaign_lock_name(campaign.pk)):
            wanted.append((freeze, campaign.pk))
    for campaign in Campaign.objects.filter(
        Q(status=Campaign.Status.RUNNING) | Q(status=Campaign.Status.APPROVED, effective_start_at__lte=now)
    ):
        if campaign.status == Campaign.Status.APPROVED or portions.are_due(campaign, now):
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
    exporting.delete_old(now)
    for pk in Export.objects.filter(status=Export.Status.RUNNING).values_list("pk", flat=True):
        if is_free(exporting.lock_name(pk)):
            wanted.append((write_export, pk))
    for pk in Erasure.objects.filter(status=Erasure.Status.RUNNING).values_list("pk", flat=True):
        if is_free(erasing.lock_name(pk)):
            wanted.append((erase_person, pk))
    if purging.is_due(now):
        wanted.append((purge, 0))
    _make_notices(now)
    _clean_up(now)
    _seal_audit_trail()
    if notice_mail.due(now).exists():
        # One job for the e-mails of all people: it belongs to no row.
        wanted.append((mail_notices, 0))
    for each, pk in wanted:
        enqueued[each.__name__] += queues.enqueue_once(each, pk)
    return {name: count for name, count in enqueued.items() if count}


def _make_notices(now: datetime) -> None:
    """Make notices. An error must not keep the sweep from waking the workers: the next sweep tries again."""
    try:
        notices.make_notices(now)
    except Exception:
        logger.exception("notices could not be made")


def _clean_up(now: datetime) -> None:
    """Delete expired sessions and old notices, once a day. Without Redis, a later sweep does."""
    try:
        if cache.add(CLEANED_UP, now.isoformat(), timing.CLEAN_UP_EVERY.total_seconds()):
            call_command("clearsessions")
            notices.delete_old(now)
    except RedisError:
        return
    except Exception:
        logger.exception("expired sessions and old notices could not be deleted")


def _seal_audit_trail() -> None:
    """Seal new entries of the audit trail. The next sweep tries again what fails, such as for a full journal disk."""
    try:
        chain.seal()
    except Exception:
        logger.exception("the audit trail could not be sealed")


def accounts_with_due_batches(now: datetime) -> list[Account]:
    """Accounts with a batch that could be handed over or recovered right now."""
    accounts = Account.objects.filter(batches__due_at__lte=now).distinct()
    return [account for account in accounts if drain.due_batches(account, now)]


def _correct_times_ahead(now: datetime) -> None:
    """Correct due times that a clock wrote before it was set back: the rows would wait until then."""
    waiting = Batch.objects.filter(status__in=(Batch.Status.PREPARED, Batch.Status.UPLOADING, Batch.Status.COMMITTING))
    waiting.exclude(reason__in=PUT_OFF).filter(due_at__gt=now + timing.LONGEST_DUE_PAUSE).update(due_at=now)
    waiting.filter(due_at__gt=now + timing.LOOK_AGAIN_AFTER).update(due_at=now)
    Batch.objects.filter(poll_at__gt=now + timing.LONGEST_UNTIL_A_POLL).update(poll_at=now)


def _hold_late_starts(now: datetime) -> None:
    for campaign in Campaign.objects.filter(Q(status=Campaign.Status.APPROVED, effective_start_at__lte=now)):
        if campaign.effective_start_at and now > campaign.effective_start_at + campaign.patience:
            late = timing.duration_in_words(now - campaign.effective_start_at)
            # Nobody waits for a test any more; a new one takes a moment.
            is_test = campaign.kind == Campaign.Kind.TEST
            to = Campaign.Status.CANCELLED if is_test else Campaign.Status.HELD
            _try_transition(campaign, to, "start_missed", f"Its start was missed by {late}.")


def _expire_approvals(now: datetime) -> None:
    for campaign in Campaign.objects.filter(status=Campaign.Status.APPROVED, approval_expires_at__lt=now):
        fields: dict[str, Any] = {"approved_by": None, "approved_at": None, "is_self_approved": False}
        _try_transition(
            campaign,
            Campaign.Status.FROZEN,
            "approval_expired",
            "The approval expired. Approve the campaign again.",
            **fields,
        )


def _pause_without_progress(now: datetime, **of: Any) -> None:
    """Pause a running campaign if none of its due batches has passed the gate for too long; a person must decide.

    ``of`` narrows the campaigns that are checked.
    """
    for campaign in Campaign.objects.filter(status=Campaign.Status.RUNNING, **of).select_related("account"):
        # A batch that a dead worker left before the gate is as late as one that was never claimed.
        due = campaign.batches.filter(
            status__in=(Batch.Status.PREPARED, Batch.Status.UPLOADING), due_at__lt=now
        ).exists()
        if not due and not portions.are_due(campaign, now):
            continue
        try:
            code, sentence = "no_progress", no_progress_sentence(campaign, now)
        except Refusal as refusal:
            # The other campaigns continue.
            code, sentence = refusal.code, refusal.sentence
        if sentence:
            _try_transition(campaign, Campaign.Status.PAUSED, code, sentence)


def _cancel_leftovers() -> None:
    """Cancel the batches that a worker set back to prepared while their campaign was being cancelled."""
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
                logger.info("batch %s changed in the meantime", batch.pk)


def _try_transition(row: Row, to: str, reason: str, sentence: str, **fields: Any) -> None:
    try:
        transition(row, to, reason=reason, sentence=sentence, **fields)
    except StaleTransition:
        logger.info("%s %s changed in the meantime", type(row).__name__, row.pk)
