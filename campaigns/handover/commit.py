"""The point of no return, and what its result means for the batch."""

from contextlib import suppress
from datetime import datetime
from typing import Any

from django.db import transaction

from campaigns import timing
from campaigns.handover import journal
from campaigns.handover.gate import still_committing
from campaigns.handover.session import RemoteSession, SessionBroken
from campaigns.lifecycle import StaleTransition, lock_campaign, record_event, transition
from campaigns.models import Attempt, Batch
from campaigns.results.evidence import plain_attempt
from campaigns.results.schedule import unclear_fields
from campaigns.results.settle import stop_account
from campaigns.timing import Clock
from providers.base import NOT_ARRIVED, Ending, Payload
from providers.errors import Refused, Trouble, Unclear, Unreachable
from providers.locks import Lock
from providers.points import reach


def commit(batch: Batch, attempt: Attempt, payload: Payload, lock: Lock, session: RemoteSession, clock: Clock) -> None:
    """The point of no return, once: the intent is stored and journalled, and this process still holds the batch."""
    reach("intent:stored")
    try:
        _journal_intent(batch, attempt)
        reach("intent:journalled")
        remote = session.remote()
        reach("commit:begin")
        if not lock.still_held():
            raise SessionBroken("The lock was lost before the commit; whoever holds it now looks first.")
        if clock() - attempt.started_at > timing.GATE_HOLDS_FOR:
            # What was allowed at the gate may not be now. Nothing was committed, so all of it is asked again.
            raise Unreachable("woke_late", "The worker was stopped between the last check and the commit.")
        receipt = batch.account.adapter.commit(remote, payload, plain_attempt(attempt))
    except Refused as trouble:
        commit_refused(batch, attempt, trouble, clock())
        raise SessionBroken from trouble
    except Unreachable as trouble:
        commit_unreachable(batch, attempt, trouble, clock())
        raise SessionBroken from trouble
    except Unclear as trouble:
        now = clock()
        _end_attempt(attempt, Ending.UNCLEAR, now, trouble)
        still_committing(batch).update(due_at=now + timing.RECOVER_AFTER_BROKEN_COMMIT, reason=trouble.code)
        record_event(batch.campaign, trouble.code, trouble.sentence, batch=batch)
        raise SessionBroken from trouble
    reach("commit:end")
    now = clock()
    others = Batch.objects.filter(account=batch.account, provider_ref=receipt.provider_ref).exclude(pk=batch.pk)
    if receipt.provider_ref and others.exists():
        sentence = f"The provider answered with the reference {receipt.provider_ref}, which another file has already."
        with transaction.atomic():
            _end_attempt(attempt, Ending.DONE, now, provider_ref=receipt.provider_ref, receipt=receipt.raw)
            transition(
                batch, Batch.Status.UNCLEAR, reason="reference_taken", sentence=sentence, **unclear_fields(batch, now)
            )
        return
    try:
        with transaction.atomic():
            _end_attempt(attempt, Ending.DONE, now, provider_ref=receipt.provider_ref, receipt=receipt.raw)
            transition(
                batch,
                Batch.Status.HANDED_OVER,
                handed_over_at=now,
                due_at=None,
                failures=0,
                provider_ref=receipt.provider_ref,
                poll_at=now + timing.FIRST_POLL_AFTER,
            )
    except StaleTransition:
        # Whoever took over goes on from what was answered here.
        _end_attempt(attempt, Ending.DONE, now, provider_ref=receipt.provider_ref, receipt=receipt.raw)
        raise
    reach("receipt:stored")


def _journal_intent(batch: Batch, attempt: Attempt) -> None:
    try:
        # The time of the gate: what happened after it, an opt-out too, came after the intent.
        journal.intend(batch, attempt.number, attempt.name, attempt.started_at)
    except OSError as error:
        sentence = f"Baton could not write its intent journal ({error.strerror}), so nothing was handed over."
        raise Unreachable("journal_not_written", sentence) from error


def _withdraw(batch: Batch, attempt: Attempt, now: datetime) -> None:
    # Where nothing can be written the database still knows; the journal then makes Baton look once more, at most.
    with suppress(OSError):
        journal.withdraw(batch, attempt.number, now)


def commit_refused(batch: Batch, attempt: Attempt, trouble: Refused, now: datetime) -> None:
    """The provider said no to a commit: that counts only when no earlier attempt may have arrived."""
    with transaction.atomic():
        alone = no_other_attempt_may_have_arrived(batch, attempt)
        _end_attempt(attempt, Ending.REFUSED, now, trouble)
        if not alone:
            transition(
                batch,
                Batch.Status.UNCLEAR,
                reason=trouble.code,
                sentence=trouble.sentence,
                **unclear_fields(batch, now),
            )
        elif trouble.account and not trouble.holds:
            fields = retry_fields(batch, now) | {"first_intent_at": None}
            transition(batch, Batch.Status.PREPARED, reason=trouble.code, sentence=trouble.sentence, **fields)
        else:
            transition(
                batch,
                Batch.Status.HELD,
                reason=trouble.code,
                sentence=trouble.sentence,
                due_at=None,
                first_intent_at=None,
            )
    reach("refusal:stored")
    if alone:
        _withdraw(batch, attempt, now)
    stop_account_if_refused(batch, trouble)


def commit_unreachable(batch: Batch, attempt: Attempt, trouble: Unreachable, now: datetime) -> None:
    """Nothing of this attempt arrived: withdraw the intent, unless an earlier attempt may have arrived."""
    with transaction.atomic():
        alone = no_other_attempt_may_have_arrived(batch, attempt)
        _end_attempt(attempt, Ending.UNREACHABLE, now, trouble)
        if alone:
            fields = retry_fields(batch, now) | {"first_intent_at": None}
            transition(batch, Batch.Status.PREPARED, reason=trouble.code, sentence=trouble.sentence, **fields)
        else:
            still_committing(batch).update(**retry_fields(batch, now))
    reach("refusal:stored")
    if alone:
        _withdraw(batch, attempt, now)


def no_other_attempt_may_have_arrived(batch: Batch, attempt: Attempt) -> bool:
    """Whether every other attempt is known not to have arrived; to be asked inside a transaction.

    Later ones too: whoever sleeps in a commit may wake when another worker has taken over.
    """
    # As each gate does: none stores another attempt before this transaction ends.
    lock_campaign(batch.campaign_id)
    others = batch.attempts.exclude(pk=attempt.pk)
    return not others.exclude(ending__in=NOT_ARRIVED).exists()


def retry_fields(batch: Batch, now: datetime) -> dict[str, Any]:
    """When to try again after the provider could not be reached: later each time."""
    return {"due_at": now + timing.retry_pause(batch.failures), "failures": min(batch.failures + 1, 100)}


def stop_account_if_refused(batch: Batch, trouble: Trouble) -> None:
    if trouble.account:
        stop_account(batch, trouble.code, trouble.sentence)


def _end_attempt(
    attempt: Attempt, ending: Ending, now: datetime, trouble: Trouble | None = None, **fields: Any
) -> None:
    if trouble:
        fields |= {"code": trouble.code, "sentence": trouble.sentence, "receipt": trouble.reply}
    Attempt.objects.filter(pk=attempt.pk).update(ending=ending.value, ended_at=now, **fields)
