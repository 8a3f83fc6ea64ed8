"""The commit, which cannot be undone, and what its result means for the batch."""

from contextlib import suppress
from datetime import datetime
from typing import Any

from django.db import transaction

from campaigns import timing
from campaigns.handover import journal, recovery
from campaigns.handover.at_once import Steps
from campaigns.handover.gate import still_committing
from campaigns.handover.recovery import AskAPerson, Hold, PrepareAgain, RetryLater
from campaigns.handover.session import RemoteSession, SessionBroken
from campaigns.lifecycle import StaleTransition, lock_campaign, record_event, transition
from campaigns.models import Attempt, Batch
from campaigns.results.evidence import plain_attempt
from campaigns.results.schedule import unclear_fields
from campaigns.results.settle import stop_account
from campaigns.timing import Clock
from providers.base import NOT_ARRIVED, Ending, Payload, Receipt
from providers.errors import Refused, Trouble, Unclear, Unreachable
from providers.locks import Lock
from providers.points import reach


def commit(batch: Batch, attempt: Attempt, payload: Payload, lock: Lock, session: RemoteSession, clock: Clock) -> Steps:
    """Commit once: the intent is stored and journalled, and this process still holds the batch's lock."""
    adapter, stored = batch.account.adapter, plain_attempt(attempt)
    reach("intent:stored")
    try:
        _journal_intent(batch, attempt)
        reach("intent:journalled")
        session.remote()
        reach("commit:begin")
        if not lock.still_held():
            raise SessionBroken("The lock was lost before the commit. The worker that holds it now polls first.")
        now = clock()
        is_past_its_time = batch.expires_at is not None and now >= batch.expires_at
        if now - attempt.started_at > timing.GATE_HOLDS_FOR or is_past_its_time:
            # What the gate allowed may no longer be allowed. Nothing was committed, so the batch passes the gate again.
            raise Unreachable("woke_late", "The worker was stopped between the last check and the commit.")
        receipt = yield lambda remote: adapter.commit(remote, payload, stored)
    except (Refused, Unreachable) as trouble:
        commit_did_not_arrive(batch, attempt, trouble, clock())
        raise SessionBroken from trouble
    except Unclear as trouble:
        now = clock()
        _end_attempt(attempt, Ending.UNCLEAR, now, trouble)
        still_committing(batch).update(due_at=now + timing.RECOVER_AFTER_BROKEN_COMMIT, reason=trouble.code)
        record_event(batch.campaign, trouble.code, trouble.sentence, batch=batch)
        raise SessionBroken from trouble
    reach("commit:end")
    _store_receipt(batch, attempt, receipt, clock())


def _store_receipt(batch: Batch, attempt: Attempt, receipt: Receipt, now: datetime) -> None:
    """The commit was answered: the batch is handed over, or unclear if another file has the same reference."""
    others = Batch.objects.filter(account=batch.account, provider_ref=receipt.provider_ref).exclude(pk=batch.pk)
    if receipt.provider_ref and others.exists():
        sentence = f"The provider answered with the reference {receipt.provider_ref}, which another file already has."
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
        # The worker that took over continues from the answer stored here.
        _end_attempt(attempt, Ending.DONE, now, provider_ref=receipt.provider_ref, receipt=receipt.raw)
        raise
    reach("receipt:stored")


def _journal_intent(batch: Batch, attempt: Attempt) -> None:
    try:
        # The time of the gate: anything later, an opt-out included, came after the intent.
        journal.intend(batch, attempt.number, attempt.name, attempt.started_at)
    except OSError as error:
        sentence = f"Baton could not write its intent journal ({error.strerror}), so nothing was handed over."
        raise Unreachable("journal_not_written", sentence) from error


def _withdraw(batch: Batch, attempt: Attempt, now: datetime) -> None:
    # If this cannot be written, the database still knows. At worst the journal makes Baton poll once more.
    with suppress(OSError):
        journal.withdraw(batch, attempt.number, now)


def commit_did_not_arrive(batch: Batch, attempt: Attempt, trouble: Refused | Unreachable, now: datetime) -> None:
    """Nothing of this attempt arrived. Withdraw the intent, unless another attempt may have arrived."""
    with transaction.atomic():
        is_alone = no_other_attempt_may_have_arrived(batch, attempt)
        ending = Ending.REFUSED if isinstance(trouble, Refused) else Ending.UNREACHABLE
        _end_attempt(attempt, ending, now, trouble)
        _carry_out(recovery.decide_after_refusal(trouble, is_alone), batch, now)
    reach("refusal:stored")
    if is_alone:
        _withdraw(batch, attempt, now)
    if isinstance(trouble, Refused):
        stop_account_if_refused(batch, trouble)


def _carry_out(decision: RetryLater | AskAPerson | PrepareAgain | Hold, batch: Batch, now: datetime) -> None:
    if isinstance(decision, RetryLater):
        still_committing(batch).update(**retry_fields(batch, now))
        return
    if isinstance(decision, AskAPerson):
        to, fields = Batch.Status.UNCLEAR, unclear_fields(batch, now)
    elif isinstance(decision, PrepareAgain):
        to, fields = Batch.Status.PREPARED, retry_fields(batch, now) | {"first_intent_at": None}
    else:
        to, fields = Batch.Status.HELD, {"due_at": None, "first_intent_at": None}
    transition(batch, to, reason=decision.reason, sentence=decision.sentence, **fields)


def no_other_attempt_may_have_arrived(batch: Batch, attempt: Attempt) -> bool:
    """Whether every other attempt is known not to have arrived; call it inside a transaction.

    Later attempts count too: a worker stopped within a commit may wake up after another worker has taken over.
    """
    # Each gate takes the same lock, so none can store another attempt before this transaction ends.
    lock_campaign(batch.campaign_id)
    others = batch.attempts.exclude(pk=attempt.pk)
    return not others.exclude(ending__in=NOT_ARRIVED).exists()


def retry_fields(batch: Batch, now: datetime) -> dict[str, Any]:
    """The fields for trying again after the provider could not be reached; the pause grows with each failure."""
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
