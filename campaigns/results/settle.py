"""Turn what the provider shows into outcomes of recipients and the status of batches and campaigns."""

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from campaigns import timing
from campaigns.chain import lock_chain
from campaigns.lifecycle import StaleTransition, record_event, transition
from campaigns.models import Batch, Campaign, Recipient, RecipientOutcome
from campaigns.results import balance
from campaigns.results.schedule import GIVEN_UP, last_poll, next_poll, provider_start
from campaigns.statuses import DECIDED, RESTORED
from contacts.models import Suppression
from contacts.suppression import suppress
from providers.base import Ending, Interpretation, Outcome, ProviderState
from providers.limits import GuardKind
from providers.points import reach

logger = logging.getLogger(__name__)


#: The reason of an unclear batch whose journalled intent was about other bytes: evidence cannot settle it.
RESTORED_OTHER_BYTES = "restored_differs"


#: Outcomes that are written by one statement.
_CHUNK = 500


_STATUS = {
    ProviderState.TAKEN: Batch.Status.HANDED_OVER,
    ProviderState.PROCESSING: Batch.Status.PROCESSING,
    ProviderState.ACCEPTED: Batch.Status.ACCEPTED,
    ProviderState.REJECTED: Batch.Status.REJECTED,
}


_ORDER = (
    Batch.Status.COMMITTING,
    Batch.Status.UNCLEAR,
    Batch.Status.HANDED_OVER,
    Batch.Status.PROCESSING,
    Batch.Status.ACCEPTED,
    Batch.Status.REJECTED,
)


def settle(batch: Batch, interpretation: Interpretation, now: datetime) -> None:
    """Write what ``interpretation`` proves: outcomes, opt-outs reported by the provider, and the batch's status.

    The status only moves forward, except that a file which the provider dropped unread is committing again, so that
    recovery decides about a repeat. Evidence against a settled batch changes no status and raises an alarm.
    """
    news = _new_outcomes(batch, interpretation.outcomes)
    report_opt_outs(news, batch)
    if batch.reason == RESTORED_OTHER_BYTES:
        # An opt-out counts whichever file reports it. Nothing else in the report is about these recipients.
        interpretation, news = Interpretation(ProviderState.UNKNOWN), []
    if interpretation.account and batch.status not in (Batch.Status.ACCEPTED, Batch.Status.REJECTED, *GIVEN_UP):
        _stop_account_once(batch, interpretation)
    reach("settle:begin")
    try:
        with transaction.atomic():
            # The gate takes it too: no follow-up passes it without what is settled here.
            lock_chain(batch.campaign)
            # A person may have decided during the poll, or another attempt was made, about which it says nothing.
            unchanged = Batch.objects.filter(status=batch.status, handed_over_at=batch.handed_over_at)
            if not unchanged.select_for_update().filter(pk=batch.pk).exists():
                raise StaleTransition(batch)
            if batch.status in GIVEN_UP:
                _warn_of_given_up(batch, interpretation)
            else:
                write_outcomes(batch, news)
                _advance(batch, interpretation, now)
            if batch.status != Batch.Status.COMMITTING:
                batch.poll_at = next_poll(batch, now)
            Batch.objects.filter(pk=batch.pk).update(polled_at=now, poll_at=batch.poll_at)
    except StaleTransition:
        # A person or another poll moved it first. What that one wrote stands, and the next poll settles again.
        Batch.objects.filter(pk=batch.pk).update(polled_at=now, poll_at=now + timing.POLL_AGAIN_AFTER_STALE)


def _stop_account_once(batch: Batch, interpretation: Interpretation) -> None:
    """Stop the account, because the next file would be refused too; not again for this batch after a passed test."""
    if not batch.events.filter(reason="account_refused").exists():
        stop_account(batch, interpretation.reason, interpretation.sentence)
        record_event(batch.campaign, "account_refused", interpretation.sentence, batch=batch)


def stop_account(batch: Batch, code: str, sentence: str) -> None:
    """Stop the batch's account, which was refused as a whole. A passed test starts it again."""
    if batch.account.stop(code, sentence):
        record_event(batch.campaign, "account_stopped", f"{batch.account} was stopped. {sentence}", batch=batch)


def give_up_if_silent(batch: Batch, now: datetime, and_more: str = "") -> None:
    """Make a batch unclear if its provider has been silent for too long; ``and_more`` is added to the sentence."""
    since = batch.handed_over_at or batch.first_intent_at
    patience = batch.account.adapter.give_up_after
    since = max(since, provider_start(batch) or since) if since else None
    if batch.status in (Batch.Status.HANDED_OVER, Batch.Status.PROCESSING) and since and now - since > patience:
        minutes = int(patience.total_seconds() // 60)
        transition(
            batch,
            Batch.Status.UNCLEAR,
            reason="silent",
            sentence=f"The provider has shown nothing about {batch.name} for {minutes} minutes.{and_more}",
            poll_until=last_poll(batch, now),
        )


def give_up_unless_stale(batch: Batch, now: datetime, and_more: str = "") -> None:
    try:
        give_up_if_silent(batch, now, and_more)
    except StaleTransition:
        logger.info("batch %s changed in the meantime", batch.pk)


def report_opt_outs(outcomes: Sequence[Outcome], batch: Batch) -> None:
    """Record opt-outs that a provider reported, with the file and line as proof."""
    for outcome in outcomes:
        if outcome.opted_out:
            place = f"{outcome.source}, line {outcome.line}" if outcome.line else outcome.source
            suppress([outcome.msisdn], Suppression.Source.PROVIDER, f"{place}: {outcome.code}")


def close_if_done(campaign_id: int, now: datetime) -> bool:
    """Close a campaign if nothing is waiting or open; return whether it was closed."""
    campaign = Campaign.objects.get(pk=campaign_id)
    if campaign.status not in (Campaign.Status.RUNNING, Campaign.Status.PAUSED):
        return False
    books = balance.of(campaign)
    if books.waiting or books.outcomes["open"]:
        return False
    try:
        transition(campaign, Campaign.Status.CLOSED, closed_at=now)
    except StaleTransition:
        return False
    return True


def _new_outcomes(batch: Batch, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Those of ``outcomes`` that are not stored yet, the latest for each number."""
    if not outcomes:
        return []
    known = {
        msisdn: (result, code, delivery)
        for msisdn, result, code, delivery in batch.outcomes.values_list(
            "recipient__msisdn", "result", "code", "delivery"
        )
    }
    latest = {outcome.msisdn: outcome for outcome in outcomes}
    return [
        outcome
        for msisdn, outcome in latest.items()
        if known.get(msisdn) != (outcome.result, outcome.code[:60], outcome.delivery)
    ]


def write_outcomes(batch: Batch, outcomes: Sequence[Outcome]) -> None:
    """Store ``outcomes`` and count them on the batch; reads and writes only as many rows as are new."""
    if not outcomes:
        return
    with transaction.atomic():
        # Locked, because the counters are read first.
        causes = Batch.objects.select_for_update().values_list("causes", flat=True).get(pk=batch.pk)
        counts = {tuple(cause[:3]): (cause[4], cause[3]) for cause in causes}
        for start in range(0, len(outcomes), _CHUNK):
            _write_chunk(batch, {outcome.msisdn: outcome for outcome in outcomes[start : start + _CHUNK]}, counts)
        batch.causes = [[*key, sentence, number] for key, (number, sentence) in counts.items() if number]
        totals = Counter[str]()
        for result, _, _, _, number in batch.causes:
            totals[result] += number
        batch.row_errors = totals[RecipientOutcome.Result.ROW_ERROR]
        batch.accepted_rows = totals[RecipientOutcome.Result.ACCEPTED]
        batch.save(update_fields=["causes", "row_errors", "accepted_rows"])


#: The number of outcomes with a result, a code and a delivery, and the sentence of one of them.
_Counts = dict[tuple[str, ...], tuple[int, str]]


def _write_chunk(batch: Batch, outcomes: dict[str, Outcome], counts: _Counts) -> None:
    numbers = dict(
        Recipient.objects.of_batch(batch).filter(msisdn__in=list(outcomes)).values_list("pk", "msisdn").order_by()
    )
    before = {row.recipient_id: row for row in batch.outcomes.filter(recipient__in=list(numbers))}
    rows = []
    for pk, msisdn in numbers.items():
        row = RecipientOutcome(batch=batch, recipient_id=pk, **_columns(outcomes[msisdn]))
        if pk in before:
            if not _may_replace(batch, before[pk], row):
                continue
            _count(counts, before[pk], -1)
        _count(counts, row, 1)
        rows.append(row)
    RecipientOutcome.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["batch", "recipient"], update_fields=_COLUMNS
    )


def _count(counts: _Counts, row: RecipientOutcome, number: int) -> None:
    key = (str(row.result), row.code, row.delivery)
    counted, sentence = counts.get(key, (0, row.sentence))
    counts[key] = (counted + number, sentence)


def _columns(outcome: Outcome) -> dict[str, Any]:
    return {
        "result": outcome.result,
        "code": outcome.code[:60],
        "sentence": outcome.sentence,
        "delivery": outcome.delivery,
        "source": outcome.source[:200],
        "line": outcome.line,
    }


_COLUMNS = ["result", "code", "sentence", "delivery", "source", "line"]


def _may_replace(batch: Batch, before: RecipientOutcome, after: RecipientOutcome) -> bool:
    """Whether a later report about one recipient counts: a row error may follow an acceptance, not the other way."""
    if before.result != RecipientOutcome.Result.ROW_ERROR or after.result != RecipientOutcome.Result.ACCEPTED:
        return True
    if not batch.alarm:
        # With an alarm, no follow-up texts anybody of this file again.
        raise_alarm(
            batch,
            "contradiction",
            f"The provider reported numbers of {batch.name} as failed, and later as accepted. They may have been "
            "texted.",
        )
    return False


def _advance(batch: Batch, interpretation: Interpretation, now: datetime) -> None:
    if interpretation.alarm and interpretation.alarm != batch.alarm:
        raise_alarm(batch, interpretation.reason, interpretation.alarm)
    if interpretation.note and not batch.events.filter(sentence=interpretation.note).exists():
        record_event(batch.campaign, "note", interpretation.note, batch=batch)
    to = _proven_status(batch, interpretation, now)
    if to == Batch.Status.COMMITTING:
        sentence = f"{interpretation.sentence} It is handed over again while the campaign is running."
        again: dict[str, Any] = {"due_at": now, "handed_over_at": None, "poll_at": None, "failures": 0}
        transition(batch, to, reason=interpretation.reason, sentence=sentence, **again)
        return
    if batch.status in (Batch.Status.ACCEPTED, Batch.Status.REJECTED):
        if to in (Batch.Status.ACCEPTED, Batch.Status.REJECTED) and to != batch.status:
            raise_alarm(batch, "contradiction", f"{batch.name} is {batch.status}, but new evidence says {to}.")
        return
    if to is None or to == batch.status or (to == Batch.Status.UNCLEAR and not _is_new_doubt(batch, interpretation)):
        give_up_if_silent(batch, now)
        return
    if to == Batch.Status.UNCLEAR or _ORDER.index(to) > _ORDER.index(batch.status):
        if batch.status == Batch.Status.UNCLEAR and to == Batch.Status.HANDED_OVER:
            # Only a person moves it back. A file that is still there proves no more than before.
            return
        # A file in progress is polled until it has a result or the provider is silent for too long.
        is_open = to in (Batch.Status.HANDED_OVER, Batch.Status.PROCESSING)
        fields: dict[str, Any] = {"due_at": None, "poll_until": None if is_open else last_poll(batch, now)}
        if to in (Batch.Status.ACCEPTED, Batch.Status.REJECTED):
            fields["settled_at"] = now
        if to != Batch.Status.UNCLEAR and batch.handed_over_at is None:
            fields["handed_over_at"] = now
        if batch.first_intent_at and batch.poll_at is None:
            fields["poll_at"] = now + timing.FIRST_POLL_AFTER
        transition(batch, to, reason=interpretation.reason, sentence=interpretation.sentence, **fields)


def _warn_of_given_up(batch: Batch, interpretation: Interpretation) -> None:
    """A person decided that nobody (else) was texted by it, but the provider may have accepted it after all."""
    if (
        interpretation.state in (ProviderState.TAKEN, ProviderState.PROCESSING, ProviderState.ACCEPTED)
        and not interpretation.unclear
    ):
        raise_alarm(
            batch,
            "taken_after_all",
            f"{batch.name} was given up by a decision, but the provider accepted it after all. Its recipients may be "
            "texted. Ask the provider to stop it.",
        )


def is_decided_rejected(batch: Batch) -> bool:
    """Whether a person decided that the batch was rejected."""
    return batch.status == Batch.Status.REJECTED and batch.reason == DECIDED


def warn_of_rejected(batch: Batch, shown: Interpretation) -> None:
    """Raise an alarm if the latest poll alone (``shown``) shows a file that a person decided was rejected."""
    is_there = shown.state in (ProviderState.TAKEN, ProviderState.PROCESSING) and not shown.unclear
    if is_there and is_decided_rejected(batch):
        sentence = f"{batch.name} was decided to be rejected, but the provider has it. Its recipients may be texted."
        with transaction.atomic():
            lock_chain(batch.campaign)
            raise_alarm(batch, "contradiction", sentence)


def _is_new_doubt(batch: Batch, interpretation: Interpretation) -> bool:
    """Whether the reason for unclear differs from the one a person already decided."""
    if batch.reason != DECIDED:
        return True
    asked = batch.events.filter(to_status=Batch.Status.UNCLEAR).order_by("-id").first()
    return asked is None or (asked.reason, asked.sentence) != (interpretation.reason, interpretation.sentence)


def _proven_status(batch: Batch, interpretation: Interpretation, now: datetime) -> str | None:
    """The status that the evidence proves, or None if it proves none."""
    if interpretation.unclear:
        return Batch.Status.UNCLEAR
    if interpretation.dropped and batch.status in (Batch.Status.HANDED_OVER, Batch.Status.PROCESSING):
        return Batch.Status.COMMITTING if _may_be_repeated(batch, now) else Batch.Status.UNCLEAR
    return Batch.Status.UNCLEAR if _is_lost(batch, interpretation) else _STATUS.get(interpretation.state)


def _may_be_repeated(batch: Batch, now: datetime) -> bool:
    """Whether the provider's memory for the key still makes a repeat harmless, and no person or restore intervened.

    Recovery decides whether the repeat is made.
    """
    guard = batch.account.adapter.guard
    if guard.kind is not GuardKind.KEY or batch.first_intent_at is None:
        return False
    if now - batch.first_intent_at >= guard.window:
        return False
    return not batch.events.filter(reason__in=(DECIDED, RESTORED)).exists()


def _is_lost(batch: Batch, interpretation: Interpretation) -> bool:
    """Whether a processing file is gone although no attempt arrived whole: no further report comes, so ask a person."""
    if (
        batch.status != Batch.Status.PROCESSING
        or interpretation.state is not ProviderState.ABSENT
        or not interpretation.reason
    ):
        return False
    return not batch.attempts.filter(ending=Ending.DONE.value).exists()


def raise_alarm(batch: Batch, reason: str, sentence: str) -> None:
    """Tell people about evidence that contradicts a settled status; the status does not change."""
    if batch.alarm == sentence:
        return
    Batch.objects.filter(pk=batch.pk).update(alarm=sentence)
    batch.alarm = sentence
    record_event(batch.campaign, reason or "alarm", sentence, batch=batch)
