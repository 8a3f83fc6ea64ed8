"""Poll the provider for the results of an account's batches, and keep what was seen."""

import logging
import traceback
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rq.timeouts import BaseTimeoutException

from campaigns import timing
from campaigns.models import Batch
from campaigns.results import reading, settle
from campaigns.results.already_read import known_times, recall_files, remember_unrelated
from campaigns.results.evidence import BytesDiffer, attempts_of, keep_observation, payload_of
from campaigns.results.schedule import GIVEN_UP
from campaigns.timing import Clock
from contacts.outages import outage_of
from providers.base import Attempt, Ending, Interpretation
from providers.connections import connect
from providers.errors import Refused, Trouble
from providers.locks import account_slot
from providers.models import Account
from providers.points import reach
from providers.transports.shared import SharedRemote, shared

logger = logging.getLogger(__name__)


def collect(account_id: int, clock: Clock, until: datetime) -> int:
    """Poll every due batch of an account over one connection, with one listing of each folder for all of them.

    Returns how many were polled. Stops at ``until`` (UTC), or if all connection slots of the account are taken.
    """
    account = Account.objects.get(pk=account_id)
    polled = 0
    with account_slot(account) as slot:
        if slot is None:
            return 0
        due = list(
            Batch.objects.due_for_poll(clock())
            .filter(account=account)
            .select_related("campaign", "account")
            .order_by("poll_at")[:500]
        )
        if not due:
            return 0
        try:
            with (
                connect(account) as opened,
                known_times(account, opened, clock),
                shared(opened, [batch.stem for batch in due], clock) as remote,
            ):
                for batch in due:
                    if clock() >= until:
                        break
                    poll_safely(batch, remote, clock())
                    polled += 1
        except Trouble as trouble:
            now = clock()
            if isinstance(trouble, Refused) and trouble.account:
                account.stop(trouble.code, trouble.sentence)
            for batch in due[polled:]:
                settle.give_up_unless_stale(batch, now, f" The last poll failed: {trouble.sentence}")
            Batch.objects.filter(pk__in=[batch.pk for batch in due[polled:]]).update(
                poll_at=now + timing.POLL_AGAIN_AFTER_FAILURE
            )
    for campaign_id in {batch.campaign_id for batch in due}:
        settle.close_if_done(campaign_id, clock())
    return polled


def poll_safely(batch: Batch, remote: Any, now: datetime) -> None:
    """Poll. If Baton itself fails to read what it sees, raise an alarm and continue with the next batch."""
    try:
        poll(batch, remote, now)
    except (Trouble, BaseTimeoutException):
        raise
    except Exception as error:
        log_failure(batch.pk, error)
        Batch.objects.filter(pk=batch.pk).update(poll_at=now + timing.POLL_AGAIN_AFTER_OWN_ERROR)
        if outage_of(error):
            # It says nothing about the batch.
            return
        said = (
            error.sentence
            if isinstance(error, BytesDiffer)
            else "Baton could not interpret what the provider shows about it."
        )
        settle.raise_alarm(batch, "unreadable", f"{batch.name}: {said}")
        settle.give_up_unless_stale(batch, now)


def log_failure(batch_id: int, error: Exception) -> None:
    """Log an error of Baton's own with a batch: where it happened, never the data."""
    place = "".join(traceback.format_tb(error.__traceback__))
    logger.error("batch %s: %s\n%s", batch_id, type(error).__name__, place, extra={"batch": batch_id})


def poll(batch: Batch, remote: Any, now: datetime) -> Interpretation:
    """Poll once, keep what was seen, and settle what it proves. Raises BytesDiffer, or Trouble if the poll fails.

    If the remote is shared with other batches, what it shows was seen when the folder was listed for one of them.
    """
    adapter = batch.account.adapter
    is_shared = isinstance(remote, SharedRemote)
    payload = payload_of(batch)
    attempts = attempts_of(batch)
    reach("poll:begin")
    if is_shared:
        remote.already_read = recall_files(batch)
        if not may_use(remote.listed_at, batch, attempts, now):
            remote.forget()
    seen_at = min(now, remote.listed_at or now) if is_shared else now
    observation = adapter.poll(remote, payload, attempts, seen_at)
    reach("poll:end")
    keep_observation(batch, observation)
    Account.objects.filter(pk=batch.account_id).update(polled_at=now)
    if is_shared:
        remember_unrelated(batch, remote.already_read)
    reach("evidence:kept")
    # A person has already decided about everything seen or uploaded before they gave the batch up.
    if batch.status in GIVEN_UP:
        interpretation = adapter.interpret(payload, attempts, [observation])
    else:
        interpretation = reading.interpret(batch, payload, attempts)
    settle.settle(batch, interpretation, now)
    if settle.is_decided_rejected(batch):
        settle.warn_of_rejected(batch, adapter.interpret(payload, attempts, [observation]))
    reach("settle:end")
    return interpretation


def may_use(listed_at: datetime | None, batch: Batch, attempts: Sequence[Attempt], now: datetime) -> bool:
    """Whether a batch may be judged by a listing that was made for another one.

    Not if its last commit has no confirmed result: the time between two polls then decides about a repeat, so each has
    a listing of its own. Nor if the listing is older than an attempt, or than what another poll has seen.
    """
    if listed_at is None or now - listed_at > timing.LISTING_HOLDS_FOR:
        return False
    if not attempts or attempts[-1].ending is not Ending.DONE or attempts[-1].started_at >= listed_at:
        return False
    return not batch.evidence.filter(last_seen_at__gt=listed_at).exists()
